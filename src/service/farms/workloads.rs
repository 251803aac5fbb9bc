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
//! on its way up disturbs nobody and waits for nobody. A recipe that cannot be rendered yet (no
//! address of a database there is none of) orders nothing: a server on its way up waits, and of one
//! that runs it is told.

use crate::automation::recipe::{NamedWords, Scene, SceneServer, Stage, Tier, Unrendered, render};
use crate::base::hash::{hex, sha256};
use crate::base::{Code, FarmId, FarmRoleId, Millis, Problem, Result, RoleId, ServerId, Timestamp};
use crate::model::{
    Actor, Cause, Farm, Grant, ImageDefaults, OnChange, Order, OrderBody, OrderState, Permission,
    Recipe, Revision, RoleFile, Server, ServerStatus, Workload,
};
use crate::service::agents::orders;
use crate::service::farms::images;
use crate::service::farms::variables::FarmVariables;
use crate::service::{Service, authorise, lookup};
use crate::store::{Author, Keyring, Purpose, View};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

/// Work is given up when it is not done this long after all of its setup could have been; the next
/// look orders it anew.
const DEADLINE: Millis = 300_000;
/// Work that failed on a server that runs is ordered again after this long: what was in its way
/// may be gone by then.
const AGAIN_AFTER: Millis = 300_000;

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
pub fn configure(service: &Service, actor: &Actor, farm: FarmId) -> Result<Looked> {
    let grant = authorise(actor, Permission::Operate)?;
    let now = service.now();
    let (due, mut looked) = service.read(&grant, |view| look(service, view, farm, now))?;
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
    now: Timestamp,
) -> Result<(Vec<Assignment>, Looked)> {
    let mut looked = Looked::default();
    let Some(site) = Site::read(view, farm)? else { return Ok((Vec::new(), looked)) };
    let mut assigned: BTreeMap<FarmRoleId, Vec<Assignment>> = BTreeMap::new();
    for server in site.servers.iter().filter(|server| takes_work(server)) {
        match site.assignment(service, view, server)? {
            None => {}
            Some(Ok(found)) => assigned.entry(server.farm_role).or_default().push(found),
            Some(Err(why)) => {
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
    let failures = assigned.values().flatten().filter_map(|found| found.failure(&site));
    looked.failing.extend(failures);
    let due =
        assigned.into_values().flat_map(|assignments| choose(assignments, &well, now)).collect();
    Ok((due, looked))
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
        let digests = Digests::of(&service.keyring, &workload)?;
        Ok((digests.all == told(body).1).then_some(workload))
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
        let named = site.named.get(&make_key(&server));
        let is_named = |name: &str| named.is_some_and(|named| named.has(name));
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
    recipes: BTreeMap<MakeKey, Recipe>,
    /// The words of each, among which variables are.
    named: BTreeMap<MakeKey, NamedWords>,
    variables: FarmVariables,
    /// What their images say of the programs in them, where that is taken over.
    defaults: BTreeMap<MakeKey, ImageDefaults>,
    scene: Scene,
}

impl Site {
    fn read(view: &View, farm: FarmId) -> Result<Option<Site>> {
        let Some(farm) = lookup::farm(view, farm)? else { return Ok(None) };
        let roles = lookup::farm_roles_of(view, farm.id)?;
        let mut servers = lookup::live_servers_of_farm(view, farm.id)?;
        servers.sort_by_key(|server| (server.farm_role, server.index, server.id));
        let roles: BTreeMap<_, _> = roles.into_iter().map(|role| (role.id, role)).collect();
        let declared = roles.values().map(|role| (role.id, role.revision));
        let made = servers.iter().map(make_key);
        let (mut recipes, mut defaults) = (BTreeMap::new(), BTreeMap::new());
        let mut named = BTreeMap::new();
        for key in declared.chain(made) {
            let Entry::Vacant(new) = recipes.entry(key) else { continue };
            let Some(make) = roles.get(&key.0).and_then(|role| role.make_of(key.1)) else {
                continue;
            };
            let recipe = new.insert(lookup::recipe_of_make(view, &make)?);
            named.insert(key, NamedWords::of(recipe));
            if recipe.services.iter().any(|service| service.command.is_empty()) {
                let of_role = (make.role, make.role_revision);
                defaults.insert(key, images::defaults(view, farm.env, of_role)?);
            }
        }
        let mut tiers = BTreeMap::new();
        for role in roles.values().filter(|role| !role.removed) {
            let ports = recipes[&(role.id, role.revision)].ports.clone();
            let members = servers.iter().filter(|server| {
                server.farm_role == role.id && server.status == ServerStatus::Running
            });
            let servers = members.filter_map(|server| member(&farm, server)).collect();
            tiers.insert(role.alias.to_string(), Tier { ports, servers });
        }
        let scene = Scene::new(farm.name.as_str(), &tiers);
        let variables = FarmVariables::read(view, &farm, roles.values())?;
        Ok(Some(Site { farm, servers, recipes, named, variables, defaults, scene }))
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
        let made = make_key(server);
        let recipe = self.recipes.get(&made).zip(self.named.get(&made));
        let Some((recipe, named)) = recipe.filter(|(recipe, _)| !recipe.is_idle()) else {
            return Ok(None);
        };
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
        let mut rendered = render(recipe, &self.scene, &stage);
        // What an image says is no template.
        if let (Ok(workload), Some(defaults)) = (&mut rendered, self.defaults.get(&made)) {
            workload.services.iter_mut().for_each(|service| service.take_over(defaults));
        }
        Ok(Some(rendered))
    }

    /// What a server is to do, beside what it was last told.
    fn assignment(
        &self,
        service: &Service,
        view: &View,
        server: &Server,
    ) -> Result<Option<std::result::Result<Assignment, Unrendered>>> {
        let workload = match self.work(service, view, server)? {
            None => return Ok(None),
            Some(Err(why)) => return Ok(Some(Err(why))),
            Some(Ok(workload)) => workload,
        };
        let orders = lookup::orders_of(view, server.id)?;
        let last = orders::last_of(&orders, orders::is_work).cloned();
        let setup = workload.setup.iter().map(|part| part.timeout_ms);
        let deadline = setup.fold(DEADLINE, Millis::saturating_add);
        let digests = Digests::of(&service.keyring, &workload)?;
        let body = OrderBody::Workload {
            generation: last.as_ref().map_or(0, |order| told(&order.body).0) + 1,
            digest: digests.all,
            restarts: digests.restarts,
        };
        Ok(Some(Ok(Assignment { server: server.clone(), body, deadline, last })))
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

/// What a server is to do, and what it was last told to.
struct Assignment {
    server: Server,
    body: OrderBody,
    deadline: Millis,
    last: Option<Order>,
}

/// Generation, digest and what restarts services, of an order of work.
fn told(body: &OrderBody) -> (u64, &str, &str) {
    match body {
        OrderBody::Workload { generation, digest, restarts } => (*generation, digest, restarts),
        _ => (0, "", ""),
    }
}

impl Assignment {
    fn runs(&self) -> bool {
        self.server.status == ServerStatus::Running
    }

    /// Whether it was told all of this already, and is about it or done.
    fn stands(&self, now: Timestamp) -> bool {
        let Some(last) = &self.last else { return false };
        let same = told(&last.body).1 == told(&self.body).1;
        same && match &last.state {
            OrderState::Done { .. } | OrderState::Ran { .. } => true,
            OrderState::Open => last.deadline >= now,
            // On its way up it has failed for good, and is healed as its farm role says.
            OrderState::Failed(_) => !self.runs() || now.since(last.at) < AGAIN_AFTER,
            OrderState::Expired | OrderState::Superseded => false,
        }
    }

    /// Whether what it is told now stops a service that it runs.
    fn disturbs(&self) -> bool {
        let before = self.last.as_ref().map(|last| told(&last.body).2);
        self.runs() && before.is_some_and(|before| before != told(&self.body).2)
    }

    /// Whether others have to wait for it.
    fn is_busy(&self, is_well: impl Fn(ServerId) -> bool) -> bool {
        let state = self.last.as_ref().map(|last| &last.state);
        let open = matches!(state, Some(OrderState::Open));
        let failed = matches!(state, Some(OrderState::Failed(_) | OrderState::Expired));
        self.runs() && (open || failed || !is_well(self.server.id))
    }

    /// What is wrong with its work, on a server that runs.
    fn failure(&self, site: &Site) -> Option<String> {
        let OrderState::Failed(why) = &self.last.as_ref()?.state else { return None };
        self.runs().then(|| {
            let name = site.name_of(&self.server);
            format!("{name}: what its role says now is not in place: {why}")
        })
    }
}

/// Of the servers of one farm role, those that are told now.
fn choose(
    assignments: Vec<Assignment>,
    is_well: &impl Fn(ServerId) -> bool,
    now: Timestamp,
) -> Vec<Assignment> {
    let busy: BTreeSet<ServerId> =
        assignments.iter().filter(|one| one.is_busy(is_well)).map(|one| one.server.id).collect();
    let mut disturbed = false;
    let mut told = Vec::new();
    for one in assignments.into_iter().filter(|one| !one.stands(now)) {
        if one.disturbs() {
            let others = busy.iter().any(|other| *other != one.server.id);
            if disturbed || others {
                continue;
            }
            disturbed = true;
        }
        told.push(one);
    }
    told
}

/// What names a server's work, and what in it restarts a service when it changes.
struct Digests {
    all: String,
    /// Of services, their environment, and files that say so.
    restarts: String,
}

impl Digests {
    /// Hidden values are short and few: a digest of them has a key, so that nobody can try them.
    fn of(keyring: &Keyring, workload: &Workload) -> Result<Digests> {
        let is_plain = workload.hidden.is_empty();
        let digest = |text: serde_json::Result<Vec<u8>>| -> Result<String> {
            let text = text.map_err(|cause| Problem::internal("writing a server's work", cause))?;
            let whole = if is_plain { sha256(&text) } else { keyring.digest(&text)? };
            Ok(hex(&whole[..16]))
        };
        let restarts = |file: &&RoleFile| matches!(file.on_change, Some(OnChange::Restart(_)));
        let files: Vec<_> = workload.files.iter().filter(restarts).collect();
        let of_services = (&workload.services, &workload.environment, files);
        Ok(Digests {
            all: digest(serde_json::to_vec(workload))?,
            restarts: digest(serde_json::to_vec(&of_services))?,
        })
    }
}
