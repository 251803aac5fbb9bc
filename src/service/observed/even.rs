//! Whether the wall clock keeps step with the monotonic one.
//!
//! Somebody may set it, a machine may sleep or be moved. What the wall clock says has passed since
//! then did not pass for us, so that the watch begins anew, as after a start.

use crate::base::limit::CLOCK_JUMP_MIN;
use crate::base::time::say;
use crate::base::{Clock, Timestamp, Watch};

/// Since when the wall clock has run evenly.
#[derive(Default)]
pub(super) struct ClockJumpDetector {
    since: Timestamp,
    /// How far it was ahead of the monotonic clock when both were last read, in milliseconds.
    ahead: i64,
}

impl ClockJumpDetector {
    /// As of now.
    pub fn new(clock: &dyn Clock) -> ClockJumpDetector {
        ClockJumpDetector { since: clock.now(), ahead: ahead(clock) }
    }

    /// How far back the wall clock can be trusted, and whether that has just changed.
    pub fn read(&mut self, clock: &dyn Clock) -> (Watch, bool) {
        let (now, ahead) = (clock.now(), ahead(clock));
        let jump = ahead.saturating_sub(std::mem::replace(&mut self.ahead, ahead));
        let length = jump.unsigned_abs();
        let jumped = length > CLOCK_JUMP_MIN;
        if jumped {
            let way = if jump > 0 { "forward" } else { "back" };
            tracing::warn!(by = say(length), "the clock was set {way}, or the machine slept");
            self.since = now;
        }
        (Watch { since: self.since.min(now), now }, jumped)
    }
}

fn ahead(clock: &dyn Clock) -> i64 {
    let elapsed = i64::try_from(clock.monotonic()).unwrap_or(i64::MAX);
    clock.now().0.saturating_sub(elapsed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ManualClock;

    #[test]
    fn a_jump_counts_above_the_smallest_and_not_at_it() {
        let clock = ManualClock::at(Timestamp(1_000_000));
        let mut even = ClockJumpDetector::new(&clock);
        for (jump, counts) in [(CLOCK_JUMP_MIN, false), (CLOCK_JUMP_MIN + 1, true)] {
            clock.jump_to(clock.now().after(jump));
            assert_eq!(even.read(&clock).1, counts, "{jump} ms forward");
            clock.jump_to(clock.now().before(jump));
            assert_eq!(even.read(&clock).1, counts, "{jump} ms back");
        }
    }

    #[test]
    fn setting_the_clock_begins_the_watch_anew() {
        let begin = Timestamp(1_000_000);
        let clock = ManualClock::at(begin);
        let mut even = ClockJumpDetector::new(&clock);
        clock.advance(60_000);
        assert_eq!(even.read(&clock), (Watch { since: begin, now: clock.now() }, false));
        for set in [9_000_000, 1_000] {
            let since = Timestamp(set);
            clock.jump_to(since);
            assert_eq!(even.read(&clock), (Watch { since, now: since }, true));
            clock.advance(5_000);
            let (watch, jumped) = even.read(&clock);
            assert_eq!((watch.lasted(begin), watch.since, jumped), (5_000, since, false));
        }
    }
}
