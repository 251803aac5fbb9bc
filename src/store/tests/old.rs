//! Stores as released versions left them: opened, verified, read and written on.

use super::files::TempDir;
use super::{author, clock, sample};
use crate::base::problem::chain;
use crate::base::{FarmId, PlanId, Seq};
use crate::model::Grant;
use crate::model::*;
use crate::store::codec;
use crate::store::reads::space;
use crate::store::rows::{Rows, Span};
use crate::store::{CurrentPlan, Mode, Reads, Record, Store, Subject, Tx, View};
use serde::Serialize;
use serde_json::Value;
use std::fmt::Debug;

/// A copy of the store of schema 1, open.
fn schema_1(dir: &TempDir) -> Store {
    std::fs::create_dir(&dir.0).unwrap();
    let bytes = include_bytes!("fixtures/schema-1.redb");
    std::fs::write(dir.0.join("store.redb"), bytes).unwrap();
    Store::open(&dir.0, clock(), Mode::Inline(None)).unwrap_or_else(|e| panic!("{}", chain(&e)))
}

/// A table holds what becomes of these old values, stored with schema 1, and nothing else.
fn check<R, Old>(view: &View, old: &[Old])
where
    R: Record + Debug + From<Old>,
    Old: Clone + Serialize,
{
    let rows = view.txn.rows(space::<R>(), &Span::prefix(&[])).unwrap();
    assert!(rows.iter().all(|(_, bytes)| codec::open(bytes).unwrap().schema == 1));
    let found = view.all::<R>().unwrap();
    let mut found: Vec<R> = found.into_iter().map(|found| found.record).collect();
    let mut expected: Vec<R> = old.iter().cloned().map(R::from).collect();
    for records in [&mut found, &mut expected] {
        records.sort_by_key(Record::key);
    }
    assert_eq!(found, expected, "{}", R::TABLE.name());
    for value in old {
        let new: R = value.clone().into();
        let [old, new] = [serde_json::to_value(value), serde_json::to_value(&new)];
        assert_kept(&old.unwrap(), &new.unwrap(), R::TABLE.name());
    }
}

/// Every field of an old value is in the new one, with its value. What was called the platform of
/// a farm role or server is its account.
fn assert_kept(old: &Value, new: &Value, path: &str) {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            for (name, old) in old {
                let path = format!("{path}.{name}");
                let renamed = || new.get("account").filter(|_| name == "platform");
                assert_kept(old, new.get(name).or_else(renamed).unwrap_or(&Value::Null), &path);
            }
        }
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
            for (n, (old, new)) in old.iter().zip(new).enumerate() {
                assert_kept(old, new, &format!("{path}[{n}]"));
            }
        }
        (old, new) => assert_eq!(old, new, "{path}"),
    }
}

#[test]
fn every_record_of_schema_1_is_read() {
    let dir = TempDir::new();
    let store = schema_1(&dir);
    let verified = store.verify().unwrap_or_else(|e| panic!("{}", chain(&e)));
    assert_eq!((verified.records, verified.entries), (70, 8));
    assert_eq!((verified.first, verified.last), (Seq(2), Seq(9)));
    let read = |view: &View| {
        check::<Farm, _>(view, &sample::farms());
        check::<FarmRole, _>(view, &sample::farm_roles());
        check::<Role, _>(view, &sample::roles());
        check::<Server, _>(view, &sample::servers());
        check::<Step, _>(view, &sample::steps());
        check::<Plan, _>(view, &sample::plans());
        check::<Order, _>(view, &sample::orders());
        check::<AgentCursor, _>(view, &sample::cursors());
        check::<User, _>(view, &sample::users());
        check::<Token, _>(view, &sample::tokens());
        check::<Install, _>(view, &[sample::install()]);
        check::<Alert, _>(view, &sample::alerts());
        check::<CurrentPlan, _>(view, &[CurrentPlan { farm: sample::SHOP, plan: PlanId(2) }]);
        Ok(())
    };
    store.read(&Grant::job("test"), read).unwrap();
}

#[test]
fn journal_entries_of_schema_1_still_say_what_was_there() {
    let dir = TempDir::new();
    let store = schema_1(&dir);
    let renamed = store.entry(&Grant::job("test"), Seq(6)).unwrap().unwrap();
    assert_eq!((renamed.verb.as_str(), renamed.changes.len()), ("farm.update", 3));
    let change = &renamed.changes[0];
    let (before, after) = (change.before::<Farm>().unwrap(), change.after::<Farm>().unwrap());
    let (before, after) = (before.unwrap(), after.unwrap());
    assert_eq!((before.revision, after.revision), (1, 2));
    assert_eq!(before.record.description, "");
    assert_eq!(after.record, sample::farms()[0].clone().into());
    let story =
        store.entries_about(&Grant::job("test"), Subject::Farm(sample::SHOP), None, 99).unwrap();
    let seqs: Vec<u64> = story.iter().map(|entry| entry.seq.0).collect();
    assert_eq!(seqs, [8, 7, 6, 5]);
    for change in story.iter().flat_map(|entry| &entry.changes) {
        change.after::<Server>().unwrap();
        change.before::<Server>().unwrap();
        change.after::<FarmRole>().unwrap();
        change.after::<Plan>().unwrap();
    }
}

#[test]
fn a_store_of_schema_1_is_written_on() {
    let dir = TempDir::new();
    let store = schema_1(&dir);
    // What is there already is no change, whatever it was stored as.
    let again = |tx: &mut Tx<'_>| {
        for server in sample::servers() {
            tx.put(&Server::from(server))?;
        }
        Ok(())
    };
    assert_eq!(store.write(author("test"), again).unwrap().1, Seq(9));
    // Every server is confirmed gone, one farm renamed, one farm role and one plan removed.
    let change = |tx: &mut Tx<'_>| {
        for server in sample::servers() {
            tx.put(&Server { status: ServerStatus::Terminated, ..server.into() })?;
        }
        let mut farm = Farm::from(sample::farms()[0].clone());
        farm.name = crate::base::Name::new("market").unwrap();
        tx.put(&farm)?;
        tx.delete::<FarmRole>(sample::WEB)?;
        Ok(tx.delete::<Plan>(PlanId(1))?)
    };
    assert!(store.write(author("test"), change).unwrap().0);
    let verified = store.verify().unwrap_or_else(|e| panic!("{}", chain(&e)));
    assert_eq!((verified.records, verified.last), (68, Seq(10)));
    let farm =
        store.read(&Grant::job("test"), |view| view.get::<Farm>(FarmId(1))).unwrap().unwrap();
    assert_eq!((farm.revision, farm.record.name.as_str()), (3, "market"));
    let entry = store.entry(&Grant::job("test"), Seq(10)).unwrap().unwrap();
    let was = entry.changes.iter().find_map(|change| change.before::<Plan>().unwrap());
    assert_eq!(was.unwrap().record, sample::plans()[0].clone().into());
}

/// A copy of what a used appliance had when it was killed, open.
pub(super) fn used(dir: &TempDir) -> Store {
    std::fs::create_dir(&dir.0).unwrap();
    let bytes = include_bytes!("fixtures/2026-11-29.redb");
    std::fs::write(dir.0.join("store.redb"), bytes).unwrap();
    let mut log = include_bytes!("fixtures/2026-11-29.wal").to_vec();
    log.resize(4 << 20, 0);
    std::fs::write(dir.0.join("store.wal"), log).unwrap();
    Store::open(&dir.0, clock(), Mode::Inline(None)).unwrap_or_else(|e| panic!("{}", chain(&e)))
}

/// How many there are of a record. Each of them is read, and all that entries say of one before
/// and after.
fn look<R: Record>(store: &Store) -> usize {
    let name = R::TABLE.name();
    for seq in 1..=55 {
        for change in store.entry(&Grant::job("test"), Seq(seq)).unwrap().unwrap().changes {
            change.before::<R>().unwrap_or_else(|e| panic!("{name} in {seq}: {}", chain(&e)));
            change.after::<R>().unwrap_or_else(|e| panic!("{name} in {seq}: {}", chain(&e)));
        }
    }
    store.read(&Grant::job("test"), |view| Ok(view.all::<R>())).unwrap().unwrap().len()
}

#[test]
fn the_store_of_a_used_appliance_is_read_and_written_on() {
    let dir = TempDir::new();
    let store = used(&dir);
    let verified = store.verify().unwrap_or_else(|e| panic!("{}", chain(&e)));
    assert_eq!((verified.records, verified.entries, verified.last), (52, 55, Seq(55)));
    let counts = [
        look::<Farm>(&store),
        look::<FarmRole>(&store),
        look::<Role>(&store),
        look::<Server>(&store),
        look::<Step>(&store),
        look::<Plan>(&store),
        look::<CurrentPlan>(&store),
        look::<Order>(&store),
        look::<AgentCursor>(&store),
        look::<User>(&store),
        look::<Token>(&store),
        look::<Hold>(&store),
        look::<Breaker>(&store),
        look::<Proposal>(&store),
        look::<Volume>(&store),
        look::<Install>(&store),
        look::<Alert>(&store),
    ];
    assert_eq!(
        (counts.iter().sum::<usize>(), counts),
        (52, [2, 4, 3, 7, 8, 7, 2, 3, 7, 1, 1, 1, 0, 0, 5, 1, 0])
    );
    let read = |view: &View| {
        let shop = view.get::<Farm>(FarmId(1))?.unwrap().record;
        assert_eq!(shop.name.as_str(), "shop");
        assert_eq!(view.all::<Hold>()?[0].record.reason, "kept for the fixture");
        let servers = view.all::<Server>()?.into_iter().map(|found| found.record);
        let locked: Vec<_> = servers.filter(|server| server.locked).collect();
        assert_eq!((locked.len(), locked[0].lock_reason.as_str()), (1, "kept, by admin"));
        Ok(())
    };
    store.read(&Grant::job("test"), read).unwrap();
    let rename = |tx: &mut Tx<'_>| {
        let mut farm = tx.get::<Farm>(FarmId(1))?.unwrap().record;
        farm.name = crate::base::Name::new("market").unwrap();
        Ok(tx.put(&farm)?)
    };
    assert_eq!(store.write(author("test"), rename).unwrap().1, Seq(56));
    let verified = store.verify().unwrap_or_else(|e| panic!("{}", chain(&e)));
    assert_eq!((verified.records, verified.last), (52, Seq(56)));
}
