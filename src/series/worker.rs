//! What owns the log: takes batches in groups, makes them durable, then visible, then answers.
//!
//! A group is what comes within a gather window of its first batch, so that a fleet's readings
//! share the syncs of the disk. Whoever waits is an agent that sends every few seconds, so it
//! costs nobody anything; a full group and a stop end the window at once.

use super::head::Head;
use super::log::Log;
use super::record::LogRecord;
use super::{Done, SeriesError};
use crate::base::limit::{SERIES_GATHER, SERIES_GROUP_MAX, SERIES_RETENTION, SERIES_SWEEP_PERIOD};
use crate::base::problem::chain;
use crate::base::{Clock, Millis};
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

/// One record and who waits for it.
pub(super) struct Request {
    pub(super) record: LogRecord,
    pub(super) done: Done,
}

/// The owner of the log.
pub(super) struct Worker {
    log: Log,
    head: Arc<RwLock<Head>>,
    clock: Arc<dyn Clock>,
    receiver: Receiver<Request>,
    gather: Duration,
    swept_at: Millis,
}

impl Worker {
    pub(super) fn new(
        log: Log,
        head: Arc<RwLock<Head>>,
        clock: Arc<dyn Clock>,
        receiver: Receiver<Request>,
    ) -> Worker {
        let swept_at = clock.monotonic();
        let gather = Duration::from_millis(SERIES_GATHER);
        Worker { log, head, clock, receiver, gather, swept_at }
    }

    /// The same with another gather window.
    #[cfg(test)]
    pub(super) fn gathering(self, gather: Duration) -> Worker {
        Worker { gather, ..self }
    }

    /// Works until nobody can send any more.
    pub(super) fn run(mut self) {
        loop {
            match self.receiver.recv_timeout(Duration::from_millis(SERIES_SWEEP_PERIOD)) {
                Ok(first) => {
                    let group = self.gather(first);
                    self.commit(group);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return self.seal(true),
            }
            self.sweep();
        }
    }

    /// Works until nothing waits; says how many records that were.
    pub(super) fn drain(&mut self) -> usize {
        let mut count = 0;
        while let Ok(first) = self.receiver.try_recv() {
            let mut group = vec![first];
            group.extend(self.receiver.try_iter().take(SERIES_GROUP_MAX - 1));
            count += group.len();
            self.commit(group);
        }
        self.sweep();
        count
    }

    /// Writes segments anew that nobody writes to any more, or all at a clean stop.
    pub(super) fn seal(&mut self, all: bool) {
        if let Err(error) = self.log.seal(all, self.clock.now()) {
            let error = chain(&error);
            tracing::warn!(error, "a segment of the series log could not be sealed");
        }
    }

    /// A group: the first request and what comes within the gather window.
    fn gather(&mut self, first: Request) -> Vec<Request> {
        let began = self.clock.monotonic();
        let mut group = vec![first];
        while group.len() < SERIES_GROUP_MAX {
            let waited = self.clock.monotonic().saturating_sub(began);
            let left = self.gather.saturating_sub(Duration::from_millis(waited));
            let Ok(request) = self.receiver.recv_timeout(left) else { break };
            group.push(request);
        }
        group
    }

    /// Makes a group durable with one sync, shows it and answers.
    fn commit(&mut self, group: Vec<Request>) {
        let (records, waiting): (Vec<LogRecord>, Vec<Done>) =
            group.into_iter().map(|request| (request.record, request.done)).unzip();
        let now = self.clock.now();
        match self.log.commit(&records, now) {
            Ok(()) => {
                self.show(records);
                waiting.into_iter().for_each(|done| done(Ok(())));
            }
            Err(error) => {
                tracing::error!(%error, batches = records.len(), "writing the series log");
                // An error has one owner: each waiter gets the same kind and text.
                for done in waiting {
                    let source = io::Error::new(error.kind(), error.to_string());
                    done(Err(SeriesError::Writing { source }));
                }
            }
        }
    }

    fn show(&self, records: Vec<LogRecord>) {
        let oldest = self.clock.now().before(SERIES_RETENTION);
        let mut head = self.head.write().unwrap_or_else(PoisonError::into_inner);
        for record in records {
            match record {
                LogRecord::Rows(server, batch) => head.insert(server, &batch, oldest),
                LogRecord::Forget(server) => head.forget(server),
            }
        }
    }

    fn sweep(&mut self) {
        self.seal(false);
        let ticks = self.clock.monotonic();
        if ticks.saturating_sub(self.swept_at) < SERIES_SWEEP_PERIOD {
            return;
        }
        self.swept_at = ticks;
        let now = self.clock.now();
        let oldest = now.before(SERIES_RETENTION);
        self.head.write().unwrap_or_else(PoisonError::into_inner).sweep(oldest);
        if let Err(error) = self.log.sweep(now) {
            tracing::warn!(error = chain(&error), "the series log keeps old segments");
        }
    }
}
