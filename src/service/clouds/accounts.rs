//! Cloud accounts: how well each of them answers, and how fast it is asked. All of it goes by the
//! name of the account; what is declared of one is in `registry`.
//!
//! **The breaker.** A call that fails adds one to its account's failures in a row, a success
//! forgets them. At [`BREAKER_FAILURES`] the account is left alone: no step of it is begun, for
//! the first length of the ladder. Then one step is, as a trial: if that succeeds all go on, if it
//! fails the account is left alone for the next length. What was under way when it opened may
//! still end: a success closes it, a failure adds nothing. All of it is a record, so that a
//! restart does not knock at once.
//!
//! What counts is said by the class of the error ([`CloudError::verdict`]): "busy" and an unknown
//! outcome speak against the account whenever they come. A platform without room, or an account
//! whose quota is used up, answers well, and terminating there makes room. One that was asked too
//! often is left alone for as long as it says. Refused credentials open the breaker with the first
//! call, since no other would fare better. A refusal is an answer, and mostly one to what was
//! asked: an image that is not there, a size that is not sold. So it counts once for each farm
//! role in a row: a farm role that is wrong adds one at most, however often it tries, and an
//! account that refuses everybody (its credentials are withdrawn, its bill is not paid) is still
//! noticed, by as many farm roles as it takes. The trial is a step of a farm role that is not
//! among the failures where there is one, so that a bad one does not keep the account shut for
//! good ones. What we could not even ask counts as nothing.
//!
//! A server that a person named is terminated all the same, with one call: whoever asks for it may
//! know what we do not, an answer is one more trial, and its failure adds nothing. The next try
//! waits like everything else, and so does a whole farm that is terminated.
//!
//! Failed listings do not count. They are one call in a while, which hammers nobody; they go on
//! while the account is left alone, because only they settle unknown steps; and one that cannot
//! list may still launch and terminate, whose own failures count. What a blind account needs
//! happens by itself: sightings grow old, nothing is concluded from old ones, and people are told.
//!
//! **The pace** ([`crate::service::plans::pace`]) bounds the steps begun in a minute.
//!
//! Both are enforced where a step is begun, in its transaction ([`StepAdmission`]);
//! [`super::admissible`] only spares the attempts, and says when to look again. There, too, and for
//! everybody, is enforced that the account's lease is ours ([`lease`]).

use super::known;
use super::lease::{self, LeaseStanding};
use crate::base::limit::{BREAKER_FAILURES, BREAKER_FARM_ROLES_MAX, BREAKER_REASON_MAX};
use crate::base::time::say;
use crate::base::{Millis, Problem, Result, Timestamp};
use crate::clouds::platform::platform;
use crate::clouds::{Applied, CloudError, Verdict};
use crate::model::{
    Actor, Breaker, BreakerCause, Cause, CloudAccount, Grant, Permission, Server, Step, StepKind,
    StepStatus,
};
use crate::service::observed::Leases;
use crate::service::plans::pace::{Pace, Priority};
use crate::service::{Service, authorise, lookup};
use crate::store::{Author, Purpose, Reads, Tx};
use crate::wire::account::{AccountView, OptionValue};
use crate::wire::input::{Page, Slice};
use std::sync::Arc;

/// What lets steps begin, as a transaction takes it along.
#[derive(Clone)]
pub(in crate::service) struct StepAdmission {
    pace: Arc<Pace>,
    leases: Arc<Leases>,
    /// What time it is.
    pub(in crate::service) now: Timestamp,
    elapsed: Millis,
}

impl StepAdmission {
    /// The gate as it is at this moment.
    pub(in crate::service) fn of(service: &Service) -> StepAdmission {
        let elapsed = service.clock.monotonic();
        let (pace, leases) = (service.pace.clone(), service.observed.leases.clone());
        StepAdmission { pace, leases, now: service.now(), elapsed }
    }

    /// Whether a step may begin; it is counted if so, and it stays planned if not.
    pub(in crate::service) fn admits(
        &self,
        tx: &mut Tx,
        step: &Step,
        server: &Server,
    ) -> Result<bool> {
        let account = &server.account;
        let lease = self.leases.standing(account, (self.elapsed, self.now));
        let unasked = lease == LeaseStanding::Unasked;
        if !lease.lets_begin(unasked && lease::is_required(tx, account)?) {
            return Ok(false);
        }
        let known = lookup::breaker(tx, account)?;
        let named = is_named(tx, step, server)?;
        let trial = match known.as_ref().and_then(|breaker| breaker.left(self.now)) {
            None => None,
            Some(0) => known,
            Some(_) if named => None,
            Some(_) => return Ok(false),
        };
        if let Some(breaker) = &trial
            && !named
            && is_tried(tx, breaker)?
        {
            return Ok(false);
        }
        if !self.pace.take(account, Priority::of(step, server), self.elapsed) {
            return Ok(false);
        }
        if let Some(breaker) = trial {
            let text = match breaker.cause {
                BreakerCause::Failures => {
                    format!("is tried with one call after {} failed", breaker.failures)
                }
                BreakerCause::Throttled | BreakerCause::Credentials => {
                    format!("is tried with one call after this: {}", breaker.reason)
                }
            };
            tx.text(about(account), text);
            tx.put(&Breaker { trial: Some(step.id), ..breaker })?;
        }
        Ok(true)
    }
}

/// Whether it is the first try at terminating a server that a person named.
pub(super) fn is_named(read: &impl Reads, step: &Step, server: &Server) -> Result<bool> {
    if step.kind != StepKind::Terminate || !server.terminate_requested {
        return Ok(false);
    }
    let others = lookup::steps_of_server(read, server.id)?;
    let tried = |other: &Step| other.kind == StepKind::Terminate && other.id != step.id;
    Ok(!others.iter().any(|other| tried(other) && other.attempts > 0))
}

/// Whether the call of a trial is under way. One whose answer is lost is not: what came of it is
/// for listings to say, and another may try.
pub(super) fn is_tried(read: &impl Reads, breaker: &Breaker) -> Result<bool> {
    let Some(trial) = breaker.trial else { return Ok(false) };
    Ok(lookup::step(read, trial)?.is_some_and(|step| step.status == StepStatus::Begun))
}

/// Takes in what came of a call.
pub(in crate::service) fn note(
    tx: &mut Tx,
    step: &Step,
    server: &Server,
    answer: &std::result::Result<Applied, CloudError>,
    now: Timestamp,
) -> Result<()> {
    let known = lookup::breaker(tx, &server.account)?;
    let error = match answer {
        Ok(_) => return known.map_or(Ok(()), |breaker| served(tx, &breaker, now)),
        Err(error) => error,
    };
    let breaker = || known.clone().unwrap_or_else(|| Breaker::closed(&server.account, now));
    match error.verdict() {
        Verdict::Well => known.map_or(Ok(()), |breaker| served(tx, &breaker, now)),
        Verdict::Rest(length) => rest(tx, breaker(), length, error, now),
        Verdict::Locked => lock_out(tx, breaker(), step, error, now),
        Verdict::Failed => count(tx, breaker(), step, error, (true, now)),
        Verdict::Request => {
            let breaker = breaker();
            let counts = !breaker.farm_roles.contains(&step.farm_role);
            count(tx, breaker, step, error, (counts, now))
        }
    }
}

/// A call was answered. An account that asked for a rest gets it all the same.
fn served(tx: &mut Tx, breaker: &Breaker, now: Timestamp) -> Result<()> {
    let rests = breaker.cause == BreakerCause::Throttled && breaker.left(now) > Some(0);
    if rests { Ok(()) } else { close(tx, breaker) }
}

/// It was asked too often, which is no failure: it is left alone for as long as it says, or for
/// as long as it is anyway.
fn rest(
    tx: &mut Tx,
    mut breaker: Breaker,
    length: Millis,
    error: &CloudError,
    now: Timestamp,
) -> Result<()> {
    breaker.trial = None;
    if breaker.left(now) < Some(length) {
        breaker.cause = BreakerCause::Throttled;
        breaker.open_until = Some(now.after(length));
        breaker.reason = reason(error);
        tx.text(about(&breaker.account), alone(&breaker, length));
    }
    tx.put(&breaker)?;
    Ok(())
}

/// Its credentials are refused: no other call would fare better, so that one is enough. What was
/// under way when it was locked adds nothing.
fn lock_out(
    tx: &mut Tx,
    mut breaker: Breaker,
    step: &Step,
    error: &CloudError,
    now: Timestamp,
) -> Result<()> {
    let is_locked = breaker.cause == BreakerCause::Credentials && breaker.open_until.is_some();
    if is_locked && breaker.trial != Some(step.id) {
        return Ok(());
    }
    if !is_locked {
        breaker.failures = 0;
    }
    breaker.failures = breaker.failures.saturating_add(1);
    breaker.cause = BreakerCause::Credentials;
    breaker.reason = reason(error);
    breaker.trial = None;
    let length = breaker.length();
    breaker.open_until = Some(now.after(length));
    tx.text(about(&breaker.account), alone(&breaker, length));
    tx.put(&breaker)?;
    Ok(())
}

/// What it said last, as it is kept. How long it wants to rest is kept beside it.
fn reason(error: &CloudError) -> String {
    let said = match error {
        CloudError::Throttled { words, .. } => format!("throttled: {words}"),
        other => other.to_string(),
    };
    said.chars().take(BREAKER_REASON_MAX).collect()
}

fn close(tx: &mut Tx, breaker: &Breaker) -> Result<()> {
    if breaker.open_until.is_some() {
        tx.text(about(&breaker.account), "answers again");
    }
    tx.delete::<Breaker>(breaker.account.clone())?;
    Ok(())
}

fn count(
    tx: &mut Tx,
    mut breaker: Breaker,
    step: &Step,
    error: &CloudError,
    (counts, now): (bool, Timestamp),
) -> Result<()> {
    let (was_open, is_trial) = (breaker.open_until.is_some(), breaker.trial == Some(step.id));
    let role_failed = breaker.farm_roles.contains(&step.farm_role);
    if !is_trial && (was_open || !counts) {
        return Ok(());
    }
    breaker.failures = breaker.failures.saturating_add(u32::from(counts));
    breaker.cause = BreakerCause::Failures;
    breaker.reason = reason(error);
    if !role_failed && breaker.farm_roles.len() < BREAKER_FARM_ROLES_MAX {
        breaker.farm_roles.push(step.farm_role);
    }
    breaker.trial = None;
    if breaker.failures >= BREAKER_FAILURES {
        let length = breaker.length();
        breaker.open_until = Some(now.after(length));
        tx.text(about(&breaker.account), alone(&breaker, length));
    }
    tx.put(&breaker)?;
    Ok(())
}

/// `is left alone for 28 s: 5 calls failed in a row, the last: not now: throttled`.
fn alone(breaker: &Breaker, left: Millis) -> String {
    let (failures, reason) = (breaker.failures, &breaker.reason);
    let why = match breaker.cause {
        BreakerCause::Failures => {
            format!("{failures} calls failed in a row, the last: {reason}")
        }
        BreakerCause::Throttled | BreakerCause::Credentials => reason.clone(),
    };
    let for_now = match left {
        0 => "is tried with one call at a time".to_owned(),
        left => format!("is left alone for {}", say(left)),
    };
    format!("{for_now}: {why}")
}

fn about(account: &str) -> String {
    format!("cloud {account}")
}

/// What people have to see: accounts that are left alone, one line each.
pub(in crate::service) fn alerts(service: &Service) -> Result<Vec<String>> {
    let now = service.now();
    let open = |breaker: &Breaker| {
        let left = breaker.left(now)?;
        Some(format!("{} {}", about(&breaker.account), alone(breaker, left)))
    };
    let breakers = service.read(&Grant::job("status"), lookup::breakers)?;
    Ok(breakers.iter().filter_map(open).collect())
}

/// Every account, with how it answers and how fast it may be asked.
pub fn list(service: &Service, actor: &Actor, page: Page) -> Result<Slice<AccountView>> {
    let grant = authorise(actor, Permission::FarmsRead)?;
    service.read(&grant, |view| {
        let breakers = lookup::breakers(view)?;
        let known = known::accounts(&service.settings, view, actor.env)?;
        let shown = Slice::cut(known, page);
        let of = |account: known::KnownAccount| {
            let breaker = breakers.iter().find(|breaker| breaker.account == account.name);
            seen(service, view, &account.name, breaker)
        };
        let items: Result<Vec<AccountView>> = shown.items.into_iter().map(of).collect();
        Ok(Slice { items: items?, total: shown.total })
    })
}

/// The name of an account that there is for the actor's environment.
pub(super) fn checked_name(service: &Service, grant: &Grant, name: &str) -> Result<String> {
    let env = grant.actor().env;
    let known = service.read(grant, |view| known::accounts(&service.settings, view, env))?;
    let found = known.into_iter().find(|account| account.name == name);
    Ok(found.ok_or_else(|| Problem::not_found("cloud account", name))?.name)
}

/// A person says that an account may be asked again: its failures are forgotten.
pub fn resume(service: &Service, actor: &Actor, account: &str) -> Result<AccountView> {
    let grant = authorise(actor, Permission::FarmsManage)?;
    let name = checked_name(service, &grant, account)?;
    service.write(
        Author::new(&grant, "account.resume", Cause::Request, Purpose::Ending),
        move |tx| match lookup::breaker(tx, &name)? {
            Some(breaker) => {
                let is_open = breaker.open_until.is_some();
                let told =
                    if is_open { "may be asked again" } else { "its failures are forgotten" };
                tx.text(about(&name), format!("{told}: a person says so"));
                tx.delete::<Breaker>(name)?;
                Ok(())
            }
            None => Ok(()),
        },
    )?;
    service.read(&grant, |view| seen(service, view, account, None))
}

/// The alert that an account cannot be listed.
pub fn listing_alert(account: &str) -> String {
    format!("listing-{account}")
}

/// An account as people are shown it.
pub(super) fn seen(
    service: &Service,
    read: &impl Reads,
    account: &str,
    breaker: Option<&Breaker>,
) -> Result<AccountView> {
    let record = lookup::cloud_account(read, account)?;
    let has_secret = record.as_ref().filter(|record| record.secret.is_some());
    let secrets = has_secret.and_then(|record| platform(&record.platform)?.secret());
    let revision =
        record.as_ref().map(|record| lookup::revision_of::<CloudAccount>(read, record.id));
    let options = record.iter().flat_map(|record| record.options.clone());
    let (now, elapsed) = (service.now(), service.clock.monotonic());
    let left = breaker.and_then(|breaker| breaker.left(now));
    let lease = lease::standing(service, account);
    // Steps may do, and nobody knows what became of what they did before.
    let unlisted = service.observed.alert(&listing_alert(account));
    let unasked = lease == LeaseStanding::Unasked && lease::is_required(read, account)?;
    let state = match (&lease, breaker, left) {
        (LeaseStanding::Other { .. }, ..) => "elsewhere",
        _ if !lease.lets_begin(unasked) => "awaited",
        (_, None, _) if unlisted.is_some() => "failing",
        (_, None, _) => "well",
        (_, Some(_), None) => "failing",
        (_, Some(_), Some(0)) => "trial",
        (_, Some(_), Some(_)) => "open",
    };
    let room = service.pace.room(account, Priority::Usual, elapsed);
    Ok(AccountView {
        name: account.to_owned(),
        platform: record.as_ref().map_or_else(|| account.to_owned(), |r| r.platform.clone()),
        options: options.map(|(name, value)| OptionValue { name, value }).collect(),
        revision: revision.transpose()?.unwrap_or(0),
        endpoint: record.map_or_else(String::new, |record| record.endpoint),
        state: state.to_owned(),
        lease: lease::shown(&lease),
        secrets: secrets.map(str::to_owned).into_iter().collect(),
        failures: breaker.map_or(0, |breaker| breaker.failures),
        reason: breaker.map(|breaker| breaker.reason.clone()).or(unlisted),
        since: breaker.map(|breaker| breaker.since.0),
        open_until: breaker.and_then(|breaker| breaker.open_until).map(|until| until.0),
        left,
        steps_per_minute: service.pace.per_minute(),
        steps_left: u32::try_from(room).unwrap_or(u32::MAX),
    })
}
