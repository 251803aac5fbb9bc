//! What Scalr has no word for: reasons, plans, the journal, the appliance itself.

use super::Row;
use crate::api::call::Call;
use crate::base::limit::{API_PAGE_MAX, EVENTS_WAIT_MAX};
use crate::base::{Millis, Problem, Result};
use crate::model::Door;
use crate::service::appliance;
use crate::service::journal::explain;
use crate::service::readings::whatif;
use crate::wire::api::appliance::{STATUS, WHOAMI};
use crate::wire::api::journal::{EVENTS, EXPLAIN, EventsAsked, ExplainAsked};
use crate::wire::api::plans::{PLAN, PLAN_OF_FARM};
use crate::wire::api::readings::SIMULATE;
use crate::wire::input::{EventsQuery, WhoView};
use serde_json::json;
use std::sync::LazyLock;

/// Rows of these nouns.
pub static ROWS: LazyLock<[Row; 7]> = LazyLock::new(|| {
    [
        Row::object(&SIMULATE, |on, call, input| {
            whatif::simulate(&on.service, &call.actor, &input)
        }),
        Row::events(&EVENTS),
        Row::show(&EXPLAIN, |on, call, asked| {
            explain::explain(&on.service, &call.actor, &said(asked)?)
        }),
        Row::show(&PLAN_OF_FARM, |on, call, _| {
            explain::plan_of_farm(&on.service, &call.actor, call.param("farmId", "farm")?)
        }),
        Row::show(&PLAN, |on, call, _| {
            explain::plan(&on.service, &call.actor, call.param("planId", "plan")?)
        }),
        Row::show(&STATUS, |on, call, _| appliance::get(&on.service, &call.actor, (on.jobs)())),
        Row::show(&WHOAMI, |_, call, _| Ok(whoami(call))),
    ]
});

fn said(asked: ExplainAsked) -> Result<String> {
    asked.what.ok_or_else(|| {
        Problem::invalid(
            "what",
            "say what to explain, as shop, shop/web-3, plan 12, step 34, volume 5 or role my-api",
        )
    })
}

fn whoami(call: &Call) -> WhoView {
    let actor = &call.actor;
    let permission = |p| json!(p).as_str().unwrap_or_default().to_owned();
    WhoView {
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
    }
}

/// What a request for events asks, and how long it would wait.
pub fn events(call: &Call) -> Result<(EventsQuery, Millis)> {
    let EventsAsked { after, max, wait_ms, about, search } = call.asked()?;
    let max = max.unwrap_or(API_PAGE_MAX);
    if !(1..=API_PAGE_MAX).contains(&max) {
        return Err(Problem::invalid("max", format!("must be from 1 to {API_PAGE_MAX}")));
    }
    let wait = wait_ms.unwrap_or(0);
    if wait > EVENTS_WAIT_MAX {
        return Err(Problem::invalid("waitMs", format!("must be at most {EVENTS_WAIT_MAX}")));
    }
    if search.is_some() && wait > 0 {
        return Err(Problem::invalid("waitMs", "does not go with search, which has no news"));
    }
    Ok((EventsQuery { after, max, about, search }, wait))
}
