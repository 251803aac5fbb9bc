//! Cloud accounts that fail, and how fast they are asked: the real service over a store in memory,
//! with a cloud that answers as each test says.

mod added;
pub(crate) mod engine;
mod lease;

use crate::explain::site::Site;
use crate::people::admin;
use grange::base::{Clock, Millis, PlanId, StepId};
use grange::clouds::{Applied, CloudError};
use grange::model::{Actor, Breaker, Cause, Grant, Step, StepKind, StepStatus};
use grange::service::clouds::accounts;
use grange::service::plans::{self, steps};
use grange::service::{appliance, lookup};
use grange::store::{Author, Purpose};
use grange::wire::account::AccountView;
use grange::wire::input::Page;
use std::sync::Arc;

const ACCOUNT: &str = "simulated";

fn busy() -> Result<Applied, CloudError> {
    Err(CloudError::Busy("throttled".into()))
}

fn refused() -> Result<Applied, CloudError> {
    Err(CloudError::Refused("no such image".into()))
}

fn gone() -> Result<Applied, CloudError> {
    Ok(Applied { sighting: None })
}

struct Account {
    site: Site,
}

impl Account {
    /// A farm with so many launches planned.
    fn with_launches(count: u32) -> Account {
        let mut account = Account { site: Site::new() };
        account.declare("web", count);
        account.plan();
        account
    }

    /// Declares farm roles beside one another, each with so many servers.
    fn declare(&mut self, aliases: &str, count: u32) {
        self.site.declare(&aliases.split(' ').collect::<Vec<_>>(), count);
    }

    fn plan(&self) {
        let service = &self.site.service;
        for farm in plans::farms(service).unwrap() {
            plans::tick(service, &Actor::job("plan"), farm).unwrap();
        }
    }

    fn due(&self) -> (Vec<StepId>, Option<Millis>) {
        let now = self.site.clock.now();
        let (due, next) = steps::due(&self.site.service, now).unwrap();
        (due, next.map(|at| at.since(now)))
    }

    fn begin(&self, step: StepId) -> bool {
        steps::begin(&self.site.service, &Actor::job("execute"), step).unwrap().is_some()
    }

    fn end(&self, step: StepId, answer: Result<Applied, CloudError>) {
        steps::finish(&self.site.service, &Actor::job("execute"), step, answer).unwrap();
    }

    /// Begins and ends the first so many steps that are due.
    fn call(&self, count: usize, answer: impl Fn() -> Result<Applied, CloudError>) {
        for step in self.due().0.into_iter().take(count) {
            assert!(self.begin(step));
            self.end(step, answer());
        }
    }

    fn planned(&self) -> Vec<StepId> {
        let open = self.site.service.read(&Grant::job("test"), lookup::open_steps).unwrap();
        open.iter().filter(|step| step.status == StepStatus::Planned).map(|s| s.id).collect()
    }

    fn breaker(&self) -> Option<Breaker> {
        self.site.service.read(&Grant::job("test"), |view| lookup::breaker(view, ACCOUNT)).unwrap()
    }

    fn view(&self) -> AccountView {
        let list =
            accounts::list(&self.site.service, &admin(), Page { number: 1, size: 100 }).unwrap();
        list.items.into_iter().find(|account| account.name == ACCOUNT).unwrap()
    }

    fn alerts(&self) -> Vec<String> {
        appliance::get(&self.site.service, &admin(), Vec::new()).unwrap().alerts
    }

    fn waits(&self) -> Vec<String> {
        self.plan();
        let farm = plans::farms(&self.site.service).unwrap()[0];
        let report = self.site.service.observed.report(farm);
        let mut lines: Vec<String> = report.iter().map(|line| line.decision.to_string()).collect();
        lines.dedup();
        lines
    }
}

#[test]
fn one_call_about_a_server_at_a_time() {
    let account = Account::with_launches(1);
    account.call(1, gone);
    let site = &account.site;
    let server = site.service.read(&Grant::job("test"), lookup::all_servers).unwrap().remove(0);
    // While an account is left alone, a person's wishes pile up.
    let planned = |kind: StepKind| {
        let (server, now) = (server.clone(), site.clock.now());
        let author = Author::new(&Grant::job("admin"), "test", Cause::Request, Purpose::Growth);
        let step = site.service.write(author, move |tx| {
            let step = Step::planned(tx.next_id()?, PlanId(1), &server, kind, now);
            tx.put(&step)?;
            Ok(step.id)
        });
        step.unwrap()
    };
    let (reboot, suspend) = (planned(StepKind::Reboot), planned(StepKind::Suspend));
    let begun = steps::begin_all(&site.service, &Actor::job("execute"), &[reboot, suspend]);
    let begun: Vec<bool> =
        begun.unwrap().into_iter().map(|(_, begun)| begun.unwrap().is_some()).collect();
    assert_eq!(begun, [true, false]);
    // Nor while nobody knows what came of the first.
    account.end(reboot, Err(CloudError::Unknown("no answer".into())));
    assert!(!account.begin(suspend) && account.due().0.is_empty());
    account.end(reboot, Ok(Applied { sighting: None }));
    assert_eq!(account.due().0, [suspend]);
    assert!(account.begin(suspend));
}

#[test]
fn five_failures_in_a_row_leave_an_account_alone_and_then_one_call_tries_it() {
    let account = Account::with_launches(8);
    account.call(4, busy);
    assert_eq!(account.breaker().unwrap().open_until, None);
    assert_eq!((account.due().0.len(), account.alerts().len()), (4, 0));
    // What is under way when it opens ends as it does: here nothing is added.
    let due = account.due().0;
    assert!(account.begin(due[0]) && account.begin(due[1]));
    account.end(due[0], busy());
    account.end(due[1], busy());
    assert_eq!(account.breaker().unwrap().failures, 5);
    let left = account.planned();
    assert_eq!(account.due(), (vec![], Some(30_000)));
    assert!(!account.begin(left[0]), "the transaction lets nothing through");
    account.site.clock.advance(2_000);
    let why = "5 calls failed in a row, the last: not now: throttled";
    assert_eq!(account.alerts(), [format!("cloud simulated is left alone for 28 s: {why}")]);
    assert_eq!(account.view().state, "open");
    let waits = account.waits();
    let told = "wait: cloud simulated is left alone for 28 s: 5 failed in a row";
    assert!(waits.contains(&told.to_owned()), "{waits:?}");

    account.site.clock.advance(28_000);
    let (due, _) = account.due();
    assert_eq!(due.len(), 1);
    assert!(account.begin(due[0]));
    assert_eq!(account.due().0, []);
    assert!(!account.begin(left[1]), "one at a time");
    assert_eq!(account.view().state, "trial");
    account.end(due[0], busy());
    assert_eq!(account.breaker().unwrap().failures, 6);
    assert_eq!(account.due().1, Some(60_000));
    account.site.clock.advance(60_000);
    let trial = account.due().0[0];
    assert!(account.begin(trial));
    account.end(trial, gone());
    assert_eq!((account.breaker(), account.alerts()), (None, vec![]));
    assert_eq!(account.view().state, "well");
}

#[test]
fn any_success_begins_the_count_again() {
    let account = Account::with_launches(9);
    account.call(4, busy);
    account.call(1, gone);
    assert_eq!(account.breaker(), None);
    account.call(4, busy);
    assert_eq!(account.breaker().unwrap().open_until, None);
}

#[test]
fn one_farm_role_that_is_refused_stops_nobody() {
    let account = Account::with_launches(9);
    account.call(9, refused);
    assert_eq!(account.breaker().map(|breaker| breaker.failures), Some(1));
    assert_eq!(account.alerts(), Vec::<String>::new());
}

#[test]
fn an_account_that_refuses_everybody_is_left_alone_and_good_ones_try_it() {
    let mut account = Account { site: Site::new() };
    account.declare("a b c d e", 2);
    account.plan();
    account.call(9, refused);
    assert_eq!(account.breaker().unwrap().failures, 5);
    account.declare("a b c d e f", 2);
    account.plan();
    account.site.clock.advance(30_000);
    account.plan();
    // One of e was planned before those of f, but e is among the failures.
    let (trial, _) = account.due();
    assert_eq!(trial.len(), 1);
    let step = account
        .site
        .service
        .read(&Grant::job("test"), |view| lookup::step(view, trial[0]))
        .unwrap()
        .unwrap();
    let role = account
        .site
        .service
        .read(&Grant::job("test"), |view| lookup::farm_role(view, step.farm_role))
        .unwrap();
    assert_eq!(role.unwrap().alias.as_str(), "f");
}

#[test]
fn a_trial_whose_answer_is_lost_keeps_nobody_waiting() {
    let account = Account::with_launches(8);
    account.call(5, busy);
    account.site.clock.advance(30_000);
    let trial = account.due().0[0];
    assert!(account.begin(trial));
    assert_eq!(account.due().0, []);
    // The process that made the call is gone.
    assert_eq!(steps::adopt(&account.site.service, &Actor::job("start")).unwrap(), 1);
    let (next, _) = account.due();
    assert_eq!(next.len(), 1);
    assert_ne!(next[0], trial);
}

#[test]
fn a_person_resumes_an_account() {
    let account = Account::with_launches(8);
    account.call(5, busy);
    assert_eq!(account.due().0, []);
    let nobody = Actor { permissions: Vec::new().into_iter().collect(), ..admin() };
    accounts::resume(&account.site.service, &nobody, ACCOUNT).unwrap_err();
    accounts::resume(&account.site.service, &admin(), "nowhere").unwrap_err();
    let resumed = accounts::resume(&account.site.service, &admin(), ACCOUNT).unwrap();
    assert_eq!((resumed.state.as_str(), account.breaker()), ("well", None));
    assert_eq!(account.due().0.len(), 3);
}

#[test]
fn steps_beyond_the_pace_wait_and_what_people_asked_for_does_not() {
    let site = Site::paced(Arc::new(grange::service::plans::pace::Pace::new(6)));
    let mut account = Account { site };
    account.declare("web", 8);
    account.plan();
    assert_eq!(account.due(), (account.planned()[..6].to_vec(), Some(1)));
    account.call(6, gone);
    let left = account.planned();
    assert_eq!(left.len(), 2);
    let (due, next) = account.due();
    assert_eq!((due, next), (vec![], Some(10_000)));
    assert!(!account.begin(left[0]), "the transaction lets nothing through");
    let waits = account.waits();
    let told = "wait: cloud simulated is asked 6 times a minute: 10 s to the next";
    assert!(waits.contains(&told.to_owned()), "{waits:?}");
    assert_eq!(account.view().steps_left, 0);

    account.site.act("terminate web-1");
    account.plan();
    account.site.clock.advance(1_000);
    let open = account.site.service.read(&Grant::job("test"), lookup::open_steps).unwrap();
    let wanted = open.iter().find(|step| step.kind == StepKind::Terminate).unwrap();
    account.site.clock.advance(wanted.not_before.since(account.site.clock.now()));
    assert!(account.due().0.contains(&wanted.id));
    assert!(account.begin(wanted.id));
}

#[test]
fn a_server_that_a_person_names_goes_with_one_call_also_while_its_account_is_left_alone() {
    let mut account = Account { site: Site::new() };
    for line in ["brisk", "apply 2 9", "settle"] {
        account.site.act(line);
    }
    account.site.act("apply 8 9");
    account.plan();
    account.call(5, busy);
    assert_eq!(account.view().state, "open");
    assert_eq!(account.due().0, []);
    account.site.act("terminate web-1");
    account.site.act("later 5s");
    account.plan();
    account.site.act("later 10s");
    let due = account.due().0;
    assert_eq!(due.len(), 1, "its terminate, and no launch");
    assert!(account.begin(due[0]));
    account.end(due[0], busy());
    // It was asked once, and adds nothing; the next try waits like the rest.
    assert_eq!(account.breaker().unwrap().failures, 5);
    account.plan();
    account.site.act("later 10s");
    assert_eq!((account.view().state.as_str(), account.due().0.len()), ("open", 0));
    // An answer for another one shows that the account is well.
    account.site.act("terminate web-2");
    account.plan();
    account.site.act("later 1s");
    account.plan();
    let due = account.due().0;
    assert_eq!(due.len(), 1);
    assert!(account.begin(due[0]));
    account.end(due[0], gone());
    assert_eq!(account.breaker(), None);
}

#[test]
fn an_answer_that_comes_twice_counts_once() {
    let unknown = || Err(CloudError::Unknown("no answer".into()));
    type Answer = fn() -> Result<Applied, CloudError>;
    let cases: &[Answer] = &[busy, refused, unknown];
    for answer in cases {
        let account = Account::with_launches(1);
        let step = account.due().0[0];
        assert!(account.begin(step));
        account.end(step, answer());
        let (failures, seq) =
            (account.breaker().unwrap().failures, account.site.service.store.last_seq());
        account.end(step, answer());
        assert_eq!(account.breaker().unwrap().failures, failures, "{:?}", answer());
        assert_eq!(account.site.service.store.last_seq(), seq, "{:?}: nothing is new", answer());
    }
}

fn throttled() -> Result<Applied, CloudError> {
    Err(CloudError::throttled(Some(7_000), "too many requests"))
}

fn locked() -> Result<Applied, CloudError> {
    Err(CloudError::Credentials("the token is revoked".into()))
}

#[test]
fn who_is_asked_too_often_rests_as_long_as_it_says() {
    let account = Account::with_launches(8);
    let due = account.due().0;
    assert!(due[..2].iter().all(|step| account.begin(*step)));
    account.end(due[0], throttled());
    let breaker = account.breaker().unwrap();
    assert_eq!((breaker.failures, breaker.left(account.site.clock.now())), (0, Some(7_000)));
    let alert = "cloud simulated is left alone for 7 s: throttled: too many requests";
    assert_eq!(account.alerts(), [alert]);
    let wait = "wait: cloud simulated is left alone for 7 s: it was asked too often";
    assert!(account.waits().iter().any(|line| line == wait), "{:?}", account.waits());
    // What was under way is answered: it gets its rest all the same.
    account.end(due[1], gone());
    assert_eq!(account.due(), (Vec::new(), Some(7_000)));
    assert!(!account.begin(due[2]));
    assert_eq!(account.view().state, "open");
    account.site.clock.advance(7_000);
    account.call(1, gone);
    assert_eq!((account.breaker(), account.due().0.len()), (None, 5));
}

#[test]
fn a_rest_is_never_shorter_than_what_is_left_of_another() {
    let account = Account::with_launches(8);
    let due = account.due().0;
    assert!(due[..6].iter().all(|step| account.begin(*step)));
    for step in &due[..5] {
        account.end(*step, busy());
    }
    account.end(due[5], throttled());
    let breaker = account.breaker().unwrap();
    assert_eq!((breaker.failures, breaker.left(account.site.clock.now())), (5, Some(30_000)));
}

#[test]
fn refused_credentials_are_believed_at_once_and_tried_more_and_more_seldom() {
    let account = Account::with_launches(12);
    let due = account.due().0;
    assert!(due[..3].iter().all(|step| account.begin(*step)));
    account.end(due[0], locked());
    account.end(due[1], locked());
    let alert = "cloud simulated is left alone for 30 s: credentials refused: the token is revoked";
    assert_eq!(account.alerts(), [alert]);
    let wait = "wait: cloud simulated is left alone for 30 s: it refuses our credentials";
    assert!(account.waits().iter().any(|line| line == wait), "{:?}", account.waits());
    for left in [30_000, 60_000, 120_000, 300_000, 600_000, 600_000] {
        assert_eq!(account.breaker().unwrap().left(account.site.clock.now()), Some(left));
        account.site.clock.advance(left);
        account.call(1, locked);
    }
    account.site.clock.advance(600_000);
    account.call(1, gone);
    assert_eq!(account.breaker(), None);
}

#[test]
fn an_account_that_is_full_is_well_and_may_be_asked_to_make_room() {
    for full in [CloudError::Quota("8 servers".into()), CloudError::NoCapacity("none".into())] {
        let account = Account::with_launches(8);
        account.call(8, || Err(full.clone()));
        assert_eq!((account.breaker(), account.alerts().len()), (None, 0), "{full}");
        // And a failure before it is forgotten: it answered.
        let account = Account::with_launches(8);
        account.call(4, busy);
        account.call(1, || Err(full.clone()));
        assert_eq!(account.breaker(), None, "{full}");
    }
}
