//! The gate as agents meet it: over loopback, with real TLS and a fake house behind it.
//!
//! `rig` builds the world, `attacks` has what strangers try; here is what agents do.

mod attacks;
mod house;
mod rig;
mod streams;

use grange::base::ServerId;
use grange::base::limit::{AGENT_IN_FLIGHT_MAX, ORDER_BYTES_MAX};
use grange::broker::{Bounds, Kind as Refused, NotSent};
use grange::net::exchange::{ExchangeError, post};
use grange::net::mqtt::{ConnectCode, Packet, Publish};
use grange::net::tls::{Alpn, DeviceKey, Identity};
use grange::wire::agent::{EnrolResponse, VERSION};
use grange::wire::topic::{self, Kind};
use rig::{Rig, open, soon, until};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

const WEB: ServerId = ServerId(0x6f1c_2a9e_0b1d_4c3e_8f00_1234_5678_90ab);

fn rig() -> Rig {
    Rig::new(Bounds::default(), 10_000)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_enrols_and_the_same_key_may_ask_again() {
    let rig = rig();
    let key = DeviceKey::generate().unwrap();
    let ask = |path: &'static str, token: &str, key: &DeviceKey| {
        let body = serde_json::json!({
            "v": VERSION, "server": WEB, "token": token, "csr": key.request_pem().unwrap(),
        });
        let config = rig.dialling(None, Alpn::Enrolment);
        let address = rig.address;
        let body = body.to_string();
        let asking =
            move || post(&config, address, path, body.as_bytes(), 65536, Duration::from_secs(10));
        async move { tokio::task::spawn_blocking(asking).await.unwrap() }
    };
    let refused = |answer: Result<Vec<u8>, ExchangeError>, expected: u16| match answer {
        Err(ExchangeError::Refused { status, .. }) => assert_eq!(status, expected),
        other => panic!("{other:?}"),
    };
    refused(ask("/enrol", "bad", &key).await, 403);
    refused(ask("/other", "good", &key).await, 404);
    let answers = [ask("/enrol", "good", &key).await, ask("/enrol", "good", &key).await];
    refused(ask("/enrol", "good", &DeviceKey::generate().unwrap()).await, 403);
    for answer in answers {
        let response: EnrolResponse = serde_json::from_slice(&answer.unwrap()).unwrap();
        let identity = Identity::from_pem(&response.certificate, &key.to_pem()).unwrap();
        let mut agent = rig.dial(WEB, Some(&identity), "127.0.0.1").await.unwrap();
        agent.come_in().await;
    }
    let figures = rig.broker.figures();
    assert_eq!((figures.refused(Refused::Enrol), figures.refused(Refused::EnrolShape)), (2, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_publish_is_acknowledged_after_its_commit_and_not_before() {
    let rig = rig();
    let mut agent = rig.agent(WEB).await;
    agent.say(b"hello").await.unwrap();
    assert_eq!(rig.behind.heard(), [(WEB, b"hello".to_vec())]);

    rig.behind.stalled.store(true, Ordering::SeqCst);
    let first = agent.publish(&topic::name(WEB, Kind::Messages), b"one").await;
    let second = agent.publish(&topic::name(WEB, Kind::Readings), b"two").await;
    agent.send(&Packet::PingReq).await;
    assert_eq!(agent.receive().await, Some(Packet::PingResp), "and no acknowledgement before it");
    rig.behind.stalled.store(false, Ordering::SeqCst);
    assert_eq!(agent.receive().await, Some(Packet::PubAck(first)));
    assert_eq!(agent.receive().await, Some(Packet::PubAck(second)));
    assert_eq!(rig.behind.readings_of(WEB), 1);

    let nonsense = agent.say(b"nonsense").await;
    assert_eq!(nonsense, Some(()), "acknowledged, so that it does not come again");
    rig.behind.not_now.store(true, Ordering::SeqCst);
    agent.publish(&topic::name(WEB, Kind::Messages), b"later").await;
    until("it was refused for now", || rig.broker.figures().refused(Refused::ContentLater) == 1)
        .await;
    rig.behind.not_now.store(false, Ordering::SeqCst);
    agent.say(b"again").await.unwrap();
    assert_eq!(rig.broker.figures().refused(Refused::Content), 1);
    let heard: Vec<_> = rig.behind.heard().into_iter().map(|(_, text)| text).collect();
    assert_eq!(heard, [&b"hello"[..], b"one", b"again"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_house_stops_the_reading_and_loses_nothing() {
    let rig = rig();
    let mut agent = rig.agent(WEB).await;
    rig.behind.stalled.store(true, Ordering::SeqCst);
    let own = topic::name(WEB, Kind::Messages);
    for number in 0..50u8 {
        agent.publish(&own, &[number]).await;
    }
    agent.send(&Packet::PingReq).await;
    rig.behind.stalled.store(false, Ordering::SeqCst);
    let mut answers = Vec::new();
    while answers.len() < 51 {
        answers.push(agent.receive().await.unwrap());
    }
    let asked = answers.iter().position(|answer| *answer == Packet::PingResp).unwrap();
    assert!(asked >= 50 - AGENT_IN_FLIGHT_MAX, "not read before most publishes had ended");
    answers.remove(asked);
    assert_eq!(answers, (1..=50).map(Packet::PubAck).collect::<Vec<_>>());
    // The fake commits in any order; what counts is that each is there once.
    let mut heard: Vec<_> = rig.behind.heard().into_iter().map(|(_, text)| text[0]).collect();
    heard.sort_unstable();
    assert_eq!(heard, (0..50).collect::<Vec<u8>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_reach_their_agent_once_it_listens() {
    let rig = rig();
    assert_eq!(rig.broker.publish_order(WEB, b"x"), Err(NotSent::Offline));
    let identity = rig.enrolled(WEB);
    let mut agent = rig.dial(WEB, Some(&identity), "127.0.0.1").await.unwrap();
    let mut other = rig.agent(ServerId(7)).await;
    let code = agent.connect_as(agent.connect_packet()).await;
    assert_eq!(code, Some(ConnectCode::Accepted));
    let early = b"sent before it subscribed";
    tokio::task::block_in_place(|| rig.broker.publish_order(WEB, early)).unwrap();
    assert_eq!(agent.subscribe(&topic::name(WEB, Kind::Orders)).await, Some(true));
    let order = |packet: Option<Packet>| match packet {
        Some(Packet::Publish(Publish { topic, id: Some(id), payload, .. })) => {
            assert_eq!(topic, topic::name(WEB, Kind::Orders));
            (id, payload)
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(order(agent.receive().await), (1, early.to_vec()));
    // More than may be unacknowledged: the rest waits for the acknowledgements.
    for number in 0..40u8 {
        tokio::task::block_in_place(|| rig.broker.publish_order(WEB, &[number])).unwrap();
    }
    agent.send(&Packet::PubAck(1)).await;
    for number in 0..40u8 {
        let (id, payload) = order(agent.receive().await);
        assert_eq!(payload, [number]);
        agent.send(&Packet::PubAck(id)).await;
    }
    other.say(b"and none reached another").await.unwrap();

    let own = vec![topic::name(WEB, Kind::Orders)];
    agent.send(&Packet::Unsubscribe { id: 9, filters: own }).await;
    assert_eq!(agent.receive().await, Some(Packet::UnsubAck(9)));
    // One that takes no orders and lets them gather is let go, to get them again.
    for _ in 0..80 {
        tokio::task::block_in_place(|| rig.broker.publish_order(WEB, b"x").ok());
    }
    assert_eq!(agent.receive().await, None);
    assert_eq!(rig.broker.figures().refused(Refused::Orders), 1);
    assert_eq!(rig.broker.figures().fanout.rebuilt, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_may_be_as_large_as_an_agent_takes() {
    let rig = rig();
    let mut agent = rig.agent(WEB).await;
    for last in 0..6u8 {
        let mut large = vec![0u8; ORDER_BYTES_MAX];
        large[ORDER_BYTES_MAX - 1] = last;
        tokio::task::block_in_place(|| rig.broker.publish_order(WEB, &large)).unwrap();
        match agent.receive().await {
            Some(Packet::Publish(Publish { id: Some(id), payload, .. })) => {
                assert!(payload == large, "order {last}");
                agent.send(&Packet::PubAck(id)).await;
            }
            other => panic!("{other:?}"),
        }
    }
    let more = vec![0u8; ORDER_BYTES_MAX + 1];
    assert_eq!(rig.broker.publish_order(WEB, &more), Err(NotSent::TooLarge));
    until("the router is empty", || rig.broker.figures().fanout.waiting_bytes == 0).await;
    assert_eq!(rig.broker.figures().refused(Refused::Deaf), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_newest_connection_takes_over_and_a_revocation_ends_it_at_once() {
    let rig = rig();
    let mut first = rig.agent(WEB).await;
    let mut second = rig.agent(WEB).await;
    assert_eq!(first.receive().await, None);
    second.say(b"still here").await.unwrap();
    assert_eq!((rig.broker.connected(), rig.behind.disconnects_of(WEB)), (vec![WEB], 0));

    rig.behind.revoked.lock().unwrap().insert(WEB);
    assert!(rig.broker.disconnect(WEB));
    assert_eq!(second.receive().await, None);
    until("it is gone", || !rig.broker.is_connected(WEB)).await;
    assert_eq!(rig.behind.disconnects_of(WEB), 1);
    let identity = rig.enrolled(WEB);
    let mut third = rig.dial(WEB, Some(&identity), "127.0.0.1").await.unwrap();
    let code = third.connect_as(third.connect_packet()).await;
    assert_eq!(code, Some(ConnectCode::NotAuthorised));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silence_beyond_the_keep_alive_ends_a_connection() {
    let rig = rig();
    let identity = rig.enrolled(WEB);
    let mut agent = rig.dial(WEB, Some(&identity), "127.0.0.1").await.unwrap();
    let mut packet = agent.connect_packet();
    packet.keep_alive_s = 1;
    assert_eq!(agent.connect_as(packet).await, Some(ConnectCode::Accepted));
    assert_eq!(agent.receive().await, None);
    assert_eq!(rig.broker.figures().refused(Refused::Silent), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_behind_the_gate_ends_one_connection_alone() {
    let rig = rig();
    let mut agent = rig.agent(WEB).await;
    let mut other = rig.agent(ServerId(7)).await;
    agent.publish(&topic::name(WEB, Kind::Messages), b"panic").await;
    assert_eq!(agent.receive().await, None);
    other.say(b"unmoved").await.unwrap();
    until("the seat is free", || rig.behind.disconnects_of(WEB) == 1).await;
    assert_eq!(rig.broker.figures().refused(Refused::Panic), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopping_acknowledges_what_is_being_committed_and_closes() {
    let rig = rig();
    let mut agent = rig.agent(WEB).await;
    rig.behind.stalled.store(true, Ordering::SeqCst);
    let id = agent.publish(&topic::name(WEB, Kind::Messages), b"last words").await;
    agent.send(&Packet::PingReq).await;
    assert_eq!(agent.receive().await, Some(Packet::PingResp));
    let stopping = rig.broker.stop(Duration::from_secs(20));
    let freeing = async {
        until("reading has stopped", || rig.broker.figures().handshakes == 0).await;
        rig.behind.stalled.store(false, Ordering::SeqCst);
    };
    let (ended, ()) = soon("the end", async { tokio::join!(stopping, freeing) }).await;
    assert!(ended);
    assert_eq!(agent.receive().await, Some(Packet::PubAck(id)));
    assert_eq!(agent.receive().await, None);
    assert!(rig::open(rig.address, "127.0.0.1").await.is_none(), "nobody listens any more");
    assert_eq!(rig.behind.disconnects_of(WEB), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fleet_that_comes_at_once_waits_its_turn_and_is_let_in() {
    // The last turn comes after two deadlines: waiting for it is nobody's fault.
    let rig = Arc::new(Rig::new(Bounds { turns: 50, ..Bounds::default() }, 1000));
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.extend(open(rig.address, "127.0.0.9").await);
    }
    let mut coming = tokio::task::JoinSet::new();
    for number in 0..120u128 {
        let (rig, server) = (rig.clone(), ServerId(number));
        let identity = rig.enrolled(server);
        coming.spawn(async move {
            let from = format!("127.0.0.{}", 2 + number % 4);
            let mut agent = rig.dial(server, Some(&identity), &from).await.unwrap();
            agent.come_in().await;
            agent
        });
    }
    let agents = soon("the whole fleet", coming.join_all()).await;
    let figures = rig.broker.figures();
    assert_eq!((agents.len(), figures.connected), (120, 120));
    assert_eq!((figures.refused(Refused::GaveWay), figures.refused(Refused::Tls)), (0, 0));
    until("silence is shown out", || rig.broker.figures().refused(Refused::Slow) == 20).await;
}
