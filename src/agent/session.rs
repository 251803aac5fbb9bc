//! Staying connected: enrolment, dialling each address in turn, backoff, renewal.
//!
//! Retrying never ends, because the appliance may be away for any time. The waits grow with full
//! jitter, so that a fleet that lost its appliance at one moment comes back spread out.

use super::appliances::Appliances;
use super::identity::{Identity, IdentityError, Standing};
use super::link::{Link, LinkError, QUEUE_MAX};
use super::transport::{EnrolError, Transport};
use super::{Event, Events};
use crate::base::limit::{AGENT_HANDSHAKE_DEADLINE, AGENT_RETRY_MAX};
use crate::base::problem::chain;
use crate::base::random::Stream;
use crate::base::{Clock, Millis, ServerId};
use crate::net::mqtt::ConnectCode;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

/// First wait of the ladder; it doubles from there.
const RETRY_FIRST: Millis = 500;
/// Shortest wait: the appliance is not asked in a tight loop.
const RETRY_MIN: Millis = 50;
/// Ceiling for one whom the appliance does not want: it may come to want it, but not soon.
const REFUSED_RETRY_MAX: Millis = 60_000;
/// A connection that held this long starts the ladder anew.
const STEADY_AFTER: Duration = Duration::from_secs(10);
/// How often a connected agent looks whether its certificate is due.
const RENEWAL_LOOK: Duration = Duration::from_secs(600);

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
enum SessionError {
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error(transparent)]
    Link(#[from] LinkError),
    #[error("reaching the appliance at {address}")]
    Dial { address: String, source: io::Error },
    #[error("handshake with {0} not done in time")]
    Slow(String),
    #[error("the agent's blocking work")]
    Work(#[from] tokio::task::JoinError),
}

impl SessionError {
    /// Whether the appliance said no, rather than nothing.
    fn refused(&self) -> bool {
        match self {
            SessionError::Identity(IdentityError::Enrol(EnrolError::Refused(_))) => true,
            SessionError::Link(LinkError::Refused(code)) => *code != ConnectCode::Unavailable,
            SessionError::Identity(_)
            | SessionError::Link(_)
            | SessionError::Dial { .. }
            | SessionError::Slow(_)
            | SessionError::Work(_) => false,
        }
    }
}

/// Keeps the agent connected.
pub struct Session {
    /// Whom to dial.
    pub appliances: Arc<Appliances>,
    /// Who dials.
    pub server: ServerId,
    /// With what.
    pub identity: Arc<Identity>,
    /// How.
    pub transport: Arc<dyn Transport>,
    /// For the certificate's dates.
    pub clock: Arc<dyn Clock>,
    /// Where to report.
    pub events: Events,
    /// Which process this is: made up anew at each start, never kept.
    pub process: String,
    /// For jitter.
    pub random: Stream,
}

impl Session {
    /// Connects again and again, for as long as anybody listens to the events.
    pub async fn run(mut self) {
        let mut failures = 0u32;
        while !self.events.is_closed() {
            let mut refused = true;
            for address in self.appliances.list() {
                let begun = Instant::now();
                let ended = self.connect(&address).await;
                if begun.elapsed() >= STEADY_AFTER {
                    failures = 0;
                }
                match ended {
                    Ok(()) => return,
                    Err(error) => {
                        refused &= error.refused();
                        tracing::info!(%address, "not connected: {}", chain(&error));
                    }
                }
            }
            let ceiling = if refused { REFUSED_RETRY_MAX } else { AGENT_RETRY_MAX };
            sleep(backoff(failures, ceiling, &mut self.random)).await;
            failures = failures.saturating_add(1);
        }
    }

    /// One connection, from enrolment where needed to its end. `Ok` when the agent ended it.
    async fn connect(&mut self, name: &str) -> Result<(), SessionError> {
        let deadline = Duration::from_millis(AGENT_HANDSHAKE_DEADLINE);
        let dial = |source| SessionError::Dial { address: name.to_owned(), source };
        let address = resolve(name).await.map_err(dial)?;
        match self.identity.standing(self.clock.now()) {
            Standing::Good => {}
            Standing::Due => self.renew(address).await,
            Standing::None => self.enrol(address).await?,
        }
        let credentials = self.identity.credentials().map_err(IdentityError::State)?;
        let credentials = credentials.ok_or_else(|| dial(io::ErrorKind::NotFound.into()))?;
        let opening = async {
            let stream = self.transport.open(address, credentials).await.map_err(dial)?;
            Ok::<Link, SessionError>(Link::begin(stream, self.server, &self.process).await?)
        };
        let link = match timeout(deadline, opening).await {
            Ok(link) => link?,
            Err(_) => return Err(SessionError::Slow(name.to_owned())),
        };
        let (sender, outgoing) = mpsc::channel(QUEUE_MAX);
        if self.events.send(Event::Up(sender)).await.is_err() {
            return Ok(());
        }
        tracing::info!(%address, "connected");
        let ended = tokio::select! {
            ended = link.carry(outgoing, &self.events) => ended,
            never = self.keep_certificate(address) => match never {},
        };
        // The agent may be gone already, which is no news.
        if self.events.send(Event::Down).await.is_err() {
            return Ok(());
        }
        Ok(ended?)
    }

    /// Renews the certificate whenever it is due; the next connection uses it.
    async fn keep_certificate(&self, address: SocketAddr) -> std::convert::Infallible {
        loop {
            sleep(RENEWAL_LOOK).await;
            if self.identity.standing(self.clock.now()) != Standing::Good {
                self.renew(address).await;
            }
        }
    }

    /// A renewal that fails is tried again later: the certificate is still good.
    async fn renew(&self, address: SocketAddr) {
        if let Err(error) = self.enrol(address).await {
            tracing::warn!("the certificate is due and not renewed: {}", chain(&error));
        }
    }

    async fn enrol(&self, address: SocketAddr) -> Result<(), SessionError> {
        let (identity, transport) = (self.identity.clone(), self.transport.clone());
        let deadline = Duration::from_millis(AGENT_HANDSHAKE_DEADLINE);
        let enrol = move || identity.enrol(transport.as_ref(), address, deadline);
        tokio::task::spawn_blocking(enrol).await??;
        tracing::info!(%address, "enrolled");
        Ok(())
    }
}

/// An address is used as it is; only a name needs the resolver, which a small image may lack.
async fn resolve(name: &str) -> io::Result<SocketAddr> {
    if let Ok(address) = name.parse() {
        return Ok(address);
    }
    let none = || io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    tokio::net::lookup_host(name).await?.next().ok_or_else(none)
}

/// How long to wait after `failures` failures in a row: anything up to a doubling ceiling.
fn backoff(failures: u32, ceiling: Millis, random: &mut Stream) -> Duration {
    let ladder = RETRY_FIRST.saturating_mul(1 << failures.min(16)).min(ceiling);
    Duration::from_millis(RETRY_MIN + random.below(ladder.saturating_sub(RETRY_MIN).max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_their_ceiling_and_are_spread() {
        let check = |failures: u32, ceiling: Millis, expected_max: u64| {
            let mut random = Stream::new(1, "backoff");
            let waits: Vec<u128> =
                (0..1000).map(|_| backoff(failures, ceiling, &mut random).as_millis()).collect();
            let (low, high) = (*waits.iter().min().unwrap(), *waits.iter().max().unwrap());
            let max = u128::from(expected_max);
            assert!(high <= max && high > max * 9 / 10, "{failures}: up to {high}");
            assert!(low >= u128::from(RETRY_MIN) && low < max / 5, "{failures}: from {low}");
        };
        check(0, AGENT_RETRY_MAX, 500);
        check(3, AGENT_RETRY_MAX, 4000);
        check(5, AGENT_RETRY_MAX, 15_000);
        check(u32::MAX, AGENT_RETRY_MAX, 15_000);
        check(20, REFUSED_RETRY_MAX, 60_000);
    }
}
