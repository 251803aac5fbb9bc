//! Orders, from the wire to their results.

use super::appliance::{World, block_on, soon};
use crate::agent::Event;
use crate::base::OrderId;
use crate::model::OrderBody;
use crate::wire::agent::MessageBody;

fn sh(script: &str, timeout_ms: u64) -> OrderBody {
    OrderBody::Run { command: ["sh", "-c", script].map(str::to_owned).to_vec(), timeout_ms }
}

#[test]
fn an_order_sent_often_is_done_once_and_answered_each_time() {
    block_on(async {
        let world = World::new("once").await;
        let agent = world.start("");
        let mut peer = world.accept().await;
        peer.hello().await;
        let script = format!("echo x | tee -a {}", world.dir.join("log").display());
        let expected = (OrderId(7), None, 0, "x\n".to_owned());
        peer.order(7, 1, sh(&script, 20_000)).await;
        peer.order(7, 1, sh(&script, 20_000)).await;
        assert_eq!(peer.result().await, expected);
        peer.order(7, 1, sh(&script, 20_000)).await;
        assert_eq!(peer.result().await, expected);
        drop(peer);
        let mut peer = world.accept().await;
        peer.order(7, 2, sh(&script, 20_000)).await;
        assert_eq!(peer.result().await, expected);
        assert_eq!(std::fs::read_to_string(world.dir.join("log")).unwrap(), "x\n");
        agent.events.send(Event::Stop).await.unwrap();
        soon("the agent's end", agent.task).await.unwrap();
    });
}

#[test]
fn orders_are_answered_with_what_came_of_them() {
    block_on(async {
        let world = World::new("results").await;
        let agent = world.start("");
        let mut peer = world.accept().await;
        peer.hello().await;
        let path = world.dir.join("etc/service.cfg").to_string_lossy().into_owned();
        let write = |content: &str, reload: &str| OrderBody::WriteFile {
            path: path.clone(),
            content: content.to_owned(),
            check: ["grep", "-q", "good", "{}"].map(str::to_owned).to_vec(),
            reload: vec![reload.to_owned()],
            generation: 1,
        };
        let cases = [
            (OrderBody::Ping, None, 0),
            (sh("echo a; exit 4", 20_000), None, 4),
            (sh("sleep 300", 100), Some("killed"), -1),
            (write("good", "true"), None, 0),
            (write("bad", "true"), Some("the check refuses it"), 1),
            (write("good too", "false"), Some("the last good file is back"), 1),
            (OrderBody::Run { command: vec![], timeout_ms: 1 }, Some("cannot be run"), 0),
        ];
        for (number, (body, error, exit_code)) in (1..).zip(cases) {
            peer.order(number, 1, body.clone()).await;
            let (order, why, code, _) = peer.result().await;
            assert_eq!((order, code), (OrderId(number), exit_code), "{body:?}: {why:?}");
            match (why, error) {
                (None, None) => {}
                (Some(why), Some(words)) => assert!(why.contains(words), "{why}"),
                (why, _) => panic!("{body:?}: {why:?}, expected {error:?}"),
            }
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "good");
        agent.events.send(Event::Stop).await.unwrap();
        soon("the agent's end", agent.task).await.unwrap();
    });
}

#[test]
fn a_node_that_is_not_active_any_more_is_not_obeyed() {
    block_on(async {
        let world = World::new("stale").await;
        let agent = world.start("");
        let mut peer = world.accept().await;
        peer.hello().await;
        peer.order(1, 5, OrderBody::Ping).await;
        assert_eq!(peer.result().await.0, OrderId(1));
        peer.order(2, 4, OrderBody::Ping).await;
        peer.order(3, 5, OrderBody::Ping).await;
        assert_eq!(peer.result().await.0, OrderId(3));
        drop(peer);
        let hello = world.accept().await.take().await;
        assert!(matches!(hello.body, MessageBody::Hello { epoch: 5, .. }), "{hello:?}");
        agent.events.send(Event::Stop).await.unwrap();
        soon("the agent's end", agent.task).await.unwrap();
    });
}

#[test]
fn told_to_stop_it_answers_says_goodbye_and_ends() {
    block_on(async {
        let world = World::new("stop").await;
        let agent = world.start("");
        let mut peer = world.accept().await;
        peer.hello().await;
        peer.order(1, 1, sh("sleep 300", 300_000)).await;
        peer.order(2, 1, OrderBody::Stop).await;
        assert_eq!(peer.result().await.0, OrderId(2));
        let (order, error, _, _) = peer.result().await;
        assert_eq!((order, error.is_some()), (OrderId(1), true), "a command is ended");
        assert_eq!(peer.take().await.body, MessageBody::Bye);
        assert!(peer.closes().await);
        soon("the agent's end", agent.task).await.unwrap();
    });
}
