//! What the planning job remembers from one look to the next, so that a look costs what changed.
//!
//! Every farm is kept as a [`FarmImage`], and the journal is followed from a cursor: an entry's
//! changes go into the images and name the farm roles to decide about again. So do the servers of
//! which something was observed, and the farm roles whose time has come: a wait has numbers that
//! move, and the rules of scaling look at readings that come in without a wake; a platform that
//! nobody lists any more is unknown when its last listing is too old. A farm role is decided about
//! with the facts about the others of its farm, which are remembered too; when what they have in
//! common changes, the whole farm is decided about. So whatever changes is in the next decision:
//! `tests/fast/latency` holds each against one that is made from nothing.
//!
//! None of it is needed. Every [`PLAN_PERIOD`] everything is read anew and decided about, as it is
//! at the start, when the journal does not reach back to the cursor, and when too much happened
//! at once. What was remembered is compared with what was read then: a difference is a fault of
//! ours, and told.

use super::Planned;
use super::image::{self, Breakers, FarmImage};
use super::known::FarmPlanner;
use crate::base::limit::PLAN_PERIOD;
use crate::base::problem::chain;
use crate::base::{FarmId, FarmRoleId, Millis, Result, Seq, ServerId, Timestamp};
use crate::model::{Actor, Breaker, Farm, FarmRole, Grant, Hold, Permission, Plan, Server, Step};
use crate::service::journal::follow::follow;
use crate::service::{Service, authorise, lookup};
use crate::store::{Change, CurrentPlan, Entry, Record, Table, Versioned};
use std::collections::BTreeMap;

/// When a farm could not be decided about, it is tried again after this.
const RETRY_AFTER: Millis = 2_000;

/// What the job remembers. A new one knows nothing, and looks at everything.
pub struct Memory {
    /// The last entry that is in the images; `None` when nothing is known.
    seq: Option<Seq>,
    farms: BTreeMap<FarmId, FarmPlanner>,
    homes: BTreeMap<ServerId, (FarmId, FarmRoleId)>,
    breakers: Breakers,
    /// Which platforms were listed lately, and whether any agent is connected.
    fresh: BTreeMap<String, bool>,
    heard: bool,
    /// When everything was last looked at, by the monotonic clock.
    whole_at: Millis,
    /// How often it is.
    whole_every: Millis,
    /// The farm that was decided about last; the next look begins after it, so that one that
    /// panics keeps no other from its turn for ever.
    last: Option<FarmId>,
}

/// What came of one look.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Round {
    /// Everything was looked at, and read anew.
    pub whole: bool,
    /// Farms decided about.
    pub farms: usize,
    /// Farm roles decided about.
    pub farm_roles: usize,
    /// New plans.
    pub committed: usize,
    /// What went wrong, a sentence each.
    pub failures: Vec<String>,
    /// When to look again at the latest.
    pub next: Option<Timestamp>,
}

impl Default for Memory {
    fn default() -> Memory {
        Memory::that_looks_at_everything(PLAN_PERIOD)
    }
}

impl Memory {
    /// One that looks at everything so often, in milliseconds. Tests ask for hardly ever: nothing
    /// that was missed is made up for then.
    pub fn that_looks_at_everything(every: Millis) -> Memory {
        Memory {
            seq: None,
            farms: BTreeMap::new(),
            homes: BTreeMap::new(),
            breakers: Breakers::default(),
            fresh: BTreeMap::new(),
            heard: false,
            whole_at: 0,
            whole_every: every,
            last: None,
        }
    }

    /// Looks once: takes in what changed, and decides about what that touches.
    pub fn round(&mut self, service: &Service, actor: &Actor) -> Result<Round> {
        authorise(actor, Permission::Operate)?;
        let mut round = Round::default();
        let elapsed = service.clock.monotonic();
        let is_time = elapsed.saturating_sub(self.whole_at) >= self.whole_every;
        // Whoever reads the clock first finds out that it was set. That is news about everything,
        // and must be taken with this look, not the next.
        service.watch();
        let news = service.observed.take_news();
        if !self.follow(service)? || is_time {
            round.whole = true;
            self.whole_at = elapsed;
            round.failures.extend(self.read(service)?);
        }
        let fresh = service.observed.fresh_platforms(&*service.clock);
        let heard = service.observed.any_agent_connected();
        let same = self.fresh == fresh && self.heard == heard;
        (self.fresh, self.heard) = (fresh, heard);
        if !same || news.everything {
            self.touch_all();
        }
        for server in &news.servers {
            if let Some((farm, role)) = self.homes.get(server).copied() {
                self.touch(farm, Some(role));
            }
        }
        self.turns(service, actor, elapsed, &mut round);
        Ok(round)
    }

    fn turns(&mut self, service: &Service, actor: &Actor, elapsed: Millis, round: &mut Round) {
        let (mut again, mut soonest) = (None, self.whole_at.saturating_add(self.whole_every));
        soonest = service.observed.next_stale(elapsed).map_or(soonest, |stale| stale.min(soonest));
        let later = self.farms.keys().copied().filter(|id| self.last.is_none_or(|last| *id > last));
        let earlier = self.farms.keys().copied().filter(|id| self.last.is_some_and(|l| *id <= l));
        for id in later.chain(earlier).collect::<Vec<_>>() {
            let Some(known) = self.farms.get_mut(&id) else { continue };
            known.come_due(elapsed);
            if !known.todo.is_empty() {
                self.last = Some(id);
                round.farms += 1;
                round.farm_roles += known.todo.count(&known.image);
                match known.turn(service, actor, &self.breakers) {
                    Ok(Planned::Committed(_)) => {
                        // What is said now is of before it.
                        round.committed += 1;
                        again = Some(elapsed);
                    }
                    Ok(Planned::Unchanged) => {}
                    Ok(Planned::Overtaken) => again = Some(elapsed),
                    Ok(Planned::Refused(reasons)) => {
                        let why = reasons.join("; ");
                        round.failures.push(format!("farm {id}: refused: {why}"));
                    }
                    Err(problem) => {
                        again = again.or(Some(elapsed.saturating_add(RETRY_AFTER)));
                        round.failures.push(format!("farm {id}: {}", chain(&problem)));
                    }
                }
            }
            soonest = known.due.values().copied().fold(soonest, Millis::min);
        }
        let wait = again.map_or(soonest, |again| again.min(soonest)).saturating_sub(elapsed);
        round.next = Some(service.now().after(wait));
    }

    /// Reads everything anew. Says where what was remembered was wrong.
    fn read(&mut self, service: &Service) -> Result<Vec<String>> {
        let now = service.now();
        let (seq, breakers, images) = service.read(&Grant::job("plan"), |view| {
            let mut images = Vec::new();
            for farm in lookup::all_farms(view)? {
                images.extend(FarmImage::load(view, farm.id, now)?);
            }
            Ok((view.last_seq()?, image::breakers(view)?, images))
        })?;
        let mut before = std::mem::take(&mut self.farms);
        let mut wrong = Vec::new();
        self.homes.clear();
        for image in images {
            let id = image.farm.id;
            for (role, crew) in &image.crews {
                self.homes.extend(crew.servers.keys().map(|server| (*server, (id, *role))));
            }
            let mut known = FarmPlanner::new(image);
            if let Some(mut old) = before.remove(&id) {
                old.image.age(now);
                if self.seq == Some(seq) && old.image != known.image {
                    wrong.push(format!("farm {id}: what was remembered of it was wrong"));
                }
                known.alarms = old.alarms;
            }
            self.farms.insert(id, known);
        }
        debug_assert!(wrong.is_empty(), "{wrong:?}");
        (self.seq, self.breakers) = (Some(seq), breakers);
        Ok(wrong)
    }

    /// Takes in what the journal has beyond the cursor; false when everything is to be read.
    fn follow(&mut self, service: &Service) -> Result<bool> {
        // Whatever goes wrong on the way leaves images of no one moment.
        let Some(seq) = self.seq.take() else { return Ok(false) };
        self.seq = follow(service, seq, |entry| self.take(entry))?;
        Ok(self.seq.is_some())
    }

    fn take(&mut self, entry: &Entry) -> Result<()> {
        for change in &entry.changes {
            match change.table {
                Table::Farms => self.take_farm(change)?,
                Table::FarmRoles => self.take_farm_role(change)?,
                Table::Servers => self.take_server(change)?,
                Table::Steps => self.take_step(change)?,
                Table::CurrentPlans => self.take_current(change, entry)?,
                Table::Holds => {
                    let Some((hold, stays)) = either::<Hold>(change)? else { continue };
                    let Some(known) = self.farms.get_mut(&hold.farm) else { continue };
                    known.todo.whole = true;
                    match stays {
                        true => known.image.holds.insert(hold.id, hold),
                        false => known.image.holds.remove(&hold.id),
                    };
                }
                Table::Breakers => {
                    let Some((breaker, stays)) = either::<Breaker>(change)? else { continue };
                    match stays {
                        true => self.breakers.insert(breaker.account.clone(), breaker),
                        false => self.breakers.remove(&breaker.account),
                    };
                    self.touch_all();
                }
                // No image has anything of these.
                Table::Roles
                | Table::RoleRevisions
                | Table::Images
                | Table::CloudAccounts
                | Table::Plans
                | Table::Orders
                | Table::AgentCursors
                | Table::Users
                | Table::Tokens
                | Table::Install
                | Table::Alerts
                | Table::Proposals
                | Table::Volumes
                | Table::Notes
                | Table::Runs
                | Table::RunServers
                | Table::Variables => {}
            }
        }
        Ok(())
    }

    fn take_farm(&mut self, change: &Change) -> Result<()> {
        match either::<Farm>(change)? {
            Some((farm, true)) => {
                let known = self.farms.entry(farm.id);
                let known =
                    known.or_insert_with(|| FarmPlanner::new(FarmImage::bare(farm.clone())));
                known.image.farm = farm;
                known.todo.whole = true;
            }
            Some((farm, false)) => {
                self.farms.remove(&farm.id);
                self.homes.retain(|_, (of, _)| *of != farm.id);
            }
            None => {}
        }
        Ok(())
    }

    fn take_farm_role(&mut self, change: &Change) -> Result<()> {
        let Some((role, stays)) = either::<FarmRole>(change)? else { return Ok(()) };
        let Some(known) = self.farms.get_mut(&role.farm) else { return Ok(()) };
        // What one declares may matter to the others: its name, its place, what it depends on.
        known.todo.whole = true;
        match stays {
            true => known.image.farm_roles.insert(role.id, role),
            false => known.image.farm_roles.remove(&role.id),
        };
        Ok(())
    }

    fn take_server(&mut self, change: &Change) -> Result<()> {
        let Some((server, stays)) = either::<Server>(change)? else { return Ok(()) };
        let (id, farm, role) = (server.id, server.farm, server.farm_role);
        if stays && server.status.counts() {
            self.homes.insert(id, (farm, role));
        } else {
            self.homes.remove(&id);
        }
        let Some(known) = self.farms.get_mut(&farm) else { return Ok(()) };
        known.todo.roles.insert(role);
        match stays {
            true => known.image.put_server(server),
            false => known.image.remove_server(role, id),
        }
        Ok(())
    }

    fn take_step(&mut self, change: &Change) -> Result<()> {
        let Some((step, stays)) = either::<Step>(change)? else { return Ok(()) };
        let Some(known) = self.farms.get_mut(&step.farm) else { return Ok(()) };
        known.todo.roles.insert(step.farm_role);
        match stays {
            true => known.image.put_step(step),
            false => known.image.remove_step(&step),
        }
        Ok(())
    }

    /// The plan is in the entry that made it the current one. Where it wants another number than
    /// the one before, what is said of it is of before.
    fn take_current(&mut self, change: &Change, entry: &Entry) -> Result<()> {
        let Some((current, stays)) = either::<CurrentPlan>(change)? else { return Ok(()) };
        let Some(known) = self.farms.get_mut(&current.farm) else { return Ok(()) };
        let mut found = None;
        for change in entry.changes.iter().filter(|change| change.table == Table::Plans) {
            let plan = change.after::<Plan>()?.map(Versioned::into_record);
            found = plan.filter(|plan| stays && plan.id == current.plan).or(found);
        }
        let targets = |plan: &Option<Plan>| plan.as_ref().map(|plan| plan.targets.clone());
        let before = targets(&known.image.parent).unwrap_or_default();
        let after = targets(&found).unwrap_or_default();
        let changed = after.iter().filter(|target| !before.contains(target));
        known.todo.roles.extend(changed.map(|target| target.farm_role));
        known.image.set_parent(found);
        Ok(())
    }

    fn touch(&mut self, farm: FarmId, role: Option<FarmRoleId>) {
        let Some(known) = self.farms.get_mut(&farm) else { return };
        match role {
            Some(role) => drop(known.todo.roles.insert(role)),
            None => known.todo.whole = true,
        }
    }

    fn touch_all(&mut self) {
        for known in self.farms.values_mut() {
            known.todo.whole = true;
        }
    }
}

/// The record after a change, or the one that was deleted; and whether it is still there.
fn either<R: Record>(change: &Change) -> Result<Option<(R, bool)>> {
    if let Some(after) = change.after::<R>()? {
        return Ok(Some((after.record, true)));
    }
    Ok(change.before::<R>()?.map(|before| (before.record, false)))
}
