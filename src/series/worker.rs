//! What owns the log: takes batches in groups, makes them durable, then visible, then answers.

use super::head::Head;
use super::log::Log;
use super::record::Record;
use super::{Done, SeriesError};
use crate::base::limit::{SERIES_GROUP_MAX, SERIES_RETENTION, SERIES_SWEEP_PERIOD};
use crate::base::problem::chain;
use crate::base::{Clock, Millis};
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

/// One record and who waits for it.
pub(super) struct Request {
    pub(super) record: Record,
    pub(super) done: Done,
}

/// The owner of the log.
pub(super) struct Worker {
    log: Log,
    head: Arc<RwLock<Head>>,
    clock: Arc<dyn Clock>,
    receiver: Receiver<Request>,
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
        Worker { log, head, clock, receiver, swept_at }
    }

    /// Works until nobody can send any more.
    pub(super) fn run(mut self) {
        loop {
            match self.receiver.recv_timeout(Duration::from_millis(SERIES_SWEEP_PERIOD)) {
                Ok(first) => {
                    self.group(first);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.sweep();
        }
    }

    /// Works until nothing waits; says how many records that were.
    pub(super) fn drain(&mut self) -> usize {
        let mut count = 0;
        while let Ok(first) = self.receiver.try_recv() {
            count += self.group(first);
        }
        self.sweep();
        count
    }

    /// One group: what waits already shares the sync of the first.
    fn group(&mut self, first: Request) -> usize {
        let mut records = vec![first.record];
        let mut waiting = vec![first.done];
        while records.len() < SERIES_GROUP_MAX {
            let Ok(request) = self.receiver.try_recv() else { break };
            records.push(request.record);
            waiting.push(request.done);
        }
        let count = records.len();
        let now = self.clock.now();
        match self.log.commit(&records, now) {
            Ok(()) => {
                self.show(records);
                waiting.into_iter().for_each(|done| done(Ok(())));
            }
            Err(error) => {
                tracing::error!(%error, batches = count, "writing the series log");
                // An error has one owner: each waiter gets the same kind and text.
                for done in waiting {
                    let source = io::Error::new(error.kind(), error.to_string());
                    done(Err(SeriesError::Writing { source }));
                }
            }
        }
        count
    }

    fn show(&self, records: Vec<Record>) {
        let oldest = self.clock.now().before(SERIES_RETENTION);
        let mut head = self.head.write().unwrap_or_else(PoisonError::into_inner);
        for record in records {
            match record {
                Record::Rows(server, batch) => head.insert(server, &batch, oldest),
                Record::Forget(server) => head.forget(server),
            }
        }
    }

    fn sweep(&mut self) {
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
