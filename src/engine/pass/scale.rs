//! Scale: rules move each farm role's target within its declared range, by one at a time.
//!
//! Out wins over in: one rule above its upper bound is enough for one more, while one fewer needs
//! every rule below its lower bound and readings of every running server. Nothing moves while
//! servers are starting, as in Scalr: they have not shared the load yet. The cool-down after
//! growing runs from the last growth; the one after shrinking from the last change of either
//! kind, so that what was just added is not taken away at once.
//!
//! [`judge`] with [`within`] and [`remember`] are the rules themselves, over one farm role's
//! values; the pass asks them about the world as it is, `whatif` about recorded readings.

use crate::base::time::say;
use crate::base::{Millis, Timestamp, Watch};
use crate::engine::WindowReading;
use crate::engine::draft::Draft;
use crate::engine::pass::rollout;
use crate::engine::world::{RoleView, World};
use crate::model::{Decision, HoldKind, RoleTarget, ScalingPolicy, ScalingRule, Wait};

/// Keeps the targets in their declared ranges; early, because the launch order asks for them.
pub fn range(world: &World, draft: &mut Draft) {
    // A farm that is stopped keeps its targets, but never above what is declared.
    let kept = world.is_wanted() || world.is_stopped();
    for view in world.roles.iter().filter(|view| kept && !view.role.removed) {
        keep_in_range(view, draft);
    }
}

/// Moves the targets by their rules.
pub fn scale(world: &World, draft: &mut Draft) {
    for view in world.wanted_roles() {
        let policy = &view.role.scaling;
        if !policy.enabled || policy.rules.is_empty() || draft.freeze.is_some() {
            continue;
        }
        let Some(target) = draft.targets.get(&view.role.id) else { continue };
        let running = view.servers.iter().filter(|s| s.is_running() && draft.is_wanted(s)).count();
        let wanted = view.servers.iter().filter(|s| draft.is_wanted(s)).count();
        let wanted = wanted.saturating_sub(rollout::extra(draft, view));
        let asleep = view.servers.iter().filter(|s| s.is_asleep() && draft.is_wanted(s)).count();
        // Nothing is expected of them, so nothing waits for them.
        let given_up = view.servers.iter().filter(|s| draft.is_given_up(s) && !s.is_running());
        let asleep = asleep + given_up.count();
        let wanted = u32::try_from(wanted).unwrap_or(u32::MAX);
        let asleep = u32::try_from(asleep).unwrap_or(u32::MAX);
        let running = u32::try_from(running).unwrap_or(u32::MAX);
        // When there are more than wanted, those that start are what `surplus` takes first.
        let over = wanted > target.target;
        let situation = Situation {
            running,
            starting: if over { 0 } else { target.target.saturating_sub(running + asleep) },
            watch: world.input.watch(),
        };
        match judge(policy, target, &readings(world, view), &situation) {
            Verdict::Nothing => {}
            Verdict::Wait(wait) => draft.say(view, Decision::Wait(wait)),
            Verdict::To(to, why) => match world.held(view.role.id, HoldKind::Scale) {
                Some(held) => draft.say(view, Decision::Wait(held)),
                None => change(view, draft, to, why, world.input.now),
            },
        }
    }
}

/// Without rules the count is the minimum; with them, whatever they want within the range.
fn keep_in_range(view: &RoleView, draft: &mut Draft) {
    let policy = &view.role.scaling;
    let Some(target) = draft.targets.get_mut(&view.role.id) else { return };
    let from = target.target;
    let to = within(policy, from);
    if from == to {
        return;
    }
    target.target = to;
    let why = format!("{} to {} are declared", policy.min, policy.max);
    draft.say(view, Decision::Target { from, to, why });
}

fn change(view: &RoleView, draft: &mut Draft, to: u32, why: String, now: Timestamp) {
    let Some(target) = draft.targets.get_mut(&view.role.id) else { return };
    let from = target.target;
    remember(target, to, now);
    draft.say(view, Decision::Target { from, to, why });
}

/// A target kept in the declared range: the minimum without rules.
pub fn within(policy: &ScalingPolicy, target: u32) -> u32 {
    let wanted = if policy.enabled { target.max(policy.min) } else { policy.min };
    wanted.min(policy.max)
}

/// Moves a target because a rule said so, which is what cool-downs run from.
pub fn remember(target: &mut RoleTarget, to: u32, now: Timestamp) {
    if to > target.target {
        target.scaled_up_at = Some(now);
    } else {
        target.scaled_down_at = Some(now);
    }
    target.target = to;
}

/// What the rules look at beside readings.
pub struct Situation {
    /// Servers that share the load.
    pub running: u32,
    /// Servers that are wanted and do not share it yet.
    pub starting: u32,
    /// The moment to judge, and how far back its clock can be trusted.
    pub watch: Watch,
}

/// What the rules say.
pub enum Verdict {
    /// No rule has anything to say.
    Nothing,
    /// A rule would move the target, but not yet.
    Wait(Wait),
    /// The target moves to this, because of these values.
    To(u32, String),
}

fn readings<'a>(world: &'a World, view: &RoleView) -> Vec<Option<&'a WindowReading>> {
    let id = view.role.id;
    (0..view.role.scaling.rules.len()).map(|rule| world.input.readings.get(&(id, rule))).collect()
}

/// What the rules make of one farm role. `readings` has one for each rule of the policy, in order.
pub fn judge(
    policy: &ScalingPolicy,
    target: &RoleTarget,
    readings: &[Option<&WindowReading>],
    situation: &Situation,
) -> Verdict {
    if situation.running == 0 {
        return Verdict::Nothing;
    }
    let average = |i: usize| readings.get(i).copied().flatten().and_then(|r| r.average);
    let rules = || policy.rules.iter().enumerate();
    let above = rules().find_map(|(i, rule)| {
        let value = average(i).filter(|value| *value > rule.scale_up)?;
        let from = inputs(rule, readings.get(i).copied().flatten(), situation.watch.now);
        Some(format!("{} {value:.1} > {} ({from})", rule.metric.rule_type(), rule.scale_up))
    });
    if let Some(why) = above {
        return outwards(policy, target, situation, why);
    }
    let below = |i: usize, bound: f64| average(i).is_none_or(|value| value < bound);
    if !rules().all(|(i, rule)| below(i, rule.scale_down)) {
        return Verdict::Nothing;
    }
    if target.target <= policy.min {
        return Verdict::Wait(Wait::AtMin { min: policy.min });
    }
    let stay = situation.running.min(target.target);
    let want = |r: &WindowReading| r.want.max(stay);
    let short = readings.iter().find_map(|reading| match reading {
        None => Some((0, stay)),
        Some(r) if r.average.is_none() || r.have < want(r) => Some((r.have, want(r))),
        Some(_) => None,
    });
    if let Some((have, want)) = short {
        return Verdict::Wait(Wait::NoReadings { have, want });
    }
    let why = rules().map(|(i, rule)| {
        let value = average(i).unwrap_or(0.0);
        let from = inputs(rule, readings.get(i).copied().flatten(), situation.watch.now);
        format!("{} {value:.1} < {} ({from})", rule.metric.rule_type(), rule.scale_down)
    });
    inwards(policy, target, situation, why.collect::<Vec<_>>().join(", "))
}

/// What an average was made of: a decision is only as good as that.
fn inputs(rule: &ScalingRule, reading: Option<&WindowReading>, now: Timestamp) -> String {
    let window = say(rule.window_ms);
    let Some(reading) = reading else { return format!("over {window}") };
    let newest = reading.newest_at.map(|at| format!(", newest {} old", say(now.since(at))));
    let (have, want) = (reading.have, reading.want);
    format!("over {window} of {have} of {want} servers{}", newest.unwrap_or_default())
}

fn outwards(
    policy: &ScalingPolicy,
    target: &RoleTarget,
    situation: &Situation,
    why: String,
) -> Verdict {
    if target.target >= policy.max {
        return Verdict::Wait(Wait::AtMax { max: policy.max });
    }
    if situation.starting > 0 {
        return Verdict::Wait(Wait::Starting { servers: situation.starting });
    }
    match cool_down(target.scaled_up_at, policy.cooldown_up_ms, situation.watch) {
        Some(left) => Verdict::Wait(Wait::CoolDown { left }),
        None => Verdict::To(target.target.saturating_add(1), why),
    }
}

fn inwards(
    policy: &ScalingPolicy,
    target: &RoleTarget,
    situation: &Situation,
    why: String,
) -> Verdict {
    if situation.starting > 0 {
        return Verdict::Wait(Wait::Starting { servers: situation.starting });
    }
    let changed_at = target.scaled_up_at.max(target.scaled_down_at);
    match cool_down(changed_at, policy.cooldown_down_ms, situation.watch) {
        Some(left) => Verdict::Wait(Wait::CoolDown { left }),
        None => Verdict::To(target.target.saturating_sub(1), why),
    }
}

/// What is left of a cool-down. At least a millisecond, so that one moment changes a target once.
fn cool_down(changed_at: Option<Timestamp>, length: Millis, watch: Watch) -> Option<Millis> {
    let left = length.max(1).saturating_sub(watch.now.since(watch.known(changed_at?)));
    (left > 0).then_some(left)
}
