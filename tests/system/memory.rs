//! A server of this machine that wants more memory than it may have: its service goes, and not who
//! starts it again, and people are told.

use crate::onboard::{Yard, eventually, ids, traces};
use grange::clouds::Cloud;
use grange::clouds::onboard::Isolation;
use grange::model::CloudState;
use std::fs;

#[test]
fn a_server_that_wants_too_much_memory_is_stopped_from_having_it() {
    let yard = Yard::new("memory", Isolation::Namespaces);
    let id = ids()();
    // Asks for everything: a line without an end.
    yard.launch(id, 1, &["tail", "/dev/zero"]).unwrap();
    let kills = |text: String| {
        let count = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
        count.and_then(|count| count.parse::<u32>().ok()).unwrap_or(0)
    };
    let counts =
        ["/run/grange/cgroup/memory/memory.oom_control", "/run/grange/cgroup/memory.events"];
    let killed = || counts.iter().filter_map(|path| yard.read_within(id, path)).map(kills).max();
    let pid1 = yard.cloud.init_pid(id).unwrap();
    let score =
        |pid: &str| fs::read_to_string(format!("/proc/{pid}/oom_score_adj")).unwrap_or_default();
    // -1000, or in a container without the capability for it 0.
    let own = score(&pid1.to_string());
    assert!(["-1000\n", "0\n"].contains(&own.as_str()), "{own}");
    let noticed = || {
        let notices = yard.cloud.examine();
        notices.into_iter().find(|notice| notice.server == Some(id) && notice.count > 1)
    };
    // The service is taken, and started again, and taken; pid 1 and the agent are not.
    assert!(eventually(|| killed() > Some(1) && noticed().is_some()), "{:?}", killed());
    let text = noticed().unwrap().text;
    assert!(text.starts_with("out of memory") && text.contains("64 MiB"), "{text}");
    assert_eq!((yard.state(id), yard.cloud.init_pid(id)), (Some(CloudState::Running), Some(pid1)));
    let log = yard.read_within(id, "/var/log/grange/service.log").unwrap();
    assert!(log.contains("service died of SIGKILL") && !log.contains("agent died"), "{log}");
    // What the agent has become: its script ends with that.
    let agents = traces(&yard, &[id]);
    let agent = agents.iter().find(|trace| trace.contains("sleep 86400")).unwrap();
    let pid = agent.trim_start_matches("/proc/").split(' ').next().unwrap();
    assert_eq!(score(pid), own);
}

/// A service is taken before pid 1 and the agent.
#[test]
fn services_are_not_protected_as_pid_1_is() {
    let yard = Yard::new("score", Isolation::Namespaces);
    let id = ids()();
    let script = "cat /proc/self/oom_score_adj > /data/score; sleep 86400";
    yard.launch(id, 1, &["sh", "-c", script]).unwrap();
    assert!(eventually(|| yard.read_within(id, "/data/score").as_deref() == Some("500\n")));
}
