//! How fast one agent may talk, and how fast all of them may come in: buckets that fill at a steady
//! rate.

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
    most: f64,
    left: f64,
    at: Instant,
}

impl Bucket {
    /// A full one, which is one second's worth.
    pub fn new(per_second: u32, now: Instant) -> Bucket {
        Bucket::holding(per_second, per_second, now)
    }

    /// A full one that holds so much.
    fn holding(most: u32, per_second: u32, now: Instant) -> Bucket {
        let (most, per_second) = (f64::from(most), f64::from(per_second));
        Bucket { per_second, most, left: most, at: now }
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
        self.left >= self.most
    }

    fn fill(&mut self, now: Instant) {
        let seconds = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = now;
        self.left = (self.left + seconds * self.per_second).min(self.most);
    }

    /// Takes one out if there is one; otherwise how long until there is, and nothing is owed.
    fn one_or_wait(&mut self, now: Instant) -> Result<(), Duration> {
        if self.take_one(now) {
            return Ok(());
        }
        Err(Duration::from_secs_f64((1.0 - self.left) / self.per_second))
    }
}

/// Turns, given in the order in which they were asked for.
pub struct Turns {
    /// Whoever holds it is next. A tokio lock is fair, and whoever stops waiting for it, or drops
    /// it before its turn has come, has taken nothing from those behind.
    next: tokio::sync::Mutex<Bucket>,
}

impl Turns {
    /// So many at once, then so many a second.
    pub fn new(burst: u32, per_second: u32, now: Instant) -> Turns {
        Turns { next: tokio::sync::Mutex::new(Bucket::holding(burst, per_second, now)) }
    }

    /// What is left of the burst, as of the last turn.
    #[cfg(test)]
    pub fn left(&self) -> f64 {
        self.next.try_lock().expect("nobody waits for a turn").left
    }

    /// Waits for a turn: as long as everybody who asked earlier needs, so callers bound how many
    /// may ask.
    pub async fn take(&self) {
        let mut bucket = self.next.lock().await;
        while let Err(wait) = bucket.one_or_wait(Instant::now()) {
            tokio::time::sleep(wait).await;
        }
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

    #[test]
    fn waiting_for_one_owes_nothing() {
        let start = Instant::now();
        let mut bucket = Bucket::holding(2, 250, start);
        assert_eq!([0; 2].map(|_| bucket.one_or_wait(start)), [Ok(()); 2]);
        let wait = Err(Duration::from_millis(4));
        assert_eq!([0; 100].map(|_| bucket.one_or_wait(start)), [wait; 100]);
        let mut passed = 0;
        for millis in 0..1000 {
            let now = start + Duration::from_millis(millis);
            passed += usize::from(bucket.one_or_wait(now).is_ok());
        }
        assert!((249..=250).contains(&passed), "{passed}");
        let rested = start + Duration::from_secs(60);
        let burst = (0..9).filter(|_| bucket.one_or_wait(rested).is_ok()).count();
        assert_eq!(burst, 2);
    }

    #[tokio::test]
    async fn a_turn_takes_one_and_waits_where_there_is_none() {
        let turns = Turns::new(2, 50, Instant::now());
        turns.take().await;
        // Whatever the time is, it is full to the brim and no further.
        assert_eq!(turns.left(), 1.0);
        for _ in 0..3 {
            turns.take().await;
            assert!((0.0..=1.0).contains(&turns.left()), "{}", turns.left());
        }
    }

    #[test]
    fn a_bucket_is_full_when_nothing_of_it_is_used() {
        let start = Instant::now();
        let mut bucket = Bucket::new(4, start);
        assert!(bucket.is_full(start));
        assert!(bucket.take_one(start) && !bucket.is_full(start));
        assert!(!bucket.is_full(start + Duration::from_millis(249)));
        assert!(bucket.is_full(start + Duration::from_millis(250)));
        assert_eq!(bucket.take(4, start + Duration::from_millis(250)), None);
        let wait = Some(Duration::from_millis(250));
        assert_eq!(bucket.take(1, start + Duration::from_millis(250)), wait);
    }

    #[test]
    fn the_longer_wait_of_packets_and_bytes_counts() {
        let start = Instant::now();
        let mut pace = Pace::new(2, 1000, start);
        assert_eq!(pace.take(1000, start), None);
        assert_eq!(pace.take(500, start), Some(Duration::from_millis(500)));
        assert_eq!(pace.take(0, start), Some(Duration::from_millis(500)));
        assert_eq!(pace.take(0, start), Some(Duration::from_secs(1)));
    }

    #[tokio::test]
    async fn turns_go_by_order_and_those_who_leave_cost_nothing() {
        let turns = Turns::new(1, 100, Instant::now());
        turns.take().await;
        for _ in 0..1000 {
            let mut leaver = Box::pin(turns.take());
            tokio::select! {
                biased;
                () = &mut leaver => {}
                () = std::future::ready(()) => {}
            }
        }
        assert!(turns.next.try_lock().unwrap().left >= 0.0);
        let order = std::sync::Mutex::new(Vec::new());
        let one = async |number: usize| {
            turns.take().await;
            order.lock().unwrap().push(number);
        };
        tokio::join!(biased; one(0), one(1), one(2));
        assert_eq!(*order.lock().unwrap(), [0, 1, 2]);
    }
}
