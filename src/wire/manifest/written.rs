//! Whatever farm is declared, its text is read again as the same.

use super::*;
use crate::model::{
    HealMode, Metric, MissingPolicy, OnChange, Protocol, PublishTo, RemovalPolicy, RoleFile,
    RolloutPolicy, RolloutStrategy, ScalingBehavior, ScalingRule, SetupPart,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

const MINUTE: Millis = 60_000;

/// Names, and words that YAML could take for something else.
fn names() -> impl Strategy<Value = Name> {
    let odd = ["null", "true", "no", "y", "on", "off", "false", "yes", "e5", "x0"];
    let odd = select(odd.to_vec()).prop_map(str::to_owned);
    prop_oneof![1 => odd, 4 => "[a-z][a-z0-9]{0,8}"].prop_map(|text| Name::new(&text).unwrap())
}

fn words() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Z0-9._/-]{1,12}",
        select(vec!["-", "---", "1.5", "null", "0x1", "..."]).prop_map(str::to_owned)
    ]
}

/// Lengths of time in each unit.
fn lengths(from: Millis, to: Millis) -> impl Strategy<Value = Millis> {
    let unit = select(vec![1, 1000, MINUTE, 60 * MINUTE]);
    (from..=to, unit).prop_map(move |(length, unit)| (length / unit * unit).max(from))
}

fn scaling() -> impl Strategy<Value = ScalingPolicy> {
    let bounds = (0.0..30.0f64, 1..500u32, any::<bool>());
    let rule = (bounds, lengths(10_000, 60 * MINUTE)).prop_map(|((down, up, whole), window_ms)| {
        let down = if whole { down.trunc() } else { (down * 1000.0).round() / 1000.0 };
        let scale_up = (down + f64::from(up) / 10.0).min(99.5);
        ScalingRule { metric: Metric::CpuPercent, scale_up, scale_down: down, window_ms }
    });
    let cooldowns = (lengths(0, 1440 * MINUTE), lengths(0, 1440 * MINUTE));
    (any::<bool>(), 0..200u32, 0..200u32, vec(rule, 0..=2), cooldowns).prop_map(
        |(enabled, min, above, mut rules, (cooldown_up_ms, cooldown_down_ms))| {
            if let Some(second) = rules.get_mut(1) {
                second.metric = Metric::LoadAverages;
            }
            let max = min + above;
            ScalingPolicy { enabled, min, max, rules, cooldown_up_ms, cooldown_down_ms }
        },
    )
}

fn rollouts() -> impl Strategy<Value = RolloutPolicy> {
    let shares = (0..=100u32, 100..=200u32, 1..=400u32, 1..=400u32);
    let checkpoints = subsequence((1..=99u32).collect::<Vec<_>>(), 0..=10);
    let strategy = select(vec![RolloutStrategy::Serial, RolloutStrategy::Full]);
    let ends = (option::of(lengths(1_000, 10_000 * MINUTE)), any::<bool>());
    (strategy, shares, checkpoints, ends).prop_map(|(strategy, shares, checkpoints, ends)| {
        let (min_healthy_percent, max_percent, batch, failures_max) = shares;
        let (checkpoint_wait_ms, rollback) = ends;
        RolloutPolicy {
            strategy,
            min_healthy_percent,
            max_percent,
            batch,
            checkpoints,
            checkpoint_wait_ms,
            failures_max,
            rollback,
        }
    })
}

fn policies() -> impl Strategy<Value = Policy> {
    use HealMode::{Alert, None, Replace, Restart};
    use MissingPolicy::{Flag, Ignore, Terminate};
    use RemovalPolicy::{HighestIndex, LeastBusy, Newest, Oldest, PreviousRevision};
    let modes = (
        select(vec![Replace, Restart, Alert, None]),
        select(vec![Terminate, Flag, Ignore]),
        select(vec![HighestIndex, Oldest, Newest, LeastBusy, PreviousRevision]),
        select(vec![ScalingBehavior::LaunchTerminate, ScalingBehavior::SuspendResume]),
    );
    let times =
        (lengths(0, 10_000), lengths(10_000, 1440 * MINUTE), lengths(10_000, 1440 * MINUTE));
    let rollout = prop_oneof![Just(RolloutPolicy::default()), rollouts()];
    let rest = (any::<bool>(), any::<bool>(), vec(words(), 0..=2), rollout);
    (modes, times, rest).prop_map(|(modes, times, (agent, replace, mut zones, rollout))| {
        zones.dedup();
        Policy {
            agent,
            heal: modes.0,
            missing: modes.1,
            removal: modes.2,
            behavior: modes.3,
            depends_on: Vec::new(),
            ready_for_ms: times.0,
            reboot_timeout_ms: times.1,
            unhealthy_for_ms: times.2,
            replace_with_volumes: replace,
            zones,
            rollout,
        }
    })
}

fn farm_roles() -> impl Strategy<Value = DeclaredFarmRole> {
    let what = (names(), names(), words(), words(), words(), 0..=10_000u32);
    let unit = select(vec![10u32, 20, 30, 40]);
    let volume = (1..64u64, unit, any::<bool>())
        .prop_map(|(n, bits, odd)| (n << bits).max(1 << 20) + (u64::from(odd) << 10));
    let volumes = vec(volume, 0..=3);
    let path = "/[a-zA-Z0-9:?&=%{},*!@~+/-]{0,20}";
    let check = option::of((1..=u16::MAX, option::of(path)));
    let times = (lengths(0, 60 * MINUTE), lengths(10_000, 1440 * MINUTE));
    (what, scaling(), volumes, check, times, policies()).prop_map(
        |(what, scaling, volumes, check, (drain_ms, launch_timeout_ms), policy)| {
            let (alias, role, platform, location, instance_type, launch_index) = what;
            let volume = |(place, size_bytes): (usize, u64)| VolumeSpec {
                kind: "PersistentStorageConfiguration".into(),
                mount_point: format!("/srv/{place}"),
                size_bytes,
            };
            DeclaredFarmRole {
                path: String::new(),
                alias,
                role,
                role_revision: (launch_index % 3 == 1).then_some(u64::from(launch_index)),
                account: (launch_index % 5 == 1).then(|| platform.clone()),
                platform,
                location,
                instance_type,
                launch_index,
                scaling,
                storage: volumes.into_iter().enumerate().map(volume).collect(),
                balance: None,
                check: check.map(|(port, path)| ReadyCheck { port, path }),
                drain_ms,
                launch_timeout_ms,
                policy,
                publish: Vec::new(),
                outbound: launch_index % 2 == 1,
                overrides: overrides(launch_index),
            }
        },
    )
}

/// What is laid over a role: nothing, or something of every kind.
fn overrides(place: u32) -> Overrides {
    if place.is_multiple_of(3) {
        return Overrides::default();
    }
    let mode = [("MODE", "true"), ("A", "{{ vars.X }}")].map(|(n, v)| (n.to_owned(), v.to_owned()));
    let file = RoleFile {
        path: "/etc/x: y".into(),
        content: format!("a: {place}\n  b\n"),
        template: place.is_multiple_of(2),
        mode: 0o600,
        owner: Some("app".into()),
        check: vec!["grep".into(), "{}".into()],
        on_change: Some(OnChange::Reload("api".into())),
    };
    let part = SetupPart {
        name: "first".into(),
        script: "echo 1\necho 2\n".into(),
        run_as: None,
        timeout_ms: 61_000,
        rerun: true,
    };
    Overrides {
        environment: [("no".into(), mode.into()), ("y".into(), Default::default())].into(),
        files: vec![file; (place % 2) as usize],
        setup: vec![part],
    }
}

/// Ports that no other farm role has, of every kind.
fn published(place: usize) -> Vec<Publish> {
    let port = 1_000 + 10 * u16::try_from(place).unwrap_or_default();
    let one = |offset: u16, to, address: &str, protocol| Publish {
        port: port + offset,
        to,
        address: address.parse().ok(),
        protocol,
    };
    let named = |name: &str| PublishTo::Named(name.to_owned());
    let all = [
        one(0, PublishTo::Number(8080), "", Protocol::Tcp),
        one(1, named("no"), "192.0.2.1", Protocol::Udp),
        one(1, named("http_2"), "2001:db8::1", Protocol::Udp),
    ];
    all.into_iter().take(place).collect()
}

/// Gives farm roles their places, names of their own, and what refers to another.
fn whole(
    farm: Name,
    description: String,
    order: bool,
    mut roles: Vec<DeclaredFarmRole>,
) -> Manifest {
    let mut seen = std::collections::BTreeSet::new();
    roles.retain(|role| seen.insert(role.alias.clone()));
    for place in 0..roles.len() {
        let before = place.checked_sub(1).map(|before| roles[before].alias.clone());
        let role = &mut roles[place];
        role.path = format!("farmRoles[{place}]");
        role.policy.depends_on = before.iter().filter(|_| place % 2 == 1).cloned().collect();
        role.publish = published(place);
        role.balance = before.filter(|_| place % 3 == 2).map(|farm_role| Balance {
            farm_role,
            port: 8080,
            listen_port: 80,
            check_path: "/a?b=c:d".into(),
        });
    }
    let launch_order = if order { LaunchOrder::Sequential } else { LaunchOrder::Simultaneous };
    Manifest { farm, description, launch_order, farm_roles: roles }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn what_is_written_is_read_as_the_same(
        farm in names(),
        text in "(.|\n|[ -~]){0,60}",
        order in any::<bool>(),
        roles in vec(farm_roles(), 0..=4),
    ) {
        let seen = |c: &char| crate::base::text::fault(&c.to_string(), Kind::Lines, 4).is_none();
        let description: String = text.chars().filter(seen).collect();
        let manifest = whole(farm, description, order, roles);
        let text = write(&manifest, &["Farm as declared".to_owned()]);
        let read = parse(&text);
        prop_assert_eq!(read.as_ref(), Ok(&manifest), "{}", text);
    }
}

#[test]
fn the_example_is_written_as_a_person_would() {
    let shop = parse(include_str!("../../../assets/examples/shop.yaml")).unwrap();
    let text = write(&shop, &["Farm shop".to_owned()]);
    assert_eq!(parse(&text), Ok(shop));
    let begins = "# Farm shop\nfarm: shop\ndescription: \"Web servers behind HAProxy, each with a \
                  data volume\"\nlaunchOrder: sequential\nfarmRoles:\n  - alias: web\n    role: \
                  web-demo\n";
    assert!(text.starts_with(begins), "{text}");
    for line in [
        "        - {ruleType: CpuPercent, scaleUp: 60, scaleDown: 20, window: 1m}",
        "      - {type: PersistentStorageConfiguration, mountPoint: /data, size: 64MiB}",
        "      cooldownDown: 2m",
    ] {
        assert!(text.lines().any(|written| written == line), "no {line} in\n{text}");
    }
    assert!(!text.contains("heal:") && !text.contains("rollout:"), "{text}");
}
