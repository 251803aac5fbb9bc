//! Telling agents where the appliance is by now.
//!
//! An agent knows the addresses of its user data, so that another address or port in the config
//! file would leave it outside. What agents know is therefore listened on, too, until each of
//! them has been told: by an order that it keeps, after it has tried the way. Which were told is
//! in the store; those that are away, cannot be told or do not get through are named in an alert,
//! with what to do. When all are told, the former listeners go ([`crate::jobs::tell`]).
//!
//! Nothing is looked at while nothing has changed.

use crate::base::{Millis, Result, ServerId, Timestamp};
use crate::model::{
    Actor, AgentCursor, Cause, Grant, Order, OrderBody, OrderState, Permission, Server,
    ServerStatus,
};
use crate::service::agents::orders;
use crate::service::observed::FormerPorts;
use crate::service::{Service, authorise, lookup};
use crate::store::{Author, Purpose, Tx, View};

/// Agents come back within their longest wait (15 s) after a start: only then one that did not is
/// away.
const AWAY_AFTER: Millis = 30_000;
/// How long an agent has to try a new way and answer.
const TELL_DEADLINE: Millis = 120_000;
/// One that could not be told is told again after this.
const TELL_AGAIN: Millis = 60_000;
/// Agents told at once; more follow when these have answered.
const TOLD_AT_ONCE: usize = 200;
/// Servers named in the alert.
const NAMED_MAX: usize = 5;
/// The alert.
const ALERT: &str = "agents-told";

/// Addresses as they are kept and said.
fn words(addresses: &[String]) -> String {
    addresses.join(", ")
}

/// What a server that is launched just now will have been told, while that is not what others
/// were: it is noted then.
pub(in crate::service) fn told_at_launch(service: &Service) -> Option<String> {
    service.observed.telling.former().map(|_| words(&service.settings.agent_addresses))
}

/// An agent answered: one that keeps the addresses, and gets through to one of them, is told.
pub(in crate::service) fn note(tx: &mut Tx, order: &Order) -> Result<()> {
    let (OrderBody::Addresses { appliances }, OrderState::Done { .. }) =
        (&order.body, &order.state)
    else {
        return Ok(());
    };
    let told = Some(words(appliances));
    let cursor = lookup::agent_cursor(tx, order.server)?;
    let cursor = cursor.unwrap_or_else(|| unheard(order.server, None));
    tx.put(&AgentCursor { told, ..cursor })?;
    Ok(())
}

/// What is known of an agent that has said nothing yet.
pub(in crate::service) fn unheard(server: ServerId, told: Option<String>) -> AgentCursor {
    AgentCursor { server, boot: String::new(), seq: 0, told }
}

/// One agent that has not been told.
struct Untold {
    server: Server,
    /// Whether it is to be ordered to know now.
    due: bool,
    /// Whether it is connected.
    here: bool,
    /// Why it is not told, where that is not a matter of moments.
    why: Option<String>,
}

/// Orders agents that do not know it to know where the appliance is, and says of which that cannot
/// be done. The answer is how many are not told; `None` when there is nothing to tell.
pub fn tell(service: &Service, actor: &Actor) -> Result<Option<usize>> {
    let grant = authorise(actor, Permission::Operate)?;
    let Some(former) = service.observed.telling.former() else { return Ok(None) };
    let now = service.now();
    let untold = service.read(&grant, |view| {
        let mut untold = Vec::new();
        for server in lookup::live_servers(view)? {
            // No cloud has heard of the others, and they will be told the right thing.
            let stays = server.status != ServerStatus::PendingTerminate;
            if server.agent && server.asked_at.is_some() && stays {
                untold.extend(look(service, view, server, now)?);
            }
        }
        Ok(untold)
    })?;
    let all_back = now.since(service.observed.started_at()) >= AWAY_AFTER;
    let is_stuck = |one: &&Untold| one.why.is_some() && (one.here || all_back);
    alert(service, &former, untold.iter().filter(is_stuck))?;
    if untold.is_empty() {
        service.observed.telling.set(None);
        return Ok(Some(0));
    }
    let due: Vec<ServerId> =
        untold.iter().filter(|one| one.due).map(|one| one.server.id).take(TOLD_AT_ONCE).collect();
    if !due.is_empty() {
        let appliances = service.settings.agent_addresses.clone();
        let author = Author::new(&grant, "agent.tell", Cause::Clock, Purpose::Report);
        service.write(author, move |tx| give(tx, &due, &appliances, now))?;
    }
    Ok(Some(untold.len()))
}

fn give(tx: &mut Tx, due: &[ServerId], appliances: &[String], now: Timestamp) -> Result<()> {
    for id in due {
        let Some(server) = lookup::server(tx, *id)? else { continue };
        let about = lookup::server_name(tx, &server)?;
        let text = format!("its agent is told that the appliance is at {}", words(appliances));
        tx.text(about, text);
        let body = OrderBody::Addresses { appliances: appliances.to_vec() };
        orders::give(tx, &server, body, now, now.after(TELL_DEADLINE))?;
    }
    Ok(())
}

/// Whether an agent has not been told, and what is in the way.
fn look(service: &Service, view: &View, server: Server, now: Timestamp) -> Result<Option<Untold>> {
    let current = &service.settings.agent_addresses;
    let told = lookup::agent_cursor(view, server.id)?.and_then(|cursor| cursor.told);
    let launched_since = server.asked_at.is_some_and(|at| at >= service.observed.started_at());
    if told.map_or(launched_since, |told| told == words(current)) {
        return Ok(None);
    }
    let untold = Untold { server, due: false, here: true, why: None };
    let server = &untold.server;
    if !service.observed.agent(server.id).is_some_and(|agent| agent.connected) {
        let why = Some("is away".to_owned());
        return Ok(Some(Untold { here: false, why, ..untold }));
    }
    if !service.observed.telling.is_able(server.id) {
        let version = server.agent_version.clone().unwrap_or_default();
        let why = Some(format!("has an agent of version {version}, which cannot be told"));
        return Ok(Some(Untold { why, ..untold }));
    }
    let orders = lookup::orders_of(view, server.id)?;
    let tells_these = |body: &OrderBody| match body {
        OrderBody::Addresses { appliances } => appliances == current,
        _ => false,
    };
    let Some(last) = orders::last_of(&orders, tells_these) else {
        return Ok(Some(Untold { due: true, ..untold }));
    };
    let due = last.state != OrderState::Open && now.since(last.at) >= TELL_AGAIN;
    let why = match &last.state {
        OrderState::Failed(why) => Some(why.clone()),
        OrderState::Expired => Some("does not answer".to_owned()),
        _ => None,
    };
    Ok(Some(Untold { due, why, ..untold }))
}

/// Names those who are not told, and says what would help.
fn alert<'a>(
    service: &Service,
    former: &FormerPorts,
    untold: impl Iterator<Item = &'a Untold>,
) -> Result<()> {
    let named = service.read(&Grant::job("tell"), |view| {
        untold
            .map(|one| {
                let name = lookup::server_name(view, &one.server)?;
                Ok(format!("{name} {}", one.why.as_deref().unwrap_or_default()))
            })
            .collect::<Result<Vec<String>>>()
    })?;
    let more = named.len().saturating_sub(NAMED_MAX);
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    let who = named[..named.len().min(NAMED_MAX)].join("; ");
    let current = words(&service.settings.agent_addresses);
    let lost = match former.lost.is_empty() {
        true => String::new(),
        false => format!(
            ", and nobody can listen any more on {}, where agents were told to come: give it back \
             under [listen] and [agents] in the config file, or replace these servers",
            former.lost.join(", ")
        ),
    };
    let open = match former.open.is_empty() {
        true => String::new(),
        false => format!(
            "; {} stays open for them. Start or wake those that are away, so that they come in, \
             and replace those that cannot be told",
            former.open.join(", ")
        ),
    };
    let text = format!(
        "agents do not know yet that the appliance is at {current}: {who}{more}{lost}{open}"
    );
    service.observed.set_alert(ALERT, (!named.is_empty()).then_some(text));
    Ok(())
}
