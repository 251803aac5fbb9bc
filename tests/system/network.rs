//! The network that servers of this machine stand on, when somebody takes it away: what is ours is
//! put right, what is the machine's is seen and said. Each test has a network name space of its
//! own.

use crate::onboard::{Yard, eventually, ids};
use grange::base::ServerId;
use grange::clouds::Cloud;
use grange::clouds::onboard::{Isolation, Probed, probe_network};
use grange::model::NoticeKind;
use nix::sched::{CloneFlags, unshare};
use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// A yard in a network of its own; the servers' addresses, the bridge and the tag's links.
struct Site {
    yard: Yard,
    addresses: Vec<String>,
    bridge: String,
}

impl Site {
    fn new(name: &str) -> Site {
        unshare(CloneFlags::CLONE_NEWNET).expect("this test needs root: sudo cargo test");
        run("ip link set lo up");
        let yard = Yard::new(&format!("net-{name}"), Isolation::Namespaces);
        let mut next = ids();
        let launched: Vec<ServerId> = (0..2).map(|_| next()).collect();
        let mut addresses = Vec::new();
        for (id, index) in launched.iter().zip(1..) {
            let seen = yard.launch(*id, index, &["sleep", "86400"]).unwrap();
            addresses.extend(seen.private_ips);
        }
        let tag = yard.cloud.owner().unwrap().tag;
        Site { yard, addresses, bridge: format!("gr-{tag}") }
    }

    /// What is said of the network: that it is wrong, or was put right.
    fn said(&self) -> Vec<String> {
        let is_of_it = |kind| matches!(kind, NoticeKind::Network | NoticeKind::Repaired);
        let notices = self.yard.cloud.examine().into_iter();
        notices.filter(|notice| is_of_it(notice.kind)).map(|notice| notice.text).collect()
    }

    #[track_caller]
    fn says(&self, parts: &[&str]) {
        let said = self.said();
        assert_eq!(said.len(), 1, "{said:?}");
        for part in parts {
            assert!(said[0].contains(part), "{said:?}: {part}");
        }
    }

    /// Nobody listens there, and the refusal has come all the way from the server.
    fn reaches_all(&self) -> bool {
        let reached = |ip: &String| {
            let address = format!("{ip}:9").parse().unwrap();
            let tried = TcpStream::connect_timeout(&address, Duration::from_millis(300));
            tried.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
        };
        eventually(|| self.addresses.iter().all(reached))
    }
}

fn run(line: &str) {
    let words: Vec<&str> = line.split(' ').collect();
    let status = Command::new(words[0]).args(&words[1..]).status();
    assert!(status.expect("missing: apt-get install iproute2 nftables").success(), "{line}");
}

#[test]
fn what_somebody_took_away_of_ours_is_put_right() {
    let site = Site::new("repair");
    assert_eq!(site.said(), Vec::<String>::new());
    let (bridge, tag) = (&site.bridge, site.bridge.trim_start_matches("gr-"));
    let octets: Vec<u8> = site.addresses[0].split('.').map(|part| part.parse().unwrap()).collect();
    let link = format!("gv{tag}{:02x}{:02x}", octets[2], octets[3]);
    let gateway = format!("10.{}.0.1/16", octets[1]);
    for (taken, told) in [
        (format!("ip link del {bridge}"), bridge.as_str()),
        (format!("ip link del {link}"), "the link of web-1"),
        (format!("ip link set {link} nomaster"), "the link of web-1"),
        (format!("ip link set {link} down"), "the link of web-1"),
        (format!("ip addr del {gateway} dev {bridge}"), "the address"),
        (format!("ip link set {bridge} down"), "being up"),
    ] {
        run(&taken);
        site.says(&[told, "put right"]);
        assert!(site.reaches_all(), "{taken}");
    }
}

#[test]
fn a_filter_between_servers_is_seen_with_what_would_help() {
    let mut site = Site::new("filter");
    assert_eq!(site.said(), Vec::<String>::new());
    run("nft add table ip docker");
    run("nft add chain ip docker FORWARD { type filter hook forward priority 0 ; policy drop ; }");
    site.yard.reopen();
    let rule = format!("iptables -I FORWARD -i {0} -o {0} -j ACCEPT", site.bridge);
    site.says(&["do not reach one another", &rule]);
    // The rule that is named helps; its words in nft's own language.
    run(&format!("nft insert rule ip docker FORWARD iifname {0} oifname {0} accept", site.bridge));
    site.yard.reopen();
    assert_eq!(site.said(), Vec::<String>::new());
    run("nft delete table ip docker");
    run("nft add table bridge other");
    run("nft add chain bridge other f { type filter hook forward priority 0 ; policy drop ; }");
    site.yard.reopen();
    site.says(&["do not reach one another", "nft list ruleset"]);
}

#[test]
fn a_route_into_the_subnet_is_seen() {
    let site = Site::new("route");
    assert_eq!(site.said(), Vec::<String>::new());
    let subnet = site.addresses[0].split('.').nth(1).unwrap();
    run("ip link add vpn0 type veth peer name vpn1");
    run("ip link set vpn0 up");
    run("ip link set vpn1 up");
    run(&format!("ip route add 10.{subnet}.0.0/24 dev vpn0"));
    site.says(&["over vpn0", "ip route get 10."]);
    run(&format!("ip route del 10.{subnet}.0.0/24 dev vpn0"));
    assert_eq!(site.said(), Vec::<String>::new());
    run(&format!("ip route add unreachable 10.{subnet}.0.0/17"));
    site.says(&["nowhere"]);
}

/// Servers reach one another, and what they say does not arrive; whether it is dropped or refused.
#[test]
fn a_filter_before_the_appliance_is_seen_with_what_would_help() {
    let mut site = Site::new("input");
    let said = |site: &mut Site| {
        site.yard.reopen();
        site.yard.cloud.watch_port(8883);
        site.said()
    };
    let _appliance = TcpListener::bind("0.0.0.0:8883").unwrap();
    assert_eq!(said(&mut site), Vec::<String>::new());
    let accept = format!("nft insert rule ip wall in iifname {} accept", site.bridge);
    for filter in [
        "nft add chain ip wall in { type filter hook input priority 0 ; policy drop ; }",
        "nft add rule ip wall in tcp dport 8883 reject with tcp reset",
    ] {
        run("nft add table ip wall");
        run("nft add chain ip wall in { type filter hook input priority 0 ; }");
        run(filter);
        let told = said(&mut site);
        let rule = format!("iptables -I INPUT -i {} -j ACCEPT", site.bridge);
        for part in ["do not reach the appliance", "port 8883", &rule] {
            assert!(told.len() == 1 && told[0].contains(part), "{filter}: {told:?}");
        }
        // The rule that is named helps.
        run(&accept);
        assert_eq!(said(&mut site), Vec::<String>::new(), "{filter}");
        run("nft delete table ip wall");
    }
}

/// The doctor looks whether the appliance runs or not, and leaves nothing behind.
#[test]
fn the_doctor_sends_the_packets_of_a_stopped_appliance() {
    let mut site = Site::new("doctor");
    let state = site.yard.directory.join("state");
    let probe = || {
        let executable = Path::new(env!("CARGO_BIN_EXE_grange"));
        probe_network(&state, executable, 8883).unwrap()
    };
    let wrong = || match probe() {
        Probed::Wrong(why) => why,
        other => panic!("{other:?}"),
    };
    assert_eq!(probe(), Probed::Carries);
    site.yard.cloud.0 = None;
    assert_eq!(probe(), Probed::Carries);
    run("nft add table ip docker");
    run("nft add chain ip docker FORWARD { type filter hook forward priority 0 ; policy drop ; }");
    let told = wrong();
    assert!(told.contains("do not reach one another"), "{told}");
    run("nft delete table ip docker");
    run("nft add table ip wall");
    run("nft add chain ip wall in { type filter hook input priority 0 ; }");
    run("nft add rule ip wall in tcp dport 8883 reject with tcp reset");
    let told = wrong();
    assert!(told.contains("do not reach the appliance"), "{told}");
    run("nft delete table ip wall");
    assert_eq!(probe(), Probed::Carries);
    let links = std::fs::read_dir("/sys/class/net").unwrap().flatten();
    let mut links = links.map(|link| link.file_name().to_string_lossy().into_owned());
    assert!(!links.any(|link| link.starts_with("gp")), "the probe left a link");
    run(&format!("ip link del {}", site.bridge));
    assert_eq!(probe(), Probed::NoNetwork);
    site.yard.reopen();
}
