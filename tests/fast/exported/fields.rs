//! Manifests with any field there is: left out, with its default, and with what is like something
//! else in YAML.

use grange::base::text::{self, Kind};
use grange::wire::manifest::parse;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use std::collections::BTreeSet;

/// A field and what it may have; each was read before, so that all of them can be together.
type Field = (&'static str, &'static [&'static str]);

const FARM: &[Field] = &[("launchOrder", &["simultaneous", "sequential"])];
const ROLE: &[Field] = &[
    ("cloudLocation", &["here", "there", "1.5", "'null'", "\"true\"", "eu-west-1/a_b.c", "0x1F"]),
    ("launchIndex", &["0", "7", "10000"]),
    ("useScalrAgent", &["true", "false"]),
];
const SIZE: &[Field] = &[("instanceType", &["small", "large"])];
const SCALING: &[Field] = &[
    ("enabled", &["true", "false"]),
    ("minInstances", &["0", "1", "2"]),
    ("maxInstances", &["2", "9", "400"]),
    ("scalingBehavior", &["launch-terminate", "suspend-resume"]),
];
const UP: &[Field] = &[("scaleUp", &["60", "99.5", "80.25", "60.0"])];
const DOWN: &[Field] = &[("scaleDown", &["0", "20", "0.125", "59.999", ".5"])];
const RULE: &[Field] =
    &[("window", &["60s", "1m", "10s", "90000ms", "1h"]), ("name", &["busy", "'1'"])];
const SIZES: [&str; 6] = ["1MiB", "1536MiB", "2GiB", "64TiB", "1025KiB", "1048576KiB"];
const GRANGE: &[Field] = &[
    ("drain", &["10s", "1500ms", "0s", "1h", "60m"]),
    ("launchTimeout", &["5m", "24h", "10001ms"]),
    ("cooldownUp", &["60s", "0s", "61s"]),
    ("cooldownDown", &["2m", "90s", "24h"]),
    ("heal", &["replace", "restart", "alert", "none"]),
    ("dependsOn", &["[]", "[db]"]),
    ("readyFor", &["0s", "10s", "250ms"]),
    ("rebootTimeout", &["5m", "61s"]),
    ("unhealthyFor", &["5m", "1h"]),
    ("replaceWithVolumes", &["true", "false"]),
    ("outbound", &["true", "false"]),
    (
        "overrides",
        &[
            "{}",
            "{files: [{path: /etc/x, template: '{{ farm.name }}', mode: '0600'}]}",
            "{setup: [{run: 'true'}, {run: id, name: who, timeout: 61s, rerun: true}]}",
        ],
    ),
    ("removalPolicy", &["highest-index", "oldest", "newest", "least-busy", "previous-revision"]),
    ("missingServers", &["terminate", "flag", "ignore"]),
    ("availabilityZones", &["[]", "[a]", "[1.5, 'null', a]"]),
];
const CHECK: &[Field] = &[("path", &["/", "'/a?b=1&c={x}:%20'", "'/,[]&*!|>%@'"])];
const BALANCE: &[Field] = &[("listenPort", &["8080", "80"]), ("checkPath", &["/", "'/up?a=b:c'"])];
const ROLLOUT: &[Field] = &[
    ("strategy", &["serial", "full"]),
    ("minHealthyPercent", &["90", "0", "100"]),
    ("maxPercent", &["110", "200"]),
    ("batch", &["1", "400"]),
    ("failuresMax", &["2", "400"]),
    ("checkpoints", &["[]", "[10, 50]", "[99]"]),
    ("checkpointWait", &["2h", "168h", "1s"]),
    ("rollback", &["true", "false"]),
];
const PUBLISH: &[Field] =
    &[("address", &["192.0.2.1", "'2001:db8::1'"]), ("protocol", &["tcp", "udp"])];
/// Fields that are always there, or whose value is made here.
const MADE: [&str; 26] = [
    "environment",
    "files",
    "setup",
    "farm",
    "cloudAccount",
    "description",
    "farmRoles",
    "alias",
    "role",
    "cloudPlatform",
    "scaling",
    "storage",
    "grange",
    "rules",
    "ruleType",
    "type",
    "mountPoint",
    "size",
    "rollout",
    "check",
    "balance",
    "port",
    "farmRole",
    "instanceType",
    "publish",
    "to",
];

/// Names of ours that are like something else.
const NAMES: [&str; 9] = ["web", "true", "No", "1e5", "007", "0x1F", "NaN", "null", "12-34"];

/// A field with one of its values.
fn one((name, values): &'static Field) -> impl Strategy<Value = String> {
    select(*values).prop_map(move |value| format!("{name}: {value}"))
}

/// All of these fields, each with one of its values.
fn all(fields: &'static [Field]) -> impl Strategy<Value = Vec<String>> {
    fields.iter().map(one).collect::<Vec<_>>()
}

/// Some of these fields, each with one of its values.
fn some(fields: &'static [Field]) -> impl Strategy<Value = Vec<String>> {
    let each: Vec<_> = fields.iter().map(|field| option::of(one(field))).collect();
    each.prop_map(|chosen| chosen.into_iter().flatten().collect())
}

/// A field with other fields in it.
fn section(
    name: &'static str,
    fields: impl Strategy<Value = Vec<String>>,
) -> impl Strategy<Value = Vec<String>> {
    option::of(fields).prop_map(move |fields| {
        fields.map(|fields| format!("{name}: {{{}}}", fields.join(", "))).into_iter().collect()
    })
}

fn rule(metric: &'static str) -> impl Strategy<Value = Vec<String>> {
    let rule = (all(UP), all(DOWN), some(RULE));
    option::of(rule).prop_map(move |rule| {
        let line = |(up, down, rest): (Vec<String>, Vec<String>, Vec<String>)| {
            let kind = vec![format!("ruleType: {metric}")];
            format!("{{{}}}", [kind, up, down, rest].concat().join(", "))
        };
        rule.map(line).into_iter().collect()
    })
}

fn scaling() -> impl Strategy<Value = Vec<String>> {
    let rules = (rule("CpuPercent"), rule("LoadAverages"), any::<bool>());
    let rules = rules.prop_map(|(cpu, load, given)| {
        let rules = [cpu, load].concat();
        let line = || format!("rules: [{}]", rules.join(", "));
        (given || !rules.is_empty()).then(line).into_iter().collect::<Vec<String>>()
    });
    section("scaling", (some(SCALING), rules).prop_map(|(some, rules)| [some, rules].concat()))
}

fn storage() -> impl Strategy<Value = Vec<String>> {
    let mounts = subsequence(vec!["/data", "/srv/1.5", "/var/lib/a_b-c", "/1e5"], 0..=4);
    (mounts, vec(select(SIZES.to_vec()), 4)).prop_map(|(mounts, sizes)| {
        let volume = |(mount, size): (&&str, &&str)| {
            format!("{{type: PersistentStorageConfiguration, mountPoint: {mount}, size: {size}}}")
        };
        let volumes: Vec<String> = mounts.iter().zip(&sizes).map(volume).collect();
        vec![format!("storage: [{}]", volumes.join(", "))]
    })
}

/// What is under `grange`, with what it balances.
fn grange(balances: Option<&'static str>, published: u16) -> impl Strategy<Value = Vec<String>> {
    let port = |fields: Vec<String>| [vec!["port: 8080".to_owned()], fields].concat();
    let check = section("check", some(CHECK).prop_map(port));
    let balance = some(BALANCE).prop_map(move |fields| match balances {
        None => Vec::new(),
        Some(role) => {
            vec![format!("balance: {{farmRole: '{role}', {}}}", port(fields).join(", "))]
        }
    });
    let publish = option::of(some(PUBLISH)).prop_map(move |rest| {
        let item = |rest: Vec<String>| {
            let made = vec![format!("port: {published}"), "to: 8080".to_owned()];
            format!("publish: [{{{}}}]", [made, rest].concat().join(", "))
        };
        rest.map(item).into_iter().collect::<Vec<String>>()
    });
    let parts = (some(GRANGE), section("rollout", some(ROLLOUT)), check, balance, publish);
    parts.prop_map(|(fields, rollout, check, balance, publish)| {
        let fields = [fields, rollout, check, balance, publish].concat();
        vec![format!("grange: {{{}}}", fields.join(", "))]
    })
}

fn farm_role(
    alias: &'static str,
    role: &'static str,
    balances: Option<&'static str>,
) -> impl Strategy<Value = String> {
    // Each its own port of the machine.
    let published = 80 + u16::try_from(role.len()).unwrap_or_default();
    let parts = (some(ROLE), all(SIZE), scaling(), storage(), grange(balances, published));
    parts.prop_map(move |(some, size, scaling, storage, grange)| {
        let what = [format!("alias: '{alias}'"), format!("role: {role}")];
        let fields = [what.to_vec(), some, size, scaling, storage, grange].concat();
        format!("  - cloudPlatform: simulated\n    {}\n", fields.join("\n    "))
    })
}

fn description() -> impl Strategy<Value = Option<String>> {
    let odd = select(vec!["\"", "'", "\\", "#", ": ", " ", "\n", "\u{e9}", "\u{1f42e}", "- ", "1"]);
    let any = "(.|[ -~]){0,12}";
    option::of(vec(prop_oneof![odd.prop_map(str::to_owned), any], 0..6)).prop_map(|parts| {
        let good = |c: &char| text::fault(&c.to_string(), Kind::Lines, 4).is_none();
        let text: String = parts?.concat().chars().filter(good).collect();
        (!text.is_empty()).then_some(text)
    })
}

/// Whole manifests of a farm with up to three farm roles.
pub fn declarations() -> impl Strategy<Value = String> {
    let names = (select(NAMES.to_vec()), select(NAMES.to_vec()));
    (names, any::<bool>(), description(), some(FARM)).prop_flat_map(
        |((farm, web), balanced, description, fields)| {
            let db = farm_role("db", "base", None)
                .prop_map(|role| role.replace("dependsOn: [db]", "dependsOn: []"));
            let lb = farm_role("lb", "haproxy", Some(web));
            let roles = (farm_role(web, "web-demo", None), db, lb);
            roles.prop_map(move |(web, db, lb)| {
                let mut text = format!("farm: '{farm}'\n");
                for field in &fields {
                    text += &format!("{field}\n");
                }
                if let Some(description) = &description {
                    // What JSON escapes, YAML does too.
                    text += &format!("description: {}\n", serde_json::json!(description));
                }
                text + "farmRoles:\n" + &web + &db + if balanced { &lb } else { "" }
            })
        },
    )
}

/// A farm of a web tier, and a balancer in front of it.
pub fn plain(balanced: bool) -> String {
    let mut text = "farm: shop\nfarmRoles:\n".to_owned();
    let mut add = |alias, role, rest| {
        let line = "cloudPlatform: simulated, instanceType: small";
        text += &format!("  - {{alias: {alias}, role: {role}, {line}{rest}}}\n");
    };
    add("web", "web-demo", "");
    if balanced {
        add("lb", "haproxy", ", grange: {balance: {farmRole: web, port: 8080}}");
    }
    text
}

/// A field nobody knows in each section, so that the parser tells which it does know.
const STRANGERS: &str = "
farm: shop
zz: 1
farmRoles:
  - {alias: web, zz: 1, scaling: {zz: 1, rules: [{zz: 1}]}, storage: [{zz: 1}],
     grange: {zz: 1, rollout: {zz: 1}, balance: {zz: 1}, check: {zz: 1},
     overrides: {zz: 1},
     publish: [{zz: 1}]}}
";

#[test]
fn every_field_there_is_is_among_them() {
    let faults = parse(STRANGERS).unwrap_err();
    let known = faults.iter().filter_map(|fault| fault.message.split_once(": there are "));
    let known: Vec<&str> = known.flat_map(|(_, fields)| fields.split(", ")).collect();
    let tables =
        [FARM, ROLE, SIZE, SCALING, UP, DOWN, RULE, GRANGE, CHECK, BALANCE, ROLLOUT, PUBLISH];
    let made = tables.iter().flat_map(|table| table.iter().map(|(name, _)| *name));
    // Which revision of its role a farm role pins is not exported: a manifest without it keeps it.
    let made: BTreeSet<&str> = made.chain(MADE).chain(["roleRevision"]).collect();
    assert!(known.len() > 50, "not every section told its fields: {faults:?}");
    assert_eq!(known.into_iter().collect::<BTreeSet<&str>>(), made);
}
