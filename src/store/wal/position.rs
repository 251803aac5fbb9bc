//! Where a database stands to its log: a row of its own table, written with every commit.

use crate::base::random::fill_secret;
use crate::store::error::StoreError;
use crate::store::journal::number;
use crate::store::rows::{Rows, Space, put_rows};
use redb::WriteTransaction;

/// Under which name `META` has it.
const KEY: &[u8] = b"log";

/// Which log, and how much of it the database has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) struct Position {
    /// The log's name: drawn once for each store.
    pub id: [u8; 16],
    /// Which pass through the log.
    pub epoch: u64,
    /// The last record of it that the database has; 0 before the first.
    pub seq: u64,
    /// The database has everything and the log nothing, until this says otherwise.
    pub whole: bool,
}

impl Position {
    /// Of a store that never had a log.
    pub fn fresh() -> Position {
        let mut id = [0; 16];
        fill_secret(&mut id);
        Position { id, epoch: 1, seq: 0, whole: true }
    }

    /// After one more record.
    pub fn next(self) -> Position {
        Position { seq: self.seq + 1, ..self }
    }

    /// At the beginning of the next epoch.
    pub fn next_epoch(self, whole: bool) -> Position {
        Position { epoch: self.epoch + 1, seq: 0, whole, ..self }
    }

    /// As the database has it; `None` before format 3.
    pub fn read(rows: &(impl Rows + ?Sized)) -> Result<Option<Position>, StoreError> {
        Ok(rows.row(Space::META, KEY)?.as_deref().and_then(Position::from_bytes))
    }

    /// Writes it down with whatever else a transaction has.
    pub fn put(self, txn: &WriteTransaction) -> Result<(), StoreError> {
        let value = self.bytes();
        put_rows(txn, Space::META, std::iter::once((KEY, Some(&value[..]))))
    }

    fn bytes(self) -> Vec<u8> {
        let mut out = self.id.to_vec();
        out.extend_from_slice(&self.epoch.to_be_bytes());
        out.extend_from_slice(&self.seq.to_be_bytes());
        out.push(u8::from(self.whole));
        out
    }

    fn from_bytes(bytes: &[u8]) -> Option<Position> {
        let (id, rest) = bytes.split_first_chunk::<16>()?;
        let (epoch, rest) = rest.split_first_chunk::<8>()?;
        let (seq, rest) = rest.split_first_chunk::<8>()?;
        let [whole] = rest else { return None };
        Some(Position { id: *id, epoch: number(epoch), seq: number(seq), whole: *whole != 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_read_as_it_was_written() {
        let position = Position { id: [7; 16], epoch: 300, seq: 9, whole: true };
        for position in [position, Position { whole: false, ..position }, position.next()] {
            assert_eq!(Position::from_bytes(&position.bytes()), Some(position));
        }
        assert_eq!(Position::from_bytes(&position.bytes()[1..]), None);
        assert_ne!(Position::fresh().id, Position::fresh().id);
    }
}
