//! A farm exported over the real service is a manifest that changes nothing, whatever was declared
//! and done meanwhile.

mod fields;

use crate::explain::site::Site;
use fields::{declarations, plain};
use grange::base::{Code, EnvironmentId, FarmId};
use grange::model::{Actor, Permission};
use grange::service::farms::{self, manifests};
use grange::wire::api::{FarmManifestView, ManifestRequest, ManifestResult};
use grange::wire::input::TerminateInput;
use grange::wire::manifest::parse;
use proptest::prelude::*;

fn admin() -> Actor {
    Actor { permissions: Permission::for_admin(), ..Actor::job("admin") }
}

fn apply(site: &Site, manifest: &str, dry_run: bool, launch: bool) -> ManifestResult {
    let manifest = manifest.to_owned();
    let input = ManifestRequest { manifest, dry_run, launch, ..ManifestRequest::default() };
    manifests::apply(&site.service, &admin(), &input).unwrap()
}

fn export(site: &Site, farm: u64) -> FarmManifestView {
    manifests::export(&site.service, &admin(), FarmId(farm)).unwrap()
}

fn config() -> ProptestConfig {
    ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn what_is_exported_changes_nothing(text in declarations(), launch in any::<bool>()) {
        let site = Site::new();
        let declared = apply(&site, &text, false, launch);
        let exported = export(&site, declared.id);
        prop_assert_eq!((&exported.farm, exported.launched), (&declared.farm, launch));
        prop_assert_eq!(parse(&exported.manifest), parse(&text), "{}\n{}", text, exported.manifest);
        let again = apply(&site, &exported.manifest, true, launch);
        prop_assert_eq!(again.changes, Vec::<String>::new(), "{}", exported.manifest);
        prop_assert_eq!(again.steps, Vec::<String>::new());
        let seq = site.service.store.last_seq();
        apply(&site, &exported.manifest, false, launch);
        prop_assert_eq!(site.service.store.last_seq(), seq, "something was written");
        prop_assert_eq!(export(&site, declared.id), exported);
    }
}

#[test]
fn what_is_on_its_way_out_is_said_and_not_in_it() {
    let site = Site::new();
    let both = plain(true);
    let id = apply(&site, &both, false, true).id;
    let fewer = ManifestRequest {
        manifest: plain(false),
        prune: true,
        launch: true,
        ..ManifestRequest::default()
    };
    manifests::apply(&site.service, &admin(), &fewer).unwrap();
    let exported = export(&site, id).manifest;
    assert!(exported.contains("# Left out, because they are to be removed: lb\n"), "{exported}");
    assert!(!exported.contains("alias: lb"), "{exported}");
    assert_eq!(apply(&site, &exported, true, true).changes, Vec::<String>::new());

    farms::terminate(&site.service, &admin(), FarmId(id), TerminateInput::default()).unwrap();
    let exported = export(&site, id);
    assert!(!exported.launched);
    assert!(exported.manifest.contains("# It is terminated; --no-launch leaves it so.\n"));
    assert_eq!(apply(&site, &exported.manifest, true, false).changes, Vec::<String>::new());
}

#[test]
fn who_may_not_read_a_farm_may_not_export_it() {
    let site = Site::new();
    let id = FarmId(apply(&site, &plain(false), false, true).id);
    let elsewhere = Actor { env: EnvironmentId(2), ..admin() };
    let nobody = Actor { permissions: Vec::new(), ..admin() };
    let code = |actor: &Actor, id| {
        manifests::export(&site.service, actor, id).map(|_| ()).unwrap_err().code
    };
    assert_eq!(code(&elsewhere, id), Code::ObjectNotFound);
    assert_eq!(code(&nobody, id), Code::PermissionViolation);
    assert_eq!(code(&admin(), FarmId(77)), Code::ObjectNotFound);
}
