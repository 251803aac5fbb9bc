//! What one server is to be told, and which servers of a farm role have their turn now.

use super::memory::Outline;
use crate::base::{Millis, Result, ServerId, Timestamp};
use crate::model::{Order, OrderBody, OrderState, Server, ServerStatus};
use crate::service::agents::orders;
use crate::service::lookup;
use crate::store::View;
use std::collections::BTreeSet;

/// Work is given up when it is not done this long after all of its setup could have been; the next
/// look orders it anew.
const DEADLINE: Millis = 300_000;
/// Work that failed on a server that runs is ordered again after this long: what was in its way
/// may be gone by then.
const AGAIN_AFTER: Millis = 300_000;

/// What a server is to do, and what it was last told to.
pub(super) struct Assignment {
    pub server: Server,
    pub body: OrderBody,
    pub deadline: Millis,
    last: Option<Order>,
}

/// Generation, digest and what restarts services, of an order of work.
pub(super) fn told(body: &OrderBody) -> (u64, &str, &str) {
    match body {
        OrderBody::Workload { generation, digest, restarts } => (*generation, digest, restarts),
        _ => (0, "", ""),
    }
}

impl Assignment {
    /// What a server is to do, beside what it was last told.
    pub fn of(view: &View, server: &Server, outline: Outline) -> Result<Assignment> {
        let orders = lookup::orders_of(view, server.id)?;
        let last = orders::last_of(&orders, orders::is_work).cloned();
        let deadline = DEADLINE.saturating_add(outline.setup_ms);
        let body = OrderBody::Workload {
            generation: last.as_ref().map_or(0, |order| told(&order.body).0) + 1,
            digest: outline.all,
            restarts: outline.restarts,
        };
        Ok(Assignment { server: server.clone(), body, deadline, last })
    }

    fn runs(&self) -> bool {
        self.server.status == ServerStatus::Running
    }

    /// Whether it was told all of this already, and is about it or done.
    fn stands(&self, now: Timestamp) -> bool {
        let Some(last) = &self.last else { return false };
        let same = told(&last.body).1 == told(&self.body).1;
        same && match &last.state {
            OrderState::Done { .. } | OrderState::Ran { .. } => true,
            OrderState::Open => last.deadline >= now,
            // On its way up it has failed for good, and is healed as its farm role says.
            OrderState::Failed(_) => !self.runs() || now.since(last.at) < AGAIN_AFTER,
            OrderState::Expired | OrderState::Superseded => false,
        }
    }

    /// Whether what it is told now stops a service that it runs.
    fn disturbs(&self) -> bool {
        let before = self.last.as_ref().map(|last| told(&last.body).2);
        self.runs() && before.is_some_and(|before| before != told(&self.body).2)
    }

    /// Whether others have to wait for it.
    fn is_busy(&self, is_well: impl Fn(ServerId) -> bool) -> bool {
        let state = self.last.as_ref().map(|last| &last.state);
        let open = matches!(state, Some(OrderState::Open));
        let failed = matches!(state, Some(OrderState::Failed(_) | OrderState::Expired));
        self.runs() && (open || failed || !is_well(self.server.id))
    }

    /// What is wrong with its work, on a server that runs.
    pub fn failure(&self) -> Option<String> {
        let OrderState::Failed(why) = &self.last.as_ref()?.state else { return None };
        self.runs().then(|| format!("what its role says now is not in place: {why}"))
    }
}

/// Of the servers of one farm role, those that are told now.
pub(super) fn choose(
    assignments: Vec<Assignment>,
    is_well: &impl Fn(ServerId) -> bool,
    now: Timestamp,
) -> Vec<Assignment> {
    let busy: BTreeSet<ServerId> =
        assignments.iter().filter(|one| one.is_busy(is_well)).map(|one| one.server.id).collect();
    let mut disturbed = false;
    let mut told = Vec::new();
    for one in assignments.into_iter().filter(|one| !one.stands(now)) {
        if one.disturbs() {
            let others = busy.iter().any(|other| *other != one.server.id);
            if disturbed || others {
                continue;
            }
            disturbed = true;
        }
        told.push(one);
    }
    told
}
