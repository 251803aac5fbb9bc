//! Plans: what the engine gets to see, and the compare-and-swap that makes its answer current.

use crate::base::limit::{FARM_ROLE_SERVERS_MAX, STEP_MEMORY};
use crate::base::{Code, FarmId, PlanId, Problem, Result, ServerId, Timestamp};
use crate::engine::input::{PlanInput, WindowReading};
use crate::engine::{self, Fault};
use crate::model::{
    Actor, Breaker, Cause, Decision, Farm, FarmRole, Freshness, Hold, Move, Permission, Plan,
    RemovalPolicy, Revision, Role, Server, ServerStatus, Step, StepKind, StepStatus,
};
use crate::service::{Service, alerts, authorise, holds, lookup};
use crate::store::{Author, Reads, Tx, View};
use std::collections::BTreeMap;

/// What came of planning one farm.
#[derive(Debug, PartialEq, Eq)]
pub enum Planned {
    /// Nothing to change.
    Unchanged,
    /// A plan was committed.
    Committed(PlanId),
    /// Somebody else committed first, or the farm is gone: the next tick reads the world anew.
    Overtaken,
    /// A second pair of eyes refused it, for these reasons.
    Refused(Vec<String>),
}

/// Every farm there is, for the planning job.
pub fn farms(service: &Service) -> Result<Vec<FarmId>> {
    service.read(|view| Ok(lookup::all_farms(view)?.iter().map(|farm| farm.id).collect()))
}

/// One tick of one farm: assemble, plan, check, commit if anything changed.
pub fn tick(service: &Service, actor: &Actor, farm: FarmId) -> Result<Planned> {
    authorise(actor, Permission::Operate)?;
    let Some(input) = assemble(service, farm)? else { return Ok(Planned::Overtaken) };
    let plan = engine::plan(&input);
    service.observed.set_report(farm, plan.report.clone());
    alerts::raise(service, &input, &plan);
    if remove_leftovers(service, actor, &input)? {
        // The next tick plans what is left.
        return Ok(Planned::Overtaken);
    }
    if !plan.changes(input.parent.as_ref()) {
        service.observed.set_alert(&alerts::key(alerts::REFUSED, farm), None);
        return Ok(Planned::Unchanged);
    }
    let mut faults = engine::check(&input, &plan);
    faults.extend(engine::safety(&input, &plan));
    if !faults.is_empty() {
        let reasons: Vec<String> = faults.iter().map(Fault::to_string).collect();
        let alert = format!("{}: a plan was refused: {}", input.farm.name, reasons.join("; "));
        service.observed.set_alert(&alerts::key(alerts::REFUSED, farm), Some(alert));
        return Ok(Planned::Refused(reasons));
    }
    service.observed.set_alert(&alerts::key(alerts::REFUSED, farm), None);
    commit(service, actor, input, plan)
}

/// Everything the engine sees of one farm: one snapshot, the sightings, one window of readings.
/// `None` when there is no such farm.
pub fn assemble(service: &Service, farm: FarmId) -> Result<Option<PlanInput>> {
    let now = service.now();
    let snapshot = service.read(|view| Snapshot::of(view, farm, now))?;
    Ok(snapshot.map(|snapshot| snapshot.input(service)))
}

/// What a farm would look like with other declarations, for proposals.
pub fn assemble_with(
    service: &Service,
    farm: Farm,
    farm_roles: Vec<FarmRole>,
) -> Result<PlanInput> {
    let id = farm.id;
    let now = service.now();
    let snapshot = service.read(|view| Snapshot::of(view, id, now))?;
    let snapshot = match snapshot {
        Some(found) => Snapshot { farm, farm_roles, ..found },
        None => Snapshot {
            farm,
            farm_roles,
            servers: Vec::new(),
            steps: Vec::new(),
            parent: None,
            holds: Vec::new(),
            breakers: BTreeMap::new(),
        },
    };
    Ok(snapshot.input(service))
}

/// The store's part of the input.
struct Snapshot {
    farm: Farm,
    farm_roles: Vec<FarmRole>,
    servers: Vec<Server>,
    steps: Vec<Step>,
    parent: Option<Plan>,
    holds: Vec<Hold>,
    breakers: BTreeMap<String, Breaker>,
}

impl Snapshot {
    fn of(view: &View, farm: FarmId, now: Timestamp) -> Result<Option<Snapshot>> {
        let Some(found) = lookup::farm(view, farm)? else { return Ok(None) };
        let mut farm_roles = lookup::farm_roles_of(view, farm)?;
        farm_roles.sort_by_key(|role| (role.launch_index, role.id));
        let all = lookup::servers_of_farm(view, farm)?;
        let mut steps = lookup::open_steps_of(view, farm)?;
        // Recent failures carry the backoff, also those of servers that never came to be.
        let recent = |at: Timestamp| now.since(at) < STEP_MEMORY;
        for server in all.iter().filter(|s| s.status.counts() || recent(s.status_at)) {
            let ended = lookup::steps_of_server(view, server.id)?;
            steps.extend(ended.into_iter().filter(|step| {
                step.status == StepStatus::Failed && step.ended_at.is_some_and(recent)
            }));
        }
        let servers = all.into_iter().filter(|server| server.status.counts()).collect();
        let parent = lookup::current_plan(view, farm)?;
        let holds = lookup::holds_of_farm(view, farm)?;
        let breakers = lookup::breakers(view)?;
        let breakers = breakers.into_iter().map(|b| (b.account.clone(), b)).collect();
        Ok(Some(Snapshot { farm: found, farm_roles, servers, steps, parent, holds, breakers }))
    }

    /// How busy each server is, where the least busy goes first.
    fn loads(&self, service: &Service, now: Timestamp) -> BTreeMap<ServerId, f64> {
        let mut loads = BTreeMap::new();
        let least_busy = |role: &&FarmRole| role.policy.removal == RemovalPolicy::LeastBusy;
        for role in self.farm_roles.iter().filter(least_busy) {
            let Some(rule) = role.scaling.rules.first() else { continue };
            let from = now.before(rule.window_ms);
            for server in self.servers.iter().filter(|s| s.farm_role == role.id) {
                let window = service.series.average(&[server.id], rule.metric.series(), from, now);
                loads.extend(window.average.map(|average| (server.id, average)));
            }
        }
        loads
    }

    fn input(self, service: &Service) -> PlanInput {
        let now = service.now();
        let observed = &service.observed;
        let sightings: BTreeMap<_, Freshness> = self
            .servers
            .iter()
            .map(|server| {
                (server.id, observed.freshness(&*service.clock, &server.platform, server.id))
            })
            .collect();
        let agents =
            self.servers.iter().filter_map(|s| Some((s.id, observed.agent(s.id)?))).collect();
        let mut readings = BTreeMap::new();
        for role in self.farm_roles.iter().filter(|role| role.scaling.enabled) {
            for (index, rule) in role.scaling.rules.iter().enumerate() {
                let running: Vec<_> = self
                    .servers
                    .iter()
                    .filter(|s| s.farm_role == role.id && s.status == ServerStatus::Running)
                    .map(|s| s.id)
                    .collect();
                let from = now.before(rule.window_ms);
                let window = service.series.average(&running, rule.metric.series(), from, now);
                readings.insert(
                    (role.id, index),
                    WindowReading {
                        average: window.average,
                        have: window.have,
                        want: window.want,
                        newest_at: window.newest_at,
                    },
                );
            }
        }
        let loads = self.loads(service, now);
        let id = self.farm.id.0;
        let parent = self.parent.as_ref().map_or(0, |plan| plan.id.0);
        PlanInput {
            now,
            // The parent's number keeps the ids of successive plans apart.
            seed: service.settings.seed ^ id.rotate_left(32) ^ parent,
            started_at: observed.started_at(),
            farm: self.farm,
            farm_roles: self.farm_roles,
            beyond: BTreeMap::new(),
            servers: self.servers,
            steps: self.steps,
            sightings,
            agents,
            any_agent_connected: observed.agents_connected() > 0,
            readings,
            holds: self.holds,
            breakers: self.breakers,
            loads,
            parent: self.parent,
        }
    }
}

/// Commits a plan if its parent is still the current one, with the records its moves ask for.
fn commit(service: &Service, actor: &Actor, input: PlanInput, plan: Plan) -> Result<Planned> {
    let author = Author::new(actor, "plan.commit", cause_of(&plan));
    let result = service.write(author, move |tx| {
        let current = tx.current_plan(input.farm.id)?;
        let unchanged = lookup::farm(tx, input.farm.id)?.is_some_and(|farm| farm == input.farm);
        if current != input.parent.as_ref().map(|parent| parent.id) || !unchanged {
            return Err(Problem::new(Code::UnacceptableState, "the world moved on"));
        }
        let id: PlanId = tx.next_id()?;
        let plan = Plan { id, parent: current, ..plan };
        for change in &plan.moves {
            carry(tx, &input, &plan, change)?;
        }
        for line in plan.report.iter().filter(|line| line.decision.is_change()) {
            tx.text(line.about.clone(), sentence(&line.decision));
        }
        tx.put(&plan)?;
        tx.set_current_plan(input.farm.id, id)?;
        Ok(id)
    });
    match result {
        Ok(id) => Ok(Planned::Committed(id)),
        Err(problem) if problem.code == Code::UnacceptableState => Ok(Planned::Overtaken),
        Err(problem) => Err(problem),
    }
}

/// A decision as the journal says it.
pub(super) fn sentence(decision: &Decision) -> String {
    match decision {
        Decision::Launch(why) => format!("is to be launched: {why}"),
        Decision::Retire(why) => format!("is to go: {why}"),
        Decision::Target { from, to, why } => format!("target goes from {from} to {to}: {why}"),
        Decision::Act(_) | Decision::Keep | Decision::Wait(_) => decision.to_string(),
    }
}

/// What made the engine decide: a reading or a clock for scaling, otherwise what was seen.
fn cause_of(plan: &Plan) -> Cause {
    plan.parent.map_or(Cause::Request, Cause::Plan)
}

/// Writes the records one move asks for.
fn carry(tx: &mut Tx, input: &PlanInput, plan: &Plan, change: &Move) -> Result<()> {
    match change {
        Move::Launch { server, farm_role, index, revision, zone, reason } => {
            let role = input
                .farm_roles
                .iter()
                .find(|role| role.id == *farm_role)
                .ok_or_else(|| stray("farm role", farm_role))?;
            let by = input.farm.created_by;
            let wanted = Server::wanted(*server, role, *index, *reason, by, input.now);
            let make = role.make_of(*revision).ok_or_else(|| stray("revision", revision))?;
            let record = Server { zone: zone.clone(), ..wanted.made_as(&make) };
            // Law 1 is checked again when the step begins; this bound is only against runaways.
            if record.index > 4 * FARM_ROLE_SERVERS_MAX {
                return Err(Problem::new(Code::LimitExceeded, "server indexes ran away"));
            }
            tx.put(&record)?;
            plan_step(tx, plan, &record, StepKind::Launch, input.now)
        }
        Move::Retire { server, reason, not_before } => {
            let mut record = current(tx, input, *server)?;
            set_status(&mut record, ServerStatus::PendingTerminate, input.now);
            record.terminate_reason = Some(*reason);
            record.terminate_after = Some(*not_before);
            supersede_planned(tx, &record, input.now)?;
            tx.put(&record)?;
            plan_step(tx, plan, &record, StepKind::Terminate, *not_before)
        }
        Move::Act { server, kind, not_before } => {
            let mut record = current(tx, input, *server)?;
            prepare(&mut record, *kind, input.now);
            tx.put(&record)?;
            plan_step(tx, plan, &record, *kind, *not_before)
        }
        Move::Park { server, not_before } => {
            let mut record = current(tx, input, *server)?;
            set_status(&mut record, ServerStatus::PendingSuspend, input.now);
            record.parked = true;
            tx.put(&record)?;
            plan_step(tx, plan, &record, StepKind::Suspend, *not_before)
        }
        Move::Cancel { server } => {
            let mut record = current(tx, input, *server)?;
            supersede_planned(tx, &record, input.now)?;
            if record.asked_at.is_none() {
                set_status(&mut record, ServerStatus::Terminated, input.now);
            }
            tx.put(&record)?;
            Ok(())
        }
    }
}

/// What a step that is planned changes about its server at once.
fn prepare(record: &mut Server, kind: StepKind, now: Timestamp) {
    match kind {
        StepKind::Start => {
            // One that was put to sleep did not fail.
            let failed = record.status != ServerStatus::Suspended;
            record.restarts = record.restarts.saturating_add(u32::from(failed));
            set_status(record, ServerStatus::Resuming, now);
            // Also one that was started in vain has the whole time again.
            record.status_at = now;
            record.reboot_at = None;
        }
        StepKind::Resume => set_status(record, ServerStatus::Resuming, now),
        StepKind::Suspend | StepKind::Stop => {
            set_status(record, ServerStatus::PendingSuspend, now);
        }
        StepKind::Reboot => {
            let healed = !std::mem::take(&mut record.reboot_requested);
            record.restarts = record.restarts.saturating_add(u32::from(healed));
        }
        StepKind::Launch | StepKind::Terminate => {}
    }
    if matches!(kind, StepKind::Start | StepKind::Resume) {
        record.parked = false;
        record.suspend_requested = false;
    }
}

fn plan_step(
    tx: &mut Tx,
    plan: &Plan,
    server: &Server,
    kind: StepKind,
    not_before: Timestamp,
) -> Result<()> {
    let step = Step::planned(tx.next_id()?, plan.id, server, kind, not_before);
    tx.put(&step)?;
    Ok(())
}

/// Ends the steps of a server that were never begun: a later decision took their place.
fn supersede_planned(tx: &mut Tx, server: &Server, now: Timestamp) -> Result<()> {
    for mut step in lookup::steps_of_server(tx, server.id)? {
        if step.status == StepStatus::Planned {
            step.status = StepStatus::Superseded;
            step.ended_at = Some(now);
            tx.put(&step)?;
        }
    }
    Ok(())
}

/// Moves a server to a status, with the time it did.
pub(super) fn set_status(server: &mut Server, status: ServerStatus, now: Timestamp) {
    if server.status != status {
        server.status = status;
        server.status_at = now;
    }
}

/// The server as it is now, which must be as the engine saw it: what was decided about a server
/// that has moved on since is not carried out.
fn current(tx: &Tx, input: &PlanInput, id: ServerId) -> Result<Server> {
    let server = lookup::server(tx, id)?.ok_or_else(|| stray("server", id))?;
    if input.servers.contains(&server) {
        return Ok(server);
    }
    Err(stray("the server the plan saw", id))
}

fn stray(noun: &str, id: impl std::fmt::Display) -> Problem {
    Problem::new(Code::UnacceptableState, format!("{noun} {id} is gone"))
}

/// Removes the records of what a person removed, once no server is left of it. Says whether there
/// was any.
fn remove_leftovers(service: &Service, actor: &Actor, input: &PlanInput) -> Result<bool> {
    let has_servers = |role: &FarmRole| input.servers.iter().any(|s| s.farm_role == role.id);
    let gone: Vec<FarmRole> = input
        .farm_roles
        .iter()
        .filter(|role| (role.removed || input.farm.removed) && !has_servers(role))
        .cloned()
        .collect();
    let farm_gone = input.farm.removed && input.servers.is_empty();
    if gone.is_empty() && !farm_gone {
        return Ok(false);
    }
    let farm = input.farm.clone();
    let name = farm.name.clone();
    service.write(Author::new(actor, "farm.remove", Cause::Clock), move |tx| {
        for role in &gone {
            tx.text(format!("{name}/{}", role.alias), "farm role removed: no server is left");
            holds::forget(tx, farm.id, Some(role.id))?;
            tx.delete::<FarmRole>(role.id)?;
        }
        if farm_gone {
            tx.text(name.to_string(), "farm removed: no server is left");
            holds::forget(tx, farm.id, None)?;
            tx.delete::<Farm>(farm.id)?;
        }
        Ok(())
    })?;
    if farm_gone {
        service.observed.forget_farm(input.farm.id);
        alerts::forget(service, input.farm.id);
    }
    Ok(true)
}

/// The role that a revision of a farm role is made from.
pub(super) fn role_of(view: &View, make: &Revision) -> Result<Role> {
    lookup::role(view, make.role)?.ok_or_else(|| Problem::not_found("role", make.role))
}
