//! The examples that are in the binary, written, applied and used, as a newcomer would: every role
//! of them in one farm, with the services that packages bring.

use super::http;
use super::rig::Rig;
use super::wait::until;
use std::net::SocketAddr;

const PASSWORD: &str = "planted-postgres-password";

/// What a command prints; it has to end well.
fn said(rig: &Rig, arguments: &[&str]) -> String {
    let output = rig.grange(arguments);
    let [out, err] = [&output.stdout, &output.stderr].map(|b| String::from_utf8_lossy(b));
    assert!(output.status.success(), "{arguments:?}: {out}{err}");
    out.into_owned()
}

/// Waits until a page has this in it.
fn shows(at: SocketAddr, expected: &str) {
    until(&format!("{at} to show {expected:?}"), 60, || match http::get(at, "/") {
        Ok(text) if text.contains(expected) => Ok(()),
        other => Err(other),
    });
}

/// What a query of the database gives.
fn query(rig: &Rig, sql: &str) -> String {
    let login = format!("PGPASSWORD={PASSWORD} psql -qtA -h 127.0.0.1 -U postgres");
    let script = format!("{login} -c \"{sql}\"");
    said(rig, &["server", "run", "house/db-1", "--", "sh", "-c", &script])
}

#[test]
fn the_examples_work_together_and_follow_what_changes() {
    let mut rig = Rig::new("examples");
    rig.start();
    let dir = rig.directory.join("examples");
    let dir = dir.to_str().unwrap();
    said(&rig, &["example", "write", dir]);
    for role in ["site", "redis", "app", "worker", "postgres", "periodic"] {
        said(&rig, &["role", "apply", "-f", &format!("{dir}/{role}/role.yaml")]);
    }
    rig.hide("environment", "POSTGRES_PASSWORD", PASSWORD);
    said(&rig, &["apply", "-f", &format!("{dir}/house/farm.yaml"), "--yes", "--wait=120s"]);

    // On the machine's own ports.
    let published = |port| SocketAddr::from(([127, 0, 0, 1], port));
    shows(published(8000), "It works");
    let balancer = published(8001);
    shows(balancer, "answered by house/app-1");
    shows(balancer, "answered by house/app-2");
    let enqueue = "redis-cli lpush jobs 'the first job'";
    said(&rig, &["server", "run", "house/redis-1", "--", "sh", "-c", enqueue]);
    until("the job to be done", 30, || {
        let done = "redis-cli lrange done 0 -1";
        let done = said(&rig, &["server", "run", "house/redis-1", "--", "sh", "-c", done]);
        if done.contains("the first job by house/worker-1") { Ok(()) } else { Err(done) }
    });
    let chores = said(&rig, &["server", "log", "house/chores-1", "--of", "periodic"]);
    assert!(chores.contains(" free"), "{chores}");
    query(&rig, "create table kept (what text); insert into kept values ('data')");

    // Another redis has another address, and whoever uses it follows; another database has the
    // volume of the one before.
    let before = ["redis", "db"].map(|alias| rig.settled(alias, 1, 10).remove(0).id);
    for name in ["house/redis-1", "house/db-1"] {
        said(&rig, &["server", "terminate", name, "--yes"]);
    }
    until("others to take their places", 90, || {
        let now = ["redis", "db"].map(|alias| rig.settled(alias, 1, 90).remove(0).id);
        if now.iter().all(|id| !before.contains(id)) { Ok(()) } else { Err(now) }
    });
    assert_eq!(query(&rig, "select what from kept"), "data\n");
    shows(balancer, "visitor 1, answered by");
    rig.learn();
}
