//! Orders on their way to connections: rumqttd's router, kept small.
//!
//! The router keeps a log per topic filter and a record per client id for ever, and has no way to
//! stop. So it never hears of agents: a publisher and one reader a shard are all its clients, a
//! topic a shard all its topics, and a message carries the server it is for. What it keeps is
//! bounded by arithmetic ([`limit::ORDER_SEGMENT_BYTES`]), whatever agents do.
//!
//! Its log forgets what a reader has not read in time, without a word. So no more is put in than
//! it surely keeps: a publisher waits for room, a moment, or is told to come back. A router that
//! moves nothing is replaced by a new one; the connections whose orders were in it are ended,
//! because an agent that comes back gets all its open orders again. The old one's thread stays
//! behind, idle: it cannot be stopped, so replacing is for emergencies only.

use super::roster::{Connections, End, Order};
use crate::base::{ServerId, limit};
use rumqttd::local::{LinkBuilder, LinkError, LinkRx, LinkTx};
use rumqttd::{Notification, Router, RouterConfig};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

/// Why an order was not put on its way. It stays a record and is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSent {
    /// The server is not connected.
    #[error("the server is not connected")]
    Offline,
    /// The order is larger than [`limit::ORDER_BYTES_MAX`].
    #[error("the order is too large")]
    TooLarge,
    /// There was no room for [`limit::ORDER_ROOM_WAIT`].
    #[error("too many orders are under way")]
    Busy,
}

/// The router's thread is gone, with the library's words.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the order router does not answer: {0}")]
pub struct RouterGone(String);

impl From<LinkError> for RouterGone {
    fn from(error: LinkError) -> RouterGone {
        RouterGone(error.to_string())
    }
}

/// The way from whoever has an order to the connection it is for.
pub struct Fanout {
    roster: Arc<Connections>,
    runtime: Handle,
    state: Mutex<State>,
    room: Condvar,
    delivered: AtomicU64,
    rebuilt: AtomicU64,
}

struct State {
    publisher: LinkTx,
    /// Which router this is; readers of an older one are not heard.
    generation: u64,
    readers: Vec<AbortHandle>,
    shards: [Shard; limit::ORDER_SHARDS],
    broken: bool,
}

#[derive(Clone, Copy, Default)]
struct Shard {
    /// Bytes put in and not read yet.
    bytes: usize,
    /// Since when nothing was read though something waits.
    waits_since: Option<Instant>,
}

impl State {
    /// Whether the router is gone, or moves nothing.
    fn is_over(&self, now: Instant) -> bool {
        let stall = Duration::from_millis(limit::ORDER_ROUTER_STALL);
        let stuck = |shard: &Shard| {
            shard.waits_since.is_some_and(|since| now.duration_since(since) >= stall)
        };
        self.broken || self.shards.iter().any(stuck)
    }
}

/// Figures of the fan-out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FanoutFigures {
    /// Orders handed to a connection.
    pub delivered: u64,
    /// Bytes under way in the router.
    pub waiting_bytes: usize,
    /// Routers that had to be replaced.
    pub rebuilt: u64,
    /// The router's clients, which never change.
    pub links: usize,
    /// The router's topics, which never change.
    pub topics: usize,
}

/// The server's id before an order's bytes.
const ID_BYTES: usize = 16;

impl Fanout {
    /// Starts a router and its readers on this runtime.
    pub fn start(roster: Arc<Connections>, runtime: Handle) -> Result<Arc<Fanout>, RouterGone> {
        let (publisher, readers) = router()?;
        let fanout = Arc::new(Fanout {
            roster,
            runtime,
            state: Mutex::new(State {
                publisher,
                generation: 0,
                readers: Vec::new(),
                shards: Default::default(),
                broken: false,
            }),
            room: Condvar::new(),
            delivered: AtomicU64::new(0),
            rebuilt: AtomicU64::new(0),
        });
        fanout.lock().readers = fanout.spawn_readers(readers, 0);
        Ok(fanout)
    }

    /// Puts an order on its way. Waits for room, at most [`limit::ORDER_ROOM_WAIT`]; so not to be
    /// called from async code.
    pub fn publish(&self, server: ServerId, order: &[u8]) -> Result<(), NotSent> {
        if order.len() > limit::ORDER_BYTES_MAX {
            return Err(NotSent::TooLarge);
        }
        if !self.roster.has(server) {
            return Err(NotSent::Offline);
        }
        let shard = shard_of(server);
        let message = [&server.0.to_be_bytes()[..], order].concat();
        // One segment is surely kept; a message above it is let in alone.
        let full = |state: &mut State| {
            let bytes = state.shards[shard].bytes;
            bytes > 0 && bytes + message.len() > limit::ORDER_SEGMENT_BYTES
        };
        let wait = Duration::from_millis(limit::ORDER_ROOM_WAIT);
        let (mut state, _) = self
            .room
            .wait_timeout_while(self.lock(), wait, full)
            .unwrap_or_else(PoisonError::into_inner);
        if full(&mut state) || state.broken {
            return Err(NotSent::Busy);
        }
        let slot = &mut state.shards[shard];
        slot.bytes += message.len();
        slot.waits_since.get_or_insert_with(Instant::now);
        if let Err(error) = state.publisher.publish(topic(shard), message) {
            tracing::error!(%error, "the order router is gone");
            state.broken = true;
            return Err(NotSent::Busy);
        }
        Ok(())
    }

    /// Replaces a router that is gone or moves nothing. Called once a second.
    pub fn watch(self: &Arc<Fanout>) {
        let needed = self.lock().is_over(Instant::now());
        if needed && let Err(error) = self.rebuild() {
            tracing::error!(%error, "starting a new order router");
        }
    }

    fn rebuild(self: &Arc<Fanout>) -> Result<(), RouterGone> {
        let (publisher, readers) = router()?;
        let mut state = self.lock();
        for reader in state.readers.drain(..) {
            reader.abort();
        }
        state.generation += 1;
        state.publisher = publisher;
        state.broken = false;
        let before = std::mem::take(&mut state.shards);
        state.readers = self.spawn_readers(readers, state.generation);
        drop(state);
        self.room.notify_all();
        self.rebuilt.fetch_add(1, Ordering::Relaxed);
        tracing::error!("the order router was replaced");
        self.roster.end_where(End::OrdersLost, |server| before[shard_of(server)].bytes > 0);
        Ok(())
    }

    fn spawn_readers(self: &Arc<Fanout>, links: Vec<LinkRx>, generation: u64) -> Vec<AbortHandle> {
        let read = |(shard, link)| {
            self.runtime.spawn(self.clone().read(shard, link, generation)).abort_handle()
        };
        links.into_iter().enumerate().map(read).collect()
    }

    /// Takes one shard's messages to their connections until the router is gone.
    async fn read(self: Arc<Fanout>, shard: usize, mut link: LinkRx, generation: u64) {
        loop {
            match link.next().await {
                Ok(Some(Notification::Forward(forward))) => {
                    self.deliver(&forward.publish.payload);
                    self.make_room(shard, forward.publish.payload.len(), generation);
                }
                // It sends no more until it is told that we are still here.
                Ok(Some(Notification::Unschedule)) => {
                    if link.wake().await.is_err() {
                        return;
                    }
                }
                Ok(Some(_) | None) => {}
                Err(_) => return,
            }
        }
    }

    fn deliver(&self, message: &[u8]) {
        let Some((id, order)) = message.split_first_chunk::<ID_BYTES>() else { return };
        let server = ServerId(u128::from_be_bytes(*id));
        if self.roster.deliver(server, Order::from(order)) {
            self.delivered.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn make_room(&self, shard: usize, bytes: usize, generation: u64) {
        let mut state = self.lock();
        if state.generation != generation {
            return;
        }
        let slot = &mut state.shards[shard];
        slot.bytes = slot.bytes.saturating_sub(bytes);
        slot.waits_since = (slot.bytes > 0).then(Instant::now);
        drop(state);
        self.room.notify_all();
    }

    /// Figures.
    pub fn figures(&self) -> FanoutFigures {
        FanoutFigures {
            delivered: self.delivered.load(Ordering::Relaxed),
            waiting_bytes: self.lock().shards.iter().map(|s| s.bytes).sum(),
            rebuilt: self.rebuilt.load(Ordering::Relaxed),
            links: limit::ORDER_SHARDS + 1,
            topics: limit::ORDER_SHARDS,
        }
    }

    /// Ends the readers, and with them everything but the router's idle thread.
    pub fn stop(&self) {
        for reader in self.lock().readers.drain(..) {
            reader.abort();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which shard carries a server's orders; ids are random, so their last bits spread.
fn shard_of(server: ServerId) -> usize {
    (server.0 % limit::ORDER_SHARDS as u128) as usize
}

fn topic(shard: usize) -> String {
    format!("o/{shard}")
}

/// A new router with its publisher and one reader a shard, subscribed.
fn router() -> Result<(LinkTx, Vec<LinkRx>), RouterGone> {
    let config = RouterConfig {
        max_connections: limit::ORDER_SHARDS + 1,
        max_outgoing_packet_count: 64,
        max_segment_size: limit::ORDER_SEGMENT_BYTES,
        max_segment_count: 2,
        ..RouterConfig::default()
    };
    let events = Router::new(0, config).spawn();
    let mut readers = Vec::new();
    for shard in 0..limit::ORDER_SHARDS {
        let name = format!("reader-{shard}");
        let (mut tx, rx, _) = LinkBuilder::new(&name, events.clone()).build()?;
        tx.subscribe(topic(shard))?;
        readers.push(rx);
    }
    let (publisher, _, _) = LinkBuilder::new("publisher", events).build()?;
    Ok((publisher, readers))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::roster::{AgentSlot, Waiting};

    fn until(what: &str, mut holds: impl FnMut() -> bool) {
        let started = Instant::now();
        while !holds() {
            assert!(started.elapsed() < Duration::from_secs(20), "waiting for {what}");
            std::thread::yield_now();
        }
    }

    /// The next order of a seat, blocking.
    fn next(seat: &mut AgentSlot) -> Order {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        match runtime.block_on(std::future::poll_fn(|cx| seat.poll_waiting(cx))).unwrap() {
            Waiting::Order(order) => order,
            Waiting::Control(_) => panic!("an order"),
        }
    }

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
    }

    #[test]
    fn thousands_of_orders_reach_their_connection_in_order_and_leave_nothing() {
        let runtime = runtime();
        let roster = Arc::new(Connections::default());
        let fanout = Fanout::start(roster.clone(), runtime.handle().clone()).unwrap();
        assert_eq!(fanout.publish(ServerId(1), b"x"), Err(NotSent::Offline));
        let large = vec![0; limit::ORDER_BYTES_MAX + 1];
        assert_eq!(fanout.publish(ServerId(1), &large), Err(NotSent::TooLarge));
        assert_eq!(fanout.publish(ServerId(1), &large[1..]), Err(NotSent::Offline));
        let reading: Vec<_> = (0..8u128)
            .map(|id| {
                let mut seat = roster.sit(ServerId(id), 0).unwrap();
                std::thread::spawn(move || {
                    for number in 0..500u32 {
                        let order = next(&mut seat);
                        assert_eq!(order[..4], number.to_be_bytes());
                    }
                })
            })
            .collect();
        for number in 0..500u32 {
            let mut order = number.to_be_bytes().to_vec();
            order.resize(1000, 0);
            for id in 0..8u128 {
                // A reader that is behind may be ended for it; here each gets its time.
                until("room", || fanout.figures().waiting_bytes < 20_000);
                until("a free place", || fanout.publish(ServerId(id), &order).is_ok());
            }
            until("delivery", || fanout.figures().delivered == u64::from(number + 1) * 8);
        }
        for thread in reading {
            thread.join().unwrap();
        }
        until("an empty router", || fanout.figures().waiting_bytes == 0);
        fanout.stop();
    }

    #[test]
    fn there_is_room_for_a_segment_and_no_byte_more() {
        let runtime = runtime();
        let roster = Arc::new(Connections::default());
        let fanout = Fanout::start(roster.clone(), runtime.handle().clone()).unwrap();
        let _seat = roster.sit(ServerId(0), 0).unwrap();
        // Nobody reads any more.
        fanout.stop();
        let order = |bytes: usize| vec![0; bytes - ID_BYTES];
        let publish = |bytes: usize| fanout.publish(ServerId(0), &order(bytes));
        assert_eq!(publish(20), Ok(()));
        assert_eq!(publish(limit::ORDER_SEGMENT_BYTES - 19), Err(NotSent::Busy));
        assert_eq!(publish(limit::ORDER_SEGMENT_BYTES - 20), Ok(()));
        assert_eq!(fanout.figures().waiting_bytes, limit::ORDER_SEGMENT_BYTES);
        let clock = || fanout.lock().shards[0].waits_since;
        let since = clock().unwrap();
        // What another router read is none of this one's.
        fanout.make_room(0, 20, 7);
        assert_eq!(
            (fanout.figures().waiting_bytes, clock()),
            (limit::ORDER_SEGMENT_BYTES, Some(since))
        );
        fanout.make_room(0, 20, 0);
        assert!(clock().unwrap() > since, "something moved");
        fanout.make_room(0, limit::ORDER_SEGMENT_BYTES, 0);
        assert_eq!((fanout.figures().waiting_bytes, clock()), (0, None));
        let figures = fanout.figures();
        assert_eq!((figures.links, figures.topics), (limit::ORDER_SHARDS + 1, limit::ORDER_SHARDS));
    }

    #[test]
    fn a_router_that_moves_nothing_is_replaced_and_its_connections_end() {
        let runtime = runtime();
        let roster = Arc::new(Connections::default());
        let fanout = Fanout::start(roster.clone(), runtime.handle().clone()).unwrap();
        let shards = limit::ORDER_SHARDS as u128;
        let mut seat = roster.sit(ServerId(0), 0).unwrap();
        let mut other = roster.sit(ServerId(1), 0).unwrap();
        fanout.stop();
        fanout.publish(ServerId(0), b"lost").unwrap();
        let large = vec![0; limit::ORDER_SEGMENT_BYTES];
        assert_eq!(fanout.publish(ServerId(0), &large), Err(NotSent::Busy));
        fanout.watch();
        assert_eq!(fanout.figures().rebuilt, 0, "not stuck for long enough yet");
        let long_ago = Duration::from_millis(limit::ORDER_ROUTER_STALL);
        let since = fanout.lock().shards[0].waits_since.unwrap();
        let early = since + long_ago - Duration::from_nanos(1);
        assert!(!fanout.lock().is_over(early) && fanout.lock().is_over(since + long_ago));
        fanout.lock().shards[0].waits_since = Instant::now().checked_sub(long_ago);
        fanout.watch();
        assert_eq!(fanout.figures().rebuilt, 1);
        assert_eq!(seat.end.try_recv(), Ok(End::OrdersLost));
        assert!(other.end.try_recv().is_err());
        let mut again = roster.sit(ServerId(shards), 0).unwrap();
        fanout.publish(ServerId(shards), b"found").unwrap();
        assert_eq!(&*next(&mut again), b"found");
        fanout.stop();
    }
}
