//! Conditions of a server: Scalr's derived states, each with its reason. Computed when asked for,
//! from its record and from what was last seen and decided; its status stays what it is.

use crate::base::Timestamp;
use crate::base::limit::{AGENT_SILENT_AFTER, MISSING_LISTINGS_MIN};
use crate::base::time::say;
use crate::engine::AgentPresence;
use crate::model::{
    Decision, FarmRole, Freshness, Line, MissingPolicy, Policy, Server, ServerStatus, ServiceState,
    Wait,
};
use crate::service::Service;
use crate::service::agents::strange;
use crate::service::clouds::notices;
use crate::service::observed::Failure;
use crate::wire::api::ConditionView;

/// What is heard of a server.
#[derive(Clone, Copy)]
pub(in crate::service) struct Word<'a> {
    /// From its agent, since the start.
    pub agent: Option<AgentPresence>,
    /// Of its check, while it fails.
    pub failure: Option<&'a Failure>,
}

/// Its conditions, the worst first.
pub(in crate::service) fn of(
    service: &Service,
    server: &Server,
    role: Option<&FarmRole>,
    seen: &Freshness,
    word: Word<'_>,
    report: &[Line],
    now: Timestamp,
) -> Vec<ConditionView> {
    let Word { agent, failure } = word;
    let policy = role.map(|role| role.policy.clone()).unwrap_or_default();
    let found = [
        ("failed", failed(server, report)),
        ("unhealthy", unhealthy(server, failure, now)),
        ("crashLoop", services(service, server, ServiceState::is_crash_loop)),
        ("serviceDown", services(service, server, |it| it.is_down() && !it.is_crash_loop())),
        ("partlyReached", partly_reached(service, server)),
        ("reachesNone", reaches_none(service, server)),
        ("volumeMissing", volume_missing(service, server)),
        ("silent", silent(server, agent, now)),
        ("missing", missing(server, &policy, seen, now)),
        ("rebooting", rebooting(server, &policy, now)),
        ("odd", odd(service, server)),
        ("locked", server.locked.then(|| server.lock_reason.clone())),
    ];
    let known = found.into_iter().filter_map(|(name, why)| Some((name, why?)));
    let noticed = notices::of(service, &server.account, server.id).into_iter();
    let noticed = noticed.map(|notice| (notice.kind.as_str(), notice.text));
    let all = known.chain(noticed);
    all.map(|(name, why)| ConditionView { name: name.into(), why }).collect()
}

/// Its agent does what no agent does.
fn odd(service: &Service, server: &Server) -> Option<String> {
    let (odd, delayed) = service.observed.oddities_of(server.id);
    let odd = odd.unwrap_or_default();
    let mut found = Vec::new();
    if let Some((_, copy)) = odd.copy {
        found.push(format!("another machine at {copy} has its certificate and was refused"));
    }
    if odd.nonsense_readings > 0 {
        found.push(strange::refused(&odd));
    }
    if delayed > 0 {
        found.push(format!("{delayed} messages told to come later: it says too much"));
    }
    (!found.is_empty()).then(|| found.join("; "))
}

/// It failed and keeps its place.
fn failed(server: &Server, report: &[Line]) -> Option<String> {
    let of_it = report.iter().filter(|line| line.server == Some(server.id));
    of_it.into_iter().find_map(|line| match &line.decision {
        Decision::Wait(wait @ Wait::Unhealed { .. }) => Some(wait.to_string()),
        _ => None,
    })
}

/// It runs, and its check fails: it does not serve.
fn unhealthy(server: &Server, failure: Option<&Failure>, now: Timestamp) -> Option<String> {
    let Failure { since, detail } = failure.filter(|_| server.status == ServerStatus::Running)?;
    let age = say(now.since(*since));
    let detail = if detail.is_empty() { "its check fails" } else { detail };
    Some(format!("for {age}, since {since}: {detail}"))
}

/// It is up, and some of its services are such, as its agent says.
fn services(
    service: &Service,
    server: &Server,
    is_such: impl Fn(&ServiceState) -> bool,
) -> Option<String> {
    let said = service.observed.services_of(server.id).filter(|_| server.status.counts())?;
    let such = said.services.iter().filter(|state| is_such(state));
    let why: Vec<String> = such.filter_map(ServiceState::ailment).collect();
    (!why.is_empty()).then(|| why.join("; "))
}

/// It serves, and yet some of its balancers do not reach it.
fn partly_reached(service: &Service, server: &Server) -> Option<String> {
    let runs = server.status == ServerStatus::Running;
    runs.then(|| service.observed.partly_reached(server.id)).flatten()
}

/// It is up, and its cloud does not show a data volume of it any more.
fn volume_missing(service: &Service, server: &Server) -> Option<String> {
    let is_up = server.status.counts();
    is_up.then(|| service.observed.volumes.missing_of(server)).flatten()
}

/// It balances, and what is behind it does not answer.
fn reaches_none(service: &Service, server: &Server) -> Option<String> {
    let seen = service.observed.members_of(server.id).filter(|seen| seen.reaches_none())?;
    Some(format!("it reaches none of the {} servers behind it", seen.members))
}

/// It runs, and its agent, which was heard of before, is not there any more.
fn silent(server: &Server, agent: Option<AgentPresence>, now: Timestamp) -> Option<String> {
    let agent = agent.filter(|agent| server.agent && !agent.connected)?;
    let age = now.since(agent.since);
    let told = server.status == ServerStatus::Running && age > AGENT_SILENT_AFTER;
    told.then(|| format!("its agent is not connected for {}", say(age)))
}

/// Complete listings lack it, and its farm role does not say that this is to be ignored.
fn missing(server: &Server, policy: &Policy, seen: &Freshness, now: Timestamp) -> Option<String> {
    let Freshness::Missing { since, listings, .. } = seen else { return None };
    let told = server.status.is_wanted() && policy.missing != MissingPolicy::Ignore;
    let age = say(now.since(*since));
    (told && *listings >= MISSING_LISTINGS_MIN)
        .then(|| format!("not in {listings} listings, for {age}"))
}

/// A reboot of it has begun, and its agent has not said that it is ready since.
fn rebooting(server: &Server, policy: &Policy, now: Timestamp) -> Option<String> {
    let at = server.reboot_at?;
    let (age, limit) = (say(now.since(at)), say(policy.reboot_timeout_ms));
    server.status.gets_ready().then(|| format!("for {age} of {limit}"))
}
