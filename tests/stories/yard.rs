//! A farm in memory: the engine's input, and what committing a plan makes of it.
//!
//! The smallest thing that keeps the promises the engine counts on; stories tell it line by line,
//! properties drive it at random.

use grange::base::{
    EnvironmentId, FarmId, FarmRoleId, Millis, Name, PlanId, ServerId, StepId, Timestamp, UserId,
};
use grange::engine::{AgentPresence, PlanInput};
use grange::model::{
    CloudState, Farm, FarmGoal, FarmRole, Freshness, LaunchOrder, LaunchReason, Move, Plan,
    ScalingPolicy, Server, ServerStatus, Step, StepKind, StepStatus,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// When every story begins.
pub const BEGIN: Timestamp = Timestamp(1_800_000_000_000);

pub struct Yard {
    pub input: PlanInput,
    steps: u64,
    plans: u64,
}

impl Yard {
    pub fn new(farm: &str, seed: u64) -> Yard {
        let farm = Farm {
            id: FarmId(1),
            env: EnvironmentId(1),
            name: Name::new(farm).unwrap(),
            description: String::new(),
            launch_order: LaunchOrder::Simultaneous,
            goal: FarmGoal::Launched,
            removed: false,
            created_at: BEGIN,
            created_by: UserId(1),
        };
        let input = PlanInput {
            now: BEGIN,
            seed,
            started_at: BEGIN.before(3_600_000),
            farm,
            farm_roles: Vec::new(),
            beyond: BTreeMap::new(),
            servers: Vec::new(),
            steps: Vec::new(),
            sightings: BTreeMap::new(),
            agents: BTreeMap::new(),
            any_agent_connected: true,
            readings: BTreeMap::new(),
            holds: Vec::new(),
            breakers: BTreeMap::new(),
            loads: BTreeMap::new(),
            paced: BTreeMap::new(),
            late: BTreeMap::new(),
            parent: None,
        };
        Yard { input, steps: 0, plans: 0 }
    }

    /// Nothing outside keeps a step waiting any more.
    pub fn answers(&mut self) {
        self.input.breakers.clear();
        self.input.paced.clear();
        self.input.late.clear();
    }

    pub fn add_role(&mut self, alias: &str, min: u32, max: u32) -> &mut FarmRole {
        let id = u64::try_from(self.input.farm_roles.len()).unwrap() + 1;
        let plain = FarmRole::plain(FarmRoleId(id), FarmId(1), Name::new(alias).unwrap());
        let scaling = ScalingPolicy {
            enabled: true,
            min,
            max,
            cooldown_up_ms: 60_000,
            cooldown_down_ms: 120_000,
            ..plain.scaling
        };
        let launch_index = u32::try_from(id).unwrap();
        self.input.farm_roles.push(FarmRole { launch_index, scaling, drain_ms: 20_000, ..plain });
        self.input.farm_roles.last_mut().unwrap()
    }

    pub fn add_server(
        &mut self,
        id: ServerId,
        role: FarmRoleId,
        index: u32,
        status: ServerStatus,
        age: Millis,
    ) -> &mut Server {
        let since = self.input.now.before(age);
        let reason = LaunchReason::FarmLaunched;
        let wanted = Server::wanted(id, self.role(role), index, reason, UserId(0), since);
        self.input.servers.push(Arc::new(Server {
            status,
            asked_at: (status != ServerStatus::PendingLaunch).then_some(since),
            running_at: (status == ServerStatus::Running).then_some(since),
            ..wanted
        }));
        Arc::make_mut(self.input.servers.last_mut().unwrap())
    }

    pub fn add_step(
        &mut self,
        server: ServerId,
        kind: StepKind,
        status: StepStatus,
        not_before: Timestamp,
    ) -> &mut Step {
        self.steps += 1;
        let (id, plan) = (StepId(self.steps), PlanId(self.plans));
        let planned = Step::planned(id, plan, self.server(server), kind, not_before);
        self.input.steps.push(Step { status, ..planned });
        self.input.steps.last_mut().unwrap()
    }

    pub fn see(&mut self, server: ServerId, state: CloudState, at: Timestamp) {
        self.input.sightings.insert(server, Freshness::Seen { state, at });
    }

    pub fn hear(&mut self, server: ServerId, connected: bool, since: Timestamp) {
        let agent = AgentPresence {
            connected,
            since,
            failing_since: None,
            passes: connected,
            unreached: false,
        };
        self.input.agents.insert(server, agent);
    }

    /// Its agent says that its check fails, or its balancers alone speak against it.
    pub fn fail(&mut self, server: ServerId, since: Timestamp, unreached: bool) {
        let agent = self.input.agents.get_mut(&server).expect("an agent there is");
        (agent.failing_since, agent.passes, agent.unreached) = (Some(since), false, unreached);
    }

    /// Nothing speaks against it; whether its agent said so.
    pub fn pass(&mut self, server: ServerId, passes: bool) {
        let agent = self.input.agents.get_mut(&server).expect("an agent there is");
        (agent.failing_since, agent.passes, agent.unreached) = (None, passes, false);
    }

    pub fn role(&self, id: FarmRoleId) -> &FarmRole {
        self.input.farm_roles.iter().find(|role| role.id == id).expect("a farm role there is")
    }

    pub fn server(&mut self, id: ServerId) -> &mut Server {
        let found = self.input.servers.iter_mut().find(|server| server.id == id);
        Arc::make_mut(found.expect("a server there is"))
    }

    /// Its open step begins.
    pub fn begin(&mut self, id: ServerId) {
        let now = self.input.now;
        let step = self.input.steps.iter_mut().find(|s| s.server == id && s.status.is_open());
        let step = step.expect("an open step");
        (step.status, step.begun_at, step.attempts) = (StepStatus::Begun, Some(now), 1);
        match step.kind {
            StepKind::Reboot => {
                self.server(id).reboot_at = Some(now);
                if self.server(id).status == ServerStatus::Running {
                    self.turn(id, ServerStatus::Initializing);
                }
                self.hear(id, false, now);
            }
            StepKind::Start | StepKind::Resume => self.server(id).status_at = now,
            StepKind::Launch | StepKind::Terminate | StepKind::Suspend | StepKind::Stop => {}
        }
    }

    /// Scaling put it to sleep, so it ran before.
    pub fn park(&mut self, id: ServerId) {
        let server = self.server(id);
        (server.parked, server.running_at) = (true, Some(server.created_at));
    }

    /// Confirmed gone: the record leaves the input, and its open steps end.
    pub fn forget(&mut self, id: ServerId) {
        self.input.servers.retain(|server| server.id != id);
        self.input.steps.retain(|step| step.server != id || !step.status.is_open());
        self.input.sightings.remove(&id);
        self.input.agents.remove(&id);
    }

    /// Changes a server's status now.
    pub fn turn(&mut self, id: ServerId, status: ServerStatus) {
        let now = self.input.now;
        let server = self.server(id);
        server.status = status;
        server.status_at = now;
        if status == ServerStatus::Running {
            server.running_at.get_or_insert(now);
            server.reboot_at = None;
        }
        if status != ServerStatus::PendingLaunch && server.asked_at.is_none() {
            server.asked_at = Some(now);
        }
    }

    /// Writes the records a plan asks for.
    pub fn commit(&mut self, mut plan: Plan) {
        let now = self.input.now;
        self.plans += 1;
        plan.id = PlanId(self.plans);
        for step in &plan.moves {
            match step.clone() {
                Move::Launch { server, farm_role, index, revision, zone, reason } => {
                    let status = ServerStatus::PendingLaunch;
                    let make = self.role(farm_role).make_of(revision).expect("a revision kept");
                    let record = self.add_server(server, farm_role, index, status, 0);
                    *record = record.clone().made_as(&make);
                    (record.launch_reason, record.zone) = (reason, zone);
                    self.add_step(server, StepKind::Launch, StepStatus::Planned, now);
                }
                Move::Retire { server, reason, not_before } => {
                    self.supersede(server);
                    self.turn(server, ServerStatus::PendingTerminate);
                    self.server(server).terminate_reason = Some(reason);
                    self.server(server).terminate_after = Some(not_before);
                    self.server(server).idle_at = None;
                    self.add_step(server, StepKind::Terminate, StepStatus::Planned, not_before);
                }
                Move::Act { server, kind, not_before } => {
                    self.add_step(server, kind, StepStatus::Planned, not_before);
                    let record = self.server(server);
                    let asked = std::mem::take(&mut record.reboot_requested);
                    let failed = record.status != ServerStatus::Suspended;
                    record.restarts += u32::from(match kind {
                        StepKind::Start | StepKind::Resume => failed,
                        StepKind::Reboot => !asked,
                        StepKind::Launch
                        | StepKind::Terminate
                        | StepKind::Suspend
                        | StepKind::Stop => false,
                    });
                    if matches!(kind, StepKind::Start | StepKind::Resume) {
                        record.parked = false;
                        record.idle_at = None;
                        record.reboot_at = None;
                        self.turn(server, ServerStatus::Resuming);
                    }
                    if matches!(kind, StepKind::Stop | StepKind::Suspend) {
                        self.turn(server, ServerStatus::PendingSuspend);
                    }
                }
                Move::Park { server, not_before } => {
                    self.turn(server, ServerStatus::PendingSuspend);
                    self.server(server).parked = true;
                    self.server(server).idle_at = None;
                    self.add_step(server, StepKind::Suspend, StepStatus::Planned, not_before);
                }
                Move::Hasten { server, not_before } => {
                    for step in self.input.steps.iter_mut().filter(|step| step.server == server) {
                        step.not_before = step.not_before.min(not_before);
                    }
                    let record = self.server(server);
                    record.terminate_after = record.terminate_after.map(|at| at.min(not_before));
                }
                Move::Cancel { server } => {
                    self.supersede(server);
                    if self.server(server).asked_at.is_none() {
                        self.forget(server);
                    }
                }
            }
        }
        self.input.parent = Some(plan);
    }

    fn supersede(&mut self, server: ServerId) {
        self.input.steps.retain(|step| step.server != server || step.status != StepStatus::Planned);
    }
}
