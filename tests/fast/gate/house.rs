//! The gate before the real service and store: agents that talk too much, say what cannot be, or
//! are two where one should be.

use super::rig::{self, Agent, until};
use crate::explain::site::Site;
use grange::base::limit::{
    AGENT_ENTRIES_BURST, AGENT_ENTRY_EVERY, AGENT_MESSAGES_MAX, NONSENSE_ALERT_AFTER,
};
use grange::base::{OrderId, Seq, ServerId, StepId, Timestamp};
use grange::broker::{Broker, Ingest, Kind as Refused, Refusal};
use grange::model::{Cause, Grant};
use grange::net::mqtt::{ConnectCode, Packet};
use grange::net::tls::Identity;
use grange::service::agents::Doorway;
use grange::store::{Author, Purpose};
use grange::wire::agent::{Message, MessageBody, VERSION};
use grange::wire::reading::{self, Batch};
use grange::wire::topic::{self, Kind};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

/// A farm of three running servers behind a gate.
struct House {
    site: Site,
    doorway: Arc<Doorway>,
    broker: Broker,
    address: SocketAddr,
    authority: Arc<grange::pki::Authority>,
    keys: PathBuf,
}

impl Drop for House {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.keys).ok();
    }
}

impl House {
    fn new() -> House {
        let (keys, authority) = rig::authority();
        let mut site = Site::of(authority.clone());
        for line in ["apply 3 6", "settle"] {
            site.act(line);
        }
        let doorway = Arc::new(Doorway::new(site.service.clone()));
        let broker = rig::gate(&keys, &authority, doorway.clone(), doorway.clone(), |_| {});
        let address = broker.addresses()[0];
        House { site, doorway, broker, address, authority, keys }
    }

    /// What a server's agent shows, or whoever has copied its disk.
    fn enrolled(&self, name: &str) -> (ServerId, Identity) {
        let mut server = self.site.servers().into_iter().find(|s| s.hostname == name).unwrap();
        let (identity, key) = rig::signed(&self.authority, server.id);
        server.agent_key_digest = Some(key);
        let id = server.id;
        let author = Author::new(&Grant::job("test"), "test", Cause::Clock, Purpose::Growth);
        self.site.service.store.write(author, move |tx| Ok(tx.put(&server)?)).unwrap();
        (id, identity)
    }

    async fn dial(&self, (id, identity): &(ServerId, Identity), from: &str, who: &str) -> Agent {
        let config = rig::dialling(&self.authority, Some(identity));
        let mut agent = rig::dial(self.address, &config, *id, from).await.unwrap();
        agent.process = who.to_owned();
        agent
    }

    /// Says something; what the service answers.
    async fn says(&self, server: ServerId, seq: u64, body: MessageBody) -> Result<(), Refusal> {
        self.doorway.message(server, message(seq, body)).await
    }

    async fn reads(&self, server: ServerId, series: &str, values: &[f64]) -> Result<(), Refusal> {
        let now = self.site.service.now();
        let rows = values.len() as u64;
        let batch = Batch {
            series: vec![series.into()],
            at: (0..rows).map(|row| now.before((rows - row) * 100)).collect(),
            columns: vec![values.to_vec()],
        };
        let answer = self.doorway.readings(server, reading::encode(&batch));
        self.site.service.series.drain();
        answer.await
    }

    fn alerts(&self) -> String {
        self.site.service.observed.alerts().join("\n")
    }

    fn last_seq(&self) -> Seq {
        self.site.service.store.last_seq()
    }
}

fn message(seq: u64, body: MessageBody) -> Vec<u8> {
    let boot = "boot-1".to_owned();
    let message = Message { v: VERSION, boot, seq, at: Timestamp(1_795_230_600_000), body };
    serde_json::to_vec(&message).unwrap()
}

fn hello(version: String, ready: bool) -> MessageBody {
    MessageBody::Hello { version, capabilities: vec!["x".repeat(90); 50], ready, epoch: 9 }
}

/// What is said for the n-th time.
type Says = fn(u64) -> MessageBody;

/// Each kind of message, as an agent would say it that means no good.
fn kinds() -> Vec<(&'static str, Says)> {
    let ready =
        |n: u64| MessageBody::Ready { ready: n.is_multiple_of(2), detail: "d".repeat(9_000) };
    let result = |n: u64| MessageBody::Result {
        order: OrderId(n),
        error: Some("e".repeat(10_000)),
        exit_code: 1,
        output: "o".repeat(80_000),
        ran: None,
    };
    vec![
        ("the same hello", |_| hello("1.0.0".into(), true)),
        ("hellos of ever other versions", |n| hello(format!("{n}-{}", "v".repeat(5_000)), true)),
        ("hellos of a check that passes and fails", |n| hello("1".into(), n.is_multiple_of(2))),
        ("a check that passes and fails", ready),
        ("results of orders", result),
        ("being idle", |n| MessageBody::Idle { step: StepId(n) }),
        ("bye", |_| MessageBody::Bye),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_talks_the_journal_away() {
    let house = House::new();
    let people = |house: &House| -> Vec<Seq> {
        let all = house.site.service.store.entries(&Grant::job("test"), Seq(0), 10_000).unwrap();
        let all = all.into_iter().filter(|entry| entry.who.name == "admin");
        all.map(|entry| entry.seq).collect()
    };
    let declared = people(&house);
    assert!(!declared.is_empty());
    let web = house.site.named("web-1");
    let (mut seq, began) = (100, house.last_seq());
    let mut delayed = 0;
    for (what, body) in kinds() {
        let before = house.last_seq();
        for n in 0..400 {
            seq += 1;
            match house.says(web, seq, body(n)).await {
                Ok(()) => {}
                Err(Refusal::Later(_)) => delayed += 1,
                Err(Refusal::Never(why)) => panic!("{what}: {why}"),
            }
        }
        let grown = house.last_seq().0 - before.0;
        assert!(grown <= AGENT_ENTRIES_BURST, "{what}: {grown} entries");
        // All that a message may be kept for is full again.
        house.site.clock.advance(AGENT_ENTRIES_BURST * AGENT_ENTRY_EVERY);
    }
    assert!(delayed > 800, "{delayed}: what is over comes later, and is counted");
    let entries = house.site.service.store.entries(&Grant::job("test"), began, 10_000).unwrap();
    for entry in entries {
        let stored = entry.changes.iter().flat_map(|c| [c.before.as_ref(), c.after.as_ref()]);
        let bytes: usize = stored.flatten().map(Vec::len).sum::<usize>() + entry.text.len();
        assert!(bytes < 2_000, "{bytes} of one entry");
    }
    assert_eq!(people(&house), declared);
    house.site.service.store.verify().unwrap();
    // An agent that behaves is not disturbed by one that does not.
    let other = house.site.named("web-2");
    for n in 0..AGENT_MESSAGES_MAX as u64 {
        house.says(other, 100 + n, MessageBody::Bye).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_that_fails_is_told_once_and_one_that_flaps_slows_its_own_agent_down() {
    let house = House::new();
    let web = house.enrolled("web-1");
    let mut agent = house.dial(&web, "127.0.0.2", "a").await;
    agent.come_in().await;
    let fails = |ready| MessageBody::Ready { ready, detail: "port 80: refused".into() };
    agent.say(&message(200, fails(true))).await.unwrap();
    house.site.clock.advance(AGENT_ENTRIES_BURST * AGENT_ENTRY_EVERY);
    let before = house.last_seq();
    agent.say(&message(201, fails(false))).await.unwrap();
    agent.say(&message(202, fails(false))).await.unwrap();
    agent.say(&message(203, MessageBody::Bye)).await.unwrap();
    assert_eq!(house.last_seq().0 - before.0, 1, "said again it is no news");
    let own = topic::name(web.0, Kind::Messages);
    for n in 0..2 * AGENT_ENTRIES_BURST {
        agent.publish(&own, &message(204 + 2 * n, fails(true))).await;
        agent.publish(&own, &message(205 + 2 * n, fails(false))).await;
    }
    until("it is told to come later", || house.broker.figures().refused(Refused::ContentLater) > 0)
        .await;
    assert_eq!(house.last_seq().0 - before.0, AGENT_ENTRIES_BURST);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readings_that_cannot_be_right_are_refused_counted_and_told() {
    let house = House::new();
    let (web, other) = (house.site.named("web-1"), house.site.named("web-2"));
    house.reads(other, "cpu_percent", &[50.0]).await.unwrap();
    let nonsense = [400.0, -1.0, 1e308, -1e308, f64::INFINITY, f64::NAN, 100.5];
    for round in 1..=NONSENSE_ALERT_AFTER {
        assert!(!house.alerts().contains("cannot be right"), "{round}");
        house.reads(web, "cpu_percent", &nonsense).await.unwrap();
        house.site.clock.advance(1_000);
    }
    let told = "readings that cannot be right are refused: shop/web-1 (18 readings refused, the \
                last: cpu_percent 4e2 is not within 0 to 100)";
    assert_eq!(house.alerts(), told);
    assert_eq!(house.site.service.series.latest(web), []);
    house.reads(web, "load_1m", &[1e12, 3.0]).await.unwrap();
    let latest = house.site.service.series.latest(web);
    assert_eq!(latest.iter().map(|(_, _, value)| *value).collect::<Vec<_>>(), [3.0]);
    // It is over some time after the last.
    house.site.clock.advance(grange::base::limit::STRANGE_FOR);
    grange::service::agents::strange::tell(&house.site.service);
    assert_eq!(house.alerts(), "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_of_an_agent_is_kept_out_and_told_and_the_first_stays() {
    let house = House::new();
    let web = house.enrolled("web-1");
    let mut first = house.dial(&web, "127.0.0.2", "a").await;
    first.come_in().await;
    // It comes again and again while the first one speaks.
    let mut answers = Vec::new();
    while answers.last() != Some(&Some(ConnectCode::NotAuthorised)) {
        assert!(answers.len() < 100, "{answers:?}");
        let mut copy = house.dial(&web, "127.0.0.3", "b").await;
        answers.push(copy.connect_as(copy.connect_packet()).await);
        first.send(&Packet::PingReq).await;
        assert_eq!(first.receive().await, Some(Packet::PingResp), "the first is undisturbed");
    }
    answers.pop();
    assert!(answers.iter().all(|answer| *answer == Some(ConnectCode::Unavailable)), "{answers:?}");
    let told = "an agent's certificate is in use on two machines: shop/web-1: its agent is at \
                127.0.0.2, the other one at 127.0.0.3 was refused";
    assert_eq!(house.alerts(), told);
    assert!(house.broker.figures().refused(Refused::Copy) > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_slipped_in_is_shown_out_when_the_first_returns() {
    let house = House::new();
    let web = house.enrolled("web-1");
    let mut first = house.dial(&web, "127.0.0.2", "a").await;
    first.come_in().await;
    drop(first);
    until("it is away", || !house.broker.is_connected(web.0)).await;
    let mut copy = house.dial(&web, "127.0.0.3", "b").await;
    copy.come_in().await;
    let mut first = house.dial(&web, "127.0.0.2", "a").await;
    first.come_in().await;
    assert_eq!(copy.receive().await, None, "the copy is ended");
    let mut copy = house.dial(&web, "127.0.0.3", "b").await;
    let answer = copy.connect_as(copy.connect_packet()).await;
    assert_eq!(answer, Some(ConnectCode::NotAuthorised));
    first.send(&Packet::PingReq).await;
    assert_eq!(first.receive().await, Some(Packet::PingResp));
    assert!(house.alerts().contains("shop/web-1: its agent is at 127.0.0.2"), "{}", house.alerts());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_that_is_started_again_is_let_in_at_once() {
    let house = House::new();
    let web = house.enrolled("web-1");
    for restart in 0..20 {
        let mut agent = house.dial(&web, "127.0.0.2", &format!("r{restart}")).await;
        agent.come_in().await;
    }
    assert_eq!(house.alerts(), "");
    assert_eq!(house.broker.figures().refused(Refused::Held), 0);
}
