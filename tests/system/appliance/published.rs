//! Published ports, with clients from another network name space: who is reached, what goes on when
//! the appliance is killed, what is said when a port cannot be had, and what is left in the end.

use super::rig::{Rig, free_port};
use super::wait::until;
use nix::sched::{CloneFlags, setns, unshare};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::process::Command;
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(5);
/// What is downloaded while the appliance is killed.
const LARGE: usize = 64 << 20;

/// Says its name to whoever connects, sends much to who asks for much, and answers datagrams.
const ECHO: &str = "role: echo
images:
  - {cloudPlatform: onboard, image: host}
files:
  - path: /srv/echo.py
    content: |
      import socket, socketserver, threading, os, sys
      name = os.environ['GRANGE_HOSTNAME'].encode()
      at = (os.environ['GRANGE_ADDRESS'], int(sys.argv[1]))
      class Stream(socketserver.BaseRequestHandler):
          def handle(self):
              asked = self.request.recv(100)
              if asked == b'much':
                  self.request.sendall(b'x' * 67108864)
              else:
                  self.request.sendall(name + b' ' + asked)
      class Datagram(socketserver.BaseRequestHandler):
          def handle(self):
              self.request[1].sendto(name + b' ' + self.request[0], self.client_address)
      class Streams(socketserver.ThreadingTCPServer):
          allow_reuse_address = True
          request_queue_size = 64
      udp = socketserver.ThreadingUDPServer(at, Datagram)
      threading.Thread(target=udp.serve_forever).start()
      Streams(at, Stream).serve_forever()
services:
  - {name: echo, command: [python3, srv/echo.py, \"{{ ports.echo }}\"]}
ports: {echo: 7007}
check: {port: echo}
";

fn farm(name: &str, servers: u32, publish: &str) -> String {
    format!(
        "farm: {name}
farmRoles:
  - alias: web
    role: echo
    cloudPlatform: onboard
    instanceType: small
    scaling: {{minInstances: {servers}, maxInstances: {servers}}}
    grange:
      drain: 1s
      publish: [{publish}]
"
    )
}

/// A network name space with a link to this one.
pub struct Outside {
    name: String,
    /// The machine's addresses on the link.
    pub here: [String; 2],
}

fn ip(line: &str) {
    let status = Command::new("ip").args(line.split(' ')).status();
    assert!(status.expect("missing: apt-get install iproute2").success(), "ip {line}");
}

impl Outside {
    /// One whose link has this number, which no other test's has.
    pub fn new(number: u8) -> Outside {
        let name = format!("grange-{}-{number}", std::process::id());
        let link = format!("gt{}", std::process::id() % 100_000 * 10 + u32::from(number));
        ip(&format!("netns add {name}"));
        ip(&format!("link add {link} type veth peer name out netns {name}"));
        let [v4, v6] = [format!("198.18.{number}"), format!("2001:db8:{number}:")];
        ip(&format!("addr add {v4}.1/24 dev {link}"));
        ip(&format!("addr add {v6}:1/64 dev {link} nodad"));
        ip(&format!("link set {link} up"));
        ip(&format!("-n {name} addr add {v4}.2/24 dev out"));
        ip(&format!("-n {name} addr add {v6}:2/64 dev out nodad"));
        ip(&format!("-n {name} link set out up"));
        Outside { name, here: [format!("{v4}.1"), format!("{v6}:1")] }
    }

    /// Its own address on the link.
    pub fn there(&self) -> String {
        let net = self.here[0].strip_suffix(".1").expect("an address of ours");
        format!("{net}.2")
    }

    /// Changes something of its network.
    pub fn ip(&self, line: &str) {
        ip(&format!("-n {} {line}", self.name));
    }

    /// Runs something there.
    pub fn run<T: Send + 'static>(&self, what: impl FnOnce() -> T + Send + 'static) -> T {
        let space = File::open(format!("/run/netns/{}", self.name)).unwrap();
        let there = std::thread::spawn(move || {
            // A thread shares its file system view with the others unless it leaves it.
            unshare(CloneFlags::CLONE_FS).unwrap();
            setns(space.as_fd(), CloneFlags::CLONE_NEWNET).unwrap();
            what()
        });
        there.join().unwrap()
    }

    /// Who answers there, by TCP.
    pub fn asked(&self, at: &str) -> Result<String, String> {
        let at = at.to_owned();
        self.run(move || ask(&at))
    }

    /// Who answers there, by UDP.
    fn asked_by_datagram(&self, at: &str) -> Result<String, String> {
        let at: SocketAddr = at.parse().unwrap();
        self.run(move || {
            let any = if at.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
            let socket = UdpSocket::bind(any).unwrap();
            socket.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
            socket.connect(at).unwrap();
            socket.send(b"hello").map_err(|error| error.to_string())?;
            let mut answer = [0; 100];
            let count = socket.recv(&mut answer).map_err(|error| error.to_string())?;
            Ok(String::from_utf8_lossy(&answer[..count]).into_owned())
        })
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        ip(&format!("netns del {}", self.name));
    }
}

fn ask(at: &str) -> Result<String, String> {
    let said = |error: std::io::Error| error.to_string();
    let mut stream = TcpStream::connect_timeout(&at.parse().unwrap(), TIMEOUT).map_err(said)?;
    stream.set_read_timeout(Some(TIMEOUT)).map_err(said)?;
    stream.write_all(b"hello").map_err(said)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(said)?;
    if answer.ends_with(" hello") { Ok(answer) } else { Err(format!("{answer:?}")) }
}

/// Lets a rig know the role.
fn apply_role(rig: &Rig) {
    let path = rig.directory.join("echo.yaml");
    let ordinary = rig.onboard().join("onboard.json");
    let place: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(ordinary).unwrap()).unwrap();
    assert!(place["tag"].is_string());
    std::fs::write(&path, ECHO).unwrap();
    let output = rig.command(&["role", "apply", "-f"]).arg(&path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Everybody who answers until so many have.
fn answering(what: &str, servers: &[&str], mut ask: impl FnMut() -> Result<String, String>) {
    let wanted: BTreeSet<String> = servers.iter().map(|name| format!("{name} hello")).collect();
    let mut heard = BTreeSet::new();
    until(&format!("{what}: {servers:?}"), 30, || {
        heard.insert(ask()?);
        if heard == wanted { Ok(()) } else { Err(format!("{heard:?}")) }
    });
}

fn shown(rig: &Rig, arguments: &[&str]) -> String {
    let output = rig.grange(arguments);
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn whoever_connects_to_a_published_port_reaches_servers_that_serve() {
    let outside = Outside::new(1);
    let mut rig = Rig::new("published");
    rig.start();
    apply_role(&rig);
    let port = free_port();
    let publish = format!("{{port: {port}, to: echo}}, {{port: {port}, to: echo, protocol: udp}}");
    rig.apply(&farm("shop", 2, &publish));
    rig.settled("web", 2, 60);
    let [v4, v6] = outside.here.clone();
    let places = [format!("{v4}:{port}"), format!("[{v6}]:{port}")];
    for at in &places {
        answering("streams", &["web-1", "web-2"], || outside.asked(at));
        answering("datagrams", &["web-1", "web-2"], || outside.asked_by_datagram(at));
    }
    let told = shown(&rig, &["farm", "show", "shop"]);
    let line = format!("web: port {port} to echo, 2 servers, at ");
    assert!(told.contains(&line), "{told}");
    // A machine with many bridges has more addresses than a line names; ours is no bridge's.
    assert!(told.contains(&places[0]), "{told}");
    assert!(told.contains(&format!("port {port}/udp to echo, 2 servers")), "{told}");
    let told = shown(&rig, &["status"]);
    assert!(told.contains(&format!("shop/{line}")), "{told}");

    // One that dies is passed over at once; nobody is turned away.
    let victim = rig.of_role("web").remove(0);
    rig.crash(&victim.id);
    for _ in 0..20 {
        let answer = outside.asked(&places[0]);
        assert!(answer.is_ok(), "{answer:?}");
    }
    rig.settled("web", 2, 60);
    answering("streams", &["web-1", "web-2"], || outside.asked(&places[0]));

    // A farm that is to have no servers has no port either.
    assert!(rig.grange(&["farm", "terminate", "shop", "--yes"]).status.success());
    until("the port to close", 20, || match outside.asked(&places[0]) {
        Err(why) if why.contains("refused") => Ok(()),
        other => Err(other),
    });
}

#[test]
fn a_download_goes_on_while_the_appliance_is_killed() {
    let outside = Outside::new(2);
    let mut rig = Rig::new("download");
    rig.start();
    apply_role(&rig);
    let port = free_port();
    rig.apply(&farm("shop", 1, &format!("{{port: {port}, to: 7007}}")));
    rig.settled("web", 1, 60);
    let at = format!("{}:{port}", outside.here[0]);
    answering("streams", &["web-1"], || outside.asked(&at));
    let (begun, begins) = std::sync::mpsc::channel();
    let (on, goes_on) = std::sync::mpsc::channel::<()>();
    let from = at.clone();
    let space = outside.name.clone();
    let client = std::thread::spawn(move || {
        let outside =
            std::mem::ManuallyDrop::new(Outside { name: space, here: Default::default() });
        outside.run(move || {
            let mut stream = TcpStream::connect(&from).unwrap();
            stream.set_read_timeout(Some(TIMEOUT)).unwrap();
            stream.write_all(b"much").unwrap();
            let mut chunk = vec![0; 1 << 20];
            let mut count = stream.read(&mut chunk).unwrap();
            begun.send(()).unwrap();
            goes_on.recv().unwrap();
            while let Ok(more @ 1..) = stream.read(&mut chunk) {
                count += more;
            }
            count
        })
    });
    begins.recv().unwrap();
    rig.kill();
    // New clients are served, too, while nobody is there to say who serves.
    assert_eq!(outside.asked(&at).as_deref(), Ok("web-1 hello"));
    rig.start();
    rig.settled("web", 1, 60);
    on.send(()).unwrap();
    assert_eq!(client.join().unwrap(), LARGE);
    assert_eq!(outside.asked(&at).as_deref(), Ok("web-1 hello"));

    // The publisher itself: another one is started.
    let pid = || publisher(&rig);
    let before = pid().expect("it has said who it is");
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(before), nix::sys::signal::SIGKILL).unwrap();
    until("another publisher", 20, || match pid() {
        Some(now) if now != before => Ok(()),
        other => Err(other),
    });
    until("it to serve", 20, || outside.asked(&at));

    // One that stands still carries nothing: it is replaced, and people are told.
    let before = pid().expect("it has said who it is");
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(before), nix::sys::signal::SIGSTOP).unwrap();
    until("a publisher that runs", 40, || match pid() {
        Some(now) if now != before => Ok(()),
        other => Err(other),
    });
    until("it to serve", 20, || outside.asked(&at));
    until("people to be told", 20, || {
        let told = shown(&rig, &["status"]);
        if told.contains("what carries published ports was stopped") { Ok(()) } else { Err(told) }
    });
}

#[test]
fn a_port_that_nothing_listens_behind_is_said_to_be_so() {
    let mut rig = Rig::new("deaf");
    rig.start();
    apply_role(&rig);
    let port = free_port();
    rig.apply(&farm("shop", 1, &format!("{{port: {port}, to: 9}}")));
    rig.settled("web", 1, 60);
    let at = format!("127.0.0.1:{port}");
    let address = rig.of_role("web")[0].private_ip[0].clone();
    let said = format!("clients are turned away: nothing listens at {address}:9");
    for place in [&["status"][..], &["farm", "show", "shop"]] {
        until("people to be told", 20, || {
            // Until the port leads to the server, a client is turned away for another reason.
            assert!(ask(&at).is_err(), "nobody is there to answer");
            let told = shown(&rig, place);
            if told.contains(&said) { Ok(()) } else { Err(told) }
        });
    }
}

/// Who carries the ports, by its own word.
fn publisher(rig: &Rig) -> Option<i32> {
    let text = std::fs::read_to_string(rig.onboard().join("published.json")).ok()?;
    let report: serde_json::Value = serde_json::from_str(&text).ok()?;
    i32::try_from(report["process"]["pid"].as_i64()?).ok()
}

#[test]
fn an_upgrade_replaces_the_publisher_and_lets_what_it_carries_end() {
    let mut rig = Rig::new("replaced");
    rig.start();
    apply_role(&rig);
    let port = free_port();
    rig.apply(&farm("shop", 1, &format!("{{port: {port}, to: echo}}")));
    rig.settled("web", 1, 60);
    let at = format!("127.0.0.1:{port}");
    until("the port to be open", 20, || ask(&at));
    let mut begun = TcpStream::connect(&at).unwrap();
    begun.set_read_timeout(Some(TIMEOUT)).unwrap();
    begun.write_all(b"much").unwrap();
    let mut chunk = vec![0; 1 << 20];
    let mut count = begun.read(&mut chunk).unwrap();
    let before = publisher(&rig).unwrap();

    // What an appliance of another build would say.
    rig.kill();
    let feed = rig.onboard().join("publish.json");
    let said = std::fs::read_to_string(&feed).unwrap();
    let other = said.replacen(env!("CARGO_PKG_VERSION"), "0.0.0", 1);
    assert_ne!(said, other);
    std::fs::write(feed.with_extension("next"), other).unwrap();
    std::fs::rename(feed.with_extension("next"), &feed).unwrap();
    until("the old one to listen no more", 20, || match ask(&at) {
        Err(why) if why.contains("refused") => Ok(()),
        other => Err(other),
    });
    rig.start();
    until("another one to listen", 20, || ask(&at));
    assert_ne!(publisher(&rig).unwrap(), before);
    while let Ok(more @ 1..) = begun.read(&mut chunk) {
        count += more;
    }
    assert_eq!(count, LARGE);
    drop(begun);
    // Whoever inherited it reaps it when it likes.
    let old = format!("/proc/{before}/status");
    until("the old one to end", 20, || match std::fs::read_to_string(&old) {
        Ok(status) if !status.contains("State:\tZ") => Err(status),
        Ok(_) | Err(_) => Ok(()),
    });
}

#[test]
fn a_port_that_is_taken_is_said_until_it_is_free() {
    let mut rig = Rig::new("taken");
    rig.start();
    apply_role(&rig);
    let port = free_port();
    let taken = TcpListener::bind(("::", port)).unwrap();
    rig.apply(&farm("shop", 1, &format!("{{port: {port}, to: echo}}")));
    rig.settled("web", 1, 60);
    let why = format!("port {port}: another process has it");
    until("the status to say so", 20, || {
        let told = shown(&rig, &["status"]);
        if told.contains(&format!("shop/web: {why}")) { Ok(()) } else { Err(told) }
    });
    let line = format!("port {port} to echo, 1 server: another process has it");
    for asked in [["farm", "show", "shop"].as_slice(), &["explain", "shop/web"]] {
        let told = shown(&rig, asked);
        assert!(told.contains(&line), "{told}");
    }
    let other = farm("other", 1, &format!("{{port: {port}, to: echo}}"));
    std::fs::write(rig.directory.join("other.yaml"), &other).unwrap();
    let refused = rig.grange(&["apply", "-f", "other.yaml", "--yes"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    let fault =
        format!("farmRoles[0].grange.publish[0].port: port {port} is published by shop/web");
    assert!(refused.status.code() == Some(2) && said.contains(&fault), "{said}");

    drop(taken);
    until("the port to be had", 20, || ask(&format!("127.0.0.1:{port}")));
    until("nobody to say so any more", 20, || {
        let told = shown(&rig, &["status"]) + &shown(&rig, &["explain", "shop/web"]);
        if told.contains("another process") { Err(told) } else { Ok(()) }
    });
}

#[test]
fn an_ordinary_user_publishes_ports_too() {
    let outside = Outside::new(3);
    let mut rig = Rig::ordinary("publisher");
    rig.start();
    apply_role(&rig);
    let low = farm("shop", 1, "{port: 80, to: echo}");
    std::fs::write(rig.directory.join("low.yaml"), &low).unwrap();
    let refused = rig.grange(&["plan", "-f", "low.yaml"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(2) && said.contains("may have ports from"), "{said}");

    // The port that servers have at their own addresses of the loopback.
    rig.apply(&farm("shop", 2, "{port: 7007, to: echo}"));
    rig.settled("web", 2, 60);
    let [v4, v6] = outside.here.clone();
    for at in [format!("{v4}:7007"), format!("[{v6}]:7007")] {
        answering("streams", &["web-1", "web-2"], || outside.asked(&at));
    }
}
