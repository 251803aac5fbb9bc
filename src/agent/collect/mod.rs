//! Reading how the server is: one [`Row`] of about twenty series each interval.
//!
//! | series | unit |
//! |---|---|
//! | `cpu_percent` | share of the server's own CPUs, 0 to 100 |
//! | `load_1m` | threads that run or wait for a disk, damped over a minute |
//! | `memory_used_bytes`, `memory_limit_bytes`, `memory_percent` | without droppable cache |
//! | `processes`, `uptime_s` | |
//! | `net_in_bytes`, `net_out_bytes` | per second, without the loopback |
//! | `disk_used_bytes:/m`, `disk_size_bytes:/m`, `disk_used_percent:/m` | as df(1), per mount |
//! | `agent_memory_bytes`, `agent_cpu_percent` | the agent itself, percent of one CPU |
//! | `readings_dropped` | rows the spool had no room for, since the agent's start |
//!
//! The series of one agent never change, so that rows share a batch; what cannot be read is NaN.
//! Rates need two looks and are NaN in the first row.
//!
//! Not here: what the services on the server do; their own figures come with their automation.
//!
//! To add a series: its name in [`names`], its value at the same place in [`Collector::values`],
//! and its line in the test that compares the two.

mod load;
mod parse;
mod source;

pub use load::pause_after;
pub use parse::process_stat;
pub use source::{Source, limits};

use super::spool::{Names, Row};
use crate::base::{Millis, Timestamp};
use crate::wire::reading::SERIES_MAX;
use load::LoadAverage;
use nix::sys::statvfs::statvfs;
use parse::TICK_NS;
use std::time::Duration;

/// Mount points read besides `/`: three series each fill what the others leave of a batch.
const MOUNTS_MAX: usize = (SERIES_MAX - 15) / 3;
/// Longest mount point: series names end at 120 bytes.
const MOUNT_BYTES_MAX: usize = 100;

/// Reads the server.
pub struct Collector {
    source: Source,
    mounts: Vec<String>,
    names: Names,
    before: Option<Counters>,
    load: LoadAverage,
    load_at: Millis,
}

/// What rates are made from.
#[derive(Clone, Copy)]
struct Counters {
    at: Millis,
    cpu_ns: Option<u64>,
    network: (u64, u64),
    agent_ns: u64,
}

impl Collector {
    /// A collector that looks for the first time at `now`, a monotonic reading.
    pub fn new(source: Source, mounts: &[String], now: Millis) -> Collector {
        let mut all = vec!["/".to_owned()];
        let fits = |mount: &&String| mount.as_str() != "/" && mount.len() <= MOUNT_BYTES_MAX;
        all.extend(mounts.iter().filter(fits).take(MOUNTS_MAX).cloned());
        let names = names(&all, source.has_own_network()).into();
        let mut collector = Collector {
            source,
            mounts: all,
            names,
            before: None,
            load: LoadAverage::default(),
            load_at: now,
        };
        collector.values(now, 0);
        collector
    }

    /// The agent's word on which boot of the server this is: the machine's boot and the first
    /// process of the server on it, because servers may share a machine.
    pub fn boot(&self) -> String {
        let machine = self.source.proc_text("sys/kernel/random/boot_id").unwrap_or_default();
        let (id, start_ms) = self.source.first_process().unwrap_or((0, 0));
        let mixed = format!("{} {id} {start_ms}", machine.trim());
        crate::base::hash::hex(&crate::base::hash::sha256(mixed.as_bytes())[..16])
    }

    /// Looks at the load; [`pause_after`] says when to do it again.
    pub fn look_at_load(&mut self, now: Millis) {
        if let Some(threads) = self.source.loading_threads(std::process::id()) {
            self.load.add(threads, Duration::from_millis(now.saturating_sub(self.load_at)));
        }
        self.load_at = now;
    }

    /// Reads everything once.
    pub fn row(&mut self, at: Timestamp, now: Millis, dropped_rows: u64) -> Row {
        Row { at, names: self.names.clone(), values: self.values(now, dropped_rows) }
    }

    fn values(&mut self, now: Millis, dropped_rows: u64) -> Vec<f64> {
        let used = self.source.read();
        let own = self.source.proc_text("self/stat").as_deref().and_then(parse::process_stat);
        let counters = Counters {
            at: now,
            cpu_ns: used.cpu_ns,
            network: self.network(),
            agent_ns: own.map_or(0, |own| own.ticks * TICK_NS),
        };
        let rates = self.before.map(|before| Rates { before, now: counters });
        self.before = Some(counters);
        let rate = |part: fn(&Rates) -> Option<f64>| rates.as_ref().and_then(part);
        let cpu = rate(Rates::cpus).map(|cpus| (100.0 * cpus / used.cpus).clamp(0.0, 100.0));
        let load = self.source.machine_load().unwrap_or(self.load.value());
        let limit = used.memory_limit_bytes.filter(|&bytes| bytes > 0);
        let memory = used.memory_bytes.zip(limit).map(|(bytes, of)| percent(bytes, of));
        let number = |value: Option<u64>| value.map(|value| value as f64);

        let mut values = vec![
            cpu,
            Some(load),
            number(used.memory_bytes),
            number(used.memory_limit_bytes),
            memory,
            number(used.processes),
            self.uptime_s(),
        ];
        if self.source.has_own_network() {
            values.extend([rate(Rates::bytes_in), rate(Rates::bytes_out)]);
        }
        for mount in &self.mounts {
            values.extend(disk(mount));
        }
        values.push(own.map(|own| (own.resident_pages * self.source.page_bytes()) as f64));
        values.push(rate(Rates::agent).map(|cpus| 100.0 * cpus));
        values.push(Some(dropped_rows as f64));
        values.into_iter().map(|value| value.unwrap_or(f64::NAN)).collect()
    }

    fn network(&self) -> (u64, u64) {
        self.source.proc_text("net/dev").map_or((0, 0), |text| parse::network_bytes(&text))
    }

    fn uptime_s(&self) -> Option<f64> {
        let machine: f64 = self.source.proc_text("uptime")?.split(' ').next()?.parse().ok()?;
        let (_, start_ms) = self.source.first_process()?;
        Some((machine - start_ms as f64 / 1000.0).max(0.0))
    }
}

fn names(mounts: &[String], own_network: bool) -> Vec<String> {
    let mut names = vec![
        "cpu_percent",
        "load_1m",
        "memory_used_bytes",
        "memory_limit_bytes",
        "memory_percent",
        "processes",
        "uptime_s",
    ];
    if own_network {
        names.extend(["net_in_bytes", "net_out_bytes"]);
    }
    let mut names: Vec<String> = names.into_iter().map(str::to_owned).collect();
    for mount in mounts {
        for series in ["disk_used_bytes", "disk_size_bytes", "disk_used_percent"] {
            names.push(format!("{series}:{mount}"));
        }
    }
    names
        .extend(["agent_memory_bytes", "agent_cpu_percent", "readings_dropped"].map(str::to_owned));
    names
}

/// Two looks and what happened between them.
struct Rates {
    before: Counters,
    now: Counters,
}

impl Rates {
    fn seconds(&self) -> Option<f64> {
        let ms = self.now.at.saturating_sub(self.before.at);
        (ms > 0).then(|| ms as f64 / 1000.0)
    }

    /// A counter that went back was reset: no rate then, rather than a huge one.
    fn rate(&self, before: u64, now: u64) -> Option<f64> {
        Some(now.checked_sub(before)? as f64 / self.seconds()?)
    }

    fn cpus(&self) -> Option<f64> {
        let (before, now) = self.before.cpu_ns.zip(self.now.cpu_ns)?;
        // Processes of a session that end unwaited for take their time with them.
        Some(now.saturating_sub(before) as f64 / 1e9 / self.seconds()?)
    }

    fn bytes_in(&self) -> Option<f64> {
        self.rate(self.before.network.0, self.now.network.0)
    }

    fn bytes_out(&self) -> Option<f64> {
        self.rate(self.before.network.1, self.now.network.1)
    }

    fn agent(&self) -> Option<f64> {
        Some(self.rate(self.before.agent_ns, self.now.agent_ns)? / 1e9)
    }
}

/// Used bytes, size, and percent of what ordinary users may fill, as df(1) counts.
fn disk(mount: &str) -> [Option<f64>; 3] {
    let Ok(stat) = statvfs(mount) else { return [None; 3] };
    let (unit, blocks, free) = (stat.fragment_size(), stat.blocks(), stat.blocks_free());
    let used = blocks.saturating_sub(free);
    let usable = used + stat.blocks_available();
    let share = (usable > 0).then(|| percent(used, usable));
    [Some((used * unit) as f64), Some((blocks * unit) as f64), share]
}

fn percent(part: u64, of: u64) -> f64 {
    (100.0 * part as f64 / of as f64).min(100.0)
}

#[cfg(test)]
mod tests;
