//! The write-ahead log: what is in it survives, and the head is made of it again at the start.
//!
//! Segments are numbered files of records. Only the newest is written to; it is closed at a size
//! or an age, and a closed one is removed once every row in it is older than the retention, or
//! the log as a whole too large. After a write or a sync that failed nobody knows what the disk
//! holds of that segment, so it is left alone and the next group starts a new one.
//!
//! A segment is *sealed* when no more is written to it, and at a clean stop: its records become
//! one for each server, which are a third of the bytes, since each reading no longer brings its
//! names, and a hundredth of the records. So a start reads little more than what the head will
//! hold, and after a kill one segment of the other kind at the most. Both kinds have the same
//! records, and either may be written to again.
//!
//! A record that is damaged is said and costs itself; the others of its segment are read.

use super::SeriesError;
use super::disk::Disk;
use super::head::Head;
use super::record::{LogRecord, Piece, Pieces, decode, encode, is_likely};
use crate::base::Timestamp;
use crate::base::limit::{
    SERIES_LOG_BYTES_MAX, SERIES_RETENTION, SERIES_SEGMENT_AGE, SERIES_SEGMENT_BYTES,
};
use std::collections::BTreeSet;
use std::io;

/// Whether a folder is a log without a gap: segments go from its beginning only. Their records are
/// compared when they are read.
pub fn is_whole(path: &std::path::Path) -> bool {
    let Ok(files) = std::fs::read_dir(path) else { return false };
    let names = files.flatten().filter_map(|file| file.file_name().into_string().ok());
    let mut numbers: Vec<u64> = names.filter_map(|name| number(&name)).collect();
    numbers.sort_unstable();
    numbers.windows(2).all(|pair| pair[1] == pair[0] + 1)
}

/// The log of one folder.
pub(super) struct Log {
    disk: Box<dyn Disk>,
    /// In the order they were written; the last may be written to.
    segments: Vec<Segment>,
    next_number: u64,
}

struct Segment {
    name: String,
    bytes: u64,
    /// Of them, those that somebody was told of; all of what an opening found.
    acknowledged: u64,
    /// When it was begun, or opened again.
    began: Timestamp,
    /// The newest row in it, or when a record without rows was written.
    newest: Timestamp,
    closed: bool,
    /// Whether nothing was written to it since it was sealed or opened.
    sealed: bool,
}

impl Log {
    /// Opens the log and hands out every whole record in the order they were written.
    pub(super) fn open(
        mut disk: Box<dyn Disk>,
        now: Timestamp,
        mut each: impl FnMut(LogRecord),
    ) -> Result<Log, SeriesError> {
        let opening = |source| SeriesError::Opening { source };
        let mut numbers: Vec<u64> =
            disk.list().map_err(opening)?.iter().filter_map(|name| number(name)).collect();
        numbers.sort_unstable();
        let mut log = Log {
            segments: Vec::new(),
            next_number: numbers.last().map_or(1, |last| last + 1),
            disk,
        };
        for segment_number in numbers {
            let name = name(segment_number);
            let bytes = log.disk.read(&name).map_err(opening)?;
            let found = replay(&bytes, &mut each);
            found.say(&name);
            let whole = (bytes.len() - found.torn) as u64;
            if found.torn > 0 {
                log.disk.truncate(&name, whole).map_err(opening)?;
            }
            let newest = found.newest.unwrap_or(now);
            let (began, closed, sealed) = (now, found.damaged > 0, true);
            let (bytes, acknowledged) = (whole, whole);
            let segment = Segment { name, bytes, acknowledged, began, newest, closed, sealed };
            log.segments.push(segment);
        }
        Ok(log)
    }

    /// Writes a group of records and returns once they would survive a power cut.
    pub(super) fn commit(&mut self, group: &[LogRecord], now: Timestamp) -> io::Result<()> {
        let mut bytes = Vec::new();
        for record in group {
            encode(record, &mut bytes);
        }
        let newest = group.iter().filter_map(newest_row).max().unwrap_or(now);
        let at = self.writable(now);
        let segment = &mut self.segments[at];
        segment.sealed = false;
        let written =
            self.disk.append(&segment.name, &bytes).and_then(|()| self.disk.sync(&segment.name));
        segment.bytes += bytes.len() as u64;
        if written.is_ok() {
            segment.acknowledged = segment.bytes;
        }
        segment.newest = segment.newest.max(newest);
        segment.closed |= written.is_err();
        if written.is_err() {
            self.forget_unborn();
        }
        written
    }

    /// Takes away the segment whose very first write just failed: nobody was told that anything is
    /// in it, and a disk that stays full for days would have one more with each group.
    fn forget_unborn(&mut self) {
        let Some(segment) = self.segments.pop_if(|segment| segment.acknowledged == 0) else {
            return;
        };
        match self.disk.remove(&segment.name) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => self.segments.push(segment),
            // No gap in the numbers: one would look as if a segment had been lost.
            Ok(()) | Err(_) => self.next_number -= 1,
        }
    }

    /// Writes segments that were written to anew, one record a server: all of them, or all but the
    /// one that may be written to. One that the disk refuses stays as it is.
    pub(super) fn seal(&mut self, all: bool, now: Timestamp) -> io::Result<()> {
        let open = self.segments.len() - usize::from(!all).min(self.segments.len());
        let oldest = now.before(SERIES_RETENTION);
        for segment in self.segments[..open].iter_mut().filter(|segment| !segment.sealed) {
            // Also when it fails: the next try is no better, and the segment is whole.
            segment.sealed = true;
            let bytes = merged(&self.disk.read(&segment.name)?, oldest);
            if (bytes.len() as u64) < segment.bytes {
                self.disk.replace(&segment.name, &bytes)?;
                segment.bytes = bytes.len() as u64;
            }
        }
        Ok(())
    }

    /// Removes closed segments that nobody needs any more.
    pub(super) fn sweep(&mut self, now: Timestamp) -> Result<(), SeriesError> {
        let oldest = now.before(SERIES_RETENTION);
        while self.segments.len() > 1 {
            let total: u64 = self.segments.iter().map(|segment| segment.bytes).sum();
            let first = &self.segments[0];
            if first.newest >= oldest && total <= SERIES_LOG_BYTES_MAX {
                return Ok(());
            }
            match self.disk.remove(&first.name) {
                // A segment whose very first write failed may not be there.
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(SeriesError::Sweeping { source: error });
                }
                Ok(()) | Err(_) => self.segments.remove(0),
            };
        }
        Ok(())
    }

    /// The place of the segment to write to, a new one when the last is full, old or suspect.
    fn writable(&mut self, now: Timestamp) -> usize {
        let fits = |segment: &Segment| {
            !segment.closed
                && segment.bytes < SERIES_SEGMENT_BYTES
                && now.since(segment.began) < SERIES_SEGMENT_AGE
        };
        if !self.segments.last().is_some_and(fits) {
            let name = name(self.next_number);
            self.next_number += 1;
            self.segments.push(Segment {
                name,
                bytes: 0,
                acknowledged: 0,
                began: now,
                newest: now,
                closed: false,
                sealed: true,
            });
        }
        self.segments.len() - 1
    }
}

pub(super) fn name(number: u64) -> String {
    format!("{number:020}.log")
}

/// The number of a segment; `None` for files that are not ours.
fn number(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".log").filter(|digits| digits.len() == 20)?;
    digits.parse().ok()
}

fn newest_row(record: &LogRecord) -> Option<Timestamp> {
    match record {
        LogRecord::Rows(_, batch) => batch.at.iter().max().copied(),
        LogRecord::Forget(_) => None,
    }
}

/// What a segment had.
#[derive(Default)]
struct Found {
    /// The newest row.
    newest: Option<Timestamp>,
    /// Places where there is no record and records behind.
    damaged: usize,
    damaged_bytes: usize,
    /// Bytes at the end that are no record.
    torn: usize,
}

impl Found {
    fn say(&self, segment: &str) {
        if self.torn > 0 {
            let torn = self.torn;
            tracing::warn!(segment, torn, "the series log ends in a torn record");
        }
        if self.damaged > 0 {
            let (places, bytes) = (self.damaged, self.damaged_bytes);
            tracing::error!(segment, places, bytes, "readings are lost: the series log is damaged");
        }
    }
}

/// Hands out the whole records of a segment.
fn replay(bytes: &[u8], each: &mut impl FnMut(LogRecord)) -> Found {
    let mut found = Found::default();
    for piece in Pieces::of(bytes, is_likely) {
        match piece {
            Piece::Whole(payload) => match decode(payload) {
                Some(record) => {
                    found.newest = found.newest.max(newest_row(&record));
                    each(record);
                }
                None => {
                    found.damaged += 1;
                    found.damaged_bytes += payload.len();
                }
            },
            Piece::Damaged(bytes) => {
                found.damaged += 1;
                found.damaged_bytes += bytes;
            }
            Piece::Torn(bytes) => found.torn = bytes,
        }
    }
    found
}

/// A segment's bytes with one record for each server that has rows not older than `oldest`: they
/// say the same. What was forgotten comes first, so that older segments forget it, too.
fn merged(bytes: &[u8], oldest: Timestamp) -> Vec<u8> {
    let (mut head, mut gone) = (Head::default(), BTreeSet::new());
    replay(bytes, &mut |record| match record {
        LogRecord::Rows(server, batch) => head.insert(server, &batch, oldest),
        LogRecord::Forget(server) => {
            head.forget(server);
            gone.insert(server);
        }
    });
    let mut out = Vec::new();
    for server in gone {
        encode(&LogRecord::Forget(server), &mut out);
    }
    for (server, batch) in head.batches() {
        encode(&LogRecord::Rows(server, batch), &mut out);
    }
    out
}
