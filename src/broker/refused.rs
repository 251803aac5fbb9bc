//! What the gate did not let through: counted always, logged at most once a second a kind.

use crate::base::ServerId;
use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal,)*) => {
        /// Kinds of things that are not let through.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Kind { $($(#[$doc])* $kind,)* }

        impl Kind {
            const ALL: &[Kind] = &[$(Kind::$kind,)*];

            /// Its name in figures and logs.
            pub fn name(self) -> &'static str {
                match self { $(Kind::$kind => $name,)* }
            }
        }
    };
}

kinds! {
    /// More handshakes a second from one address than agents need.
    Hurry = "hurry",
    /// A handshake gave way to a newer one.
    GaveWay = "gave_way",
    /// TLS failed: no TLS at all, a foreign certificate, an expired one.
    Tls = "tls",
    /// TLS and the first packet were not done in time.
    Slow = "slow",
    /// MQTT without a certificate.
    NoCertificate = "no_certificate",
    /// A certificate of ours that names no server.
    NotAnAgent = "not_an_agent",
    /// The first packet was no CONNECT, or a bad one.
    NoConnect = "no_connect",
    /// The client id is not the server the certificate names.
    ClientId = "client_id",
    /// A CONNECT with a will.
    Will = "will",
    /// The server is unknown, terminated, or enrolled with another key.
    NotAdmitted = "not_admitted",
    /// A copy of an agent's identity.
    Copy = "copy",
    /// The agent that is connected may live, and this one a copy of it: it is to come again.
    Held = "held",
    /// Admission could not be asked, or there are too many connections.
    NotNow = "not_now",
    /// An enrolment that is no request we know.
    EnrolShape = "enrol_shape",
    /// An enrolment that was refused.
    Enrol = "enrol",
    /// A malformed packet, or one that agents do not send.
    Packet = "packet",
    /// A packet above the limit.
    Oversize = "oversize",
    /// A publish on a topic that is not the server's own.
    Topic = "topic",
    /// A subscription to anything but the server's own orders.
    Subscription = "subscription",
    /// Content that will never be taken.
    Content = "content",
    /// Content that could not be taken now.
    ContentLater = "content_later",
    /// Silent for longer than its keep-alive allows.
    Silent = "silent",
    /// It does not read what it is sent.
    Deaf = "deaf",
    /// Serving it panicked: a fault of ours, which ended this connection alone.
    Panic = "panic",
    /// More orders than it takes.
    Orders = "orders",
}

/// Counts and logs.
pub struct Refused {
    counts: Vec<AtomicU64>,
    /// Per kind: when it was last logged and how many were not since.
    logged: Mutex<Vec<(Option<Instant>, u64)>>,
}

const LOGGED_EVERY: Duration = Duration::from_secs(1);
/// Longest text of a stranger's that goes into a log line.
const TEXT_MAX: usize = 120;

impl Refused {
    /// Nothing refused yet.
    pub fn new() -> Refused {
        Refused {
            counts: Kind::ALL.iter().map(|_| AtomicU64::new(0)).collect(),
            logged: Mutex::new(vec![(None, 0); Kind::ALL.len()]),
        }
    }

    /// Counts one, and logs it unless one of its kind was logged within the last second.
    pub fn note(
        &self,
        kind: Kind,
        from: SocketAddr,
        server: Option<ServerId>,
        why: &dyn fmt::Display,
    ) {
        self.counts[kind as usize].fetch_add(1, Ordering::Relaxed);
        let Some(unlogged) = self.to_log(kind, Instant::now()) else { return };
        let why: String = why.to_string().chars().take(TEXT_MAX).collect();
        let server = server.map(|s| s.to_string()).unwrap_or_default();
        tracing::warn!(kind = kind.name(), %from, server, why = ?why, unlogged, "refused");
    }

    /// How many of this kind were not logged before the one that is to be logged now; `None` when
    /// it is not to be.
    fn to_log(&self, kind: Kind, now: Instant) -> Option<u64> {
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        let (last, unlogged) = &mut logged[kind as usize];
        if last.is_some_and(|last| now.duration_since(last) < LOGGED_EVERY) {
            *unlogged += 1;
            return None;
        }
        *last = Some(now);
        Some(std::mem::take(unlogged))
    }

    /// How many of each kind, by name.
    pub fn counts(&self) -> Vec<(&'static str, u64)> {
        let count =
            |kind: &Kind| (kind.name(), self.counts[*kind as usize].load(Ordering::Relaxed));
        Kind::ALL.iter().map(count).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_logged_once_a_second_and_says_how_many_were_not() {
        let (refused, start) = (Refused::new(), Instant::now());
        let to_log = |kind: Kind, ms: u64| refused.to_log(kind, start + Duration::from_millis(ms));
        assert_eq!(to_log(Kind::Tls, 0), Some(0));
        assert_eq!([to_log(Kind::Tls, 0), to_log(Kind::Tls, 999)], [None, None]);
        assert_eq!(to_log(Kind::Slow, 999), Some(0), "another kind");
        assert_eq!(to_log(Kind::Tls, 1000), Some(2));
        assert_eq!([to_log(Kind::Tls, 1999), to_log(Kind::Tls, 2000)], [None, Some(1)]);
    }

    #[test]
    fn each_is_counted_under_its_own_name() {
        let refused = Refused::new();
        let from = SocketAddr::from(([10, 0, 0, 1], 1));
        for (place, kind) in Kind::ALL.iter().enumerate() {
            for _ in 0..=place {
                refused.note(*kind, from, None, &"why");
            }
        }
        let expected: Vec<(&str, u64)> =
            Kind::ALL.iter().zip(1..).map(|(kind, count)| (kind.name(), count)).collect();
        assert_eq!(refused.counts(), expected);
    }
}
