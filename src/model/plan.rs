//! A plan: what the engine decided for one farm. Immutable, numbered, with a parent.

use crate::base::{EnvironmentId, FarmId, FarmRoleId, PlanId, ServerId, Timestamp};
use crate::model::{LaunchReason, Line, Rollout, StepKind, TerminateReason};
use serde::{Deserialize, Serialize};

/// One decision of the engine about one farm.
///
/// The engine returns it without a number; `service` numbers and commits it if its parent is
/// still the farm's current plan. Committing creates the records its moves ask for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Its number; 0 until it is committed.
    pub id: PlanId,
    /// Where it lives.
    pub env: EnvironmentId,
    /// The farm it is about.
    pub farm: FarmId,
    /// The plan it was made from; `None` for a farm's first.
    pub parent: Option<PlanId>,
    /// When it was made.
    pub at: Timestamp,
    /// What scaling wants of each farm role, and since when: its memory between ticks.
    pub targets: Vec<RoleTarget>,
    /// What is to change, in order.
    pub moves: Vec<Move>,
    /// Why each thing is or is not done. Not compared when plans are.
    pub report: Vec<Line>,
    /// Automation stopped by ourselves, with the reason; cleared by a person or by certainty.
    pub freeze: Option<String>,
    /// Since when the farm is brought back up after all of it stopped at once; until then its
    /// stopped servers are started again, in launch order, instead of replaced.
    pub cold_start: Option<Timestamp>,
}

/// The target of one farm role and the memory scaling needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RoleTarget {
    /// The farm role.
    pub farm_role: FarmRoleId,
    /// How many servers are wanted now, within the declared range.
    pub target: u32,
    /// When scaling last changed it upwards.
    pub scaled_up_at: Option<Timestamp>,
    /// When scaling last changed it downwards.
    pub scaled_down_at: Option<Timestamp>,
    /// Launches that failed in a row, for the backoff.
    pub failed_launches: u32,
    /// No launch before this moment (the launch retry ladder).
    pub retry_at: Option<Timestamp>,
    /// The last failed launch that is counted in `failed_launches`; later ones are news.
    pub failed_at: Option<Timestamp>,
    /// Servers that are to be replaced and whose replacement is not launched yet.
    pub owed: Vec<Replacement>,
    /// The rollout under way.
    pub rollout: Option<Rollout>,
    /// While healing is held: how many servers there would be had none been lost since. What is
    /// short of it was lost, and is not replaced until the hold ends.
    pub before_losses: Option<u32>,
}

/// A replacement that is still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Replacement {
    /// The index of the server that goes; with data volumes the replacement must have it too.
    pub index: u32,
    /// The server that goes.
    pub server: ServerId,
    /// It goes for a rollout, not because it was lost.
    pub rollout: bool,
}

impl RoleTarget {
    /// The target of a farm role without a past.
    pub fn new(farm_role: FarmRoleId, target: u32) -> RoleTarget {
        RoleTarget {
            farm_role,
            target,
            scaled_up_at: None,
            scaled_down_at: None,
            failed_launches: 0,
            retry_at: None,
            failed_at: None,
            owed: Vec::new(),
            rollout: None,
            before_losses: None,
        }
    }
}

/// One thing a plan changes. Committing the plan writes the record; a step carries it out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Move {
    /// A new server record in `pending_launch`, with a launch step.
    Launch {
        /// Its id, drawn by the engine from the input's seed.
        server: ServerId,
        /// The farm role it is for.
        farm_role: FarmRoleId,
        /// Its index.
        index: u32,
        /// Which revision of the farm role it is made from.
        revision: u64,
        /// The availability zone it is asked for in.
        zone: Option<String>,
        /// Why.
        reason: LaunchReason,
    },
    /// The server becomes `pending_terminate`; the terminate step begins after the drain. Its
    /// planned steps that were never begun are superseded: nothing else is to happen to it.
    Retire {
        /// The server.
        server: ServerId,
        /// Why.
        reason: TerminateReason,
        /// The terminate step is not begun before this.
        not_before: Timestamp,
    },
    /// A suspend, resume, reboot or start of a server, or another attempt at terminating it.
    Act {
        /// The server.
        server: ServerId,
        /// What to do.
        kind: StepKind,
        /// The step is not begun before this.
        not_before: Timestamp,
    },
    /// A planned step that is no longer wanted; it was never begun.
    Cancel {
        /// The server whose planned step it is. A server that only had a launch planned is gone.
        server: ServerId,
    },
    /// The server is put to sleep by scaling: it becomes `pending_suspend`, and the suspend step
    /// begins after the drain.
    Park {
        /// The server.
        server: ServerId,
        /// The suspend step is not begun before this.
        not_before: Timestamp,
    },
    /// The grace of a server that is to go ends early: its planned step may begin from this moment
    /// on, because the server said that it is idle.
    Hasten {
        /// The server.
        server: ServerId,
        /// The step may begin from here on.
        not_before: Timestamp,
    },
}

impl Plan {
    /// The plan as the next decision looks at it: without moves and report.
    pub fn memory(&self) -> Plan {
        Plan {
            targets: self.targets.clone(),
            moves: Vec::new(),
            report: Vec::new(),
            freeze: self.freeze.clone(),
            ..*self
        }
    }

    /// The target of a farm role.
    pub fn target(&self, farm_role: FarmRoleId) -> Option<&RoleTarget> {
        self.targets.iter().find(|t| t.farm_role == farm_role)
    }

    /// Whether committing it would change anything: law 4 says it must not on an unchanged world.
    pub fn changes(&self, parent: Option<&Plan>) -> bool {
        !self.moves.is_empty()
            || parent.is_none_or(|p| {
                (&p.targets, &p.freeze, &p.cold_start)
                    != (&self.targets, &self.freeze, &self.cold_start)
            })
    }
}

impl Move {
    /// For which farm role it launches a server, and with which index; `None` when it is no launch.
    pub fn launches(&self) -> Option<(FarmRoleId, u32)> {
        match self {
            Move::Launch { farm_role, index, .. } => Some((*farm_role, *index)),
            Move::Retire { .. }
            | Move::Act { .. }
            | Move::Cancel { .. }
            | Move::Park { .. }
            | Move::Hasten { .. } => None,
        }
    }

    /// Why it retires its server; `None` when it does not.
    pub fn retires(&self) -> Option<TerminateReason> {
        match self {
            Move::Retire { reason, .. } => Some(*reason),
            Move::Launch { .. }
            | Move::Act { .. }
            | Move::Cancel { .. }
            | Move::Park { .. }
            | Move::Hasten { .. } => None,
        }
    }

    /// The server it is about.
    pub fn server(&self) -> ServerId {
        match self {
            Move::Launch { server, .. }
            | Move::Retire { server, .. }
            | Move::Act { server, .. }
            | Move::Cancel { server }
            | Move::Park { server, .. }
            | Move::Hasten { server, .. } => *server,
        }
    }
}
