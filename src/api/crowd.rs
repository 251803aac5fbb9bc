//! Who may have how many connections, and who gives way.
//!
//! A connection costs its place until it is closed, so a crowd that opens them and says nothing
//! must not keep others out. Every user of the socket and every address has a bound of its own, the
//! door has one over all of them, and whoever comes is let in as long as somebody can give way: of
//! those who hold the most connections, the one that has done nothing for the longest. A connection
//! with a request under way never gives way. Root and the appliance's own user are counted apart,
//! so that whoever has to look after a crowded shared gets in.

use crate::api::Limits;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Whose a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// Root, or the user the appliance runs as, on the socket.
    Keeper(u32),
    /// Another user of this machine, on the socket.
    User(u32),
    /// An address, of IPv6 its /64.
    Address(IpAddr),
}

impl Who {
    /// A process at the socket.
    pub fn user(uid: u32, own: u32) -> Who {
        if uid == 0 || uid == own { Who::Keeper(uid) } else { Who::User(uid) }
    }

    /// Somebody on the network.
    pub fn address(ip: IpAddr) -> Who {
        match ip.to_canonical() {
            IpAddr::V6(ip) => {
                let prefix = u128::from(ip) & !u128::from(u64::MAX);
                Who::Address(IpAddr::V6(prefix.into()))
            }
            ip => Who::Address(ip),
        }
    }
}

/// The connections of one door.
pub struct Crowd {
    limits: Limits,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    /// Counts what happens, as an order of time.
    moment: u64,
    places: BTreeMap<u64, Slot>,
}

struct Slot {
    who: Who,
    /// Requests under way.
    busy: usize,
    /// When it last did something.
    active: u64,
    leave: Arc<Notify>,
}

/// One connection's place; dropping it gives it back.
pub struct ClientSlot {
    crowd: Arc<Crowd>,
    id: u64,
    leave: Arc<Notify>,
}

/// A request under way.
pub struct Busy(Arc<Crowd>, u64);

impl Crowd {
    /// An empty door.
    pub fn new(limits: Limits) -> Arc<Crowd> {
        Arc::new(Crowd { limits, open: Mutex::default() })
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a connection in, if need be in the place of another; `None` when all that could give
    /// way are busy.
    pub fn admit(self: &Arc<Crowd>, who: Who) -> Option<ClientSlot> {
        let mut open = self.open();
        let own = open.places.values().filter(|place| place.who == who).count();
        if own >= self.limits.connections_each {
            open.send_away(|place| place.who == who)?;
        }
        let counted = |place: &Slot| !matches!(place.who, Who::Keeper(_));
        let keeper = matches!(who, Who::Keeper(_));
        let all = open.places.values().filter(|place| counted(place)).count();
        if !keeper && all >= self.limits.connections {
            open.send_away(counted)?;
        }
        open.moment += 1;
        let (id, leave) = (open.moment, Arc::new(Notify::new()));
        open.places.insert(id, Slot { who, busy: 0, active: id, leave: leave.clone() });
        Some(ClientSlot { crowd: self.clone(), id, leave })
    }
}

impl Open {
    /// Of the idle ones that may give way, sends away one of whoever has the most.
    fn send_away(&mut self, may: impl Fn(&Slot) -> bool) -> Option<()> {
        let mut held: BTreeMap<Who, usize> = BTreeMap::new();
        for place in self.places.values() {
            *held.entry(place.who).or_default() += 1;
        }
        let idle = self.places.iter().filter(|(_, place)| place.busy == 0 && may(place));
        let rank = |place: &Slot| (held.get(&place.who), std::cmp::Reverse(place.active));
        let (id, _) = idle.max_by_key(|(_, place)| rank(place))?;
        let id = *id;
        // It is gone from here on, however long its task takes to notice.
        self.places.remove(&id)?.leave.notify_one();
        Some(())
    }
}

impl ClientSlot {
    /// Ends when it has to give way.
    pub async fn sent_away(&self) {
        self.leave.notified().await;
    }

    /// What its requests say of themselves.
    pub fn requests(&self) -> impl Fn() -> Busy + Clone + Send + Sync + 'static + use<> {
        let (crowd, id) = (self.crowd.clone(), self.id);
        move || {
            let mut open = crowd.open();
            open.moment += 1;
            let moment = open.moment;
            if let Some(place) = open.places.get_mut(&id) {
                place.busy += 1;
                place.active = moment;
            }
            drop(open);
            Busy(crowd.clone(), id)
        }
    }
}

impl Drop for ClientSlot {
    fn drop(&mut self) {
        self.crowd.open().places.remove(&self.id);
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let mut open = self.0.open();
        open.moment += 1;
        let moment = open.moment;
        if let Some(place) = open.places.get_mut(&self.1) {
            place.busy = place.busy.saturating_sub(1);
            place.active = moment;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crowd(connections: usize, connections_each: usize) -> Arc<Crowd> {
        Crowd::new(Limits { connections, connections_each, ..Limits::default() })
    }

    fn holds(crowd: &Crowd, who: Who) -> usize {
        crowd.open().places.values().filter(|place| place.who == who).count()
    }

    fn inside(crowd: &Crowd, client: &ClientSlot) -> bool {
        crowd.open().places.contains_key(&client.id)
    }

    #[test]
    fn the_oldest_idle_one_of_the_largest_crowd_gives_way() {
        let crowd = crowd(6, 10);
        let (one, many) = (Who::User(1), Who::User(2));
        let alone = crowd.admit(one).unwrap();
        let held: Vec<ClientSlot> = (0..5).map(|_| crowd.admit(many).unwrap()).collect();
        // The first of them did something since.
        drop(held[0].requests()());
        let new = crowd.admit(Who::User(3)).unwrap();
        assert!(inside(&crowd, &alone) && inside(&crowd, &new));
        assert!(inside(&crowd, &held[0]) && !inside(&crowd, &held[1]));
        assert_eq!((holds(&crowd, one), holds(&crowd, many)), (1, 4));
    }

    #[test]
    fn nobody_has_more_than_their_own_bound() {
        let crowd = crowd(100, 3);
        let who = Who::address("2001:db8::1".parse().unwrap());
        assert_eq!(who, Who::address("2001:db8::2".parse().unwrap()));
        assert_ne!(who, Who::address("2001:db8:0:1::1".parse().unwrap()));
        let clients: Vec<ClientSlot> = (0..5).map(|_| crowd.admit(who).unwrap()).collect();
        assert_eq!(holds(&crowd, who), 3);
        assert!(!inside(&crowd, &clients[1]) && inside(&crowd, &clients[2]));
    }

    #[test]
    fn busy_ones_stay_and_then_nobody_else_gets_in() {
        let crowd = crowd(2, 2);
        let clients = [crowd.admit(Who::User(1)).unwrap(), crowd.admit(Who::User(1)).unwrap()];
        let busy = [clients[0].requests()(), clients[1].requests()()];
        assert!(crowd.admit(Who::User(1)).is_none() && crowd.admit(Who::User(2)).is_none());
        drop(busy);
        assert!(crowd.admit(Who::User(2)).is_some());
    }

    #[test]
    fn who_keeps_the_house_gets_in_whoever_is_there() {
        let crowd = crowd(2, 2);
        let clients = [crowd.admit(Who::User(1)).unwrap(), crowd.admit(Who::User(1)).unwrap()];
        let _busy = [clients[0].requests()(), clients[1].requests()()];
        let keeper = crowd.admit(Who::user(0, 7)).unwrap();
        let own = crowd.admit(Who::user(7, 7)).unwrap();
        assert!(inside(&crowd, &keeper) && inside(&crowd, &own));
        assert_eq!(Who::user(8, 7), Who::User(8));
        // They take nobody's place, and their own bound holds.
        assert_eq!(holds(&crowd, Who::User(1)), 2);
        let more: Vec<_> = (0..3).map(|_| crowd.admit(Who::Keeper(0)).unwrap()).collect();
        assert_eq!((holds(&crowd, Who::Keeper(0)), more.len()), (2, 3));
    }
}
