//! What has been sent and is not acknowledged yet.

use super::spool::Row;
use std::time::Duration;
use tokio::time::Instant;

/// An acknowledgement that has not come by then is asked for by sending again: the appliance
/// leaves out those for what it could not commit.
pub const RESEND_AFTER: Duration = Duration::from_secs(15);

/// What a publish carries.
#[derive(Debug, PartialEq)]
pub enum Payload {
    /// The message in this file of the outbox.
    Message(u64),
    /// The last hello, said again.
    HelloAgain,
    /// Fresh rows, which exist only here until they are acknowledged.
    Live(Vec<Row>),
    /// A segment of the spool.
    Backlog(u64),
}

struct Sent {
    id: u16,
    cargo: Payload,
    bytes: Vec<u8>,
    at: Instant,
}

/// The publishes of one connection.
#[derive(Default)]
pub struct Flight {
    last_id: u16,
    sent: Vec<Sent>,
}

impl Flight {
    /// A packet identifier that is not in use.
    pub fn next_id(&mut self) -> u16 {
        loop {
            self.last_id = self.last_id.checked_add(1).unwrap_or(1);
            if self.sent.iter().all(|sent| sent.id != self.last_id) {
                return self.last_id;
            }
        }
    }

    /// Remembers a publish.
    pub fn add(&mut self, id: u16, cargo: Payload, bytes: Vec<u8>, now: Instant) {
        self.sent.push(Sent { id, cargo, bytes, at: now });
    }

    /// Takes the acknowledged cargo out.
    pub fn acknowledge(&mut self, id: u16) -> Option<Payload> {
        let index = self.sent.iter().position(|sent| sent.id == id)?;
        Some(self.sent.remove(index).cargo)
    }

    /// The bytes of what is to be sent again now, marked as such [MQTT-3.3.1-1].
    pub fn overdue(&mut self, now: Instant) -> Vec<Vec<u8>> {
        let mut again = Vec::new();
        for sent in self.sent.iter_mut().filter(|sent| now >= sent.at + RESEND_AFTER) {
            sent.at = now;
            if let Some(first) = sent.bytes.first_mut() {
                *first |= 0b1000;
            }
            again.push(sent.bytes.clone());
        }
        again
    }

    /// When the next one is overdue.
    pub fn next_overdue(&self) -> Option<Instant> {
        self.sent.iter().map(|sent| sent.at + RESEND_AFTER).min()
    }

    /// How many carry what `wanted` looks for.
    pub fn count(&self, wanted: fn(&Payload) -> bool) -> usize {
        self.sent.iter().filter(|sent| wanted(&sent.cargo)).count()
    }

    /// Forgets everything when the connection ends, and gives the rows that were under way.
    pub fn land(&mut self) -> Vec<Row> {
        let mut rows = Vec::new();
        for sent in self.sent.drain(..) {
            match sent.cargo {
                Payload::Live(live) => rows.extend(live),
                Payload::Message(_) | Payload::HelloAgain | Payload::Backlog(_) => {}
            }
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_never_zero_nor_in_use() {
        let mut flight = Flight { last_id: u16::MAX - 1, ..Flight::default() };
        let now = Instant::now();
        for expected in [u16::MAX, 1, 2] {
            let id = flight.next_id();
            assert_eq!(id, expected);
            flight.add(id, Payload::Message(u64::from(id)), vec![], now);
        }
        flight.last_id = 0;
        assert_eq!(flight.next_id(), 3);
        assert_eq!(flight.acknowledge(2), Some(Payload::Message(2)));
        assert_eq!(flight.acknowledge(2), None);
    }

    #[test]
    fn what_is_not_acknowledged_is_sent_again_and_marked() {
        let mut flight = Flight::default();
        let now = Instant::now();
        flight.add(1, Payload::Message(1), vec![0x32, 0], now);
        assert!(flight.overdue(now).is_empty());
        let later = flight.next_overdue().unwrap();
        assert_eq!(later, now + RESEND_AFTER);
        assert!(flight.overdue(later - Duration::from_nanos(1)).is_empty());
        assert_eq!(flight.overdue(later), [vec![0x3a, 0]]);
        assert!(flight.overdue(later).is_empty());
        assert_eq!(flight.next_overdue(), Some(later + RESEND_AFTER));
    }

    #[test]
    fn only_fresh_rows_come_back_from_a_connection_that_ended() {
        let mut flight = Flight::default();
        let now = Instant::now();
        let row = |at| Row { at: crate::base::Timestamp(at), names: [].into(), values: vec![] };
        flight.add(1, Payload::Message(1), vec![], now);
        flight.add(2, Payload::Live(vec![row(1), row(2)]), vec![], now);
        flight.add(3, Payload::Backlog(1), vec![], now);
        flight.add(4, Payload::Live(vec![row(3)]), vec![], now);
        assert_eq!(flight.count(|cargo| matches!(cargo, Payload::Live(_))), 2);
        assert_eq!(flight.land(), [row(1), row(2), row(3)]);
        assert_eq!((flight.count(|_| true), flight.next_overdue()), (0, None));
    }
}
