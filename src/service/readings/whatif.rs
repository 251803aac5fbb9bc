//! What-if: recorded minutes of a farm, judged again by the scaling rules of an edited manifest.
//!
//! It changes nothing and asks nothing of a clock but where the period ends when nobody says: the
//! same period of the same past under the same manifest gives the same bytes.

mod report;

pub use report::{Asked, Subject, report};

use crate::base::limit::{SIMULATION_BUCKETS_MAX, SIMULATION_MINUTES_MAX};
use crate::base::time::say;
use crate::base::{Code, FarmRoleId, Millis, Problem, Result, Timestamp};
use crate::model::{Actor, Farm, FarmRole, MINUTE, Permission, RoleMinute, Server};
use crate::service::farms::manifests;
use crate::service::{Service, authorise, lookup};
use crate::store::Reads;
use crate::wire::manifest::{DeclaredFarmRole, Manifest};
use crate::wire::moment;
use crate::wire::simulation::{SimulationRequest, SimulationView};
use std::collections::BTreeSet;

/// Read before the period, to fill the longest window a rule may have and to know since when
/// cool-downs run.
const BEFORE: Millis = 3_600_000;
/// How long a launch takes where none was recorded.
const LAUNCH: Millis = 60_000;
/// Rows that a person reads without scrolling for long.
const ROWS: u64 = 56;
/// Rows are one of these long, unless somebody says how long.
const ROW_LENGTHS: [Millis; 11] = [
    MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    60 * MINUTE,
    120 * MINUTE,
    180 * MINUTE,
    360 * MINUTE,
    720 * MINUTE,
    1440 * MINUTE,
];

/// Plays a farm's past again under the rules of a manifest.
pub fn simulate(
    service: &Service,
    actor: &Actor,
    input: &SimulationRequest,
) -> Result<SimulationView> {
    let grant = authorise(actor, Permission::FarmsRead)?;
    let manifest = manifests::read(service, &grant, &input.manifest)?;
    let (farm, tried) = service.read(&grant, |view| tried(view, actor, &manifest))?;
    let (asked, shortened) = asked(service, farm.name.to_string(), input)?;
    let mut minutes = recorded(service, &tried, &asked)?;
    let mut subjects = Vec::new();
    for (declared, role, servers) in &tried {
        let split = minutes.iter().position(|minute| minute.farm_role != role.id);
        let rest = minutes.split_off(split.unwrap_or(minutes.len()));
        let own = std::mem::replace(&mut minutes, rest);
        subjects.push(subject(&farm, declared, role, servers, own));
    }
    let period = |minute: &RoleMinute| minute.at >= asked.from;
    if !subjects.iter().any(|subject| subject.minutes.iter().any(period)) {
        let names: Vec<&str> = subjects.iter().map(|subject| subject.name.as_str()).collect();
        let (from, to) = (asked.from.minute(), asked.to.minute());
        let names = names.join(", ");
        let message = format!("nothing was recorded of {names} between {from} and {to} UTC");
        return Err(Problem::new(Code::UnacceptableState, message));
    }
    let without = manifest.farm_roles.iter().filter(|declared| !has_rules(declared));
    let notes = without
        .map(|declared| format!("{}/{} has no scaling rules: left out", farm.name, declared.alias));
    let mut view = report(&asked, &subjects);
    view.notes = shortened.into_iter().chain(view.notes).chain(notes).collect();
    Ok(view)
}

type Tried<'a> = (&'a DeclaredFarmRole, FarmRole, Vec<Server>);

fn has_rules(declared: &DeclaredFarmRole) -> bool {
    declared.scaling.enabled && !declared.scaling.rules.is_empty()
}

/// The farm, and its farm roles that the manifest has rules for, by number.
fn tried<'a>(
    read: &impl Reads,
    actor: &Actor,
    manifest: &'a Manifest,
) -> Result<(Farm, Vec<Tried<'a>>)> {
    let Some(farm) = lookup::farm_by_name(read, actor.env, &manifest.farm)? else {
        let message =
            format!("no farm {}: only what a farm has done can be replayed", manifest.farm);
        return Err(Problem::new(Code::ObjectNotFound, message));
    };
    let roles = lookup::farm_roles_of(read, farm.id)?;
    let (mut tried, mut faults) = (Vec::new(), Vec::new());
    for declared in &manifest.farm_roles {
        match roles.iter().find(|role| role.alias == declared.alias) {
            Some(role) if has_rules(declared) => {
                let servers = lookup::servers_of_farm_role(read, role.id)?;
                tried.push((declared, role.clone(), servers));
            }
            Some(_) => {}
            None => {
                let known: Vec<&str> = roles.iter().map(|role| role.alias.as_str()).collect();
                let text = format!(
                    "{} has no farm role {}, so nothing was recorded of it: there are {}",
                    farm.name,
                    declared.alias,
                    known.join(", ")
                );
                faults.push(Problem::invalid(format!("{}.alias", declared.path), text));
            }
        }
    }
    if let Some(problem) = Problem::all(faults) {
        return Err(problem);
    }
    if tried.is_empty() {
        let message = "no farm role in it has scaling rules: there is nothing to try";
        return Err(Problem::invalid("manifest", message));
    }
    tried.sort_by_key(|(_, role, _)| role.id);
    Ok((farm, tried))
}

/// The period and its rows, and what is to be said of a period that is kept in part.
fn asked(
    service: &Service,
    farm: String,
    input: &SimulationRequest,
) -> Result<(Asked, Option<String>)> {
    let now = service.now();
    let moment = |field: &str, text: &str| {
        let at = moment::parse(text, now).map_err(|message| Problem::invalid(field, message))?;
        Ok::<Timestamp, Problem>(RoleMinute::begin(at))
    };
    let from = moment("from", &input.from);
    let to = input.to.as_deref().map_or(Ok(RoleMinute::begin(now)), |text| moment("to", text));
    let bucket = input.bucket.as_deref().map(moment::length).transpose();
    let bucket = bucket.map_err(|text| Problem::invalid("bucket", text));
    let ((from, to), bucket) = Problem::both(Problem::both(from, to), bucket)?;
    if to > now {
        return Err(Problem::invalid("to", "lies in the future: only the past can be replayed"));
    }
    if from >= to {
        return Err(Problem::invalid("from", "must lie at least a minute before the end"));
    }
    let Some(oldest) = service.series.oldest_minute() else {
        let message = "nothing is recorded yet: minutes are, while a farm has servers";
        return Err(Problem::new(Code::UnacceptableState, message));
    };
    let (begins, age) = (oldest.minute(), say(now.since(oldest)));
    if to <= oldest {
        let message = format!("nothing of that is kept: what is begins at {begins} UTC, {age} ago");
        return Err(Problem::invalid("to", message));
    }
    let shortened = (from < oldest)
        .then(|| format!("replayed is what is kept of that: it begins at {begins} UTC, {age} ago"));
    let from = from.max(oldest);
    let length = to.since(from);
    let bucket_ms = bucket.unwrap_or_else(|| row_length(length));
    let rows = length.div_ceil(bucket_ms);
    if rows > SIMULATION_BUCKETS_MAX {
        let message = format!("{rows} rows are too many: at most {SIMULATION_BUCKETS_MAX}");
        return Err(Problem::invalid("bucket", message));
    }
    Ok((Asked { farm, from, to, bucket_ms }, shortened))
}

/// The shortest of our row lengths with which so long a time fits on a screen.
fn row_length(length: Millis) -> Millis {
    let fits = |row: &&Millis| length.div_ceil(**row) <= ROWS;
    ROW_LENGTHS.iter().find(fits).copied().unwrap_or(ROW_LENGTHS[10])
}

fn recorded(service: &Service, tried: &[Tried], asked: &Asked) -> Result<Vec<RoleMinute>> {
    let farm_roles: BTreeSet<FarmRoleId> = tried.iter().map(|(_, role, _)| role.id).collect();
    let from = asked.from.before(BEFORE);
    let found =
        service.series.recorded_minutes(&farm_roles, from, asked.to, SIMULATION_MINUTES_MAX);
    let found = found.map_err(|error| Problem::internal("reading recorded minutes", error))?;
    found.ok_or_else(|| {
        let message = format!(
            "more than {SIMULATION_MINUTES_MAX} recorded minutes: say a shorter period, or leave \
             the rules of some farm roles out"
        );
        Problem::new(Code::LimitExceeded, message)
    })
}

fn subject(
    farm: &Farm,
    declared: &DeclaredFarmRole,
    role: &FarmRole,
    servers: &[Server],
    minutes: Vec<RoleMinute>,
) -> Subject {
    let mut launches: Vec<Millis> = servers
        .iter()
        .filter_map(|server| Some(server.running_at?.since(server.asked_at?)))
        .collect();
    launches.sort_unstable();
    let mut notes = Vec::new();
    if declared.instance_type != role.instance_type {
        notes.push(format!(
            "the size is {} in the file and {} on record: the load is shared as if it were one",
            declared.instance_type, role.instance_type
        ));
    }
    let mut policy = declared.scaling.clone();
    for rule in &mut policy.rules {
        let whole = rule.window_ms.div_ceil(MINUTE) * MINUTE;
        if whole != rule.window_ms {
            let (name, said, whole) = (rule.metric.rule_type(), say(rule.window_ms), say(whole));
            notes.push(format!(
                "the window of {name}, {said}, is taken as {whole}: minutes are recorded"
            ));
        }
        rule.window_ms = whole;
    }
    let launch_ms = launches.get(launches.len() / 2).copied();
    let launch = say(launch_ms.unwrap_or(LAUNCH));
    notes.push(match launches.len() {
        0 => format!("no launch is on record: one is taken to last {launch}"),
        count => format!("a launch is taken to last {launch}, the median of {count} on record"),
    });
    Subject {
        name: format!("{}/{}", farm.name, role.alias),
        policy,
        minutes,
        launch_ms: launch_ms.unwrap_or(LAUNCH),
        notes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_as_short_as_fit_on_a_screen() {
        for (length, row) in [(56, 1), (57, 5), (5 * 56, 5), (5 * 56 + 1, 10)] {
            assert_eq!(row_length(length * MINUTE), row * MINUTE, "{length} minutes");
        }
    }
}
