//! `explain role NAME`: who uses which revision, what an upgrade would do, and what is in its way.

use super::site::Site;
use crate::people::admin;
use grange::base::RoleId;
use grange::service::farms::roles;
use grange::service::journal::explain::explain;
use grange::wire::api::ExplainView;
use grange::wire::role::{RoleManifestRequest, RoleUpgradeRequest};

fn role(site: &Site, rest: &str) -> u64 {
    let manifest = format!("role: api\n{rest}\n");
    let input = RoleManifestRequest { manifest, ..RoleManifestRequest::default() };
    roles::apply(&site.service, &admin(), &input).unwrap().id
}

fn service(words: &str) -> String {
    let images = "images: [{cloudPlatform: simulated, image: host}]";
    format!("{images}\nservices: [{{name: api, command: [api, {words}]}}]")
}

const FARM: &str = "farm: shop
farmRoles:
  - {alias: web, role: api, cloudPlatform: simulated, instanceType: small,
     scaling: {minInstances: 2, maxInstances: 2}}
  - {alias: old, role: api, cloudPlatform: simulated, instanceType: small,
     scaling: {minInstances: 1, maxInstances: 1}}
";

fn told(site: &Site) -> ExplainView {
    explain(&site.service, &admin(), "role api").unwrap()
}

#[test]
fn a_role_says_who_uses_it_and_what_an_upgrade_would_do() {
    let mut site = Site::new();
    let id = role(&site, &service("one"));
    let alone = told(&site);
    assert_eq!(alone.about, "role api");
    let now = "revision 1 by grange, 1 service; images: simulated host; used by 0 farm roles";
    assert_eq!(alone.now, now);
    assert_eq!(alone.waiting, ["nothing: no farm role uses it"]);
    assert_eq!(alone.because[0].text, "revision 1: the first that is kept (by grange)");

    site.apply_text(FARM);
    site.act("settle");
    role(&site, &service("two"));
    let behind = told(&site);
    assert_eq!(behind.because[0].text, "revision 2: services[api]: changed (by grange)");
    assert_eq!(behind.waiting.len(), 3, "{:#?}", behind.waiting);
    let said = "shop/web declares revision 1, not the current one";
    assert!(behind.waiting.iter().any(|line| line == said), "{:#?}", behind.waiting);
    let upgrade = &behind.waiting[2];
    assert!(
        upgrade.starts_with("[person] grange role upgrade api --farm shop takes up 2: farmRoles["),
        "{upgrade}"
    );
    assert!(upgrade.ends_with("servers would stop") || upgrade.ends_with("no server would stop"));

    // Explaining it has changed nothing, and the upgrade does what was said.
    assert_eq!(told(&site), behind);
    let input = RoleUpgradeRequest { farm: 1, ..RoleUpgradeRequest::default() };
    roles::upgrade(&site.service, &admin(), RoleId(id), &input).unwrap();
    let taken = told(&site).waiting;
    let still = "shop/web declares revision 2, the current one, and servers of it are still made \
                 of 1";
    assert!(taken.contains(&still.to_owned()), "{taken:#?}");
}

#[test]
fn what_is_in_the_way_of_an_upgrade_is_said() {
    let site = Site::new();
    role(&site, &service("one"));
    site.apply_text(FARM);
    role(&site, "images: [{cloudPlatform: docker, image: host}]");
    let told = told(&site);
    assert!(told.now.contains("images: docker host"), "{}", told.now);
    let why = "[person] shop cannot take up 2: revision 2 of role api has no image for simulated";
    assert!(told.waiting.iter().any(|line| line.starts_with(why)), "{:#?}", told.waiting);
}

#[test]
fn a_role_that_is_none_is_said_so_and_a_farm_called_role_is_a_farm() {
    let site = Site::new();
    let refused = explain(&site.service, &admin(), "role nothing").unwrap_err();
    assert_eq!(refused.to_string(), "no role nothing");
    site.apply_text(&FARM.replace("shop", "role").replace("role: api", "role: web-demo"));
    assert_eq!(explain(&site.service, &admin(), "role").unwrap().about, "role");
    assert_eq!(explain(&site.service, &admin(), "role web-demo").unwrap().about, "role web-demo");
    // Built in, with nothing to do but what its image does.
    let built_in = explain(&site.service, &admin(), "role web-demo").unwrap();
    assert!(built_in.now.contains("by grange"), "{}", built_in.now);
}
