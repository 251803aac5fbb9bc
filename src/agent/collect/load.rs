//! A load average of the server's own, where the kernel's is the whole machine's.
//!
//! The kernel damps the number of threads that run or wait for a disk with e^(-t/60 s), from a
//! sample every 5 s (include/linux/sched/loadavg.h). Here the samples come every second or, where
//! there is much to look at, so seldom that looking costs a thousandth of a CPU.

use std::time::Duration;

/// The 1-minute average.
#[derive(Clone, Copy, Debug, Default)]
pub struct LoadAverage {
    value: f64,
}

impl LoadAverage {
    /// Adds a sample that stands for the time since the one before.
    pub fn add(&mut self, threads: u64, since: Duration) {
        let kept = (-since.as_secs_f64() / 60.0).exp();
        self.value = self.value * kept + threads as f64 * (1.0 - kept);
    }

    /// The average now.
    pub fn value(self) -> f64 {
        self.value
    }
}

/// How long to wait after a sample that took `cost`.
pub fn pause_after(cost: Duration) -> Duration {
    (cost * 1000).clamp(Duration::from_secs(1), Duration::from_secs(10))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_rises_and_falls_as_the_kernels_does() {
        let mut load = LoadAverage::default();
        for _ in 0..60 {
            load.add(4, Duration::from_secs(1));
        }
        // 4 x (1 - 1/e) after one minute.
        assert!((load.value() - 2.528).abs() < 0.01, "{}", load.value());
        load.add(0, Duration::from_secs(60));
        assert!((load.value() - 0.930).abs() < 0.01, "{}", load.value());
    }

    #[test]
    fn sampling_slows_down_with_its_cost() {
        let check = |cost_us, pause_ms| {
            let pause = pause_after(Duration::from_micros(cost_us));
            assert_eq!(pause, Duration::from_millis(pause_ms));
        };
        check(10, 1000);
        check(4_000, 4000);
        check(50_000, 10_000);
    }
}
