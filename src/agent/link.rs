//! One MQTT connection: the handshake, then packets both ways until it breaks.
//!
//! The task that carries a connection decides nothing: what arrives goes to the agent as an
//! event, what the agent wants sent comes through a channel as bytes. It only keeps watch: silence
//! is answered with a ping, and longer silence ends the connection.

use super::transport::Wire;
use super::{Event, Events};
use crate::base::ServerId;
use crate::base::limit::AGENT_ORDER_BYTES_MAX;
use crate::net::mqtt::{BadPacket, Connect, ConnectCode, Packet, Qos, TooLong, decode, encode};
use crate::wire::topic::{self, Kind};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

/// What the appliance is told: it gives a silent agent up after one and a half of these.
const KEEP_ALIVE_S: u16 = 30;
/// Silence after which a ping asks whether anybody is there.
const PING_AFTER: Duration = Duration::from_secs(15);
/// Silence after which nobody is.
const GONE_AFTER: Duration = Duration::from_secs(30);
/// A write that takes longer means that nobody reads.
const WRITE_DEADLINE: Duration = Duration::from_secs(15);
/// Packets that wait to be written: more than may be unacknowledged at once.
pub const QUEUE_MAX: usize = 64;

/// How a connection ended.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The socket failed or was closed.
    #[error("speaking to the appliance")]
    Io(#[from] io::Error),
    /// What came is not MQTT.
    #[error("understanding the appliance")]
    Packet(#[from] BadPacket),
    /// What was to be sent is not either.
    #[error("writing a packet")]
    TooLong(#[from] TooLong),
    /// The appliance does not want this agent.
    #[error("the appliance answered CONNECT with {0:?}")]
    Refused(ConnectCode),
    /// The appliance said something that has no place there.
    #[error("the appliance said {0} out of turn")]
    OutOfTurn(&'static str),
    /// Nothing was heard for too long.
    #[error("the appliance is silent")]
    Silent,
}

/// A connection.
pub struct Link {
    stream: Box<dyn Wire>,
    /// Bytes that came and are no whole packet yet.
    pending: Vec<u8>,
}

impl Link {
    /// Introduces the agent and subscribes to its orders. `process` names this one apart from any
    /// other with the same certificate, so that a copy of it is noticed. The caller sets the
    /// deadline.
    pub async fn begin(
        stream: Box<dyn Wire>,
        server: ServerId,
        process: &str,
    ) -> Result<Link, LinkError> {
        let mut link = Link { stream, pending: Vec::new() };
        let connect = Packet::Connect(Connect {
            client_id: server.to_string(),
            keep_alive_s: KEEP_ALIVE_S,
            clean_session: true,
            will: None,
            user_name: Some(process.to_owned()),
            password: None,
        });
        link.send(&connect).await?;
        match link.receive().await? {
            Packet::ConnAck { code: ConnectCode::Accepted, .. } => {}
            Packet::ConnAck { code, .. } => return Err(LinkError::Refused(code)),
            _ => return Err(LinkError::OutOfTurn("something else than CONNACK")),
        }
        let filters = vec![
            (topic::name(server, Kind::Orders), Qos::AtLeastOnce),
            (topic::name(server, Kind::Control), Qos::AtMostOnce),
        ];
        link.send(&Packet::Subscribe { id: 1, filters }).await?;
        match link.receive().await? {
            // An appliance of an earlier version knows no streams, and refuses the second.
            Packet::SubAck { id: 1, granted }
                if granted.first() == Some(&Some(Qos::AtLeastOnce)) =>
            {
                Ok(link)
            }
            _ => Err(LinkError::OutOfTurn("something else than a granted subscription")),
        }
    }

    /// Carries packets until the connection breaks, or in good order until `outgoing` is closed.
    pub async fn carry(
        mut self,
        mut outgoing: mpsc::Receiver<Vec<u8>>,
        events: &Events,
    ) -> Result<(), LinkError> {
        let mut heard = Instant::now();
        let mut pinged = false;
        loop {
            while let Some(packet) = self.take()? {
                if events.send(Event::Packet(packet)).await.is_err() {
                    return Ok(());
                }
            }
            let watch = heard + if pinged { GONE_AFTER } else { PING_AFTER };
            tokio::select! {
                read = self.stream.read_buf(&mut self.pending) => {
                    if read? == 0 {
                        return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
                    }
                    (heard, pinged) = (Instant::now(), false);
                }
                bytes = outgoing.recv() => match bytes {
                    Some(bytes) => self.write(&bytes).await?,
                    None => return Ok(self.stream.shutdown().await?),
                },
                () = tokio::time::sleep_until(watch) => {
                    if pinged {
                        return Err(LinkError::Silent);
                    }
                    pinged = true;
                    self.send(&Packet::PingReq).await?;
                }
            }
        }
    }

    async fn send(&mut self, packet: &Packet) -> Result<(), LinkError> {
        let mut bytes = Vec::new();
        encode(packet, &mut bytes)?;
        self.write(&bytes).await
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), LinkError> {
        let written = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        match timeout(WRITE_DEADLINE, written).await {
            Ok(result) => Ok(result?),
            Err(_) => Err(LinkError::Silent),
        }
    }

    async fn receive(&mut self) -> Result<Packet, LinkError> {
        loop {
            if let Some(packet) = self.take()? {
                return Ok(packet);
            }
            if self.stream.read_buf(&mut self.pending).await? == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
        }
    }

    fn take(&mut self) -> Result<Option<Packet>, LinkError> {
        let Some((packet, used)) = decode(&self.pending, AGENT_ORDER_BYTES_MAX)? else {
            return Ok(None);
        };
        self.pending.drain(..used);
        if self.pending.is_empty() && self.pending.capacity() > 16 * 1024 {
            // A large order came; the agent stays small.
            self.pending = Vec::new();
        }
        Ok(Some(packet))
    }
}
