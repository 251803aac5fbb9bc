//! Checks from outside: what was found counts while somebody looks.

use super::admin;
use crate::explain::site::Site;
use grange::model::Actor;
use grange::service::farms::manifests;
use grange::service::servers::{self, ready};
use grange::wire::api::ManifestRequest;

/// One server without an agent of ours, with a check or without.
fn declare(site: &Site, check: &str) {
    let manifest = format!(
        "farm: shop\nfarmRoles:\n  - alias: db\n    role: web-demo\n    \
         cloudPlatform: simulated\n    instanceType: small\n    useScalrAgent: false\n    \
         scaling: {{minInstances: 1, maxInstances: 1}}\n    \
         grange: {{drain: 0s{check}}}\n"
    );
    let request = ManifestRequest { manifest, launch: true, ..ManifestRequest::default() };
    manifests::apply(&site.service, &admin(), &request).unwrap();
}

/// Its server runs, since its check passes.
fn running() -> Site {
    let mut site = Site::new();
    declare(&site, ", check: {port: 5432}");
    site.act("mute");
    site.act("settle");
    assert_eq!(look(&site, Ok(())), 0, "its platform has not said yet that it is up");
    site.act("settle");
    assert_eq!(look(&site, Ok(())), 1);
    site
}

/// Every check that is due, with what it finds.
fn look(site: &Site, found: Result<(), &str>) -> usize {
    site.clock.advance(grange::base::limit::CHECK_PERIOD);
    let (looks, _) = ready::looks(&site.service, 10).unwrap();
    for look in &looks {
        ready::found(&site.service, look.server, found.map_err(str::to_owned));
    }
    ready::pass(&site.service, &Actor::job("ready")).unwrap();
    looks.len()
}

fn unhealthy(site: &Site) -> Vec<String> {
    let id = site.servers()[0].id;
    let shown = servers::get(&site.service, &admin(), id).unwrap();
    let conditions = shown.grange.conditions.into_iter();
    conditions.filter(|it| it.name == "unhealthy").map(|it| it.why).collect()
}

#[test]
fn a_check_that_is_no_longer_made_says_nothing_any_more() {
    let site = running();
    assert_eq!(site.servers()[0].status.as_str(), "running");
    for _ in 0..grange::base::limit::CHECK_FAILURES_MAX {
        assert_eq!(look(&site, Err("connection refused")), 1);
    }
    let why = unhealthy(&site).join("");
    assert!(why.ends_with("connection refused"), "{why}");

    site.service.observed.take_news();
    declare(&site, "");
    assert_eq!(look(&site, Ok(())), 0, "nobody looks");
    assert_eq!(unhealthy(&site), [""; 0]);
    let news = site.service.observed.take_news();
    assert!(news.servers.contains(&site.servers()[0].id), "planning hears of it");

    // Declared again, it begins anew.
    declare(&site, ", check: {port: 5432}");
    assert_eq!(look(&site, Ok(())), 1);
    assert_eq!(unhealthy(&site), [""; 0]);
}

#[test]
fn what_a_check_under_way_finds_after_it_was_taken_back_stays_for_no_longer_than_a_look() {
    let site = running();
    site.clock.advance(grange::base::limit::CHECK_PERIOD);
    let (looks, _) = ready::looks(&site.service, 10).unwrap();
    declare(&site, "");
    assert_eq!(look(&site, Ok(())), 0);
    for _ in 0..grange::base::limit::CHECK_FAILURES_MAX {
        ready::found(&site.service, looks[0].server, Err("connection refused".into()));
    }
    assert_eq!(look(&site, Ok(())), 0);
    assert_eq!(unhealthy(&site), [""; 0]);
}
