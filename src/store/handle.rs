//! The handle everybody above holds: open, read, write, follow, close.

use super::database::Slot;
use super::disk::Disk;
use super::error::{OpenError, StoreError};
use super::group::{Author, CrashHook, Task, Work, Writer, WriterStats, finish};
use super::journal::{self, Entry, Subject};
use super::keyring::Keyring;
use super::lock::DirectoryLock;
use super::place::StoreFiles;
use super::queue::Queue;
use super::reads::View;
use super::reseal::{self, SealedValues};
use super::stories;
use super::tables::Table;
use super::tx::Tx;
use super::verify::{self, Verified, VerifyError};
use crate::base::limit::{
    STORE_CLOSE_DEADLINE, STORE_HELD_BYTES, STORE_HOLD_ABOVE_BYTES, WRITE_DEADLINE,
};
use crate::base::wake::Waker;
use crate::base::{Clock, Code, Problem, Seq};
use crate::model::{Grant, Scope};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// Who carries out writes.
#[derive(Clone)]
pub enum Mode {
    /// A thread of the store's own, many writes to a commit.
    Thread,
    /// Whoever writes, one write to a commit: for the simulator, which runs everything on one
    /// thread and may crash the appliance at every commit.
    Inline(Option<CrashHook>),
}

/// The store. Clones are the same store.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    writer: Arc<Writer>,
    way: Way,
    lock: Mutex<Option<DirectoryLock>>,
}

/// How a write gets to the writer.
enum Way {
    Queue(Queue),
    Inline,
}

impl Store {
    /// Opens the store of a state directory, made if it is not there, and takes its lock.
    ///
    /// # Errors
    /// [`OpenError::InUse`] names the process that has it; [`OpenError::Newer`] is a store of a
    /// later version; the rest is the disk's.
    pub fn open(dir: &Path, clock: Arc<dyn Clock>, mode: Mode) -> Result<Store, OpenError> {
        let lock = DirectoryLock::take(dir)?;
        Store::assemble(StoreFiles::File(dir.join("store.redb")), Some(lock), clock, mode)
    }

    /// Opens a store on a disk in memory, new or left behind by another.
    pub fn open_on(disk: &Disk, clock: Arc<dyn Clock>, mode: Mode) -> Result<Store, OpenError> {
        Store::assemble(StoreFiles::Disk(disk.clone()), None, clock, mode)
    }

    fn assemble(
        place: StoreFiles,
        lock: Option<DirectoryLock>,
        clock: Arc<dyn Clock>,
        mode: Mode,
    ) -> Result<Store, OpenError> {
        let slot = Slot::open(place)?;
        let tail = journal::tail(&slot.view()?.txn)?;
        let (hook, threaded) = match mode {
            Mode::Thread => (None, true),
            Mode::Inline(hook) => (hook, false),
        };
        let writer = Arc::new(Writer::new(slot, clock, hook));
        writer.listeners.start_at(tail.seq);
        let way = match threaded {
            true => Way::Queue(Queue::start(writer.clone()).map_err(OpenError::Thread)?),
            false => Way::Inline,
        };
        let inner = Inner { writer, way, lock: Mutex::new(lock) };
        Ok(Store { inner: Arc::new(inner) })
    }

    /// Writes into the lock file where this process can be reached, for whoever is refused.
    pub fn announce(&self, socket: &Path) -> std::io::Result<()> {
        let lock = self.inner.lock.lock().unwrap_or_else(PoisonError::into_inner);
        lock.as_ref().map_or(Ok(()), |lock| lock.announce(socket))
    }

    /// Reads from one snapshot what a grant shows. Keep it short: pages that commits free meanwhile
    /// are kept.
    pub fn read<T>(
        &self,
        grant: &Grant,
        read: impl FnOnce(&View) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.read_in(grant.scope(), read)
    }

    /// The same, for what this room does itself.
    pub(super) fn read_in<T>(
        &self,
        scope: Scope,
        read: impl FnOnce(&View) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let slot = &self.inner.writer.slot;
        let view = View { scope, ..slot.view()? };
        read(&view).inspect_err(|error| slot.note(error, view.generation))
    }

    /// Writes, and returns once it is on disk: what the closure returned, and the journal's
    /// number for it (the last one when nothing changed).
    ///
    /// The closure must not write to the store itself. It may run on another thread, together
    /// with other writes, of which it sees those before it.
    ///
    /// # Errors
    /// What the closure returned; `LimitExceeded` when too many writes wait; `ServiceUnavailable`
    /// when the disk is full or fails, or the store is closed.
    pub fn write<T, F>(&self, author: Author, write: F) -> Result<(T, Seq), Problem>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T, Problem> + Send + 'static,
    {
        let (answer, answered) = sync_channel(1);
        self.submit(author, write, move |outcome| {
            // Nobody listens any more only after the deadline below, and then nobody can care.
            let _ = answer.send(outcome);
        });
        match answered.recv_timeout(Duration::from_millis(WRITE_DEADLINE)) {
            Ok(outcome) => outcome,
            Err(_) => {
                let message = "the writer did not answer in time; it may still do what was asked";
                Err(Problem::new(Code::ServiceUnavailable, message))
            }
        }
    }

    /// Writes without waiting: `done` is called once, on the writer's thread after the commit,
    /// or at once when the write cannot be queued. It must be short and must not write.
    pub fn submit<T, F, D>(&self, author: Author, write: F, done: D)
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T, Problem> + Send + 'static,
        D: FnOnce(Result<(T, Seq), Problem>) + Send + 'static,
    {
        let task = Task { author, write: Some(write), outcome: None, done };
        let work: Box<dyn Work> = Box::new(task);
        if self.inner.writer.is_running_here() {
            // Waiting here would be waiting for itself.
            let message = "a write was asked for inside a write";
            return finish(work, Err(Problem::new(Code::InternalServerError, message)));
        }
        match &self.inner.way {
            Way::Queue(queue) => {
                if let Err((work, problem)) = queue.push(work) {
                    finish(work, Err(problem));
                }
            }
            Way::Inline => self.inner.writer.run(vec![work], &mut || ()),
        }
    }

    /// Entries after a number, oldest first: so many of those that the grant shows.
    ///
    /// # Errors
    /// [`StoreError::Gone`] when the journal no longer reaches back that far.
    pub fn entries(
        &self,
        grant: &Grant,
        after: Seq,
        at_most: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        self.read(grant, |view| match view.scope {
            Scope::Installation => journal::entries(&view.txn, after, at_most),
            Scope::Environment(env) => {
                let found = stories::entries_of(&view.txn, env, after, at_most)?;
                Ok(shown(found, view.scope))
            }
        })
    }

    /// What people did before the first entry of the journal, and is kept beyond it: the last
    /// `at_most` of it, oldest first.
    pub fn entries_kept(&self, grant: &Grant, at_most: usize) -> Result<Vec<Entry>, StoreError> {
        self.read(grant, |view| Ok(shown(journal::kept(&view.txn, at_most)?, view.scope)))
    }

    /// One entry; `None` when there is none of that number, or no longer.
    pub fn entry(&self, grant: &Grant, seq: Seq) -> Result<Option<Entry>, StoreError> {
        self.read(grant, |view| {
            let found = journal::entry(&view.txn, seq)?;
            Ok(found.and_then(|entry| entry.shown_in(view.scope)))
        })
    }

    /// Entries of one story, newest first, before a number or from the latest.
    pub fn entries_about(
        &self,
        grant: &Grant,
        subject: Subject,
        before: Option<Seq>,
        at_most: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        self.read(grant, |view| {
            let found = journal::entries_about(&view.txn, subject, before, at_most)?;
            Ok(shown(found, view.scope))
        })
    }

    /// The oldest entry of one story that is kept; `None` when none is.
    pub fn first_about(
        &self,
        grant: &Grant,
        subject: Subject,
    ) -> Result<Option<Entry>, StoreError> {
        self.read(grant, |view| {
            let found = journal::first_about(&view.txn, subject)?;
            Ok(found.and_then(|entry| entry.shown_in(view.scope)))
        })
    }

    /// The last entry's number; 0 when there is none.
    pub fn last_seq(&self) -> Seq {
        self.inner.writer.listeners.last()
    }

    /// The last entry's number and the hash of its bytes: two stores with one head have one
    /// history, because every entry carries the hash of the one before.
    pub fn head(&self) -> Result<(Seq, [u8; 32]), StoreError> {
        self.read_in(Scope::Installation, |view| {
            journal::tail(&view.txn).map(|tail| (tail.seq, tail.hash))
        })
    }

    /// Wakes a job after every commit that changed one of these tables.
    pub fn wake_on(&self, tables: &[Table], waker: Waker) {
        self.inner.writer.listeners.wake_on(tables, waker);
    }

    /// The last entry's number, as a value to wait on.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.inner.writer.listeners.watch()
    }

    /// What the writer has done since it was opened.
    pub fn stats(&self) -> WriterStats {
        self.inner.writer.stats()
    }

    /// Why nothing can be written just now, for people to see: a full disk with its path and free
    /// bytes, or one that fails. `None` when all is well; it becomes so by itself.
    pub fn outage(&self) -> Option<String> {
        self.inner.writer.outage()
    }

    /// What others had changed of its files and was mended, once: for people to see.
    pub fn mended(&self) -> Option<&'static str> {
        self.inner.writer.mended()
    }

    /// How large the journal may grow before its oldest entries go.
    pub fn set_journal_limit(&self, bytes: u64) {
        self.inner.writer.journal_limit.store(bytes, Ordering::Relaxed);
    }

    /// Removes the oldest entries beyond the limit now; returns how many. Every commit removes
    /// some anyway, so this is for a limit that was just lowered.
    pub fn trim_journal(&self) -> Result<u64, StoreError> {
        let writer = &self.inner.writer;
        writer.trim(writer.journal_limit.load(Ordering::Relaxed))
    }

    /// Reads everything and compares it with everything else; see [`Verified`]. Slow, and its
    /// snapshot keeps pages meanwhile: for `doctor` and for tests.
    pub fn verify(&self) -> Result<Verified, VerifyError> {
        verify::verify(&self.inner.writer.slot.view()?.txn, &[])
    }

    /// Tries to open everything that is sealed. Reads every record that may have something.
    ///
    /// # Errors
    /// The disk's.
    pub fn sealed_values(&self, ring: &Keyring) -> Result<SealedValues, StoreError> {
        self.read_in(Scope::Installation, |view| reseal::sealed_values(&view.txn, ring))
    }

    /// Reads pages from the disk again that this process wrote or read before.
    pub(super) fn reread(&self, from: u64, at_most: u64) -> Result<Option<u64>, StoreError> {
        self.inner.writer.slot.reread(from, at_most)
    }

    /// Why ending things would be refused when its disk is full: nothing is held for that, because
    /// there was no room for it.
    pub fn lacks_reserve(&self) -> Option<String> {
        let (there, free) = self.inner.writer.slot.reserve()?;
        let mib = |bytes: u64| bytes / (1024 * 1024);
        (there < STORE_HELD_BYTES).then(|| {
            format!(
                "{} MiB are to be kept on the disk of the state directory for when it is full, and \
                 it has {} MiB free, less than {}: a server that fills it could not be ended",
                mib(STORE_HELD_BYTES),
                mib(free),
                mib(STORE_HOLD_ABOVE_BYTES)
            )
        })
    }

    /// Bytes that the database's file has.
    pub fn file_bytes(&self) -> u64 {
        self.inner.writer.slot.file_bytes()
    }

    /// The writer, for tests that make its groups themselves.
    #[cfg(test)]
    pub(super) fn writer(&self) -> &Writer {
        &self.inner.writer
    }

    /// Does what is queued, stops the writer and lets go of the directory. Whether that was done
    /// within its deadline. Later reads and writes are refused.
    pub fn close(&self) -> bool {
        self.inner.close()
    }
}

/// Entries as a scope shows them.
fn shown(found: Vec<Entry>, scope: Scope) -> Vec<Entry> {
    found.into_iter().filter_map(|entry| entry.shown_in(scope)).collect()
}

impl Inner {
    fn close(&self) -> bool {
        let stopped = match &self.way {
            Way::Queue(queue) => queue.stop(Duration::from_millis(STORE_CLOSE_DEADLINE)),
            Way::Inline => true,
        };
        if stopped {
            self.writer.slot.close();
            self.lock.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
        stopped
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if !self.close() {
            tracing::error!("the store's writer did not stop in time");
        }
    }
}
