//! Orders to agents: given in a transaction, sent until their result is committed.

use crate::base::{OrderId, Result, Timestamp};
use crate::model::{Actor, Cause, Grant, Order, OrderBody, OrderState, Permission, Server};
use crate::service::farms::workloads::Contents;
use crate::service::servers::commands;
use crate::service::{Service, authorise, lookup};
use crate::store::{Author, Purpose, Tx};
use crate::wire::agent::{OrderMessage, VERSION};

/// Ended orders of one server that are kept to be asked about; older ones are removed.
const ENDED_KEPT: usize = 20;

/// Writes an order. A file order takes the place of an open one for the same path, and what is
/// said of a retirement that of what was said before.
pub(in crate::service) fn give(
    tx: &mut Tx,
    server: &Server,
    body: OrderBody,
    now: Timestamp,
    deadline: Timestamp,
) -> Result<OrderId> {
    let orders = lookup::orders_of(tx, server.id)?;
    for mut open in orders.iter().filter(|order| order.state == OrderState::Open).cloned() {
        if replaces(&open.body, &body) {
            open.state = OrderState::Superseded;
            tx.put(&open)?;
        }
    }
    // What a server was told to do last is asked for as long as it lives.
    let last_work = last_of(&orders, is_work).map(|order| order.id);
    let is_spent = |order: &&Order| order.state != OrderState::Open && Some(order.id) != last_work;
    let mut ended: Vec<&Order> = orders.iter().filter(is_spent).collect();
    ended.sort_by_key(|order| order.id);
    let surplus = ended.len().saturating_sub(ENDED_KEPT);
    for old in ended.into_iter().take(surplus) {
        tx.delete::<Order>(old.id)?;
    }
    let id: OrderId = tx.next_id()?;
    let state = OrderState::Open;
    let (env, server) = (server.env, server.id);
    tx.put(&Order { id, env, server, body, at: now, deadline, state, cancel: None })?;
    Ok(id)
}

/// The last order among those of a server that is of a kind.
pub(in crate::service) fn last_of(
    orders: &[Order],
    is_kind: impl Fn(&OrderBody) -> bool,
) -> Option<&Order> {
    orders.iter().filter(|order| is_kind(&order.body)).max_by_key(|order| order.id)
}

/// Whether an order is to write a file.
pub(in crate::service) fn is_file(body: &OrderBody) -> bool {
    matches!(body, OrderBody::WriteFile { .. })
}

/// Whether an order is to do a role's work.
pub(in crate::service) fn is_work(body: &OrderBody) -> bool {
    matches!(body, OrderBody::Workload { .. })
}

/// Whether an order is to run a command of a person's.
fn is_run(body: &OrderBody) -> bool {
    matches!(body, OrderBody::Run { .. })
}

fn replaces(a: &OrderBody, b: &OrderBody) -> bool {
    let retiring = |body: &OrderBody| matches!(body, OrderBody::Leave { .. } | OrderBody::Stay);
    match (a, b) {
        (OrderBody::Addresses { .. }, OrderBody::Addresses { .. })
        | (OrderBody::Workload { .. }, OrderBody::Workload { .. }) => true,
        (OrderBody::WriteFile { path: a, .. }, OrderBody::WriteFile { path: b, .. }) => a == b,
        _ => retiring(a) && retiring(b),
    }
}

/// An order as it goes to the agent of a server.
pub type Outgoing = (crate::base::ServerId, OrderMessage);

/// Open orders of servers whose agents are connected, as messages; and when the next expires.
pub fn to_send(service: &Service) -> Result<(Vec<Outgoing>, Option<Timestamp>)> {
    let open = service.read(&Grant::job("orders"), lookup::open_orders)?;
    let next = open.iter().map(|order| order.deadline).min();
    let connected = |id| service.observed.agent(id).is_some_and(|agent| agent.connected);
    let messages = open
        .into_iter()
        .filter(|order| connected(order.server) && is_wanted(order))
        .map(|order| {
            let message = OrderMessage {
                v: VERSION,
                epoch: service.settings.epoch,
                order: order.id,
                deadline: order.deadline,
                body: order.body,
                workload: None,
            };
            (order.server, message)
        })
        .collect();
    Ok((messages, next))
}

/// The same messages with the work that they are about, and commands with their environment. One
/// whose work comes to something else by
/// now is left out: another order takes its place.
pub fn with_work(service: &Service, messages: Vec<Outgoing>) -> Result<Vec<Outgoing>> {
    if !messages.iter().any(|(_, message)| is_work(&message.body) || is_run(&message.body)) {
        return Ok(messages);
    }
    service.read(&Grant::job("orders"), |view| {
        let mut contents = Contents::new(service, view);
        let mut out = Vec::new();
        for (server, mut message) in messages {
            if is_work(&message.body) {
                let Some(work) = contents.of(server, &message.body)? else { continue };
                message.workload = Some(work);
            } else if is_run(&message.body) {
                message.workload = contents.environment_of(server)?;
            }
            out.push((server, message));
        }
        Ok(out)
    })
}

/// A command that is cancelled is not sent any more: its agent is told to end it, and says how it
/// ended.
fn is_wanted(order: &Order) -> bool {
    order.cancel.is_none()
}

/// Gives up orders whose deadline passed, and those of servers that are gone.
pub fn expire(service: &Service, actor: &Actor) -> Result<usize> {
    let grant = authorise(actor, Permission::Operate)?;
    let now = service.now();
    let late = service.read(&grant, |view| {
        let mut late = Vec::new();
        for order in lookup::open_orders(view)? {
            let server = lookup::server(view, order.server)?;
            if order.deadline < now || server.is_none_or(|server| !server.status.counts()) {
                late.push(order.id);
            }
        }
        Ok(late)
    })?;
    if late.is_empty() {
        return Ok(0);
    }
    service.write(Author::new(&grant, "order.expire", Cause::Clock, Purpose::Ending), move |tx| {
        let mut count = 0;
        for id in &late {
            let Some(mut order) = lookup::order(tx, *id)? else { continue };
            if order.state == OrderState::Open {
                order.state = OrderState::Expired;
                tx.put(&order)?;
                commands::tell_end(tx, &order)?;
                count += 1;
            }
        }
        Ok(count)
    })
}
