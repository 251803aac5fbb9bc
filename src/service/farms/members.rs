//! What balancers see of the servers behind them, from an agent's word to a server of ours.
//!
//! A balancer speaks for what is behind it alone: names of anything else are nobody's, and what
//! the agent of another server says of members is not taken.

use crate::base::{Result, ServerId};
use crate::model::{Actor, Automation, Cause, FarmRole, Grant, MemberDown, Permission, Server};
use crate::service::observed::{MembersSeen, Turned};
use crate::service::{Service, authorise, lookup};
use crate::store::{Author, Purpose, Subject, Tx, View};
use std::collections::BTreeMap;

/// Servers that turned, each named in one journal entry; that more did is said.
const TOLD_MAX: usize = 8;

/// What balancers call a server. One that came back under an old index must not inherit the old
/// one's health.
pub(in crate::service) fn name(server: &Server) -> String {
    format!("{}-{}", server.hostname, &server.id.to_string()[..8])
}

/// Takes in what the balancer on a server sees. Gives what turned.
pub(in crate::service) fn take(
    service: &Service,
    from: ServerId,
    members: u32,
    down: &[MemberDown],
) -> Result<Vec<Turned>> {
    let seen = service.read(&Grant::job("balancers"), |view| resolve(view, from, members, down))?;
    Ok(service.observed.members_seen(from, seen, service.now()))
}

/// Forgets what servers said that do not balance any more.
pub fn forget_others(service: &Service, actor: &Actor) -> Result<()> {
    let grant = authorise(actor, Permission::Operate)?;
    let balancers = service.observed.fleet.balancers(service)?;
    let turned = service.observed.keep_views(&balancers, service.now());
    if turned.is_empty() {
        return Ok(());
    }
    service.observation.wake();
    let author = Author::new(&grant, "balance.end", Cause::Clock, Purpose::Report);
    service.write(author, move |tx| note(tx, &turned, Again::Unasked))?;
    Ok(())
}

fn resolve(
    view: &View,
    from: ServerId,
    members: u32,
    down: &[MemberDown],
) -> Result<Option<MembersSeen>> {
    let Some(server) = lookup::server(view, from)? else { return Ok(None) };
    let Some(behind) = behind(view, &server)? else { return Ok(None) };
    let servers = lookup::live_servers_of_farm_role(view, behind.id)?;
    let names: BTreeMap<String, ServerId> = servers.iter().map(|s| (name(s), s.id)).collect();
    let known = down.iter().filter_map(|member| {
        let id = names.get(&member.name)?;
        Some((*id, member.why.clone()))
    });
    Ok(Some(MembersSeen { behind: behind.id, members, down: known.collect() }))
}

/// The farm role behind a server that balances.
fn behind(view: &View, server: &Server) -> Result<Option<FarmRole>> {
    let Some(role) = lookup::farm_role(view, server.farm_role)? else { return Ok(None) };
    let Some(balance) = &role.balance else { return Ok(None) };
    let recipe = lookup::role(view, role.role)?;
    if !recipe.is_some_and(|recipe| recipe.automation.contains(&Automation::Haproxy)) {
        return Ok(None);
    }
    let roles = lookup::farm_roles_of(view, server.farm)?;
    Ok(roles.into_iter().find(|role| role.alias == balance.farm_role && !role.removed))
}

/// Why a server is not unreached any more.
#[derive(Clone, Copy)]
pub(in crate::service) enum Again {
    /// A balancer said so.
    Reached,
    /// The agent of the balancer that said it was is not connected.
    Unknown,
    /// Whoever said it was does not balance any more.
    Unasked,
}

/// Notes what turned: no record changes, and yet it belongs to the servers' stories.
pub(in crate::service) fn note(tx: &mut Tx, turned: &[Turned], again: Again) -> Result<()> {
    let again = match again {
        Again::Reached => "is reached by a balancer again",
        Again::Unasked => "what did not reach it balances nothing any more",
        Again::Unknown => "the balancer that did not reach it lost its agent: nobody can tell now",
    };
    for (id, why) in turned.iter().take(TOLD_MAX) {
        let Some(server) = lookup::server(tx, *id)? else { continue };
        let about = lookup::server_name(tx, &server)?;
        tx.text(about, why.clone().unwrap_or_else(|| again.to_owned()));
        tx.event();
        tx.subject(Subject::Server(*id))?;
    }
    if let Some(more) = turned.len().checked_sub(TOLD_MAX).filter(|more| *more > 0) {
        tx.text("balancers".to_owned(), format!("so it is with {more} more servers"));
    }
    Ok(())
}
