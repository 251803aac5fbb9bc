//! The collector on written-out `/proc` and control group files, and once on the real ones.

use super::source::{Accounting, Limits};
use super::*;
use crate::agent::tests::scratch;
use std::path::{Path, PathBuf};

/// A `/proc` and a run directory of files.
struct World {
    root: PathBuf,
}

impl World {
    fn new(name: &str) -> World {
        let world = World { root: scratch(name) };
        world.put("proc/stat", "cpu  100 0 100 800 0 0 0 0 0 0\ncpu0 1\ncpu1 1\nintr 1\n");
        world.put("proc/meminfo", "MemTotal: 1000 kB\nMemAvailable: 400 kB\n");
        world.put("proc/loadavg", "1.25 1 1 1/1 1\n");
        world.put("proc/uptime", "1000.50 1\n");
        world.put("proc/sys/kernel/random/boot_id", "b-b-b\n");
        world.process(1, 1, 'S', 0, 10_000);
        world.net(1000, 2000);
        world
    }

    fn put(&self, path: &str, text: &str) {
        let path = self.root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn net(&self, rx: u64, tx: u64) {
        self.put("proc/net/dev", &format!("h\nh\neth0: {rx} 0 0 0 0 0 0 0 {tx} 0 0 0 0 0 0 0\n"));
    }

    fn process(&self, id: u32, session: i32, state: char, ticks: u64, start: u64) {
        let rest = format!("0 -1 0 0 0 0 0 {ticks} 0 0 0 20 0 1 0 {start} 0 10 0 0");
        self.put(&format!("proc/{id}/stat"), &format!("{id} (x) {state} 1 1 {session} {rest}"));
    }

    fn limits(&self, text: &str) {
        self.put("run/limits.json", text);
    }

    fn collector(&self) -> Collector {
        let limits = limits(&self.root.join("run")).unwrap();
        let source = Source::new(&self.root.join("proc"), &self.root.join("run"), limits, Some(77));
        Collector::new(source, &["/data".to_owned()], 0)
    }
}

fn value(row: &Row, name: &str) -> f64 {
    let index = row.names.iter().position(|other| other == name);
    row.values[index.unwrap_or_else(|| panic!("{name} is missing in {:?}", row.names))]
}

#[test]
fn a_whole_machine_is_read_from_proc() {
    let world = World::new("machine");
    let mut collector = world.collector();
    // 100 ticks of 2 CPUs over one second: half of it.
    world.put("proc/stat", "cpu  150 0 150 900 0 0 0 0 0 0\ncpu0 1\ncpu1 1\nintr 1\n");
    world.net(3000, 2500);
    let row = collector.row(Timestamp(5), 1000, 3);
    let check = |name: &str, expected: f64| assert_eq!(value(&row, name), expected, "{name}");
    check("cpu_percent", 50.0);
    check("load_1m", 1.25);
    check("memory_used_bytes", 600.0 * 1024.0);
    check("memory_limit_bytes", 1000.0 * 1024.0);
    check("memory_percent", 60.0);
    check("processes", 1.0);
    check("uptime_s", 900.5);
    check("net_in_bytes", 2000.0);
    check("net_out_bytes", 500.0);
    check("readings_dropped", 3.0);
    assert!(value(&row, "disk_used_percent:/") > 0.0);
    assert!(value(&row, "disk_used_bytes:/data").is_nan());
}

#[test]
fn the_first_row_has_no_rates_and_a_reset_counter_gives_none() {
    let world = World::new("first");
    let mut collector = world.collector();
    collector.before = None;
    let row = collector.row(Timestamp(5), 0, 0);
    assert!(value(&row, "cpu_percent").is_nan() && value(&row, "net_in_bytes").is_nan());
    world.net(10, 20);
    assert!(value(&collector.row(Timestamp(6), 1000, 0), "net_in_bytes").is_nan());
}

#[test]
fn control_groups_are_read_as_a_share_of_the_limit() {
    let check = |world: &World, grow: &dyn Fn()| {
        let mut collector = world.collector();
        grow();
        for second in 1..=60 {
            collector.look_at_load(second * 1000);
        }
        let row = collector.row(Timestamp(5), 1000, 0);
        assert_eq!(value(&row, "cpu_percent"), 50.0);
        assert_eq!(value(&row, "memory_used_bytes"), 750.0);
        assert_eq!(value(&row, "memory_percent"), 75.0);
        assert_eq!(value(&row, "processes"), 3.0);
        assert!((value(&row, "load_1m") - 2.0 * 0.632).abs() < 0.01);
    };
    let threads = |world: &World| {
        for (id, state) in [(501, 'R'), (502, 'S'), (503, 'D')] {
            world.process(id, 1, state, 0, 0);
        }
        // The agent itself runs whenever it looks.
        world.process(std::process::id(), 1, 'R', 0, 0);
    };
    let list = format!("501\n502\n503\n{}\n", std::process::id());

    let v1 = World::new("v1");
    threads(&v1);
    v1.limits(r#"{"cpuMillis":500,"memoryBytes":1000,"cgroup":"v1"}"#);
    v1.put("run/cgroup/cpuacct/cpuacct.usage", "1000000000\n");
    v1.put("run/cgroup/cpuacct/cgroup.procs", "501\n502\n503\n");
    v1.put("run/cgroup/cpuacct/tasks", &list);
    v1.put("run/cgroup/memory/memory.usage_in_bytes", "800\n");
    v1.put("run/cgroup/memory/memory.stat", "inactive_file 1\ntotal_inactive_file 50\n");
    check(&v1, &|| v1.put("run/cgroup/cpuacct/cpuacct.usage", "1250000000\n"));

    let v2 = World::new("v2");
    threads(&v2);
    v2.limits(r#"{"cpuMillis":500,"memoryBytes":1000,"cgroup":"v2"}"#);
    v2.put("run/cgroup/cpu.stat", "usage_usec 1000000\nuser_usec 1\n");
    v2.put("run/cgroup/cgroup.procs", "501\n502\n503\n");
    v2.put("run/cgroup/cgroup.threads", &list);
    v2.put("run/cgroup/memory.current", "800\n");
    v2.put("run/cgroup/memory.stat", "anon 1\ninactive_file 50\n");
    check(&v2, &|| v2.put("run/cgroup/cpu.stat", "usage_usec 1250000\nuser_usec 1\n"));
}

#[test]
fn without_groups_the_session_is_added_up() {
    let world = World::new("session");
    world.limits(r#"{"cpuMillis":1000,"memoryBytes":1000000,"cgroup":"none"}"#);
    world.process(77, 77, 'S', 100, 20_000);
    world.process(78, 77, 'R', 100, 20_000);
    world.process(79, 5, 'R', 100, 20_000);
    let mut collector = world.collector();
    world.process(78, 77, 'R', 120, 20_000);
    world.process(79, 5, 'R', 900, 20_000);
    collector.look_at_load(60_000);
    let row = collector.row(Timestamp(5), 1000, 0);
    assert_eq!(value(&row, "cpu_percent"), 20.0);
    assert_eq!(value(&row, "memory_used_bytes"), 2.0 * 10.0 * 4096.0);
    assert_eq!((value(&row, "processes"), value(&row, "uptime_s")), (2.0, 800.5));
    assert!((value(&row, "load_1m") - 0.632).abs() < 0.01);
    // The machine's traffic is not the server's.
    assert!(!row.names.iter().any(|name| name.starts_with("net_")));
    // A process that ends takes its time with it; that is no negative use.
    std::fs::remove_dir_all(world.root.join("proc/78")).unwrap();
    assert_eq!(value(&collector.row(Timestamp(6), 2000, 0), "cpu_percent"), 0.0);
}

#[test]
fn boots_differ_by_machine_and_by_first_process() {
    let world = World::new("boot");
    let boot = || world.collector().boot();
    let first = boot();
    assert_eq!((boot(), first.len()), (first.clone(), 32));
    world.process(1, 1, 'S', 5, 10_001);
    let second = boot();
    world.put("proc/sys/kernel/random/boot_id", "c-c-c\n");
    assert!(first != second && second != boot());
}

#[test]
fn limits_are_optional_but_never_guessed() {
    let world = World::new("limits");
    let run = world.root.join("run");
    assert_eq!(limits(&run).unwrap(), None);
    world.limits(r#"{"cpuMillis":250,"memoryBytes":0,"cgroup":"none","later":1}"#);
    let expected = Limits { cpu_millis: 250, memory_bytes: 0, cgroup: Accounting::Session };
    assert_eq!(limits(&run).unwrap(), Some(expected));
    world.limits(r#"{"cgroup":"v3"}"#);
    assert!(limits(&run).is_err());
}

#[test]
fn this_machine_can_be_read() {
    let (proc_dir, run) = (Path::new("/proc"), scratch("real"));
    let mounts: Vec<String> = (0..40).map(|number| format!("/m{number}")).collect();
    let source = Source::new(proc_dir, &run, None, None);
    let mut collector = Collector::new(source, &mounts, 0);
    let row = collector.row(Timestamp(5), 1000, 0);
    assert_eq!(row.names.len(), row.values.len());
    assert!(row.names.len() <= SERIES_MAX, "{} series", row.names.len());
    for name in ["cpu_percent", "load_1m", "memory_percent", "agent_memory_bytes", "uptime_s"] {
        assert!(value(&row, name) >= 0.0, "{name}: {}", value(&row, name));
    }
}

#[test]
fn what_cannot_be_told_is_no_number() {
    let world = World::new("no-number");
    world.put("proc/meminfo", "MemTotal: 0 kB\nMemAvailable: 0 kB\n");
    let mut collector = world.collector();
    let row = collector.row(Timestamp(5), 1000, 0);
    assert_eq!(value(&row, "memory_limit_bytes"), 0.0);
    assert!(value(&row, "memory_percent").is_nan(), "a share of nothing");
    // At the same moment there is no rate.
    let again = collector.row(Timestamp(5), 1000, 0);
    assert!(value(&again, "cpu_percent").is_nan() && value(&again, "net_in_bytes").is_nan());
    // A file system without blocks has no share, and one that is not there nothing.
    assert_eq!(disk("/proc"), [Some(0.0), Some(0.0), None]);
    assert_eq!(disk("/no/such/place"), [None; 3]);
    assert_eq!((percent(3, 4), percent(5, 4)), (75.0, 100.0));
}

#[test]
fn mounts_are_read_up_to_their_bounds() {
    let world = World::new("mounts");
    let source = || Source::new(&world.root.join("proc"), &world.root.join("run"), None, None);
    let mounts = |asked: &[String]| {
        let collector = Collector::new(source(), asked, 0);
        assert!(collector.names.len() <= SERIES_MAX);
        collector.mounts[1..].to_vec()
    };
    let long = format!("/{}", "x".repeat(MOUNT_BYTES_MAX - 1));
    let asked = ["/".to_owned(), long.clone(), format!("{long}x")];
    assert_eq!(mounts(&asked), [long]);
    let many: Vec<String> = (0..=MOUNTS_MAX).map(|number| format!("/m{number}")).collect();
    assert_eq!(mounts(&many), many[..MOUNTS_MAX]);
}

#[test]
fn threads_of_a_session_are_looked_at_where_there_are_several() {
    let world = World::new("threads");
    world.limits(r#"{"cgroup":"none"}"#);
    world.process(500, 77, 'R', 0, 0);
    world.process(501, 78, 'R', 0, 0);
    let limits = limits(&world.root.join("run")).unwrap();
    let source = Source::new(&world.root.join("proc"), &world.root.join("run"), limits, Some(77));
    assert_eq!(source.loading_threads(0), Some(1), "one thread is its process");
    assert_eq!(source.loading_threads(500), Some(0), "the agent itself is not counted");
    let stat = |threads: u32| {
        let rest = format!("0 -1 0 0 0 0 0 0 0 0 0 20 0 {threads} 0 0 0 10 0 0");
        format!("500 (x) S 1 1 77 {rest}")
    };
    world.put("proc/500/stat", &stat(2));
    for (thread, state) in [(500, 'S'), (510, 'R'), (511, 'D')] {
        let rest = "0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 0 0 10 0 0";
        let text = format!("{thread} (x) {state} 1 1 77 {rest}");
        world.put(&format!("proc/500/task/{thread}/stat"), &text);
    }
    assert_eq!(source.loading_threads(0), Some(2));
    assert!(!source.has_own_network());
}
