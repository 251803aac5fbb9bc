//! Who is connected: one seat a server, the newest connection has it.

use crate::base::{ServerId, limit};
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use tokio::sync::{mpsc, oneshot};

/// An order's bytes.
pub type Order = Arc<[u8]>;

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
pub struct Roster {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    seats: HashMap<ServerId, Entry>,
    next: u64,
    /// Counts revocations: whoever was admitted before one has to ask again.
    revocations: u64,
}

struct Entry {
    number: u64,
    orders: mpsc::Sender<Order>,
    waiting_bytes: Arc<AtomicUsize>,
    /// Gone once it has been used.
    end: Option<oneshot::Sender<End>>,
}

/// A connection's own end of its seat.
pub struct Seat {
    number: u64,
    orders: mpsc::Receiver<Order>,
    waiting_bytes: Arc<AtomicUsize>,
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
}

impl Roster {
    /// What to remember from before admission is asked.
    pub fn revocations(&self) -> u64 {
        self.lock().revocations
    }

    /// Takes the server's seat; a connection that has it is told to end.
    pub fn enter(&self, server: ServerId, revocations: u64) -> Result<Seat, NoSeat> {
        let mut inner = self.lock();
        if inner.revocations != revocations {
            return Err(NoSeat::AskAgain);
        }
        let full = inner.seats.len() >= limit::AGENT_CONNECTIONS_MAX;
        if full && !inner.seats.contains_key(&server) {
            return Err(NoSeat::Full);
        }
        let number = inner.next;
        inner.next += 1;
        let (orders, receiver) = mpsc::channel(limit::AGENT_ORDERS_WAITING_MAX);
        let (end, ended) = oneshot::channel();
        let waiting_bytes = Arc::new(AtomicUsize::new(0));
        let entry = Entry { number, orders, waiting_bytes: waiting_bytes.clone(), end: Some(end) };
        if let Some(mut before) = inner.seats.insert(server, entry) {
            before.tell(End::Replaced);
        }
        Ok(Seat { number, orders: receiver, waiting_bytes, end: ended })
    }

    /// Gives the seat back; whether it was still this connection's.
    pub fn leave(&self, server: ServerId, seat: &Seat) -> bool {
        let mut inner = self.lock();
        let own = inner.seats.get(&server).is_some_and(|entry| entry.number == seat.number);
        if own {
            inner.seats.remove(&server);
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
        let taken = fits && entry.orders.try_send(order).is_ok();
        if !taken {
            entry.tell(End::OrdersLost);
        }
        taken
    }

    /// Ends the server's connection, and makes whoever is being admitted right now ask again.
    pub fn revoke(&self, server: ServerId) -> bool {
        let mut inner = self.lock();
        inner.revocations += 1;
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

impl Seat {
    /// The next order for it.
    pub fn poll_order(&mut self, cx: &mut Context<'_>) -> Poll<Option<Order>> {
        let order = ready!(self.orders.poll_recv(cx));
        let bytes = order.as_ref().map_or(0, |order| order.len());
        self.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
        Poll::Ready(order)
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

    #[test]
    fn the_newest_has_the_seat_and_only_it_gives_it_back() {
        let roster = Roster::default();
        let mut first = roster.enter(WEB, 0).unwrap();
        let mut second = roster.enter(WEB, 0).unwrap();
        assert_eq!(first.end.try_recv(), Ok(End::Replaced));
        assert!(!roster.leave(WEB, &first) && roster.has(WEB));
        assert!(roster.deliver(WEB, Arc::from(&b"x"[..])));
        assert_eq!(&*second.orders.try_recv().unwrap(), b"x");
        assert!(roster.leave(WEB, &second) && !roster.has(WEB));
        assert!(!roster.deliver(WEB, Arc::from(&b"x"[..])));
    }

    #[test]
    fn a_revocation_ends_the_connection_and_every_admission_under_way() {
        let roster = Roster::default();
        let before = roster.revocations();
        let mut seat = roster.enter(WEB, before).unwrap();
        assert!(roster.revoke(WEB));
        assert_eq!(seat.end.try_recv(), Ok(End::Revoked));
        assert_eq!(roster.enter(ServerId(2), before).err(), Some(NoSeat::AskAgain));
        assert!(roster.enter(ServerId(2), roster.revocations()).is_ok());
    }

    #[test]
    fn orders_that_do_not_fit_end_the_connection() {
        let check = |bytes: usize, fit: usize| {
            let roster = Roster::default();
            let mut seat = roster.enter(WEB, 0).unwrap();
            let order: Order = Arc::from(vec![0; bytes]);
            let sent = (0..fit + 1).filter(|_| roster.deliver(WEB, order.clone())).count();
            assert_eq!(sent, fit);
            assert_eq!(seat.end.try_recv(), Ok(End::OrdersLost));
        };
        check(1, limit::AGENT_ORDERS_WAITING_MAX);
        check(limit::ORDER_BYTES_MAX, 2);
    }
}
