//! This installation's own record: who it is, which active node, and what its streams grow from;
//! and what a start had to make anew of it.

use crate::base::Result;
use crate::model::{Cause, Grant, Install, SealingKeyId};
use crate::service::Service;
use crate::store::{Author, Purpose, Reads, Store};

/// The record as it is; `None` before the first start.
pub fn known(store: &Store) -> Result<Option<Install>> {
    Ok(store.read(&Grant::job("start"), |view| view.get::<Install>(()))?.map(|known| known.record))
}

/// Writes down which authority every agent trusts, where that is not yet known.
pub fn note_authority(store: &Store, fingerprint: String) -> Result<()> {
    let author =
        Author::new(&Grant::job("start"), "install.authority", Cause::Request, Purpose::Report);
    store.write(author, move |tx| {
        let Some(known) = tx.get::<Install>(())? else { return Ok(()) };
        tx.text(String::new(), format!("the authority of all agents is {fingerprint}"));
        tx.put(&Install { authority: fingerprint, ..known.record })?;
        Ok(())
    })?;
    Ok(())
}

/// Writes down which key hidden values are sealed with, where that is not yet known.
pub fn note_sealing_key(store: &Store, key: SealingKeyId) -> Result<()> {
    let author =
        Author::new(&Grant::job("start"), "install.sealing-key", Cause::Request, Purpose::Report);
    store.write(author, move |tx| {
        let Some(known) = tx.get::<Install>(())? else { return Ok(()) };
        tx.text(String::new(), format!("hidden values are sealed with key {key}"));
        tx.put(&Install { sealing_key: Some(key), ..known.record })?;
        Ok(())
    })?;
    Ok(())
}

/// The record as it is, or `fresh` written as the first: it is never replaced, so that ids drawn
/// before and after a restart come from one seed. Needs only the store, because the service's
/// settings come from it.
pub fn ensure(store: &Store, fresh: Install) -> Result<Install> {
    if let Some(known) = store.read(&Grant::job("start"), |view| view.get::<Install>(()))? {
        return Ok(known.record);
    }
    let author =
        Author::new(&Grant::job("start"), "install.create", Cause::Request, Purpose::Growth);
    let written = store.write(author, move |tx| {
        tx.text(String::new(), format!("installation {} started for the first time", fresh.id));
        tx.put(&fresh)?;
        Ok(fresh)
    })?;
    Ok(written.0)
}

/// Says what was missing or damaged and is made anew: in the log, in the journal, and as an alert
/// until the next start.
pub fn note_remade(service: &Service, told: &[String]) {
    for text in told {
        tracing::warn!("{text}");
        let said = text.clone();
        let author =
            Author::new(&Grant::job("start"), "start.remade", Cause::Clock, Purpose::Report);
        let noted = service.write(author, move |tx| {
            tx.text(String::new(), said);
            tx.event();
            Ok(())
        });
        if let Err(problem) = noted {
            // The log has it, and so has the alert.
            tracing::warn!("this could not be noted in the journal: {}", problem.message);
        }
    }
    if !told.is_empty() {
        service.observed.set_alert("remade", Some(told.join("; ")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Timestamp, WallClock};
    use crate::store::Mode;
    use std::sync::Arc;

    #[test]
    fn the_first_record_stays() {
        let name = format!("grange-install-{}", &crate::base::random::secret_text()[..16]);
        let dir = std::env::temp_dir().join(name);
        let made = |seed| Install {
            id: "a".into(),
            epoch: 1,
            seed,
            created_at: Timestamp(1),
            authority: String::new(),
            sealing_key: None,
        };
        for seed in [7, 8] {
            let store = Store::open(&dir, Arc::new(WallClock::new()), Mode::Thread).unwrap();
            assert_eq!(ensure(&store, made(seed)).unwrap().seed, 7);
            assert!(store.close());
        }
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
