//! One or more of every record there was in schema 1, with every option taken and not taken:
//! what the store in `fixtures/` holds. The shapes that have changed since are the frozen ones.

use crate::base::*;
use crate::model::*;
use crate::store::old::v1::*;

pub const ENV: EnvironmentId = EnvironmentId(1);
pub const SHOP: FarmId = FarmId(1);
pub const WEB: FarmRoleId = FarmRoleId(1);
/// 2023-11-14 22:13:20 UTC.
pub const AT: Timestamp = Timestamp(1_700_000_000_000);

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn texts(all: &[&str]) -> Vec<String> {
    all.iter().map(|text| (*text).to_owned()).collect()
}

fn later(ms: i64) -> Option<Timestamp> {
    Some(Timestamp(AT.0 + ms))
}

pub fn farms() -> Vec<FarmV1> {
    let farm = |id, text: &str, launch_order, goal, removed| FarmV1 {
        id: FarmId(id),
        env: ENV,
        name: name(text),
        description: format!("the {text}, für alle"),
        launch_order,
        goal,
        removed,
        created_at: AT,
        created_by: UserId(1),
    };
    vec![
        farm(1, "shop", LaunchOrder::Sequential, FarmGoal::Launched, false),
        farm(2, "store", LaunchOrder::Simultaneous, FarmGoal::Terminated, true),
        farm(3, "empty", LaunchOrder::Simultaneous, FarmGoal::Launched, false),
    ]
}

pub fn farm_roles() -> Vec<FarmRoleV1> {
    let bare = bare_farm_role();
    let checked = FarmRoleV1 {
        id: FarmRoleId(3),
        alias: name("db"),
        check: Some(ReadyCheckV1 { port: 5432, path: None }),
        ..bare.clone()
    };
    vec![full_farm_role(), bare, checked]
}

fn bare_farm_role() -> FarmRoleV1 {
    FarmRoleV1 {
        id: FarmRoleId(2),
        env: ENV,
        farm: SHOP,
        alias: name("lb"),
        role: RoleId(2),
        platform: "simulated".to_owned(),
        location: String::new(),
        instance_type: "small".to_owned(),
        launch_index: 0,
        scaling: ScalingPolicyV1 {
            enabled: false,
            min: 0,
            max: 400,
            rules: Vec::new(),
            cooldown_up_ms: 0,
            cooldown_down_ms: 0,
        },
        storage: Vec::new(),
        balance: None,
        check: None,
        drain_ms: 0,
        launch_timeout_ms: 0,
        revision: 1,
        removed: true,
    }
}

fn full_farm_role() -> FarmRoleV1 {
    let rule =
        |metric| ScalingRuleV1 { metric, scale_up: 62.5, scale_down: -0.25, window_ms: 300_000 };
    let volume = |kind: &str, mount_point: &str| VolumeSpecV1 {
        kind: kind.to_owned(),
        mount_point: mount_point.to_owned(),
        size_bytes: 5 << 30,
    };
    FarmRoleV1 {
        id: WEB,
        alias: name("web"),
        role: RoleId(1),
        platform: "onboard".to_owned(),
        location: "here".to_owned(),
        launch_index: 7,
        scaling: ScalingPolicyV1 {
            enabled: true,
            min: 2,
            max: 6,
            rules: vec![rule(Metric::CpuPercent), rule(Metric::LoadAverages)],
            cooldown_up_ms: 180_000,
            cooldown_down_ms: 600_000,
        },
        storage: vec![volume("P", "/data"), volume("", "/scratch")],
        balance: Some(BalanceV1 {
            farm_role: name("web"),
            port: 80,
            listen_port: 65_535,
            check_path: "/health".to_owned(),
        }),
        check: Some(ReadyCheckV1 { port: 80, path: Some("/".to_owned()) }),
        drain_ms: 30_000,
        launch_timeout_ms: 900_000,
        revision: 12,
        removed: false,
        ..bare_farm_role()
    }
}

pub fn roles() -> Vec<RoleV1> {
    let image = |platform: &str| ImageV1 {
        platform: platform.to_owned(),
        cloud_image_id: "base".to_owned(),
        command: texts(&["sh", "-c", "sleep 1"]),
    };
    let role = |id, text: &str, automation, images, built_in| RoleV1 {
        id: RoleId(id),
        env: ENV,
        name: name(text),
        description: "what it does".to_owned(),
        automation,
        images,
        built_in,
    };
    vec![
        role(1, "haproxy", vec![Automation::Haproxy], vec![image("a"), image("b")], true),
        role(2, "plain", Vec::new(), Vec::new(), false),
    ]
}

const TERMINATE_REASONS: [TerminateReason; 7] = [
    TerminateReason::ScalingDown,
    TerminateReason::Manual,
    TerminateReason::FarmTerminated,
    TerminateReason::RoleRemoved,
    TerminateReason::Crashed,
    TerminateReason::LaunchTimeout,
    TerminateReason::LaunchFailed,
];

const LAUNCH_REASONS: [LaunchReason; 3] =
    [LaunchReason::FarmLaunched, LaunchReason::ScalingUp, LaunchReason::Replacement(ServerId(1))];

/// One of each status; those of even numbers have everything, the others nothing.
pub fn servers() -> Vec<ServerV1> {
    let server = |(n, status): (usize, &ServerStatus)| {
        let full = n % 2 == 0;
        let some = |value: &str| full.then(|| value.to_owned());
        let index = u32::try_from(n).unwrap() + 1;
        ServerV1 {
            id: ServerId((0xabc << 100) + n as u128 + 1),
            env: ENV,
            farm: SHOP,
            farm_role: WEB,
            index,
            hostname: format!("web-{index}"),
            platform: "onboard".to_owned(),
            location: "here".to_owned(),
            instance_type: "small".to_owned(),
            revision: 12,
            status: *status,
            cloud_server_id: some("c-0815"),
            private_ips: if full { texts(&["10.0.0.3", "fd00::3"]) } else { Vec::new() },
            public_ips: if full { texts(&["192.0.2.1"]) } else { Vec::new() },
            launch_reason: LAUNCH_REASONS[n % 3],
            launched_by: UserId(n as u64 % 2),
            created_at: AT,
            asked_at: later(1).filter(|_| full),
            running_at: later(2).filter(|_| full),
            status_at: AT,
            terminate_reason: TERMINATE_REASONS.get(n).copied(),
            terminate_after: later(3).filter(|_| full),
            terminate_requested: full,
            reboot_requested: !full,
            enrolment_digest: full.then_some([7; 32]),
            agent_key_digest: full.then_some([8; 32]),
            agent_version: some("0.1.0"),
            boot_id: some("boot"),
            restarts: index,
        }
    };
    ServerStatus::ALL.iter().enumerate().map(server).collect()
}

/// One of each kind and status.
pub fn steps() -> Vec<Step> {
    let kinds = [
        StepKind::Launch,
        StepKind::Terminate,
        StepKind::Suspend,
        StepKind::Resume,
        StepKind::Reboot,
        StepKind::Start,
    ];
    let statuses = [
        StepStatus::Planned,
        StepStatus::Begun,
        StepStatus::Done,
        StepStatus::Failed,
        StepStatus::Unknown,
        StepStatus::Superseded,
    ];
    let each = (0..36).map(|n| Step {
        id: StepId(n as u64 + 1),
        env: ENV,
        plan: PlanId(1),
        farm: SHOP,
        farm_role: WEB,
        server: servers()[n % 11].id,
        kind: kinds[n / 6],
        status: statuses[n % 6],
        not_before: AT,
        begun_at: later(1).filter(|_| n % 2 == 0),
        deadline: later(2).filter(|_| n % 3 == 0),
        ended_at: later(n as i64).filter(|_| n % 6 == 2 || n % 6 == 3),
        attempts: n as u32,
        message: "said the cloud".to_owned(),
    });
    each.collect()
}

fn waits() -> Vec<Wait> {
    vec![
        Wait::CoolDown { left: 192_000 },
        Wait::AtMax { max: 6 },
        Wait::AtMin { min: 2 },
        Wait::MaxUnconfirmed { max: 6, counted: 6, leaving: 1 },
        Wait::NoReadings { have: 1, want: 3 },
        Wait::Starting { servers: 2 },
        Wait::LaunchOrder { behind: "db".to_owned() },
        Wait::LeavingOrder { behind: "web".to_owned() },
        Wait::AgentSilent { age: 61_000 },
        Wait::Replacing { in_flight: 1, allowed: 2 },
        Wait::Backoff { left: 10_000, failures: 3 },
        Wait::Stale { age: Some(70_000) },
        Wait::Stale { age: None },
        Wait::Unseen { servers: 4 },
        Wait::Missing { age: 5_000, needed: 60_000 },
        Wait::UnknownOutcome { step: "launch".to_owned() },
        Wait::Draining { left: 30_000 },
        Wait::Readiness { age: 1_000, limit: 900_000 },
        Wait::VolumeHeld { index: 3 },
        Wait::Frozen("by hand".to_owned()),
        Wait::InFlight { step: "terminate".to_owned(), age: 4_000 },
    ]
}

pub fn plans() -> Vec<PlanV1> {
    let servers = servers();
    let line = |decision| Line {
        farm_role: Some(WEB),
        about: "shop/web-3".to_owned(),
        server: Some(servers[2].id),
        decision,
    };
    let mut decisions = vec![
        Decision::Keep,
        Decision::Launch("3 of 4".to_owned()),
        Decision::Retire("crashed".to_owned()),
        Decision::Act("reboot".to_owned()),
        Decision::Target { from: 3, to: 4, why: "cpu 71 above 62.5".to_owned() },
    ];
    decisions.extend(waits().into_iter().map(Decision::Wait));
    let mut report: Vec<Line> = decisions.into_iter().map(line).collect();
    report.push(Line { farm_role: None, server: None, ..line(Decision::Keep) });
    let target = |full: bool| RoleTargetV1 {
        farm_role: WEB,
        target: 4,
        scaled_up_at: later(1).filter(|_| full),
        scaled_down_at: later(2).filter(|_| full),
        failed_launches: 3,
        retry_at: later(3).filter(|_| full),
        failed_at: later(4).filter(|_| full),
        owed: if full { vec![OwedV1 { index: 3, server: servers[2].id }] } else { Vec::new() },
    };
    let mut moves: Vec<MoveV1> = LAUNCH_REASONS
        .iter()
        .map(|reason| MoveV1::Launch {
            server: servers[0].id,
            farm_role: WEB,
            index: 1,
            reason: *reason,
        })
        .collect();
    moves.extend(TERMINATE_REASONS.iter().map(|reason| MoveV1::Retire {
        server: servers[1].id,
        reason: *reason,
        not_before: AT,
    }));
    moves.push(MoveV1::Act { server: servers[3].id, kind: StepKind::Suspend, not_before: AT });
    moves.push(MoveV1::Cancel { server: servers[4].id });
    let first = PlanV1 {
        id: PlanId(1),
        env: ENV,
        farm: SHOP,
        parent: None,
        at: AT,
        targets: vec![target(true), RoleTargetV1 { farm_role: FarmRoleId(2), ..target(false) }],
        moves,
        report,
        freeze: None,
        cold_start: None,
    };
    let second = PlanV1 {
        id: PlanId(2),
        parent: Some(PlanId(1)),
        moves: Vec::new(),
        report: Vec::new(),
        freeze: Some("too many at once".to_owned()),
        cold_start: later(5),
        ..first.clone()
    };
    vec![first, second]
}

pub fn orders() -> Vec<Order> {
    let bodies = [
        OrderBody::Ping,
        OrderBody::Run { command: texts(&["id", "-u"]), timeout_ms: 5_000, apart: false },
        OrderBody::WriteFile {
            path: "/etc/haproxy/haproxy.cfg".to_owned(),
            content: "global\n".to_owned(),
            check: texts(&["haproxy", "-c"]),
            reload: Vec::new(),
            generation: 9,
        },
        OrderBody::Reboot,
        OrderBody::Stop,
    ];
    let states = [
        OrderState::Open,
        OrderState::Done { exit_code: -9, output: "o\u{fc}t\n".to_owned() },
        OrderState::Failed("no such file".to_owned()),
        OrderState::Expired,
        OrderState::Superseded,
    ];
    let both = bodies.into_iter().zip(states).zip(1u64..);
    let order = |((body, state), n)| Order {
        id: OrderId(n),
        env: ENV,
        server: servers()[0].id,
        body,
        at: AT,
        deadline: Timestamp(AT.0 + 60_000),
        state,
        cancel: None,
    };
    both.map(order).collect()
}

pub fn cursors() -> Vec<AgentCursor> {
    let boot = "boot".to_owned();
    vec![AgentCursor { server: servers()[0].id, boot, seq: u64::MAX, told: None }]
}

pub fn users() -> Vec<User> {
    let user = |id, text: &str, permissions: &[Permission], unix_ids: &[u32]| User {
        id: UserId(id),
        name: name(text),
        permissions: permissions.to_vec(),
        unix_ids: unix_ids.to_vec(),
        created_at: AT,
    };
    // Those there were then.
    let permissions = &Permission::ALL[..8];
    vec![user(1, "admin", permissions, &[0, 1000]), user(2, "guest", &[], &[])]
}

pub fn tokens() -> Vec<Token> {
    let token = |n: u8, expires_at| Token {
        id: TokenId(u64::from(n)),
        user: UserId(1),
        digest: [n; 32],
        description: "laptop".to_owned(),
        created_at: AT,
        expires_at,
    };
    vec![token(1, None), token(2, later(9))]
}

pub fn install() -> InstallV1 {
    InstallV1 { id: "0a1b".to_owned(), epoch: 3, seed: u64::MAX, created_at: AT }
}

pub fn alerts() -> Vec<Alert> {
    vec![Alert { key: "disk".to_owned(), text: "the disk is full".to_owned(), since: AT }]
}
