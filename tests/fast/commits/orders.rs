//! Orders to agents: when one is given up, and commands that people run and cancel.

use super::races::admin;
use crate::explain::site::Site;
use grange::base::{Bytes, Clock, Code, EnvironmentId, OrderId, Seq, ServerId, Timestamp};
use grange::model::{
    Actor, EndedBy, Grant, Order, OrderBody, OrderState, Permission, Printed, Ran,
};
use grange::service::agents::orders;
use grange::service::lookup;
use grange::service::servers::commands;
use grange::wire::agent::MessageBody;
use grange::wire::api::CommandRequest;

/// A server that runs, with an open order that may take twenty minutes; also its deadline.
fn ordered() -> (Site, OrderId, Timestamp) {
    let mut site = Site::new();
    site.declare(&["web"], 1);
    site.act("settle");
    let request = CommandRequest { command: vec!["true".into()], timeout_ms: 1_200_000 };
    let server = site.named("web-1");
    let shown = commands::run(&site.service, &admin(), server, &request).unwrap();
    let id = OrderId(shown.id);
    let order =
        site.service.read(&Grant::job("test"), |view| lookup::order(view, id)).unwrap().unwrap();
    (site, id, order.deadline)
}

fn expire(site: &Site, id: OrderId) -> (usize, OrderState) {
    let count = orders::expire(&site.service, &Actor::job("orders")).unwrap();
    let order =
        site.service.read(&Grant::job("test"), |view| lookup::order(view, id)).unwrap().unwrap();
    (count, order.state)
}

#[test]
fn an_order_is_open_up_to_its_deadline_and_given_up_after_it() {
    let (site, id, deadline) = ordered();
    let left = deadline.since(site.clock.now());
    site.clock.advance(left);
    assert_eq!(expire(&site, id), (0, OrderState::Open), "at its deadline");
    site.clock.advance(1);
    assert_eq!(expire(&site, id), (1, OrderState::Expired), "after it");
    let seq = site.service.store.last_seq();
    assert_eq!(expire(&site, id), (0, OrderState::Expired), "once");
    assert_eq!(site.service.store.last_seq(), seq, "nothing is new");
}

#[test]
fn an_order_of_a_server_that_is_gone_is_given_up_at_once() {
    let (mut site, id, deadline) = ordered();
    let gone = site.named("web-1");
    site.act("terminate web-1");
    let alive = |site: &Site| site.servers().iter().any(|server| server.id == gone);
    for _ in 0..40 {
        if !alive(&site) {
            break;
        }
        assert_eq!(expire(&site, id).1, OrderState::Open, "while it is there");
        // It has 10 s to finish what it does.
        site.act("later 1s");
        site.act("tick");
    }
    assert!(!alive(&site), "it went");
    assert!(site.clock.now() < deadline, "the deadline is no part of it");
    // With it the word that it is to go, which nobody is left to hear.
    assert_eq!(expire(&site, id).1, OrderState::Expired);
    let (command, timeout_ms) = (vec!["true".into()], 0);
    let request = CommandRequest { command, timeout_ms };
    let refused = commands::run(&site.service, &admin(), gone, &request).unwrap_err();
    assert_eq!(refused.code, Code::UnacceptableState);
    assert!(refused.message.contains("nothing runs there any more"), "{refused}");
}

/// A server that runs, and an open order to run a command on it.
fn running(command: &[&str]) -> (Site, ServerId, OrderId) {
    let mut site = Site::new();
    site.declare(&["web"], 1);
    site.act("settle");
    let server = site.named("web-1");
    let command = command.iter().map(|word| (*word).to_owned()).collect();
    let request = CommandRequest { command, timeout_ms: 60_000 };
    let shown = commands::run(&site.service, &admin(), server, &request).unwrap();
    (site, server, OrderId(shown.id))
}

/// What an agent says of a command that ended.
pub fn ended(order: OrderId, exit_code: i32, ended_by: EndedBy, left_out: u64) -> MessageBody {
    let stdout = Printed { head: Bytes(vec![0, 255, b'x']), left_out, tail: Bytes(Vec::new()) };
    let ran = Some(Ran { ended_by, stdout, ..Ran::default() });
    MessageBody::Result { order, error: None, exit_code, output: String::new(), ran }
}

fn record(site: &Site, id: OrderId) -> Order {
    site.service.read(&Grant::job("test"), |view| lookup::order(view, id)).unwrap().unwrap()
}

/// The last entries of the journal about orders: verb, who, and what is said.
fn told(site: &Site, count: u64) -> Vec<String> {
    let last = site.service.store.last_seq();
    let entries = (last.0 + 1 - count..=last.0)
        .map(|seq| site.service.store.entry(&Grant::job("test"), Seq(seq)));
    let line = |entry: grange::store::Entry| {
        format!("{} {} {} {}", entry.who.name, entry.verb, entry.about, entry.text)
    };
    entries.map(|entry| line(entry.unwrap().expect("an entry"))).collect()
}

#[test]
fn the_journal_says_who_ran_what_where_and_how_it_ended() {
    let (mut site, server, id) = running(&["sh", "-c", "echo a\u{1b}[2J"]);
    let asked = format!(
        r"admin server.run shop/web-1 is asked to run: sh -c 'echo a\u{{1b}}[2J' (order {id})"
    );
    assert_eq!(told(&site, 1), [asked]);
    site.say(server, ended(id, 3, EndedBy::Itself, 70_000));
    let end = format!(
        r"agent:shop/web-1 agent.result shop/web-1 sh -c 'echo a\u{{1b}}[2J' (order {id}) {}",
        "ended with exit code 3; 70000 bytes of its output were not kept"
    );
    assert_eq!(told(&site, 1), [end]);
    let shown = commands::get(&site.service, &admin(), id).unwrap();
    assert_eq!((shown.state.as_str(), shown.exit_code, shown.left_out), ("done", Some(3), 70_000));
    assert_eq!(shown.stdout.unwrap().head.0, [0, 255, b'x'], "byte for byte");
}

#[test]
fn a_command_is_cancelled_once_by_who_may_and_its_order_says_by_whom() {
    let (mut site, server, id) = running(&["sleep", "300"]);
    let bob = Actor { name: "bob".into(), permissions: vec![Permission::CommandsRun], ..admin() };
    let refused =
        |actor: &Actor, id| commands::cancel(&site.service, actor, id).map(drop).unwrap_err().code;
    let reads = Actor { permissions: vec![Permission::FarmsRead], ..admin() };
    assert_eq!(refused(&reads, id), Code::PermissionViolation);
    let elsewhere = Actor { env: EnvironmentId(2), ..bob.clone() };
    assert_eq!(refused(&elsewhere, id), Code::ObjectNotFound);
    assert_eq!(refused(&bob, OrderId(77)), Code::ObjectNotFound);

    let shown = commands::cancel(&site.service, &bob, id).unwrap();
    assert_eq!((shown.state.as_str(), shown.cancelled_by.as_deref()), ("open", Some("bob")));
    let asked = format!("bob server.cancel shop/web-1 is asked to end: sleep 300 (order {id})");
    assert_eq!(told(&site, 1), [asked]);
    // The agent is told to end it, and not to begin it.
    let (sent, _) = orders::to_send(&site.service).unwrap();
    let bodies: Vec<&OrderBody> = sent.iter().map(|(_, message)| &message.body).collect();
    assert_eq!(bodies, [&OrderBody::Cancel { order: id }]);
    let cancel = sent[0].1.order;

    // Twice is once.
    let seq = site.service.store.last_seq();
    let again = commands::cancel(&site.service, &admin(), id).unwrap();
    assert_eq!((again.cancelled_by.as_deref(), site.service.store.last_seq()), (Some("bob"), seq));

    site.say(server, ended(id, 143, EndedBy::Cancel, 0));
    let end = "agent:shop/web-1 agent.result shop/web-1 sleep 300 (order";
    assert!(told(&site, 1)[0].starts_with(end), "{:?}", told(&site, 1));
    assert!(told(&site, 1)[0].ends_with(") was cancelled and ended with exit code 143"));
    let shown = commands::get(&site.service, &admin(), id).unwrap();
    let why = shown.why.as_deref();
    assert_eq!((shown.state.as_str(), why), ("cancelled", Some("it was cancelled by bob")));
    let late = commands::cancel(&site.service, &bob, id).unwrap_err();
    assert_eq!(late.code, Code::UnacceptableState);
    assert!(late.message.ends_with("is cancelled: nothing is left to cancel"), "{late}");
    // What runs no command cannot be cancelled.
    let other = commands::cancel(&site.service, &bob, cancel).unwrap_err();
    assert!(other.message.ends_with("runs no command"), "{other}");
}

#[test]
fn what_an_earlier_agent_says_is_kept_as_it_was() {
    let (mut site, server, id) = running(&["true"]);
    let output = "both\n".to_owned();
    site.say(
        server,
        MessageBody::Result { order: id, error: None, exit_code: 0, output, ran: None },
    );
    assert_eq!(record(&site, id).state, OrderState::Done { exit_code: 0, output: "both\n".into() });
    let shown = commands::get(&site.service, &admin(), id).unwrap();
    assert_eq!((shown.output.as_str(), shown.stdout), ("both\n", None));
}

#[test]
fn an_agent_that_sends_more_than_is_kept_is_cut_and_it_counts() {
    let (mut site, server, id) = running(&["true"]);
    let much = || Bytes(vec![b'x'; 100_000]);
    let printed = Printed { head: much(), left_out: 5, tail: much() };
    let ran = Ran { stdout: printed.clone(), stderr: printed, ..Ran::default() };
    let (ran, output) = (Some(ran), String::new());
    site.say(server, MessageBody::Result { order: id, error: None, exit_code: 0, output, ran });
    let shown = commands::get(&site.service, &admin(), id).unwrap();
    let (stdout, stderr) = (shown.stdout.unwrap(), shown.stderr.unwrap());
    assert_eq!(stdout, stderr);
    assert_eq!((stdout.head.0.len(), stdout.tail.0.len()), (64 * 1024, 0));
    assert_eq!(stdout.left_out, 5 + 200_000 - 64 * 1024);
    assert_eq!(shown.left_out, 2 * stdout.left_out);
}

#[test]
fn a_cancelled_command_without_an_answer_is_given_up_at_its_deadline() {
    let (site, _, id) = running(&["sleep", "300"]);
    commands::cancel(&site.service, &admin(), id).unwrap();
    site.clock.advance(record(&site, id).deadline.since(site.clock.now()) + 1);
    assert_eq!(expire(&site, id).1, OrderState::Expired);
    let shown = commands::get(&site.service, &admin(), id).unwrap();
    assert_eq!((shown.state.as_str(), shown.cancelled_by.as_deref()), ("expired", Some("admin")));
}
