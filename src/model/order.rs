//! An order: what an agent is asked to do. A record first, a message second, sent again on
//! every connect until its result is committed.

use crate::base::{EnvironmentId, Millis, OrderId, ServerId, StepId, Timestamp};
use serde::{Deserialize, Serialize};

/// Something an agent was asked to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Its number; agents do an order once, whatever is sent twice.
    pub id: OrderId,
    /// Where it lives.
    pub env: EnvironmentId,
    /// Who is to do it.
    pub server: ServerId,
    /// What.
    pub body: OrderBody,
    /// When it was given.
    pub at: Timestamp,
    /// Given up after this moment.
    pub deadline: Timestamp,
    /// How far it is.
    pub state: OrderState,
}

/// What an agent can be asked to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "do")]
pub enum OrderBody {
    /// Answer.
    Ping,
    /// Run a command and report its exit code and output.
    #[serde(rename_all = "camelCase")]
    Run {
        /// The command and its arguments.
        command: Vec<String>,
        /// Killed after this long.
        timeout_ms: Millis,
    },
    /// Write a file, check it, put it in place, reload; keep the last good one otherwise.
    #[serde(rename_all = "camelCase")]
    WriteFile {
        /// Where, an absolute path.
        path: String,
        /// The whole content.
        content: String,
        /// A command that must succeed before it is put in place; `{}` is the new file's path.
        check: Vec<String>,
        /// A command that makes the service read it.
        reload: Vec<String>,
        /// Which topology it was rendered from; the server's latest wins.
        generation: u64,
    },
    /// Restart the server's system.
    Reboot,
    /// Stop the agent and the server's services cleanly: the server is about to go.
    Stop,
    /// Know that the server is to go: whoever works on it takes no new work, finishes what is
    /// begun and says that it is idle, which ends the wait.
    #[serde(rename_all = "camelCase")]
    Leave {
        /// Its terminate or suspend step: the retirement that the idle word is about.
        step: StepId,
        /// Why it goes, for people.
        reason: String,
        /// It goes at this moment at the latest, by the appliance's clock.
        by: Timestamp,
    },
    /// Know that the server is not to go any more: what a `Leave` said is over.
    Stay,
}

/// How far an order is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OrderState {
    /// To be sent, or sent and not answered.
    Open,
    /// Done; the exit code and output where there are any.
    Done {
        /// The command's exit code, 0 where none was run.
        exit_code: i32,
        /// Its output, cut at [`crate::base::limit::COMMAND_OUTPUT_BYTES_MAX`].
        output: String,
    },
    /// The agent could not; why.
    Failed(String),
    /// The deadline passed without an answer.
    Expired,
    /// A later order of the same kind took its place.
    Superseded,
}

/// How far the results of a server's agent have been committed, so that each is committed once
/// however often it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentCursor {
    /// Whose agent.
    pub server: ServerId,
    /// The boot it counts in.
    pub boot: String,
    /// The last sequence number committed in that boot.
    pub seq: u64,
}
