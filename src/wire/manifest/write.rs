//! A manifest as text, which [`parse`](super::parse) reads again as the same.
//!
//! Written is what a person would write: what has no default, how many servers and what they are,
//! and of the policies only what is not as it is anyway. Each record is taken apart whole, so that
//! a field that is added to it and forgotten here does not compile.

use super::policy::{BEHAVIOR, HEAL, MISSING, REMOVAL, STRATEGY};
use super::role::write_overrides;
use super::{DeclaredFarmRole, Manifest};
use crate::base::Millis;
use crate::model::{
    Balance, LaunchOrder, Policy, Protocol, Publish, PublishTo, ReadyCheck, RolloutPolicy,
    ScalingPolicy, VolumeSpec,
};
use std::fmt::Display;

/// The YAML of a manifest, with lines of comment before it.
pub fn write(manifest: &Manifest, comments: &[String]) -> String {
    let Manifest { farm, description, launch_order, farm_roles } = manifest;
    let mut lines = Lines::default();
    for comment in comments {
        lines.line(format!("# {comment}"));
    }
    lines.field("farm", scalar(farm.as_str()));
    if !description.is_empty() {
        lines.field("description", scalar(description));
    }
    lines.field(
        "launchOrder",
        match launch_order {
            LaunchOrder::Simultaneous => "simultaneous",
            LaunchOrder::Sequential => "sequential",
        },
    );
    if !farm_roles.is_empty() {
        lines.line("farmRoles:");
    }
    for role in farm_roles {
        lines.farm_role(role);
    }
    lines.text
}

/// Lines, each as far to the right as the section it is in.
#[derive(Default)]
pub(super) struct Lines {
    pub text: String,
    depth: usize,
    /// The next line begins an item of a list.
    begins: bool,
}

impl Lines {
    /// Writes a line, as far to the right as the section is.
    pub fn line(&mut self, line: impl Display) {
        let width = 2 * self.depth;
        let indent = match std::mem::take(&mut self.begins) {
            true => format!("{:width$}- ", "", width = width - 2),
            false => format!("{:width$}", ""),
        };
        self.text.push_str(&format!("{indent}{line}\n"));
    }

    /// Items of a list, each a section of its own; nothing when there are none.
    pub fn items<T>(&mut self, name: &str, items: &[T], write: impl Fn(&mut Lines, &T)) {
        if !items.is_empty() {
            self.line(format!("{name}:"));
        }
        self.depth += 2;
        for item in items {
            self.begins = true;
            write(self, item);
        }
        self.depth -= 2;
    }

    /// A text of several lines, as a block where it can be read again as the same.
    pub fn content(&mut self, name: &str, text: &str) {
        let blocky = text.ends_with('\n')
            && !text.ends_with("\n\n")
            && !text.starts_with([' ', '\n', '\t'])
            && text.lines().all(|line| !line.trim().is_empty() || line.is_empty());
        if !blocky {
            return self.field(name, scalar(text));
        }
        self.field(name, "|");
        let width = 2 * (self.depth + 1);
        for line in text.lines() {
            let indent = if line.is_empty() { 0 } else { width };
            self.text.push_str(&format!("{:indent$}{line}\n", ""));
        }
    }

    /// Writes a field with its value on one line.
    pub fn field(&mut self, name: &str, value: impl Display) {
        self.line(format!("{name}: {value}"));
    }

    /// A field that is left out where it has its default.
    pub fn unless<T: PartialEq>(&mut self, name: &str, value: &T, default: &T, text: impl Display) {
        if value != default {
            self.field(name, text);
        }
    }

    /// Fields of a section, one deeper.
    pub fn section(&mut self, name: &str, fields: impl FnOnce(&mut Lines)) {
        self.line(format!("{name}:"));
        self.depth += 1;
        fields(self);
        self.depth -= 1;
    }

    fn farm_role(&mut self, role: &DeclaredFarmRole) {
        let DeclaredFarmRole {
            path: _,
            alias,
            role,
            role_revision,
            platform,
            account,
            location,
            instance_type,
            launch_index,
            scaling,
            storage,
            balance,
            check,
            drain_ms,
            launch_timeout_ms,
            policy,
            publish,
            outbound,
            overrides,
        } = role;
        self.line(format!("  - alias: {}", scalar(alias.as_str())));
        self.depth += 2;
        self.field("role", scalar(role.as_str()));
        if let Some(number) = role_revision {
            self.field("roleRevision", number);
        }
        self.field("cloudPlatform", scalar(platform));
        if let Some(account) = account {
            self.field("cloudAccount", scalar(account));
        }
        self.field("cloudLocation", scalar(location));
        self.field("instanceType", scalar(instance_type));
        self.field("launchIndex", launch_index);
        self.unless("useScalrAgent", &policy.agent, &true, policy.agent);
        self.section("scaling", |lines| lines.scaling(scaling, policy));
        self.storage(storage);
        self.section("grange", |lines| {
            lines.checks(balance.as_ref(), check.as_ref());
            lines.publish(publish);
            lines.unless("outbound", outbound, &false, outbound);
            lines.field("drain", length(*drain_ms));
            lines.field("launchTimeout", length(*launch_timeout_ms));
            lines.field("cooldownUp", length(scaling.cooldown_up_ms));
            lines.field("cooldownDown", length(scaling.cooldown_down_ms));
            lines.policy(policy);
            if !overrides.is_empty() {
                lines.section("overrides", |lines| write_overrides(lines, overrides));
            }
        });
        self.depth -= 2;
    }

    fn scaling(&mut self, scaling: &ScalingPolicy, policy: &Policy) {
        let ScalingPolicy { enabled, min, max, rules, cooldown_up_ms: _, cooldown_down_ms: _ } =
            scaling;
        self.field("enabled", enabled);
        self.field("minInstances", min);
        self.field("maxInstances", max);
        let default = Policy::default().behavior;
        let behavior = word(&BEHAVIOR, &policy.behavior);
        self.unless("scalingBehavior", &policy.behavior, &default, behavior);
        if !rules.is_empty() {
            self.line("rules:");
        }
        for rule in rules {
            let (metric, window) = (rule.metric.rule_type(), length(rule.window_ms));
            let (up, down) = (rule.scale_up, rule.scale_down);
            self.line(format!(
                "  - {{ruleType: {metric}, scaleUp: {up}, scaleDown: {down}, window: {window}}}"
            ));
        }
    }

    fn storage(&mut self, storage: &[VolumeSpec]) {
        if !storage.is_empty() {
            self.line("storage:");
        }
        for VolumeSpec { kind, mount_point, size_bytes } in storage {
            let (mount_point, size) = (scalar(mount_point), size(*size_bytes));
            self.line(format!("  - {{type: {kind}, mountPoint: {mount_point}, size: {size}}}"));
        }
    }

    fn checks(&mut self, balance: Option<&Balance>, check: Option<&ReadyCheck>) {
        if let Some(Balance { farm_role, port, listen_port, check_path }) = balance {
            self.section("balance", |lines| {
                lines.field("farmRole", scalar(farm_role.as_str()));
                lines.field("port", port);
                lines.field("listenPort", listen_port);
                lines.field("checkPath", scalar(check_path));
            });
        }
        if let Some(ReadyCheck { port, path }) = check {
            self.section("check", |lines| {
                lines.field("port", port);
                if let Some(path) = path {
                    lines.field("path", scalar(path));
                }
            });
        }
    }

    fn publish(&mut self, publish: &[Publish]) {
        if !publish.is_empty() {
            self.line("publish:");
        }
        for Publish { port, to, address, protocol } in publish {
            let to = match to {
                PublishTo::Number(port) => port.to_string(),
                PublishTo::Named(name) => scalar(name),
            };
            let address = address.map(|at| format!(", address: {}", scalar(&at.to_string())));
            let protocol = match protocol {
                Protocol::Tcp => String::new(),
                Protocol::Udp => format!(", protocol: {}", protocol.as_str()),
            };
            let address = address.unwrap_or_default();
            self.line(format!("  - {{port: {port}, to: {to}{address}{protocol}}}"));
        }
    }

    fn policy(&mut self, policy: &Policy) {
        let usual = Policy::default();
        let Policy {
            agent: _,
            heal,
            depends_on,
            ready_for_ms,
            reboot_timeout_ms,
            unhealthy_for_ms,
            replace_with_volumes,
            removal,
            missing,
            zones,
            behavior: _,
            rollout,
        } = policy;
        self.unless("heal", heal, &usual.heal, word(&HEAL, heal));
        let aliases: Vec<String> = depends_on.iter().map(|alias| scalar(alias.as_str())).collect();
        self.unless("dependsOn", depends_on, &usual.depends_on, list(&aliases));
        self.unless("readyFor", ready_for_ms, &usual.ready_for_ms, length(*ready_for_ms));
        let (reboot, ill) = (length(*reboot_timeout_ms), length(*unhealthy_for_ms));
        self.unless("rebootTimeout", reboot_timeout_ms, &usual.reboot_timeout_ms, reboot);
        self.unless("unhealthyFor", unhealthy_for_ms, &usual.unhealthy_for_ms, ill);
        let replace = (*replace_with_volumes, usual.replace_with_volumes);
        self.unless("replaceWithVolumes", &replace.0, &replace.1, replace.0);
        self.unless("removalPolicy", removal, &usual.removal, word(&REMOVAL, removal));
        self.unless("missingServers", missing, &usual.missing, word(&MISSING, missing));
        let zone_list: Vec<String> = zones.iter().map(|zone| scalar(zone)).collect();
        self.unless("availabilityZones", zones, &usual.zones, list(&zone_list));
        if *rollout != usual.rollout {
            self.section("rollout", |lines| lines.rollout(rollout));
        }
    }

    fn rollout(&mut self, rollout: &RolloutPolicy) {
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
        self.field("strategy", word(&STRATEGY, strategy));
        self.field("minHealthyPercent", min_healthy_percent);
        self.field("maxPercent", max_percent);
        self.field("batch", batch);
        if !checkpoints.is_empty() {
            self.field("checkpoints", list(checkpoints));
        }
        if let Some(wait) = checkpoint_wait_ms {
            self.field("checkpointWait", length(*wait));
        }
        self.field("failuresMax", failures_max);
        self.field("rollback", rollback);
    }
}

/// A text as a scalar: as it is where it can only be read as itself, else quoted. What JSON
/// escapes, YAML does between double quotes too.
pub(super) fn scalar(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
    let means_more = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"];
    let word = text.to_ascii_lowercase();
    match begins && text.chars().all(plain) && !means_more.contains(&word.as_str()) {
        true => text.to_owned(),
        false => serde_json::Value::from(text).to_string(),
    }
}

/// Items as a list on one line.
pub fn list(items: &[impl Display]) -> String {
    let items: Vec<String> = items.iter().map(ToString::to_string).collect();
    format!("[{}]", items.join(", "))
}

/// The word of a choice.
pub(super) fn word<T: PartialEq>(choices: &[(&'static str, T)], choice: &T) -> &'static str {
    choices.iter().find(|(_, meaning)| meaning == choice).map_or("", |(word, _)| word)
}

/// A length of time, in the largest unit that leaves nothing over.
pub fn length(length: Millis) -> String {
    match length {
        0 => "0s".into(),
        ms if ms % 3_600_000 == 0 => format!("{}h", ms / 3_600_000),
        ms if ms % 60_000 == 0 => format!("{}m", ms / 60_000),
        ms if ms % 1000 == 0 => format!("{}s", ms / 1000),
        ms => format!("{ms}ms"),
    }
}

/// A size in the largest unit that leaves nothing over; what is no whole KiB cannot be declared.
pub fn size(bytes: u64) -> String {
    let units = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let whole = units.iter().find(|(_, bits)| bytes > 0 && bytes.trailing_zeros() >= *bits);
    match whole {
        Some((unit, bits)) => format!("{}{unit}", bytes >> bits),
        None => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::{length, size};

    #[test]
    fn sizes_and_lengths_are_said_in_the_largest_unit_that_leaves_nothing() {
        let sizes = [
            (0, "0 bytes"),
            (1_023, "1023 bytes"),
            (1_024, "1KiB"),
            (1_025, "1025 bytes"),
            (5 << 20, "5MiB"),
            (3 << 30, "3GiB"),
            ((3 << 30) + (1 << 20), "3073MiB"),
            (1 << 40, "1TiB"),
        ];
        for (bytes, said) in sizes {
            assert_eq!(size(bytes), said, "{bytes}");
        }
        let lengths = [
            (0, "0s"),
            (1, "1ms"),
            (1_000, "1s"),
            (61_000, "61s"),
            (60_000, "1m"),
            (3_600_000, "1h"),
            (3_660_000, "61m"),
        ];
        for (ms, said) in lengths {
            assert_eq!(length(ms), said, "{ms}");
        }
    }
}
