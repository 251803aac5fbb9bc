//! The real HAProxy, run as the built-in role runs it, fed as an agent feeds it: the file is
//! checked, put in place in one rename, and reloaded. Loopback only, no root.

use crate::appliance::rig::free_port;
use grange::automation::builtin_roles;
use grange::automation::haproxy::{Backend, BackendState, Rendered, Topology, render};
use grange::base::Name;
use grange::boot::demo_load::{Failure, Load, Report, run};
use grange::boot::demo_web::DemoWeb;
use grange::model::Balance;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A balancer in a directory of its own, as a server of an ordinary user has it.
struct Balancer {
    directory: PathBuf,
    port: u16,
    master: Child,
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
        Balancer { directory, port: free_port(), master, generation: 0 }
    }

    /// What an agent does with the order, in the server's environment.
    fn put(&mut self, servers: &[Backend]) {
        self.generation += 1;
        let file = self.render(servers);
        let place = self.directory.join(file.path.trim_start_matches('/'));
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        let new = place.with_extension("new");
        fs::write(&new, &file.content).unwrap();
        let check: Vec<String> =
            file.check.iter().map(|word| word.replace("{}", new.to_str().unwrap())).collect();
        let checked = self.command(&check);
        assert!(checked.status.success(), "{}\n{}", text(&checked), file.content);
        let warned = text(&checked).contains("WARNING");
        assert!(!warned, "{}\n{}", text(&checked), file.content);
        fs::rename(new, place).unwrap();
        let reloaded = self.command(&file.reload);
        assert!(reloaded.status.success(), "{}", text(&reloaded));
    }

    fn render(&self, servers: &[Backend]) -> Rendered {
        let farm_role = Name::new("web").unwrap();
        let (port, listen_port) = (8080, self.port);
        let balance = Balance { farm_role, port, listen_port, check_path: "/healthz".into() };
        let servers = servers.to_vec();
        render(&Topology { generation: self.generation, balance, servers, maintenance: false })
    }

    fn command(&self, words: &[String]) -> Output {
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).envs(environment(&self.directory)).output().unwrap()
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

fn text(output: &Output) -> String {
    [String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)].concat()
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

/// Longer than any timeout of a balancer but that of tunnels, and than what an old worker had once.
const LONG: Duration = Duration::from_secs(64);

/// A server that checks find well, that answers an upgrade with a tunnel which says back what it
/// hears, and everything else with a byte every now and then for [`LONG`].
fn patient_server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            // Whoever leaves in the middle is no fault of the server's.
            std::thread::spawn(move || serve_patiently(stream).ok());
        }
    });
    address
}

fn serve_patiently(mut stream: TcpStream) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).to_lowercase();
    if head.starts_with("get /healthz") {
        return stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    }
    if head.contains("upgrade: echo") {
        let answer = "HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n";
        stream.write_all(answer.as_bytes())?;
        let mut word = [0; 4];
        while stream.read_exact(&mut word).is_ok() {
            stream.write_all(&word)?;
        }
        return Ok(());
    }
    let pieces = 128;
    stream.write_all(format!("HTTP/1.1 200 OK\r\ncontent-length: {pieces}\r\n\r\n").as_bytes())?;
    for _ in 0..pieces {
        stream.write_all(b"x")?;
        std::thread::sleep(LONG / pieces);
    }
    Ok(())
}

#[test]
fn what_is_under_way_outlives_changes_of_the_servers_by_more_than_a_minute() {
    let mut balancer = Balancer::start("long");
    let patient = patient_server();
    let server = || backend("web-1", patient, BackendState::Up);
    balancer.put(&[server()]);
    let ask = |request: &str| {
        let mut stream = TcpStream::connect(balancer.address()).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        stream
    };
    let upgrade = "GET /ws HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n";
    let tunnel = || {
        let mut stream = ask(upgrade);
        let mut first = [0; 12];
        stream.read_exact(&mut first).ok();
        (first == *b"HTTP/1.1 101").then_some(stream)
    };
    wait("the server is behind the balancer", || tunnel().is_some(), &String::new);
    let mut tunnel = tunnel().unwrap();
    let mut download = ask("GET /long HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    download.read_exact(&mut [0; 12]).unwrap();
    let begun = Instant::now();
    // Its server stays; others come and go, and so do workers.
    let two = web("web-2");
    balancer.put(&[server(), up("web-2", &two)]);
    balancer.put(&[server(), draining("web-2", &two)]);
    balancer.put(&[server()]);
    two.stop();
    let mut body = Vec::new();
    download.read_to_end(&mut body).unwrap();
    assert!(body.ends_with(&[b'x'; 128]), "{}", String::from_utf8_lossy(&body));
    std::thread::sleep(LONG.saturating_sub(begun.elapsed()));
    // The head of its answer is still to be read, then what it says back.
    tunnel.write_all(b"ping").unwrap();
    let mut heard = Vec::new();
    while !heard.ends_with(b"ping") {
        let mut byte = [0];
        tunnel.read_exact(&mut byte).expect("the tunnel is still open");
        heard.push(byte[0]);
    }
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
