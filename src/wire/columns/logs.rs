//! The list of a server's logs.

use super::{Cell, Column, Get, List, minute};
use crate::wire::stream::LogFile;

/// The logs that an agent keeps; named as `grange server log --of` takes them.
pub const LOGS: List<LogFile> = List { of: "logs", columns: COLUMNS, name: |log| log.name.clone() };

type This = Column<LogFile>;

const COLUMNS: &[This] = &[
    This::new("log", "What --of takes", Get::Text(|log| Some(log.name.clone()))),
    This::new("of", "setup, service or agent", Get::Text(|log| Some(log.kind.clone()))),
    This::new("size", "How long it is", Get::Bytes(|log| Some(log.bytes))),
    This::new("written", "When it was written last", Get::Moment(|log| Some(log.written_at)))
        .shown(|log| Cell::from(minute(log.written_at))),
];
