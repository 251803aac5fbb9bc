//! Floor 3: the store. Tables, one writer, the journal.
//!
//! Every change of state is one write: a closure that reads what it needs, decides, and puts
//! records. The one writer runs it, commits the changed records together with a journal entry
//! that says who, why and what was there before, and only then answers. So there is one path to
//! keep right: whoever was answered can lose the power a moment later and will find it done.
//!
//! How it works, from the outside in:
//!
//! - [`Store`] (`handle.rs`) is what everybody holds. Reads take a snapshot ([`View`]) on their
//!   own thread and never wait for the writer. Writes queue up (`queue.rs`), up to a bound.
//! - The writer (`group.rs`) takes what is queued as one group and one commit, so that a hundred
//!   writes cost one wait for the disk. Each runs on an overlay (`rows.rs`) over the group's
//!   transaction, as a [`Tx`] (`tx.rs`): one that is refused or panics leaves nothing and hurts
//!   nobody.
//! - A record says its key, its indexes and whose story it belongs to (`tables.rs`,
//!   `records.rs`); `put` keeps the index rows right. `codec.rs` alone knows how values become
//!   bytes, `journal.rs` what an entry is and how entries are chained.
//! - A commit is one record of the write-ahead log (`wal/`) and one wait for the disk. The database
//!   is given the same rows at once, and commits them for good when the log is full, when the
//!   writer is idle and when the store is closed (`database.rs`). Whoever reads sees a commit only
//!   once the log has it on disk. Opening takes from the log what the database has not
//!   (`place.rs`), so that a store whose process was killed opens in a moment, and one whose log is
//!   missing, damaged or another's is not opened at all.
//! - The database lies in pages with checksums (`pages.rs`), which are compared whenever one is
//!   read from the disk, and a mark beside the log says how far was answered (`mark.rs`). Bytes
//!   that are not those that were written are an error that says where, never an answer; after the
//!   first such, or a panic of redb's (`guard.rs`), nothing is read or written any more.
//! - After a commit the writer wakes jobs by the tables they read, and moves the number that
//!   doors wait on (`wake.rs`). Nobody else wakes anybody.
//! - A failing disk fails one group; the database and the log are then opened again, as redb asks
//!   for after an input or output error, and nothing of that group is read from the log. A nearly
//!   full disk is refused before that happens.
//! - What is secret is sealed before it becomes a record (`keyring.rs`), with a key that is not in
//!   the store; so the journal has it sealed too.
//!
//! What is not here: what was seen of servers and their readings (they are not state: they live
//! in memory and in `series`), anything large (redb's pages are for records), decisions of any
//! kind, and who may do what: whoever reads or writes brings a [`Grant`](crate::model::Grant), and
//! sees and changes what that shows.
//!
//! To add a record: its type in `model`, its line in `tables.rs` (at the end), an `impl Record` in
//! `records.rs`, and its golden bytes in `golden.rs`. To change the shape
//! of one: raise its `SCHEMA` and let its `decode` read the old one too (`old.rs`); the stores of
//! earlier versions in `tests/fixtures` say whether it does.

mod codec;
mod compact;
mod convert;
mod database;
mod disk;
mod error;
mod group;
mod guard;
mod handle;
mod inspect;
mod journal;
mod keyring;
mod lock;
mod mark;
mod migrations;
mod old;
mod pages;
mod place;
mod queue;
mod reads;
mod records;
mod reseal;
mod rows;
mod scrub;
mod shadow;
mod stored_order;
mod stories;
mod tables;
mod tx;
mod verify;
mod wake;
mod wal;

#[cfg(test)]
mod golden;
#[cfg(test)]
mod tests;

pub use codec::CodecError;
pub use disk::Disk;
pub use error::{OpenError, StoreError};
pub use group::{Author, CrashHook, Moment, Purpose, WriterStats};
pub use handle::{Mode, Store};
pub use inspect::{Inspected, inspect};
pub use journal::{Change, Entry, Subject, Who};
pub use keyring::{Keyring, SealedPlace};
pub use lock::holder;
pub use mark::is_mark;
pub use pages::is_of_earlier_version;
pub use reads::{Reads, Versioned, View};
pub use records::CurrentPlan;
pub use reseal::{Resealed, SealedValues};
pub use scrub::Scrub;
pub use tables::{Counter, Index, Kept, Key, Record, Table, Visit, key};
pub use tx::Tx;
pub use verify::{Verified, VerifyError};
pub use wal::WalFault;
