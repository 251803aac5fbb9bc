//! Sends open orders to connected agents until their results are committed.

use crate::base::{Millis, OrderId, ServerId, Timestamp};
use crate::jobs::{Job, Ports, Work};
use crate::model::Actor;
use crate::service::Service;
use crate::service::agents::orders;
use crate::wire::agent::OrderMessage;
use std::collections::BTreeMap;

/// An order without a result is sent again after this long: agents do it once all the same.
const RESEND_AFTER: Millis = 10_000;

/// The job. It remembers when each open order was last sent, and on which connection; a restart
/// forgets that and sends everything again, which is harmless.
#[derive(Default)]
pub struct SendOrders {
    sent: BTreeMap<OrderId, (Timestamp, Timestamp)>,
}

impl Job for SendOrders {
    fn step(&mut self, ports: &Ports) -> Work {
        let service = &ports.service;
        if let Err(problem) = orders::expire(service, &Actor::job("orders")) {
            return Work::failed(&problem);
        }
        let (open, next) = match orders::to_send(service) {
            Ok(found) => found,
            Err(problem) => return Work::failed(&problem),
        };
        let now = service.now();
        self.sent.retain(|id, _| open.iter().any(|(_, message)| message.order == *id));
        let mut due = open;
        due.retain(|(server, message)| self.is_due(service, *server, message.order, now));
        let due = match orders::with_work(service, due) {
            Ok(due) => due,
            Err(problem) => return Work::failed(&problem),
        };
        let mut sent = 0;
        for (server, message) in due {
            match self.send(ports, server, &message, now) {
                Ok(true) => sent += 1,
                Ok(false) => {}
                Err(error) => return Work::failed(&error),
            }
        }
        Work::done(format!("{sent} orders sent")).by(next)
    }
}

impl SendOrders {
    /// Whether an order wants sending: never sent, sent on an earlier connection, or long ago.
    fn is_due(&self, service: &Service, server: ServerId, order: OrderId, now: Timestamp) -> bool {
        let connection = service.observed.agent(server).map(|agent| agent.since);
        self.sent
            .get(&order)
            .is_none_or(|(at, on)| Some(*on) != connection || now.since(*at) >= RESEND_AFTER)
    }

    fn send(
        &mut self,
        ports: &Ports,
        server: ServerId,
        message: &OrderMessage,
        now: Timestamp,
    ) -> Result<bool, serde_json::Error> {
        let bytes = serde_json::to_vec(message)?;
        let Some(agent) = ports.service.observed.agent(server) else { return Ok(false) };
        let sent = ports.courier.send(server, bytes);
        if sent {
            self.sent.insert(message.order, (now, agent.since));
        }
        Ok(sent)
    }
}
