//! What can be wrong with the bytes of a database's file.

use std::io;

/// Bytes that are not those that were written there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// A page.
    #[error("page {page} of the database (byte {offset} of its file) is not what was written")]
    Page {
        /// Which, as redb counts them.
        page: u64,
        /// Where it is in the file.
        offset: u64,
    },
    /// Both copies of the header.
    #[error("both headers of the database (bytes 4096 to 12287 of its file) cannot be read")]
    Header,
    /// The file ends before the page.
    #[error("the database's file ends at byte {length}, before page {page}")]
    Short {
        /// Which page.
        page: u64,
        /// How long the file is.
        length: u64,
    },
}

impl Damage {
    /// What an input error says of damage, if it is of that.
    pub fn of(error: &io::Error) -> Option<&Damage> {
        error.get_ref().and_then(|inner| inner.downcast_ref())
    }
}

impl From<Damage> for io::Error {
    fn from(damage: Damage) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, damage)
    }
}
