//! How each service is, from what its keeper says: for people, and for the appliance.
//!
//! All of it is read from the keepers' reports, which are on the disk, so that an agent that was
//! killed says the same as the one before it.

use super::services::{self, PREFIX, Trouble};
use crate::agent::keeper::{CommandEnd, KeeperReport, Keepers, Phase};
use crate::base::limit::{
    CRASH_LOOP_WITHIN, ROLE_SERVICES_MAX, SERVICE_NUMBERS_SAID_EVERY, SERVICES_SAID_EVERY,
};
use crate::base::{Millis, Timestamp};
use crate::model::{ServiceEnd, ServicePhase, ServiceState};

/// Every service that is kept, in the order of names; and the first one's trouble, if one has any.
pub fn look(keepers: &Keepers, now: Timestamp) -> (Vec<ServiceState>, Option<Trouble>) {
    let (mut states, mut first) = (Vec::new(), None);
    for kept_as in services::kept(keepers) {
        let name = kept_as.strip_prefix(PREFIX).unwrap_or(&kept_as);
        let report = keepers.report(&kept_as);
        let trouble = services::trouble(keepers, &kept_as, report.as_ref(), now);
        if let Some(report) = report {
            let mut state = of(name, &report, trouble.as_ref(), now);
            if !state.is_well() {
                state.printed = services::printed(keepers, &kept_as);
            }
            states.push(state);
        }
        first = first.or(trouble);
    }
    states.truncate(ROLE_SERVICES_MAX);
    (states, first)
}

fn of(
    name: &str,
    report: &KeeperReport,
    trouble: Option<&Trouble>,
    now: Timestamp,
) -> ServiceState {
    let ended_at = report.last.as_ref().map(|(_, at)| *at);
    let counted_since = report.counted_since.unwrap_or(now);
    let phase = match (&report.phase, trouble) {
        (Phase::Over, None) | (Phase::Stopped, _) => ServicePhase::Stopped,
        (Phase::Over, Some(_)) => ServicePhase::Failed,
        (_, Some(Trouble::Lasting(_))) => ServicePhase::BackingOff,
        (_, Some(Trouble::Passing(_))) => ServicePhase::Starting,
        (_, None) => ServicePhase::Running,
    };
    let since = match (phase, &report.phase) {
        (ServicePhase::BackingOff, _) => row_began(report).or(ended_at),
        (_, Phase::Running { since, .. }) => Some(*since),
        _ => ended_at,
    };
    let lately = report.restarted.iter().filter(|at| now.since(**at) < CRASH_LOOP_WITHIN);
    ServiceState {
        name: name.to_owned(),
        phase,
        since: since.unwrap_or(counted_since),
        restarts: report.starts.saturating_sub(1),
        counted_since,
        restarts_lately: u32::try_from(lately.count()).unwrap_or(u32::MAX),
        last_end: report.last.as_ref().map(|(end, at)| end_of(end, *at)),
        printed: String::new(),
    }
}

/// When it was begun again the first time of those since it last ran for long enough.
fn row_began(report: &KeeperReport) -> Option<Timestamp> {
    let runs = matches!(report.phase, Phase::Running { .. } | Phase::Beginning);
    let restarts = report.early_ends.saturating_sub(u32::from(!runs));
    let in_row = usize::try_from(restarts).unwrap_or(usize::MAX).min(report.restarted.len());
    report.restarted.get(report.restarted.len() - in_row).copied()
}

fn end_of(end: &CommandEnd, at: Timestamp) -> ServiceEnd {
    let how = end.words();
    let (exit_code, signal) = match end {
        CommandEnd::Exited(code) => (Some(*code), None),
        CommandEnd::Died(signal) => (None, Some(signal.clone())),
        CommandEnd::Late(_) | CommandEnd::Told | CommandEnd::NotBegun(_) | CommandEnd::CutOff => {
            (None, None)
        }
    };
    ServiceEnd { at, exit_code, signal, how }
}

/// What the appliance was told of the services here on this connection.
#[derive(Default)]
pub struct ServicesTold {
    said: Option<(Vec<ServiceState>, Millis)>,
    in_a_hurry: bool,
}

impl ServicesTold {
    /// Whoever listens now may have forgotten.
    pub fn forget(&mut self) {
        self.said = None;
    }

    /// What is said next has to be right: as soon as anything is otherwise, it is due.
    pub fn hurry(&mut self) {
        self.in_a_hurry = true;
    }

    /// Whether it is time to say how they are, which counts as said then. What one is at, and that
    /// it was restarted after it had been quiet, is said soon; numbers that move on are not worth
    /// a message each, or a crash loop would be one every few seconds.
    pub fn is_due(&mut self, services: &[ServiceState], now: Millis) -> bool {
        let in_a_hurry = std::mem::take(&mut self.in_a_hurry);
        let due = match &self.said {
            None => !services.is_empty(),
            Some((said, _)) if said == services => false,
            Some(_) if in_a_hurry => true,
            Some((said, at)) => {
                let same = said.len() == services.len()
                    && said.iter().zip(services).all(|(said, now)| is_alike(said, now));
                let every = if same { SERVICE_NUMBERS_SAID_EVERY } else { SERVICES_SAID_EVERY };
                now.saturating_sub(*at) >= every
            }
        };
        if due {
            self.said = Some((services.to_vec(), now));
        }
        due
    }
}

/// Whether only numbers are different.
fn is_alike(said: &ServiceState, now: &ServiceState) -> bool {
    let kind = |state: &ServiceState| (state.phase, state.is_crash_loop());
    let restarted = said.restarts != now.restarts && said.is_well();
    said.name == now.name && kind(said) == kind(now) && !restarted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::keeper::KnownProcess;

    fn process() -> KnownProcess {
        KnownProcess { pid: 1, birth: String::new() }
    }

    fn report(phase: Phase, early_ends: u32, restarted: &[i64]) -> KeeperReport {
        KeeperReport {
            keeper: process(),
            phase,
            starts: restarted.len() as u64 + 1,
            early_ends,
            last: Some((CommandEnd::Exited(1), Timestamp(80_000))),
            counted_since: Some(Timestamp(10_000)),
            restarted: restarted.iter().copied().map(Timestamp).collect(),
        }
    }

    #[test]
    fn what_a_service_is_at_and_since_when() {
        let lasting = Some(Trouble::Lasting(String::new()));
        let passing = Some(Trouble::Passing(String::new()));
        let running = || Phase::Running { process: process(), since: Timestamp(90_000) };
        let pausing = || Phase::Pausing { until: Timestamp(99_000) };
        let check = |report: KeeperReport, trouble: &Option<Trouble>, phase, since, lately| {
            let state = of("app", &report, trouble.as_ref(), Timestamp(700_000));
            assert_eq!(state.phase, phase);
            assert_eq!((state.since.0, state.restarts_lately), (since, lately), "{report:?}");
            assert_eq!(state.restarts, report.starts - 1);
            assert_eq!(state.last_end.unwrap().exit_code, Some(1));
        };
        use ServicePhase::*;
        check(report(running(), 0, &[]), &None, Running, 90_000, 0);
        // A restart of ten minutes ago is none of the last ten minutes.
        check(report(running(), 1, &[100_000, 100_001]), &None, Running, 90_000, 1);
        check(report(running(), 1, &[]), &passing, Starting, 90_000, 0);
        check(report(pausing(), 1, &[]), &passing, Starting, 80_000, 0);
        // The row began with the restart after its first early end.
        check(report(running(), 2, &[1, 2, 3]), &lasting, BackingOff, 2, 0);
        check(report(pausing(), 3, &[1, 2, 3]), &lasting, BackingOff, 2, 0);
        check(report(pausing(), 30, &[1, 2, 3]), &lasting, BackingOff, 1, 0);
        check(report(pausing(), 1, &[]), &lasting, BackingOff, 80_000, 0);
        check(report(Phase::Over, 0, &[]), &lasting, Failed, 80_000, 0);
        check(report(Phase::Over, 0, &[]), &None, Stopped, 80_000, 0);
        check(report(Phase::Stopped, 0, &[]), &passing, Stopped, 80_000, 0);
    }

    fn state(phase: ServicePhase, restarts: u64, restarts_lately: u32) -> ServiceState {
        ServiceState {
            name: "app".into(),
            phase,
            since: Timestamp(0),
            restarts,
            counted_since: Timestamp(0),
            restarts_lately,
            last_end: None,
            printed: String::new(),
        }
    }

    #[test]
    fn transitions_are_said_soon_and_numbers_once_in_a_while() {
        use ServicePhase::*;
        let mut told = ServicesTold::default();
        assert!(!told.is_due(&[], 0), "there is nothing to say");
        let well = state(Running, 0, 0);
        assert!(told.is_due(std::slice::from_ref(&well), 0));
        assert!(!told.is_due(std::slice::from_ref(&well), 100_000));
        // The first restart is said at once, also where nobody saw it start.
        assert!(told.is_due(&[state(Running, 1, 1)], 100_000));
        assert!(!told.is_due(&[state(BackingOff, 2, 2)], 100_000 + SERVICES_SAID_EVERY - 1));
        assert!(told.is_due(&[state(BackingOff, 3, 3)], 100_000 + SERVICES_SAID_EVERY));
        // Its restarts in the loop are not, before a minute is over.
        let last = 100_000 + SERVICES_SAID_EVERY;
        let before = last + SERVICE_NUMBERS_SAID_EVERY - 1;
        assert!(!told.is_due(&[state(BackingOff, 9, 9)], before));
        assert!(told.is_due(&[state(BackingOff, 9, 9)], before + 1));
        assert!(told.is_due(&[], before + 1 + SERVICES_SAID_EVERY), "none is left");
        told.forget();
        assert!(told.is_due(std::slice::from_ref(&well), 0));
        assert!(!told.is_due(&[state(Starting, 0, 0)], 1));
        told.hurry();
        assert!(told.is_due(&[state(Starting, 0, 0)], 1));
        told.hurry();
        assert!(!told.is_due(&[state(Starting, 0, 0)], 1), "nothing is otherwise");
        assert!(!told.is_due(&[well], 2), "it was in a hurry once");
    }

    #[test]
    fn a_crash_loop_of_an_hour_is_a_message_a_minute() {
        let mut told = ServicesTold::default();
        let said = (0..3_600u64).filter(|second| {
            // Up for three seconds, down for one.
            let phase = match second % 4 {
                _ if *second >= 16 => ServicePhase::BackingOff,
                3 => ServicePhase::Starting,
                _ => ServicePhase::Running,
            };
            let restarts = second / 4;
            let lately = u32::try_from(restarts.min(150)).unwrap();
            told.is_due(&[state(phase, restarts, lately)], second * 1000)
        });
        assert!(said.count() <= 60 + 4, "a few at the beginning, then one a minute");
    }
}
