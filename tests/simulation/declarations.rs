//! What people declare: manifests, each a little different.

use crate::branch::{FIRST, SECOND};
use grange::base::random::Stream;
use std::fmt::Write;

/// One of two farms, each time a little different.
pub fn manifest(luck: &mut Stream, second: bool) -> String {
    let farm = if luck.chance(65) { "shop" } else { "blog" };
    let order = if luck.chance(50) { "sequential" } else { "simultaneous" };
    let mut text = format!("farm: {farm}\nlaunchOrder: {order}\nfarmRoles:\n");
    let db = luck.chance(60);
    let lb = luck.chance(40);
    text.push_str(&farm_role(luck, "web", "web-demo", 2));
    if db {
        let db = farm_role(luck, "db", "base", 1);
        text.push_str(&if second { db.replace(FIRST, SECOND) } else { db });
    }
    if lb {
        text.push_str(&farm_role(luck, "lb", "haproxy", 3));
    }
    text
}

/// The same manifest, but for the sizes.
pub fn other_size(luck: &mut Stream, text: &str) -> String {
    let sizes = ["instanceType: small", "instanceType: medium"];
    let to = usize::from(luck.chance(60));
    text.replace(sizes[1 - to], sizes[to])
}

/// How many servers are wanted, from and to.
pub fn range(luck: &mut Stream) -> (u32, u32) {
    let min = luck.below(4) as u32;
    (min, (min + luck.below(4) as u32).max(1))
}

fn farm_role(luck: &mut Stream, alias: &str, role: &str, index: u32) -> String {
    let (min, max) = range(luck);
    let enabled = luck.chance(60);
    let size = if luck.chance(80) { "small" } else { "medium" };
    let sleeps = luck.chance(25);
    let behavior = if sleeps { "suspend-resume" } else { "launch-terminate" };
    let storage = luck.chance(if alias == "db" { 80 } else { 15 });
    let mut text = format!(
        "  - alias: {alias}
    role: {role}
    cloudPlatform: simulated
    instanceType: {size}
    launchIndex: {index}
    scaling:
      enabled: {enabled}
      minInstances: {min}
      maxInstances: {max}
      scalingBehavior: {behavior}
      rules: [{{ruleType: CpuPercent, scaleUp: 60, scaleDown: 20, window: 60s}}]
"
    );
    if alias == "db" && luck.chance(40) {
        text.push_str("    useScalrAgent: false\n");
    }
    if storage {
        text.push_str(
            "    storage: [{type: PersistentStorageConfiguration, mountPoint: /data, \
             size: 1GiB}]\n",
        );
    }
    let own = own(luck, alias, role);
    writeln!(text, "    grange: {{{own}}}").expect("text takes text");
    text
}

/// The shortest time to get ready that anybody declares, after a launch and after a reboot, in
/// seconds.
pub const LAUNCH_TIMEOUT_MIN: u64 = 60;
pub const REBOOT_TIMEOUT_MIN: u64 = 30;

/// The fields that Scalr does not have.
fn own(luck: &mut Stream, alias: &str, role: &str) -> String {
    let drain = luck.below(4) * 10;
    let timeout = LAUNCH_TIMEOUT_MIN + luck.below(3) * 30;
    let mut own =
        format!("drain: {drain}s, launchTimeout: {timeout}s, cooldownUp: 20s, cooldownDown: 30s");
    if role == "haproxy" {
        own.push_str(", balance: {farmRole: web, port: 8080, listenPort: 80, checkPath: /up}");
        if luck.chance(50) {
            own.push_str(", dependsOn: [web]");
        }
    }
    // Mostly the default, and each of the others often enough.
    let fields: [(&str, &[&str]); 3] = [
        ("heal", &["replace", "restart", "alert", "none"]),
        ("missingServers", &["terminate", "terminate", "flag", "ignore"]),
        ("removalPolicy", &["oldest", "newest", "least-busy", "previous-revision"]),
    ];
    for (field, words) in fields {
        if luck.chance(40) {
            let word = words[luck.below(4) as usize];
            write!(own, ", {field}: {word}").expect("text takes text");
        }
    }
    if luck.chance(30) {
        let ready = 5 + luck.below(4) * 5;
        write!(own, ", readyFor: {ready}s").expect("text takes text");
    }
    if alias == "db" && luck.chance(40) {
        own.push_str(", check: {port: 5432}");
    }
    let reboot = REBOOT_TIMEOUT_MIN + luck.below(3) * 30;
    write!(own, ", rebootTimeout: {reboot}s").expect("text takes text");
    if luck.chance(40) {
        let ill = 30 + luck.below(4) * 60;
        write!(own, ", unhealthyFor: {ill}s").expect("text takes text");
    }
    if luck.chance(20) {
        own.push_str(", replaceWithVolumes: true");
    }
    if luck.chance(50) {
        let rollout = rollout(luck);
        write!(own, ", rollout: {{{rollout}}}").expect("text takes text");
    }
    own
}

fn rollout(luck: &mut Stream) -> String {
    let strategy = if luck.chance(20) { "full" } else { "serial" };
    let healthy = [0, 50, 90, 100][luck.below(4) as usize];
    let most = [100, 110, 150, 200][luck.below(4) as usize];
    let batch = 1 + luck.below(3);
    let failures = 1 + luck.below(2);
    let back = luck.chance(50);
    let mut text = format!(
        "strategy: {strategy}, minHealthyPercent: {healthy}, maxPercent: {most}, \
         batch: {batch}, failuresMax: {failures}, rollback: {back}"
    );
    if luck.chance(60) {
        let at = ["[20]", "[50]", "[34, 67]"][luck.below(3) as usize];
        write!(text, ", checkpoints: {at}").expect("text takes text");
        if luck.chance(40) {
            let wait = 5 + luck.below(60);
            write!(text, ", checkpointWait: {wait}s").expect("text takes text");
        }
    }
    text
}
