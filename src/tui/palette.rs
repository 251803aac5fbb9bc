//! The `:` commands: what they are called, what completes them, what they mean.

use super::catalogue::Noun;
use super::source::Action;
use super::state::{Place, State};
use crate::base::time::read;
use crate::model::HoldKind;
use crate::wire::hold::HoldInput;
use crate::wire::rollout::RolloutVerb;

/// What a command line means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Do it.
    Do(Action),
    /// Show this.
    Go(Place),
    /// Launch the farm of this number.
    Launch(u64),
    /// Terminate the farm of this number; asks first.
    Terminate(u64),
    /// Stop the farm of this number and keep its servers; asks first.
    Stop(u64),
    /// Start the farm of this number.
    Start(u64),
    /// Say this of the rollout of a farm's farm role; asks first.
    Rollout(u64, u64, RolloutVerb),
    /// Ask this cloud account again at once; asks first.
    Cloud(String),
    /// The keys.
    Help,
    /// End.
    Quit,
}

/// One command: its name, its aliases, whether it takes a name, what it is for.
struct Known {
    name: &'static str,
    aliases: &'static [&'static str],
    takes: Takes,
    about: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    Nothing,
    Farm,
    Server,
    Thing,
    MaybeThing,
    /// A farm or farm role, and a kind of automation.
    Hold,
    /// A farm role, and what to say of its rollout.
    Rollout,
    /// A cloud account that is left alone.
    Cloud,
}

const KNOWN: [Known; 20] = [
    Known { name: "farms", aliases: &["f", "home"], takes: Takes::Nothing, about: "all farms" },
    Known { name: "farm", aliases: &[], takes: Takes::Farm, about: "one farm: its servers" },
    Known { name: "servers", aliases: &["srv"], takes: Takes::Nothing, about: "all servers" },
    Known { name: "server", aliases: &[], takes: Takes::Server, about: "one server" },
    Known { name: "events", aliases: &["ev"], takes: Takes::MaybeThing, about: "the journal" },
    Known { name: "why", aliases: &["explain"], takes: Takes::Thing, about: "why it is so" },
    Known { name: "log", aliases: &[], takes: Takes::Server, about: "what a server prints" },
    Known { name: "status", aliases: &["st"], takes: Takes::Nothing, about: "the appliance" },
    Known { name: "launch", aliases: &[], takes: Takes::Farm, about: "launch a farm" },
    Known { name: "terminate", aliases: &[], takes: Takes::Farm, about: "terminate a farm" },
    Known { name: "stop", aliases: &[], takes: Takes::Farm, about: "stop a farm, keep servers" },
    Known { name: "start", aliases: &[], takes: Takes::Farm, about: "start a stopped farm" },
    Known { name: "rollout", aliases: &["role"], takes: Takes::Rollout, about: "rollout shop/web" },
    Known { name: "cloud", aliases: &[], takes: Takes::Cloud, about: "ask an account again" },
    Known { name: "roles", aliases: &[], takes: Takes::Nothing, about: "what servers are made of" },
    Known {
        name: "variables",
        aliases: &["vars"],
        takes: Takes::Nothing,
        about: "values servers get",
    },
    Known { name: "clouds", aliases: &[], takes: Takes::Nothing, about: "cloud accounts" },
    Known { name: "hold", aliases: &[], takes: Takes::Hold, about: "hold shop/web scale 2h why" },
    Known { name: "release", aliases: &[], takes: Takes::Hold, about: "end a hold" },
    Known { name: "quit", aliases: &["q", "exit"], takes: Takes::Nothing, about: "leave" },
];

/// What may be said of a rollout.
const ROLLOUT_VERBS: [RolloutVerb; 4] =
    [RolloutVerb::Pause, RolloutVerb::Resume, RolloutVerb::Abort, RolloutVerb::Rollback];

/// A completed line and what it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suggestion {
    /// The whole line.
    pub line: String,
    /// What it is for.
    pub about: String,
}

/// Suggestions shown at most; a list longer than this is narrowed by typing on.
const SUGGESTIONS_MAX: usize = 8;

fn find(word: &str) -> Option<&'static Known> {
    KNOWN.iter().find(|known| known.name == word || known.aliases.contains(&word))
}

/// What would complete a line.
pub fn suggestions(state: &State, text: &str) -> Vec<Suggestion> {
    let Some((word, rest)) = text.trim_start().split_once(' ') else {
        return KNOWN
            .iter()
            .filter(|known| {
                known.name.starts_with(text) || (!text.is_empty() && known.aliases.contains(&text))
            })
            .map(|known| Suggestion { line: known.name.into(), about: known.about.into() })
            .take(KNOWN.len())
            .collect();
    };
    let Some(known) = find(word) else { return Vec::new() };
    if matches!(known.takes, Takes::Hold) {
        return of_hold(state, known.name, rest);
    }
    if matches!(known.takes, Takes::Rollout) {
        return of_rollout(state, rest);
    }
    let wanted = rest.trim().to_lowercase();
    let mut names: Vec<(String, String)> = Vec::new();
    if matches!(known.takes, Takes::Farm | Takes::Thing | Takes::MaybeThing) {
        let farms = state.data.farms.iter().flatten();
        names.extend(farms.map(|farm| (farm.name.clone(), "farm".to_owned())));
    }
    if matches!(known.takes, Takes::Server | Takes::Thing | Takes::MaybeThing) {
        let servers = state.data.servers.iter().flat_map(|(_, servers)| servers);
        names.extend(servers.map(|s| (s.grange.name.clone(), s.status.replace('_', " "))));
    }
    if matches!(known.takes, Takes::Cloud) {
        let accounts = state.data.accounts.iter().filter(|account| account.state != "well");
        names.extend(accounts.map(|account| (account.name.clone(), account.state.clone())));
    }
    names.retain(|(name, _)| name.to_lowercase().contains(&wanted));
    names.truncate(SUGGESTIONS_MAX);
    names
        .into_iter()
        .map(|(name, about)| Suggestion { line: format!("{} {name}", known.name), about })
        .collect()
}

/// What would complete `hold shop/web scale`: farms and their farm roles, then kinds.
fn of_hold(state: &State, name: &str, rest: &str) -> Vec<Suggestion> {
    let suggestion = |line: String, about: &str| Suggestion { line, about: about.to_owned() };
    if let Some((what, kind)) = rest.split_once(' ') {
        let kinds = HoldKind::ALL.iter().map(|kind| kind.as_str());
        let fitting = kinds.filter(|known| known.starts_with(kind) && *known != kind);
        return fitting.map(|kind| suggestion(format!("{name} {what} {kind} "), "")).collect();
    }
    let mut out = Vec::new();
    for farm in state.data.farms.iter().flatten() {
        out.push(suggestion(format!("{name} {} ", farm.name), "farm"));
        for role in state.data.roles.get(&farm.id).into_iter().flatten() {
            out.push(suggestion(format!("{name} {}/{} ", farm.name, role.alias), "farm role"));
        }
    }
    out.retain(|found| found.line.contains(rest));
    out.truncate(SUGGESTIONS_MAX);
    out
}

/// What would complete `rollout shop/web pause`.
fn of_rollout(state: &State, rest: &str) -> Vec<Suggestion> {
    let line = |line: String, about: &str| Suggestion { line, about: about.to_owned() };
    if let Some((what, said)) = rest.split_once(' ') {
        let fitting = ROLLOUT_VERBS.iter().filter(|verb| verb.as_str().starts_with(said));
        return fitting.map(|verb| line(format!("rollout {what} {}", verb.as_str()), "")).collect();
    }
    let mut out = Vec::new();
    for farm in state.data.farms.iter().flatten() {
        for role in state.data.roles.get(&farm.id).into_iter().flatten() {
            let about = role.grange.rollout.as_ref().map_or("farm role", |of| of.state.as_str());
            out.push(line(format!("rollout {}/{}", farm.name, role.alias), about));
        }
    }
    out.retain(|found| found.line.contains(rest));
    out.truncate(SUGGESTIONS_MAX);
    out
}

/// Reads `shop/web` and `shop/web pause`.
fn rollout(state: &State, words: &[&str]) -> Result<Command, String> {
    let (what, said) = match words {
        [what] => (what, None),
        [what, said] => (what, Some(said)),
        _ => return Err(":rollout needs a farm role, as :rollout shop/web pause".into()),
    };
    let of = |(farm, alias): (&str, &str)| {
        let farm = self::farm(state, farm).ok()?;
        let roles = state.data.roles.get(&farm)?;
        Some((farm, roles.iter().find(|role| role.alias == alias)?.id))
    };
    let (farm, role) = what
        .split_once('/')
        .and_then(of)
        .ok_or_else(|| format!("No farm role {what:?} is known here; open its farm first"))?;
    let Some(said) = said else { return Ok(Command::Go(Place::Role(farm, role))) };
    let verb = ROLLOUT_VERBS.into_iter().find(|verb| verb.as_str() == *said);
    let verb = verb.ok_or("say pause, resume, abort or rollback")?;
    Ok(Command::Rollout(farm, role, verb))
}

/// Reads `shop/web scale 2h black friday` and `shop/web scale`.
fn hold(name: &str, words: &[&str]) -> Result<Command, String> {
    let [what, kind, rest @ ..] = words else {
        return Err(format!(":{name} needs what and which kind, as :{name} shop/web scale"));
    };
    if name == "release" {
        return Ok(Command::Do(Action::Release((*what).to_owned(), (*kind).to_owned())));
    }
    let [length, reason @ ..] = rest else {
        return Err(":hold needs how long and why, as :hold shop/web scale 2h black friday".into());
    };
    let no_end = *length == "no-end";
    let length = match no_end {
        true => None,
        false => Some(read(length).ok_or("say how long as 30m, 2h, 5d or no-end")?),
    };
    let (what, kind, reason) = ((*what).to_owned(), (*kind).to_owned(), reason.join(" "));
    let input = HoldInput { what, kind, reason, length, until: None, no_end };
    Ok(Command::Do(Action::Hold(input)))
}

/// Reads a command line; the error is a sentence for the person.
pub fn parse(state: &State, line: &str) -> Result<Command, String> {
    let mut words = line.split_whitespace();
    let Some(word) = words.next() else { return Err("Type a command, or Esc".into()) };
    if word == "help" || word == "?" || word == "h" {
        return Ok(Command::Help);
    }
    let known =
        find(word).ok_or_else(|| format!("There is no command {word:?}; ? has the keys"))?;
    if matches!(known.takes, Takes::Hold) {
        return hold(known.name, &words.collect::<Vec<&str>>());
    }
    if matches!(known.takes, Takes::Rollout) {
        return rollout(state, &words.collect::<Vec<&str>>());
    }
    let name = words.next();
    match (known.takes, name) {
        (Takes::Nothing, Some(extra)) => {
            return Err(format!(":{} takes nothing, not {extra:?}", known.name));
        }
        (Takes::Farm | Takes::Server | Takes::Thing | Takes::Cloud, None) => {
            return Err(format!(":{} needs a name, as :{0} shop", known.name));
        }
        _ => {}
    }
    let name = name.unwrap_or_default();
    Ok(match known.name {
        "farm" => Command::Go(Place::Farm(farm(state, name)?)),
        "launch" => Command::Launch(farm(state, name)?),
        "terminate" => Command::Terminate(farm(state, name)?),
        "stop" => Command::Stop(farm(state, name)?),
        "start" => Command::Start(farm(state, name)?),
        "cloud" => Command::Cloud(name.to_owned()),
        "server" => Command::Go(Place::Server(server(state, name))),
        "events" => Command::Go(Place::Events(full_name(state, name))),
        "why" => Command::Go(Place::Why(full_name(state, name))),
        "log" => Command::Go(Place::Log(full_name(state, name))),
        "servers" => Command::Go(Place::Servers),
        "status" => Command::Go(Place::Status),
        "roles" => Command::Go(Place::Catalogue(Noun::Roles)),
        "variables" => Command::Go(Place::Catalogue(Noun::Variables)),
        "clouds" => Command::Go(Place::Catalogue(Noun::Clouds)),
        "quit" => Command::Quit,
        _ => Command::Go(Place::Farms),
    })
}

fn farm(state: &State, name: &str) -> Result<u64, String> {
    let mut farms = state.data.farms.iter().flatten();
    farms
        .find(|farm| farm.name == name || farm.id.to_string() == name)
        .map(|farm| farm.id)
        .ok_or_else(|| format!("There is no farm {name:?}"))
}

/// The id where a list knows it; else the name, for the appliance to find.
fn server(state: &State, name: &str) -> String {
    let mut servers = state.data.servers.iter().flat_map(|(_, servers)| servers);
    servers
        .find(|s| s.grange.name == name || s.hostname == name || s.id == name)
        .map_or_else(|| name.to_owned(), |server| server.id.clone())
}

/// `web-1` becomes `shop/web-1` where a list knows it.
fn full_name(state: &State, name: &str) -> String {
    let mut servers = state.data.servers.iter().flat_map(|(_, servers)| servers);
    servers
        .find(|s| s.hostname == name && !name.is_empty())
        .map_or_else(|| name.to_owned(), |server| server.grange.name.clone())
}
