//! Stores as released versions left them: opened, verified, read and written on.

use super::clock;
use super::sample;
use crate::base::Seq;
use crate::model::*;
use crate::store::{Author, Mode, Store, Tx};
use std::path::Path;

/// Where the stores are.
fn fixtures() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/tests/fixtures")
}

/// Writes the store of schema 1; run once, with the code of version 0.1.
#[test]
#[ignore = "writes the fixture; what it wrote is kept"]
fn write_the_store_of_schema_1() {
    use crate::base::{PlanId, ServerId, StepId};
    let dir = fixtures();
    let store = Store::open(&dir, clock(), Mode::Inline(None)).unwrap();
    let by = |door, verb, cause| {
        let actor = Actor {
            door,
            address: "192.0.2.9:1".to_owned(),
            request: "r-1".to_owned(),
            ..Actor::job("test")
        };
        Author::new(&actor, verb, cause)
    };
    for n in 1..=2u64 {
        let gone = Alert { key: "gone".to_owned(), text: n.to_string(), since: sample::AT };
        let write = move |tx: &mut Tx<'_>| Ok(tx.put(&gone)?);
        store.write(by(Door::Appliance, "alert.raise", Cause::Clock), write).unwrap();
    }
    store.set_journal_limit(1);
    assert_eq!(store.trim_journal().unwrap(), 1);
    store.set_journal_limit(1 << 40);
    let write = |tx: &mut Tx<'_>| {
        tx.text("gone", "cleared");
        Ok(tx.delete::<Alert>("gone".to_owned())?)
    };
    store.write(by(Door::Appliance, "alert.clear", Cause::Listing), write).unwrap();
    store
        .write(by(Door::Socket, "install.begin", Cause::Request), |tx| {
            tx.put(&sample::install())?;
            for user in sample::users() {
                tx.put(&user)?;
            }
            for token in sample::tokens() {
                tx.put(&token)?;
            }
            for role in sample::roles() {
                tx.put(&role)?;
            }
            Ok(())
        })
        .unwrap();
    store
        .write(by(Door::Https, "farm.create", Cause::Entry(Seq(3))), |tx| {
            tx.text("shop", "farm shop declared");
            for farm in sample::farms() {
                tx.put(&Farm { description: String::new(), ..farm.clone().into() })?;
            }
            for role in sample::farm_roles() {
                tx.put(&FarmRole::from(role))?;
            }
            Ok(())
        })
        .unwrap();
    store
        .write(by(Door::Https, "farm.update", Cause::Request), |tx| {
            for farm in sample::farms() {
                tx.put(&Farm::from(farm))?;
            }
            Ok(())
        })
        .unwrap();
    store
        .write(by(Door::Appliance, "plan.commit", Cause::Plan(PlanId(1))), |tx| {
            for plan in sample::plans() {
                tx.put(&Plan::from(plan))?;
            }
            for server in sample::servers() {
                let server = Server::from(server);
                tx.put(&Server { status: ServerStatus::PendingLaunch, ..server })?;
            }
            for step in sample::steps() {
                tx.put(&step)?;
            }
            tx.set_current_plan(sample::SHOP, PlanId(2))?;
            Ok(())
        })
        .unwrap();
    store
        .write(by(Door::Agent, "server.enrol", Cause::Agent(ServerId(1))), |tx| {
            for server in sample::servers() {
                tx.put(&Server::from(server))?;
            }
            for order in sample::orders() {
                tx.put(&order)?;
            }
            for cursor in sample::cursors() {
                tx.put(&cursor)?;
            }
            Ok(())
        })
        .unwrap();
    store
        .write(by(Door::Appliance, "step.end", Cause::Step(StepId(1))), |tx| {
            for alert in sample::alerts() {
                tx.put(&alert)?;
            }
            Ok(())
        })
        .unwrap();
    store.verify().unwrap();
    drop(store);
    let path = dir.join("store.redb");
    let mut database = redb::Builder::new().create(&path).unwrap();
    database.compact().unwrap();
    drop(database);
    std::fs::rename(path, dir.join("schema-1.redb")).unwrap();
}
