//! Floor 3: readings over time. A head in memory, a log on disk, queries over windows.
//!
//! Agents send batches (`wire::reading`); [`Series::append`] answers once a batch would survive a
//! power cut, and then the agent forgets it. Batches that come within 100 ms share one sync.
//! Queries over servers read the head only: the last hours of every server. Of what is older,
//! `minutes` keeps what each farm role was like in each minute, for weeks, on disk; the rest is
//! let go.
//!
//! One thread owns the log ([`Mode::Thread`]); the simulator drains the same queue on its own
//! thread ([`Mode::Drained`]). A batch reaches the head after it reached the disk, never before,
//! so that nothing is decided on a reading that a restart would take back.
//!
//! **Sent twice, sent late, sent wrong.** A cell keeps its first value, so a batch may be sent as
//! often as an agent likes. Rows that come late from an agent's spool are put where they belong;
//! those past the retention are dropped. Rows far ahead of our clock are refused, because they
//! would pass for the newest for as long: when nothing else is left of a batch, its sender is
//! told how far ahead it is.
//!
//! **Sent in error.** What one server counts for in an average has a bound that whoever asks
//! gives, so that none speaks for the others.
//!
//! Not here: what readings mean for scaling (the engine is handed an [`Average`] and may refuse to
//! conclude from it), chunks. Readings are not journaled.
//!
//! Read next: `head` (columns), `log` (segments), `record` (bytes), `memory` (the disk that fails
//! on request, for the crash tests in `tests.rs`).

mod disk;
mod head;
mod log;
mod memory;
mod minutes;
mod record;
#[cfg(test)]
mod tests;
mod worker;

pub use disk::{Disk, Folder};
pub use log::is_whole;
pub use memory::MemoryDisk;

use crate::base::limit::{SERIES_AHEAD_MAX, SERIES_QUEUE_MAX, SERIES_RETENTION};
use crate::base::{Clock, FarmRoleId, Millis, ServerId, Timestamp};
use crate::model::RoleMinute;
use crate::wire::reading::{self, Batch};
use head::Head;
use log::Log;
use minutes::Minutes;
use record::LogRecord;
use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use worker::{Request, Worker};

/// Who carries out what is appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A thread of its own.
    Thread,
    /// Whoever calls [`Series::drain`]: the simulator, and tests.
    Drained,
}

/// What is called once a batch is durable, or is not going to be.
pub type Done = Box<dyn FnOnce(Result<(), SeriesError>) + Send>;

/// Why readings were not kept.
#[derive(Debug, thiserror::Error)]
pub enum SeriesError {
    /// The log's folder cannot be read; the appliance does not start.
    #[error("opening the series log")]
    Opening {
        /// What the disk said.
        source: io::Error,
    },
    /// The disk is full or failing; sending again later may work.
    #[error("writing the series log")]
    Writing {
        /// What the disk said, once for all batches of the group.
        source: io::Error,
    },
    /// An old segment cannot be removed; tried again at the next sweep.
    #[error("removing an old segment of the series log")]
    Sweeping {
        /// What the disk said.
        source: io::Error,
    },
    /// Recorded minutes cannot be written or read.
    #[error("{doing} recorded minutes")]
    Minutes {
        /// `writing` or `reading`.
        doing: &'static str,
        /// What the disk said.
        source: io::Error,
    },
    /// More batches wait than may; sending again later will work.
    #[error("the series log is busy: {SERIES_QUEUE_MAX} batches wait for it")]
    Busy,
    /// The series are closing.
    #[error("the series log is closed")]
    Closed,
    /// Every row is too far in the future; sending it again is no use.
    #[error("readings are {} ahead of the appliance's clock", crate::base::time::say(*by_ms))]
    Ahead {
        /// How far the nearest row is ahead.
        by_ms: Millis,
    },
    /// The batch is not one [`reading::decode`] would have made; sending it again is no use.
    #[error("a batch with too many series or rows, or columns without one value a row")]
    Shape,
}

/// An average over servers, and how much of what it should rest on it rests on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Average {
    /// Over the servers that sent readings in the window; `None` when none did.
    pub average: Option<f64>,
    /// How many did.
    pub have: u32,
    /// How many were asked about.
    pub want: u32,
    /// The highest of the servers' own averages.
    pub highest: Option<f64>,
    /// The newest reading in the window.
    pub newest_at: Option<Timestamp>,
}

/// Readings of all servers; clones share them.
#[derive(Clone)]
pub struct Series {
    shared: Arc<Shared>,
}

struct Shared {
    clock: Arc<dyn Clock>,
    head: Arc<RwLock<Head>>,
    minutes: Mutex<Minutes>,
    /// `None` once closed.
    queue: Mutex<Option<SyncSender<Request>>>,
    /// In [`Mode::Drained`], what a thread would own.
    worker: Mutex<Option<Worker>>,
    thread: Mutex<Option<std::thread::JoinHandle<()>>>,
}

impl Series {
    /// Opens the series of a folder and reads the last hours back.
    pub fn open(path: &Path, clock: Arc<dyn Clock>, mode: Mode) -> Result<Series, SeriesError> {
        let folder = |path: &Path| Folder::open(path).map_err(opening);
        let (log, minutes) = (folder(path)?, folder(&path.join("minutes"))?);
        Series::open_on(Box::new(log), Box::new(minutes), clock, mode)
    }

    /// The same on any disks: one for the log, one for the minutes.
    pub fn open_on(
        disk: Box<dyn Disk>,
        minutes: Box<dyn Disk>,
        clock: Arc<dyn Clock>,
        mode: Mode,
    ) -> Result<Series, SeriesError> {
        let now = clock.now();
        let oldest = now.before(SERIES_RETENTION);
        let mut head = Head::default();
        let log = Log::open(disk, now, |record| match record {
            LogRecord::Rows(server, batch) => head.insert(server, &batch, oldest),
            LogRecord::Forget(server) => head.forget(server),
        })?;
        let minutes = Mutex::new(Minutes::open(minutes).map_err(opening)?);
        let head = Arc::new(RwLock::new(head));
        let (sender, receiver) = sync_channel(SERIES_QUEUE_MAX);
        let worker = Worker::new(log, Arc::clone(&head), Arc::clone(&clock), receiver);
        let (worker, thread) = match mode {
            Mode::Drained => (Some(worker), None),
            Mode::Thread => {
                let thread = std::thread::Builder::new()
                    .name("series".into())
                    .spawn(move || worker.run())
                    .map_err(opening)?;
                (None, Some(thread))
            }
        };
        let (queue, worker) = (Mutex::new(Some(sender)), Mutex::new(worker));
        let thread = Mutex::new(thread);
        Ok(Series { shared: Arc::new(Shared { clock, head, minutes, queue, worker, thread }) })
    }

    /// Takes a batch; `done` is called once it would survive a power cut, or why it will not.
    pub fn append(&self, server: ServerId, batch: Batch, done: Done) {
        match self.admit(batch) {
            Err(error) => done(Err(error)),
            Ok(batch) if batch.at.is_empty() => done(Ok(())),
            Ok(batch) => self.queue(Request { record: LogRecord::Rows(server, batch), done }),
        }
    }

    /// Lets a server's readings go: it is confirmed gone.
    pub fn forget(&self, server: ServerId) {
        let done: Done = Box::new(move |result| {
            if let Err(error) = result {
                // Harmless: its rows age out by themselves.
                let error = crate::base::problem::chain(&error);
                tracing::warn!(%server, error, "could not forget the readings of a server");
            }
        });
        self.queue(Request { record: LogRecord::Forget(server), done });
    }

    /// Readings of one series of one server within `from..=to`, oldest first.
    pub fn window(
        &self,
        server: ServerId,
        series: &str,
        from: Timestamp,
        to: Timestamp,
    ) -> Vec<(Timestamp, f64)> {
        self.head(|head| head.window(server, series, from, to))
    }

    /// The average of one series over servers within `from..=to`, each server weighing the same and
    /// counting for `at_most` as much, and no less than nothing.
    pub fn average(
        &self,
        servers: &[ServerId],
        series: &str,
        from: Timestamp,
        to: Timestamp,
        at_most: f64,
    ) -> Average {
        self.head(|head| head.average(servers, series, from, to, at_most))
    }

    /// The newest reading of each series of a server, by name.
    pub fn latest(&self, server: ServerId) -> Vec<(String, Timestamp, f64)> {
        self.head(|head| head.latest(server))
    }

    /// Keeps what farm roles were like in one minute, in the order of their numbers: one append,
    /// without a sync. Lets go of what is older than is kept.
    pub fn record_minute(&self, at: Timestamp, rows: &[RoleMinute]) -> Result<(), SeriesError> {
        let mut minutes = self.minutes();
        let written = minutes.append(at, rows);
        written.map_err(|source| SeriesError::Minutes { doing: "writing", source })?;
        minutes.sweep(self.shared.clock.now())
    }

    /// Recorded minutes of some farm roles that begin within `from..to`, by farm role and time;
    /// `None` when there are more than `at_most`. It reads the disk.
    pub fn recorded_minutes(
        &self,
        farm_roles: &BTreeSet<FarmRoleId>,
        from: Timestamp,
        to: Timestamp,
        at_most: usize,
    ) -> Result<Option<Vec<RoleMinute>>, SeriesError> {
        let found = self.minutes().read(farm_roles, from, to, at_most);
        found.map_err(|source| SeriesError::Minutes { doing: "reading", source })
    }

    /// When the oldest minute that is kept began; `None` when none is.
    pub fn oldest_minute(&self) -> Option<Timestamp> {
        self.minutes().oldest()
    }

    /// How many servers have readings, and how many cells they take in memory.
    pub fn size(&self) -> (usize, usize) {
        self.head(Head::size)
    }

    /// Carries out what waits, in [`Mode::Drained`]; says how many batches that were.
    pub fn drain(&self) -> usize {
        let mut worker = self.shared.worker.lock().unwrap_or_else(PoisonError::into_inner);
        worker.as_mut().map_or(0, Worker::drain)
    }

    /// Carries out what waits, takes nothing more, seals the log and ends the thread.
    pub fn close(&self) {
        self.shared.queue.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.drain();
        if let Some(mut worker) =
            self.shared.worker.lock().unwrap_or_else(PoisonError::into_inner).take()
        {
            worker.seal(true);
        }
        let thread = self.shared.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the series thread ended in a panic");
        }
    }

    /// What is left of a batch once rows that are too far ahead are out.
    fn admit(&self, mut batch: Batch) -> Result<Batch, SeriesError> {
        let rows = batch.at.len();
        // What the log could not read back must not get in: it would end the segment.
        let fits = batch.series.len() == batch.columns.len()
            && batch.series.len() <= reading::SERIES_MAX
            && rows <= reading::ROWS_MAX
            && batch.series.iter().all(|name| (1..=120).contains(&name.len()))
            && batch.columns.iter().all(|column| column.len() == rows);
        if !fits {
            return Err(SeriesError::Shape);
        }
        let now = self.shared.clock.now();
        let latest = now.after(SERIES_AHEAD_MAX);
        let good: Vec<bool> = batch.at.iter().map(|at| *at <= latest).collect();
        if let Some(nearest) = batch.at.iter().min().filter(|_| !good.contains(&true)) {
            return Err(SeriesError::Ahead { by_ms: nearest.since(now) });
        }
        if good.contains(&false) {
            let mut row = good.iter();
            batch.at.retain(|_| row.next() == Some(&true));
            for column in &mut batch.columns {
                let mut row = good.iter();
                column.retain(|_| row.next() == Some(&true));
            }
        }
        Ok(batch)
    }

    fn queue(&self, request: Request) {
        let queue = self.shared.queue.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(queue) = queue else { return (request.done)(Err(SeriesError::Closed)) };
        match queue.try_send(request) {
            Ok(()) => {}
            Err(TrySendError::Full(request)) => (request.done)(Err(SeriesError::Busy)),
            Err(TrySendError::Disconnected(request)) => (request.done)(Err(SeriesError::Closed)),
        }
    }

    fn minutes(&self) -> MutexGuard<'_, Minutes> {
        self.shared.minutes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn head<T>(&self, ask: impl FnOnce(&Head) -> T) -> T {
        ask(&self.shared.head.read().unwrap_or_else(PoisonError::into_inner))
    }
}

fn opening(source: io::Error) -> SeriesError {
    SeriesError::Opening { source }
}
