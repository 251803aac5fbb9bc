//! What Scalr has no word for: reasons, plans, the journal, the appliance itself.

use super::{Output, Row, Run};
use crate::api::Context;
use crate::api::answer::{Reply, value};
use crate::api::call::Call;
use crate::base::limit::{API_PAGE_MAX, EVENTS_WAIT_MAX};
use crate::base::{Millis, Problem, Result};
use crate::model::Door;
use crate::service::appliance;
use crate::service::farms::roles;
use crate::service::journal::explain;
use crate::service::readings::whatif;
use crate::wire::input::{EventsQuery, RoleFilter, WhoView};
use serde_json::json;

/// Rows of these nouns.
pub const ROWS: &[Row] = &[
    Row {
        method: "GET",
        path: "/{envId}/roles/",
        about: "Lists the roles this environment can use.",
        query: &["id", "name"],
        input: None,
        output: Output::Page("Role"),
        run: Run::Verb(roles),
    },
    Row {
        method: "POST",
        path: "/{envId}/grange/simulations/",
        about: "Plays a farm's past again under a manifest's scaling rules; it changes nothing.",
        query: &[],
        input: Some(("simulation", "SimulationRequest")),
        output: Output::One("Simulation"),
        run: Run::Verb(|on, call| {
            let view = whatif::simulate(&on.service, &call.actor, &call.input()?)?;
            Ok(Reply::One(value(&view)?, None))
        }),
    },
    Row {
        method: "GET",
        path: "/{envId}/grange/events/",
        about: "Shows journal entries after one, waiting up to waitMs, or those with some words.",
        query: &["after", "max", "waitMs", "about", "search"],
        input: None,
        output: Output::List("Event"),
        run: Run::Events,
    },
    Row {
        method: "GET",
        path: "/{envId}/grange/explain/",
        about: "Shows how a farm, farm role, server, plan, step or volume is, and why.",
        query: &["what"],
        input: None,
        output: Output::One("Explanation"),
        run: Run::Verb(explain),
    },
    Row {
        method: "GET",
        path: "/{envId}/grange/farms/{farmId}/plan/",
        about: "Shows a farm's current plan.",
        query: &[],
        input: None,
        output: Output::One("Plan"),
        run: Run::Verb(|on, call| {
            let plan =
                explain::plan_of_farm(&on.service, &call.actor, call.param("farmId", "farm")?)?;
            Ok(Reply::One(value(&plan)?, None))
        }),
    },
    Row {
        method: "GET",
        path: "/{envId}/grange/plans/{planId}/",
        about: "Shows a plan.",
        query: &[],
        input: None,
        output: Output::One("Plan"),
        run: Run::Verb(|on, call| {
            let plan = explain::plan(&on.service, &call.actor, call.param("planId", "plan")?)?;
            Ok(Reply::One(value(&plan)?, None))
        }),
    },
    Row {
        method: "GET",
        path: "/{envId}/grange/status/",
        about: "Shows how the appliance is.",
        query: &[],
        input: None,
        output: Output::One("Status"),
        run: Run::Verb(|on, call| {
            let status = appliance::get(&on.service, &call.actor, (on.jobs)())?;
            Ok(Reply::One(value(&status)?, None))
        }),
    },
    Row {
        method: "GET",
        path: "/{envId}/grange/whoami/",
        about: "Shows who is asking.",
        query: &[],
        input: None,
        output: Output::One("Who"),
        run: Run::Verb(whoami),
    },
];

fn roles(on: &Context, call: &Call) -> Result<Reply> {
    let filter = RoleFilter { id: call.query("id", "a role's number")?, name: call.text("name") };
    call.page(|page| roles::list(&on.service, &call.actor, &filter, page))
}

fn explain(on: &Context, call: &Call) -> Result<Reply> {
    let what = call.text("what").ok_or_else(|| {
        Problem::invalid(
            "what",
            "say what to explain, as shop, shop/web-3, plan 12, step 34 or volume 5",
        )
    })?;
    Ok(Reply::One(value(&explain::explain(&on.service, &call.actor, &what)?)?, None))
}

fn whoami(_: &Context, call: &Call) -> Result<Reply> {
    let actor = &call.actor;
    let permission = |p| json!(p).as_str().unwrap_or_default().to_owned();
    let view = WhoView {
        user: actor.user.0,
        name: actor.name.clone(),
        environment: actor.env.0,
        door: match actor.door {
            Door::Appliance => "appliance",
            Door::Socket => "socket",
            Door::Https => "https",
            Door::Agent => "agent",
        }
        .to_owned(),
        permissions: actor.permissions.iter().map(permission).collect(),
    };
    Ok(Reply::One(value(&view)?, None))
}

/// What a request for events asks, and how long it would wait.
pub fn events(call: &Call) -> Result<(EventsQuery, Millis)> {
    let max = call.query::<usize>("max", "a number")?.unwrap_or(API_PAGE_MAX);
    if !(1..=API_PAGE_MAX).contains(&max) {
        return Err(Problem::invalid("max", format!("must be from 1 to {API_PAGE_MAX}")));
    }
    let wait = call.query::<Millis>("waitMs", "a number of milliseconds")?.unwrap_or(0);
    if wait > EVENTS_WAIT_MAX {
        return Err(Problem::invalid("waitMs", format!("must be at most {EVENTS_WAIT_MAX}")));
    }
    let search = call.text("search");
    if search.is_some() && wait > 0 {
        return Err(Problem::invalid("waitMs", "does not go with search, which has no news"));
    }
    let after = call.query("after", "an entry's sequence number")?;
    Ok((EventsQuery { after, max, about: call.text("about"), search }, wait))
}
