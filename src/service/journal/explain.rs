//! Why a thing is as it is: the chain of causes in the journal, and what it waits for.
//!
//! The journal's entries about a thing are one half; the other is what made the engine decide,
//! which a plan's report holds with its inputs: the reading's value and of how many servers, the
//! sighting's age. A story is walked by ids, not by words: from a server to the plan that wanted
//! it, from there to the server it replaced, to the plan that moved the target, to the request
//! before it. It ends in a person, a clock or a reading, or where the journal begins.
//!
//! ```text
//! find.rs      what is asked about, also when it is gone
//! past.rs      records, or what the journal remembers of them
//! chain.rs     entries as lines; their order; where a chain ends
//! server.rs    a server's life, and its origin through those it replaced
//! decision.rs  plans and steps
//! role.rs      a role, who uses it, and what an upgrade would do
//! volume.rs    a data volume, and who has it
//! next.rs      what happens next, with numbers
//! ```

mod chain;
mod decision;
mod find;
mod next;
mod past;
mod role;
mod server;
mod volume;

use crate::base::time::say;
use crate::base::{FarmId, FarmRoleId, PlanId, Problem, Result, Seq};
use crate::model::{Actor, Farm, FarmRole, Line, Permission, Plan, Server, ServerStatus};
use crate::service::clouds::notices;
use crate::service::farms::notes::{self, On};
use crate::service::{Service, authorise, lookup, views};
use crate::store::{Entry, Subject, View};
use crate::wire::api::{BecauseView, ExplainView, PlanView};
use crate::wire::note::NoteView;
use chain::{Link, Root};
use find::Thing;
use past::Past;

/// Links of a chain at the most: with how it is and what is next, a person reads it in under 20
/// lines.
const LINKS_MAX: usize = 12;
/// Entries of a thing looked at for its story.
const LOOKED_AT_MAX: usize = 100;

/// Explains `shop`, `shop/web`, `shop/web-3`, `web-3` where it is unique, a server's UUID,
/// `plan 12`, `step 34`, `volume 5` or `role my-api`; what is gone too, as long as the journal has
/// it.
pub fn explain(service: &Service, actor: &Actor, what: &str) -> Result<ExplainView> {
    let grant = authorise(actor, Permission::EventsRead)?;
    service.read(&grant, |view| {
        let past = Past { service, grant: &grant, view };
        let thing = find::find(&past, actor, what)?;
        let notes = notes_on(view, &thing)?;
        let told = match thing {
            Thing::Farm(farm) => farm_story(&past, farm),
            Thing::FarmRole(farm, role) => role_story(&past, &farm, role),
            Thing::Server(server) => server_story(&past, &server),
            Thing::Plan(plan) => decision::plan(&past, &plan),
            Thing::Step(step) => decision::step(&past, &step),
            Thing::Volume(volume) => volume::story(&past, volume),
            Thing::Role(role) => role::story(&past, actor, &role),
        }?;
        Ok(ExplainView { notes, ..told })
    })
}

/// What people left on a thing.
fn notes_on(view: &View, thing: &Thing) -> Result<Vec<NoteView>> {
    match thing {
        Thing::Farm(farm) => notes::on(view, farm.id, On::Farm),
        Thing::FarmRole(farm, role) => notes::on(view, farm.id, On::FarmRole(role.id)),
        Thing::Server(server) => notes::on(view, server.farm, On::Server(server.id)),
        Thing::Plan(_) | Thing::Step(_) | Thing::Volume(_) | Thing::Role(_) => Ok(Vec::new()),
    }
}

/// What people call a thing in full, as the journal does: `web-3` and a server's UUID are
/// `shop/web-3`. A thing that there is not and never was, as far as the journal goes back, is none.
pub fn full_name(service: &Service, actor: &Actor, what: &str) -> Result<String> {
    let grant = authorise(actor, Permission::EventsRead)?;
    service.read(&grant, |view| {
        let past = Past { service, grant: &grant, view };
        let platforms = service.settings.platforms.keys();
        if platforms.map(|platform| format!("cloud {platform}")).any(|cloud| cloud == what) {
            return Ok(what.to_owned());
        }
        Ok(match find::find(&past, actor, what)? {
            Thing::Farm(farm) => farm.name.to_string(),
            Thing::FarmRole(farm, role) => format!("{}/{}", farm.name, role.alias),
            Thing::Server(server) => past.name(&server)?,
            Thing::Plan(_) | Thing::Step(_) | Thing::Volume(_) | Thing::Role(_) => {
                let text = "plans, steps, volumes and roles: say grange explain";
                return Err(Problem::invalid("about", text));
            }
        })
    })
}

fn farm_story(past: &Past, farm: Farm) -> Result<ExplainView> {
    let name = farm.name.to_string();
    let of = (Subject::Farm(farm.id), farm.id, FarmRoleId(0));
    let because = tale(past, of, &name, |_| true, |entry| Past::makes::<Farm>(entry, &farm.id))?;
    if lookup::farm(past.view, farm.id)?.is_none() {
        let (now, waiting) = ("removed".into(), vec!["nothing: it is gone".into()]);
        return Ok(ExplainView { about: name, now, because, waiting, ..ExplainView::default() });
    }
    let seen = views::farm(past.service, past.view, farm)?;
    let extra = &seen.grange;
    let leaving = extra.servers.saturating_sub(extra.running).saturating_sub(extra.unhealthy);
    let now = format!(
        "{}, {} of {} servers running{}{}{}",
        seen.status,
        extra.running,
        extra.target,
        unhealthy(extra.unhealthy),
        match (leaving, seen.status.as_str()) {
            (0, _) => String::new(),
            (kept, "suspended") => format!(", {kept} shut down and kept"),
            (leaving, _) => format!(", {leaving} coming or going"),
        },
        extra.freeze.as_ref().map(|why| format!("; frozen: {why}")).unwrap_or_default()
    );
    let report = past.service.observed.report(of.1);
    let waiting = next::blockers(&report, |line| Some(line.about.clone()));
    let mut waiting = or_nothing(waiting, "nothing: it is as declared");
    held(&mut waiting, &extra.holds);
    Ok(ExplainView { about: name, now, because, waiting, ..ExplainView::default() })
}

fn role_story(past: &Past, farm: &Farm, role: FarmRole) -> Result<ExplainView> {
    let about = format!("{}/{}", farm.name, role.alias);
    let own = |whose: &str| is_of(whose, &about) || whose == farm.name.as_str();
    let of = (Subject::FarmRole(role.id), farm.id, role.id);
    let made = |entry: &Entry| Past::makes::<FarmRole>(entry, &role.id);
    let because = tale(past, of, &about, own, made)?;
    if lookup::farm_role(past.view, role.id)?.is_none() {
        let (now, waiting) = ("removed".into(), vec!["nothing: it is gone".into()]);
        return Ok(ExplainView { about, now, because, waiting, ..ExplainView::default() });
    }
    let seen = views::farm_role(past.service, past.view, role.clone())?;
    let now = format!(
        "{}{} of {} servers running{}, declared {} to {}",
        ailing(past, &role)?,
        seen.grange.running,
        seen.grange.target,
        unhealthy(seen.grange.unhealthy),
        seen.scaling.min_instances,
        seen.scaling.max_instances
    );
    let report = past.service.observed.report(role.farm);
    let mut waiting = next::of_role(&report, &role);
    waiting.extend(next::unpublished(&seen.grange.published));
    let mut waiting = or_nothing(waiting, "nothing: it is as wanted");
    waiting.extend(next::rules(past, &role)?);
    held(&mut waiting, &seen.grange.holds);
    Ok(ExplainView { about, now, because, waiting, ..ExplainView::default() })
}

/// Which servers run and do not serve, since when and why: what a person has to know first.
fn ailing(past: &Past, role: &FarmRole) -> Result<String> {
    /// Servers named; how many there are is said beside it.
    const NAMED: usize = 3;
    let servers = lookup::live_servers_of_farm_role(past.view, role.id)?;
    let running = servers.iter().filter(|server| server.status == ServerStatus::Running);
    let failing = running.filter_map(|server| {
        let said = past.service.observed.services_of(server.id);
        let ailments = said.map(|said| said.ailments()).unwrap_or_default();
        if !ailments.is_empty() {
            return Some(format!("{}: {}; ", server.hostname, ailments.join("; ")));
        }
        let failure = past.service.observed.failure(server.id)?;
        let age = say(past.service.now().since(failure.since));
        Some(format!("{} is unhealthy for {age}: {}; ", server.hostname, failure.detail))
    });
    Ok(failing.take(NAMED).collect())
}

/// How many run and do not serve.
fn unhealthy(servers: u32) -> String {
    match servers {
        0 => String::new(),
        servers => format!(", {servers} unhealthy"),
    }
}

/// Adds what is held and keeps nothing from happening just now: it will.
fn held(waiting: &mut Vec<String>, holds: &[String]) {
    for hold in holds {
        let Some((kind, rest)) = hold.split_once(", ") else { continue };
        let said = |line: &String| {
            line.contains(" is held") && kind.split(' ').all(|word| line.contains(word))
        };
        if waiting.iter().any(said) {
            continue;
        }
        waiting.push(match rest.strip_prefix("until released") {
            Some(why) => format!(
                "[person] {kind} is held until it is released{why}: grange holds, grange hold \
                 release"
            ),
            None => format!("[clock] {kind} is held, {rest}"),
        });
    }
}

/// The latest of what happened to a farm or a farm role, down to a person.
fn tale(
    past: &Past,
    (of, farm, role): (Subject, FarmId, FarmRoleId),
    about: &str,
    own: impl Fn(&str) -> bool,
    made: impl Fn(&Entry) -> bool,
) -> Result<Vec<BecauseView>> {
    let entries = past.entries(of, None, LOOKED_AT_MAX)?;
    let told = entries.iter().filter(|entry| !entry.text.is_empty() && !chain::is_small(entry));
    let mut links: Vec<Link> =
        told.flat_map(|entry| chain::tell(entry, about, |whose| own(whose))).collect();
    if !links.iter().any(|link| link.root == Some(Root::Person)) {
        links.extend(server::wish(past, farm, role, Seq(u64::MAX), u32::MAX)?);
    }
    let first = past.first(of)?;
    if let (false, Some(beginning)) = (first.as_ref().is_some_and(made), past.beginning()?) {
        let at = first.map_or(past.service.now().0, |first| first.at.0);
        let what = format!("what {about} was before");
        links.push(chain::beyond(beginning.seq, at, u32::MAX, &what));
    }
    Ok(chain::finish(links, LINKS_MAX))
}

/// Whether `shop/web-3` is a server of `shop/web`, or that itself.
fn is_of(whose: &str, about: &str) -> bool {
    let Some(rest) = whose.strip_prefix(about) else { return false };
    rest.strip_prefix('-').map_or(rest.is_empty(), |index| index.parse::<u32>().is_ok())
}

fn server_story(past: &Past, server: &Server) -> Result<ExplainView> {
    let age = say(past.service.now().since(server.status_at));
    let why_going =
        server.terminate_reason.map(|reason| format!(" ({})", reason.say())).unwrap_or_default();
    let role = lookup::farm_role(past.view, server.farm_role)?;
    let mut waiting = next::of_server(past, server, role.as_ref())?;
    if let Some(awaited) = past.service.observed.work_awaited(server.farm, server.id) {
        waiting.insert(0, format!("[farm] its work cannot be told yet: {awaited}"));
    }
    if server.status.counts() {
        let ailments = past.service.observed.services_of(server.id).map(|said| said.ailments());
        let about = past.name(server)?;
        let see = |why| format!("[person] {why}: grange server log {about}");
        let ailments = ailments.unwrap_or_default();
        if !ailments.is_empty() {
            waiting.retain(|line| !line.starts_with("nothing:"));
        }
        waiting.splice(0..0, ailments.into_iter().map(see));
        // What it stands on is not well: nothing else explains what follows from that.
        let noticed = notices::of(past.service, &server.account, server.id).into_iter();
        waiting.splice(0..0, noticed.map(|notice| format!("[sighting] {}", notice.text)));
    }
    Ok(ExplainView {
        about: past.name(server)?,
        now: format!("{}{why_going} for {age}", server.status.as_str()),
        because: chain::finish(server::links(past, server)?, LINKS_MAX),
        waiting,
        ..ExplainView::default()
    })
}

fn or_nothing(waiting: Vec<String>, nothing: &str) -> Vec<String> {
    if waiting.is_empty() { vec![nothing.to_owned()] } else { waiting }
}

/// A plan, for people.
pub fn plan(service: &Service, actor: &Actor, id: PlanId) -> Result<PlanView> {
    let grant = authorise(actor, Permission::EventsRead)?;
    service.read(&grant, |view| {
        let plan = lookup::plan(view, id)?.filter(|plan| plan.env == actor.env);
        plan_view(view, plan.ok_or_else(|| Problem::not_found("plan", id))?)
    })
}

/// A farm's current plan.
pub fn plan_of_farm(service: &Service, actor: &Actor, farm: FarmId) -> Result<PlanView> {
    let grant = authorise(actor, Permission::EventsRead)?;
    service.read(&grant, |view| {
        let found = lookup::farm(view, farm)?.filter(|farm| farm.env == actor.env);
        let found = found.ok_or_else(|| Problem::not_found("farm", farm))?;
        let mut seen = match lookup::current_plan(view, farm)? {
            Some(plan) => plan_view(view, plan)?,
            None => PlanView { farm: found.name.to_string(), ..PlanView::default() },
        };
        // The current reasons, which a plan that changed nothing did not store.
        let report = service.observed.report(farm);
        if !report.is_empty() {
            seen.report = report.iter().map(line).collect();
        }
        Ok(seen)
    })
}

fn plan_view(view: &View, plan: Plan) -> Result<PlanView> {
    let farm = lookup::farm(view, plan.farm)?.map(|f| f.name.to_string()).unwrap_or_default();
    let changes = plan.report.iter().filter(|line| line.decision.is_change());
    Ok(PlanView {
        id: plan.id.0,
        farm,
        parent: plan.parent.map(|parent| parent.0),
        at: plan.at.0,
        moves: changes.map(line).collect(),
        report: plan.report.iter().map(line).collect(),
    })
}

/// A line of a report, for people.
pub fn line(line: &Line) -> String {
    format!("{}: {}", line.about, line.decision)
}
