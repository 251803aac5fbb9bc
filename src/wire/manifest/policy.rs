//! How a farm role's servers are looked after: fields of `grange`, `scaling` and the farm role.

use super::fault::Sink;
use super::section::Section;
use super::value::{duration, name, number, one_of, word};
use crate::base::Millis;
use crate::base::limit::{CHECKPOINTS_MAX, FARM_ROLE_SERVERS_MAX, FARM_ROLES_MAX, ZONES_MAX};
use crate::model::{
    HealMode, MissingPolicy, Policy, RemovalPolicy, RolloutPolicy, RolloutStrategy, ScalingBehavior,
};

const SECOND: Millis = 1000;
const HOUR: Millis = 3600 * SECOND;

pub(super) const HEAL: [(&str, HealMode); 4] = [
    ("none", HealMode::None),
    ("alert", HealMode::Alert),
    ("restart", HealMode::Restart),
    ("replace", HealMode::Replace),
];

pub(super) const REMOVAL: [(&str, RemovalPolicy); 5] = [
    ("highest-index", RemovalPolicy::HighestIndex),
    ("oldest", RemovalPolicy::Oldest),
    ("newest", RemovalPolicy::Newest),
    ("least-busy", RemovalPolicy::LeastBusy),
    ("previous-revision", RemovalPolicy::PreviousRevision),
];

pub(super) const MISSING: [(&str, MissingPolicy); 3] = [
    ("terminate", MissingPolicy::Terminate),
    ("flag", MissingPolicy::Flag),
    ("ignore", MissingPolicy::Ignore),
];

pub(super) const BEHAVIOR: [(&str, ScalingBehavior); 2] = [
    ("launch-terminate", ScalingBehavior::LaunchTerminate),
    ("suspend-resume", ScalingBehavior::SuspendResume),
];

pub(super) const STRATEGY: [(&str, RolloutStrategy); 2] =
    [("serial", RolloutStrategy::Serial), ("full", RolloutStrategy::Full)];

/// Scalr's `scalingBehavior`, in the section `scaling`.
pub(super) fn behavior(fields: &mut Section<'_>, sink: &mut Sink) -> ScalingBehavior {
    fields.optional("scalingBehavior", sink, |t| one_of(t, &BEHAVIOR)).unwrap_or_default()
}

/// The fields of `grange` that make the policy; what stands elsewhere keeps its default.
pub(super) fn read(fields: &mut Section<'_>, sink: &mut Sink) -> Policy {
    let mut policy = Policy::default();
    let heal = fields.optional("heal", sink, |t| one_of(t, &HEAL));
    policy.heal = heal.unwrap_or(policy.heal);
    policy.depends_on = fields.values("dependsOn", FARM_ROLES_MAX, sink, name);
    let ready = fields.optional("readyFor", sink, |t| duration(t, 0..=HOUR));
    policy.ready_for_ms = ready.unwrap_or(policy.ready_for_ms);
    let reboot = fields.optional("rebootTimeout", sink, |t| duration(t, 10 * SECOND..=24 * HOUR));
    policy.reboot_timeout_ms = reboot.unwrap_or(policy.reboot_timeout_ms);
    let ill = fields.optional("unhealthyFor", sink, |t| duration(t, 10 * SECOND..=24 * HOUR));
    policy.unhealthy_for_ms = ill.unwrap_or(policy.unhealthy_for_ms);
    let given = fields.optional("replaceWithVolumes", sink, super::value::yes_or_no);
    policy.replace_with_volumes = given.unwrap_or(policy.replace_with_volumes);
    let removal = fields.optional("removalPolicy", sink, |t| one_of(t, &REMOVAL));
    policy.removal = removal.unwrap_or(policy.removal);
    let missing = fields.optional("missingServers", sink, |t| one_of(t, &MISSING));
    policy.missing = missing.unwrap_or(policy.missing);
    policy.zones = fields.values("availabilityZones", ZONES_MAX, sink, word);
    if let Some(section) = fields.section("rollout", sink) {
        policy.rollout = rollout(section, sink);
    }
    policy
}

fn rollout(mut fields: Section<'_>, sink: &mut Sink) -> RolloutPolicy {
    let mut policy = RolloutPolicy::default();
    let strategy = fields.optional("strategy", sink, |t| one_of(t, &STRATEGY));
    policy.strategy = strategy.unwrap_or(policy.strategy);
    let mut count = |name, range: std::ops::RangeInclusive<u32>, into: &mut u32| {
        let given = fields.optional(name, sink, |t| number(t, range.clone()));
        *into = given.unwrap_or(*into);
    };
    count("minHealthyPercent", 0..=100, &mut policy.min_healthy_percent);
    count("maxPercent", 100..=200, &mut policy.max_percent);
    count("batch", 1..=FARM_ROLE_SERVERS_MAX, &mut policy.batch);
    count("failuresMax", 1..=FARM_ROLE_SERVERS_MAX, &mut policy.failures_max);
    let percent = |tree: &_| number(tree, 1..=99);
    policy.checkpoints = fields.values("checkpoints", CHECKPOINTS_MAX, sink, percent);
    if !policy.checkpoints.is_sorted_by(|a, b| a < b) {
        sink.fault_at(&fields.at("checkpoints"), "percentages must rise, as in [10, 50]");
    }
    policy.checkpoint_wait_ms =
        fields.optional("checkpointWait", sink, |t| duration(t, SECOND..=7 * 24 * HOUR));
    let rollback = fields.optional("rollback", sink, super::value::yes_or_no);
    policy.rollback = rollback.unwrap_or(policy.rollback);
    fields.finish(sink);
    policy
}
