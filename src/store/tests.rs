//! The store as its users see it: through [`Store`], on a disk in memory or in a directory.

mod faults;
mod files;
mod group;
mod history;
mod old;
mod points;
mod rot;
mod sample;
mod scopes;
mod shrinking;
mod storms;
mod tampering;
mod wal;
mod writes;

use super::{Author, Disk, Index, Mode, Purpose, Reads, Store, key};
use crate::base::{EnvironmentId, FarmId, ManualClock, Name, Problem, Seq, Timestamp, UserId};
use crate::model::{Cause, Farm, FarmGoal, Grant, LaunchOrder};
use std::sync::Arc;

/// A clock that stands at ten seconds.
fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(Timestamp(10_000)))
}

fn inline(disk: &Disk) -> Store {
    Store::open_on(disk, clock(), Mode::Inline(None)).unwrap()
}

fn author(verb: &'static str) -> Author {
    Author::new(&Grant::job("test"), verb, Cause::Request, Purpose::Growth)
}

fn farm(id: u64, name: &str) -> Farm {
    Farm {
        id: FarmId(id),
        env: EnvironmentId(1),
        name: Name::new(name).unwrap(),
        description: String::new(),
        launch_order: LaunchOrder::Simultaneous,
        goal: FarmGoal::Terminated,
        removed: false,
        created_at: Timestamp(0),
        created_by: UserId(1),
    }
}

/// Declares a farm, as a verb would.
fn declare(store: &Store, name: &str) -> (FarmId, Seq) {
    try_declare(store, name).unwrap()
}

fn named(store: &Store, name: &str) -> Vec<FarmId> {
    let wanted = key::env_name(EnvironmentId(1), &Name::new(name).unwrap());
    let found =
        store.read(&Grant::job("test"), |view| view.by_index::<Farm>(Index::FarmsByName, &wanted));
    found.unwrap().into_iter().map(|found| found.record.id).collect()
}

/// The same, where it may fail.
fn try_declare(store: &Store, name: &str) -> Result<(FarmId, Seq), Problem> {
    let name = name.to_owned();
    store.write(author("farm.create"), move |tx| {
        let id = tx.next_id::<FarmId>()?;
        tx.put(&farm(id.0, &name))?;
        tx.text(&name, format!("farm {name} declared"));
        Ok(id)
    })
}
