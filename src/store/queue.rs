//! The writer's thread and the bounded queue before it.

use super::group::{Work, Writer};
use crate::base::limit::{WRITER_GROUP_MAX, WRITER_QUEUE_MAX};
use crate::base::{Code, Problem};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
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

/// One group in so many waits for more writers than there seem to be.
const TRY_MORE: u64 = 32;

/// A queue of writes and the thread that drains it.
pub(super) struct Queue {
    sender: Mutex<Option<SyncSender<Box<dyn Work>>>>,
    thread: ThreadId,
    join: Mutex<Option<JoinHandle<()>>>,
    ended: Mutex<Receiver<()>>,
}

impl Queue {
    /// Starts the thread.
    pub fn start(writer: Arc<Writer>) -> std::io::Result<Queue> {
        let (sender, receiver) = sync_channel::<Box<dyn Work>>(WRITER_QUEUE_MAX);
        let (end, ended) = sync_channel(1);
        let join =
            std::thread::Builder::new().name("store-writer".to_owned()).spawn(move || {
                drain(&writer, &receiver);
                // Dropped here also when the thread panics, which is how its end is noticed.
                drop(end);
            })?;
        Ok(Queue {
            sender: Mutex::new(Some(sender)),
            thread: join.thread().id(),
            join: Mutex::new(Some(join)),
            ended: Mutex::new(ended),
        })
    }

    /// Queues a write, or gives it back with the reason.
    pub fn push(&self, work: Box<dyn Work>) -> Result<(), (Box<dyn Work>, Problem)> {
        let sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(sender) = sender.as_ref() else {
            return Err((work, Problem::new(Code::ServiceUnavailable, "the store is closed")));
        };
        sender.try_send(work).map_err(|refused| match refused {
            TrySendError::Full(work) => {
                let message = format!("the writer is busy: {WRITER_QUEUE_MAX} writes wait");
                (work, Problem::new(Code::LimitExceeded, message))
            }
            TrySendError::Disconnected(work) => {
                (work, Problem::new(Code::ServiceUnavailable, "the writer has stopped"))
            }
        })
    }

    /// Whether this is the writer's own thread.
    pub fn is_own_thread(&self) -> bool {
        std::thread::current().id() == self.thread
    }

    /// Takes no more, waits until what is queued is done; whether that happened in time.
    pub fn stop(&self, at_most: Duration) -> bool {
        self.sender.lock().unwrap_or_else(PoisonError::into_inner).take();
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

/// Runs groups until nobody can queue any more and nothing is left.
fn drain(writer: &Writer, queue: &Receiver<Box<dyn Work>>) {
    let mut gathering = Gathering::default();
    loop {
        match queue.recv_timeout(IDLE) {
            Ok(first) => {
                let group = gathering.gather(first, queue);
                let began = writer.clock.monotonic();
                writer.run(group);
                let took = writer.clock.monotonic().saturating_sub(began);
                gathering.next = NEXT + NEXT_PER_MS * u32::try_from(took.min(10)).unwrap_or(0);
            }
            Err(RecvTimeoutError::Timeout) => writer.run(Vec::new()),
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// Makes groups. Writers that were answered come again at once; who does not wait for them makes
/// two groups of half the size, one of them always waiting for the other's commit.
#[derive(Default)]
struct Gathering {
    /// How many there seem to be.
    writers: usize,
    groups: u64,
    /// How long the next one is waited for.
    next: Duration,
}

impl Gathering {
    fn gather(
        &mut self,
        first: Box<dyn Work>,
        queue: &Receiver<Box<dyn Work>>,
    ) -> Vec<Box<dyn Work>> {
        let mut group = vec![first];
        let queued = |group: &mut Vec<Box<dyn Work>>| {
            while group.len() < WRITER_GROUP_MAX
                && let Ok(next) = queue.try_recv()
            {
                group.push(next);
            }
        };
        queued(&mut group);
        self.groups += 1;
        // Now and then it is tried whether there are more; one who writes alone never waits.
        let more = if self.groups.is_multiple_of(TRY_MORE) { 2 } else { 1 };
        let expected = match self.writers.max(group.len()) {
            1 => 1,
            writers => (more * writers).min(WRITER_GROUP_MAX),
        };
        while group.len() < expected
            && let Ok(next) = queue.recv_timeout(self.next)
        {
            group.push(next);
        }
        queued(&mut group);
        self.writers = group.len();
        group
    }
}
