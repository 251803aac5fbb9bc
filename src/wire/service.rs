//! Services of a server over the API.

use crate::base::time::say;
use crate::base::{Millis, Timestamp};
use crate::model::ServiceState;
use serde::{Deserialize, Serialize};

/// What nobody has said of a service yet.
pub const UNKNOWN: &str = "unknown";

/// A service of a server, as its agent said it last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceView {
    /// What its role calls it.
    pub name: String,
    /// `starting`, `running`, `backingOff`, `failed`, `stopped`, or `unknown` where the agent has
    /// not said it since the appliance started.
    pub state: String,
    /// Since when, ms UTC by the server's clock; `None` where that is unknown.
    pub since: Option<i64>,
    /// Milliseconds in this state.
    pub age: Option<Millis>,
    /// How often it was begun again, without being asked for, since `countedSince`.
    pub restarts: u64,
    /// When counting began, ms UTC: with the service as it is declared now, or with the machine.
    pub counted_since: Option<i64>,
    /// How many restarts there were within the last 10 minutes; three are a crash loop.
    pub restarts_lately: u32,
    /// When it last ended, ms UTC; `None` where it never has.
    pub ended_at: Option<i64>,
    /// The exit code it ended with, if it ended by itself.
    pub exit_code: Option<i32>,
    /// The signal it died of, as `SIGKILL`.
    pub signal: Option<String>,
    /// How it ended, in words that follow "it".
    pub ended: Option<String>,
    /// What it printed last, while it is not well.
    pub printed: Option<String>,
}

impl ServiceView {
    /// A service of which nobody has said anything.
    pub fn unknown(name: String) -> ServiceView {
        ServiceView { name, state: UNKNOWN.to_owned(), ..ServiceView::default() }
    }

    /// What an agent said, as of now.
    pub fn of(state: ServiceState, now: Timestamp) -> ServiceView {
        let end = state.last_end;
        ServiceView {
            name: state.name,
            state: state.phase.as_str().to_owned(),
            since: Some(state.since.0),
            age: Some(now.since(state.since)),
            restarts: state.restarts,
            counted_since: Some(state.counted_since.0),
            restarts_lately: state.restarts_lately,
            ended_at: end.as_ref().map(|end| end.at.0),
            exit_code: end.as_ref().and_then(|end| end.exit_code),
            signal: end.as_ref().and_then(|end| end.signal.clone()),
            ended: end.map(|end| end.how),
            printed: Some(state.printed).filter(|printed| !printed.is_empty()),
        }
    }

    /// What it has been through, beside its name and state: `for 2 m 3 s, 3 restarts since
    /// 2026-11-30 04:10:02; it last died of SIGKILL at 2026-11-30 04:12:33`.
    pub fn story(&self) -> String {
        let (Some(age), Some(counted)) = (self.age, self.counted_since) else {
            return "its agent has not said since the appliance started".to_owned();
        };
        let mut story = format!("for {}", say(age));
        match self.restarts {
            0 => {}
            1 => story.push_str(&format!(", 1 restart since {}", moment(counted))),
            many => story.push_str(&format!(", {many} restarts since {}", moment(counted))),
        }
        if let (Some(how), Some(at)) = (&self.ended, self.ended_at) {
            story.push_str(&format!("; it last {how} at {}", moment(at)));
        }
        if let Some(printed) = &self.printed {
            story.push_str(&format!("; it printed: {printed}"));
        }
        story
    }
}

/// To the second, as other times are shown: `2026-11-30 04:10:02`.
fn moment(at: i64) -> String {
    let text = Timestamp(at).to_string();
    text.get(..19).unwrap_or(&text).replace('T', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_story_says_what_is_known_and_no_more() {
        let unknown = ServiceView::unknown("app".into());
        assert_eq!(unknown.story(), "its agent has not said since the appliance started");
        let mut view = ServiceView {
            age: Some(63_000),
            counted_since: Some(1_796_011_802_000),
            ..unknown.clone()
        };
        assert_eq!(view.story(), "for 1 m 3 s");
        (view.restarts, view.ended_at) = (2, Some(1_796_011_803_000));
        view.ended = Some("died of SIGKILL".into());
        assert_eq!(
            view.story(),
            "for 1 m 3 s, 2 restarts since 2026-11-30 04:10:02; it last died of SIGKILL at \
             2026-11-30 04:10:03"
        );
    }
}
