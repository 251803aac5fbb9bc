//! Orders that arrive: which are done, which are answered again, and what is begun for each.

use super::Running;
use crate::agent::Event;
use crate::agent::orders::{Advice, Cancelled, NOT_BEGUN, Outcome};
use crate::base::OrderId;
use crate::model::{OrderBody, Workload};
use crate::net::mqtt::{Packet, Publish, encode};
use crate::wire::agent::{MessageBody, OrderMessage};
use crate::wire::stream::Control;
use crate::wire::topic::{self, Kind};
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use tokio::sync::Notify;
use tokio::time::Instant;

/// What ends a command early.
#[derive(Default)]
pub(super) struct Ends {
    /// Whether it is to end, where a worker has begun it.
    cancel: AtomicBool,
    /// Whether a worker has begun it, or it is not to be begun any more: whoever is first.
    taken: AtomicBool,
    /// Told when it is not to be begun any more; all workers may be busy for long.
    not_begun: Notify,
}

impl Running {
    /// Says how the services here are, when that is due. Nothing of it waits for a connection: on
    /// the next one all of it is said anew.
    pub(super) fn look_at_services(&mut self) {
        if self.link.is_none() || !self.said_hello {
            return;
        }
        let Some(services) = self.agent.workshop.work.services() else { return };
        if self.services_told.is_due(&services, self.agent.clock.monotonic()) {
            self.say(MessageBody::Services { services });
        }
    }

    /// What the appliance says: an order, or something of a stream.
    pub(super) fn told(&mut self, publish: &Publish, now: Instant) {
        match topic::parse(&publish.topic) {
            Some((server, Kind::Orders)) if server == self.agent.server => self.order(publish, now),
            Some((server, Kind::Control)) if server == self.agent.server => {
                match serde_json::from_slice::<Control>(&publish.payload) {
                    Ok(control) => self.agent.streams.obey(control, now),
                    Err(error) => tracing::warn!(%error, "what is said of a stream"),
                }
            }
            Some(_) | None => {
                tracing::warn!(topic = %publish.topic, "a message on a topic that is not ours");
            }
        }
    }

    fn order(&mut self, publish: &Publish, now: Instant) {
        let taken = match serde_json::from_slice::<OrderMessage>(&publish.payload) {
            Ok(order) => self.obey(order, now),
            Err(error) => {
                tracing::warn!(%error, "an order that is not understood");
                true
            }
        };
        if let (true, Some(id)) = (taken, publish.id) {
            let mut bytes = Vec::new();
            // Four bytes are never too long.
            if encode(&Packet::PubAck(id), &mut bytes).is_ok() {
                self.send(bytes);
            }
        }
    }

    /// Does what the order's history advises; whether it is to be acknowledged.
    fn obey(&mut self, message: OrderMessage, now: Instant) -> bool {
        let order = message.order;
        match self.agent.orders.arrive(&message) {
            Ok(Advice::Do) => self.begin(order, (message.body, message.workload), now),
            Ok(Advice::Answer(outcome)) => self.answer(order, &outcome),
            Ok(Advice::UnderWay) => {}
            Ok(Advice::Stale { epoch }) => {
                tracing::warn!(%order, epoch, "an order of a lower epoch is not obeyed");
            }
            Ok(Advice::Full) => return false,
            Err(error) => {
                let why = format!("the agent cannot note the order down: {error}");
                self.answer(order, &Outcome::failed(why));
            }
        }
        true
    }

    fn begin(
        &mut self,
        order: OrderId,
        (body, workload): (OrderBody, Option<Workload>),
        now: Instant,
    ) {
        let noted = match &body {
            OrderBody::Leave { step, reason, by } => {
                Some(self.agent.retiring.begin(*step, reason.clone(), *by))
            }
            OrderBody::Stay => Some(self.agent.retiring.end()),
            OrderBody::Cancel { order } => Some(self.cancel(*order)),
            OrderBody::Ping
            | OrderBody::Run { .. }
            | OrderBody::WriteFile { .. }
            | OrderBody::Workload { .. }
            | OrderBody::Addresses { .. }
            | OrderBody::Reboot
            | OrderBody::Stop => None,
        };
        if let Some(noted) = noted {
            let outcome = match noted {
                Ok(()) => Outcome::done("noted"),
                Err(error) => Outcome::failed(format!("the agent cannot note it down: {error}")),
            };
            return self.done_order(order, false, &outcome, now);
        }
        let stop = matches!(body, OrderBody::Stop);
        let is_command = matches!(body, OrderBody::Run { .. });
        let (workshop, events) = (self.agent.workshop.clone(), self.agent.sender.clone());
        let ends = Arc::new(Ends::default());
        if is_command {
            self.cancels.insert(order, ends.clone());
        }
        let worker = ends.clone();
        let place = is_command.then(|| self.commands.clone());
        let work = async move {
            // A command waits for a place among the commands; nothing else waits for them.
            let _place = match place {
                Some(places) => places.acquire_owned().await.ok(),
                None => None,
            };
            let work = tokio::task::spawn_blocking(move || match worker.taken.swap(true, SeqCst) {
                true => Some(Outcome::failed(NOT_BEGUN)),
                false => workshop.do_work(order, (&body, workload), &worker.cancel),
            });
            work.await.unwrap_or_else(|error| Some(Outcome::failed(error.to_string())))
        };
        tokio::spawn(async move {
            let outcome = tokio::select! {
                outcome = work => outcome,
                () = ends.not_begun.notified() => Some(Outcome::failed(NOT_BEGUN)),
            };
            // One without an outcome is the next agent's to answer.
            let Some(outcome) = outcome else { return };
            if events.send(Event::Done(order, stop, outcome)).await.is_err() {
                tracing::debug!(%order, "done after the agent stopped");
            }
        });
    }

    /// Ends a command that is under way, or sees to it that it is not begun and says what came of
    /// it.
    fn cancel(&mut self, order: OrderId) -> io::Result<()> {
        match self.agent.orders.cancel(order)? {
            Cancelled::Over(outcome) => self.answer(order, &outcome),
            Cancelled::UnderWay => {
                if let Some(ends) = self.cancels.get(&order) {
                    ends.cancel.store(true, SeqCst);
                    if !ends.taken.swap(true, SeqCst) {
                        ends.not_begun.notify_one();
                    }
                }
            }
        }
        Ok(())
    }

    pub(super) fn done_order(
        &mut self,
        order: OrderId,
        stop: bool,
        outcome: &Outcome,
        now: Instant,
    ) {
        self.cancels.remove(&order);
        self.agent.orders.finish(order, outcome);
        self.answer(order, outcome);
        if stop {
            self.stop(now);
        }
    }

    fn answer(&mut self, order: OrderId, outcome: &Outcome) {
        if self.agent.outbox.result_waits(order) {
            return;
        }
        let Outcome { error, exit_code, output, ran } = outcome.clone();
        self.say(MessageBody::Result { order, error, exit_code, output, ran });
    }
}
