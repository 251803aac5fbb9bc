//! Manifests and what is said of them: a table each for what is read and what is refused.

use super::*;
use crate::base::limit::{MANIFEST_BYTES_MAX, MANIFEST_DEPTH_MAX, MANIFEST_VALUES_MAX};
use crate::model::Metric;
use proptest::prelude::*;

const SHOP: &str = include_str!("../../../assets/examples/shop.yaml");

/// A manifest of one farm role with some fields more, indented by four.
pub(super) fn with(fields: &str) -> String {
    let head = "farm: shop\nfarmRoles:\n  - alias: web\n    role: web-demo\n";
    format!("{head}    cloudPlatform: onboard\n    instanceType: small\n{fields}")
}

#[track_caller]
fn check(text: &str, expected: &[&str]) {
    let said: Vec<String> = match parse(text) {
        Ok(_) => Vec::new(),
        Err(faults) => faults.iter().map(Fault::to_string).collect(),
    };
    assert_eq!(said, expected, "\n{text}");
}

/// FaultsFound of fields added to a farm role; line 7 is the first of them, and their paths begin
/// with `.` for `farmRoles[0].`.
#[track_caller]
pub(super) fn check_with(fields: &str, expected: &[&str]) {
    let text = with(fields);
    let faults = parse(&text).err().unwrap_or_default();
    let said: Vec<String> =
        faults.iter().map(|fault| fault.to_string().replace("farmRoles[0].", ".")).collect();
    assert_eq!(said, expected, "\n{text}");
}

#[track_caller]
pub(super) fn only(text: &str) -> DeclaredFarmRole {
    parse(text).unwrap().farm_roles.remove(0)
}

#[test]
fn the_example_is_read_whole() {
    let shop = parse(SHOP).unwrap();
    assert_eq!(shop.farm.as_str(), "shop");
    assert_eq!(shop.launch_order, LaunchOrder::Sequential);
    let (web, lb) = (&shop.farm_roles[0], &shop.farm_roles[1]);
    assert_eq!((web.scaling.min, web.scaling.max, web.scaling.enabled), (2, 6, true));
    assert_eq!(web.scaling.rules[0].metric, Metric::CpuPercent);
    assert_eq!((web.scaling.rules[0].scale_up, web.scaling.rules[0].scale_down), (60.0, 20.0));
    assert_eq!(web.scaling.rules[0].window_ms, 60_000);
    assert_eq!(web.storage[0].size_bytes, 64 << 20);
    assert_eq!(web.check.as_ref().unwrap().path.as_deref(), Some("/healthz"));
    let balance = lb.balance.as_ref().unwrap();
    assert_eq!(
        (balance.farm_role.as_str(), balance.port, balance.listen_port),
        ("web", 8080, 8080)
    );
    assert_eq!(lb.location, "here");
}

#[test]
fn what_is_not_said_has_scalrs_defaults() {
    let web = only(&with(""));
    assert_eq!((web.scaling.min, web.scaling.max, web.scaling.enabled), (1, 2, false));
    assert_eq!((web.drain_ms, web.launch_timeout_ms), (10_000, 300_000));
    assert_eq!((web.scaling.cooldown_up_ms, web.scaling.cooldown_down_ms), (60_000, 120_000));
    let bounds = |fields: &str| only(&with(&format!("    scaling: {fields}\n"))).bounds();
    assert_eq!(bounds("{minInstances: 5}"), (5, 5));
    assert_eq!(bounds("{maxInstances: 0}"), (0, 0));
    assert_eq!(bounds("{maxInstances: 9}"), (1, 9));
    assert_eq!(bounds("{}"), (1, 2));
    let rules = "    scaling: {rules: [{ruleType: LoadAverages, scaleUp: 1.5, scaleDown: 0.5}]}\n";
    let web = only(&with(rules));
    assert!(web.scaling.enabled);
    assert_eq!(web.scaling.rules[0].window_ms, 60_000);
    assert_eq!(parse("farm: shop").unwrap().farm_roles, []);
    assert_eq!(parse("farm: shop\ndescription:\nfarmRoles: ~").unwrap().description, "");
}

impl DeclaredFarmRole {
    fn bounds(&self) -> (u32, u32) {
        (self.scaling.min, self.scaling.max)
    }
}

#[test]
fn every_fault_is_told_at_once() {
    check(
        "farm: my shop\nlaunchOrder: sequentail\nfarmRoles:\n  - alias: web\n    rolle: web-demo\n\
         \x20   cloudPlatform: onboard\n    instanceType: small\n    scaling:\n\
         \x20     minInstances: 7\n      maxInstances: 5\n  - web\n",
        &[
            "line 1: farm: \"my shop\" is not a name: use 1 to 63 letters, digits and '-', with a \
             letter or digit at both ends",
            "line 2: launchOrder: \"sequentail\" is not known: did you mean sequential?",
            "line 4: farmRoles[0].role: missing: role has no default",
            "line 5: farmRoles[0].rolle: unknown field \"rolle\": did you mean role?",
            "line 9: farmRoles[0].scaling.minInstances: 7 is above maxInstances, which is 5: \
             lower it or raise that",
            "line 11: farmRoles[1]: expected a section with fields, found \"web\"",
        ],
    );
}

#[test]
fn the_shape_is_checked() {
    let empty = "line 1: the manifest is empty: it needs at least `farm: <name>`";
    check("", &[empty]);
    check("# nothing\n", &[empty]);
    check("- a\n", &["line 1: expected a section with fields, found a list"]);
    check("{}\n", &["line 1: farm: missing: farm has no default"]);
    check("farm:\n", &["line 1: farm: missing: farm has no default"]);
    check("farm: [a]\n", &["line 1: farm: expected a name, found a list"]);
    check(
        "farm: a\nfarmRoles: web\n",
        &["line 2: farmRoles: expected a list (lines that begin with `-`), found \"web\""],
    );
    check("farm: a\nfarm: b\n", &["line 2: farm: given twice: it is on line 1 already"]);
    check(
        "farm: a\ncolour: red\n",
        &["line 2: colour: unknown field \"colour\": there are farm, description, launchOrder, \
         farmRoles"],
    );
    check(
        "farm: a\n? [b, c]\n: d\n",
        &[
            "line 2: the name of a field is one word, not a list or a section",
            "line 2: unknown field \"\": there are farm, description, launchOrder, farmRoles",
        ],
    );
    check(
        "farm: \"a\n",
        &["line 1: this is not YAML: while scanning a quoted scalar, found unexpected \
         end of stream (column 7)"],
    );
}

#[test]
fn yaml_that_surprises_is_refused() {
    check(
        "farm: &x a\ndescription: *x\n",
        &[
            "line 1: farm: no anchors (`&name`) here: write the value out",
            "line 2: description: no aliases (`*name`) here: write the value out",
        ],
    );
    check(
        "farm: !!str a\n",
        &["line 1: farm: no tags (`!name`) here: fields have their types already"],
    );
    check(
        "farm: *x\n",
        &["line 1: this is not YAML: while parsing node, found unknown anchor (column 7)"],
    );
    let deep = format!("farm: {}", "[".repeat(MANIFEST_DEPTH_MAX));
    check(&deep, &["line 1: nested deeper than 32"]);
    let many = format!("farm: [{}]", "1,".repeat(MANIFEST_VALUES_MAX));
    check(&many, &["line 1: more than 50000 values"]);
    let long = format!("farm: {}", "a".repeat(MANIFEST_BYTES_MAX));
    check(&long, &["line 1: 1048582 bytes are too many: at most 1048576"]);
}

#[test]
fn counts_are_checked() {
    let scaling = |text: &str, expected: &[&str]| {
        check_with(&format!("    scaling: {{{text}}}\n"), expected);
    };
    let not_whole = |found: &str| {
        format!(
            "line 7: .scaling.minInstances: expected a whole number from 0 to 400, \
             found {found}"
        )
    };
    scaling("minInstances: two", &[&not_whole("\"two\"")]);
    scaling("minInstances: \"2\"", &[&not_whole("\"2\"")]);
    scaling("minInstances: 2.5", &[&not_whole("\"2.5\"")]);
    scaling("minInstances: 0x10", &[&not_whole("\"0x10\"")]);
    scaling("minInstances: -1", &["line 7: .scaling.minInstances: -1 is not within 0 to 400"]);
    scaling(
        "maxInstances: 99999999999999999999",
        &["line 7: .scaling.maxInstances: 99999999999999999999 is not within 0 to 400"],
    );
    scaling("enabled: yes", &["line 7: .scaling.enabled: expected true or false, found \"yes\""]);
}

#[test]
fn rules_are_checked() {
    let rule = |text: &str, expected: &[&str]| {
        check_with(&format!("    scaling:\n      rules: [{text}]\n"), expected);
    };
    rule(
        "{ruleType: CpuPercent, scaleUp: 60, scaleDown: 20, window: 60}",
        &["line 8: .scaling.rules[0].window: \"60\" has no unit that is known: write a \
         length of time such as 500ms, 60s, 5m or 2h"],
    );
    rule(
        "{ruleType: CpuPercent, scaleUp: 60, scaleDown: 20, window: 3h}",
        &["line 8: .scaling.rules[0].window: 3h is not within 10s to 1h"],
    );
    rule(
        "{ruleType: Cpu, scaleUp: 20, scaleDown: 60}",
        &[
            "line 8: .scaling.rules[0].ruleType: \"Cpu\" is not known: there are \
         CpuPercent, LoadAverages",
            "line 8: .scaling.rules[0].scaleUp: 20 must be above scaleDown, which is 60",
        ],
    );
    rule(
        "{ruleType: CpuPercent, scaleUp: 100, scaleDown: nan}",
        &[
            "line 8: .scaling.rules[0].scaleUp: 100 percent is never exceeded: use less \
         than 100",
            "line 8: .scaling.rules[0].scaleDown: expected a number such as 60 or 1.5, \
         found \"nan\"",
        ],
    );
    let load = "{ruleType: LoadAverages, scaleUp: 2, scaleDown: 1, name: busy}";
    rule(
        &format!("{load}, {load}"),
        &["line 8: .scaling.rules[1].ruleType: a second rule of LoadAverages: one each"],
    );
}

#[test]
fn volumes_are_checked() {
    let volume = |text: &str, expected: &[&str]| {
        check_with(&format!("    storage: [{{{text}}}]\n"), expected);
    };
    let kind = "type: PersistentStorageConfiguration";
    volume(
        &format!("{kind}, mountPoint: data, size: 1GB"),
        &[
            "line 7: .storage[0].mountPoint: \"data\" is not an absolute directory such as \
         /data",
            "line 7: .storage[0].size: \"1GB\" has no unit that is known: write a size \
         such as 512MiB, 1GiB or 2TiB",
        ],
    );
    volume(
        &format!("{kind}, mountPoint: /srv/../etc, size: 99999TiB"),
        &[
            "line 7: .storage[0].mountPoint: \"/srv/../etc\" is not an absolute directory \
         such as /data",
            "line 7: .storage[0].size: 99999TiB is not within 1 MiB to 67108864 MiB",
        ],
    );
    volume(
        &format!("{kind}, mountPoint: /etc/x, size: 1GiB"),
        &["line 7: .storage[0].mountPoint: \"/etc/x\" belongs to the server's system: \
         use /data or /srv"],
    );
    volume(
        "type: Ebs, mountPoint: /data, size: 1 GiB",
        &["line 7: .storage[0].type: \"Ebs\" is not known: there are \
         PersistentStorageConfiguration"],
    );
    let one = |place: &str| format!("{{{kind}, mountPoint: {place}, size: 1GiB}}");
    check_with(
        &format!("    storage:\n      - {}\n      - {}\n", one("/data"), one("/data/x")),
        &["line 9: .storage[1].mountPoint: /data/x overlaps /data: each its own place"],
    );
    check_with(
        &format!("    storage:\n      - {}\n      - {}\n", one("/data"), one("/data2")),
        &[],
    );
}

#[test]
fn references_within_the_file_are_checked() {
    let second = "  - alias: web\n    role: haproxy\n    cloudPlatform: onboard\n    \
                  instanceType: small\n    grange: {balance: {farmRole: wbe, port: 80}}\n";
    check_with(
        second,
        &[
            "line 7: farmRoles[1].alias: web is the alias of farmRoles[0] already",
            "line 11: farmRoles[1].grange.balance.farmRole: no farm role wbe in this file: \
             there are web",
        ],
    );
    check_with(
        "    grange: {balance: {farmRole: web, port: 0, checkPath: health}}\n",
        &[
            "line 7: .grange.balance.farmRole: a farm role cannot balance itself",
            "line 7: .grange.balance.port: 0 is not within 1 to 65535",
            "line 7: .grange.balance.checkPath: \"health\" is not a URL path such as \
         /healthz",
        ],
    );
    check_with(
        "    grange: {balance: {farmRole: web, port: 80}}\n",
        &["line 7: .grange.balance.farmRole: a farm role cannot balance itself"],
    );
    check_with(
        "    grange: {check: {port: 80, path: \"/a b\"}, drain: 2h}\n",
        &[
            "line 7: .grange.check.path: \"/a b\" is not a URL path such as /healthz",
            "line 7: .grange.drain: 2h is not within 0s to 1h",
        ],
    );
    check_with(
        "    grange: {unhealthyFor: 5s}\n",
        &["line 7: .grange.unhealthyFor: 5s is not within 10s to 24h"],
    );
    check_with(
        "    grange: {readyFor: 6m, launchTimeout: 90s, rebootTimeout: 10m}\n",
        &["line 7: .grange.readyFor: 6m is longer than launchTimeout, which is 90s: no server \
           would be ready"],
    );
    check_with(
        "    grange: {readyFor: 6m, launchTimeout: 6m}\n",
        &["line 7: .grange.readyFor: 6m is longer than rebootTimeout, which is 5m: no server \
           would be ready"],
    );
}

#[test]
fn what_service_finds_has_its_line_too() {
    let check = |path: &str, line: usize| {
        let mut shop = read(SHOP);
        shop.add(path, "x");
        let problem = problem(shop.finish().unwrap_err()).unwrap();
        assert_eq!(problem.to_string(), format!("line {line}: {path}: x"));
    };
    check("farmRoles[0].role", 7);
    check("farmRoles[1].cloudPlatform", 28);
    // `cloudLocation` is left to its default: the farm role's own line.
    check("farmRoles[1].cloudLocation", 26);
    check("nonsense", 1);
}

/// A farm role with a list of others it depends on, on five lines.
fn depending(alias: &str, on: &str) -> String {
    format!(
        "  - alias: {alias}\n    role: web-demo\n    cloudPlatform: onboard\n    \
         instanceType: small\n    grange: {{dependsOn: [{on}]}}\n"
    )
}

#[test]
fn cycles_are_told_once_each() {
    let all = |roles: &[(&str, &str)]| {
        let roles: String = roles.iter().map(|(alias, on)| depending(alias, on)).collect();
        format!("farm: shop\nfarmRoles:\n{roles}")
    };
    let round = "a cycle, so that none of them could be first";
    check(&all(&[("a", "b, c"), ("b", "c, d"), ("c", "d"), ("d", "")]), &[]);
    check(
        &all(&[("a", "b"), ("b", "c"), ("c", "a"), ("d", "a")]),
        &[&format!("line 17: farmRoles[2].grange.dependsOn[0]: {round}: a -> b -> c -> a")],
    );
    check(
        &all(&[("a", "a, b"), ("b", "a, b"), ("c", "d"), ("d", "e, c")]),
        &[
            "line 7: farmRoles[0].grange.dependsOn[0]: a farm role cannot depend on itself",
            &format!("line 12: farmRoles[1].grange.dependsOn[0]: {round}: a -> b -> a"),
            "line 12: farmRoles[1].grange.dependsOn[1]: a farm role cannot depend on itself",
            "line 22: farmRoles[3].grange.dependsOn[0]: no farm role e in this file: did you mean \
             a?",
            &format!("line 22: farmRoles[3].grange.dependsOn[1]: {round}: c -> d -> c"),
        ],
    );
    // As long as the largest file has room for: one walk, and a sentence that a person reads.
    let many: Vec<(String, String)> =
        (0..2000).map(|i| (format!("r{i}"), format!("r{}", (i + 1) % 2000))).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    check(
        &all(&many),
        &[
            "line 3: farmRoles: 2000 farm roles: at most 250",
            &format!(
                "line 10002: farmRoles[1999].grange.dependsOn[0]: {round}: r0 -> r1 -> r2 -> r3 -> \
                 r4 -> r5 -> r6 -> r7 -> r8 -> r9 -> ... 1991 more"
            ),
        ],
    );
}

/// Every kind of fault in one file, as the round that a person fixes.
#[test]
fn faults_of_every_kind_come_together() {
    let text = format!(
        "launchOrder: later\nfarmRoles:\n{}{}  - alias: web\n    role: [nginx]\n    \
         instanceType: *x\n    colour: red\n    scaling: {{minInstances: -1, maxInstances: \
         99999999999}}\n    grange: {{balance: {{farmRole: wbe}}}}\n",
        depending("web", "db"),
        depending("db", "web").replace("    role: web-demo\n", "")
    )
    .replace("launchOrder", "description: &x shop\nlaunchOrder");
    check(
        &text,
        &[
            "line 1: farm: missing: farm has no default",
            "line 1: description: no anchors (`&name`) here: write the value out",
            "line 2: launchOrder: \"later\" is not known: there are simultaneous, sequential",
            "line 9: farmRoles[1].role: missing: role has no default",
            "line 12: farmRoles[1].grange.dependsOn[0]: a cycle, so that none of them could be \
             first: web -> db -> web",
            "line 13: farmRoles[2].cloudPlatform: missing: cloudPlatform has no default",
            "line 13: farmRoles[2].alias: web is the alias of farmRoles[0] already",
            "line 14: farmRoles[2].role: expected a name, found a list",
            "line 15: farmRoles[2].instanceType: no aliases (`*name`) here: write the value out",
            "line 16: farmRoles[2].colour: unknown field \"colour\": there are alias, role, \
             roleRevision, cloudPlatform, cloudAccount, cloudLocation, instanceType, \
             launchIndex, useScalrAgent, scaling, storage, grange",
            "line 17: farmRoles[2].scaling.minInstances: -1 is not within 0 to 400",
            "line 17: farmRoles[2].scaling.maxInstances: 99999999999 is not within 0 to 400",
            "line 18: farmRoles[2].grange.balance.port: missing: port has no default",
            "line 18: farmRoles[2].grange.balance.farmRole: no farm role wbe in this file: there \
             are db, web",
        ],
    );
}

/// A megabyte of nesting is refused at its 33rd level, of whatever kind it is, without a stack to
/// overflow: the test's own thread has little.
#[test]
fn a_megabyte_of_nesting_is_refused() {
    let deep = |open: &str| format!("farm: {}", open.repeat((1 << 20) / open.len() - 8));
    let lines: String = (0..1000).map(|i| format!("{}- a:\n", " ".repeat(2 * i))).collect();
    let bounded = |text: String| {
        let read = move || parse(&text).unwrap_err().iter().map(Fault::to_string).collect();
        let thread = std::thread::Builder::new().stack_size(256 * 1024).spawn(read);
        let faults: Vec<String> = thread.unwrap().join().unwrap();
        faults
    };
    for open in ["[", "{a: ", "- ", "? ", "[{a: ["] {
        let faults = bounded(deep(open));
        assert_eq!(faults.len(), 1, "{open}: {faults:?}");
    }
    assert_eq!(bounded(deep("[")), ["line 1: nested deeper than 32"]);
    assert_eq!(bounded(deep("{a: ")), ["line 1: nested deeper than 32"]);
    assert_eq!(bounded(lines), ["line 17: nested deeper than 32"]);
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,200}") {
        let _ = parse(&text);
    }

    /// The example with a piece cut out or doubled: near misses reach deeper than noise does.
    #[test]
    fn no_mangled_manifest_panics(at in 0usize..SHOP.len(), length in 0usize..80, twice: bool) {
        let end = (at + length).min(SHOP.len());
        let piece = if twice { [&SHOP[at..end], &SHOP[at..end]].concat() } else { String::new() };
        let text = [&SHOP[..at], &piece, &SHOP[end..]].concat();
        if let Err(faults) = parse(&text) {
            prop_assert!(!faults.is_empty());
            let lines = text.lines().count() + 1;
            prop_assert!(faults.iter().all(|f| (1..=lines).contains(&f.place.line)), "{faults:?}");
        }
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse(&String::from_utf8_lossy(&bytes));
    }

    /// What YAML is made of, in any order.
    #[test]
    fn no_soup_of_yaml_panics(pieces in proptest::collection::vec(
        proptest::sample::select(vec![
            "farm", ": ", "- ", "\n", "  ", "[", "]", "{", "}", ",", "? ", "&a ", "*a", "!t ", "|",
            ">", "\"", "'", "#", "---\n", "...", "%YAML", "\t", "é", "farmRoles:\n", "~", "<<: ",
        ]), 0..60)) {
        let _ = parse(&pieces.concat());
    }
}

#[test]
fn what_only_the_appliance_finds_is_told_with_the_rest() {
    // Without `farm`, with a farm role that lacks its alias: what it refers to is still looked up.
    let text = "farmRoles:\n  - role: webb\n    cloudPlatform: here\n    instanceType: [small]\n\
                \x20   scaling: {minInstances: many}\n";
    let mut reading = read(text);
    let expected = Reference {
        path: "farmRoles[0]".into(),
        role: Some(Name::new("webb").unwrap()),
        platform: Some("here".into()),
        ..Reference::default()
    };
    assert_eq!(reading.references, [expected]);
    for field in ["role", "scaling", "scaling.minInstances", "instanceType", "scalin"] {
        reading.add(&format!("farmRoles[0].{field}"), "not so");
    }
    let told: Vec<String> =
        reading.finish().unwrap_err().iter().map(|fault| fault.to_string()).collect();
    let expected = [
        "line 1: farm: missing: farm has no default",
        "line 2: farmRoles[0].alias: missing: alias has no default",
        "line 2: farmRoles[0].scalin: not so",
        "line 2: farmRoles[0].role: not so",
        "line 4: farmRoles[0].instanceType: expected a word, found a list",
        "line 5: farmRoles[0].scaling.minInstances: expected a whole number from 0 to 400, found \
         \"many\"",
    ];
    assert_eq!(told, expected);
}
