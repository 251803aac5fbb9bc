//! Images over the real service: imported into a directory of their own, used by roles, kept while
//! anything uses them, and gone with their files afterwards.

pub mod made;
mod upload;

use crate::explain::site::Site;
pub use crate::people::admin;
use grange::base::{Code, ImageId, Problem, Result, RoleId, Timestamp};
use grange::model::{Grant, RoleService};
use grange::service::farms::images::{self, ArrivingImage};
use grange::service::farms::{self, manifests, roles};
use grange::service::{Service, lookup};
use grange::wire::api::ManifestRequest;
use grange::wire::image::{ImageFilter, ImageImport, ImageView};
use grange::wire::input::Page;
use grange::wire::role::{RoleApplied, RoleManifestRequest, RoleUpgradeRequest};
use made::{container, rootfs};
use std::path::PathBuf;

const PAGE: Page = Page { number: 1, size: 100 };
const BEGIN: Timestamp = Timestamp(1_795_230_600_000);

/// A site whose images are on the disk.
struct Place {
    site: Site,
}

impl Place {
    fn new() -> Place {
        Place { site: Site::since(BEGIN, "onboard", None) }
    }

    fn service(&self) -> &Service {
        &self.site.service
    }

    fn directory(&self) -> PathBuf {
        self.site.place.images()
    }

    fn import(&self, name: &str, archive: &[u8]) -> Result<ImageView> {
        import(self.service(), name, archive)
    }

    fn names(&self) -> Vec<String> {
        let list = images::list(self.service(), &admin(), &ImageFilter::default(), PAGE).unwrap();
        list.items.into_iter().map(|image| image.name).collect()
    }

    fn remove(&self, image: &ImageView) -> Result<()> {
        images::remove(self.service(), &admin(), id(image), None)
    }

    fn role(&self, manifest: &str) -> Result<RoleApplied> {
        let request =
            RoleManifestRequest { manifest: manifest.to_owned(), ..RoleManifestRequest::default() };
        roles::apply(self.service(), &admin(), &request)
    }

    /// What of trees is on the disk.
    fn trees(&self) -> usize {
        std::fs::read_dir(self.directory()).map_or(0, Iterator::count)
    }
}

fn import(service: &Service, name: &str, mut archive: &[u8]) -> Result<ImageView> {
    let length = Some(archive.len() as u64);
    let asked = ImageImport { name: Some(name.to_owned()) };
    images::import(service, &admin(), &asked, ArrivingImage { length, bytes: &mut archive })
}

fn id(image: &ImageView) -> ImageId {
    image.id.parse().unwrap()
}

fn refused<T: std::fmt::Debug>(result: Result<T>, code: Code, words: &str) {
    let problem: Problem = result.unwrap_err();
    assert_eq!(problem.code, code, "{problem}");
    assert!(problem.each().any(|one| one.to_string().contains(words)), "{problem}");
}

fn role_of(name: &str, image: &str, service: &str) -> String {
    format!("role: {name}\nimages: [{{cloudPlatform: onboard, image: {image}}}]\n{service}")
}

#[test]
fn an_image_is_imported_once_and_shown() {
    let place = Place::new();
    let made = place.import("debian-12", &rootfs("debian")).unwrap();
    assert_eq!((made.os.id.as_str(), made.cloud_platform.as_str()), ("debian-12", "onboard"));
    assert_eq!((made.scope.as_str(), made.source.as_str()), ("environment", "Manual"));
    assert_eq!(made.architecture, std::env::consts::ARCH);
    assert_eq!(made.cloud_image_id.len(), 64);
    assert_eq!(images::get(place.service(), &admin(), id(&made)).unwrap(), made);
    let again = place.import("debian-12", &rootfs("other"));
    refused(again, Code::UnicityViolation, "there is an image debian-12 already");
    refused(place.import("x/y", &rootfs("x")), Code::InvalidValue, "name: ");
    refused(place.import("host", &rootfs("x")), Code::InvalidValue, "the machine's own system");
    refused(place.import("text", b"no archive at all"), Code::InvalidValue, "archive: it ends");
    let without = images::import(
        place.service(),
        &admin(),
        &ImageImport::default(),
        ArrivingImage { length: Some(1 << 60), bytes: &mut &b""[..] },
    );
    refused(without, Code::InvalidValue, "an image needs a name");
    let large = images::import(
        place.service(),
        &admin(),
        &ImageImport { name: Some("large".to_owned()) },
        ArrivingImage { length: Some(1 << 60), bytes: &mut &b""[..] },
    );
    refused(large, Code::LimitExceeded, "at most");
    assert_eq!((place.names(), place.trees()), (vec!["debian-12".to_owned()], 1));
}

#[test]
fn two_images_of_one_content_are_one_tree_that_goes_with_the_last() {
    let place = Place::new();
    let one = place.import("one", &rootfs("debian")).unwrap();
    let two = place.import("two", &rootfs("debian")).unwrap();
    assert_eq!((one.cloud_image_id.clone(), place.trees()), (two.cloud_image_id.clone(), 1));
    place.remove(&one).unwrap();
    assert_eq!((place.names(), place.trees()), (vec!["two".to_owned()], 1));
    refused(place.remove(&one), Code::ObjectNotFound, "no image");
    place.remove(&two).unwrap();
    assert_eq!((place.names(), place.trees()), (vec![], 0));
    // What a crash leaves between the record and the tree is swept at the next start.
    place.import("three", &rootfs("debian")).unwrap();
    std::fs::create_dir_all(place.directory().join("a".repeat(64)).join("tree")).unwrap();
    images::sweep(place.service()).unwrap();
    assert_eq!(place.trees(), 1);
}

#[test]
fn an_image_that_is_used_stays() {
    let mut place = Place::new();
    let image = place.import("debian-12", &rootfs("debian")).unwrap();
    place.role(&role_of("api", "debian-12", "")).unwrap();
    let is_used = |by: &str| {
        refused(place.remove(&image), Code::ObjectInUse, &format!("is used by {by}"));
        let shown = images::get(place.service(), &admin(), id(&image)).unwrap();
        assert_eq!(shown.grange.used_by.join(", "), by);
    };
    is_used("role api");
    let manifest = "farm: shop\nfarmRoles:\n  - {alias: web, role: api, cloudPlatform: onboard, \
                    cloudLocation: here, instanceType: small}\n";
    let request = ManifestRequest { manifest: manifest.to_owned(), ..Default::default() };
    manifests::apply(place.service(), &admin(), &request).unwrap();
    is_used("role api, shop/web");
    // The role goes on without it; the farm role does not.
    place.role(&role_of("api", "host", "")).unwrap();
    is_used("shop/web");
    let farm = place.site.service.read(&Grant::job("test"), lookup::all_farms).unwrap().remove(0);
    farms::remove(place.service(), &admin(), farm.id, None).unwrap();
    place.site.act("settle");
    place.remove(&image).unwrap();
    assert_eq!(place.trees(), 0);
    // A revision whose image is gone is taken up by nobody.
    manifests::apply(place.service(), &admin(), &request).unwrap();
    let farm = place.site.service.read(&Grant::job("test"), lookup::all_farms).unwrap();
    let farm = farm.into_iter().find(|farm| !farm.removed).unwrap().id.0;
    let role = place.site.service.read(&Grant::job("test"), lookup::all_roles).unwrap();
    let role: RoleId = role.iter().find(|role| role.name.as_str() == "api").unwrap().id;
    let input = RoleUpgradeRequest { farm, role_revision: Some(1), ..Default::default() };
    let upgraded = roles::upgrade(place.service(), &admin(), role, &input);
    refused(upgraded, Code::InvalidValue, "its image debian-12 is not there any more");
    let first = manifest.replace("role: api,", "role: api, roleRevision: 1,");
    let request = ManifestRequest { manifest: first, ..Default::default() };
    let applied = manifests::apply(place.service(), &admin(), &request);
    refused(applied, Code::InvalidValue, "its image debian-12 is not there any more");
}

#[test]
fn a_role_names_images_that_are_there() {
    let place = Place::new();
    let applied = place.role(&role_of("api", "debian-12", ""));
    let words = "images[0].image: no image debian-12: import one with grange image import, or use \
                 host, the machine's own system";
    refused(applied, Code::InvalidValue, words);
    place.import("alpine", &rootfs("alpine")).unwrap();
    let applied = place.role(&role_of("api", "debian-12", ""));
    refused(applied, Code::InvalidValue, "the machine's own system, alpine");
    place.role(&role_of("api", "alpine", "")).unwrap();
    let silent = role_of("api", "alpine", "services: [{name: web}]\n");
    let words = "services[0].command: missing: the program and its arguments";
    refused(place.role(&silent), Code::InvalidValue, words);
    refused(place.role(&silent.replace("alpine", "host")), Code::InvalidValue, words);
    place.import("nginx", &container()).unwrap();
    place.role(&silent.replace("alpine", "nginx")).unwrap();
    // What was written is what is there, also without a command.
    let asked = Default::default();
    let role = place.site.service.read(&Grant::job("test"), lookup::all_roles).unwrap();
    let role = role.iter().find(|role| role.name.as_str() == "api").unwrap().id;
    let manifest = roles::export(place.service(), &admin(), role, &asked).unwrap().manifest;
    assert!(place.role(&manifest).unwrap().changes.is_empty(), "{manifest}");
}

#[test]
fn who_serves_processes_of_the_machine_has_no_images() {
    let site = Site::since(BEGIN, "command", None);
    let made = import(&site.service, "debian-12", &rootfs("debian"));
    refused(made, Code::UnacceptableState, "images need an appliance that runs as root");
}

#[test]
fn a_service_takes_over_what_the_image_says_and_it_does_not() {
    let place = Place::new();
    let made = place.import("nginx", &container()).unwrap();
    assert_eq!(made.grange.command, ["/bin/serve", "{{ports.http}}"]);
    assert_eq!((made.grange.user.as_str(), made.grange.directory.as_str()), ("101:101", "/srv"));
    assert_eq!(made.grange.environment, ["MODE=prod", "PATH=/bin"]);
    assert_eq!(made.grange.ports, ["80/tcp"]);
    let defaults = place.site.service.read(&Grant::job("test"), lookup::all_images).unwrap();
    let defaults = &defaults[0].defaults;
    let service = |command: &[&str], run_as: Option<&str>| RoleService {
        name: "web".to_owned(),
        command: command.iter().map(|word| (*word).to_owned()).collect(),
        run_as: run_as.map(str::to_owned),
        directory: None,
        environment: [("MODE".to_owned(), "test".to_owned())].into(),
        restart: Default::default(),
        stop: Default::default(),
        open_files: None,
    };
    let mut own = service(&["/bin/true"], None);
    own.take_over(defaults);
    assert_eq!(own, service(&["/bin/true"], None), "a command of its own goes alone");
    let mut taken = service(&[], Some("app"));
    taken.take_over(defaults);
    // What an image says is no template.
    assert_eq!(taken.command, ["/bin/serve", "{{ports.http}}"]);
    assert_eq!((taken.run_as.as_deref(), taken.directory.as_deref()), (Some("app"), Some("/srv")));
    assert_eq!(taken.environment["MODE"], "test");
    assert_eq!(taken.environment["PATH"], "/bin");
}
