//! A server's story: its life, why it was launched, what it replaced, and so on back to a
//! person, a clock or a reading.

use super::chain::{self, Link, Root};
use super::past::{self, Past};
use crate::base::{FarmId, FarmRoleId, Result, Seq};
use crate::model::{
    Decision, Farm, FarmGoal, FarmRole, LaunchReason, Line, Move, Plan, Server, ServerStatus,
    StepKind, TerminateReason,
};
use crate::service::plans;
use crate::store::{Entry, Key, Subject, Table};

/// Entries of a server looked at for its life.
const LIFE_MAX: usize = 100;
/// Servers that replaced one another of which each has lines of its own.
const GENERATIONS_TOLD: u32 = 3;
/// Servers that replaced one another that are followed at all.
const GENERATIONS_MAX: u32 = 100;
/// Plans looked at for the one that moved a target.
const PLANS_MAX: usize = 500;

/// What happened to it, and why it is there.
pub(super) fn links(past: &Past, server: &Server) -> Result<Vec<Link>> {
    let about = past.name(server)?;
    let mut links = life(past, server, &about)?;
    links.extend(origin(past, server, 1)?);
    Ok(links)
}

/// What happened since its launch was decided, and why it goes if it does.
fn life(past: &Past, server: &Server, about: &str) -> Result<Vec<Link>> {
    let mut links = Vec::new();
    let entries = past.entries(Subject::Server(server.id), None, LIFE_MAX)?;
    for entry in &entries {
        // Commands people ran on it are no reason for how it is.
        let silent = entry.text.is_empty() || entry.verb == "server.run";
        if silent || Past::makes::<Server>(entry, &server.id) || chain::is_answered(entry, &entries)
        {
            continue;
        }
        match past::only::<Plan>(entry)?.filter(|_| entry.verb == "plan.commit") {
            Some(plan) => links.extend(decision(past, entry, &plan, server, 0)?),
            None => links.extend(chain::tell(entry, about, |whose| whose == about)),
        }
    }
    Ok(links)
}

/// What a plan decided about a server that is there, and why.
pub(super) fn decision(
    past: &Past,
    entry: &Entry,
    plan: &Plan,
    server: &Server,
    depth: u32,
) -> Result<Vec<Link>> {
    let mut links = chain::decided(entry, plan, server, depth);
    let mut about = plan.moves.iter().filter(|change| change.server() == server.id);
    let reason = about.find_map(Move::retires);
    match reason {
        Some(TerminateReason::ScalingDown) => {
            links.extend(target(past, plan, server, false, depth + 1)?);
        }
        Some(TerminateReason::Rollout) => {
            let rollout = plan.target(server.farm_role).and_then(|t| t.rollout.as_ref());
            let revision = rollout.map_or(server.revision + 1, |rollout| rollout.wanted());
            links.extend(rolled(past, server, revision, entry.seq, depth + 1)?);
        }
        Some(TerminateReason::FarmTerminated | TerminateReason::RoleRemoved) => {
            links.extend(wish(past, server.farm, server.farm_role, entry.seq, depth + 1)?);
        }
        None => links.extend(turn_of_sleep(past, entry, plan, server, depth + 1)?),
        Some(
            TerminateReason::Manual
            | TerminateReason::Crashed
            | TerminateReason::LaunchTimeout
            | TerminateReason::SetupFailed
            | TerminateReason::LaunchFailed
            | TerminateReason::Unhealthy,
        ) => {}
    }
    Ok(links)
}

/// Who or what is behind a step that puts a server to sleep or wakes it.
fn turn_of_sleep(
    past: &Past,
    entry: &Entry,
    plan: &Plan,
    server: &Server,
    depth: u32,
) -> Result<Vec<Link>> {
    let moved = plan.moves.iter().find(|change| change.server() == server.id);
    let goal = match moved {
        Some(Move::Park { .. }) => return target(past, plan, server, false, depth),
        Some(Move::Act { kind: StepKind::Stop, .. }) => FarmGoal::Suspended,
        Some(Move::Act { kind: StepKind::Start | StepKind::Resume, .. }) => {
            let before = past::before::<Server>(entry, &server.id)?;
            let slept = before.filter(|before| before.status == ServerStatus::Suspended);
            match slept {
                Some(before) if before.parked => return target(past, plan, server, true, depth),
                Some(_) => FarmGoal::Launched,
                None => return Ok(Vec::new()),
            }
        }
        _ => return Ok(Vec::new()),
    };
    let Some(deed) = turned(past, server, goal, entry.seq)? else { return Ok(Vec::new()) };
    // A person may have woken this one alone, which its own story says.
    let own = past.latest(Subject::Server(server.id), Some(entry.seq), chain::by_a_person)?;
    if own.is_some_and(|own| own.seq > deed.seq) {
        return Ok(Vec::new());
    }
    let farm = past.farm_name(server.farm)?;
    Ok(vec![personal(&deed, depth, "", |whose| whose == farm)])
}

/// What a person did to make a farm stopped, or launched again after it was, before a moment.
pub(super) fn turned(
    past: &Past,
    server: &Server,
    goal: FarmGoal,
    before: Seq,
) -> Result<Option<Entry>> {
    let turns = |entry: &Entry| {
        let side = |farm: Result<Option<Farm>>| farm.ok().flatten().map(|farm| farm.goal);
        chain::by_a_person(entry)
            && side(past::in_entry(entry, &server.farm)) == Some(goal)
            && side(past::before(entry, &server.farm))
                .is_some_and(|was| was != goal && [was, goal].contains(&FarmGoal::Suspended))
    };
    // The entry itself may be the last one there is.
    past.latest(Subject::Farm(server.farm), Some(Seq(before.0.saturating_add(1))), turns)
}

/// Who made a farm role what a rollout makes its servers, and who last steered that rollout.
fn rolled(
    past: &Past,
    server: &Server,
    revision: u64,
    before: Seq,
    depth: u32,
) -> Result<Vec<Link>> {
    let makes = |entry: &Entry| {
        let number = |role: Result<Option<FarmRole>>| role.ok().flatten().map(|r| r.revision);
        number(past::in_entry(entry, &server.farm_role)) == Some(revision)
            && number(past::before(entry, &server.farm_role)).is_some_and(|was| was != revision)
    };
    let last = wish(past, server.farm, server.farm_role, before, depth)?;
    let Some(entry) = past.latest(Subject::Farm(server.farm), Some(before), makes)? else {
        return Ok(last);
    };
    let farm = past.farm_name(server.farm)?;
    let alias = past.farm_role(server.farm_role)?.map(|role| role.alias.to_string());
    let role = format!("{farm}/{}", alias.unwrap_or_default());
    let about = format!("rollout of {role} to revision {revision}: ");
    let mut links = last;
    links.retain(|link| link.seq > entry.seq.0 && link.text.contains("rollout"));
    links.push(personal(&entry, depth + 1, &about, |whose| whose == farm || whose == role));
    Ok(links)
}

/// Why it was launched: back through those it replaced to who or what wanted the first of them.
pub(super) fn origin(past: &Past, server: &Server, depth: u32) -> Result<Vec<Link>> {
    let mut links = Vec::new();
    let (mut server, mut depth, mut name) = (server.clone(), depth, String::new());
    for generation in 0..GENERATIONS_MAX {
        let first = past.first(Subject::Server(server.id))?;
        let made = first.filter(|entry| Past::makes::<Server>(entry, &server.id));
        let plan = made.as_ref().map(past::only::<Plan>).transpose()?.flatten();
        let (Some(entry), Some(plan)) = (made, plan) else {
            links.extend(beyond(past, &server, depth)?);
            return Ok(links);
        };
        let launched = chain::decided(&entry, &plan, &server, depth);
        if generation <= GENERATIONS_TOLD {
            links.extend(match name.is_empty() {
                true => launched,
                false => chain::under(&name, launched),
            });
        }
        depth += 1;
        let before = match server.launch_reason {
            LaunchReason::Replacement(before) => before,
            LaunchReason::ScalingUp => {
                links.extend(target(past, &plan, &server, true, depth)?);
                links.extend(wish(past, server.farm, server.farm_role, entry.seq, depth + 1)?);
                return Ok(links);
            }
            LaunchReason::Rollout(_) => {
                links.extend(rolled(past, &server, server.revision, entry.seq, depth)?);
                return Ok(links);
            }
            LaunchReason::FarmLaunched => {
                links.extend(wish(past, server.farm, server.farm_role, entry.seq, depth)?);
                return Ok(links);
            }
        };
        let Some(old) = past.server(before)? else {
            links.extend(beyond(past, &server, depth)?);
            return Ok(links);
        };
        name = called(&old, &server);
        if generation < GENERATIONS_TOLD {
            links.extend(chain::under(&name, end(past, &old, depth)?));
        }
        (server, depth) = (old, depth + 1);
    }
    Ok(links)
}

/// `web-3 (1f2e3d4c)`, or `the web-3 before it (1f2e3d4c)`: a replacement often takes the name.
fn called(old: &Server, new: &Server) -> String {
    let short = short(old);
    match old.hostname == new.hostname {
        true => format!("the {} before it ({short})", old.hostname),
        false => format!("{} ({short})", old.hostname),
    }
}

/// The first letters of its UUID, which tell it from others of its name.
pub(super) fn short(server: &Server) -> String {
    server.id.to_string().chars().take(super::find::SHORT_ID).collect()
}

/// Why a server went, and since when it ran.
fn end(past: &Past, server: &Server, depth: u32) -> Result<Vec<Link>> {
    let about = past.name(server)?;
    let mut links = Vec::new();
    let mut decided = false;
    for entry in past.entries(Subject::Server(server.id), None, LIFE_MAX)? {
        if Past::makes::<Server>(&entry, &server.id) {
            continue;
        }
        let of_it = |whose: &str| whose == about;
        match entry.verb.as_str() {
            "plan.commit" => {
                let Some(plan) = past::only::<Plan>(&entry)? else { continue };
                // The last decision about it tried to end it once more.
                decided = true;
                links.retain(|link: &Link| !link.text.contains("terminate again"));
                links.extend(decision(past, &entry, &plan, server, depth)?);
            }
            "server.terminate" => links.extend(chain::tell(&entry, &about, of_it)),
            "observe.listing" | "step.finish" if !decided => {
                let told = chain::tell(&entry, &about, of_it).into_iter();
                links.extend(told.filter(|link| link.root.is_some()));
            }
            _ => {}
        }
    }
    Ok(links)
}

/// The decision that moved the target, in the plan or in the latest before it.
fn target(past: &Past, plan: &Plan, server: &Server, up: bool, depth: u32) -> Result<Vec<Link>> {
    let mut plan = plan.clone();
    for _ in 0..PLANS_MAX {
        let moves = |line: &&Line| {
            let way = match line.decision {
                Decision::Target { from, to, .. } => (to > from) == up,
                _ => false,
            };
            way && line.farm_role == Some(server.farm_role)
        };
        if let Some(line) = plan.report.iter().rev().find(moves) {
            let root = chain::root_in(&plan, line);
            let entry = past.commit_of(plan.id)?;
            let sentence = plans::sentence(&line.decision);
            let link = Link {
                seq: entry.as_ref().map_or(0, |entry| entry.seq.0),
                at: entry.as_ref().map_or(plan.at.0, |entry| entry.at.0),
                depth,
                text: format!("plan {}: {}: {sentence}", plan.id, line.about),
                weighty: true,
                root,
            };
            let mut links = vec![link];
            if root.is_none() {
                let seq = entry.map_or(past.service.store.last_seq(), |entry| entry.seq);
                links.extend(wish(past, server.farm, server.farm_role, seq, depth + 1)?);
            }
            return Ok(links);
        }
        let Some(parent) = plan.parent else { break };
        let Some(before) = past.plan(parent)? else { break };
        plan = before;
    }
    Ok(Vec::new())
}

/// What a person last asked of the farm or the farm role before a moment: in the end, that.
pub(super) fn wish(
    past: &Past,
    farm: FarmId,
    role: FarmRoleId,
    before: Seq,
    depth: u32,
) -> Result<Vec<Link>> {
    let touches = |entry: &Entry| {
        let of_it = |table: Table, key: Vec<u8>| {
            entry.changes.iter().any(|change| change.table == table && change.key == key)
        };
        chain::by_a_person(entry)
            && (of_it(Table::Farms, farm.bytes()) || of_it(Table::FarmRoles, role.bytes()))
    };
    let farm_name = past.farm_name(farm)?;
    let alias = past.farm_role(role)?.map(|role| role.alias.to_string()).unwrap_or_default();
    let role_name = format!("{farm_name}/{alias}");
    let entry = match past.latest(Subject::Farm(farm), Some(before), touches)? {
        Some(entry) => entry,
        // In a farm where more happened since than is looked at: its declaration.
        None => match past.first(Subject::Farm(farm))?.filter(touches) {
            Some(entry) => entry,
            None => return Ok(Vec::new()),
        },
    };
    Ok(vec![personal(&entry, depth, "", |whose| whose == farm_name || whose == role_name)])
}

/// What a person did, as the end of a chain.
fn personal(entry: &Entry, depth: u32, about: &str, of: impl Fn(&str) -> bool) -> Link {
    let said: Vec<String> = chain::parts(entry)
        .into_iter()
        .filter(|(whose, _)| of(whose))
        .map(|(whose, sentence)| format!("{whose}: {sentence}"))
        .collect();
    let text = format!("{about}{}{}", cut(&said.join("; ")), chain::by_whom(entry));
    let (seq, at) = (entry.seq.0, entry.at.0);
    let root = chain::by_a_person(entry).then_some(Root::Person);
    Link { seq, at, depth, text, weighty: true, root }
}

/// A manifest may change many fields; the entry has them all.
fn cut(text: &str) -> String {
    const LETTERS_MAX: usize = 160;
    match text.char_indices().nth(LETTERS_MAX) {
        Some((at, _)) => format!("{}...", &text[..at]),
        None => text.to_owned(),
    }
}

/// What is left to say of a launch that the journal no longer has.
fn beyond(past: &Past, server: &Server, depth: u32) -> Result<Option<Link>> {
    let what = format!("why {} was launched ({})", server.hostname, server.launch_reason.say());
    let beginning = past.beginning()?;
    Ok(beginning.map(|first| chain::beyond(first.seq, server.created_at.0, depth, &what)))
}
