//! Compare and swap: what a person writes between the planner's look and its commit.
//!
//! The world has to become what it becomes when the deed is there before the plan: a plan that saw
//! another world is not carried out.

use crate::explain::site::Site;
pub use crate::people::admin;
use grange::base::ServerId;
use grange::model::{Actor, Grant};
use grange::service::farms::{self, manifests};
use grange::service::plans::Planned;
use grange::service::plans::{self, holds};
use grange::service::{Service, lookup, servers};
use grange::wire::api::ManifestRequest;
use grange::wire::hold::HoldInput;
use grange::wire::input::{LockInput, RebootInput, ScalingInput, TerminateInput};

/// A world in which the next plan does something.
type Begin = fn() -> Site;
/// What a person does.
type Deed = fn(&Service);

/// Three servers are to be launched.
fn launching() -> Site {
    let site = Site::new();
    site.declare(&["web"], 3);
    site
}

/// Two of three running servers are to go.
fn leaving() -> Site {
    let mut site = launching();
    site.act("settle");
    site.declare(&["web"], 1);
    site
}

fn hold(service: &Service, kind: &str) {
    let (what, kind, reason) = ("shop".into(), kind.into(), "a look".into());
    let input = HoldInput { what, kind, reason, no_end: true, ..HoldInput::default() };
    holds::place(service, &admin(), &input).unwrap();
}

fn scale(service: &Service, min: u32, max: u32) {
    let farm = service.read(&Grant::job("test"), lookup::all_farms).unwrap().remove(0).id;
    let role = service
        .read(&Grant::job("test"), |view| lookup::farm_roles_of(view, farm))
        .unwrap()
        .remove(0)
        .id;
    let (min_instances, max_instances) = (Some(min), Some(max));
    let input = ScalingInput { min_instances, max_instances, ..ScalingInput::default() };
    farms::scale(service, &admin(), role, &input, None).unwrap();
}

fn server(service: &Service, name: &str) -> ServerId {
    let all = service.read(&Grant::job("test"), lookup::all_servers).unwrap();
    all.iter().find(|server| server.hostname == name).expect(name).id
}

fn apply(service: &Service, count: u32) {
    let manifest = format!(
        "farm: shop\nfarmRoles:\n  - alias: web\n    role: web-demo\n    \
         cloudPlatform: simulated\n    instanceType: large\n    \
         scaling: {{minInstances: {count}, maxInstances: {count}}}\n"
    );
    let request = ManifestRequest { manifest, launch: true, ..ManifestRequest::default() };
    manifests::apply(service, &admin(), &request).unwrap();
}

const RACES: &[(&str, Begin, Deed)] = &[
    ("launches are held", launching, |service| hold(service, "launch")),
    ("the maximum goes down", launching, |service| scale(service, 0, 1)),
    ("another manifest is applied", launching, |service| apply(service, 2)),
    ("the farm is terminated", launching, |service| {
        let farm = service.read(&Grant::job("test"), lookup::all_farms).unwrap().remove(0).id;
        farms::terminate(service, &admin(), farm, TerminateInput::default()).unwrap();
    }),
    ("ending servers is held", leaving, |service| hold(service, "terminate")),
    ("the minimum goes up", leaving, |service| scale(service, 3, 3)),
    ("another manifest wants them", leaving, |service| apply(service, 3)),
    ("one that is to go is locked", leaving, |service| {
        let input = LockInput { reason: "a look".into() };
        servers::lock(service, &admin(), server(service, "web-3"), &input).unwrap();
    }),
    ("one that is to stay is terminated", leaving, |service| {
        let id = server(service, "web-1");
        servers::terminate(service, &admin(), id, TerminateInput::default()).unwrap();
    }),
    ("one that is to stay is suspended", leaving, |service| {
        servers::suspend(service, &admin(), server(service, "web-1")).unwrap();
    }),
    ("one that is to stay is to reboot", leaving, |service| {
        let id = server(service, "web-1");
        servers::reboot(service, &admin(), id, RebootInput::default()).unwrap();
    }),
    ("one that is to go is suspended", leaving, |service| {
        servers::suspend(service, &admin(), server(service, "web-3")).unwrap();
    }),
];

fn turn(site: &Site) -> Vec<Planned> {
    let service = &site.service;
    let farms = plans::farms(service).unwrap();
    let job = Actor::job("plan");
    farms.into_iter().map(|farm| plans::tick(service, &job, farm).unwrap()).collect()
}

/// Servers and steps as they are once planning has nothing left to say.
fn outcome(site: &Site) -> Vec<String> {
    for _ in 0..6 {
        if turn(site).iter().all(|planned| *planned == Planned::Unchanged) {
            break;
        }
    }
    let service = &site.service;
    let servers = service.read(&Grant::job("test"), lookup::all_servers).unwrap();
    let live = servers.iter().filter(|server| server.status.counts());
    let mut lines: Vec<String> = live
        .map(|server| {
            let (name, status, size) =
                (&server.hostname, server.status.as_str(), &server.instance_type);
            format!("{name} {size} {status} locked {}", server.locked)
        })
        .collect();
    for step in service.read(&Grant::job("test"), lookup::open_steps).unwrap() {
        let of = servers.iter().find(|server| server.id == step.server).expect("it is there");
        lines.push(format!("{} {}", step.kind.as_str(), of.hostname));
    }
    lines.sort();
    lines
}

#[test]
fn what_comes_between_look_and_commit_binds_the_plan_as_if_it_had_come_before() {
    for (name, begin, deed) in RACES {
        let before = begin();
        deed(&before.service);
        let expected = outcome(&before);
        let site = begin();
        let service = site.service.clone();
        site.between.before("plan.commit", Box::new(move || deed(&service)));
        assert_eq!(turn(&site), [Planned::Overtaken], "{name}");
        assert_eq!(outcome(&site), expected, "{name}");
    }
}

#[test]
fn a_plan_without_a_deed_between_is_carried_out() {
    let site = launching();
    assert!(matches!(turn(&site)[..], [Planned::Committed(_)]));
    assert_eq!(turn(&site), [Planned::Unchanged]);
    assert_eq!(outcome(&site).len(), 6);
}
