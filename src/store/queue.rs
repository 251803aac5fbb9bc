//! The writer's thread and the bounded queue before it.
//!
//! Writers that were answered come again at once, and who does not wait for them makes two groups
//! of half the size, each always waiting for the other's commit. So the next group is waited for
//! until it has as many as there seem to be: those of the last group and those that came while it
//! was committed. One who writes alone never waits.

use super::group::{Work, Writer};
use crate::base::limit::{WRITER_GROUP_MAX, WRITER_QUEUE_MAX};
use crate::base::{Code, Problem};
use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{JoinHandle, ThreadId};
use std::time::Duration;

/// How often an idle writer looks whether the database has to be opened again.
const IDLE: Duration = Duration::from_secs(1);

/// How long the next of several writers is waited for: as long as the answer and the question
/// after it take, which is little beside a commit on any disk.
const NEXT: Duration = Duration::from_micros(50);
/// So much longer for each millisecond the commit before took, and at most for ten of them: on a
/// slow disk, missing a commit costs more than waiting.
const NEXT_PER_MS: Duration = Duration::from_micros(100);
/// Who comes one by one is waited for so many times as long, all together.
const ALL: u32 = 8;

/// A queue of writes and the thread that drains it.
pub(super) struct Queue {
    line: Arc<Line>,
    thread: ThreadId,
    join: Mutex<Option<JoinHandle<()>>>,
    ended: Mutex<Receiver<()>>,
}

/// Writes that wait.
struct Line {
    state: Mutex<State>,
    arrived: Condvar,
}

struct State {
    waiting: VecDeque<Box<dyn Work>>,
    /// The writer is woken when so many wait: waking it for each would cost more than the rest.
    wanted: usize,
    /// Whether more are taken.
    open: bool,
    /// Whether there is anybody to do them.
    running: bool,
}

impl Queue {
    /// Starts the thread.
    pub fn start(writer: Arc<Writer>) -> std::io::Result<Queue> {
        let state = State { waiting: VecDeque::new(), wanted: 1, open: true, running: true };
        let line = Arc::new(Line { state: Mutex::new(state), arrived: Condvar::new() });
        let (end, ended) = sync_channel(1);
        let served = Served(line.clone());
        let join =
            std::thread::Builder::new().name("store-writer".to_owned()).spawn(move || {
                drain(&writer, &served.0);
                // Both dropped here also when the thread panics, which is how its end is noticed.
                drop(served);
                drop(end);
            })?;
        Ok(Queue {
            line,
            thread: join.thread().id(),
            join: Mutex::new(Some(join)),
            ended: Mutex::new(ended),
        })
    }

    /// Queues a write, or gives it back with the reason.
    pub fn push(&self, work: Box<dyn Work>) -> Result<(), (Box<dyn Work>, Problem)> {
        let mut state = self.line.state();
        if !state.open {
            return Err((work, Problem::new(Code::ServiceUnavailable, "the store is closed")));
        }
        if !state.running {
            return Err((work, Problem::new(Code::ServiceUnavailable, "the writer has stopped")));
        }
        if state.waiting.len() >= WRITER_QUEUE_MAX {
            let message = format!("the writer is busy: {WRITER_QUEUE_MAX} writes wait");
            return Err((work, Problem::new(Code::LimitExceeded, message)));
        }
        state.waiting.push_back(work);
        let enough = state.waiting.len() >= state.wanted;
        drop(state);
        if enough {
            self.line.arrived.notify_one();
        }
        Ok(())
    }

    /// Whether this is the writer's own thread.
    pub fn is_own_thread(&self) -> bool {
        std::thread::current().id() == self.thread
    }

    /// Takes no more, waits until what is queued is done; whether that happened in time.
    pub fn stop(&self, at_most: Duration) -> bool {
        self.line.state().open = false;
        self.line.arrived.notify_one();
        let mut join = self.join.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_own_thread() || join.is_none() {
            return join.is_none();
        }
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        if ended.recv_timeout(at_most) == Err(RecvTimeoutError::Timeout) {
            return false;
        }
        join.take().is_none_or(|join| join.join().is_ok())
    }
}

impl Line {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'l>(&self, state: MutexGuard<'l, State>, at_most: Duration) -> MutexGuard<'l, State> {
        let waited = self.arrived.wait_timeout(state, at_most);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// The writer's side of the line: once it is gone, nobody waits in it any more.
struct Served(Arc<Line>);

impl Drop for Served {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.running = false;
        let left = std::mem::take(&mut state.waiting);
        drop(state);
        drop(left);
    }
}

/// Runs groups until nobody can queue any more and nothing is left.
fn drain(writer: &Writer, line: &Line) {
    let mut gathering = Gathering::default();
    loop {
        let mut state = line.state();
        if state.waiting.is_empty() && state.open {
            state = line.wait(state, IDLE);
        }
        match (state.waiting.is_empty(), state.open) {
            (false, _) => {
                let group = gathering.gather(line, state);
                let (size, mut queued) = (group.len(), 0);
                let began = writer.clock.monotonic();
                // None of the group can have come again before it was answered.
                writer.run(group, &mut || queued = line.state().waiting.len());
                let took = writer.clock.monotonic().saturating_sub(began);
                gathering.writers = size + queued;
                gathering.next = NEXT + NEXT_PER_MS * u32::try_from(took.min(10)).unwrap_or(0);
            }
            (true, true) => {
                drop(state);
                writer.run(Vec::new(), &mut || ());
            }
            (true, false) => return,
        }
    }
}

/// Makes groups.
#[derive(Default)]
struct Gathering {
    /// How many writers there seem to be.
    writers: usize,
    /// How long the next one is waited for.
    next: Duration,
}

impl Gathering {
    fn gather(&self, line: &Line, mut state: MutexGuard<'_, State>) -> Vec<Box<dyn Work>> {
        let expected = self.writers.min(WRITER_GROUP_MAX);
        let mut waits = 0;
        while state.waiting.len() < expected && state.open && waits < ALL {
            let before = state.waiting.len();
            state.wanted = expected;
            state = line.wait(state, self.next);
            state.wanted = 1;
            if state.waiting.len() == before {
                break;
            }
            waits += 1;
        }
        let size = state.waiting.len().min(WRITER_GROUP_MAX);
        state.waiting.drain(..size).collect()
    }
}
