//! From a fresh socket to a known agent: TLS, certificate, CONNECT, admission. All of it happens
//! under one deadline, which the caller keeps.

use super::history::Newcomer;
use super::refused::Kind;
use super::roster::{AgentSlot, NoSeat};
use super::{GateParts, Refusal, enrol};
use crate::base::{ServerId, limit};
use crate::net::mqtt::{BadPacket, Connect, ConnectCode, Packet, decode, encode};
use crate::net::tls::{Alpn, ServerStream, accept};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// An agent that is in.
pub struct AdmittedAgent {
    /// Who it is.
    pub server: ServerId,
    /// Its seat.
    pub presence: Presence,
    /// Its connection, CONNECT answered.
    pub stream: ServerStream,
    /// What it has sent after its CONNECT.
    pub inbox: Vec<u8>,
    /// The keep-alive it asked for, in seconds; 0 for none.
    pub keep_alive_s: u16,
}

/// A seat that is given back however the connection ends, a panic included.
pub struct Presence {
    gate: Arc<GateParts>,
    server: ServerId,
    from: SocketAddr,
    /// The seat.
    pub seat: AgentSlot,
}

impl Drop for Presence {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let why = "serving it panicked";
            self.gate.refused.note(Kind::Panic, self.from, Some(self.server), &why);
        }
        if self.gate.roster.leave(self.server, &self.seat) {
            self.gate.ingest.disconnected(self.server);
        }
    }
}

/// Greets one connection. `None` when it is done: enrolled, refused (and noted), or gone.
pub async fn greet(
    gate: &Arc<GateParts>,
    socket: TcpStream,
    from: SocketAddr,
) -> Option<AdmittedAgent> {
    let note = |kind, server, why: &dyn std::fmt::Display| {
        gate.refused.note(kind, from, server, why);
    };
    // Small packets both ways; a failure costs milliseconds, nothing else.
    socket.set_nodelay(true).ok();
    // Whoever leaves without a word only looked whether somebody is here: a check, or our own probe
    // of the way from servers to us.
    if matches!(socket.peek(&mut [0]).await, Ok(0)) {
        return None;
    }
    let (mut stream, peer) = match accept(&gate.tls, socket).await {
        Ok(accepted) => accepted,
        Err(error) => {
            note(Kind::Tls, None, &error);
            return None;
        }
    };
    let certificate = match (peer.certificate, peer.alpn) {
        (Some(certificate), Some(Alpn::Mqtt) | None) => certificate,
        (None, Some(Alpn::Mqtt)) => {
            note(Kind::NoCertificate, None, &"MQTT without a certificate");
            return None;
        }
        (_, Some(Alpn::Enrolment | Alpn::Http)) | (None, None) => {
            enrol::serve(gate, &mut stream, from).await;
            return None;
        }
    };
    let Some((server, key_digest)) = (gate.identify)(&certificate) else {
        note(Kind::NotAnAgent, None, &"the certificate names no server");
        return None;
    };
    let mut inbox = Vec::new();
    let connect = match read_connect(&mut stream, &mut inbox).await {
        Ok(connect) => connect,
        Err((code, why)) => {
            note(Kind::NoConnect, Some(server), &why);
            answer(&mut stream, code?).await;
            return None;
        }
    };
    if let Err((kind, code, why)) = check(&connect, server) {
        note(kind, Some(server), &why);
        answer(&mut stream, code).await;
        return None;
    }
    let seat = match admit(gate, server, key_digest, claim(&connect, from)).await {
        Ok(seat) => seat,
        Err((kind, code, why)) => {
            note(kind, Some(server), &why);
            answer(&mut stream, code).await;
            return None;
        }
    };
    let presence = Presence { gate: gate.clone(), server, from, seat };
    if let Some(copy) = presence.seat.copy {
        note(Kind::Copy, Some(server), &format!("a copy of it was let in at {copy}"));
        gate.ingest.copied(server, from, copy);
    }
    gate.ingest.connected(server, from);
    let keep_alive_s = connect.keep_alive_s;
    let accepted = answer(&mut stream, ConnectCode::Accepted).await;
    accepted.then_some(AdmittedAgent { server, presence, stream, inbox, keep_alive_s })
}

/// The first packet, which has to be a CONNECT; otherwise what to answer, if anything, and why.
async fn read_connect(
    stream: &mut ServerStream,
    inbox: &mut Vec<u8>,
) -> Result<Connect, (Option<ConnectCode>, String)> {
    let mut chunk = [0u8; 512];
    loop {
        match decode(inbox, limit::AGENT_CONNECT_BYTES_MAX) {
            Ok(Some((Packet::Connect(connect), used))) => {
                inbox.drain(..used);
                return Ok(connect);
            }
            Ok(Some(_)) => return Err((None, "the first packet is no CONNECT".to_owned())),
            Ok(None) => {}
            Err(bad @ BadPacket::ProtocolLevel(_)) => {
                return Err((Some(ConnectCode::ProtocolLevel), bad.to_string()));
            }
            Err(bad) => return Err((None, bad.to_string())),
        }
        match stream.read(&mut chunk).await {
            Ok(0) => return Err((None, "closed before CONNECT".to_owned())),
            Ok(length) => inbox.extend_from_slice(&chunk[..length]),
            Err(error) => return Err((None, error.to_string())),
        }
    }
}

type No = (Kind, ConnectCode, String);

fn check(connect: &Connect, server: ServerId) -> Result<(), No> {
    if connect.client_id != server.to_string() {
        let why = format!("client id {:?}", connect.client_id);
        return Err((Kind::ClientId, ConnectCode::IdentifierRejected, why));
    }
    // Agents have none: the appliance sees for itself when one is gone, and a will is one more
    // way to publish somewhere.
    if let Some(will) = &connect.will {
        let why = format!("a will on {:?}", will.topic);
        return Err((Kind::Will, ConnectCode::NotAuthorised, why));
    }
    Ok(())
}

/// What a CONNECT says of the process that sends it. The field is free, since a certificate and
/// not a name says who it is.
fn claim(connect: &Connect, from: SocketAddr) -> Newcomer {
    let is_one = |name: &String| {
        (1..=limit::AGENT_PROCESS_BYTES_MAX).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    let quiet_max = match connect.keep_alive_s {
        0 => Duration::from_millis(limit::AGENT_HOLDER_QUIET_MAX),
        seconds => Duration::from_secs(seconds.into()),
    };
    Newcomer { process: connect.user_name.clone().filter(is_one), from, quiet_max }
}

/// Asks whether it may come in and takes its seat, in a way that no revocation falls in between.
async fn admit(
    gate: &GateParts,
    server: ServerId,
    key_digest: [u8; 32],
    claim: Newcomer,
) -> Result<AgentSlot, No> {
    // Whoever has the seat may be about to give it back.
    let patient_until = Instant::now() + Duration::from_millis(limit::AGENT_SEAT_WAIT);
    loop {
        let revocations = gate.roster.revocations();
        match gate.admission.admit(server, key_digest).await {
            Ok(()) => {}
            Err(Refusal::Never(why)) => {
                return Err((Kind::NotAdmitted, ConnectCode::NotAuthorised, why));
            }
            Err(Refusal::Later(why)) => {
                return Err((Kind::NotNow, ConnectCode::Unavailable, why));
            }
        }
        let now = Instant::now();
        match gate.roster.enter(server, revocations, claim.clone(), now) {
            Ok(seat) => return Ok(seat),
            Err(NoSeat::AskAgain) => {}
            Err(NoSeat::Held(_)) if now < patient_until => {
                tokio::time::sleep(Duration::from_millis(limit::AGENT_SEAT_WAIT / 10)).await;
            }
            Err(NoSeat::Held(by)) => {
                let why = format!("its agent is connected from {by} and may live");
                return Err((Kind::Held, ConnectCode::Unavailable, why));
            }
            Err(NoSeat::Copy(of)) => {
                gate.ingest.copied(server, of, claim.from);
                let why = format!("its agent is connected from {of} and lives: this is a copy");
                return Err((Kind::Copy, ConnectCode::NotAuthorised, why));
            }
            Err(NoSeat::Full) => {
                let why = "every place is taken".to_owned();
                return Err((Kind::NotNow, ConnectCode::Unavailable, why));
            }
        }
    }
}

/// Answers a CONNECT; whether the answer could be written.
async fn answer(stream: &mut ServerStream, code: ConnectCode) -> bool {
    let mut bytes = Vec::new();
    encode(&Packet::ConnAck { session_present: false, code }, &mut bytes).is_ok()
        && stream.write_all(&bytes).await.is_ok()
        && stream.flush().await.is_ok()
}
