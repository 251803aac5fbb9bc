//! The stories of a plan and of a step: what was decided, from which inputs, and what came of it.

use super::chain::{self, Link};
use super::past::Past;
use super::{LINKS_MAX, next, or_nothing, server};
use crate::base::time::say;
use crate::base::{FarmRoleId, Result, Seq};
use crate::model::{Line, Plan, Server, Step, StepStatus};
use crate::service::{lookup, plans};
use crate::store::Subject;
use crate::wire::api::ExplainView;

/// Lines of a plan's story: a plan may have decided more.
const DECISIONS_MAX: usize = 12;

/// Why a plan is as it is.
pub(super) fn plan(past: &Past, plan: &Plan) -> Result<ExplainView> {
    let farm = past.farm_name(plan.farm)?;
    let entry = past.commit_of(plan.id)?;
    let seq = entry.as_ref().map_or(0, |entry| entry.seq.0);
    let decided: Vec<&Line> = plan.report.iter().filter(|l| l.decision.is_change()).collect();
    let link = |(depth, line): (usize, &&Line)| Link {
        seq,
        at: plan.at.0,
        depth: u32::try_from(depth).unwrap_or(u32::MAX),
        text: format!("{}: {}", line.about, plans::sentence(&line.decision)),
        weighty: false,
        root: chain::root_in(plan, line),
    };
    let mut links: Vec<Link> = decided.iter().take(DECISIONS_MAX).enumerate().map(link).collect();
    let over = decided.len().saturating_sub(DECISIONS_MAX);
    if over > 0 {
        let text = format!("and {over} more decisions: grange plan {farm} has them");
        let depth = u32::MAX - 2;
        links.push(Link { seq, at: plan.at.0, depth, text, weighty: true, root: None });
    }
    if let Some(role) = touched(plan) {
        let before = entry.as_ref().map_or(past.service.store.last_seq(), |entry| entry.seq);
        links.extend(server::wish(past, plan.farm, role, before, u32::MAX - 1)?);
    }
    if entry.is_none() {
        let first = past.beginning()?.map_or(Seq(0), |first| first.seq);
        links.push(chain::beyond(first, plan.at.0, u32::MAX, "what led to it"));
    }
    let current = lookup::current_plan(past.view, plan.farm)?.map(|plan| plan.id);
    let age = say(past.service.now().since(plan.at));
    let after = plan.parent.map(|parent| format!(", after plan {parent}")).unwrap_or_default();
    let is_current = current == Some(plan.id);
    let place = if is_current { "the farm's current plan" } else { "later plans took its place" };
    let changes = match plan.moves.len() {
        1 => "1 server".to_owned(),
        many => format!("{many} servers"),
    };
    Ok(ExplainView {
        about: format!("plan {} of farm {farm}", plan.id),
        now: format!("decided {age} ago{after}; {changes} to change; {place}"),
        because: chain::finish(links, LINKS_MAX + DECISIONS_MAX),
        waiting: or_nothing(came_of_it(past, plan, is_current)?, "nothing: it changed no server"),
        ..ExplainView::default()
    })
}

/// A farm role the plan is about.
fn touched(plan: &Plan) -> Option<FarmRoleId> {
    let changes = plan.report.iter().filter(|line| line.decision.is_change());
    changes.filter_map(|line| line.farm_role).next()
}

/// What its steps have come to, and what the farm waits for if it is the current one.
fn came_of_it(past: &Past, plan: &Plan, is_current: bool) -> Result<Vec<String>> {
    let mut out = Vec::new();
    for change in plan.moves.iter().take(DECISIONS_MAX) {
        let Some(server) = past.server(change.server())? else { continue };
        let name = past.name(&server)?;
        let steps = lookup::steps_of_server(past.view, server.id)?;
        let of_plan: Vec<&Step> = steps.iter().filter(|step| step.plan == plan.id).collect();
        if of_plan.is_empty() {
            // Steps of servers long gone are removed with them.
            out.push(format!("{name}: {} by now", server.status.as_str()));
        }
        for step in of_plan {
            let (kind, status) = (step.kind.as_str(), step.status.as_str());
            let next = match step.status.is_open() {
                true => format!(": {}", next::of_step(past.service, step)),
                false => String::new(),
            };
            out.push(format!("step {}: {kind} {name}: {status}{next}", step.id));
        }
    }
    if let Some(more) = plan.moves.len().checked_sub(DECISIONS_MAX).filter(|more| *more > 0) {
        out.push(format!("and {more} more servers that it changed"));
    }
    if is_current {
        let report = past.service.observed.report(plan.farm);
        out.extend(next::blockers(&report, |line| Some(line.about.clone())));
    }
    Ok(out)
}

/// Why a step is as it is.
pub(super) fn step(past: &Past, step: &Step) -> Result<ExplainView> {
    let server = past.server(step.server)?;
    let name = match &server {
        Some(server) => past.name(server)?,
        None => step.server.to_string(),
    };
    let entries = past.entries(Subject::Step(step.id), None, super::LOOKED_AT_MAX)?;
    let mut links = Vec::new();
    for entry in entries.iter().filter(|entry| !entry.text.is_empty()) {
        if entry.verb != "plan.commit" {
            links.extend(chain::tell(entry, &name, |whose| whose == name));
        }
    }
    if let Some(server) = &server {
        links.extend(wanted(past, step, server)?);
    }
    Ok(ExplainView {
        about: format!("step {}: {} {name}", step.id, step.kind.as_str()),
        now: how(past, step),
        because: chain::finish(links, LINKS_MAX),
        waiting: vec![next::of_step(past.service, step)],
        ..ExplainView::default()
    })
}

/// The decision that wanted it, and what led there.
fn wanted(past: &Past, step: &Step, server: &Server) -> Result<Vec<Link>> {
    let made = past.first(Subject::Step(step.id))?;
    let made = made.filter(|entry| Past::makes::<Step>(entry, &step.id));
    let Some(entry) = made else {
        let first = past.beginning()?.map_or(Seq(0), |first| first.seq);
        let at = step.begun_at.unwrap_or(step.not_before).0;
        return Ok(vec![chain::beyond(first, at, u32::MAX, "who wanted it")]);
    };
    // A person's own wish has no plan in between: its entry is told already.
    let plan = super::past::only::<Plan>(&entry)?.filter(|_| entry.verb == "plan.commit");
    match plan {
        Some(_) if Past::makes::<Server>(&entry, &server.id) => server::origin(past, server, 1),
        Some(plan) => server::decision(past, &entry, &plan, server, 1),
        None => Ok(Vec::new()),
    }
}

fn how(past: &Past, step: &Step) -> String {
    let now = past.service.now();
    let ended = step.ended_at.map(|at| format!(" {} ago", say(now.since(at))));
    let took = match (step.status, step.begun_at, step.ended_at) {
        (StepStatus::Done | StepStatus::Failed, Some(begun), Some(ended)) => {
            format!(", it took {}", say(ended.since(begun)))
        }
        _ => String::new(),
    };
    let tries = match step.attempts {
        0 => ", its cloud was not asked".to_owned(),
        1 => String::new(),
        more => format!(", asked {more} times"),
    };
    let said = match step.message.as_str() {
        "" => String::new(),
        message => format!(": {message}"),
    };
    format!("{}{}{took}{tries}{said}", step.status.as_str(), ended.unwrap_or_default())
}
