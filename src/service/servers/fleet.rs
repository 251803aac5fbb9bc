//! The fleet at a glance: where each server stands in lists, how many of each status every farm
//! role has, which servers jobs have to look at, and whose records are only kept for people to ask
//! about.
//!
//! Kept in memory and brought up to date from the journal when it is asked, so that a page of a
//! list costs its rows, a count next to nothing, and one server's change reads no other, however
//! many there are. None of it is needed: where the journal does not reach back, every record is
//! read anew, as after a start.

mod counts;
mod kept;

pub use self::counts::Counts;
use self::kept::Kept;
use crate::base::{EnvironmentId, FarmId, FarmRoleId, Result, RoleId, ServerId, Timestamp};
use crate::model::{Farm, FarmRole, ServerStatus};
use crate::service::Service;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

/// What is kept of the fleet, behind one short lock.
#[derive(Default)]
pub struct Fleet {
    kept: Mutex<Kept>,
}

/// Which servers a page is of.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// Of this environment.
    pub env: EnvironmentId,
    /// Of this farm.
    pub farm: Option<FarmId>,
    /// Of this farm role.
    pub farm_role: Option<FarmRoleId>,
    /// Of this status; otherwise all that are not confirmed gone.
    pub status: Option<ServerStatus>,
}

impl Fleet {
    /// `size` servers in the order of lists, after the first `skip`; and how many there are of
    /// that part.
    pub fn page(
        &self,
        service: &Service,
        part: Part,
        skip: usize,
        size: usize,
    ) -> Result<(Vec<ServerId>, usize)> {
        self.ask(service, |kept| kept.page(part, skip, size))
    }

    /// The counts of a farm.
    pub fn of_farm(&self, service: &Service, farm: &Farm) -> Result<Counts> {
        self.ask(service, |kept| {
            service.observed.with_failing(|fails| kept.counts(farm.env, farm.id, None, fails))
        })
    }

    /// The counts of a farm role.
    pub fn of_farm_role(&self, service: &Service, role: &FarmRole) -> Result<Counts> {
        let (env, farm, id) = (role.env, role.farm, Some(role.id));
        self.ask(service, |kept| {
            service.observed.with_failing(|fails| kept.counts(env, farm, id, fails))
        })
    }

    /// How many servers of an environment are not confirmed gone.
    pub fn len(&self, service: &Service, env: EnvironmentId) -> Result<usize> {
        let all = Part { env, farm: None, farm_role: None, status: None };
        self.ask(service, |kept| kept.page(all, 0, 0).1)
    }

    /// Servers on their way up that more is asked of than their agent's word.
    pub fn gated(&self, service: &Service) -> Result<Vec<ServerId>> {
        self.ask(service, Kept::gated)
    }

    /// Servers that are up as far as anybody knows, and that the appliance checks from outside.
    pub fn checked(&self, service: &Service) -> Result<Vec<ServerId>> {
        self.ask(service, Kept::checked)
    }

    /// Farms in which something balances.
    pub fn balanced_farms(&self, service: &Service) -> Result<BTreeSet<FarmId>> {
        self.ask(service, Kept::balanced_farms)
    }

    /// Farms with servers that are connected with what is outside of the machine.
    pub fn connected_farms(&self, service: &Service) -> Result<BTreeSet<FarmId>> {
        self.ask(service, Kept::connected_farms)
    }

    /// Roles that farm roles use now, with the farms they do in.
    pub fn roles_in_use(&self, service: &Service) -> Result<BTreeMap<RoleId, BTreeSet<FarmId>>> {
        self.ask(service, Kept::roles_in_use)
    }

    /// Farms in which a farm role does otherwise than its role says.
    pub fn overridden_farms(&self, service: &Service) -> Result<BTreeSet<FarmId>> {
        self.ask(service, Kept::overridden_farms)
    }

    /// Servers that balance others.
    pub fn balancers(&self, service: &Service) -> Result<BTreeSet<ServerId>> {
        self.ask(service, Kept::balancers)
    }

    /// Servers confirmed gone before a moment, and those beyond the last `most`; oldest first.
    pub fn forgettable(
        &self,
        service: &Service,
        before: Timestamp,
        most: usize,
    ) -> Result<Vec<ServerId>> {
        self.ask(service, |kept| kept.forgettable(before, most))
    }

    fn ask<T>(&self, service: &Service, question: impl FnOnce(&Kept) -> T) -> Result<T> {
        // What a panic left behind knows no last entry, and is read anew.
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if !kept.follow(service)? {
            *kept = Kept::read(service)?;
        }
        Ok(question(&kept))
    }
}
