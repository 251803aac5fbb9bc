//! Servers that make room, and the balancers before them: who stops when, with the real service
//! over a store in memory.

mod members;

use crate::explain::site::Site;
use crate::people::admin;
use grange::base::limit::{BALANCER_LOOK, BALANCER_WAIT};
use grange::base::{Clock, Millis, ServerId};
use grange::model::{Actor, FarmGoal, Grant, Server, ServerStatus, StepKind};
use grange::service::farms::{self, balancers, manifests};
use grange::service::plans::{self, holds, steps};
use grange::service::{lookup, servers};
use grange::wire::api::ManifestRequest;
use grange::wire::hold::HoldInput;
use grange::wire::input::TerminateInput;

struct Shop {
    site: Site,
}

impl Shop {
    /// Three web servers behind one balancer that knows them, one of which is to be rolled over,
    /// and due to stop.
    fn in_a_rollout() -> Shop {
        let shop = Shop::settled();
        shop.apply("large");
        shop.plan();
        shop
    }

    /// Three web servers behind one balancer that knows them.
    fn settled() -> Shop {
        let mut shop = Shop { site: Site::new() };
        shop.apply("small");
        shop.site.act("settle");
        shop.tell("answer lb-1");
        assert_eq!(shop.configure(), 0);
        shop
    }

    fn apply(&self, size: &str) {
        self.apply_balanced_by(size, 1);
    }

    fn apply_balanced_by(&self, size: &str, balancers: u32) {
        let manifest = format!(
            "farm: shop\nfarmRoles:\n  - alias: web\n    role: web-demo\n    \
             cloudPlatform: simulated\n    instanceType: {size}\n    \
             scaling: {{minInstances: 3, maxInstances: 3}}\n    \
             grange: {{drain: 0s, rollout: {{minHealthyPercent: 50}}}}\n  - alias: lb\n    \
             role: haproxy\n    cloudPlatform: simulated\n    instanceType: small\n    \
             scaling: {{minInstances: {balancers}, maxInstances: {balancers}}}\n    \
             grange: {{balance: \
             {{farmRole: web, port: 8080, listenPort: 80, checkPath: /up}}}}\n"
        );
        let request = ManifestRequest { manifest, launch: true, ..ManifestRequest::default() };
        manifests::apply(&self.site.service, &admin(), &request).unwrap();
    }

    fn plan(&self) {
        for farm in plans::farms(&self.site.service).unwrap() {
            plans::tick(&self.site.service, &Actor::job("plan"), farm).unwrap();
        }
    }

    fn configure(&self) -> usize {
        let farm = plans::farms(&self.site.service).unwrap()[0];
        balancers::configure(&self.site.service, &Actor::job("balancers"), farm).unwrap()
    }

    /// A new file is ordered, and what comes of it.
    fn tell(&mut self, answer: &str) {
        assert_eq!(self.configure(), 1);
        self.site.act(answer);
    }

    fn server(&self, which: impl Fn(&Server) -> bool) -> ServerId {
        let all = self.site.service.read(&Grant::job("test"), lookup::all_servers).unwrap();
        all.iter().find(|server| which(server)).unwrap().id
    }

    fn goes(&self) -> ServerId {
        self.server(|s| s.status == ServerStatus::PendingTerminate && s.hostname != "lb-1")
    }

    fn force(&self, id: ServerId) {
        let now = TerminateInput { force: true };
        servers::terminate(&self.site.service, &admin(), id, now).unwrap();
    }

    fn hold(&self) {
        let (what, kind) = ("shop/lb".to_owned(), "balance".to_owned());
        let (reason, length) = ("by hand".to_owned(), Some(3_600_000));
        let hold = HoldInput { what, kind, reason, length, ..HoldInput::default() };
        holds::place(&self.site.service, &admin(), &hold).unwrap();
    }

    fn goal(&self, goal: FarmGoal) {
        let (service, farm) = (&self.site.service, plans::farms(&self.site.service).unwrap()[0]);
        match goal {
            FarmGoal::Launched => farms::launch(service, &admin(), farm).map(drop),
            FarmGoal::Suspended => farms::suspend(service, &admin(), farm).map(drop),
            FarmGoal::Terminated => {
                farms::terminate(service, &admin(), farm, TerminateInput::default()).map(drop)
            }
        }
        .unwrap();
    }

    /// Whether the server that makes room may stop now, and when to look again otherwise.
    fn stops(&self) -> (bool, Option<Millis>) {
        let (service, now) = (&self.site.service, self.site.clock.now());
        let (due, next) = steps::due(service, now).unwrap();
        let goes = self.goes();
        let open =
            service.read(&Grant::job("test"), |view| lookup::steps_of_server(view, goes)).unwrap();
        let stop = open.iter().find(|s| s.kind == StepKind::Terminate && s.status.is_open());
        (due.contains(&stop.unwrap().id), next.map(|at| at.since(now)))
    }
}

/// What happens while a server is due to stop, and whether it may then.
#[track_caller]
fn check(happens: impl FnOnce(&mut Shop), stops: bool) {
    let mut shop = Shop::in_a_rollout();
    assert_eq!(shop.stops(), (false, Some(BALANCER_LOOK)), "nobody told the balancer yet");
    happens(&mut shop);
    let (found, next) = shop.stops();
    assert_eq!(found, stops, "look again in {next:?}");
    assert_eq!(shop.site.service.observed.late_balancers().is_empty(), stops);
}

#[test]
fn a_server_that_makes_room_stops_when_its_balancer_has_a_file_without_it() {
    check(|_| {}, false);
    check(|shop| assert_eq!(shop.configure(), 1), false);
    check(|shop| shop.tell("answer lb-1"), true);
}

#[test]
fn a_server_that_makes_room_waits_five_minutes_at_most() {
    let pass = |shop: &Shop, length: Millis| shop.site.clock.advance(length);
    check(|shop| pass(shop, BALANCER_WAIT - 1), false);
    check(|shop| pass(shop, BALANCER_WAIT), true);
}

#[test]
fn nobody_waits_for_a_balancer_that_will_not_have_the_file() {
    check(|shop| shop.tell("answer lb-1 no"), true);
    check(|shop| shop.hold(), true);
    let lb = |shop: &Shop| shop.server(|server| server.hostname == "lb-1");
    check(
        |shop| {
            shop.force(lb(shop));
            shop.plan();
        },
        true,
    );
}

#[test]
fn nobody_waits_when_a_person_says_now_or_ends_the_farm() {
    check(|shop| shop.force(shop.goes()), true);
    check(|shop| shop.goal(FarmGoal::Suspended), true);
    check(|shop| shop.goal(FarmGoal::Terminated), true);
}
