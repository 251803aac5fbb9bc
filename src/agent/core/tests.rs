//! What each event does, at moments that the tests choose: nothing is waited for.

use super::*;
use crate::agent::appliances::Appliances;
use crate::agent::orders::Outcome;
use crate::agent::state::State;
use crate::agent::streams::Logs;
use crate::agent::tests::appliance::{SERVER, block_on};
use crate::agent::tests::{places, scratch};
use crate::agent::{EVENTS_MAX, RoleWork, collect, file, leftover};
use crate::base::{ManualClock, StepId, Timestamp};
use crate::model::OrderBody;
use crate::net::mqtt::decode;
use crate::wire::agent::{Message, OrderMessage};
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

/// An agent that is led through its events by hand.
struct Hand {
    running: Running,
    /// What it sent on its connection.
    wire: mpsc::Receiver<Vec<u8>>,
    start: Instant,
    clock: Arc<ManualClock>,
    dir: PathBuf,
}

/// What was sent, in short.
#[derive(Debug, PartialEq)]
enum Sent {
    Message(u16, MessageBody),
    /// With its number of rows.
    Readings(u16, usize),
    Ack(u16),
}

impl Hand {
    fn new(name: &str) -> Hand {
        let dir = scratch(name);
        let state = Arc::new(State::open(&dir, SERVER, "aa").unwrap());
        let clock = Arc::new(ManualClock::at(Timestamp(1_000_000)));
        let source = collect::Source::new(&dir.join("proc"), &dir, None, None);
        let (sender, events) = mpsc::channel(EVENTS_MAX);
        let files = file::Files::open(dir.join("placed.json"), dir.clone()).unwrap();
        let appliances = Appliances::open(state.clone(), Vec::new()).unwrap();
        let workshop = Workshop {
            appliances: Arc::new(appliances),
            groups: leftover::Groups::open(&state).unwrap(),
            files: Mutex::new(files),
            live: crate::agent::live::LiveOutputs::default(),
            halt: AtomicBool::new(false),
            work: RoleWork::open(places(&dir), false).unwrap(),
            machine: false,
            deny_run: dir.join("agent.deny-run"),
        };
        let agent = Agent {
            server: SERVER,
            interval: Duration::from_secs(10),
            clock: clock.clone(),
            outbox: Outbox::open(&state, "boot").unwrap(),
            spool: Spool::open(&state, 1 << 20).unwrap(),
            orders: Orders::open(&state).unwrap(),
            retiring: Retiring::open(&state).unwrap(),
            streams: Streams::new(Logs::new(&dir, &dir), Instant::now()),
            workshop: Arc::new(workshop),
            collector: Collector::new(source, &[], 0),
            ready: true,
            random: Stream::new(1, "backlog"),
            events,
            sender,
            tasks: Vec::new(),
            members: None,
        };
        let start = Instant::now();
        let (running, wire) = (Running::new(agent, start), mpsc::channel(1).1);
        Hand { running, wire, start, clock, dir }
    }

    fn at(&self, ms: u64) -> Instant {
        self.start + Duration::from_millis(ms)
    }

    /// It is time for a row.
    fn row(&mut self, now: Instant) {
        self.clock.advance(1);
        self.running.row(now);
    }

    /// A connection is up.
    fn up(&mut self, ms: u64) {
        let (link, wire) = mpsc::channel(64);
        self.wire = wire;
        self.apply(Event::Up(link), ms);
    }

    fn apply(&mut self, event: Event, ms: u64) {
        self.running.apply(Next::Event(event), self.at(ms));
    }

    fn acknowledge(&mut self, id: u16, ms: u64) {
        self.apply(Event::Packet(Packet::PubAck(id)), ms);
    }

    fn send_ready(&mut self, ms: u64) -> Vec<Sent> {
        self.running.send_ready(self.at(ms));
        self.sent()
    }

    fn sent(&mut self) -> Vec<Sent> {
        let mut sent = Vec::new();
        while let Ok(bytes) = self.wire.try_recv() {
            sent.push(match decode(&bytes, 1 << 20).unwrap().unwrap().0 {
                Packet::PubAck(id) => Sent::Ack(id),
                Packet::Publish(publish) => match topic::parse(&publish.topic) {
                    Some((SERVER, Kind::Readings)) => {
                        let batch = reading::decode(&publish.payload).unwrap();
                        Sent::Readings(publish.id.unwrap(), batch.at.len())
                    }
                    Some((SERVER, Kind::Messages)) => {
                        let message: Message = serde_json::from_slice(&publish.payload).unwrap();
                        Sent::Message(publish.id.unwrap(), message.body)
                    }
                    other => panic!("{other:?}"),
                },
                other => panic!("{other:?}"),
            });
        }
        sent
    }

    /// Rows of a gap, each batch of them a segment of its own.
    fn spool(&mut self, segments: &[usize]) {
        let mut at = 0;
        for (segment, rows) in segments.iter().enumerate() {
            let names: Arc<[String]> = [format!("series_{segment}")].into();
            for _ in 0..*rows {
                at += 1;
                let row = Row { at: Timestamp(at), names: names.clone(), values: vec![1.0] };
                self.running.agent.spool.push(&row).unwrap();
            }
        }
    }

    /// An order comes with this packet identifier.
    fn order(&mut self, order: u64, epoch: u64, body: OrderBody) {
        let order = OrderId(order);
        let message =
            OrderMessage { v: 1, epoch, order, deadline: Timestamp(0), body, workload: None };
        self.publish(&topic::name(SERVER, Kind::Orders), serde_json::to_vec(&message).unwrap());
    }

    fn publish(&mut self, topic: &str, payload: Vec<u8>) {
        let topic = topic.to_owned();
        let publish = Publish { topic, id: Some(9), dup: false, retain: false, payload };
        self.apply(Event::Packet(Packet::Publish(publish)), 0);
    }

    fn spooled(&mut self) -> Vec<usize> {
        let spool = &mut self.running.agent.spool;
        let mut rows = Vec::new();
        while let Some((number, batch)) = spool.oldest() {
            rows.push(batch.at.len());
            spool.remove(number);
        }
        rows
    }
}

impl Drop for Hand {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.dir).ok();
    }
}

fn hello() -> MessageBody {
    MessageBody::Hello {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        capabilities: [CAN_BE_TOLD, CAN_STREAM, SAYS_SERVICES].map(str::to_owned).to_vec(),
        ready: true,
        epoch: 0,
    }
}

#[test]
fn one_message_is_under_way_and_a_hello_comes_before_the_backlog() {
    let mut hand = Hand::new("messages");
    hand.spool(&[3, 2]);
    assert!(hand.send_ready(0).is_empty(), "nobody is there");
    hand.up(0);
    hand.apply(Event::Ready(false, "refused".into()), 0);
    assert_eq!(hand.send_ready(0), [Sent::Message(1, hello())], "before everything else");
    assert!(hand.send_ready(1).is_empty(), "one at a time");
    hand.acknowledge(1, 2);
    let ready = MessageBody::Ready { ready: false, detail: "refused".into() };
    assert_eq!(hand.send_ready(2), [Sent::Message(2, ready), Sent::Readings(3, 3)]);
    assert!(hand.send_ready(3).is_empty(), "and one segment");
    hand.acknowledge(2, 4);
    assert!(hand.running.agent.outbox.is_empty());
    hand.acknowledge(77, 4);
    hand.acknowledge(3, 1000);
    // A breath, at its moment and not before.
    let due = hand.running.backlog_due;
    assert!(due >= hand.at(1000 + BACKLOG_PAUSE_MS / 2), "{:?}", due - hand.at(1000));
    assert!(due < hand.at(1000 + BACKLOG_PAUSE_MS / 2 + BACKLOG_PAUSE_MS));
    hand.running.send_ready(due - Duration::from_nanos(1));
    assert!(hand.sent().is_empty());
    assert_eq!(hand.running.next_chore(hand.at(1000)), due);
    hand.running.send_ready(due);
    assert_eq!(hand.sent(), [Sent::Readings(4, 2)]);
    hand.acknowledge(4, 2000);
    assert!(hand.running.agent.spool.is_empty());
    assert!(hand.send_ready(9000).is_empty());
}

#[test]
fn fresh_rows_wait_for_room_and_the_oldest_of_too_many_go_to_the_spool() {
    let mut hand = Hand::new("rows");
    hand.row(hand.start);
    assert_eq!(hand.spooled(), [1], "nobody is there");
    hand.up(0);
    assert_eq!(hand.send_ready(0).len(), 1);
    hand.acknowledge(1, 0);
    for id in 2..4 {
        hand.row(hand.at(1));
        assert_eq!(hand.send_ready(1), [Sent::Readings(id, 1)]);
    }
    for _ in 0..LIVE_ROWS_MAX {
        hand.row(hand.at(2));
    }
    assert!(hand.send_ready(2).is_empty(), "two are under way");
    assert!(hand.running.agent.spool.is_empty());
    hand.row(hand.at(3));
    assert_eq!((hand.spooled(), hand.running.live.len()), (vec![1], LIVE_ROWS_MAX));
    hand.acknowledge(3, 4);
    assert_eq!(hand.send_ready(4), [Sent::Readings(4, LIVE_ROWS_MAX)]);
    // The connection ends: what was under way and what waits goes to the spool.
    hand.row(hand.at(5));
    hand.apply(Event::Down, 5);
    assert_eq!(hand.spooled().iter().sum::<usize>(), 1 + LIVE_ROWS_MAX + 1);
    assert!(hand.running.live.is_empty() && hand.running.link.is_none());
    assert_eq!(hand.running.flight.count(|_| true), 0);
}

#[test]
fn rows_keep_their_rhythm_and_moments_past_are_left_out() {
    let mut hand = Hand::new("rhythm");
    let (first, every) = (FIRST_ROW_AFTER, hand.running.agent.interval);
    assert_eq!(hand.running.next_row, hand.start + first);
    hand.row(hand.start + first + Duration::from_millis(700));
    assert_eq!(hand.running.next_row, hand.start + first + every, "a late one changes nothing");
    let due = hand.start + first + 2 * every;
    hand.row(due - Duration::from_nanos(1));
    assert_eq!(hand.running.next_row, due);
    // The machine slept until the next one was due, too.
    hand.row(due + every);
    assert_eq!(hand.running.next_row, due + 2 * every);
}

#[test]
fn another_connection_says_the_hello_that_waits_or_the_last_one_again() {
    let mut hand = Hand::new("hello-again");
    hand.up(0);
    assert_eq!(hand.send_ready(0), [Sent::Message(1, hello())]);
    hand.apply(Event::Down, 0);
    hand.up(1);
    assert_eq!(hand.send_ready(1), [Sent::Message(2, hello())], "the same, and no second one");
    hand.acknowledge(2, 1);
    assert!(hand.send_ready(1).is_empty());
    let ready = MessageBody::Ready { ready: false, detail: "gone".into() };
    hand.apply(Event::Ready(false, "gone".into()), 1);
    hand.apply(Event::Down, 1);
    hand.up(2);
    assert_eq!(hand.sent(), [Sent::Message(3, hello())], "the last one, at once");
    assert_eq!(hand.send_ready(2), [Sent::Message(4, ready)]);
    hand.acknowledge(4, 2);
    let news = match hello() {
        MessageBody::Hello { version, capabilities, epoch, .. } => {
            MessageBody::Hello { version, capabilities, epoch, ready: false }
        }
        other => other,
    };
    assert_eq!(hand.send_ready(2), [Sent::Message(5, news)], "and a new one behind it");
}

#[test]
fn what_is_not_acknowledged_in_time_is_sent_again() {
    let mut hand = Hand::new("overdue");
    hand.up(0);
    assert_eq!(hand.send_ready(0).len(), 1);
    let due = hand.running.next_chore(hand.start);
    assert_eq!(due, hand.start + crate::agent::flight::RESEND_AFTER);
    hand.running.apply(Next::Chore, due - Duration::from_nanos(1));
    assert!(hand.sent().is_empty());
    hand.running.apply(Next::Chore, due);
    assert_eq!(hand.sent(), [Sent::Message(1, hello())]);
    hand.acknowledge(1, 0);
    let far = hand.start + Duration::from_secs(3600);
    assert_eq!(hand.running.next_chore(hand.start), far, "nothing is to be done");
}

#[test]
fn orders_are_acknowledged_when_they_are_taken() {
    block_on(async {
        let mut hand = Hand::new("orders");
        hand.up(0);
        hand.send_ready(0);
        hand.acknowledge(1, 0);
        hand.publish("nobody/o", b"{}".to_vec());
        assert!(hand.sent().is_empty(), "it is not ours");
        hand.publish(&topic::name(SERVER, Kind::Orders), b"{".to_vec());
        assert_eq!(hand.sent(), [Sent::Ack(9)], "it would only come again");
        let leave = |step| OrderBody::Leave {
            step: StepId(step),
            reason: "scaling down".into(),
            by: Timestamp(1),
        };
        hand.order(1, 5, leave(7));
        let noted = |order| MessageBody::Result {
            order: OrderId(order),
            error: None,
            exit_code: 0,
            output: "noted".into(),
            ran: None,
        };
        assert_eq!(hand.sent(), [Sent::Ack(9)]);
        // The same again is answered once.
        hand.order(1, 5, leave(7));
        assert_eq!(hand.sent(), [Sent::Ack(9)]);
        assert_eq!(hand.send_ready(0), [Sent::Message(2, noted(1))]);
        hand.acknowledge(2, 0);
        assert!(hand.send_ready(0).is_empty(), "one answer is enough");
        hand.order(1, 5, leave(7));
        assert_eq!(hand.send_ready(0), [Sent::Ack(9), Sent::Message(3, noted(1))], "and again");
        hand.acknowledge(3, 0);
        hand.order(2, 4, OrderBody::Stay);
        assert_eq!(hand.send_ready(0), [Sent::Ack(9)], "of a lower epoch");
        hand.order(3, 5, OrderBody::Stay);
        assert_eq!(hand.send_ready(0), [Sent::Ack(9), Sent::Message(4, noted(3))]);
        hand.acknowledge(4, 0);
        // One that is under way is acknowledged and not answered; too many are neither.
        for order in 10..42 {
            hand.order(order, 5, OrderBody::Ping);
        }
        assert_eq!(hand.sent().len(), 32);
        hand.order(10, 5, OrderBody::Ping);
        assert_eq!(hand.send_ready(0), [Sent::Ack(9)]);
        hand.order(50, 5, OrderBody::Ping);
        assert!(hand.send_ready(0).is_empty(), "it comes again");
        hand.apply(Event::Done(OrderId(10), false, Outcome::done("pong")), 0);
        hand.order(50, 5, OrderBody::Ping);
        assert_eq!(hand.sent(), [Sent::Ack(9)]);
    });
}

#[test]
fn it_says_goodbye_when_all_is_done_or_its_time_is_over() {
    block_on(async {
        let mut hand = Hand::new("goodbye");
        let end = hand.start + GOODBYE_DEADLINE;
        let bye = |hand: &mut Hand, now: Instant| {
            hand.running.say_bye(now);
            hand.running.said_bye
        };
        hand.up(0);
        hand.send_ready(0);
        hand.acknowledge(1, 0);
        assert!(!bye(&mut hand, end) && !hand.running.done(end), "nobody wants it to stop");
        hand.order(1, 1, OrderBody::Ping);
        hand.apply(Event::Stop, 0);
        hand.apply(Event::Stop, 900);
        assert_eq!(hand.running.goodbye, Some(end), "told twice is told once");
        assert!(hand.running.agent.workshop.halt.load(Ordering::Relaxed));
        assert_eq!(hand.running.next_chore(hand.start), end);
        let before = end - Duration::from_nanos(1);
        assert!(!bye(&mut hand, before), "an order is under way");
        assert!(!hand.running.done(before) && hand.running.done(end));
        assert!(bye(&mut hand, end), "there is no time left");
        hand.sent();
        assert_eq!(hand.send_ready(0), [Sent::Message(2, MessageBody::Bye)]);
        hand.running.say_bye(end);
        assert!(!hand.running.done(before), "it is not acknowledged");
        hand.row(hand.start);
        hand.acknowledge(2, 0);
        assert!(!hand.running.done(before), "readings wait");
        assert_eq!(hand.send_ready(0), [Sent::Readings(3, 1)]);
        assert!(!hand.running.done(before), "they are under way");
        hand.acknowledge(3, 0);
        assert!(hand.running.done(before), "all is said, and once");

        let mut alone = Hand::new("alone-by-hand");
        alone.apply(Event::Stop, 0);
        assert!(!alone.running.done(alone.start), "nothing is said yet");
        let now = alone.start;
        assert!(bye(&mut alone, now) && alone.running.done(now), "nobody listens");

        let mut told = Hand::new("told-to-stop");
        told.apply(Event::Done(OrderId(1), false, Outcome::done("pong")), 0);
        assert_eq!(told.running.goodbye, None);
        told.apply(Event::Done(OrderId(2), true, Outcome::done("the agent stops")), 0);
        assert!(told.running.goodbye.is_some());
    });
}

#[test]
fn a_word_that_nothing_is_left_is_passed_on_once() {
    let mut hand = Hand::new("word");
    hand.running.agent.retiring.begin(StepId(7), "scaling down".into(), Timestamp(1)).unwrap();
    hand.running.apply(Next::LoadLook, hand.start);
    assert!(hand.running.agent.outbox.is_empty());
    assert!(hand.running.next_look >= hand.at(1000));
    std::fs::write(hand.dir.join("idle.json"), br#"{"step":7}"#).unwrap();
    hand.running.apply(Next::LoadLook, hand.start);
    std::fs::write(hand.dir.join("idle.json"), br#"{"step":7}"#).unwrap();
    hand.apply(Event::Stop, 0);
    hand.up(0);
    assert_eq!(hand.send_ready(0), [Sent::Message(1, MessageBody::Idle { step: StepId(7) })]);
    hand.acknowledge(1, 0);
    assert_eq!(hand.send_ready(0), [Sent::Message(2, hello())]);
}
