//! What happens next: what a thing waits for with its numbers, or what would make it change.

use crate::base::Result;
use crate::base::time::say;
use crate::model::{
    Decision, End, FarmGoal, FarmRole, LaunchReason, Line, Server, ServerStatus, Step, StepKind,
    StepStatus, Wait,
};
use crate::service::journal::explain::past::Past;
use crate::service::{Service, lookup, plans, views};
use crate::wire::api::farms::PublishedView;

/// The blockers among some lines, each with what ends it: `[clock] cool-down: 53 s left`. Lines
/// that `name` gives a name to begin with it.
pub(super) fn blockers(report: &[Line], name: impl Fn(&Line) -> Option<String>) -> Vec<String> {
    let told = |line: &Line| {
        let Decision::Wait(wait) = &line.decision else { return None };
        let name = name(line)?;
        // Nothing to do and nothing to lose: not worth a word where a farm has one line.
        if matches!(wait, Wait::AtMin { .. }) && name == line.about {
            return None;
        }
        let colon = if name.is_empty() { "" } else { ": " };
        let end = wait.ends(&line.about);
        let command = match &end {
            End::Person(command) if !command.is_empty() => format!(": {command}"),
            _ => String::new(),
        };
        Some(format!("[{}] {name}{colon}{wait}{command}", end.as_str()))
    };
    report.iter().filter_map(told).collect()
}

/// The blockers of a farm role: its own first, then those of its servers, by their names.
pub(super) fn of_role(report: &[Line], role: &FarmRole) -> Vec<String> {
    let of_it = |line: &Line, server: bool| {
        line.farm_role == Some(role.id) && line.server.is_some() == server
    };
    let mut waiting = blockers(report, |line| of_it(line, false).then(String::new));
    waiting.extend(blockers(report, |line| {
        let name = line.about.rsplit('/').next().unwrap_or_default();
        of_it(line, true).then(|| name.to_owned())
    }));
    waiting
}

/// Ports of the machine that do not lead to a farm role's servers, and why.
pub(super) fn unpublished(published: &[PublishedView]) -> Vec<String> {
    let wrong = published.iter().filter(|published| published.wrong.is_some());
    wrong.map(|published| format!("[person] {}", published.line())).collect()
}

/// What comes next for a farm role that waits for nothing: the readings its rules look at.
pub(super) fn rules(past: &Past, role: &FarmRole) -> Result<Vec<String>> {
    if !role.scaling.enabled || role.scaling.rules.is_empty() {
        return Ok(Vec::new());
    }
    let Some(input) = plans::assemble(past.service, past.grant, role.farm)? else {
        return Ok(Vec::new());
    };
    let rules = role.scaling.rules.iter().enumerate();
    Ok(rules
        .map(|(index, rule)| {
            let reading = input.readings.get(&(role.id, index));
            let (up, down) = (rule.scale_up, rule.scale_down);
            let what = rule.metric.rule_type();
            let value = match reading.and_then(|reading| Some((reading, reading.average?))) {
                Some((reading, value)) => format!(
                    "is {value:.1} over {} of {} of {} servers",
                    say(rule.window_ms),
                    reading.have,
                    reading.want
                ),
                None => format!("has no readings in {}", say(rule.window_ms)),
            };
            format!("[reading] {what} {value}: one server more above {up}, one fewer below {down}")
        })
        .collect())
}

/// What comes next for a server.
pub(super) fn of_server(
    past: &Past,
    server: &Server,
    role: Option<&FarmRole>,
) -> Result<Vec<String>> {
    let service = past.service;
    let report = service.observed.report(server.farm);
    let own = |line: &Line| (line.server == Some(server.id)).then(String::new);
    let mut waiting = blockers(&report, own);
    let gets_ready = |line: &Line| {
        let wait = matches!(line.decision, Decision::Wait(Wait::Readiness { .. }));
        wait && line.server == Some(server.id)
    };
    if report.iter().any(gets_ready) {
        let why = views::not_passed(service, server.id);
        waiting.extend(why.map(|why| format!("[agent] {why}")));
    }
    if !waiting.is_empty() {
        return Ok(waiting);
    }
    if let Some(why) = service.observed.volumes.missing_of(server)
        && server.status == ServerStatus::Running
    {
        return Ok(vec![format!("[person] {why}: put it back, or see grange volume list")]);
    }
    // Decisions rest while its agent is away, and it is no better for that.
    if let Some(failure) = service.observed.failure(server.id)
        && server.status == ServerStatus::Running
    {
        let (age, detail) = (say(service.now().since(failure.since)), failure.detail);
        return Ok(vec![format!("[agent] unhealthy for {age}: {detail}")]);
    }
    Ok(match (server.status, role) {
        (ServerStatus::Terminated, _) => vec![match successor(past, server)? {
            Some(name) => format!("nothing: it is gone, and {name} took its place"),
            None => "nothing: it is gone".into(),
        }],
        (ServerStatus::Running, Some(role)) => {
            let mut next = vec!["nothing: it is wanted and running".to_owned()];
            next.extend(rules(past, role)?);
            next
        }
        (ServerStatus::Running, None) => vec!["nothing: it is wanted and running".into()],
        (ServerStatus::Suspended, _) => vec![asleep(past, server)?],
        _ => vec!["its next report".into()],
    })
}

/// What wakes a server that sleeps, and who has to.
fn asleep(past: &Past, server: &Server) -> Result<String> {
    let farm = past.farm(server.farm)?;
    if let Some(farm) = farm.filter(|farm| farm.goal == FarmGoal::Suspended) {
        let last = past.service.store.last_seq();
        let deed = super::server::turned(past, server, FarmGoal::Suspended, last)?;
        let who = deed.map(|entry| super::chain::by_whom(&entry)).unwrap_or_default();
        let name = &farm.name;
        return Ok(format!("[person] farm {name} is stopped{who}: grange farm start {name}"));
    }
    Ok(match (server.parked, server.suspend_requested) {
        (true, _) => "[reading] scaling wakes it when another server is needed".to_owned(),
        (false, true) => {
            format!(
                "[person] a person put it to sleep: grange server resume {}",
                past.name(server)?
            )
        }
        (false, false) => "its next plan".to_owned(),
    })
}

/// Who took its place: `web-4 (1f2e3d4c)`.
fn successor(past: &Past, server: &Server) -> Result<Option<String>> {
    let mut others = lookup::servers_of_farm_role(past.view, server.farm_role)?.into_iter();
    let follows = [LaunchReason::Replacement(server.id), LaunchReason::Rollout(server.id)];
    let next = others.find(|o| follows.contains(&o.launch_reason));
    Ok(next.map(|next| format!("{} ({})", next.hostname, super::server::short(&next))))
}

/// What comes next for a step.
pub(super) fn of_step(service: &Service, step: &Step) -> String {
    let now = service.now();
    let left = |until: crate::base::Timestamp| say(until.since(now));
    match step.status {
        StepStatus::Planned if step.not_before > now && step.kind == StepKind::Terminate => {
            format!("it begins in {}: the server may finish what it does", left(step.not_before))
        }
        StepStatus::Planned if step.not_before > now => {
            format!("it begins in {}", left(step.not_before))
        }
        StepStatus::Planned => "it begins when its cloud has room for it".into(),
        StepStatus::Begun => match step.deadline {
            Some(deadline) => format!("the answer of its cloud: {} left", left(deadline)),
            None => "the answer of its cloud".into(),
        },
        StepStatus::Unknown => "a complete listing, which will tell what came of it".into(),
        StepStatus::Done => "nothing: it is done".into(),
        StepStatus::Failed => "nothing: a later plan decides what to do instead".into(),
        StepStatus::Superseded => "nothing: a later plan took its place".into(),
    }
}
