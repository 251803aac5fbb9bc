//! Streams through the gate: each agent on its own alone, and nothing waits for them.

use super::rig::{Rig, until};
use grange::base::ServerId;
use grange::broker::Kind as Refused;
use grange::net::mqtt::{Packet, Publish};
use grange::wire::topic::{self, Kind};

const WEB: ServerId = ServerId(1);
const DB: ServerId = ServerId(2);

fn rig() -> Rig {
    Rig::new(grange::broker::Bounds::default(), 10_000)
}

fn frame(server: ServerId, id: Option<u16>, payload: &[u8]) -> Packet {
    let topic = topic::name(server, Kind::Frames);
    let payload = payload.to_vec();
    Packet::Publish(Publish { topic, id, dup: false, retain: false, payload })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_are_taken_at_once_and_acknowledged_by_nobody() {
    let rig = rig();
    let mut agent = rig.agent(WEB).await;
    rig.behind.stalled.store(true, std::sync::atomic::Ordering::SeqCst);
    // Whatever waits for its commit, a frame does not.
    agent.publish(&topic::name(WEB, Kind::Messages), b"waits").await;
    agent.send(&frame(WEB, None, b"too much")).await;
    agent.send(&frame(WEB, None, b"frame")).await;
    until("the frame", || rig.behind.heard().contains(&(WEB, b"frame".to_vec()))).await;
    assert_eq!(rig.broker.figures().refused(Refused::Content), 1);
    rig.behind.stalled.store(false, std::sync::atomic::Ordering::SeqCst);
    assert!(matches!(agent.receive().await, Some(Packet::PubAck(_))), "of the message alone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_streams_under_its_own_name_alone_and_asks_for_no_receipt() {
    for wrong in [frame(DB, None, b"x"), frame(WEB, Some(1), b"x")] {
        let rig = rig();
        let mut agent = rig.agent(WEB).await;
        agent.send(&wrong).await;
        assert_eq!(agent.receive().await, None, "{wrong:?}");
        until("it is noted", || rig.broker.figures().refused(Refused::Topic) == 1).await;
        assert_eq!(rig.behind.heard(), []);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_listens_is_told_of_streams_and_who_does_not_is_not() {
    let rig = rig();
    assert!(!rig.broker.tell_stream(WEB, b"nobody is there"));
    let mut agent = rig.agent(WEB).await;
    assert!(rig.broker.tell_stream(WEB, b"it does not listen"));
    assert_eq!(agent.subscribe(&topic::name(DB, Kind::Control)).await, Some(false));
    let own = topic::name(WEB, Kind::Control);
    assert_eq!(agent.subscribe(&own).await, Some(true));
    // Orders that are not acknowledged come all the same.
    tokio::task::block_in_place(|| rig.broker.publish_order(WEB, b"order")).unwrap();
    assert!(matches!(agent.receive().await, Some(Packet::Publish(Publish { id: Some(_), .. }))));
    for number in 0..100u8 {
        until("room", || rig.broker.tell_stream(WEB, &[number])).await;
        let Some(Packet::Publish(told)) = agent.receive().await else { panic!("control") };
        assert_eq!(
            (told.topic.as_str(), told.id, told.payload),
            (own.as_str(), None, vec![number])
        );
    }
    // One that reads nothing is told no more than there is room for, and loses nothing by it.
    agent.say(b"still here").await.unwrap();
    assert_eq!(rig.broker.figures().refused(Refused::Orders), 0);
}
