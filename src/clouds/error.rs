//! Why a platform did not do it, or may have: a class that decides what happens next, and words
//! for people.
//!
//! ```text
//! class        did it happen   what it says of the account        what follows
//! refused      no              nothing: it is about the request   another plan, later
//! not found    no              nothing                            another plan; a listing looks
//! busy         no              a failure                          another plan, later
//! no capacity  no              nothing: others may be served      another plan, later
//! quota        no              nothing: what ends makes room      another plan, later
//! throttled    no              asked too often                    it rests as long as it says
//! credentials  no              nobody will be served              it rests, longer each time
//! unknown      perhaps         a failure                          listings settle it
//! ```
//! What follows for an account is decided in `service::clouds::accounts`.

use crate::base::Millis;
use crate::base::limit::{BREAKER_LADDER, CLOUD_WORDS_BYTES_MAX};
use crate::base::text::tidy;
use crate::base::time::say;

/// An error of a class, with what the platform said.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CloudError {
    /// It certainly did not happen and trying again the same way is no use.
    #[error("refused: {0}")]
    Refused(String),
    /// It certainly did not happen, since what it is about is not there.
    #[error("not found: {0}")]
    NotFound(String),
    /// It certainly did not happen; once something else is over it may work.
    #[error("not now: {0}")]
    Busy(String),
    /// It certainly did not happen: the platform has no room for it at the moment.
    #[error("no capacity: {0}")]
    NoCapacity(String),
    /// It certainly did not happen: the account may not have more than it has.
    #[error("quota reached: {0}")]
    Quota(String),
    /// It certainly did not happen: the account was asked too often.
    #[error("throttled, again in {}: {words}", say(*again_in))]
    Throttled {
        /// When it may be asked again, in milliseconds from now; see [`CloudError::throttled`].
        again_in: Millis,
        /// What the platform said.
        words: String,
    },
    /// It certainly did not happen, and nothing else will: who we say we are is not believed.
    #[error("credentials refused: {0}")]
    Credentials(String),
    /// It may or may not have happened.
    #[error("outcome unknown: {0}")]
    Unknown(String),
}

/// What an error says of the account it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The call failed: several in a row, and the account is left alone.
    Failed,
    /// It was about what was asked. From many farm roles in a row it is about the account.
    Request,
    /// It is well: it answered, and what it lacks is not for it to say how long.
    Well,
    /// It wants to be left alone for so long, in milliseconds.
    Rest(Millis),
    /// It will serve nobody until somebody has done something about it.
    Locked,
}

impl CloudError {
    /// It was asked too often. What platforms say of when to come again is taken between a second
    /// and the longest that any account is left alone for; the shortest of those where they do not
    /// say.
    pub fn throttled(again_in: Option<Millis>, words: impl Into<String>) -> CloudError {
        let longest = BREAKER_LADDER[BREAKER_LADDER.len() - 1];
        let again_in = again_in.unwrap_or(BREAKER_LADDER[0]).clamp(1_000, longest);
        CloudError::Throttled { again_in, words: words.into() }
    }

    /// What it says of the account.
    pub fn verdict(&self) -> Verdict {
        match self {
            CloudError::Busy(_) | CloudError::Unknown(_) => Verdict::Failed,
            CloudError::Refused(_) | CloudError::NotFound(_) => Verdict::Request,
            CloudError::NoCapacity(_) | CloudError::Quota(_) => Verdict::Well,
            CloudError::Throttled { again_in, .. } => Verdict::Rest(*again_in),
            CloudError::Credentials(_) => Verdict::Locked,
        }
    }

    /// Whether it may have happened all the same.
    pub fn is_unknown(&self) -> bool {
        matches!(self, CloudError::Unknown(_))
    }

    /// The same, its words one line of a bounded length: a platform may answer with a whole page.
    #[must_use]
    pub fn tidied(self) -> CloudError {
        let tidy = |words: String| tidy(&words, CLOUD_WORDS_BYTES_MAX);
        match self {
            CloudError::Refused(words) => CloudError::Refused(tidy(words)),
            CloudError::NotFound(words) => CloudError::NotFound(tidy(words)),
            CloudError::Busy(words) => CloudError::Busy(tidy(words)),
            CloudError::NoCapacity(words) => CloudError::NoCapacity(tidy(words)),
            CloudError::Quota(words) => CloudError::Quota(tidy(words)),
            CloudError::Throttled { again_in, words } => {
                CloudError::Throttled { again_in, words: tidy(words) }
            }
            CloudError::Credentials(words) => CloudError::Credentials(tidy(words)),
            CloudError::Unknown(words) => CloudError::Unknown(tidy(words)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_to_come_again_is_bounded_whatever_a_platform_says() {
        let again = |said| match CloudError::throttled(said, "too fast") {
            CloudError::Throttled { again_in, .. } => again_in,
            other => panic!("{other}"),
        };
        let said = [None, Some(0), Some(999), Some(7_000), Some(600_001), Some(Millis::MAX)];
        assert_eq!(said.map(again), [30_000, 1_000, 1_000, 7_000, 600_000, 600_000]);
        let told = CloudError::throttled(Some(7_000), "too fast").to_string();
        assert_eq!(told, "throttled, again in 7 s: too fast");
    }

    #[test]
    fn a_page_of_words_is_one_line_of_each_class() {
        let page = || "<h1>\nno\u{1b}[31m".repeat(1_000);
        let all = [
            CloudError::Refused(page()),
            CloudError::NotFound(page()),
            CloudError::Busy(page()),
            CloudError::NoCapacity(page()),
            CloudError::Quota(page()),
            CloudError::throttled(None, page()),
            CloudError::Credentials(page()),
            CloudError::Unknown(page()),
        ];
        for error in all {
            let (verdict, line) = (error.verdict(), error.tidied());
            assert_eq!(line.verdict(), verdict);
            let line = line.to_string();
            assert!(line.len() <= CLOUD_WORDS_BYTES_MAX + 64, "{} bytes", line.len());
            assert!(!line.contains(['\n', '\u{1b}']), "{line:?}");
        }
    }
}
