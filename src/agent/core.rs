//! The agent itself: one loop that waits for the next event, and what each event does.
//!
//! [`Agent::next`] is the one place that waits and [`Agent::apply`] the one that decides. Sending
//! is separate from both: after every event [`Agent::send_ready`] sends what there is room
//! for, messages first and one at a time, fresh readings next, and one segment of the backlog
//! after the other with a breath between them, so that a long gap never starves the present.

use super::collect::{Collector, pause_after};
use super::flight::{Flight, Payload};
use super::link::QUEUE_MAX;
use super::orders::Orders;
use super::outbox::Outbox;
use super::retiring::Retiring;
use super::spool::{Row, Spool, batch};
use super::streams::Streams;
use super::work::Workshop;
use super::workload::ServicesTold;
use super::{COMMANDS_MAX, Event, Events};
use crate::base::random::Stream;
use crate::base::{Clock, OrderId, ServerId};
use crate::model::MemberDown;
use crate::net::mqtt::{Packet, Publish, encode};
use crate::wire::agent::{CAN_BE_TOLD, MessageBody, SAYS_SERVICES};
use crate::wire::reading;
use crate::wire::stream::{self, CAN_STREAM};
use crate::wire::topic::{self, Kind};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

/// Batches of fresh readings that may be unacknowledged at once.
const LIVE_IN_FLIGHT_MAX: usize = 2;
/// Fresh rows that wait for room; older ones go to the spool.
const LIVE_ROWS_MAX: usize = 12;
/// Breath between two segments of the backlog: an hour of readings each, so a week drains within
/// a minute, and 10,000 agents with a gap to tell do not speak all at once.
const BACKLOG_PAUSE_MS: u64 = 250;
/// How soon after the start the first row is read: soon enough to be seen, late enough for rates.
const FIRST_ROW_AFTER: Duration = Duration::from_secs(2);
/// How long a stopping agent tries to say goodbye.
const GOODBYE_DEADLINE: Duration = Duration::from_millis(1500);
/// How long the connection may take to be closed.
const HANG_UP_DEADLINE: Duration = Duration::from_millis(300);

mod obey;

/// Everything the agent is made of.
pub struct Agent {
    /// Which server this is.
    pub server: ServerId,
    /// How often to read.
    pub interval: Duration,
    /// The time of day, and the reading rates are made from.
    pub clock: Arc<dyn Clock>,
    /// Messages on their way.
    pub outbox: Outbox,
    /// Readings that wait.
    pub spool: Spool,
    /// Orders done and under way.
    pub orders: Orders,
    /// Whether the server is to go.
    pub retiring: Retiring,
    /// What somebody reads of what the server prints.
    pub streams: Streams,
    /// What carries orders out.
    pub workshop: Arc<Workshop>,
    /// What reads the server.
    pub collector: Collector,
    /// Whether the ready check passes.
    pub ready: bool,
    /// What the balancer here was last seen to see: how many members, and those it does not reach.
    pub members: Option<(u32, Vec<MemberDown>)>,
    /// For jitter.
    pub random: Stream,
    /// What happens.
    pub events: mpsc::Receiver<Event>,
    /// Where workers report.
    pub sender: Events,
    /// The tasks beside the loop, which end with it.
    pub tasks: Vec<JoinHandle<()>>,
}

/// What changes while it runs.
struct Running {
    agent: Agent,
    link: Option<mpsc::Sender<Vec<u8>>>,
    flight: Flight,
    live: Vec<Row>,
    said_hello: bool,
    services_told: ServicesTold,
    /// Whether the check passes, and what it saw, where no hello has been said yet.
    ready_unsaid: Option<(bool, String)>,
    next_row: Instant,
    next_look: Instant,
    backlog_due: Instant,
    /// Places for commands that run at once.
    commands: Arc<Semaphore>,
    /// Commands under way, each with what ends it early.
    cancels: BTreeMap<OrderId, Arc<obey::Ends>>,
    /// Set once it stops: until when it tries to say goodbye.
    goodbye: Option<Instant>,
    said_bye: bool,
    spool_fails: bool,
}

/// What [`Running::next`] waits for.
enum Next {
    Event(Event),
    Row,
    LoadLook,
    Chore,
}

impl Agent {
    /// Runs until it is told to stop and has said goodbye.
    pub async fn run(self) {
        let mut running = Running::new(self, Instant::now());
        while !running.done(Instant::now()) {
            let next = running.next().await;
            let now = Instant::now();
            running.apply(next, now);
            running.say_bye(now);
            running.send_ready(now);
        }
        running.leave().await;
    }
}

impl Running {
    fn new(agent: Agent, now: Instant) -> Running {
        Running {
            next_row: now + FIRST_ROW_AFTER.min(agent.interval),
            next_look: now + Duration::from_secs(1),
            backlog_due: now,
            agent,
            link: None,
            flight: Flight::default(),
            live: Vec::new(),
            commands: Arc::new(Semaphore::new(COMMANDS_MAX)),
            cancels: BTreeMap::new(),
            said_hello: false,
            services_told: ServicesTold::default(),
            ready_unsaid: None,
            goodbye: None,
            said_bye: false,
            spool_fails: false,
        }
    }

    async fn next(&mut self) -> Next {
        let chore = self.next_chore(Instant::now());
        tokio::select! {
            Some(event) = self.agent.events.recv() => Next::Event(event),
            () = sleep_until(self.next_row) => Next::Row,
            () = sleep_until(self.next_look) => Next::LoadLook,
            () = sleep_until(chore) => Next::Chore,
        }
    }

    fn apply(&mut self, next: Next, now: Instant) {
        match next {
            Next::Event(Event::Up(link)) => self.up(link, now),
            Next::Event(Event::Down) => self.down(),
            Next::Event(Event::Packet(packet)) => self.packet(packet, now),
            Next::Event(Event::Ready(ready, detail)) => {
                self.agent.ready = ready;
                // A server is not said to be ready before it is known how its services are.
                self.services_told.hurry();
                self.look_at_services();
                self.say_ready(ready, detail);
            }
            Next::Event(Event::Members(members, down)) => {
                self.agent.members = Some((members, down));
                self.say_members();
            }
            Next::Event(Event::Done(order, stop, outcome)) => {
                self.done_order(order, stop, &outcome, now)
            }
            Next::Event(Event::Stop) => self.stop(now),
            Next::Row => self.row(now),
            Next::LoadLook => {
                self.agent.collector.look_at_load(self.agent.clock.monotonic());
                self.look_for_a_word();
                self.look_at_services();
                self.next_look = Instant::now() + pause_after(now.elapsed());
            }
            Next::Chore => {
                for bytes in self.flight.overdue(now) {
                    self.send(bytes);
                }
            }
        }
    }

    fn up(&mut self, link: mpsc::Sender<Vec<u8>>, now: Instant) {
        self.land();
        self.agent.streams.clear();
        self.link = Some(link);
        self.backlog_due = now;
        if let Some(json) = self.agent.outbox.hello_again() {
            self.publish(Kind::Messages, json, Payload::HelloAgain, now);
        }
        self.greet();
        // Whoever listens now may have forgotten.
        self.say_members();
        self.services_told.forget();
        self.look_at_services();
    }

    /// A hello is the first that is said, and says whether it is ready; why not comes after it.
    fn say_ready(&mut self, ready: bool, detail: String) {
        match self.said_hello {
            true => self.say(MessageBody::Ready { ready, detail }),
            false => self.ready_unsaid = Some((ready, detail)),
        }
    }

    fn say_members(&mut self) {
        if let Some((members, down)) = self.agent.members.clone() {
            self.say(MessageBody::Members { members, down });
        }
    }

    fn greet(&mut self) {
        // A hello that waits serves this connection as well, unless it is another process's.
        if self.said_hello && self.agent.outbox.hello_waits() {
            return;
        }
        self.said_hello = true;
        self.say(MessageBody::Hello {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            capabilities: [CAN_BE_TOLD, CAN_STREAM, SAYS_SERVICES].map(str::to_owned).to_vec(),
            ready: self.agent.ready,
            epoch: self.agent.orders.epoch(),
        });
        if let Some((ready, detail)) = self.ready_unsaid.take() {
            self.say(MessageBody::Ready { ready, detail });
        }
    }

    fn down(&mut self) {
        self.link = None;
        self.agent.streams.clear();
        self.land();
    }

    /// Puts the fresh rows of a connection that ended into the spool.
    fn land(&mut self) {
        let mut rows = self.flight.land();
        rows.append(&mut self.live);
        for row in rows {
            self.keep(&row);
        }
    }

    fn keep(&mut self, row: &Row) {
        match self.agent.spool.push(row) {
            Ok(()) => self.spool_fails = false,
            Err(error) if !self.spool_fails => {
                self.spool_fails = true;
                tracing::warn!(%error, "readings are lost: the spool does not take them");
            }
            Err(_) => {}
        }
    }

    fn packet(&mut self, packet: Packet, now: Instant) {
        match packet {
            Packet::PubAck(id) => self.acknowledged(id, now),
            Packet::Publish(publish) => self.told(&publish, now),
            Packet::PingResp => {}
            other => tracing::warn!(?other, "the appliance sends what only agents send"),
        }
    }

    fn acknowledged(&mut self, id: u16, now: Instant) {
        match self.flight.acknowledge(id) {
            Some(Payload::Message(file)) => self.agent.outbox.remove(file),
            Some(Payload::Backlog(segment)) => {
                self.agent.spool.remove(segment);
                let jitter = self.agent.random.below(BACKLOG_PAUSE_MS);
                let pause = Duration::from_millis(BACKLOG_PAUSE_MS / 2 + jitter);
                self.backlog_due = now + pause;
            }
            Some(Payload::Live(_) | Payload::HelloAgain) => {}
            None => tracing::debug!(id, "an acknowledgement of nothing"),
        }
    }

    /// Passes on that nothing is left to finish, if somebody here said so.
    fn look_for_a_word(&mut self) {
        let passed_on = match self.agent.retiring.heard() {
            Ok(None) => return,
            Ok(Some(step)) => {
                self.say(MessageBody::Idle { step });
                self.agent.retiring.passed_on()
            }
            Err(error) => Err(error),
        };
        if let Err(error) = passed_on {
            tracing::warn!(%error, "the word that the server is idle");
        }
    }

    fn row(&mut self, now: Instant) {
        self.next_row += self.agent.interval;
        if self.next_row <= now {
            // The machine slept, or is far behind: rows of moments past cannot be read any more.
            self.next_row = now + self.agent.interval;
        }
        let (clock, dropped) = (&self.agent.clock, self.agent.spool.dropped_rows());
        let row = self.agent.collector.row(clock.now(), clock.monotonic(), dropped);
        if self.link.is_none() {
            self.keep(&row);
            return;
        }
        self.live.push(row);
        if self.live.len() > LIVE_ROWS_MAX {
            let oldest = self.live.remove(0);
            self.keep(&oldest);
        }
    }

    fn stop(&mut self, now: Instant) {
        if self.goodbye.is_none() {
            self.look_for_a_word();
            self.agent.workshop.halt.store(true, Ordering::Relaxed);
            self.agent.workshop.work.halt();
            self.goodbye = Some(now + GOODBYE_DEADLINE);
        }
    }

    /// A goodbye is the last word: commands that are being ended have theirs first.
    fn say_bye(&mut self, now: Instant) {
        let Some(deadline) = self.goodbye else { return };
        let last_moment = now >= deadline;
        if !self.said_bye && (self.agent.orders.is_idle() || last_moment) {
            self.said_bye = true;
            self.say(MessageBody::Bye);
        }
    }

    fn say(&mut self, body: MessageBody) {
        let now = self.agent.clock.now();
        self.agent.outbox.push(now, body);
    }

    /// Sends what there is room for.
    fn send_ready(&mut self, now: Instant) {
        if self.link.is_none() {
            return;
        }
        self.send_messages_and_readings(now);
        self.send_frames(now);
    }

    /// Sends frames of streams when it is their turn, and where the connection has room for much
    /// more than them: what it takes is never what a message waits for.
    fn send_frames(&mut self, now: Instant) {
        let has_room = self.link.as_ref().is_some_and(|link| link.capacity() > QUEUE_MAX / 2);
        if !has_room {
            return self.agent.streams.wait(now);
        }
        for frame in self.agent.streams.turn(now) {
            let publish = Publish {
                topic: topic::name(self.agent.server, Kind::Frames),
                id: None,
                dup: false,
                retain: false,
                payload: stream::encode(&frame),
            };
            let mut bytes = Vec::new();
            // A frame is far below MQTT's limits.
            if encode(&Packet::Publish(publish), &mut bytes).is_ok() {
                self.send(bytes);
            }
        }
    }

    fn send_messages_and_readings(&mut self, now: Instant) {
        if self.flight.count(|cargo| matches!(cargo, Payload::Message(_))) == 0
            && let Some((file, json)) = self.agent.outbox.first()
        {
            self.publish(Kind::Messages, json, Payload::Message(file), now);
        }
        let live = self.flight.count(|cargo| matches!(cargo, Payload::Live(_)));
        if !self.live.is_empty() && live < LIVE_IN_FLIGHT_MAX {
            let rows = std::mem::take(&mut self.live);
            let bytes = reading::encode(&batch(&rows));
            self.publish(Kind::Readings, bytes, Payload::Live(rows), now);
        }
        if self.backlog_may_go()
            && now >= self.backlog_due
            && let Some((segment, batch)) = self.agent.spool.oldest()
        {
            let bytes = reading::encode(&batch);
            self.publish(Kind::Readings, bytes, Payload::Backlog(segment), now);
        }
    }

    fn backlog_may_go(&self) -> bool {
        self.link.is_some()
            && !self.agent.spool.is_empty()
            && !self.agent.outbox.hello_waits()
            && self.flight.count(|cargo| matches!(cargo, Payload::Backlog(_))) == 0
    }

    fn publish(&mut self, kind: Kind, payload: Vec<u8>, cargo: Payload, now: Instant) {
        let id = self.flight.next_id();
        let publish = Publish {
            topic: topic::name(self.agent.server, kind),
            id: Some(id),
            dup: false,
            retain: false,
            payload,
        };
        let mut bytes = Vec::new();
        if let Err(error) = encode(&Packet::Publish(publish), &mut bytes) {
            tracing::warn!(%error, "a message that cannot be sent");
            return;
        }
        self.flight.add(id, cargo, bytes.clone(), now);
        self.send(bytes);
    }

    /// What does not fit now is sent again when its acknowledgement is overdue.
    fn send(&mut self, bytes: Vec<u8>) {
        if let Some(link) = &self.link
            && link.try_send(bytes).is_err()
        {
            tracing::debug!("the connection does not take a packet now");
        }
    }

    fn next_chore(&self, now: Instant) -> Instant {
        let far = now + Duration::from_secs(3600);
        let backlog = self.backlog_may_go().then_some(self.backlog_due);
        let frames = self.agent.streams.next().filter(|_| self.link.is_some());
        [self.flight.next_overdue(), backlog, self.goodbye, frames]
            .into_iter()
            .flatten()
            .fold(far, Ord::min)
    }

    fn done(&self, now: Instant) -> bool {
        let Some(deadline) = self.goodbye else { return false };
        let said = self.said_bye && self.agent.outbox.is_empty() && self.live.is_empty();
        let all_said = said && self.flight.count(|cargo| matches!(cargo, Payload::Live(_))) == 0;
        let nobody_listens = self.said_bye && self.link.is_none();
        nobody_listens || all_said || now >= deadline
    }

    /// Closes the connection in good order; what was not acknowledged waits on disk.
    async fn leave(mut self) {
        self.land();
        let mut bytes = Vec::new();
        if encode(&Packet::Disconnect, &mut bytes).is_ok() {
            self.send(bytes);
        }
        if self.link.take().is_some() {
            // The link ends once it has written what it has and sees the channel closed.
            let events = &mut self.agent.events;
            let ended = async { while !matches!(events.recv().await, Some(Event::Down) | None) {} };
            if tokio::time::timeout(HANG_UP_DEADLINE, ended).await.is_err() {
                tracing::debug!("the connection is cut");
            }
        }
        for task in self.agent.tasks {
            task.abort();
            // It says that it was aborted, which is known.
            task.await.ok();
        }
    }
}

#[cfg(test)]
mod tests;
