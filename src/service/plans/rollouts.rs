//! Rollouts: how one stands, and what people say of it.
//!
//! The engine carries rollouts out (`engine::pass::rollout`) and remembers them in the plan; here
//! people only say what they want, each time with another `rollout_said`, so that the engine can
//! tell what was said after a failure from what was said before it. `rollback` is no wish but a
//! declaration: the farm role is what it was before, until a manifest says otherwise.

use crate::base::{Code, FarmRoleId, Problem, Result};
use crate::model::{
    Actor, Cause, FarmRole, Freshness, Grant, Permission, Revision, Rollout, RolloutStrategy,
    RolloutWish, Server, ServerStatus,
};
use crate::service::plans::glance;
use crate::service::{Service, authorise, lookup};
use crate::store::{Author, Purpose, Reads, Tx, View};
use crate::wire::rollout::{RevisionView, RolloutVerb, RolloutView};

/// How the rollout of a farm role stands.
pub fn get(service: &Service, actor: &Actor, id: FarmRoleId) -> Result<RolloutView> {
    let grant = authorise(actor, Permission::FarmsRead)?;
    shown(service, &grant, id)
}

fn shown(service: &Service, grant: &Grant, id: FarmRoleId) -> Result<RolloutView> {
    service.read(grant, |view| seen(service, view, &mine(view, id)?))
}

/// Says something of it.
pub fn say(
    service: &Service,
    actor: &Actor,
    id: FarmRoleId,
    verb: RolloutVerb,
) -> Result<RolloutView> {
    told(service, actor, id, verb, None)
}

/// Declares a revision of before once more: the one that is named, or the one before.
pub fn rollback(
    service: &Service,
    actor: &Actor,
    id: FarmRoleId,
    to: Option<u64>,
) -> Result<RolloutView> {
    told(service, actor, id, RolloutVerb::Rollback, to)
}

fn told(
    service: &Service,
    actor: &Actor,
    id: FarmRoleId,
    verb: RolloutVerb,
    to: Option<u64>,
) -> Result<RolloutView> {
    let grant = authorise(actor, Permission::FarmsManage)?;
    let now = service.now();
    let (action, purpose) = match verb {
        RolloutVerb::Pause => ("rollout.pause", Purpose::Ending),
        RolloutVerb::Resume => ("rollout.resume", Purpose::Growth),
        RolloutVerb::Abort => ("rollout.abort", Purpose::Ending),
        RolloutVerb::Rollback => ("rollout.rollback", Purpose::Growth),
    };
    service.write(Author::new(&grant, action, Cause::Request, purpose), move |tx| {
        let mut role = mine(tx, id)?;
        let about = about(tx, &role)?;
        let text = match verb {
            RolloutVerb::Rollback => {
                let before = role.clone();
                let number = remake(tx, &mut role, to)?;
                role.follow(&before, now);
                role.rollout_wish = RolloutWish::Go;
                format!("revision {number} is declared again")
            }
            RolloutVerb::Pause => wish(tx, &mut role, &about, RolloutWish::Pause)?,
            RolloutVerb::Resume => wish(tx, &mut role, &about, RolloutWish::Go)?,
            RolloutVerb::Abort => wish(tx, &mut role, &about, RolloutWish::Abort)?,
        };
        role.rollout_said += 1;
        tx.text(about, text);
        tx.put(&role)?;
        Ok(())
    })?;
    shown(service, &grant, id)
}

fn wish(tx: &Tx, role: &mut FarmRole, about: &str, wish: RolloutWish) -> Result<String> {
    let Some(rollout) = rollout(tx, role)? else {
        let text = format!("no rollout of {about} is under way");
        return Err(Problem::new(Code::UnacceptableState, text));
    };
    if wish == RolloutWish::Pause && !rollout.state.is_under_way() {
        let text = format!("the rollout of {about} is {}", rollout.state.as_str());
        return Err(Problem::new(Code::UnacceptableState, text));
    }
    role.rollout_wish = wish;
    let what = match wish {
        RolloutWish::Go => "go on",
        RolloutWish::Pause => "pause",
        RolloutWish::Abort => "end, and to go back",
    };
    Ok(format!("the rollout of revision {} is to {what}", rollout.to))
}

/// Makes the farm role what it was at a revision, and says at which.
fn remake(read: &impl Reads, role: &mut FarmRole, to: Option<u64>) -> Result<u64> {
    let before = match to {
        Some(number) => named(role, number)?,
        None => match before(read, role)? {
            Some(before) => before,
            None => return Err(Problem::new(Code::UnacceptableState, none_before(role))),
        },
    };
    if lookup::role(read, before.role)?.is_none() {
        let text = format!("the role of revision {} is no longer there", before.number);
        return Err(Problem::new(Code::UnacceptableState, text));
    }
    let number = before.number;
    role.remake(before);
    Ok(number)
}

fn named(role: &FarmRole, number: u64) -> Result<Revision> {
    if number == role.revision {
        let text = format!("revision {number} of {} is the declared one already", role.alias);
        return Err(Problem::new(Code::UnacceptableState, text));
    }
    role.make_of(number).ok_or_else(|| {
        let kept = role.history.iter().map(|kept| kept.number.to_string());
        let kept = kept.collect::<Vec<String>>().join(", ");
        let kept = if kept.is_empty() { "none" } else { &kept };
        let text = format!("there is no revision {number} of {}; kept are {kept}", role.alias);
        Problem::invalid("to", text)
    })
}

/// The revision that a rollback goes to where nobody names one: where the rollout comes from or
/// went back to, so that nobody is brought back to a revision that failed before this one, or else
/// the one before.
///
/// `None` also where the declared one was declared again and did not fail: the one before it is the
/// one that it was put in the place of, and whoever says "rollback" twice does not mean that one.
fn before(read: &impl Reads, role: &FarmRole) -> Result<Option<Revision>> {
    let rollout = rollout(read, role)?.filter(|rollout| rollout.from != role.revision);
    let goes_back = rollout.as_ref().is_some_and(|rollout| rollout.wanted() == rollout.from);
    if !goes_back && left_for_older(role).is_some() {
        return Ok(None);
    }
    let from = rollout.and_then(|rollout| role.make_of(rollout.from));
    Ok(from.or_else(|| role.history.last().cloned()))
}

/// A revision that came after the declared one, and was left for it.
fn left_for_older(role: &FarmRole) -> Option<u64> {
    role.history.iter().map(|kept| kept.number).filter(|number| *number > role.revision).max()
}

fn none_before(role: &FarmRole) -> String {
    match left_for_older(role) {
        Some(left) => format!(
            "revision {} of {} is declared again already, in the place of {left}: name the \
             revision that is wanted instead, with `to`",
            role.revision, role.alias
        ),
        None => format!("{} has no revision before this one", role.alias),
    }
}

fn mine(read: &impl Reads, id: FarmRoleId) -> Result<FarmRole> {
    let found = lookup::farm_role(read, id)?.filter(|role| !role.removed);
    found.ok_or_else(|| Problem::not_found("farm role", id))
}

fn about(read: &impl Reads, role: &FarmRole) -> Result<String> {
    let farm = lookup::farm(read, role.farm)?.map(|farm| farm.name.to_string());
    Ok(format!("{}/{}", farm.unwrap_or_default(), role.alias))
}

fn rollout(read: &impl Reads, role: &FarmRole) -> Result<Option<Rollout>> {
    let plan = lookup::current_plan(read, role.farm)?;
    Ok(plan.and_then(|plan| plan.target(role.id)?.rollout.clone()))
}

/// How the rollout of a farm role stands, where there is one.
pub(in crate::service) fn under_way(
    service: &Service,
    view: &View,
    role: &FarmRole,
) -> Result<Option<RolloutView>> {
    let plan = glance(service, view, role.farm)?;
    let there = plan.is_some_and(|p| p.target(role.id).is_some_and(|t| t.rollout.is_some()));
    there.then(|| seen(service, view, role)).transpose()
}

fn seen(service: &Service, read: &View, role: &FarmRole) -> Result<RolloutView> {
    let plan = glance(service, read, role.farm)?;
    let target = plan.as_ref().and_then(|plan| plan.target(role.id));
    let rollout = target.and_then(|target| target.rollout.as_ref());
    let of = target.map_or(0, |target| target.target);
    let wanted = rollout.map_or(role.revision, Rollout::wanted);
    let servers = lookup::live_servers_of_farm_role(read, role.id)?;
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let there =
        |of: u64| servers.iter().filter(|s| s.revision == of && s.status.is_wanted()).count();
    let running = || servers.iter().filter(|s| s.status == ServerStatus::Running);
    let is_seen = |server: &&Server| {
        let seen = service.observed.freshness(&*service.clock, &server.account, server.id);
        matches!(seen, Freshness::Seen { .. })
    };
    let policy = &role.policy.rollout;
    let full = policy.strategy == RolloutStrategy::Full;
    let mut makes: Vec<Revision> = vec![role.make()];
    makes.extend(role.history.iter().rev().cloned());
    let mut revisions = Vec::new();
    for make in makes {
        let name = lookup::role(read, make.role)?.map(|role| role.name.to_string());
        revisions.push(RevisionView {
            number: make.number,
            role: name.unwrap_or_default(),
            servers: number(there(make.number)),
            account: make.account,
            location: make.location,
            instance_type: make.instance_type,
            left_at: make.left_at.map(|at| at.0),
        });
    }
    let wish = match role.rollout_wish {
        RolloutWish::Go => "go",
        RolloutWish::Pause => "pause",
        RolloutWish::Abort => "abort",
    };
    Ok(RolloutView {
        about: about(read, role)?,
        state: rollout.map_or("none", |rollout| rollout.state.as_str()).into(),
        wish: wish.into(),
        from: rollout.map_or(role.revision, |rollout| rollout.from),
        to: rollout.map_or(role.revision, |rollout| rollout.to),
        ready: number(running().filter(|s| s.revision == wanted).count()),
        of,
        failed: rollout.map_or(0, |rollout| rollout.failed),
        failures_max: policy.failures_max,
        strategy: if full { "full" } else { "serial" }.into(),
        healthy: number(running().filter(is_seen).count()),
        healthy_min: if full { 0 } else { policy.healthy_min(of) },
        batch: if full { of } else { policy.batch },
        checkpoints: policy.checkpoints.clone(),
        maintenance: rollout.is_some_and(|rollout| rollout.maintenance),
        began_at: rollout.map(|rollout| rollout.began_at.0),
        since: rollout.map(|rollout| rollout.since.0),
        before: before(read, role)?.map(|before| before.number),
        revisions,
    })
}
