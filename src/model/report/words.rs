//! Reasons in words, each with its numbers and with what ends it: a person, with the command, a
//! clock, with the time that is left, or a reading.

use crate::base::Millis;
use crate::base::time::say;
use crate::model::{BreakerCause, Care, Decision, HealMode, MissingPolicy, Wait};
use std::fmt;

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wait::CoolDown { left } => write!(f, "cool-down: {} left", say(*left)),
            Wait::AtMax { max } => write!(f, "at the maximum of {max}"),
            Wait::AtMin { min } => write!(f, "at the minimum of {min}"),
            Wait::MaxUnconfirmed { max, counted, leaving } => write!(
                f,
                "{counted} of {max} servers are not confirmed gone, {leaving} of them leaving"
            ),
            Wait::NoReadings { have, want } => {
                write!(f, "readings from {have} of {want} servers: never scale in without them")
            }
            Wait::Starting { servers } => write!(f, "{servers} starting: they will share the load"),
            Wait::LaunchOrder { behind } => write!(f, "launch order: {behind} has nothing running"),
            Wait::LeavingOrder { behind } => {
                write!(f, "leaving in reverse: {behind} goes first")
            }
            Wait::AgentSilent { age } => {
                write!(f, "agent silent for {}, but the platform says it runs", say(*age))
            }
            Wait::Replacing { in_flight, allowed } => {
                write!(f, "missing servers given up at once: {in_flight} of {allowed} in flight")
            }
            Wait::Backoff { left, failures } => {
                write!(f, "next try in {} after {failures} failed in a row", say(*left))
            }
            Wait::Stale { age: Some(age) } => {
                write!(f, "last seen {} ago: too old to act", say(*age))
            }
            Wait::Stale { age: None } => f.write_str("not seen since the start: unknown"),
            Wait::Unseen { servers } => {
                write!(f, "stopped, and {servers} others not seen yet: a crash or a power cut?")
            }
            Wait::Missing { age, needed } => {
                write!(f, "missing for {}, {} needed", say(*age), say(*needed))
            }
            Wait::UnknownOutcome { step } => write!(f, "the answer to {step} is lost: listing"),
            Wait::Draining { left } => write!(f, "draining: {} left at most", say(*left)),
            Wait::VolumeHeld { index } => write!(f, "volume {index} is held by a leaving server"),
            Wait::Frozen(reason) => write!(f, "frozen: {reason}"),
            Wait::RolloutPaused { .. }
            | Wait::RolloutCheckpoint { .. }
            | Wait::RolloutHealthy { .. }
            | Wait::RolloutGate { .. }
            | Wait::RolloutKept { .. }
            | Wait::RolloutMissing { .. }
            | Wait::RolloutAccount { .. }
            | Wait::RolloutOver { .. } => f.write_str(&rollout(self).unwrap_or_default()),
            Wait::InFlight { step, age } => write!(f, "{step} under way for {}", say(*age)),
            Wait::Unhealed { .. }
            | Wait::MissingKept { .. }
            | Wait::Locked { .. }
            | Wait::PutToSleep
            | Wait::Readiness { .. }
            | Wait::Surplus { .. }
            | Wait::ReadyGate { .. }
            | Wait::Rebooting { .. }
            | Wait::Grace { .. }
            | Wait::Balancers { .. }
            | Wait::Unhealthy { .. }
            | Wait::RunsAsleep { .. }
            | Wait::Breaker { .. }
            | Wait::Paced { .. }
            | Wait::DependsOn { .. }
            | Wait::Lease { .. }
            | Wait::FarmStopped { .. }
            | Wait::Held { .. } => policy(self, f),
        }
    }
}

/// What a person, a policy or a cloud account is in the way of.
fn policy(wait: &Wait, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match wait {
        Wait::Unhealed { why, heal, restarts } => {
            write!(f, "{why}: {}", Unhealed(*heal, *restarts))
        }
        Wait::Unhealthy { age, care: care @ Care::Unreached { .. } } => {
            write!(f, "no balancer reaches it for {}: {care}", say(*age))
        }
        Wait::Unhealthy { age, care } => write!(f, "its check fails for {}: {care}", say(*age)),
        Wait::MissingKept { age, policy: MissingPolicy::Ignore } => {
            write!(f, "missing for {}: ignored", say(*age))
        }
        Wait::MissingKept { age, policy: MissingPolicy::Flag | MissingPolicy::Terminate } => {
            write!(f, "missing for {}: kept; terminate it to have it replaced", say(*age))
        }
        Wait::Locked { servers } => write!(f, "too many, but {servers} are locked"),
        Wait::Readiness { age, limit } => {
            write!(f, "getting ready for {} of {}", say(*age), say(*limit))
        }
        Wait::PutToSleep => f.write_str("a person put it to sleep"),
        Wait::RunsAsleep { left } => {
            let left = say(*left);
            write!(f, "it runs although it is to sleep: put to sleep again in {left}")
        }
        Wait::Surplus { over, missing: missing @ 1.., .. } => {
            write!(f, "{over} too many: nobody is taken while {missing} of the farm are missing")
        }
        Wait::Surplus { over, healthy, needed, missing: 0 } => {
            write!(f, "{over} too many: nobody may be taken yet, {healthy} of {needed} healthy")
        }
        Wait::ReadyGate { left } => write!(f, "healthy, for {} more", say(*left)),
        Wait::Rebooting { age, limit } => {
            write!(f, "rebooting for {} of {}", say(*age), say(*limit))
        }
        Wait::Grace { left, of } => {
            let (left, of) = (say(*left), say(*of));
            write!(f, "waiting up to {of} for the server to say it is idle: {left} left")
        }
        Wait::Balancers { late, left } => {
            write!(f, "{late} balancers do not know yet: {} left at most", say(*left))
        }
        Wait::Breaker { account, left, failures, cause } => {
            alone(f, account, *left, *failures, *cause)
        }
        Wait::Paced { account, per_minute, left } => {
            let left = say(*left);
            write!(f, "cloud {account} is asked {per_minute} times a minute: {left} to the next")
        }
        Wait::Lease { account, holder: None } => {
            write!(f, "cloud {account}: whether its lease is ours is not known yet")
        }
        Wait::Lease { account, holder: Some(holder) } => {
            write!(f, "cloud {account} is managed by {holder}")
        }
        Wait::FarmStopped { up: 0 } => f.write_str("stopped by a person: until it is started"),
        Wait::FarmStopped { up } => write!(f, "stopped by a person: {up} still up"),
        Wait::DependsOn { on } => write!(f, "depends on {on}, which has nothing running"),
        Wait::Held { what, left: Some(left), reason } => {
            write!(f, "{} is held, {} left: {reason}", what.as_str(), say(*left))
        }
        Wait::Held { what, left: None, reason } => {
            write!(f, "{} is held until it is released: {reason}", what.as_str())
        }
        // The rest is said where all of them are.
        _ => Ok(()),
    }
}

fn alone(
    f: &mut fmt::Formatter<'_>,
    account: &str,
    left: Millis,
    failures: u32,
    cause: BreakerCause,
) -> fmt::Result {
    let why = match cause {
        BreakerCause::Failures => format!("{failures} failed in a row"),
        BreakerCause::Throttled => "it was asked too often".to_owned(),
        BreakerCause::Credentials => "it refuses our credentials".to_owned(),
    };
    match (left, cause) {
        (0, BreakerCause::Failures) => {
            write!(f, "cloud {account} is tried with one call after {why}")
        }
        (0, _) => write!(f, "cloud {account} is tried with one call: {why}"),
        _ => write!(f, "cloud {account} is left alone for {}: {why}", say(left)),
    }
}

/// What is done about a server that failed and keeps its place, after so many restarts.
struct Unhealed(HealMode, u32);

impl fmt::Display for Unhealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unhealed(HealMode::None | HealMode::Replace, _) => {
                f.write_str("kept, nothing is done about it")
            }
            Unhealed(HealMode::Alert, _) => f.write_str("kept, people are told"),
            Unhealed(HealMode::Restart, 0) => {
                f.write_str("a restart cannot help; terminate it to have it replaced")
            }
            Unhealed(HealMode::Restart, restarts) => {
                write!(f, "{restarts} restarts did not help; terminate it to have it replaced")
            }
        }
    }
}

/// What a rollout waits for, in words.
fn rollout(wait: &Wait) -> Option<String> {
    Some(if let Wait::RolloutPaused { ready, of } = wait {
        format!("rollout paused by a person: {ready} of {of} rolled over")
    } else if let Wait::RolloutCheckpoint { percent, left } = wait {
        checkpoint(*percent, *left)
    } else if let Wait::RolloutHealthy { healthy, needed } = wait {
        no_room(*healthy, *needed)
    } else if let Wait::RolloutGate { starting, leaving, ready, of } = wait {
        format!("rollout: {ready} of {of} rolled over, {starting} starting, {leaving} leaving")
    } else if let Wait::RolloutKept { servers } = wait {
        format!("rollout: {servers} locked or asleep keep their revision")
    } else if let Wait::RolloutMissing { servers } = wait {
        format!("rollout: {servers} servers of the farm are missing")
    } else if let Wait::RolloutAccount { account, left } = wait {
        format!("rollout: {account} fails, left alone for {}", say(*left))
    } else if let Wait::RolloutOver { revision, failed } = wait {
        over(*revision, *failed)
    } else {
        return None;
    })
}

fn checkpoint(percent: u32, left: Option<Millis>) -> String {
    match left {
        Some(left) => {
            format!("rollout checkpoint at {percent} %: {} left, or resume it", say(left))
        }
        None => format!("rollout checkpoint at {percent} %: resume it to go on"),
    }
}

fn no_room(healthy: u32, needed: u32) -> String {
    let hint = "a higher maxInstances or a lower minHealthyPercent leaves room";
    format!("rollout: {healthy} healthy and {needed} must stay so; {hint}")
}

fn over(revision: u64, failed: u32) -> String {
    let how = match failed {
        0 => "was aborted".to_owned(),
        failed => format!("failed, {failed} did not get ready"),
    };
    format!("rollout of revision {revision} {how}: resume it or declare another")
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Decision::Keep => f.write_str("keep"),
            Decision::Launch(why) => write!(f, "launch: {why}"),
            Decision::Retire(why) => write!(f, "retire: {why}"),
            Decision::Act(why) => f.write_str(why),
            Decision::Target { from, to, why } => write!(f, "target {from} -> {to}: {why}"),
            Decision::Wait(wait) => write!(f, "wait: {wait}"),
        }
    }
}
