//! Summaries: what farm roles may ask of one another, as counts over a farm role's servers.
//!
//! A decision about some farm roles of a farm is made without the servers of the others; what is
//! asked across them (is anything running there, is all of it missing) is answered by these. They
//! follow from records and judged sightings alone, so they hold until one of those changes.

use crate::base::{FarmRoleId, Timestamp, limit};
use crate::engine::PlanInput;
use crate::engine::draft::Draft;
use crate::engine::world::{ServerView, Sight, World};
use crate::model::{CloudState, FarmRole, Freshness, MissingPolicy, ServerStatus};
use std::collections::BTreeSet;

/// Counts over the servers of one farm role.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RoleSummary {
    /// Of which the cloud may have heard, and which are not confirmed gone.
    pub held: u32,
    /// Of those, not known to be put to sleep.
    pub awake: u32,
    /// Ready, and the platform does not contradict.
    pub running: u32,
    /// Of those, missing from listings.
    pub running_missing: u32,
    /// Of those that are ready, those whose check does not fail: what others may count on.
    pub serving: u32,
    /// Accepted by the cloud and to be up: running ones and those that get ready.
    pub expected: u32,
    /// Seen up or coming up, whatever is to become of them: a sign that the power was not cut.
    pub up: u32,
    /// What a freeze is judged by: see [`is_counted`].
    pub counted: u32,
    /// Of those, missing from listings.
    pub counted_missing: u32,
    /// Of those, not seen since the start, or too long ago.
    pub counted_unseen: u32,
    /// Of those, the most that went missing within one [`limit::VANISH_WINDOW`].
    pub vanished: u32,
}

impl RoleSummary {
    /// The facts about some servers.
    pub fn of(servers: &[ServerView], input: &PlanInput) -> RoleSummary {
        let mut facts = RoleSummary::default();
        for server in servers {
            facts.add(&RoleSummary::about(server));
        }
        facts.vanished = vanished(servers, input);
        facts
    }

    /// What one server adds to them.
    fn about(server: &ServerView) -> RoleSummary {
        let missing = matches!(server.sight, Sight::Missing { .. });
        let unseen = matches!(server.sight, Sight::Unknown | Sight::Stale { .. });
        let (running, expected) = (server.is_running(), server.should_be_up());
        let counted = is_counted(server);
        let is_down = server.server.status == ServerStatus::Suspended;
        RoleSummary {
            held: u32::from(!server.is_only_planned()),
            awake: u32::from(!server.is_only_planned() && !is_down),
            running: u32::from(running),
            running_missing: u32::from(running && missing),
            serving: u32::from(running && !server.is_unhealthy()),
            expected: u32::from(expected),
            up: u32::from(server.sight.is_up()),
            counted: u32::from(counted),
            counted_missing: u32::from(counted && missing),
            counted_unseen: u32::from(counted && unseen),
            vanished: 0,
        }
    }

    fn add(&mut self, other: &RoleSummary) {
        self.held += other.held;
        self.awake += other.awake;
        self.running += other.running;
        self.running_missing += other.running_missing;
        self.serving += other.serving;
        self.expected += other.expected;
        self.up += other.up;
        self.counted += other.counted;
        self.counted_missing += other.counted_missing;
        self.counted_unseen += other.counted_unseen;
    }

    /// A server of it is to go: it serves no more, and still is where it is. What a freeze and
    /// a cold start are judged by stays as it was.
    pub fn leave(&mut self, server: &ServerView) {
        let one = RoleSummary::about(server);
        self.running = self.running.saturating_sub(one.running);
        self.running_missing = self.running_missing.saturating_sub(one.running_missing);
        self.serving = self.serving.saturating_sub(one.serving);
        self.expected = self.expected.saturating_sub(one.expected);
    }
}

/// What is asked across farm roles, answered: as long as the answers stay the same, a change in one
/// farm role changes no decision about another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FarmSummary {
    freeze: Option<String>,
    cold_start: Option<Timestamp>,
    /// Servers are to be up, and none is seen up: a power cut, or not looked yet.
    dark: bool,
    /// Running servers are missing somewhere: nobody is rolled over.
    missing: bool,
    /// So they are where absence says something: nobody is taken who is too many.
    watched_missing: bool,
    /// Farm roles that others may wait for and that have something serving.
    runs: BTreeSet<FarmRoleId>,
    /// Farm roles that others may wait for and that are to have something.
    wants: BTreeSet<FarmRoleId>,
    /// Farm roles that others leave after and that still have servers, or servers awake.
    held: BTreeSet<FarmRoleId>,
    awake: BTreeSet<FarmRoleId>,
}

impl FarmSummary {
    /// The answers once everything is decided.
    pub(super) fn of(world: &World, draft: &Draft) -> FarmSummary {
        let all = || world.neighbours.iter().map(|near| (near.role, draft.facts(near.role.id)));
        let orderly = world.is_sequential()
            || world.neighbours.iter().any(|near| !near.role.policy.depends_on.is_empty());
        let (up, leaving) = (orderly && world.is_wanted(), orderly && world.is_leaving());
        let set = |asked: bool, is: &dyn Fn(&FarmRole, &RoleSummary) -> bool| {
            let found = all().filter(|(role, facts)| asked && is(role, facts));
            found.map(|(role, _)| role.id).collect()
        };
        let wants = |role: &FarmRole| draft.targets.get(&role.id).is_some_and(|t| t.target > 0);
        FarmSummary {
            freeze: draft.freeze.clone(),
            cold_start: draft.cold_start,
            dark: all().any(|(_, f)| f.expected > 0) && !all().any(|(_, f)| f.up > 0),
            missing: all().any(|(role, f)| !role.removed && f.running_missing > 0),
            watched_missing: all().any(|(role, f)| {
                let watched = role.policy.missing == MissingPolicy::Terminate;
                !role.removed && watched && f.running_missing > 0
            }),
            runs: set(up, &|_, facts| facts.serving > 0),
            wants: set(up, &|role, _| wants(role)),
            held: set(leaving, &|_, facts| facts.held > 0),
            awake: set(orderly && world.is_stopped(), &|_, facts| facts.awake > 0),
        }
    }

    /// The farm is in a state of its own, which is judged over all of its servers.
    pub(super) fn needs_whole_farm(&self) -> bool {
        self.freeze.is_some() || self.cold_start.is_some() || self.dark
    }
}

/// What a freeze is judged by: what has run and is to go on, also while it goes to sleep or
/// reboots, so that whom a person reboots does not make the others look like fewer. One that
/// sleeps or is woken counts where it is missing: it vanished with the others, and those that are
/// there do not make a loss of what serves look smaller. What a person asked to be gone, and what
/// the platform says has stopped, is out of the question already in the plan that retires it.
fn is_counted(server: &ServerView) -> bool {
    let stopped = || match server.sight {
        Sight::Seen { state, .. } => match state {
            CloudState::Stopped | CloudState::Terminating | CloudState::Gone => true,
            CloudState::Pending | CloudState::Running | CloudState::Suspended => false,
        },
        Sight::Unknown | Sight::Stale { .. } | Sight::Missing { .. } => false,
    };
    let stays = match server.server.status {
        ServerStatus::Running => server.is_running(),
        ServerStatus::Initializing | ServerStatus::PendingSuspend => {
            server.server.running_at.is_some() && !stopped()
        }
        ServerStatus::Suspended | ServerStatus::Resuming => {
            let missing = matches!(server.sight, Sight::Missing { .. });
            server.server.running_at.is_some() && missing
        }
        ServerStatus::PendingLaunch
        | ServerStatus::Pending
        | ServerStatus::PendingTerminate
        | ServerStatus::Terminated
        | ServerStatus::Importing
        | ServerStatus::Temporary => false,
    };
    stays && !server.server.terminate_requested
}

/// The most counted servers that went missing within one window.
fn vanished(servers: &[ServerView], input: &PlanInput) -> u32 {
    let mut since: Vec<Timestamp> = servers
        .iter()
        .filter(|server| is_counted(server))
        .filter_map(|server| match input.sightings.get(&server.server.id) {
            Some(Freshness::Missing { since, .. }) => Some(*since),
            Some(Freshness::Seen { .. } | Freshness::Unknown) | None => None,
        })
        .collect();
    since.sort();
    let (mut oldest, mut most) = (0, 0);
    for (newest, at) in since.iter().enumerate() {
        while at.since(since[oldest]) > limit::VANISH_WINDOW {
            oldest += 1;
        }
        most = most.max(newest + 1 - oldest);
    }
    u32::try_from(most).unwrap_or(u32::MAX)
}
