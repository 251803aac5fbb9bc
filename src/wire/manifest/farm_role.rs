//! One entry of `farmRoles`: its place, size, scaling, volumes, and what is ours under `grange`.

use super::fault::Sink;
use super::role::{ReadOverrides, read_overrides};
use super::section::{Meaning, Section};
use super::tree::Tree;
use super::value::{
    bound, duration, mount_point, name, number, one_of, port, short, size, text, url_path, word,
    yes_or_no,
};
use super::{DeclaredFarmRole, Reference};
use super::{policy, publish};
use crate::base::limit::{FARM_ROLE_SERVERS_MAX, SCALING_RULES_MAX, VOLUMES_PER_SERVER_MAX};
use crate::base::text::Kind as TextKind;
use crate::base::{Millis, Name};
use crate::model::{
    Balance, Metric, Policy, Publish, ReadyCheck, ScalingBehavior, ScalingPolicy, ScalingRule,
    VolumeSpec,
};

const SECOND: Millis = 1000;
const MINUTE: Millis = 60 * SECOND;
const HOUR: Millis = 60 * MINUTE;

/// What `grange:` says of a farm role.
struct Extra {
    /// The alias under `balance`, also when the rest of it has faults.
    balanced: Option<Name>,
    balance: Option<Balance>,
    check: Option<ReadyCheck>,
    drain_ms: Millis,
    launch_timeout_ms: Millis,
    cooldown_up_ms: Millis,
    cooldown_down_ms: Millis,
    policy: Policy,
    publish: Vec<(String, Publish)>,
    outbound: bool,
    overrides: ReadOverrides,
}

/// Reads one farm role: what it refers to, as far as that can be read, and the whole of it, `None`
/// when a field without a default is missing or faulty.
pub(super) fn read(
    mut fields: Section<'_>,
    sink: &mut Sink,
) -> (Reference, Option<DeclaredFarmRole>) {
    let path = fields.path.clone();
    let alias = fields.required("alias", sink, alias);
    let role = fields.required("role", sink, name);
    let role_revision = fields.optional("roleRevision", sink, |t| number(t, 1..=u32::MAX));
    let role_revision = role_revision.map(u64::from);
    let platform = fields.required("cloudPlatform", sink, word);
    let account = fields.optional("cloudAccount", sink, word);
    let location = fields.optional("cloudLocation", sink, word);
    let instance_type = fields.required("instanceType", sink, word);
    let launch_index = fields.optional("launchIndex", sink, |t| number(t, 0..=10_000));
    let agent = fields.optional("useScalrAgent", sink, yes_or_no);
    let scaling = fields.section("scaling", sink);
    let volumes = fields.list("storage", sink);
    let storage = storage(&fields.at("storage"), volumes, sink);
    let mut extra = extra(fields.section("grange", sink), sink);
    extra.policy.agent = agent.unwrap_or(true);
    let (scaling, behavior) = self::scaling(scaling, &extra, sink);
    extra.policy.behavior = behavior;
    fields.finish(sink);
    let reference = Reference {
        path: path.clone(),
        alias: alias.clone(),
        role: role.clone(),
        role_revision,
        platform: platform.clone(),
        account: account.clone(),
        instance_type: instance_type.clone(),
        zones: extra.policy.zones.clone(),
        balances: sink.places.contains_key(&format!("{path}.grange.balance")),
        balanced: extra.balanced.clone(),
        depends_on: extra.policy.depends_on.clone(),
        publish: extra.publish.clone(),
        overrides: extra.overrides.clone(),
    };
    let whole = || {
        Some(DeclaredFarmRole {
            path,
            alias: alias?,
            role: role?,
            role_revision,
            platform: platform?,
            account,
            location: location.unwrap_or_else(|| "here".to_owned()),
            instance_type: instance_type?,
            launch_index: launch_index.unwrap_or(0),
            scaling,
            storage,
            balance: extra.balance,
            check: extra.check,
            drain_ms: extra.drain_ms,
            launch_timeout_ms: extra.launch_timeout_ms,
            policy: extra.policy,
            outbound: extra.outbound,
            overrides: extra.overrides.overrides,
            publish: extra.publish.into_iter().map(|(_, publish)| publish).collect(),
        })
    };
    (reference, whole())
}

/// An alias becomes `<alias>-<index>`, a label of at most 63 characters, and an index has up to 3.
fn alias(tree: &Tree) -> Meaning<Name> {
    let name = name(tree)?;
    if name.as_str().len() > 59 {
        return Err("an alias has at most 59 characters, so that alias-400 is a host name".into());
    }
    Ok(name)
}

fn scaling(
    fields: Option<Section<'_>>,
    extra: &Extra,
    sink: &mut Sink,
) -> (ScalingPolicy, ScalingBehavior) {
    let (cooldown_up_ms, cooldown_down_ms) = (extra.cooldown_up_ms, extra.cooldown_down_ms);
    // Scalr's own defaults: one, up to two.
    let Some(mut fields) = fields else {
        let rules = Vec::new();
        let (enabled, min, max) = (false, 1, 2);
        let policy = ScalingPolicy { enabled, min, max, rules, cooldown_up_ms, cooldown_down_ms };
        return (policy, ScalingBehavior::default());
    };
    let count = |tree: &Tree| number(tree, 0..=FARM_ROLE_SERVERS_MAX);
    let enabled = fields.optional("enabled", sink, yes_or_no);
    let min = fields.optional("minInstances", sink, count);
    let max = fields.optional("maxInstances", sink, count);
    let behavior = policy::behavior(&mut fields, sink);
    let sections = fields.list("rules", sink);
    let declared = sections.len();
    if declared > SCALING_RULES_MAX {
        let message = format!("{declared} rules are too many: at most {SCALING_RULES_MAX}");
        sink.fault_at(&fields.at("rules"), message);
    }
    let rules = rules(sections, sink);
    if let (Some(min), Some(max)) = (min, max)
        && min > max
    {
        let message =
            format!("{min} is above maxInstances, which is {max}: lower it or raise that");
        sink.fault_at(&fields.at("minInstances"), message);
    }
    let enabled = enabled.unwrap_or(declared > 0);
    let low = min.unwrap_or_else(|| max.map_or(1, |max| max.min(1)));
    let high = max.unwrap_or_else(|| low.max(2));
    fields.finish(sink);
    let (min, max) = (low, high);
    let policy = ScalingPolicy { enabled, min, max, rules, cooldown_up_ms, cooldown_down_ms };
    (policy, behavior)
}

fn rules(sections: Vec<Section<'_>>, sink: &mut Sink) -> Vec<ScalingRule> {
    let metrics = Metric::ALL.map(|metric| (metric.rule_type(), metric));
    let mut rules: Vec<ScalingRule> = Vec::new();
    for mut fields in sections {
        let metric = fields.required("ruleType", sink, |t| one_of(t, &metrics));
        let up = fields.required("scaleUp", sink, bound);
        let down = fields.required("scaleDown", sink, bound);
        let window = fields.optional("window", sink, |t| duration(t, 10 * SECOND..=HOUR));
        // Scalr's rules have a name; ours are known by their metric, so it is only checked.
        fields.optional("name", sink, |t| text(t, TextKind::Line, 63));
        check_rule(&fields, metric, up, down, &rules, sink);
        if let (Some(metric), Some(scale_up), Some(scale_down)) = (metric, up, down) {
            let window_ms = window.unwrap_or(MINUTE);
            rules.push(ScalingRule { metric, scale_up, scale_down, window_ms });
        }
        fields.finish(sink);
    }
    rules
}

fn check_rule(
    fields: &Section<'_>,
    metric: Option<Metric>,
    up: Option<f64>,
    down: Option<f64>,
    before: &[ScalingRule],
    sink: &mut Sink,
) {
    if let Some(metric) = metric.filter(|m| before.iter().any(|rule| rule.metric == *m)) {
        let message = format!("a second rule of {}: one each", metric.rule_type());
        sink.fault_at(&fields.at("ruleType"), message);
    }
    if let (Some(up), Some(down)) = (up, down)
        && up <= down
    {
        let message = format!("{up} must be above scaleDown, which is {down}");
        sink.fault_at(&fields.at("scaleUp"), message);
    }
    if let Some(up) = up.filter(|up| metric == Some(Metric::CpuPercent) && *up >= 100.0) {
        let message = format!("{up} percent is never exceeded: use less than 100");
        sink.fault_at(&fields.at("scaleUp"), message);
    }
}

fn storage(path: &str, sections: Vec<Section<'_>>, sink: &mut Sink) -> Vec<VolumeSpec> {
    const KIND: &str = "PersistentStorageConfiguration";
    const MIB: u64 = 1 << 20;
    const TIB: u64 = 1 << 40;
    if sections.len() > VOLUMES_PER_SERVER_MAX {
        let message = format!("too many volumes: at most {VOLUMES_PER_SERVER_MAX}");
        sink.fault_at(path, message);
    }
    let mut volumes: Vec<VolumeSpec> = Vec::new();
    for mut fields in sections {
        let kind = fields.required("type", sink, |t| one_of(t, &[(KIND, KIND)]));
        let mount = fields.required("mountPoint", sink, mount_point);
        let size = fields.required("size", sink, |t| size(t, MIB..=64 * TIB));
        if let Some(mount) = &mount
            && let Some(other) = volumes.iter().find(|v| overlap(&v.mount_point, mount))
        {
            let message = format!("{mount} overlaps {}: each its own place", other.mount_point);
            sink.fault_at(&fields.at("mountPoint"), message);
        }
        if let (Some(kind), Some(mount_point), Some(size_bytes)) = (kind, mount, size) {
            volumes.push(VolumeSpec { kind: kind.to_owned(), mount_point, size_bytes });
        }
        fields.finish(sink);
    }
    volumes
}

/// Whether one directory is the other, or within it.
fn overlap(a: &str, b: &str) -> bool {
    let within = |inner: &str, outer: &str| {
        inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    within(a, b) || within(b, a)
}

fn extra(fields: Option<Section<'_>>, sink: &mut Sink) -> Extra {
    let mut extra = Extra {
        balanced: None,
        balance: None,
        check: None,
        drain_ms: 10 * SECOND,
        launch_timeout_ms: 5 * MINUTE,
        cooldown_up_ms: MINUTE,
        cooldown_down_ms: 2 * MINUTE,
        policy: Policy::default(),
        publish: Vec::new(),
        outbound: false,
        overrides: ReadOverrides::default(),
    };
    let Some(mut fields) = fields else { return extra };
    let mut length = |name, range: std::ops::RangeInclusive<Millis>, into: &mut Millis| {
        let given = fields.optional(name, sink, |t| duration(t, range.clone()));
        *into = given.unwrap_or(*into);
    };
    length("drain", 0..=HOUR, &mut extra.drain_ms);
    length("launchTimeout", 10 * SECOND..=24 * HOUR, &mut extra.launch_timeout_ms);
    length("cooldownUp", 0..=24 * HOUR, &mut extra.cooldown_up_ms);
    length("cooldownDown", 0..=24 * HOUR, &mut extra.cooldown_down_ms);
    extra.policy = policy::read(&mut fields, sink);
    let ready_for = extra.policy.ready_for_ms;
    let reboot_timeout_ms = extra.policy.reboot_timeout_ms;
    let ends = [("launchTimeout", extra.launch_timeout_ms), ("rebootTimeout", reboot_timeout_ms)];
    for (name, end) in ends.into_iter().filter(|(_, end)| ready_for > *end) {
        let (ready_for, end) = (short(ready_for), short(end));
        let message =
            format!("{ready_for} is longer than {name}, which is {end}: no server would be ready");
        sink.fault_at(&fields.at("readyFor"), message);
    }
    if let Some(section) = fields.section("balance", sink) {
        (extra.balanced, extra.balance) = balance(section, sink);
    }
    extra.publish = publish::read(&mut fields, sink);
    extra.outbound = fields.optional("outbound", sink, yes_or_no).unwrap_or(false);
    extra.check = fields.section("check", sink).and_then(|f| ready_check(f, sink));
    let overrides = fields.section("overrides", sink).map(|f| read_overrides(f, sink));
    extra.overrides = overrides.unwrap_or_default();
    fields.finish(sink);
    extra
}

fn balance(mut fields: Section<'_>, sink: &mut Sink) -> (Option<Name>, Option<Balance>) {
    let farm_role = fields.required("farmRole", sink, name);
    let port_behind = fields.required("port", sink, port);
    let listen_port = fields.optional("listenPort", sink, port);
    let check_path = fields.optional("checkPath", sink, url_path);
    fields.finish(sink);
    let balance = farm_role.clone().zip(port_behind).map(|(farm_role, port)| Balance {
        farm_role,
        port,
        listen_port: listen_port.unwrap_or(port),
        check_path: check_path.unwrap_or_else(|| "/".to_owned()),
    });
    (farm_role, balance)
}

fn ready_check(mut fields: Section<'_>, sink: &mut Sink) -> Option<ReadyCheck> {
    let port = fields.required("port", sink, port);
    let path = fields.optional("path", sink, url_path);
    fields.finish(sink);
    Some(ReadyCheck { port: port?, path })
}
