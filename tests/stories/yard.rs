//! A farm in memory: the engine's input, and what committing a plan makes of it.
//!
//! Stories tell the world line by line, properties drive it at random. Plans are committed by the
//! service's own transaction, over a store in memory: before it the records are made those that the
//! engine saw, after it the engine sees the records.

use crate::stories::language::PLATFORM;
use grange::base::{
    EnvironmentId, FarmId, FarmRoleId, HoldId, ManualClock, Millis, Name, PlanId, Result, ServerId,
    StepId, Timestamp, UserId,
};
use grange::engine::input::Paced;
use grange::engine::{AgentPresence, Decided, FarmSummary, PlanInput};
use grange::model::{
    Cause, CloudState, Farm, FarmGoal, FarmRole, Freshness, Grant, Hold, LaunchOrder, LaunchReason,
    Plan, ScalingPolicy, Server, ServerStatus, Step, StepKind, StepStatus,
};
use grange::service::{lookup, plans};
use grange::store::{Author, Disk, Mode, Purpose, Store, Tx};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// When every story begins.
pub const BEGIN: Timestamp = Timestamp(1_800_000_000_000);

pub struct Yard {
    pub input: PlanInput,
    steps: u64,
    /// Made with the first plan that is committed.
    store: Option<Store>,
    stored: Stored,
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
            other_roles: BTreeMap::new(),
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
            unleased: BTreeMap::new(),
            late: BTreeMap::new(),
            parent: None,
        };
        Yard { input, steps: 0, store: None, stored: Stored::default() }
    }

    /// The account's next step waits for its pace.
    pub fn paced(&mut self, per_minute: u32, left: Millis) {
        let account = PLATFORM.to_owned();
        self.input.paced.insert(account, Paced { per_minute, left });
    }

    /// The account's lease is another's, or nobody knows whose.
    pub fn elsewhere(&mut self, holder: Option<String>) {
        let account = PLATFORM.to_owned();
        self.input.unleased.insert(account, holder);
    }

    /// Nothing outside keeps a step waiting any more.
    pub fn answers(&mut self) {
        self.input.breakers.clear();
        self.input.paced.clear();
        self.input.unleased.clear();
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
        let plan = self.input.parent.as_ref().map_or(PlanId(0), |plan| plan.id);
        let id = StepId(self.steps);
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

    /// Commits a plan as the service does, if it changes anything, and takes in the records as that
    /// left them.
    pub fn commit(&mut self, plan: Plan) {
        if !plan.changes(self.input.parent.as_ref()) {
            return;
        }
        let before = std::mem::take(&mut self.stored);
        let input = self.input.clone();
        let store = self.store.get_or_insert_with(|| {
            let clock = Arc::new(ManualClock::at(BEGIN));
            Store::open_on(&Disk::new(), clock, Mode::Inline(None)).expect("a store in memory")
        });
        let author = Author::new(&Grant::job("plan"), "plan.commit", Cause::Clock, Purpose::Ending);
        let written = store.write(author, move |tx| {
            before.become_those_of(tx, &input)?;
            let farm = input.farm.id;
            let decided = Decided {
                plan,
                facts: BTreeMap::new(),
                common: FarmSummary::default(),
                recheck_soon: BTreeSet::new(),
            };
            plans::commit_decision(tx, input, decided)?;
            Stored::read(tx, farm)
        });
        let (stored, _) = written.expect("a plan that fits the records it was made from");
        let input = &mut self.input;
        input.servers = stored.servers.values().cloned().collect();
        input.steps.retain(|step| !step.status.is_open());
        input.steps.extend(stored.open.values().cloned());
        input.parent.clone_from(&stored.plan);
        self.stored = Stored { steps: input.steps.iter().map(|s| s.id).collect(), ..stored };
        self.steps = self.steps.max(input.steps.iter().map(|s| s.id.0).max().unwrap_or(0));
    }
}

/// What of the world is in the store, as the last commit left it.
#[derive(Default)]
struct Stored {
    servers: BTreeMap<ServerId, Arc<Server>>,
    open: BTreeMap<StepId, Step>,
    /// Open ones, and others that were put there.
    steps: BTreeSet<StepId>,
    farm: Option<Farm>,
    farm_roles: Vec<FarmRole>,
    holds: Vec<Hold>,
    plan: Option<Plan>,
}

impl Stored {
    fn read(tx: &Tx, farm: FarmId) -> Result<Stored> {
        let servers = lookup::live_servers_of_farm(tx, farm)?;
        let open = lookup::open_steps_of(tx, farm)?;
        Ok(Stored {
            servers: servers.into_iter().map(|server| (server.id, Arc::new(server))).collect(),
            open: open.into_iter().map(|step| (step.id, step)).collect(),
            steps: BTreeSet::new(),
            farm: lookup::farm(tx, farm)?,
            farm_roles: lookup::farm_roles_of(tx, farm)?,
            holds: lookup::holds_of_farm(tx, farm)?,
            plan: lookup::current_plan(tx, farm)?.map(|plan| plan.memory()),
        })
    }

    /// Makes the records those that the engine saw: what a story or the outside changed since.
    fn become_those_of(&self, tx: &mut Tx, input: &PlanInput) -> Result<()> {
        if self.farm.as_ref() != Some(&input.farm) {
            tx.put(&input.farm)?;
        }
        for role in input.farm_roles.iter().filter(|role| !self.farm_roles.contains(role)) {
            tx.put(role)?;
        }
        let held = |id: HoldId| input.holds.iter().any(|hold| hold.id == id);
        for gone in self.holds.iter().filter(|hold| !held(hold.id)) {
            tx.delete::<Hold>(gone.id)?;
        }
        for hold in input.holds.iter().filter(|hold| !self.holds.contains(hold)) {
            tx.put(hold)?;
        }
        let servers: BTreeSet<ServerId> = input.servers.iter().map(|server| server.id).collect();
        for gone in self.servers.keys().filter(|id| !servers.contains(id)) {
            tx.delete::<Server>(*gone)?;
        }
        for server in &input.servers {
            if self.servers.get(&server.id) != Some(server) {
                tx.put(&**server)?;
            }
        }
        let steps: BTreeSet<StepId> = input.steps.iter().map(|step| step.id).collect();
        for gone in self.steps.difference(&steps) {
            tx.delete::<Step>(*gone)?;
        }
        for step in &input.steps {
            if self.open.get(&step.id) != Some(step) {
                tx.put(step)?;
            }
        }
        if let Some(parent) = input.parent.as_ref().filter(|_| input.parent != self.plan) {
            tx.put(parent)?;
            tx.set_current_plan(input.farm.id, parent.id)?;
        }
        Ok(())
    }
}
