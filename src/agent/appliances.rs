//! Where the appliance is: what it said itself last, then what the user data says.
//!
//! The user data stays behind what was learnt, as a way back; it cannot be changed on most
//! platforms. A list that was ordered is tried before it is kept: if nothing in it is reached, what
//! was known before stays beside it and the order fails, so that people hear of it while the old
//! way is still open.

use super::orders::Outcome;
use super::state::State;
use crate::base::limit::AGENT_APPLIANCES_MAX;
use crate::wire::agent::addresses_fault;
use serde::{Deserialize, Serialize};
use std::io;
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What was learnt, in the state directory.
const FILE: &str = "appliances.json";
/// How long one address is tried, and all of them together.
const TRY_FOR: Duration = Duration::from_secs(5);
const TRY_ALL_FOR: Duration = Duration::from_secs(20);

/// The addresses an agent dials.
pub struct Appliances {
    state: Arc<State>,
    /// The user data's.
    launched_with: Vec<String>,
    learnt: Mutex<Vec<String>>,
}

/// The file.
#[derive(Default, Serialize, Deserialize)]
struct Learnt {
    appliances: Vec<String>,
}

impl Appliances {
    /// What is known from before. A file that is damaged says nothing: the user data does.
    ///
    /// # Errors
    /// When the state directory cannot be read.
    pub fn open(state: Arc<State>, launched_with: Vec<String>) -> io::Result<Appliances> {
        let learnt = match state.read(FILE)?.map(|bytes| serde_json::from_slice::<Learnt>(&bytes)) {
            Some(Ok(learnt)) => learnt.appliances,
            Some(Err(error)) => {
                tracing::warn!(%error, "where the appliance is by now is damaged and not used");
                Vec::new()
            }
            None => Vec::new(),
        };
        Ok(Appliances { state, launched_with, learnt: Mutex::new(learnt) })
    }

    /// Whom to dial, best first.
    pub fn list(&self) -> Vec<String> {
        join(self.learnt(), &self.launched_with)
    }

    /// Tries a list and keeps it. Blocks for as long as that takes.
    pub fn learn(&self, appliances: &[String]) -> Outcome {
        if let Some(why) = addresses_fault(appliances) {
            return Outcome::failed(why);
        }
        let reached = try_each(appliances);
        let keep = match &reached {
            Ok(_) => appliances.to_vec(),
            Err(_) => {
                let mut both = join(appliances.to_vec(), &self.learnt());
                both.truncate(AGENT_APPLIANCES_MAX);
                both
            }
        };
        let bytes = serde_json::to_vec(&Learnt { appliances: keep.clone() }).unwrap_or_default();
        if let Err(error) = self.state.write(FILE, &bytes) {
            return Outcome::failed(format!(
                "the agent cannot keep where the appliance is: {error}"
            ));
        }
        *self.learnt.lock().unwrap_or_else(PoisonError::into_inner) = keep;
        match reached {
            Ok(address) => Outcome::done(format!("reaches {address}")),
            Err(why) => Outcome::failed(why),
        }
    }

    fn learnt(&self) -> Vec<String> {
        self.learnt.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The first list, and what only the second has.
fn join(mut first: Vec<String>, second: &[String]) -> Vec<String> {
    for address in second {
        if !first.contains(address) {
            first.push(address.clone());
        }
    }
    first
}

/// The first address that a connection can be made to.
fn try_each(appliances: &[String]) -> Result<&String, String> {
    let begun = Instant::now();
    let mut last = "no time was left to try".to_owned();
    for address in appliances {
        let resolved = match address.to_socket_addrs() {
            Ok(mut found) => found.next(),
            Err(error) => {
                last = error.to_string();
                continue;
            }
        };
        let left = TRY_ALL_FOR.saturating_sub(begun.elapsed()).min(TRY_FOR);
        let Some(to) = resolved.filter(|_| !left.is_zero()) else { continue };
        match TcpStream::connect_timeout(&to, left) {
            Ok(_) => return Ok(address),
            Err(error) => last = error.to_string(),
        }
    }
    Err(format!("reaches none of {}: {last}", appliances.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::tests::scratch;
    use crate::base::ServerId;
    use crate::base::limit::HOST_BYTES_MAX;
    use std::net::TcpListener;

    fn open(dir: &std::path::Path) -> Appliances {
        let state = Arc::new(State::open(dir, ServerId(1), "aa").unwrap());
        Appliances::open(state, vec!["127.0.0.1:1".into(), "127.0.0.1:2".into()]).unwrap()
    }

    fn texts(all: &[&str]) -> Vec<String> {
        all.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn what_is_learnt_comes_first_and_the_user_data_behind_it() {
        let dir = scratch("appliances");
        let appliances = open(&dir);
        assert_eq!(appliances.list(), texts(&["127.0.0.1:1", "127.0.0.1:2"]));
        let here = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let listener = TcpListener::bind(here).unwrap();
        let here = here.to_string();
        let told = [here.clone(), "127.0.0.1:2".to_owned()];
        assert_eq!(appliances.learn(&told), Outcome::done(format!("reaches {here}")));
        let expected = texts(&[&here, "127.0.0.1:2", "127.0.0.1:1"]);
        assert_eq!(appliances.list(), expected);
        drop((appliances, listener));
        // Also by the next process, and when a crash left a half of the next list beside it.
        std::fs::write(dir.join("appliances.new"), "{\"appli").unwrap();
        assert_eq!(open(&dir).list(), expected);
        std::fs::write(dir.join(FILE), "{\"appli").unwrap();
        assert_eq!(open(&dir).list(), texts(&["127.0.0.1:1", "127.0.0.1:2"]));
    }

    /// Otherwise a list with a mistake in it would cost the way that works.
    #[test]
    fn a_list_that_leads_nowhere_takes_nothing_away() {
        let appliances = open(&scratch("nowhere"));
        let nobody = {
            let free = TcpListener::bind("127.0.0.1:0").unwrap();
            free.local_addr().unwrap().to_string()
        };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let here = listener.local_addr().unwrap().to_string();
        appliances.learn(std::slice::from_ref(&here));
        let why = appliances.learn(std::slice::from_ref(&nobody)).error.unwrap();
        assert!(why.starts_with(&format!("reaches none of {nobody}: ")), "{why}");
        assert_eq!(appliances.list()[..2], [nobody, here]);
    }

    #[test]
    fn what_is_no_address_is_refused_and_not_kept() {
        let appliances = open(&scratch("no-address"));
        let before = appliances.list();
        let long = format!("{}:1", "a".repeat(HOST_BYTES_MAX + 1));
        for text in ["", "a", "a:", ":1", "a:0", "a:70000", "a b:1", "a\u{202e}:1", "a\n:1", &long]
        {
            let why = appliances.learn(&[text.to_owned()]).error.unwrap();
            assert!(why.contains("is not an address and a port"), "{text}: {why}");
        }
        for list in [vec![], vec!["127.0.0.1:1".to_owned(); AGENT_APPLIANCES_MAX + 1]] {
            let why = appliances.learn(&list).error.unwrap();
            assert!(why.contains("1 to 16 can be told"), "{why}");
        }
        assert_eq!(appliances.list(), before);
    }
}
