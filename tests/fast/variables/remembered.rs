//! What is remembered of the work of servers is what it would come to now, whatever changes: after
//! any number of looks with a memory, a look without one finds nothing to tell anybody.

use super::*;
use grange::base::FarmId;
use grange::base::random::Stream;
use grange::model::VariableScope;
use grange::service::farms::roles;
use grange::service::farms::workloads::{self, Looked, RenderedWork};
use grange::service::servers;
use grange::wire::role::{RoleManifestRequest, RoleUpgradeRequest};

/// Histories, and changes in each.
const SEEDS: u64 = 6;
const CHANGES: usize = 30;
/// Looks after one change: each tells at most one server of a farm role to restart something.
const LOOKS_MAX: usize = 20;

struct World {
    site: Site,
    memory: RenderedWork,
    luck: Stream,
    /// What the next manifest of each is made of.
    counts: [u64; 3],
    laid_over: u64,
    revision: u64,
}

impl World {
    fn new(seed: u64) -> World {
        let mut world = World {
            site: Site::new(),
            memory: RenderedWork::default(),
            luck: Stream::new(seed, "changes"),
            counts: [1, 2, 1],
            laid_over: 0,
            revision: 0,
        };
        world.role("store", "ports: {data: 6379}\nservices: [{name: store, command: [store]}]\n");
        world.revise();
        let all = "services:\n  - {name: all, command: [all, \"{{ farm.roles | length }}\"], \
                   environment: {AT: \"{{ server.address }}\"}}\n";
        world.role("all", all);
        for name in ["GREETING", "PASSWORD"] {
            let hidden = Some(name == "PASSWORD");
            let input = VariableInput { hidden, ..input(name, Some("first")) };
            declare(&world.site, ENVIRONMENT, &input).unwrap();
        }
        world.declare();
        world.site.act("settle");
        world
    }

    fn role(&self, name: &str, rest: &str) -> u64 {
        let images = "images: [{cloudPlatform: simulated, image: host}]";
        let manifest = format!("role: {name}\n{images}\n{rest}");
        let input = RoleManifestRequest { manifest, ..RoleManifestRequest::default() };
        roles::apply(&self.site.service, &ann(), &input).unwrap().id
    }

    /// Another revision of the role that follows the farm.
    fn revise(&mut self) -> u64 {
        self.revision += 1;
        let number = self.revision % 3;
        self.role(
            "app",
            &format!(
                "files:\n  - {{path: /etc/app, template: \"{number} {{{{ \
                 farm.role('db').addresses | join(',') }}}} {{{{ vars.PASSWORD }}}}\", reload: \
                 app}}\nservices:\n  - {{name: app, command: [app, \"{{{{ vars.GREETING }}}}\", \
                 \"{{{{ farm.role('db').ports.data }}}}\"]}}\n"
            ),
        )
    }

    fn declare(&mut self) {
        let [db, app, all] = self.counts;
        let role = |alias: &str, role: &str, count: u64, more: &str| {
            format!(
                "  - {{alias: {alias}, role: {role}, cloudPlatform: simulated, instanceType: \
                 small, scaling: {{minInstances: {count}, maxInstances: {count}}}{more}}}\n"
            )
        };
        let over = format!(
            ", grange: {{drain: 0s, overrides: {{environment: {{app: {{N: \"{}\"}}}}}}}}",
            self.laid_over
        );
        let manifest = format!(
            "farm: shop\nfarmRoles:\n{}{}{}",
            role("db", "store", db, ""),
            role("app", "app", app, &over),
            role("all", "all", all, "")
        );
        self.site.apply_text(&manifest);
    }

    fn farm(&self) -> FarmId {
        self.site.service.read(&Grant::job("test"), lookup::all_farms).unwrap().remove(0).id
    }

    /// Where a variable may be given a value, at random.
    fn scope(&mut self) -> VariableScope {
        let servers = self.site.servers();
        match (self.luck.below(4), servers.len() as u64) {
            (0, _) | (_, 0) => ENVIRONMENT,
            (1, _) => VariableScope::Farm(self.farm()),
            (kind, count) => {
                let server = &servers[self.luck.below(count) as usize];
                if kind == 2 {
                    VariableScope::FarmRole(server.farm_role)
                } else {
                    VariableScope::Server(server.id)
                }
            }
        }
    }

    /// One thing changes.
    fn change(&mut self) -> String {
        let name = if self.luck.chance(50) { "GREETING" } else { "PASSWORD" };
        match self.luck.below(8) {
            0 => {
                let which = self.luck.below(3) as usize;
                self.counts[which] = 1 + self.luck.below(3);
                self.declare();
                format!("counts {:?}", self.counts)
            }
            1 => {
                self.laid_over = self.luck.below(3);
                self.declare();
                format!("laid over {}", self.laid_over)
            }
            2 => {
                let id = self.revise();
                let input = RoleUpgradeRequest { farm: self.farm().0, ..Default::default() };
                roles::upgrade(&self.site.service, &ann(), grange::base::RoleId(id), &input).ok();
                format!("revision {}", self.revision)
            }
            3 => {
                let servers = self.site.servers();
                let gone = &servers[self.luck.below(servers.len() as u64) as usize];
                let input = TerminateInput::default();
                servers::terminate(&self.site.service, &ann(), gone.id, input).unwrap();
                format!("terminate {}", gone.hostname)
            }
            4 => {
                let at = self.scope();
                let gone = variables::remove(&self.site.service, &ann(), at, name).is_ok();
                if gone && at == ENVIRONMENT {
                    let hidden = Some(name == "PASSWORD");
                    let again = VariableInput { hidden, ..input(name, Some("again")) };
                    declare(&self.site, ENVIRONMENT, &again).ok();
                }
                format!("remove {name} of {at:?}: {gone}")
            }
            5 | 6 => {
                let (at, value) = (self.scope(), format!("value-{}", self.luck.below(4)));
                let given = give(&self.site, at, name, &value).is_ok();
                format!("{name} of {at:?} is {value}: {given}")
            }
            _ => "nothing".to_owned(),
        }
    }

    fn look(&mut self, fresh: bool) -> Looked {
        let mut none = RenderedWork::default();
        let (farm, memory) = (self.farm(), if fresh { &mut none } else { &mut self.memory });
        workloads::configure(&self.site.service, &Actor::job("workloads"), farm, memory).unwrap()
    }

    /// Looks until everybody has been told, and does what was ordered.
    fn follow(&mut self) -> Looked {
        for _ in 0..LOOKS_MAX {
            let looked = self.look(false);
            for server in self.site.servers() {
                self.site.act(&format!("answer {}", server.hostname));
            }
            if looked.ordered == 0 {
                return looked;
            }
        }
        panic!("it is never told everything");
    }
}

#[test]
fn what_is_remembered_is_what_it_would_come_to() {
    let mut told = 0;
    for seed in 0..SEEDS {
        let mut world = World::new(seed);
        let mut changes = Vec::new();
        for _ in 0..CHANGES {
            changes.push(world.change());
            world.site.act("settle");
            let before = world.memory.rendered;
            let remembered = world.follow();
            told += world.memory.rendered - before;
            let fresh = world.look(true);
            let seen =
                |looked: &Looked| (looked.ordered, looked.waiting.clone(), looked.failing.clone());
            assert_eq!(seen(&remembered), seen(&fresh), "seed {seed}: {changes:#?}");
        }
    }
    assert!(told > 200, "changes changed something: {told}");
}

#[test]
fn nothing_is_rendered_again_for_what_no_template_asks_about() {
    let mut world = World::new(0);
    world.counts = [1, 3, 1];
    world.declare();
    world.site.act("settle");
    world.follow();
    let rendered = |world: &mut World| {
        let before = world.memory.rendered;
        world.follow();
        world.memory.rendered - before
    };
    assert_eq!(rendered(&mut world), 0, "nothing changed");
    // One more of `app`: itself, and `all`, which looks at every farm role.
    world.counts = [1, 3, 2];
    world.declare();
    world.site.act("settle");
    let more = rendered(&mut world);
    assert!((1..=4).contains(&more), "one that came up, and its like: {more}");
    // A value of one server's own is that server's.
    let server = world.site.servers().into_iter().find(|it| it.hostname == "app-1").unwrap();
    give(&world.site, VariableScope::Server(server.id), "GREETING", "own").unwrap();
    assert_eq!(rendered(&mut world), 1);
    // Another address of the database is for all that ask for it.
    world.counts[0] = 2;
    world.declare();
    world.site.act("settle");
    let more = rendered(&mut world);
    assert!((3 + 1..=12).contains(&more), "app has three: {more}");
}
