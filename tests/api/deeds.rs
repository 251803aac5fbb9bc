//! What happens at the site of a scenario besides what people ask: a line that begins with `- `.

use super::house::{House, read_on};
use super::{agents, past, world};
use crate::explain::site::Site;
use grange::clouds::volume::VolumeSighting;
use grange::model::{Actor, Grant};
use grange::service::servers::volumes;
use grange::service::{farms, lookup};
use std::sync::atomic::Ordering;

/// A farm of one server with a data volume.
const KEEPER: &str = "farm: keeper
farmRoles:
  - alias: db
    role: web-demo
    cloudPlatform: onboard
    instanceType: small
    scaling: {minInstances: 1, maxInstances: 1}
    storage: [{type: PersistentStorageConfiguration, mountPoint: /data, size: 1GiB}]
";

/// Does one thing; what is not known here is for [`Site::act`].
pub fn act(house: &House, line: &str) {
    let mut site = house.site.lock().unwrap();
    match line.split_whitespace().collect::<Vec<&str>>()[..] {
        ["jobs", "panic"] => house.jobs_panic.store(true, Ordering::SeqCst),
        ["jobs", "go", "on"] => house.jobs_panic.store(false, Ordering::SeqCst),
        ["the", "index", "breaks"] => {
            let index = house.index.as_ref().expect("a house that is searched");
            index.broken.store(true, Ordering::SeqCst);
        }
        ["the", "index", "reads", "on"] => {
            read_on(house.index.as_ref().expect("a house that is searched"), &site.service);
        }
        ["the", "breaker", "opens"] => world::open_breaker(&site),
        ["the", "agents", "answer"] => agents::answer(&mut site),
        ["an", "image"] => world::know_image(&site),
        ["the", "volumes"] => keep(&mut site),
        ["the", "week"] => past::record(&site.service),
        ["declare", size] => {
            world::declare(&site, &world::SHOP.replace("small", size));
        }
        ["meanwhile", "scale", count] => {
            let (service, count) = (site.service.clone(), count.parse().unwrap());
            let scale = move || world::scale_at(&service, count);
            site.between.before("manifest.apply", Box::new(scale));
        }
        ["scale", count] => world::scale(&site, count.parse().unwrap()),
        _ => site.act(line),
    }
}

/// Three data volumes: one a server has, one of a farm that is gone, one that nobody knows.
fn keep(site: &mut Site) {
    world::declare(site, KEEPER);
    world::declare(site, &KEEPER.replace("keeper", "old"));
    site.act("settle");
    let old = site.service.read(&Grant::job("test"), lookup::all_farms).unwrap().pop().unwrap();
    farms::remove(&site.service, &world::admin(), old.id, None).unwrap();
    site.act("settle");
    site.act("settle");
    let known = site.service.read(&Grant::job("test"), lookup::all_volumes).unwrap();
    let names = known.into_iter().map(|volume| volume.cloud_volume_id);
    let seen =
        |cloud_volume_id| VolumeSighting { cloud_volume_id, mark: None, place: None, server: None };
    let shown: Vec<_> = names.chain(["vol-3-19a".to_owned()]).map(seen).collect();
    // What is strange is believed when it shows for the second time.
    for _ in 0..2 {
        volumes::take(&site.service, &Actor::job("volumes"), "onboard", shown.clone()).unwrap();
    }
}
