//! Whether the server is to go: what the agent was told of it, what programs on the server are
//! told, and their word that nothing is left to finish.
//!
//! Two files in the state directory, each replaced whole, so that only who may write there (root,
//! or the user whose server it is) has a say, and so that both outlive the agent. `retiring.json`
//! is the agent's; `idle.json` is put there by [`say_idle`] and taken away by the agent once the
//! word is on its way. A word names the retirement it was said in, and one about another is
//! dropped.

use super::state::{State, read, remove_file, replace};
use crate::base::time::say;
use crate::base::{Clock, StepId, Timestamp, WallClock, output};
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What is known of the retirement.
const RETIRING: &str = "retiring.json";
/// The word that waits for the agent.
const IDLE: &str = "idle.json";

/// What the agent was told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Retirement {
    /// What it goes by.
    step: StepId,
    /// Why, for people.
    reason: String,
    /// The server goes at this moment at the latest, by the appliance's clock.
    by: Timestamp,
    /// Its word is on its way.
    #[serde(default)]
    idle: bool,
}

/// A word that waits for the agent.
#[derive(Serialize, Deserialize)]
struct Word {
    step: StepId,
}

/// The agent's side of it.
pub struct Retiring {
    dir: PathBuf,
    now: Option<Retirement>,
}

impl Retiring {
    /// What was known before.
    pub fn open(state: &State) -> io::Result<Retiring> {
        let now = state.read(RETIRING)?.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Ok(Retiring { dir: state.dir().to_owned(), now })
    }

    /// The server is to go. The same again changes nothing.
    pub fn begin(&mut self, step: StepId, reason: String, by: Timestamp) -> io::Result<()> {
        if self.now.as_ref().is_some_and(|known| known.step == step) {
            return Ok(());
        }
        self.keep(Some(Retirement { step, reason, by, idle: false }))
    }

    /// It is not to go any more.
    pub fn end(&mut self) -> io::Result<()> {
        self.keep(None)
    }

    fn keep(&mut self, now: Option<Retirement>) -> io::Result<()> {
        let path = self.dir.join(RETIRING);
        match &now {
            Some(known) => {
                let bytes = serde_json::to_vec(known).map_err(io::Error::other)?;
                replace(&path, &bytes)?;
            }
            None => remove_file(&path)?,
        }
        self.now = now;
        Ok(())
    }

    /// A word that was said in this retirement and is not on its way yet. Any other is dropped.
    pub fn heard(&self) -> io::Result<Option<StepId>> {
        let path = self.dir.join(IDLE);
        let Some(bytes) = read(&path)? else { return Ok(None) };
        let word = serde_json::from_slice::<Word>(&bytes).ok();
        let fits = |step: &StepId| {
            self.now.as_ref().is_some_and(|known| known.step == *step && !known.idle)
        };
        match word.map(|word| word.step).filter(fits) {
            Some(step) => Ok(Some(step)),
            None => remove_file(&path).map(|()| None),
        }
    }

    /// The word is in the outbox.
    pub fn passed_on(&mut self) -> io::Result<()> {
        let now = self.now.clone().map(|known| Retirement { idle: true, ..known });
        self.keep(now)?;
        remove_file(&self.dir.join(IDLE))
    }
}

/// What programs on the server may ask of the agent's files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// Whether the server is to go.
    Retiring,
    /// Nothing is left to finish.
    Idle,
}

/// Answers on standard output: 0 is yes or done, 1 no or nothing to say, 2 that nobody can tell.
pub fn ask(question: Question, state: &Path, json: bool) -> ExitCode {
    let now = WallClock::new().now();
    let answer = match question {
        Question::Retiring => tell(state, now, json),
        Question::Idle => say_idle(state, json),
    };
    let (text, code) = match answer {
        Ok((text, yes)) => (text, u8::from(!yes)),
        Err(error) => {
            output::line(format_args!(
                "grange-agent: the agent's state in {}: {error}",
                state.display()
            ));
            return ExitCode::from(2);
        }
    };
    match output::tell(text) {
        Ok(()) => ExitCode::from(code),
        Err(_) => ExitCode::from(2),
    }
}

/// What `grange-agent retiring` prints, and whether the server is to go.
fn tell(state: &Path, now: Timestamp, json: bool) -> io::Result<(String, bool)> {
    let Some(known) = known(state)? else {
        let text = if json { "{\"retiring\":false}" } else { "this server is not to go" };
        return Ok((text.to_owned(), false));
    };
    let left = known.by.since(now);
    if json {
        let Retirement { reason, by, idle, .. } = &known;
        let by = by.to_string();
        let text = serde_json::json!({
            "retiring": true, "reason": reason, "by": by, "leftMs": left, "idle": idle,
        });
        return Ok((text.to_string(), true));
    }
    let moment = known.by.to_string();
    let (day, time) = (moment.get(..10).unwrap_or_default(), moment.get(11..19));
    let mut text = format!(
        "this server is to go by {day} {} UTC, in {}: {}",
        time.unwrap_or_default(),
        say(left),
        known.reason
    );
    text += match known.idle {
        true => "\nit said that it is idle",
        false => "\ntake no new work; when nothing is left to finish: grange-agent idle",
    };
    Ok((text, true))
}

/// Leaves the word for the agent; whether there was anything to say.
fn say_idle(state: &Path, json: bool) -> io::Result<(String, bool)> {
    let Some(known) = known(state)? else {
        let text = match json {
            true => "{\"said\":false}".to_owned(),
            false => "this server is not to go, so nothing was said".to_owned(),
        };
        return Ok((text, false));
    };
    if !known.idle {
        let word = Word { step: known.step };
        let bytes = serde_json::to_vec(&word).map_err(io::Error::other)?;
        replace(&state.join(IDLE), &bytes)?;
    }
    let text = match json {
        true => "{\"said\":true}".to_owned(),
        false => "said: nothing is left to finish here".to_owned(),
    };
    Ok((text, true))
}

/// What the agent was told, read without its lock.
fn known(state: &Path) -> io::Result<Option<Retirement>> {
    // Without the directory there is no agent to know anything.
    std::fs::read_dir(state)?;
    let bytes = read(&state.join(RETIRING))?;
    bytes.map(|bytes| serde_json::from_slice(&bytes).map_err(io::Error::other)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::tests::scratch;
    use crate::base::ServerId;

    const BY: Timestamp = Timestamp(1_795_230_600_000);

    #[test]
    fn a_word_counts_once_and_for_the_retirement_it_was_said_in() {
        let dir = scratch("retiring");
        let state = State::open(&dir, ServerId(1), "aa").unwrap();
        let mut agent = Retiring::open(&state).unwrap();
        let idle = || say_idle(&dir, false).unwrap().1;
        assert!(!idle(), "nothing is asked");
        assert_eq!(agent.heard().unwrap(), None);

        agent.begin(StepId(7), "scaling down".into(), BY).unwrap();
        assert_eq!(agent.heard().unwrap(), None);
        assert!(idle());
        // Another process of the agent finds both.
        let mut agent = Retiring::open(&state).unwrap();
        assert_eq!(agent.heard().unwrap(), Some(StepId(7)));
        agent.passed_on().unwrap();
        assert_eq!(agent.heard().unwrap(), None);
        assert!(idle() && agent.heard().unwrap().is_none(), "said again");
        agent.begin(StepId(7), "told again".into(), BY).unwrap();
        assert!(idle() && agent.heard().unwrap().is_none(), "told again, said again");

        agent.begin(StepId(8), "terminated by a person".into(), BY).unwrap();
        assert_eq!(agent.heard().unwrap(), None, "the word was about another retirement");
        assert!(idle());
        agent.end().unwrap();
        assert_eq!(agent.heard().unwrap(), None, "it is not to go any more");
        assert!(!dir.join(IDLE).exists() && !dir.join(RETIRING).exists());
    }

    #[test]
    fn who_asks_is_told_by_when_and_why() {
        let dir = scratch("asked");
        let state = State::open(&dir, ServerId(1), "aa").unwrap();
        let mut agent = Retiring::open(&state).unwrap();
        let now = BY.before(432_000);
        let check = |json: bool, text: &str, yes: bool| {
            assert_eq!(tell(&dir, now, json).unwrap(), (text.to_owned(), yes));
        };
        check(false, "this server is not to go", false);
        check(true, r#"{"retiring":false}"#, false);
        agent.begin(StepId(7), "scaling down".into(), BY).unwrap();
        check(
            false,
            "this server is to go by 2026-11-21 03:10:00 UTC, in 7 m 12 s: scaling down\n\
             take no new work; when nothing is left to finish: grange-agent idle",
            true,
        );
        check(
            true,
            concat!(
                r#"{"by":"2026-11-21T03:10:00.000Z","idle":false,"leftMs":432000,"#,
                r#""reason":"scaling down","retiring":true}"#
            ),
            true,
        );
        say_idle(&dir, false).unwrap();
        agent.passed_on().unwrap();
        check(
            false,
            "this server is to go by 2026-11-21 03:10:00 UTC, in 7 m 12 s: scaling down\n\
             it said that it is idle",
            true,
        );
        assert!(tell(&dir.join("nowhere"), now, false).is_err(), "no agent, no answer");
    }
}
