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
    loop {
        match queue.recv_timeout(IDLE) {
            Ok(first) => {
                let mut group = vec![first];
                while group.len() < WRITER_GROUP_MAX
                    && let Ok(next) = queue.try_recv()
                {
                    group.push(next);
                }
                writer.run(group);
            }
            Err(RecvTimeoutError::Timeout) => writer.run(Vec::new()),
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}
