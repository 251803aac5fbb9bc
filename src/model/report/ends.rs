//! What ends a wait: a person, a clock, or something that is seen, said or answered.

use crate::model::{Care, MissingPolicy, Wait};

/// What ends a wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// A person, with this command; empty where what they would change is said already.
    Person(String),
    /// A time that runs out.
    Clock,
    /// Readings.
    Reading,
    /// A listing of the cloud.
    Sighting,
    /// What agents say of their servers.
    Agent,
    /// The cloud's answer.
    Cloud,
}

impl End {
    /// Its name, as stories print it.
    pub fn as_str(&self) -> &'static str {
        match self {
            End::Person(_) => "person",
            End::Clock => "clock",
            End::Reading => "reading",
            End::Sighting => "sighting",
            End::Agent => "agent",
            End::Cloud => "cloud",
        }
    }
}

impl Wait {
    /// What ends it, when it is said of `about` (`shop`, `shop/web`, `shop/web-3`).
    pub fn ends(&self, about: &str) -> End {
        match self {
            Wait::AtMax { .. } | Wait::AtMin { .. } | Wait::NoReadings { .. } => End::Reading,
            Wait::Starting { .. }
            | Wait::LaunchOrder { .. }
            | Wait::DependsOn { .. }
            | Wait::AgentSilent { .. }
            | Wait::Readiness { .. }
            | Wait::Rebooting { .. }
            | Wait::Balancers { .. }
            | Wait::Unhealthy {
                care: Care::All { .. } | Care::Unreached { .. } | Care::Alone | Care::Turn { .. },
                ..
            }
            | Wait::RolloutGate { .. } => End::Agent,
            Wait::MaxUnconfirmed { .. }
            | Wait::LeavingOrder { .. }
            | Wait::Replacing { .. }
            | Wait::Stale { .. }
            | Wait::Unseen { .. }
            | Wait::Missing { .. }
            | Wait::MissingKept { policy: MissingPolicy::Ignore, .. }
            | Wait::UnknownOutcome { .. }
            | Wait::VolumeHeld { .. }
            | Wait::Frozen(_)
            | Wait::Surplus { .. }
            | Wait::RolloutMissing { .. } => End::Sighting,
            Wait::CoolDown { .. }
            | Wait::Backoff { .. }
            | Wait::RunsAsleep { .. }
            | Wait::Draining { .. }
            | Wait::Grace { .. }
            | Wait::ReadyGate { .. }
            | Wait::Breaker { .. }
            | Wait::Paced { .. }
            | Wait::Lease { holder: None, .. }
            | Wait::Held { left: Some(_), .. }
            | Wait::RolloutCheckpoint { left: Some(_), .. }
            | Wait::Unhealthy { care: Care::Replace { .. } | Care::Restart { .. }, .. }
            | Wait::RolloutAccount { .. } => End::Clock,
            Wait::InFlight { .. } | Wait::FarmStopped { up: 1.. } => End::Cloud,
            Wait::Held { .. }
            | Wait::Unhealed { .. }
            | Wait::Unhealthy { .. }
            | Wait::MissingKept { .. }
            | Wait::Locked { .. }
            | Wait::PutToSleep
            | Wait::FarmStopped { .. }
            | Wait::RolloutPaused { .. }
            | Wait::RolloutCheckpoint { .. }
            | Wait::RolloutHealthy { .. }
            | Wait::RolloutKept { .. }
            | Wait::Lease { holder: Some(_), .. }
            | Wait::RolloutOver { .. } => End::Person(self.command(about)),
        }
    }

    /// What a person says to end it.
    fn command(&self, about: &str) -> String {
        match self {
            // The hold may be on the farm role or on its farm.
            Wait::Held { .. } => "grange holds, grange hold release".to_owned(),
            Wait::Unhealed { .. } | Wait::Unhealthy { .. } | Wait::MissingKept { .. } => {
                format!("grange server terminate {about}")
            }
            Wait::Locked { .. } => "grange server unlock SERVER".to_owned(),
            Wait::PutToSleep => format!("grange server resume {about}"),
            Wait::FarmStopped { .. } => format!("grange farm start {about}"),
            Wait::Lease { account, .. } => format!("grange cloud take {account}"),
            Wait::RolloutKept { .. } => "grange server unlock SERVER, or resume".to_owned(),
            Wait::RolloutPaused { .. }
            | Wait::RolloutCheckpoint { .. }
            | Wait::RolloutOver { .. } => format!("grange rollout resume {about}"),
            // What to declare instead is in its words, and the rest needs nobody.
            _ => String::new(),
        }
    }
}
