//! Everything that planning reads, changed: each deed is one kind of change, by the way it really
//! takes.

use super::world::{PLATFORM, World, admin, manifest};
use grange::base::limit::AGENT_SILENT_AFTER;
use grange::base::{Clock, ServerId, StepId};
use grange::clouds::{Applied, CloudError};
use grange::jobs::{Job, balancers::Balancers, ready::Ready};
use grange::model::{
    Actor, CloudState, FarmGoal, Grant, HoldKind, MemberDown, OrderBody, OrderState, ServerStatus,
    Sighting, StepKind,
};
use grange::service::clouds::observe::{self, Look};
use grange::service::farms::{self, manifests};
use grange::service::plans::{self, holds, rollouts, steps};
use grange::service::{lookup, servers};
use grange::wire::agent::MessageBody;
use grange::wire::api::ManifestRequest;
use grange::wire::hold::HoldInput;
use grange::wire::input::{LockInput, RebootInput, ScalingInput, TerminateInput};
use grange::wire::rollout::RolloutVerb;

/// A kind of change, and one such change.
pub type Deed = (&'static str, fn(&mut World));

/// What brings a farm up, each part with a look after it.
pub const ALL_IS_WELL: &[Deed] = &[
    ("steps begin", begin),
    ("calls succeed", succeed),
    ("a listing", list),
    ("hello", hello),
    ("servers get ready", ready),
    ("balancers are told", balance),
    ("orders are done", obey),
];

/// Planning reads nothing of these: what comes of them shows in what is due, and what is adopted.
pub const UNREAD: [&str; 3] = ["balancers are told", "orders are done", "a call is forgotten"];

/// What seldom follows by chance.
pub const CHAINS: &[&[&str]] = &[
    &["a hold", "a hold's end"],
    &["a hold", "a range", "a hold's end"],
    &["another size", "what is due", "balancers are told", "what is due", "orders are done"],
    &["another size", "steps begin", "calls succeed", "hello", "a rollout's turn", "what is due"],
    &["steps begin", "a call is forgotten", "steps begin", "a listing"],
    &["no agent is left", "hello"],
    &["another size", "calls succeed", "hello", "a listing", "an idle agent", "what is due"],
    &["a goal", "a goal", "steps begin", "calls succeed", "a manifest"],
];

/// The deed of a name.
pub fn named(name: &str) -> Deed {
    *DEEDS.iter().find(|(other, _)| *other == name).expect("it is one of them")
}

/// Those that list the cloud: what was seen is younger then.
pub const LISTS: [&str; 2] = ["a listing", "a server by hand"];

/// Whatever may happen.
pub const DEEDS: &[Deed] = &[
    ("a manifest", declare),
    ("a range", scale),
    ("a goal", goal),
    ("a wish", wish),
    ("a lock", lock),
    ("a hold", hold),
    ("a hold's end", end_hold),
    ("a rollout's turn", steer),
    ("steps begin", begin),
    ("what is due", due),
    ("a call ends", end),
    ("calls succeed", succeed),
    ("a call is forgotten", forget),
    ("another size", other_size),
    ("a server by hand", by_hand),
    ("a listing", list),
    ("an agent connects", connect),
    ("hello", hello),
    ("an agent is lost", lose),
    ("no agent is left", lose_all),
    ("an agent's word", word),
    ("an idle agent", idle),
    ("a check from outside", check),
    ("servers get ready", ready),
    ("balancers are told", balance),
    ("orders are done", obey),
    ("a balancer's view", members),
    ("readings", read),
    ("the clock is set", set_clock),
];

fn declare(world: &mut World) {
    world.declared = manifest(&mut world.luck);
    let request = ManifestRequest {
        manifest: world.declared.clone(),
        launch: true,
        prune: world.luck.chance(60),
        ..ManifestRequest::default()
    };
    // What cannot be (a role that another one needs is left out) is refused.
    drop(manifests::apply(&world.site.service, &admin(), &request));
}

/// A rollout, where anything runs.
fn other_size(world: &mut World) {
    let sizes = ["instanceType: small", "instanceType: large"];
    let to = usize::from(world.declared.contains(sizes[0]));
    let manifest = world.declared.replace(sizes[1 - to], sizes[to]);
    world.declared.clone_from(&manifest);
    let request = ManifestRequest { manifest, launch: true, ..ManifestRequest::default() };
    drop(manifests::apply(&world.site.service, &admin(), &request));
}

fn scale(world: &mut World) {
    let Some(role) = world.some_role() else { return };
    let min = world.luck.below(4) as u32;
    let max = min + 1 + world.luck.below(2) as u32;
    let (min_instances, max_instances) = (Some(min), Some(max));
    let input = ScalingInput { min_instances, max_instances, ..ScalingInput::default() };
    drop(farms::scale(&world.site.service, &admin(), role.id, &input, None));
}

fn goal(world: &mut World) {
    let service = &world.site.service;
    let Some(farm) = service.read(&Grant::job("test"), lookup::all_farms).unwrap().pop() else {
        return;
    };
    let (who, how) = (admin(), world.luck.below(100));
    drop(match (farm.goal, how) {
        (FarmGoal::Launched, 0..30) => farms::suspend(service, &who, farm.id).map(drop),
        (FarmGoal::Launched, 30..40) => {
            farms::terminate(service, &who, farm.id, TerminateInput::default()).map(drop)
        }
        (FarmGoal::Launched, 40..50) => farms::remove(service, &who, farm.id, None),
        (FarmGoal::Launched, _) => Ok(()),
        (FarmGoal::Suspended, _) => farms::resume(service, &who, farm.id).map(drop),
        (FarmGoal::Terminated, _) => farms::launch(service, &who, farm.id).map(drop),
    });
}

fn wish(world: &mut World) {
    let Some(server) = world.some_server(|_| true) else { return };
    let how = world.luck.below(4);
    let (service, who, id) = (&world.site.service, admin(), server.id);
    drop(match how {
        0 => servers::terminate(service, &who, id, TerminateInput::default()),
        1 => servers::reboot(service, &who, id, RebootInput::default()),
        2 => servers::suspend(service, &who, id),
        _ => servers::resume(service, &who, id),
    });
}

fn lock(world: &mut World) {
    let Some(server) = world.some_server(|_| true) else { return };
    let (service, who) = (&world.site.service, admin());
    drop(match server.locked {
        true => servers::unlock(service, &who, server.id),
        false => servers::lock(service, &who, server.id, &LockInput::default()),
    });
}

fn hold(world: &mut World) {
    let there = world.site.service.read(&Grant::job("test"), lookup::all_holds).unwrap();
    if let Some(hold) = world.one(&there).filter(|_| world.luck.chance(50)) {
        return drop(holds::release(&world.site.service, &admin(), hold.id));
    }
    let Some(role) = world.some_role() else { return };
    let what = if world.luck.chance(50) { format!("shop/{}", role.alias) } else { "shop".into() };
    let kind = world.one(&HoldKind::ALL).map(HoldKind::as_str).unwrap_or_default().to_owned();
    let (reason, length) = ("somebody is at it".into(), Some(1_000 + world.luck.below(60_000)));
    let input = HoldInput { what, kind, reason, length, ..HoldInput::default() };
    drop(holds::place(&world.site.service, &admin(), &input));
}

fn end_hold(world: &mut World) {
    let holds = world.site.service.read(&Grant::job("test"), lookup::all_holds).unwrap();
    let now = world.site.clock.now();
    let Some(end) = holds.iter().filter_map(|hold| hold.until).min() else { return };
    world.pass(end.since(now));
}

fn steer(world: &mut World) {
    let Some(role) = world.some_role() else { return };
    let verbs =
        [RolloutVerb::Pause, RolloutVerb::Resume, RolloutVerb::Abort, RolloutVerb::Rollback];
    let Some(verb) = world.one(&verbs) else { return };
    drop(rollouts::say(&world.site.service, &admin(), role.id, verb));
}

/// Says only which steps may begin: that is where balancers are waited for.
fn due(world: &mut World) {
    drop(steps::due(&world.site.service, world.site.clock.now()).unwrap());
}

fn begin(world: &mut World) {
    let service = world.site.service.clone();
    let job = Actor::job("execute");
    let (due, _) = steps::adopt_and_due(&service, &job, service.now()).unwrap();
    let most = 1 + world.luck.below(4) as usize;
    for id in due.into_iter().take(most) {
        if let Some(begun) = steps::begin(&service, &job, id).unwrap() {
            let calling = steps::calling(&service, begun.step.id);
            world.calls.push((begun, calling));
        }
    }
    // The pace of an account is no news: what waits for it is looked at after a while.
    world.pass(5_000);
}

/// Every call succeeds that has no answer yet.
fn succeed(world: &mut World) {
    for (begun, calling) in std::mem::take(&mut world.calls) {
        let answer = carry_out(world, begun.step.server, begun.step.kind);
        finish(world, begun.step.id, Ok(answer));
        drop(calling);
    }
}

/// One call ends, somehow.
fn end(world: &mut World) {
    if world.calls.is_empty() {
        return;
    }
    let place = world.luck.below(world.calls.len() as u64) as usize;
    let (begun, calling) = world.calls.remove(place);
    let (server, kind) = (begun.step.server, begun.step.kind);
    let answer = match world.luck.below(10) {
        _ if world.harsh => Err(CloudError::Busy("throttled".into())),
        0..4 => Ok(carry_out(world, server, kind)),
        4..6 => Err(CloudError::Refused("the quota is used up".into())),
        6 | 7 => Err(CloudError::Busy("throttled".into())),
        8 => Err(CloudError::Unknown("the connection broke".into())),
        _ => {
            carry_out(world, server, kind);
            Err(CloudError::Unknown("the connection broke".into()))
        }
    };
    finish(world, begun.step.id, answer);
    drop(calling);
}

/// What came of a call was never committed; the next look at what is due finds that out.
fn forget(world: &mut World) {
    drop(world.calls.pop());
}

fn finish(world: &World, id: StepId, answer: Result<Applied, CloudError>) {
    steps::finish(&world.site.service, &Actor::job("execute"), id, answer).unwrap();
}

fn carry_out(world: &mut World, server: ServerId, kind: StepKind) -> Applied {
    let state = match kind {
        StepKind::Terminate => {
            world.cloud.remove(&server);
            world.disconnect(server);
            return Applied { sighting: None };
        }
        StepKind::Stop => CloudState::Stopped,
        StepKind::Suspend => CloudState::Suspended,
        StepKind::Launch | StepKind::Resume | StepKind::Reboot | StepKind::Start => {
            CloudState::Running
        }
    };
    world.cloud.insert(server, state);
    Applied { sighting: Some(sighting(server, state)) }
}

fn sighting(server: ServerId, state: CloudState) -> Sighting {
    Sighting {
        server,
        cloud_server_id: format!("cloud-{server}"),
        state,
        private_ips: vec!["10.0.0.1".into()],
        public_ips: Vec::new(),
    }
}

/// Somebody changes a server behind our back, or listings leave one out from now on.
fn by_hand(world: &mut World) {
    let there: Vec<ServerId> = world.cloud.keys().copied().collect();
    let Some(server) = world.one(&there) else { return };
    match world.luck.below(10) {
        0..3 => drop(world.cloud.insert(server, CloudState::Stopped)),
        3 => drop(world.cloud.insert(server, CloudState::Suspended)),
        4 => drop(world.cloud.insert(server, CloudState::Running)),
        5 => drop(world.cloud.remove(&server)),
        6 | 7 => drop(world.left_out.insert(server)),
        _ => world.left_out.clear(),
    }
    list(world);
}

fn list(world: &mut World) {
    let look = Look::begin(&world.site.service, PLATFORM, 20_000);
    let seen = world.cloud.iter().filter(|(id, _)| !world.left_out.contains(id));
    let seen = seen.map(|(id, state)| sighting(*id, *state)).collect();
    observe::listing(&world.site.service, &Actor::job("observe"), look, seen).unwrap();
}

/// What runs in the cloud and is not connected says hello, if it has an agent.
fn hello(world: &mut World) {
    for server in world.site.servers().into_iter().filter(|server| server.agent) {
        let runs = world.cloud.get(&server.id) == Some(&CloudState::Running);
        if runs && !world.connected.contains(&server.id) {
            greet(world, server.id, true);
        }
    }
}

fn greet(world: &mut World, server: ServerId, ready: bool) {
    world.connect(server);
    let (version, capabilities) = ("0.1.0".into(), Vec::new());
    world.site.say(server, MessageBody::Hello { version, capabilities, ready, epoch: 1 });
}

fn connect(world: &mut World) {
    let away = |world: &World, id: &ServerId| !world.connected.contains(id);
    let Some(server) = world.some_server(|server| server.agent && server.asked_at.is_some()) else {
        return;
    };
    if !away(world, &server.id) || world.cloud.get(&server.id) != Some(&CloudState::Running) {
        return;
    }
    match world.luck.below(3) {
        0 => world.connect(server.id),
        how => greet(world, server.id, how == 1),
    }
}

fn lose(world: &mut World) {
    let there: Vec<ServerId> = world.connected.iter().copied().collect();
    let Some(server) = world.one(&there) else { return };
    world.disconnect(server);
}

/// Nobody can tell then whether it is they or we.
fn lose_all(world: &mut World) {
    for server in std::mem::take(&mut world.connected) {
        world.site.hang_up(server);
    }
    world.pass(2 * AGENT_SILENT_AFTER);
}

fn word(world: &mut World) {
    let there: Vec<ServerId> = world.connected.iter().copied().collect();
    let Some(server) = world.one(&there) else { return };
    let (ready, detail) = (world.luck.chance(50), "connection refused".into());
    // Who says too much is told to come later, and what was said holds all the same.
    drop(world.site.try_to_say(server, MessageBody::Ready { ready, detail }));
}

fn idle(world: &mut World) {
    let leaves =
        |status| matches!(status, ServerStatus::PendingTerminate | ServerStatus::PendingSuspend);
    let Some(server) = world.some_server(|server| leaves(server.status)) else { return };
    if !world.connected.contains(&server.id) {
        return;
    }
    let steps = world
        .site
        .service
        .read(&Grant::job("test"), |view| lookup::steps_of_server(view, server.id))
        .unwrap();
    let Some(step) = steps.iter().map(|step| step.id).max() else { return };
    drop(world.site.try_to_say(server.id, MessageBody::Idle { step }));
}

fn check(world: &mut World) {
    if world.luck.chance(50) {
        world.turn_checks();
    }
    ready(world);
}

fn ready(world: &mut World) {
    let work = Ready.step(&world.ports);
    assert!(!work.failed, "{}", work.note);
}

fn balance(world: &mut World) {
    let work = Balancers::default().step(&world.ports);
    assert!(!work.failed, "{}", work.note);
}

fn obey(world: &mut World) {
    let there: Vec<ServerId> = world.connected.iter().copied().collect();
    for server in there {
        let orders = world
            .site
            .service
            .read(&Grant::job("test"), |view| lookup::orders_of(view, server))
            .unwrap();
        for open in orders.into_iter().filter(|order| order.state == OrderState::Open) {
            let is_file = matches!(open.body, OrderBody::WriteFile { .. });
            let fails = is_file && world.luck.chance(10);
            let error = fails.then(|| "the check failed".to_owned());
            let (order, output) = (open.id, String::new());
            let body = MessageBody::Result { order, error, exit_code: 0, output, ran: None };
            drop(world.site.try_to_say(server, body));
        }
    }
}

/// A balancer says which of the servers behind it it does not reach.
fn members(world: &mut World) {
    let balances: Vec<_> =
        world.roles().iter().filter(|role| role.balance.is_some()).map(|role| role.id).collect();
    let balancers = world.running(|role| balances.contains(&role));
    let Some(from) = world.one(&balancers) else { return };
    if !world.connected.contains(&from.id) {
        return;
    }
    let behind = world.running(|role| !balances.contains(&role));
    let share = world.one(&[0, 30, 100]).unwrap_or_default();
    let mut down = Vec::new();
    for server in &behind {
        if world.luck.chance(share) {
            let name = format!("{}-{}", server.hostname, &server.id.to_string()[..8]);
            down.push(MemberDown { name, why: "L4 timeout".into() });
        }
    }
    let members = behind.len() as u32;
    drop(world.site.try_to_say(from.id, MessageBody::Members { members, down }));
}

/// Readings wake nobody: what looks at them does so every few seconds.
fn read(world: &mut World) {
    let load = world.one(&[5.0, 40.0, 95.0]).unwrap_or_default();
    world.read(load);
    world.pass(5_000);
}

/// Whoever looks at the clock next finds out.
fn set_clock(world: &mut World) {
    let by = 3_000 + world.luck.below(600_000);
    let now = world.site.clock.now();
    let to = if world.luck.chance(50) { now.after(by) } else { now.before(by) };
    world.site.clock.jump_to(to);
    ready(world);
}

/// Whether any farm is left.
pub fn is_empty(world: &World) -> bool {
    plans::farms(&world.site.service).unwrap().is_empty()
}
