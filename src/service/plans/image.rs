//! One farm's records in memory: read from one snapshot, then kept up to date by the journal.
//!
//! Every change of state is an entry of the journal that carries what is stored now, so an image
//! that applied them all is what a snapshot of that moment would show, at the cost of what
//! changed. Being wrong is not dangerous: what is decided is committed by a transaction that looks
//! at the records themselves.

use crate::base::limit::STEP_MEMORY;
use crate::base::{FarmId, FarmRoleId, HoldId, Result, ServerId, StepId, Timestamp, Watch};
use crate::engine::RoleSummary;
use crate::engine::input::{AgentPresence, PlanInput, WindowReading};
use crate::model::{
    Breaker, Farm, FarmRole, Freshness, Hold, Plan, RemovalPolicy, Server, ServerStatus, Step,
    StepStatus,
};
use crate::service::clouds::lease;
use crate::service::{Service, lookup};
use crate::store::View;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Cloud accounts that fail, by name.
pub type Breakers = BTreeMap<String, Breaker>;

/// A farm's records, as far as a decision about it looks at them.
#[derive(Clone, Debug, PartialEq)]
pub struct FarmImage {
    /// The farm.
    pub farm: Farm,
    /// Its farm roles.
    pub farm_roles: BTreeMap<FarmRoleId, FarmRole>,
    /// Servers and steps by farm role.
    pub crews: BTreeMap<FarmRoleId, RoleServers>,
    /// Its holds.
    pub holds: BTreeMap<HoldId, Hold>,
    /// Its current plan, without moves and report, which no decision looks at.
    pub parent: Option<Plan>,
}

/// The servers and steps of one farm role.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RoleServers {
    /// Servers that are not confirmed gone.
    pub servers: BTreeMap<ServerId, Arc<Server>>,
    /// Steps something may still come of, and those that failed lately, also of servers that are
    /// gone by now: they carry the backoff.
    pub steps: BTreeMap<StepId, Step>,
}

/// Every cloud account that fails.
pub fn breakers(view: &View) -> Result<Breakers> {
    Ok(lookup::breakers(view)?.into_iter().map(|b| (b.account.clone(), b)).collect())
}

impl FarmImage {
    /// A farm without anything.
    pub fn bare(farm: Farm) -> FarmImage {
        FarmImage {
            farm,
            farm_roles: BTreeMap::new(),
            crews: BTreeMap::new(),
            holds: BTreeMap::new(),
            parent: None,
        }
    }

    /// Reads a farm; `None` when there is none of that number.
    pub fn load(view: &View, id: FarmId, now: Timestamp) -> Result<Option<FarmImage>> {
        let Some(farm) = lookup::farm(view, id)? else { return Ok(None) };
        let mut image = FarmImage::bare(farm);
        image.farm_roles =
            lookup::farm_roles_of(view, id)?.into_iter().map(|role| (role.id, role)).collect();
        for server in lookup::live_servers_of_farm(view, id)? {
            image.put_server(server);
        }
        let failed = lookup::failed_steps_of(view, id, now.before(STEP_MEMORY))?;
        for step in lookup::open_steps_of(view, id)?.into_iter().chain(failed) {
            image.put_step(step);
        }
        image.holds =
            lookup::holds_of_farm(view, id)?.into_iter().map(|hold| (hold.id, hold)).collect();
        image.set_parent(lookup::current_plan(view, id)?);
        image.age(now);
        Ok(Some(image))
    }

    /// Takes in a server as it is now.
    pub fn put_server(&mut self, server: Server) {
        let crew = self.crews.entry(server.farm_role).or_default();
        if server.status.counts() {
            crew.servers.insert(server.id, Arc::new(server));
        } else {
            crew.servers.remove(&server.id);
        }
    }

    /// Takes in a step as it is now.
    pub fn put_step(&mut self, step: Step) {
        let crew = self.crews.entry(step.farm_role).or_default();
        if step.status.is_open() || step.status == StepStatus::Failed {
            crew.steps.insert(step.id, step);
        } else {
            crew.steps.remove(&step.id);
        }
    }

    /// A server's record is gone.
    pub fn remove_server(&mut self, farm_role: FarmRoleId, id: ServerId) {
        if let Some(crew) = self.crews.get_mut(&farm_role) {
            crew.servers.remove(&id);
        }
    }

    /// A step's record is gone.
    pub fn remove_step(&mut self, step: &Step) {
        if let Some(crew) = self.crews.get_mut(&step.farm_role) {
            crew.steps.remove(&step.id);
        }
    }

    /// Takes in its current plan.
    pub fn set_parent(&mut self, plan: Option<Plan>) {
        self.parent = plan.map(|plan| plan.memory());
    }

    /// Lets go of what is too long ago to matter, and of what is empty.
    pub fn age(&mut self, now: Timestamp) {
        for crew in self.crews.values_mut() {
            crew.steps.retain(|_, step| is_recent(step, now));
        }
        self.crews.retain(|_, crew| !crew.servers.is_empty() || !crew.steps.is_empty());
    }

    /// What the engine gets to see: all of it, or some farm roles with the facts about the rest.
    pub fn input(
        &self,
        service: &Service,
        breakers: &Breakers,
        only: Option<&BTreeSet<FarmRoleId>>,
        facts: &BTreeMap<FarmRoleId, RoleSummary>,
    ) -> PlanInput {
        let Watch { since: started_at, now } = service.watch();
        let within = |id: &FarmRoleId| only.is_none_or(|only| only.contains(id));
        let crews = || self.crews.iter().filter(|(id, _)| within(id)).map(|(_, crew)| crew);
        let servers: Vec<Arc<Server>> =
            crews().flat_map(|crew| crew.servers.values().cloned()).collect();
        let recent = |step: &&Step| is_recent(step, now);
        let steps = crews().flat_map(|crew| crew.steps.values().filter(recent).cloned());
        let (sightings, agents) = seen(service, &servers);
        let roles = || self.farm_roles.values().filter(|role| within(&role.id));
        let others = self.farm_roles.keys().filter(|id| !within(id));
        let id = self.farm.id.0;
        let parent = self.parent.as_ref().map_or(0, |plan| plan.id.0);
        PlanInput {
            now,
            // The parent's number keeps the ids of successive plans apart.
            seed: service.settings.seed ^ id.rotate_left(32) ^ parent,
            started_at,
            readings: roles().flat_map(|role| self.readings(service, role, now)).collect(),
            other_roles: others
                .map(|id| (*id, facts.get(id).copied().unwrap_or_default()))
                .collect(),
            farm: self.farm.clone(),
            farm_roles: self.farm_roles.values().cloned().collect(),
            steps: steps.collect(),
            servers,
            sightings,
            agents,
            any_agent_connected: service.observed.any_agent_connected(),
            holds: self.holds.values().cloned().collect(),
            breakers: breakers.clone(),
            unleased: lease::unleased(service, crews().flat_map(|crew| crew.servers.values())),
            paced: service.pace.waits(service.clock.monotonic()),
            loads: roles().flat_map(|role| self.loads(service, role, now)).collect(),
            late: service.observed.late_balancers(),
            parent: self.parent.clone(),
        }
    }

    /// How busy each server of a farm role is, where the least busy goes first.
    fn loads(&self, service: &Service, role: &FarmRole, now: Timestamp) -> Vec<(ServerId, f64)> {
        let rule = role.scaling.rules.first();
        let rule = rule.filter(|_| role.policy.removal == RemovalPolicy::LeastBusy);
        let (Some(rule), Some(crew)) = (rule, self.crews.get(&role.id)) else { return Vec::new() };
        let from = now.before(rule.window_ms);
        let load = |id: &ServerId| {
            let series = rule.metric.series();
            let window = service.series.average(&[*id], series, from, now, f64::MAX);
            window.average.map(|average| (*id, average))
        };
        crew.servers.keys().filter_map(load).collect()
    }

    /// The windows of a farm role's scaling rules.
    fn readings(
        &self,
        service: &Service,
        role: &FarmRole,
        now: Timestamp,
    ) -> Vec<((FarmRoleId, usize), WindowReading)> {
        if !role.scaling.enabled || role.scaling.rules.is_empty() {
            return Vec::new();
        }
        let servers = self.crews.get(&role.id).into_iter().flat_map(|crew| crew.servers.values());
        let running = servers.filter(|server| server.status == ServerStatus::Running);
        let running: Vec<ServerId> = running.map(|server| server.id).collect();
        let rules = role.scaling.rules.iter().enumerate();
        rules
            .map(|(index, rule)| {
                let from = now.before(rule.window_ms);
                let (series, most) =
                    (rule.metric.series(), rule.metric.counts_at_most(rule.scale_up));
                let window = service.series.average(&running, series, from, now, most);
                let reading = WindowReading {
                    average: window.average,
                    have: window.have,
                    want: window.want,
                    newest_at: window.newest_at,
                };
                ((role.id, index), reading)
            })
            .collect()
    }
}

/// What was last seen and heard of servers.
fn seen(
    service: &Service,
    servers: &[Arc<Server>],
) -> (BTreeMap<ServerId, Freshness>, BTreeMap<ServerId, AgentPresence>) {
    let asked = servers.iter().map(|server| (server.account.as_str(), server.id));
    service.observed.of_all(&*service.clock, asked)
}

fn is_recent(step: &Step, now: Timestamp) -> bool {
    step.status.is_open() || step.ended_at.is_some_and(|at| now.since(at) < STEP_MEMORY)
}
