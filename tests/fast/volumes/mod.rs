//! Data volumes over the real service, a store in memory and the simulated cloud: who finds which
//! again, what nobody gets, and what only a person ends.

use crate::explain::site::Site;
use crate::people::admin;
use grange::base::{Code, EnvironmentId, FarmRoleId, VolumeId};
use grange::clouds::simulated::{Delays, Simulated};
use grange::clouds::volume::{VolumeMark, VolumeRequest, VolumeSighting};
use grange::clouds::{Cloud, CloudStep, LaunchRequest};
use grange::model::{Actor, Cause, Grant, Server, Volume};
use grange::service::farms::{self, manifests};
use grange::service::lookup;
use grange::service::plans::{self, steps};
use grange::service::servers::volumes;
use grange::store::{Author, Purpose};
use grange::wire::api::ManifestRequest;
use grange::wire::input::{FarmInput, Page, VolumeFilter};
use grange::wire::volume::VolumeView;

const PLATFORM: &str = "simulated";
const PAGE: Page = Page { number: 1, size: 100 };

struct Yard {
    site: Site,
    cloud: Simulated,
}

/// A farm `shop` whose `db` has so many servers with these mount points.
fn shop(count: u32, mounts: &[&str]) -> String {
    let storage = mounts.iter().map(|at| {
        format!("{{type: PersistentStorageConfiguration, mountPoint: {at}, size: 1GiB}}")
    });
    let storage: Vec<String> = storage.collect();
    format!(
        "farm: shop\nfarmRoles:\n  - alias: db\n    role: web-demo\n    \
         cloudPlatform: simulated\n    instanceType: small\n    \
         scaling: {{minInstances: {count}, maxInstances: {count}}}\n    storage: [{}]\n",
        storage.join(", ")
    )
}

impl Yard {
    fn new() -> Yard {
        let site = Site::new();
        let cloud = Simulated::new(site.clock.clone(), 7, Delays::default());
        Yard { site, cloud }
    }

    fn apply(&self, manifest: &str, prune: bool) {
        let manifest = manifest.to_owned();
        let request = ManifestRequest { manifest, prune, launch: true, ..Default::default() };
        manifests::apply(&self.site.service, &admin(), &request).unwrap();
    }

    /// Plans, and carries out what is due on the cloud, until nothing moves any more.
    fn settle(&self) {
        let service = &self.site.service;
        for _ in 0..6 {
            for farm in plans::farms(service).unwrap() {
                plans::tick(service, &Actor::job("plan"), farm).unwrap();
            }
            let job = Actor::job("execute");
            for id in steps::due(service, service.now()).unwrap().0 {
                let Some(begun) = steps::begin(service, &job, id).unwrap() else { continue };
                let answer = self.cloud.apply(&begun.call);
                steps::finish(service, &job, id, answer).unwrap();
            }
            self.site.clock.advance(1_000);
        }
        self.look();
    }

    /// The cloud's volumes are listed.
    fn look(&self) {
        self.take(self.cloud.volumes().unwrap());
    }

    fn take(&self, seen: Vec<VolumeSighting>) {
        volumes::take(&self.site.service, &Actor::job("volumes"), PLATFORM, seen).unwrap();
    }

    fn remove_farm(&self) {
        let farm =
            self.site.service.read(&Grant::job("test"), lookup::all_farms).unwrap().remove(0);
        farms::remove(&self.site.service, &admin(), farm.id, None).unwrap();
        self.settle();
        assert!(self.site.service.read(&Grant::job("test"), lookup::all_farms).unwrap().is_empty());
    }

    fn listed(&self) -> Vec<VolumeView> {
        let filter = VolumeFilter::default();
        volumes::list(&self.site.service, &admin(), &filter, PAGE).unwrap().items
    }

    /// `shop/db-1:/data attached`, each with its number.
    fn told(&self) -> Vec<(u64, String)> {
        let line = |volume: VolumeView| (volume.id, format!("{} {}", volume.name, volume.status));
        self.listed().into_iter().map(line).collect()
    }

    fn server(&self, hostname: &str) -> Server {
        let found = self.site.servers().into_iter().find(|server| server.hostname == hostname);
        found.expect(hostname)
    }

    fn write(&self, hostname: &str, mount: &str, text: &str) {
        let id = self.server(hostname).id;
        assert!(self.cloud.write_volume(id, mount, "note", text), "{hostname} has no {mount}");
    }

    fn read(&self, hostname: &str, mount: &str) -> Option<String> {
        self.cloud.read_volume(self.server(hostname).id, mount, "note")
    }

    fn delete(&self, id: u64) -> grange::base::Result<()> {
        volumes::delete(&self.site.service, &admin(), VolumeId(id))
    }

    /// What the job does about volumes that a person wants gone.
    fn destroy(&self) {
        for volume in self.site.service.read(&Grant::job("test"), lookup::doomed_volumes).unwrap() {
            let failure = self.cloud.remove_volume(&volume.cloud_volume_id).err();
            let (service, failure) = (&self.site.service, failure.map(|e| e.to_string()));
            volumes::took_away(service, &Actor::job("volumes"), volume.id, failure).unwrap();
        }
    }

    fn alerts(&self) -> String {
        self.site.service.observed.alerts().join("\n")
    }

    fn entries(&self) -> String {
        let entries = self
            .site
            .service
            .store
            .entries(&Grant::job("test"), grange::base::Seq(0), 1_000)
            .unwrap();
        entries.iter().map(|entry| format!("{}: {}\n", entry.about, entry.text)).collect()
    }
}

#[test]
fn a_farm_declared_again_finds_its_volumes_index_by_index() {
    let yard = Yard::new();
    yard.apply(&shop(2, &["/data"]), false);
    yard.settle();
    yard.write("db-1", "/data", "one");
    yard.write("db-2", "/data", "two");
    let attached = |n: u64| (n, format!("shop/db-{n}:/data attached"));
    assert_eq!(yard.told(), [attached(1), attached(2)]);
    yard.remove_farm();
    let left = |n: u64| (n, format!("shop/db-{n}:/data left"));
    assert_eq!(yard.told(), [left(1), left(2)]);
    yard.apply(&shop(3, &["/data"]), false);
    yard.settle();
    assert_eq!(yard.told(), [attached(1), attached(2), attached(3)]);
    let found = ["db-1", "db-2", "db-3"].map(|name| yard.read(name, "/data"));
    assert_eq!(found, [Some("one".into()), Some("two".into()), None]);
    let told = yard.entries();
    assert!(told.contains("finds its volume 1 (/data) of before again"), "{told}");
    assert!(!told.contains("finds its volume 3"), "{told}");
}

/// A farm role that was pruned is another record when it is declared again, as a farm is.
#[test]
fn a_farm_role_declared_again_finds_its_volumes() {
    let yard = Yard::new();
    let web = "  - {alias: web, role: web-demo, cloudPlatform: simulated, instanceType: small}\n";
    yard.apply(&format!("{}{web}", shop(1, &["/data"])), false);
    yard.settle();
    yard.write("db-1", "/data", "one");
    yard.apply(&format!("farm: shop\nfarmRoles:\n{web}"), true);
    yard.settle();
    assert_eq!(yard.told(), [(1, "shop/db-1:/data left".into())]);
    yard.apply(&format!("{}{web}", shop(1, &["/data"])), false);
    yard.settle();
    assert_eq!(yard.read("db-1", "/data").as_deref(), Some("one"));
}

#[test]
fn nobody_gets_what_a_farm_of_another_environment_or_another_name_left() {
    let yard = Yard::new();
    yard.apply(&shop(1, &["/data"]), false);
    yard.settle();
    yard.write("db-1", "/data", "one");
    yard.remove_farm();
    let change = |edit: fn(&mut Volume)| {
        let author = Author::new(&Grant::job("admin"), "test", Cause::Request, Purpose::Growth);
        let moved = yard.site.service.write(author, move |tx| {
            let mut volume = lookup::volume(tx, VolumeId(1))?.unwrap();
            edit(&mut volume);
            tx.put(&volume)?;
            Ok(())
        });
        moved.unwrap();
    };
    change(|volume| volume.env = EnvironmentId(2));
    let other = Actor { env: EnvironmentId(2), ..admin() };
    let seen = |actor: &Actor| volumes::get(&yard.site.service, actor, VolumeId(1)).is_ok();
    assert_eq!((seen(&admin()), seen(&other)), (false, true));
    let refused = yard.delete(1).unwrap_err();
    assert_eq!(refused.code, Code::ObjectNotFound);
    for elsewhere in [
        (|volume: &mut Volume| volume.env = EnvironmentId(2)) as fn(&mut Volume),
        |volume| volume.location = "there".into(),
        |volume| volume.account = "onboard".into(),
        |volume| volume.zone = Some("b".into()),
        |volume| volume.owner.as_mut().unwrap().mount_point = "/date".into(),
        |volume| volume.owner.as_mut().unwrap().index = 2,
        |volume| volume.delete_requested = true,
    ] {
        change(|volume| {
            volume.env = EnvironmentId(1);
            volume.location = "here".into();
            volume.account = PLATFORM.into();
            volume.zone = None;
            volume.delete_requested = false;
            let owner = volume.owner.as_mut().unwrap();
            (owner.index, owner.mount_point) = (1, "/data".into());
        });
        change(elsewhere);
        yard.apply(&shop(1, &["/data"]), false);
        yard.settle();
        assert_eq!(yard.read("db-1", "/data"), None);
        yard.remove_farm();
        // The new one goes, so that the old one is the only one the next time.
        for volume in yard.site.service.read(&Grant::job("test"), lookup::all_volumes).unwrap() {
            if volume.id != VolumeId(1) {
                yard.delete(volume.id.0).unwrap();
            }
        }
        change(|volume| volume.delete_requested = false);
        yard.destroy();
    }
}

#[test]
fn volumes_follow_their_farm_to_another_name() {
    let yard = Yard::new();
    yard.apply(&shop(1, &["/data"]), false);
    yard.settle();
    yard.write("db-1", "/data", "one");
    let farm = yard.site.service.read(&Grant::job("test"), lookup::all_farms).unwrap().remove(0);
    let name = FarmInput { name: Some("store".into()), ..FarmInput::default() };
    farms::update(&yard.site.service, &admin(), farm.id, &name, None).unwrap();
    yard.settle();
    assert_eq!(yard.told(), [(1, "store/db-1:/data attached".into())]);
    // Another farm by the old name has nothing of it, not even after the first one is gone.
    yard.remove_farm();
    yard.apply(&shop(1, &["/data"]), false);
    yard.settle();
    assert_eq!(yard.read("db-1", "/data"), None);
    yard.remove_farm();
    yard.apply(&shop(1, &["/data"]).replace("farm: shop", "farm: store"), false);
    yard.settle();
    assert_eq!(yard.read("db-1", "/data").as_deref(), Some("one"));
}

/// Volumes are bound to where they are mounted, not to their position in a list.
#[test]
fn mount_points_that_change_places_keep_their_data() {
    let yard = Yard::new();
    yard.apply(&shop(1, &["/data", "/logs"]), false);
    yard.settle();
    yard.write("db-1", "/data", "data");
    yard.write("db-1", "/logs", "logs");
    yard.remove_farm();
    yard.apply(&shop(1, &["/logs", "/more", "/data"]), false);
    yard.settle();
    let found = ["/data", "/logs", "/more"].map(|at| yard.read("db-1", at));
    assert_eq!(found, [Some("data".into()), Some("logs".into()), None]);
}

#[test]
fn a_person_deletes_what_no_server_has() {
    let yard = Yard::new();
    yard.apply(&shop(1, &["/data"]), false);
    yard.settle();
    yard.write("db-1", "/data", "one");
    let refused = yard.delete(1).unwrap_err();
    assert_eq!(refused.code, Code::UnacceptableState);
    assert!(refused.message.contains("shop/db-1 has volume 1"), "{}", refused.message);
    assert_eq!(yard.delete(9).unwrap_err().code, Code::ObjectNotFound);
    yard.remove_farm();
    yard.delete(1).unwrap();
    assert_eq!(yard.told(), [(1, "shop/db-1:/data deleting".into())]);
    // Declared again before it is gone: that one is not taken any more.
    yard.apply(&shop(1, &["/data"]), false);
    yard.settle();
    assert_eq!(yard.read("db-1", "/data"), None);
    yard.destroy();
    assert_eq!(yard.told(), [(2, "shop/db-1:/data attached".into())]);
    assert_eq!(yard.cloud.volumes().unwrap().len(), 1);
    assert!(yard.entries().contains("volume 1 (/data) is deleted with its data"));
    assert!(yard.alerts().is_empty(), "{}", yard.alerts());
}

#[test]
fn a_volume_that_a_cloud_does_not_let_go_of_is_told_and_stays() {
    let yard = Yard::new();
    yard.apply(&shop(1, &["/data"]), false);
    yard.settle();
    let author = Author::new(&Grant::job("admin"), "test", Cause::Request, Purpose::Growth);
    let doom = yard.site.service.write(author, |tx| {
        let volume = lookup::volume(tx, VolumeId(1))?.unwrap();
        tx.put(&Volume { delete_requested: true, ..volume })?;
        Ok(())
    });
    doom.unwrap();
    yard.destroy();
    assert_eq!(yard.told(), [(1, "shop/db-1:/data deleting".into())]);
    assert!(yard.alerts().contains("volume 1 cannot be deleted"), "{}", yard.alerts());
}

/// An empty volume in the place of one that was there would look like a server that lost its data.
#[test]
fn a_missing_volume_is_told_and_never_made_anew() {
    let yard = Yard::new();
    yard.apply(&shop(1, &["/data"]), false);
    yard.settle();
    yard.remove_farm();
    let named = yard.listed()[0].cloud_volume_id.clone();
    yard.cloud.lose_volume(&named);
    yard.look();
    assert_eq!(yard.told(), [(1, "shop/db-1:/data missing".into())]);
    assert!(yard.alerts().contains("not there any more: 1 (/data) of shop/db-1"));
    yard.apply(&shop(1, &["/data"]), false);
    yard.settle();
    assert!(yard.cloud.servers().is_empty(), "it came up without its data");
    assert!(yard.entries().contains("is not there any more"), "{}", yard.entries());
    // A person says that the data are given up.
    for server in yard.site.servers() {
        assert_eq!(server.hostname, "db-1");
    }
    yard.remove_farm();
    yard.delete(1).unwrap();
    yard.destroy();
    yard.look();
    yard.apply(&shop(1, &["/data"]), false);
    yard.settle();
    assert_eq!(yard.cloud.servers().len(), 1);
    assert!(yard.alerts().is_empty(), "{}", yard.alerts());
}

fn sighting(name: &str, mark: Option<VolumeMark>) -> VolumeSighting {
    VolumeSighting { cloud_volume_id: name.into(), mark, place: None, server: None }
}

fn mark(farm_role: u64) -> VolumeMark {
    VolumeMark {
        env: EnvironmentId(1),
        farm_role: FarmRoleId(farm_role),
        farm: "shop".into(),
        alias: "db".into(),
        index: 1,
        mount_point: "/data".into(),
        size_bytes: 1 << 30,
        location: "here".into(),
        zone: None,
    }
}

#[test]
fn what_has_no_record_gets_one_and_stays() {
    let yard = Yard::new();
    let stranger = || vec![sighting("stray-9", None)];
    yard.take(stranger());
    assert!(yard.told().is_empty(), "it may have been deleted while it was listed");
    yard.take(Vec::new());
    yard.take(stranger());
    assert!(yard.told().is_empty(), "shown twice, but not one listing after the other");
    yard.take(stranger());
    assert_eq!(yard.told(), [(1, "simulated stray-9 unknown".into())]);
    assert!(yard.alerts().contains("nobody knows (grange volume list): 1 (stray-9)"));
    yard.take(stranger());
    assert_eq!(yard.told().len(), 1);
    yard.delete(1).unwrap();
    yard.destroy();
    yard.take(Vec::new());
    assert!(yard.told().is_empty() && yard.alerts().is_empty(), "{}", yard.alerts());
}

/// The store of yesterday knows nothing of a volume of today; what that carries does.
#[test]
fn after_a_restore_volumes_are_known_by_what_they_carry() {
    let yard = Yard::new();
    let request = LaunchRequest {
        server: grange::base::ServerId(5),
        hostname: "db-1".into(),
        farm: "shop".into(),
        farm_role: FarmRoleId(40),
        index: 1,
        location: "here".into(),
        zone: None,
        instance_type: "small".into(),
        image: String::new(),
        command: Vec::new(),
        outbound: false,
        storage: vec![VolumeRequest {
            cloud_volume_id: "vol-1-abc".into(),
            may_be_made: true,
            mark: mark(40),
        }],
        user_data: grange::base::Secret::new(""),
    };
    let id = request.server;
    yard.cloud.apply(&CloudStep::Launch(Box::new(request))).unwrap();
    yard.cloud.write_volume(id, "/data", "note", "of today");
    yard.cloud.apply(&CloudStep::Terminate(id)).unwrap();
    yard.look();
    yard.look();
    assert_eq!(yard.told(), [(1, "shop/db-1:/data left".into())]);
    yard.apply(&shop(1, &["/data"]), false);
    yard.settle();
    assert_eq!(yard.read("db-1", "/data").as_deref(), Some("of today"));
}

/// What was made before volumes had records is known by its place.
#[test]
fn volumes_of_before_get_a_record_by_their_place() {
    let yard = Yard::new();
    yard.apply(&shop(1, &["/data", "/logs"]), false);
    let role = yard.site.service.read(&Grant::job("test"), |view| {
        let farm = lookup::all_farms(view)?.remove(0);
        Ok(lookup::farm_roles_of(view, farm.id)?.remove(0).id)
    });
    let place = Some((role.unwrap(), 3, 1));
    let old = || vec![VolumeSighting { place, ..sighting("1-3-1", None) }];
    yard.take(old());
    yard.take(old());
    assert_eq!(yard.told(), [(1, "shop/db-3:/logs kept".into())]);
}
