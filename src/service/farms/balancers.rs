//! Balancers: the live topology, rendered, and ordered onto the servers that balance.
//!
//! The file is a function of the topology alone, so rendering again on an unchanged world gives
//! the same bytes and no order. A server that is about to go is rendered as draining first.

use crate::automation::haproxy::{self, Backend, BackendState, Topology};
use crate::base::limit::{BALANCER_LOOK, BALANCER_WAIT};
use crate::base::{FarmId, FarmRoleId, Millis, Result, ServerId, StepId, Timestamp};
use crate::model::{
    Actor, Automation, Balance, Cause, Farm, FarmGoal, FarmRole, Grant, HoldKind, Order, OrderBody,
    OrderState, Permission, Plan, Server, ServerStatus, Step, StepKind, TerminateReason,
};
use crate::service::agents::orders;
use crate::service::farms::members;
use crate::service::plans::holds;
use crate::service::{Service, authorise, lookup};
use crate::store::{Author, Purpose, View};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

/// A file that was refused is ordered again after this long, by the clock of its order.
const FILE_AGAIN_AFTER: Millis = 300_000;
/// A balancer file is given up after this long; the next change of topology orders it anew.
const FILE_DEADLINE: Millis = 300_000;

/// Orders every balancer of a farm to have the file its topology asks for. Says how many orders.
pub fn configure(service: &Service, actor: &Actor, farm: FarmId) -> Result<usize> {
    let grant = authorise(actor, Permission::Operate)?;
    let now = service.now();
    let wanted = service.read(&grant, |view| files(service, view, farm, now))?;
    if wanted.is_empty() {
        return Ok(0);
    }
    let count = wanted.len();
    service.write(
        Author::new(&grant, "balancer.configure", Cause::Clock, Purpose::Ending),
        move |tx| {
            for (id, body) in wanted {
                let Some(server) = lookup::server(tx, id)? else { continue };
                let about = lookup::server_name(tx, &server)?;
                tx.text(about, "is to balance anew: its servers changed");
                orders::give(tx, &server, body, now, now.after(FILE_DEADLINE))?;
            }
            Ok(())
        },
    )?;
    Ok(count)
}

/// The files that differ from what each balancer was last ordered to have.
fn files(
    service: &Service,
    view: &View,
    farm: FarmId,
    now: Timestamp,
) -> Result<Vec<(ServerId, OrderBody)>> {
    let roles = lookup::farm_roles_of(view, farm)?;
    if roles.iter().all(|role| role.balance.is_none()) {
        return Ok(Vec::new());
    }
    let servers = lookup::live_servers_of_farm(view, farm)?;
    let plan = lookup::current_plan(view, farm)?;
    let mut out = Vec::new();
    for role in &roles {
        let Some(balance) = &role.balance else { continue };
        let recipe = lookup::role(view, role.role)?;
        if !recipe.is_some_and(|recipe| recipe.automation.contains(&Automation::Haproxy)) {
            continue;
        }
        // The engine's report says so; a hand-written file stays meanwhile.
        if holds::held(view, role, HoldKind::Balance, now)?.is_some() {
            continue;
        }
        let backends = backends(service, &roles, &servers, balance);
        let page = is_down(plan.as_ref(), &roles, balance);
        let obeys = |s: &&Server| s.farm_role == role.id && s.agent && can_obey(s.status);
        for server in servers.iter().filter(obeys) {
            let (last, stands) = last_file(&lookup::orders_of(view, server.id)?, now);
            // Rendered as of the last generation first: the same topology gives the same bytes.
            let before = last.as_ref().map_or(0, generation);
            let unchanged = render(before, balance, &backends, page);
            if !stands || last != Some(unchanged) {
                out.push((server.id, render(before + 1, balance, &backends, page)));
            }
        }
    }
    Ok(out)
}

/// Of the steps that are due, those that balancers let begin, and when to look again.
///
/// A server that makes room stops only when every balancer before it has a file without it, or
/// [`BALANCER_WAIT`] after it was due: an agent that is away may take longer to come back than a
/// server is left to finish. Which ones wait is noted for the next plan's reasons.
pub(in crate::service) fn admissible(
    service: &Service,
    due: &[&Step],
    next: Option<Timestamp>,
    now: Timestamp,
) -> Result<(Vec<StepId>, Option<Timestamp>)> {
    let kept = kept(service, due, now)?;
    let begin = due.iter().filter(|step| !kept.contains_key(&step.server)).map(|step| step.id);
    let begin = begin.collect();
    let again = (!kept.is_empty()).then(|| now.after(BALANCER_LOOK));
    if service.observed.set_late_balancers(kept) {
        service.observation.wake();
    }
    Ok((begin, next.into_iter().chain(again).min()))
}

/// The servers of these steps that are kept, with how many balancers do not know yet.
fn kept(service: &Service, due: &[&Step], now: Timestamp) -> Result<BTreeMap<ServerId, u32>> {
    let may_wait = |step: &&&Step| {
        let stops = matches!(step.kind, StepKind::Terminate | StepKind::Suspend);
        stops && now.since(step.not_before) < BALANCER_WAIT
    };
    if !due.iter().any(|step| may_wait(&step)) {
        return Ok(BTreeMap::new());
    }
    service.read(&Grant::job("balancers"), |view| {
        let mut behind: BTreeMap<FarmId, BTreeMap<FarmRoleId, u32>> = BTreeMap::new();
        let mut kept = BTreeMap::new();
        for step in due.iter().filter(may_wait) {
            let Some(server) = lookup::server(view, step.server)? else { continue };
            if !makes_room(&server) {
                continue;
            }
            let of = match behind.entry(server.farm) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => new.insert(late(service, view, server.farm, now)?),
            };
            if let Some(late) = of.get(&server.farm_role) {
                kept.insert(server.id, *late);
            }
        }
        Ok(kept)
    })
}

/// It goes because others take its place or are enough, and a person did not ask for itself.
fn makes_room(server: &Server) -> bool {
    if server.terminate_requested {
        return false;
    }
    if server.status == ServerStatus::PendingSuspend {
        return server.parked && !server.suspend_requested;
    }
    match server.terminate_reason {
        Some(
            TerminateReason::Rollout | TerminateReason::ScalingDown | TerminateReason::RoleRemoved,
        ) => true,
        Some(
            TerminateReason::Manual
            | TerminateReason::FarmTerminated
            | TerminateReason::Crashed
            | TerminateReason::LaunchTimeout
            | TerminateReason::SetupFailed
            | TerminateReason::LaunchFailed
            | TerminateReason::Unhealthy,
        )
        | None => false,
    }
}

/// Farm roles with balancers before them that run and do not have their file yet: how many.
///
/// A balancer that is not up, has no agent or refused its file cannot be waited for, and neither
/// can anything of a farm that is to stop: its balancers may go before what they balance.
fn late(
    service: &Service,
    view: &View,
    farm: FarmId,
    now: Timestamp,
) -> Result<BTreeMap<FarmRoleId, u32>> {
    let mut late = BTreeMap::new();
    let wanted = |farm: &Farm| farm.goal == FarmGoal::Launched && !farm.removed;
    let roles = lookup::farm_roles_of(view, farm)?;
    if !lookup::farm(view, farm)?.is_some_and(|farm| wanted(&farm))
        || roles.iter().all(|role| role.balance.is_none())
    {
        return Ok(late);
    }
    let unordered: BTreeSet<ServerId> =
        files(service, view, farm, now)?.into_iter().map(|(server, _)| server).collect();
    for role in roles.iter().filter(|role| !role.removed) {
        let Some(balance) = &role.balance else { continue };
        let Some(of) = roles.iter().find(|role| role.alias == balance.farm_role) else { continue };
        for server in lookup::live_servers_of_farm_role(view, role.id)? {
            if server.status != ServerStatus::Running || !server.agent {
                continue;
            }
            if unordered.contains(&server.id) || is_open(&lookup::orders_of(view, server.id)?) {
                *late.entry(of.id).or_default() += 1;
            }
        }
    }
    Ok(late)
}

/// Whether a server was ordered to have a file and has not answered.
fn is_open(orders: &[Order]) -> bool {
    orders::last_of(orders, orders::is_file).is_some_and(|order| order.state == OrderState::Open)
}

fn can_obey(status: ServerStatus) -> bool {
    matches!(status, ServerStatus::Pending | ServerStatus::Initializing | ServerStatus::Running)
}

/// Which topology a file order was rendered from.
fn generation(body: &OrderBody) -> u64 {
    let OrderBody::WriteFile { generation, .. } = body else { return 0 };
    *generation
}

/// The file a server was last ordered to have, and whether that order still stands.
fn last_file(orders: &[Order], now: Timestamp) -> (Option<OrderBody>, bool) {
    let Some(last) = orders::last_of(orders, orders::is_file) else { return (None, false) };
    let stands = match &last.state {
        OrderState::Done { .. } | OrderState::Ran { .. } => true,
        OrderState::Open => last.deadline >= now,
        // What was in its way (a port that is taken) may be gone by then; a lost one is ordered
        // again at once.
        OrderState::Failed(_) => now.since(last.at) < FILE_AGAIN_AFTER,
        OrderState::Expired | OrderState::Superseded => false,
    };
    (Some(last.body.clone()), stands)
}

/// Whether the farm role behind a balancer is rolled over all at once just now.
fn is_down(plan: Option<&Plan>, roles: &[FarmRole], balance: &Balance) -> bool {
    let behind = roles.iter().find(|role| role.alias == balance.farm_role);
    let target = behind.and_then(|role| plan.and_then(|plan| plan.target(role.id)));
    target.and_then(|target| target.rollout.as_ref()).is_some_and(|rollout| rollout.maintenance)
}

/// The servers behind a balancer as they are now, in a stable order.
fn backends(
    service: &Service,
    roles: &[FarmRole],
    servers: &[Server],
    balance: &Balance,
) -> Vec<Backend> {
    let behind = roles.iter().find(|role| role.alias == balance.farm_role).map(|role| role.id);
    let mut backends: Vec<(u32, Backend)> = servers
        .iter()
        .filter(|server| Some(server.farm_role) == behind)
        .filter_map(|server| Some((server.index, backend(service, server, balance)?)))
        .collect();
    backends.sort_by(|a, b| (a.0, &a.1.name).cmp(&(b.0, &b.1.name)));
    backends.into_iter().map(|(_, backend)| backend).collect()
}

fn render(generation: u64, balance: &Balance, servers: &[Backend], maintenance: bool) -> OrderBody {
    let (balance, servers) = (balance.clone(), servers.to_vec());
    let topology = Topology { generation, balance, servers, maintenance };
    let file = haproxy::render(&topology);
    OrderBody::WriteFile {
        path: file.path,
        content: file.content,
        check: file.check,
        reload: file.reload,
        generation,
    }
}

fn backend(service: &Service, server: &Server, balance: &Balance) -> Option<Backend> {
    let state = match server.status {
        ServerStatus::Running if service.observed.is_ready(server.id) => BackendState::Up,
        ServerStatus::Running | ServerStatus::PendingTerminate | ServerStatus::PendingSuspend => {
            BackendState::Draining
        }
        _ => return None,
    };
    let address = server.address()?.clone();
    let crashed = server.terminate_reason == Some(TerminateReason::Crashed);
    if crashed {
        return None;
    }
    Some(Backend { name: members::name(server), address, port: balance.port, state })
}

/// Files that balancers refused, one line each, for the alerts.
pub fn refused(service: &Service, farm: FarmId) -> Result<Vec<String>> {
    service.read(&Grant::job("balancers"), |view| {
        let mut out = Vec::new();
        let mut balancers = Vec::new();
        for role in lookup::farm_roles_of(view, farm)?.iter().filter(|r| r.balance.is_some()) {
            balancers.extend(lookup::live_servers_of_farm_role(view, role.id)?);
        }
        for server in balancers {
            let orders = lookup::orders_of(view, server.id)?;
            let last = orders::last_of(&orders, orders::is_file);
            if let Some(Order { state: OrderState::Failed(why), .. }) = last {
                let about = lookup::server_name(view, &server)?;
                out.push(format!(
                    "{about}: its new file was refused, the last good one stays: {why}"
                ));
            }
        }
        Ok(out)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{EnvironmentId, OrderId};

    #[test]
    fn a_file_that_is_ordered_stands_up_to_its_deadline() {
        let (at, deadline) = (Timestamp(1_000), Timestamp(31_000));
        let order = |id: u64, state: OrderState| Order {
            id: OrderId(id),
            env: EnvironmentId(1),
            server: ServerId::default(),
            body: OrderBody::WriteFile {
                path: "haproxy.cfg".into(),
                content: id.to_string(),
                check: Vec::new(),
                reload: Vec::new(),
                generation: id,
            },
            at,
            deadline,
            state,
            cancel: None,
        };
        let stands = |state: OrderState, now: Timestamp| {
            let orders = [order(2, state), order(1, OrderState::Superseded)];
            let (body, stands) = last_file(&orders, now);
            assert_eq!(body.map(|body| generation(&body)), Some(2));
            stands
        };
        assert!(stands(OrderState::Open, deadline));
        assert!(!stands(OrderState::Open, deadline.after(1)));
        let failed = || OrderState::Failed("port 80 is taken".into());
        assert!(stands(failed(), at.after(FILE_AGAIN_AFTER - 1)));
        assert!(!stands(failed(), at.after(FILE_AGAIN_AFTER)));
        assert!(!stands(OrderState::Expired, at));
        assert_eq!(last_file(&[], at), (None, false));
    }
}
