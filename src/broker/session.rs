//! One agent's connection, from its CONNECT on.
//!
//! [`Session::next`] waits for whatever comes first, [`Session::apply`] decides. Reading stops
//! whenever something is full: publishes under way, answers unread, the agent's pace. So an agent
//! that does too much slows down itself alone, and what it sent waits in its own socket.
//!
//! An idle session owns no buffers: what was read lives on the stack until it is part of a packet.

use super::greet::{AdmittedAgent, Presence};
use super::pace::Pace;
use super::patience::Patience;
use super::refused::Kind;
use super::roster::{End, Order, Waiting};
use super::{GateParts, Later, Refusal};
use crate::base::{ServerId, limit};
use crate::net::mqtt::{BadPacket, Packet, Publish, Qos, decode, encode};
use crate::net::tls::ServerStream;
use crate::wire::topic;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::Sleep;

/// Longest we try to say that we hang up.
const FAREWELL: Duration = Duration::from_millis(500);

/// A connection and what is under way on it.
pub struct Session {
    gate: Arc<GateParts>,
    server: ServerId,
    from: SocketAddr,
    presence: Presence,
    stream: ServerStream,
    /// Read and not decoded yet; owns memory only while part of a packet is in it.
    inbox: Vec<u8>,
    /// Encoded and not written yet.
    outbox: Vec<u8>,
    /// TLS may still hold something back.
    unflushed: bool,
    /// Publishes that wait for their commit, oldest first: answers go out in this order
    /// [MQTT-4.6.0-2].
    taking: VecDeque<Taking>,
    /// Whether it wants orders.
    subscribed: bool,
    /// Whether it wants to be told of streams.
    streams: bool,
    pace: Pace,
    patience: Patience,
    alarm: Pin<Box<Sleep>>,
    stopping: bool,
}

struct Taking {
    id: Option<u16>,
    answer: Later<Result<(), Refusal>>,
    done: Option<Result<(), Refusal>>,
}

enum Event {
    /// We end it.
    End(End),
    /// The oldest publish has its answer.
    Taken(Option<u16>, Result<(), Refusal>),
    /// There is something for it.
    Waiting(Waiting),
    /// It said something, which is in the inbox now.
    Heard,
    /// It hung up.
    Closed,
    /// A moment that was waited for is here.
    Alarm,
    /// It stops, and all is said.
    Quiet,
}

/// Why a session is over: with something to note, or in peace.
type Over = Option<(Kind, String)>;

impl Session {
    /// Begins where the greeting ended.
    pub fn new(gate: Arc<GateParts>, guest: AdmittedAgent, from: SocketAddr) -> Session {
        let now = Instant::now();
        Session {
            gate,
            server: guest.server,
            from,
            presence: guest.presence,
            stream: guest.stream,
            inbox: guest.inbox,
            outbox: Vec::new(),
            unflushed: false,
            taking: VecDeque::new(),
            subscribed: false,
            streams: false,
            pace: Pace::new(limit::AGENT_PACKETS_PER_SECOND, limit::AGENT_BYTES_PER_SECOND, now),
            patience: Patience::new(guest.keep_alive_s, now),
            alarm: Box::pin(tokio::time::sleep_until(now.into())),
            stopping: false,
        }
    }

    /// Serves it until it ends.
    pub async fn run(mut self) {
        let mut over = self.digest();
        while over.is_continue() {
            let event = poll_fn(|cx| self.next(cx)).await;
            over = self.apply(event);
            if over.is_continue() {
                over = self.digest();
            }
        }
        if self.stopping {
            // So that the agent knows it was on purpose; it may be gone, or not listen.
            tokio::time::timeout(FAREWELL, self.stream.shutdown()).await.ok();
        }
        if let ControlFlow::Break(Some((kind, why))) = over {
            self.gate.refused.note(kind, self.from, Some(self.server), &why);
        }
    }

    // Waiting.

    fn next(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        if !self.stopping
            && let Poll::Ready(end) = Pin::new(&mut self.presence.seat.end).poll(cx)
        {
            return Poll::Ready(Event::End(end.unwrap_or(End::Stopping)));
        }
        if let Poll::Ready(Err(_)) = self.send(cx) {
            return Poll::Ready(Event::Closed);
        }
        if self.stopping && self.taking.is_empty() && self.outbox.is_empty() && !self.unflushed {
            return Poll::Ready(Event::Quiet);
        }
        for taking in self.taking.iter_mut().filter(|t| t.done.is_none()) {
            if let Poll::Ready(done) = taking.answer.as_mut().poll(cx) {
                taking.done = Some(done);
            }
        }
        if let Some(done) = self.taking.front_mut().and_then(|t| t.done.take()) {
            let id = self.taking.pop_front().and_then(|t| t.id);
            return Poll::Ready(Event::Taken(id, done));
        }
        if self.may_send_orders()
            && let Poll::Ready(Some(waiting)) = self.presence.seat.poll_waiting(cx)
        {
            return Poll::Ready(Event::Waiting(waiting));
        }
        if self.may_read() {
            match self.receive(cx) {
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Event::Closed),
                Poll::Ready(Ok(_)) => return Poll::Ready(Event::Heard),
                Poll::Pending => {}
            }
        }
        self.wait(cx).map(|()| Event::Alarm)
    }

    /// Writes what there is. Ready only when the connection is gone.
    fn send(&mut self, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        while !self.outbox.is_empty() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.outbox))?;
            if written == 0 {
                return Poll::Ready(Err(std::io::ErrorKind::WriteZero.into()));
            }
            self.outbox.drain(..written);
            self.unflushed = true;
            self.patience.written(false, Instant::now());
        }
        if self.unflushed {
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            self.unflushed = false;
            self.patience.written(true, Instant::now());
            self.outbox = Vec::new();
        }
        Poll::Pending
    }

    fn receive(&mut self, cx: &mut Context<'_>) -> Poll<std::io::Result<usize>> {
        let mut chunk = [0u8; 8 * 1024];
        let mut buffer = ReadBuf::new(&mut chunk);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
        self.inbox.extend_from_slice(buffer.filled());
        Poll::Ready(Ok(buffer.filled().len()))
    }

    /// Ready when the next moment that matters is here.
    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(next) = self.patience.next(self.has_room()) else { return Poll::Pending };
        // A later alarm than the one that is set: that one rings early, and is set anew then.
        loop {
            if self.alarm.deadline() > next.into() || self.alarm.is_elapsed() {
                if next <= Instant::now() {
                    return Poll::Ready(());
                }
                self.alarm.as_mut().reset(next.into());
            }
            ready!(self.alarm.as_mut().poll(cx));
        }
    }

    fn may_read(&self) -> bool {
        self.has_room() && !self.patience.is_paused()
    }

    /// Whether there is room for what it may say.
    fn has_room(&self) -> bool {
        !self.stopping
            && self.taking.len() < limit::AGENT_IN_FLIGHT_MAX
            && self.outbox.len() < limit::AGENT_UNREAD_BYTES_MAX
    }

    fn may_send_orders(&self) -> bool {
        self.subscribed
            && !self.stopping
            && self.patience.takes_orders()
            && self.outbox.len() < limit::AGENT_UNREAD_BYTES_MAX
    }

    // Deciding.

    fn apply(&mut self, event: Event) -> ControlFlow<Over> {
        let now = Instant::now();
        match event {
            Event::End(End::Stopping) => self.stopping = true,
            Event::End(End::Replaced | End::Revoked) => return ControlFlow::Break(None),
            Event::End(End::OrdersLost) => {
                let why = "orders for it were lost or did not fit".to_owned();
                return ControlFlow::Break(Some((Kind::Orders, why)));
            }
            Event::Taken(id, answer) => {
                self.patience.hear(now);
                self.taken(id, answer, now)?;
            }
            Event::Waiting(Waiting::Order(order)) => self.order(&order)?,
            Event::Waiting(Waiting::Control(control)) => self.control(&control)?,
            Event::Heard => {
                self.patience.hear(now);
                self.presence.seat.hear(now);
            }
            Event::Closed | Event::Quiet => return ControlFlow::Break(None),
            Event::Alarm => {
                let reads = self.has_room();
                if let Err(over) = self.patience.ring(now, reads) {
                    return ControlFlow::Break(Some(over));
                }
            }
        }
        ControlFlow::Continue(())
    }

    fn taken(
        &mut self,
        id: Option<u16>,
        answer: Result<(), Refusal>,
        now: Instant,
    ) -> ControlFlow<Over> {
        match answer {
            Ok(()) => {
                self.gate.taken.fetch_add(1, Ordering::Relaxed);
            }
            // Acknowledged all the same: it would only come again.
            Err(Refusal::Never(why)) => {
                self.gate.refused.note(Kind::Content, self.from, Some(self.server), &why);
            }
            Err(Refusal::Later(why)) => {
                self.gate.refused.note(Kind::ContentLater, self.from, Some(self.server), &why);
                let pause = Duration::from_millis(limit::AGENT_NOT_NOW_PAUSE);
                self.patience.pause(now + pause);
                return ControlFlow::Continue(());
            }
        }
        match id {
            Some(id) => self.say(&Packet::PubAck(id)),
            None => ControlFlow::Continue(()),
        }
    }

    fn order(&mut self, order: &Order) -> ControlFlow<Over> {
        let id = self.patience.send_order(Instant::now());
        self.gate.orders_sent.fetch_add(1, Ordering::Relaxed);
        self.say(&Packet::Publish(Publish {
            topic: topic::name(self.server, topic::Kind::Orders),
            id: Some(id),
            dup: false,
            retain: false,
            payload: order.to_vec(),
        }))
    }

    /// Tells it of a stream, if it listens; nothing waits for its acknowledgement.
    fn control(&mut self, control: &Order) -> ControlFlow<Over> {
        if !self.streams {
            return ControlFlow::Continue(());
        }
        self.say(&Packet::Publish(Publish {
            topic: topic::name(self.server, topic::Kind::Control),
            id: None,
            dup: false,
            retain: false,
            payload: control.to_vec(),
        }))
    }

    /// Takes packets from the inbox for as long as there is room for what they ask.
    fn digest(&mut self) -> ControlFlow<Over> {
        let mut used = 0;
        while self.may_read() {
            let rest = &self.inbox[used..];
            match decode(rest, limit::AGENT_PACKET_BYTES_MAX) {
                Ok(None) => break,
                Ok(Some((packet, length))) => {
                    used += length;
                    let now = Instant::now();
                    if let Some(wait) = self.pace.take(length, now) {
                        self.patience.pause(now + wait);
                    }
                    self.packet(packet)?;
                }
                Err(bad) => {
                    let kind = match bad {
                        BadPacket::TooLarge { .. } => Kind::Oversize,
                        BadPacket::RemainingLength
                        | BadPacket::Header(_)
                        | BadPacket::Unsupported
                        | BadPacket::ProtocolLevel(_)
                        | BadPacket::Malformed(_) => Kind::Packet,
                    };
                    return ControlFlow::Break(Some((kind, bad.to_string())));
                }
            }
        }
        self.inbox.drain(..used);
        if self.inbox.is_empty() {
            self.inbox = Vec::new();
        }
        ControlFlow::Continue(())
    }

    fn packet(&mut self, packet: Packet) -> ControlFlow<Over> {
        match packet {
            Packet::Publish(publish) => self.publish(publish),
            Packet::PubAck(id) => {
                self.patience.acknowledge(id);
                ControlFlow::Continue(())
            }
            Packet::Subscribe { id, filters } => self.subscribe(id, &filters),
            Packet::Unsubscribe { id, filters } => {
                if filters.iter().any(|filter| self.is_own_orders(filter)) {
                    self.subscribed = false;
                }
                self.say(&Packet::UnsubAck(id))
            }
            Packet::PingReq => self.say(&Packet::PingResp),
            Packet::Disconnect => ControlFlow::Break(None),
            // A second CONNECT [MQTT-3.1.0-2], or what only a server sends.
            Packet::Connect(_)
            | Packet::ConnAck { .. }
            | Packet::SubAck { .. }
            | Packet::UnsubAck(_)
            | Packet::PingResp => {
                let why = "a packet that agents do not send here".to_owned();
                ControlFlow::Break(Some((Kind::Packet, why)))
            }
        }
    }

    fn publish(&mut self, publish: Publish) -> ControlFlow<Over> {
        // Nothing is kept for later subscribers here, so the retain flag asks for nothing.
        let Publish { topic, id, dup: _, retain: _, payload } = publish;
        let ingest = &self.gate.ingest;
        let answer = match topic::parse(&topic) {
            Some((server, topic::Kind::Readings)) if server == self.server => {
                ingest.readings(server, payload)
            }
            Some((server, topic::Kind::Messages)) if server == self.server => {
                ingest.message(server, payload)
            }
            Some((server, topic::Kind::Frames)) if server == self.server && id.is_none() => {
                // Bounded by what it was granted, so there is nothing to wait for.
                if let Err(why) = ingest.frame(server, &payload) {
                    self.gate.refused.note(Kind::Content, self.from, Some(server), &why);
                }
                return ControlFlow::Continue(());
            }
            Some(_) | None => {
                let why = format!("a publish on {topic:?}");
                return ControlFlow::Break(Some((Kind::Topic, why)));
            }
        };
        self.taking.push_back(Taking { id, answer, done: None });
        ControlFlow::Continue(())
    }

    fn subscribe(&mut self, id: u16, filters: &[(String, Qos)]) -> ControlFlow<Over> {
        let mut granted = Vec::with_capacity(filters.len());
        for (filter, _) in filters {
            let grants = match topic::parse(filter) {
                Some((server, topic::Kind::Orders)) if server == self.server => {
                    self.subscribed = true;
                    Some(Qos::AtLeastOnce)
                }
                Some((server, topic::Kind::Control)) if server == self.server => {
                    self.streams = true;
                    Some(Qos::AtMostOnce)
                }
                Some(_) | None => {
                    let why = format!("a subscription to {filter:?}");
                    self.gate.refused.note(Kind::Subscription, self.from, Some(self.server), &why);
                    None
                }
            };
            granted.push(grants);
        }
        self.say(&Packet::SubAck { id, granted })
    }

    fn is_own_orders(&self, filter: &str) -> bool {
        topic::parse(filter) == Some((self.server, topic::Kind::Orders))
    }

    fn say(&mut self, packet: &Packet) -> ControlFlow<Over> {
        self.patience.write(Instant::now());
        match encode(packet, &mut self.outbox) {
            Ok(()) => ControlFlow::Continue(()),
            // Our own packets are far below MQTT's limits; were one not, it cannot be said.
            Err(error) => ControlFlow::Break(Some((Kind::Packet, error.to_string()))),
        }
    }
}
