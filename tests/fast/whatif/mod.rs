//! What-if over the real service: minutes recorded by the job, replayed by the verb, and what is
//! said when they cannot be.

use crate::explain::site::Site;
use grange::base::{Clock, ServerId, Waker};
use grange::jobs::minutes::RecordMinutes;
use grange::jobs::{Checker, Courier, Job, Pool, Ports};
use grange::model::{Actor, MINUTE, ReadyCheck};
use grange::service::readings::whatif::simulate;
use grange::wire::simulation::{SimulationRequest, SimulationView};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Who does nothing: no room for a call, no check, no agent that is reached.
#[derive(Default)]
pub struct Nobody {
    freed: Waker,
}

impl Pool for Nobody {
    fn has_room(&self) -> bool {
        false
    }

    fn run(&self, _: Box<dyn FnOnce() + Send>) {}

    fn freed(&self) -> &Waker {
        &self.freed
    }
}

impl Checker for Nobody {
    fn check(&self, _: ServerId, _: &str, _: &ReadyCheck) -> Result<(), String> {
        Err("nobody looks".into())
    }
}

impl Courier for Nobody {
    fn send(&self, _: ServerId, _: Vec<u8>) -> bool {
        false
    }

    fn disconnect(&self, _: ServerId) {}
}

/// A site whose minutes are recorded.
struct Past {
    site: Site,
    ports: Ports,
    job: RecordMinutes,
}

impl Past {
    /// A farm `shop` with two to six servers of `web` that has just been launched.
    fn new() -> Past {
        let mut site = Site::new();
        site.act("apply 2 6");
        let service = site.service.clone();
        let (clouds, listings) = (BTreeMap::new(), BTreeMap::new());
        let (pool, checks) = (Arc::new(Nobody::default()), Arc::new(Nobody::default()));
        let (courier, checker) = (Arc::new(Nobody::default()), Arc::new(Nobody::default()));
        let added = Default::default();
        let ports = Ports { service, clouds, pool, listings, added, checks, courier, checker };
        let mut past = Past { site, ports, job: RecordMinutes::default() };
        past.record();
        past.site.act("settle");
        past
    }

    fn record(&mut self) -> String {
        let work = self.job.step(&self.ports);
        assert!(!work.failed, "{}", work.note);
        let next = work.next.expect("a next minute");
        assert!(next > self.site.clock.now() && next.0 % 60_000 == 0, "{next}");
        work.note
    }

    /// Time passes under a load, and every minute is recorded.
    fn load(&mut self, percent: u32, minutes: u64) {
        for _ in 0..minutes {
            for _ in 0..5 {
                self.site.act(&format!("load {percent} for 10s"));
                self.record();
            }
            self.site.act("settle");
            self.record();
        }
    }

    /// What is asked with the rules of the site but for these bounds.
    fn ask(&self, up: u32, max: u32, from: &str) -> grange::base::Result<SimulationView> {
        self.with(&manifest("web", up, max), from, None, Some("5m"))
    }

    fn with(
        &self,
        manifest: &str,
        from: &str,
        to: Option<&str>,
        bucket: Option<&str>,
    ) -> grange::base::Result<SimulationView> {
        let (to, bucket) = (to.map(str::to_owned), bucket.map(str::to_owned));
        let (manifest, from) = (manifest.to_owned(), from.to_owned());
        let request = SimulationRequest { manifest, from, to, bucket };
        simulate(&self.site.service, &Actor::job("test"), &request)
    }

    #[track_caller]
    fn refused(&self, manifest: &str, from: &str, to: Option<&str>, expected: &str) {
        let problem = self.with(manifest, from, to, None).expect_err(expected);
        assert_eq!(problem.to_string(), expected);
        assert!(problem.others.is_empty(), "{:?}", problem.others);
    }
}

fn manifest(alias: &str, up: u32, max: u32) -> String {
    format!(
        "farm: shop\nfarmRoles:\n  - alias: {alias}\n    role: web-demo\n    \
         cloudPlatform: simulated\n    instanceType: small\n    scaling:\n      \
         minInstances: 2\n      maxInstances: {max}\n      rules:\n        \
         - {{ruleType: CpuPercent, scaleUp: {up}, scaleDown: 20, window: 60s}}\n"
    )
}

#[test]
fn what_was_recorded_is_replayed() {
    let mut past = Past::new();
    past.load(40, 5);
    past.load(80, 2);
    past.load(40, 4);
    let view = past.ask(60, 6, "9m").unwrap();
    let role = &view.farm_roles[0];
    assert_eq!((view.farm.as_str(), role.name.as_str()), ("shop", "shop/web"));
    assert_eq!(role.tried[0], "2 to 6 servers, cool-downs of 1 m and 2 m");
    assert_eq!(role.gaps, []);
    assert_eq!(view.to - view.from, 9 * 60_000);
    assert_eq!(role.buckets.iter().map(|b| b.minutes).sum::<u32>(), 9);
    // The engine grew during those two minutes; so do the same rules, within their range.
    assert!(role.really.changes > 0 && role.really.most > 2, "{:?}", role.really);
    assert!(role.what_if.most > 2, "{:?}", role.what_if);
    let narrow = past.ask(60, 2, "9m").unwrap();
    let other = &narrow.farm_roles[0];
    assert_eq!((other.what_if.most, other.what_if.changes), (2, 0));
    assert_eq!(other.what_if.server_hours, 0.3);
    assert_eq!(other.really, role.really);
    assert!(role.notes[0].starts_with("a launch is taken to last "), "{:?}", role.notes);
    assert!(role.notes[0].contains("the median of "), "{:?}", role.notes);
    let short = manifest("web", 60, 6).replace("60s", "10s");
    let short = past.with(&short, "9m", None, None).unwrap();
    let notes = &short.farm_roles[0].notes;
    let told = "the window of CpuPercent, 10 s, is taken as 1 m: minutes are recorded";
    assert!(notes.iter().any(|note| note == told), "{notes:?}");
    assert_eq!(short.farm_roles[0].decisions, role.decisions);
    let held = other.notes.iter().any(|note| note.contains("wants more than the maximum of 2"));
    assert!(held, "{:?}", other.notes);
    let bytes = |view: &SimulationView| serde_json::to_string(view).unwrap();
    assert_eq!(bytes(&view), bytes(&past.ask(60, 6, "9m").unwrap()));
}

#[test]
fn each_thing_that_cannot_be_replayed_is_told() {
    let rules = manifest("web", 60, 6);
    let mut past = Past::new();
    past.refused(
        &rules,
        "1m",
        None,
        "nothing is recorded yet: minutes are, while a farm has servers",
    );
    past.load(40, 3);
    past.refused(
        &rules.replace("shop", "blog"),
        "1m",
        None,
        "no farm blog: only what a farm has done can be replayed",
    );
    past.refused(
        &manifest("api", 60, 6),
        "1m",
        None,
        "farmRoles[0].alias: shop has no farm role api, so nothing was recorded of it: there are \
         web",
    );
    let bare = rules.split_once("    scaling").unwrap().0;
    past.refused(
        bare,
        "1m",
        None,
        "manifest: no farm role in it has scaling rules: there is nothing to try",
    );
    past.refused(
        &rules,
        "7d",
        Some("6d"),
        "to: nothing of that is kept: what is begins at 2026-11-21 03:10 UTC, 3 m 2 s ago",
    );
    // On the first day a week is what there is of it.
    let week = past.with(&rules, "7d", None, None).unwrap();
    let told = "replayed is what is kept of that: it begins at 2026-11-21 03:10 UTC, 3 m 2 s ago";
    assert_eq!(week.notes[0], told);
    assert_eq!(week.to - week.from, 3 * 60_000);
    assert_eq!(past.with(&rules, "2m", None, None).unwrap().notes, Vec::<String>::new());
    let soon = "must lie at least a minute before the end";
    past.refused(&rules, "1m", Some("2m"), &format!("from: {soon}"));
    let future = "to: lies in the future: only the past can be replayed";
    past.refused(&rules, "1m", Some("2027-01-01"), future);
    past.refused(
        &rules,
        "7s",
        None,
        "from: \"7s\" is not a moment: write 7d, 36h, 90m, 2026-11-14 or 2026-11-14T10:30Z",
    );
    let rows = past.with(&rules, "2m", None, Some("1s")).unwrap_err().to_string();
    assert_eq!(rows, "bucket: \"1s\" is not a length of time: write 5m, 1h or 7d");
    let faults = past.with("farm: shop\nfarmRoles: 7", "2m", None, None).unwrap_err();
    assert!(faults.to_string().starts_with("line 2: farmRoles: "), "{faults}");
}

#[test]
fn a_farm_that_was_down_has_no_readings() {
    let mut past = Past::new();
    past.load(40, 2);
    past.site.act("terminate farm");
    past.site.act("settle");
    past.site.act("settle");
    let begin = past.site.clock.now();
    while past.site.clock.now().since(begin) < 30 * MINUTE {
        past.site.clock.advance(MINUTE);
        assert_eq!(past.record(), "0 farm roles");
    }
    past.refused(
        &manifest("web", 60, 6),
        "20m",
        None,
        "nothing was recorded of shop/web between 2026-11-21 03:22 and 2026-11-21 03:42 UTC",
    );
    let view = past.ask(60, 6, "32m").unwrap();
    let gap = &view.farm_roles[0].gaps[0];
    assert!(gap.to == view.to && gap.to - gap.from >= 28 * 60_000, "{gap:?}");
    let notes = view.farm_roles[0].notes.join("\n");
    assert!(notes.contains("no readings between 2026-11-21 03:1"), "{notes}");
}
