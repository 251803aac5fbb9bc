//! Whatever is broken for people is seen, told and acted upon, each within a bounded time.
//!
//! What agents say is taken down where it is handed over: by whose word a server is ill, and since
//! when. Nothing of it asks the appliance, whose records and alerts are then held against it.

use crate::laws::{self, Illness};
use grange::base::limit::UNWELL_AT_LEAST;
use grange::base::{Millis, Result, ServerId};
use grange::model::{
    Care, Decision, FarmGoal, FarmRole, Grant, HealMode, Line, Server, ServerStatus, Wait,
};
use grange::service::{Service, lookup};
use std::collections::BTreeMap;

/// Since when each running server is ill, by a word that the appliance acknowledged.
#[derive(Default)]
pub struct Told {
    own: BTreeMap<ServerId, Millis>,
    /// Since when time has passed evenly, with the appliance there.
    pub steady_since: Millis,
}

impl Told {
    /// Its own agent said whether its check passes.
    pub fn own(&mut self, server: ServerId, ready: bool, now: Millis) {
        match ready {
            true => drop(self.own.remove(&server)),
            false => drop(self.own.entry(server).or_insert(now)),
        }
    }

    /// Nobody knows any more how it is.
    pub fn forget(&mut self, server: ServerId) {
        self.own.remove(&server);
    }

    /// Nobody knows of any.
    pub fn forget_all(&mut self) {
        self.own.clear();
    }

    fn since(&self, server: ServerId) -> Option<Millis> {
        self.own.get(&server).copied()
    }

    /// Who is ill where something is to be done about it: nobody may call that world settled.
    pub fn to_heal(&self, service: &Service) -> Vec<String> {
        let Ok(servers) = service.read(&Grant::job("test"), lookup::all_servers) else {
            return Vec::new();
        };
        let runs = servers.iter().filter(|server| server.status == ServerStatus::Running);
        let ill = runs.filter(|server| self.own.contains_key(&server.id));
        let cases = ill.filter_map(|server| self.illness(service, server, 0, "").ok().flatten());
        let to_heal = cases.filter(|case| case.patience.is_some());
        to_heal.map(|case| format!("{} is ill and is to be healed", case.name)).collect()
    }

    /// Servers that run since when, as far as was looked.
    pub fn faults(
        &self,
        running: &mut BTreeMap<ServerId, Millis>,
        service: &Service,
        now: Millis,
    ) -> Vec<String> {
        let Ok(servers) = service.read(&Grant::job("test"), lookup::all_servers) else {
            return Vec::new();
        };
        let runs = |server: &&Server| server.status == ServerStatus::Running;
        let before = std::mem::take(running);
        for server in servers.iter().filter(runs) {
            running.insert(server.id, before.get(&server.id).copied().unwrap_or(now));
        }
        let alerts = service.observed.alerts().join("\n");
        let ill = servers.iter().filter(runs).filter_map(|server| {
            let since = self.since(server.id)?.max(running[&server.id]).max(self.steady_since);
            self.illness(service, server, now.saturating_sub(since), &alerts).ok().flatten()
        });
        ill.filter_map(|ill| laws::illness_is_answered(&ill)).collect()
    }

    fn illness(
        &self,
        service: &Service,
        server: &Server,
        age: Millis,
        alerts: &str,
    ) -> Result<Option<Illness>> {
        let (farm, role, plan) = service.read(&Grant::job("test"), |view| {
            let farm = lookup::farm(view, server.farm)?;
            let role = lookup::farm_role(view, server.farm_role)?;
            Ok((farm, role, lookup::current_plan(view, server.farm)?))
        })?;
        let (Some(farm), Some(role)) = (farm, role) else { return Ok(None) };
        let is_wanted = farm.goal == FarmGoal::Launched && !farm.removed && !role.removed;
        let stands_still = plan.is_some_and(|plan| plan.freeze.is_some());
        let name = format!("{}/{}", farm.name, server.hostname);
        let report = service.observed.report(farm.id);
        Ok(Some(Illness {
            age,
            seen: service.observed.failure(server.id).is_some(),
            alerted: alerts.contains(&name),
            patience: patience(&role).filter(|_| is_wanted && !stands_still),
            answered: report.iter().any(|line| line.server == Some(server.id) && !only_waits(line)),
            name,
        }))
    }
}

/// How long what is ill is left alone, where something is done about it at all.
fn patience(role: &FarmRole) -> Option<Millis> {
    match role.policy.heal {
        HealMode::Replace => Some(role.policy.unhealthy_for_ms),
        HealMode::Restart => Some(UNWELL_AT_LEAST),
        HealMode::Alert | HealMode::None => None,
    }
}

/// Nothing but time is said to be missing, or that nothing is to be done, which is asked only where
/// something is.
fn only_waits(line: &Line) -> bool {
    matches!(
        line.decision,
        Decision::Wait(Wait::Unhealthy {
            care: Care::Replace { .. } | Care::Restart { .. } | Care::Keep(_),
            ..
        })
    )
}
