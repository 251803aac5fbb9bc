//! Holds: placing, releasing, ending by themselves.
//!
//! A hold needs a reason and an end, so that nobody finds automation switched off and does not
//! know why, or for how long; "no end" has to be said. The engine honours holds (`engine::hold`);
//! the balancers' job asks [`held`] itself. A hold goes with the farm or farm role it is on.

use crate::base::limit::{HOLD_LENGTH_MAX, HOLD_REASON_MAX, HOLD_WARNING, HOLDS_MAX};
use crate::base::name::parts;
use crate::base::text::{self, Kind};
use crate::base::time::say;
use crate::base::{Code, FarmId, FarmRoleId, HoldId, Problem, Result, Timestamp};
use crate::model::{Actor, Cause, Farm, FarmRole, Hold, HoldKind, Permission};
use crate::service::{Service, authorise, lookup};
use crate::store::{Author, Purpose, Reads, Tx};
use crate::wire::hold::{HoldInput, HoldView};
use crate::wire::input::{Page, Slice};

/// Places a hold; one of the same kind on the same thing is replaced by it.
pub fn place(service: &Service, actor: &Actor, input: &HoldInput) -> Result<HoldView> {
    let grant = authorise(actor, Permission::FarmsManage)?;
    let now = service.now();
    let wish = Wish::of(input, now)?;
    let (env, by) = (actor.env, actor.user);
    let id = service.write(
        Author::new(&grant, "hold.place", Cause::Request, Purpose::Ending),
        move |tx| {
            let (farm, role) = named(tx, env, &wish.what)?;
            let farm_role = role.as_ref().map(|role| role.id);
            let others = lookup::holds_of_farm(tx, farm.id)?;
            let same = |hold: &&Hold| hold.farm_role == farm_role && hold.kind == wish.kind;
            let known = others.iter().find(same).map(|hold| hold.id);
            if known.is_none() && others.len() >= HOLDS_MAX {
                let text = format!("{} has {HOLDS_MAX} holds, and no more are allowed", farm.name);
                return Err(Problem::new(Code::LimitExceeded, text));
            }
            let id = match known {
                Some(id) => id,
                None => tx.next_id()?,
            };
            let length = match wish.until {
                Some(until) => format!("for {}", say(until.since(now))),
                None => "until it is released".to_owned(),
            };
            let kind = wish.kind.as_str();
            tx.text(
                about(&farm, role.as_ref()),
                format!("{kind} is held {length}: {}", wish.reason),
            );
            let Wish { kind, reason, until, .. } = wish;
            tx.put(&Hold { id, env, farm: farm.id, farm_role, kind, reason, by, at: now, until })?;
            Ok(id)
        },
    )?;
    let found = service.read(&grant, |view| {
        let hold = lookup::hold(view, id)?;
        hold.map(|hold| seen(view, &hold, now)).transpose()
    })?;
    found.ok_or_else(|| Problem::not_found("hold", id))
}

/// Releases a hold.
pub fn release(service: &Service, actor: &Actor, id: HoldId) -> Result<()> {
    let grant = authorise(actor, Permission::FarmsManage)?;
    let env = actor.env;
    service.write(Author::new(&grant, "hold.release", Cause::Request, Purpose::Ending), move |tx| {
        let found = lookup::hold(tx, id)?.filter(|hold| hold.env == env);
        let hold = found.ok_or_else(|| Problem::not_found("hold", id))?;
        let text = format!("{} is no longer held", hold.kind.as_str());
        tx.text(thing(tx, &hold)?, text);
        tx.delete::<Hold>(id)?;
        Ok(())
    })
}

/// The holds in force, by farm, farm role and kind.
pub fn list(service: &Service, actor: &Actor, page: Page) -> Result<Slice<HoldView>> {
    let grant = authorise(actor, Permission::FarmsRead)?;
    let now = service.now();
    service.read(&grant, |view| {
        let holds = lookup::all_holds(view)?.into_iter();
        let mine = holds.filter(|hold| hold.env == actor.env && in_force(hold, now));
        let mut views = Vec::new();
        for hold in mine {
            views.push(seen(view, &hold, now)?);
        }
        views.sort_by(|a, b| (&a.about, &a.kind).cmp(&(&b.about, &b.kind)));
        Ok(Slice::cut(views, page))
    })
}

/// What came of looking at the holds' ends.
#[derive(Debug)]
pub struct Ends {
    /// Those that ended now, one line each.
    pub ended: Vec<String>,
    /// Those that end soon, one line each.
    pub soon: Vec<String>,
    /// When the next one ends.
    pub next: Option<Timestamp>,
}

/// Removes the holds that are over, and says which will be soon.
pub fn expire(service: &Service, actor: &Actor) -> Result<Ends> {
    let grant = authorise(actor, Permission::Operate)?;
    let now = service.now();
    let (over, soon, next) = service.read(&grant, |view| {
        let all = lookup::all_holds(view)?;
        let over: Vec<HoldId> =
            all.iter().filter(|hold| !in_force(hold, now)).map(|hold| hold.id).collect();
        let mut soon = Vec::new();
        for hold in all.iter().filter(|hold| in_force(hold, now)) {
            let Some(until) = hold.until else { continue };
            // A short one is not announced from its first moment.
            let warned = HOLD_WARNING.min(until.since(hold.at) / 4);
            if until.since(now) <= warned {
                let (kind, left) = (hold.kind.as_str(), say(until.since(now)));
                let about = thing(view, hold)?;
                soon.push(format!("{about}: the hold on {kind} ends in {left}: {}", hold.reason));
            }
        }
        let ends = all.iter().filter(|hold| in_force(hold, now)).filter_map(|hold| hold.until);
        Ok((over, soon, ends.min()))
    })?;
    if over.is_empty() {
        return Ok(Ends { ended: Vec::new(), soon, next });
    }
    let ended = service.write(
        Author::new(&grant, "hold.expire", Cause::Clock, Purpose::Ending),
        move |tx| {
            let mut ended = Vec::new();
            for id in over {
                let Some(hold) = lookup::hold(tx, id)?.filter(|hold| !in_force(hold, now)) else {
                    continue;
                };
                let text = format!("the hold on {} has ended: {}", hold.kind.as_str(), hold.reason);
                let about = thing(tx, &hold)?;
                ended.push(format!("{about}: {text}"));
                tx.text(about, text);
                tx.delete::<Hold>(id)?;
            }
            Ok(ended)
        },
    )?;
    Ok(Ends { ended, soon, next })
}

/// The hold in force for a farm role that ends last.
pub fn held(
    read: &impl Reads,
    role: &FarmRole,
    kind: HoldKind,
    now: Timestamp,
) -> Result<Option<Hold>> {
    let holds = lookup::holds_of_farm(read, role.farm)?.into_iter();
    let covering = holds.filter(|hold| hold.covers(role.id, kind, now));
    Ok(covering.max_by_key(|hold| hold.until.unwrap_or(Timestamp(i64::MAX))))
}

/// What is held of a farm, or of one farm role of it: `scale, 2 h left: black friday`.
pub fn lines(
    read: &impl Reads,
    farm: FarmId,
    role: Option<FarmRoleId>,
    now: Timestamp,
) -> Result<Vec<String>> {
    let mut holds = lookup::holds_of_farm(read, farm)?;
    holds.retain(|hold| in_force(hold, now));
    holds.retain(|hold| role.is_none() || hold.farm_role.is_none() || hold.farm_role == role);
    holds.sort_by_key(|hold| (hold.farm_role, hold.kind));
    let mut out = Vec::new();
    for hold in holds {
        let whose = match (role, hold.farm_role.map(|id| lookup::farm_role(read, id))) {
            (None, Some(found)) => found?.map(|role| format!("{} ", role.alias)),
            (Some(_), _) | (None, None) => None,
        };
        let left = match hold.until {
            Some(until) => format!("{} left", say(until.since(now))),
            None => "until released".to_owned(),
        };
        let (whose, kind) = (whose.unwrap_or_default(), hold.kind.as_str());
        out.push(format!("{whose}{kind}, {left}: {}", hold.reason));
    }
    Ok(out)
}

/// Removes the holds on a farm role, or on all of a farm that is gone.
pub(in crate::service) fn forget(
    tx: &mut Tx,
    farm: FarmId,
    role: Option<FarmRoleId>,
) -> Result<()> {
    for hold in lookup::holds_of_farm(tx, farm)? {
        if role.is_none() || hold.farm_role == role {
            tx.delete::<Hold>(hold.id)?;
        }
    }
    Ok(())
}

fn in_force(hold: &Hold, now: Timestamp) -> bool {
    hold.until.is_none_or(|until| until > now)
}

fn seen(read: &impl Reads, hold: &Hold, now: Timestamp) -> Result<HoldView> {
    let by = lookup::user(read, hold.by)?.map(|user| user.name.to_string());
    Ok(HoldView {
        id: hold.id.0,
        about: thing(read, hold)?,
        kind: hold.kind.as_str().into(),
        reason: hold.reason.clone(),
        by: by.unwrap_or_else(|| format!("user {}", hold.by)),
        at: hold.at.0,
        until: hold.until.map(|until| until.0),
        left: hold.until.map(|until| until.since(now)),
    })
}

fn thing(read: &impl Reads, hold: &Hold) -> Result<String> {
    let farm = lookup::farm(read, hold.farm)?.map(|farm| farm.name.to_string());
    let farm = farm.unwrap_or_default();
    let role = hold.farm_role.map(|id| lookup::farm_role(read, id)).transpose()?.flatten();
    Ok(role.map_or(farm.clone(), |role| format!("{farm}/{}", role.alias)))
}

fn about(farm: &Farm, role: Option<&FarmRole>) -> String {
    role.map_or(farm.name.to_string(), |role| format!("{}/{}", farm.name, role.alias))
}

/// The farm of a name, and the farm role if one is named.
fn named(
    read: &impl Reads,
    env: crate::base::EnvironmentId,
    what: &str,
) -> Result<(Farm, Option<FarmRole>)> {
    let (farm_name, alias) =
        parts(what).map_err(|bad| Problem::invalid("what", bad.to_string()))?;
    let farm = lookup::farm_by_name(read, env, &farm_name)?;
    let farm = farm.ok_or_else(|| Problem::not_found("farm", farm_name))?;
    let Some(alias) = alias else { return Ok((farm, None)) };
    let roles = lookup::farm_roles_of(read, farm.id)?;
    let role = roles.into_iter().find(|role| role.alias == alias);
    let role = role.ok_or_else(|| Problem::not_found("farm role", what))?;
    Ok((farm, Some(role)))
}

/// An input that means something.
struct Wish {
    what: String,
    kind: HoldKind,
    reason: String,
    until: Option<Timestamp>,
}

impl Wish {
    /// Every fault at once.
    fn of(input: &HoldInput, now: Timestamp) -> Result<Wish> {
        let mut faults = Vec::new();
        let what = input.what.trim().to_owned();
        if what.is_empty() {
            faults.push(Problem::invalid("what", "say what to hold: a farm, or as shop/web"));
        }
        let kind = HoldKind::ALL.into_iter().find(|kind| kind.as_str() == input.kind);
        if kind.is_none() {
            let all: Vec<&str> = HoldKind::ALL.iter().map(|kind| kind.as_str()).collect();
            let text = format!("{:?} cannot be held: use {}", input.kind, all.join(", "));
            faults.push(Problem::invalid("kind", text));
        }
        let reason = input.reason.trim().to_owned();
        if reason.is_empty() {
            faults.push(Problem::invalid("reason", "say why, for those who find it"));
        }
        faults.extend(text::check("reason", &reason, Kind::Line, HOLD_REASON_MAX).err());
        let until = until(input, now).unwrap_or_else(|problem| {
            faults.push(problem);
            None
        });
        match (kind, Problem::all(faults)) {
            (Some(kind), None) => Ok(Wish { what, kind, reason, until }),
            (_, Some(problem)) => Err(problem),
            (None, None) => Err(Problem::invalid("kind", "is missing")),
        }
    }
}

/// When it is to end; `None` when it was said that it has no end.
fn until(input: &HoldInput, now: Timestamp) -> Result<Option<Timestamp>> {
    let until = match (input.length, input.until, input.no_end) {
        (Some(length), None, false) => now.after(length),
        (None, Some(until), false) => Timestamp(until),
        (None, None, true) => return Ok(None),
        (None, None, false) => {
            let text = "say how long: for, until or noEnd (on the command line --for or --no-end)";
            return Err(Problem::invalid("for", text));
        }
        _ => return Err(Problem::invalid("for", "say one of for, until and noEnd")),
    };
    if until <= now {
        return Err(Problem::invalid("until", "this end is in the past"));
    }
    if until.since(now) > HOLD_LENGTH_MAX {
        let (most, no_end) = (say(HOLD_LENGTH_MAX), "or say noEnd (--no-end)");
        return Err(Problem::invalid("for", format!("must be at most {most}, {no_end}")));
    }
    Ok(Some(until))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000);

    fn check(change: impl Fn(&mut HoldInput), expected: &[&str]) {
        let mut input = HoldInput {
            what: "shop/web".into(),
            kind: "scale".into(),
            reason: "black friday".into(),
            length: Some(7_200_000),
            ..HoldInput::default()
        };
        change(&mut input);
        let told = match Wish::of(&input, NOW) {
            Ok(_) => Vec::new(),
            Err(problem) => problem.each().map(|fault| fault.to_string()).collect(),
        };
        assert_eq!(told.len(), expected.len(), "{input:?}: {told:?}");
        for (is, part) in told.iter().zip(expected) {
            assert!(is.contains(part), "{is:?} lacks {part:?}");
        }
    }

    #[test]
    fn a_hold_needs_a_kind_a_reason_and_an_end() {
        check(|_| {}, &[]);
        check(|input| (input.length, input.no_end) = (None, true), &[]);
        check(|input| (input.length, input.until) = (None, Some(NOW.0 + 1)), &[]);
        check(|input| input.kind = "everything".into(), &["launch, terminate, heal, scale"]);
        check(|input| input.reason = "  ".into(), &["say why"]);
        check(|input| input.reason = "x".repeat(201), &["at most 200"]);
        check(|input| input.reason = "a\nb".into(), &["one line"]);
        check(|input| input.length = None, &["how long"]);
        check(|input| input.no_end = true, &["one of"]);
        check(|input| input.length = Some(0), &["in the past"]);
        check(|input| (input.length, input.until) = (None, Some(5)), &["in the past"]);
        check(|input| input.length = Some(HOLD_LENGTH_MAX + 1), &["at most 30 d"]);
        check(
            |input| *input = HoldInput::default(),
            &["what to hold", "cannot be held", "say why", "how long"],
        );
    }
}
