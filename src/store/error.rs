//! What can go wrong in the store, and what each becomes for the doors.

use super::codec::CodecError;
use super::pages::Damage;
use super::wal::WalFault;
use crate::base::problem::chain;
use crate::base::{Code, Problem, Seq};
use std::path::{Path, PathBuf};

/// Reading or writing failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database answered with an error.
    #[error("{doing}")]
    Database {
        /// What was being done.
        doing: &'static str,
        /// What redb said.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// What the disk has is not what was written there. Nothing is read or written any more.
    #[error(
        "the store is damaged: {doing}: {why}; stop the appliance, keep a copy of its state \
         directory, run grange appliance doctor, and restore a backup"
    )]
    Damaged {
        /// What was being done.
        doing: &'static str,
        /// Where it is, and what is wrong there.
        why: String,
    },
    /// A value and its bytes do not fit each other.
    #[error("table {table}, key {key}")]
    Codec {
        /// Whose table.
        table: &'static str,
        /// The key, in hexadecimal.
        key: String,
        /// What was wrong.
        #[source]
        cause: CodecError,
    },
    /// A write of somebody was about to put a record of an environment they have no grant for.
    #[error("a record of {table} belongs to another environment")]
    Foreign {
        /// Whose table.
        table: &'static str,
    },
    /// A record or an entry is larger than its bound.
    #[error("{what} of {bytes} bytes is larger than {limit} bytes")]
    TooLarge {
        /// What it is.
        what: &'static str,
        /// How large it is.
        bytes: usize,
        /// How large it may be.
        limit: usize,
    },
    /// The journal no longer reaches back that far: whoever reads it has to start over.
    #[error("the journal begins at entry {first}; start over from there")]
    Gone {
        /// The first entry there is.
        first: Seq,
    },
    /// The disk is nearly full; nothing is written until there is space again.
    #[error(
        "the disk is full: {free_kib} KiB free for {place}, {reserve_kib} KiB are kept in reserve"
    )]
    Full {
        /// What is on that disk.
        place: String,
        /// What is free.
        free_kib: u64,
        /// What is kept.
        reserve_kib: u64,
    },
    /// A file of the store was removed or moved away while it is open.
    #[error(
        "{path} was taken away while it is in use, and nothing is written any more; what was \
         written is still open in process {process}: before that ends, copy it back (ls -l \
         /proc/{process}/fd shows it), then start anew"
    )]
    Away {
        /// Where it should be.
        path: String,
        /// Who has it open.
        process: u32,
    },
    /// The store is closed, or its disk could not be opened again yet.
    #[error("the store is not open: {0}")]
    Closed(String),
}

impl StoreError {
    /// Wraps what redb said.
    pub(super) fn database(doing: &'static str, cause: impl Into<redb::Error>) -> StoreError {
        match cause.into() {
            redb::Error::Io(cause) if Damage::of(&cause).is_some() => {
                StoreError::Damaged { doing, why: cause.to_string() }
            }
            redb::Error::Corrupted(why) => StoreError::Damaged { doing, why },
            cause => StoreError::Database { doing, cause: Box::new(cause) },
        }
    }

    /// Wraps what reading the database's file said before redb had it.
    pub(super) fn input(cause: std::io::Error) -> StoreError {
        StoreError::database("reading the database's file", redb::StorageError::Io(cause))
    }

    /// Whether another try may go better: the disk is in the way, not the request.
    pub fn is_outage(&self) -> bool {
        match self {
            StoreError::Database { .. }
            | StoreError::Damaged { .. }
            | StoreError::Full { .. }
            | StoreError::Away { .. }
            | StoreError::Closed(_) => true,
            StoreError::Codec { .. }
            | StoreError::Foreign { .. }
            | StoreError::TooLarge { .. }
            | StoreError::Gone { .. } => false,
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Problem {
        let code = match &error {
            StoreError::Database { .. }
            | StoreError::Damaged { .. }
            | StoreError::Full { .. }
            | StoreError::Away { .. }
            | StoreError::Closed(_) => Code::ServiceUnavailable,
            StoreError::Codec { .. } | StoreError::Foreign { .. } => Code::InternalServerError,
            StoreError::TooLarge { .. } => Code::InvalidValue,
            StoreError::Gone { .. } => Code::UnacceptableState,
        };
        let message = match code {
            Code::InvalidValue | Code::UnacceptableState => {
                return Problem::new(code, chain(&error));
            }
            _ if matches!(error, StoreError::Damaged { .. } | StoreError::Away { .. }) => {
                return Problem::new(code, chain(&error));
            }
            _ => "the store cannot answer",
        };
        Problem { source: Some(Box::new(error)), ..Problem::new(code, message) }
    }
}

/// The store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has this directory.
    #[error("{dir} is in use by process {pid}{}", listening(.socket.as_deref()))]
    InUse {
        /// The state directory.
        dir: PathBuf,
        /// Who holds it.
        pid: String,
        /// Where it can be reached, once it listens.
        socket: Option<PathBuf>,
    },
    /// A file or directory could not be made or opened.
    #[error("{doing} {path}")]
    File {
        /// What was being done.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: std::io::Error,
    },
    /// Written by a later version of Grange. Nothing was changed.
    #[error(
        "the store {what} and was written by {writer}: this is {this}, which reads {known}; \
         nothing was changed; start the version that wrote it or a later one, or restore a \
         backup that this version made"
    )]
    Newer {
        /// What it has that is not known here.
        what: String,
        /// What is known here instead.
        known: String,
        /// Who wrote it.
        writer: String,
        /// Who reads it.
        this: &'static str,
    },
    /// The log beside the database is not the one it needs, or is damaged.
    #[error(
        "the store's log {log} {fault}; put back the database and the log as they were together, \
         or restore a backup"
    )]
    Log {
        /// Which file.
        log: String,
        /// What is wrong with it.
        fault: WalFault,
    },
    /// A file of that name is there, and is no store.
    #[error(
        "{path} is no store: its first bytes are neither this version's nor an earlier one's; \
         nothing was changed; put the right file back, or restore a backup"
    )]
    NoStore {
        /// Which file.
        path: PathBuf,
    },
    /// There is no database, though something of one is there.
    #[error(
        "{path} is missing and {left} is there: put the database back, or restore a backup; \
         nothing was changed"
    )]
    Bereft {
        /// Which file is missing.
        path: PathBuf,
        /// What is there of it.
        left: PathBuf,
    },
    /// It lacks what was answered.
    #[error(
        "the store has lost commits: it ends with journal entry {found}, and entries up to \
         {answered} were answered; its log was cut, or an earlier copy of some of its files was \
         put back. Put back store.redb, store.wal and store.mark as they were together, or restore \
         a backup; to go on without what was lost, remove store.mark"
    )]
    Lost {
        /// The last entry that somebody was told of.
        answered: Seq,
        /// The last one there is.
        found: Seq,
    },
    /// What the disk has is not what was written there.
    #[error(
        "the store is damaged: {path}: {doing}: {why}; nothing was changed; keep a copy of its \
         directory and restore a backup"
    )]
    Damaged {
        /// Which file.
        path: String,
        /// What was being done.
        doing: &'static str,
        /// Where, and what is wrong there.
        why: String,
    },
    /// The database itself could not be opened or brought up to date.
    #[error("opening the store")]
    Store(#[source] StoreError),
    /// The writer's thread could not be started.
    #[error("starting the store's writer")]
    Thread(#[source] std::io::Error),
}

fn listening(socket: Option<&Path>) -> String {
    socket.map(|path| format!(" (listening on {})", path.display())).unwrap_or_default()
}

impl From<StoreError> for OpenError {
    fn from(error: StoreError) -> OpenError {
        OpenError::Store(error)
    }
}
