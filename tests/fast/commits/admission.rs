//! Admission alone (law 1): what planning let through is judged again in the transaction that
//! begins a launch, whatever planner and checker believed.
//!
//! Three launches are planned. Then the maximum is lowered beneath the planner's feet, and what
//! became of the first server decides whether the others may begin.

use crate::explain::site::Site;
use grange::base::{Problem, StepId, Timestamp};
use grange::clouds::{Applied, CloudError};
use grange::model::{
    Actor, Cause, FarmRole, Grant, Server, ServerStatus, Step, StepKind, StepStatus,
};
use grange::service::lookup;
use grange::service::plans::{self, steps};
use grange::store::{Author, Purpose, Tx};

struct Farm {
    site: Site,
    launches: Vec<Step>,
}

fn job(name: &str) -> Actor {
    Actor::job(name)
}

impl Farm {
    /// Three launches that are planned and not begun.
    fn new() -> Farm {
        let site = Site::new();
        site.declare(&["web"], 3);
        for farm in plans::farms(&site.service).unwrap() {
            plans::tick(&site.service, &job("plan"), farm).unwrap();
        }
        let launches = site.service.read(&Grant::job("test"), lookup::open_steps).unwrap();
        assert_eq!(launches.len(), 3);
        Farm { site, launches }
    }

    fn write(&self, change: impl FnOnce(&mut Tx<'_>) -> Result<(), Problem> + Send + 'static) {
        let author = Author::new(&Grant::job("test"), "test", Cause::Clock, Purpose::Growth);
        self.site.service.write(author, change).unwrap();
    }

    fn lower(&self, max: u32) {
        let role = self.launches[0].farm_role;
        self.write(move |tx| {
            let mut role = lookup::farm_role(tx, role)?.expect("it is there");
            (role.scaling.min, role.scaling.max) = (0, max);
            tx.put(&role)?;
            Ok(())
        });
    }

    fn set(&self, place: usize, edit: impl FnOnce(&mut Server) + Send + 'static) {
        let id = self.launches[place].server;
        self.write(move |tx| {
            let mut server = lookup::server(tx, id)?.expect("it is there");
            edit(&mut server);
            tx.put(&server)?;
            Ok(())
        });
    }

    fn begin(&self, place: usize) -> bool {
        let id = self.launches[place].id;
        steps::begin(&self.site.service, &job("execute"), id).unwrap().is_some()
    }

    fn end(&self, place: usize, answer: Result<Applied, CloudError>) {
        steps::finish(&self.site.service, &job("execute"), self.launches[place].id, answer)
            .unwrap();
    }

    fn step(&self, id: StepId) -> Step {
        self.site
            .service
            .read(&Grant::job("test"), |view| lookup::step(view, id))
            .unwrap()
            .expect("it is kept")
    }

    fn server(&self, place: usize) -> Server {
        let id = self.launches[place].server;
        self.site
            .service
            .read(&Grant::job("test"), |view| lookup::server(view, id))
            .unwrap()
            .expect("it is kept")
    }
}

fn lost() -> Result<Applied, CloudError> {
    Err(CloudError::Unknown("no answer".into()))
}

fn set_status(farm: &Farm, status: ServerStatus) {
    farm.set(0, move |server| server.status = status);
}

/// What is done to the farm between plan and admission.
type Change = fn(&Farm);

/// What became of the first server, and whether a second one may begin beside it under a maximum
/// of one.
const CASES: &[(&str, Change, bool)] = &[
    ("its launch is under way", |_| {}, false),
    ("its launch was not answered", |farm| farm.end(0, lost()), false),
    ("its launch was refused", |farm| farm.end(0, Err(CloudError::Refused("no".into()))), true),
    ("it is launched", |farm| farm.end(0, Ok(Applied { sighting: None })), false),
    ("it gets ready", |farm| set_status(farm, ServerStatus::Initializing), false),
    ("it runs", |farm| set_status(farm, ServerStatus::Running), false),
    ("it is to go", |farm| set_status(farm, ServerStatus::PendingTerminate), false),
    ("it falls asleep", |farm| set_status(farm, ServerStatus::PendingSuspend), false),
    ("it sleeps", |farm| set_status(farm, ServerStatus::Suspended), false),
    ("it wakes", |farm| set_status(farm, ServerStatus::Resuming), false),
    ("it is gone", |farm| set_status(farm, ServerStatus::Terminated), true),
];

#[test]
fn every_server_that_was_asked_for_and_is_not_confirmed_gone_counts() {
    for (case, become_of, may_begin) in CASES {
        let farm = Farm::new();
        assert!(farm.begin(0), "{case}: there is room for three");
        become_of(&farm);
        farm.lower(1);
        assert_eq!(farm.begin(1), *may_begin, "{case}");
        let (step, server) = (farm.step(farm.launches[1].id), farm.server(1));
        if *may_begin {
            assert_eq!((step.status, server.asked_at), (StepStatus::Begun, Some(farm.now())));
        } else {
            let expected = "1 servers are not confirmed gone and the maximum is 1";
            assert_eq!(
                (step.status, &step.message[..]),
                (StepStatus::Superseded, expected),
                "{case}"
            );
            assert_eq!(
                (server.status, server.asked_at),
                (ServerStatus::Terminated, None),
                "{case}"
            );
        }
        assert!(!farm.begin(1), "{case}: one step begins once");
    }
}

impl Farm {
    fn now(&self) -> Timestamp {
        self.site.service.now()
    }
}

#[test]
fn the_maximum_is_the_last_one_that_begins_and_none_of_zero() {
    for max in 0..=3 {
        let farm = Farm::new();
        farm.lower(max);
        let begun = (0..3).filter(|place| farm.begin(*place)).count();
        assert_eq!(begun, max as usize, "of a maximum of {max}");
    }
}

#[test]
fn what_is_no_longer_to_be_launched_does_not_begin() {
    let cases: &[(&str, Change, &str)] = &[
        (
            "its farm role went",
            |farm| {
                let role = farm.launches[0].farm_role;
                farm.write(move |tx| {
                    tx.delete::<FarmRole>(role)?;
                    Ok(())
                });
            },
            "its farm role is gone",
        ),
        (
            "its revision went",
            |farm| farm.set(0, |server| server.revision = 999),
            "revision 999 is no longer kept",
        ),
        (
            "it exists already",
            |farm| set_status(farm, ServerStatus::Pending),
            "it is pending already",
        ),
        (
            "it is gone",
            |farm| set_status(farm, ServerStatus::Terminated),
            "it is terminated already",
        ),
    ];
    for (case, become_of, expected) in cases {
        let farm = Farm::new();
        become_of(&farm);
        assert!(!farm.begin(0), "{case}");
        let step = farm.step(farm.launches[0].id);
        assert_eq!((step.kind, step.status), (StepKind::Launch, StepStatus::Superseded), "{case}");
        assert_eq!(step.message, *expected, "{case}");
        assert_eq!(farm.server(0).asked_at, None, "{case}");
    }
}

/// A step that is begun has lost its answer as soon as its call has ended without one, and not
/// before: listings settle it then.
#[test]
fn a_call_that_ended_without_an_answer_is_adopted() {
    let farm = Farm::new();
    let (service, job) = (&farm.site.service, job("execute"));
    let step = farm.launches[0].id;
    steps::begin(service, &job, step).unwrap().expect("it begins");
    let calling = steps::calling(service, step);
    assert_eq!(steps::adopt(service, &job).unwrap(), 0, "its call is under way");
    drop(calling);
    assert_eq!(steps::adopt(service, &job).unwrap(), 1);
    let status = |id: StepId| {
        let all = service.read(&Grant::job("test"), lookup::open_steps).unwrap();
        all.iter().find(|step| step.id == id).map(|step| step.status)
    };
    assert_eq!(status(step), Some(StepStatus::Unknown));
}
