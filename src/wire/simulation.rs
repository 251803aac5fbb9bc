//! A simulation over the API: which past, which rules, and what would have happened.

use crate::base::Millis;
use serde::{Deserialize, Serialize};

/// Body of `POST .../grange/simulations/`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct SimulationRequest {
    /// The YAML text of a manifest with the rules to try.
    pub manifest: String,
    /// Where the period begins: `7d` ago, `2026-11-14`, `2026-11-14T10:30Z`.
    pub from: String,
    /// Where it ends, in the same words; now without it.
    pub to: Option<String>,
    /// How long each row of the answer is, as `1h`; what gives about fifty rows without it.
    pub bucket: Option<String>,
}

/// Its answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SimulationView {
    /// The farm.
    pub farm: String,
    /// Where the period begins, ms UTC.
    pub from: i64,
    /// Where it ends.
    pub to: i64,
    /// How long each row is.
    pub bucket_ms: Millis,
    /// Each farm role of the manifest that has rules.
    pub farm_roles: Vec<SimulatedFarmRoleView>,
    /// What to know of the whole, one line each.
    pub notes: Vec<String>,
}

/// One farm role.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SimulatedFarmRoleView {
    /// `shop/web`.
    pub name: String,
    /// The range and the rules that were tried, one line each.
    pub tried: Vec<String>,
    /// Rows of the period.
    pub buckets: Vec<SimulatedBucketView>,
    /// Changes of the target that the tried rules make.
    pub decisions: Vec<SimulatedDecisionView>,
    /// Changes of the target that were recorded.
    pub really_decided: Vec<SimulatedDecisionView>,
    /// The whole period, as it was.
    pub really: SimulatedTotalView,
    /// The whole period, as it would have been.
    pub what_if: SimulatedTotalView,
    /// When there were no readings.
    pub gaps: Vec<SimulatedGapView>,
    /// What is not known, and what was assumed, one line each.
    pub notes: Vec<String>,
}

/// A row: part of the period.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SimulatedBucketView {
    /// When it begins, ms UTC.
    pub at: i64,
    /// Minutes in it that were recorded.
    pub minutes: u32,
    /// Servers on average, running or starting; null when nothing was recorded.
    pub really: Option<f64>,
    /// As many as there would have been.
    pub what_if: Option<f64>,
    /// Each metric of the rules.
    pub metrics: Vec<SimulatedMetricView>,
}

/// A metric's average over a row.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SimulatedMetricView {
    /// The rule's type.
    pub rule_type: String,
    /// As it was; null when there were no readings.
    pub really: Option<f64>,
    /// As it would have been.
    pub what_if: Option<f64>,
}

/// A change of the target.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SimulatedDecisionView {
    /// When, ms UTC.
    pub at: i64,
    /// From how many servers.
    pub from: u32,
    /// To how many.
    pub to: u32,
    /// Which rule with which values; empty for what was recorded.
    pub why: String,
}

/// The period added up.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SimulatedTotalView {
    /// Hours of servers, running or starting, over the recorded minutes.
    pub server_hours: f64,
    /// Fewest servers in a minute.
    pub fewest: u32,
    /// Most servers in a minute.
    pub most: u32,
    /// Changes of the target.
    pub changes: u32,
    /// Minutes in which the CPU was saturated.
    pub saturated_minutes: u32,
}

/// A stretch without readings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SimulatedGapView {
    /// Its beginning, ms UTC.
    pub from: i64,
    /// The moment after it.
    pub to: i64,
}
