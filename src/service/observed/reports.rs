//! The last decisions' reasons, kept until the next ones about the same farm roles.

use super::Observed;
use crate::base::{FarmId, FarmRoleId, ServerId};
use crate::model::{Decision, Line};
use std::collections::{BTreeMap, BTreeSet};

/// The last reasons by farm role; those of the farm itself come first.
pub(super) type Report = BTreeMap<Option<FarmRoleId>, Vec<Line>>;

impl Observed {
    /// The last decision's reasons for one farm, also when it changed nothing: those of the farm
    /// itself, and those of these farm roles, or of all with `None`.
    pub fn set_report(
        &self,
        farm: FarmId,
        about: Option<&BTreeSet<FarmRoleId>>,
        lines: impl IntoIterator<Item = Line>,
    ) {
        let mut inner = self.lock();
        let report = inner.reports.entry(farm).or_default();
        match about {
            None => report.clear(),
            Some(roles) => report.retain(|role, _| role.is_some_and(|role| !roles.contains(&role))),
        }
        for line in lines {
            report.entry(line.farm_role).or_default().push(line);
        }
    }

    /// The last decisions' reasons for one farm, farm role after farm role.
    pub fn report(&self, farm: FarmId) -> Vec<Line> {
        let inner = self.lock();
        inner
            .reports
            .get(&farm)
            .into_iter()
            .flat_map(|report| report.values().flatten())
            .cloned()
            .collect()
    }

    /// Those of the last decisions' reasons for one farm that say what something waits for.
    pub fn waits(&self, farm: FarmId) -> Vec<Line> {
        let inner = self.lock();
        let lines =
            inner.reports.get(&farm).into_iter().flat_map(|report| report.values().flatten());
        lines.filter(|line| matches!(line.decision, Decision::Wait(_))).cloned().collect()
    }

    /// The last decisions' reasons about one farm role and its servers.
    pub fn report_of_role(&self, farm: FarmId, role: FarmRoleId) -> Vec<Line> {
        let inner = self.lock();
        let lines = inner.reports.get(&farm).and_then(|report| report.get(&Some(role)));
        lines.cloned().unwrap_or_default()
    }

    /// The last decisions' reasons about one server.
    pub fn report_about(&self, farm: FarmId, role: FarmRoleId, server: ServerId) -> Vec<Line> {
        let inner = self.lock();
        let lines = inner.reports.get(&farm).and_then(|report| report.get(&Some(role)));
        let about = |line: &&Line| line.server == Some(server);
        lines.into_iter().flatten().filter(about).cloned().collect()
    }

    /// Drops the reasons of a farm that is gone.
    pub fn forget_farm(&self, farm: FarmId) {
        self.lock().reports.remove(&farm);
    }
}
