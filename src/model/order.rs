//! An order: what an agent is asked to do. A record first, a message second, sent again on
//! every connect until its result is committed.

use crate::base::{Bytes, EnvironmentId, Millis, OrderId, ServerId, StepId, Timestamp};
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
    /// Who wants the command ended that it runs; `None` while nobody does.
    pub cancel: Option<Cancel>,
}

/// Somebody's wish that a command that was ordered runs no longer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancel {
    /// Whose, by the name the journal has.
    pub by: String,
    /// Since when.
    pub at: Timestamp,
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
        /// Ended after this long.
        timeout_ms: Millis,
        /// Whether both outputs come back apart and byte for byte, as [`Ran`]. An agent that does
        /// not know of it sends one text.
        #[serde(default)]
        apart: bool,
    },
    /// End a command that another order runs, with all that it started in its process group.
    Cancel {
        /// That order.
        order: OrderId,
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
    /// Do a role's work: set the server up, put its files in place, keep its services running. The
    /// work itself is in no record, since variables that are hidden may be in it: it is rendered
    /// anew for the message that is sent ([`crate::wire::agent::OrderMessage::workload`]).
    #[serde(rename_all = "camelCase")]
    Workload {
        /// Counts the workloads of the server; a lower one than what it has is an old one.
        generation: u64,
        /// Of the work as it was rendered, so that another topology is noticed.
        digest: String,
        /// Of what restarts a service when it changes; the same in two workloads that differ in
        /// nothing but files that are read again.
        restarts: String,
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
    /// Know where the appliance is by now, and come there from the next connection on. For agents
    /// that say that they can be told ([`crate::wire::agent::CAN_BE_TOLD`]).
    Addresses {
        /// `address:port`, best first, in place of those of the user data.
        appliances: Vec<String>,
    },
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
    /// A command ran, and ended in one way or another.
    Ran {
        /// Its exit code, or 128 and the number of the signal that ended it.
        exit_code: i32,
        /// What it printed, and who ended it.
        ran: Ran,
    },
}

/// How a command ended and what it printed until then.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ran {
    /// Who ended it.
    pub ended_by: EndedBy,
    /// What it wrote to its standard output.
    pub stdout: Printed,
    /// What it wrote to its standard error.
    pub stderr: Printed,
}

/// Who ended a command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum EndedBy {
    /// It ended by itself, or by a signal that is not the agent's.
    #[default]
    Itself,
    /// The agent, since its time was over.
    Timeout,
    /// The agent, since a person wanted it.
    Cancel,
    /// The agent, since it was told to stop itself.
    Stop,
}

/// What is kept of one output of a command: all of it, or its beginning and its end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Printed {
    /// The whole of it, or its beginning.
    pub head: Bytes,
    /// How many bytes after the beginning were not kept.
    pub left_out: u64,
    /// Its end, where something was left out before it.
    pub tail: Bytes,
}

impl Printed {
    /// The same, with at most so many bytes; what is too much counts as left out.
    #[must_use]
    pub fn within(mut self, bytes_max: usize) -> Printed {
        let room = bytes_max.saturating_sub(self.head.0.len());
        let over = self.tail.0.len().saturating_sub(room);
        self.tail.0.drain(..over);
        let beyond = self.head.0.len().saturating_sub(bytes_max);
        self.head.0.truncate(bytes_max);
        self.left_out = self.left_out.saturating_add((over + beyond) as u64);
        self
    }

    /// As text for people: what is no UTF-8 is replaced, and a line says what was left out.
    pub fn text(&self) -> String {
        let mut text = String::from_utf8_lossy(&self.head.0).into_owned();
        if self.left_out > 0 {
            text.push_str(&format!("\n[{} bytes left out]\n", self.left_out));
            text.push_str(&String::from_utf8_lossy(&self.tail.0));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much_counts_as_left_out() {
        let check = |head: &str, left_out, tail: &str, expected: (&str, u64, &str)| {
            let bytes = |text: &str| Bytes(text.as_bytes().to_vec());
            let printed = Printed { head: bytes(head), left_out, tail: bytes(tail) };
            let (head, left_out, tail) = expected;
            let expected = Printed { head: bytes(head), left_out, tail: bytes(tail) };
            assert_eq!(printed.within(4), expected);
        };
        check("", 0, "", ("", 0, ""));
        check("abcd", 0, "", ("abcd", 0, ""));
        check("ab", 7, "cd", ("ab", 7, "cd"));
        check("abcde", 0, "", ("abcd", 1, ""));
        check("ab", 7, "cdef", ("ab", 9, "ef"));
        check("abcdef", u64::MAX, "gh", ("abcd", u64::MAX, ""));
    }
}

/// How far the results of a server's agent have been committed, so that each is committed once
/// however often it is sent; and where it knows the appliance to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentCursor {
    /// Whose agent.
    pub server: ServerId,
    /// The boot it counts in.
    pub boot: String,
    /// The last sequence number committed in that boot.
    pub seq: u64,
    /// The addresses it was last told, best first, separated by commas; `None` while it knows those
    /// that were current when its server was launched.
    pub told: Option<String>,
}
