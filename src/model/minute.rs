//! What one farm role was like during one minute: what a replay of the past is made from.

use crate::base::{FarmRoleId, Millis, Timestamp};
use crate::model::Metric;

/// The length of a recorded minute.
pub const MINUTE: Millis = 60_000;

/// A farm role during one minute.
#[derive(Clone, Debug, PartialEq)]
pub struct RoleMinute {
    /// The farm role.
    pub farm_role: FarmRoleId,
    /// When the minute began; a whole minute UTC.
    pub at: Timestamp,
    /// Servers that shared the load at its end.
    pub running: u32,
    /// Servers that were wanted and did not share it yet.
    pub starting: u32,
    /// Servers that scaling wanted.
    pub target: u32,
    /// One for each metric that has readings.
    pub readings: Vec<MinuteReading>,
}

/// One metric of a farm role during one minute.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MinuteReading {
    /// The metric.
    pub metric: Metric,
    /// Running servers that sent readings.
    pub have: u32,
    /// The average over them, each weighing the same.
    pub mean: f32,
    /// The highest of their averages.
    pub highest: f32,
}

impl RoleMinute {
    /// The reading of a metric.
    pub fn reading(&self, metric: Metric) -> Option<&MinuteReading> {
        self.readings.iter().find(|reading| reading.metric == metric)
    }

    /// The minute a moment is in.
    pub fn begin(at: Timestamp) -> Timestamp {
        let length = i64::try_from(MINUTE).unwrap_or(i64::MAX);
        Timestamp(at.0.div_euclid(length).saturating_mul(length))
    }
}
