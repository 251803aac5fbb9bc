//! Which steps may begin, as far as their cloud accounts are concerned, and when to look again:
//! what spares attempts that the transaction that begins a step would refuse.

use super::accounts::{is_named, is_tried};
use super::lease;
use crate::base::limit::LEASE_PERIOD;
use crate::base::{Millis, Result, StepId, Timestamp};
use crate::model::{Breaker, Grant, Step, StepKind};
use crate::service::plans::pace::Priority;
use crate::service::{Service, lookup};
use crate::store::Reads;
use std::collections::{BTreeMap, BTreeSet};

/// Steps that are due, and when the next one is.
type Due = (Vec<StepId>, Option<Timestamp>);

/// Of the steps that are due, those that their accounts let begin, and when to look again. With
/// nothing wrong and few steps it looks at no server.
pub(in crate::service) fn admissible(
    service: &Service,
    open: &[Step],
    due: Due,
    now: Timestamp,
) -> Result<Due> {
    let (ready, next) = due;
    let elapsed = service.clock.monotonic();
    let grant = Grant::job("execute");
    let mut breakers = service.read(&grant, lookup::breakers)?;
    breakers.retain(|breaker| breaker.open_until.is_some());
    let names = service.read(&grant, |view| account_names(service, view))?;
    let room = names.iter().map(|name| service.pace.room(name, Priority::Usual, elapsed)).min();
    let unleased = unleased(service, names.iter())?;
    let is_open = breakers.is_empty() && unleased.is_empty();
    if is_open && room.is_some_and(|room| ready.len() as u64 <= room) {
        return Ok((ready, next));
    }
    let breakers = breakers.into_iter().map(|b| (b.account.clone(), b)).collect();
    let (through, full) = (Vec::new(), BTreeSet::new());
    let (room, trials, accounts) = (BTreeMap::new(), BTreeMap::new(), names.len());
    let mut filter = AdmissionFilter {
        service,
        now,
        elapsed,
        accounts,
        unleased,
        breakers,
        room,
        full,
        trials,
        through,
        next,
    };
    let ready: BTreeSet<StepId> = ready.into_iter().collect();
    service.read(&grant, |view| {
        open.iter().filter(|step| ready.contains(&step.id)).try_for_each(|s| filter.take(view, s))
    })?;
    let trials = filter.trials.into_values().map(|(_, step)| step);
    filter.through.extend(trials);
    Ok((filter.through, filter.next))
}

/// Every account there is, in whichever environment.
fn account_names(service: &Service, read: &impl Reads) -> Result<Vec<String>> {
    let declared = lookup::cloud_accounts(read)?.into_iter().map(|one| one.name.to_string());
    Ok(service.settings.platforms.keys().cloned().chain(declared).collect())
}

/// Accounts in which nothing may begin, since their lease is not ours.
fn unleased<'a>(
    service: &Service,
    names: impl Iterator<Item = &'a String>,
) -> Result<BTreeSet<String>> {
    let mut unleased = BTreeSet::new();
    for name in names {
        if !lease::may_call(service, name)? {
            unleased.insert(name.clone());
        }
    }
    Ok(unleased)
}

struct AdmissionFilter<'a> {
    service: &'a Service,
    now: Timestamp,
    elapsed: Millis,
    /// How many accounts there are.
    accounts: usize,
    /// Those whose lease is not ours.
    unleased: BTreeSet<String>,
    /// Those that are open.
    breakers: BTreeMap<String, Breaker>,
    room: BTreeMap<(String, Priority), u64>,
    /// Accounts with no room left for usual steps.
    full: BTreeSet<String>,
    /// The step to try an account with; one of a farm role that has not failed goes first.
    trials: BTreeMap<String, (bool, StepId)>,
    through: Vec<StepId>,
    next: Option<Timestamp>,
}

impl AdmissionFilter<'_> {
    fn take(&mut self, read: &impl Reads, step: &Step) -> Result<()> {
        let all_full = self.full.len() >= self.accounts;
        if all_full && step.kind != StepKind::Terminate {
            return Ok(());
        }
        let Some(server) = lookup::server(read, step.server)? else {
            self.through.push(step.id);
            return Ok(());
        };
        if self.unleased.contains(&server.account) {
            self.look_again_in(LEASE_PERIOD);
            return Ok(());
        }
        if let Some(breaker) = self.breakers.get(&server.account) {
            match breaker.left(self.now).unwrap_or(0) {
                _ if is_named(read, step, &server)? => self.through.push(step.id),
                0 if is_tried(read, breaker)? => {}
                0 => {
                    let wish = (breaker.farm_roles.contains(&step.farm_role), step.id);
                    let best = self.trials.entry(server.account).or_insert(wish);
                    *best = wish.min(*best);
                }
                left => self.look_again_in(left),
            }
            return Ok(());
        }
        let (pace, claim) = (&self.service.pace, Priority::of(step, &server));
        let account = server.account;
        let fresh = || pace.room(&account, claim, self.elapsed);
        let room = self.room.entry((account.clone(), claim)).or_insert_with(fresh);
        if *room > 0 {
            *room -= 1;
            self.through.push(step.id);
            return Ok(());
        }
        let left = pace.left(&account, claim, self.elapsed);
        if claim == Priority::Usual {
            self.full.insert(account);
        }
        // With room now and none left for this one, the next comes as fast as the pace is.
        self.look_again_in(left.max(1));
        Ok(())
    }

    fn look_again_in(&mut self, left: Millis) {
        let at = self.now.after(left);
        self.next = Some(self.next.map_or(at, |next| next.min(at)));
    }
}
