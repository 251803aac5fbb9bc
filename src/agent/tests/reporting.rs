//! What the agent says: hellos, readings, and what happens when nobody listens.

use super::appliance::{Running, World, block_on, soon, until};
use crate::agent::Event;
use crate::base::{Clock, Timestamp, WallClock};
use crate::net::mqtt::ConnectCode;
use crate::wire::agent::{CAN_BE_TOLD, MessageBody, SAYS_SERVICES};
use crate::wire::stream::CAN_STREAM;
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

async fn stop(agent: Running) {
    agent.events.send(Event::Stop).await.unwrap();
    soon("the agent's end", agent.task).await.unwrap();
}

#[test]
fn it_enrols_says_hello_and_sends_readings() {
    block_on(async {
        let world = World::new("hello").await;
        let agent = world.start("");
        let mut peer = world.accept().await;
        let hello = peer.hello().await;
        let expected = MessageBody::Hello {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            capabilities: [CAN_BE_TOLD, CAN_STREAM, SAYS_SERVICES].map(str::to_owned).to_vec(),
            ready: true,
            epoch: 0,
        };
        assert_eq!((hello.v, hello.seq, hello.body), (1, 1, expected));
        let batch = peer.batch().await;
        for name in ["cpu_percent", "load_1m", "memory_percent", "disk_used_percent:/"] {
            assert!(batch.series.iter().any(|series| series == name), "{name} in {batch:?}");
        }
        assert!(batch.at[0] >= hello.at || batch.at.len() == 1);
        assert_eq!(world.transport.enrolments.load(Ordering::SeqCst), 1);
        stop(agent).await;
    });
}

#[test]
fn a_lost_answer_to_enrolment_is_asked_for_again_with_the_same_key() {
    block_on(async {
        let world = World::new("enrol").await;
        world.transport.refusals.store(2, Ordering::SeqCst);
        let agent = world.start("");
        world.accept().await.hello().await;
        {
            let requests = world.transport.requests.lock().unwrap();
            assert_eq!(requests.len(), 3);
            // The public key; before it stands a length and behind it a signature, which differ.
            let key =
                |request: &str| request.lines().skip(1).collect::<String>()[4..136].to_owned();
            assert!(requests.iter().all(|request| key(request) == key(&requests[0])));
        }
        stop(agent).await;
        // Another process has the certificate already.
        let agent = world.start("");
        world.accept().await.hello().await;
        assert_eq!(world.transport.enrolments.load(Ordering::SeqCst), 1);
        stop(agent).await;
    });
}

#[test]
fn what_is_not_acknowledged_comes_again_under_its_number() {
    block_on(async {
        let world = World::new("again").await;
        let agent = world.start("");
        let mut peer = world.accept().await;
        let (_, first) = peer.message().await;
        drop(peer);
        let mut peer = world.accept().await;
        let second = peer.hello().await;
        assert_eq!(first, second);
        // Acknowledged now: the next connection begins with a new one.
        agent.events.send(Event::Ready(false, "gone".into())).await.unwrap();
        let (_, ready) = peer.message().await;
        assert_eq!(ready.seq, 2);
        drop(peer);
        let mut peer = world.accept().await;
        assert_eq!(peer.hello().await, first, "the last hello opens the connection");
        assert_eq!(peer.take().await, ready);
        let hello = peer.hello().await;
        assert_eq!((hello.seq, hello.boot == first.boot), (3, true));
        assert!(matches!(hello.body, MessageBody::Hello { ready: false, .. }));
        stop(agent).await;
    });
}

#[test]
fn readings_of_a_gap_arrive_afterwards() {
    block_on(async {
        let mut world = World::new("gap").await;
        let agent = world.start("");
        let mut peer = world.accept().await;
        peer.hello().await;
        peer.batch().await;
        world.leave();
        drop(peer);
        let left = WallClock::new().now();
        let spool = world.dir.join("state/spool");
        let spooled = || -> u64 {
            let files = std::fs::read_dir(&spool).unwrap();
            files.map(|file| file.unwrap().metadata().unwrap().len()).sum()
        };
        // Rows of 18 series are 152 bytes.
        until("readings in the spool", || spooled() > 10 * 152 + 400).await;
        let came_back = WallClock::new().now();
        world.come_back().await;
        let mut peer = world.accept().await;
        peer.hello().await;
        let mut seen = BTreeSet::new();
        while seen.len() < 10 {
            let in_gap = |at: &Timestamp| (left..came_back).contains(at);
            seen.extend(peer.batch().await.at.into_iter().filter(in_gap));
        }
        stop(agent).await;
    });
}

#[test]
fn each_address_is_tried_and_a_refusal_is_not_the_end() {
    block_on(async {
        let mut away = World::new("away").await;
        away.leave();
        let world = World::new("addresses").await;
        let agent = world.start_with(&[away.address, world.address], "");
        let mut peer = world.accept_raw().await;
        peer.greet(ConnectCode::Unavailable).await;
        drop(peer);
        assert_eq!(world.accept().await.hello().await.seq, 1);
        stop(agent).await;
    });
}

#[test]
fn readiness_follows_the_check() {
    block_on(async {
        let world = World::new("ready").await;
        let mut service = World::new("service").await;
        service.leave();
        let check = format!(r#","check":{{"port":{},"path":null}}"#, service.address.port());
        let agent = world.start(&check);
        let mut peer = world.accept().await;
        let hello = peer.hello().await;
        assert!(matches!(hello.body, MessageBody::Hello { ready: false, .. }), "{hello:?}");
        service.come_back().await;
        let news = peer.take().await;
        assert!(matches!(news.body, MessageBody::Ready { ready: true, .. }), "{news:?}");
        stop(agent).await;
    });
}

#[test]
fn numbers_go_on_with_another_process_and_goodbye_is_said() {
    block_on(async {
        let world = World::new("restart").await;
        let agent = world.start("");
        let mut peer = world.accept().await;
        let first = peer.hello().await;
        agent.events.send(Event::Stop).await.unwrap();
        let bye = peer.take().await;
        assert_eq!((bye.seq, bye.body), (2, MessageBody::Bye));
        assert!(peer.closes().await);
        soon("the agent's end", agent.task).await.unwrap();

        let agent = world.start("");
        let hello = world.accept().await.hello().await;
        assert_eq!((hello.boot, hello.seq), (first.boot, 3));
        stop(agent).await;
    });
}

#[test]
fn without_an_appliance_it_stops_at_once_and_keeps_its_goodbye() {
    block_on(async {
        let mut world = World::new("alone").await;
        world.leave();
        let agent = world.start("");
        agent.events.send(Event::Stop).await.unwrap();
        soon("the agent's end", agent.task).await.unwrap();
        world.come_back().await;
        let agent = world.start("");
        let mut peer = world.accept().await;
        assert_eq!(peer.take().await.body, MessageBody::Bye);
        peer.hello().await;
        stop(agent).await;
    });
}
