//! What was last seen, in memory: listings, agents, reasons. Nothing here survives a restart, so
//! that after one everything is *unknown* until it has been seen again.
//!
//! Only transitions these sightings cause are committed; the sightings themselves are not, because
//! the journal follows what changed, not how often we looked.

mod check;
mod even;
mod health;
mod leases;
mod listing;
mod notices;
mod published;
mod reach;
mod reports;
mod services;
mod strange;
mod talk;
mod telling;
mod volumes;

use self::check::Check;
use self::even::ClockJumpDetector;
pub use self::health::Failure;
use self::health::Health;
pub use self::leases::{LeaseLook, LeaseStanding, Leases, MarkTurn};
use self::listing::{ClockPair, Listing};
use self::reach::Reach;
pub use self::reach::{MembersSeen, Turned};
use self::reports::Report;
use self::services::SeenServices;
pub use self::services::ServicesSaid;
use self::strange::Strange;
pub use self::strange::{Oddities, Oddity};
use self::talk::Talk;
pub use self::telling::FormerPorts;
use self::telling::Telling;
use crate::base::limit::ALERT_BYTES_MAX;
use crate::base::text::tidy;
use crate::base::{Clock, FarmId, ServerId, StepId, Timestamp, Watch};
use crate::engine::input::AgentPresence;
use crate::model::Freshness;
use crate::service::plans::Glances;
use crate::service::servers::fleet::Fleet;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Servers with news that are told apart; with more, everything is looked at, which is as fast.
const NEWS_MAX: usize = 2_000;

/// Everything observed, behind one short lock.
pub struct Observed {
    /// When this process began to look.
    started_at: Timestamp,
    /// The fleet at a glance, as the journal says it.
    pub fleet: Fleet,
    /// Current plans at a glance.
    pub(super) glances: Glances,
    inner: Mutex<Inner>,
    /// What platforms see that no listing carries.
    pub(super) notices: notices::Notices,
    /// The data volumes they show.
    pub(super) volumes: volumes::SeenVolumes,
    /// How published ports are.
    pub(super) published: published::PublishedPorts,
    /// Where agents were told to come, while that changes.
    pub telling: Telling,
    /// Whose cloud accounts are. Shared with transactions, which look again.
    pub leases: Arc<Leases>,
}

#[derive(Default)]
struct Inner {
    platforms: BTreeMap<String, Listing>,
    agents: BTreeMap<ServerId, Agent>,
    reports: BTreeMap<FarmId, Report>,
    /// By farm, since a look at one says it of all of its servers.
    work_awaited: BTreeMap<FarmId, BTreeMap<ServerId, String>>,
    alerts: BTreeMap<String, String>,
    calls: BTreeSet<StepId>,
    checks: BTreeMap<ServerId, Check>,
    /// Servers whose check fails by the last word there is, that no balancer reaches, or of which
    /// a service is not well.
    fails: BTreeSet<ServerId>,
    late: BTreeMap<ServerId, u32>,
    reach: Reach,
    services: SeenServices,
    news: News,
    even: ClockJumpDetector,
    talk: Talk,
    strange: Strange,
}

/// Of which servers something was observed that was not so before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// Of all of them.
    pub everything: bool,
    /// Otherwise of these.
    pub servers: BTreeSet<ServerId>,
}

impl News {
    fn add(&mut self, server: ServerId) {
        if self.everything {
            return;
        }
        self.servers.insert(server);
        if self.servers.len() > NEWS_MAX {
            self.add_everything();
        }
    }

    fn add_everything(&mut self) {
        *self = News { everything: true, servers: BTreeSet::new() };
    }
}

/// What is known of an agent just now.
#[derive(Clone)]
struct Agent {
    connected: bool,
    since: Timestamp,
    health: Health,
}

impl Inner {
    /// What is known of a server's agent, or of the check that stands in for it.
    fn own_presence(&self, server: ServerId, started_at: Timestamp) -> Option<AgentPresence> {
        let Some(agent) = self.agents.get(&server) else {
            let health = &self.checks.get(&server)?.health;
            return Some(health.presence(false, started_at));
        };
        Some(agent.health.presence(agent.connected, agent.since))
    }

    /// What the last word about a server's check is, from whoever makes it.
    fn health(&self, server: ServerId) -> Option<&Health> {
        let agent = self.agents.get(&server).map(|agent| &agent.health);
        let checked = || self.checks.get(&server).map(|check| &check.health);
        agent.or_else(checked)
    }

    /// Whether a server's check fails may have changed.
    fn note_health(&mut self, server: ServerId) {
        let unreached = self.reach.failure(server).is_some();
        let unwell = unreached || self.services.is_ailing(server);
        match unwell || self.health(server).is_some_and(Health::fails) {
            true => self.fails.insert(server),
            false => self.fails.remove(&server),
        };
    }
}

impl Observed {
    /// Nothing seen yet.
    pub fn new(clock: &dyn Clock) -> Observed {
        let inner = Inner { even: ClockJumpDetector::new(clock), ..Inner::default() };
        let (fleet, glances) = (Fleet::default(), Glances::default());
        let notices = notices::Notices::default();
        let volumes = volumes::SeenVolumes::default();
        let inner = Mutex::new(inner);
        let published = published::PublishedPorts::default();
        let (started_at, telling) = (clock.now(), Telling::default());
        let leases = Arc::default();
        Observed { started_at, fleet, glances, inner, notices, volumes, published, telling, leases }
    }

    /// Since when this process looks.
    pub fn started_at(&self) -> Timestamp {
        self.started_at
    }

    /// How far back the wall clock can be trusted. When somebody sets it, or the machine itself
    /// slept, that is told, and begins anew: everything is decided about once more. Says also
    /// whether that is news.
    pub fn watch(&self, clock: &dyn Clock) -> (Watch, bool) {
        let mut inner = self.lock();
        let (watch, jumped) = inner.even.read(clock);
        if jumped {
            inner.news.add_everything();
        }
        (watch, jumped)
    }

    /// A call about a step is under way, or has ended.
    pub(super) fn set_calling(&self, step: StepId, calling: bool) {
        let mut inner = self.lock();
        match calling {
            true => inner.calls.insert(step),
            false => inner.calls.remove(&step),
        };
    }

    /// Whether a call about a step is under way in this process.
    pub fn is_calling(&self, step: StepId) -> bool {
        self.lock().calls.contains(&step)
    }

    /// Something changed that is about every server.
    pub fn note_everything(&self) {
        self.lock().news.add_everything();
    }

    /// Of which servers something new was observed since this was last asked.
    pub fn take_news(&self) -> News {
        std::mem::take(&mut self.lock().news)
    }

    /// What is known of some servers and of their agents, by platform and number.
    pub fn of_all<'a>(
        &self,
        clock: &dyn Clock,
        asked: impl Iterator<Item = (&'a str, ServerId)>,
    ) -> (BTreeMap<ServerId, Freshness>, BTreeMap<ServerId, AgentPresence>) {
        let told = ClockPair::now(clock);
        let inner = self.lock();
        let (mut sightings, mut agents) = (Vec::new(), Vec::new());
        for (platform, server) in asked {
            let freshness = match inner.platforms.get(platform) {
                Some(listing) => listing.freshness(server, &told),
                None => Freshness::Unknown,
            };
            sightings.push((server, freshness));
            let presence = inner.presence(server, self.started_at);
            agents.extend(presence.map(|presence| (server, presence)));
        }
        (sightings.into_iter().collect(), agents.into_iter().collect())
    }

    /// An agent's connection began or ended. Says whether that is news, and which servers turned
    /// because nobody tells any more what its balancer sees of them.
    pub fn agent_connected(
        &self,
        server: ServerId,
        connected: bool,
        now: Timestamp,
    ) -> (bool, Vec<Turned>) {
        let mut inner = self.lock();
        let known = inner.agents.get(&server).map(|agent| agent.health.clone());
        let agent = Agent { connected, since: now, health: known.unwrap_or_default() };
        let before = inner.agents.insert(server, agent);
        inner.note_health(server);
        inner.news.add(server);
        let turned = if connected { Vec::new() } else { inner.reach.set(server, None, now) };
        inner.note_turned(&turned);
        (before.is_none_or(|agent| agent.connected != connected), turned)
    }

    /// An agent said whether its ready check passes, and what the check saw. Says whether that is
    /// news.
    pub fn agent_ready(&self, server: ServerId, ready: bool, detail: &str, now: Timestamp) -> bool {
        let mut inner = self.lock();
        let fresh = Agent { connected: true, since: now, health: Health::default() };
        let agent = inner.agents.entry(server).or_insert(fresh);
        let news = agent.health.take(ready, detail, now);
        inner.note_health(server);
        if news {
            inner.news.add(server);
        }
        news
    }

    /// What a server's check said last, when it fails; else why no balancer reaches it.
    pub fn failure(&self, server: ServerId) -> Option<Failure> {
        let inner = self.lock();
        let own = inner.health(server).and_then(Health::failure);
        own.or_else(|| inner.reach.failure(server))
    }

    /// Asks something of the servers whose check fails by the last word there is, without a copy
    /// of them. Nothing else here may be asked meanwhile.
    pub(super) fn with_failing<T>(&self, ask: impl FnOnce(&BTreeSet<ServerId>) -> T) -> T {
        ask(&self.lock().fails)
    }

    /// Whether its agent is connected, and since when.
    pub fn agent(&self, server: ServerId) -> Option<AgentPresence> {
        let inner = self.lock();
        inner.presence(server, self.started_at)
    }

    /// Whether the ready check passed when its agent last spoke; unknown counts as passing, so
    /// that a restart of the appliance takes nobody out of a balancer.
    pub fn is_ready(&self, server: ServerId) -> bool {
        let inner = self.lock();
        inner.health(server).and_then(|health| health.passes).unwrap_or(true)
    }

    /// Whether any agent is connected.
    pub fn any_agent_connected(&self) -> bool {
        self.lock().agents.values().any(|agent| agent.connected)
    }

    /// How many agents are connected.
    pub fn agents_connected(&self) -> usize {
        self.lock().agents.values().filter(|agent| agent.connected).count()
    }

    /// Notes which servers that make room are kept for how many balancers each, just now. Says
    /// whether that is news.
    pub fn set_late_balancers(&self, late: BTreeMap<ServerId, u32>) -> bool {
        let mut inner = self.lock();
        let before = std::mem::replace(&mut inner.late, late.clone());
        let both = before.keys().chain(late.keys());
        let news: BTreeSet<ServerId> =
            both.copied().filter(|id| before.get(id) != late.get(id)).collect();
        let changed = !news.is_empty();
        news.into_iter().for_each(|server| inner.news.add(server));
        changed
    }

    /// How many balancers each server that makes room is kept for.
    pub fn late_balancers(&self) -> BTreeMap<ServerId, u32> {
        self.lock().late.clone()
    }

    /// A server is gone: nothing about it is worth keeping.
    pub fn forget(&self, server: ServerId) {
        self.telling.forget(server);
        let mut inner = self.lock();
        inner.agents.remove(&server);
        inner.checks.remove(&server);
        inner.fails.remove(&server);
        inner.talk.forget(server);
        inner.strange.forget(server);
        inner.reach.forget(server);
        inner.services.forget(server);
        for listing in inner.platforms.values_mut() {
            listing.missing.remove(&server);
        }
    }

    /// Raises an alert, or clears it with `None`. An alert is one line of a bounded length,
    /// whatever a cloud or an agent said in it.
    pub fn set_alert(&self, key: &str, text: Option<String>) {
        let text = text.map(|text| tidy(&text, ALERT_BYTES_MAX));
        let mut inner = self.lock();
        match text {
            Some(text) => drop(inner.alerts.insert(key.to_owned(), text)),
            None => drop(inner.alerts.remove(key)),
        }
    }

    /// Clears the alerts whose keys begin like this and are not to be kept.
    pub fn clear_alerts(&self, prefix: &str, keep: impl Fn(&str) -> bool) {
        self.lock().alerts.retain(|key, _| !key.starts_with(prefix) || keep(key));
    }

    /// What an alert says, while it stands.
    pub fn alert(&self, key: &str) -> Option<String> {
        self.lock().alerts.get(key).cloned()
    }

    /// Alerts, one line each.
    pub fn alerts(&self) -> Vec<String> {
        self.lock().alerts.values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Every change under this lock is one assignment, so a panic elsewhere leaves it whole.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_names_servers_until_they_are_too_many() {
        let mut news = News::default();
        (0..NEWS_MAX as u128).for_each(|id| news.add(ServerId(id)));
        assert_eq!((news.everything, news.servers.len()), (false, NEWS_MAX));
        news.add(ServerId(0));
        assert!(!news.everything, "that one is known");
        news.add(ServerId(u128::MAX));
        assert_eq!(news, News { everything: true, servers: BTreeSet::new() });
    }
}
