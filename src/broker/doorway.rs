//! Who may stand in the doorway: connections that have not said who they are yet.
//!
//! They cost memory and cryptography before anything is known about them, so they are bounded
//! three ways: handshakes begun per second and address, handshakes under way per address, and all
//! of them together. At a bound of the last two the oldest of the most crowded address gives way,
//! and the oldest of all where none is more crowded than another: an agent is through within
//! milliseconds of its turn, and whoever stands there longest is none. Addresses from which
//! somebody showed an agent's certificate lately are *known*: they give way only to one another,
//! and take turns of their own, so that strangers from any number of addresses keep none of them
//! out.
//!
//! The cryptography runs on the threads that acknowledge what agents say, so it is begun in turns,
//! at a steady rate over all addresses: however many strangers come, from wherever, the agents
//! that are in keep most of the machine.

use super::pace::{Bucket, Turns};
use crate::base::limit;
use std::cmp::Reverse;
use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Bounds of one doorway.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Begun in a second from one address.
    pub per_second: u32,
    /// Under way from one address.
    pub per_address: usize,
    /// Under way, those that wait for their turn included.
    pub all: usize,
    /// Turns given in a second over all addresses.
    pub turns: u32,
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds {
            per_second: limit::AGENT_HANDSHAKES_PER_SECOND,
            per_address: limit::AGENT_HANDSHAKES_PER_ADDRESS_MAX,
            all: limit::AGENT_HANDSHAKES_MAX,
            turns: limit::AGENT_HANDSHAKES_ALL_PER_SECOND,
        }
    }
}

/// The doorway.
pub struct HandshakeQueue {
    bounds: Bounds,
    turns: Turns,
    /// Those of known addresses.
    known_turns: Turns,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    /// By address: visits under way, oldest first. No entry is empty.
    visits: HashMap<IpAddr, VecDeque<(u64, oneshot::Sender<()>)>>,
    count: usize,
    next: u64,
    paces: HashMap<IpAddr, Bucket>,
    /// When somebody last showed an agent's certificate at an address.
    known: HashMap<IpAddr, Instant>,
}

/// An address is known for so long: a site that was off over a long weekend comes back as one.
const KNOWN_FOR: Duration = Duration::from_secs(7 * 86_400);

/// One connection in the doorway; dropping it makes room.
pub struct PendingHandshake {
    doorway: Arc<HandshakeQueue>,
    address: IpAddr,
    number: u64,
    /// Ends, with an error, when this visit has to give way.
    pub gives_way: oneshot::Receiver<()>,
}

impl HandshakeQueue {
    /// An empty one.
    pub fn new(bounds: Bounds) -> Arc<HandshakeQueue> {
        let turns = || Turns::new(limit::AGENT_HANDSHAKES_BURST, bounds.turns, Instant::now());
        Arc::new(HandshakeQueue {
            bounds,
            turns: turns(),
            known_turns: turns(),
            inner: Mutex::default(),
        })
    }

    /// Waits until a visitor may begin with cryptography. Only visitors wait, so it takes no
    /// longer than the turns of a full doorway.
    pub async fn turn(&self, from: IpAddr) {
        let known = self.lock().known.contains_key(&network(from));
        if known { self.known_turns.take().await } else { self.turns.take().await }
    }

    /// Somebody at this address has shown an agent's certificate and was let in.
    pub fn know(&self, from: IpAddr, now: Instant) {
        let mut inner = self.lock();
        if inner.known.len() >= limit::AGENT_CONNECTIONS_MAX {
            inner.known.retain(|_, seen| now.saturating_duration_since(*seen) < KNOWN_FOR);
        }
        // Each has cost a certificate of ours, so more than there may be connections are no crowd.
        if inner.known.len() < limit::AGENT_CONNECTIONS_MAX {
            inner.known.insert(network(from), now);
        }
    }

    /// Steps in; `None` when that address is in too much of a hurry.
    pub fn enter(
        self: &Arc<HandshakeQueue>,
        from: IpAddr,
        now: Instant,
    ) -> Option<PendingHandshake> {
        let address = network(from);
        let mut inner = self.lock();
        if !inner.paced(address, self.bounds.per_second, now) {
            return None;
        }
        let here = inner.visits.get(&address).map_or(0, VecDeque::len);
        if here >= self.bounds.per_address {
            inner.oldest_gives_way(address);
        } else if inner.count >= self.bounds.all
            && let Some(crowded) = inner.most_crowded()
        {
            inner.oldest_gives_way(crowded);
        }
        let number = inner.next;
        inner.next += 1;
        inner.count += 1;
        let (stay, gives_way) = oneshot::channel();
        inner.visits.entry(address).or_default().push_back((number, stay));
        Some(PendingHandshake { doorway: self.clone(), address, number, gives_way })
    }

    /// How many stand here.
    pub fn count(&self) -> usize {
        self.lock().count
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn paced(&mut self, address: IpAddr, per_second: u32, now: Instant) -> bool {
        if self.paces.len() >= limit::AGENT_ADDRESSES_MAX && !self.paces.contains_key(&address) {
            self.paces.retain(|_, bucket| !bucket.is_full(now));
            if self.paces.len() >= limit::AGENT_ADDRESSES_MAX {
                // That many addresses within a second are no fleet. Forgetting them only costs
                // us the pace, the other two bounds hold.
                self.paces.clear();
            }
        }
        self.paces.entry(address).or_insert_with(|| Bucket::new(per_second, now)).take_one(now)
    }

    /// The address whose oldest visit gives way: strangers before those who are known, then the
    /// most crowded, then the one whose oldest stands here longest.
    fn most_crowded(&self) -> Option<IpAddr> {
        let rank = |(address, visits): &(&IpAddr, &VecDeque<(u64, oneshot::Sender<()>)>)| {
            let oldest = visits.front().map_or(u64::MAX, |(number, _)| *number);
            (self.known.contains_key(*address), Reverse(visits.len()), oldest)
        };
        self.visits.iter().min_by_key(rank).map(|(address, _)| *address)
    }

    /// Dropping a visit's sender is what tells it.
    fn oldest_gives_way(&mut self, address: IpAddr) {
        if let Some(visits) = self.visits.get_mut(&address)
            && visits.pop_front().is_some()
        {
            self.count -= 1;
            if visits.is_empty() {
                self.visits.remove(&address);
            }
        }
    }
}

impl Drop for PendingHandshake {
    fn drop(&mut self) {
        let mut inner = self.doorway.lock();
        let Some(visits) = inner.visits.get_mut(&self.address) else { return };
        let before = visits.len();
        visits.retain(|(number, _)| *number != self.number);
        let left = before - visits.len();
        if visits.is_empty() {
            inner.visits.remove(&self.address);
        }
        inner.count -= left;
    }
}

/// What counts as one address: an IPv6 host has a whole /64 to itself.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) & !u128::from(u64::MAX)).into()),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gone(visit: &mut PendingHandshake) -> bool {
        visit.gives_way.try_recv() == Err(oneshot::error::TryRecvError::Closed)
    }

    #[test]
    fn the_oldest_of_the_most_crowded_address_gives_way() {
        let bounds = Bounds { per_second: 100, per_address: 3, all: 4, turns: 9 };
        let (doorway, now) = (HandshakeQueue::new(bounds), Instant::now());
        let enter = |address: &str| doorway.enter(address.parse().unwrap(), now).unwrap();
        let mut crowd: Vec<PendingHandshake> = (0..3).map(|_| enter("10.0.0.1")).collect();
        let mut fourth = enter("10.0.0.1");
        assert!(gone(&mut crowd[0]) && !gone(&mut crowd[1]));
        let mut other = enter("10.0.0.2");
        let mut third = enter("10.0.0.3");
        assert!(gone(&mut crowd[1]) && !gone(&mut crowd[2]) && !gone(&mut fourth));
        assert!(!gone(&mut other) && !gone(&mut third));
        assert_eq!(doorway.count(), 4);
        drop((crowd, fourth, other, third));
        assert_eq!(doorway.count(), 0);
        assert!(doorway.lock().visits.is_empty());
    }

    #[test]
    fn among_many_addresses_the_oldest_gives_way_and_strangers_before_the_known() {
        let bounds = Bounds { per_second: 9_000, per_address: 64, all: 100, turns: 9 };
        let (doorway, now) = (HandshakeQueue::new(bounds), Instant::now());
        let address = |n: usize| IpAddr::from([10, 0, (n / 250) as u8, (n % 250) as u8]);
        let mut here: VecDeque<(usize, PendingHandshake)> = VecDeque::new();
        let known = IpAddr::from([192, 168, 0, 1]);
        doorway.know(known, now);
        let mut waits = doorway.enter(known, now).unwrap();
        for n in 0..2_000 {
            here.push_back((n, doorway.enter(address(n), now).unwrap()));
            if n >= 99 {
                let (oldest, mut visit) = here.pop_front().unwrap();
                assert!(gone(&mut visit), "{oldest} of {n}");
            }
            assert!(here.iter_mut().all(|(_, visit)| !gone(visit)), "{n}");
            assert!(!gone(&mut waits), "the known one gave way to stranger {n}");
        }
        drop(here);
        // Where all are known they give way to one another.
        let mut crowd: Vec<PendingHandshake> = Vec::new();
        for n in 0..100 {
            doorway.know(address(n), now);
            crowd.push(doorway.enter(address(n), now).unwrap());
        }
        assert!(gone(&mut waits) && !gone(&mut crowd[0]));
    }

    #[test]
    fn addresses_are_known_for_a_week_and_so_many_of_them() {
        let doorway = HandshakeQueue::new(Bounds::default());
        let start = Instant::now();
        let address = |n: usize| IpAddr::from([10, (n >> 16) as u8, (n >> 8) as u8, n as u8]);
        let known = || doorway.lock().known.len();
        for n in 0..limit::AGENT_CONNECTIONS_MAX {
            doorway.know(address(n), start);
        }
        doorway.know(address(0), start);
        assert_eq!(known(), limit::AGENT_CONNECTIONS_MAX);
        let late = start + KNOWN_FOR - Duration::from_nanos(1);
        doorway.know(address(limit::AGENT_CONNECTIONS_MAX), late);
        assert_eq!(known(), limit::AGENT_CONNECTIONS_MAX);
        doorway.know(address(limit::AGENT_CONNECTIONS_MAX), start + KNOWN_FOR);
        assert_eq!(known(), 1, "the others are forgotten");
    }

    #[tokio::test]
    async fn those_who_are_known_take_turns_of_their_own() {
        let doorway = HandshakeQueue::new(Bounds::default());
        let left = || (doorway.turns.left(), doorway.known_turns.left());
        let all = f64::from(limit::AGENT_HANDSHAKES_BURST);
        let known = IpAddr::from([10, 0, 0, 1]);
        doorway.know(known, Instant::now());
        doorway.turn(known).await;
        assert_eq!(left(), (all, all - 1.0));
        doorway.turn(IpAddr::from([10, 0, 0, 2])).await;
        assert_eq!(left(), (all - 1.0, all - 1.0));
        doorway.turn("::ffff:10.0.0.1".parse().unwrap()).await;
        assert_eq!(left().0, all - 1.0, "the same address, written as one of IPv6");
    }

    #[test]
    fn the_paces_of_so_many_addresses_are_kept() {
        let bounds = Bounds { per_second: 2, per_address: 9_000, all: 9_000, turns: 9 };
        let (doorway, start) = (HandshakeQueue::new(bounds), Instant::now());
        let address = |n: usize| IpAddr::from([10, 0, (n >> 8) as u8, n as u8]);
        let enter = |n: usize, now: Instant| doorway.enter(address(n), now).is_some();
        let paces = || doorway.lock().paces.len();
        for n in 0..limit::AGENT_ADDRESSES_MAX {
            assert!(enter(n, start));
        }
        // One that is there already makes nobody forgotten.
        assert!(enter(0, start) && !enter(0, start));
        assert_eq!(paces(), limit::AGENT_ADDRESSES_MAX);
        // At once with another one: nothing is left to forget but all of them.
        assert!(enter(limit::AGENT_ADDRESSES_MAX, start));
        assert_eq!(paces(), 1);
        for n in 0..limit::AGENT_ADDRESSES_MAX - 1 {
            assert!(enter(n, start));
        }
        assert_eq!(paces(), limit::AGENT_ADDRESSES_MAX);
        // A second later those that rest are forgotten, and who is in a hurry is not.
        let later = start + Duration::from_secs(1);
        assert!(enter(0, later) && enter(0, later));
        assert!(enter(9_999, later) && !enter(0, later));
        assert_eq!(paces(), 2);
    }

    #[test]
    fn who_gave_way_gives_nothing_back_a_second_time() {
        let bounds = Bounds { per_second: 9, per_address: 1, all: 9, turns: 9 };
        let (doorway, now) = (HandshakeQueue::new(bounds), Instant::now());
        let from = IpAddr::from([10, 0, 0, 1]);
        let first = doorway.enter(from, now).unwrap();
        let second = doorway.enter(from, now).unwrap();
        assert_eq!(doorway.count(), 1);
        drop(first);
        assert_eq!(doorway.count(), 1);
        drop(second);
        assert_eq!((doorway.count(), doorway.lock().visits.len()), (0, 0));
    }

    #[test]
    fn a_hurry_is_refused_and_other_addresses_are_not() {
        let bounds = Bounds { per_second: 2, per_address: 9, all: 9, turns: 9 };
        let (doorway, now) = (HandshakeQueue::new(bounds), Instant::now());
        let enter = |address: &str| doorway.enter(address.parse().unwrap(), now).is_some();
        assert_eq!([0; 3].map(|_| enter("2001:db8::1")), [true, true, false]);
        assert!(!enter("2001:db8::2"), "the same /64");
        assert!(enter("2001:db8:0:1::1"));
    }
}
