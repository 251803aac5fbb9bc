//! Records and sightings as people see them: the API's views, made in one place.

mod services;
mod waits;

pub(in crate::service) use services::ailments;
pub use waits::{not_passed, unwell_of_farm};

use crate::base::time::say;
use crate::base::{FarmId, FarmRoleId, Problem, Result, RoleId, ServerId, UserId};
use crate::model::{
    CloudState, Decision, EndedBy, Farm, FarmRole, Freshness, LaunchOrder, Line, Note, Order,
    OrderState, Overrides, Ran, Role, Run, RunCount, RunServer, RunServerState, ScalingRule,
    Server, Wait,
};
use crate::service::clouds::known;
use crate::service::farms::notes::{self, On};
use crate::service::farms::published;
use crate::service::plans::glance;
use crate::service::plans::{holds, rollouts};
use crate::service::servers::conditions;
use crate::service::{Service, farms, lookup};
use crate::store::{Reads, Versioned, View};
use crate::wire::api::{
    FarmExtra, FarmRoleExtra, FarmRoleView, FarmView, NameRef, OrderView, ReadingView, Ref,
    RoleRef, ScalingView, ServerExtra, ServerView,
};
use crate::wire::input::{RoleExtra, RoleView};
use crate::wire::note::NoteView;
use crate::wire::role::RoleUseView;
use crate::wire::run::{RunServerView, RunView};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// A farm with its counts and reasons.
pub fn farm(service: &Service, view: &View, farm: Farm) -> Result<FarmView> {
    let roles = lookup::farm_roles_of(view, farm.id)?;
    let counts = service.observed.fleet.of_farm(service, &farm)?;
    let plan = glance(service, view, farm.id)?;
    let revision = lookup::revision_of::<Farm>(view, farm.id)?;
    let target: u32 = plan.iter().flat_map(|plan| &plan.targets).map(|t| t.target).sum();
    // What is declared counts from the moment it is, before anything is planned.
    let needed = roles.iter().filter(|role| !role.removed).map(|role| {
        let target = plan.as_ref().and_then(|plan| plan.target(role.id)).map_or(0, |t| t.target);
        target.max(role.scaling.min)
    });
    let needed = needed.sum();
    Ok(FarmView {
        id: farm.id.0,
        name: farm.name.to_string(),
        description: farm.description.clone(),
        launch_order: match farm.launch_order {
            LaunchOrder::Simultaneous => "simultaneous".into(),
            LaunchOrder::Sequential => "sequential".into(),
        },
        status: farms::status(&farm, &counts, needed).into(),
        grange: FarmExtra {
            revision,
            plan: plan.as_ref().map_or(0, |plan| plan.id.0),
            waiting: waits::of_farm(service, view, farm.id)?,
            farm_roles: u32::try_from(roles.len()).unwrap_or(u32::MAX),
            running: counts.serving(),
            unhealthy: counts.unhealthy(),
            target,
            servers: counts.total(),
            freeze: plan.and_then(|plan| plan.freeze.clone()),
            holds: holds::lines(view, farm.id, None, service.now())?,
            notes: notes::on(view, farm.id, On::Farm)?,
        },
    })
}

/// A farm role with its counts and reasons.
pub fn farm_role(service: &Service, view: &View, role: FarmRole) -> Result<FarmRoleView> {
    let recipe = lookup::role(view, role.role)?;
    let counts = service.observed.fleet.of_farm_role(service, &role)?;
    let plan = glance(service, view, role.farm)?;
    let target = plan.as_ref().and_then(|p| p.target(role.id)).map_or(0, |t| t.target);
    let revision = lookup::revision_of::<FarmRole>(view, role.id)?;
    Ok(FarmRoleView {
        id: role.id.0,
        alias: role.alias.to_string(),
        farm: Ref { id: role.farm.0 },
        role: RoleRef {
            id: role.role.0,
            name: recipe.map(|recipe| recipe.name.to_string()).unwrap_or_default(),
        },
        cloud_platform: known::platform_of(view, &role.account)?,
        cloud_location: role.location.clone(),
        instance_type: NameRef { id: role.instance_type.clone() },
        launch_index: role.launch_index,
        scaling: ScalingView {
            enabled: role.scaling.enabled,
            min_instances: role.scaling.min,
            max_instances: role.scaling.max,
            rules: role.scaling.rules.iter().map(|r| r.metric.rule_type().to_owned()).collect(),
        },
        grange: FarmRoleExtra {
            revision,
            account: role.account.clone(),
            target,
            running: counts.serving(),
            unhealthy: counts.unhealthy(),
            servers: counts.total(),
            rules: role.scaling.rules.iter().map(rule).collect(),
            volumes: role.storage.iter().map(|volume| volume.mount_point.clone()).collect(),
            balances: role.balance.as_ref().map(|balance| balance.farm_role.to_string()),
            outbound: role.outbound,
            overrides: overrides(&role.overrides),
            published: published::views(service, &role),
            waiting: waits::of_farm_role(service, view, &role)?,
            holds: holds::lines(view, role.farm, Some(role.id), service.now())?,
            notes: notes::on(view, role.farm, On::FarmRole(role.id))?,
            rollout: rollouts::under_way(service, view, &role)?.map(Box::new),
        },
    })
}

/// What a farm role does otherwise than its role, a line each.
fn overrides(overrides: &Overrides) -> Vec<String> {
    let Overrides { environment, files, setup } = overrides;
    let environment = environment.iter().filter(|(_, variables)| !variables.is_empty());
    let environment = environment.map(|(service, variables)| {
        let names: Vec<&str> = variables.keys().map(String::as_str).collect();
        format!("environment of {service}: {}", names.join(", "))
    });
    let files = files.iter().map(|file| format!("file {}", file.path));
    let setup = setup.iter().map(|part| format!("setup {}", part.name));
    environment.chain(files).chain(setup).collect()
}

/// A rule in words.
pub fn rule(rule: &ScalingRule) -> String {
    format!(
        "{}: up above {}, down below {}, over {}",
        rule.metric.rule_type(),
        rule.scale_up,
        rule.scale_down,
        say(rule.window_ms)
    )
}

/// What the rows of a page have in common, read once.
#[derive(Default)]
pub struct Names {
    farms: BTreeMap<FarmId, String>,
    roles: BTreeMap<FarmRoleId, Option<FarmRole>>,
    notes: BTreeMap<FarmId, Vec<Note>>,
}

impl Names {
    fn farm(&mut self, view: &View, id: FarmId) -> Result<String> {
        if let Some(name) = self.farms.get(&id) {
            return Ok(name.clone());
        }
        let name = lookup::farm(view, id)?.map(|farm| farm.name.to_string()).unwrap_or_default();
        self.farms.insert(id, name.clone());
        Ok(name)
    }

    fn notes(&mut self, view: &View, farm: FarmId, server: ServerId) -> Result<Vec<NoteView>> {
        let notes = match self.notes.entry(farm) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(lookup::notes_of_farm(view, farm)?),
        };
        notes::among(view, notes, On::Server(server))
    }

    fn role(&mut self, view: &View, id: FarmRoleId) -> Result<Option<&FarmRole>> {
        Ok(match self.roles.entry(id) {
            Entry::Occupied(known) => known.into_mut().as_ref(),
            Entry::Vacant(new) => new.insert(lookup::farm_role(view, id)?).as_ref(),
        })
    }
}

/// A server with what was last seen of it.
pub fn server(service: &Service, view: &View, server: Server) -> Result<ServerView> {
    let revision = lookup::revision_of::<Server>(view, server.id)?;
    let (names, record) = (&mut Names::default(), server.clone());
    let mut seen = row(service, view, Versioned { revision, record }, names)?;
    if seen.grange.services_at.is_none()
        && let Some(role) = names.role(view, server.farm_role)?
    {
        seen.grange.services = services::unsaid(view, &server, role)?;
    }
    Ok(seen)
}

/// The row of a list about a server; `None` when its record is gone.
pub fn server_row(
    service: &Service,
    view: &View,
    id: ServerId,
    names: &mut Names,
) -> Result<Option<ServerView>> {
    let found = view.get::<Server>(id)?;
    found.map(|found| row(service, view, found, names)).transpose()
}

fn row(
    service: &Service,
    view: &View,
    found: Versioned<Server>,
    names: &mut Names,
) -> Result<ServerView> {
    let Versioned { revision, record: server } = found;
    let farm = names.farm(view, server.farm)?;
    let notes = names.notes(view, server.farm, server.id)?;
    let role = names.role(view, server.farm_role)?;
    let alias = role.map(|role| role.alias.to_string()).unwrap_or_default();
    let now = service.now();
    let freshness = service.observed.freshness(&*service.clock, &server.account, server.id);
    let (seen, seen_age) = match &freshness {
        Freshness::Unknown => ("unknown", None),
        Freshness::Seen { state, at } => (cloud_state(*state), Some(now.since(*at))),
        Freshness::Missing { since, .. } => ("missing", Some(now.since(*since))),
    };
    let report = service.observed.report_about(server.farm, server.farm_role, server.id);
    let agent = service.observed.agent(server.id);
    let failure = service.observed.failure(server.id);
    let word = conditions::Word { agent, failure: failure.as_ref() };
    let conditions = conditions::of(service, &server, role, &freshness, word, &report, now);
    let latest = service.series.latest(server.id);
    let awaited = service.observed.work_awaited(server.farm, server.id);
    let awaited = awaited.map(|what| format!("its work cannot be told yet: {what}"));
    let waits = waits::of_server(service, server.id, &report);
    let waiting = awaited.into_iter().chain(waits).collect();
    let (services, services_at) = services::said(service, &server);
    Ok(ServerView {
        id: server.id.to_string(),
        hostname: server.hostname.clone(),
        index: server.index,
        status: server.status.as_str().into(),
        farm: Ref { id: server.farm.0 },
        farm_role: Ref { id: server.farm_role.0 },
        cloud_platform: known::platform_of(view, &server.account)?,
        cloud_location: server.location,
        cloud_server_id: server.cloud_server_id,
        instance_type: NameRef { id: server.instance_type },
        private_ip: server.private_ips,
        public_ip: server.public_ips,
        launch_reason: server.launch_reason.say().into(),
        launched: server.created_at.to_string(),
        grange: ServerExtra {
            revision,
            made_of: server.revision,
            name: lookup::name_in(&farm, &server.hostname),
            farm,
            alias,
            account: server.account,
            status_at: server.status_at.0,
            status_age: now.since(server.status_at),
            conditions,
            agent_connected: agent.is_some_and(|agent| agent.connected),
            agent_version: server.agent_version,
            terminate_reason: server.terminate_reason.map(|reason| reason.say().into()),
            waiting,
            seen: seen.into(),
            seen_age,
            notes,
            latest: latest
                .into_iter()
                .map(|(series, at, value)| ReadingView { series, at: at.0, value })
                .collect(),
            services,
            services_at,
        },
    })
}

/// What a cloud says, in a word.
pub fn cloud_state(state: CloudState) -> &'static str {
    match state {
        CloudState::Pending => "pending",
        CloudState::Running => "running",
        CloudState::Stopped => "stopped",
        CloudState::Suspended => "suspended",
        CloudState::Terminating => "terminating",
        CloudState::Gone => "gone",
    }
}

/// What a line says is waited for.
fn wait_of(line: &Line) -> Option<&Wait> {
    match &line.decision {
        Decision::Wait(wait) => Some(wait),
        Decision::Keep
        | Decision::Launch(_)
        | Decision::Retire(_)
        | Decision::Act(_)
        | Decision::Target { .. } => None,
    }
}

/// An order and what came of it.
pub fn order(order: Order) -> OrderView {
    let cancelled_by = order.cancel.map(|cancel| cancel.by);
    let shown = OrderView { id: order.id.0, cancelled_by, ..OrderView::default() };
    let because = |state: &str, why: String| OrderView {
        state: state.into(),
        output: why.clone(),
        why: Some(why),
        ..shown.clone()
    };
    match order.state {
        OrderState::Open => OrderView { state: "open".into(), ..shown },
        OrderState::Done { exit_code, output } => {
            OrderView { state: "done".into(), exit_code: Some(exit_code), output, ..shown }
        }
        OrderState::Failed(why) => because("failed", why),
        OrderState::Expired => {
            because("expired", "no answer before its deadline or its server's end".into())
        }
        OrderState::Superseded => because("superseded", "a later order took its place".into()),
        OrderState::Ran { exit_code, ran } => ended(shown, exit_code, ran),
    }
}

/// A run.
pub fn run(run: Run) -> RunView {
    let Run { id, what, command, timeout_ms, parallel, canary, by, at, ended_at, .. } = run;
    let RunCount { servers, open, succeeded, failed, skipped } = run.count;
    let state = match (ended_at, &run.cancel) {
        (None, _) => "running",
        (Some(_), _) if succeeded == servers => "done",
        (Some(_), Some(_)) => "cancelled",
        (Some(_), None) => "failed",
    };
    RunView {
        id: id.0,
        what,
        command,
        by,
        at: at.0,
        ended_at: ended_at.map(|at| at.0),
        state: state.to_owned(),
        timeout_ms,
        parallel,
        canary,
        servers,
        waiting: run.count.waiting(),
        open,
        succeeded,
        failed,
        skipped,
    }
}

/// What came of a run on one server.
pub fn run_server(part: RunServer) -> RunServerView {
    let (server, order) = (part.server.to_string(), part.order.map(|order| order.0));
    let shown = RunServerView { server, name: part.name, order, ..RunServerView::default() };
    let because = |state: &str, why: String| RunServerView {
        state: state.to_owned(),
        why: Some(why),
        ..shown.clone()
    };
    match part.state {
        RunServerState::Waiting => RunServerView { state: "waiting".to_owned(), ..shown },
        RunServerState::Open => RunServerView { state: "open".to_owned(), ..shown },
        RunServerState::Failed(why) => because("failed", why),
        RunServerState::Skipped(why) => because("skipped", why),
        RunServerState::Ended { exit_code, ran } => {
            let why = match ran.ended_by {
                EndedBy::Itself => None,
                EndedBy::Timeout => Some("it was ended when its time was over".to_owned()),
                EndedBy::Stop => Some("it was ended when the agent stopped".to_owned()),
                EndedBy::Cancel => Some("it was cancelled".to_owned()),
            };
            let well = exit_code == 0 && why.is_none();
            let state = if well { "done" } else { "failed" }.to_owned();
            let (stdout, stderr) = (Some(ran.stdout), Some(ran.stderr));
            RunServerView { state, exit_code: Some(exit_code), why, stdout, stderr, ..shown }
        }
    }
}

fn ended(shown: OrderView, exit_code: i32, ran: Ran) -> OrderView {
    let (state, why) = match ran.ended_by {
        EndedBy::Itself => ("done", None),
        EndedBy::Timeout => ("failed", Some("it was ended when its time was over".to_owned())),
        EndedBy::Stop => ("failed", Some("it was ended when the agent stopped".to_owned())),
        EndedBy::Cancel => {
            let by = shown.cancelled_by.as_deref().unwrap_or("nobody who is known");
            ("cancelled", Some(format!("it was cancelled by {by}")))
        }
    };
    OrderView {
        state: state.into(),
        exit_code: Some(exit_code),
        output: ran.stdout.text() + &ran.stderr.text(),
        why,
        left_out: ran.stdout.left_out.saturating_add(ran.stderr.left_out),
        stdout: Some(ran.stdout),
        stderr: Some(ran.stderr),
        ..shown
    }
}

/// A role.
pub fn role(read: &impl Reads, role: Role) -> Result<RoleView> {
    Ok(RoleView {
        id: role.id.0,
        builtin_automation: role.automation.iter().map(|one| one.as_str().to_owned()).collect(),
        grange: RoleExtra {
            revision: lookup::revision_of::<Role>(read, role.id)?,
            role_revision: role.revision,
            built_in: role.built_in,
            platforms: role.images.into_iter().map(|image| image.platform).collect(),
            created_by: person(read, role.created_by)?,
            created_at: role.created_at.0,
            used_by: role_uses(read, role.id)?,
        },
        name: role.name.to_string(),
        description: role.description,
    })
}

/// The farm roles that use a role, by name.
pub fn role_uses(read: &impl Reads, role: RoleId) -> Result<Vec<RoleUseView>> {
    let mut uses = Vec::new();
    for farm_role in lookup::farm_roles_with(read, role)? {
        uses.push(RoleUseView {
            farm_role: farm_role_name(read, &farm_role)?,
            farm: farm_role.farm.0,
            role_revision: farm_role.role_revision,
        });
    }
    uses.sort_by(|a, b| a.farm_role.cmp(&b.farm_role));
    Ok(uses)
}

/// A farm role as people say it: `shop/web`.
pub fn farm_role_name(read: &impl Reads, farm_role: &FarmRole) -> Result<String> {
    let farm = lookup::farm(read, farm_role.farm)?.map(|farm| farm.name.to_string());
    Ok(format!("{}/{}", farm.unwrap_or_default(), farm_role.alias))
}

/// What a person is called; `grange` is the appliance itself.
pub fn person(read: &impl Reads, id: UserId) -> Result<String> {
    if id == UserId(0) {
        return Ok("grange".to_owned());
    }
    Ok(lookup::user(read, id)?.map_or_else(|| format!("user {id}"), |user| user.name.to_string()))
}

/// Nothing of that noun, as a problem.
pub fn missing(noun: &str, what: &str) -> Problem {
    Problem::not_found(noun, what)
}
