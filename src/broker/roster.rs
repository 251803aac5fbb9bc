//! Who is connected: one seat a server. The newest connection of its agent has it; what shows the
//! same certificate from elsewhere is judged by its [`History`].

use super::history::{History, Holder, Newcomer, Verdict};
use crate::base::{ServerId, limit};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Instant;
use tokio::sync::{mpsc, oneshot};

/// An order's bytes.
pub type Order = Arc<[u8]>;

/// What waits for a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// An order, which the agent acknowledges.
    Order(Order),
    /// What the agent is told of a stream, which it does not.
    Control(Order),
}

/// Places that control messages leave to orders.
const PLACES_OF_ORDERS: usize = limit::AGENT_ORDERS_WAITING_MAX / 2;

/// Why a connection is ended from our side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The same server connected again.
    Replaced,
    /// The server may not be connected any more.
    Revoked,
    /// The appliance stops.
    Stopping,
    /// Orders for it were lost or did not fit; it gets them again when it is back.
    OrdersLost,
}

/// All seats.
#[derive(Default)]
pub struct Connections {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    seats: HashMap<ServerId, Entry>,
    /// Of servers whose agents are connected or were lately, and a few others.
    histories: HashMap<ServerId, History>,
    next: u64,
    /// Counts revocations: whoever was admitted before one has to ask again.
    revocations: u64,
}

struct Entry {
    number: u64,
    /// Boxed, because each connection has places for many and nearly all are empty.
    waiting: mpsc::Sender<Box<Waiting>>,
    waiting_bytes: Arc<AtomicUsize>,
    /// Gone once it has been used.
    end: Option<oneshot::Sender<End>>,
    claim: Newcomer,
    heard: Arc<Mutex<Instant>>,
    /// Since when another one waits for this one to be heard.
    challenged: Option<Instant>,
}

/// A connection's own end of its seat.
pub struct AgentSlot {
    number: u64,
    waiting: mpsc::Receiver<Box<Waiting>>,
    waiting_bytes: Arc<AtomicUsize>,
    claim: Newcomer,
    heard: Arc<Mutex<Instant>>,
    /// Where the copy is that this one proved by coming back.
    pub copy: Option<SocketAddr>,
    /// Why it has to end, once.
    pub end: oneshot::Receiver<End>,
}

/// Why there is no seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoSeat {
    /// Somebody was revoked since admission was asked: ask again.
    AskAgain,
    /// All seats are taken.
    Full,
    /// Another one has it, from this address, who may live.
    Held(SocketAddr),
    /// Another one has it, from this address, and lives: whoever asks is a copy.
    Copy(SocketAddr),
}

impl Connections {
    /// What to remember from before admission is asked.
    pub fn revocations(&self) -> u64 {
        self.lock().revocations
    }

    /// Takes the server's seat; a connection that has it is told to end.
    pub fn enter(
        &self,
        server: ServerId,
        revocations: u64,
        claim: Newcomer,
        now: Instant,
    ) -> Result<AgentSlot, NoSeat> {
        let mut inner = self.lock();
        if inner.revocations != revocations {
            return Err(NoSeat::AskAgain);
        }
        let full = inner.seats.len() >= limit::AGENT_CONNECTIONS_MAX;
        if full && !inner.seats.contains_key(&server) {
            return Err(NoSeat::Full);
        }
        let copy = match inner.judge(server, &claim, now) {
            Verdict::Enters => None,
            Verdict::Returns(copy) => Some(copy),
            Verdict::Waits => return Err(NoSeat::Held(inner.holder_of(server, &claim))),
            Verdict::IsCopy(of) => return Err(NoSeat::Copy(of)),
        };
        let number = inner.next;
        inner.next += 1;
        let (waiting, receiver) = mpsc::channel(limit::AGENT_ORDERS_WAITING_MAX);
        let (end, ended) = oneshot::channel();
        let waiting_bytes = Arc::new(AtomicUsize::new(0));
        let heard = Arc::new(Mutex::new(now));
        let entry = Entry {
            number,
            waiting,
            waiting_bytes: waiting_bytes.clone(),
            end: Some(end),
            claim: claim.clone(),
            heard: heard.clone(),
            challenged: None,
        };
        if let Some(mut before) = inner.seats.insert(server, entry) {
            before.tell(End::Replaced);
        }
        Ok(AgentSlot { number, waiting: receiver, waiting_bytes, claim, heard, copy, end: ended })
    }

    /// Gives the seat back; whether it was still this connection's.
    pub fn leave(&self, server: ServerId, seat: &AgentSlot) -> bool {
        let mut inner = self.lock();
        let own = inner.seats.get(&server).is_some_and(|entry| entry.number == seat.number);
        if own {
            inner.seats.remove(&server);
            if let Some(history) = inner.histories.get_mut(&server) {
                history.leave(&seat.claim, Instant::now());
            }
        }
        own
    }

    /// Hands an order to the server's connection, if it has one. One with no room left is ended.
    pub fn deliver(&self, server: ServerId, order: Order) -> bool {
        let mut inner = self.lock();
        let Some(entry) = inner.seats.get_mut(&server) else { return false };
        let bytes = order.len();
        // Only this, under the lock, adds to it.
        let waiting = entry.waiting_bytes.load(Ordering::Relaxed);
        let fits = waiting + bytes <= limit::AGENT_ORDERS_WAITING_BYTES_MAX;
        if fits {
            entry.waiting_bytes.fetch_add(bytes, Ordering::Relaxed);
        }
        let taken = fits && entry.waiting.try_send(Box::new(Waiting::Order(order))).is_ok();
        if !taken {
            entry.tell(End::OrdersLost);
        }
        taken
    }

    /// Hands what is said of a stream to the server's connection, if it has one with room beside
    /// that for orders; false where it has not.
    pub fn deliver_control(&self, server: ServerId, control: Order) -> bool {
        let inner = self.lock();
        let Some(entry) = inner.seats.get(&server) else { return false };
        let room = entry.waiting.capacity() > PLACES_OF_ORDERS;
        room && entry.waiting.try_send(Box::new(Waiting::Control(control))).is_ok()
    }

    /// Ends the server's connection, and makes whoever is being admitted right now ask again.
    pub fn revoke(&self, server: ServerId) -> bool {
        let mut inner = self.lock();
        inner.revocations += 1;
        inner.histories.remove(&server);
        inner.seats.get_mut(&server).is_some_and(|entry| entry.tell(End::Revoked))
    }

    /// Ends all connections of servers like these.
    pub fn end_where(&self, end: End, like: impl Fn(ServerId) -> bool) {
        for (server, entry) in &mut self.lock().seats {
            if like(*server) {
                entry.tell(end);
            }
        }
    }

    /// Whether the server is connected.
    pub fn has(&self, server: ServerId) -> bool {
        self.lock().seats.contains_key(&server)
    }

    /// Everybody, in no order.
    pub fn all(&self) -> Vec<ServerId> {
        self.lock().seats.keys().copied().collect()
    }

    /// How many.
    pub fn count(&self) -> usize {
        self.lock().seats.len()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn judge(&mut self, server: ServerId, claim: &Newcomer, now: Instant) -> Verdict {
        if self.histories.len() >= limit::AGENT_CONNECTIONS_MAX {
            let seats = &self.seats;
            self.histories.retain(|id, history| seats.contains_key(id) || !history.is_over(now));
        }
        let holder = self.seats.get_mut(&server).map(|entry| Holder {
            claim: &entry.claim,
            heard: *entry.heard.lock().unwrap_or_else(PoisonError::into_inner),
            challenged: &mut entry.challenged,
        });
        self.histories.entry(server).or_default().judge(claim, holder, now)
    }

    /// Where the one is that has a seat; for one that is free, whoever asks.
    fn holder_of(&self, server: ServerId, claim: &Newcomer) -> SocketAddr {
        self.seats.get(&server).map_or(claim.from, |entry| entry.claim.from)
    }
}

impl AgentSlot {
    /// Its connection said something.
    pub fn hear(&self, now: Instant) {
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }

    /// What waits for it next.
    pub fn poll_waiting(&mut self, cx: &mut Context<'_>) -> Poll<Option<Waiting>> {
        let waiting = ready!(self.waiting.poll_recv(cx)).map(|waiting| *waiting);
        if let Some(Waiting::Order(order)) = &waiting {
            self.waiting_bytes.fetch_sub(order.len(), Ordering::Relaxed);
        }
        Poll::Ready(waiting)
    }
}

impl Entry {
    /// Whether this was the first to tell it.
    fn tell(&mut self, end: End) -> bool {
        self.end.take().is_some_and(|sender| sender.send(end).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEB: ServerId = ServerId(1);

    impl Connections {
        /// Takes a seat as the one agent of its server.
        pub fn sit(&self, server: ServerId, revocations: u64) -> Result<AgentSlot, NoSeat> {
            let (process, from) = (Some("a".to_owned()), "10.0.0.1:1".parse().unwrap());
            let claim = Newcomer { process, from, quiet_max: std::time::Duration::from_secs(30) };
            self.enter(server, revocations, claim, Instant::now())
        }
    }

    #[test]
    fn the_newest_has_the_seat_and_only_it_gives_it_back() {
        let roster = Connections::default();
        let mut first = roster.sit(WEB, 0).unwrap();
        let mut second = roster.sit(WEB, 0).unwrap();
        assert_eq!(first.end.try_recv(), Ok(End::Replaced));
        assert!(!roster.leave(WEB, &first) && roster.has(WEB));
        assert!(roster.deliver(WEB, Arc::from(&b"x"[..])));
        assert_eq!(*second.waiting.try_recv().unwrap(), Waiting::Order(Arc::from(&b"x"[..])));
        assert!(roster.leave(WEB, &second) && !roster.has(WEB));
        assert!(!roster.deliver(WEB, Arc::from(&b"x"[..])));
    }

    #[test]
    fn a_revocation_ends_the_connection_and_every_admission_under_way() {
        let roster = Connections::default();
        let before = roster.revocations();
        let mut seat = roster.sit(WEB, before).unwrap();
        assert!(roster.revoke(WEB));
        assert_eq!(seat.end.try_recv(), Ok(End::Revoked));
        assert_eq!(roster.sit(ServerId(2), before).err(), Some(NoSeat::AskAgain));
        assert!(roster.sit(ServerId(2), roster.revocations()).is_ok());
    }

    fn claim(process: &str, port: u16) -> Newcomer {
        let (process, from) = (Some(process.to_owned()), SocketAddr::from(([10, 0, 0, 1], port)));
        Newcomer { process, from, quiet_max: std::time::Duration::from_secs(30) }
    }

    #[test]
    fn a_full_house_takes_nobody_new() {
        let roster = Connections::default();
        let sit = |id: usize| roster.sit(ServerId(id as u128), 0);
        let mut seats: Vec<AgentSlot> =
            (0..limit::AGENT_CONNECTIONS_MAX).map(|id| sit(id).unwrap()).collect();
        assert_eq!(sit(limit::AGENT_CONNECTIONS_MAX).err(), Some(NoSeat::Full));
        seats.push(sit(0).unwrap());
        assert_eq!(roster.count(), limit::AGENT_CONNECTIONS_MAX);
        assert!(roster.leave(ServerId(1), &seats[1]));
        assert!(sit(limit::AGENT_CONNECTIONS_MAX).is_ok());
        assert_eq!(roster.all().len(), limit::AGENT_CONNECTIONS_MAX);
    }

    #[test]
    fn the_histories_of_those_long_gone_make_room() {
        let roster = Connections::default();
        let now = Instant::now();
        let enter = |id: usize, now| roster.enter(ServerId(id as u128), 0, claim("a", 1), now);
        let stays = enter(0, now).unwrap();
        for id in 1..limit::AGENT_CONNECTIONS_MAX {
            let seat = enter(id, now).unwrap();
            assert!(roster.leave(ServerId(id as u128), &seat));
        }
        let histories = || roster.lock().histories.len();
        assert_eq!(histories(), limit::AGENT_CONNECTIONS_MAX);
        let another = enter(30_000, now).unwrap();
        assert_eq!(histories(), limit::AGENT_CONNECTIONS_MAX + 1, "they were here a moment ago");
        let memory = std::time::Duration::from_millis(limit::AGENT_COPY_MEMORY);
        enter(30_001, Instant::now() + memory).unwrap();
        assert_eq!(histories(), 3, "those who are here, and the newest");
        assert!(roster.has(ServerId(0)) && stays.copy.is_none() && another.copy.is_none());
    }

    #[test]
    fn another_one_waits_for_whoever_has_the_seat_or_is_a_copy() {
        let roster = Connections::default();
        let now = Instant::now();
        let seat = roster.enter(WEB, 0, claim("a", 1), now).unwrap();
        let other = |seconds: u64| {
            let later = now + std::time::Duration::from_secs(seconds);
            roster.enter(WEB, 0, claim("b", 2), later).err()
        };
        assert_eq!(other(1), Some(NoSeat::Held(claim("a", 1).from)));
        seat.hear(now + std::time::Duration::from_secs(9));
        assert_eq!(other(10), Some(NoSeat::Copy(claim("a", 1).from)));
        assert!(roster.leave(WEB, &seat));
        assert_eq!(other(11), None);
        let back = roster.enter(WEB, 0, claim("a", 1), now + std::time::Duration::from_secs(12));
        assert_eq!(back.unwrap().copy, Some(claim("b", 2).from));
    }

    #[test]
    fn a_revocation_forgets_who_was_here_and_says_whether_anybody_was() {
        let roster = Connections::default();
        let now = Instant::now();
        let seat = roster.enter(WEB, 0, claim("a", 1), now).unwrap();
        assert!(roster.revoke(WEB) && !roster.revoke(WEB), "told once");
        assert!(!roster.revoke(ServerId(9)));
        assert!(roster.leave(WEB, &seat));
        assert_eq!(roster.revocations(), 3);
        assert!(roster.lock().histories.is_empty());
        assert!(roster.enter(WEB, 3, claim("b", 2), now).is_ok());
    }

    #[test]
    fn some_may_be_told_to_end_and_the_others_not() {
        let roster = Connections::default();
        let mut seats: Vec<AgentSlot> =
            (0..3).map(|id| roster.sit(ServerId(id), 0).unwrap()).collect();
        roster.end_where(End::Stopping, |server| server.0 > 0);
        roster.end_where(End::OrdersLost, |_| true);
        let ends: Vec<_> = seats.iter_mut().map(|seat| seat.end.try_recv().ok()).collect();
        let expected = [End::OrdersLost, End::Stopping, End::Stopping].map(Some);
        assert_eq!(ends, expected, "the first word counts");
    }

    #[test]
    fn what_was_taken_makes_room_for_more_orders() {
        let roster = Connections::default();
        let mut seat = roster.sit(WEB, 0).unwrap();
        let order = |bytes: usize| Order::from(vec![0; bytes]);
        let most = limit::AGENT_ORDERS_WAITING_BYTES_MAX;
        for _ in 0..2 {
            assert!(roster.deliver(WEB, order(most)));
            let mut cx = Context::from_waker(std::task::Waker::noop());
            let taken = seat.poll_waiting(&mut cx);
            assert_eq!(taken, Poll::Ready(Some(Waiting::Order(order(most)))));
        }
        assert!(roster.deliver(WEB, order(1)) && seat.end.try_recv().is_err());
        assert!(!roster.deliver(WEB, order(most)));
        assert_eq!(seat.end.try_recv(), Ok(End::OrdersLost));
    }

    #[test]
    fn what_is_said_of_streams_leaves_room_for_orders_and_ends_nobody() {
        let roster = Connections::default();
        let control = Order::from(&b"c"[..]);
        assert!(!roster.deliver_control(WEB, control.clone()));
        let mut seat = roster.sit(WEB, 0).unwrap();
        let sent = (0..100).filter(|_| roster.deliver_control(WEB, control.clone())).count();
        assert_eq!(sent, limit::AGENT_ORDERS_WAITING_MAX - PLACES_OF_ORDERS);
        let orders = (0..PLACES_OF_ORDERS).filter(|_| roster.deliver(WEB, control.clone()));
        assert_eq!(orders.count(), PLACES_OF_ORDERS);
        assert!(seat.end.try_recv().is_err(), "nobody is ended");
        let mut cx = Context::from_waker(std::task::Waker::noop());
        assert_eq!(seat.poll_waiting(&mut cx), Poll::Ready(Some(Waiting::Control(control))));
    }

    #[test]
    fn orders_that_do_not_fit_end_the_connection() {
        let check = |bytes: usize, fit: usize| {
            let roster = Connections::default();
            let mut seat = roster.sit(WEB, 0).unwrap();
            let order: Order = Arc::from(vec![0; bytes]);
            let sent = (0..fit + 1).filter(|_| roster.deliver(WEB, order.clone())).count();
            assert_eq!(sent, fit);
            assert_eq!(seat.end.try_recv(), Ok(End::OrdersLost));
        };
        check(1, limit::AGENT_ORDERS_WAITING_MAX);
        check(limit::ORDER_BYTES_MAX, 2);
    }
}
