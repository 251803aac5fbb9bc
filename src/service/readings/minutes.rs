//! What each farm role was like, minute by minute: kept for replays of the past.

use crate::base::{FarmId, FarmRoleId, Problem, Result, ServerId, Timestamp};
use crate::model::{
    Actor, Grant, MINUTE, Metric, MinuteReading, Permission, RoleMinute, Server, ServerStatus,
};
use crate::service::plans::glance;
use crate::service::{Service, authorise, lookup};
use std::collections::{BTreeMap, BTreeSet};

/// The servers of a farm role as far as a minute counts them.
#[derive(Default)]
struct Count {
    /// What a server counts for at most in each metric that a rule looks at: as in the rule, so
    /// that a replay sees what the rule saw.
    at_most: BTreeMap<Metric, f64>,
    running: Vec<ServerId>,
    starting: u32,
    target: u32,
}

/// Records the minute that began at `at`, which has just ended. Says how many farm roles had
/// anything to record; where none had, nothing is written.
pub fn record(service: &Service, actor: &Actor, at: Timestamp) -> Result<usize> {
    authorise(actor, Permission::Operate)?;
    let rows: Vec<RoleMinute> = counts(service)?
        .into_iter()
        .map(|(farm_role, count)| row(service, at, farm_role, &count))
        .collect();
    if rows.is_empty() {
        return Ok(0);
    }
    let recorded = service.series.record_minute(at, &rows);
    recorded.map_err(|error| Problem::internal("recording a minute", error))?;
    Ok(rows.len())
}

/// Farm roles with servers, or with a target of some.
fn counts(service: &Service) -> Result<BTreeMap<FarmRoleId, Count>> {
    service.read(&Grant::job("minutes"), |view| {
        let mut counts: BTreeMap<FarmRoleId, Count> = BTreeMap::new();
        let mut farms: BTreeSet<FarmId> = BTreeSet::new();
        for server in lookup::live_servers(view)? {
            farms.insert(server.farm);
            let count = counts.entry(server.farm_role).or_default();
            if server.status == ServerStatus::Running {
                count.running.push(server.id);
            } else if is_starting(&server) {
                count.starting += 1;
            }
        }
        for farm in farms {
            let plan = glance(service, view, farm)?;
            for target in plan.iter().flat_map(|plan| &plan.targets) {
                counts.entry(target.farm_role).or_default().target = target.target;
            }
        }
        for (id, count) in &mut counts {
            let rules = lookup::farm_role(view, *id)?.map(|role| role.scaling.rules);
            for rule in rules.iter().flatten() {
                let most = rule.metric.counts_at_most(rule.scale_up);
                let known = count.at_most.entry(rule.metric).or_insert(most);
                *known = known.max(most);
            }
        }
        counts
            .retain(|_, count| count.target > 0 || count.starting > 0 || !count.running.is_empty());
        Ok(counts)
    })
}

/// Wanted, and not sharing the load yet.
fn is_starting(server: &Server) -> bool {
    match server.status {
        ServerStatus::PendingLaunch
        | ServerStatus::Pending
        | ServerStatus::Initializing
        | ServerStatus::Resuming => true,
        ServerStatus::Running
        | ServerStatus::PendingSuspend
        | ServerStatus::Suspended
        | ServerStatus::PendingTerminate
        | ServerStatus::Terminated
        | ServerStatus::Importing
        | ServerStatus::Temporary => false,
    }
}

fn row(service: &Service, at: Timestamp, farm_role: FarmRoleId, count: &Count) -> RoleMinute {
    let until = at.after(MINUTE - 1);
    let reading = |metric: Metric| {
        let most = count.at_most.get(&metric).copied().unwrap_or(f64::MAX);
        let found = service.series.average(&count.running, metric.series(), at, until, most);
        let (mean, highest) = (found.average?, found.highest?);
        // What was measured is not known to more digits than an f32 has.
        Some(MinuteReading { metric, have: found.have, mean: mean as f32, highest: highest as f32 })
    };
    RoleMinute {
        farm_role,
        at,
        running: u32::try_from(count.running.len()).unwrap_or(u32::MAX),
        starting: count.starting,
        target: count.target,
        readings: Metric::ALL.into_iter().filter_map(reading).collect(),
    }
}
