//! What differs between what is declared and what would be, field by field.
//!
//! A field is known by its path in a manifest, with what a list's items are known by in brackets:
//! `farmRoles[web].scaling.rules[CpuPercent].scaleUp`. Both sides are said as a manifest would
//! say them, so that a line of the difference can be found in the file.

use crate::base::hash::{hex, sha256};
use crate::model::{
    Farm, FarmGoal, FarmRole, LaunchOrder, Overrides, Policy, Publish, RolloutPolicy,
    ScalingPolicy, machine_port,
};
use crate::wire::manifest::{length, list, size};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;

/// One field that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The farm role's alias; `None` for the farm itself.
    alias: Option<String>,
    /// The path within that; empty for the whole of it.
    field: String,
    /// What it says, as `6 -> 8` or `new`.
    text: String,
    /// What the journal says instead, where that is shorter or safer.
    journal: Option<String>,
}

impl fmt::Display for Difference {
    /// As people and tickets read it: `farmRoles[web].scaling.maxInstances: 6 -> 8`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.alias, self.field.as_str()) {
            (None, "") => write!(f, "farm: {}", self.text),
            (None, field) => write!(f, "{field}: {}", self.text),
            (Some(alias), "") => write!(f, "farmRoles[{alias}]: {}", self.text),
            (Some(alias), field) => write!(f, "farmRoles[{alias}].{field}: {}", self.text),
        }
    }
}

impl Difference {
    /// As the journal says it, whose sentences begin with what they are about.
    pub fn sentence(&self, farm: &Farm) -> String {
        let about = self.alias.as_ref().map(|alias| format!("{}/{alias}: ", farm.name));
        let space = if self.field.is_empty() { "" } else { " " };
        let text = self.journal.as_ref().unwrap_or(&self.text);
        format!("{}{}{space}{text}", about.unwrap_or_default(), self.field)
    }
}

/// What differs of the farm itself.
pub fn of_farm(old: Option<&Farm>, new: &Farm) -> Vec<Difference> {
    let one = |field: &str, text: String| Difference {
        alias: None,
        field: field.into(),
        text,
        journal: None,
    };
    let Some(old) = old else {
        let mut all = vec![one("", "new farm".into())];
        if new.goal == FarmGoal::Launched {
            all.push(one("", "launched".into()));
        }
        return all;
    };
    let mut all = Vec::new();
    if old.launch_order != new.launch_order {
        let text = format!("{} -> {}", order(old.launch_order), order(new.launch_order));
        all.push(one("launchOrder", text));
    }
    if old.description != new.description {
        let text = format!("{:?} -> {:?}", old.description, new.description);
        // A text of the writer's own could look like the journal's next sentence.
        let journal = Some("changed".to_owned());
        all.push(Difference { journal, ..one("description", text) });
    }
    if old.goal != new.goal {
        all.push(one("", "launched".into()));
    }
    if old.removed && !new.removed {
        all.push(one("", "no longer to be removed".into()));
    }
    all
}

fn order(order: LaunchOrder) -> &'static str {
    match order {
        LaunchOrder::Simultaneous => "simultaneous",
        LaunchOrder::Sequential => "sequential",
    }
}

/// What differs of a farm role; `recipe` gives a role's name.
pub fn of_farm_role(
    old: Option<&FarmRole>,
    new: &FarmRole,
    recipe: impl Fn(&FarmRole) -> String,
) -> Vec<Difference> {
    let alias = Some(new.alias.to_string());
    let one = |field: String, text: String| Difference {
        alias: alias.clone(),
        field,
        text,
        journal: None,
    };
    let Some(old) = old else {
        let (min, max) = new.bounds();
        let of = format!("{} on {}, {}", recipe(new), new.account, new.instance_type);
        let servers = format!("{min} to {max} servers");
        let journal = Some(format!("new farm role, {servers}"));
        let text = format!("new farm role, {of}, {servers}");
        return vec![Difference { journal, ..one(String::new(), text) }];
    };
    let mut all = Vec::new();
    if new.removed && !old.removed {
        all.push(one(String::new(), "removed".into()));
    }
    if old.removed && !new.removed {
        all.push(one(String::new(), "no longer to be removed".into()));
    }
    let (before, after) = (fields(old, recipe(old)), fields(new, recipe(new)));
    // In the order of a manifest; what is there no more comes last.
    let known = |path: &String| after.iter().any(|(other, _)| other == path);
    let gone = before.iter().filter(|(path, _)| !known(path));
    let value = |all: &BTreeMap<&String, &String>, path: &String| {
        all.get(path).map_or("none".to_owned(), |value| (*value).clone())
    };
    let old_values = before.iter().map(|(path, value)| (path, value)).collect();
    let new_values = after.iter().map(|(path, value)| (path, value)).collect();
    for (path, _) in after.iter().chain(gone) {
        let (was, is) = (value(&old_values, path), value(&new_values, path));
        if was != is {
            // A text of the writer's own could look like the journal's next sentence.
            let journal = path.starts_with("grange.overrides").then(|| "changed".to_owned());
            all.push(Difference { journal, ..one(path.clone(), format!("{was} -> {is}")) });
        }
    }
    all
}

/// Every declared field of a farm role with its value. Taken apart whole, so that a field that is
/// added to the record and forgotten here does not compile.
fn fields(role: &FarmRole, recipe: String) -> Vec<(String, String)> {
    let FarmRole {
        id: _,
        env: _,
        farm: _,
        alias: _,
        role: _,
        role_revision,
        account,
        location,
        instance_type,
        launch_index,
        scaling,
        storage,
        balance,
        check,
        role_check: _,
        setup_ms: _,
        drain_ms,
        launch_timeout_ms,
        revision: _,
        removed: _,
        policy,
        history: _,
        rollout_wish: _,
        rollout_said: _,
        publish,
        outbound,
        overrides,
        mended_at: _,
    } = role;
    let mut all: Vec<(String, String)> = Vec::new();
    let mut add = |path: &str, value: String| all.push((path.to_owned(), value));
    add("role", recipe);
    add("roleRevision", role_revision.to_string());
    add("cloudAccount", account.clone());
    add("cloudLocation", location.clone());
    add("instanceType", instance_type.clone());
    add("launchIndex", launch_index.to_string());
    scaling_fields(scaling, &mut add);
    for volume in storage {
        let at = format!("storage[{}]", volume.mount_point);
        add(&at, format!("{} of {}", volume.kind, size(volume.size_bytes)));
    }
    if let Some(balance) = balance {
        add("grange.balance.farmRole", balance.farm_role.to_string());
        add("grange.balance.port", balance.port.to_string());
        add("grange.balance.listenPort", balance.listen_port.to_string());
        add("grange.balance.checkPath", balance.check_path.clone());
    }
    if let Some(check) = check {
        add("grange.check.port", check.port.to_string());
        if let Some(path) = &check.path {
            add("grange.check.path", path.clone());
        }
    }
    for Publish { port, to, address, protocol } in publish {
        let at = machine_port(*port, *protocol, *address);
        add(&format!("grange.publish[{at}]"), format!("to {to}"));
    }
    add("grange.outbound", outbound.to_string());
    add("grange.drain", length(*drain_ms));
    add("grange.launchTimeout", length(*launch_timeout_ms));
    policy_fields(policy, &mut add);
    overrides_fields(overrides, &mut add);
    all
}

/// Of a text of some length its digest is shown: it is told apart, and the line stays short.
fn overrides_fields(overrides: &Overrides, add: &mut impl FnMut(&str, String)) {
    let Overrides { environment, files, setup } = overrides;
    for (service, variables) in environment {
        for (name, value) in variables {
            let at = format!("grange.overrides.environment.{service}.{name}");
            let is_short = value.len() <= SHOWN_BYTES_MAX;
            add(&at, if is_short { format!("{value:?}") } else { digest(value) });
        }
    }
    for file in files {
        add(&format!("grange.overrides.files[{}]", file.path), digest(&format!("{file:?}")));
    }
    for part in setup {
        add(&format!("grange.overrides.setup[{}]", part.name), digest(&format!("{part:?}")));
    }
}

/// Bytes of a value that is shown as it is.
const SHOWN_BYTES_MAX: usize = 60;

fn digest(text: &str) -> String {
    format!("text {}", hex(&sha256(text.as_bytes())[..4]))
}

fn policy_fields(policy: &Policy, add: &mut impl FnMut(&str, String)) {
    let Policy {
        agent,
        heal,
        depends_on,
        ready_for_ms,
        reboot_timeout_ms,
        unhealthy_for_ms,
        replace_with_volumes,
        removal,
        missing,
        zones,
        behavior,
        rollout,
    } = policy;
    add("useScalrAgent", agent.to_string());
    add("scaling.scalingBehavior", word(behavior));
    add("grange.heal", word(heal));
    add("grange.dependsOn", list(depends_on));
    add("grange.readyFor", length(*ready_for_ms));
    add("grange.rebootTimeout", length(*reboot_timeout_ms));
    add("grange.unhealthyFor", length(*unhealthy_for_ms));
    add("grange.replaceWithVolumes", replace_with_volumes.to_string());
    add("grange.removalPolicy", word(removal));
    add("grange.missingServers", word(missing));
    add("grange.availabilityZones", list(zones));
    let RolloutPolicy {
        strategy,
        min_healthy_percent,
        max_percent,
        batch,
        checkpoints,
        checkpoint_wait_ms,
        failures_max,
        rollback,
    } = rollout;
    add("grange.rollout.strategy", word(strategy));
    add("grange.rollout.minHealthyPercent", min_healthy_percent.to_string());
    add("grange.rollout.maxPercent", max_percent.to_string());
    add("grange.rollout.batch", batch.to_string());
    add("grange.rollout.checkpoints", list(checkpoints));
    if let Some(wait) = checkpoint_wait_ms {
        add("grange.rollout.checkpointWait", length(*wait));
    }
    add("grange.rollout.failuresMax", failures_max.to_string());
    add("grange.rollout.rollback", rollback.to_string());
}

/// A choice by the name it has in a manifest, which is the one it has on the wire.
fn word(choice: &impl Serialize) -> String {
    let value = serde_json::to_value(choice).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}

fn scaling_fields(scaling: &ScalingPolicy, add: &mut impl FnMut(&str, String)) {
    let ScalingPolicy { enabled, min, max, rules, cooldown_up_ms, cooldown_down_ms } = scaling;
    add("scaling.enabled", enabled.to_string());
    add("scaling.minInstances", min.to_string());
    add("scaling.maxInstances", max.to_string());
    for rule in rules {
        let at = format!("scaling.rules[{}]", rule.metric.rule_type());
        add(&format!("{at}.scaleUp"), rule.scale_up.to_string());
        add(&format!("{at}.scaleDown"), rule.scale_down.to_string());
        add(&format!("{at}.window"), length(rule.window_ms));
    }
    add("grange.cooldownUp", length(*cooldown_up_ms));
    add("grange.cooldownDown", length(*cooldown_down_ms));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Name;
    use crate::model::{HealMode, MissingPolicy, RemovalPolicy, RolloutStrategy, ScalingBehavior};

    fn fields_of(policy: &Policy) -> Vec<String> {
        let mut all = Vec::new();
        policy_fields(policy, &mut |path, value| all.push(format!("{path}: {value}")));
        all
    }

    /// What is done to a policy, and the one line that says so.
    type Case = (fn(&mut Policy), &'static str);

    const CASES: &[Case] = &[
        (|it| it.agent = false, "useScalrAgent: false"),
        (
            |it| it.behavior = ScalingBehavior::SuspendResume,
            "scaling.scalingBehavior: suspend-resume",
        ),
        (|it| it.heal = HealMode::Restart, "grange.heal: restart"),
        (|it| it.depends_on = names(&["db", "lb"]), "grange.dependsOn: [db, lb]"),
        (|it| it.ready_for_ms = 90_000, "grange.readyFor: 90s"),
        (|it| it.reboot_timeout_ms = 120_000, "grange.rebootTimeout: 2m"),
        (|it| it.unhealthy_for_ms = 7_200_000, "grange.unhealthyFor: 2h"),
        (|it| it.replace_with_volumes = true, "grange.replaceWithVolumes: true"),
        (|it| it.removal = RemovalPolicy::LeastBusy, "grange.removalPolicy: least-busy"),
        (|it| it.missing = MissingPolicy::Flag, "grange.missingServers: flag"),
        (|it| it.zones = vec!["a".into()], "grange.availabilityZones: [a]"),
        (|it| it.rollout.strategy = RolloutStrategy::Full, "grange.rollout.strategy: full"),
        (|it| it.rollout.min_healthy_percent = 50, "grange.rollout.minHealthyPercent: 50"),
        (|it| it.rollout.max_percent = 150, "grange.rollout.maxPercent: 150"),
        (|it| it.rollout.batch = 4, "grange.rollout.batch: 4"),
        (|it| it.rollout.checkpoints = vec![10, 50], "grange.rollout.checkpoints: [10, 50]"),
        (|it| it.rollout.checkpoint_wait_ms = Some(1_500), "grange.rollout.checkpointWait: 1500ms"),
        (|it| it.rollout.failures_max = 9, "grange.rollout.failuresMax: 9"),
        (|it| it.rollout.rollback = false, "grange.rollout.rollback: false"),
    ];

    fn names(names: &[&str]) -> Vec<Name> {
        names.iter().map(|name| Name::new(name).expect("a name")).collect()
    }

    #[test]
    fn every_field_of_a_policy_is_said_as_a_manifest_has_it() {
        let before = fields_of(&Policy::default());
        for (edit, line) in CASES {
            let mut policy = Policy::default();
            edit(&mut policy);
            let mut after = fields_of(&policy);
            after.retain(|line| !before.contains(line));
            assert_eq!(after, [*line]);
        }
        // The wait at a checkpoint is said only where there is one.
        assert_eq!(before.len() + 1, CASES.len());
    }
}
