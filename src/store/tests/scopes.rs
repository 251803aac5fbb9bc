//! Whose records a grant shows, and whose it lets be written.

use super::files::TempDir;
use super::*;
use crate::base::Code;
use crate::base::problem::chain;
use crate::model::{Actor, Alert, Permission, authorise};
use crate::store::stories::HOUSE;
use crate::store::{Entry, StoreError, Subject, Tx, Versioned};

fn person(env: u64) -> Actor {
    Actor { env: EnvironmentId(env), ..Actor::job("person") }
}

fn farm_of(id: u64, env: u64) -> Farm {
    Farm { env: EnvironmentId(env), ..farm(id, "shop") }
}

/// Writes as somebody of an environment.
fn write(
    store: &Store,
    env: u64,
    write: impl FnOnce(&mut Tx<'_>) -> Result<bool, StoreError> + Send + 'static,
) -> Result<bool, Problem> {
    let person = person(env);
    let grant = authorise(&person, Permission::FarmsManage)?;
    let author = Author::new(&grant, "test", Cause::Request, Purpose::Growth);
    store.write(author, move |tx| Ok(write(tx)?)).map(|(done, _)| done)
}

#[test]
fn what_is_anothers_is_not_there_to_be_read() {
    let store = inline(&Disk::new());
    for env in [1, 2] {
        write(&store, env, move |tx| tx.put(&farm_of(env, env)).map(|_| true)).unwrap();
    }
    for (env, own, other) in [(1, 1, 2), (2, 2, 1)] {
        let person = person(env);
        let grant = authorise(&person, Permission::FarmsRead).unwrap();
        let ids = |found: Vec<Versioned<Farm>>| found.iter().map(|f| f.record.id.0).collect();
        let (one, none, all, named): (_, _, Vec<u64>, Vec<u64>) = store
            .read(&grant, |view| {
                let named = view.by_index(Index::FarmsByName, &[])?;
                let one = view.get::<Farm>(FarmId(own))?;
                Ok((one, view.get::<Farm>(FarmId(other))?, ids(view.all()?), ids(named)))
            })
            .unwrap();
        assert_eq!(one.map(|found| found.record.id.0), Some(own));
        assert_eq!((none, all, named), (None, vec![own], vec![own]));
    }
    let all = store.read(&Grant::job("test"), |view| view.all::<Farm>()).unwrap();
    assert_eq!(all.len(), 2);
}

#[test]
fn what_is_anothers_cannot_be_written() {
    let store = inline(&Disk::new());
    write(&store, 1, |tx| tx.put(&farm_of(1, 1)).map(|_| true)).unwrap();
    let head = store.head().unwrap();
    // As one's own over another's, as another's, and away: no way leads to it.
    for env in [2, 1] {
        let refused = write(&store, 2, move |tx| tx.put(&farm_of(1, env)).map(|_| true));
        assert_eq!(refused.unwrap_err().code, Code::InternalServerError, "as of {env}");
    }
    assert!(!write(&store, 2, |tx| tx.delete::<Farm>(FarmId(1))).unwrap());
    let revision = write(&store, 2, |tx| {
        Ok(tx.require_revision::<Farm>(FarmId(1), Some(7)).unwrap_err().message.contains("gone"))
    });
    assert!(revision.unwrap(), "its revision was told");
    assert_eq!(store.head().unwrap(), head);
}

/// The numbers of the entries that somebody of an environment sees, by each way there is.
fn seen(store: &Store, env: u64) -> Vec<u64> {
    let person = person(env);
    let grant = authorise(&person, Permission::EventsRead).unwrap();
    let seqs = |found: Vec<Entry>| found.iter().map(|entry| entry.seq.0).collect::<Vec<u64>>();
    let all = seqs(store.entries(&grant, Seq(0), 99).unwrap());
    // One at a time, which is how somebody follows.
    let (mut paged, mut after) = (Vec::new(), Seq(0));
    while let Some(entry) = store.entries(&grant, after, 1).unwrap().pop() {
        after = entry.seq;
        paged.push(after.0);
    }
    assert_eq!(paged, all);
    let one = |seq: &u64| store.entry(&grant, Seq(*seq)).unwrap().is_some();
    assert_eq!((1..=store.last_seq().0).filter(one).collect::<Vec<u64>>(), all);
    for farm in 1..=2 {
        let of_it = Subject::Farm(FarmId(farm));
        let told = seqs(store.entries_about(&grant, of_it, None, 99).unwrap());
        let first = store.first_about(&grant, of_it).unwrap();
        assert_eq!(first.map(|entry| entry.seq.0), told.last().copied());
        assert!(told.iter().all(|seq| all.contains(seq)), "{told:?}");
    }
    all
}

#[test]
fn the_journal_shows_each_environment_its_own_and_the_houses() {
    let store = inline(&Disk::new());
    for env in [1, 2] {
        write(&store, env, move |tx| tx.put(&farm_of(env, env)).map(|_| true)).unwrap();
    }
    let alert = Alert { key: "k".into(), text: "t".into(), since: Timestamp(0) };
    store.write(author("house"), move |tx| Ok(tx.put(&alert).map(drop)?)).unwrap();
    // What changes no record is of its subject's environment, and a person's own is of theirs.
    store
        .write(author("said"), |tx| {
            tx.event();
            Ok(tx.subject(Subject::Farm(FarmId(2)))?)
        })
        .unwrap();
    let person = Actor { user: UserId(7), ..person(2) };
    let grant = authorise(&person, Permission::FarmsRead).unwrap();
    let own = Author::new(&grant, "token.create", Cause::Request, Purpose::Growth);
    let event = |tx: &mut Tx<'_>| {
        tx.event();
        Ok(())
    };
    store.write(own, event).unwrap();
    assert_eq!(seen(&store, 1), [1, 3]);
    assert_eq!(seen(&store, 2), [2, 3, 4, 5]);
    assert_eq!(store.entries(&Grant::job("test"), Seq(0), 99).unwrap().len(), 5);
    store.verify().unwrap();
}

#[test]
fn of_an_entry_of_several_environments_each_sees_only_that_it_was_there() {
    let store = inline(&Disk::new());
    let both = |tx: &mut Tx<'_>| {
        for env in [1, 2] {
            tx.text(format!("farm-{env}"), "is changed");
            tx.put(&farm_of(env, env))?;
        }
        Ok(())
    };
    store.write(author("both"), both).unwrap();
    for env in [1, 2] {
        let person = person(env);
        let grant = authorise(&person, Permission::EventsRead).unwrap();
        let entry = store.entry(&grant, Seq(1)).unwrap().unwrap();
        assert_eq!((entry.about.as_str(), entry.changes.len()), ("", 0));
        assert!(!entry.text.contains("farm-"), "{}", entry.text);
        assert_eq!(entry.subjects, [Subject::Environment(EnvironmentId(env))]);
    }
    assert!(seen(&store, 3).is_empty());
}

#[test]
fn entries_of_an_earlier_format_are_found_by_their_environment_and_keep_their_bytes() {
    let dir = TempDir::new();
    let store = old::used(&dir);
    store.verify().unwrap_or_else(|e| panic!("{}", chain(&e)));
    let all = store.entries(&Grant::job("test"), Seq(0), 99).unwrap();
    let said = |entry: &&Entry| entry.subjects.iter().any(|s| matches!(s, Subject::Environment(_)));
    assert_eq!((all.len(), all.iter().find(said)), (55, None));
    let house: Vec<u64> = all
        .iter()
        .filter(|entry| entry.environments().contains(&HOUSE))
        .map(|entry| entry.seq.0)
        .collect();
    assert_eq!(seen(&store, 1).len(), 55);
    assert_eq!(seen(&store, 2), house);
    assert!(house.len() < 10, "{house:?}");
    for entry in all.iter().filter(|entry| house.contains(&entry.seq.0)) {
        assert_eq!((entry.about.as_str(), entry.subjects.len()), ("", 0), "{}", entry.text);
    }
}
