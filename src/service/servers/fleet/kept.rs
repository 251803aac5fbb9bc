//! What is kept of the fleet, and how a change of a record changes it.

use super::{Counts, Part};
use crate::base::{EnvironmentId, FarmId, FarmRoleId, Result, RoleId, Seq, ServerId, Timestamp};
use crate::model::{FarmRole, Grant, Server, ServerStatus};
use crate::service::journal::follow::follow;
use crate::service::{Service, lookup};
use crate::store::{Entry, Table};
use std::collections::{BTreeMap, BTreeSet};

/// What is kept.
#[derive(Default)]
pub(super) struct Kept {
    /// The last entry that is in here; `None` when nothing is known.
    seq: Option<Seq>,
    places: BTreeMap<ServerId, Place>,
    /// Servers not confirmed gone, as lists show them.
    order: BTreeSet<Place>,
    /// Servers confirmed gone, by when.
    gone: BTreeSet<(Timestamp, ServerId)>,
    /// Servers on their way up that no agent's word alone makes running now: without an agent, or
    /// healthy and waiting for their time, also where their farm role asks for none any more.
    gated: BTreeSet<ServerId>,
    traits: BTreeMap<FarmRoleId, Traits>,
    counts: BTreeMap<(EnvironmentId, FarmId), BTreeMap<FarmRoleId, Counts>>,
}

/// Where a server stands in lists: by farm, farm role and index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    env: EnvironmentId,
    farm: FarmId,
    farm_role: FarmRoleId,
    index: u32,
    created_at: Timestamp,
    id: ServerId,
    status: ServerStatus,
    status_at: Timestamp,
    agent: bool,
    /// It is healthy, and waits until it was for long enough.
    healthy: bool,
}

/// What jobs look for in farm roles, so that they read no other.
#[derive(Clone, Copy)]
struct Traits {
    env: EnvironmentId,
    farm: FarmId,
    role: RoleId,
    /// It balances another.
    balances: bool,
    /// Ports of the machine lead to its servers, or they have a way out.
    connected: bool,
    /// The appliance makes its check, from outside.
    checked: bool,
    /// It does something otherwise than its role says, or servers of it may from before.
    overridden: bool,
}

impl Place {
    fn of(server: &Server) -> Place {
        Place {
            farm: server.farm,
            farm_role: server.farm_role,
            index: server.index,
            created_at: server.created_at,
            id: server.id,
            env: server.env,
            status: server.status,
            status_at: server.status_at,
            agent: server.agent,
            healthy: server.healthy_since.is_some(),
        }
    }

    /// Before every server of a farm role.
    fn first(env: EnvironmentId, farm: FarmId, farm_role: FarmRoleId) -> Place {
        Place {
            env,
            farm,
            farm_role,
            index: 0,
            created_at: Timestamp(i64::MIN),
            id: ServerId(0),
            status: ServerStatus::Importing,
            status_at: Timestamp(i64::MIN),
            agent: false,
            healthy: false,
        }
    }

    fn is_gated(&self) -> bool {
        self.status.gets_ready() && (!self.agent || self.healthy)
    }
}

impl Traits {
    fn of(role: &FarmRole) -> Traits {
        Traits {
            env: role.env,
            farm: role.farm,
            role: role.role,
            balances: role.balance.is_some(),
            connected: role.outbound || !role.publish.is_empty(),
            checked: role.ready_check().is_some() && !role.policy.agent,
            overridden: !role.overrides.is_empty()
                || role.history.iter().any(|make| !make.overrides.is_empty()),
        }
    }
}

impl Kept {
    /// What the records say now.
    pub(super) fn read(service: &Service) -> Result<Kept> {
        service.read(&Grant::job("fleet"), |view| {
            let mut kept = Kept { seq: Some(view.last_seq()?), ..Kept::default() };
            lookup::all_servers(view)?.iter().for_each(|server| kept.put(Place::of(server)));
            for farm in lookup::all_farms(view)? {
                let roles = lookup::farm_roles_of(view, farm.id)?;
                kept.traits.extend(roles.iter().map(|role| (role.id, Traits::of(role))));
            }
            Ok(kept)
        })
    }

    /// Takes in what the journal has beyond; false when everything is to be read anew.
    pub(super) fn follow(&mut self, service: &Service) -> Result<bool> {
        // Whatever goes wrong on the way leaves what is of no one moment.
        let Some(seq) = self.seq.take() else { return Ok(false) };
        self.seq = follow(service, seq, |entry| self.take(entry))?;
        Ok(self.seq.is_some())
    }

    fn take(&mut self, entry: &Entry) -> Result<()> {
        for change in entry.changes.iter().filter(|change| change.table == Table::FarmRoles) {
            if let Some(before) = change.before::<FarmRole>()? {
                self.traits.remove(&before.record.id);
            }
            if let Some(after) = change.after::<FarmRole>()? {
                self.traits.insert(after.record.id, Traits::of(&after.record));
            }
        }
        for change in entry.changes.iter().filter(|change| change.table == Table::Servers) {
            if let Some(before) = change.before::<Server>()? {
                self.remove(before.record.id);
            }
            if let Some(after) = change.after::<Server>()? {
                self.put(Place::of(&after.record));
            }
        }
        Ok(())
    }

    fn put(&mut self, place: Place) {
        self.places.insert(place.id, place);
        if !place.status.counts() {
            self.gone.insert((place.status_at, place.id));
            return;
        }
        self.order.insert(place);
        if place.is_gated() {
            self.gated.insert(place.id);
        }
        let roles = self.counts.entry((place.env, place.farm)).or_default();
        roles.entry(place.farm_role).or_default().add(place.status, false);
    }

    fn remove(&mut self, id: ServerId) {
        let Some(place) = self.places.remove(&id) else { return };
        self.gone.remove(&(place.status_at, id));
        self.gated.remove(&id);
        if !self.order.remove(&place) {
            return;
        }
        let Some(roles) = self.counts.get_mut(&(place.env, place.farm)) else { return };
        if let Some(counts) = roles.get_mut(&place.farm_role) {
            counts.take(place.status);
            if counts.total() == 0 {
                roles.remove(&place.farm_role);
            }
        }
        if roles.is_empty() {
            self.counts.remove(&(place.env, place.farm));
        }
    }

    /// Whole farm roles are skipped by their counts, so that the last page costs what the first
    /// does.
    pub(super) fn page(&self, part: Part, mut skip: usize, size: usize) -> (Vec<ServerId>, usize) {
        let (mut ids, mut total) = (Vec::new(), 0);
        let first = (part.env, part.farm.unwrap_or(FarmId(0)));
        let last = (part.env, part.farm.unwrap_or(FarmId(u64::MAX)));
        for ((env, farm), roles) in self.counts.range(first..=last) {
            for (role, counts) in roles {
                if part.farm_role.is_some_and(|asked| asked != *role) {
                    continue;
                }
                let count = part.status.map_or(counts.total(), |status| counts.of(status)) as usize;
                total += count;
                if skip >= count {
                    skip -= count;
                    continue;
                }
                let asked = self
                    .of_role(*env, *farm, *role)
                    .filter(|place| part.status.is_none_or(|status| status == place.status));
                ids.extend(asked.skip(skip).take(size - ids.len()).map(|place| place.id));
                skip = 0;
            }
        }
        (ids, total)
    }

    /// The counts of a farm, or of one farm role of it; `fails` are the servers whose check does.
    pub(super) fn counts(
        &self,
        env: EnvironmentId,
        farm: FarmId,
        role: Option<FarmRoleId>,
        fails: &BTreeSet<ServerId>,
    ) -> Counts {
        let Some(roles) = self.counts.get(&(env, farm)) else { return Counts::default() };
        let mut all = Counts::default();
        let asked = roles.iter().filter(|(id, _)| role.is_none_or(|role| role == **id));
        asked.for_each(|(_, counts)| all.join(counts));
        let is_ours = |place: &Place| {
            place.status == ServerStatus::Running
                && place.farm == farm
                && role.is_none_or(|role| role == place.farm_role)
        };
        // The shorter way, so that all farms together never cost more than all servers.
        let unhealthy = if fails.len() < all.total() as usize {
            fails.iter().filter_map(|id| self.places.get(id)).filter(|place| is_ours(place)).count()
        } else {
            let first = Place::first(env, farm, role.unwrap_or(FarmRoleId(0)));
            let there = self.order.range(first..).take_while(|place| place.farm == farm);
            there.filter(|place| is_ours(place) && fails.contains(&place.id)).count()
        };
        all.with_unhealthy(u32::try_from(unhealthy).unwrap_or(u32::MAX))
    }

    /// Servers on their way up that more is asked of than their agent's word.
    pub(super) fn gated(&self) -> Vec<ServerId> {
        self.gated.iter().copied().collect()
    }

    /// Servers that are up as far as anybody knows, and that the appliance checks from outside.
    pub(super) fn checked(&self) -> Vec<ServerId> {
        let up = [ServerStatus::Initializing, ServerStatus::Resuming, ServerStatus::Running];
        let roles = self.traits.iter().filter(|(_, traits)| traits.checked);
        let servers = roles.flat_map(|(role, of)| self.of_role(of.env, of.farm, *role));
        servers.filter(|s| !s.agent && up.contains(&s.status)).map(|s| s.id).collect()
    }

    /// Farms in which something balances.
    pub(super) fn balanced_farms(&self) -> BTreeSet<FarmId> {
        self.traits.values().filter(|traits| traits.balances).map(|traits| traits.farm).collect()
    }

    /// Farms with servers that are connected with what is outside of the machine.
    pub(super) fn connected_farms(&self) -> BTreeSet<FarmId> {
        self.traits.values().filter(|traits| traits.connected).map(|traits| traits.farm).collect()
    }

    /// Roles that farm roles use now, with the farms they do in.
    pub(super) fn roles_in_use(&self) -> BTreeMap<RoleId, BTreeSet<FarmId>> {
        let mut used: BTreeMap<RoleId, BTreeSet<FarmId>> = BTreeMap::new();
        for traits in self.traits.values() {
            used.entry(traits.role).or_default().insert(traits.farm);
        }
        used
    }

    /// Farms in which a farm role does otherwise than its role says.
    pub(super) fn overridden_farms(&self) -> BTreeSet<FarmId> {
        self.traits.values().filter(|traits| traits.overridden).map(|traits| traits.farm).collect()
    }

    /// Servers that balance others.
    pub(super) fn balancers(&self) -> BTreeSet<ServerId> {
        let roles = self.traits.iter().filter(|(_, traits)| traits.balances);
        let servers = roles.flat_map(|(role, of)| self.of_role(of.env, of.farm, *role));
        servers.map(|server| server.id).collect()
    }

    /// Servers confirmed gone before a moment, and those beyond the last `most`; oldest first.
    pub(super) fn forgettable(&self, before: Timestamp, most: usize) -> Vec<ServerId> {
        let over = self.gone.len().saturating_sub(most);
        let gone = self.gone.iter().enumerate();
        let old = gone.take_while(|(nth, (at, _))| *nth < over || *at < before);
        old.map(|(_, (_, id))| *id).collect()
    }

    fn of_role(
        &self,
        env: EnvironmentId,
        farm: FarmId,
        role: FarmRoleId,
    ) -> impl Iterator<Item = &Place> {
        let places = self.order.range(Place::first(env, farm, role)..);
        places.take_while(move |place| place.farm_role == role)
    }
}
