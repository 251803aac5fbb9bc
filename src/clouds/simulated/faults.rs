//! What a simulated cloud does wrong, and how often.

use crate::base::Millis;
use crate::base::random::Stream;

/// Faults by kind. Percentages are per call, drawn from the cloud's own stream; the default has
/// none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// The call is refused for good, before any effect.
    pub refused_percent: u64,
    /// The call is turned away for now, before any effect.
    pub busy_percent: u64,
    /// The call is lost on its way: no effect, and the caller cannot know.
    pub lost_request_percent: u64,
    /// The call has its effect, and the answer is lost.
    pub lost_answer_percent: u64,
    /// A listing fails.
    pub list_failed_percent: u64,
    /// A launch is accepted and the server never comes up.
    pub stillborn_percent: u64,
    /// Calls the account may make in any one second; none when zero means no limit.
    pub calls_per_second_max: u32,
    /// A new server is missing from listings for so long.
    pub appears_after: Millis,
    /// A dead server is still listed, as it last was, for so long.
    pub lingers_for: Millis,
}

/// What happens to one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Served,
    Refused,
    Busy,
    LostRequest,
    LostAnswer,
}

impl Faults {
    /// Draws the fate of one call; always as many draws, so that changing one percentage does
    /// not shift every later fate.
    pub(super) fn fate(&self, stream: &mut Stream) -> Fate {
        let draws = [
            (self.refused_percent, Fate::Refused),
            (self.busy_percent, Fate::Busy),
            (self.lost_request_percent, Fate::LostRequest),
            (self.lost_answer_percent, Fate::LostAnswer),
        ]
        .map(|(percent, fate)| stream.chance(percent).then_some(fate));
        draws.into_iter().flatten().next().unwrap_or(Fate::Served)
    }
}
