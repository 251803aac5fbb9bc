//! The cloud accounts that people added, each opened: made anew when its record changes, and gone
//! with it.
//!
//! Each has places of its own for its calls and for its listing, so that one that hangs takes those
//! of nobody else. What is under way when an account changes ends with what it began with.

use crate::base::Waker;
use crate::base::problem::chain;
use crate::clouds::Cloud;
use crate::jobs::{Pool, Ports};
use crate::service::Service;
use crate::service::clouds::registry::{self, opening};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A cloud account as jobs use it.
#[derive(Clone)]
pub struct OpenAccount {
    /// What farm roles and servers call it.
    pub name: String,
    /// What its platform is asked through.
    pub cloud: Arc<dyn Cloud>,
    /// Where its calls run.
    pub calls: Arc<dyn Pool>,
    /// Where it is listed: one place.
    pub listing: Arc<dyn Pool>,
    /// Where its lease is kept: one place.
    pub lease: Arc<dyn Pool>,
}

/// Places of one account: for its calls, for its listing and for its lease.
#[derive(Clone)]
pub struct AccountPlaces {
    /// Where its steps are carried out.
    pub calls: Arc<dyn Pool>,
    /// Where its one listing at a time runs.
    pub listing: Arc<dyn Pool>,
    /// Where its lease is kept, one look at a time.
    pub lease: Arc<dyn Pool>,
}

/// Makes the places of an account.
pub type MakePlaces = Box<dyn Fn() -> AccountPlaces + Send + Sync>;

/// See the module's text. Without a way to make places it opens nothing.
#[derive(Default)]
pub struct Accounts {
    make: Option<MakePlaces>,
    /// Raised when records of accounts changed.
    changed: Waker,
    /// Raised when a call of any of them has ended.
    pub calls_freed: Waker,
    /// Raised when a listing of any of them has ended.
    pub listing_freed: Waker,
    /// By name, each with the revision of the record it was opened from.
    open: Mutex<BTreeMap<String, (u64, OpenAccount)>>,
}

impl Accounts {
    /// Those of a service's records.
    pub fn new(service: &Service, make: MakePlaces) -> Accounts {
        let accounts = Accounts { make: Some(make), ..Accounts::default() };
        service.store.wake_on(&[crate::store::Table::CloudAccounts], accounts.changed.clone());
        accounts.changed.wake();
        accounts
    }

    /// All of them, as their records are now.
    fn all(&self, service: &Service) -> Vec<OpenAccount> {
        let Some(make) = &self.make else { return Vec::new() };
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if self.changed.take() {
            match registry::declared(service) {
                Ok(declared) => self.reopen(service, make, declared, &mut open),
                Err(problem) => {
                    self.changed.wake();
                    tracing::warn!(%problem, "cloud accounts cannot be read");
                }
            }
        }
        open.values().map(|(_, account)| account.clone()).collect()
    }

    fn reopen(
        &self,
        service: &Service,
        make: &MakePlaces,
        declared: Vec<(crate::model::CloudAccount, u64)>,
        open: &mut BTreeMap<String, (u64, OpenAccount)>,
    ) {
        let mut before = std::mem::take(open);
        for (record, revision) in declared {
            let name = record.name.to_string();
            let known = before.remove(&name);
            let same = known.as_ref().is_some_and(|(of, _)| *of == revision);
            if let Some(known) = known.clone().filter(|_| same) {
                open.insert(name, known);
                continue;
            }
            let found = opening(service, &record);
            let why = found.as_ref().err().map(|problem| chain(problem));
            service.observed.set_alert(&format!("opening-{name}"), why.clone());
            let Some((platform, opening)) = found.ok().flatten() else {
                tracing::warn!(%name, platform = record.platform, why, "cannot be opened");
                continue;
            };
            let cloud = match (platform.open)(&opening) {
                Ok(cloud) => cloud,
                Err(fault) => {
                    tracing::warn!(%name, field = fault.field, why = fault.why, "cloud account");
                    continue;
                }
            };
            // It may be another place from now on, where nobody knows whose it is.
            service.observed.leases.forget(&name);
            let AccountPlaces { calls, listing, lease } = match known {
                Some((_, OpenAccount { calls, listing, lease, .. })) => {
                    AccountPlaces { calls, listing, lease }
                }
                None => {
                    let places = make();
                    self.calls_freed.follow(places.calls.freed());
                    self.listing_freed.follow(places.listing.freed());
                    places
                }
            };
            let account = OpenAccount { name: name.clone(), cloud, calls, listing, lease };
            open.insert(name, (revision, account));
        }
        before.keys().for_each(|gone| service.observed.forget_account(gone));
    }
}

impl Ports {
    /// Every cloud account there is, by name.
    pub fn accounts(&self) -> Vec<OpenAccount> {
        let with_machine = self.clouds.iter().filter_map(|(name, cloud)| {
            let (calls, listing) = (self.pool.clone(), self.listings.get(name)?.clone());
            let (name, cloud, lease) = (name.clone(), cloud.clone(), calls.clone());
            Some(OpenAccount { name, cloud, calls, listing, lease })
        });
        with_machine.chain(self.added.all(&self.service)).collect()
    }

    /// The cloud account of a name.
    pub fn account(&self, name: &str) -> Option<OpenAccount> {
        self.accounts().into_iter().find(|account| account.name == name)
    }
}
