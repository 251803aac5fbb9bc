//! The ready gate: when a server that is up counts as running.
//!
//! A server passes once it is healthy for its farm role's `readyFor` without a break. An agent's
//! word makes it healthy and unhealthy, in `agents`; here the time runs out, or breaks with the
//! agent's connection. On servers without an agent the platform's word and a check that the
//! appliance makes from outside stand in for it. Restarting the appliance breaks the time too,
//! because nobody looked meanwhile; it begins anew with the first word.

use crate::base::{FarmRoleId, Millis, Result, ServerId, Timestamp, Watch, limit};
use crate::model::{
    Actor, Cause, CloudState, Effect, FarmRole, Freshness, Grant, Permission, ReadyCheck, Server,
    ServerEvent, ServerStatus, Wellness, advance,
};
use crate::service::plans::steps::say;
use crate::service::{Service, authorise, lookup};
use crate::store::{Author, Purpose, View};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// A check to be made from outside.
pub struct Look {
    /// Of which server.
    pub server: ServerId,
    /// At this address.
    pub address: String,
    /// This.
    pub check: ReadyCheck,
}

/// Moves every server whose word or time came, and says how many, and when the next time is over.
pub fn pass(service: &Service, actor: &Actor) -> Result<(usize, Option<Timestamp>)> {
    let grant = authorise(actor, Permission::Operate)?;
    let watch = service.watch();
    let gated = service.observed.fleet.gated(service)?;
    let (changed, next) = service.read(&grant, |view| {
        let (mut changed, mut next) = (Vec::new(), None::<Timestamp>);
        for (role, server) in waiting(view, &gated)? {
            // Its connection may have outlived its sleep, and says nothing of it then.
            let woken = server.agent && server.status == ServerStatus::Resuming;
            if woken && !is_up(service, view, &server)? {
                continue;
            }
            let well = wellness(service, view, &role, &server)?;
            let ready_for = role.policy.ready_for_ms;
            match judge(&server, well, ready_for, watch) {
                Some((after, effect)) => changed.push((server, after, effect)),
                None => {
                    let began = server.healthy_since.map(|since| watch.began(since));
                    let over = began.map(|since| since.after(ready_for));
                    next = next.into_iter().chain(over).min();
                }
            }
        }
        Ok((changed, next))
    })?;
    let count = changed.len();
    if count > 0 {
        service.write(
            Author::new(&grant, "server.ready", Cause::Clock, Purpose::Report),
            move |tx| {
                for (before, after, effect) in changed {
                    if lookup::server(tx, before.id)?.as_ref() != Some(&before) {
                        continue;
                    }
                    say(tx, &after, effect)?;
                    tx.put(&after)?;
                }
                Ok(())
            },
        )?;
    }
    Ok((count, next))
}

/// Those of some servers on their way up that no agent's word alone makes running now, with their
/// farm roles.
fn waiting(view: &View, gated: &[ServerId]) -> Result<Vec<(FarmRole, Server)>> {
    let mut roles = BTreeMap::new();
    let mut out = Vec::new();
    for id in gated {
        let Some(server) = lookup::server(view, *id)? else { continue };
        let Some(role) = role_of(view, &mut roles, &server)? else { continue };
        // The snapshot may be of a later moment than what was asked.
        let waits = !server.agent || server.healthy_since.is_some();
        if waits && server.status.gets_ready() {
            out.push((role.clone(), server));
        }
    }
    Ok(out)
}

/// The farm role of a server, read once for all of them.
fn role_of<'a>(
    view: &View,
    roles: &'a mut BTreeMap<FarmRoleId, Option<FarmRole>>,
    server: &Server,
) -> Result<Option<&'a FarmRole>> {
    Ok(match roles.entry(server.farm_role) {
        Entry::Occupied(known) => known.into_mut().as_ref(),
        Entry::Vacant(new) => new.insert(lookup::farm_role(view, server.farm_role)?).as_ref(),
    })
}

fn wellness(service: &Service, view: &View, role: &FarmRole, server: &Server) -> Result<Wellness> {
    let observed = &service.observed;
    if server.agent {
        let connected = observed.agent(server.id).is_some_and(|agent| agent.connected);
        let well = connected && observed.is_ready(server.id);
        return Ok(if well { Wellness::Well } else { Wellness::Up });
    }
    if !is_up(service, view, server)? {
        return Ok(Wellness::Down);
    }
    let passes = role.ready_check().is_none() || observed.passes_check(server.id) == Some(true);
    Ok(if passes { Wellness::Well } else { Wellness::Up })
}

/// The platform shows it up in a listing that began after whatever last changed about it.
fn is_up(service: &Service, view: &View, server: &Server) -> Result<bool> {
    let seen = service.observed.freshness(&*service.clock, &server.account, server.id);
    let Freshness::Seen { state, at } = seen else { return Ok(false) };
    let watch = service.watch();
    let changed_at = server.status_at.max(server.reboot_at.unwrap_or(server.status_at));
    let current =
        at >= watch.began(changed_at) && watch.now.since(at) <= limit::LISTING_STALE_AFTER;
    if state != CloudState::Running || !current {
        return Ok(false);
    }
    let steps = lookup::steps_of_server(view, server.id)?;
    Ok(!steps.iter().any(|step| step.status.is_open()))
}

/// What becomes of a server on its way up; `None` when nothing does.
fn judge(
    server: &Server,
    wellness: Wellness,
    ready_for: Millis,
    watch: Watch,
) -> Option<(Server, Effect)> {
    let mut after = server.clone();
    let event = ServerEvent::Judged { wellness, ready_for, watch };
    let effect = advance(&mut after, &event, watch.now);
    (after != *server).then_some((after, effect))
}

/// Checks that are to be made now, of servers without an agent that are up; each once at a time,
/// and then not for [`limit::CHECK_PERIOD`]; at most so many. Also when the next is to be made.
pub fn looks(service: &Service, room: usize) -> Result<(Vec<Look>, Option<Timestamp>)> {
    let up = [ServerStatus::Initializing, ServerStatus::Resuming, ServerStatus::Running];
    let checked = service.observed.fleet.checked(service)?;
    let next = (!checked.is_empty()).then(|| service.now().after(limit::CHECK_PERIOD));
    if service.observed.keep_checks(&checked) {
        service.observation.wake();
    }
    let moment = service.clock.monotonic();
    let due = service.observed.due_for_check(checked, moment);
    let mut found = Vec::new();
    service.read(&Grant::job("checks"), |view| {
        let mut roles = BTreeMap::new();
        for id in due {
            let Some(server) = lookup::server(view, id)? else { continue };
            let Some(role) = role_of(view, &mut roles, &server)? else { continue };
            let (Some(check), false) = (role.ready_check(), role.policy.agent) else { continue };
            let Some(address) = server.address().filter(|_| !server.agent) else { continue };
            if up.contains(&server.status) {
                let (server, address) = (server.id, address.clone());
                found.push(Look { server, address, check: check.clone() });
            }
        }
        Ok(())
    })?;
    let mut room = room;
    found.retain(|look| {
        let begins = room > 0 && service.observed.begin_check(look.server, moment);
        room -= usize::from(begins);
        begins
    });
    Ok((found, next))
}

/// What a check found.
pub fn found(service: &Service, server: ServerId, found: std::result::Result<(), String>) {
    if let Err(why) = &found {
        tracing::debug!(%server, why, "a check from outside fails");
    }
    let found = found.as_ref().copied().map_err(String::as_str);
    if service.observed.end_check(server, found, service.now()) {
        service.observation.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{FarmId, Name, UserId};
    use crate::model::LaunchReason;

    fn server(agent: bool, status: ServerStatus, healthy: Option<i64>) -> Server {
        let role = FarmRole::plain(FarmRoleId(1), FarmId(1), Name::new("web").unwrap());
        let reason = LaunchReason::FarmLaunched;
        Server {
            agent,
            status,
            asked_at: Some(Timestamp(0)),
            healthy_since: healthy.map(Timestamp),
            ..Server::wanted(ServerId(1), &role, 1, reason, UserId(1), Timestamp(0))
        }
    }

    #[test]
    fn what_it_was_before_it_slept_does_not_count() {
        let woken = Server {
            status_at: Timestamp(50_000),
            ..server(true, ServerStatus::Resuming, Some(1_000))
        };
        let at = |now| Watch { since: Timestamp(0), now: Timestamp(now) };
        let (after, _) = judge(&woken, Wellness::Well, 30_000, at(60_000)).unwrap();
        assert_eq!((after.status, after.healthy_since), (woken.status, Some(woken.status_at)));
        let (after, _) = judge(&after, Wellness::Well, 30_000, at(80_000)).unwrap();
        assert_eq!(after.status, ServerStatus::Running);
    }

    #[test]
    fn a_server_passes_after_its_time_without_a_break() {
        use ServerStatus::{Initializing, Pending, Resuming, Running};
        use Wellness::{Down, Up, Well};
        let now = Timestamp(60_000);
        let check =
            |agent, status, healthy, well, expected: Option<(ServerStatus, Option<i64>)>| {
                let found = judge(
                    &server(agent, status, healthy),
                    well,
                    30_000,
                    Watch { since: Timestamp(0), now },
                );
                let found =
                    found.map(|(after, _)| (after.status, after.healthy_since.map(|at| at.0)));
                assert_eq!(found, expected, "{agent} {status:?} {healthy:?} {well:?}");
            };
        for status in [Initializing, Resuming] {
            check(true, status, Some(30_001), Well, None);
            check(true, status, Some(30_000), Well, Some((Running, Some(30_000))));
            check(true, status, Some(30_000), Up, Some((status, None)));
            // An agent's own word begins its time.
            check(true, status, None, Well, None);
            check(false, status, None, Well, Some((status, Some(60_000))));
            check(false, status, Some(30_001), Well, None);
            check(false, status, Some(30_000), Well, Some((Running, Some(30_000))));
            check(false, status, Some(40_000), Down, Some((status, None)));
        }
        check(false, Pending, None, Down, None);
        check(false, Pending, None, Up, Some((Initializing, None)));
        check(false, Pending, None, Well, Some((Initializing, Some(60_000))));
    }
}
