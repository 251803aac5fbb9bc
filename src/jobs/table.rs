//! The one list of jobs: name, purpose, period, and what wakes each.

use crate::base::limit::{
    LEASE_PERIOD, LISTING_PERIOD, PLAN_PERIOD, STORE_SCRUB_PERIOD, VOLUMES_PERIOD,
};
use crate::base::{Millis, Waker};
use crate::jobs::{
    Job, Ports, balancers, examine, execute, holds, index, lease, minutes, observe, orders, plan,
    publish, ready, scrub, tell, upkeep, volumes, workloads,
};
use crate::store::Table;

/// One job, as data.
pub struct Row {
    /// Its name.
    pub name: &'static str,
    /// What it is for, for the status page.
    pub description: &'static str,
    /// It runs at least this often, even if nobody wakes it.
    pub period: Millis,
    /// Commits to these tables wake it.
    pub tables: &'static [Table],
    /// What else wakes it.
    pub also: Also,
    /// Makes it.
    pub make: fn() -> Box<dyn Job>,
}

/// What wakes a job besides commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Also {
    /// Nothing.
    Nothing,
    /// A changed sighting or agent.
    Observation,
    /// The same, or a place that is free for another check.
    Checks,
    /// A place that is free for another cloud call.
    Calls,
    /// An agent that connected.
    Connection,
    /// Somebody who wants the clouds listed now, or a listing that has ended.
    Listing,
}

impl Also {
    /// A waker of a job's own, raised with the service's of that name: jobs that shared one
    /// would take each other's wakes.
    pub fn waker(self, ports: &Ports) -> Waker {
        let (waker, service) = (Waker::new(), &ports.service);
        match self {
            Also::Nothing => {}
            Also::Observation => waker.follow(&service.observation),
            Also::Checks => {
                waker.follow(&service.observation);
                waker.follow(ports.checks.freed());
            }
            Also::Calls => {
                waker.follow(ports.pool.freed());
                waker.follow(&ports.added.calls_freed);
            }
            Also::Connection => waker.follow(&service.connection),
            Also::Listing => {
                waker.follow(&service.listing);
                ports.listings.values().for_each(|pool| waker.follow(pool.freed()));
                waker.follow(&ports.added.listing_freed);
            }
        }
        waker
    }
}

/// Every job there is.
pub const ROWS: [Row; 17] = [
    Row {
        name: "lease",
        description: "keeps the leases of cloud accounts, and finds out whose they are",
        period: LEASE_PERIOD,
        tables: &[Table::CloudAccounts],
        also: Also::Nothing,
        make: || Box::<lease::KeepLeases>::default(),
    },
    Row {
        name: "observe",
        description: "lists the clouds and commits what a listing proves",
        period: LISTING_PERIOD,
        tables: &[Table::CloudAccounts],
        also: Also::Listing,
        make: || Box::<observe::Observe>::default(),
    },
    Row {
        name: "examine",
        description: "looks at what servers stand on, and tells what is not well",
        period: 10_000,
        tables: &[],
        also: Also::Nothing,
        make: || Box::new(examine::Examine),
    },
    Row {
        name: "ready",
        description: "checks servers without an agent, and counts as running what is healthy",
        period: PLAN_PERIOD,
        tables: &[Table::FarmRoles, Table::Servers],
        also: Also::Checks,
        make: || Box::new(ready::Ready),
    },
    Row {
        name: "plan",
        description: "decides for each farm what is to change, and why not",
        period: PLAN_PERIOD,
        tables: &[
            Table::Farms,
            Table::FarmRoles,
            Table::Servers,
            Table::Steps,
            Table::Holds,
            Table::Breakers,
        ],
        also: Also::Observation,
        make: || Box::<plan::PlanFarms>::default(),
    },
    Row {
        name: "execute",
        description: "begins planned steps and commits what came of them",
        period: PLAN_PERIOD,
        tables: &[Table::Steps, Table::Breakers],
        also: Also::Calls,
        make: || Box::new(execute::Execute),
    },
    Row {
        name: "holds",
        description: "ends holds that are over, and tells before and after",
        period: PLAN_PERIOD,
        tables: &[Table::Holds],
        also: Also::Nothing,
        make: || Box::new(holds::Holds::default()),
    },
    Row {
        name: "balancers",
        description: "orders balancers to have the file the topology asks for",
        period: PLAN_PERIOD,
        tables: &[
            Table::FarmRoles,
            Table::Holds,
            Table::Servers,
            Table::Orders,
            Table::AgentCursors,
        ],
        also: Also::Nothing,
        make: || Box::<balancers::Balancers>::default(),
    },
    Row {
        name: "workloads",
        description: "orders servers to do what their roles say as the farm is now",
        period: PLAN_PERIOD,
        tables: &[Table::FarmRoles, Table::Servers, Table::Orders, Table::Variables],
        // The next has its turn when the one before it is ready again.
        also: Also::Observation,
        make: || Box::<workloads::Workloads>::default(),
    },
    Row {
        name: "publish",
        description: "lets ports of the machine lead to servers that serve, and servers out",
        period: PLAN_PERIOD,
        tables: &[Table::Farms, Table::FarmRoles, Table::Servers],
        also: Also::Observation,
        make: || Box::<publish::PublishPorts>::default(),
    },
    Row {
        name: "orders",
        description: "sends open orders to connected agents, and gives up late ones",
        period: 10_000,
        // Orders of a server that is gone are given up at once.
        tables: &[Table::Orders, Table::Servers],
        also: Also::Connection,
        make: || Box::<orders::SendOrders>::default(),
    },
    Row {
        name: "tell",
        description: "tells agents where the appliance is, when that has changed",
        period: 10_000,
        tables: &[],
        also: Also::Observation,
        make: || Box::new(tell::Tell),
    },
    Row {
        name: "index",
        description: "adds new journal entries to the search index",
        period: 5_000,
        tables: &[],
        also: Also::Nothing,
        make: || Box::<index::IndexJournal>::default(),
    },
    Row {
        name: "volumes",
        description: "lists data volumes, and destroys those that a person wants gone",
        period: VOLUMES_PERIOD,
        tables: &[Table::Volumes],
        also: Also::Calls,
        make: || Box::<volumes::Volumes>::default(),
    },
    Row {
        name: "upkeep",
        description: "removes what is long gone and trims the journal",
        period: 60_000,
        tables: &[],
        also: Also::Nothing,
        make: || Box::<upkeep::Upkeep>::default(),
    },
    Row {
        name: "minutes",
        description: "records each minute what every farm role was like, for simulate",
        period: 60_000,
        tables: &[],
        also: Also::Nothing,
        make: || Box::<minutes::RecordMinutes>::default(),
    },
    Row {
        name: "scrub",
        description: "reads everything in the store, to meet damage early",
        period: STORE_SCRUB_PERIOD,
        tables: &[],
        also: Also::Nothing,
        make: || Box::<scrub::ReadEverything>::default(),
    },
];
