//! The head: the last hours of every server, in memory, in columns.
//!
//! A server's series share one column of timestamps, because an agent reads them together; a cell
//! without a reading is NaN. So a reading costs 8 bytes and its share of the timestamp, and names
//! are kept once for the whole fleet. Rows are kept in order of time and the first value of a
//! cell stays, so that a batch sent twice, or late from an agent's spool, does no harm.

use super::Average;
use crate::base::limit::{SERIES_HEAD_POINTS_MAX, SERIES_PER_SERVER_MAX};
use crate::base::{ServerId, Timestamp};
use crate::wire::reading::{Batch, ROWS_MAX};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// All servers' rows.
#[derive(Default)]
pub(super) struct Head {
    servers: BTreeMap<ServerId, Rows>,
    /// Every name in use, so that 10,000 servers share the text of 20 names.
    names: BTreeSet<Arc<str>>,
}

#[derive(Default)]
struct Rows {
    at: VecDeque<Timestamp>,
    columns: Vec<Column>,
}

struct Column {
    name: Arc<str>,
    /// One value a row of `at`.
    values: VecDeque<f64>,
}

impl Head {
    /// Takes a batch in; rows before `oldest` are not kept.
    pub(super) fn insert(&mut self, server: ServerId, batch: &Batch, oldest: Timestamp) {
        if batch.at.iter().all(|at| *at < oldest) {
            return;
        }
        let rows = self.servers.entry(server).or_default();
        let places = rows.places(batch, &mut self.names);
        for (row, at) in batch.at.iter().enumerate() {
            if *at < oldest {
                continue;
            }
            let index = rows.row(*at);
            for (column, place) in batch.columns.iter().zip(&places) {
                let Some(place) = place else { continue };
                let cell = &mut rows.columns[*place].values[index];
                if cell.is_nan() && column[row].is_finite() {
                    *cell = column[row];
                }
            }
        }
        rows.keep(SERIES_HEAD_POINTS_MAX);
    }

    /// Readings of one series within `from..=to`, oldest first.
    pub(super) fn window(
        &self,
        server: ServerId,
        series: &str,
        from: Timestamp,
        to: Timestamp,
    ) -> Vec<(Timestamp, f64)> {
        let Some(rows) = self.servers.get(&server) else { return Vec::new() };
        rows.readings(series, from, to).collect()
    }

    /// The average over servers of each server's average, so that one that sends more often does
    /// not weigh more.
    pub(super) fn average(
        &self,
        servers: &[ServerId],
        series: &str,
        from: Timestamp,
        to: Timestamp,
        at_most: f64,
    ) -> Average {
        let (mut sum, mut have, mut newest_at) = (0.0, 0u32, None);
        let mut highest: Option<f64> = None;
        for rows in servers.iter().filter_map(|server| self.servers.get(server)) {
            let (mut own, mut count) = (0.0, 0u32);
            for (at, value) in rows.readings(series, from, to) {
                own += value.clamp(0.0, at_most.max(0.0));
                count += 1;
                newest_at = newest_at.max(Some(at));
            }
            if count > 0 {
                let own = own / f64::from(count);
                sum += own;
                highest = Some(highest.map_or(own, |other| other.max(own)));
                have += 1;
            }
        }
        let average = (have > 0).then(|| sum / f64::from(have));
        let want = u32::try_from(servers.len()).unwrap_or(u32::MAX);
        Average { average, have, want, highest, newest_at }
    }

    /// The newest reading of each series of a server, by name.
    pub(super) fn latest(&self, server: ServerId) -> Vec<(String, Timestamp, f64)> {
        let Some(rows) = self.servers.get(&server) else { return Vec::new() };
        let mut latest: Vec<(String, Timestamp, f64)> = rows
            .columns
            .iter()
            .filter_map(|column| {
                let row = column.values.iter().rposition(|value| !value.is_nan())?;
                Some((column.name.to_string(), rows.at[row], column.values[row]))
            })
            .collect();
        latest.sort_by(|a, b| a.0.cmp(&b.0));
        latest
    }

    /// Everything in it, as batches that a record of the log can hold.
    pub(super) fn batches(&self) -> impl Iterator<Item = (ServerId, Batch)> {
        self.servers.iter().flat_map(|(server, rows)| {
            let starts = (0..rows.at.len()).step_by(ROWS_MAX);
            starts.map(|start| (*server, rows.batch(start, rows.at.len().min(start + ROWS_MAX))))
        })
    }

    /// Lets a server go.
    pub(super) fn forget(&mut self, server: ServerId) {
        self.servers.remove(&server);
    }

    /// Lets go of rows before `oldest`, of servers without rows and of names nobody uses.
    pub(super) fn sweep(&mut self, oldest: Timestamp) {
        self.servers.retain(|_, rows| {
            let kept = rows.at.len() - rows.at.partition_point(|at| *at < oldest);
            rows.keep(kept);
            !rows.at.is_empty()
        });
        // One holder is the set itself.
        self.names.retain(|name| Arc::strong_count(name) > 1);
    }

    /// Servers with readings, and readings in memory counting cells without one.
    pub(super) fn size(&self) -> (usize, usize) {
        let cells = self.servers.values().map(|rows| rows.at.len() * rows.columns.len()).sum();
        (self.servers.len(), cells)
    }
}

impl Rows {
    /// Where each of a batch's series goes; `None` for those past the bound.
    fn places(&mut self, batch: &Batch, names: &mut BTreeSet<Arc<str>>) -> Vec<Option<usize>> {
        let mut places = Vec::with_capacity(batch.series.len());
        for series in &batch.series {
            let known = self.columns.iter().position(|column| *column.name == **series);
            if known.is_none() && self.columns.len() < SERIES_PER_SERVER_MAX {
                let name = match names.get(series.as_str()) {
                    Some(name) => Arc::clone(name),
                    None => Arc::from(series.as_str()),
                };
                names.insert(Arc::clone(&name));
                let values = std::iter::repeat_n(f64::NAN, self.at.len()).collect();
                self.columns.push(Column { name, values });
                places.push(Some(self.columns.len() - 1));
            } else {
                places.push(known);
            }
        }
        places
    }

    /// The row of a moment, made when there is none.
    fn row(&mut self, at: Timestamp) -> usize {
        let index = self.at.partition_point(|other| *other < at);
        if self.at.get(index) != Some(&at) {
            self.at.insert(index, at);
            for column in &mut self.columns {
                column.values.insert(index, f64::NAN);
            }
        }
        index
    }

    /// Some of the rows, with the series that have a reading among them.
    fn batch(&self, from: usize, to: usize) -> Batch {
        let mut batch =
            Batch { at: self.at.range(from..to).copied().collect(), ..Batch::default() };
        for column in &self.columns {
            let values: Vec<f64> = column.values.range(from..to).copied().collect();
            if values.iter().any(|value| !value.is_nan()) {
                batch.series.push(column.name.to_string());
                batch.columns.push(values);
            }
        }
        batch
    }

    /// Keeps the newest rows, and the columns that have a reading among them.
    fn keep(&mut self, count: usize) {
        let gone = self.at.len().saturating_sub(count);
        if gone == 0 {
            return;
        }
        self.at.drain(..gone);
        for column in &mut self.columns {
            column.values.drain(..gone);
        }
        self.columns.retain(|column| column.values.iter().any(|value| !value.is_nan()));
    }

    fn readings(
        &self,
        series: &str,
        from: Timestamp,
        to: Timestamp,
    ) -> impl Iterator<Item = (Timestamp, f64)> {
        let column = self.columns.iter().find(|column| *column.name == *series);
        let first = self.at.partition_point(|at| *at < from);
        let last = self.at.partition_point(|at| *at <= to).max(first);
        column.into_iter().flat_map(move |column| {
            let values = column.values.range(first..last).copied();
            self.at.range(first..last).copied().zip(values).filter(|(_, value)| !value.is_nan())
        })
    }
}
