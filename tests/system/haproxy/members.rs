//! Members that come, leave and go while HAProxy runs: what is under way goes on, one worker stays,
//! and what cannot be done is said.

use super::{Balancer, backend, draining, up, wait, web};
use crate::appliance::rig::free_port;
use grange::agent::{BalancerPaths, Files};
use grange::automation::haproxy::{Backend, BackendState};
use grange::model::MemberDown;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// Longer than any timeout of a balancer but that of tunnels.
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
        let mut said = [0; 64];
        loop {
            let length = stream.read(&mut said)?;
            if length == 0 {
                return Ok(());
            }
            stream.write_all(&said[..length])?;
        }
    }
    let pieces = 128;
    stream.write_all(format!("HTTP/1.1 200 OK\r\ncontent-length: {pieces}\r\n\r\n").as_bytes())?;
    for _ in 0..pieces {
        stream.write_all(b"x")?;
        std::thread::sleep(LONG / pieces);
    }
    Ok(())
}

/// Asks the balancer for something, which is under way from here on.
fn ask(balancer: &Balancer, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(balancer.address()).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    stream
}

/// An open tunnel, once there is a server that opens it.
fn tunnel(balancer: &Balancer) -> TcpStream {
    let upgrade = "GET /ws HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n";
    let open = || {
        let mut stream = ask(balancer, upgrade);
        let mut first = [0; 12];
        stream.read_exact(&mut first).ok();
        (first == *b"HTTP/1.1 101").then_some(stream)
    };
    let mut opened = None;
    let mut opens = || {
        opened = open();
        opened.is_some()
    };
    let begun = Instant::now();
    while !opens() {
        assert!(begun.elapsed() < Duration::from_secs(15), "no server opens a tunnel");
    }
    opened.unwrap()
}

/// Says a word into a tunnel and hears it again, after whatever came before it.
#[track_caller]
fn echo(tunnel: &mut TcpStream, word: &str) {
    tunnel.write_all(word.as_bytes()).unwrap();
    let mut heard = Vec::new();
    while !heard.ends_with(word.as_bytes()) {
        let mut byte = [0];
        tunnel.read_exact(&mut byte).expect("the tunnel is still open");
        heard.push(byte[0]);
    }
}

#[test]
fn what_is_under_way_outlives_changes_of_members_and_of_settings() {
    let mut balancer = Balancer::start("long");
    let patient = patient_server();
    let server = |state| backend("web-1", patient, state);
    let stays = || server(BackendState::Up);
    balancer.put(&[stays()]);
    let mut tunnel = tunnel(&balancer);
    let mut download = ask(&balancer, "GET /long HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    download.read_exact(&mut [0; 12]).unwrap();
    let (begun, worker) = (Instant::now(), balancer.workers());
    assert_eq!(worker.len(), 1, "one worker");
    let two = web("web-2");
    let said = "members changed without a reload: ";
    let changes: [(Vec<Backend>, &str); 6] = [
        (vec![stays(), up("web-2", &two)], "1 added"),
        (vec![stays(), draining("web-2", &two)], "1 added, 1 removed"),
        (vec![stays()], "1 removed"),
        // Its own server leaves, and stays after all.
        (vec![server(BackendState::Draining), up("web-2", &two)], "2 added, 1 leaving"),
        (vec![stays(), up("web-2", &two)], "1 changed, 1 removed"),
        (vec![stays()], "1 removed"),
    ];
    for (members, what) in changes {
        assert_eq!(balancer.put(&members), format!("{said}{what}"));
        assert_eq!(balancer.workers(), worker, "no reload for {what}");
        echo(&mut tunnel, what);
    }
    two.stop();
    // What is no member needs a reload, and the old worker finishes what it has.
    let mut file = balancer.render(&[stays()]);
    file.content = file.content.replace("description \"settings ", "description \"settings x");
    balancer.generation += 1;
    let outcome = balancer.place(file);
    assert_eq!(
        (outcome.error, outcome.output.lines().next()),
        (None, Some("reloaded: its settings changed"))
    );
    let mut body = Vec::new();
    download.read_to_end(&mut body).unwrap();
    assert!(body.ends_with(&[b'x'; 128]), "{}", String::from_utf8_lossy(&body));
    std::thread::sleep(LONG.saturating_sub(begun.elapsed()));
    echo(&mut tunnel, "ping");
}

#[test]
fn a_member_that_drains_is_removed_when_its_last_connection_has_ended() {
    let mut balancer = Balancer::start("last");
    let patient = patient_server();
    balancer.put(&[backend("web-1", patient, BackendState::Up)]);
    let mut tunnel = tunnel(&balancer);
    balancer.put(&[backend("web-1", patient, BackendState::Draining)]);
    let names = |balancer: &Balancer| {
        let states = balancer.say("show servers state servers");
        let rows = states.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_digit()));
        let names: Vec<String> =
            rows.filter_map(|row| row.split(' ').nth(3).map(str::to_owned)).collect();
        names
    };
    balancer.look();
    assert_eq!(names(&balancer), ["web-1", "web-1.leaving"]);
    echo(&mut tunnel, "still");
    drop(tunnel);
    let removed = || {
        balancer.look();
        names(&balancer) == ["web-1.leaving"]
    };
    wait("it is removed", removed, &String::new);
    // Gone for good: what it has is ended, for nobody answers it any more.
    balancer.put(&[backend("web-1", patient, BackendState::Up)]);
    let mut tunnel = super::members::tunnel(&balancer);
    balancer.put(&[]);
    let mut rest = Vec::new();
    tunnel.read_to_end(&mut rest).unwrap();
    assert_eq!(names(&balancer), Vec::<String>::new());
}

#[test]
fn a_command_that_fails_is_a_reload_with_a_word() {
    let mut balancer = Balancer::start("fallback");
    let (one, two) = (web("web-1"), web("web-2"));
    balancer.put(&[up("web-1", &one)]);
    balancer.wait_until_it_serves();
    let worker = balancer.workers();
    balancer.generation += 1;
    let mut file = balancer.render(&[up("web-1", &one), up("web-2", &two)]);
    // A word that HAProxy takes in a file and not while it runs.
    let line = format!("server web-2 {}", two.address());
    file.content = file.content.replace(&line, &format!("{line} init-addr last"));
    let outcome = balancer.place(file);
    assert_eq!(outcome.error, None, "{}", outcome.output);
    let word = outcome.output.lines().next().unwrap();
    assert!(word.starts_with("reloaded: add server servers/web-2 "), "{word}");
    assert!(balancer.workers().iter().any(|pid| !worker.contains(pid)), "another worker");
    let before = two.answered();
    wait("it is used", || balancer.ask("/").ok == 1 && two.answered() > before, &String::new);
    one.stop();
    two.stop();
}

#[test]
fn what_a_crash_cut_off_is_finished_and_what_starts_anew_reads_the_file() {
    let mut balancer = Balancer::start("crash");
    let (one, two) = (web("web-1"), web("web-2"));
    balancer.put(&[up("web-1", &one)]);
    balancer.wait_until_it_serves();
    // As if the agent had died after the rename.
    let file = balancer.render(&[up("web-2", &two)]);
    let path = balancer.directory.join(file.path.trim_start_matches('/'));
    std::fs::write(path, &file.content).unwrap();
    let worker = balancer.workers();
    let place =
        BalancerPaths { run_dir: balancer.directory.join("run"), address: [127, 0, 0, 1].into() };
    let memory = balancer.directory.join("placed.json");
    balancer.files = Files::open(memory, balancer.directory.clone()).unwrap().with_balancer(place);
    assert_eq!(balancer.look().problem, None);
    let before = (one.answered(), two.answered());
    wait(
        "the other is used",
        || balancer.ask("/").ok == 1 && two.answered() > before.1,
        &String::new,
    );
    assert_eq!(one.answered(), before.0);
    // The one from before its first file may have ended meanwhile.
    assert!(balancer.workers().iter().all(|pid| worker.contains(pid)), "no reload");
    one.stop();
    two.stop();
}

#[test]
fn a_balancer_says_which_of_its_servers_it_does_not_reach() {
    let mut balancer = Balancer::start("down");
    let one = web("web-1");
    let nobody = SocketAddr::from(([127, 0, 0, 1], free_port()));
    balancer.put(&[up("web-1", &one), backend("web-2", nobody, BackendState::Up)]);
    let down = vec![MemberDown { name: "web-2".into(), why: "L4 connection problem".into() }];
    let seen = || {
        let look = balancer.look();
        look.down == down && (look.members, look.problem) == (2, None)
    };
    wait("the one is seen down", seen, &|| format!("{:?}", balancer.look()));
    one.stop();
    wait("both are", || balancer.look().down.len() == 2, &|| format!("{:?}", balancer.look()));
}

#[test]
fn a_port_that_is_taken_and_a_file_that_is_refused_are_said_until_they_are_not() {
    let mut balancer = Balancer::start("taken");
    let one = web("web-1");
    let other = TcpListener::bind(("0.0.0.0", balancer.port)).unwrap();
    let outcome = balancer.order(&[up("web-1", &one)]);
    let taken = format!("HAProxy cannot bind port {}: Address", balancer.port);
    let error = outcome.error.unwrap();
    assert!(error.contains(&taken), "{error}");
    assert!(balancer.look().problem.is_some_and(|problem| problem.contains(&taken)));
    drop(other);
    balancer.put(&[up("web-1", &one)]);
    assert_eq!(balancer.look().problem, None);
    balancer.wait_until_it_serves();
    balancer.generation += 1;
    let mut file = balancer.render(&[up("web-1", &one)]);
    file.content += "nonsense\n";
    let refused = balancer.place(file);
    assert_eq!(refused.error.as_deref(), Some("the check refuses it"));
    assert_eq!(balancer.look().problem.as_deref(), Some("the check refuses it"));
    assert_eq!(balancer.ask("/").ok, 1, "the last good one stays");
    balancer.put(&[up("web-1", &one)]);
    assert_eq!(balancer.look().problem, None);
    // HAProxy itself ends.
    balancer.end();
    wait("it is missed", || balancer.look().problem.is_some(), &String::new);
    one.stop();
}

impl Balancer {
    /// What HAProxy answers to a command.
    fn say(&self, command: &str) -> String {
        let path = self.directory.join("run/haproxy.sock");
        let mut stream = std::os::unix::net::UnixStream::connect(path).unwrap();
        stream.write_all(format!("{command}\n").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Ends as one that is killed does.
    fn end(&mut self) {
        self.master.kill().unwrap();
        self.master.wait().unwrap();
    }
}
