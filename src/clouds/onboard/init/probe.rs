//! Two stages about networks: one packet from server to server and one from a server to the
//! appliance, and a new pair of links for a server that lost its own.
//!
//! The probe makes two name spaces on the bridge, as two servers have them, and sends a packet from
//! the one to the other. A socket stays in the name space it was made in, so one thread that moves
//! on holds both ends.

use super::super::failure::{Doing, Failure};
use super::super::netlink::{Netlink, Pair};
use super::super::network::{LOST, UNHEARD};
use super::super::place::PREFIX;
use super::super::record::read_json;
use super::Boot;
use super::outer::{OK, connect, mac};
use nix::sched::{CloneFlags, setns, unshare};
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

/// Where the receiving end listens.
const PORT: u16 = 9;
/// A link carries its first packet after a moment; so it is sent again.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(100);
/// A connection over a bridge is there within a millisecond; a lost packet is sent again after 1 s.
const PATIENCE: Duration = Duration::from_secs(3);

/// Probes the network of a bridge and a subnet, and the way to a port of the appliance's (0 for
/// none); says [`OK`], [`LOST`], [`UNHEARD`] or what went wrong.
pub fn run([bridge, subnet, port]: [&str; 3]) -> ExitCode {
    tell(probe(bridge, subnet, port.parse().unwrap_or(0)))
}

/// Connects the running server of a `boot.json`, whose pid 1 is named.
pub fn reconnect(path: &Path, pid: &str) -> ExitCode {
    let connected = || {
        let boot: Boot = read_json(path)?;
        let network = boot.network.as_ref();
        let network = network.ok_or_else(|| Failure::new("connecting", "it has no network"))?;
        let mut outside = Netlink::open().doing("opening", "netlink")?;
        let space = format!("/proc/{pid}/ns/net");
        let space = File::open(&space).doing("opening", &space)?;
        setns(space, CloneFlags::CLONE_NEWNET).doing("entering", "the server's network")?;
        connect(&mut outside, network, boot.record.address)?;
        Ok(OK)
    };
    tell(connected())
}

fn tell(said: Result<&str, Failure>) -> ExitCode {
    match said {
        Ok(word) => super::say(word),
        Err(failure) => super::say(&failure.line()),
    }
    ExitCode::SUCCESS
}

fn probe(bridge: &str, subnet: &str, port: u16) -> Result<&'static str, Failure> {
    let subnet: u8 = subnet.parse().map_err(|_| Failure::new("probing", "no such subnet"))?;
    let mut outside = Netlink::open().doing("opening", "netlink")?;
    let index = outside.index(bridge).doing("finding", bridge)?;
    let index = index.ok_or_else(|| Failure::new(format!("finding {bridge}"), "no such bridge"))?;
    let names = ["a", "b"].map(|end| format!("gp{}{end}", bridge.trim_start_matches("gr-")));
    // Never a server's: the last two that [`super::super::place`] gives to none.
    let ends = [253, 254].map(|last| Ipv4Addr::new(10, subnet, 255, last));
    let appliance = SocketAddr::from((Ipv4Addr::new(10, subnet, 0, 1), port));
    // Where the appliance does not run we listen ourselves, so that a refusal is always a filter's.
    let stand_in = TcpListener::bind(appliance).ok();
    let arrived = between(&mut outside, index, &names, ends);
    // We are where the second server is by now.
    let comes_in = port == 0
        || !matches!(arrived, Ok(true))
        || TcpStream::connect_timeout(&appliance, PATIENCE).is_ok();
    drop(stand_in);
    for name in &names {
        outside.remove(name).doing("removing", name)?;
    }
    Ok(match (arrived?, comes_in) {
        (false, _) => LOST,
        (true, false) => UNHEARD,
        (true, true) => OK,
    })
}

fn between(
    outside: &mut Netlink,
    bridge: u32,
    names: &[String; 2],
    ends: [Ipv4Addr; 2],
) -> Result<bool, Failure> {
    enter(outside, bridge, &names[0], ends[0])?;
    let to = UdpSocket::bind((ends[0], PORT)).doing("listening on", ends[0])?;
    to.set_read_timeout(Some(PAUSE)).doing("listening on", ends[0])?;
    enter(outside, bridge, &names[1], ends[1])?;
    let from = UdpSocket::bind((ends[1], 0)).doing("sending from", ends[1])?;
    let mut packet = [0; 8];
    for _ in 0..TRIES {
        // A link that is not up yet refuses; the next try may go through.
        drop(from.send_to(b"grange", (ends[0], PORT)));
        if to.recv_from(&mut packet).is_ok() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Leaves the network for a new one with an end on the bridge.
fn enter(outside: &mut Netlink, bridge: u32, name: &str, own: Ipv4Addr) -> Result<(), Failure> {
    outside.remove(name).doing("removing", name)?;
    unshare(CloneFlags::CLONE_NEWNET).doing("leaving", "the network")?;
    let pair = Pair { name, bridge, peer_pid: std::process::id(), peer_mac: mac(own) };
    outside.add_pair(&pair).doing("making", name)?;
    let mut within = Netlink::open().doing("opening", "netlink")?;
    let eth0 = within.index("eth0").doing("finding", "eth0")?;
    let eth0 = eth0.ok_or_else(|| Failure::new("finding eth0", "it did not arrive"))?;
    within.add_address(eth0, own, PREFIX).doing("addressing", "eth0")?;
    within.set_up(eth0).doing("switching on", "eth0")
}
