//! Commands on many servers: whose turn it is, what ends a run, and that each server has one
//! result.

use super::orders::ended;
use super::races::admin;
use crate::explain::site::Site;
use grange::base::{Bytes, Code, EnvironmentId, OrderId, RunId, Timestamp};
use grange::model::{Actor, EndedBy, Grant, OrderBody, Printed, Ran};
use grange::service::agents::orders;
use grange::service::lookup;
use grange::service::orchestration::runs;
use grange::wire::agent::MessageBody;
use grange::wire::input::Page;
use grange::wire::run::{RunInput, RunServerView, RunView};

const PAGE: Page = Page { number: 1, size: 100 };

/// A farm "shop" whose farm role "web" has so many servers that run.
fn shop(servers: u32) -> Site {
    let mut site = Site::new();
    site.declare(&["web"], servers);
    site.act("settle");
    site
}

fn input(targets: &[&str], parallel: u32, canary: u32) -> RunInput {
    RunInput {
        targets: targets.iter().map(|target| (*target).to_owned()).collect(),
        command: vec!["true".to_owned()],
        parallel: Some(parallel),
        canary: Some(canary),
        ..RunInput::default()
    }
}

fn start(site: &Site, targets: &[&str], parallel: u32, canary: u32) -> RunId {
    let input = input(targets, parallel, canary);
    RunId(runs::start(&site.service, &admin(), &input).unwrap().id)
}

fn run(site: &Site, id: RunId) -> RunView {
    runs::get(&site.service, &admin(), id).unwrap()
}

fn parts(site: &Site, id: RunId) -> Vec<RunServerView> {
    runs::servers(&site.service, &admin(), id, PAGE).unwrap().items
}

/// `web-1 open, web-2 waiting`.
fn states(site: &Site, id: RunId) -> String {
    let state =
        |part: &RunServerView| format!("{} {}", part.name.trim_start_matches("shop/"), part.state);
    parts(site, id).iter().map(state).collect::<Vec<String>>().join(", ")
}

/// The agent of a server says how the run's command ended there.
fn ends(site: &mut Site, id: RunId, name: &str, exit_code: i32) {
    let server = site.named(name);
    let own = |part: &RunServerView| part.server == server.to_string();
    let order = parts(site, id).into_iter().find(own).unwrap().order.unwrap();
    site.say(server, ended(OrderId(order), exit_code, EndedBy::Itself, 0));
}

#[test]
fn a_bounded_number_runs_at_once_and_each_that_ends_makes_room() {
    let mut site = shop(3);
    let id = start(&site, &["shop"], 2, 0);
    assert_eq!(states(&site, id), "web-1 open, web-2 open, web-3 waiting");
    ends(&mut site, id, "web-2", 0);
    assert_eq!(states(&site, id), "web-1 open, web-2 done, web-3 open");
    let order = parts(&site, id)[1].order.unwrap();
    // Said again it counts no second time.
    let server = site.named("web-2");
    site.say(server, ended(OrderId(order), 7, EndedBy::Itself, 0));
    ends(&mut site, id, "web-3", 0);
    assert_eq!(run(&site, id).state, "running");
    ends(&mut site, id, "web-1", 3);
    let now = run(&site, id);
    let count = (now.succeeded, now.failed, now.skipped, now.open, now.waiting);
    assert_eq!((now.state.as_str(), count), ("failed", (2, 1, 0, 0, 0)));
    assert!(now.ended_at.is_some());
    let first = parts(&site, id).remove(0);
    assert_eq!((first.exit_code, first.stdout.unwrap().head.0), (Some(3), vec![0, 255, b'x']));
    let late = runs::cancel(&site.service, &admin(), id).unwrap_err();
    assert_eq!(late.code, Code::UnacceptableState);
}

#[test]
fn the_others_follow_only_where_the_canary_succeeds() {
    let mut site = shop(3);
    let good = start(&site, &["shop/web"], 10, 1);
    assert_eq!(states(&site, good), "web-1 open, web-2 waiting, web-3 waiting");
    ends(&mut site, good, "web-1", 0);
    assert_eq!(states(&site, good), "web-1 done, web-2 open, web-3 open");
    let bad = start(&site, &["shop/web"], 10, 2);
    ends(&mut site, bad, "web-1", 1);
    assert_eq!(states(&site, bad), "web-1 failed, web-2 open, web-3 skipped");
    ends(&mut site, bad, "web-2", 0);
    assert_eq!(states(&site, bad), "web-1 failed, web-2 done, web-3 skipped");
    assert_eq!(run(&site, bad).state, "failed");
    let why = parts(&site, bad)[2].why.clone();
    assert_eq!(why.as_deref(), Some("the canary did not succeed"));
}

#[test]
fn a_run_that_is_cancelled_ends_everywhere() {
    let mut site = shop(3);
    let id = start(&site, &["shop"], 2, 0);
    let elsewhere = Actor { env: EnvironmentId(2), ..admin() };
    let refused = runs::cancel(&site.service, &elsewhere, id).unwrap_err();
    assert_eq!(refused.code, Code::ObjectNotFound);
    runs::cancel(&site.service, &admin(), id).unwrap();
    assert_eq!(states(&site, id), "web-1 open, web-2 open, web-3 skipped");
    let (sent, _) = orders::to_send(&site.service).unwrap();
    assert!(sent.iter().all(|(_, told)| matches!(told.body, OrderBody::Cancel { .. })), "{sent:?}");
    assert_eq!(sent.len(), 2);
    // Twice is once.
    let seq = site.service.store.last_seq();
    runs::cancel(&site.service, &admin(), id).unwrap();
    assert_eq!(site.service.store.last_seq(), seq);
    for name in ["web-1", "web-2"] {
        let server = site.named(name);
        let own = |part: &RunServerView| part.server == server.to_string();
        let order = parts(&site, id).into_iter().find(own).unwrap().order.unwrap();
        site.say(server, ended(OrderId(order), 143, EndedBy::Cancel, 0));
    }
    assert_eq!(states(&site, id), "web-1 failed, web-2 failed, web-3 skipped");
    assert_eq!(run(&site, id).state, "cancelled");
}

#[test]
fn a_server_that_never_answers_is_no_result_that_is_missing() {
    let mut site = shop(2);
    let id = start(&site, &["shop"], 1, 0);
    site.clock.advance(120_000);
    assert_eq!(orders::expire(&site.service, &Actor::job("orders")).unwrap(), 1);
    assert_eq!(states(&site, id), "web-1 failed, web-2 open");
    let why = parts(&site, id)[0].why.clone();
    assert_eq!(why.as_deref(), Some("has no answer before its deadline"));
    // An answer after that changes nothing.
    ends(&mut site, id, "web-1", 0);
    assert_eq!(states(&site, id), "web-1 failed, web-2 open");
    let server = site.named("web-2");
    let order = OrderId(parts(&site, id)[1].order.unwrap());
    let error = Some("the agent was restarted".to_owned());
    let (exit_code, output, ran) = (0, String::new(), None);
    site.say(server, MessageBody::Result { order, error, exit_code, output, ran });
    let why = parts(&site, id)[1].why.clone();
    assert_eq!(why.as_deref(), Some("the agent was restarted"));
    assert_eq!(run(&site, id).state, "failed");
}

#[test]
fn what_is_meant_is_each_server_once() {
    let mut site = shop(2);
    let id = start(&site, &["shop/web-2", "shop", "shop/web"], 10, 0);
    assert_eq!(states(&site, id), "web-2 open, web-1 open");
    let fault = |targets: &[&str]| {
        let refused = runs::start(&site.service, &admin(), &input(targets, 10, 0)).unwrap_err();
        (refused.code, refused.message)
    };
    assert_eq!(fault(&["nothing"]).0, Code::ObjectNotFound);
    assert_eq!(fault(&["shop/nothing"]).0, Code::ObjectNotFound);
    let count = runs::list(&site.service, &admin(), PAGE).unwrap().total;
    assert_eq!(count, 1, "what is refused leaves nothing");
    site.act("terminate web-1");
    let gone = start(&site, &["shop/web-1"], 10, 0);
    assert!(["web-1 open", "web-1 failed"].contains(&states(&site, gone).as_str()));
}

#[test]
fn every_fault_of_an_input_is_told_at_once() {
    let site = shop(1);
    let bad = RunInput { parallel: Some(0), timeout_ms: u64::MAX, ..RunInput::default() };
    let refused = runs::start(&site.service, &admin(), &bad).unwrap_err();
    let fields: Vec<&str> = refused.each().filter_map(|fault| fault.field.as_deref()).collect();
    assert_eq!(fields, ["targets", "command", "timeoutMs", "parallel"]);
    let many = runs::start(&site.service, &admin(), &input(&["shop"], 10, 2)).unwrap_err();
    assert_eq!(many.message, "at most 1, as many as there are servers");
    let empty = runs::start(&site.service, &admin(), &input(&["shop", " "], 10, 0)).unwrap_err();
    assert!(empty.message.contains("empty"), "{empty}");
}

#[test]
fn a_share_of_what_many_print_is_kept_and_old_runs_go() {
    let mut site = shop(20);
    let id = start(&site, &["shop"], 100, 0);
    let server = site.named("web-1");
    let order = OrderId(parts(&site, id)[0].order.unwrap());
    let stdout = Printed { head: Bytes(vec![b'x'; 60_000]), ..Printed::default() };
    let ran = Some(Ran { stdout, ..Ran::default() });
    let (exit_code, output) = (0, String::new());
    site.say(server, MessageBody::Result { order, error: None, exit_code, output, ran });
    let kept = parts(&site, id)[0].stdout.clone().unwrap();
    assert_eq!((kept.head.0.len(), kept.left_out), (1024 * 1024 / 20, 60_000 - 1024 * 1024 / 20));
    runs::cancel(&site.service, &admin(), id).unwrap();
    // A few that never end are a bound of their own.
    let mut open = vec![id];
    let full = loop {
        match runs::start(&site.service, &admin(), &input(&["shop/web-1"], 1, 0)) {
            Ok(begun) => open.push(RunId(begun.id)),
            Err(problem) => break problem,
        }
    };
    assert_eq!((full.code, open.len()), (Code::LimitExceeded, 20));
    for id in open.iter().skip(1) {
        ends(&mut site, *id, "web-1", 0);
    }
    for _ in 0..60 {
        let id = start(&site, &["shop/web-1"], 1, 0);
        ends(&mut site, id, "web-1", 0);
    }
    let kept = runs::list(&site.service, &admin(), PAGE).unwrap();
    assert_eq!(kept.total, 50);
    assert_eq!(kept.items.last().unwrap().id, id.0, "one that is under way is kept");
    let parts =
        site.service.read(&Grant::job("test"), |view| lookup::servers_of_run(view, open[1]));
    assert_eq!(parts.unwrap(), [], "what belongs to one that went went with it");
    assert!(run(&site, id).at > Timestamp(0).0);
}
