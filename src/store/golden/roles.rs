//! Golden bytes of farm roles, roles and their revisions.

use super::{AT, ENV, check, name, unhex};
use crate::base::{FarmId, FarmRoleId, RoleId, Timestamp, UserId};
use crate::model::*;
use crate::store::Record;

fn policy() -> Policy {
    Policy {
        agent: false,
        heal: HealMode::Restart,
        depends_on: vec![name("db")],
        ready_for_ms: 1,
        reboot_timeout_ms: 2,
        unhealthy_for_ms: 4,
        replace_with_volumes: true,
        removal: RemovalPolicy::Oldest,
        missing: MissingPolicy::Flag,
        zones: vec!["a".to_owned()],
        behavior: ScalingBehavior::SuspendResume,
        rollout: RolloutPolicy {
            checkpoints: vec![50],
            checkpoint_wait_ms: Some(3),
            strategy: RolloutStrategy::Full,
            ..RolloutPolicy::default()
        },
    }
}

fn overrides() -> Overrides {
    Overrides {
        environment: [("w".to_owned(), [("A".to_owned(), "b".to_owned())].into())].into(),
        files: Vec::new(),
        setup: vec![SetupPart {
            name: "n".to_owned(),
            script: "s".to_owned(),
            run_as: None,
            timeout_ms: 9,
            rerun: false,
        }],
    }
}

fn farm_role() -> FarmRole {
    let rule =
        ScalingRule { metric: Metric::CpuPercent, scale_up: 60.0, scale_down: 20.0, window_ms: 5 };
    FarmRole {
        id: FarmRoleId(2),
        env: ENV,
        farm: FarmId(1),
        alias: name("web"),
        role: RoleId(3),
        role_revision: 7,
        account: "onboard".to_owned(),
        location: "here".to_owned(),
        instance_type: "small".to_owned(),
        launch_index: 1,
        scaling: ScalingPolicy {
            enabled: true,
            min: 2,
            max: 6,
            rules: vec![rule],
            cooldown_up_ms: 1,
            cooldown_down_ms: 2,
        },
        storage: vec![VolumeSpec {
            kind: "P".to_owned(),
            mount_point: "/data".to_owned(),
            size_bytes: 1 << 30,
        }],
        balance: Some(Balance {
            farm_role: name("web"),
            port: 80,
            listen_port: 8080,
            check_path: "/".to_owned(),
        }),
        check: Some(ReadyCheck { port: 80, path: Some("/".to_owned()) }),
        role_check: Some(ReadyCheck { port: 81, path: None }),
        setup_ms: 7,
        drain_ms: 3,
        launch_timeout_ms: 4,
        revision: 5,
        removed: false,
        policy: policy(),
        history: vec![Revision {
            number: 4,
            role: RoleId(3),
            role_revision: 6,
            account: "onboard".to_owned(),
            location: "here".to_owned(),
            instance_type: "small".to_owned(),
            storage: Vec::new(),
            check: None,
            role_check: Some(ReadyCheck { port: 82, path: None }),
            setup_ms: 8,
            overrides: Overrides::default(),
            left_at: Some(AT),
        }],
        rollout_wish: RolloutWish::Pause,
        rollout_said: 2,
        publish: vec![Publish {
            port: 80,
            to: PublishTo::Named("http".to_owned()),
            address: Some(std::net::Ipv4Addr::LOCALHOST.into()),
            protocol: Protocol::Udp,
        }],
        outbound: true,
        overrides: overrides(),
        mended_at: Some(AT),
    }
}

#[test]
fn what_people_declare_of_a_tier() {
    check(
        &farm_role(),
        "020101037765620307076f6e626f617264046865726505736d616c6c010102060100000000000000
         4e400000000000003440050102010150052f64617461fc00000040010377656250fb901f012f0150
         01012f015100070304050000020102646201020401010101016101015a6e01013201030201010403
         06076f6e626f617264046865726505736d616c6c00000152000800000001fbd00701020150010468
         74747001007f000001010101017701014101620001016e017300090001fbd007",
    );
}

#[test]
fn a_tier_as_schema_5_has_it() {
    let before = "020101037765620307076f6e626f617264046865726505736d616c6c0101020601000000000000
         004e400000000000003440050102010150052f64617461fc00000040010377656250fb901f012f
         015001012f015100070304050000020102646201020401010101016101015a6e0101320103020101
         040306076f6e626f617264046865726505736d616c6c00000152000801fbd0070102015001046874
         747001007f0000010101";
    let read = FarmRole::decode(5, &unhex(before)).unwrap();
    assert_eq!(read, farm_role_plain());
}

/// The farm role as it was before it could do otherwise than its role.
fn farm_role_plain() -> FarmRole {
    FarmRole { overrides: Overrides::default(), mended_at: None, ..farm_role() }
}

#[test]
fn a_tier_as_schema_4_has_it() {
    let before = "020101037765620307076f6e626f617264046865726505736d616c6c0101020601000000000000
         004e400000000000003440050102010150052f64617461fc00000040010377656250fb901f012f
         015001012f0151000304050000020102646201020401010101016101015a6e0101320103020101
         040306076f6e626f617264046865726505736d616c6c000001520001fbd0070102";
    let read = FarmRole::decode(4, &unhex(before)).unwrap();
    assert_eq!(read, farm_role_unpublished());
}

/// The farm role as it was before it could be published and knew how long setup takes.
fn farm_role_unpublished() -> FarmRole {
    let mut role =
        FarmRole { publish: Vec::new(), outbound: false, setup_ms: 0, ..farm_role_plain() };
    for make in &mut role.history {
        make.setup_ms = 0;
    }
    role
}

/// The farm role as it was before roles had revisions.
fn farm_role_before() -> FarmRole {
    let role = farm_role_unpublished();
    let mut role = FarmRole { role_revision: 1, role_check: None, ..role };
    for make in &mut role.history {
        (make.role_revision, make.role_check) = (1, None);
    }
    role
}

#[test]
fn a_tier_as_schema_3_has_it() {
    let before = "0201010377656203076f6e626f617264046865726505736d616c6c0101020601000000000000004e
         400000000000003440050102010150052f64617461fc00000040010377656250fb901f012f015001
         012f0304050000020102646201020401010101016101015a6e01013201030201010403076f6e626f
         617264046865726505736d616c6c000001fbd0070102";
    assert_eq!(FarmRole::decode(3, &unhex(before)).unwrap(), farm_role_before());
}

#[test]
fn a_tier_as_schema_2_has_it() {
    // Schema 2 said nothing of unhealthy servers.
    let before = "0201010377656203076f6e626f617264046865726505736d616c6c0101020601000000000000004e
         400000000000003440050102010150052f64617461fc00000040010377656250fb901f012f015001
         012f030405000002010264620102010101016101015a6e01013201030201010403076f6e626f6172
         64046865726505736d616c6c000001fbd0070102";
    let default = Policy::default();
    let policy = Policy {
        unhealthy_for_ms: default.unhealthy_for_ms,
        replace_with_volumes: default.replace_with_volumes,
        ..policy()
    };
    let read = FarmRole::decode(2, &unhex(before)).unwrap();
    assert_eq!(read, FarmRole { policy, ..farm_role_before() });
}

fn recipe() -> Recipe {
    Recipe {
        setup: vec![SetupPart {
            name: "n".to_owned(),
            script: "s".to_owned(),
            run_as: Some("u".to_owned()),
            timeout_ms: 1,
            rerun: true,
        }],
        files: vec![RoleFile {
            path: "/f".to_owned(),
            content: "c".to_owned(),
            template: true,
            mode: 0o640,
            owner: None,
            check: vec!["k".to_owned()],
            on_change: Some(OnChange::Restart("w".to_owned())),
        }],
        services: vec![RoleService {
            name: "w".to_owned(),
            command: vec!["/w".to_owned()],
            run_as: None,
            directory: Some("/d".to_owned()),
            environment: [("A".to_owned(), "b".to_owned())].into(),
            restart: Restart::OnFailure,
            stop: StopBy { signal: "INT".to_owned(), within_ms: 2 },
            open_files: Some(64),
        }],
        ports: [("http".to_owned(), 80)].into(),
        check: Some(ReadyCheck { port: 80, path: None }),
    }
}

#[test]
fn a_recipe() {
    let role = Role {
        id: RoleId(3),
        env: ENV,
        name: name("nginx"),
        description: String::new(),
        automation: vec![Automation::Haproxy],
        images: vec![RoleImage {
            platform: "onboard".to_owned(),
            cloud_image_id: "base".to_owned(),
            command: vec!["a".to_owned()],
        }],
        built_in: true,
        revision: 2,
        created_by: UserId(1),
        created_at: AT,
    };
    check(&role, "0301056e67696e7800010001076f6e626f6172640462617365010161010201fbd007");
    let before = unhex("0301056e67696e7800010001076f6e626f617264046261736501016101");
    let (created_by, created_at) = (UserId(0), Timestamp(0));
    let read = Role { revision: 1, created_by, created_at, ..role.clone() };
    assert_eq!(Role::decode(1, &before).unwrap(), read);
    let revision = RoleRevision {
        role: RoleId(3),
        env: ENV,
        number: 2,
        automation: role.automation,
        images: role.images,
        recipe: recipe(),
        at: AT,
        by: UserId(1),
    };
    check(
        &revision,
        "030102010001076f6e626f617264046261736501016101016e0173010175010101022f66016301
         fba0010001016b0101017701017701022f770001022f6401014101620103494e54020140010468
         74747050015000fbd00701",
    );
}
