//! What is long gone: records nobody asks about any more.

use crate::base::{FarmId, Millis, PlanId, Result};
use crate::model::{
    Actor, AgentCursor, Cause, Order, Permission, Plan, Server, ServerStatus, Step,
};
use crate::service::{Service, authorise, lookup};
use crate::store::{Author, Purpose, Reads};
use std::collections::BTreeMap;

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
    service.write(
        Author::new(actor, "server.forget", Cause::Clock, Purpose::Ending),
        move |tx| {
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
        },
    )?;
    Ok(count)
}

/// Removes plans beyond a farm's last `kept`, never its current one. The journal keeps what they
/// said. Says how many.
pub fn remove_plans(service: &Service, actor: &Actor, kept: usize) -> Result<usize> {
    authorise(actor, Permission::Operate)?;
    let old: Vec<PlanId> = service.read(|view| {
        let mut farms: BTreeMap<FarmId, Vec<PlanId>> = BTreeMap::new();
        for plan in lookup::all_plans(view)? {
            farms.entry(plan.farm).or_default().push(plan.id);
        }
        let mut old = Vec::new();
        for (farm, mut plans) in farms {
            plans.sort();
            plans.truncate(plans.len().saturating_sub(kept));
            let current = view.current_plan(farm)?;
            old.extend(plans.into_iter().filter(|id| Some(*id) != current).take(BATCH));
        }
        Ok(old)
    })?;
    let batch: Vec<PlanId> = old.into_iter().take(BATCH).collect();
    let count = batch.len();
    if count > 0 {
        service.write(
            Author::new(actor, "plan.forget", Cause::Clock, Purpose::Ending),
            move |tx| {
                for id in batch {
                    tx.delete::<Plan>(id)?;
                }
                Ok(())
            },
        )?;
    }
    Ok(count)
}

/// Forgets that servers were once started again, after they have run for `healthy`: restarts are
/// counted against a server that keeps stopping, not against a long life. Says how many.
pub fn reset_restarts(service: &Service, actor: &Actor, healthy: Millis) -> Result<usize> {
    authorise(actor, Permission::Operate)?;
    let now = service.now();
    let recovered = move |server: &Server| {
        server.restarts > 0
            && server.status == ServerStatus::Running
            && now.since(server.status_at) >= healthy
    };
    let any = service.read(|view| Ok(lookup::all_servers(view)?.iter().any(recovered)))?;
    if !any {
        return Ok(0);
    }
    service.write(
        Author::new(actor, "server.recovered", Cause::Clock, Purpose::Report),
        move |tx| {
            let servers: Vec<Server> =
                lookup::all_servers(tx)?.into_iter().filter(recovered).take(BATCH).collect();
            let count = servers.len();
            for server in servers {
                tx.put(&Server { restarts: 0, ..server })?;
            }
            Ok(count)
        },
    )
}

/// Says what was missing or damaged and is made anew: in the log, in the journal, and as an alert
/// until the next start.
pub fn note_remade(service: &Service, told: &[String]) {
    for text in told {
        tracing::warn!("{text}");
        let said = text.clone();
        let author =
            Author::new(&Actor::job("start"), "start.remade", Cause::Clock, Purpose::Report);
        let noted = service.write(author, move |tx| {
            tx.text(String::new(), said);
            tx.event();
            Ok(())
        });
        if let Err(problem) = noted {
            // The log has it, and so has the alert.
            tracing::warn!("this could not be noted in the journal: {}", problem.message);
        }
    }
    if !told.is_empty() {
        service.observed.set_alert("remade", Some(told.join("; ")));
    }
}
