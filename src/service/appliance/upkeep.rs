//! What is long gone: records nobody asks about any more.

use crate::base::{FarmId, Millis, PlanId, Result, ServerId};
use crate::model::{
    Actor, AgentCursor, Cause, Order, Permission, Plan, Server, ServerStatus, Step, VariableScope,
};
use crate::service::farms::{notes, variables};
use crate::service::{Service, authorise, lookup};
use crate::store::{Author, Purpose, Reads, View};
use std::collections::{BTreeMap, BTreeSet};

/// Records removed in one transaction at the most, so that none takes long.
const BATCH: usize = 200;
/// Plans read at once: of farms of 400 servers, 8 MiB.
const PLANS_AT_ONCE: usize = 64;

/// Removes the records of servers that were confirmed gone longer ago than `kept`, and of those
/// beyond the last `most`, with their steps and orders. The journal keeps their story. As many as
/// there are, a batch at a time: what is made is removed as fast. Says how many.
pub fn remove_terminated(
    service: &Service,
    actor: &Actor,
    kept: Millis,
    most: usize,
) -> Result<usize> {
    authorise(actor, Permission::Operate)?;
    let before = service.now().before(kept);
    let old = service.observed.fleet.forgettable(service, before, most)?;
    for batch in old.chunks(BATCH) {
        remove(service, actor, batch.to_vec())?;
    }
    Ok(old.len())
}

fn remove(service: &Service, actor: &Actor, batch: Vec<ServerId>) -> Result<()> {
    for id in &batch {
        service.observed.forget(*id);
        service.streams.forget(*id);
        service.series.forget(*id);
    }
    let grant = authorise(actor, Permission::Operate)?;
    service.write(Author::new(&grant, "server.forget", Cause::Clock, Purpose::Ending), move |tx| {
        for id in batch {
            // Nothing makes one live again; this is for a memory that would be wrong.
            let found = lookup::server(tx, id)?.filter(|server| !server.status.counts());
            let Some(server) = found else { continue };
            notes::forget_server(tx, &server)?;
            variables::forget(tx, &VariableScope::Server(id))?;
            for step in lookup::steps_of_server(tx, id)? {
                tx.delete::<Step>(step.id)?;
            }
            for order in lookup::orders_of(tx, id)? {
                tx.delete::<Order>(order.id)?;
            }
            tx.delete::<AgentCursor>(id)?;
            tx.delete::<Server>(id)?;
        }
        Ok(())
    })
}

/// Which plans there are, by farm. Filled with what is new since it was last looked at, because a
/// plan is up to 300 KiB and nobody but [`remove_plans`] removes any.
#[derive(Debug, Default)]
pub struct KeptPlans {
    last: Option<PlanId>,
    farms: BTreeMap<FarmId, BTreeSet<PlanId>>,
}

impl KeptPlans {
    fn read_on(&mut self, view: &View) -> Result<()> {
        loop {
            let page = view.scan::<Plan>(self.last, PLANS_AT_ONCE)?;
            let Some(last) = page.last() else { return Ok(()) };
            self.last = Some(last.record.id);
            for plan in page {
                self.farms.entry(plan.record.farm).or_default().insert(plan.record.id);
            }
        }
    }

    /// At most a [`BATCH`] of those beyond each farm's last `kept`, the oldest first, never a
    /// current one.
    fn old(&self, view: &View, kept: usize) -> Result<Vec<PlanId>> {
        let mut old = Vec::new();
        for (farm, plans) in &self.farms {
            let current = view.current_plan(*farm)?;
            let beyond = plans.iter().take(plans.len().saturating_sub(kept));
            old.extend(beyond.filter(|id| Some(**id) != current));
        }
        old.truncate(BATCH);
        Ok(old)
    }

    fn forget(&mut self, gone: &[PlanId]) {
        for plans in self.farms.values_mut() {
            plans.retain(|id| !gone.contains(id));
        }
        self.farms.retain(|_, plans| !plans.is_empty());
    }
}

/// Removes plans beyond a farm's last `kept`, never its current one. The journal keeps what they
/// said. Says how many.
pub fn remove_plans(
    service: &Service,
    actor: &Actor,
    plans: &mut KeptPlans,
    kept: usize,
) -> Result<usize> {
    let grant = authorise(actor, Permission::Operate)?;
    let mut count = 0;
    loop {
        let old = service.read(&grant, |view| {
            plans.read_on(view)?;
            plans.old(view, kept)
        })?;
        if old.is_empty() {
            return Ok(count);
        }
        count += old.len();
        let batch = old.clone();
        service.write(
            Author::new(&grant, "plan.forget", Cause::Clock, Purpose::Ending),
            move |tx| {
                for id in batch {
                    tx.delete::<Plan>(id)?;
                }
                Ok(())
            },
        )?;
        plans.forget(&old);
    }
}

/// Forgets that servers were once started again, after they have run for `healthy`: restarts are
/// counted against a server that keeps stopping, not against a long life. Says how many.
pub fn reset_restarts(service: &Service, actor: &Actor, healthy: Millis) -> Result<usize> {
    let grant = authorise(actor, Permission::Operate)?;
    let now = service.now();
    let recovered = move |server: &Server| {
        server.restarts > 0
            && server.status == ServerStatus::Running
            && now.since(server.status_at) >= healthy
    };
    let any = service.read(&grant, |view| Ok(lookup::live_servers(view)?.iter().any(recovered)))?;
    if !any {
        return Ok(0);
    }
    service.write(
        Author::new(&grant, "server.recovered", Cause::Clock, Purpose::Report),
        move |tx| {
            let servers: Vec<Server> =
                lookup::live_servers(tx)?.into_iter().filter(recovered).take(BATCH).collect();
            let count = servers.len();
            for server in servers {
                tx.put(&Server { restarts: 0, ..server })?;
            }
            Ok(count)
        },
    )
}
