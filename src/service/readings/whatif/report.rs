//! A replay as the API tells it: rounded, bounded, and with what is not known in words.

use crate::base::limit::{SIMULATION_DECISIONS_MAX, SIMULATION_GAPS_MAX};
use crate::base::time::say;
use crate::base::{Millis, Timestamp};
use crate::engine::what_if;
use crate::engine::whatif::{Bucket, Gap, Past, SATURATED_PERCENT, Sum, Turn, WhatIf};
use crate::model::{Metric, RoleMinute, ScalingPolicy};
use crate::service::views;
use crate::wire::simulation::{
    SimulatedBucketView, SimulatedDecisionView, SimulatedFarmRoleView, SimulatedGapView,
    SimulatedMetricView, SimulatedTotalView, SimulationView,
};

/// Gaps that get a line of their own.
const GAPS_TOLD: usize = 10;

/// What was asked, as moments.
pub struct Asked {
    /// The farm's name.
    pub farm: String,
    /// The first minute.
    pub from: Timestamp,
    /// The moment after the last.
    pub to: Timestamp,
    /// How long a row is; whole minutes.
    pub bucket_ms: Millis,
}

/// One farm role with what is to be tried on it.
pub struct Subject {
    /// `shop/web`.
    pub name: String,
    /// The range and the rules to try.
    pub policy: ScalingPolicy,
    /// What was recorded, also from before the period, oldest first.
    pub minutes: Vec<RoleMinute>,
    /// How long a launch is taken to last.
    pub launch_ms: Millis,
    /// What was assumed, one line each.
    pub notes: Vec<String>,
}

/// Plays each farm role again and tells what would have happened.
pub fn report(asked: &Asked, subjects: &[Subject]) -> SimulationView {
    SimulationView {
        farm: asked.farm.clone(),
        from: asked.from.0,
        to: asked.to.0,
        bucket_ms: asked.bucket_ms,
        farm_roles: subjects.iter().map(|subject| farm_role(asked, subject)).collect(),
        notes: Vec::new(),
    }
}

fn farm_role(asked: &Asked, subject: &Subject) -> SimulatedFarmRoleView {
    let Subject { policy, minutes, launch_ms, .. } = subject;
    let (from, to, bucket_ms) = (asked.from, asked.to, asked.bucket_ms);
    let past = Past { policy, minutes, from, to, bucket_ms, launch_ms: *launch_ms };
    let answer = what_if(&past);
    let cool_downs = format!(
        "cool-downs of {} and {}",
        say(policy.cooldown_up_ms),
        say(policy.cooldown_down_ms)
    );
    let mut tried = vec![format!("{} to {} servers, {cool_downs}", policy.min, policy.max)];
    tried.extend(policy.rules.iter().map(views::rule));
    let mut notes = subject.notes.clone();
    notes.extend(unknown(&answer, policy));
    let metrics: Vec<Metric> = policy.rules.iter().map(|rule| rule.metric).collect();
    SimulatedFarmRoleView {
        name: subject.name.clone(),
        tried,
        buckets: answer.buckets.iter().map(|row| bucket(row, &metrics)).collect(),
        decisions: turns(&answer.decisions),
        really_decided: turns(&answer.really_decided),
        really: total(&answer.really, &answer.really_decided),
        what_if: total(&answer.what_if, &answer.decisions),
        gaps: answer.gaps.iter().take(SIMULATION_GAPS_MAX).map(gap).collect(),
        notes,
    }
}

fn bucket(bucket: &Bucket, metrics: &[Metric]) -> SimulatedBucketView {
    let metric = |metric: &Metric| SimulatedMetricView {
        rule_type: metric.rule_type().to_owned(),
        really: bucket.really.average(*metric).map(rounded),
        what_if: bucket.what_if.average(*metric).map(rounded),
    };
    SimulatedBucketView {
        at: bucket.at.0,
        minutes: bucket.really.minutes,
        really: servers(&bucket.really),
        what_if: servers(&bucket.what_if),
        metrics: metrics.iter().map(metric).collect(),
    }
}

fn servers(sum: &Sum) -> Option<f64> {
    (sum.minutes > 0).then(|| rounded(sum.server_minutes as f64 / f64::from(sum.minutes)))
}

fn total(sum: &Sum, turns: &[Turn]) -> SimulatedTotalView {
    let (fewest, most) = sum.range.unwrap_or_default();
    SimulatedTotalView {
        server_hours: rounded(sum.server_minutes as f64 / 60.0),
        fewest,
        most,
        changes: u32::try_from(turns.len()).unwrap_or(u32::MAX),
        saturated_minutes: sum.saturated,
    }
}

fn turns(turns: &[Turn]) -> Vec<SimulatedDecisionView> {
    let view = |turn: &Turn| SimulatedDecisionView {
        at: turn.at.0,
        from: turn.from,
        to: turn.to,
        why: turn.why.clone(),
    };
    turns.iter().take(SIMULATION_DECISIONS_MAX).map(view).collect()
}

fn gap(gap: &Gap) -> SimulatedGapView {
    SimulatedGapView { from: gap.from.0, to: gap.to.0 }
}

/// Two digits after the point are more than was measured.
fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// What the replay cannot know, and what it found that the table does not show.
fn unknown(answer: &WhatIf, policy: &ScalingPolicy) -> Vec<String> {
    let mut notes = Vec::new();
    if answer.really.saturated > 0 {
        notes.push(format!(
            "recorded at {SATURATED_PERCENT} % or more for {}: how much more was wanted then is \
             not known, and other rules may have wanted more servers than shown",
            length(answer.really.saturated)
        ));
    }
    if rounded(answer.unmet / 60.0) > 0.0 {
        let hours = rounded(answer.unmet / 60.0);
        notes.push(format!(
            "with these rules, CPU for {hours} server-hours is wanted and not there"
        ));
    }
    if answer.at_max > 0 {
        let (max, length) = (policy.max, length(answer.at_max));
        notes.push(format!("for {length} a rule wants more than the maximum of {max}"));
    }
    for gap in answer.gaps.iter().take(GAPS_TOLD) {
        let (from, to) = (gap.from.minute(), gap.to.minute());
        notes.push(format!("no readings between {from} and {to}: the count stays"));
    }
    if answer.gaps.len() > GAPS_TOLD {
        let more = &answer.gaps[GAPS_TOLD..];
        let length: Millis = more.iter().map(|gap| gap.to.since(gap.from)).sum();
        notes.push(format!("no readings {} more times, {} in all", more.len(), say(length)));
    }
    if answer.partial > 0 {
        let length = length(answer.partial);
        notes.push(format!(
            "for {length} only some servers sent readings: nothing is scaled in then"
        ));
    }
    let left_out = answer.decisions.len().saturating_sub(SIMULATION_DECISIONS_MAX);
    if left_out > 0 {
        notes.push(format!("{left_out} more decisions are left out"));
    }
    notes
}

fn length(minutes: u32) -> String {
    say(u64::from(minutes) * crate::model::MINUTE)
}
