//! Plans: what the engine gets to see, and the compare-and-swap that makes its answer current.

mod carry;
mod glance;
pub mod holds;
mod image;
mod known;
mod memory;
pub mod pace;
pub mod proposals;
pub mod rollouts;
pub mod steps;

pub use self::glance::{Glance, Glances, glance};
pub use memory::{Memory, Round};

use crate::base::{Code, FarmId, FarmRoleId, PlanId, Problem, Result, ServerId};
use crate::engine::{Decided, PlanInput};
use crate::model::{
    Actor, Cause, Decision, Farm, FarmRole, Grant, Move, Permission, Plan, Revision, RoleRevision,
    Server, VariableScope,
};
use crate::service::farms::{alerts, notes, variables};
use crate::service::{Service, authorise, lookup};
use crate::store::{Author, Index, Key, Purpose, Reads, Subject, Tx, View};
use image::{Breakers, FarmImage};
use known::FarmPlanner;
use std::collections::{BTreeMap, BTreeSet};

/// The verb of every plan in the journal.
const VERB: &str = "plan.commit";

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
    service.read(&Grant::job("plan"), |view| {
        Ok(lookup::all_farms(view)?.iter().map(|farm| farm.id).collect())
    })
}

/// One tick of one farm as the store shows it: decide about all of it, check, commit if anything
/// changed. The job goes by its [`Memory`], which decides about what changed.
pub fn tick(service: &Service, actor: &Actor, farm: FarmId) -> Result<Planned> {
    let grant = authorise(actor, Permission::Operate)?;
    let Some((image, breakers)) = load(service, &grant, farm)? else {
        return Ok(Planned::Overtaken);
    };
    FarmPlanner::new(image).turn(service, actor, &breakers)
}

fn load(service: &Service, grant: &Grant, farm: FarmId) -> Result<Option<(FarmImage, Breakers)>> {
    let now = service.now();
    service.read(grant, |view| {
        let image = FarmImage::load(view, farm, now)?;
        image.map(|image| Ok((image, image::breakers(view)?))).transpose()
    })
}

/// Everything the engine sees of one farm: one snapshot, the sightings, one window of readings.
/// `None` when there is no such farm.
pub fn assemble(service: &Service, grant: &Grant, farm: FarmId) -> Result<Option<PlanInput>> {
    let found = load(service, grant, farm)?;
    Ok(found.map(|(image, breakers)| image.input(service, &breakers, None, &BTreeMap::new())))
}

/// What a farm would look like with other declarations, for proposals.
pub fn assemble_with(
    service: &Service,
    grant: &Grant,
    farm: Farm,
    farm_roles: Vec<FarmRole>,
) -> Result<PlanInput> {
    let (mut image, breakers) = match load(service, grant, farm.id)? {
        Some((image, breakers)) => (FarmImage { farm, ..image }, breakers),
        None => (FarmImage::bare(farm), Breakers::new()),
    };
    image.farm_roles = farm_roles.into_iter().map(|role| (role.id, role)).collect();
    Ok(image.input(service, &breakers, None, &BTreeMap::new()))
}

/// Commits a plan if its parent is still the current one, with the records its moves ask for.
fn commit(service: &Service, actor: &Actor, input: PlanInput, decided: Decided) -> Result<Planned> {
    let grant = authorise(actor, Permission::Operate)?;
    let cause = cause_of(service, &grant, input.farm.id)?;
    let author = Author::new(&grant, VERB, cause, purpose_of(&decided.plan));
    match service.write(author, move |tx| commit_decision(tx, input, decided)) {
        Ok(id) => Ok(Planned::Committed(id)),
        Err(problem) if problem.code == Code::UnacceptableState => Ok(Planned::Overtaken),
        Err(problem) => Err(problem),
    }
}

/// The transaction that makes a decision its farm's current plan, and carries it out on the
/// records. Stories and properties commit their plans through it too.
///
/// # Errors
/// `UnacceptableState` when the records are not any more what the decision was made from.
pub fn commit_decision(tx: &mut Tx, input: PlanInput, decided: Decided) -> Result<PlanId> {
    let Decided { plan, common, .. } = decided;
    let farm = input.farm.id;
    let current = tx.current_plan(farm)?;
    if current != input.parent.as_ref().map(|parent| parent.id) {
        return Err(Problem::new(Code::UnacceptableState, "there is another plan by now"));
    }
    require_same_wishes(tx, &input)?;
    require_same_crews(tx, &input, &plan)?;
    let id: PlanId = tx.next_id()?;
    let plan = carry::carry_all(tx, input, Plan { id, parent: current, ..plan }, &common)?;
    for line in plan.report.iter().filter(|line| line.decision.is_change()) {
        tx.text(line.about.clone(), sentence(&line.decision));
    }
    tx.put(&plan)?;
    tx.set_current_plan(farm, id)?;
    Ok(id)
}

/// What people declared and hold has to be what the engine saw: a hold or a range that came
/// meanwhile binds this plan too.
fn require_same_wishes(tx: &Tx, input: &PlanInput) -> Result<()> {
    let mut same = lookup::farm(tx, input.farm.id)?.is_some_and(|farm| farm == input.farm);
    for seen in &input.farm_roles {
        same &= lookup::farm_role(tx, seen.id)?.is_some_and(|role| role == *seen);
    }
    let mut holds = lookup::holds_of_farm(tx, input.farm.id)?;
    holds.sort_by_key(|hold| hold.id);
    if same && holds == input.holds {
        return Ok(());
    }
    Err(Problem::new(Code::UnacceptableState, "people want something else by now"))
}

/// Where a plan moves servers, those there are and what people want of each have to be what the
/// engine saw: indexes, the room under max and who is left beside those that go depend on it.
fn require_same_crews(tx: &Tx, input: &PlanInput, plan: &Plan) -> Result<()> {
    let moved: BTreeSet<ServerId> = plan.moves.iter().map(Move::server).collect();
    let of_moved = input.servers.iter().filter(|server| moved.contains(&server.id));
    let launched = plan.moves.iter().filter_map(Move::launches).map(|(role, _)| role);
    let roles: BTreeSet<FarmRoleId> =
        of_moved.map(|server| server.farm_role).chain(launched).collect();
    for role in roles {
        let seen = input.servers.iter().filter(|server| server.farm_role == role);
        let seen: BTreeMap<ServerId, Wishes> = seen.map(|server| Wishes::of(server)).collect();
        let now = lookup::live_servers_of_farm_role(tx, role)?;
        if seen != now.iter().map(Wishes::of).collect() {
            return Err(Problem::new(Code::UnacceptableState, "there are other servers by now"));
        }
    }
    Ok(())
}

/// What is wanted of a server. How it is may change while others are decided about: it gets ready,
/// its agent says hello; but not whether it stays.
#[derive(PartialEq, Eq)]
struct Wishes {
    stays: bool,
    terminate: bool,
    suspend: bool,
    reboot: bool,
    locked: bool,
}

impl Wishes {
    fn of(server: &Server) -> (ServerId, Wishes) {
        let wishes = Wishes {
            stays: server.status.is_wanted(),
            terminate: server.terminate_requested,
            suspend: server.suspend_requested,
            reboot: server.reboot_requested,
            locked: server.locked,
        };
        (server.id, wishes)
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

/// A plan that only makes servers, or wakes them, can wait for space on the disk; in any other is
/// something that makes it.
fn purpose_of(plan: &Plan) -> Purpose {
    let grows = |change: &Move| match change {
        Move::Launch { .. } => true,
        Move::Act { kind, .. } => steps::purpose_of(*kind) == Purpose::Growth,
        Move::Retire { .. } | Move::Cancel { .. } | Move::Park { .. } | Move::Hasten { .. } => {
            false
        }
    };
    if plan.moves.iter().all(grows) { Purpose::Growth } else { Purpose::Ending }
}

/// What happened to the farm since its last plan; a clock where nothing did, for what is read and
/// seen is in no entry.
fn cause_of(service: &Service, grant: &Grant, farm: FarmId) -> Result<Cause> {
    let last = service.store.entries_about(grant, Subject::Farm(farm), None, 1)?.pop();
    Ok(match last {
        Some(entry) if entry.verb != VERB => Cause::Entry(entry.seq),
        Some(_) | None => Cause::Clock,
    })
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
    let grant = authorise(actor, Permission::Operate)?;
    service.write(
        Author::new(&grant, "farm.remove", Cause::Clock, Purpose::Ending),
        move |tx| {
            for role in &gone {
                require_none(tx, Index::LiveServersByFarmRole, &role.id.bytes())?;
                let about = format!("{}/{}", farm.name, role.alias);
                tx.text(about, "farm role removed: no server is left");
                holds::forget(tx, id, Some(role.id))?;
                notes::forget(tx, id, Some(role.id))?;
                variables::forget(tx, &VariableScope::FarmRole(role.id))?;
                tx.delete::<FarmRole>(role.id)?;
            }
            if farm_gone {
                require_none(tx, Index::LiveServersByFarm, &farm.id.bytes())?;
                tx.text(farm.name.to_string(), "farm removed: no server is left");
                holds::forget(tx, id, None)?;
                notes::forget(tx, id, None)?;
                variables::forget(tx, &VariableScope::Farm(id))?;
                tx.delete::<Farm>(farm.id)?;
            }
            Ok(())
        },
    )?;
    if farm_gone {
        service.observed.forget_farm(id);
        service.observed.glances.forget(id);
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

/// What servers of a revision of a farm role are made from: the revision of the role it pins.
pub(super) fn role_of(view: &View, make: &Revision) -> Result<RoleRevision> {
    let found = lookup::role_revision(view, make.role, make.role_revision)?;
    let what = format!("{} of role {}", make.role_revision, make.role);
    found.ok_or_else(|| Problem::not_found("revision", what))
}
