//! The write-ahead log: what is in it survives, and the head is made of it again at the start.
//!
//! Segments are numbered files of records. Only the newest is written to; it is closed at a size
//! or an age, and a closed one is removed once every row in it is older than the retention, or
//! the log as a whole too large. After a write or a sync that failed nobody knows what the disk
//! holds of that segment, so it is left alone and the next group starts a new one.

use super::SeriesError;
use super::disk::Disk;
use super::record::{Record, decode, encode};
use crate::base::Timestamp;
use crate::base::limit::{
    SERIES_LOG_BYTES_MAX, SERIES_RETENTION, SERIES_SEGMENT_AGE, SERIES_SEGMENT_BYTES,
};
use std::io;

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
    /// When it was begun, or opened again.
    began: Timestamp,
    /// The newest row in it, or when a record without rows was written.
    newest: Timestamp,
    closed: bool,
}

impl Log {
    /// Opens the log and hands out every whole record in the order they were written.
    pub(super) fn open(
        mut disk: Box<dyn Disk>,
        now: Timestamp,
        mut each: impl FnMut(Record),
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
            let (whole, newest) = replay(&bytes, &mut each);
            if whole < bytes.len() {
                let torn = bytes.len() - whole;
                tracing::warn!(segment = %name, torn, "the series log ends in a torn record");
                log.disk.truncate(&name, whole as u64).map_err(opening)?;
            }
            let newest = newest.unwrap_or(now);
            log.segments.push(Segment {
                name,
                bytes: whole as u64,
                began: now,
                newest,
                closed: false,
            });
        }
        Ok(log)
    }

    /// Writes a group of records and returns once they would survive a power cut.
    pub(super) fn commit(&mut self, group: &[Record], now: Timestamp) -> io::Result<()> {
        let mut bytes = Vec::new();
        for record in group {
            encode(record, &mut bytes);
        }
        let newest = group.iter().filter_map(newest_row).max().unwrap_or(now);
        let at = self.writable(now);
        let segment = &mut self.segments[at];
        let written =
            self.disk.append(&segment.name, &bytes).and_then(|()| self.disk.sync(&segment.name));
        segment.bytes += bytes.len() as u64;
        segment.newest = segment.newest.max(newest);
        segment.closed |= written.is_err();
        written
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
            self.segments.push(Segment { name, bytes: 0, began: now, newest: now, closed: false });
        }
        self.segments.len() - 1
    }
}

fn name(number: u64) -> String {
    format!("{number:020}.log")
}

/// The number of a segment; `None` for files that are not ours.
fn number(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".log").filter(|digits| digits.len() == 20)?;
    digits.parse().ok()
}

fn newest_row(record: &Record) -> Option<Timestamp> {
    match record {
        Record::Rows(_, batch) => batch.at.iter().max().copied(),
        Record::Forget(_) => None,
    }
}

/// Hands out the whole records of a segment; says how many bytes they take and how new they are.
fn replay(bytes: &[u8], each: &mut impl FnMut(Record)) -> (usize, Option<Timestamp>) {
    let (mut whole, mut newest) = (0, None);
    while let Some((record, length)) = decode(&bytes[whole..]) {
        newest = newest.max(newest_row(&record));
        whole += length;
        each(record);
    }
    (whole, newest)
}
