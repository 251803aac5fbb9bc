//! Current plans at a glance: what lists say of them, without their reports, which have a line for
//! each server.

use crate::base::{FarmId, FarmRoleId, PlanId, Result};
use crate::model::RoleTarget;
use crate::service::{Service, lookup};
use crate::store::{Reads, View};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A plan without its moves and its report.
#[derive(Clone, Debug, PartialEq)]
pub struct Glance {
    /// Which one.
    pub id: PlanId,
    /// What is wanted of each farm role.
    pub targets: Vec<RoleTarget>,
    /// Why nothing is done in the farm.
    pub freeze: Option<String>,
}

impl Glance {
    /// What is wanted of a farm role.
    pub fn target(&self, farm_role: FarmRoleId) -> Option<&RoleTarget> {
        self.targets.iter().find(|target| target.farm_role == farm_role)
    }
}

/// The last one looked at of each farm, in memory: a plan is never changed, so its id tells
/// whether it is still the current one.
#[derive(Default)]
pub struct Glances {
    known: Mutex<BTreeMap<FarmId, Arc<Glance>>>,
}

impl Glances {
    /// Forgets a farm that is gone.
    pub fn forget(&self, farm: FarmId) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(&farm);
    }
}

/// A farm's current plan at a glance; `None` before its first.
pub fn glance(service: &Service, view: &View, farm: FarmId) -> Result<Option<Arc<Glance>>> {
    let Some(id) = view.current_plan(farm)? else { return Ok(None) };
    let known = || service.observed.glances.known.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(glance) = known().get(&farm).filter(|glance| glance.id == id) {
        return Ok(Some(glance.clone()));
    }
    let found = lookup::plan(view, id)?;
    Ok(found.map(|plan| {
        let glance = Arc::new(Glance { id, targets: plan.targets, freeze: plan.freeze });
        known().insert(farm, glance.clone());
        glance
    }))
}
