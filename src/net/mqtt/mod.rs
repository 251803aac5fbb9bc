//! MQTT 3.1.1 as bytes: the packets that agents and the appliance exchange, and no more.
//!
//! Written to the OASIS standard of 29 October 2014; `[MQTT-x]` names its conformance statements
//! and `§` its sections. [`decode`](decode()) takes one packet off the front of a buffer that may
//! still be growing and [`encode`](encode()) appends one. Both ends of Grange use it: the broker's
//! gate on bytes from strangers, the agent on bytes from the appliance. So decoding never panics,
//! never allocates for what a length field merely promises, knows its limit as soon as the fixed
//! header is there, and refuses everything that the standard calls a protocol violation.
//!
//! Not here: sockets, sessions, retransmission (the gate and the agent each have their own), and
//! QoS 2, which nobody here speaks: its packets are [`BadPacket::Unsupported`].
//!
//! To add a packet: a variant of [`Packet`], its number in both directions, and a row in the
//! round-trip test of `tests.rs`.

mod decode;
mod encode;
#[cfg(test)]
mod tests;

pub use decode::{BadPacket, decode};
pub use encode::{TooLong, encode};

/// The largest remaining length four bytes can say (§2.2.3).
pub const REMAINING_LENGTH_MAX: usize = 268_435_455;

/// How surely something is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Qos {
    /// QoS 0.
    AtMostOnce,
    /// QoS 1.
    AtLeastOnce,
}

/// One control packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet {
    /// A client's first packet (§3.1).
    Connect(Connect),
    /// Its answer (§3.2).
    ConnAck {
        /// Whether the server kept state of an earlier session.
        session_present: bool,
        /// How it ended.
        code: ConnectCode,
    },
    /// A message (§3.3).
    Publish(Publish),
    /// A QoS 1 message with this packet identifier has been taken (§3.4).
    PubAck(u16),
    /// A client asks for messages (§3.8).
    Subscribe {
        /// Packet identifier, never 0.
        id: u16,
        /// Topic filters with the QoS asked for; at least one.
        filters: Vec<(String, Qos)>,
    },
    /// Its answer, one code a filter in the same order (§3.9).
    SubAck {
        /// The subscription's packet identifier.
        id: u16,
        /// The QoS granted, or `None` for a refusal.
        granted: Vec<Option<Qos>>,
    },
    /// A client wants no more of these (§3.10).
    Unsubscribe {
        /// Packet identifier, never 0.
        id: u16,
        /// Topic filters; at least one.
        filters: Vec<String>,
    },
    /// Its answer (§3.11).
    UnsubAck(u16),
    /// Are you there (§3.12)?
    PingReq,
    /// Yes (§3.13).
    PingResp,
    /// A client leaves on purpose; its will is not published (§3.14).
    Disconnect,
}

/// A client's first packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connect {
    /// Who it says it is; empty only with a clean session [MQTT-3.1.3-7].
    pub client_id: String,
    /// Seconds without a packet after which the server may give the client up, at 1.5 times this;
    /// 0 switches that off.
    pub keep_alive_s: u16,
    /// Start without state, and leave none.
    pub clean_session: bool,
    /// What the server publishes when the connection is lost.
    pub will: Option<Will>,
    /// Login.
    pub user_name: Option<String>,
    /// Only with a login [MQTT-3.1.2-22].
    pub password: Option<Vec<u8>>,
}

/// What is published for a client that is lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Will {
    /// Where.
    pub topic: String,
    /// What.
    pub message: Vec<u8>,
    /// How surely.
    pub qos: Qos,
    /// Whether it is kept for later subscribers.
    pub retain: bool,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publish {
    /// Where, without wildcards [MQTT-3.3.2-2].
    pub topic: String,
    /// Packet identifier, never 0: with one it is QoS 1, without it is QoS 0.
    pub id: Option<u16>,
    /// Sent before; only with QoS 1 [MQTT-3.3.1-2].
    pub dup: bool,
    /// To be kept for later subscribers.
    pub retain: bool,
    /// What.
    pub payload: Vec<u8>,
}

/// How a CONNECT ended (§3.2.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectCode {
    /// Come in.
    Accepted,
    /// Not MQTT 3.1.1.
    ProtocolLevel,
    /// The client id is not welcome.
    IdentifierRejected,
    /// Not now.
    Unavailable,
    /// Wrong login.
    BadLogin,
    /// Known, but not allowed in.
    NotAuthorised,
}

impl ConnectCode {
    const ALL: [ConnectCode; 6] = [
        ConnectCode::Accepted,
        ConnectCode::ProtocolLevel,
        ConnectCode::IdentifierRejected,
        ConnectCode::Unavailable,
        ConnectCode::BadLogin,
        ConnectCode::NotAuthorised,
    ];

    fn to_byte(self) -> u8 {
        match self {
            ConnectCode::Accepted => 0,
            ConnectCode::ProtocolLevel => 1,
            ConnectCode::IdentifierRejected => 2,
            ConnectCode::Unavailable => 3,
            ConnectCode::BadLogin => 4,
            ConnectCode::NotAuthorised => 5,
        }
    }

    fn from_byte(byte: u8) -> Option<ConnectCode> {
        Self::ALL.into_iter().find(|code| code.to_byte() == byte)
    }
}
