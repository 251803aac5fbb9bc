//! The real HAProxy, run as the built-in role runs it, fed by the agent's own code: the file is
//! checked, put in place in one rename, and taken over, by the runtime API where members alone
//! changed. Loopback only, no root.

mod members;

use crate::appliance::rig::free_port;
use grange::agent::{BalancerPaths, FileOrder, Files, Look, Outcome};
use grange::automation::builtin_roles;
use grange::automation::haproxy::{Backend, BackendState, Rendered, Topology, render};
use grange::base::Name;
use grange::boot::demo_load::{Failure, Load, Report, run};
use grange::boot::demo_web::DemoWeb;
use grange::model::Balance;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A balancer in a directory of its own, as a server of an ordinary user has it.
struct Balancer {
    directory: PathBuf,
    port: u16,
    master: Child,
    files: Files,
    generation: u64,
}

impl Balancer {
    fn start(name: &str) -> Balancer {
        let installed = Command::new("haproxy").arg("-v").output().is_ok();
        assert!(installed, "HAProxy is missing: apt-get install haproxy");
        let unique = format!("grange-haproxy-{name}-{}", std::process::id());
        let directory = std::env::temp_dir().join(unique);
        fs::create_dir_all(&directory).unwrap();
        let roles = builtin_roles();
        let role = roles.iter().find(|role| role.name.as_str() == "haproxy").unwrap();
        let command = &role.image("onboard").unwrap().command;
        let log = fs::File::create(directory.join("log")).unwrap();
        let mut prepared = Command::new(&command[0]);
        prepared.args(&command[1..]).stdin(Stdio::null());
        prepared.stdout(log.try_clone().unwrap()).stderr(log);
        let master = prepared.envs(environment(&directory)).spawn().unwrap();
        let place =
            BalancerPaths { run_dir: directory.join("run"), address: [127, 0, 0, 1].into() };
        let memory = directory.join("placed.json");
        let files = Files::open(memory, directory.clone()).unwrap().with_balancer(place);
        Balancer { directory, port: free_port(), master, files, generation: 0 }
    }

    /// Has a file with these servers, and HAProxy do what it says.
    #[track_caller]
    fn put(&mut self, servers: &[Backend]) -> String {
        let outcome = self.order(servers);
        assert_eq!(outcome.error, None, "{}", outcome.output);
        outcome.output
    }

    /// What an agent does with the order for a file with these servers.
    fn order(&mut self, servers: &[Backend]) -> Outcome {
        self.generation += 1;
        let file = self.render(servers);
        self.place(file)
    }

    fn place(&mut self, file: Rendered) -> Outcome {
        // An agent's commands have the server's environment.
        let with_environment = |command: Vec<String>| {
            let mut words = vec!["env".to_owned()];
            let environment = environment(&self.directory).into_iter();
            words.extend(environment.map(|(name, value)| format!("{name}={value}")));
            words.extend(command);
            words
        };
        let (check, reload) = (with_environment(file.check), with_environment(file.reload));
        let (path, content, generation) = (file.path, file.content, self.generation);
        let order = FileOrder { path, content, check, reload, generation };
        self.files.write(&order, &AtomicBool::new(false))
    }

    /// What the agent sees of it, having finished what is left to do.
    fn look(&self) -> Look {
        self.files.look_at_balancer().unwrap()
    }

    /// The processes that serve, in no order.
    fn workers(&self) -> Vec<u32> {
        let master = self.master.id();
        let path = format!("/proc/{master}/task/{master}/children");
        let children = fs::read_to_string(path).unwrap_or_default();
        children.split_whitespace().map(|pid| pid.parse().unwrap()).collect()
    }

    fn render(&self, servers: &[Backend]) -> Rendered {
        let farm_role = Name::new("web").unwrap();
        let (port, listen_port) = (8080, self.port);
        let balance = Balance { farm_role, port, listen_port, check_path: "/healthz".into() };
        let servers = servers.to_vec();
        render(&Topology { generation: self.generation, balance, servers, maintenance: false })
    }

    fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    fn load(&self, path: &str, seconds: u64) -> Load {
        Load {
            targets: vec![self.address()],
            path: path.into(),
            requests_per_second: 300,
            length: Duration::from_secs(seconds),
            connections: 32,
            timeout: Duration::from_secs(10),
        }
    }

    /// What one request gets.
    fn ask(&self, path: &str) -> Report {
        let one = Load { requests_per_second: 1, connections: 1, ..self.load(path, 1) };
        run(&one)
    }

    #[track_caller]
    fn wait_until_it_serves(&self) {
        let log = || fs::read_to_string(self.directory.join("log")).unwrap_or_default();
        wait("HAProxy serves", || self.ask("/").ok == 1, &log);
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        let pid = Pid::from_raw(i32::try_from(self.master.id()).unwrap());
        kill(pid, Signal::SIGTERM).ok();
        self.master.wait().ok();
        fs::remove_dir_all(&self.directory).ok();
    }
}

fn environment(directory: &Path) -> Vec<(&'static str, String)> {
    vec![
        ("GRANGE_HOME", directory.display().to_string()),
        ("GRANGE_RUN", directory.join("run").display().to_string()),
        ("GRANGE_ADDRESS", "127.0.0.1".to_owned()),
    ]
}

#[track_caller]
fn wait(what: &str, holds: impl Fn() -> bool, otherwise: &dyn Fn() -> String) {
    let begun = Instant::now();
    while !holds() {
        assert!(
            begun.elapsed() < Duration::from_secs(15),
            "{what}: not within 15 s\n{}",
            otherwise()
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[track_caller]
fn wait_for_use(server: &DemoWeb) {
    let before = server.answered();
    wait("the server is used", || server.answered() > before, &String::new);
}

fn web(name: &str) -> DemoWeb {
    DemoWeb::start("127.0.0.1:0".parse().unwrap(), name).unwrap()
}

fn backend(name: &str, address: SocketAddr, state: BackendState) -> Backend {
    Backend { name: name.into(), address: address.ip().to_string(), port: address.port(), state }
}

fn up(name: &str, server: &DemoWeb) -> Backend {
    backend(name, server.address(), BackendState::Up)
}

fn draining(name: &str, server: &DemoWeb) -> Backend {
    backend(name, server.address(), BackendState::Draining)
}

#[test]
fn without_servers_clients_get_a_503() {
    let mut balancer = Balancer::start("empty");
    balancer.put(&[]);
    let refused = || balancer.ask("/").failures.contains_key(&Failure::Status(503));
    wait("a 503", refused, &String::new);
}

#[test]
fn reloads_and_draining_under_load_fail_no_request() {
    let mut balancer = Balancer::start("reload");
    let (one, two, three) = (web("web-1"), web("web-2"), web("web-3"));
    balancer.put(&[up("web-1", &one)]);
    balancer.wait_until_it_serves();
    // For as long as it takes: a slow machine reloads slowly.
    let (load, done) = (balancer.load("/burn?ms=3", 2), Arc::new(AtomicBool::new(false)));
    let until = Arc::clone(&done);
    let loading = std::thread::spawn(move || {
        let mut reports = Vec::new();
        while !until.load(Ordering::SeqCst) {
            reports.push(run(&load));
        }
        reports
    });
    for _ in 0..4 {
        balancer.put(&[up("web-1", &one), up("web-2", &two)]);
        wait_for_use(&two);
        balancer.put(&[up("web-1", &one), draining("web-2", &two), up("web-3", &three)]);
        wait_for_use(&three);
    }
    // Scaled in: draining for a while, then stopped, then out of the file.
    let before = two.answered();
    two.stop();
    assert!(before > 0);
    balancer.put(&[up("web-1", &one), up("web-3", &three)]);
    done.store(true, Ordering::SeqCst);
    for report in loading.join().unwrap() {
        assert_eq!((report.sent, report.failed()), (600, 0), "{report}");
    }
    one.stop();
    three.stop();
}

#[test]
fn a_draining_server_gets_nothing_new_unless_nothing_else_is_left() {
    let mut balancer = Balancer::start("drain");
    let (one, two) = (web("web-1"), web("web-2"));
    balancer.put(&[up("web-1", &one), draining("web-2", &two)]);
    balancer.wait_until_it_serves();
    let begun = (one.answered(), two.answered());
    let report = run(&balancer.load("/", 1));
    assert_eq!(report.failed(), 0, "{report}");
    assert_eq!((one.answered() - begun.0, two.answered() - begun.1), (300, 0));
    one.stop();
    wait("the draining one helps out", || balancer.ask("/").ok == 1, &String::new);
    assert!(two.answered() > begun.1);
    two.stop();
}

#[test]
fn a_killed_server_costs_no_request_and_its_replacement_is_used_at_once() {
    let mut balancer = Balancer::start("kill");
    let one = web("web-1");
    let port = free_port();
    let mut victim = process(port);
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    balancer.put(&[up("web-1", &one), backend("web-2", address, BackendState::Up)]);
    balancer.wait_until_it_serves();
    let load = balancer.load("/burn?ms=3", 4);
    let loading = std::thread::spawn(move || run(&load));
    let begun = one.answered();
    wait("load", || one.answered() > begun + 100, &String::new);
    victim.kill();
    let three = web("web-3");
    balancer.put(&[up("web-1", &one), up("web-3", &three)]);
    let used = || balancer.ask("/").ok == 1 && three.answered() > 0;
    wait("the replacement is used", used, &String::new);
    let report = loading.join().unwrap();
    assert_eq!((report.sent, report.failed()), (1200, 0), "{report}");
}

/// A demo server of its own process; killed at the end if not before.
struct Victim(Child);

impl Victim {
    fn kill(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        self.kill();
    }
}

fn process(port: u16) -> Victim {
    let mut command = Command::new(env!("CARGO_BIN_EXE_grange"));
    command.args(["demo-web", "--port", &port.to_string()]).env("GRANGE_ADDRESS", "127.0.0.1");
    let child = Victim(command.spawn().unwrap());
    let target = SocketAddr::from(([127, 0, 0, 1], port));
    let up = || std::net::TcpStream::connect(target).is_ok();
    wait("the demo server listens", up, &String::new);
    child
}
