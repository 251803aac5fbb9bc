//! A role of a person's own on real servers: set up once, kept running, its files up to the farm.

use super::rig::Rig;
use super::wait::until;

const DB: &str = "role: my-db
images:
  - {cloudPlatform: onboard, image: host}
services:
  - {name: db, command: [python3, -m, http.server, \"{{ ports.sql }}\"]}
ports: {sql: 6379}
check: {port: sql, path: /}
";

const API: &str = "role: my-api
images:
  - {cloudPlatform: onboard, image: host}
setup:
  - {run: \"mkdir -p /srv/www; echo set up on $GRANGE_SERVER | tee -a /srv/www/made\"}
files:
  - {path: /srv/www/peers, template: \"{{ farm.role('db').addresses | join(' ') }}\\n\"}
services:
  - {name: api, directory: /srv/www, command: [/usr/bin/python3, -m, http.server, \"8080\"]}
ports: {http: 8080}
check: {port: http, path: /peers}
";

fn shop(dbs: u32) -> String {
    let tier = |alias: &str, role: &str, min: u32| {
        format!(
            "  - {{alias: {alias}, role: {role}, cloudPlatform: onboard,\n     \
             cloudLocation: here, instanceType: small,\n     \
             scaling: {{minInstances: {min}, maxInstances: 2}}}}\n"
        )
    };
    format!("farm: shop\nfarmRoles:\n{}{}", tier("db", "my-db", dbs), tier("api", "my-api", 1))
}

/// Applies a role's manifest, and says how that ended.
fn apply_role(rig: &Rig, name: &str, manifest: &str) -> (bool, String) {
    let path = std::env::temp_dir().join(format!("grange-{}-{name}.yaml", std::process::id()));
    std::fs::write(&path, manifest).unwrap();
    let output = rig.command(&["role", "apply", "-f"]).arg(&path).output().unwrap();
    std::fs::remove_file(&path).unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// What a command prints on a server.
fn printed(rig: &Rig, script: &str) -> String {
    let output = rig.command(&["server", "run", "api-1", "--", "sh", "-c", script]).output();
    String::from_utf8(output.unwrap().stdout).unwrap()
}

#[test]
fn a_role_of_ones_own_is_set_up_and_follows_its_farm() {
    let mut rig = Rig::new("roles");
    rig.start();
    assert_eq!(apply_role(&rig, "db", DB), (true, String::new()));
    assert_eq!(apply_role(&rig, "api", API), (true, String::new()));
    rig.apply(&shop(1));
    rig.settled("api", 1, 60);
    let first = rig.settled("db", 1, 60).remove(0).private_ip.remove(0);
    rig.learn();
    let peers = |expected: &[&str]| {
        until("the file to name the servers that run", 30, || {
            let found = printed(&rig, "cat /srv/www/peers");
            let mut names: Vec<&str> = found.split_whitespace().collect();
            names.sort_unstable();
            if names == expected { Ok(()) } else { Err(found) }
        });
    };
    peers(&[&first]);

    rig.apply(&shop(2));
    let mut all: Vec<String> =
        rig.settled("db", 2, 60).into_iter().flat_map(|server| server.private_ip).collect();
    all.sort();
    peers(&all.iter().map(String::as_str).collect::<Vec<_>>());
    // Another file is no reason to set anything up again, nor to disturb what runs.
    assert_eq!(printed(&rig, "cat /srv/www/made"), "set up on shop/api-1\n");
    let output = rig.command(&["server", "log", "api-1", "--of", "setup"]).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "set up on shop/api-1\n");
}

#[test]
fn setup_that_fails_is_the_reason_why_a_server_goes() {
    let mut rig = Rig::new("unset");
    rig.start();
    let broken = API.replace("mkdir -p", "echo no room; exit 7; mkdir -p");
    assert_eq!(apply_role(&rig, "db", DB), (true, String::new()));
    assert_eq!(apply_role(&rig, "api", &broken), (true, String::new()));
    rig.apply(&shop(1));
    rig.settled("db", 1, 60);
    until("the journal to say why", 30, || {
        let output = rig.command(&["events"]).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let told = said.contains("ended with exit code 7") && said.contains("no room");
        if told { Ok(()) } else { Err(said) }
    });
}
