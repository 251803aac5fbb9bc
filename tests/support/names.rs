//! Names of the kinds of things that tests have to reach all of.

use grange::model::Wait;

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

names! {
    /// A reason to wait, without its numbers.
    pub fn wait(Wait), WAITS {
        Wait::Breaker { .. } => "Breaker",
        Wait::Paced { .. } => "Paced",
        Wait::Lease { .. } => "Lease",
        Wait::CoolDown { .. } => "CoolDown",
        Wait::Unhealthy { .. } => "Unhealthy",
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
        Wait::PutToSleep => "PutToSleep",
        Wait::ReadyGate { .. } => "ReadyGate",
        Wait::RolloutPaused { .. } => "RolloutPaused",
        Wait::RolloutCheckpoint { .. } => "RolloutCheckpoint",
        Wait::RolloutHealthy { .. } => "RolloutHealthy",
        Wait::RolloutGate { .. } => "RolloutGate",
        Wait::RolloutKept { .. } => "RolloutKept",
        Wait::RolloutAccount { .. } => "RolloutAccount",
        Wait::RolloutOver { .. } => "RolloutOver",
        Wait::RolloutMissing { .. } => "RolloutMissing",
        Wait::Surplus { .. } => "Surplus",
        Wait::Balancers { .. } => "Balancers",
        Wait::RunsAsleep { .. } => "RunsAsleep",
    }
}
