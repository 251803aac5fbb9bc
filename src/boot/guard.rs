//! That the state directory stays as it is while it is in use: whoever cleans up, restores half of
//! a backup or empties what looks like a log is noticed by us, and not by the next start.
//!
//! What is in memory is put back: the keys, without which the next start would be refused and every
//! agent locked out, and the store's log ([`crate::store::Store::mended`]). What is not is said, as
//! long as it is gone.

use crate::base::kept::KeptFate;
use crate::base::problem::chain;
use crate::boot::remade;
use crate::service::Service;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Looks at a state directory for as long as the runtime lives.
pub struct Guard {
    /// The state directory that is looked at.
    pub data: PathBuf,
    /// Who is told, and whose authority, store and keyring are in it.
    pub service: Arc<Service>,
}

impl Guard {
    /// Looks again and again.
    pub async fn keep(self) {
        let (own, mut parts) = (Arc::new(self), Parts::default());
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let (looking, mut looked) = (own.clone(), std::mem::take(&mut parts));
            let look = move || {
                looking.put_back();
                looking.tell_what_is_gone(&mut looked);
                looked
            };
            match tokio::task::spawn_blocking(look).await {
                Ok(looked) => parts = looked,
                Err(error) => tracing::warn!(%error, "a look at the state directory ended early"),
            }
        }
    }

    fn put_back(&self) {
        let service = &self.service;
        let keys = self.data.join("keys");
        let authority = service.authority.put_back(&keys).map_err(|error| chain(&error));
        let sealing = service.keyring.put_back().map_err(|problem| chain(&problem));
        let at = service.now();
        for (what, done) in [("authority.pem", authority), ("sealing.keys", sealing)] {
            let text = match done {
                Ok(None) => continue,
                Ok(Some(fate)) => {
                    let found = match fate {
                        KeptFate::Gone => String::new(),
                        KeptFate::Changed => format!(", and what was there is keys/{what}.found"),
                    };
                    format!("keys/{what} {}; it was put back at {at}{found}", fate.as_str())
                }
                Err(why) => format!("keys/{what} is not what is in use, nor can it be: {why}"),
            };
            tracing::warn!("{text}");
            service.observed.set_alert(&format!("keys-{what}"), Some(text));
        }
        if let Some(mended) = service.store.mended() {
            service.observed.set_alert("store-log", Some(format!("{mended} (at {at})")));
        }
    }

    fn tell_what_is_gone(&self, parts: &mut Parts) {
        let gone = parts.look(remade::parts(&self.data));
        let text = (!gone.is_empty()).then(|| {
            let said: Vec<String> =
                gone.iter().map(|(path, lost)| format!("{path} ({lost})")).collect();
            let (said, place) = (said.join(", "), self.data.display());
            format!("taken away from {place} while it is in use, for a start to make anew: {said}")
        });
        self.service.observed.set_alert("state-files", text);
    }
}

/// What was there at some time, and what was missing at the last look: what is replaced may be
/// away for a moment.
#[derive(Default)]
struct Parts {
    seen: BTreeSet<&'static str>,
    missing: BTreeSet<&'static str>,
}

impl Parts {
    /// Takes a look in: each part, what is lost with it, and whether it is there. Gives those that
    /// were there once, and at this and the last look were not.
    fn look(
        &mut self,
        found: Vec<(&'static str, &'static str, bool)>,
    ) -> Vec<(&'static str, &'static str)> {
        let before = std::mem::take(&mut self.missing);
        let mut gone = Vec::new();
        for (path, lost, there) in found {
            if there {
                self.seen.insert(path);
            } else if self.seen.contains(path) {
                self.missing.insert(path);
                gone.extend(before.contains(path).then_some((path, lost)));
            }
        }
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_there_and_is_missing_twice_is_gone_until_it_is_back() {
        let mut parts = Parts::default();
        let mut look = |series: bool, mark: bool| {
            let found = vec![("series", "readings", series), ("store.mark", "a witness", mark)];
            parts.look(found).into_iter().map(|(path, _)| path).collect::<Vec<_>>()
        };
        assert_eq!(look(false, true), Vec::<&str>::new(), "never made");
        assert_eq!(look(false, false), Vec::<&str>::new(), "once");
        assert_eq!(look(true, false), ["store.mark"]);
        assert_eq!(look(false, true), Vec::<&str>::new());
        assert_eq!(look(false, true), ["series"]);
        assert_eq!(look(false, false), ["series"]);
        assert_eq!(look(true, true), Vec::<&str>::new());
    }
}
