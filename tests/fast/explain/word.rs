//! What the agents of a site say, in the messages they say it in.

use super::site::{Site, now};
use grange::base::{Clock, ServerId, StepId};
use grange::broker::{Ingest, Refusal};
use grange::model::{Grant, OrderState};
use grange::service::lookup;
use grange::wire::agent::{Message, MessageBody, VERSION};

impl Site {
    /// Something that a server's agent says; the error is that it is not taken.
    pub fn try_to_say(&mut self, server: ServerId, body: MessageBody) -> Result<(), Refusal> {
        let seq = self.said.entry(server).or_default();
        *seq += 1;
        let (seq, at) = (*seq, self.clock.now());
        let message = Message { v: VERSION, boot: "boot-1".into(), seq, at, body };
        let json = serde_json::to_vec(&message).unwrap();
        now(self.doorway.message(server, json))
    }

    /// Says that nothing is left to finish before its step, or one by that much later.
    pub(super) fn idle(&mut self, server: &str, beside: u64) {
        let id = self.named(server);
        let steps = self
            .service
            .read(&Grant::job("test"), |view| lookup::steps_of_server(view, id))
            .unwrap();
        let last = steps.iter().map(|step| step.id).max().expect("a server has steps");
        self.say(id, MessageBody::Idle { step: StepId(last.0 + beside) });
    }

    /// Its agent answers every order that is open.
    pub(super) fn answer(&mut self, server: &str, error: Option<String>) {
        let id = self.named(server);
        let orders =
            self.service.read(&Grant::job("test"), |view| lookup::orders_of(view, id)).unwrap();
        for open in orders.into_iter().filter(|order| order.state == OrderState::Open) {
            let (order, error, output) = (open.id, error.clone(), String::new());
            self.say(id, MessageBody::Result { order, error, exit_code: 0, output, ran: None });
        }
    }
}
