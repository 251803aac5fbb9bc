//! Plans: what the engine gets to see, and the compare-and-swap that makes its answer current.

mod carry;
mod image;
mod known;
mod memory;

pub(in crate::service) use carry::set_status;
pub use memory::{Memory, Round};

use crate::base::{Code, FarmId, FarmRoleId, PlanId, Problem, Result};
use crate::engine::{Decided, PlanInput};
use crate::model::{
    Actor, Cause, Decision, Farm, FarmRole, Move, Permission, Plan, Revision, Role,
};
use crate::service::{Service, alerts, authorise, holds, lookup};
use crate::store::{Author, Index, Key, Purpose, Reads, Tx, View};
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
fn commit(service: &Service, actor: &Actor, input: PlanInput, decided: Decided) -> Result<Planned> {
    let Decided { plan, common, .. } = decided;
    let author = Author::new(actor, "plan.commit", cause_of(&plan), purpose_of(&plan));
    let result = service.write(author, move |tx| {
        let current = tx.current_plan(input.farm.id)?;
        let unchanged = lookup::farm(tx, input.farm.id)?.is_some_and(|farm| farm == input.farm);
        if current != input.parent.as_ref().map(|parent| parent.id) || !unchanged {
            return Err(Problem::new(Code::UnacceptableState, "the world moved on"));
        }
        require_same_crews(tx, &input, &plan)?;
        let id: PlanId = tx.next_id()?;
        let farm = input.farm.id;
        let plan = carry::carry_all(tx, input, Plan { id, parent: current, ..plan }, &common)?;
        for line in plan.report.iter().filter(|line| line.decision.is_change()) {
            tx.text(line.about.clone(), sentence(&line.decision));
        }
        tx.put(&plan)?;
        tx.set_current_plan(farm, id)?;
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
    let launched = plan.moves.iter().filter_map(Move::launches).map(|(role, _)| role);
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

/// A plan that only makes servers, or wakes them, can wait for space on the disk; in any other is
/// something that makes it.
fn purpose_of(plan: &Plan) -> Purpose {
    let grows = |change: &Move| match change {
        Move::Launch { .. } => true,
        Move::Act { kind, .. } => super::steps::purpose_of(*kind) == Purpose::Growth,
        Move::Retire { .. } | Move::Cancel { .. } | Move::Park { .. } | Move::Hasten { .. } => {
            false
        }
    };
    if plan.moves.iter().all(grows) { Purpose::Growth } else { Purpose::Ending }
}

/// What made the engine decide: a reading or a clock for scaling, otherwise what was seen.
fn cause_of(plan: &Plan) -> Cause {
    plan.parent.map_or(Cause::Request, Cause::Plan)
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
    service.write(Author::new(actor, "farm.remove", Cause::Clock, Purpose::Ending), move |tx| {
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
