//! What strangers try on the agents' port, with 64 good agents beside them.
//!
//! Everything is refused and counted under its own kind, no good agent is disconnected, and what
//! the gate keeps is afterwards what it was before. Latencies are printed, not judged: run with
//! `--nocapture`. `GRANGE_SOAK_IDENTITIES=100000` makes the last test long.

use super::rig::{Agent, Rig, authority, open, signed, soon, until};
use grange::base::ServerId;
use grange::broker::{Bounds, Kind as Refused};
use grange::net::mqtt::{ConnectCode, Packet, Qos, Will};
use grange::net::tls::{Alpn, Identity, connect};
use grange::wire::topic::{self, Kind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const GOOD: u128 = 64;
/// Where attacks come from, so that they share no bound with the good agents.
const ELSEWHERE: &str = "127.0.0.2";
const MALLORY: ServerId = ServerId(0xbad);

fn rig() -> Rig {
    // Attacks come faster than one address may begin handshakes; that bound has its own test, and
    // would hide the others here.
    Rig::new(Bounds { per_second: 100_000, ..Bounds::default() }, 3000)
}

/// Good agents that each say something every 20 ms and wait for the acknowledgement.
struct Good {
    stop: Arc<AtomicBool>,
    tasks: Vec<tokio::task::JoinHandle<Vec<Duration>>>,
}

impl Good {
    async fn start(rig: &Rig) -> Good {
        let stop = Arc::new(AtomicBool::new(false));
        let mut tasks = Vec::new();
        for number in 0..GOOD {
            let mut agent = rig.agent(ServerId(number)).await;
            let stop = stop.clone();
            tasks.push(tokio::spawn(async move {
                let mut latencies = Vec::new();
                while !stop.load(Ordering::SeqCst) {
                    let began = Instant::now();
                    agent.report(b"load 0.2").await.expect("a good agent is never disconnected");
                    latencies.push(began.elapsed());
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                latencies
            }));
        }
        Good { stop, tasks }
    }

    /// Ends them, each still connected, and prints how long they waited.
    async fn end(self, rig: &Rig, when: &str) {
        assert!((0..GOOD).all(|number| rig.broker.is_connected(ServerId(number))), "{when}");
        self.stop.store(true, Ordering::SeqCst);
        let mut all = Vec::new();
        for task in self.tasks {
            all.extend(soon("a good agent", task).await.expect("a good agent is never hurt"));
        }
        all.sort();
        let at = |share: usize| all[(all.len() - 1) * share / 1000];
        println!("{when}: {} PUBACKs, p50 {:?}, p99 {:?}", all.len(), at(500), at(990));
    }
}

/// An attack beside good agents: afterwards each kind was counted at least that often, and the
/// gate is as it was.
async fn check(name: &str, counted: &[(Refused, u64)], attack: impl AsyncFnOnce(&Rig)) {
    let rig = rig();
    let good = Good::start(&rig).await;
    soon(name, attack(&rig)).await;
    for (kind, at_least) in counted {
        until(&format!("{name}: {} are {at_least}", kind.name()), || {
            rig.broker.figures().refused(*kind) >= *at_least
        })
        .await;
    }
    good.end(&rig, name).await;
    until("everybody is gone", || {
        let figures = rig.broker.figures();
        figures.connected == 0 && figures.handshakes == 0
    })
    .await;
    let figures = rig.broker.figures();
    assert_eq!((figures.fanout.links, figures.fanout.topics), (3, 2));
    assert_eq!((figures.fanout.rebuilt, figures.fanout.waiting_bytes), (0, 0));
    let left = |number| rig.behind.disconnects_of(ServerId(number));
    until("each leaving is told", || (0..GOOD).all(|number| left(number) >= 1)).await;
    assert!((0..GOOD).all(|number| left(number) == 1), "{name}");
}

/// Mallory, let in as the agent she is.
async fn inside(rig: &Rig) -> Agent {
    let identity = rig.enrolled(MALLORY);
    let mut agent = rig.dial(MALLORY, Some(&identity), ELSEWHERE).await.unwrap();
    agent.come_in().await;
    agent
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_at_all_for_comparison() {
    check("no attack", &[], async |_| tokio::time::sleep(Duration::from_secs(1)).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_of_others_and_none() {
    let counted = [
        (Refused::ClientId, 9),
        (Refused::Tls, 5),
        (Refused::NoCertificate, 5),
        (Refused::NotAdmitted, 1),
        (Refused::Will, 1),
    ];
    check("identities", &counted, async |rig| {
        let own = rig.enrolled(MALLORY);
        let victim = ServerId(3).to_string();
        let strange = ["a/b", "+", "#", "$SYS", "", "g/+/o", "\u{1f4a3}", "x"];
        for id in [victim.as_str()].into_iter().chain(strange) {
            let mut agent = rig.dial(MALLORY, Some(&own), ELSEWHERE).await.unwrap();
            let mut packet = agent.connect_packet();
            packet.client_id = id.to_owned();
            assert_eq!(agent.connect_as(packet).await, Some(ConnectCode::IdentifierRejected));
            assert_eq!(agent.receive().await, None);
        }
        let (directory, other) = authority();
        let (foreign, _) = signed(&other, ServerId(3));
        std::fs::remove_dir_all(directory).unwrap();
        for identity in [Some(&foreign), None] {
            for _ in 0..5 {
                if let Some(mut agent) = rig.dial(ServerId(3), identity, ELSEWHERE).await {
                    assert_eq!(agent.connect_as(agent.connect_packet()).await, None);
                }
            }
        }
        // The right authority and name, but not the key that enrolled.
        let (stolen, _) = signed(&rig.authority, ServerId(3));
        let mut agent = rig.dial(ServerId(3), Some(&stolen), ELSEWHERE).await.unwrap();
        let code = agent.connect_as(agent.connect_packet()).await;
        assert_eq!(code, Some(ConnectCode::NotAuthorised));
        let mut agent = rig.dial(MALLORY, Some(&own), ELSEWHERE).await.unwrap();
        let mut packet = agent.connect_packet();
        let (topic, message) = (topic::name(ServerId(3), Kind::Messages), b"boo".to_vec());
        packet.will = Some(Will { topic, message, qos: Qos::AtLeastOnce, retain: true });
        assert_eq!(agent.connect_as(packet).await, Some(ConnectCode::NotAuthorised));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silence_before_and_after_tls() {
    // 64 may stand in the doorway from one address: the rest made others give way, and those
    // that were left were not through in time.
    let counted = [(Refused::GaveWay, 150), (Refused::Slow, 60), (Refused::NoConnect, 1)];
    check("silence", &counted, async |rig| {
        let mut held = Vec::new();
        for _ in 0..150 {
            held.extend(open(rig.address, ELSEWHERE).await);
        }
        let own = rig.enrolled(MALLORY);
        let mut shaken = Vec::new();
        for _ in 0..40 {
            shaken.extend(rig.dial(MALLORY, Some(&own), ELSEWHERE).await);
        }
        for _ in 0..40 {
            held.extend(open(rig.address, ELSEWHERE).await);
        }
        // While they stand there, an agent behind the same address still comes in.
        let mut agent = inside(rig).await;
        agent.say(b"not kept out").await.unwrap();
        let mut early = rig.dial(MALLORY, Some(&own), ELSEWHERE).await.unwrap();
        early.send(&Packet::PingReq).await;
        assert_eq!(early.receive().await, None);
        for mut agent in shaken {
            assert_eq!(agent.receive().await, None);
        }
        for mut socket in held {
            let mut heard = Vec::new();
            soon("a hang-up", socket.read_to_end(&mut heard)).await.ok();
            assert!(heard.is_empty(), "{heard:?}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn topics_of_others_wildcards_and_shares() {
    let counted = [(Refused::Topic, 6), (Refused::Packet, 2), (Refused::Subscription, 6)];
    check("topics", &counted, async |rig| {
        let (own, victim) = (MALLORY.to_string(), ServerId(3).to_string());
        for topic in [
            format!("g/{victim}/r"),
            format!("g/{victim}/o"),
            format!("g/{own}/o"),
            format!("g/{own}/r/x"),
            "$SYS/broker".to_owned(),
            format!("o/{}", 0xbad % 2),
            "g/+/r".to_owned(),
            "#".to_owned(),
        ] {
            let mut agent = inside(rig).await;
            agent.publish(&topic, b"boo").await;
            assert_eq!(agent.receive().await, None, "{topic}");
        }
        let mut agent = inside(rig).await;
        for filter in [
            "#".to_owned(),
            "g/+/o".to_owned(),
            format!("g/{victim}/o"),
            format!("$share/x/g/{own}/o"),
            "$SYS/#".to_owned(),
            "o/0".to_owned(),
        ] {
            assert_eq!(agent.subscribe(&filter).await, Some(false), "{filter}");
        }
        tokio::task::block_in_place(|| rig.broker.publish_order(ServerId(3), b"secret")).unwrap();
        agent.send(&Packet::PingReq).await;
        assert_eq!(agent.receive().await, Some(Packet::PingResp), "and no order of another's");
        assert!(rig.behind.heard().iter().all(|(_, text)| text != b"boo"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn oversize_and_malformed_packets() {
    let counted = [(Refused::Oversize, 3), (Refused::Packet, 7), (Refused::NoConnect, 2)];
    check("packets", &counted, async |rig| {
        let large = vec![0u8; 256 * 1024];
        let mut agent = inside(rig).await;
        agent.publish(&topic::name(MALLORY, Kind::Readings), &large).await;
        assert_eq!(agent.receive().await, None);
        for bytes in [
            // 256 MiB announced, nothing sent; then a length of five bytes.
            &[0x32, 0xff, 0xff, 0xff, 0x7f][..],
            &[0x30, 0x81, 0x80, 0x40],
            &[0x32, 0xff, 0xff, 0xff, 0xff, 0x7f],
            // QoS 2, a release, both kinds of reserved, a CONNACK, a publish of nothing.
            &[0x34, 5, 0, 1, b'a', 0, 1],
            &[0x62, 2, 0, 1],
            &[0xf0, 0],
            &[0x00, 0],
            &[0x20, 2, 0, 0],
            &[0x30, 0],
        ] {
            let mut agent = inside(rig).await;
            agent.send_bytes(bytes).await;
            assert_eq!(agent.receive().await, None, "{bytes:02x?}");
        }
        let own = rig.enrolled(MALLORY);
        for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0x10, 0xff, 0xff, 0x7f]] {
            let mut agent = rig.dial(MALLORY, Some(&own), ELSEWHERE).await.unwrap();
            agent.send_bytes(bytes).await;
            assert_eq!(agent.receive().await, None, "{bytes:02x?}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http_other_than_enrolment() {
    check("http", &[(Refused::EnrolShape, 4)], async |rig| {
        let endless = "X: y\r\n".repeat(2000);
        for (request, answer) in [
            ("GET / HTTP/1.1\r\n\r\n".to_owned(), "HTTP/1.1 404"),
            (format!("POST /enrol HTTP/1.1\r\n{endless}"), "HTTP/1.1 400"),
            ("POST /enrol HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n".into(), "HTTP/1.1 413"),
            ("POST /enrol HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}".into(), "HTTP/1.1 400"),
        ] {
            let config = rig.dialling(None, Alpn::Http);
            let socket = open(rig.address, ELSEWHERE).await.unwrap();
            let mut stream = connect(&config, socket, "127.0.0.1").await.unwrap();
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut heard = Vec::new();
            // The gate may hang up on what it has not read.
            soon("an answer", stream.read_to_end(&mut heard)).await.ok();
            let heard = String::from_utf8_lossy(&heard).into_owned();
            assert!(heard.starts_with(answer), "{heard}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_slows_its_own_agent_alone() {
    check("flood", &[], async |rig| {
        let agent = inside(rig).await;
        let own = topic::name(MALLORY, Kind::Readings);
        let (mut reading, mut writing) = tokio::io::split(agent.stream);
        let flood = tokio::spawn(async move {
            let mut bytes = Vec::new();
            let publish = grange::net::mqtt::Publish {
                topic: own,
                id: Some(1),
                dup: false,
                retain: false,
                payload: vec![0; 200],
            };
            grange::net::mqtt::encode(&Packet::Publish(publish), &mut bytes).unwrap();
            let many = bytes.repeat(100);
            while writing.write_all(&many).await.is_ok() {}
        });
        let drain = tokio::spawn(async move {
            let mut chunk = [0u8; 4096];
            while matches!(reading.read(&mut chunk).await, Ok(length) if length > 0) {}
        });
        tokio::time::sleep(Duration::from_secs(2)).await;
        let taken = rig.behind.readings_of(MALLORY);
        // One second's worth at once, then the rate; generous, because machines stall.
        let most = u64::from(grange::base::limit::AGENT_PACKETS_PER_SECOND) * 30;
        assert!((1..most).contains(&taken), "{taken} readings were taken");
        println!("flood: {taken} of its readings were taken in 2 s");
        assert!(rig.broker.is_connected(MALLORY), "it is slowed, not thrown out");
        flood.abort();
        drain.abort();
        assert!(flood.await.is_err() && drain.await.is_err(), "both were still at it");
    })
    .await;
}

/// Comes in as soon as one address may begin another handshake.
async fn hurry(rig: &Rig, server: ServerId, identity: &Identity) -> Agent {
    let trying = async {
        loop {
            if let Some(agent) = rig.dial(server, Some(identity), ELSEWHERE).await {
                return agent;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    soon("a place in the doorway", trying).await
}

/// Memory the process has resident, in KiB.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_short_lived_identities_leave_nothing() {
    let identities: u128 = match std::env::var("GRANGE_SOAK_IDENTITIES") {
        Ok(text) => text.parse().unwrap(),
        Err(_) => 500,
    };
    let rig = Rig::new(Bounds::default(), 3000);
    let good = Good::start(&rig).await;
    let before_kib = resident_kib();
    let began = Instant::now();
    let mut refused = 0;
    for number in 0..identities {
        let server = ServerId((1 << 64) + number);
        let (identity, key) = signed(&rig.authority, server);
        let known = number % 2 == 0;
        if known {
            rig.behind.keys.lock().unwrap().insert(server, key);
        }
        let mut agent = hurry(&rig, server, &identity).await;
        let code = agent.connect_as(agent.connect_packet()).await;
        if known {
            assert_eq!(code, Some(ConnectCode::Accepted));
            agent.report(b"here and gone").await.unwrap();
            agent.send(&Packet::Disconnect).await;
            rig.behind.keys.lock().unwrap().remove(&server);
        } else {
            assert_eq!(code, Some(ConnectCode::NotAuthorised));
            refused += 1;
        }
    }
    println!(
        "{identities} identities in {:?}, resident {before_kib} KiB before, {} KiB after",
        began.elapsed(),
        resident_kib()
    );
    until("only the good are left", || rig.broker.figures().connected == GOOD as usize).await;
    let figures = rig.broker.figures();
    assert_eq!(figures.refused(Refused::NotAdmitted), refused);
    assert_eq!((figures.fanout.links, figures.fanout.topics), (3, 2));
    assert_eq!(figures.fanout.rebuilt, 0);
    good.end(&rig, "short-lived identities").await;
}
