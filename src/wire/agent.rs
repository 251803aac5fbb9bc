//! What agents and the appliance say to each other, as JSON with a version.
//!
//! Results carry `(boot, seq)`: the appliance commits each pair once, so an agent may send a
//! message as often as it likes until the PUBACK. Orders carry the active node's epoch, and an
//! agent obeys none of a lower epoch than it has seen.

use crate::base::limit::{
    AGENT_APPLIANCES_MAX, AGENT_CAPABILITIES_MAX, AGENT_DETAIL_BYTES_MAX, AGENT_MEMBERS_MAX,
    AGENT_WORD_BYTES_MAX, COMMAND_OUTPUT_BYTES_MAX, HOST_BYTES_MAX, MEMBER_NAME_BYTES_MAX,
    ROLE_SERVICES_MAX,
};
use crate::base::text::{cut, tidy};
use crate::base::{Millis, OrderId, Secret, ServerId, StepId, Timestamp};
use crate::model::{MemberDown, OrderBody, Ran, ReadyCheck, ServiceState, Workload};
use serde::{Deserialize, Serialize};

/// The version both ends say.
pub const VERSION: u32 = 1;

/// Where a platform that supervises a server's services tells its agent which of them keep ending,
/// in the directory it shares with it: a list of sentences as JSON, empty when all is well.
pub const CRASHING: &str = "crashing.json";

/// The capability of an agent that can be told another address of the appliance.
pub const CAN_BE_TOLD: &str = "addresses";

/// The capability of an agent that says how its services are.
pub const SAYS_SERVICES: &str = "services";

/// Why a list is none that agents can be told: each is `host:port`, where a connection can go to.
pub fn addresses_fault(addresses: &[String]) -> Option<String> {
    if addresses.is_empty() || addresses.len() > AGENT_APPLIANCES_MAX {
        let count = addresses.len();
        return Some(format!(
            "{count} addresses of the appliance: 1 to {AGENT_APPLIANCES_MAX} can be told"
        ));
    }
    let is_address = |text: &&String| {
        let Some((host, port)) = text.rsplit_once(':') else { return false };
        let plain = |c: char| c.is_ascii_alphanumeric() || ".-_:[]".contains(c);
        let named = !host.is_empty() && host.len() <= HOST_BYTES_MAX && host.chars().all(plain);
        named && port.parse::<u16>().is_ok_and(|port| port > 0)
    };
    let wrong = addresses.iter().find(|text| !is_address(text))?;
    Some(format!("{wrong:?} is not an address and a port, as in 192.0.2.1:8883"))
}

/// What a server's user data tells its agent. The platform puts it at `/etc/grange/agent.json`
/// (or where `--config` says), readable for root alone.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserData {
    /// Message version.
    pub v: u32,
    /// Which server this is.
    pub server: ServerId,
    /// Its host name.
    pub hostname: String,
    /// Where the appliance listens for agents, `address:port`, best first.
    pub appliances: Vec<String>,
    /// SHA-256 of the appliance's CA certificate (DER), 64 hexadecimal digits.
    pub ca_fingerprint: String,
    /// Buys one certificate.
    #[serde(serialize_with = "Secret::expose")]
    pub token: Secret,
    /// How often to read and send, in milliseconds.
    pub interval_ms: Millis,
    /// What makes the server ready, beyond the agent being there.
    #[serde(default)]
    pub check: Option<ReadyCheck>,
    /// Mount points of data volumes, whose use is read too.
    #[serde(default)]
    pub mounts: Vec<String>,
    /// Whether its role gives it work: it is not ready before that has arrived and is done.
    #[serde(default)]
    pub works: bool,
}

/// Body of `POST /enrol` on the agents' port.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EnrolRequest {
    /// Message version.
    pub v: u32,
    /// Which server this is.
    pub server: ServerId,
    /// The one-time token.
    #[serde(serialize_with = "Secret::expose")]
    pub token: Secret,
    /// Certificate signing request, PEM.
    pub csr: String,
}

/// Its answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EnrolResponse {
    /// Message version.
    pub v: u32,
    /// The certificate and its issuers, PEM.
    pub certificate: String,
}

/// Agent to appliance, on `g/<id>/m`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// Message version.
    pub v: u32,
    /// This boot of the server.
    pub boot: String,
    /// Counts messages of this boot from 1, without gaps.
    pub seq: u64,
    /// When it was said, by the server's clock.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub body: MessageBody,
}

impl Message {
    /// The same, with every text of it bounded and harmless. An agent is refused no message for
    /// its words: a check's last line is worth keeping also when the program colours its output.
    /// What a command printed stays as it is, only cut; who shows it knows what it is.
    #[must_use]
    pub fn tidied(mut self) -> Message {
        let word = |text: &mut String| *text = tidy(text, AGENT_WORD_BYTES_MAX);
        word(&mut self.boot);
        match &mut self.body {
            MessageBody::Hello { version, capabilities, .. } => {
                word(version);
                capabilities.truncate(AGENT_CAPABILITIES_MAX);
                capabilities.iter_mut().for_each(word);
            }
            MessageBody::Ready { detail, .. } => *detail = tidy(detail, AGENT_DETAIL_BYTES_MAX),
            MessageBody::Result { error, output, ran, .. } => {
                *error = error.take().map(|text| tidy(&text, AGENT_DETAIL_BYTES_MAX));
                output.truncate(cut(output, COMMAND_OUTPUT_BYTES_MAX).len());
                *ran = ran.take().map(|ran| Ran {
                    ended_by: ran.ended_by,
                    stdout: ran.stdout.within(COMMAND_OUTPUT_BYTES_MAX),
                    stderr: ran.stderr.within(COMMAND_OUTPUT_BYTES_MAX),
                });
            }
            MessageBody::Members { down, .. } => {
                down.truncate(AGENT_MEMBERS_MAX);
                for member in down {
                    member.name.truncate(cut(&member.name, MEMBER_NAME_BYTES_MAX).len());
                    member.why = tidy(&member.why, AGENT_WORD_BYTES_MAX);
                }
            }
            MessageBody::Services { services } => {
                services.truncate(ROLE_SERVICES_MAX);
                services.iter_mut().for_each(tidy_service);
            }
            MessageBody::Idle { .. } | MessageBody::Bye => {}
        }
        self
    }
}

fn tidy_service(state: &mut ServiceState) {
    state.name = tidy(&state.name, AGENT_WORD_BYTES_MAX);
    state.printed = tidy(&state.printed, AGENT_DETAIL_BYTES_MAX);
    if let Some(end) = &mut state.last_end {
        end.how = tidy(&end.how, AGENT_DETAIL_BYTES_MAX);
        end.signal = end.signal.take().map(|signal| tidy(&signal, AGENT_WORD_BYTES_MAX));
    }
}

/// What an agent says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "type")]
pub enum MessageBody {
    /// First on every connection. Where older messages wait to be acknowledged, the last hello
    /// opens the connection again under its old number, then the waiting ones follow in the order
    /// they were said, also those of an earlier boot, and a new hello after them.
    #[serde(rename_all = "camelCase")]
    Hello {
        /// The agent's version.
        version: String,
        /// What it can do beyond version 1: names that the appliance may ask for.
        #[serde(default)]
        capabilities: Vec<String>,
        /// Whether its ready check passes.
        ready: bool,
        /// Highest epoch it has seen.
        #[serde(default)]
        epoch: u64,
    },
    /// The ready check passes now (Scalr's HostUp), or does not any more.
    #[serde(rename_all = "camelCase")]
    Ready {
        /// Whether it passes.
        ready: bool,
        /// What the check saw, for people.
        #[serde(default)]
        detail: String,
    },
    /// An order's result.
    #[serde(rename_all = "camelCase")]
    Result {
        /// Which order.
        order: OrderId,
        /// Why it could not be done; `None` when it was.
        #[serde(default)]
        error: Option<String>,
        /// The command's exit code, 0 where none was run.
        #[serde(default)]
        exit_code: i32,
        /// Its output, cut.
        #[serde(default)]
        output: String,
        /// How a command ended and what it printed, where the order asks for that apart; `output`
        /// is empty then.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ran: Option<Ran>,
    },
    /// What the balancer on the server sees of the servers behind it: on each connection, and
    /// whenever it changes.
    #[serde(rename_all = "camelCase")]
    Members {
        /// How many it uses.
        members: u32,
        /// Those it does not reach, the first [`AGENT_MEMBERS_MAX`] of them.
        down: Vec<MemberDown>,
    },
    /// How the services of the server's role are, all of them: on each connection, when one of
    /// them is otherwise, and once in a while when their numbers have moved on. An agent that has
    /// never said it may be one that cannot.
    #[serde(rename_all = "camelCase")]
    Services {
        /// The first [`ROLE_SERVICES_MAX`] of them.
        services: Vec<ServiceState>,
    },
    /// Nothing is left to finish on a server that is to go. It counts for that retirement alone.
    #[serde(rename_all = "camelCase")]
    Idle {
        /// The step that the order to leave named.
        step: StepId,
    },
    /// It is going down on purpose: told to stop, or the system shuts down.
    Bye,
}

/// Appliance to agent, on `g/<id>/o`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderMessage {
    /// Message version.
    pub v: u32,
    /// The active node's epoch.
    pub epoch: u64,
    /// Which order.
    pub order: OrderId,
    /// Given up after this moment, by the appliance's clock.
    pub deadline: Timestamp,
    /// What to do.
    pub body: OrderBody,
    /// The work that [`OrderBody::Workload`] is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload: Option<Workload>,
}
