//! How one service of a role is on one server, as that server's agent says it.
//!
//! Nobody else says it: a service whose agent has said nothing is unknown, not running.

use crate::base::Timestamp;
use crate::base::limit::{CRASH_LOOP_RESTARTS, CRASH_LOOP_WITHIN};
use crate::base::time::say;
use serde::{Deserialize, Serialize};

/// What a service is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ServicePhase {
    /// It was begun a moment ago, or is about to be: a matter of seconds.
    Starting,
    /// It has run for a while.
    Running,
    /// It ended soon after each of its last beginnings, and longer and longer is waited before the
    /// next. It stays so until it has run for a minute.
    BackingOff,
    /// It ended, not as it should, and is not begun again.
    Failed,
    /// It ended well and is not begun again, or was told to stop.
    Stopped,
}

impl ServicePhase {
    /// As it is shown and filtered by.
    pub fn as_str(self) -> &'static str {
        match self {
            ServicePhase::Starting => "starting",
            ServicePhase::Running => "running",
            ServicePhase::BackingOff => "backingOff",
            ServicePhase::Failed => "failed",
            ServicePhase::Stopped => "stopped",
        }
    }
}

/// How a service last ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceEnd {
    /// When, by the server's clock.
    pub at: Timestamp,
    /// Its exit code, where it ended by itself.
    pub exit_code: Option<i32>,
    /// The signal it died of, as `SIGKILL`.
    pub signal: Option<String>,
    /// In words that follow "it": `ended with exit code 1`, `could not begin: no such file`.
    pub how: String,
}

/// A service and how it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceState {
    /// What its role calls it.
    pub name: String,
    /// What it is at.
    pub phase: ServicePhase,
    /// Since when, by the server's clock.
    pub since: Timestamp,
    /// How often it was begun again, without being asked for, since `counted_since`.
    #[serde(default)]
    pub restarts: u64,
    /// When counting began: with the service as it is declared now, or with the machine.
    #[serde(default)]
    pub counted_since: Timestamp,
    /// How many of those there were within the last [`CRASH_LOOP_WITHIN`].
    #[serde(default)]
    pub restarts_lately: u32,
    /// How it last ended; `None` where it never has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_end: Option<ServiceEnd>,
    /// What it printed last, while it is not well.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub printed: String,
}

impl ServiceState {
    /// Whether it is begun again and again, however it is at the moment.
    pub fn is_crash_loop(&self) -> bool {
        self.restarts_lately >= CRASH_LOOP_RESTARTS
    }

    /// Whether it does not run and is not about to.
    pub fn is_down(&self) -> bool {
        matches!(self.phase, ServicePhase::BackingOff | ServicePhase::Failed)
    }

    /// Whether there is nothing to see to.
    pub fn is_well(&self) -> bool {
        !self.is_crash_loop() && !self.is_down()
    }

    /// What is wrong with it, in one line with its numbers.
    pub fn ailment(&self) -> Option<String> {
        let last = self.last_end.as_ref().map_or("has not ended", |end| end.how.as_str());
        let name = &self.name;
        let what = match self.phase {
            _ if self.is_well() => return None,
            ServicePhase::Failed => format!("service {name} {last} and is not started again"),
            ServicePhase::BackingOff => {
                let lately = self.lately();
                format!(
                    "service {name} keeps ending and is started again ({lately}): it last {last}"
                )
            }
            ServicePhase::Starting | ServicePhase::Running | ServicePhase::Stopped => {
                let (phase, lately) = (self.phase.as_str(), self.lately());
                format!("service {name} is {phase}, and keeps ending ({lately}): it last {last}")
            }
        };
        Some(match self.printed.as_str() {
            "" => what,
            printed => format!("{what}; it printed: {printed}"),
        })
    }

    /// Its restarts of the last while: `4 restarts within 10 m`.
    pub fn lately(&self) -> String {
        let within = say(CRASH_LOOP_WITHIN);
        match self.restarts_lately {
            1 => format!("1 restart within {within}"),
            count => format!("{count} restarts within {within}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_said_with_its_numbers() {
        let state = |phase, restarts_lately, how: &str, printed: &str| ServiceState {
            name: "app".into(),
            phase,
            since: Timestamp(0),
            restarts: 9,
            counted_since: Timestamp(0),
            restarts_lately,
            last_end: Some(ServiceEnd { how: how.into(), ..ServiceEnd::default() }),
            printed: printed.into(),
        };
        let check = |state: ServiceState, expected: Option<&str>| {
            assert_eq!(state.ailment().as_deref(), expected, "{state:?}");
            assert_eq!(state.is_well(), expected.is_none());
        };
        use ServicePhase::*;
        check(state(Running, 2, "died of SIGKILL", ""), None);
        check(state(Stopped, 0, "ended with exit code 0", ""), None);
        check(
            state(Running, 3, "died of SIGKILL", ""),
            Some(
                "service app is running, and keeps ending (3 restarts within 10 m): it last died \
                 of SIGKILL",
            ),
        );
        check(
            state(BackingOff, 1, "ended with exit code 1", "no config"),
            Some(
                "service app keeps ending and is started again (1 restart within 10 m): it last \
                 ended with exit code 1; it printed: no config",
            ),
        );
        check(
            state(Failed, 0, "ended with exit code 3", ""),
            Some("service app ended with exit code 3 and is not started again"),
        );
    }
}
