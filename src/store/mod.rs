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
//! - A commit is one flush. What lets redb open at once after a crash is written only when the
//!   writer is idle, because it doubles a commit's cost; a crash in the middle of writing costs a
//!   walk over the file at the next opening instead (0.3 s for 130 MB), and no commit.
//! - After a commit the writer wakes jobs by the tables they read, and moves the number that
//!   doors wait on (`wake.rs`). Nobody else wakes anybody.
//! - A failing disk fails one group; the database is then opened again (`database.rs`), as redb
//!   asks for after an input or output error. A nearly full disk is refused before that happens.
//!
//! What is not here: what was seen of servers and their readings (they are not state: they live
//! in memory and in `series`), anything large (redb's pages are for records), decisions of any
//! kind, and who may do what, which is `service`'s business.
//!
//! To add a record: its type in `model`, a row in [`Table`] (at the end), an `impl Record` and a
//! line of `visit` in `records.rs`, and its golden bytes in `golden.rs`. To change the shape
//! of one: raise its `SCHEMA` and let its `decode` read the old one too (`old.rs`); the stores of
//! earlier versions in `tests/fixtures` say whether it does.

mod codec;
mod database;
mod disk;
mod error;
mod group;
mod handle;
mod inspect;
mod journal;
mod lock;
mod migrations;
mod old;
mod queue;
mod reads;
mod records;
mod rows;
mod tables;
mod tx;
mod verify;
mod wake;

#[cfg(test)]
mod golden;
#[cfg(test)]
mod tests;

pub use codec::CodecError;
pub use disk::Disk;
pub use error::{OpenError, StoreError};
pub use group::{Author, CrashHook, Moment, WriterStats};
pub use handle::{Mode, Store};
pub use inspect::{Inspected, inspect};
pub use journal::{Change, Entry, Subject, Who};
pub use lock::holder;
pub use reads::{Reads, Versioned, View};
pub use records::CurrentPlan;
pub use tables::{Counter, Index, Key, Record, Table, key};
pub use tx::Tx;
pub use verify::{Verified, VerifyError};
