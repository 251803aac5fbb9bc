//! What the fake has at the start of a scenario.

use super::fake::NOW;
use grange::base::{Code, FarmRoleId, Millis, PlanId, Problem, Result};
use grange::wire::account::AccountView;
use grange::wire::api::*;
use grange::wire::hold::HoldView;
use grange::wire::input::{EventsQuery, EventsSlice, TokenInfo, VolumeFilter};
use grange::wire::rollout::{RevisionView, RolloutView};
use grange::wire::volume::VolumeView;

/// A server's UUID by a small number.
pub fn uuid(number: u32) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

/// A farm that runs.
pub fn farm(id: u64, name: &str, running: u32) -> FarmView {
    let grange = FarmExtra {
        revision: 3,
        plan: 40 + id,
        farm_roles: 1,
        running,
        target: running,
        servers: running,
        ..FarmExtra::default()
    };
    FarmView {
        id,
        name: name.into(),
        launch_order: "simultaneous".into(),
        status: "running".into(),
        grange,
        ..FarmView::default()
    }
}

/// A server that runs.
pub fn server(number: u32, farm: (u64, &str), index: u32, status_age: Millis) -> ServerView {
    let grange = ServerExtra {
        revision: 7,
        name: format!("{}/web-{index}", farm.1),
        farm: farm.1.into(),
        alias: "web".into(),
        status_age,
        agent_connected: true,
        agent_version: Some("0.1.0".into()),
        seen: "running".into(),
        seen_age: Some(4000),
        latest: vec![ReadingView { series: "cpu_percent".into(), at: NOW, value: 41.25 }],
        ..ServerExtra::default()
    };
    ServerView {
        id: uuid(number),
        hostname: format!("web-{index}"),
        index,
        status: "running".into(),
        farm: Ref { id: farm.0 },
        farm_role: Ref { id: farm.0 },
        cloud_platform: "onboard".into(),
        cloud_location: "here".into(),
        cloud_server_id: Some(format!("g{number}")),
        instance_type: NameRef { id: "small".into() },
        private_ip: vec![format!("10.0.0.{number}")],
        launch_reason: "farm launched".into(),
        launched: "2026-11-21T03:00:00.000Z".into(),
        grange,
        ..ServerView::default()
    }
}

/// A journal entry of the last minute.
pub fn event(seq: u64, verb: &str, about: &str, text: &str) -> EventView {
    EventView {
        seq,
        at: NOW - 60_000 + seq as i64 * 1000,
        actor: "admin".into(),
        verb: verb.into(),
        about: about.into(),
        text: text.into(),
        tables: vec!["farms".into()],
    }
}

/// Its one farm role.
pub fn farm_role(farm: &FarmView, id: FarmRoleId) -> FarmRoleView {
    let scaling = ScalingView {
        enabled: true,
        min_instances: 2,
        max_instances: 6,
        rules: vec!["CpuPercent".into()],
    };
    let grange = FarmRoleExtra {
        revision: 5,
        target: farm.grange.target,
        running: farm.grange.running,
        servers: farm.grange.servers,
        rules: vec!["CpuPercent: up above 60, down below 20, over 60 s".into()],
        ..FarmRoleExtra::default()
    };
    FarmRoleView {
        id: id.0,
        alias: "web".into(),
        farm: Ref { id: farm.id },
        role: RoleRef { id: 1, name: "web-demo".into() },
        cloud_platform: "onboard".into(),
        scaling,
        grange,
        ..FarmRoleView::default()
    }
}

/// A hold that an administrator placed just now.
pub fn hold(about: &str, kind: &str, reason: &str) -> HoldView {
    HoldView {
        id: 3,
        about: about.into(),
        kind: kind.into(),
        reason: reason.into(),
        by: "admin".into(),
        at: NOW,
        until: Some(NOW + 7_200_000),
        left: Some(7_200_000),
    }
}

/// A plan of the farm.
pub fn plan(id: PlanId) -> PlanView {
    PlanView {
        id: id.0,
        farm: "shop".into(),
        parent: Some(id.0 - 1),
        at: NOW - 192_000,
        moves: vec!["launch shop/web-3".into()],
        report: vec!["web: 2 of 3 running".into()],
    }
}

/// A farm as a manifest.
pub fn manifest_of(farm: String) -> FarmManifestView {
    let manifest = format!("farm: {farm}\nlaunchOrder: sequential\n");
    FarmManifestView { farm, launched: true, manifest }
}

/// The current plan of a farm; nobody planned the second one yet.
pub fn plan_of(farm: FarmView) -> PlanView {
    match farm.id {
        2 => PlanView { farm: farm.name, ..PlanView::default() },
        _ => plan(PlanId(farm.grange.plan)),
    }
}

/// How the appliance is.
pub fn status(events: &[EventView], farms: &[FarmView], servers: &[ServerView]) -> StatusView {
    let job = JobView {
        name: "plan".into(),
        runs: 12,
        last: "nothing changed".into(),
        ..JobView::default()
    };
    StatusView {
        lost_log_lines: 0,
        version: "0.1.0".into(),
        started_at: NOW - 7_500_000,
        now: NOW,
        epoch: 1,
        seq: events.len() as u64,
        agents: 3,
        farms: farms.len() as u32,
        servers: servers.len() as u32,
        alerts: vec!["cloud onboard/here: breaker open for 12 s".into()],
        jobs: vec![job],
    }
}

/// A rollout half way.
pub fn rollout(alias: &str) -> RolloutView {
    let revision = |number, size: &str, servers, left_at| RevisionView {
        number,
        role: "base".into(),
        platform: "simulated".into(),
        location: "here".into(),
        instance_type: size.into(),
        servers,
        left_at,
    };
    let at = NOW - 60_000;
    RolloutView {
        about: format!("shop/{alias}"),
        state: "rolling".into(),
        wish: "go".into(),
        from: 1,
        to: 2,
        ready: 1,
        of: 3,
        failed: 0,
        failures_max: 2,
        strategy: "serial".into(),
        healthy: 3,
        healthy_min: 2,
        batch: 1,
        checkpoints: vec![50],
        maintenance: false,
        began_at: Some(at),
        since: Some(at),
        revisions: vec![revision(2, "large", 1, None), revision(1, "small", 2, Some(at))],
    }
}

/// A cloud account.
pub fn account(name: &str, state: &str) -> AccountView {
    AccountView {
        name: name.into(),
        state: state.into(),
        steps_per_minute: 600,
        steps_left: 590,
        ..AccountView::default()
    }
}

/// A token without an end, one that is over, and one that is valid.
pub fn tokens() -> [TokenInfo; 3] {
    let token = |id, days: Option<i64>, description: &str| TokenInfo {
        id,
        user: "admin".into(),
        description: description.into(),
        created_at: NOW - 100 * 86_400_000,
        expires_at: days.map(|days| NOW + days * 86_400_000),
        ended: days.is_some_and(|days| days <= 0),
    };
    [token(1, None, "of old"), token(2, Some(-10), ""), token(5, Some(80), "ci")]
}

/// Volumes: one a server has, one of a farm that is gone, one that nobody knows.
pub fn volumes(of: &VolumeFilter) -> Vec<VolumeView> {
    let [used, left, unknown] = all_volumes();
    let wanted = |volume: &VolumeView| {
        of.id.is_none_or(|id| id.0 == volume.id)
            && (of.farm.is_none() || of.farm == volume.farm)
            && of.status.as_ref().is_none_or(|status| *status == volume.status)
    };
    vec![used, left, unknown].into_iter().filter(wanted).collect()
}

fn all_volumes() -> [VolumeView; 3] {
    let volume = |id: u64, name: &str, status: &str| VolumeView {
        id,
        name: name.into(),
        status: status.into(),
        cloud_platform: "onboard".into(),
        cloud_location: "here".into(),
        cloud_volume_id: format!("vol-{id}-19a"),
        created: "2026-11-20T03:10:00Z".into(),
        ..VolumeView::default()
    };
    let of = |view: VolumeView, farm: &str, alias: &str| VolumeView {
        farm: Some(farm.into()),
        alias: Some(alias.into()),
        index: Some(1),
        mount_point: Some("/data".into()),
        size: 1 << 30,
        ..view
    };
    let used = of(volume(1, "shop/web-1:/data", "attached"), "shop", "web");
    [
        VolumeView { server: Some(uuid(1)), ..used },
        of(volume(2, "old/db-1:/data", "left"), "old", "db"),
        volume(3, "onboard vol-3-19a", "unknown"),
    ]
}

/// The journal entries that a query asks for.
pub fn chosen(events: Vec<EventView>, query: &EventsQuery) -> Result<EventsSlice> {
    let seq = events.len() as u64;
    let about = |event: &EventView| {
        let under = |about: &String| event.about.starts_with(about.as_str());
        query.about.as_ref().is_none_or(under)
    };
    let after = query.after.unwrap_or(0);
    if query.search.as_deref() == Some("unbuilt") {
        let message = "search is not built into this binary";
        return Err(Problem::new(Code::ServiceUnavailable, message));
    }
    let has = |event: &EventView| {
        let mut words = query.search.iter().flat_map(|words| words.split_whitespace());
        words.all(|word| event.text.contains(word))
    };
    let taken = events.into_iter().filter(|event| event.seq > after && has(event)).filter(about);
    // Of what is about this the fake has forgotten the first entry.
    let forgotten = query.about.as_deref() == Some("old") && query.after == Some(0);
    let start_over = forgotten.then_some(2);
    Ok(EventsSlice { events: taken.take(query.max).collect(), seq, start_over })
}
