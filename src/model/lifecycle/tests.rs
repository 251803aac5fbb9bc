//! The table of everything that can happen to a server, whatever its status.
//!
//! For each event `table.txt` says what a server of each status becomes: the new status, which of
//! its fields change beside it (everything else is kept), and the journal's sentence; or that the
//! event is ignored or refused, and why. Servers that differ from the plain one are told where the
//! event does something else to them. `BLESS=1` writes the table anew; read the difference.

use super::*;
use crate::base::{FarmId, FarmRoleId, Name, ServerId, UserId};
use crate::model::{CloudState, FarmRole, LaunchReason};
use std::collections::BTreeMap;

const NOW: Timestamp = Timestamp(100_000);
const TABLE: &str = include_str!("table.txt");

/// A kind of server, and what makes a plain one such.
type Kind = (&'static str, fn(&mut Server));

/// A plain one ran once, has an agent, and was not asked for anything.
const KINDS: &[Kind] = &[
    ("plain", |_| {}),
    ("never asked for", |server| {
        (server.asked_at, server.running_at) = (None, None);
        (server.agent_version, server.boot_id) = (None, None);
    }),
    ("never ran", |server| server.running_at = None),
    ("without an agent", |server| server.agent = false),
    ("parked", |server| server.parked = true),
    ("parked and idle", |server| (server.parked, server.idle_at) = (true, Some(Timestamp(9)))),
    ("rebooting since", |server| server.reboot_at = Some(server.status_at)),
    ("healthy for long", |server| server.healthy_since = Some(Timestamp(10_000))),
    ("asked to reboot", |server| server.reboot_requested = true),
    ("asked to sleep", |server| server.suspend_requested = true),
    ("to go at a time", |server| server.terminate_after = Some(Timestamp(120_000))),
    ("locked", |server| (server.locked, server.lock_reason) = (true, "a backup".into())),
];

fn server(status: ServerStatus, kind: Kind) -> Server {
    let role = FarmRole::plain(FarmRoleId(1), FarmId(1), Name::new("web").unwrap());
    let reason = LaunchReason::FarmLaunched;
    let mut server = Server {
        status,
        status_at: Timestamp(50_000),
        asked_at: Some(Timestamp(20_000)),
        running_at: Some(Timestamp(30_000)),
        agent: true,
        agent_version: Some("1".into()),
        boot_id: Some("first".into()),
        ..Server::wanted(ServerId(1), &role, 1, reason, UserId(1), Timestamp(10_000))
    };
    kind.1(&mut server);
    server
}

/// The name of an event; a new one is missed here.
fn name(event: &ServerEvent<'_>) -> String {
    use ServerEvent as E;
    match event {
        E::RetirementPlanned { .. } => "a plan retires it".into(),
        E::SurplusSuspended => "a plan suspends it as surplus".into(),
        E::StepPlanned(kind) => format!("a plan has a step: {}", kind.as_str()),
        E::DrainShortened { .. } => "a plan shortens its drain".into(),
        E::PlannedStepsCancelled => "a plan cancels what is not begun".into(),
        E::TerminateAsked { force: false } => "a person terminates it".into(),
        E::TerminateAsked { force: true } => "a person terminates it by force".into(),
        E::GoneAsked => "a person says that it is gone".into(),
        E::RebootAsked => "a person reboots it".into(),
        E::SuspendAsked => "a person suspends it".into(),
        E::ResumeAsked { farm_is_stopped: false } => "a person resumes it".into(),
        E::ResumeAsked { farm_is_stopped: true } => "a person resumes it, farm stopped".into(),
        E::LockAsked { .. } => "a person locks it".into(),
        E::UnlockAsked => "a person unlocks it".into(),
        E::StepBegun(kind) => format!("a step begins: {}", kind.as_str()),
        E::LaunchNotAdmitted { .. } => "its launch is not admitted".into(),
        E::StepDone { kind, sighting: None } => format!("a step is done: {}", kind.as_str()),
        E::StepDone { kind, sighting: Some(_) } => {
            format!("a step is done and it is shown: {}", kind.as_str())
        }
        E::StepFailed { kind, proof, .. } => {
            let proof = match proof {
                FailureProof::Refused => "refused",
                FailureProof::NeverCalled => "never called",
                FailureProof::NotListed => "not listed",
            };
            format!("a step is {proof}: {}", kind.as_str())
        }
        E::SeenGone => "a listing says that it is gone".into(),
        E::SeenElsewhere(_) => "a listing shows other addresses".into(),
        E::AgentHello { ready, ready_for, .. } => {
            format!("its agent connects, ready {ready}, for {}", ready_for / 1000)
        }
        E::AgentReady { ready, ready_for } => {
            format!("its agent says ready {ready}, for {}", ready_for / 1000)
        }
        E::SetupFailed { .. } => "its agent says that its setup failed".into(),
        E::AgentIdle { step_waits } => format!("its agent is idle, step waits {step_waits}"),
        E::Judged { wellness, ready_for, .. } => {
            format!("it is judged {wellness:?}, for {}", ready_for / 1000)
        }
    }
}

const STEPS: [StepKind; 7] = [
    StepKind::Launch,
    StepKind::Terminate,
    StepKind::Suspend,
    StepKind::Resume,
    StepKind::Reboot,
    StepKind::Start,
    StepKind::Stop,
];

fn events(sighting: &Sighting) -> Vec<ServerEvent<'_>> {
    use ServerEvent as E;
    let reason = TerminateReason::ScalingDown;
    let mut all = vec![
        E::RetirementPlanned { reason, not_before: Timestamp(130_000) },
        E::SurplusSuspended,
        E::DrainShortened { not_before: NOW },
        E::PlannedStepsCancelled,
        E::TerminateAsked { force: false },
        E::TerminateAsked { force: true },
        E::GoneAsked,
        E::RebootAsked,
        E::SuspendAsked,
        E::ResumeAsked { farm_is_stopped: false },
        E::ResumeAsked { farm_is_stopped: true },
        E::LockAsked { reason: "a test, by ada".into() },
        E::UnlockAsked,
        E::LaunchNotAdmitted { why: "no room" },
        E::StepDone { kind: StepKind::Launch, sighting: Some(sighting) },
        E::SeenGone,
        E::SeenElsewhere(sighting),
        E::SetupFailed { why: "setup 1 exited with 3" },
        E::AgentIdle { step_waits: true },
        E::AgentIdle { step_waits: false },
    ];
    for kind in STEPS {
        all.extend([E::StepPlanned(kind), E::StepBegun(kind)]);
        all.push(E::StepDone { kind, sighting: None });
        for proof in [FailureProof::Refused, FailureProof::NeverCalled, FailureProof::NotListed] {
            all.push(E::StepFailed { kind, proof, why: "no quota" });
        }
    }
    for (ready, ready_for) in [(true, 0), (true, 30_000), (false, 0), (false, 30_000)] {
        all.push(E::AgentHello { version: "2", boot: "second", ready, ready_for });
        all.push(E::AgentReady { ready, ready_for });
    }
    let watch = Watch { since: Timestamp(0), now: NOW };
    for wellness in [Wellness::Down, Wellness::Up, Wellness::Well] {
        for ready_for in [0, 30_000] {
            all.push(E::Judged { wellness, ready_for, watch });
        }
    }
    all
}

fn sighting() -> Sighting {
    Sighting {
        server: ServerId(1),
        cloud_server_id: "i-1".into(),
        state: CloudState::Running,
        private_ips: vec!["10.0.0.9".into()],
        public_ips: Vec::new(),
    }
}

/// What an event does, without the status it meets.
fn told(before: &Server, event: &ServerEvent<'_>) -> String {
    let mut after = before.clone();
    let effect = advance(&mut after, event, NOW);
    let mut words = match after.status == before.status {
        true => "stays".to_owned(),
        false => format!("-> {}", after.status.as_str()),
    };
    let fields = |server: &Server| serde_json::to_value(server).unwrap();
    let (old, new) = (fields(before), fields(&after));
    for (field, value) in new.as_object().unwrap() {
        if *value != old[field] && field != "status" {
            words += &format!(", {field} {value}");
        }
    }
    match effect {
        Effect::Took(Some(sentence)) => format!("{words}: {sentence:?}"),
        Effect::Took(None) => words,
        Effect::Ignored(why) => {
            assert_eq!(after, *before);
            format!("ignored: {why}")
        }
        Effect::Refused(why) => {
            assert_eq!(after, *before);
            let why = why.split_once(": ").unwrap().1;
            format!("refused: {why}")
        }
    }
}

/// One event's part of the table: statuses with the same outcome share a line.
fn block(event: &ServerEvent<'_>) -> String {
    let mut out = format!("{}\n", name(event));
    let mut plain = BTreeMap::new();
    for kind in KINDS {
        let mut lines: Vec<(String, Vec<&str>)> = Vec::new();
        for status in ServerStatus::ALL {
            let words = told(&server(status, *kind), event);
            if plain.get(&status) == Some(&words) {
                continue;
            }
            if kind.0 == "plain" {
                plain.insert(status, words.clone());
            }
            match lines.iter_mut().find(|(said, _)| *said == words) {
                Some((_, statuses)) => statuses.push(status.as_str()),
                None => lines.push((words, vec![status.as_str()])),
            }
        }
        for (words, statuses) in lines {
            out += &format!("  {} | {} | {words}\n", kind.0, listed(&statuses));
        }
    }
    out
}

/// Most statuses are told by those that are missing.
fn listed(statuses: &[&str]) -> String {
    let all = ServerStatus::ALL.map(ServerStatus::as_str);
    let missing: Vec<&str> = all.into_iter().filter(|s| !statuses.contains(s)).collect();
    match missing.len() {
        0 => "all".into(),
        1..=4 => format!("all but {}", missing.join(" ")),
        _ => statuses.join(" "),
    }
}

#[test]
fn every_event_does_to_every_status_what_the_table_says() {
    let sighting = sighting();
    let mut events = events(&sighting);
    events.sort_by_key(name);
    let found: Vec<String> = events.iter().map(block).collect();
    let found = found.join("\n");
    if found != TABLE && std::env::var_os("BLESS").is_some() {
        let path = "lifecycle/table.txt";
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        std::fs::write(path, &found).unwrap();
    }
    let line = found.lines().zip(TABLE.lines()).find(|(found, told)| found != told);
    assert!(found == TABLE, "{line:?} and more; BLESS=1 writes it");
}

#[test]
fn whatever_happens_the_record_agrees_with_itself() {
    let sighting = sighting();
    for status in ServerStatus::ALL {
        for kind in KINDS {
            for event in events(&sighting) {
                let before = server(status, *kind);
                let mut after = before.clone();
                advance(&mut after, &event, NOW);
                let what = format!("{} {status:?}: {}", kind.0, name(&event));
                // Gone is gone.
                if status == ServerStatus::Terminated {
                    assert_eq!(after.status, status, "{what}");
                }
                if after.status != status {
                    assert_eq!(after.status_at, NOW, "{what}");
                }
                // Nothing makes one wanted again that is to go.
                let goes = status == ServerStatus::PendingTerminate;
                assert!(!goes || !after.status.is_wanted(), "{what}");
                if after.status == ServerStatus::Running && status != ServerStatus::Running {
                    assert!(after.running_at.is_some() && after.reboot_at.is_none(), "{what}");
                }
            }
        }
    }
}
