//! What farms and farm roles wait for, in words.

use super::{services, wait_of};
use crate::base::{FarmId, FarmRoleId, Result, ServerId};
use crate::model::{FarmRole, Line, Wait};
use crate::service::{Service, lookup};
use crate::store::View;
use std::collections::BTreeMap;

/// Waits named in a farm's or a farm role's own row; thousands of servers may have one each.
const WAITS_SHOWN_MAX: usize = 20;

/// What a farm waits for, with whose wait it is. Having nothing to do and nothing to lose is not
/// worth a word where there is one line for the whole of it.
pub(super) fn of_farm(service: &Service, view: &View, farm: FarmId) -> Result<Vec<String>> {
    let worth = |line: &Line| wait_of(line).is_some_and(|wait| !matches!(wait, Wait::AtMin { .. }));
    let found = service.observed.first_reasons(farm, None, worth, WAITS_SHOWN_MAX);
    let why = Whys::of(service, view, farm, &found.0)?;
    let mut waiting = services::ailments(service, view, farm, None)?;
    waiting
        .extend(said(found, |line, wait| format!("{}: {wait}{}", line.about, why.of_line(line))));
    Ok(waiting)
}

/// What of a farm is not well, with whose trouble it is: what failed, what is unhealthy, and what
/// cannot be told what to do.
pub fn unwell_of_farm(service: &Service, view: &View, farm: FarmId) -> Result<Vec<String>> {
    let is_awaited = |line: &Line| {
        line.server.is_some_and(|id| service.observed.work_awaited(farm, id).is_some())
    };
    let unwell = |line: &Line| {
        matches!(
            wait_of(line),
            Some(
                Wait::Backoff { .. }
                    | Wait::Unhealthy { .. }
                    | Wait::Unhealed { .. }
                    | Wait::MissingKept { .. }
                    | Wait::AgentSilent { .. }
                    | Wait::Frozen(_)
                    | Wait::PutToSleep
                    | Wait::Readiness { .. }
            )
        )
    };
    let (mut lines, more) = service.observed.first_reasons(farm, None, unwell, WAITS_SHOWN_MAX);
    lines.retain(|line| !matches!(wait_of(line), Some(Wait::Readiness { .. })) || is_awaited(line));
    let why = Whys::of(service, view, farm, &lines)?;
    let mut unwell = services::ailments(service, view, farm, None)?;
    let lines = (lines, more);
    unwell.extend(said(lines, |line, wait| format!("{}: {wait}{}", line.about, why.of_line(line))));
    Ok(unwell)
}

/// What a farm role waits for: its own reasons first, then those of its servers, by their names.
pub(super) fn of_farm_role(service: &Service, view: &View, role: &FarmRole) -> Result<Vec<String>> {
    let first = |of_servers: bool| {
        let worth = |line: &Line| wait_of(line).is_some() && line.server.is_some() == of_servers;
        service.observed.first_reasons(role.farm, Some(role.id), worth, WAITS_SHOWN_MAX)
    };
    let (own, of_servers) = (first(false), first(true));
    let why = Whys::of(service, view, role.farm, own.0.iter().chain(&of_servers.0))?;
    let mut waiting = services::ailments(service, view, role.farm, Some(role.id))?;
    waiting.extend(said(own, |line, wait| format!("{wait}{}", why.of_line(line))));
    waiting.extend(said(of_servers, |line, wait| {
        let name = line.about.rsplit('/').next().unwrap_or_default();
        format!("{name}: {wait}{}", why.of_line(line))
    }));
    Ok(waiting)
}

/// What the planner's waits come from, where it is more than it can see: why the last server of a
/// farm role did not get ready, and what one that gets ready waits for.
#[derive(Default)]
struct Whys {
    failed: BTreeMap<FarmRoleId, String>,
    awaited: BTreeMap<ServerId, String>,
}

impl Whys {
    fn of<'a>(
        service: &Service,
        view: &View,
        farm: FarmId,
        lines: impl IntoIterator<Item = &'a Line>,
    ) -> Result<Whys> {
        let mut whys = Whys::default();
        for line in lines {
            match (wait_of(line), line.farm_role, line.server) {
                (Some(Wait::Backoff { .. }), Some(role), None) => {
                    if let Some(why) = last_failure(view, role)? {
                        whys.failed.insert(role, why);
                    }
                }
                (Some(Wait::Readiness { .. }), Some(_), Some(server)) => {
                    let awaited = service.observed.work_awaited(farm, server);
                    let awaited = awaited.or_else(|| not_passed(service, server));
                    whys.awaited.extend(awaited.map(|what| (server, what)));
                }
                _ => {}
            }
        }
        Ok(whys)
    }

    fn of_line(&self, line: &Line) -> String {
        let failed = line.farm_role.filter(|_| line.server.is_none());
        let why = failed.and_then(|role| self.failed.get(&role));
        let why = why.or_else(|| self.awaited.get(&line.server?));
        why.map(|why| format!("; {why}")).unwrap_or_default()
    }
}

/// What a server waits for by the lines about it, one that gets ready with what keeps it.
pub(super) fn of_server(service: &Service, server: ServerId, report: &[Line]) -> Vec<String> {
    let said = |wait: &Wait| {
        let gets_ready = matches!(wait, Wait::Readiness { .. });
        match gets_ready.then(|| not_passed(service, server)).flatten() {
            Some(why) => format!("{wait}; {why}"),
            None => wait.to_string(),
        }
    };
    report.iter().filter_map(wait_of).map(said).collect()
}

/// What a server that gets ready is at, or what its check fails with, by its agent's word.
pub fn not_passed(service: &Service, server: ServerId) -> Option<String> {
    let detail = service.observed.failure(server)?.detail;
    (!detail.is_empty()).then(|| format!("not yet: {detail}"))
}

/// Why the last server of a farm role that did not get ready did not.
fn last_failure(view: &View, role: FarmRoleId) -> Result<Option<String>> {
    let servers = lookup::servers_of_farm_role(view, role)?;
    let failed = servers.into_iter().filter(|server| server.setup_failed.is_some());
    let last = failed.max_by_key(|server| server.status_at);
    Ok(last.and_then(|server| server.setup_failed.map(|why| format!("{}: {why}", server.hostname))))
}

/// Waits in words; that there are more is said last.
fn said((first, more): (Vec<Line>, usize), say: impl Fn(&Line, &Wait) -> String) -> Vec<String> {
    let mut said: Vec<String> =
        first.iter().filter_map(|line| wait_of(line).map(|wait| say(line, wait))).collect();
    if more > 0 {
        said.push(format!("and {more} more; each server says its own"));
    }
    said
}
