//! Messages on their way: numbered, on disk, in order, until the appliance has acknowledged them.
//!
//! The numbers of one boot run from 1 without gaps, also over restarts of the agent, and a
//! message keeps its number however often it is sent, so that the appliance commits it once.
//! Messages are rare (a hello a connection, a result an order), so each is one small file.

use super::state::{State, number_name, numbers, read, replace, replace_until_reboot};
use crate::base::limit::AGENT_MESSAGES_MAX;
use crate::base::{OrderId, Timestamp};
use crate::wire::agent::{Message, MessageBody, VERSION};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::path::PathBuf;
use std::{fs, io};

/// Which boot this is and its last number.
const COUNTER: &str = "boot.json";
/// The last hello.
const HELLO: &str = "hello.json";

/// The messages that wait.
pub struct Outbox {
    counter_file: PathBuf,
    hello_file: PathBuf,
    dir: PathBuf,
    boot: String,
    seq: u64,
    /// Number of the next file; files of several boots may wait together.
    next_file: u64,
    waiting: VecDeque<Waiting>,
    /// The last hello, said again when older messages open a connection.
    hello: Option<Vec<u8>>,
}

/// One message that waits.
struct Waiting {
    file: u64,
    hello: bool,
    order: Option<OrderId>,
    /// The message itself where the disk would not take it.
    kept: Option<Vec<u8>>,
}

#[derive(Default, Serialize, Deserialize)]
struct Counter {
    boot: String,
    seq: u64,
}

impl Outbox {
    /// What waits from before, continuing the numbers of `boot`.
    pub fn open(state: &State, boot: &str) -> io::Result<Outbox> {
        let dir = state.room("outbox")?;
        let counter_file = dir.with_file_name(COUNTER);
        let counter: Counter = read(&counter_file)?
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default();
        let seq = if counter.boot == boot { counter.seq } else { 0 };
        let mut outbox = Outbox {
            hello: read(&dir.with_file_name(HELLO))?,
            hello_file: dir.with_file_name(HELLO),
            counter_file,
            dir,
            boot: boot.to_owned(),
            seq,
            next_file: 1,
            waiting: VecDeque::new(),
        };
        for file in numbers(&outbox.dir)? {
            outbox.next_file = file + 1;
            outbox.recover(file)?;
        }
        Ok(outbox)
    }

    fn recover(&mut self, file: u64) -> io::Result<()> {
        let path = self.path(file);
        let bytes = read(&path)?.unwrap_or_default();
        let Ok(message) = serde_json::from_slice::<Message>(&bytes) else {
            tracing::warn!(file, "a waiting message is damaged and dropped");
            return fs::remove_file(path);
        };
        if message.boot == self.boot {
            // The file is written before the counter.
            self.seq = self.seq.max(message.seq);
        }
        self.note(file, &message.body, None);
        Ok(())
    }

    /// Numbers a message and keeps it until [`Outbox::remove`].
    pub fn push(&mut self, at: Timestamp, body: MessageBody) {
        self.seq += 1;
        let message = Message { v: VERSION, boot: self.boot.clone(), seq: self.seq, at, body };
        let json = serde_json::to_vec(&message).unwrap_or_default();
        let file = self.next_file;
        self.next_file += 1;
        let counter = Counter { boot: self.boot.clone(), seq: self.seq };
        let counter = serde_json::to_vec(&counter).unwrap_or_default();
        let hello = matches!(message.body, MessageBody::Hello { .. });
        let path = self.path(file);
        let stored = match hello {
            // A machine that went off meanwhile says another one.
            true => {
                replace(&self.hello_file, &json).and_then(|()| replace_until_reboot(&path, &json))
            }
            false => replace(&path, &json),
        };
        // Another boot counts anew.
        let stored = stored.and_then(|()| replace_until_reboot(&self.counter_file, &counter));
        let kept = match stored {
            Ok(()) => None,
            Err(error) => {
                tracing::warn!(%error, "a message is kept in memory: the disk does not take it");
                Some(json.clone())
            }
        };
        if hello {
            self.hello = Some(json);
        }
        self.note(file, &message.body, kept);
        while self.waiting.len() > AGENT_MESSAGES_MAX {
            if let Some(oldest) = self.waiting.front().map(|waiting| waiting.file) {
                tracing::warn!("too many messages wait, the oldest is dropped");
                self.remove(oldest);
            }
        }
    }

    fn note(&mut self, file: u64, body: &MessageBody, kept: Option<Vec<u8>>) {
        let order = match body {
            MessageBody::Result { order, .. } => Some(*order),
            MessageBody::Hello { .. }
            | MessageBody::Ready { .. }
            | MessageBody::Idle { .. }
            | MessageBody::Members { .. }
            | MessageBody::Services { .. }
            | MessageBody::Bye => None,
        };
        let hello = matches!(body, MessageBody::Hello { .. });
        self.waiting.push_back(Waiting { file, hello, order, kept });
    }

    /// The oldest message: its key and its JSON.
    pub fn first(&mut self) -> Option<(u64, Vec<u8>)> {
        loop {
            let first = self.waiting.front()?;
            let file = first.file;
            let found = first.kept.clone().or_else(|| read(&self.path(file)).ok().flatten());
            if let Some(json) = found {
                return Some((file, json));
            }
            tracing::warn!(file, "a waiting message cannot be read and is dropped");
            self.remove(file);
        }
    }

    /// What to say before anything else on a new connection: `None` when a new hello is next
    /// anyway, else the last hello again, under its old number.
    pub fn hello_again(&self) -> Option<Vec<u8>> {
        match self.waiting.front() {
            Some(first) if !first.hello => self.hello.clone(),
            Some(_) | None => None,
        }
    }

    /// Whether a hello waits to be sent or acknowledged.
    pub fn hello_waits(&self) -> bool {
        self.waiting.iter().any(|waiting| waiting.hello)
    }

    /// Whether this order's result waits already.
    pub fn result_waits(&self, order: OrderId) -> bool {
        self.waiting.iter().any(|waiting| waiting.order == Some(order))
    }

    /// Forgets an acknowledged message.
    pub fn remove(&mut self, file: u64) {
        self.waiting.retain(|waiting| waiting.file != file);
        if let Err(error) = fs::remove_file(self.path(file))
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "a message that was sent cannot be removed");
        }
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    fn path(&self, file: u64) -> PathBuf {
        self.dir.join(number_name(file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::tests::scratch;
    use crate::base::ServerId;

    fn first(outbox: &mut Outbox) -> Option<(u64, Message)> {
        let (file, json) = outbox.first()?;
        Some((file, serde_json::from_slice(&json).unwrap()))
    }

    fn hello() -> MessageBody {
        MessageBody::Hello { version: "1".into(), capabilities: vec![], ready: false, epoch: 0 }
    }

    #[test]
    fn numbers_go_on_over_restarts_and_begin_anew_with_a_boot() {
        let dir = scratch("outbox");
        let state = State::open(&dir, ServerId(1), "aa").unwrap();
        let mut outbox = Outbox::open(&state, "boot-a").unwrap();
        outbox.push(Timestamp(1), hello());
        outbox.push(Timestamp(2), MessageBody::Bye);
        let (file, message) = first(&mut outbox).unwrap();
        assert_eq!((message.seq, message.at), (1, Timestamp(1)));
        outbox.remove(file);

        let mut outbox = Outbox::open(&state, "boot-a").unwrap();
        outbox.push(Timestamp(3), MessageBody::Bye);
        let mut outbox = Outbox::open(&state, "boot-b").unwrap();
        outbox.push(Timestamp(4), hello());
        let mut seen = Vec::new();
        while let Some((file, message)) = first(&mut outbox) {
            seen.push((message.boot, message.seq));
            outbox.remove(file);
        }
        let expected = [("boot-a", 2), ("boot-a", 3), ("boot-b", 1)];
        assert_eq!(seen, expected.map(|(boot, seq)| (boot.to_owned(), seq)));
        assert!(Outbox::open(&state, "boot-b").unwrap().is_empty());
    }

    #[test]
    fn a_connection_that_begins_with_old_messages_repeats_the_hello() {
        let dir = scratch("hello");
        let state = State::open(&dir, ServerId(1), "aa").unwrap();
        let mut outbox = Outbox::open(&state, "a").unwrap();
        outbox.push(Timestamp(1), hello());
        assert_eq!(outbox.hello_again(), None);
        let (file, said) = outbox.first().unwrap();
        outbox.remove(file);
        assert_eq!(outbox.hello_again(), None);
        outbox.push(Timestamp(2), MessageBody::Bye);
        assert_eq!(outbox.hello_again(), Some(said.clone()));
        // Also by the next process, and in the next boot.
        assert_eq!(Outbox::open(&state, "b").unwrap().hello_again(), Some(said));
    }

    #[test]
    fn a_full_outbox_drops_the_oldest() {
        let dir = scratch("full");
        let state = State::open(&dir, ServerId(1), "aa").unwrap();
        let mut outbox = Outbox::open(&state, "a").unwrap();
        for at in 0..AGENT_MESSAGES_MAX as i64 + 3 {
            outbox.push(Timestamp(at), MessageBody::Bye);
        }
        assert_eq!(first(&mut outbox).unwrap().1.seq, 4);
        assert_eq!(outbox.waiting.len(), AGENT_MESSAGES_MAX);
        assert_eq!(numbers(&dir.join("outbox")).unwrap().len(), AGENT_MESSAGES_MAX);
    }

    #[test]
    fn what_the_disk_does_not_take_waits_in_memory() {
        let dir = scratch("outbox-no-disk");
        let state = State::open(&dir, ServerId(1), "aa").unwrap();
        let mut outbox = Outbox::open(&state, "a").unwrap();
        outbox.push(Timestamp(1), hello());
        fs::remove_dir_all(dir.join("outbox")).unwrap();
        outbox.push(Timestamp(2), MessageBody::Bye);
        // The first one cannot be read any more, the second is here.
        let (file, message) = first(&mut outbox).unwrap();
        assert_eq!((message.seq, message.body), (2, MessageBody::Bye));
        assert!(!outbox.hello_waits() && !outbox.is_empty());
        outbox.remove(file);
        assert!(outbox.is_empty());
    }

    #[test]
    fn it_is_known_what_waits() {
        let dir = scratch("waits");
        let state = State::open(&dir, ServerId(1), "aa").unwrap();
        let mut outbox = Outbox::open(&state, "a").unwrap();
        let result = |order| MessageBody::Result {
            order: OrderId(order),
            error: None,
            exit_code: 0,
            output: String::new(),
            ran: None,
        };
        outbox.push(Timestamp(1), result(7));
        assert!(outbox.result_waits(OrderId(7)) && !outbox.result_waits(OrderId(8)));
        assert!(!outbox.hello_waits());
        assert_eq!(outbox.hello_again(), None, "nothing was said yet");
        outbox.push(Timestamp(2), hello());
        assert!(outbox.hello_waits());
        // A damaged one is dropped, and the numbers go on behind what is whole.
        fs::write(outbox.path(1), b"{").unwrap();
        fs::remove_file(dir.join("boot.json")).unwrap();
        let mut outbox = Outbox::open(&state, "a").unwrap();
        assert!(!outbox.result_waits(OrderId(7)) && outbox.hello_waits());
        assert_eq!(outbox.hello_again(), None, "it is next anyway");
        assert!(!dir.join("outbox").join(number_name(1)).exists());
        outbox.push(Timestamp(3), MessageBody::Bye);
        let (file, _) = first(&mut outbox).unwrap();
        outbox.remove(file);
        assert_eq!(first(&mut outbox).unwrap().1.seq, 3);
    }
}
