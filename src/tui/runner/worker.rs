//! The threads that wait on the appliance so that the screen never does: one for the journal,
//! one for fetches and actions.

use super::Inbound;
use crate::base::Millis;
use crate::tui::effect::Want;
use crate::tui::event::{Answer, Event};
use crate::tui::source::{Action, Source};
use crate::tui::view::server::{MINUTES, series_names};
use std::collections::VecDeque;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Actions that wait; a person who asked for this many more waits for the first.
const ACTIONS_MAX: usize = 16;
/// Events asked for at once.
const EVENTS_AT_MOST: usize = 200;
/// Events of the past to begin with: a few screens.
const EVENTS_BEFORE: u64 = 200;
/// How long one question for news may wait: below the API's own limit.
const EVENTS_WAIT: Millis = 20_000;
/// Pauses after failures, the last again and again.
const PAUSES: [Duration; 4] = [
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(5),
];

#[derive(Default)]
struct Orders {
    actions: VecDeque<Action>,
    fetch: Option<Vec<Want>>,
    stopped: bool,
}

/// Where a session leaves what it wants done.
#[derive(Clone)]
pub struct Worker {
    shared: Arc<(Mutex<Orders>, Condvar)>,
}

impl Worker {
    /// Asks for these; a fetch that has not finished is given up for it.
    pub fn fetch(&self, wants: Vec<Want>) {
        self.orders().fetch = Some(wants);
        self.shared.1.notify_all();
    }

    /// Asks for an action; beyond the bound it is dropped, which no person reaches.
    pub fn act(&self, action: Action) {
        let mut orders = self.orders();
        if orders.actions.len() < ACTIONS_MAX {
            orders.actions.push_back(action);
        }
        drop(orders);
        self.shared.1.notify_all();
    }

    /// Tells the workers to end; one that waits on the appliance ends with that call's deadline.
    pub fn stop(&self) {
        self.orders().stopped = true;
        self.shared.1.notify_all();
    }

    fn orders(&self) -> MutexGuard<'_, Orders> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stopped(&self) -> bool {
        self.orders().stopped
    }

    /// Sleeps, but not past a stop.
    fn pause(&self, length: Duration) {
        let orders = self.orders();
        let waited = self.shared.1.wait_timeout_while(orders, length, |orders| !orders.stopped);
        drop(waited);
    }
}

/// Starts both workers.
pub fn start(source: Arc<dyn Source>, sender: &SyncSender<Inbound>) -> Worker {
    let desk = follow(source.clone(), sender);
    let (for_fetches, sender) = (desk.clone(), sender.clone());
    thread::spawn(move || serve(source.as_ref(), &for_fetches, &sender));
    desk
}

/// Starts the one that follows the journal.
pub fn follow(source: Arc<dyn Source>, sender: &SyncSender<Inbound>) -> Worker {
    let desk = Worker { shared: Arc::default() };
    let (for_news, sender) = (desk.clone(), sender.clone());
    thread::spawn(move || news(source.as_ref(), &for_news, &sender));
    desk
}

/// Tells the session; false when it is over.
fn tell(sender: &SyncSender<Inbound>, event: Event) -> bool {
    sender.send(Inbound::Event(event)).is_ok()
}

/// Follows the journal for ever.
fn news(source: &dyn Source, desk: &Worker, sender: &SyncSender<Inbound>) {
    let (mut after, mut heard_until) = (None, None);
    let mut failures = 0;
    while !desk.stopped() {
        let asked = after.is_some();
        let heard = match after {
            None => source.status().map(|status| {
                after = Some(goes_on(heard_until, status.seq));
                Vec::new()
            }),
            Some(seq) => source.events(seq, EVENTS_AT_MOST, EVENTS_WAIT),
        };
        match heard {
            Ok(events) => {
                let telling = asked || failures > 0;
                failures = 0;
                if let Some(last) = events.last() {
                    after = Some(last.seq);
                    heard_until = after;
                }
                if telling && !tell(sender, Event::News(Ok(events))) {
                    return;
                }
            }
            Err(why) => {
                after = None;
                if !tell(sender, Event::News(Err(why))) {
                    return;
                }
                desk.pause(PAUSES[failures.min(PAUSES.len() - 1)]);
                failures += 1;
            }
        }
    }
}

/// The entry after which a follower goes on who heard all until one, in a journal that ends with
/// `last`. One that ends earlier was brought back from a backup: its end is news.
fn goes_on(heard_until: Option<u64>, last: u64) -> u64 {
    heard_until.filter(|seq| *seq <= last).unwrap_or(last.saturating_sub(EVENTS_BEFORE))
}

fn serve(source: &dyn Source, desk: &Worker, sender: &SyncSender<Inbound>) {
    loop {
        let (action, wants) = {
            let idle = |orders: &mut Orders| {
                !orders.stopped && orders.actions.is_empty() && orders.fetch.is_none()
            };
            let waited = desk.shared.1.wait_while(desk.orders(), idle);
            let mut orders = waited.unwrap_or_else(PoisonError::into_inner);
            if orders.stopped {
                return;
            }
            let action = orders.actions.pop_front();
            let wants = if action.is_none() { orders.fetch.take() } else { None };
            (action, wants)
        };
        if let Some(action) = action {
            let acted = Event::Answer(Answer::Acted(source.act(action)));
            if !tell(sender, acted) {
                return;
            }
        }
        if let Some(wants) = wants
            && !fetch(source, desk, sender, wants)
        {
            return;
        }
    }
}

/// Fetches until done or overtaken; false when the session is over.
fn fetch(
    source: &dyn Source,
    desk: &Worker,
    sender: &SyncSender<Inbound>,
    wants: Vec<Want>,
) -> bool {
    let begun = Instant::now();
    for want in wants {
        if !tell(sender, Event::Answer(ask(source, want))) {
            return false;
        }
        let orders = desk.orders();
        if orders.stopped {
            return false;
        }
        // The person is on another page already.
        if orders.fetch.is_some() {
            return true;
        }
    }
    let took = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    tell(sender, Event::Answer(Answer::Fetched(took)))
}

/// Asks one thing; blocks.
pub fn ask(source: &dyn Source, want: Want) -> Answer {
    match want {
        Want::Status => Answer::Status(source.status()),
        Want::Farms => Answer::Farms(source.farms()),
        Want::FarmRoles(farm) => Answer::FarmRoles(farm, source.farm_roles(farm)),
        Want::Servers(farm) => Answer::Servers(farm, source.servers(farm)),
        Want::Server(id) => {
            let server = source.server(&id);
            Answer::Server(id, Box::new(server))
        }
        Want::Series(id) => {
            let series = source.series(&id, &series_names(), MINUTES);
            Answer::Series(id, series)
        }
        Want::Rollout(role) => Answer::Rollout(role, Box::new(source.rollout(role))),
        Want::Accounts => Answer::Accounts(source.accounts()),
        Want::Explain(what) => {
            let explain = source.explain(&what);
            Answer::Explain(what, explain)
        }
        Want::Catalogue(noun) => Answer::Catalogue(noun, source.catalogue(noun)),
        Want::Log(server) => {
            let log = source.log(&server);
            Answer::Log(server, log)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{RecvTimeoutError, sync_channel};

    /// Far longer than ending takes; only a worker that does not end waits so long.
    const LONG: Duration = Duration::from_secs(30);

    /// Ends with the worker, so that its other end hears of it.
    fn ended(run: impl FnOnce() + Send + 'static) -> impl FnOnce() -> Result<(), RecvTimeoutError> {
        let (alive, gone) = sync_channel::<()>(0);
        thread::spawn(move || {
            let _alive = alive;
            run();
        });
        move || match gone.recv_timeout(LONG) {
            Err(RecvTimeoutError::Disconnected) => Ok(()),
            Err(other) => Err(other),
            Ok(()) => Ok(()),
        }
    }

    #[test]
    fn a_journal_that_was_brought_back_shorter_is_followed_from_its_own_end() {
        assert_eq!(goes_on(None, 1_000), 1_000 - EVENTS_BEFORE);
        assert_eq!(goes_on(Some(999), 1_000), 999);
        assert_eq!(goes_on(Some(1_000), 1_000), 1_000);
        assert_eq!(goes_on(Some(1_001), 1_000), 1_000 - EVENTS_BEFORE);
        assert_eq!(goes_on(Some(9), 5), 0);
    }

    #[test]
    fn a_stop_ends_who_waits_for_orders_and_who_pauses() {
        let desk = Worker { shared: Arc::default() };
        let (waiting, pausing) = (desk.clone(), desk.clone());
        let waits = ended(move || {
            let idle = |orders: &mut Orders| !orders.stopped;
            drop(waiting.shared.1.wait_while(waiting.orders(), idle));
        });
        let pauses = ended(move || pausing.pause(Duration::from_secs(3_600)));
        assert!(!desk.stopped());
        desk.stop();
        assert!(desk.stopped());
        assert_eq!((waits(), pauses()), (Ok(()), Ok(())));
    }
}
