//! The input with indexes, and every sighting judged once.
//!
//! Passes ask a [`Sight`], never a raw [`Freshness`], so that "old", "unknown" and "older than
//! what it is compared with" mean the same in all of them.

use crate::base::{FarmRoleId, Millis, ServerId, Timestamp, Watch, limit};
use crate::engine::{AgentPresence, PlanInput, RoleSummary};
use crate::model::{
    CloudState, FarmGoal, FarmRole, Freshness, LaunchOrder, RoleTarget, Server, ServerStatus, Step,
    StepKind, StepStatus,
};
use std::collections::{BTreeMap, BTreeSet};

/// One farm as the passes see it.
pub struct World<'a> {
    /// What it was made from.
    pub input: &'a PlanInput,
    /// The farm roles that are decided about, in launch order, then by number.
    pub roles: Vec<RoleView<'a>>,
    /// Every farm role of the farm in the same order, as the others see it: what is asked across
    /// farm roles is asked of these, because the servers of some may not be here.
    pub neighbours: Vec<Neighbour<'a>>,
}

/// One farm role as the others of its farm see it.
pub struct Neighbour<'a> {
    /// As declared.
    pub role: &'a FarmRole,
    /// What may be asked of it, before anything is decided; [`Draft::facts`] has what this plan
    /// makes of them.
    ///
    /// [`Draft::facts`]: crate::engine::draft::Draft::facts
    pub facts: RoleSummary,
}

/// One farm role that is decided about, with its servers.
pub struct RoleView<'a> {
    /// As declared.
    pub role: &'a FarmRole,
    /// Its servers not confirmed gone, by index.
    pub servers: Vec<ServerView<'a>>,
    /// Another farm role balances it, so that its servers are taken out before they stop.
    pub balanced: bool,
    /// Launches that failed lately, in the order of their end.
    pub failed_launches: Vec<&'a Step>,
    /// Its target in the plan before.
    pub before: Option<&'a RoleTarget>,
    /// Where each server is among them.
    places: BTreeMap<ServerId, usize>,
}

/// One server with what is known of it.
pub struct ServerView<'a> {
    /// Its record.
    pub server: &'a Server,
    /// What the platform says, judged.
    pub sight: Sight,
    /// Its open steps, by number.
    pub open: Vec<&'a Step>,
    /// Its steps that failed lately, by number.
    pub failed: Vec<&'a Step>,
    /// Its agent, if it was heard of since the start.
    pub agent: Option<AgentPresence>,
}

/// What may be concluded from what was last seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// Nothing: never seen since the start.
    Unknown,
    /// Nothing: too old.
    Stale {
        /// How old.
        age: Millis,
    },
    /// The platform shows it.
    Seen {
        /// As this.
        state: CloudState,
        /// The listing began after the server's last change of status, so it is about that.
        current: bool,
        /// How old the listing is.
        age: Millis,
    },
    /// Complete listings lack it.
    Missing {
        /// From the first of them to the last: while nobody looked, nothing was missing.
        age: Millis,
        /// Often and long enough to take it for lost.
        lost: bool,
    },
}

impl Sight {
    fn judge(watch: Watch, server: &Server, freshness: Option<&Freshness>) -> Sight {
        let now = watch.now;
        let stale = |at: Timestamp| now.since(at) > limit::LISTING_STALE_AFTER;
        match freshness {
            None | Some(Freshness::Unknown) => Sight::Unknown,
            Some(Freshness::Seen { at, .. } | Freshness::Missing { at, .. }) if stale(*at) => {
                Sight::Stale { age: now.since(*at) }
            }
            Some(Freshness::Seen { state, at }) => {
                let current = *at >= watch.began(server.status_at);
                Sight::Seen { state: *state, current, age: now.since(*at) }
            }
            Some(Freshness::Missing { since, at, listings }) => {
                let age = at.since(*since);
                let lost =
                    *listings >= limit::MISSING_LISTINGS_MIN && age >= limit::MISSING_AT_LEAST;
                Sight::Missing { age, lost }
            }
        }
    }

    /// The platform itself says that it does not run any more.
    pub fn is_dead(self) -> bool {
        match self {
            Sight::Seen { state, current: true, .. } => match state {
                CloudState::Stopped | CloudState::Terminating | CloudState::Gone => true,
                CloudState::Pending | CloudState::Running | CloudState::Suspended => false,
            },
            Sight::Seen { current: false, .. }
            | Sight::Unknown
            | Sight::Stale { .. }
            | Sight::Missing { .. } => false,
        }
    }

    /// The platform says that it sleeps, its memory kept.
    pub fn is_suspended(self) -> bool {
        matches!(self, Sight::Seen { state: CloudState::Suspended, current: true, .. })
    }

    /// The platform says that it is there but stopped: its disk may start again.
    pub fn is_stopped(self) -> bool {
        matches!(self, Sight::Seen { state: CloudState::Stopped, current: true, .. })
    }

    /// The platform says that it is up, or coming up.
    pub fn is_up(self) -> bool {
        matches!(self, Sight::Seen { state: CloudState::Running | CloudState::Pending, .. })
    }

    /// The platform says that it is up.
    pub fn is_running(self) -> bool {
        matches!(self, Sight::Seen { state: CloudState::Running, .. })
    }

    /// Recent enough to destroy on.
    pub fn is_fresh(self) -> bool {
        match self {
            Sight::Seen { .. } => true,
            Sight::Missing { lost, .. } => lost,
            Sight::Unknown | Sight::Stale { .. } => false,
        }
    }
}

impl<'a> World<'a> {
    /// Indexes an input.
    pub fn new(input: &'a PlanInput) -> World<'a> {
        let mut steps: BTreeMap<ServerId, Vec<&Step>> = BTreeMap::new();
        let mut failed_launches: BTreeMap<FarmRoleId, Vec<&Step>> = BTreeMap::new();
        for step in &input.steps {
            steps.entry(step.server).or_default().push(step);
            if step.kind == StepKind::Launch && step.status == StepStatus::Failed {
                failed_launches.entry(step.farm_role).or_default().push(step);
            }
        }
        let mut servers: BTreeMap<FarmRoleId, Vec<ServerView>> = BTreeMap::new();
        for server in input.servers.iter().filter(|s| s.status.counts()) {
            let of_server = steps.remove(&server.id).unwrap_or_default();
            servers.entry(server.farm_role).or_default().push(view(input, server, of_server));
        }
        let balanced: BTreeSet<&str> = input
            .farm_roles
            .iter()
            .filter(|role| !role.removed)
            .filter_map(|role| role.balance.as_ref().map(|b| b.farm_role.as_str()))
            .collect();
        let before: BTreeMap<FarmRoleId, &RoleTarget> = input
            .parent
            .iter()
            .flat_map(|plan| plan.targets.iter().map(|target| (target.farm_role, target)))
            .collect();
        let mut roles: Vec<RoleView> = input
            .farm_roles
            .iter()
            .filter(|role| !input.other_roles.contains_key(&role.id))
            .map(|role| {
                let mut of_role = servers.remove(&role.id).unwrap_or_default();
                of_role.sort_by_key(|view| (view.server.index, view.server.id));
                let mut failed = failed_launches.remove(&role.id).unwrap_or_default();
                failed.sort_by_key(|step| (step.ended_at, step.id));
                let ids = of_role.iter().map(|view| view.server.id);
                RoleView {
                    role,
                    places: ids.zip(0..).collect(),
                    servers: of_role,
                    balanced: balanced.contains(role.alias.as_str()),
                    failed_launches: failed,
                    before: before.get(&role.id).copied(),
                }
            })
            .collect();
        roles.sort_by_key(|view| (view.role.launch_index, view.role.id));
        let mut facts = input.other_roles.clone();
        facts
            .extend(roles.iter().map(|view| (view.role.id, RoleSummary::of(&view.servers, input))));
        let mut neighbours: Vec<Neighbour> = input
            .farm_roles
            .iter()
            .map(|role| Neighbour { role, facts: facts.get(&role.id).copied().unwrap_or_default() })
            .collect();
        neighbours.sort_by_key(|near| (near.role.launch_index, near.role.id));
        World { input, roles, neighbours }
    }

    /// The farm is to have servers at all.
    pub fn is_wanted(&self) -> bool {
        self.input.farm.goal == FarmGoal::Launched && !self.input.farm.removed
    }

    /// Every server of it is to go.
    pub fn is_leaving(&self) -> bool {
        self.input.farm.goal == FarmGoal::Terminated || self.input.farm.removed
    }

    /// A person stopped it: its servers are shut down and kept, and nothing is healed.
    pub fn is_stopped(&self) -> bool {
        self.input.farm.goal == FarmGoal::Suspended && !self.input.farm.removed
    }

    /// Farm roles wait for one another.
    pub fn is_sequential(&self) -> bool {
        self.input.farm.launch_order == LaunchOrder::Sequential
    }

    /// The farm roles that are to have servers, as the others see them.
    pub fn wanted_neighbours(&self) -> impl Iterator<Item = &Neighbour<'a>> {
        let wanted = self.is_wanted();
        self.neighbours.iter().filter(move |near| wanted && !near.role.removed)
    }

    /// The farm roles that are to have servers and are decided about.
    pub fn wanted_roles(&self) -> impl Iterator<Item = &RoleView<'a>> {
        let wanted = self.is_wanted();
        self.roles.iter().filter(move |view| wanted && !view.role.removed)
    }

    /// Every server that is decided about, with its farm role.
    pub fn servers(&self) -> impl Iterator<Item = (&RoleView<'a>, &ServerView<'a>)> {
        self.roles.iter().flat_map(|role| role.servers.iter().map(move |server| (role, server)))
    }
}

impl<'a> RoleView<'a> {
    /// The server of a number, unless it is gone or another farm role's.
    pub fn server(&self, id: ServerId) -> Option<&ServerView<'a>> {
        self.servers.get(*self.places.get(&id)?)
    }
}

fn view<'a>(input: &'a PlanInput, server: &'a Server, mut steps: Vec<&'a Step>) -> ServerView<'a> {
    steps.sort_by_key(|step| step.id);
    let (open, ended): (Vec<&Step>, Vec<&Step>) =
        steps.into_iter().partition(|step| step.status.is_open());
    ServerView {
        server,
        sight: Sight::judge(input.watch(), server, input.sightings.get(&server.id)),
        open,
        failed: ended.into_iter().filter(|step| step.status == StepStatus::Failed).collect(),
        agent: input.agents.get(&server.id).copied(),
    }
}

impl ServerView<'_> {
    /// The cloud never heard of it: its launch is planned and was never begun.
    pub fn is_only_planned(&self) -> bool {
        self.server.status == ServerStatus::PendingLaunch
            && self.server.asked_at.is_none()
            && !self.open.is_empty()
            && self.open.iter().all(|step| step.status == StepStatus::Planned)
    }

    /// The planned step that waits for nothing but the end of this server's drain. One that is
    /// asked for again after a failure waits for its pause.
    pub fn draining_step(&self, now: Timestamp) -> Option<&Step> {
        let planned = |kind: StepKind| {
            let mut open = self.open.iter();
            open.find(move |step| step.kind == kind && step.status == StepStatus::Planned)
        };
        let has_failed = || self.failed.iter().any(|step| step.kind == StepKind::Terminate);
        let step = match self.server.status {
            ServerStatus::PendingTerminate if !has_failed() => {
                planned(StepKind::Terminate).filter(|step| {
                    self.server.terminate_after.is_some_and(|end| step.not_before <= end)
                })
            }
            ServerStatus::PendingSuspend if self.server.parked => planned(StepKind::Suspend),
            _ => None,
        };
        step.copied().filter(|step| step.not_before > now)
    }

    /// It may be down because we were told to: a reboot, start, suspend or resume is under way.
    pub fn is_restarting(&self) -> bool {
        self.open.iter().any(|step| match step.kind {
            StepKind::Reboot
            | StepKind::Start
            | StepKind::Resume
            | StepKind::Suspend
            | StepKind::Stop => true,
            StepKind::Launch | StepKind::Terminate => false,
        })
    }

    /// On its way up: it will share the load, but does not yet.
    pub fn is_starting(&self) -> bool {
        self.server.is_wanted() && self.server.status != ServerStatus::Running && !self.is_asleep()
    }

    /// A person put it to sleep, or asked to: it keeps its place and shares no load.
    pub fn is_asleep(&self) -> bool {
        matches!(self.server.status, ServerStatus::PendingSuspend | ServerStatus::Suspended)
    }

    /// The cloud accepted it and nobody wants it gone or asleep: a listing should show it up.
    pub fn should_be_up(&self) -> bool {
        self.gets_ready() || self.server.status == ServerStatus::Running
    }

    /// How long it has been where it is, while we looked: its agent may have had nobody to say
    /// hello to before.
    pub fn age(&self, input: &PlanInput) -> Millis {
        input.watch().lasted(self.server.status_at)
    }

    /// The cloud accepted it, and it is expected to run soon.
    pub fn gets_ready(&self) -> bool {
        self.server.status.gets_ready()
    }

    /// Ready, and the platform does not contradict.
    pub fn is_running(&self) -> bool {
        self.server.status == ServerStatus::Running && !self.sight.is_dead()
    }

    /// Up, by its own word and the platform's. What was seen before it came where it is does not
    /// contradict.
    pub fn is_seen_running(&self) -> bool {
        let seen = matches!(self.sight, Sight::Seen { .. });
        self.is_running() && seen && !self.sight.is_suspended()
    }

    /// Up by everybody's word, and its check does not fail: it serves.
    pub fn is_healthy(&self) -> bool {
        self.is_seen_running() && !self.is_unhealthy()
    }

    /// It runs, and its check fails by the last word there is: it does not serve.
    pub fn is_unhealthy(&self) -> bool {
        let fails = self.agent.is_some_and(|agent| agent.failing_since.is_some());
        self.server.status == ServerStatus::Running && fails
    }

    /// It is unhealthy by the word of its balancers alone.
    pub fn is_unreached(&self) -> bool {
        self.is_unhealthy() && self.agent.is_some_and(|agent| agent.unreached)
    }

    /// It serves, and that was said since the start: silence is not taken for health.
    pub fn is_known_healthy(&self) -> bool {
        self.is_healthy() && self.agent.is_some_and(|agent| agent.passes)
    }

    /// Its agent's connection is up.
    pub fn is_heard(&self) -> bool {
        self.agent.is_some_and(|agent| agent.connected)
    }
}
