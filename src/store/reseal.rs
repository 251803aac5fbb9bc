//! What is sealed in all records: sealing it anew, and whether it opens.

use super::error::StoreError;
use super::keyring::{Keyring, SealedPlace};
use super::reads::{Reads, space, versioned};
use super::rows::{Rows, Span};
use super::tables::{Key, Record, Table, Visit};
use super::tx::Tx;
use crate::base::Problem;

/// Records read at a time.
const PAGE: usize = 50;

/// What one transaction of a rotation did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resealed {
    /// Values that were sealed anew in this transaction.
    pub done: u64,
    /// Values that do not open, and so stay as they are; of those that were looked at.
    pub closed: u64,
}

/// What is sealed in a store, as one ring sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SealedValues {
    /// How many values open with the keys of the ring.
    pub open: u64,
    /// Why others do not, a line for each of the first few.
    pub closed: Vec<String>,
}

/// Lines of [`SealedValues::closed`] at most: more of them say the same.
const CLOSED_MAX: usize = 5;

impl Tx<'_> {
    /// Seals with the current key what another has sealed, at most so many values.
    ///
    /// # Errors
    /// The store's, and a ring without a key.
    pub fn reseal(&mut self, ring: &Keyring, at_most: usize) -> Result<Resealed, Problem> {
        let mut work = Reseal { tx: self, ring, left: at_most, done: Resealed::default() };
        for table in Table::ALL {
            table.visit(&mut work)?;
        }
        Ok(work.done)
    }
}

struct Reseal<'a, 't> {
    tx: &'a mut Tx<'t>,
    ring: &'a Keyring,
    left: usize,
    done: Resealed,
}

impl Visit for Reseal<'_, '_> {
    type Out = Result<(), Problem>;

    fn visit<R: Record>(&mut self) -> Result<(), Problem> {
        if !R::SEALS {
            return Ok(());
        }
        let mut after = None;
        loop {
            let page = self.tx.scan::<R>(after, PAGE)?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.record.key());
            for found in page {
                self.record(found.record)?;
                if self.left == 0 {
                    return Ok(());
                }
            }
        }
    }
}

impl Reseal<'_, '_> {
    fn record<R: Record>(&mut self, mut record: R) -> Result<(), Problem> {
        let (key, current) = (record.key(), self.ring.current());
        let mut changed = false;
        for (field, sealed) in record.sealed() {
            if current == Some(sealed.key) {
                continue;
            }
            let place = SealedPlace::of::<R>(&key, field);
            let Ok(secret) = self.ring.unseal(&place, sealed) else {
                self.done.closed += 1;
                continue;
            };
            *sealed = self.ring.seal(&place, &secret)?;
            self.left = self.left.saturating_sub(1);
            self.done.done += 1;
            changed = true;
        }
        if changed {
            self.tx.put(&record)?;
        }
        Ok(())
    }
}

/// Tries to open everything that is sealed.
pub(super) fn sealed_values(rows: &impl Rows, ring: &Keyring) -> Result<SealedValues, StoreError> {
    let mut count = Count { rows, ring, found: SealedValues::default() };
    for table in Table::ALL {
        table.visit(&mut count)?;
    }
    Ok(count.found)
}

struct Count<'a, S> {
    rows: &'a S,
    ring: &'a Keyring,
    found: SealedValues,
}

impl<S: Rows> Visit for Count<'_, S> {
    type Out = Result<(), StoreError>;

    fn visit<R: Record>(&mut self) -> Result<(), StoreError> {
        if !R::SEALS {
            return Ok(());
        }
        let mut after: Option<Vec<u8>> = None;
        loop {
            let span = Span { after: after.as_deref(), at_most: PAGE, ..Span::prefix(&[]) };
            let page = self.rows.rows(space::<R>(), &span)?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            after = Some(last.clone());
            for (key, bytes) in &page {
                // What does not decode is told by whoever verifies records.
                let Ok(found) = versioned::<R>(key, bytes) else { continue };
                self.record(found.record);
            }
        }
    }
}

impl<S> Count<'_, S> {
    fn record<R: Record>(&mut self, mut record: R) {
        let key = record.key();
        for (field, sealed) in record.sealed() {
            match self.ring.unseal(&SealedPlace::of::<R>(&key, field), sealed) {
                Ok(_) => self.found.open += 1,
                Err(_) if self.found.closed.len() >= CLOSED_MAX => {}
                Err(problem) => {
                    let (table, id) = (R::TABLE.name(), key.counted().map_or(0, |(_, id)| id));
                    let line = format!("{field} of {table} {id}: {}", problem.message);
                    self.found.closed.push(line);
                }
            }
        }
    }
}
