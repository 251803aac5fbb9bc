//! What a change of a farm's topology costs where a template on every server follows it: one that
//! changes what the template comes to, and one that does not.

use crate::agents::Agents;
use crate::house::{PLATFORM, admin};
use crate::launch::{Site, cpu_ms};
use crate::planner::apply;
use grange::service::farms::roles;
use grange::service::servers;
use grange::wire::input::TerminateInput;
use grange::wire::role::RoleManifestRequest;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Servers of a farm role.
const OF_ROLE: u64 = 400;
/// After so long without an order everybody has been told.
const QUIET: Duration = Duration::from_millis(1_500);
/// Longest a part may take.
const DEADLINE: Duration = Duration::from_secs(600);

const ROLES: [&str; 2] = [
    "role: store\nimages:\n  - {cloudPlatform: simulated, image: any}\nports: {data: 6379}\n\
     services:\n  - {name: store, command: [/bin/store]}\n",
    "role: app\nimages:\n  - {cloudPlatform: simulated, image: any}\nfiles:\n  - {path: \
     /etc/app.conf, template: \"store={{ farm.role('db').addresses | join(',') }}\\n\", reload: \
     app}\nservices:\n  - {name: app, command: [/bin/app]}\n",
];

fn manifest(servers: u64, others: u64) -> String {
    let mut text = "farm: shop\nfarmRoles:\n".to_owned();
    let mut add = |alias: &str, role: &str, count: u64| {
        text += &format!(
            "  - {{alias: {alias}, role: {role}, cloudPlatform: {PLATFORM}, instanceType: small, \
             scaling: {{minInstances: {count}, maxInstances: {count}}}}}\n"
        );
    };
    add("db", "store", 1);
    add("other", "store", others);
    for first in (0..servers).step_by(usize::try_from(OF_ROLE).expect("fits")) {
        add(&format!("app{}", first / OF_ROLE), "app", OF_ROLE.min(servers - first));
    }
    text
}

/// Milliseconds, CPU milliseconds and orders of one part.
fn part(site: &Site, agents: &Agents, running: u64, act: impl FnOnce()) -> String {
    let (began, before, cpu) = (Instant::now(), agents.told.load(Ordering::Relaxed), cpu_ms());
    act();
    let (mut told, mut last) = (before, Instant::now());
    loop {
        std::thread::sleep(Duration::from_millis(20));
        let now = agents.told.load(Ordering::Relaxed);
        if now != told || site.running() < running {
            (told, last) = (now, Instant::now());
        } else if last.elapsed() > QUIET {
            break;
        }
        assert!(began.elapsed() < DEADLINE, "it takes too long");
    }
    let took = last.duration_since(began).as_secs_f64() * 1_000.0;
    format!("{took:.0} {:.0} {}", cpu_ms() - cpu, told - before)
}

/// Prints, for the launch, for a change of what the template comes to, and for one that does not
/// change it: milliseconds until everybody was told, CPU milliseconds, and orders of work.
pub fn topology(directory: &str, servers: u64) {
    let (site, agents) = Site::open_with_agents(directory);
    let service = site.service();
    for manifest in ROLES {
        let input = RoleManifestRequest { manifest: manifest.to_owned(), ..Default::default() };
        roles::apply(&service, &admin(), &input).expect("a role");
    }
    let all = servers + 2;
    let launched = part(&site, &agents, all, || apply(&service, manifest(servers, 1)));
    let changed = part(&site, &agents, all, || {
        let db = site.named("db-1");
        servers::terminate(&service, &admin(), db, TerminateInput::default()).expect("a server");
    });
    let same = part(&site, &agents, all + 1, || apply(&service, manifest(servers, 2)));
    println!("{launched} {changed} {same}");
    site.stop();
}
