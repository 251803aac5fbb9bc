//! How the services of servers are, as their agents said last, in memory.
//!
//! The last word stands for as long as nobody says otherwise: an agent that is away is told of as
//! such, and what it said is shown with its age.

use super::Observed;
use crate::base::{FarmId, FarmRoleId, ServerId, Timestamp};
use crate::model::ServiceState;
use std::collections::{BTreeMap, BTreeSet};

/// Sentences of one message at the most; one entry of the journal holds them.
const NEWS_MAX: usize = 4;

/// What an agent said of its server's services.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServicesSaid {
    /// The farm that the server is in.
    pub farm: FarmId,
    /// The farm role that it is of.
    pub farm_role: FarmRoleId,
    /// When it was heard, by our clock.
    pub at: Timestamp,
    /// All services there are.
    pub services: Vec<ServiceState>,
}

impl ServicesSaid {
    /// What is wrong with them, a line each.
    pub fn ailments(&self) -> Vec<String> {
        self.services.iter().filter_map(ServiceState::ailment).collect()
    }

    fn is_well(&self) -> bool {
        self.services.iter().all(ServiceState::is_well)
    }
}

/// What all of them said.
#[derive(Default)]
pub(super) struct SeenServices {
    said: BTreeMap<ServerId, ServicesSaid>,
    /// Servers of which some are not well, by farm and farm role.
    ailing: BTreeSet<(FarmId, FarmRoleId, ServerId)>,
}

impl SeenServices {
    /// Takes in an agent's word; gives what is worth an entry in the journal.
    fn set(&mut self, server: ServerId, said: ServicesSaid) -> Vec<String> {
        let before = self.said.get(&server);
        let mut news = Vec::new();
        for state in &said.services {
            let of = |before: &ServicesSaid| {
                before.services.iter().find(|it| it.name == state.name).cloned()
            };
            news.extend(news_of(before.and_then(of).as_ref(), state));
        }
        let left_out = news.len().saturating_sub(NEWS_MAX);
        news.truncate(NEWS_MAX);
        if left_out > 0 {
            news.push(format!("so it is with {left_out} more of its services"));
        }
        let key = (said.farm, said.farm_role, server);
        match said.is_well() {
            true => self.ailing.remove(&key),
            false => self.ailing.insert(key),
        };
        self.said.insert(server, said);
        news
    }

    pub(super) fn forget(&mut self, server: ServerId) {
        if let Some(said) = self.said.remove(&server) {
            self.ailing.remove(&(said.farm, said.farm_role, server));
        }
    }

    /// Whether some service of a server is not well.
    pub(super) fn is_ailing(&self, server: ServerId) -> bool {
        let key = |said: &ServicesSaid| (said.farm, said.farm_role, server);
        self.said.get(&server).is_some_and(|said| self.ailing.contains(&key(said)))
    }
}

/// What of a service is worth an entry: that it is not well, and that it is again, once each, and
/// that it was restarted while it is well otherwise. What it counts meanwhile is none, so that a
/// crash loop writes two entries however long it goes on.
fn news_of(before: Option<&ServiceState>, now: &ServiceState) -> Option<String> {
    let was_well = before.is_none_or(ServiceState::is_well);
    match (was_well, now.ailment()) {
        (true, Some(ailment)) => return Some(ailment),
        (false, Some(_)) => return None,
        (_, None) => {}
    }
    let ServiceState { name, restarts, counted_since, .. } = now;
    let counted = match restarts {
        1 => format!("1 restart since {counted_since}"),
        count => format!("{count} restarts since {counted_since}"),
    };
    if !was_well {
        let phase = now.phase.as_str();
        return Some(format!("service {name} is well again: {phase}, {counted}"));
    }
    // What was begun anew as it was declared counts from nothing; that is no restart.
    let restarted = before.is_some_and(|before| {
        before.counted_since == *counted_since && before.restarts < *restarts
    });
    let last = now.last_end.as_ref().filter(|_| restarted)?;
    Some(format!("service {name} was restarted: it {} ({counted})", last.how))
}

impl Observed {
    /// Takes in what an agent says of its services. Gives what is worth an entry, and whether a
    /// server turned by it.
    pub(in crate::service) fn services_said(
        &self,
        server: ServerId,
        said: ServicesSaid,
    ) -> (Vec<String>, bool) {
        let mut inner = self.lock();
        let before = inner.services.is_ailing(server);
        let news = inner.services.set(server, said);
        let turned = inner.services.is_ailing(server) != before;
        inner.note_health(server);
        if turned {
            inner.news.add(server);
        }
        (news, turned)
    }

    /// Nobody knows any more how the services of a server are.
    pub(in crate::service) fn forget_services(&self, server: ServerId) {
        let mut inner = self.lock();
        inner.services.forget(server);
        inner.note_health(server);
    }

    /// What the agent of a server said last of its services; `None` where it has said nothing
    /// since the start.
    pub fn services_of(&self, server: ServerId) -> Option<ServicesSaid> {
        self.lock().services.said.get(&server).cloned()
    }

    /// Servers of a farm, or of one farm role of it, of which some service is not well, with what
    /// was said of them; the first `most`, and how many more there are.
    pub fn ailing_services(
        &self,
        farm: FarmId,
        role: Option<FarmRoleId>,
        most: usize,
    ) -> (Vec<(ServerId, ServicesSaid)>, usize) {
        let inner = self.lock();
        let from = (farm, role.unwrap_or(FarmRoleId(0)), ServerId(0));
        let to = (farm, role.unwrap_or(FarmRoleId(u64::MAX)), ServerId(u128::MAX));
        let mut found = inner.services.ailing.range(from..=to);
        let said = |(.., id): &(FarmId, FarmRoleId, ServerId)| {
            Some((*id, inner.services.said.get(id)?.clone()))
        };
        let first = found.by_ref().take(most).filter_map(said).collect();
        (first, found.count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ServiceEnd, ServicePhase};

    fn state(phase: ServicePhase, restarts: u64, restarts_lately: u32) -> ServiceState {
        ServiceState {
            name: "app".into(),
            phase,
            since: Timestamp(0),
            restarts,
            counted_since: Timestamp(0),
            restarts_lately,
            last_end: Some(ServiceEnd { how: "died of SIGKILL".into(), ..ServiceEnd::default() }),
            printed: String::new(),
        }
    }

    fn said(services: Vec<ServiceState>) -> ServicesSaid {
        ServicesSaid { farm: FarmId(1), farm_role: FarmRoleId(2), at: Timestamp(0), services }
    }

    #[test]
    fn a_crash_loop_is_two_entries_and_a_restart_is_one() {
        use ServicePhase::{BackingOff, Running, Starting};
        let mut seen = SeenServices::default();
        let mut say = |phase, restarts, lately| {
            let news = seen.set(ServerId(3), said(vec![state(phase, restarts, lately)]));
            let ailing = seen.is_ailing(ServerId(3));
            (news.first().map(|text| text.split(':').next().unwrap().to_owned()), ailing)
        };
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(say(Running, 5, 2), (None, false), "of before we listened");
        assert_eq!(say(Starting, 5, 2), (None, false));
        assert_eq!(say(Running, 6, 2), (text("service app was restarted"), false));
        let loops = "service app keeps ending and is started again (3 restarts within 10 m)";
        assert_eq!(say(BackingOff, 7, 3), (text(loops), true));
        for restarts in 8..99 {
            assert_eq!(say(BackingOff, restarts, 20), (None, true));
            assert_eq!(say(Running, restarts, 20), (None, true));
        }
        assert_eq!(say(Running, 99, 2), (text("service app is well again"), false));
        assert_eq!(say(Running, 99, 0), (None, false));
        // Declared anew: it counts from nothing.
        assert_eq!(say(Running, 0, 0), (None, false));
    }

    #[test]
    fn many_at_once_are_one_entry_of_bounded_length() {
        let mut seen = SeenServices::default();
        let all = |phase| {
            let named = |nth: u32| ServiceState { name: nth.to_string(), ..state(phase, 0, 0) };
            said((0..20).map(named).collect())
        };
        assert_eq!(seen.set(ServerId(3), all(ServicePhase::Failed)).len(), NEWS_MAX + 1);
        assert_eq!(seen.set(ServerId(3), all(ServicePhase::Failed)).len(), 0);
        assert!(seen.is_ailing(ServerId(3)));
        // A service that is gone is none that ails.
        assert_eq!(seen.set(ServerId(3), said(Vec::new())).len(), 0);
        assert!(!seen.is_ailing(ServerId(3)) && !seen.is_ailing(ServerId(4)));
        seen.set(ServerId(3), all(ServicePhase::Failed));
        seen.forget(ServerId(3));
        assert!(seen.ailing.is_empty() && seen.said.is_empty());
    }
}
