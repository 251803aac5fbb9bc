//! The key that seals what is hidden: whether it is there, and replacing it.
//!
//! Replacing it is one command and safe to cut off anywhere: the new key is on disk before anything
//! is sealed with it, every value is sealed anew in transactions of a bounded size, and the old key
//! is forgotten last, when a pass has found nothing that it sealed. A start finishes what was cut
//! off. Entries of the journal keep their bytes, since each has the hash of the one before, so what
//! they have of hidden values can be read by nobody afterwards.

use crate::base::limit::ROTATION_BATCH;
use crate::base::{Problem, Result};
use crate::model::{Actor, Cause, Grant, Install, Permission};
use crate::service::appliance::install;
use crate::service::{Service, authorise};
use crate::store::{Author, Keyring, Purpose, Reads, Resealed, Store};
use crate::wire::sealing::{RotateKeyInput, RotatedView};

/// Whether a store has anything sealed, so that a key that is missing is missed.
pub fn is_used(store: &Store) -> Result<bool> {
    let none = Keyring::without_key();
    Ok(!store.sealed_values(&none)?.closed.is_empty())
}

/// Replaces the key: every hidden value is sealed anew.
pub fn rotate(service: &Service, actor: &Actor, input: RotateKeyInput) -> Result<RotatedView> {
    authorise(actor, Permission::UsersManage)?;
    let was = service.keyring.outage();
    if input.lost && was.is_none() {
        let text = "the key is there: leave this out, so that nothing that is hidden gets lost";
        return Err(Problem::invalid("lost", text));
    }
    service.keyring.begin_rotation(input.lost)?;
    let done = reseal_all(service, &format!("{} replaces the sealing key", actor.name))?;
    service.observed.set_alert("sealing", None);
    let key = service.keyring.current().map(|key| key.to_string()).unwrap_or_default();
    Ok(RotatedView { key, resealed: done.done, closed: done.closed })
}

/// At a start, before anything is sealed: whether the file has the key that this store knows. A
/// well-formed file may be an old copy, or another appliance's, and what is sealed with that is
/// lost when the right one comes back.
pub fn look_at_key(store: &Store, ring: &Keyring) -> Result<()> {
    let Some(current) = ring.current() else { return Ok(()) };
    let known = install::known(store)?.and_then(|known| known.sealing_key);
    let is_ours = match known {
        Some(known) => ring.has(known),
        // Of an earlier version: what opens says whose it is.
        None => {
            let found = store.sealed_values(ring)?;
            found.open > 0 || found.closed.is_empty()
        }
    };
    if is_ours {
        return if known.is_none() { install::note_sealing_key(store, current) } else { Ok(()) };
    }
    let whose = known.map_or_else(|| "the one".to_owned(), |known| known.to_string());
    ring.refuse(&format!("has another key than {whose} that hidden values are sealed with"));
    Ok(())
}

/// At a start: says that the key is missing, or finishes a rotation that was cut off.
pub fn look_after_start(service: &Service) {
    if let Some(why) = service.keyring.outage() {
        let text = format!("hidden values can be neither read nor set: {why}");
        tracing::warn!("{text}");
        service.observed.set_alert("sealing", Some(text));
    }
    if service.keyring.is_rotating()
        && let Err(problem) = reseal_all(service, "replacing the sealing key goes on after a start")
    {
        let text = format!("the sealing key could not be replaced: {}", problem.message);
        tracing::warn!("{text}");
        service.observed.set_alert("sealing", Some(text));
    }
}

/// Seals everything with the newest key, then forgets the others.
fn reseal_all(service: &Service, why: &str) -> Result<Resealed> {
    let mut all = Resealed::default();
    loop {
        let (ring, sentence) = (service.keyring.clone(), why.to_owned());
        // It is about all environments, as no person's grant is; who asked is in the sentence.
        let author =
            Author::new(&Grant::job("sealing"), "key.rotate", Cause::Request, Purpose::Ending);
        let batch = service.write(author, move |tx| {
            let batch = tx.reseal(&ring, ROTATION_BATCH)?;
            // Known before the one before it is forgotten.
            match tx.get::<Install>(())?.map(|known| known.record) {
                Some(known) if known.sealing_key != ring.current() => {
                    tx.put(&Install { sealing_key: ring.current(), ..known })?;
                }
                _ if batch.done == 0 => tx.event(),
                _ => {}
            }
            tx.text(String::new(), sentence);
            Ok(batch)
        })?;
        all.done += batch.done;
        all.closed = batch.closed;
        // What a pass sealed anew has to be on disk before the old key goes, so the last pass is
        // one that found nothing to do.
        if batch.done == 0 {
            service.keyring.end_rotation()?;
            return Ok(all);
        }
    }
}
