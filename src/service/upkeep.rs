//! What is long gone: records nobody asks about any more.

use crate::base::{Millis, Result};
use crate::model::{Actor, AgentCursor, Cause, Order, Permission, Server, Step};
use crate::service::{Service, authorise, lookup};
use crate::store::Author;

/// Servers removed in one transaction at the most, so that none takes long.
const BATCH: usize = 200;

/// Removes the records of servers that were confirmed gone longer ago than `kept`, with their
/// steps and orders. The journal keeps their story. Says how many.
pub fn remove_terminated(service: &Service, actor: &Actor, kept: Millis) -> Result<usize> {
    authorise(actor, Permission::Operate)?;
    let now = service.now();
    let old: Vec<Server> = service.read(|view| {
        let servers = lookup::all_servers(view)?.into_iter();
        Ok(servers.filter(|s| !s.status.counts() && now.since(s.status_at) > kept).collect())
    })?;
    if old.is_empty() {
        return Ok(0);
    }
    let batch: Vec<Server> = old.into_iter().take(BATCH).collect();
    for server in &batch {
        service.observed.forget(server.id);
        service.series.forget(server.id);
    }
    let count = batch.len();
    service.write(Author::new(actor, "server.forget", Cause::Clock), move |tx| {
        for server in &batch {
            for step in lookup::steps_of_server(tx, server.id)? {
                tx.delete::<Step>(step.id)?;
            }
            for order in lookup::orders_of(tx, server.id)? {
                tx.delete::<Order>(order.id)?;
            }
            tx.delete::<AgentCursor>(server.id)?;
            tx.delete::<Server>(server.id)?;
        }
        Ok(())
    })?;
    Ok(count)
}
