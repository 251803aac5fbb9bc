//! What a long run has to reach, and how often: a kind of fault that never strikes, a state no step
//! was ever in and a reason nothing ever waited for prove nothing about what comes of them.

use crate::sky;
use crate::tally::Tally;
use crate::weather;
use grange::model::{ServerStatus, StepKind, StepStatus, Wait};
use std::collections::BTreeMap;
use std::fmt::Write;

/// A function from a value to its name, and the list of all names: a match without a wildcard,
/// so that a new kind cannot be forgotten.
macro_rules! names {
    ($(#[$about:meta])* pub fn $name:ident($type:ty), $all:ident {
        $($pattern:pat => $text:literal,)+
    }) => {
        $(#[$about])*
        pub fn $name(it: &$type) -> &'static str {
            match it { $($pattern => $text,)+ }
        }
        /// All those names.
        pub const $all: &[&str] = &[$($text),+];
    };
}
pub(crate) use names;

names! {
    /// A reason to wait, without its numbers.
    pub fn wait(Wait), WAITS {
        Wait::Breaker { .. } => "Breaker",
        Wait::Paced { .. } => "Paced",
        Wait::CoolDown { .. } => "CoolDown",
        Wait::AtMax { .. } => "AtMax",
        Wait::AtMin { .. } => "AtMin",
        Wait::MaxUnconfirmed { .. } => "MaxUnconfirmed",
        Wait::NoReadings { .. } => "NoReadings",
        Wait::Starting { .. } => "Starting",
        Wait::LaunchOrder { .. } => "LaunchOrder",
        Wait::LeavingOrder { .. } => "LeavingOrder",
        Wait::AgentSilent { .. } => "AgentSilent",
        Wait::Replacing { .. } => "Replacing",
        Wait::Backoff { .. } => "Backoff",
        Wait::Stale { .. } => "Stale",
        Wait::Unseen { .. } => "Unseen",
        Wait::Missing { .. } => "Missing",
        Wait::UnknownOutcome { .. } => "UnknownOutcome",
        Wait::Draining { .. } => "Draining",
        Wait::Grace { .. } => "Grace",
        Wait::Readiness { .. } => "Readiness",
        Wait::VolumeHeld { .. } => "VolumeHeld",
        Wait::Frozen(_) => "Frozen",
        Wait::InFlight { .. } => "InFlight",
        Wait::DependsOn { .. } => "DependsOn",
        Wait::Held { .. } => "Held",
        Wait::Unhealed { .. } => "Unhealed",
        Wait::MissingKept { .. } => "MissingKept",
        Wait::Rebooting { .. } => "Rebooting",
        Wait::FarmStopped { .. } => "FarmStopped",
        Wait::Locked { .. } => "Locked",
        Wait::ReadyGate { .. } => "ReadyGate",
        Wait::RolloutPaused { .. } => "RolloutPaused",
        Wait::RolloutCheckpoint { .. } => "RolloutCheckpoint",
        Wait::RolloutHealthy { .. } => "RolloutHealthy",
        Wait::RolloutGate { .. } => "RolloutGate",
        Wait::RolloutKept { .. } => "RolloutKept",
        Wait::RolloutAccount { .. } => "RolloutAccount",
        Wait::RolloutOver { .. } => "RolloutOver",
        Wait::RolloutMissing { .. } => "RolloutMissing",
    }
}

/// Seeds of a long run.
pub const LONG: u64 = 20_000;
/// How often a long run has to reach each thing.
const EACH: u64 = 100;

const KINDS: [StepKind; 7] = [
    StepKind::Launch,
    StepKind::Terminate,
    StepKind::Suspend,
    StepKind::Resume,
    StepKind::Reboot,
    StepKind::Start,
    StepKind::Stop,
];

/// Every step passes through these; only some are ever superseded.
const STATUSES: [StepStatus; 5] = [
    StepStatus::Planned,
    StepStatus::Begun,
    StepStatus::Done,
    StepStatus::Failed,
    StepStatus::Unknown,
];

/// The others are for servers nobody has made yet.
const SERVERS: [ServerStatus; 9] = [
    ServerStatus::PendingLaunch,
    ServerStatus::Pending,
    ServerStatus::Initializing,
    ServerStatus::Running,
    ServerStatus::PendingSuspend,
    ServerStatus::Suspended,
    ServerStatus::Resuming,
    ServerStatus::PendingTerminate,
    ServerStatus::Terminated,
];

/// What was reached less often than a long run has to; a shorter one in proportion.
pub fn thin(tally: &Tally) -> Vec<String> {
    let steps = KINDS.iter().flat_map(|kind| {
        STATUSES.iter().map(|status| format!("{} {}", kind.as_str(), status.as_str()))
    });
    let steps = steps.chain(["launch superseded".to_owned()]).collect();
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let servers: Vec<&str> = SERVERS.iter().map(|status| status.as_str()).collect();
    let faults: Vec<&str> = [weather::BLOWS, sky::FATES].concat();
    let parts: [(&str, &BTreeMap<String, u64>, Vec<String>); 4] = [
        ("fault", &tally.faults, owned(&faults)),
        ("step", &tally.steps, steps),
        ("server", &tally.servers, owned(&servers)),
        ("wait", &tally.waits, owned(WAITS)),
    ];
    let mut out = Vec::new();
    for (what, counts, wanted) in parts {
        for name in wanted {
            let count = counts.get(&name).copied().unwrap_or(0);
            if count * LONG < EACH * tally.seeds.min(LONG) || count == 0 {
                out.push(format!("{what} {name}: {count}"));
            }
        }
    }
    out
}

/// The verdict in words.
pub fn verdict(tally: &Tally) -> String {
    let mut text = format!("each of them {EACH} times in {LONG} seeds: ");
    match thin(tally).as_slice() {
        [] => text.push_str("yes"),
        thin => write!(text, "no: {}", thin.join(", ")).expect("text takes text"),
    }
    text
}
