//! Whose records a grant shows, and whose it lets be written.

use super::*;
use crate::base::Code;
use crate::model::{Actor, Permission, authorise};
use crate::store::{StoreError, Tx, Versioned};

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
