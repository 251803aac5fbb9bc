//! Looking at a store that nobody has open, as it is: for `doctor`, which changes nothing.

use super::error::{OpenError, StoreError};
use super::guard::guarded;
use super::journal;
use super::keyring::Keyring;
use super::lock::held_by;
use super::mark::{Witness, witness};
use super::migrations::{self, spaces};
use super::pages::{Kind, Pages, kind};
use super::place::{StoreFiles, open_pages};
use super::reads::versioned;
use super::reseal::{SealedValues, sealed_values};
use super::rows::{Row, Rows, Space, Span, Tables};
use super::shadow::Shadow;
use super::tables::{Index, Kept, Key};
use super::verify::{Verified, VerifyError, verify};
use super::wal::{Medium, Pending, Position, StoreOrFault, pending};
use crate::base::limit::STORE_CACHE_BYTES;
use crate::model::Install;
use redb::{Builder, ReadableDatabase, StorageBackend, TableHandle};
use std::collections::BTreeSet;
use std::fmt;
use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;

/// A store that was read, and what was found.
#[derive(Debug)]
pub struct Inspected {
    /// Whether everything agrees with everything else.
    pub verified: Result<Verified, VerifyError>,
    /// It is of an earlier version, which the next start brings up to date.
    pub earlier: bool,
    /// Commits that only its log has, because it was not closed; they were read with the rest.
    pub logged: u64,
    /// The fingerprint of the authority that agents trust, where it is written down.
    pub authority: Option<String>,
    /// What is sealed, as the key that lies beside the store sees it.
    pub sealed: SealedValues,
}

/// Reads everything in the store of a state directory and compares it with everything else.
/// Nothing is written, no lock is taken, and a fault of whatever kind is an answer.
///
/// # Errors
/// As [`super::Store::open`]: somebody has it, it is a later version's, or it cannot be opened.
pub fn inspect(dir: &Path) -> Result<Inspected, OpenError> {
    refuse_held(dir)?;
    let place = StoreFiles::File(dir.join("store.redb"));
    guarded("reading the store", || Ok(look_into(dir, &place)))
        .unwrap_or_else(|damaged| Err(damaged.into()))
        .map_err(|error| match error {
            OpenError::Store(error) => place.at(error),
            error => error,
        })
}

fn look_into(dir: &Path, place: &StoreFiles) -> Result<Inspected, OpenError> {
    let path = dir.join("store.redb");
    let failed = |cause| OpenError::File { doing: "reading", path: path.clone(), cause };
    let shadow = Shadow::of(&path).map_err(failed)?;
    let database = match kind(&shadow).map_err(failed)? {
        Kind::Strange => return Err(OpenError::NoStore { path: path.clone() }),
        Kind::Empty | Kind::Pages => {
            let pages = Pages::open(Box::new(shadow)).map_err(StoreError::input)?;
            open_pages(&pages)?
        }
        Kind::Old => {
            let mut builder = Builder::new();
            builder.set_cache_size(STORE_CACHE_BYTES);
            let opened = builder.create_with_backend(Plain(shadow));
            opened.map_err(|e| StoreError::database("opening the database", e))?
        }
    };
    if migrations::is_empty(&database)? {
        return Err(OpenError::NoStore { path });
    }
    // What its log has is put into a transaction that is never committed.
    let (log, position) = in_log(place, &database)?;
    let txn = database.begin_write();
    let txn = txn.map_err(|e| StoreError::database("beginning to read the log", e))?;
    let tables = Tables::of(&txn);
    log.put(&tables).map_err(|stopped| match stopped {
        StoreOrFault::Store(error) => error.into(),
        StoreOrFault::Fault(fault) => place.fault(fault),
    })?;
    if let Some(position) = position
        && let Witness::Lost(answered) = witness(place.mark()?.as_deref(), position.id, &tables)?
    {
        return Err(OpenError::Lost { answered, found: journal::tail(&tables)?.seq });
    }
    let ring = Keyring::look(&dir.join("keys"));
    look(&database, &tables, log.records(), &ring)
}

/// Refuses a directory that a process has: what it is writing would look damaged.
fn refuse_held(dir: &Path) -> Result<(), OpenError> {
    let Ok(mut file) = File::open(dir.join("run/lock")) else { return Ok(()) };
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Err(held_by(dir, &mut file)),
        Ok(()) | Err(TryLockError::Error(_)) => Ok(()),
    }
}

/// A file of redb's own, as earlier versions had it.
struct Plain(Shadow);

impl fmt::Debug for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Plain")
    }
}

impl StorageBackend for Plain {
    fn len(&self) -> io::Result<u64> {
        Medium::len(&self.0)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        Medium::read(&self.0, offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        Medium::set_len(&self.0, len)
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        Medium::write(&self.0, offset, data)
    }
}

/// What the log has that the database has not.
fn in_log(
    place: &StoreFiles,
    database: &impl ReadableDatabase,
) -> Result<(Pending, Option<Position>), OpenError> {
    let position = migrations::position(database)?;
    let medium = place.log_to_read()?;
    let found = pending(position.unwrap_or_else(Position::fresh), medium.as_deref(), None);
    Ok((found.map_err(|fault| place.fault(fault))?, position))
}

fn look(
    database: &impl ReadableDatabase,
    rows: &impl Rows,
    logged: u64,
    ring: &Keyring,
) -> Result<Inspected, OpenError> {
    let earlier = migrations::is_earlier(database)?;
    let txn = database.begin_read().map_err(|e| StoreError::database("beginning a read", e))?;
    let tables = txn.list_tables().map_err(|e| StoreError::database("listing tables", e))?;
    let there: BTreeSet<String> = tables.map(|table| table.name().to_owned()).collect();
    let absent: Vec<Index> =
        Index::ALL.iter().copied().filter(|index| !there.contains(index.name())).collect();
    let missing: Vec<Space> = spaces().filter(|space| !there.contains(space.0)).collect();
    let rows = Earlier { rows, missing };
    let verified = verify(&rows, &absent);
    let install = rows.row(Space(Install::TABLE.name()), &().bytes())?;
    let install = install.map(|bytes| versioned::<Install>(&[], &bytes)).transpose()?;
    let authority = install.map(|found| found.record.authority).filter(|text| !text.is_empty());
    let sealed = sealed_values(&rows, ring)?;
    Ok(Inspected { verified, earlier, logged, authority, sealed })
}

/// Rows of which tables that were not made yet are empty.
struct Earlier<'t, R> {
    rows: &'t R,
    missing: Vec<Space>,
}

impl<R: Rows> Rows for Earlier<'_, R> {
    fn row(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        if self.missing.contains(&space) { Ok(None) } else { self.rows.row(space, key) }
    }

    fn rows(&self, space: Space, span: &Span<'_>) -> Result<Vec<Row>, StoreError> {
        if self.missing.contains(&space) { Ok(Vec::new()) } else { self.rows.rows(space, span) }
    }

    fn len(&self, space: Space) -> Result<u64, StoreError> {
        if self.missing.contains(&space) { Ok(0) } else { self.rows.len(space) }
    }
}
