//! The `:` commands: what they are called, what completes them, what they mean.

use super::source::Action;
use super::state::{Place, State};
use crate::base::time::read;
use crate::model::HoldKind;
use crate::wire::hold::HoldInput;

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
}

const KNOWN: [Known; 12] = [
    Known { name: "farms", aliases: &["f", "home"], takes: Takes::Nothing, about: "all farms" },
    Known { name: "farm", aliases: &[], takes: Takes::Farm, about: "one farm: its servers" },
    Known { name: "servers", aliases: &["srv"], takes: Takes::Nothing, about: "all servers" },
    Known { name: "server", aliases: &[], takes: Takes::Server, about: "one server" },
    Known { name: "events", aliases: &["ev"], takes: Takes::MaybeThing, about: "the journal" },
    Known { name: "why", aliases: &["explain"], takes: Takes::Thing, about: "why it is so" },
    Known { name: "status", aliases: &["st"], takes: Takes::Nothing, about: "the appliance" },
    Known { name: "launch", aliases: &[], takes: Takes::Farm, about: "launch a farm" },
    Known { name: "terminate", aliases: &[], takes: Takes::Farm, about: "terminate a farm" },
    Known { name: "hold", aliases: &[], takes: Takes::Hold, about: "hold shop/web scale 2h why" },
    Known { name: "release", aliases: &[], takes: Takes::Hold, about: "end a hold" },
    Known { name: "quit", aliases: &["q", "exit"], takes: Takes::Nothing, about: "leave" },
];

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
            .take(SUGGESTIONS_MAX + 2)
            .collect();
    };
    let Some(known) = find(word) else { return Vec::new() };
    if matches!(known.takes, Takes::Hold) {
        return of_hold(state, known.name, rest);
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
    let name = words.next();
    match (known.takes, name) {
        (Takes::Nothing, Some(extra)) => {
            return Err(format!(":{} takes nothing, not {extra:?}", known.name));
        }
        (Takes::Farm | Takes::Server | Takes::Thing, None) => {
            return Err(format!(":{} needs a name, as :{0} shop", known.name));
        }
        _ => {}
    }
    let name = name.unwrap_or_default();
    Ok(match known.name {
        "farm" => Command::Go(Place::Farm(farm(state, name)?)),
        "launch" => Command::Launch(farm(state, name)?),
        "terminate" => Command::Terminate(farm(state, name)?),
        "server" => Command::Go(Place::Server(server(state, name))),
        "events" => Command::Go(Place::Events(full_name(state, name))),
        "why" => Command::Go(Place::Why(full_name(state, name))),
        "servers" => Command::Go(Place::Servers),
        "status" => Command::Go(Place::Status),
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
