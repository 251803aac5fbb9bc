//! The way out: who gets out, who does not, how names are resolved, and that nothing is left. Each
//! test is a machine of its own: a network and a file system view that nobody else sees.

use super::published::Outside;
use super::rig::Rig;
use super::wait::until;
use crate::onboard::take_off_machine;
use grange::clouds::onboard::Isolation;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use std::fs;
use std::io::Write;
use std::net::{IpAddr, TcpListener, UdpSocket};
use std::process::Command;
use std::sync::{Arc, Mutex};

fn run(line: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    let output = Command::new(words[0]).args(&words[1..]).output();
    let output = output.expect("missing: apt-get install iproute2 nftables");
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn forwarding() -> String {
    fs::read_to_string("/proc/sys/net/ipv4/ip_forward").unwrap().trim().to_owned()
}

/// A machine whose resolver is on its own loopback, as systemd-resolved is.
fn machine() {
    unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS).unwrap();
    run("ip link set lo up");
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(None::<&str>, "/", None::<&str>, private, None::<&str>).unwrap();
    let file = std::env::temp_dir().join(format!("grange-resolv-{}", std::process::id()));
    fs::write(&file, "nameserver 127.0.0.53\n").unwrap();
    let real = fs::canonicalize("/etc/resolv.conf").unwrap();
    mount(Some(&file), &real, None::<&str>, MsFlags::MS_BIND, None::<&str>).unwrap();
    fs::remove_file(&file).unwrap();
    let socket = UdpSocket::bind("127.0.0.53:53").unwrap();
    std::thread::spawn(move || answer_names(&socket));
}

/// Every name is 192.0.2.7, and has no other kind of address.
fn answer_names(socket: &UdpSocket) {
    let mut asked = [0; 512];
    while let Ok((count, from)) = socket.recv_from(&mut asked) {
        let question = &asked[12..count];
        let end = question.iter().position(|byte| *byte == 0).unwrap() + 5;
        let is_v4 = question[end - 3] == 1;
        let mut answer = asked[..2].to_vec();
        answer.extend([0x81, 0x80, 0, 1, 0, u8::from(is_v4), 0, 0, 0, 0]);
        answer.extend(&question[..end]);
        if is_v4 {
            answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 7]);
        }
        socket.send_to(&answer, from).unwrap();
    }
}

/// Somebody outside who greets whoever comes; who came last.
fn greeter(outside: &Outside) -> (String, Arc<Mutex<Option<IpAddr>>>) {
    let listener = outside.run(|| TcpListener::bind("0.0.0.0:7").unwrap());
    let came = Arc::new(Mutex::new(None));
    let noted = came.clone();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            *noted.lock().unwrap() = Some(stream.peer_addr().unwrap().ip());
            drop(stream.write_all(b"hello"));
        }
    });
    (outside.there(), came)
}

fn farm(let_out: &[&str]) -> String {
    let tier = |alias: &str| {
        let outbound = let_out.contains(&alias);
        format!(
            "  - {{alias: {alias}, role: base, cloudPlatform: onboard, instanceType: small,\n     \
             scaling: {{minInstances: 1, maxInstances: 1}}, grange: {{outbound: {outbound}}}}}\n"
        )
    };
    format!("farm: shop\nfarmRoles:\n{}{}", tier("app"), tier("db"))
}

/// What a server sees of the world: a greeting, or nothing.
fn greeted(rig: &Rig, server: &str, at: &str) -> bool {
    let script =
        format!("import socket; print(socket.create_connection(('{at}', 7), 2).recv(9).decode())");
    let output = rig.grange(&["server", "run", server, "--", "python3", "-c", &script]);
    String::from_utf8_lossy(&output.stdout).contains("hello")
}

fn resolved(rig: &Rig, server: &str) -> String {
    let script = "import socket; print(socket.gethostbyname('shop.example'))";
    let output = rig.grange(&["server", "run", server, "--", "python3", "-c", script]);
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[test]
fn servers_that_say_so_get_out_and_nothing_is_left_of_it() {
    machine();
    let outside = Outside::new(4);
    let (there, came) = greeter(&outside);
    let rules = run("nft list ruleset");
    assert_eq!(forwarding(), "0");
    let mut rig = Rig::new("outbound");
    rig.start();
    rig.apply(&farm(&["app"]));
    rig.settled("app", 1, 60);
    let db = rig.settled("db", 1, 60).remove(0).id;
    rig.learn();
    // The outside knows the way back, so that only rules keep anybody in or out.
    let address = rig.of_role("app").remove(0).private_ip.remove(0);
    let subnet = address.split('.').nth(1).unwrap();
    outside.ip(&format!("route add 10.{subnet}.0.0/16 via {}", outside.here[0]));
    assert!(greeted(&rig, "app-1", &there), "{}", run("nft list ruleset"));
    assert_eq!(came.lock().unwrap().map(|ip| ip.to_string()), Some(outside.here[0].clone()));
    until("names to be resolved", 20, || match resolved(&rig, "app-1") {
        name if name == "192.0.2.7" => Ok(()),
        other => Err(other),
    });
    assert!(!greeted(&rig, "db-1", &there), "it did not say so");
    assert_eq!(resolved(&rig, "db-1"), "", "nor may it ask for names");
    // The other way nobody comes in.
    let reached = outside.asked(&format!("{address}:22")).unwrap_err();
    assert!(!reached.contains("refused"), "{reached}");

    // What is declared of it is so within seconds, with the same servers.
    rig.apply(&farm(&["app", "db"]));
    until("the other one to get out", 20, || {
        if greeted(&rig, "db-1", &there) { Ok(()) } else { Err(run("nft list ruleset")) }
    });
    assert_eq!(rig.settled("db", 1, 10).remove(0).id, db);
    rig.apply(&farm(&["app"]));
    until("it to be kept in again", 20, || match greeted(&rig, "db-1", &there) {
        true => Err(run("nft list ruleset")),
        false => Ok(()),
    });

    // Somebody else's policy is said with what would help, and left alone; ours is put right.
    run("nft add table ip docker");
    run("nft add chain ip docker FORWARD { type filter hook forward priority 0 ; policy drop ; }");
    let foreign = run("nft list table ip docker");
    let told = || {
        let output = rig.grange(&["status"]);
        String::from_utf8(output.stdout).unwrap()
    };
    until("the filter to be told of", 40, || match told() {
        told if told.contains("do not get out") && told.contains("iptables -I FORWARD") => Ok(()),
        told => Err(told),
    });
    assert!(!greeted(&rig, "app-1", &there));
    assert_eq!(run("nft list table ip docker"), foreign);
    run("nft delete table ip docker");
    let table = run("nft list tables");
    let table = table.lines().find(|line| line.contains("grange_")).unwrap().to_owned();
    run(&format!("nft delete {table}"));
    until("our own rules to be put right", 40, || {
        if greeted(&rig, "app-1", &there) { Ok(()) } else { Err(told()) }
    });

    rig.kill();
    assert_eq!(forwarding(), "1");
    take_off_machine(&rig.onboard(), Isolation::Namespaces);
    assert_eq!(run("nft list ruleset"), rules);
    assert_eq!(forwarding(), "0", "it was off before");
}

#[test]
fn two_appliances_let_their_own_servers_out() {
    machine();
    let outside = Outside::new(5);
    let (there, _) = greeter(&outside);
    let mut rigs = ["outbound-a", "outbound-b"].map(Rig::new);
    for rig in &mut rigs {
        rig.start();
        rig.apply(&farm(&["app"]));
        rig.settled("app", 1, 60);
    }
    for rig in &rigs {
        assert!(greeted(rig, "app-1", &there), "{}", run("nft list ruleset"));
        assert!(!greeted(rig, "db-1", &there));
    }
    let [mut first, second] = rigs;
    first.kill();
    take_off_machine(&first.onboard(), Isolation::Namespaces);
    assert_eq!(run("nft list tables").matches("grange_").count(), 1);
    until("the other one to go on", 20, || {
        if greeted(&second, "app-1", &there) { Ok(()) } else { Err(forwarding()) }
    });
}
