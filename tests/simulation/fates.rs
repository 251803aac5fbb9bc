//! What becomes of calls and listings, by name.

use grange::clouds::{CloudError, CloudStep};
use grange::model::StepKind;

/// What a call asks for.
pub fn kind(step: &CloudStep) -> StepKind {
    match step {
        CloudStep::Launch(_) => StepKind::Launch,
        CloudStep::Terminate(_) => StepKind::Terminate,
        CloudStep::Suspend(_) => StepKind::Suspend,
        CloudStep::Resume(_) => StepKind::Resume,
        CloudStep::Reboot(_) => StepKind::Reboot,
        CloudStep::Start(_) => StepKind::Start,
        CloudStep::Stop(_) => StepKind::Stop,
    }
}

/// What can happen to a call or a listing.
pub const FATES: &[&str] = &[
    "answer doubled",
    "answer overtaken",
    "call cut off",
    "call refused",
    "call throttled",
    "call turned away",
    "call unanswered",
    "call outlived the appliance",
    "crash before-commit",
    "crash in-commit",
    "crash after-commit",
    "crash before-call",
    "crash after-call",
    "listing cut off",
    "listing incomplete",
    "request doubled",
    "listing throttled",
    "listing unanswered",
    "farm role really left out of listings",
    "one of two clouds is cut off",
];

/// What became of a call or a listing that failed.
pub fn fate(name: &str, error: &CloudError) -> String {
    match error {
        CloudError::Refused(_) | CloudError::NotFound(_) => format!("{name} refused"),
        CloudError::Throttled { .. } => format!("{name} throttled"),
        CloudError::Busy(_) => format!("{name} turned away"),
        CloudError::NoCapacity(_) | CloudError::Quota(_) => format!("{name} had no room"),
        CloudError::Credentials(_) => format!("{name} was not let in"),
        CloudError::Unknown(_) => format!("{name} unanswered"),
    }
}
