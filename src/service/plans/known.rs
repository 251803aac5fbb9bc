//! One farm as the planning job knows it: its records, what the last decisions found, and what
//! there is to decide about again.

use super::image::{Breakers, FarmImage};
use super::{Planned, commit, remove_leftovers};
use crate::base::limit::AGENT_SILENT_AFTER;
use crate::base::{FarmRoleId, Millis, Result};
use crate::engine::{self, Decided, FarmSummary, Fault, PlanInput, RoleSummary};
use crate::model::{Actor, Freshness};
use crate::service::Service;
use crate::service::farms::alerts::{self, Alarm};
use std::collections::{BTreeMap, BTreeSet};

/// While something waits, its numbers move: cool-downs end, listings confirm.
const WAITING_PERIOD: Millis = 2_000;
/// Readings come in every ten seconds, and no wake tells of them.
const READINGS_PERIOD: Millis = 5_000;
/// A farm with what the last decisions about it found.
pub struct FarmPlanner {
    /// Its records.
    pub image: FarmImage,
    facts: BTreeMap<FarmRoleId, RoleSummary>,
    common: Option<FarmSummary>,
    /// What people have to see of each farm role.
    pub alarms: BTreeMap<FarmRoleId, Vec<Alarm>>,
    /// What to decide about again.
    pub todo: PlanningScope,
    /// When to, whatever happens; `None` is the farm as a whole.
    pub due: BTreeMap<Option<FarmRoleId>, Millis>,
}

/// What to decide about.
#[derive(Default)]
pub struct PlanningScope {
    /// All of the farm.
    pub whole: bool,
    /// Otherwise these.
    pub roles: BTreeSet<FarmRoleId>,
}

impl PlanningScope {
    /// Nothing.
    pub fn is_empty(&self) -> bool {
        !self.whole && self.roles.is_empty()
    }

    /// How many farm roles that is.
    pub fn count(&self, image: &FarmImage) -> usize {
        if self.whole { image.farm_roles.len() } else { self.roles.len() }
    }
}

impl FarmPlanner {
    /// A farm about which everything is to be decided.
    pub fn new(image: FarmImage) -> FarmPlanner {
        FarmPlanner {
            image,
            facts: BTreeMap::new(),
            common: None,
            alarms: BTreeMap::new(),
            todo: PlanningScope { whole: true, roles: BTreeSet::new() },
            due: BTreeMap::new(),
        }
    }

    /// What has come due is to be decided about.
    pub fn come_due(&mut self, elapsed: Millis) {
        for (role, due) in &self.due {
            match role {
                _ if *due > elapsed => {}
                Some(role) => drop(self.todo.roles.insert(*role)),
                None => self.todo.whole = true,
            }
        }
    }

    /// One tick: decides about what there is to decide about, checks it, and commits it if
    /// anything changed. What was not carried through is still to be done at the next.
    pub fn turn(
        &mut self,
        service: &Service,
        actor: &Actor,
        breakers: &Breakers,
    ) -> Result<Planned> {
        let (input, decided) = self.decide(service, breakers);
        let only = (!input.other_roles.is_empty()).then(|| scope(&input));
        self.remember(service, &input, &decided, only.as_ref());
        let farm = self.image.farm.id;
        let report = decided.plan.report.iter().cloned();
        service.observed.set_report(farm, only.as_ref(), report);
        alerts::raise(service, farm, &self.alarms);
        if remove_leftovers(service, actor, &self.image)? {
            // The next tick plans what is left.
            return Ok(Planned::Overtaken);
        }
        let outcome = settle(service, actor, input, decided)?;
        if outcome != Planned::Overtaken {
            self.todo = PlanningScope::default();
        }
        Ok(outcome)
    }

    fn decide(&self, service: &Service, breakers: &Breakers) -> (PlanInput, Decided) {
        let image = &self.image;
        let some = self.common.as_ref().filter(|_| !self.todo.whole && self.knows_the_rest());
        if let Some(common) = some {
            let input = image.input(service, breakers, Some(&self.todo.roles), &self.facts);
            if let Some(decided) = engine::decide_within(&input, common) {
                return (input, decided);
            }
        }
        let input = image.input(service, breakers, None, &self.facts);
        let decided = engine::decide(&input);
        (input, decided)
    }

    fn knows_the_rest(&self) -> bool {
        let mut rest = self.image.farm_roles.keys().filter(|id| !self.todo.roles.contains(id));
        rest.all(|id| self.facts.contains_key(id))
    }

    /// Keeps what the next decision about some of the farm roles may count on, and when to look
    /// at those decided about now although nothing happened.
    fn remember(
        &mut self,
        service: &Service,
        input: &PlanInput,
        decided: &Decided,
        only: Option<&BTreeSet<FarmRoleId>>,
    ) {
        let all: BTreeSet<FarmRoleId>;
        let looked_at = match only {
            Some(only) => only,
            None => {
                all = self.image.farm_roles.keys().copied().collect();
                self.due.clear();
                self.alarms.clear();
                &all
            }
        };
        self.facts.clone_from(&decided.facts);
        self.common = Some(decided.common.clone());
        let elapsed = service.clock.monotonic();
        let mut found = alerts::of(input, &decided.plan);
        let moving = moving(input);
        for id in looked_at {
            let role = self.image.farm_roles.get(id);
            let has_rules =
                role.is_some_and(|role| role.scaling.enabled && !role.scaling.rules.is_empty());
            let after = match decided.recheck_soon.contains(&Some(*id)) || moving.contains(id) {
                true => Some(WAITING_PERIOD),
                false => has_rules.then_some(READINGS_PERIOD),
            };
            match after {
                Some(after) => self.due.insert(Some(*id), elapsed.saturating_add(after)),
                None => self.due.remove(&Some(*id)),
            };
            match found.remove(id) {
                Some(alarms) => self.alarms.insert(*id, alarms),
                None => self.alarms.remove(id),
            };
        }
        match decided.recheck_soon.contains(&None) {
            true => self.due.insert(None, elapsed.saturating_add(WAITING_PERIOD)),
            false => self.due.remove(&None),
        };
    }
}

/// The farm roles that a decision is about.
fn scope(input: &PlanInput) -> BTreeSet<FarmRoleId> {
    let ids = input.farm_roles.iter().map(|role| role.id);
    ids.filter(|id| !input.other_roles.contains_key(id)).collect()
}

/// Farm roles where nothing waits yet and time alone will tell: an agent that went silent or whose
/// check fails, and a server that was last seen before it came where it is.
fn moving(input: &PlanInput) -> BTreeSet<FarmRoleId> {
    let watch = input.watch();
    let servers = input.servers.iter().filter(|server| {
        let unwell = input.agents.get(&server.id).is_some_and(|agent| {
            !agent.connected && watch.lasted(agent.since) <= AGENT_SILENT_AFTER
                || agent.failing_since.is_some()
        });
        let seen = input.sightings.get(&server.id);
        let began = watch.began(server.status_at);
        unwell || matches!(seen, Some(Freshness::Seen { at, .. }) if *at < began)
    });
    servers.map(|server| server.farm_role).collect()
}

/// Has a plan checked, and commits it if it changes anything.
fn settle(service: &Service, actor: &Actor, input: PlanInput, decided: Decided) -> Result<Planned> {
    let (farm, plan) = (input.farm.id, &decided.plan);
    if !plan.changes(input.parent.as_ref()) {
        service.observed.set_alert(&alerts::key(alerts::REFUSED, farm), None);
        return Ok(Planned::Unchanged);
    }
    let mut faults = engine::check(&input, plan);
    faults.extend(engine::safety(&input, plan));
    if !faults.is_empty() {
        let reasons: Vec<String> = faults.iter().map(Fault::to_string).collect();
        let alert = format!("{}: a plan was refused: {}", input.farm.name, reasons.join("; "));
        service.observed.set_alert(&alerts::key(alerts::REFUSED, farm), Some(alert));
        return Ok(Planned::Refused(reasons));
    }
    service.observed.set_alert(&alerts::key(alerts::REFUSED, farm), None);
    commit(service, actor, input, decided)
}
