//! The lease of an account: kept, lost, waited for, and taken by a person.
//!
//! Nothing is begun in an account whose newest mark is not ours. Ours is written anew every
//! [`LEASE_PERIOD`](crate::base::limit::LEASE_PERIOD); when that fails for [`LEASE_HELD_FOR`] no
//! call begins any more, and [`LEASE_OVER_AFTER`], counted by whoever waits, is longer by what a
//! call may last. So of two appliances with one state the one that was there first acts, and the
//! other one follows when the first is dead.
//!
//! What is read from an account needs no lease. A process of the same directory on the same
//! machine goes on with the lease of the one before it at once: it has the lock that one had.
//!
//! Not prevented: a call that its holder began just before the lease was taken from it by a person
//! may end after that. It was about one server, and listings show what came of it.

use super::accounts::checked_name;
use super::registry;
use crate::base::limit::{LEASE_HELD_FOR, LEASE_OVER_AFTER};
use crate::base::time::say;
use crate::base::{Code, Millis, Problem, Result, Timestamp};
use crate::clouds::CloudError;
use crate::clouds::lease::{LeaseHolder, LeaseMark, LeaseMarks};
use crate::clouds::platform::platform;
use crate::model::{Actor, Cause, CloudAccount, Grant, Permission, Server};
use crate::service::observed::MarkTurn;
pub use crate::service::observed::{LeaseLook, LeaseStanding};
use crate::service::{Service, authorise, lookup};
use crate::store::{Author, Purpose, Reads};
use crate::wire::account::{AccountView, LeaseView};

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How much of a holder's times is shown: whole seconds are enough.
const SECONDS: usize = "2026-11-21T03:10:00".len();

/// A look at an account's marks that begins now.
pub fn look(service: &Service, account: &str) -> LeaseLook {
    service.observed.leases.look(account, both_clocks(service))
}

/// Looks whose an account's lease is, writes the next mark where it is ours or nobody's, and tells
/// people when it changed hands. Says whether calls may begin that could not before.
pub fn keep(
    service: &Service,
    actor: &Actor,
    look: &LeaseLook,
    marks: &dyn LeaseMarks,
) -> Result<bool> {
    let grant = authorise(actor, Permission::Operate)?;
    let before = standing(service, &look.account);
    let gained = match turn(service, look, marks) {
        Ok(gained) => gained,
        Err(error) => {
            service.observed.leases.failed(look, error.tidied().to_string());
            None
        }
    };
    let after = standing(service, &look.account);
    let name = &look.account;
    let text = match (&before, &after, &gained) {
        (_, LeaseStanding::Ours { epoch, .. }, Some(Some(from))) => {
            let over = say(LEASE_OVER_AFTER);
            Some(format!(
                "is managed from here now, as epoch {epoch}: {from} wrote no mark for {over}"
            ))
        }
        (LeaseStanding::Other { holder: was, .. }, LeaseStanding::Other { holder, .. }, _)
            if was == holder =>
        {
            None
        }
        (_, LeaseStanding::Other { holder, .. }, _) => Some(managed(holder)),
        _ => None,
    };
    service.observed.set_alert(&format!("lease-{name}"), alert(name, &after));
    if let Some(text) = text {
        note(service, &grant, "account.lease", Cause::Listing, (name.clone(), text))?;
    }
    if before.lets_begin(false) != after.lets_begin(false) {
        service.observed.note_everything();
        service.observation.wake();
    }
    Ok(gained.is_some())
}

/// One look. Where calls may begin that could not: from whom the account was taken over, if from
/// anybody.
fn turn(
    service: &Service,
    look: &LeaseLook,
    marks: &dyn LeaseMarks,
) -> std::result::Result<Option<Option<LeaseHolder>>, CloudError> {
    let (leases, own) = (&service.observed.leases, &service.settings.opening.holder);
    let now = || service.clock.monotonic();
    let newest = marks.newest()?;
    let MarkTurn::Write { number, epoch, from } = leases.decide(look, newest.as_ref(), own, now())
    else {
        return Ok(None);
    };
    let mark = mark(service, number, epoch);
    leases.writing(look, &mark);
    marks.write(&mark)?;
    let newest = marks.newest()?;
    if newest.as_ref().is_some_and(|newest| newest.token == mark.token) {
        return Ok(leases.won(look, &mark, 0).then_some(from));
    }
    // Somebody was faster.
    leases.decide(look, newest.as_ref(), own, now());
    Ok(None)
}

fn mark(service: &Service, number: u64, epoch: u64) -> LeaseMark {
    let mut token = service.secret().reveal().to_owned();
    token.truncate(32);
    LeaseMark { number, epoch, token, holder: service.settings.opening.holder.clone() }
}

/// A person says that an account is to be managed from here, whoever does now. Blocks for some
/// seconds at most.
pub fn take(service: &Service, actor: &Actor, name: &str) -> Result<AccountView> {
    let grant = authorise(actor, Permission::CloudsManage)?;
    let account = service.read(&grant, |view| registry::found(view, actor, name))?;
    let Some(account) = account else {
        checked_name(service, &grant, name)?;
        let text = format!("{name} is there with the machine, and nobody else can have it");
        return Err(Problem::invalid("cloudAccount", text));
    };
    let cloud = registry::opened(service, &account)?;
    let no_lease = || {
        let text = format!("{} carries no lease: nobody can have it alone", account.platform);
        Problem::invalid("cloudAccount", text)
    };
    let marks = cloud.lease().ok_or_else(no_lease)?;
    let told = |error: CloudError| {
        let text = format!("the lease of cloud {name}: {}", error.tidied());
        Problem::new(Code::ServiceUnavailable, text)
    };
    let (leases, look) = (&service.observed.leases, look(service, name));
    let newest = marks.newest().map_err(told)?;
    let own = &service.settings.opening.holder;
    let turn = leases.decide(&look, newest.as_ref(), own, service.clock.monotonic());
    let (number, epoch, from) = match (turn, newest) {
        (MarkTurn::Wait, Some(mark)) => (mark.number + 1, mark.epoch + 1, Some(mark.holder)),
        (MarkTurn::Write { number, epoch, from }, _) => (number, epoch, from),
        (MarkTurn::Wait, None) => {
            let text = format!("cloud {name} was changed meanwhile: look at it again");
            return Err(Problem::new(Code::RevisionConflict, text));
        }
    };
    let mark = mark(service, number, epoch);
    leases.writing(&look, &mark);
    marks.write(&mark).map_err(told)?;
    let newest = marks.newest().map_err(told)?;
    if newest.is_none_or(|newest| newest.token != mark.token) {
        let text = format!("somebody else took cloud {name} at the same moment: look at it again");
        return Err(Problem::new(Code::RevisionConflict, text));
    }
    // The other one may not know before it writes its next mark.
    leases.won(&look, &mark, from.as_ref().map_or(0, |_| LEASE_HELD_FOR));
    service.observed.set_alert(&format!("lease-{name}"), None);
    service.observed.note_everything();
    let text = match from {
        Some(from) => format!("is taken from {from}, as epoch {epoch}: a person says so"),
        None => "is managed from here: a person says so".to_owned(),
    };
    note(service, &grant, "account.take", Cause::Request, (name.to_owned(), text))?;
    service.observation.wake();
    registry::get(service, actor, name)
}

/// Whose the lease of an account is.
pub fn standing(service: &Service, account: &str) -> LeaseStanding {
    service.observed.leases.standing(account, both_clocks(service))
}

/// Whether a call may begin in an account.
pub fn may_call(service: &Service, account: &str) -> Result<bool> {
    let standing = standing(service, account);
    let is_required = || service.read(&Grant::job("lease"), |view| is_required(view, account));
    Ok(standing.lets_begin(standing == LeaseStanding::Unasked && is_required()?))
}

/// Of the accounts of some servers, those in which nothing may begin, with whose they are where
/// that is known.
pub(in crate::service) fn unleased<'s>(
    service: &Service,
    servers: impl Iterator<Item = &'s Arc<Server>>,
) -> BTreeMap<String, Option<String>> {
    let accounts: BTreeSet<&str> = servers.map(|server| server.account.as_str()).collect();
    let wait = |account: &str| {
        // What cannot be read now is refused by the transaction that begins a step.
        if may_call(service, account).unwrap_or(true) {
            return None;
        }
        let holder = match standing(service, account) {
            LeaseStanding::Other { holder, .. } => Some(holder.to_string()),
            _ => None,
        };
        Some((account.to_owned(), holder))
    };
    accounts.into_iter().filter_map(wait).collect()
}

/// Whether nobody may call in an account before its lease was seen.
pub(in crate::service) fn is_required(read: &impl Reads, account: &str) -> Result<bool> {
    let record = lookup::cloud_account(read, account)?;
    Ok(record.and_then(|record| platform(&record.platform)).is_some_and(|on| on.leased))
}

/// What people are told of it.
pub(super) fn shown(standing: &LeaseStanding) -> LeaseView {
    let view = |state: &str| LeaseView { state: state.to_owned(), ..LeaseView::default() };
    match standing {
        LeaseStanding::Unasked => view("unasked"),
        LeaseStanding::NotKept => view("none"),
        LeaseStanding::Lapsed { why } => LeaseView { reason: Some(why.clone()), ..view("lapsed") },
        LeaseStanding::Ours { epoch, since, left } => LeaseView {
            epoch: Some(*epoch),
            since: Some(since.0),
            left: Some(*left).filter(|left| *left > 0),
            ..view("ours")
        },
        LeaseStanding::Other { holder, left } => LeaseView {
            holder: Some(holder.to_string()),
            since: Some(holder.since.0),
            left: Some(*left),
            ..view("other")
        },
    }
}

/// The same in words.
pub(super) fn told(standing: &LeaseStanding) -> String {
    match standing {
        LeaseStanding::Unasked => "nobody looked yet".to_owned(),
        LeaseStanding::NotKept => "none: the platform carries none".to_owned(),
        LeaseStanding::Lapsed { why } => format!("it cannot be kept: {why}"),
        LeaseStanding::Ours { epoch, .. } => format!("ours, epoch {epoch}"),
        LeaseStanding::Other { holder, .. } => managed(holder),
    }
}

fn alert(name: &str, standing: &LeaseStanding) -> Option<String> {
    match standing {
        LeaseStanding::Unasked | LeaseStanding::NotKept | LeaseStanding::Ours { .. } => None,
        LeaseStanding::Other { holder, .. } => Some(format!(
            "cloud {name} {}; to manage it from here: grange cloud take {name}",
            managed(holder)
        )),
        LeaseStanding::Lapsed { why } => {
            Some(format!("cloud {name}: nothing is begun in it, its lease cannot be kept: {why}"))
        }
    }
}

fn managed(holder: &LeaseHolder) -> String {
    let since = holder.since.to_string();
    let since = since.get(..SECONDS).unwrap_or(&since);
    format!("is managed by {holder}, started {since} UTC: nothing is begun in it from here")
}

fn note(
    service: &Service,
    grant: &Grant,
    verb: &'static str,
    cause: Cause,
    (name, text): (String, String),
) -> Result<()> {
    service.write(Author::new(grant, verb, cause, Purpose::Ending), move |tx| {
        let Some(account) = lookup::cloud_account(tx, &name)? else { return Ok(()) };
        tx.text(format!("cloud {name}"), text);
        tx.put::<CloudAccount>(&account)?;
        Ok(())
    })
}

fn both_clocks(service: &Service) -> (Millis, Timestamp) {
    (service.clock.monotonic(), service.now())
}
