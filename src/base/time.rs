//! Time as data: timestamps in records, a clock that is handed in, deadlines that never jump.
//!
//! Records and the wire carry [`Timestamp`], milliseconds UTC. Deadlines inside one process use
//! [`Clock::monotonic`], which a person setting the wall clock cannot move. Calendars and time
//! zones are the doors' business and are not here.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A length of time in milliseconds, as records store it.
pub type Millis = u64;

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// How long ago `earlier` was, or zero when it lies in the future.
    pub fn since(self, earlier: Timestamp) -> Millis {
        u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0)
    }

    /// This moment plus a length of time.
    pub fn after(self, length: Millis) -> Timestamp {
        Timestamp(self.0.saturating_add(i64::try_from(length).unwrap_or(i64::MAX)))
    }

    /// This moment minus a length of time.
    pub fn before(self, length: Millis) -> Timestamp {
        Timestamp(self.0.saturating_sub(i64::try_from(length).unwrap_or(i64::MAX)))
    }

    /// Its day in UTC, as people read it: `2026-11-21`.
    pub fn day(self) -> String {
        let text = self.to_string();
        text.get(..10).unwrap_or(&text).to_owned()
    }

    /// Its minute in UTC, as people read it: `2026-11-21 03:10`.
    pub fn minute(self) -> String {
        let text = self.to_string();
        text.get(..16).unwrap_or(&text).replace('T', " ")
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC with milliseconds, `2026-11-21T03:10:00.000Z`: what the wire carries.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Days to civil date after Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
        let (days, ms_of_day) = (self.0.div_euclid(86_400_000), self.0.rem_euclid(86_400_000));
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_index = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_index + 2) / 5 + 1;
        let month = if month_index < 10 { month_index + 3 } else { month_index - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        let (h, m) = (ms_of_day / 3_600_000, ms_of_day / 60_000 % 60);
        let (s, ms) = (ms_of_day / 1000 % 60, ms_of_day % 1000);
        write!(f, "{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}.{ms:03}Z")
    }
}

/// How long what keeps ending is left before it is begun again, in seconds: 1, then twice as long
/// each time, up to [`PAUSE_S_MAX`](crate::base::limit::PAUSE_S_MAX).
pub fn pause_s(early_ends: u32) -> u64 {
    (1u64 << early_ends.min(8)).min(crate::base::limit::PAUSE_S_MAX)
}

/// A length of time as people say it: `850 ms`, `12 s`, `3 m 12 s`, `2 h 5 m`, `4 d 1 h`.
pub fn say(length: Millis) -> String {
    let s = length / 1000;
    match s {
        0 => format!("{length} ms"),
        1..60 => format!("{s} s"),
        60..3600 => pair(s / 60, "m", s % 60, "s"),
        3600..86_400 => pair(s / 3600, "h", s % 3600 / 60, "m"),
        _ => pair(s / 86_400, "d", s % 86_400 / 3600, "h"),
    }
}

/// Reads a length of time as people write it: `90s`, `30m`, `2h`, `5d`, `1h30m`.
pub fn read(text: &str) -> Option<Millis> {
    let (mut sum, mut number, mut last) = (0u64, None::<u64>, u64::MAX);
    for c in text.chars() {
        if let Some(digit) = c.to_digit(10) {
            let so_far = number.unwrap_or(0).checked_mul(10)?;
            number = Some(so_far.checked_add(u64::from(digit))?);
            continue;
        }
        let unit = match c {
            's' => 1_000,
            'm' => 60_000,
            'h' => 3_600_000,
            'd' => 86_400_000,
            _ => return None,
        };
        // Each unit once, from the large to the small, or it is a mistake.
        if unit >= last {
            return None;
        }
        last = unit;
        sum = sum.checked_add(number.take()?.checked_mul(unit)?)?;
    }
    (number.is_none() && last != u64::MAX).then_some(sum)
}

fn pair(large: u64, large_unit: &str, small: u64, small_unit: &str) -> String {
    if small == 0 {
        return format!("{large} {large_unit}");
    }
    format!("{large} {large_unit} {small} {small_unit}")
}

/// How much of what a wall clock says can be trusted: since when it has run evenly, beside a
/// clock that nobody sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watch {
    /// When we began to look, or somebody set the clock, whichever was later.
    pub since: Timestamp,
    /// What it says now.
    pub now: Timestamp,
}

impl Watch {
    /// When what began at `at` began as far as we saw it. What is yet to come was written before
    /// somebody set the clock back.
    pub fn began(self, at: Timestamp) -> Timestamp {
        self.known(at).max(self.since)
    }

    /// How long that is.
    pub fn lasted(self, at: Timestamp) -> Millis {
        self.now.since(self.began(at))
    }

    /// When something was, also if nobody looked then.
    pub fn known(self, at: Timestamp) -> Timestamp {
        if at > self.now { self.since } else { at }
    }
}

/// What time it is. Handed in by `boot` or by the simulator; nobody asks the system itself.
pub trait Clock: Send + Sync {
    /// The time of day, as records store it. It may jump when a person sets the clock.
    fn now(&self) -> Timestamp;
    /// Milliseconds since an arbitrary start; never goes backwards. For deadlines.
    fn monotonic(&self) -> Millis;
}

/// The system's own clocks.
pub struct WallClock {
    started: Instant,
}

impl WallClock {
    /// A clock whose monotonic reading starts at zero now.
    pub fn new() -> WallClock {
        WallClock { started: Instant::now() }
    }
}

impl Default for WallClock {
    fn default() -> Self {
        WallClock::new()
    }
}

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn monotonic(&self) -> Millis {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// A clock that stands still until it is moved: for tests and the simulator.
pub struct ManualClock {
    now_ms: AtomicI64,
    elapsed_ms: AtomicI64,
}

impl ManualClock {
    /// A clock standing at `now`.
    pub fn at(now: Timestamp) -> ManualClock {
        ManualClock { now_ms: AtomicI64::new(now.0), elapsed_ms: AtomicI64::new(0) }
    }

    /// Moves both readings forward.
    pub fn advance(&self, length: Millis) {
        let step = i64::try_from(length).unwrap_or(i64::MAX);
        self.now_ms.fetch_add(step, Ordering::SeqCst);
        self.elapsed_ms.fetch_add(step, Ordering::SeqCst);
    }

    /// Sets the time of day only, as a person or NTP would; the monotonic reading stays.
    pub fn jump_to(&self, now: Timestamp) {
        self.now_ms.store(now.0, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.now_ms.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Millis {
        u64::try_from(self.elapsed_ms.load(Ordering::SeqCst)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watch_counts_what_it_saw() {
        let watch = Watch { since: Timestamp(100), now: Timestamp(130) };
        let seen = |at| (watch.began(Timestamp(at)).0, watch.known(Timestamp(at)).0);
        assert_eq!(seen(40), (100, 40));
        assert_eq!(seen(110), (110, 110));
        // Before somebody set the clock back it was later than it is now.
        assert_eq!(seen(900), (100, 100));
        assert_eq!(watch.lasted(Timestamp(900)), 30);
    }

    #[test]
    fn timestamps_print_as_rfc_3339() {
        let check = |ms: i64, text: &str| assert_eq!(Timestamp(ms).to_string(), text);
        check(0, "1970-01-01T00:00:00.000Z");
        check(951_782_399_999, "2000-02-28T23:59:59.999Z");
        check(951_782_400_000, "2000-02-29T00:00:00.000Z");
        check(1_795_230_600_123, "2026-11-21T03:10:00.123Z");
        check(-1, "1969-12-31T23:59:59.999Z");
    }

    #[test]
    fn lengths_read_as_people_say_them() {
        let check = |ms: u64, text: &str| assert_eq!(say(ms), text);
        check(850, "850 ms");
        check(12_000, "12 s");
        check(192_000, "3 m 12 s");
        check(7_500_000, "2 h 5 m");
        check(349_200_000, "4 d 1 h");
        check(120_000, "2 m");
    }

    #[test]
    fn lengths_are_read_as_people_write_them() {
        let check = |text: &str, ms: Option<u64>| assert_eq!(read(text), ms, "{text}");
        check("90s", Some(90_000));
        check("2h", Some(7_200_000));
        check("1d12h", Some(129_600_000));
        for wrong in ["", "2", "h", "2x", "2h2h", "5m1h", "-1h", "99999999999999999999d"] {
            check(wrong, None);
        }
    }

    #[test]
    fn since_never_goes_negative() {
        assert_eq!(Timestamp(5).since(Timestamp(9)), 0);
        assert_eq!(Timestamp(9).since(Timestamp(5)), 4);
    }
}
