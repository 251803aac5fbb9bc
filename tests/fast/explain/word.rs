//! What the agents of a site say, in the messages they say it in.

use super::site::{Site, now};
use grange::base::{Clock, ServerId};
use grange::broker::{Ingest, Refusal};
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
}
