//! The appliance away: servers go on serving, and what they read meanwhile arrives afterwards.

use super::count;
use super::manifests::Shop;
use super::rig::Rig;
use super::wait::until;
use grange::boot::demo_load::{self, Load};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

#[test]
fn servers_serve_and_read_while_the_appliance_is_away() {
    let mut rig = Rig::new("away");
    rig.start();
    rig.apply(&Shop { min: 2, max: 2, rule: None, size: "small" }.manifest());
    rig.settled("web", 2, 60);
    rig.settled("lb", 1, 60);
    rig.answers("web", 30);
    rig.learn();
    let servers = rig.servers();
    let target = rig.balancer(5);

    rig.stop();
    let length = Duration::from_secs(count(20, 60) as u64);
    let from = now_ms();
    let report = demo_load::run(&Load {
        targets: vec![target],
        path: "/".to_owned(),
        requests_per_second: 50,
        length,
        connections: 8,
        timeout: Duration::from_secs(5),
    });
    let to = now_ms();
    println!("away {length:?}: {report}");
    assert_eq!(report.failed(), 0, "{report}");
    rig.start();

    // One reading a second and server; the ends are left a little.
    let expected = usize::try_from(length.as_secs()).unwrap() - 3;
    for server in &servers {
        let what = format!("the readings of {} while we were away", server.hostname);
        let found = until(&what, 40, || {
            let series = rig.client.readings(&server.id, &["cpu_percent"], 5).unwrap();
            let moments = series.iter().flat_map(|series| &series.at);
            let found = moments.filter(|at| (from..=to).contains(at)).count();
            if found >= expected { Ok(found) } else { Err(format!("{found} of {expected}")) }
        });
        println!("{}: {found} readings of {} s away", server.hostname, length.as_secs());
    }
    rig.settled("web", 2, 30);
    let ids = |servers: &[_]| -> Vec<String> {
        servers.iter().map(|s: &grange::wire::api::ServerView| s.id.clone()).collect()
    };
    assert_eq!(ids(&rig.servers()), ids(&servers), "the same servers, none replaced");
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}
