//! What balancers see of the servers behind them.
//!
//! A server that none of its balancers reaches serves nobody, whatever its agent says of itself: it
//! is unhealthy for as long. One that some of them reach serves, and the others are told of. A
//! balancer whose agent is not connected sees nothing, for nobody can tell what it sees by now.

use super::health::{Failure, Health};
use super::{Inner, Observed};
use crate::base::limit::AGENT_MEMBERS_MAX;
use crate::base::{FarmRoleId, ServerId, Timestamp};
use crate::engine::input::AgentPresence;
use std::collections::{BTreeMap, BTreeSet};

/// More than that are not named.
const NAMED_MAX: u32 = AGENT_MEMBERS_MAX as u32;

/// What one balancer sees.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MembersSeen {
    /// The farm role whose servers are behind it.
    pub behind: FarmRoleId,
    /// How many of them it uses.
    pub members: u32,
    /// Those of them it does not reach, and why.
    pub down: BTreeMap<ServerId, String>,
}

impl MembersSeen {
    /// There are servers behind it, and it reaches none of them.
    pub fn reaches_none(&self) -> bool {
        let down = u32::try_from(self.down.len()).unwrap_or(u32::MAX);
        self.members > 0 && down >= self.members.min(NAMED_MAX)
    }
}

/// What all balancers see.
#[derive(Default)]
pub(super) struct Reach {
    views: BTreeMap<ServerId, MembersSeen>,
    servers: BTreeMap<ServerId, Reached>,
}

/// A server that its balancers do not reach any more, with why, or that they do again.
pub type Turned = (ServerId, Option<String>);

/// What is known of a server that a balancer did not reach once.
struct Reached {
    behind: FarmRoleId,
    health: Health,
    /// What those see that do not reach it, while others do.
    partly: Option<String>,
}

impl Reach {
    /// Takes in what a balancer sees now; `None` when nobody can tell. Gives the servers that
    /// turned, with why they are not reached, or `None` where they are again.
    pub fn set(
        &mut self,
        balancer: ServerId,
        seen: Option<MembersSeen>,
        now: Timestamp,
    ) -> Vec<Turned> {
        let before = match seen.clone() {
            Some(seen) => self.views.insert(balancer, seen),
            None => self.views.remove(&balancer),
        };
        if before == seen {
            return Vec::new();
        }
        let roles: BTreeSet<FarmRoleId> = before.iter().chain(&seen).map(|v| v.behind).collect();
        roles.into_iter().flat_map(|role| self.judge(role, now)).collect()
    }

    /// Judges the servers of a farm role anew.
    fn judge(&mut self, role: FarmRoleId, now: Timestamp) -> Vec<Turned> {
        let views: Vec<&MembersSeen> = self.views.values().filter(|v| v.behind == role).collect();
        let mut concerned: BTreeSet<ServerId> =
            views.iter().flat_map(|view| view.down.keys().copied()).collect();
        let known = self.servers.iter().filter(|(_, reached)| reached.behind == role);
        concerned.extend(known.map(|(server, _)| *server));
        let mut turned = Vec::new();
        for server in concerned {
            let why: Vec<&String> = views.iter().filter_map(|v| v.down.get(&server)).collect();
            let fresh =
                || Reached { behind: role, health: Health::of_one_that_ran(), partly: None };
            let reached = self.servers.entry(server).or_insert_with(fresh);
            reached.behind = role;
            let (count, all) = (why.len(), views.len());
            let lost = count > 0 && count == all;
            let first = why.first();
            reached.partly = first
                .filter(|_| !lost)
                .map(|why| format!("{count} of {all} balancers cannot reach it: {why}"));
            let text = first.filter(|_| lost).map(|why| match all {
                1 => format!("the balancer cannot reach it: {why}"),
                all => format!("none of {all} balancers reaches it: {why}"),
            });
            let news = reached.health.take(!lost, text.as_deref().unwrap_or_default(), now);
            if news && (lost || reached.health.was_failing()) {
                turned.push((server, text));
            }
        }
        turned
    }

    /// Those that see something and are none of these.
    fn others(&self, balancers: &BTreeSet<ServerId>) -> Vec<ServerId> {
        self.views.keys().filter(|id| !balancers.contains(id)).copied().collect()
    }

    /// A server is gone.
    pub fn forget(&mut self, server: ServerId) {
        self.servers.remove(&server);
        self.views.remove(&server);
    }

    /// Why no balancer reaches a server, and since when.
    pub fn failure(&self, server: ServerId) -> Option<Failure> {
        self.servers.get(&server)?.health.failure()
    }

    /// What those balancers see that do not reach a server, while others do.
    pub fn partly(&self, server: ServerId) -> Option<String> {
        self.servers.get(&server)?.partly.clone()
    }

    /// What a balancer sees.
    pub fn view(&self, balancer: ServerId) -> Option<MembersSeen> {
        self.views.get(&balancer).cloned()
    }
}

impl Inner {
    /// Servers turned by what balancers see of them.
    pub(super) fn note_turned(&mut self, turned: &[Turned]) {
        for (server, _) in turned {
            self.note_health(*server);
            self.news.add(*server);
        }
    }

    /// What is known of a server's agent, or of the check that stands in for it, and of how
    /// balancers see it.
    pub(super) fn presence(
        &self,
        server: ServerId,
        started_at: Timestamp,
    ) -> Option<AgentPresence> {
        let own = self.own_presence(server, started_at);
        let Some(unreached) = self.reach.failure(server) else { return own };
        let presence = own.unwrap_or_else(|| Health::default().presence(false, started_at));
        Some(AgentPresence {
            failing_since: Some(presence.failing_since.unwrap_or(unreached.since)),
            passes: false,
            unreached: presence.failing_since.is_none(),
            ..presence
        })
    }
}

impl Observed {
    /// These are all that balance. What any other said of servers is nobody's word any more; gives
    /// those that turned by that.
    pub(in crate::service) fn keep_views(
        &self,
        balancers: &BTreeSet<ServerId>,
        now: Timestamp,
    ) -> Vec<Turned> {
        let mut inner = self.lock();
        let mut turned = Vec::new();
        for other in inner.reach.others(balancers) {
            turned.extend(inner.reach.set(other, None, now));
        }
        inner.note_turned(&turned);
        turned
    }

    /// A balancer said what it sees of the servers behind it, or cannot say any more. Gives those
    /// that turned, with why they are not reached, or `None` where they are again.
    pub(in crate::service) fn members_seen(
        &self,
        balancer: ServerId,
        seen: Option<MembersSeen>,
        now: Timestamp,
    ) -> Vec<Turned> {
        let mut inner = self.lock();
        let turned = inner.reach.set(balancer, seen, now);
        inner.note_turned(&turned);
        turned
    }

    /// What a balancer sees of the servers behind it.
    pub fn members_of(&self, balancer: ServerId) -> Option<MembersSeen> {
        self.lock().reach.view(balancer)
    }

    /// What some balancers see of a server that others reach.
    pub fn partly_reached(&self, server: ServerId) -> Option<String> {
        self.lock().reach.partly(server)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sees(down: &[(u128, &str)]) -> Option<MembersSeen> {
        let down = down.iter().map(|(id, why)| (ServerId(*id), (*why).to_owned())).collect();
        Some(MembersSeen { behind: FarmRoleId(7), members: 3, down })
    }

    #[test]
    fn a_server_that_no_balancer_reaches_fails_and_one_that_some_reach_does_not() {
        let mut reach = Reach::default();
        let (one, two, web) = (ServerId(1), ServerId(2), ServerId(9));
        let at = |seconds: i64| Timestamp(seconds * 1000);
        let why = |reach: &Reach| reach.failure(web).map(|f| (f.since, f.detail));
        let timeout = [(9, "L4 timeout")];
        assert_eq!(reach.set(one, sees(&[]), at(1)), []);
        let text = "the balancer cannot reach it: L4 timeout".to_owned();
        assert_eq!(reach.set(one, sees(&timeout), at(2)), [(web, Some(text.clone()))]);
        assert_eq!(why(&reach), Some((at(2), text)));
        assert_eq!(reach.set(one, sees(&timeout), at(3)), []);
        // Another one reaches it.
        assert_eq!(reach.set(two, sees(&[]), at(4)), [(web, None)]);
        let partly = "1 of 2 balancers cannot reach it: L4 timeout".to_owned();
        assert_eq!((why(&reach), reach.partly(web)), (None, Some(partly)));
        reach.set(two, sees(&[(9, "L4 timeout")]), at(6));
        // The two seconds in which it was reached do not count.
        let none = "none of 2 balancers reaches it: L4 timeout".to_owned();
        assert_eq!((why(&reach), reach.partly(web)), (Some((at(4), none)), None));
        // Whose agent is away sees nothing.
        reach.set(two, None, at(7));
        assert!(why(&reach).is_some());
        reach.set(one, None, at(8));
        assert_eq!((why(&reach), reach.partly(web)), (None, None));
    }
}
