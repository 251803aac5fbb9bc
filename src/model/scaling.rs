//! Scaling as declared: a range, and rules that move the target within it.

use crate::base::Millis;
use serde::{Deserialize, Serialize};

/// How many servers a farm role has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScalingPolicy {
    /// Whether the rules apply. Without them the count stays at `min`.
    pub enabled: bool,
    /// Never fewer are wanted.
    pub min: u32,
    /// Never more are asked for: hard, whatever happens (law 1).
    pub max: u32,
    /// When to move the target by one.
    pub rules: Vec<ScalingRule>,
    /// Wait after the last change before scaling out again.
    pub cooldown_up_ms: Millis,
    /// Wait after the last change before scaling in.
    pub cooldown_down_ms: Millis,
}

/// One rule: out above the upper bound, in below the lower one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScalingRule {
    /// What it looks at.
    pub metric: Metric,
    /// Average over the window above this: one more.
    pub scale_up: f64,
    /// Average over the window below this: one fewer.
    pub scale_down: f64,
    /// How far back it looks.
    pub window_ms: Millis,
}

/// What a rule looks at, averaged over the farm role's running servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Metric {
    /// Share of the server's own CPU limit in use, 0 to 100.
    CpuPercent,
    /// Runnable tasks, averaged over one minute.
    LoadAverages,
}

impl Metric {
    /// The series that carries it, as agents name it.
    pub fn series(self) -> &'static str {
        match self {
            Metric::CpuPercent => "cpu_percent",
            Metric::LoadAverages => "load_1m",
        }
    }

    /// What one server counts for at most in the average a rule looks at, so that one of N servers
    /// moves it by no more than this over N, whatever it says. A share has its own ceiling. A load
    /// has none, so it counts up to twice the bound of its rule: the rule wants more servers all
    /// the same, and one that is far busier than the others, or says so, does not speak for them.
    pub fn counts_at_most(self, scale_up: f64) -> f64 {
        match self {
            Metric::CpuPercent => 100.0,
            Metric::LoadAverages => 2.0 * scale_up.max(0.0),
        }
    }

    /// Scalr's `ruleType`.
    pub fn rule_type(self) -> &'static str {
        match self {
            Metric::CpuPercent => "CpuPercent",
            Metric::LoadAverages => "LoadAverages",
        }
    }

    /// All there are, for parsing and messages.
    pub const ALL: [Metric; 2] = [Metric::CpuPercent, Metric::LoadAverages];
}
