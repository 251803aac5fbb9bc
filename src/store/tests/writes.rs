//! What a write does and does not leave behind.

use super::{author, declare, farm, inline, named};
use crate::base::wake::Waker;
use crate::base::{Code, FarmId, Problem, Seq, ServerId};
use crate::model::Farm;
use crate::model::{AgentCursor, Grant};
use crate::store::{Disk, Index, Reads, Subject, Table, Tx};

#[test]
fn a_write_is_there_with_its_entry_and_its_index() {
    let store = inline(&Disk::new());
    let (id, seq) = declare(&store, "shop");
    assert_eq!((id, seq), (FarmId(1), Seq(1)));
    let found = store.read(&Grant::job("test"), |view| view.get::<Farm>(id)).unwrap().unwrap();
    assert_eq!((found.revision, found.record), (1, farm(1, "shop")));
    assert_eq!(named(&store, "shop"), [id]);
    assert_eq!(named(&store, "sho"), []);
    let entry = store.entry(&Grant::job("test"), seq).unwrap().unwrap();
    assert_eq!(entry.verb, "farm.create");
    assert_eq!((entry.about.as_str(), entry.text.as_str()), ("shop", "farm shop declared"));
    let env = Subject::Environment(crate::base::EnvironmentId(1));
    assert_eq!(entry.subjects, [Subject::Farm(id), env]);
    assert_eq!(entry.changes.len(), 1);
    assert!(entry.changes[0].before::<Farm>().unwrap().is_none());
    assert_eq!(entry.changes[0].after::<Farm>().unwrap().unwrap().record.id, id);
    assert_eq!(
        store.entries_about(&Grant::job("test"), Subject::Farm(id), None, 10).unwrap(),
        [entry]
    );
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
    let rename = move |tx: &mut Tx<'_>| {
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
}

#[test]
fn a_write_that_changes_nothing_leaves_no_entry() {
    let store = inline(&Disk::new());
    let (id, seq) = declare(&store, "shop");
    let same = store.write(author("farm.update"), move |tx| Ok(tx.put(&farm(id.0, "shop"))?));
    assert_eq!(same.unwrap(), (1, seq));
    let there_and_back = store.write(author("farm.update"), move |tx| {
        tx.put(&farm(id.0, "store"))?;
        tx.put(&farm(id.0, "shop"))?;
        tx.put(&farm(9, "brief"))?;
        assert!(tx.delete::<Farm>(FarmId(9))?);
        Ok(())
    });
    assert_eq!(there_and_back.unwrap(), ((), seq));
    assert_eq!(store.entries(&Grant::job("test"), Seq(0), 10).unwrap().len(), 1);
    assert_eq!((named(&store, "shop"), named(&store, "store")), (vec![id], vec![]));
    store.verify().unwrap();
}

#[test]
fn a_write_sees_what_it_wrote() {
    let store = inline(&Disk::new());
    declare(&store, "a");
    declare(&store, "b");
    let seen = store.write(author("test"), |tx: &mut Tx<'_>| {
        let id = tx.next_id::<FarmId>()?;
        tx.put(&farm(id.0, "c"))?;
        tx.delete::<Farm>(FarmId(1))?;
        tx.put(&farm(2, "d"))?;
        let ids = |found: Vec<crate::store::Versioned<Farm>>| -> Vec<u64> {
            found.into_iter().map(|f| f.record.id.0).collect()
        };
        let names = tx.by_index::<Farm>(Index::FarmsByName, &1u64.to_be_bytes())?;
        let first = tx.scan::<Farm>(None, 1)?;
        let rest = tx.scan::<Farm>(Some(FarmId(2)), 9)?;
        Ok((tx.count::<Farm>()?, ids(tx.all()?), ids(names), ids(first), ids(rest)))
    });
    let (count, all, names, first, rest) = seen.unwrap().0;
    assert_eq!((count, all, names), (2, vec![2, 3], vec![3, 2]));
    assert_eq!((first, rest), (vec![2], vec![3]));
    let entry = store.entry(&Grant::job("test"), Seq(3)).unwrap().unwrap();
    let kinds: Vec<(bool, bool)> =
        entry.changes.iter().map(|c| (c.before.is_some(), c.after.is_some())).collect();
    assert_eq!(kinds, [(true, false), (true, true), (false, true)]);
    store.verify().unwrap();
}

#[test]
fn current_plans_and_cursors_are_records_too() {
    let store = inline(&Disk::new());
    let cursor = AgentCursor { server: ServerId(7), boot: "b".to_owned(), seq: 3, told: None };
    let wanted = cursor.clone();
    store
        .write(author("test"), move |tx| {
            tx.set_current_plan(FarmId(1), crate::base::PlanId(4))?;
            Ok(tx.put(&cursor)?)
        })
        .unwrap();
    let (plan, none, found) = store
        .read(&Grant::job("test"), |view| {
            let found = view.get::<AgentCursor>(ServerId(7))?;
            Ok((view.current_plan(FarmId(1))?, view.current_plan(FarmId(2))?, found))
        })
        .unwrap();
    assert_eq!((plan, none), (Some(crate::base::PlanId(4)), None));
    assert_eq!(found.unwrap().record, wanted);
}

#[test]
fn a_record_beyond_its_bound_is_refused() {
    let store = inline(&Disk::new());
    let mut large = farm(1, "shop");
    large.description = "x".repeat(crate::base::limit::RECORD_BYTES_MAX + 1);
    let refused = store.write(author("test"), move |tx| Ok(tx.put(&large)?)).unwrap_err();
    assert_eq!(refused.code, Code::InvalidValue);
    assert_eq!(store.last_seq(), Seq(0));
}
