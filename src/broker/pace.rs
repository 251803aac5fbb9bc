//! How fast one agent may talk: two buckets that fill at a steady rate.

use std::time::{Duration, Instant};

/// What may be used: one second's worth at once, and as much again each second.
pub struct Pace {
    packets: Bucket,
    bytes: Bucket,
}

impl Pace {
    /// Full buckets.
    pub fn new(packets_per_second: u32, bytes_per_second: u32, now: Instant) -> Pace {
        Pace {
            packets: Bucket::new(packets_per_second, now),
            bytes: Bucket::new(bytes_per_second, now),
        }
    }

    /// Uses up one packet of that many bytes, and says how long to wait before the next one.
    pub fn take(&mut self, bytes: usize, now: Instant) -> Option<Duration> {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let waits = [self.packets.take(1, now), self.bytes.take(bytes, now)];
        waits.into_iter().flatten().max()
    }
}

/// One bucket. It may be overdrawn once, by the packet that empties it.
pub struct Bucket {
    per_second: f64,
    left: f64,
    at: Instant,
}

impl Bucket {
    /// A full one, which is one second's worth.
    pub fn new(per_second: u32, now: Instant) -> Bucket {
        Bucket { per_second: f64::from(per_second), left: f64::from(per_second), at: now }
    }

    /// Takes some out; the wait until it holds something again when it does not.
    pub fn take(&mut self, some: u32, now: Instant) -> Option<Duration> {
        self.fill(now);
        self.left -= f64::from(some);
        (self.left < 0.0).then(|| Duration::from_secs_f64(-self.left / self.per_second))
    }

    /// Takes one out if there is one.
    pub fn take_one(&mut self, now: Instant) -> bool {
        self.fill(now);
        let there = self.left >= 1.0;
        if there {
            self.left -= 1.0;
        }
        there
    }

    /// Whether it is full, and so says nothing about anybody.
    pub fn is_full(&mut self, now: Instant) -> bool {
        self.fill(now);
        self.left >= self.per_second
    }

    fn fill(&mut self, now: Instant) {
        let seconds = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = now;
        self.left = (self.left + seconds * self.per_second).min(self.per_second);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_the_rate_holds() {
        let start = Instant::now();
        let mut pace = Pace::new(10, 1000, start);
        assert!((0..10).all(|_| pace.take(1, start).is_none()));
        assert_eq!(pace.take(1, start), Some(Duration::from_millis(100)));
        let later = start + Duration::from_secs(5);
        assert_eq!(pace.take(3000, later), Some(Duration::from_secs(2)));
    }

    #[test]
    fn buckets_refill_to_the_brim_and_no_further() {
        let start = Instant::now();
        let mut bucket = Bucket::new(2, start);
        assert!(bucket.take_one(start) && bucket.take_one(start) && !bucket.take_one(start));
        let later = start + Duration::from_secs(60);
        assert!(bucket.is_full(later));
        assert!(bucket.take_one(later) && bucket.take_one(later) && !bucket.take_one(later));
    }
}
