//! Names as people say them: a farm by its name, a server by `shop/web-3` or, where that is
//! enough, by `web-3`.

use crate::base::{Code, FarmId, Problem, ServerId};
use crate::cli::Stop;
use crate::cli::args::said;
use crate::client::Client;
use crate::wire::api::{FarmRoleView, FarmView, ServerView};
use crate::wire::image::{IMAGES, ImageFilter, ImageView};
use crate::wire::input::{RoleView, ServerFilter};

/// Names offered to somebody who said a wrong one.
const OFFERED_MAX: usize = 10;

/// The farm of a name.
pub fn farm(client: &Client, name: &str) -> Result<FarmView, Stop> {
    said::farm(name).map_err(|fault| Problem::invalid("farm", fault))?;
    if let Some(farm) = client.farm_named(name)? {
        return Ok(farm);
    }
    let farms = client.farms()?;
    let names = farms.into_iter().map(|farm| farm.name).collect();
    Err(none("farm", name, names, "declare one with grange apply -f FILE"))
}

/// The role of a name.
pub fn role(client: &Client, name: &str) -> Result<RoleView, Stop> {
    let mut roles = client.roles()?;
    if let Some(place) = roles.iter().position(|role| role.name == name) {
        return Ok(roles.swap_remove(place));
    }
    let names = roles.into_iter().map(|role| role.name).collect();
    Err(none("role", name, names, "make one with grange role apply -f FILE"))
}

/// The image of a name.
pub fn image(client: &Client, name: &str) -> Result<ImageView, Stop> {
    let mut images = client.rows_where(&IMAGES, &[], &ImageFilter::default())?;
    if let Some(place) = images.iter().position(|image| image.name == name) {
        return Ok(images.swap_remove(place));
    }
    let names = images.into_iter().map(|image| image.name).collect();
    Err(none("image", name, names, "import one with grange image import FILE"))
}

/// The farm role somebody means, as `shop/web`.
pub fn farm_role(client: &Client, said: &str) -> Result<FarmRoleView, Stop> {
    said::farm_role(said).map_err(|fault| Problem::invalid("what", fault))?;
    let (farm_name, alias) = said.split_once('/').unwrap_or((said, ""));
    let roles = client.farm_roles(farm(client, farm_name)?.id)?;
    if let Some(role) = roles.iter().find(|role| role.alias == alias) {
        return Ok(role.clone());
    }
    let names = roles.into_iter().map(|role| format!("{farm_name}/{}", role.alias)).collect();
    Err(none("farm role", said, names, "declare one with grange apply -f FILE"))
}

/// The server somebody means.
pub fn server(client: &Client, said: &str) -> Result<ServerView, Stop> {
    said::server(said).map_err(|fault| Problem::invalid("server", fault))?;
    if said.parse::<ServerId>().is_ok() {
        return Ok(client.server(said)?);
    }
    let (farm, hostname) = match said.split_once('/') {
        Some((farm_name, hostname)) => (Some(FarmId(farm(client, farm_name)?.id)), hostname),
        None => (None, said),
    };
    let filter = ServerFilter { farm, hostname: Some(hostname.to_owned()), ..Default::default() };
    let mut found = client.servers(&filter)?;
    // Whoever answered with others has not understood the question.
    let asked = |server: &ServerView| server.farm.id == farm.map_or(server.farm.id, |farm| farm.0);
    found.retain(|server| server.hostname == hostname && asked(server));
    match (found.pop(), found.is_empty()) {
        (Some(server), true) => Ok(server),
        (Some(server), false) => {
            found.push(server);
            let message = format!("{said} is several servers: {}", list(names(found)));
            Err(Problem::new(Code::InvalidValue, message).into())
        }
        (None, _) => {
            let all = client.servers(&ServerFilter { farm, ..ServerFilter::default() })?;
            Err(none("server", said, names(all), "launch a farm with grange farm launch"))
        }
    }
}

fn names(servers: Vec<ServerView>) -> Vec<String> {
    servers.into_iter().map(|server| server.grange.name).collect()
}

fn none(noun: &str, said: &str, names: Vec<String>, otherwise: &str) -> Stop {
    let rest = match names.is_empty() {
        true => format!("there is none yet: {otherwise}"),
        false => format!("there are: {}", list(names)),
    };
    Problem::new(Code::ObjectNotFound, format!("no {noun} {said:?}; {rest}")).into()
}

fn list(mut names: Vec<String>) -> String {
    names.sort();
    let more = names.len().saturating_sub(OFFERED_MAX);
    names.truncate(OFFERED_MAX);
    let text = names.join(", ");
    if more > 0 { format!("{text} and {more} more") } else { text }
}
