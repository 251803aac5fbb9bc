//! Runs: a command of a person's on one server or many, and what came of it on each.

use crate::base::{EnvironmentId, Millis, OrderId, RunId, RunServerId, ServerId, Timestamp};
use crate::model::{Cancel, Ran};
use serde::{Deserialize, Serialize};

/// A command that runs on servers, a bounded number at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Its number.
    pub id: RunId,
    /// Where it lives.
    pub env: EnvironmentId,
    /// On what, in the person's words: `shop/api`, `shop, blog/web-1`.
    pub what: String,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Ended on each server after this long.
    pub timeout_ms: Millis,
    /// On how many servers at once.
    pub parallel: u32,
    /// On so many servers it has to end with 0 before the others follow; 0 for none.
    pub canary: u32,
    /// Whose it is, by the name the journal has.
    pub by: String,
    /// Since when.
    pub at: Timestamp,
    /// Since when nothing of it is left to do.
    pub ended_at: Option<Timestamp>,
    /// Who wants it ended early.
    pub cancel: Option<Cancel>,
    /// How far it is.
    pub count: RunCount,
}

/// How many servers a run has in which state; the rest of [`RunCount::servers`] wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunCount {
    /// All of them.
    pub servers: u32,
    /// Those whose agents have the order.
    pub open: u32,
    /// Those where it ended with 0.
    pub succeeded: u32,
    /// Those where it ended otherwise, or was not run although it was to be.
    pub failed: u32,
    /// Those passed over, because the canary failed or the run was cancelled.
    pub skipped: u32,
}

impl RunCount {
    /// Those whose turn has not come.
    pub fn waiting(&self) -> u32 {
        self.servers.saturating_sub(self.open + self.succeeded + self.failed + self.skipped)
    }
}

impl Run {
    /// How many more servers may get the order now; `None` when the canary has failed, and so none
    /// ever may.
    pub fn room(&self) -> Option<u32> {
        let RunCount { open, succeeded, failed, .. } = self.count;
        let free = self.parallel.saturating_sub(open);
        if succeeded >= self.canary {
            return Some(free);
        }
        let canaries_left = self.canary.saturating_sub(open + succeeded);
        (failed == 0).then(|| free.min(canaries_left))
    }
}

/// What one server has to do with a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunServer {
    /// Its number; a run's are in the order in which their turns come.
    pub id: RunServerId,
    /// Where it lives.
    pub env: EnvironmentId,
    /// Whose it is.
    pub run: RunId,
    /// Which server.
    pub server: ServerId,
    /// What it was called when the run began: `shop/api-1`.
    pub name: String,
    /// What its agent was asked; `None` before its turn, and where it was never asked.
    pub order: Option<OrderId>,
    /// How far it is there.
    pub state: RunServerState,
}

/// How far a run is on one server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RunServerState {
    /// Its turn has not come.
    Waiting,
    /// Its agent has the order, or gets it.
    Open,
    /// It ended.
    Ended {
        /// With this code.
        exit_code: i32,
        /// How, and what it printed, of which a share is kept.
        ran: Ran,
    },
    /// It was not run, or nobody knows how it ended; why.
    Failed(String),
    /// It was passed over; why.
    Skipped(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(parallel: u32, canary: u32, count: RunCount) -> Option<u32> {
        let (id, env, at) = (RunId(1), EnvironmentId(1), Timestamp(0));
        let (what, by, command) = (String::new(), String::new(), Vec::new());
        let (ended_at, cancel, timeout_ms) = (None, None, 1);
        let run = Run {
            id,
            env,
            what,
            command,
            timeout_ms,
            parallel,
            canary,
            by,
            at,
            ended_at,
            cancel,
            count,
        };
        run.room()
    }

    #[test]
    fn canaries_go_first_and_the_rest_only_after_them() {
        let count =
            |open, succeeded, failed| RunCount { servers: 20, open, succeeded, failed, skipped: 0 };
        for (parallel, canary, now, expected) in [
            (10, 0, count(0, 0, 0), Some(10)),
            (10, 0, count(4, 0, 9), Some(6)),
            (10, 2, count(0, 0, 0), Some(2)),
            (1, 2, count(0, 0, 0), Some(1)),
            (10, 2, count(2, 0, 0), Some(0)),
            (10, 2, count(1, 1, 0), Some(0)),
            (10, 2, count(0, 1, 0), Some(1)),
            (10, 2, count(0, 1, 1), None),
            (10, 2, count(1, 0, 1), None),
            (10, 2, count(0, 2, 0), Some(10)),
            (10, 2, count(3, 5, 4), Some(7)),
        ] {
            assert_eq!(room(parallel, canary, now), expected, "{parallel} {canary} {now:?}");
        }
    }
}
