//! The store as its users see it: through [`Store`], on a disk in memory.

use super::{Author, Disk, Index, Mode, Reads, Store, Subject, Table, key};
use crate::base::wake::Waker;
use crate::base::{
    Clock, Code, EnvironmentId, FarmId, ManualClock, Name, Problem, Seq, Timestamp, UserId,
};
use crate::model::{Actor, Cause, Farm, FarmGoal, LaunchOrder};
use std::sync::Arc;

/// A clock that stands at ten seconds.
fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(Timestamp(10_000)))
}

fn inline(disk: &Disk) -> Store {
    Store::open_on(disk, clock(), Mode::Inline(None)).unwrap()
}

fn author(verb: &'static str) -> Author {
    Author::new(&Actor::job("test"), verb, Cause::Request)
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
    let name = name.to_owned();
    let declared = store.write(author("farm.create"), move |tx| {
        let id = tx.next_id::<FarmId>()?;
        tx.put(&farm(id.0, &name))?;
        tx.text(&name, format!("farm {name} declared"));
        Ok(id)
    });
    declared.unwrap()
}

fn named(store: &Store, name: &str) -> Vec<FarmId> {
    let wanted = key::env_name(EnvironmentId(1), &Name::new(name).unwrap());
    let found = store.read(|view| view.by_index::<Farm>(Index::FarmsByName, &wanted));
    found.unwrap().into_iter().map(|found| found.record.id).collect()
}

#[test]
fn a_write_is_there_with_its_entry_and_its_index() {
    let store = inline(&Disk::new());
    let (id, seq) = declare(&store, "shop");
    assert_eq!((id, seq), (FarmId(1), Seq(1)));
    let found = store.read(|view| view.get::<Farm>(id)).unwrap().unwrap();
    assert_eq!((found.revision, found.record), (1, farm(1, "shop")));
    assert_eq!(named(&store, "shop"), [id]);
    assert_eq!(named(&store, "sho"), []);
    let entry = store.entry(seq).unwrap().unwrap();
    assert_eq!(entry.verb, "farm.create");
    assert_eq!((entry.about.as_str(), entry.text.as_str()), ("shop", "farm shop declared"));
    assert_eq!(entry.subjects, [Subject::Farm(id)]);
    assert_eq!(entry.changes.len(), 1);
    assert!(entry.changes[0].before::<Farm>().unwrap().is_none());
    assert_eq!(entry.changes[0].after::<Farm>().unwrap().unwrap().record.id, id);
    assert_eq!(store.entries_about(Subject::Farm(id), None, 10).unwrap(), [entry]);
    assert_eq!(store.verify().unwrap().records, 1);
}

#[test]
fn a_refused_write_leaves_nothing() {
    let store = inline(&Disk::new());
    let refused = store.write(author("farm.create"), |tx| -> Result<(), Problem> {
        let id = tx.next_id::<FarmId>()?;
        tx.put(&farm(id.0, "shop"))?;
        Err(Problem::new(Code::UnicityViolation, "taken"))
    });
    assert_eq!(refused.unwrap_err().code, Code::UnicityViolation);
    assert_eq!(store.last_seq(), Seq(0));
    assert_eq!(named(&store, "shop"), []);
    assert_eq!(declare(&store, "shop"), (FarmId(1), Seq(1)));
}

#[test]
fn a_rename_moves_the_index_row_and_raises_the_revision() {
    let store = inline(&Disk::new());
    let (id, _) = declare(&store, "shop");
    let rename = move |tx: &mut super::Tx<'_>| {
        tx.require_revision::<Farm>(id, Some(1))?;
        Ok(tx.put(&farm(id.0, "store"))?)
    };
    assert_eq!(store.write(author("farm.update"), rename).unwrap(), (2, Seq(2)));
    assert_eq!((named(&store, "shop"), named(&store, "store")), (vec![], vec![id]));
    let stale = store.write(author("farm.update"), rename).unwrap_err();
    assert_eq!(stale.code, Code::RevisionConflict);
    store.verify().unwrap();
}

#[test]
fn wakers_hear_of_their_tables_only() {
    let store = inline(&Disk::new());
    let (farms, servers) = (Waker::new(), Waker::new());
    store.wake_on(&[Table::Farms], farms.clone());
    store.wake_on(&[Table::Servers, Table::Steps], servers.clone());
    let watch = store.watch();
    declare(&store, "shop");
    assert!(farms.take() && !servers.take());
    assert_eq!(*watch.borrow(), 1);
    assert!(clock().now().0 > 0);
}
