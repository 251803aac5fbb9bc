//! The laws, judged from outside: the simulated cloud says what exists, the records say what the
//! appliance believes, and neither is asked to judge itself.
//!
//! Each law is a function of values to its faults, and is shown a world that breaks it below: a
//! checker that never fires is worse than none.

use crate::declarations;
use grange::base::limit::{LISTING_PERIOD, PLAN_PERIOD, UNHEALTHY_ALERT_AFTER};
use grange::base::{FarmRoleId, Millis, ServerId};
use grange::model::{
    CloudState, Server, ServerStatus, Step, StepKind, StepStatus, TerminateReason,
};
use std::collections::{BTreeMap, BTreeSet};

/// One look at everything, between two ticks.
#[derive(Default)]
pub struct Facts {
    /// Declared maximum of each farm role there is.
    pub max: BTreeMap<FarmRoleId, u32>,
    /// Every server record.
    pub records: Vec<Server>,
    /// Every server that exists.
    pub real: Vec<Real>,
    /// Servers the cloud is being asked for, or was without a clear answer.
    pub asked: Vec<(ServerId, FarmRoleId)>,
}

/// A server that exists, whatever anybody believes.
#[derive(Clone, Copy)]
pub struct Real {
    /// Its tag.
    pub server: ServerId,
    /// What it was launched for.
    pub farm_role: FarmRoleId,
    /// The index it was launched with.
    pub index: u32,
    /// What it is doing.
    pub state: CloudState,
}

/// One call as the cloud hears it.
pub struct Call {
    /// What is asked.
    pub kind: StepKind,
    /// About which server.
    pub server: ServerId,
    /// A step of that kind is in the journal as begun and not settled.
    pub is_begun: bool,
    /// What the appliance knows of the server.
    pub record: Option<Server>,
    /// What it really is.
    pub state: Option<CloudState>,
    /// It stopped, or was left out of listings, for long enough to be given up.
    pub excused: bool,
    /// Its check has failed, ever.
    pub ill: bool,
    /// It vanished from listings together with all others of its farm role.
    pub vanished_with_others: bool,
    /// By what it was last asked to come up, and how long ago, by a clock that nobody sets.
    pub asked_up: Option<(StepKind, Millis)>,
}

/// Law 1: how many of each farm role exist or may exist. A lowered maximum is no fault, but then
/// the number must not grow; so each look needs the counts of the one before.
pub fn max_is_hard(
    facts: &Facts,
    before: &BTreeMap<FarmRoleId, usize>,
) -> (BTreeMap<FarmRoleId, usize>, Vec<String>) {
    let mut may_exist: BTreeMap<FarmRoleId, BTreeSet<ServerId>> = BTreeMap::new();
    let real = facts.real.iter().map(|real| (real.server, real.farm_role));
    for (server, role) in real.chain(facts.asked.iter().copied()) {
        may_exist.entry(role).or_default().insert(server);
    }
    let (mut counts, mut faults) = (BTreeMap::new(), Vec::new());
    for (role, servers) in may_exist {
        let max = facts.max.get(&role).copied().unwrap_or(0) as usize;
        let had = before.get(&role).copied().unwrap_or(0);
        let count = servers.len();
        counts.insert(role, count);
        if count > max && count > had {
            faults.push(format!("law 1: farm role {role} may have {count} servers, max is {max}"));
        }
    }
    (counts, faults)
}

/// Laws 1 and 2, after the fact: whatever exists is on record as asked for and not as gone.
pub fn nothing_is_forgotten(facts: &Facts) -> Vec<String> {
    let records: BTreeMap<ServerId, &Server> = facts.records.iter().map(|s| (s.id, s)).collect();
    let fault = |real: &Real| match records.get(&real.server) {
        None => Some(format!("law 2: {} exists and no record knows it", real.server)),
        Some(server) if server.asked_at.is_none() => {
            Some(format!("law 2: {} exists and was never asked for", server.hostname))
        }
        Some(server) if !server.status.counts() => {
            Some(format!("law 1: {} exists and counts as gone", server.hostname))
        }
        Some(_) => None,
    };
    facts.real.iter().filter_map(fault).collect()
}

/// No index is had by two servers of a farm role, neither on record nor in the cloud.
pub fn one_index_each(facts: &Facts) -> Vec<String> {
    let mut faults = Vec::new();
    let mut taken = BTreeSet::new();
    for server in facts.records.iter().filter(|server| server.status.counts()) {
        if !taken.insert((server.farm_role, server.index)) {
            faults.push(format!("{} is on record twice", server.hostname));
        }
    }
    let mut real = BTreeSet::new();
    for server in &facts.real {
        if !real.insert((server.farm_role, server.index)) {
            let (role, index) = (server.farm_role, server.index);
            faults.push(format!("index {index} of farm role {role} exists twice"));
        }
    }
    faults
}

/// Law 8: while a step of a server is begun, or nobody knows what came of it, no other is.
pub fn one_call_each(open: &[Step]) -> Vec<String> {
    let mut under_way: BTreeMap<ServerId, StepKind> = BTreeMap::new();
    let called = |step: &&Step| matches!(step.status, StepStatus::Begun | StepStatus::Unknown);
    let fault = |step: &Step| {
        let (other, kind) = (under_way.insert(step.server, step.kind)?, step.kind.as_str());
        Some(format!("law 8: {kind} of {} while its {} is under way", step.server, other.as_str()))
    };
    open.iter().filter(called).filter_map(fault).collect()
}

/// The longest anything but a hanging platform may keep it from being listed: a period, and what
/// a listing takes, and room for a clock that others move on meanwhile.
const LISTED_WITHIN: Millis = 2 * LISTING_PERIOD;

/// Law 6: a platform whose listings hang keeps no other waiting. `since` is when this one was last
/// listed, or hung itself.
pub fn listings_keep_pace(platform: &str, since: Millis, now: Millis) -> Option<String> {
    let age = now.saturating_sub(since);
    (age > LISTED_WITHIN).then(|| format!("law 6: nobody lists {platform}, for {age} ms"))
}

/// A running server that is broken for people, and what came of it.
#[derive(Clone)]
pub struct Illness {
    /// Which.
    pub name: String,
    /// For how long, by words that were acknowledged.
    pub age: Millis,
    /// Every list shows it.
    pub seen: bool,
    /// An alert names it.
    pub alerted: bool,
    /// After how long something is to be done; `None` where nothing is.
    pub patience: Option<Millis>,
    /// Something is done, or it is said what else than time is missing.
    pub answered: bool,
}

/// How much later than it is due an alert or a deed may be: two passes of planning.
const LATE_MAX: Millis = 2 * PLAN_PERIOD;

/// What is broken is seen at once, an alert after a while, and acted upon where it is to be, or
/// said why not.
pub fn illness_is_answered(ill: &Illness) -> Option<String> {
    let is_over = |bound: Millis| ill.age > bound.saturating_add(LATE_MAX);
    let tell = |what: &str| Some(format!("health: {} is ill for {} ms, {what}", ill.name, ill.age));
    if !ill.seen {
        return tell("and nobody sees it");
    }
    if !ill.alerted && is_over(UNHEALTHY_ALERT_AFTER) {
        return tell("and no alert names it");
    }
    match ill.patience {
        Some(patience) if !ill.answered && is_over(patience) => {
            tell("and nothing is done or said about it")
        }
        Some(_) | None => None,
    }
}

/// Law 2, as it happens: nothing reaches a cloud that is not in the journal as begun.
pub fn written_before_done(call: &Call) -> Option<String> {
    let name = call.kind.as_str();
    (!call.is_begun).then(|| format!("law 2: {name} of {} is not begun anywhere", call.server))
}

/// Law 3: what runs is destroyed because a person wants it or scaling has too many, or because it
/// gave a reason; not because it was not seen.
pub fn nothing_healthy_is_destroyed(call: &Call) -> Option<String> {
    if call.kind != StepKind::Terminate || call.state != Some(CloudState::Running) {
        return None;
    }
    let Some(server) = &call.record else {
        return Some(format!("law 3: {} is destroyed without a record", call.server));
    };
    let tell = |what: &str| Some(format!("law 3: {} is destroyed {what}", server.hostname));
    if server.status != ServerStatus::PendingTerminate {
        return tell("although nobody retired it");
    }
    match server.terminate_reason {
        Some(TerminateReason::Manual) if !server.terminate_requested => {
            tell("for a person, but nobody asked")
        }
        Some(
            TerminateReason::Manual
            | TerminateReason::FarmTerminated
            | TerminateReason::RoleRemoved
            | TerminateReason::ScalingDown
            | TerminateReason::Rollout,
        ) => None,
        Some(TerminateReason::LaunchTimeout) => {
            let (kind, age) = call.asked_up?;
            let shortest = match kind {
                StepKind::Reboot => declarations::REBOOT_TIMEOUT_MIN,
                _ => declarations::LAUNCH_TIMEOUT_MIN,
            };
            if age >= shortest * 1000 {
                return None;
            }
            tell(&format!("as not ready in time, after {age} ms"))
        }
        Some(TerminateReason::Crashed) if call.vanished_with_others => {
            tell("because it vanished together with all the others")
        }
        Some(TerminateReason::Crashed) if call.excused => None,
        Some(TerminateReason::Crashed) => tell("as crashed, and it never did"),
        Some(TerminateReason::SetupFailed) if server.setup_failed.is_some() => None,
        Some(TerminateReason::SetupFailed) => tell("for its setup, which did not fail"),
        Some(TerminateReason::Unhealthy) if call.ill => None,
        Some(TerminateReason::Unhealthy) => tell("as unhealthy, and its check never failed"),
        // Its launch got no answer, and listings never showed it.
        Some(TerminateReason::LaunchFailed) if server.running_at.is_none() => None,
        Some(TerminateReason::LaunchFailed) => tell("because its launch failed, and it runs"),
        None => tell("for no reason"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use grange::base::{FarmId, Name, PlanId, StepId, Timestamp, UserId};
    use grange::model::{FarmRole, LaunchReason};

    const ROLE: FarmRoleId = FarmRoleId(7);

    #[test]
    fn what_is_ill_is_answered_in_time() {
        let well = Illness {
            name: "shop/web-1".into(),
            age: 0,
            seen: true,
            alerted: false,
            patience: Some(300_000),
            answered: false,
        };
        let check = |ill: Illness, expected: Option<&str>| {
            let fault = illness_is_answered(&ill);
            assert_eq!(fault.is_some(), expected.is_some(), "{fault:?}");
            assert!(fault.unwrap_or_default().ends_with(expected.unwrap_or_default()));
        };
        check(well.clone(), None);
        check(Illness { seen: false, ..well.clone() }, Some("nobody sees it"));
        check(Illness { age: 120_000, ..well.clone() }, None);
        check(Illness { age: 120_001, ..well.clone() }, Some("no alert names it"));
        let told = Illness { alerted: true, ..well };
        check(Illness { age: 360_000, ..told.clone() }, None);
        check(Illness { age: 360_001, ..told.clone() }, Some("said about it"));
        check(Illness { age: 360_001, answered: true, ..told.clone() }, None);
        check(Illness { age: 360_001, patience: None, ..told }, None);
    }

    fn sample(id: ServerId, farm_role: FarmRoleId, index: u32) -> Server {
        let role = FarmRole::plain(farm_role, FarmId(1), Name::new("web").unwrap());
        let reason = LaunchReason::FarmLaunched;
        Server {
            status: ServerStatus::Running,
            asked_at: Some(Timestamp(0)),
            ..Server::wanted(id, &role, index, reason, UserId(1), Timestamp(0))
        }
    }

    fn real(id: u128, index: u32) -> Real {
        Real { server: ServerId(id), farm_role: ROLE, index, state: CloudState::Running }
    }

    fn facts(records: &[Server], real: &[Real]) -> Facts {
        Facts {
            max: [(ROLE, 2)].into(),
            records: records.to_vec(),
            real: real.to_vec(),
            asked: Vec::new(),
        }
    }

    #[test]
    fn one_server_too_many_is_told_and_a_lowered_maximum_is_not() {
        let three = facts(&[], &[real(1, 1), real(2, 2), real(3, 3)]);
        let told = "law 1: farm role 7 may have 3 servers, max is 2";
        assert_eq!(max_is_hard(&three, &BTreeMap::new()).1, [told]);
        assert_eq!(max_is_hard(&three, &[(ROLE, 3)].into()).1, Vec::<String>::new());
        let mut asked = facts(&[], &[real(1, 1), real(2, 2)]);
        assert_eq!(max_is_hard(&asked, &BTreeMap::new()).1, Vec::<String>::new());
        asked.asked = vec![(ServerId(2), ROLE), (ServerId(3), ROLE)];
        assert_eq!(max_is_hard(&asked, &BTreeMap::new()).1, [told]);
    }

    #[test]
    fn what_exists_without_a_record_is_told() {
        let mut server = sample(ServerId(1), ROLE, 1);
        let check = |records: &[Server], told: &[&str]| {
            assert_eq!(nothing_is_forgotten(&facts(records, &[real(1, 1)])), told);
        };
        check(std::slice::from_ref(&server), &[]);
        check(&[], &[&format!("law 2: {} exists and no record knows it", ServerId(1))]);
        server.status = ServerStatus::Terminated;
        check(std::slice::from_ref(&server), &["law 1: web-1 exists and counts as gone"]);
        server.asked_at = None;
        check(&[server], &["law 2: web-1 exists and was never asked for"]);
    }

    #[test]
    fn one_index_twice_is_told() {
        let twice = [sample(ServerId(1), ROLE, 1), sample(ServerId(2), ROLE, 1)];
        assert_eq!(one_index_each(&facts(&twice, &[])), ["web-1 is on record twice"]);
        let told = ["index 1 of farm role 7 exists twice"];
        assert_eq!(one_index_each(&facts(&[], &[real(1, 1), real(2, 1)])), told);
    }

    #[test]
    fn a_platform_that_nobody_lists_is_told() {
        assert_eq!(listings_keep_pace("one", 1_000, 1_000 + LISTED_WITHIN), None);
        let told = "law 6: nobody lists one, for 20001 ms";
        assert_eq!(listings_keep_pace("one", 1_000, 1_001 + LISTED_WITHIN).as_deref(), Some(told));
    }

    #[test]
    fn two_calls_about_one_server_are_told() {
        let server = sample(ServerId(1), ROLE, 1);
        let step = |id, kind, status| {
            let planned = Step::planned(StepId(id), PlanId(1), &server, kind, Timestamp(0));
            Step { status, ..planned }
        };
        let reboot = |status| step(1, StepKind::Reboot, status);
        let suspend = |status| step(2, StepKind::Suspend, status);
        let none: [&str; 0] = [];
        let open = [reboot(StepStatus::Begun), suspend(StepStatus::Planned)];
        assert_eq!(one_call_each(&open), none);
        for status in [StepStatus::Begun, StepStatus::Unknown] {
            let told = format!("law 8: suspend of {} while its reboot is under way", server.id);
            assert_eq!(one_call_each(&[reboot(status), suspend(StepStatus::Begun)]), [told]);
        }
    }

    #[test]
    fn calls_that_break_a_law_are_told() {
        let mut record = sample(ServerId(1), ROLE, 1);
        record.status = ServerStatus::PendingTerminate;
        record.terminate_reason = Some(TerminateReason::Crashed);
        let call = |record: &Server, change: &dyn Fn(&mut Call)| {
            let mut call = Call {
                kind: StepKind::Terminate,
                server: record.id,
                is_begun: true,
                record: Some(record.clone()),
                state: Some(CloudState::Running),
                excused: true,
                ill: false,
                vanished_with_others: false,
                asked_up: None,
            };
            change(&mut call);
            [written_before_done(&call), nothing_healthy_is_destroyed(&call)]
                .into_iter()
                .flatten()
                .collect::<Vec<String>>()
        };
        let none: [&str; 0] = [];
        assert_eq!(call(&record, &|_| {}), none);
        assert_eq!(call(&record, &|c| c.state = Some(CloudState::Stopped)), none);
        let told = format!("law 2: terminate of {} is not begun anywhere", record.id);
        assert_eq!(call(&record, &|c| c.is_begun = false), [told]);
        let told = "law 3: web-1 is destroyed as crashed, and it never did";
        assert_eq!(call(&record, &|c| c.excused = false), [told]);
        let told = "law 3: web-1 is destroyed because it vanished together with all the others";
        assert_eq!(call(&record, &|c| c.vanished_with_others = true), [told]);
        let told = format!("law 3: {} is destroyed without a record", record.id);
        assert_eq!(call(&record, &|c| c.record = None), [told]);
        record.terminate_reason = Some(TerminateReason::LaunchTimeout);
        assert_eq!(call(&record, &|c| c.asked_up = Some((StepKind::Launch, 60_000))), none);
        let told = "law 3: web-1 is destroyed as not ready in time, after 14000 ms";
        assert_eq!(call(&record, &|c| c.asked_up = Some((StepKind::Launch, 14_000))), [told]);
        assert_eq!(call(&record, &|c| c.asked_up = Some((StepKind::Reboot, 14_000))), [told]);
        assert_eq!(call(&record, &|c| c.asked_up = Some((StepKind::Reboot, 30_000))), none);
        record.terminate_reason = Some(TerminateReason::Manual);
        let told = "law 3: web-1 is destroyed for a person, but nobody asked";
        assert_eq!(call(&record, &|_| {}), [told]);
        record.terminate_reason = None;
        assert_eq!(call(&record, &|_| {}), ["law 3: web-1 is destroyed for no reason"]);
        record.status = ServerStatus::Running;
        let told = "law 3: web-1 is destroyed although nobody retired it";
        assert_eq!(call(&record, &|_| {}), [told]);
    }
}
