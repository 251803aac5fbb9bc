//! Following the journal from a cursor, for what is kept in memory beside the records.

use crate::base::{Result, Seq};
use crate::model::Grant;
use crate::service::Service;
use crate::store::{Entry, StoreError};

/// Entries read at once; one that launches 400 servers is 800 KiB.
const READ_AT_ONCE: usize = 64;
/// After so many entries, reading the records is as fast as following them.
const FOLLOWED_MAX: usize = 20_000;

/// Hands every entry after `seq` to `take`, oldest first, and says which was the last. `None` when
/// the records are to be read anew: the journal does not reach back so far, too much happened
/// since, or `seq` is of a history that this store does not have.
///
/// What `take` changed when this fails, or says `None`, is of no one moment: drop it.
pub(in crate::service) fn follow(
    service: &Service,
    mut seq: Seq,
    mut take: impl FnMut(&Entry) -> Result<()>,
) -> Result<Option<Seq>> {
    let grant = Grant::job("follow");
    let published = service.store.last_seq();
    if seq == published {
        return Ok(Some(seq));
    }
    // A commit can be read a moment before its number is published.
    if seq > published && seq > service.read(&grant, |view| Ok(view.last_seq()?))? {
        return Ok(None);
    }
    for _ in 0..FOLLOWED_MAX / READ_AT_ONCE {
        let entries = match service.store.entries(&grant, seq, READ_AT_ONCE) {
            Err(StoreError::Gone { .. }) => return Ok(None),
            entries => entries?,
        };
        for entry in &entries {
            take(entry)?;
        }
        seq = entries.last().map_or(seq, |entry| entry.seq);
        if entries.len() < READ_AT_ONCE {
            return Ok(Some(seq));
        }
    }
    Ok(None)
}
