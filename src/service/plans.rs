//! Plans: what the engine gets to see, and the compare-and-swap that makes its answer current.

mod image;
mod known;
mod memory;

pub use memory::{Memory, Round};

use crate::base::limit::FARM_ROLE_SERVERS_MAX;
use crate::base::{Code, FarmId, FarmRoleId, PlanId, Problem, Result, ServerId, Timestamp};
use crate::engine::PlanInput;
use crate::model::{
    Actor, Cause, Decision, Farm, FarmRole, Move, Permission, Plan, Revision, Role, Server,
    ServerStatus, Step, StepKind, StepStatus, TerminateReason,
};
use crate::service::{Service, alerts, authorise, holds, lookup, retiring};
use crate::store::{Author, Index, Key, Reads, Tx, View};
use image::{Breakers, FarmImage};
use known::Known;
use std::collections::{BTreeMap, BTreeSet};

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

/// One tick of one farm as the store shows it: decide about all of it, check, commit if anything
/// changed. The job goes by its [`Memory`], which decides about what changed.
pub fn tick(service: &Service, actor: &Actor, farm: FarmId) -> Result<Planned> {
    authorise(actor, Permission::Operate)?;
    let Some((image, breakers)) = load(service, farm)? else { return Ok(Planned::Overtaken) };
    Known::new(image).turn(service, actor, &breakers)
}

fn load(service: &Service, farm: FarmId) -> Result<Option<(FarmImage, Breakers)>> {
    let now = service.now();
    service.read(|view| {
        let image = FarmImage::load(view, farm, now)?;
        image.map(|image| Ok((image, image::breakers(view)?))).transpose()
    })
}

/// Everything the engine sees of one farm: one snapshot, the sightings, one window of readings.
/// `None` when there is no such farm.
pub fn assemble(service: &Service, farm: FarmId) -> Result<Option<PlanInput>> {
    let found = load(service, farm)?;
    Ok(found.map(|(image, breakers)| image.input(service, &breakers, None, &BTreeMap::new())))
}

/// What a farm would look like with other declarations, for proposals.
pub fn assemble_with(
    service: &Service,
    farm: Farm,
    farm_roles: Vec<FarmRole>,
) -> Result<PlanInput> {
    let (mut image, breakers) = match load(service, farm.id)? {
        Some((image, breakers)) => (FarmImage { farm, ..image }, breakers),
        None => (FarmImage::bare(farm), Breakers::new()),
    };
    image.farm_roles = farm_roles.into_iter().map(|role| (role.id, role)).collect();
    Ok(image.input(service, &breakers, None, &BTreeMap::new()))
}

/// Commits a plan if its parent is still the current one, with the records its moves ask for.
fn commit(service: &Service, actor: &Actor, mut input: PlanInput, plan: Plan) -> Result<Planned> {
    input.servers.sort_by_key(|server| server.id);
    let author = Author::new(actor, "plan.commit", cause_of(&plan));
    let result = service.write(author, move |tx| {
        let current = tx.current_plan(input.farm.id)?;
        let unchanged = lookup::farm(tx, input.farm.id)?.is_some_and(|farm| farm == input.farm);
        if current != input.parent.as_ref().map(|parent| parent.id) || !unchanged {
            return Err(Problem::new(Code::UnacceptableState, "the world moved on"));
        }
        require_same_crews(tx, &input, &plan)?;
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

/// Indexes and the room under max are of servers the engine saw: there must be no others by now.
fn require_same_crews(tx: &Tx, input: &PlanInput, plan: &Plan) -> Result<()> {
    let launched = plan.moves.iter().filter_map(|change| match change {
        Move::Launch { farm_role, .. } => Some(*farm_role),
        Move::Retire { .. }
        | Move::Act { .. }
        | Move::Park { .. }
        | Move::Cancel { .. }
        | Move::Hasten { .. } => None,
    });
    for role in launched.collect::<BTreeSet<_>>() {
        let seen = input.servers.iter().filter(|server| server.farm_role == role).count();
        if tx.count_index(Index::LiveServersByFarmRole, &role.bytes())? != seen {
            return Err(Problem::new(Code::UnacceptableState, "there are other servers by now"));
        }
    }
    Ok(())
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
            plan_step(tx, plan, &record, StepKind::Launch, input.now).map(drop)
        }
        Move::Retire { server, reason, not_before } => {
            let mut record = current(tx, input, *server)?;
            set_status(&mut record, ServerStatus::PendingTerminate, input.now);
            record.terminate_reason = Some(*reason);
            record.terminate_after = Some(*not_before);
            record.idle_at = None;
            supersede_planned(tx, &record, input.now)?;
            tx.put(&record)?;
            let step = plan_step(tx, plan, &record, StepKind::Terminate, *not_before)?;
            retiring::leave(tx, &record, &step, reason.say(), input.now)
        }
        Move::Act { server, kind, not_before } => {
            let mut record = current(tx, input, *server)?;
            if record.parked && matches!(kind, StepKind::Start | StepKind::Resume) {
                retiring::stay(tx, &mut record, input.now)?;
            }
            prepare(&mut record, *kind, input.now);
            tx.put(&record)?;
            plan_step(tx, plan, &record, *kind, *not_before).map(drop)
        }
        Move::Park { server, not_before } => {
            let mut record = current(tx, input, *server)?;
            set_status(&mut record, ServerStatus::PendingSuspend, input.now);
            record.parked = true;
            record.idle_at = None;
            tx.put(&record)?;
            let step = plan_step(tx, plan, &record, StepKind::Suspend, *not_before)?;
            retiring::leave(tx, &record, &step, TerminateReason::ScalingDown.say(), input.now)
        }
        Move::Hasten { server, not_before } => {
            let mut record = current(tx, input, *server)?;
            retiring::hasten(tx, &mut record, *not_before)
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
        StepKind::Resume => {
            set_status(record, ServerStatus::Resuming, now);
            record.reboot_at = None;
        }
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
) -> Result<Step> {
    let step = Step::planned(tx.next_id()?, plan.id, server, kind, not_before);
    tx.put(&step)?;
    Ok(step)
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
    let seen = input.servers.binary_search_by_key(&id, |server| server.id);
    match seen.ok().and_then(|place| input.servers.get(place)) {
        Some(seen) if **seen == server => Ok(server),
        Some(_) | None => Err(stray("the server the plan saw", id)),
    }
}

fn stray(noun: &str, id: impl std::fmt::Display) -> Problem {
    Problem::new(Code::UnacceptableState, format!("{noun} {id} is gone"))
}

/// Removes the records of what a person removed, once no server is left of it. Says whether there
/// was any.
fn remove_leftovers(service: &Service, actor: &Actor, image: &FarmImage) -> Result<bool> {
    let farm = image.farm.clone();
    let has_servers =
        |id: &FarmRoleId| image.crews.get(id).is_some_and(|crew| !crew.servers.is_empty());
    let gone: Vec<FarmRole> = image
        .farm_roles
        .values()
        .filter(|role| (role.removed || farm.removed) && !has_servers(&role.id))
        .cloned()
        .collect();
    let farm_gone = farm.removed && !image.crews.keys().any(has_servers);
    if gone.is_empty() && !farm_gone {
        return Ok(false);
    }
    let id = farm.id;
    service.write(Author::new(actor, "farm.remove", Cause::Clock), move |tx| {
        for role in &gone {
            require_none(tx, Index::LiveServersByFarmRole, &role.id.bytes())?;
            let about = format!("{}/{}", farm.name, role.alias);
            tx.text(about, "farm role removed: no server is left");
            holds::forget(tx, id, Some(role.id))?;
            tx.delete::<FarmRole>(role.id)?;
        }
        if farm_gone {
            require_none(tx, Index::LiveServersByFarm, &farm.id.bytes())?;
            tx.text(farm.name.to_string(), "farm removed: no server is left");
            holds::forget(tx, id, None)?;
            tx.delete::<Farm>(farm.id)?;
        }
        Ok(())
    })?;
    if farm_gone {
        service.observed.forget_farm(id);
        alerts::forget(service, id);
    }
    Ok(true)
}

fn require_none(tx: &Tx, index: Index, prefix: &[u8]) -> Result<()> {
    match tx.count_index(index, prefix)? {
        0 => Ok(()),
        left => Err(stray("the last server", format!("({left} are left)"))),
    }
}

/// The role that a revision of a farm role is made from.
pub(super) fn role_of(view: &View, make: &Revision) -> Result<Role> {
    lookup::role(view, make.role)?.ok_or_else(|| Problem::not_found("role", make.role))
}
