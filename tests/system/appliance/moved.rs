//! The agents' port becomes another one: real agents are told while they can still be reached, and
//! come back by the new one; who was away is named, and told when it is back.

use super::rig::{Rig, checked_web, free_port};
use super::wait::until;
use std::fs;
use std::net::{SocketAddr, TcpStream};

/// What a server's agent keeps of where the appliance is.
fn knows(rig: &Rig, id: &str) -> String {
    let pid = rig.pid_1(id).expect("it runs");
    let path = format!("/proc/{pid}/root/var/lib/grange-agent/appliances.json");
    fs::read_to_string(path).unwrap_or_default()
}

fn told(rig: &Rig, id: &str, port: u16) {
    until(&format!("{id} to know port {port}"), 60, || {
        let known = knows(rig, id);
        if known.contains(&format!(":{port}\"")) { Ok(()) } else { Err(known) }
    });
}

fn is_open(port: u16) -> bool {
    TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port))).is_ok()
}

fn untold(rig: &Rig) -> Option<String> {
    let alerts = rig.client.status().unwrap().alerts;
    alerts.into_iter().find(|alert| alert.contains("do not know yet that the appliance is at"))
}

#[test]
fn agents_are_told_another_port_before_the_old_one_goes() {
    let mut rig = Rig::new("moved");
    rig.start();
    rig.apply(&checked_web(3, 3));
    let servers = rig.settled("web", 3, 60);
    let pids: Vec<_> = servers.iter().map(|server| rig.pid_1(&server.id)).collect();
    let sleeper = &servers[2];
    let asleep = rig.grange(&["server", "suspend", &sleeper.grange.name, "--yes"]);
    assert!(asleep.status.success(), "{asleep:?}");
    until("it to sleep", 30, || {
        let status = rig.servers().into_iter().find(|s| s.id == sleeper.id).map(|s| s.status);
        if status.as_deref() == Some("suspended") { Ok(()) } else { Err(status) }
    });
    let (old, new) = (rig.agents_port, free_port());
    rig.stop();
    let config = rig.directory.join("grange.toml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace(&format!(":{old}\""), &format!(":{new}\""))).unwrap();
    rig.start();
    for server in &servers[..2] {
        told(&rig, &server.id, new);
    }
    // One is away: it is named, with what to do, and its way stays open, over a restart too.
    let name = format!("{} is away", sleeper.grange.name);
    let named = || untold(&rig).filter(|told| told.contains(&name)).ok_or(());
    let alert = until("an alert about the one that sleeps", 90, named);
    assert!(alert.contains("stays open for them. Start or wake"), "{alert}");
    assert!(is_open(old) && is_open(new));
    rig.kill();
    rig.start();
    until("those who know to come back", 60, || {
        let servers = rig.servers();
        let here = servers.iter().filter(|server| server.grange.agent_connected).count();
        if here == 2 { Ok(()) } else { Err(here) }
    });
    assert!(is_open(old));
    let awake = rig.grange(&["server", "resume", &sleeper.grange.name]);
    assert!(awake.status.success(), "{awake:?}");
    told(&rig, &sleeper.id, new);
    until("the alert and the old port to go", 60, || match (untold(&rig), is_open(old)) {
        (None, false) => Ok(()),
        other => Err(other),
    });
    // From here on everybody comes by the new one alone.
    rig.kill();
    rig.start();
    let after = rig.settled("web", 3, 60);
    assert!(!is_open(old) && is_open(new));
    let same: Vec<_> = after.iter().map(|server| rig.pid_1(&server.id)).collect();
    assert_eq!(same, pids, "no server was touched");
}
