//! Inputs at random: whatever combination the records allow.

use super::declared::{self, FarmWishes, RoleWishes, ServerWishes};
use crate::stories::yard::{BEGIN, Yard};
use grange::base::{FarmRoleId, Name, PlanId, ServerId};
use grange::engine::WindowReading;
use grange::model::{
    Balance, CloudState, FarmGoal, Freshness, LaunchOrder, Metric, Plan, Replacement, RoleTarget,
    ScalingRule, ServerStatus, StepKind, StepStatus, TerminateReason, VolumeSpec,
};
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeSet;

#[derive(Clone, Debug)]
pub struct World {
    sequential: bool,
    terminated: bool,
    started_s: u64,
    parent: Option<(bool, Option<u64>)>,
    roles: Vec<RoleSpec>,
    servers: Vec<ServerSpec>,
    wishes: FarmWishes,
}

#[derive(Clone, Debug)]
struct RoleSpec {
    min: u32,
    more: u32,
    launch_index: u32,
    storage: bool,
    balances: bool,
    scaled: bool,
    removed: bool,
    target: u32,
    scaled_s: Option<u64>,
    failures: Option<(u32, u64)>,
    owed: Option<u32>,
    average: Option<f64>,
    have: u32,
    wishes: RoleWishes,
}

/// One server, whatever it is like.
#[derive(Clone, Debug)]
pub struct ServerSpec {
    role: usize,
    index: u32,
    status: ServerStatus,
    age_s: u64,
    sight: SightSpec,
    step: u8,
    agent: Option<(bool, u64)>,
    wish: u8,
    restarts: u32,
    wishes: ServerWishes,
}

#[derive(Clone, Debug)]
enum SightSpec {
    Unknown,
    Seen(CloudState, u64),
    Missing(u64, u32, u64),
}

pub fn world() -> impl Strategy<Value = World> {
    (
        any::<bool>(),
        proptest::bool::weighted(0.1),
        0..600u64,
        proptest::option::weighted(0.7, (proptest::bool::weighted(0.1), cold_start())),
        vec(role(), 1..4),
        vec(server(), 0..16),
        declared::farm(),
    )
        .prop_map(|(sequential, terminated, started_s, parent, roles, servers, wishes)| {
            World { sequential, terminated, started_s, parent, roles, servers, wishes }
        })
}

fn cold_start() -> impl Strategy<Value = Option<u64>> {
    proptest::option::weighted(0.2, 0..200u64)
}

fn role() -> impl Strategy<Value = RoleSpec> {
    let shape = (0..4u32, 0..4u32, 1..4u32, any::<bool>(), any::<bool>(), any::<bool>());
    let past = (
        0..8u32,
        proptest::option::of(0..200u64),
        proptest::option::weighted(0.2, (1..6u32, 0..100u64)),
        proptest::option::weighted(0.2, 1..8u32),
    );
    let load = (proptest::option::of(0.0..100.0), 0..8u32);
    let rest = (proptest::bool::weighted(0.1), declared::role());
    (shape, rest, past, load).prop_map(|(shape, (removed, wishes), past, load)| {
        let (min, more, launch_index, storage, balances, scaled) = shape;
        let (target, scaled_s, failures, owed) = past;
        let (average, have) = load;
        RoleSpec {
            min,
            more,
            launch_index,
            storage,
            balances,
            scaled,
            removed,
            target,
            scaled_s,
            failures,
            owed,
            average,
            have,
            wishes,
        }
    })
}

pub fn server() -> impl Strategy<Value = ServerSpec> {
    let sight = prop_oneof![
        1 => Just(SightSpec::Unknown),
        6 => (state(), 0..150u64).prop_map(|(state, age)| SightSpec::Seen(state, age)),
        2 => (0..200u64, 1..6u32, 0..100u64).prop_map(|(a, n, at)| SightSpec::Missing(a, n, at)),
    ];
    let place = (0..3usize, 1..10u32, status(), 0..900u64);
    let agent = proptest::option::of((any::<bool>(), 0..200u64));
    (place, sight, 0..8u8, agent, 0..20u8, 0..5u32, declared::server()).prop_map(
        |((role, index, status, age_s), sight, step, agent, wish, restarts, wishes)| ServerSpec {
            role,
            index,
            status,
            age_s,
            sight,
            step,
            agent,
            wish,
            restarts,
            wishes,
        },
    )
}

fn state() -> impl Strategy<Value = CloudState> {
    prop_oneof![
        5 => Just(CloudState::Running),
        3 => Just(CloudState::Stopped),
        1 => Just(CloudState::Pending),
        1 => Just(CloudState::Gone),
        1 => Just(CloudState::Terminating),
        1 => Just(CloudState::Suspended),
    ]
}

fn status() -> impl Strategy<Value = ServerStatus> {
    prop_oneof![
        6 => Just(ServerStatus::Running),
        2 => Just(ServerStatus::PendingLaunch),
        1 => Just(ServerStatus::Pending),
        1 => Just(ServerStatus::Initializing),
        2 => Just(ServerStatus::Resuming),
        2 => Just(ServerStatus::PendingTerminate),
        1 => Just(ServerStatus::Suspended),
        1 => Just(ServerStatus::PendingSuspend),
    ]
}

impl World {
    pub fn build(&self) -> Yard {
        let mut yard = Yard::new("shop", 7);
        let input = &mut yard.input;
        input.started_at = BEGIN.before(self.started_s * 1000);
        if self.sequential {
            input.farm.launch_order = LaunchOrder::Sequential;
        }
        for (place, spec) in self.roles.iter().enumerate() {
            spec.build(&mut yard, place, self.roles.len());
        }
        self.wishes.build(&mut yard);
        if self.terminated {
            yard.input.farm.goal = FarmGoal::Terminated;
        }
        let mut taken = BTreeSet::new();
        for spec in &self.servers {
            let role = spec.role % self.roles.len();
            if taken.insert((role, spec.index)) {
                spec.build(&mut yard, role);
            }
        }
        if let Some((frozen, cold_s)) = self.parent {
            let env = yard.input.farm.env;
            yard.input.parent = Some(Plan {
                id: PlanId(40),
                env,
                farm: yard.input.farm.id,
                parent: None,
                at: BEGIN,
                targets: self.roles.iter().enumerate().map(|(i, spec)| spec.target(i)).collect(),
                moves: Vec::new(),
                report: Vec::new(),
                freeze: frozen.then(|| "something vanished".to_owned()),
                cold_start: cold_s.map(|age| BEGIN.before(age * 1000)),
            });
        }
        yard
    }
}

impl RoleSpec {
    fn build(&self, yard: &mut Yard, place: usize, of: usize) {
        let alias = format!("role{place}");
        let role = yard.add_role(&alias, self.min, self.min + self.more);
        role.launch_index = self.launch_index;
        role.removed = self.removed;
        if self.storage {
            role.storage.push(VolumeSpec {
                kind: "PersistentStorageConfiguration".into(),
                mount_point: "/data".into(),
                size_bytes: 1,
            });
        }
        if self.balances {
            let behind = format!("role{}", (place + 1) % of);
            role.balance = Some(Balance {
                farm_role: Name::new(&behind).unwrap(),
                port: 80,
                listen_port: 80,
                check_path: "/".into(),
            });
        }
        role.scaling.enabled = self.scaled;
        role.scaling.rules.push(ScalingRule {
            metric: Metric::CpuPercent,
            scale_up: 60.0,
            scale_down: 30.0,
            window_ms: 60_000,
        });
        self.wishes.build(role, place);
        let id = role.id;
        let newest_at = Some(BEGIN);
        let reading =
            WindowReading { average: self.average, have: self.have, want: self.have, newest_at };
        yard.input.readings.insert((id, 0), reading);
    }

    fn target(&self, place: usize) -> RoleTarget {
        let id = FarmRoleId(u64::try_from(place).unwrap() + 1);
        let mut target = RoleTarget::new(id, self.target);
        target.scaled_up_at = self.scaled_s.map(|s| BEGIN.before(s * 1000));
        target.scaled_down_at = self.scaled_s.map(|s| BEGIN.before(s * 700));
        if let Some((failures, ago_s)) = self.failures {
            let at = BEGIN.before(ago_s * 1000);
            target.failed_launches = failures;
            target.failed_at = Some(at);
            target.retry_at = Some(at.after(60_000));
        }
        target.rollout = self.wishes.rollout();
        target.owed.extend(self.owed.map(|index| Replacement {
            index,
            server: ServerId(1),
            rollout: false,
        }));
        target
    }
}

impl ServerSpec {
    /// Puts it in the place of the one with its index; says in which farm role.
    pub fn replace(&self, yard: &mut Yard) -> FarmRoleId {
        let role = self.role % yard.input.farm_roles.len();
        let id = FarmRoleId(u64::try_from(role).unwrap() + 1);
        let servers = yard.input.servers.iter();
        let same = servers.filter(|server| server.farm_role == id && server.index == self.index);
        let gone: Vec<ServerId> = same.map(|server| server.id).collect();
        gone.into_iter().for_each(|gone| yard.forget(gone));
        self.build(yard, role);
        id
    }

    fn build(&self, yard: &mut Yard, role: usize) {
        let id = ServerId(u128::try_from(role * 100).unwrap() + u128::from(self.index) + 1000);
        let role = FarmRoleId(u64::try_from(role).unwrap() + 1);
        let age = self.age_s * 1000;
        let server = yard.add_server(id, role, self.index, self.status, age);
        server.restarts = self.restarts;
        server.terminate_requested = self.wish == 0;
        server.reboot_requested = self.wish == 1;
        let goes = self.status == ServerStatus::PendingTerminate;
        server.terminate_reason = goes.then_some(TerminateReason::Crashed);
        self.wishes.build(yard, id, role);
        let at = BEGIN.before(age / 2);
        match &self.sight {
            SightSpec::Unknown => {}
            SightSpec::Seen(state, s) => yard.see(id, *state, BEGIN.before(s * 1000)),
            SightSpec::Missing(since_s, listings, at_s) => {
                let at_s = at_s.min(since_s);
                let (since, at) = (BEGIN.before(since_s * 1000), BEGIN.before(at_s * 1000));
                let missing = Freshness::Missing { since, at, listings: *listings };
                yard.input.sightings.insert(id, missing);
            }
        }
        if let Some((connected, s)) = self.agent {
            yard.hear(id, connected, BEGIN.before(s * 1000));
            // A third of them fail their check, for longer than they are heard or not so long.
            let fails = s % 3 == 0;
            let agent = yard.input.agents.get_mut(&id).expect("it was heard a moment ago");
            agent.failing_since = fails.then(|| BEGIN.before(self.index as u64 * 100_000));
            agent.passes = !fails && s % 3 == 1;
        }
        let kind = match self.status {
            ServerStatus::PendingLaunch => StepKind::Launch,
            ServerStatus::PendingTerminate => StepKind::Terminate,
            ServerStatus::Resuming => StepKind::Start,
            _ => StepKind::Reboot,
        };
        let needed = self.status == ServerStatus::PendingLaunch;
        let status = match (self.step, needed) {
            (0, _) => StepStatus::Planned,
            (1, _) => StepStatus::Begun,
            (2, _) | (_, true) => StepStatus::Unknown,
            (3, _) => StepStatus::Failed,
            _ => return,
        };
        if kind == StepKind::Reboot && self.status != ServerStatus::Running {
            return;
        }
        let step = yard.add_step(id, kind, status, at);
        if status != StepStatus::Planned {
            step.begun_at = Some(at);
            if kind == StepKind::Launch {
                yard.server(id).asked_at = Some(at);
            }
        }
        if status == StepStatus::Failed {
            yard.input.steps.last_mut().unwrap().ended_at = Some(at);
        }
    }
}
