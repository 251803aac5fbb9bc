//! What opening a store finds in its log.

use super::medium::Medium;
use super::position::Position;
use super::record::{HEAD_BYTES, LogRecord, SECTOR_BYTES, START, claimed_epoch, name, record};
use crate::store::error::StoreError;
use crate::store::migrations::spaces;
use crate::store::rows::{Puts, Space};
use std::collections::BTreeMap;
use std::io;

/// Why a store cannot be opened with the log it has.
#[derive(Debug, thiserror::Error)]
pub enum WalFault {
    /// The store was not closed, and its log is not there.
    #[error("is missing, and the last writes that were answered are in it alone")]
    Missing,
    /// Its first sector does not say whose it is.
    #[error("is no log: its first 512 bytes cannot be read as one's name")]
    Nameless,
    /// It has another name than the database knows.
    #[error("belongs to another store")]
    Foreign,
    /// The database is an earlier copy.
    #[error(
        "has writes of epoch {log}, and the database is an earlier copy that ends at {database}"
    )]
    Ahead {
        /// Which pass through the log it has.
        log: u64,
        /// Which one the database knows of.
        database: u64,
    },
    /// The log is an earlier copy.
    #[error("is an earlier copy: it ends with record {log}, and the database has {database}")]
    Behind {
        /// Its last record.
        log: u64,
        /// The last one the database has.
        database: u64,
    },
    /// A record cannot be read and is not the last one.
    #[error("is damaged at byte {offset}: record {seq} cannot be read, and later ones are there")]
    Damaged {
        /// Where.
        offset: u64,
        /// Which record.
        seq: u64,
    },
    /// The disk does not give it out.
    #[error("cannot be read ({0})")]
    Io(#[from] io::Error),
}

/// What a log has that its database has not.
pub(in crate::store) struct Pending {
    log: Vec<u8>,
    /// Where each record beyond the position begins.
    starts: Vec<usize>,
    /// Where the database will stand.
    pub position: Position,
    /// Where the next record begins.
    pub at: u64,
    /// Whether the log can be written into as it is.
    pub usable: bool,
}

/// Looks at the log of a database that stands at a position; `synced` is the last record to
/// believe in when an earlier opening of this process knows, and `None` when nobody does.
pub(in crate::store) fn pending(
    position: Position,
    medium: Option<&dyn Medium>,
    synced: Option<Position>,
) -> Result<Pending, WalFault> {
    let nothing = |usable| Pending { log: vec![], starts: vec![], position, at: START, usable };
    let log = match medium {
        None if position.whole => return Ok(nothing(false)),
        None => return Err(WalFault::Missing),
        Some(medium) => {
            let mut log = vec![0; usize::try_from(medium.len()?).map_err(io::Error::other)?];
            if position.whole && !is_beyond(medium, log.len(), position.epoch)? {
                log.truncate(SECTOR_BYTES);
            }
            medium.read(0, &mut log)?;
            log
        }
    };
    match name(&log) {
        // It was not made whole, and nothing was ever written into it.
        None if position.whole => return Ok(nothing(false)),
        None => return Err(WalFault::Nameless),
        Some(id) if id != position.id => return Err(WalFault::Foreign),
        Some(_) => {}
    }
    let first = usize::try_from(START).map_err(io::Error::other)?;
    if let Some(record) = record(&log, position.id, first)
        && record.epoch > position.epoch
    {
        return Err(WalFault::Ahead { log: record.epoch, database: position.epoch });
    }
    if position.whole {
        return Ok(nothing(true));
    }
    walk(log, position, first, synced)
}

/// Whether the first record of a log says that it is of a later epoch. Nothing else is read of the
/// log of a store that was closed: many a store is smaller than its log.
fn is_beyond(medium: &dyn Medium, length: usize, epoch: u64) -> io::Result<bool> {
    let mut head = [0; HEAD_BYTES];
    if length < SECTOR_BYTES + HEAD_BYTES {
        return Ok(false);
    }
    medium.read(START, &mut head)?;
    Ok(claimed_epoch(&head) > epoch)
}

/// Follows the records of an epoch to the last one.
fn walk(
    log: Vec<u8>,
    position: Position,
    first: usize,
    synced: Option<Position>,
) -> Result<Pending, WalFault> {
    let last_known = synced.map(|to| if to.epoch == position.epoch { to.seq } else { 0 });
    let of_epoch =
        |at: usize| record(&log, position.id, at).filter(|record| record.epoch == position.epoch);
    let (mut at, mut seq, mut starts) = (first, 0, Vec::new());
    while last_known.is_none_or(|last| seq < last)
        && let Some(record) = of_epoch(at).filter(|record| record.seq == seq + 1)
    {
        seq += 1;
        if seq > position.seq {
            starts.push(at);
        }
        at = record.next;
    }
    if last_known.is_none() {
        let mut behind = (at..log.len()).step_by(SECTOR_BYTES);
        if behind.any(|at| of_epoch(at).is_some_and(|record| record.seq > seq)) {
            return Err(WalFault::Damaged { offset: at as u64, seq: seq + 1 });
        }
    }
    if seq < position.seq.min(last_known.unwrap_or(u64::MAX)) {
        return Err(WalFault::Behind { log: seq, database: position.seq });
    }
    let position = Position { seq: seq.max(position.seq), ..position };
    Ok(Pending { log, starts, position, at: at as u64, usable: true })
}

impl Pending {
    /// How many records the database does not have.
    pub fn records(&self) -> u64 {
        self.starts.len() as u64
    }

    /// Puts the rows of these records, in their order.
    pub fn put(&self, into: &impl Puts) -> Result<(), StoreOrFault> {
        let known: BTreeMap<&str, Space> = spaces().map(|space| (space.0, space)).collect();
        for start in &self.starts {
            let found = record(&self.log, self.position.id, *start);
            let rows = found.as_ref().and_then(LogRecord::rows);
            let damaged = || WalFault::Damaged {
                offset: *start as u64,
                seq: found.map_or(0, |record| record.seq),
            };
            for (space, key, value) in rows.ok_or_else(damaged)? {
                let space = known.get(space).copied().ok_or_else(damaged)?;
                into.put(space, key, value)?;
            }
        }
        Ok(())
    }
}

/// What stopped rows from being put.
#[derive(Debug, thiserror::Error)]
pub(in crate::store) enum StoreOrFault {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log.
    #[error(transparent)]
    Fault(#[from] WalFault),
}
