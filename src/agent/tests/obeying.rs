//! Orders, from the wire to their results.

use super::appliance::{World, block_on, soon, until};
use crate::agent::{COMMANDS_MAX, Event, Question, ask};
use crate::base::{OrderId, StepId, Timestamp};
use crate::model::{EndedBy, OrderBody, RoleFile, Workload};
use crate::wire::agent::MessageBody;
use std::process::ExitCode;
use tokio::net::TcpListener;

fn sh(script: &str, timeout_ms: u64) -> OrderBody {
    OrderBody::Run {
        command: ["sh", "-c", script].map(str::to_owned).to_vec(),
        timeout_ms,
        apart: false,
    }
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
            (
                OrderBody::Run { command: vec![], timeout_ms: 1, apart: true },
                Some("cannot be run"),
                0,
            ),
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
fn a_command_is_ended_when_it_is_cancelled() {
    block_on(async {
        let world = World::new("cancel").await;
        let agent = world.start("");
        let mut peer = world.accept().await;
        peer.hello().await;
        let ready = world.dir.join("ready");
        let script = format!("echo begun; : > {}; sleep 300", ready.display());
        let command = ["sh", "-c", &script].map(str::to_owned).to_vec();
        let run = OrderBody::Run { command, timeout_ms: 300_000, apart: true };
        let cancel = |order| OrderBody::Cancel { order: OrderId(order) };
        let noted = |order| (OrderId(order), None, 0, "noted".to_owned());
        peer.order(1, 1, run.clone()).await;
        until("the command", || ready.exists()).await;
        // Twice is as once; each cancel is answered for itself.
        peer.order(2, 1, cancel(1)).await;
        peer.order(3, 1, cancel(1)).await;
        // Whether the end of the command comes before the third is answered is a matter of luck.
        let (mut answered, mut ended) = (Vec::new(), None);
        while answered.len() < 2 || ended.is_none() {
            let MessageBody::Result { order, error, exit_code, output, ran, .. } =
                peer.take().await.body
            else {
                continue;
            };
            match order {
                OrderId(1) => ended = Some((error, exit_code, ran.unwrap())),
                order => answered.push((order, error, exit_code, output)),
            }
        }
        assert_eq!(answered, [noted(2), noted(3)]);
        let (error, exit_code, ran) = ended.unwrap();
        assert_eq!((error, exit_code), (None, 143));
        assert_eq!((ran.ended_by, ran.stdout.text().as_str()), (EndedBy::Cancel, "begun\n"));
        // When it is over, what came of it is said again; what has not come yet is not begun.
        peer.order(4, 1, cancel(1)).await;
        assert_eq!(peer.result().await.0, OrderId(1));
        assert_eq!(peer.result().await, noted(4));
        std::fs::remove_file(&ready).unwrap();
        peer.order(5, 1, cancel(6)).await;
        assert_eq!(peer.result().await.1.as_deref(), Some("cancelled before it began"));
        assert_eq!(peer.result().await, noted(5));
        peer.order(6, 1, run).await;
        assert_eq!(peer.result().await.1.as_deref(), Some("cancelled before it began"));
        assert!(!ready.exists(), "it did not run");
        agent.events.send(Event::Stop).await.unwrap();
        soon("the agent's end", agent.task).await.unwrap();
    });
}

#[test]
fn a_command_that_waits_for_a_worker_is_cancelled_at_once() {
    block_on(async {
        let world = World::new("queued").await;
        let agent = world.start("");
        let mut peer = world.accept().await;
        peer.hello().await;
        let run = |script: &str| {
            let command = ["sh", "-c", script].map(str::to_owned).to_vec();
            OrderBody::Run { command, timeout_ms: 300_000, apart: true }
        };
        let busy = COMMANDS_MAX as u64;
        for number in 1..=busy {
            let begun = world.dir.join(format!("begun-{number}"));
            peer.order(number, 1, run(&format!(": > {}; sleep 300", begun.display()))).await;
            until("a busy worker", || begun.exists()).await;
        }
        // What is no command waits for none of them.
        let file = world.dir.join("file");
        let write = OrderBody::WriteFile {
            path: file.display().to_string(),
            content: "x".to_owned(),
            check: Vec::new(),
            reload: vec!["true".to_owned()],
            generation: 1,
        };
        peer.order(99, 1, write).await;
        assert_eq!(peer.result().await.0, OrderId(99));
        let never = world.dir.join("never");
        peer.order(100, 1, run(&format!(": > {}", never.display()))).await;
        peer.order(101, 1, OrderBody::Cancel { order: OrderId(100) }).await;
        assert_eq!(peer.result().await.0, OrderId(101));
        let (order, error, ..) = peer.result().await;
        assert_eq!((order, error.as_deref()), (OrderId(100), Some("cancelled before it began")));
        agent.events.send(Event::Stop).await.unwrap();
        soon("the agent's end", agent.task).await.unwrap();
        assert!(!never.exists(), "it did not run");
    });
}

/// It keeps the address, and comes there when the old one is gone.
#[test]
fn told_of_another_address_it_comes_there_from_then_on() {
    block_on(async {
        let mut world = World::new("moved").await;
        let agent = world.start("");
        let mut peer = world.accept().await;
        peer.hello().await;
        let moved = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = moved.local_addr().unwrap().to_string();
        let told = OrderBody::Addresses { appliances: vec![address.clone()] };
        peer.order(1, 1, told).await;
        assert_eq!(peer.result().await, (OrderId(1), None, 0, format!("reaches {address}")));
        // What it tried the way with.
        drop(moved.accept().await.unwrap());
        agent.events.send(Event::Stop).await.unwrap();
        drop(peer);
        soon("the agent's end", agent.task).await.unwrap();
        let kept = std::fs::read_to_string(world.dir.join("state/appliances.json")).unwrap();
        assert_eq!(kept, format!("{{\"appliances\":[\"{address}\"]}}"));
        world.listener = Some(moved);
        let agent = world.start("");
        let mut peer = world.accept().await;
        peer.hello().await;
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

#[test]
fn a_server_that_is_to_go_says_once_that_it_is_idle() {
    block_on(async {
        let world = World::new("leave").await;
        let agent = world.start("");
        let mut peer = world.accept().await;
        peer.hello().await;
        let state = world.dir.join("state");
        let ask = |question| ask(question, &state, false);
        let (yes, no) = (ExitCode::SUCCESS, ExitCode::from(1));
        assert_eq!((ask(Question::Retiring), ask(Question::Idle)), (no, no));
        let leave = |step| OrderBody::Leave {
            step: StepId(step),
            reason: "scaling down".to_owned(),
            by: Timestamp(1_795_230_600_000),
        };
        peer.order(1, 1, leave(7)).await;
        assert_eq!(peer.result().await, (OrderId(1), None, 0, "noted".to_owned()));
        assert_eq!((ask(Question::Retiring), ask(Question::Idle)), (yes, yes));
        assert_eq!(peer.take().await.body, MessageBody::Idle { step: StepId(7) });
        // Called off, and to go again: what was said before does not count, nor twice.
        peer.order(2, 1, OrderBody::Stay).await;
        assert_eq!(peer.result().await.0, OrderId(2));
        assert_eq!((ask(Question::Retiring), ask(Question::Idle)), (no, no));
        peer.order(3, 1, leave(9)).await;
        assert_eq!(peer.result().await.0, OrderId(3));
        assert_eq!((ask(Question::Idle), ask(Question::Idle)), (yes, yes));
        // Said and not sent, the word outlives the agent.
        agent.events.send(Event::Stop).await.unwrap();
        soon("the agent's end", agent.task).await.unwrap();
        drop(peer);
        let agent = world.start("");
        let mut peer = world.accept().await;
        let mut said = Vec::new();
        while said.len() < 2 {
            match peer.take().await.body {
                MessageBody::Hello { .. } => said.push(None),
                MessageBody::Idle { step } => said.push(Some(step)),
                MessageBody::Bye => {}
                other => panic!("{other:?}"),
            }
        }
        assert!(said.contains(&Some(StepId(9))), "{said:?}");
        agent.events.send(Event::Stop).await.unwrap();
        soon("the agent's end", agent.task).await.unwrap();
    });
}

/// What keepers do is tried with the built binary, in `tests/system/workload`.
#[test]
fn a_roles_work_comes_before_it_is_ready_and_older_work_is_refused() {
    block_on(async {
        let world = World::new("work").await;
        let agent = world.start(r#", "works": true"#);
        let mut peer = world.accept().await;
        let hello = peer.hello().await;
        assert!(matches!(hello.body, MessageBody::Hello { ready: false, .. }), "{hello:?}");
        let ready = |ready, detail: &str| MessageBody::Ready { ready, detail: detail.to_owned() };
        let body = peer.take().await.body;
        assert_eq!(body, ready(false, "the work of its role has not arrived yet"));
        let order = |generation| OrderBody::Workload {
            generation,
            digest: String::new(),
            restarts: String::new(),
        };
        let path = world.dir.join("etc/conf").display().to_string();
        let file = |content: &str| {
            let (path, content) = (path.clone(), content.to_owned());
            let (check, on_change, owner) = (Vec::new(), None, None);
            let template = false;
            RoleFile { path, content, template, mode: 0o644, owner, check, on_change }
        };
        let workload = |content| Workload { files: vec![file(content)], ..Workload::default() };
        peer.order_work(1, order(2), workload("x")).await;
        let done = |order| (OrderId(order), None, 0, "generation 2 is in place".to_owned());
        let mut said = Vec::new();
        while said.len() < 2 {
            match peer.take().await.body {
                MessageBody::Result { order, error, exit_code, output, .. } => {
                    assert_eq!((order, error, exit_code, output), done(1));
                    said.push("result");
                }
                MessageBody::Ready { ready: true, .. } => said.push("ready"),
                MessageBody::Ready { ready: false, .. } => {}
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "x");
        peer.order_work(2, order(1), workload("y")).await;
        let why = "generation 1 is older than 2, which it has".to_owned();
        assert_eq!(peer.result().await.1, Some(why));
        peer.order(3, 1, order(3)).await;
        let why = "the order came without the work that it is about".to_owned();
        assert_eq!(peer.result().await.1, Some(why));
        peer.order_work(4, order(2), workload("x")).await;
        assert_eq!(peer.result().await, done(4));
        agent.events.send(Event::Stop).await.unwrap();
        soon("the agent's end", agent.task).await.unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "x");
    });
}
