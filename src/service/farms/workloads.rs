//! Work: what the roles of a farm do on its servers, rendered from the live topology and ordered.
//!
//! Each server whose role has a recipe is ordered to have the work that the recipe comes to for it,
//! and ordered anew when that comes to something else. The order names the work by a digest; the
//! work itself is rendered once more for the message ([`Contents`]), so that no variable's value is
//! in a record or in the journal.
//!
//! What changes nothing but files goes to all servers at once. What restarts a service on servers
//! that run goes to one server of a farm role at a time: the next has its turn when the one before
//! has done it and is ready again, and one that fails ends it there, for a person to see. A server
//! on its way up disturbs nobody and waits for nobody. What work comes to is remembered from one
//! look to the next ([`RenderedWork`]): nearly always it is the same. A recipe that cannot be
//! rendered yet (no address of a database there is none of) orders nothing: a server on its way up
//! waits, and of one that runs it is told.

mod assignment;
mod memory;

pub use memory::RenderedWork;

use crate::automation::recipe::{
    NamedWords, Scene, SceneServer, SceneUse, Stage, Tier, Unrendered, render,
};
use crate::base::{Code, FarmId, FarmRoleId, Result, RoleId, ServerId, Timestamp};
use crate::model::{
    Actor, Cause, Farm, Grant, ImageDefaults, OrderBody, Permission, Recipe, Revision, Server,
    ServerStatus, Workload,
};
use crate::service::agents::orders;
use crate::service::farms::images;
use crate::service::farms::variables::FarmVariables;
use crate::service::{Service, authorise, lookup};
use crate::store::{Author, Purpose, View};
use assignment::{Assignment, choose, told};
use memory::{FarmMemory, Outline, Remembered};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

/// What a look at a farm found.
#[derive(Debug, Default)]
pub struct Looked {
    /// How many servers were ordered to do their work.
    pub ordered: usize,
    /// What is wrong with work on servers that run, or will not mend by itself: a line each.
    pub failing: Vec<String>,
    /// What servers on their way up wait for before they can be told their work.
    pub waiting: BTreeMap<ServerId, String>,
}

/// Which roles have work for their servers, as far as was asked: revisions are never changed, so
/// that a role is read through only when it has another one.
#[derive(Debug, Default)]
pub struct RolesWithWork(BTreeMap<RoleId, (u64, bool)>);

impl RolesWithWork {
    /// The farms in which a role has work for its servers.
    pub fn farms(&mut self, service: &Service) -> Result<BTreeSet<FarmId>> {
        let used = service.observed.fleet.roles_in_use(service)?;
        self.0.retain(|role, _| used.contains_key(role));
        let mut farms = service.observed.fleet.overridden_farms(service)?;
        service.read(&Grant::job("workloads"), |view| {
            for (role, of) in used {
                if self.has_work(view, role)? {
                    farms.extend(of);
                }
            }
            Ok(farms)
        })
    }

    fn has_work(&mut self, view: &View, id: RoleId) -> Result<bool> {
        let Some(role) = lookup::role(view, id)? else { return Ok(false) };
        if let Some((_, has_work)) = self.0.get(&id).filter(|known| known.0 == role.revision) {
            return Ok(*has_work);
        }
        let revisions = lookup::role_revisions(view, id)?;
        let has_work = revisions.iter().any(|revision| !revision.recipe.is_idle());
        self.0.insert(id, (role.revision, has_work));
        Ok(has_work)
    }
}

/// Orders the servers of a farm to do what their roles come to for them.
pub fn configure(
    service: &Service,
    actor: &Actor,
    farm: FarmId,
    memory: &mut RenderedWork,
) -> Result<Looked> {
    let grant = authorise(actor, Permission::Operate)?;
    let now = service.now();
    let (due, mut looked) = service.read(&grant, |view| look(service, view, farm, memory, now))?;
    looked.ordered = due.len();
    if looked.ordered > 0 {
        service.write(
            Author::new(&grant, "work.order", Cause::Clock, Purpose::Ending),
            move |tx| {
                for Assignment { server, body, deadline, .. } in due {
                    if lookup::server(tx, server.id)?.is_none_or(|server| !takes_work(&server)) {
                        continue;
                    }
                    let about = lookup::server_name(tx, &server)?;
                    tx.text(about, "is to do what its role says now");
                    orders::give(tx, &server, body, now, now.after(deadline))?;
                }
                Ok(())
            },
        )?;
    }
    Ok(looked)
}

/// What the servers of a farm are to be told now, and what is to be told of them.
fn look(
    service: &Service,
    view: &View,
    farm: FarmId,
    memory: &mut RenderedWork,
    now: Timestamp,
) -> Result<(Vec<Assignment>, Looked)> {
    let mut looked = Looked::default();
    let outlines = outlines(service, view, farm, memory)?;
    let Some((site, outlines)) = outlines else { return Ok((Vec::new(), looked)) };
    let mut assigned: BTreeMap<FarmRoleId, Vec<Assignment>> = BTreeMap::new();
    for (nth, outline) in outlines {
        let server = &site.servers[nth];
        match outline {
            Ok(outline) => {
                let found = Assignment::of(view, server, outline)?;
                assigned.entry(server.farm_role).or_default().push(found);
            }
            Err(why) => {
                if why.is_lasting || server.status == ServerStatus::Running {
                    looked.failing.push(format!("{}: {why}", site.name_of(server)));
                }
                if server.status != ServerStatus::Running {
                    looked.waiting.insert(server.id, why.to_string());
                }
            }
        }
    }
    let well = |server: ServerId| service.observed.is_ready(server);
    let failures = assigned.values().flatten().filter_map(|found| {
        found.failure().map(|why| format!("{}: {why}", site.name_of(&found.server)))
    });
    looked.failing.extend(failures);
    let due =
        assigned.into_values().flat_map(|assignments| choose(assignments, &well, now)).collect();
    Ok((due, looked))
}

/// A farm, and what the work of each of its servers comes to, by its place among them.
type Outlines = (Site, Vec<(usize, std::result::Result<Outline, Unrendered>)>);

/// What the work of a farm's servers comes to; `None` where the farm is gone.
fn outlines(
    service: &Service,
    view: &View,
    farm: FarmId,
    memory: &mut RenderedWork,
) -> Result<Option<Outlines>> {
    let (before, mut now) = (memory.take(farm), FarmMemory::new());
    let Some(site) = Site::read(view, farm)? else { return Ok(None) };
    let mut found = Vec::new();
    for (nth, server) in site.servers.iter().enumerate().filter(|(_, it)| takes_work(it)) {
        let Some(staged) = site.stage(service, view, server)? else { continue };
        let (recipe, stage) = match staged {
            Ok(staged) => staged,
            Err(why) => {
                found.push((nth, Err(why)));
                continue;
            }
        };
        let inputs = memory::inputs(&service.keyring, &recipe.digest, &stage)?;
        let known = before.get(&server.id).filter(|known| known.stands(&inputs, &site.scene));
        let remembered = match known {
            Some(known) => known.clone(),
            None => {
                memory.rendered += 1;
                let (rendered, used) = recipe.render(&site.scene, &stage);
                let outline = match rendered {
                    Ok(workload) => Ok(Outline::of(&service.keyring, &workload)?),
                    Err(why) => Err(why),
                };
                Remembered::new(inputs, used, &site.scene, outline)
            }
        };
        found.push((nth, remembered.found.clone()));
        now.insert(server.id, remembered);
    }
    memory.put(farm, now);
    Ok(Some((site, found)))
}

/// The work that orders speak of, each farm read once.
pub(in crate::service) struct Contents<'a> {
    service: &'a Service,
    view: &'a View,
    sites: BTreeMap<FarmId, Option<Site>>,
}

impl<'a> Contents<'a> {
    pub(in crate::service) fn new(service: &'a Service, view: &'a View) -> Contents<'a> {
        Contents { service, view, sites: BTreeMap::new() }
    }

    /// What a server is ordered to do; `None` when that comes to something else by now.
    pub(in crate::service) fn of(
        &mut self,
        server: ServerId,
        body: &OrderBody,
    ) -> Result<Option<Workload>> {
        let Some(server) = lookup::server(self.view, server)? else { return Ok(None) };
        let (service, view) = (self.service, self.view);
        let Some(site) = self.site_of(&server)? else { return Ok(None) };
        let work = site.work(service, view, &server)?;
        let Some(Ok(workload)) = work else { return Ok(None) };
        let outline = Outline::of(&service.keyring, &workload)?;
        Ok((outline.all == told(body).1).then_some(workload))
    }

    /// What a command of a person's has in its environment on a server: what every server has, and
    /// the variables that its role names. Without the key that opens one, only what it would have
    /// without a role.
    pub(in crate::service) fn environment_of(
        &mut self,
        server: ServerId,
    ) -> Result<Option<Workload>> {
        let Some(server) = lookup::server(self.view, server)? else { return Ok(None) };
        let (service, view) = (self.service, self.view);
        let Some(site) = self.site_of(&server)? else { return Ok(None) };
        let recipe = site.recipes.get(&make_key(&server));
        let is_named = |name: &str| recipe.is_some_and(|recipe| recipe.named.has(name));
        let known = match site.variables.of_server(service, view, &server, &is_named) {
            Err(problem) if problem.code == Code::ServiceUnavailable => {
                site.variables.of_server(service, view, &server, &|_| false)?
            }
            known => known?,
        };
        let mut workload = Workload::default();
        for (name, variable) in known {
            let value = variable.value.reveal().to_owned();
            if variable.hidden {
                workload.hidden.push(value.clone());
            }
            workload.environment.insert(name, value);
        }
        Ok(Some(workload))
    }

    fn site_of(&mut self, server: &Server) -> Result<Option<&Site>> {
        let site = match self.sites.entry(server.farm) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(Site::read(self.view, server.farm)?),
        };
        Ok(site.as_ref())
    }
}

/// Whether a server of this make has work to wait for.
pub(in crate::service) fn has_work(view: &View, make: &Revision) -> Result<bool> {
    Ok(!lookup::recipe_of_make(view, make)?.is_idle())
}

/// Whether a server can be told to do anything.
fn takes_work(server: &Server) -> bool {
    let up = server.status.gets_ready() || server.status == ServerStatus::Running;
    up && server.agent && server.address().is_some()
}

/// A farm, read once for all of its servers.
struct Site {
    farm: Farm,
    servers: Vec<Server>,
    /// What is done on servers of each make that is declared or that there are servers of.
    recipes: BTreeMap<MakeKey, ReadRecipe>,
    variables: FarmVariables,
    scene: Scene,
}

/// What is done on servers of one make.
struct ReadRecipe {
    recipe: Recipe,
    /// Its words, among which variables are.
    named: NamedWords,
    /// What the image says of the programs in it, where that is taken over.
    defaults: Option<ImageDefaults>,
    /// What recipe and image come to.
    digest: [u8; 32],
}

impl ReadRecipe {
    fn read(view: &View, farm: &Farm, make: &Revision) -> Result<ReadRecipe> {
        let recipe = lookup::recipe_of_make(view, make)?;
        let takes_over = recipe.services.iter().any(|service| service.command.is_empty());
        let of_role = (make.role, make.role_revision);
        let defaults = takes_over.then(|| images::defaults(view, farm.env, of_role)).transpose()?;
        let (named, digest) =
            (NamedWords::of(&recipe), memory::recipe_digest(&recipe, defaults.as_ref())?);
        Ok(ReadRecipe { recipe, named, defaults, digest })
    }

    /// What it comes to for a server, and what of the farm that comes from.
    fn render(
        &self,
        scene: &Scene,
        stage: &Stage,
    ) -> (std::result::Result<Workload, Unrendered>, SceneUse) {
        let (mut rendered, used) = render(&self.recipe, scene, stage);
        // What an image says is no template.
        if let (Ok(workload), Some(defaults)) = (&mut rendered, &self.defaults) {
            workload.services.iter_mut().for_each(|service| service.take_over(defaults));
        }
        (rendered, used)
    }
}

/// What a server's work is rendered from, or why nobody knows.
type Staged<'a> = std::result::Result<(&'a ReadRecipe, Stage), Unrendered>;

impl Site {
    fn read(view: &View, farm: FarmId) -> Result<Option<Site>> {
        let Some(farm) = lookup::farm(view, farm)? else { return Ok(None) };
        let roles = lookup::farm_roles_of(view, farm.id)?;
        let mut servers = lookup::live_servers_of_farm(view, farm.id)?;
        servers.sort_by_key(|server| (server.farm_role, server.index, server.id));
        let roles: BTreeMap<_, _> = roles.into_iter().map(|role| (role.id, role)).collect();
        let declared = roles.values().map(|role| (role.id, role.revision));
        let made = servers.iter().map(make_key);
        let mut recipes = BTreeMap::new();
        for key in declared.chain(made) {
            let Entry::Vacant(new) = recipes.entry(key) else { continue };
            let Some(make) = roles.get(&key.0).and_then(|role| role.make_of(key.1)) else {
                continue;
            };
            new.insert(ReadRecipe::read(view, &farm, &make)?);
        }
        let mut tiers = BTreeMap::new();
        for role in roles.values().filter(|role| !role.removed) {
            let ports = recipes[&(role.id, role.revision)].recipe.ports.clone();
            let members = servers.iter().filter(|server| {
                server.farm_role == role.id && server.status == ServerStatus::Running
            });
            let servers = members.filter_map(|server| member(&farm, server)).collect();
            tiers.insert(role.alias.to_string(), Tier { ports, servers });
        }
        let scene = Scene::new(farm.name.as_str(), &tiers);
        let variables = FarmVariables::read(view, &farm, roles.values())?;
        Ok(Some(Site { farm, servers, recipes, variables, scene }))
    }

    fn name_of(&self, server: &Server) -> String {
        lookup::name_in(self.farm.name.as_str(), &server.hostname)
    }

    /// What a server is to do; `None` where its role has nothing for it.
    fn work(
        &self,
        service: &Service,
        view: &View,
        server: &Server,
    ) -> Result<Option<std::result::Result<Workload, Unrendered>>> {
        let staged = self.stage(service, view, server)?;
        Ok(staged.map(|staged| staged.and_then(|(recipe, it)| recipe.render(&self.scene, &it).0)))
    }

    /// What a server's work is rendered from; `None` where its role has nothing for it.
    fn stage(&self, service: &Service, view: &View, server: &Server) -> Result<Option<Staged<'_>>> {
        let recipe = self.recipes.get(&make_key(server)).filter(|it| !it.recipe.is_idle());
        let Some(recipe) = recipe else { return Ok(None) };
        let named = &recipe.named;
        let Some(member) = member(&self.farm, server) else { return Ok(None) };
        let is_named = |name: &str| named.has(name);
        let known = match self.variables.of_server(service, view, server, &is_named) {
            Ok(known) => known,
            Err(problem) if problem.code == Code::ServiceUnavailable => {
                return Ok(Some(Err(Unrendered::of_variables(problem.message))));
            }
            Err(problem) => return Err(problem),
        };
        let hidden = known.iter().filter(|(_, known)| known.hidden);
        let hidden = hidden.map(|(name, _)| name.clone()).collect();
        let of_setup = known.keys().filter(|name| named.is_of_setup(name)).cloned().collect();
        let vars = known.into_iter().map(|(name, known)| (name, known.value.reveal().to_owned()));
        let stage = Stage { server: member, vars: vars.collect(), hidden, of_setup };
        Ok(Some(Ok((recipe, stage))))
    }
}

/// A farm role and the number of what its servers are made of.
type MakeKey = (FarmRoleId, u64);

fn make_key(server: &Server) -> MakeKey {
    (server.farm_role, server.revision)
}

fn member(farm: &Farm, server: &Server) -> Option<SceneServer> {
    Some(SceneServer {
        name: lookup::name_in(farm.name.as_str(), &server.hostname),
        hostname: server.hostname.clone(),
        index: server.index,
        address: server.address()?.clone(),
    })
}
