//! Minutes: what each farm role was like in each minute of the last weeks, on disk.
//!
//! The head forgets after hours; what a replay of the past needs of it is kept here, much smaller:
//! for each farm role and minute how many servers there were, how many scaling wanted, and the
//! average of each metric that rules look at. Averages over the servers are enough, because the
//! load of a farm role is the average times the servers, whichever of them carried it.
//!
//! A minute is one append and no sync: a power cut costs the last minute or so of history, and
//! decides nothing. Segments are numbered, carry their first minute in their name, and span a day
//! or [`MINUTES_SEGMENT_BYTES`] at the most. They are never in memory: a query reads those it
//! needs, one after the other. The oldest goes when it is past the retention or all are too large,
//! one at a time, so that a clock that is wrong for a moment does not cost the history.
//!
//! **Torn, rotten, newer.** What is not whole at the end of the last segment is cut off at the
//! start; a damaged record elsewhere is said and costs itself alone. After a write that failed a
//! new segment is begun. Records of another version are passed over.
//!
//! Not here: readings of single servers beyond the head's hours, and what minutes mean for scaling
//! (`engine::whatif`).

mod record;
#[cfg(test)]
mod tests;

use super::SeriesError;
use super::disk::Disk;
use super::record::{Piece, Pieces, frame};
use crate::base::limit::{
    MINUTES_BYTES_MAX, MINUTES_RETENTION, MINUTES_SEGMENT_AGE, MINUTES_SEGMENT_BYTES,
};
use crate::base::{FarmRoleId, Timestamp};
use crate::model::RoleMinute;
use std::collections::BTreeSet;
use std::io;

/// The minutes of one folder.
pub(super) struct Minutes {
    disk: Box<dyn Disk>,
    /// In the order they were begun; the last may be written to.
    segments: Vec<Segment>,
    next_number: u64,
}

struct Segment {
    name: String,
    first: Timestamp,
    bytes: u64,
    closed: bool,
}

impl Segment {
    /// Whether a minute belongs in it.
    fn spans(&self, at: Timestamp) -> bool {
        at >= self.first && at.since(self.first) < MINUTES_SEGMENT_AGE
    }
}

impl Minutes {
    /// Opens the minutes of a folder; only the last segment is read.
    pub(super) fn open(mut disk: Box<dyn Disk>) -> io::Result<Minutes> {
        let mut known: Vec<(u64, Timestamp, String)> = disk
            .list()?
            .into_iter()
            .filter_map(|name| parse(&name).map(|(number, first)| (number, first, name)))
            .collect();
        known.sort_unstable();
        let next_number = known.last().map_or(1, |(number, ..)| number + 1);
        let mut segments = Vec::new();
        for (_, first, name) in known {
            let bytes = disk.length(&name)?;
            segments.push(Segment { name, first, bytes, closed: true });
        }
        let mut minutes = Minutes { disk, segments, next_number };
        minutes.recover()?;
        Ok(minutes)
    }

    /// Cuts a torn end off the last segment, so that it can be written to again.
    fn recover(&mut self) -> io::Result<()> {
        let Some(last) = self.segments.last_mut() else { return Ok(()) };
        if last.bytes >= MINUTES_SEGMENT_BYTES {
            return Ok(());
        }
        let bytes = self.disk.read(&last.name)?;
        let mut whole = bytes.len();
        if let Some(Piece::Torn(torn)) = Pieces::of(&bytes, record::is_likely).last() {
            whole -= torn;
            tracing::warn!(segment = %last.name, torn, "recorded minutes end in a torn record");
            self.disk.truncate(&last.name, whole as u64)?;
        }
        last.bytes = whole as u64;
        last.closed = false;
        Ok(())
    }

    /// Adds the farm roles of one minute, in the order of their numbers: one append.
    pub(super) fn append(&mut self, at: Timestamp, rows: &[RoleMinute]) -> io::Result<()> {
        let mut bytes = Vec::new();
        for rows in rows.chunks(record::ROWS_MAX) {
            frame(&record::encode(at, rows), &mut bytes);
        }
        let place = self.writable(at)?;
        let segment = &mut self.segments[place];
        let written = self.disk.append(&segment.name, &bytes);
        segment.bytes += bytes.len() as u64;
        segment.closed |= written.is_err();
        written
    }

    /// Removes the oldest segment if nobody needs it any more.
    pub(super) fn sweep(&mut self, now: Timestamp) -> Result<(), SeriesError> {
        let total: u64 = self.segments.iter().map(|segment| segment.bytes).sum();
        let Some(first) = self.segments.first() else { return Ok(()) };
        let end = first.first.after(MINUTES_SEGMENT_AGE);
        let is_old = end < now.before(MINUTES_RETENTION);
        let is_too_much = total > MINUTES_BYTES_MAX && self.segments.len() > 1;
        if !is_old && !is_too_much {
            return Ok(());
        }
        match self.disk.remove(&first.name) {
            // A segment whose very first write failed may not be there.
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(SeriesError::Sweeping { source: error });
            }
            Ok(()) | Err(_) => self.segments.remove(0),
        };
        Ok(())
    }

    /// When the oldest minute that is kept began.
    pub(super) fn oldest(&self) -> Option<Timestamp> {
        self.segments.iter().map(|segment| segment.first).min()
    }

    /// The minutes of some farm roles that begin within `from..to`, by farm role and time; `None`
    /// when there are more than `at_most`.
    pub(super) fn read(
        &mut self,
        farm_roles: &BTreeSet<FarmRoleId>,
        from: Timestamp,
        to: Timestamp,
        at_most: usize,
    ) -> io::Result<Option<Vec<RoleMinute>>> {
        let mut found: Vec<RoleMinute> = Vec::new();
        for segment in &self.segments {
            if segment.first >= to || segment.first.after(MINUTES_SEGMENT_AGE) <= from {
                continue;
            }
            let bytes = match self.disk.read(&segment.name) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                read => read?,
            };
            for piece in Pieces::of(&bytes, record::is_likely) {
                let Piece::Whole(payload) = piece else {
                    tracing::warn!(segment = %segment.name, "recorded minutes are damaged");
                    continue;
                };
                let mut keep = |row: RoleMinute| {
                    if row.at >= from && row.at < to {
                        found.push(row);
                    }
                };
                if record::decode(payload, farm_roles, &mut keep).is_none() {
                    tracing::warn!(segment = %segment.name, "a recorded minute is not understood");
                }
            }
            if found.len() > at_most {
                return Ok(None);
            }
        }
        // Where the clock was set back a minute is there twice: what was recorded first stays.
        found.sort_by_key(|row| (row.farm_role, row.at));
        found.dedup_by_key(|row| (row.farm_role, row.at));
        Ok(Some(found))
    }

    /// The place of the segment to write to, a new one when the last is full, past or suspect.
    fn writable(&mut self, at: Timestamp) -> io::Result<usize> {
        let fits = |segment: &Segment| {
            !segment.closed && segment.bytes < MINUTES_SEGMENT_BYTES && segment.spans(at)
        };
        if !self.segments.last().is_some_and(fits) {
            if let Some(last) = self.segments.last_mut().filter(|last| !last.closed) {
                last.closed = true;
                self.disk.sync(&last.name)?;
            }
            let name = format!("{:012}-{:015}.minutes", self.next_number, at.0);
            self.next_number += 1;
            self.segments.push(Segment { name, first: at, bytes: 0, closed: false });
        }
        Ok(self.segments.len() - 1)
    }
}

/// The number and the first minute of a segment; `None` for files that are not ours.
fn parse(name: &str) -> Option<(u64, Timestamp)> {
    let (number, first) = name.strip_suffix(".minutes")?.split_once('-')?;
    Some((number.parse().ok()?, Timestamp(first.parse().ok()?)))
}
