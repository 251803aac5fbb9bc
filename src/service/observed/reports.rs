//! The last decisions' reasons, kept until the next ones about the same farm roles.

use super::Observed;
use crate::base::{FarmId, FarmRoleId, ServerId};
use crate::model::Line;
use std::collections::{BTreeMap, BTreeSet};

/// The last reasons by farm role; those of the farm itself come first.
pub(super) type Report = BTreeMap<Option<FarmRoleId>, Lines>;

/// Reasons in the order of the decision, found by server without looking at the others: a page has
/// a hundred rows, and a farm role thousands of servers.
#[derive(Default)]
pub(super) struct Lines {
    all: Vec<Line>,
    by_server: BTreeMap<ServerId, Vec<usize>>,
}

impl Lines {
    fn push(&mut self, line: Line) {
        if let Some(server) = line.server {
            self.by_server.entry(server).or_default().push(self.all.len());
        }
        self.all.push(line);
    }

    fn about(&self, server: ServerId) -> impl Iterator<Item = &Line> {
        self.by_server.get(&server).into_iter().flatten().map(|nth| &self.all[*nth])
    }
}

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
        let report = inner.reports.get(&farm);
        report
            .into_iter()
            .flat_map(BTreeMap::values)
            .flat_map(|lines| &lines.all)
            .cloned()
            .collect()
    }

    /// The first of the last decisions' reasons for one farm, or for one farm role of it and its
    /// servers, that are worth a word; and how many more of those there are.
    pub fn first_reasons(
        &self,
        farm: FarmId,
        role: Option<FarmRoleId>,
        worth: impl Fn(&Line) -> bool,
        most: usize,
    ) -> (Vec<Line>, usize) {
        let inner = self.lock();
        let report = inner.reports.get(&farm).into_iter().flatten();
        let asked = report.filter(|(about, _)| role.is_none() || role == **about);
        let lines = asked.flat_map(|(_, lines)| &lines.all);
        let mut worth = lines.filter(|line| worth(line));
        let first = worth.by_ref().take(most).cloned().collect();
        (first, worth.count())
    }

    /// The last decisions' reasons about one server.
    pub fn report_about(&self, farm: FarmId, role: FarmRoleId, server: ServerId) -> Vec<Line> {
        let inner = self.lock();
        let lines = inner.reports.get(&farm).and_then(|report| report.get(&Some(role)));
        lines.into_iter().flat_map(|lines| lines.about(server)).cloned().collect()
    }

    /// What servers of a farm wait for before they can be told what their role says.
    pub fn set_work_awaited(&self, farm: FarmId, awaited: BTreeMap<ServerId, String>) {
        let mut inner = self.lock();
        match awaited.is_empty() {
            true => drop(inner.work_awaited.remove(&farm)),
            false => drop(inner.work_awaited.insert(farm, awaited)),
        }
    }

    /// What a server waits for before it can be told what its role says; `None` when it was told.
    pub fn work_awaited(&self, farm: FarmId, server: ServerId) -> Option<String> {
        self.lock().work_awaited.get(&farm)?.get(&server).cloned()
    }

    /// Drops the reasons of a farm that is gone.
    pub fn forget_farm(&self, farm: FarmId) {
        let mut inner = self.lock();
        inner.reports.remove(&farm);
        inner.work_awaited.remove(&farm);
    }
}
