//! Where a server's use of CPU, memory and processes is read.
//!
//! A machine of its own is read as a whole. A server on a shared machine sees that machine in
//! `/proc`, so its control group is read instead, or, without one, the processes of its session:
//! always as a share of its own limits, which the platform leaves beside it in `limits.json`.

use super::parse::{self, ProcessStat, TICK_NS};
use serde::Deserialize;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What the platform lets a server on a shared machine use.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// CPUs in thousandths of one; 0 for no limit.
    #[serde(default)]
    pub cpu_millis: u32,
    /// Memory; 0 for no limit.
    #[serde(default)]
    pub memory_bytes: u64,
    /// How use is accounted.
    pub cgroup: Accounting,
}

/// How a shared machine accounts for one server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Accounting {
    /// Control groups version 1: the controllers' directories are in `cgroup/`.
    #[serde(rename = "v1")]
    V1,
    /// Version 2: the group's directory is `cgroup/`.
    #[serde(rename = "v2")]
    V2,
    /// None: the processes of the agent's session are added up.
    #[serde(rename = "none")]
    Session,
}

/// Reads `limits.json`; `None` where there is none, on a machine of its own.
pub fn limits(run_dir: &Path) -> io::Result<Option<Limits>> {
    match fs::read(run_dir.join("limits.json")) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(io::Error::other),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Use at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Use {
    /// CPU time so far.
    pub cpu_ns: Option<u64>,
    /// How much CPU there is, in CPUs.
    pub cpus: f64,
    /// Memory in use that the kernel could not simply take back.
    pub memory_bytes: Option<u64>,
    /// How much there is.
    pub memory_limit_bytes: Option<u64>,
    /// Processes.
    pub processes: Option<u64>,
}

/// Which files tell.
pub struct Source {
    kind: Kind,
    proc_dir: PathBuf,
    limits: Option<Limits>,
    page_bytes: u64,
}

enum Kind {
    Machine,
    V1 {
        cpu: PathBuf,
        memory: PathBuf,
    },
    V2 {
        group: PathBuf,
    },
    /// The processes of a session, or all that are seen where the agent leads its own: then
    /// there is a name space of processes, or nobody else.
    Session {
        id: Option<i32>,
    },
}

impl Source {
    /// The source for these limits. `session` is the agent's session, `None` when it leads it.
    pub fn new(
        proc_dir: &Path,
        run_dir: &Path,
        limits: Option<Limits>,
        session: Option<i32>,
    ) -> Source {
        let group = run_dir.join("cgroup");
        let kind = match limits.as_ref().map(|limits| limits.cgroup) {
            None => Kind::Machine,
            Some(Accounting::V1) => {
                Kind::V1 { cpu: group.join("cpuacct"), memory: group.join("memory") }
            }
            Some(Accounting::V2) => Kind::V2 { group },
            Some(Accounting::Session) => Kind::Session { id: session },
        };
        let page_bytes = fs::read(proc_dir.join("self/auxv"))
            .ok()
            .and_then(|auxv| parse::page_bytes(&auxv))
            .unwrap_or(4096);
        Source { kind, proc_dir: proc_dir.to_owned(), limits, page_bytes }
    }

    /// Whether the network's counters are this server's own.
    pub fn has_own_network(&self) -> bool {
        !matches!(self.kind, Kind::Session { id: Some(_) })
    }

    /// Bytes of one page of memory.
    pub fn page_bytes(&self) -> u64 {
        self.page_bytes
    }

    /// Use now.
    pub fn read(&self) -> Use {
        let stat = self.proc_text("stat");
        let (machine_ns, machine_cpus) =
            stat.as_deref().and_then(parse::machine_cpu).map_or((None, 1), |(ns, n)| (Some(ns), n));
        let memory = self.proc_text("meminfo").as_deref().and_then(parse::machine_memory);
        let limits = self.limits.as_ref();
        let cpus = match limits.map_or(0, |limits| limits.cpu_millis) {
            0 => f64::from(machine_cpus),
            millis => f64::from(millis) / 1000.0,
        };
        let memory_limit_bytes = match limits.map_or(0, |limits| limits.memory_bytes) {
            0 => memory.map(|(total, _)| total),
            bytes => Some(bytes),
        };
        let used = Use { cpus, memory_limit_bytes, ..Use::default() };
        match &self.kind {
            Kind::Machine => Use {
                cpu_ns: machine_ns,
                memory_bytes: memory.map(|(total, available)| total.saturating_sub(available)),
                processes: Some(self.process_ids().len() as u64),
                ..used
            },
            Kind::V1 { cpu, memory } => Use {
                cpu_ns: text(&cpu.join("cpuacct.usage")).as_deref().and_then(parse::number),
                memory_bytes: group_memory(memory, "memory.usage_in_bytes", "total_inactive_file"),
                processes: lines(&cpu.join("cgroup.procs")),
                ..used
            },
            Kind::V2 { group } => Use {
                cpu_ns: text(&group.join("cpu.stat"))
                    .and_then(|stat| parse::field(&stat, "usage_usec"))
                    .map(|micros| micros * 1000),
                memory_bytes: group_memory(group, "memory.current", "inactive_file"),
                processes: lines(&group.join("cgroup.procs")),
                ..used
            },
            Kind::Session { id } => {
                let processes = self.session(*id);
                let sum =
                    |part: fn(&ProcessStat) -> u64| processes.iter().map(|p| part(&p.1)).sum();
                let pages: u64 = sum(|process| process.resident_pages);
                let ticks: u64 = sum(|process| process.ticks);
                Use {
                    cpu_ns: Some(ticks * TICK_NS),
                    memory_bytes: Some(pages * self.page_bytes),
                    processes: Some(processes.len() as u64),
                    ..used
                }
            }
        }
    }

    /// How many of the server's threads want a CPU or wait for a disk now, `except` one: the
    /// agent's own, which always does while it asks. `None` on a machine of its own, whose kernel
    /// keeps the average itself.
    pub fn loading_threads(&self, except: u32) -> Option<u64> {
        let loads = |id: &u32| {
            *id != except && self.stat(&id.to_string()).is_some_and(|thread| thread.loads())
        };
        match &self.kind {
            Kind::Machine => None,
            Kind::V1 { cpu, .. } => {
                let threads = ids(&text(&cpu.join("tasks"))?);
                Some(threads.iter().filter(|id| loads(id)).count() as u64)
            }
            Kind::V2 { group } => {
                // A group of a threaded domain lists processes alone.
                let listed = text(&group.join("cgroup.threads"))
                    .or_else(|| text(&group.join("cgroup.procs")))?;
                Some(ids(&listed).iter().filter(|id| loads(id)).count() as u64)
            }
            Kind::Session { id } => Some(
                self.session(*id)
                    .into_iter()
                    .filter(|(process, _)| *process != except)
                    .map(|(process, stat)| self.loading_in(process, &stat))
                    .sum(),
            ),
        }
    }

    /// The machine's own load average, where the machine is the server.
    pub fn machine_load(&self) -> Option<f64> {
        match self.kind {
            Kind::Machine => self.proc_text("loadavg").as_deref().and_then(parse::load_1m),
            Kind::V1 { .. } | Kind::V2 { .. } | Kind::Session { .. } => None,
        }
    }

    /// When the server's first process began, in milliseconds since the machine did, and which.
    pub fn first_process(&self) -> Option<(i32, u64)> {
        let id = match self.kind {
            Kind::Session { id } => id.unwrap_or(1),
            Kind::Machine | Kind::V1 { .. } | Kind::V2 { .. } => 1,
        };
        Some((id, self.stat(&id.to_string())?.start_ticks * 10))
    }

    /// A file of `/proc`.
    pub fn proc_text(&self, name: &str) -> Option<String> {
        text(&self.proc_dir.join(name))
    }

    fn loading_in(&self, process: u32, stat: &ProcessStat) -> u64 {
        if stat.threads <= 1 {
            return u64::from(stat.loads());
        }
        let tasks = self.proc_dir.join(format!("{process}/task"));
        let loads = |id: &u32| {
            text(&tasks.join(format!("{id}/stat")))
                .as_deref()
                .and_then(parse::process_stat)
                .is_some_and(|thread| thread.loads())
        };
        numeric_names(&tasks).iter().filter(|id| loads(id)).count() as u64
    }

    fn session(&self, session: Option<i32>) -> Vec<(u32, ProcessStat)> {
        self.process_ids()
            .into_iter()
            .filter_map(|id| Some((id, self.stat(&id.to_string())?)))
            .filter(|(_, stat)| session.is_none_or(|session| stat.session == session))
            .collect()
    }

    fn stat(&self, id: &str) -> Option<ProcessStat> {
        parse::process_stat(&self.proc_text(&format!("{id}/stat"))?)
    }

    fn process_ids(&self) -> Vec<u32> {
        numeric_names(&self.proc_dir)
    }
}

/// What the group holds without the page cache that can go at once: what its own kernel memory
/// pressure is measured by, and what other tools call the working set.
fn group_memory(dir: &Path, usage: &str, inactive: &str) -> Option<u64> {
    let used = parse::number(&text(&dir.join(usage))?)?;
    let cache = text(&dir.join("memory.stat")).and_then(|stat| parse::field(&stat, inactive));
    Some(used.saturating_sub(cache.unwrap_or(0)))
}

fn text(path: &Path) -> Option<String> {
    // A process's name need not be UTF-8.
    fs::read(path).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

fn lines(path: &Path) -> Option<u64> {
    Some(text(path)?.lines().count() as u64)
}

fn ids(text: &str) -> Vec<u32> {
    text.lines().filter_map(|line| line.trim().parse().ok()).collect()
}

fn numeric_names(dir: &Path) -> Vec<u32> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}
