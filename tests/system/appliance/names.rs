//! Servers of a farm find each other by name, as the farm is now.

use super::rig::Rig;
use super::wait::until;
use std::collections::BTreeSet;

fn farm(name: &str, dbs: u32) -> String {
    let tier = |alias: &str, min: u32| {
        format!(
            "  - {{alias: {alias}, role: base, cloudPlatform: onboard, instanceType: small,\n     \
             scaling: {{minInstances: {min}, maxInstances: 3}}, grange: {{drain: 1s}}}}\n"
        )
    };
    format!("farm: {name}\nfarmRoles:\n{}{}", tier("app", 1), tier("db", dbs))
}

/// What a command prints on a server.
fn printed(rig: &Rig, server: &str, script: &str) -> String {
    let output = rig.grange(&["server", "run", server, "--", "sh", "-c", script]);
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The addresses a name has on a server.
fn addresses(rig: &Rig, server: &str, name: &str) -> BTreeSet<String> {
    let said = printed(rig, server, &format!("getent ahostsv4 {name}"));
    said.lines().filter_map(|line| line.split_whitespace().next().map(str::to_owned)).collect()
}

/// Waits until a name has the addresses of these servers of a farm.
fn names(rig: &Rig, on: &str, name: &str, of: &str, hostnames: &[&str]) {
    until(&format!("{name} to be {hostnames:?} on {on}"), 20, || {
        let servers = rig.servers().into_iter().filter(|server| {
            server.grange.farm == of && hostnames.contains(&server.hostname.as_str())
        });
        let wanted: BTreeSet<String> = servers.flat_map(|server| server.private_ip).collect();
        let found = addresses(rig, on, name);
        let whole = wanted.len() == hostnames.len() && found == wanted;
        if whole { Ok(()) } else { Err((found, wanted, printed(rig, on, "cat /etc/hosts"))) }
    });
}

#[test]
fn servers_of_a_farm_find_each_other_by_name() {
    let mut rig = Rig::new("names");
    rig.start();
    rig.apply(&farm("shop", 1));
    rig.settled("app", 1, 60);
    rig.settled("db", 1, 60);
    rig.learn();
    for name in ["db-1.shop", "db-1", "db.shop", "db"] {
        names(&rig, "app-1", name, "shop", &["db-1"]);
    }
    names(&rig, "db-1", "app", "shop", &["app-1"]);
    printed(&rig, "app-1", "echo 192.0.2.9 mine >> /etc/hosts; chmod 640 /etc/hosts");

    // The farm grows and shrinks; what the server wrote itself stays.
    rig.apply(&farm("shop", 3));
    rig.settled("db", 3, 60);
    names(&rig, "app-1", "db.shop", "shop", &["db-1", "db-2", "db-3"]);
    names(&rig, "db-3", "db", "shop", &["db-1", "db-2", "db-3"]);
    rig.apply(&farm("shop", 2));
    names(&rig, "app-1", "db", "shop", &["db-1", "db-2"]);
    let file = printed(&rig, "app-1", "cat /etc/hosts; stat -c %a /etc/hosts");
    assert!(file.contains("\n192.0.2.9 mine\n") && file.ends_with("640\n"), "{file}");
    assert_eq!(file.matches("kept by Grange").count(), 1, "{file}");

    // One that is replaced has its name at its new address; one that boots again knows them.
    let victim = rig.of_role("db").into_iter().find(|server| server.hostname == "db-1").unwrap();
    rig.crash(&victim.id);
    rig.settled("db", 2, 60);
    names(&rig, "app-1", "db-1.shop", "shop", &["db-1"]);
    rig.kill();
    rig.start();
    rig.settled("app", 1, 60);
    assert!(rig.grange(&["server", "reboot", "app-1", "--yes"]).status.success());
    names(&rig, "app-1", "db.shop", "shop", &["db-1", "db-2"]);

    // Another farm's are its own.
    rig.apply(&farm("other", 1));
    until("the other farm to run", 60, || {
        let servers = rig.servers().into_iter().filter(|server| server.grange.farm == "other");
        let running = servers.filter(|server| server.status == "running").count();
        if running == 2 { Ok(()) } else { Err(running) }
    });
    names(&rig, "other/app-1", "db", "other", &["db-1"]);
    assert_eq!(addresses(&rig, "other/app-1", "db-1.shop"), BTreeSet::new());
    names(&rig, "shop/app-1", "db", "shop", &["db-1", "db-2"]);
}
