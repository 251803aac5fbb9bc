//! The words of the stories that stand for values of the model.

use grange::model::{
    CloudState, HealMode, HoldKind, Metric, MissingPolicy, ServerStatus, StepKind,
};

pub fn status(word: &str) -> ServerStatus {
    let found = ServerStatus::ALL.into_iter().find(|status| status.as_str() == word);
    found.unwrap_or_else(|| panic!("no server is {word:?}"))
}

pub fn heal(word: &str) -> HealMode {
    match word {
        "none" => HealMode::None,
        "alert" => HealMode::Alert,
        "restart" => HealMode::Restart,
        "replace" => HealMode::Replace,
        other => panic!("nothing is healed by {other:?}"),
    }
}

pub fn missing(word: &str) -> MissingPolicy {
    match word {
        "terminate" => MissingPolicy::Terminate,
        "flag" => MissingPolicy::Flag,
        "ignore" => MissingPolicy::Ignore,
        other => panic!("no policy is {other:?}"),
    }
}

pub fn state(word: &str) -> CloudState {
    match word {
        "pending" => CloudState::Pending,
        "running" => CloudState::Running,
        "stopped" => CloudState::Stopped,
        "suspended" => CloudState::Suspended,
        "terminating" => CloudState::Terminating,
        "gone" => CloudState::Gone,
        other => panic!("no platform says {other:?}"),
    }
}

pub fn kind(word: &str) -> StepKind {
    match word {
        "launch" => StepKind::Launch,
        "terminate" => StepKind::Terminate,
        "suspend" => StepKind::Suspend,
        "resume" => StepKind::Resume,
        "reboot" => StepKind::Reboot,
        "start" => StepKind::Start,
        "stop" => StepKind::Stop,
        other => panic!("no step does {other:?}"),
    }
}

pub fn metric(word: &str) -> Metric {
    match word {
        "cpu" => Metric::CpuPercent,
        "load" => Metric::LoadAverages,
        other => panic!("no metric {other:?}"),
    }
}

pub fn hold_kind(word: &str) -> HoldKind {
    let found = HoldKind::ALL.into_iter().find(|kind| kind.as_str() == word);
    found.unwrap_or_else(|| panic!("nobody can hold {word:?}"))
}
