//! What a long run has to reach, and how often: a kind of fault that never strikes, a state no step
//! was ever in and a reason nothing ever waited for prove nothing about what comes of them.

use crate::fates;
use crate::names::WAITS;
use crate::tally::Tally;
use crate::weather;
use grange::model::{ServerStatus, StepKind, StepStatus};
use std::collections::BTreeMap;
use std::fmt::Write;

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
    let faults: Vec<&str> = [weather::BLOWS, fates::FATES].concat();
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
