//! The site behind the API when a scenario begins: the real service over a store in memory. Two
//! farms, three servers that run and one on its way, somebody who may do all and somebody who may
//! only look.

use crate::explain::site::Site;
use grange::base::hash::sha256;
use grange::base::{Clock, FarmId, ImageId, Name, Problem, Result, Timestamp, UserId};
use grange::model::{
    Actor, Breaker, Cause, Door, Grant, Image, ImageDefaults, Permission, Server, ServerStatus,
    Token, User,
};
use grange::service::farms::{self, manifests};
use grange::service::{Finder, Service, lookup};
use grange::store::{Author, Purpose, Tx, View};
use grange::wire::api::{EventView, ManifestRequest};
use grange::wire::input::ScalingInput;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The moment it is: 2026-11-21T03:10:00Z.
pub const NOW: i64 = 1_795_230_600_000;

const DAY_MS: u64 = 86_400_000;

/// How long the farms run already.
const UP_MS: u64 = 7_500_000;

/// Since when the last server is on its way.
const ON_ITS_WAY_MS: u64 = 9_000;

/// A farm `shop` of two to six servers, as it was declared first.
pub const SHOP: &str = "farm: shop
farmRoles:
  - alias: web
    role: web-demo
    cloudPlatform: onboard
    instanceType: small
    scaling:
      minInstances: 2
      maxInstances: 6
      rules: [{ruleType: CpuPercent, scaleUp: 60, scaleDown: 20, window: 60s}]
";

/// A farm `blog` of one server.
const BLOG: &str = "farm: blog
farmRoles:
  - alias: web
    role: web-demo
    cloudPlatform: onboard
    instanceType: small
    scaling: {minInstances: 1, maxInstances: 1}
";

/// The first administrator.
pub fn admin() -> Actor {
    person(UserId(1), "admin")
}

fn person(user: UserId, name: &str) -> Actor {
    let permissions = Permission::for_admin();
    Actor { user, name: name.into(), door: Door::Socket, permissions, ..Actor::job(name) }
}

/// Somebody else who may do all.
pub fn bob() -> Actor {
    person(UserId(9), "bob")
}

/// The site, with an index of its journal where one is given.
pub fn shop(search: Option<Arc<dyn Finder>>) -> Site {
    let mut site = Site::since(Timestamp(NOW).before(UP_MS), "onboard", search);
    let ops = newcomer(&site, "ops", Permission::for_admin());
    give_token(&site, ops, "good", None);
    let viewer = newcomer(&site, "viewer", vec![Permission::FarmsRead]);
    give_token(&site, viewer, "reader", None);
    let ended = Some(Timestamp(NOW).before(10 * DAY_MS));
    give_token(&site, UserId(1), "old", ended);
    for farm in [SHOP, BLOG] {
        declare(&site, farm);
        site.act("settle");
    }
    until(&site, ON_ITS_WAY_MS + 20);
    site.act("mute");
    read(&site);
    scale(&site, 3);
    site.act("tick");
    site.act("later 5s");
    until(&site, 0);
    read(&site);
    site.act("tick");
    assert_eq!(site.clock.now(), Timestamp(NOW));
    site
}

/// Time passes until so long before the scenario begins.
fn until(site: &Site, left: u64) {
    let end = Timestamp(NOW).before(left);
    site.clock.advance(end.since(site.clock.now()));
}

/// Something is written that no verb of people writes.
pub fn write(site: &Site, change: impl FnOnce(&mut Tx<'_>) -> Result<()> + Send + 'static) {
    let author = Author::new(&Grant::job("test"), "test", Cause::Clock, Purpose::Growth);
    site.service.write(author, change).unwrap();
}

/// Another user.
fn newcomer(site: &Site, name: &str, permissions: Vec<Permission>) -> UserId {
    let (name, created_at) = (Name::new(name).unwrap(), site.clock.now());
    let of_name = name.clone();
    write(site, move |tx| {
        let (id, unix_ids) = (tx.next_id()?, Vec::new());
        tx.put(&User { id, name, permissions, unix_ids, created_at })?;
        Ok(())
    });
    let users = site.service.read(&Grant::job("test"), lookup::all_users).unwrap();
    users.into_iter().find(|user| user.name == of_name).unwrap().id
}

/// A bearer token of a user.
fn give_token(site: &Site, user: UserId, text: &str, expires_at: Option<Timestamp>) {
    let (digest, created_at) = (sha256(text.as_bytes()), Timestamp(NOW).before(100 * DAY_MS));
    let description = format!("of {text}");
    write(site, move |tx| {
        let id = tx.next_id()?;
        tx.put(&Token { id, user, digest, description, created_at, expires_at })?;
        Ok(())
    });
}

/// An image is known, as if somebody had imported it.
pub fn know_image(site: &Site) {
    let env = admin().env;
    let defaults = ImageDefaults {
        command: vec!["/bin/serve".to_owned(), "80".to_owned()],
        user: Some("app".to_owned()),
        environment: [("MODE".to_owned(), "prod".to_owned())].into(),
        directory: None,
        ports: vec!["80/tcp".to_owned()],
    };
    let image = Image {
        id: ImageId(7),
        env,
        name: Name::new("plain").unwrap(),
        platform: "onboard".to_owned(),
        location: "here".to_owned(),
        cloud_image_id: "c".repeat(64),
        os: "debian-12".to_owned(),
        architecture: "x86_64".to_owned(),
        bytes: 75_000_000,
        entries: 4_321,
        defaults,
        added_at: Timestamp(NOW).before(DAY_MS),
        added_by: UserId(1),
    };
    write(site, move |tx| {
        tx.put(&image)?;
        Ok(())
    });
}

/// What a person declares and launches.
pub fn declare(site: &Site, manifest: &str) {
    let manifest = manifest.to_owned();
    let request = ManifestRequest { manifest, launch: true, ..ManifestRequest::default() };
    manifests::apply(&site.service, &admin(), &request).unwrap();
}

/// A person wants at least so many servers of `shop/web`.
pub fn scale(site: &Site, count: u32) {
    scale_at(&site.service, count);
}

/// The same, where there is no site at hand.
pub fn scale_at(service: &Service, count: u32) {
    let role = |view: &View| Ok(lookup::farm_roles_of(view, FarmId(1))?.remove(0));
    let role = service.read(&Grant::job("test"), role).unwrap();
    let input = ScalingInput { min_instances: Some(count), ..ScalingInput::default() };
    farms::scale(service, &admin(), role.id, &input, None).unwrap();
}

/// The agents of all servers that run send what they read.
fn read(site: &Site) {
    for server in site.servers().iter().filter(|s| s.status == ServerStatus::Running) {
        site.read(server.id, &[("cpu_percent", 41.25), ("load_1m", 0.5)]);
    }
}

/// Nobody administers it any more, so that root is nobody either.
pub fn dismiss_administrator(site: &Site) {
    write(site, |tx| Ok(tx.delete::<User>(UserId(1)).map(drop)?));
}

/// An index of the journal, which may break.
pub struct Index {
    /// The real one.
    pub words: Arc<dyn Finder>,
    /// Whether it fails when it is asked.
    pub broken: AtomicBool,
}

impl Finder for Index {
    fn cursor(&self) -> u64 {
        self.words.cursor()
    }

    fn index(&self, events: &[EventView], through: u64, first: u64) -> Result<()> {
        self.words.index(events, through, first)
    }

    fn query(&self, words: &str, at_most: usize) -> Result<Vec<u64>> {
        match self.broken.load(Ordering::SeqCst) {
            true => Err(Problem::internal("searching the journal", "a secret path")),
            false => self.words.query(words, at_most),
        }
    }

    fn examine(&self) -> Result<bool> {
        self.words.examine()
    }

    fn clear(&self) -> Result<()> {
        self.words.clear()
    }
}

/// The cloud account is left alone since 40 s, for 28 s more.
pub fn open_breaker(site: &Site) {
    let now = site.clock.now();
    let closed = Breaker::closed("onboard", now.before(40_000));
    let (reason, open_until) = ("not now: throttled".to_owned(), Some(now.after(28_000)));
    let open = Breaker { failures: 6, reason, open_until, ..closed };
    write(site, move |tx| Ok(tx.put(&open).map(drop)?));
}

/// A server by its whole name; of several, the one that came last.
pub fn named(site: &Site, name: &str) -> Option<String> {
    names(site).into_iter().rev().find(|(known, _)| known == name).map(|(_, id)| id)
}

/// Every server that ever was, by its whole name, with its id.
pub fn names(site: &Site) -> Vec<(String, String)> {
    let of = |view: &View| {
        let servers = lookup::all_servers(view)?;
        let named =
            |server: &Server| Ok((lookup::server_name(view, server)?, server.id.to_string()));
        servers.iter().map(named).collect()
    };
    site.service.read(&Grant::job("test"), of).unwrap()
}
