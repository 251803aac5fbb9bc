//! What a session waits for, as moments: that its agent is heard, reads what it is sent and
//! acknowledges its orders, and that a pause is over. The caller says what time it is.

use super::refused::Kind;
use crate::base::{Millis, limit};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How long an agent that does not read is waited for.
const WRITE_DEADLINE: Duration = Duration::from_millis(limit::AGENT_WRITE_DEADLINE);

/// The moments of one session.
pub struct Patience {
    /// When it was last heard, or could not have been.
    heard: Instant,
    silence_max: Duration,
    /// Nothing is read before this moment.
    paused_until: Option<Instant>,
    /// Since when it has read nothing though something waits.
    unread_since: Option<Instant>,
    /// Packet identifiers of orders it has not acknowledged, oldest first, and when they went.
    unacked: VecDeque<(u16, Instant)>,
    last_id: u16,
}

impl Patience {
    /// Begins with a CONNECT that asked for this keep-alive, in seconds; 0 for none.
    pub fn new(keep_alive_s: u16, now: Instant) -> Patience {
        let silence_ms = match keep_alive_s {
            0 => limit::AGENT_KEEP_ALIVE_MAX,
            // One and a half times what it asked for (MQTT 3.1.1, 3.1.2.10).
            s => (Millis::from(s) * 1500).min(limit::AGENT_KEEP_ALIVE_MAX),
        };
        Patience {
            heard: now,
            silence_max: Duration::from_millis(silence_ms),
            paused_until: None,
            unread_since: None,
            unacked: VecDeque::new(),
            last_id: 0,
        }
    }

    /// It was heard, or something it waited for was done.
    pub fn hear(&mut self, now: Instant) {
        self.heard = now;
    }

    /// Something waits to be read by it.
    pub fn write(&mut self, now: Instant) {
        self.unread_since.get_or_insert(now);
    }

    /// It has read some of what waits, or all.
    pub fn written(&mut self, all: bool, now: Instant) {
        self.unread_since = (!all).then_some(now);
    }

    /// Nothing is read from it before then; of several pauses the longest counts.
    pub fn pause(&mut self, until: Instant) {
        self.paused_until = Some(self.paused_until.map_or(until, |before| before.max(until)));
    }

    /// Whether a pause is on.
    pub fn is_paused(&self) -> bool {
        self.paused_until.is_some()
    }

    /// Whether it may get another order before it has acknowledged one.
    pub fn takes_orders(&self) -> bool {
        self.unacked.len() < limit::AGENT_ORDERS_UNACKED_MAX
    }

    /// A packet identifier for an order that goes now.
    pub fn send_order(&mut self, now: Instant) -> u16 {
        // At most AGENT_ORDERS_UNACKED_MAX are in use, so one is soon found.
        loop {
            self.last_id = self.last_id.checked_add(1).unwrap_or(1);
            if self.unacked.iter().all(|(id, _)| *id != self.last_id) {
                break;
            }
        }
        self.unacked.push_back((self.last_id, now));
        self.last_id
    }

    /// It acknowledged an order.
    pub fn acknowledge(&mut self, id: u16) {
        self.unacked.retain(|(unacked, _)| *unacked != id);
    }

    /// The next moment that matters; `reads` says whether there is room for what it may say.
    pub fn next(&self, reads: bool) -> Option<Instant> {
        let silence = (reads && !self.is_paused()).then(|| self.heard + self.silence_max);
        let unread = self.unread_since.map(|since| since + WRITE_DEADLINE);
        let unacked = self.oldest_forgotten_at();
        [silence, unread, unacked, self.paused_until].into_iter().flatten().min()
    }

    /// Does what is due; why the session is over, if it is.
    pub fn ring(&mut self, now: Instant, reads: bool) -> Result<(), (Kind, String)> {
        if self.paused_until.is_some_and(|until| until <= now) {
            self.paused_until = None;
            self.heard = now;
        }
        if self.oldest_forgotten_at().is_some_and(|at| at <= now) {
            self.unacked.pop_front();
        }
        if self.unread_since.is_some_and(|since| now >= since + WRITE_DEADLINE) {
            return Err((Kind::Deaf, "it does not read".to_owned()));
        }
        if reads && !self.is_paused() && now >= self.heard + self.silence_max {
            return Err((Kind::Silent, format!("silent for {:?}", self.silence_max)));
        }
        Ok(())
    }

    /// When an order that was not acknowledged makes room, if no other has any.
    fn oldest_forgotten_at(&self) -> Option<Instant> {
        let (_, sent) = self.unacked.front().filter(|_| !self.takes_orders())?;
        Some(*sent + Duration::from_millis(limit::AGENT_ORDER_UNACKED_FOR))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Duration = Duration::from_nanos(1);

    fn ms(ms: Millis) -> Duration {
        Duration::from_millis(ms)
    }

    /// At `due` and not a moment before it something is done, and `next` says when.
    fn check_due(patience: &mut Patience, reads: bool, due: Instant) -> Result<(), Kind> {
        assert_eq!(patience.next(reads), Some(due));
        assert_eq!(patience.ring(due - NOTHING, reads), Ok(()));
        assert_eq!(patience.next(reads), Some(due), "nothing is done before its moment");
        patience.ring(due, reads).map_err(|(kind, _)| kind)
    }

    #[test]
    fn silence_is_borne_for_one_and_a_half_keep_alives() {
        let start = Instant::now();
        let most = limit::AGENT_KEEP_ALIVE_MAX;
        for (asked, silence) in [(2, 3000), (0, most), (199, 298_500), (200, most), (900, most)] {
            let mut patience = Patience::new(asked, start);
            assert_eq!(check_due(&mut patience, true, start + ms(silence)), Err(Kind::Silent));
            patience.hear(start + ms(10));
            assert_eq!(check_due(&mut patience, true, start + ms(silence + 10)), Err(Kind::Silent));
        }
        let mut patience = Patience::new(2, start);
        let said = patience.ring(start + ms(3000), true).unwrap_err().1;
        assert_eq!(said, "silent for 3s");
        // Whom nobody reads from may say nothing for ever.
        assert_eq!(patience.next(false), None);
        assert_eq!(patience.ring(start + ms(900_000), false), Ok(()));
    }

    #[test]
    fn the_longest_pause_counts_and_its_silence_does_not() {
        let start = Instant::now();
        let mut patience = Patience::new(2, start);
        patience.pause(start + ms(5000));
        patience.pause(start + ms(4000));
        assert!(patience.is_paused());
        assert_eq!(check_due(&mut patience, true, start + ms(5000)), Ok(()));
        assert!(!patience.is_paused());
        assert_eq!(check_due(&mut patience, true, start + ms(8000)), Err(Kind::Silent));
    }

    #[test]
    fn one_that_does_not_read_is_given_up_after_the_write_deadline() {
        let start = Instant::now();
        let deadline = ms(limit::AGENT_WRITE_DEADLINE);
        let mut patience = Patience::new(0, start);
        patience.write(start);
        patience.write(start + ms(9000));
        patience.written(false, start + ms(1));
        assert_eq!(check_due(&mut patience, false, start + ms(1) + deadline), Err(Kind::Deaf));
        patience.written(true, start + ms(2));
        assert_eq!(patience.next(false), None);
        assert_eq!(patience.ring(start + ms(60_000), false), Ok(()));
        patience.write(start + ms(60_000));
        patience.write(start + ms(61_000));
        assert_eq!(patience.next(false), Some(start + ms(60_000) + deadline));
    }

    #[test]
    fn an_order_that_is_not_acknowledged_makes_room_only_where_no_other_does() {
        let start = Instant::now();
        let kept = ms(limit::AGENT_ORDER_UNACKED_FOR);
        let most = limit::AGENT_ORDERS_UNACKED_MAX as u16;
        let mut patience = Patience::new(0, start);
        for id in 1..=most {
            assert!(patience.takes_orders());
            assert_eq!(patience.next(false), None, "there is room");
            assert_eq!(patience.send_order(start + ms(id.into())), id);
        }
        assert!(!patience.takes_orders());
        assert_eq!(check_due(&mut patience, false, start + ms(1) + kept), Ok(()));
        assert!(patience.takes_orders(), "the oldest is forgotten");
        assert_eq!(patience.next(false), None);
        // Identifiers are never zero nor in use.
        patience.last_id = u16::MAX;
        assert_eq!(patience.send_order(start), 1);
        patience.acknowledge(9);
        assert!(patience.takes_orders());
        patience.last_id = 7;
        assert_eq!(patience.send_order(start), 9);
        assert!(!patience.takes_orders());
    }
}
