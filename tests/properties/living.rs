//! A farm that lives: a cloud that misbehaves on a seed, and an appliance of a few lines that
//! carries plans out as `store`, `service` and `jobs` promise to.

use crate::stories::yard::Yard;
use grange::base::random::Stream;
use grange::base::{FarmRoleId, ServerId, Timestamp};
use grange::engine::WindowReading;
use grange::model::{
    CloudState, Freshness, LaunchOrder, Metric, RolloutStrategy, RolloutWish, ScalingRule,
    ServerStatus, Step, StepKind, StepStatus, VolumeSpec,
};
use std::collections::{BTreeMap, BTreeSet};

pub struct House {
    pub yard: Yard,
    /// What really exists, by token.
    cloud: BTreeMap<ServerId, Real>,
    luck: Stream,
    /// Listings that still lie, and whom they leave out.
    lies: u64,
    left_out: BTreeSet<ServerId>,
}

struct Real {
    role: FarmRoleId,
    state: CloudState,
    /// Its agent will never speak.
    mute: bool,
}

impl House {
    pub fn new(seed: u64) -> House {
        let mut luck = Stream::new(seed, "luck");
        let mut yard = Yard::new("shop", seed);
        if luck.chance(50) {
            yard.input.farm.launch_order = LaunchOrder::Sequential;
        }
        for alias in ["web", "db", "lb"].into_iter().take(1 + luck.below(3) as usize) {
            let min = luck.below(4) as u32;
            let max = (min + luck.below(4) as u32).max(1);
            let scaled = luck.chance(50);
            let storage = luck.chance(40);
            let (healthy, above) = (luck.below(5) as u32 * 25, 100 + luck.below(3) as u32 * 50);
            let (batch, full) = (1 + luck.below(3) as u32, luck.chance(20));
            let role = yard.add_role(alias, min, max);
            role.launch_index = luck.below(3) as u32;
            // Short, so that mute servers run out of it within a run.
            role.launch_timeout_ms = 60_000;
            let rollout = &mut role.policy.rollout;
            (rollout.min_healthy_percent, rollout.max_percent) = (healthy, above);
            (rollout.batch, rollout.rollback) = (batch, storage);
            if full {
                rollout.strategy = RolloutStrategy::Full;
            }
            role.scaling.enabled = scaled;
            role.scaling.rules.push(ScalingRule {
                metric: Metric::CpuPercent,
                scale_up: 60.0,
                scale_down: 30.0,
                window_ms: 60_000,
            });
            if storage {
                role.storage.push(VolumeSpec {
                    kind: "PersistentStorageConfiguration".into(),
                    mount_point: "/data".into(),
                    size_bytes: 1,
                });
            }
        }
        let (cloud, left_out) = (BTreeMap::new(), BTreeSet::new());
        House { yard, cloud, luck, lies: 0, left_out }
    }

    /// The outside stops misbehaving: what is mute speaks, listings tell everything.
    pub fn behave(&mut self) {
        self.lies = 0;
        self.left_out.clear();
        self.yard.input.readings.clear();
        for role in &mut self.yard.input.farm_roles {
            role.rollout_wish = RolloutWish::Go;
            role.rollout_said += 1;
        }
        for real in self.cloud.values_mut() {
            real.mute = false;
        }
    }

    /// Some seconds pass, and everything that is due happens.
    pub fn tick(&mut self, chaos: bool) {
        let pause = 1000 + self.luck.below(14_000);
        self.yard.input.now = self.yard.input.now.after(pause);
        if chaos {
            self.misfortune();
            self.load();
        }
        self.execute(chaos);
        if !chaos || self.luck.chance(70) {
            self.list();
        }
        self.agents();
        let past = self.yard.input.now.before(grange::base::limit::STEP_MEMORY);
        self.yard.input.steps.retain(|step| step.ended_at.is_none_or(|at| at > past));
    }

    fn misfortune(&mut self) {
        let now = self.yard.input.now;
        for real in self.cloud.values_mut() {
            match self.luck.below(100) {
                0..3 => real.state = CloudState::Stopped,
                3 => real.state = CloudState::Gone,
                _ => {}
            }
        }
        match self.luck.below(100) {
            0..3 => {
                // Power cut: of everything, the appliance included.
                for real in self.cloud.values_mut().filter(|r| r.state == CloudState::Running) {
                    real.state = CloudState::Stopped;
                }
                self.restart(now);
            }
            3..8 => self.restart(now),
            8..12 => {
                self.lies = 1 + self.luck.below(6);
                let ids: Vec<ServerId> = self.cloud.keys().copied().collect();
                self.left_out = ids.into_iter().filter(|_| self.luck.chance(60)).collect();
            }
            12..15 => {
                let ids: Vec<ServerId> = self.yard.input.servers.iter().map(|s| s.id).collect();
                if let Some(id) = ids.get(self.luck.below(1 + ids.len() as u64) as usize) {
                    self.yard.server(*id).terminate_requested = true;
                }
            }
            15..18 => self.remake(now),
            _ => {}
        }
    }

    /// A person declares another size, or says something about the rollout of the last one.
    fn remake(&mut self, now: Timestamp) {
        let roles = self.yard.input.farm_roles.len() as u64;
        let role = self.luck.below(roles) as usize;
        let size = ["small", "medium", "large"][self.luck.below(3) as usize];
        let wish = match self.luck.below(6) {
            0 => RolloutWish::Pause,
            1 => RolloutWish::Abort,
            _ => RolloutWish::Go,
        };
        let role = &mut self.yard.input.farm_roles[role];
        let before = role.clone();
        role.instance_type = size.to_owned();
        role.rollout_wish = match role.follow(&before, now) {
            true => RolloutWish::Go,
            false => wish,
        };
        role.rollout_said += 1;
    }

    /// What was observed lives in memory only.
    fn restart(&mut self, now: Timestamp) {
        self.yard.input.sightings.clear();
        self.yard.input.agents.clear();
        self.yard.input.started_at = now;
        let begun = self.yard.input.steps.iter_mut().filter(|s| s.status == StepStatus::Begun);
        begun.for_each(|step| step.status = StepStatus::Unknown);
    }

    fn load(&mut self) {
        let average = Some(self.luck.below(100) as f64);
        let have = self.luck.below(5) as u32;
        let newest_at = Some(self.yard.input.now);
        for role in self.yard.input.farm_roles.iter().map(|role| role.id) {
            let reading = WindowReading { average, have, want: have, newest_at };
            self.yard.input.readings.insert((role, 0), reading);
        }
    }

    fn execute(&mut self, chaos: bool) {
        let now = self.yard.input.now;
        let due: Vec<Step> =
            self.yard.input.steps.iter().filter(|s| self.is_due(s)).cloned().collect();
        for step in due {
            if step.kind == StepKind::Launch && !self.has_room(step.farm_role) {
                continue;
            }
            let (happens, answers) = match (chaos, self.luck.below(100)) {
                (true, 0..10) => (false, true),
                (true, 10..18) => (false, false),
                (true, 18..26) => (true, false),
                _ => (true, true),
            };
            self.begin(&step, now);
            if happens {
                self.happen(&step);
            }
            match (happens, answers) {
                (true, true) => self.done(&step),
                (false, true) => self.failed(&step, now),
                (_, false) => self.record(&step).status = StepStatus::Unknown,
            }
        }
    }

    fn is_due(&self, step: &Step) -> bool {
        let busy = |other: &Step| {
            other.server == step.server
                && matches!(other.status, StepStatus::Begun | StepStatus::Unknown)
        };
        step.status == StepStatus::Planned
            && step.not_before <= self.yard.input.now
            && !self.yard.input.steps.iter().any(busy)
    }

    /// The transaction that begins a launch counts again.
    fn has_room(&self, role: FarmRoleId) -> bool {
        let servers = self.yard.input.servers.iter().filter(|server| server.farm_role == role);
        let asked = servers.filter(|server| server.asked_at.is_some()).count();
        asked < self.yard.role(role).scaling.max as usize
    }

    fn record(&mut self, step: &Step) -> &mut Step {
        self.yard.input.steps.iter_mut().find(|s| s.id == step.id).expect("a step there is")
    }

    fn begin(&mut self, step: &Step, now: Timestamp) {
        let record = self.record(step);
        record.status = StepStatus::Begun;
        record.begun_at = Some(now);
        record.deadline = Some(now.after(grange::base::limit::CLOUD_CALL_DEADLINE));
        record.attempts += 1;
        if step.kind == StepKind::Launch {
            self.yard.server(step.server).asked_at = Some(now);
        }
        if step.kind == StepKind::Reboot {
            self.yard.server(step.server).reboot_requested = false;
        }
    }

    fn happen(&mut self, step: &Step) {
        let id = step.server;
        match step.kind {
            StepKind::Launch => {
                let mute = self.luck.chance(5);
                let real = Real { role: step.farm_role, state: CloudState::Running, mute };
                self.cloud.insert(id, real);
            }
            StepKind::Terminate => drop(self.cloud.remove(&id)),
            StepKind::Start | StepKind::Reboot | StepKind::Resume => {
                if let Some(real) = self.cloud.get_mut(&id)
                    && real.state == CloudState::Stopped
                {
                    real.state = CloudState::Running;
                }
            }
            StepKind::Suspend => {}
            StepKind::Stop => {
                if let Some(real) = self.cloud.get_mut(&id) {
                    real.state = CloudState::Stopped;
                }
            }
        }
    }

    fn done(&mut self, step: &Step) {
        self.yard.input.steps.retain(|s| s.id != step.id);
        let status = self.yard.server(step.server).status;
        match step.kind {
            StepKind::Launch if status == ServerStatus::PendingLaunch => {
                self.yard.turn(step.server, ServerStatus::Pending);
            }
            StepKind::Terminate => self.yard.forget(step.server),
            _ => {}
        }
    }

    fn failed(&mut self, step: &Step, now: Timestamp) {
        let record = self.record(step);
        (record.status, record.ended_at) = (StepStatus::Failed, Some(now));
        if step.kind == StepKind::Launch {
            self.yard.forget(step.server);
        }
    }

    /// A complete listing, unless it lies: it leaves out servers that run, and nothing else.
    fn list(&mut self) {
        let now = self.yard.input.now;
        let lying = self.lies > 0;
        self.lies = self.lies.saturating_sub(1);
        let servers: Vec<(ServerId, ServerStatus)> =
            self.yard.input.servers.iter().map(|s| (s.id, s.status)).collect();
        for (id, status) in servers {
            let hidden = lying && self.left_out.contains(&id) && status == ServerStatus::Running;
            let state = self.cloud.get(&id).filter(|_| !hidden).map(|real| real.state);
            match state {
                Some(CloudState::Gone) => {
                    self.cloud.remove(&id);
                    self.yard.forget(id);
                    continue;
                }
                Some(state) => self.yard.see(id, state, now),
                None if status == ServerStatus::PendingLaunch => {}
                None => self.miss(id, now),
            }
            self.settle(id, state, now);
        }
    }

    fn miss(&mut self, id: ServerId, now: Timestamp) {
        let (since, listings) = match self.yard.input.sightings.get(&id) {
            Some(Freshness::Missing { since, listings, .. }) => (*since, listings + 1),
            _ => (now, 1),
        };
        let missing = Freshness::Missing { since, at: now, listings };
        self.yard.input.sightings.insert(id, missing);
    }

    /// What a listing says about steps whose answer is lost.
    fn settle(&mut self, id: ServerId, state: Option<CloudState>, now: Timestamp) {
        let open = self.yard.input.steps.iter().filter(|step| {
            step.server == id && matches!(step.status, StepStatus::Begun | StepStatus::Unknown)
        });
        for step in open.cloned().collect::<Vec<_>>() {
            let late = step.deadline.is_some_and(|deadline| now > deadline);
            match (step.kind, state) {
                (StepKind::Launch, Some(_)) | (StepKind::Terminate, None) => self.done(&step),
                (StepKind::Start, Some(CloudState::Running)) => self.done(&step),
                _ if late => self.failed(&step, now),
                _ => {}
            }
        }
    }

    fn agents(&mut self) {
        let now = self.yard.input.now;
        let servers: Vec<(ServerId, ServerStatus)> =
            self.yard.input.servers.iter().map(|s| (s.id, s.status)).collect();
        for (id, status) in servers {
            let up = self.cloud.get(&id).is_some_and(|r| r.state == CloudState::Running && !r.mute);
            self.yard.hear(id, up, now);
            match status {
                ServerStatus::Pending if up => self.yard.turn(id, ServerStatus::Initializing),
                ServerStatus::Initializing | ServerStatus::Resuming if up => {
                    self.yard.turn(id, ServerStatus::Running);
                }
                _ => {}
            }
        }
    }

    /// What must not be, at any moment.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for role in &self.yard.input.farm_roles {
            let real = self
                .cloud
                .values()
                .filter(|real| real.role == role.id && real.state != CloudState::Gone);
            let (real, max) = (real.count(), role.scaling.max as usize);
            if real > max {
                faults.push(format!("{real} of {} exist, at most {max}", role.alias));
            }
            let mut indexes = BTreeSet::new();
            for server in self.yard.input.servers.iter().filter(|s| s.farm_role == role.id) {
                if !indexes.insert(server.index) {
                    faults.push(format!("{} twice", server.hostname));
                }
            }
        }
        faults
    }

    /// Everything declared is there, nothing else, and nothing is under way.
    pub fn is_settled(&self) -> bool {
        let input = &self.yard.input;
        let Some(parent) = &input.parent else { return false };
        let settled = input.farm_roles.iter().all(|role| {
            let target = parent.target(role.id).map_or(u32::MAX, |target| target.target);
            let servers = || input.servers.iter().filter(|server| server.farm_role == role.id);
            let (min, max) = role.bounds();
            (min..=max).contains(&target)
                && servers().count() == target as usize
                && servers().all(|server| server.status == ServerStatus::Running)
        });
        let real = self.cloud.values().all(|real| real.state == CloudState::Running);
        settled
            && real
            && self.cloud.len() == input.servers.len()
            && parent.freeze.is_none()
            && !input.steps.iter().any(|step| step.status.is_open())
    }
}
