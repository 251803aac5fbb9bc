//! Drives the jobs: a thread for each row of the table, woken by what the row says.
//!
//! A panic in one activation stays there, is counted and shows on the status page; the job goes on
//! at its next period.

use crate::base::{Millis, Waker};
use crate::jobs::table::ROWS;
use crate::jobs::{Job, Ports, Work};
use crate::wire::api::JobView;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Shortest pause between two activations of one job, so that a burst of commits is one look.
const PAUSE: Duration = Duration::from_millis(5);

/// The running jobs.
pub struct Driver {
    stop: Arc<AtomicBool>,
    threads: Vec<(&'static str, Waker, JoinHandle<()>)>,
    stats: Arc<Stats>,
}

/// How each job's activations went.
#[derive(Default)]
pub struct Stats {
    jobs: Mutex<BTreeMap<&'static str, JobView>>,
}

impl Stats {
    /// One view for each job, in the order of their names.
    pub fn views(&self) -> Vec<JobView> {
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        jobs.values().cloned().collect()
    }

    fn record(&self, name: &'static str, description: &str, note: &str, failed: bool) {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        let job = jobs.entry(name).or_default();
        job.name = name.to_owned();
        job.description = description.to_owned();
        job.runs += 1;
        job.failures += u64::from(failed);
        note.clone_into(&mut job.last);
    }
}

impl Driver {
    /// Starts a thread for each job.
    pub fn start(ports: Arc<Ports>) -> std::io::Result<Driver> {
        let stop = Arc::new(AtomicBool::new(false));
        let stats = Arc::new(Stats::default());
        let mut threads = Vec::new();
        for (place, row) in ROWS.iter().enumerate() {
            let waker = row.also.waker(&ports);
            ports.service.store.wake_on(row.tables, waker.clone());
            let (ports, stop, stats) = (ports.clone(), stop.clone(), stats.clone());
            let own = waker.clone();
            let thread = std::thread::Builder::new()
                .name(format!("job-{}", row.name))
                .spawn(move || drive(place, &ports, &own, &stop, &stats))?;
            threads.push((row.name, waker, thread));
        }
        Ok(Driver { stop, threads, stats })
    }

    /// How the jobs are.
    pub fn stats(&self) -> Arc<Stats> {
        self.stats.clone()
    }

    /// Stops every job within a deadline; names those that did not.
    pub fn stop(self, at_most: Duration) -> Vec<&'static str> {
        self.stop.store(true, Ordering::SeqCst);
        for (_, waker, _) in &self.threads {
            waker.wake();
        }
        let end = Instant::now() + at_most;
        while Instant::now() < end && self.threads.iter().any(|(_, _, t)| !t.is_finished()) {
            std::thread::sleep(Duration::from_millis(2));
        }
        self.threads.into_iter().filter(|(_, _, t)| !t.is_finished()).map(|(n, _, _)| n).collect()
    }
}

fn drive(place: usize, ports: &Ports, waker: &Waker, stop: &AtomicBool, stats: &Stats) {
    let row = &ROWS[place];
    let mut job = (row.make)();
    while !stop.load(Ordering::SeqCst) {
        let work = activate(job.as_mut(), ports);
        if work.failed {
            tracing::warn!(job = row.name, why = work.note, "job");
        }
        stats.record(row.name, row.description, &work.note, work.failed);
        std::thread::sleep(PAUSE);
        waker.wait(Duration::from_millis(wait_ms(ports, row.period, &work)));
    }
}

fn wait_ms(ports: &Ports, period: Millis, work: &Work) -> Millis {
    work.next.map_or(period, |next| next.since(ports.service.now()).min(period))
}

fn activate(job: &mut dyn Job, ports: &Ports) -> Work {
    let step = std::panic::AssertUnwindSafe(|| job.step(ports));
    std::panic::catch_unwind(step).unwrap_or_else(|_| Work {
        note: "panicked; see the log".into(),
        failed: true,
        next: None,
    })
}
