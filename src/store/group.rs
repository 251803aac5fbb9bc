//! The one writer: runs a group of writes in one transaction, commits, wakes, answers.
//!
//! Each write sees what the ones before it in the group did. One that is refused or panics
//! leaves nothing; a disk that fails the commit fails the whole group, and the next group
//! begins by opening the database again.

use super::database::Slot;
use super::error::StoreError;
use super::journal::{self, Entry, Tail, Who};
use super::reads::Reads;
use super::rows::Tables;
use super::tables::Table;
use super::tx::{Outcome, Tx};
use crate::base::limit::{JOURNAL_BYTES_MAX, JOURNAL_TRIM_MAX};
use crate::base::problem::chain;
use crate::base::{Clock, Code, Problem, Seq, Timestamp};
use crate::model::{Actor, Cause, Grant, Install, Scope};
use crate::store::wake::Listeners;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::ThreadId;

/// Who writes, by which verb, what it comes of and what it is for: what the journal says of a
/// write, and whether a full disk is in its way.
#[derive(Clone, Debug)]
pub struct Author {
    pub(super) actor: Actor,
    /// Where they may.
    pub(super) scope: Scope,
    /// The verb, as `server.terminate`.
    pub verb: &'static str,
    /// What it comes of.
    pub cause: Cause,
    /// What it is for.
    pub purpose: Purpose,
}

impl Author {
    /// Somebody who may, doing something because of something.
    pub fn new(grant: &Grant, verb: &'static str, cause: Cause, purpose: Purpose) -> Author {
        Author { actor: grant.actor().clone(), scope: grant.scope(), verb, cause, purpose }
    }
}

/// What a write is for, which says how full the disk may be for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// There is to be more than there was, or something is to begin: launches, declarations,
    /// orders of people. Refused on a full disk, for it can be asked for again.
    Growth,
    /// It says what has happened already and is said again when it is refused: that an agent is
    /// ready, what a platform notices. May use most of what is held for a full disk.
    Report,
    /// It ends something, concludes it, takes it away or holds it back: the ways to space again.
    /// May use all of what is held.
    Ending,
}

/// Where in a commit the simulator may crash the appliance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Everything is decided and nothing is on disk.
    BeforeCommit,
    /// The log was given all of it, and may lose it yet.
    Logged,
    /// The log has it, and the database does not.
    Synced,
    /// The database has it for good and with it everything before; the log starts over. A commit
    /// has either this or the two before.
    Checkpointed,
    /// All is on disk and nobody has been told.
    AfterCommit,
}

/// Asked at each moment; `false` crashes: nobody is answered well, and nothing is done any more.
pub type CrashHook = Arc<dyn Fn(Moment) -> bool + Send + Sync>;

/// What the writer has done since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriterStats {
    /// Commits, each of one group.
    pub commits: u64,
    /// Writes that were committed, or had nothing to commit.
    pub writes: u64,
    /// Writes that refused themselves.
    pub refused: u64,
    /// Writes that panicked.
    pub panics: u64,
    /// Groups that the disk failed.
    pub failures: u64,
}

/// A write without its types.
pub(super) trait Work: Send {
    /// What the journal says of it.
    fn author(&self) -> &Author;
    /// Does it; `Ok(false)` when it refused itself and `Err` when it panicked.
    fn run(&mut self, tx: &mut Tx<'_>) -> Result<bool, ()>;
    /// Replaces its own outcome, because what it wanted cannot be stored.
    fn refuse(&mut self, problem: Problem);
    /// Answers: with its own outcome, or with why it could not be committed.
    fn finish(self: Box<Self>, committed: Result<Seq, Problem>);
}

/// A write with its types: the closure, what came of it and whom to tell.
pub(super) struct Task<T, F, D> {
    pub author: Author,
    pub write: Option<F>,
    pub outcome: Option<Result<T, Problem>>,
    pub done: D,
}

impl<T, F, D> Work for Task<T, F, D>
where
    T: Send,
    F: FnOnce(&mut Tx<'_>) -> Result<T, Problem> + Send,
    D: FnOnce(Result<(T, Seq), Problem>) + Send,
{
    fn author(&self) -> &Author {
        &self.author
    }

    fn run(&mut self, tx: &mut Tx<'_>) -> Result<bool, ()> {
        let Some(write) = self.write.take() else { return Ok(false) };
        match catch_unwind(AssertUnwindSafe(|| write(tx))) {
            Ok(outcome) => Ok(self.outcome.insert(outcome).is_ok()),
            Err(_) => {
                let verb = self.author.verb;
                let message = format!("{verb} met a fault of ours and changed nothing");
                self.refuse(Problem::new(Code::InternalServerError, message));
                Err(())
            }
        }
    }

    fn refuse(&mut self, problem: Problem) {
        self.outcome = Some(Err(problem));
    }

    fn finish(self: Box<Self>, committed: Result<Seq, Problem>) {
        let answer = match (self.outcome, committed) {
            (Some(Err(problem)), _) | (_, Err(problem)) => Err(problem),
            (Some(Ok(value)), Ok(seq)) => Ok((value, seq)),
            (None, Ok(_)) => Err(Problem::new(Code::InternalServerError, "a write was not run")),
        };
        (self.done)(answer);
    }
}

/// What the writer works with.
pub(super) struct Writer {
    pub slot: Slot,
    pub clock: Arc<dyn Clock>,
    pub listeners: Listeners,
    pub hook: Option<CrashHook>,
    pub journal_limit: AtomicU64,
    turn: Mutex<()>,
    running: Mutex<Option<ThreadId>>,
    tail: Mutex<Option<Tail>>,
    counters: Mutex<WriterStats>,
    /// Whether there were commits since [`Writer::settle`].
    unsettled: AtomicBool,
    /// Why the last group could not be written.
    failing: Mutex<Option<String>>,
    /// What was mended of the files, until somebody asks.
    mended: Mutex<Option<&'static str>>,
}

/// What a group has come to so far.
struct Progress {
    tail: Tail,
    answers: Vec<Seq>,
    /// Whether anything is to be committed.
    is_changed: bool,
    tables: BTreeSet<Table>,
    stats: WriterStats,
}

impl Writer {
    /// A writer over an open database, with nothing done yet.
    pub fn new(slot: Slot, clock: Arc<dyn Clock>, hook: Option<CrashHook>) -> Writer {
        let unsettled = AtomicBool::new(slot.has_logged());
        Writer {
            slot,
            clock,
            listeners: Listeners::default(),
            hook,
            journal_limit: AtomicU64::new(JOURNAL_BYTES_MAX),
            turn: Mutex::new(()),
            running: Mutex::new(None),
            tail: Mutex::new(None),
            counters: Mutex::new(WriterStats::default()),
            // What opening found in the log, the database is to have for good, too.
            unsettled,
            failing: Mutex::new(None),
            mended: Mutex::new(None),
        }
    }

    /// What has been done so far.
    pub fn stats(&self) -> WriterStats {
        *self.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this thread is in the middle of a group.
    pub fn is_running_here(&self) -> bool {
        let running = *self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running == Some(std::thread::current().id())
    }

    /// Runs, commits and answers a group; one at a time. `committed` is called before the answers.
    pub fn run(&self, group: Vec<Box<dyn Work>>, committed: &mut dyn FnMut()) {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        self.set_running(Some(std::thread::current().id()));
        self.run_alone(group, committed);
        self.set_running(None);
    }

    /// Why nothing can be written just now; `None` when all is well.
    pub fn outage(&self) -> Option<String> {
        let failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.slot.outage().or(failing)
    }

    /// Notes that writes fail, or no longer do; logged when that is news.
    fn set_failing(&self, why: Option<&str>) {
        let mut failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        match (why, failing.is_some()) {
            (Some(why), false) => tracing::error!("nothing can be written: {why}"),
            (None, true) => tracing::info!("the store takes writes again"),
            (Some(_), true) | (None, false) => {}
        }
        *failing = why.map(str::to_owned);
    }

    fn set_running(&self, thread: Option<ThreadId>) {
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = thread;
    }

    fn run_alone(&self, mut group: Vec<Box<dyn Work>>, committed: &mut dyn FnMut()) {
        self.recover();
        self.look();
        if group.is_empty() {
            self.settle();
            if self.slot.outage().is_none() {
                self.set_failing(None);
            }
            return;
        }
        let outcome = self.commit(&mut group);
        committed();
        match outcome {
            Ok(progress) => {
                self.count(progress.stats);
                if progress.stats.commits > 0 && self.slot.outage().is_none() {
                    self.set_failing(None);
                }
                if progress.is_changed {
                    self.listeners.committed(&progress.tables, progress.tail.seq);
                }
                for (work, seq) in group.into_iter().zip(progress.answers) {
                    finish(work, Ok(seq));
                }
            }
            Err(error) => {
                *self.tail.lock().unwrap_or_else(PoisonError::into_inner) = None;
                self.count(WriterStats { failures: 1, ..WriterStats::default() });
                let why = chain(&error);
                self.set_failing(Some(&why));
                self.slot.note_now(&error);
                let mut message = format!("nothing can be written: {why}");
                if matches!(error, StoreError::Database { .. }) {
                    self.recover();
                    message = format!("the disk failed, this may be written or not: {why}");
                }
                for work in group {
                    finish(work, Err(Problem::new(Code::ServiceUnavailable, message.as_str())));
                }
            }
        }
    }

    /// What was mended of the files since somebody asked last.
    pub fn mended(&self) -> Option<&'static str> {
        self.mended.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn look(&self) {
        match self.slot.look() {
            Ok(None) | Err(StoreError::Closed(_)) => {}
            Ok(Some(mended)) => {
                tracing::warn!("{mended}");
                *self.mended.lock().unwrap_or_else(PoisonError::into_inner) = Some(mended);
            }
            Err(error) => self.slot.note_now(&error),
        }
    }

    /// Opens the database again if its disk failed. A commit that failed may still have reached
    /// the disk; whoever follows the journal is told then, because nobody was.
    fn recover(&self) {
        if !self.slot.recover() {
            return;
        }
        match self.slot.view().and_then(|view| journal::tail(&view.txn)) {
            Ok(tail) if tail.seq != self.listeners.last() => {
                self.unsettled.store(true, Ordering::Relaxed);
                let all: BTreeSet<Table> = Table::ALL.iter().copied().collect();
                self.listeners.committed(&all, tail.seq);
            }
            Ok(_) => {}
            Err(error) => tracing::warn!("the journal cannot be read: {}", chain(&error)),
        }
    }

    fn commit(&self, group: &mut [Box<dyn Work>]) -> Result<Progress, StoreError> {
        let txn = self.slot.write()?;
        let tables = Tables::of(&txn);
        let known = *self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        let tail = known.map_or_else(|| journal::tail(&tables), Ok)?;
        let mut progress = Progress {
            tail,
            answers: Vec::with_capacity(group.len()),
            is_changed: false,
            tables: BTreeSet::new(),
            stats: WriterStats::default(),
        };
        for work in group.iter_mut() {
            self.one(&tables, work.as_mut(), &mut progress)?;
            progress.answers.push(progress.tail.seq);
        }
        if !progress.is_changed {
            drop(tables);
            txn.abort().map_err(|e| StoreError::database("ending a transaction", e))?;
            return Ok(progress);
        }
        let limit = self.journal_limit.load(Ordering::Relaxed);
        let trimmed = journal::trim(&tables, progress.tail, limit, JOURNAL_TRIM_MAX)?;
        progress.tail.bytes = trimmed.left;
        journal::write_size(&tables, progress.tail.bytes)?;
        let written = tables.into_written();
        self.slot.commit(txn, written, progress.tail, &|moment| self.survive(moment))?;
        progress.stats.commits = 1;
        *self.tail.lock().unwrap_or_else(PoisonError::into_inner) = Some(progress.tail);
        self.unsettled.store(true, Ordering::Relaxed);
        Ok(progress)
    }

    /// Nothing was to be done for a while: lets the database have for good what only the log has.
    /// Costs as much as several commits, so it is not done with each.
    fn settle(&self) {
        if !self.unsettled.load(Ordering::Relaxed)
            || self.slot.require_space(Purpose::Growth).is_err()
        {
            return;
        }
        self.slot.hold();
        self.unsettled.store(false, Ordering::Relaxed);
        if let Err(error) = self.slot.settle() {
            tracing::warn!("the store could not be settled: {}", chain(&error));
            self.slot.note_now(&error);
        }
    }

    /// Runs one write, and puts it and its entry into the group's transaction.
    fn one(
        &self,
        tables: &Tables<'_>,
        work: &mut dyn Work,
        progress: &mut Progress,
    ) -> Result<(), StoreError> {
        let now = self.clock.now().max(progress.tail.at);
        let mut tx = Tx::over(tables, now, work.author().scope);
        match work.run(&mut tx) {
            Ok(true) => progress.stats.writes += 1,
            Ok(false) => {
                progress.stats.refused += 1;
                return Ok(());
            }
            Err(()) => {
                progress.stats.panics += 1;
                return Ok(());
            }
        }
        let epoch = tx.get::<Install>(())?.map_or(1, |install| install.record.epoch);
        let Some(mut outcome) = tx.finish() else { return Ok(()) };
        // Here and not earlier: what changes nothing needs no space, and so an appliance can start
        // on a full disk.
        if let Err(full) = self.slot.require_space(work.author().purpose) {
            let why = chain(&full);
            self.set_failing(Some(&why));
            let message = format!("nothing can be written: {why}");
            work.refuse(Problem::new(Code::ServiceUnavailable, message));
            return Ok(());
        }
        progress.tables.extend(outcome.unjournaled.iter().copied());
        if !outcome.is_entry {
            progress.is_changed = true;
            return outcome.rows.apply();
        }
        let entry = entry(&mut outcome, work.author(), progress.tail, now, epoch);
        let bytes = match journal::encode(&entry) {
            Ok(bytes) => bytes,
            Err(error) => {
                work.refuse(error.into());
                return Ok(());
            }
        };
        outcome.rows.apply()?;
        progress.tail = journal::append(tables, progress.tail, &entry, &bytes)?;
        progress.tables.extend(entry.changes.iter().map(|change| change.table));
        progress.is_changed = true;
        Ok(())
    }

    /// Removes old entries until the journal is within a limit, in commits of bounded size;
    /// returns how many went.
    pub fn trim(&self, limit: u64) -> Result<u64, StoreError> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut gone = 0;
        loop {
            let mut txn = self.slot.write()?;
            txn.set_quick_repair(true);
            let tables = Tables::of(&txn);
            let mut tail = journal::tail(&tables)?;
            let trimmed = journal::trim(&tables, tail, limit, JOURNAL_TRIM_MAX)?;
            if trimmed.passed > 0 {
                journal::write_size(&tables, trimmed.left)?;
            }
            drop(tables);
            if trimmed.passed == 0 {
                txn.abort().map_err(|e| StoreError::database("ending a transaction", e))?;
                return Ok(gone);
            }
            txn.commit().map_err(|e| StoreError::database("committing", e))?;
            gone += trimmed.gone as u64;
            tail.bytes = trimmed.left;
            *self.tail.lock().unwrap_or_else(PoisonError::into_inner) = Some(tail);
        }
    }

    fn survive(&self, moment: Moment) -> Result<(), StoreError> {
        if self.hook.as_ref().is_none_or(|hook| hook(moment)) {
            return Ok(());
        }
        self.slot.fall();
        Err(StoreError::Closed(format!("crashed on request: {moment:?}")))
    }

    fn count(&self, more: WriterStats) {
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        counters.commits += more.commits;
        counters.writes += more.writes;
        counters.refused += more.refused;
        counters.panics += more.panics;
        counters.failures += more.failures;
    }
}

fn entry(
    outcome: &mut Outcome<'_>,
    author: &Author,
    tail: Tail,
    at: Timestamp,
    epoch: u64,
) -> Entry {
    Entry {
        seq: Seq(tail.seq.0 + 1),
        at,
        epoch,
        who: Who::from(&author.actor),
        cause: author.cause.clone(),
        verb: author.verb.to_owned(),
        about: std::mem::take(&mut outcome.about),
        text: std::mem::take(&mut outcome.text),
        subjects: std::mem::take(&mut outcome.subjects),
        changes: std::mem::take(&mut outcome.changes),
        previous: tail.hash,
    }
}

/// Answers a write; a panic of whoever is told stays there.
pub(super) fn finish(work: Box<dyn Work>, committed: Result<Seq, Problem>) {
    let verb = work.author().verb;
    if catch_unwind(AssertUnwindSafe(|| work.finish(committed))).is_err() {
        tracing::error!(verb, "whoever was told of a write panicked");
    }
}
