//! Agents: who may come in, and what they say, from the gate to a commit.
//!
//! [`Doorway`] implements what the broker's gate declares. Everything answers after a commit, so
//! that a PUBACK means *kept*; each (boot, seq) is committed once, so that an agent may send a
//! message as often as it likes.

pub mod orders;
pub mod services;
pub mod strange;
pub mod streams;
pub mod told;

use crate::base::hash::{same, sha256};
use crate::base::limit::AGENT_DETAIL_BYTES_MAX;
use crate::base::problem::chain;
use crate::base::text::tidy;
use crate::base::{Code, OrderId, Problem, Result, ServerId, Timestamp};
use crate::broker::{Admission, Ingest, Later, Refusal};
use crate::model::{
    AgentCursor, Cause, Effect, Grant, OrderBody, OrderState, Server, ServerEvent, ServerStatus,
    advance,
};
use crate::pki::request_key_digest;
use crate::series::SeriesError;
use crate::service::farms::members;
use crate::service::observed::{Oddity, Turned};
use crate::service::plans::steps::say;
use crate::service::servers::{commands, retiring};
use crate::service::{Service, lookup};
use crate::store::{Author, Purpose, Subject, Tx};
use crate::wire::agent::{CAN_BE_TOLD, Message, MessageBody, SAYS_SERVICES};
use crate::wire::reading::{self, Batch};
use crate::wire::stream::CAN_STREAM;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::oneshot;

/// What the gate is handed: the service, as agents may use it.
pub struct Doorway {
    service: Arc<Service>,
}

impl Doorway {
    /// The doorway to a service.
    pub fn new(service: Arc<Service>) -> Doorway {
        Doorway { service }
    }
}

/// `shop/web-1` for the journal, or the id of a server nobody knows.
fn name_of(service: &Service, server: ServerId) -> String {
    let found = service.read(&Grant::job("gate"), |view| {
        lookup::server(view, server)?.map(|s| lookup::server_name(view, &s)).transpose()
    });
    found.ok().flatten().unwrap_or_else(|| server.to_string())
}

/// Problems of ours are worth another try; what is wrong with the message is not.
fn refusal(problem: &Problem) -> Refusal {
    match problem.code {
        Code::ServiceUnavailable | Code::LimitExceeded | Code::InternalServerError => {
            Refusal::Later(problem.to_string())
        }
        _ => Refusal::Never(problem.to_string()),
    }
}

impl Doorway {
    fn odd(&self, server: ServerId, oddity: Oddity) {
        if self.service.observed.note_oddity(server, oddity, self.service.clock.monotonic()) {
            strange::tell(&self.service);
        }
    }

    /// A batch without the readings that cannot be right; those are counted.
    fn believable(&self, from: ServerId, mut batch: Batch) -> Batch {
        if let Some((what, count)) = reading::refuse_nonsense(&mut batch) {
            let oddity = Oddity::Nonsense { what, count };
            self.odd(from, oddity);
        }
        batch
    }
}

impl Ingest for Doorway {
    fn readings(&self, from: ServerId, batch: Vec<u8>) -> Later<std::result::Result<(), Refusal>> {
        let batch = match reading::decode(&batch) {
            Ok(batch) => self.believable(from, batch),
            Err(bad) => return Box::pin(async move { Err(Refusal::Never(bad.to_string())) }),
        };
        let (done, answer) = oneshot::channel();
        self.service.series.append(
            from,
            batch,
            // The gate may have given up on the connection; then nobody listens, and nobody must.
            Box::new(move |result| drop(done.send(result))),
        );
        Box::pin(async move {
            match answer.await {
                Ok(Ok(())) => Ok(()),
                Ok(Err(error @ (SeriesError::Ahead { .. } | SeriesError::Shape))) => {
                    Err(Refusal::Never(error.to_string()))
                }
                Ok(Err(error)) => Err(Refusal::Later(chain(&error))),
                Err(_) => Err(Refusal::Later("the series log stopped".into())),
            }
        })
    }

    fn message(&self, from: ServerId, json: Vec<u8>) -> Later<std::result::Result<(), Refusal>> {
        let message = match serde_json::from_slice::<Message>(&json) {
            Ok(message) => message.tidied(),
            Err(bad) => return Box::pin(async move { Err(Refusal::Never(bad.to_string())) }),
        };
        let service = self.service.clone();
        if !service.observed.may_speak(from, service.clock.monotonic()) {
            let why = "more messages than an agent has to say".to_owned();
            return Box::pin(async move { Err(Refusal::Later(why)) });
        }
        let (done, answer) = oneshot::channel();
        let now = service.now();
        let name = name_of(&service, from);
        // Before the commit, which wakes the balancers' job to look at it.
        let heard = match hear(&service, from, &message.body, now) {
            Ok(heard) => heard,
            Err(problem) => return Box::pin(async move { Err(refusal(&problem)) }),
        };
        if heard.is_news {
            // What was said is known now, whether or not it can be noted.
            service.observation.wake();
        }
        let (observer, moment) = (service.clone(), service.clock.monotonic());
        let is_result = matches!(message.body, MessageBody::Result { .. });
        service.store.submit(
            Author::new(
                &Grant::agent(from, &name),
                verb(&message.body),
                Cause::Agent(from),
                purpose(&message.body),
            ),
            move |tx| {
                take(tx, from, message, heard.turned, now)?;
                members::note(tx, &heard.members, members::Again::Reached)?;
                services::note(tx, from, &heard.services)?;
                // What comes of orders is bounded by the orders; the rest is the agent's own word.
                if tx.has_changes() && !is_result && !observer.observed.may_note(from, moment) {
                    let why = "it changes its mind more often than is noted";
                    return Err(Problem::new(Code::LimitExceeded, why));
                }
                Ok(())
            },
            Box::new(move |result| drop(done.send(result))),
        );
        Box::pin(async move {
            let result = answer
                .await
                .unwrap_or_else(|_| Err(Problem::new(Code::ServiceUnavailable, "stopping")));
            match result {
                Ok(_) => Ok(()),
                Err(problem) => Err(refusal(&problem)),
            }
        })
    }

    fn frame(&self, from: ServerId, frame: &[u8]) -> std::result::Result<(), String> {
        self.service.streams.frame(from, frame)
    }

    fn copied(&self, server: ServerId, agent: SocketAddr, copy: SocketAddr) {
        let oddity = Oddity::Copy { agent: agent.ip(), copy: copy.ip() };
        self.odd(server, oddity);
    }

    fn connected(&self, server: ServerId, address: SocketAddr) {
        tracing::debug!(%server, %address, "agent connected");
        // Those of a connection before this one, which may not have been seen to end.
        self.service.streams.end_of(server);
        if self.service.observed.agent_connected(server, true, self.service.now()).0 {
            self.service.observation.wake();
        }
        self.service.connection.wake();
    }

    fn disconnected(&self, server: ServerId) {
        self.service.streams.end_of(server);
        let now = self.service.now();
        let (news, turned) = self.service.observed.agent_connected(server, false, now);
        if !turned.is_empty() {
            let name = name_of(&self.service, server);
            let (grant, cause) = (Grant::agent(server, &name), Cause::Agent(server));
            self.service.store.submit(
                Author::new(&grant, "agent.lost", cause, Purpose::Report),
                move |tx| members::note(tx, &turned, members::Again::Unknown),
                // Nobody waits for it, and what it says can be seen without it.
                |result| {
                    if let Err(problem) = result {
                        tracing::warn!("noting what balancers see: {}", chain(&problem));
                    }
                },
            );
        }
        if news {
            // A lost connection is the first sign of a lost server: look now.
            self.service.listing.wake();
            self.service.observation.wake();
        }
    }
}

/// What a message brought that is known from now on.
struct Heard {
    /// Whether its server's check turned.
    turned: bool,
    /// Servers that its balancer reaches no more, or again.
    members: Vec<Turned>,
    /// What is worth an entry about its services.
    services: Vec<String>,
    /// Whether planning has to hear of it.
    is_news: bool,
}

fn hear(service: &Service, from: ServerId, body: &MessageBody, now: Timestamp) -> Result<Heard> {
    let observed = &service.observed;
    let turned = readiness(body)
        .is_some_and(|(ready, detail)| observed.agent_ready(from, ready, &detail, now));
    let mut heard = Heard { turned, members: Vec::new(), services: Vec::new(), is_news: turned };
    match body {
        MessageBody::Hello { capabilities, .. } => {
            let can = |what: &str| capabilities.iter().any(|word| word == what);
            observed.telling.hello(from, can(CAN_BE_TOLD));
            service.streams.hello(from, can(CAN_STREAM));
            if !can(SAYS_SERVICES) {
                // An older agent in the place of one that said it: nobody knows by now.
                observed.forget_services(from);
            }
        }
        MessageBody::Members { members, down } => {
            heard.members = members::take(service, from, *members, down)?;
            heard.is_news |= !heard.members.is_empty();
        }
        MessageBody::Services { services } => {
            let (entry, turned) = services::take(service, from, services)?;
            (heard.services, heard.is_news) = (entry, turned);
        }
        MessageBody::Ready { .. }
        | MessageBody::Result { .. }
        | MessageBody::Idle { .. }
        | MessageBody::Bye => {}
    }
    Ok(heard)
}

fn verb(body: &MessageBody) -> &'static str {
    match body {
        MessageBody::Hello { .. } => "agent.hello",
        MessageBody::Ready { .. } => "agent.ready",
        MessageBody::Result { .. } => "agent.result",
        MessageBody::Members { .. } => "agent.members",
        MessageBody::Services { .. } => "agent.services",
        MessageBody::Idle { .. } => "agent.idle",
        MessageBody::Bye => "agent.bye",
    }
}

/// What ends or concludes something may use all of what is held for a full disk; what an agent says
/// of itself, it says again.
fn purpose(body: &MessageBody) -> Purpose {
    match body {
        MessageBody::Hello { .. }
        | MessageBody::Ready { .. }
        | MessageBody::Members { .. }
        | MessageBody::Services { .. } => Purpose::Report,
        MessageBody::Result { .. } | MessageBody::Idle { .. } | MessageBody::Bye => Purpose::Ending,
    }
}

fn readiness(body: &MessageBody) -> Option<(bool, String)> {
    match body {
        MessageBody::Hello { ready, .. } => Some((*ready, String::new())),
        MessageBody::Ready { ready, detail } => Some((*ready, detail.clone())),
        MessageBody::Result { .. }
        | MessageBody::Members { .. }
        | MessageBody::Services { .. }
        | MessageBody::Idle { .. }
        | MessageBody::Bye => None,
    }
}

/// Commits one message, once.
fn take(tx: &mut Tx, from: ServerId, message: Message, turned: bool, now: Timestamp) -> Result<()> {
    let Some(mut server) = lookup::server(tx, from)? else {
        return Err(Problem::not_found("server", from));
    };
    let cursor = lookup::agent_cursor(tx, from)?;
    let seen = cursor.as_ref().is_some_and(|c| c.boot == message.boot && c.seq >= message.seq);
    if seen {
        return Ok(());
    }
    // How far it was heard is no entry of the journal: only what its word changes is.
    let told = cursor.and_then(|cursor| cursor.told);
    tx.put(&AgentCursor { server: from, boot: message.boot.clone(), seq: message.seq, told })?;
    let before = server.clone();
    let role = lookup::farm_role(tx, server.farm_role)?;
    let ready_for = role.map_or(0, |role| role.policy.ready_for_ms);
    match message.body {
        MessageBody::Hello { version, ready, .. } => {
            let (version, boot) = (version.as_str(), message.boot.as_str());
            let event = ServerEvent::AgentHello { version, boot, ready, ready_for };
            let effect = advance(&mut server, &event, now);
            say(tx, &server, effect)?;
        }
        MessageBody::Ready { ready, detail } => {
            let event = ServerEvent::AgentReady { ready, ready_for };
            let effect = advance(&mut server, &event, now);
            say(tx, &server, effect)?;
            if !ready && turned && server.status == ServerStatus::Running {
                let about = lookup::server_name(tx, &server)?;
                tx.text(about, format!("its ready check fails: {detail}"));
                // No record of it changes, and yet it belongs to the server's story.
                tx.event();
                tx.subject(Subject::Server(from))?;
            }
        }
        MessageBody::Result { order, error, exit_code, output, ran } => {
            let state = match (error, ran) {
                (Some(why), _) => OrderState::Failed(why),
                (None, Some(ran)) => OrderState::Ran { exit_code, ran },
                (None, None) => OrderState::Done { exit_code, output },
            };
            conclude_order(tx, &mut server, order, state, now)?;
        }
        MessageBody::Idle { step } => retiring::idle(tx, &mut server, step, now)?,
        MessageBody::Members { .. } | MessageBody::Services { .. } | MessageBody::Bye => {}
    }
    if server != before {
        tx.put(&server)?;
    }
    Ok(())
}

/// Notes what came of an order to a server, once.
fn conclude_order(
    tx: &mut Tx,
    server: &mut Server,
    order: OrderId,
    state: OrderState,
    now: Timestamp,
) -> Result<()> {
    let Some(mut record) = lookup::order(tx, order)? else { return Ok(()) };
    if record.server != server.id {
        return Err(Problem::invalid("order", "this order is for another server"));
    }
    if record.state != OrderState::Open {
        return Ok(());
    }
    if let (OrderState::Done { output, .. }, OrderBody::WriteFile { .. }) = (&state, &record.body) {
        let about = lookup::server_name(tx, server)?;
        let said = tidy(output.lines().next().unwrap_or_default(), AGENT_DETAIL_BYTES_MAX);
        tx.text(about, format!("balances anew: {said}"));
    }
    if matches!(record.body, OrderBody::Workload { .. }) {
        conclude_work(tx, server, &state, now)?;
    }
    record.state = state;
    tx.put(&record)?;
    told::note(tx, &record)?;
    commands::tell_end(tx, &record)
}

/// What a server's agent says of its role's work: on a server that is not ready yet a failure is
/// for good, on one that runs it is told, and what it did before goes on.
fn conclude_work(
    tx: &mut Tx,
    server: &mut Server,
    state: &OrderState,
    now: Timestamp,
) -> Result<()> {
    let OrderState::Failed(why) = state else {
        let about = lookup::server_name(tx, server)?;
        tx.text(about, "does what its role says");
        return Ok(());
    };
    let effect = advance(server, &ServerEvent::SetupFailed { why }, now);
    if matches!(effect, Effect::Ignored(_)) {
        let about = lookup::server_name(tx, server)?;
        tx.text(about, format!("cannot do what its role says now: {why}"));
    }
    say(tx, server, effect)
}

impl Admission for Doorway {
    fn admit(
        &self,
        server: ServerId,
        key_digest: [u8; 32],
    ) -> Later<std::result::Result<(), Refusal>> {
        let found = self.service.read(&Grant::job("gate"), |view| lookup::server(view, server));
        let answer = match found {
            Ok(Some(record)) if !record.status.counts() => {
                Err(Refusal::Never("the server is terminated".into()))
            }
            Ok(Some(record)) => match record.agent_key_digest {
                Some(known) if same(&known, &key_digest) => Ok(()),
                _ => Err(Refusal::Never("the certificate is not the one it enrolled".into())),
            },
            Ok(None) => Err(Refusal::Never("no such server".into())),
            Err(problem) => Err(refusal(&problem)),
        };
        Box::pin(async move { answer })
    }

    fn enrol(
        &self,
        server: ServerId,
        token: String,
        csr_pem: String,
    ) -> Later<std::result::Result<String, Refusal>> {
        let service = self.service.clone();
        Box::pin(async move {
            let key = request_key_digest(&csr_pem).map_err(|bad| Refusal::Never(chain(&bad)))?;
            let (done, answer) = oneshot::channel();
            let now = service.now();
            service.store.submit(
                Author::new(
                    &Grant::agent(server, &name_of(&service, server)),
                    "agent.enrol",
                    Cause::Agent(server),
                    Purpose::Report,
                ),
                move |tx| admit_key(tx, server, &token, key),
                Box::new(move |result| drop(done.send(result))),
            );
            answer
                .await
                .unwrap_or_else(|_| Err(Problem::new(Code::ServiceUnavailable, "stopping")))
                .map_err(|problem| refusal(&problem))?;
            service
                .authority
                .sign_agent(server, &csr_pem, now)
                .map(|signed| signed.chain_pem)
                .map_err(|error| Refusal::Later(chain(&error)))
        })
    }
}

/// The one-time token binds the server to the first key that comes with it; the same key may come
/// again, because the answer to the first time may have been lost.
fn admit_key(tx: &mut Tx, id: ServerId, token: &str, key: [u8; 32]) -> Result<()> {
    let denied = |why: &str| Problem::new(Code::BadAuthentication, why);
    let mut server = lookup::server(tx, id)?.ok_or_else(|| denied("no such server"))?;
    if !server.status.counts() {
        return Err(denied("the server is terminated"));
    }
    let digest = sha256(token.as_bytes());
    if !server.enrolment_digest.is_some_and(|known| same(&known, &digest)) {
        return Err(denied("the token is not this server's"));
    }
    match server.agent_key_digest {
        Some(known) if same(&known, &key) => Ok(()),
        Some(_) => Err(denied("the token was used with another key")),
        None => {
            server.agent_key_digest = Some(key);
            let about = lookup::server_name(tx, &server)?;
            tx.text(about, "its agent enrolled");
            tx.put(&server)?;
            Ok(())
        }
    }
}
