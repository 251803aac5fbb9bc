//! Notes: leaving them, listing them, removing them.
//!
//! A note is for people: nothing that runs by itself reads one. It is on a farm, a farm role or a
//! server, and goes with the record of that. It is one line, because it is read where there are
//! many: in tables, beside a server on a screen, as a sentence of the journal, which is where its
//! words are found again after it is gone. What needs more lines has a place of its own elsewhere,
//! and a note can name it.

use crate::base::limit::{NOTE_BYTES_MAX, NOTES_MAX, NOTES_OF_FARM_MAX};
use crate::base::name::parts;
use crate::base::text::{self, Kind};
use crate::base::{Code, EnvironmentId, FarmId, FarmRoleId, NoteId, Problem, Result, ServerId};
use crate::model::{Actor, Cause, Farm, FarmRole, Note, Permission, Server};
use crate::service::orchestration::runs;
use crate::service::{Service, authorise, lookup};
use crate::store::{Author, Purpose, Reads, Tx};
use crate::wire::input::{Page, Slice, is_under};
use crate::wire::note::{NoteFilter, NoteInput, NoteView};

/// What a note can be on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// A farm itself.
    Farm,
    /// A farm role of it.
    FarmRole(FarmRoleId),
    /// A server of a farm role of it.
    Server(ServerId),
}

impl On {
    /// What a note is on.
    fn of(note: &Note) -> On {
        match (note.server, note.farm_role) {
            (Some(server), _) => On::Server(server),
            (None, Some(farm_role)) => On::FarmRole(farm_role),
            (None, None) => On::Farm,
        }
    }
}

/// Leaves a note.
pub fn add(service: &Service, actor: &Actor, input: &NoteInput) -> Result<NoteView> {
    let grant = authorise(actor, Permission::FarmsManage)?;
    let (what, text) = checked(input)?;
    let (env, by, at) = (actor.env, actor.user, service.now());
    let id = service.write(
        Author::new(&grant, "note.add", Cause::Request, Purpose::Ending),
        move |tx| {
            let place = named(tx, env, &what)?;
            let others = lookup::notes_of_farm(tx, place.farm.id)?;
            refuse_more(&place, &others)?;
            let id = tx.next_id()?;
            let (farm, farm_role) = (place.farm.id, place.role.as_ref().map(|role| role.id));
            let server = place.server.as_ref().map(|server| server.id);
            tx.text(place.name(), format!("note {id}: {text}"));
            tx.put(&Note { id, env, farm, farm_role, server, text, by, at })?;
            Ok(id)
        },
    )?;
    let found = service.read(&grant, |view| {
        let note = lookup::note(view, id)?;
        note.map(|note| seen(view, note)).transpose()
    })?;
    found.ok_or_else(|| Problem::not_found("note", id))
}

/// Removes a note. The journal keeps what it said.
pub fn remove(service: &Service, actor: &Actor, id: NoteId) -> Result<()> {
    let grant = authorise(actor, Permission::FarmsManage)?;
    let env = actor.env;
    service.write(Author::new(&grant, "note.remove", Cause::Request, Purpose::Ending), move |tx| {
        let found = lookup::note(tx, id)?.filter(|note| note.env == env);
        let note = found.ok_or_else(|| Problem::not_found("note", id))?;
        tx.text(about(tx, &note)?, format!("note {id} is removed: {}", note.text));
        tx.delete::<Note>(id)?;
        Ok(())
    })
}

/// The notes that a filter takes, the oldest first.
pub fn list(
    service: &Service,
    actor: &Actor,
    filter: &NoteFilter,
    page: Page,
) -> Result<Slice<NoteView>> {
    let grant = authorise(actor, Permission::FarmsRead)?;
    service.read(&grant, |view| {
        let notes = match &filter.about {
            None => lookup::all_notes(view)?,
            // Of what there is not it is said so: a misspelt name is no thing without notes.
            Some(what) => {
                let place = named(view, actor.env, what)?;
                let name = place.name();
                let mut under = Vec::new();
                for note in lookup::notes_of_farm(view, place.farm.id)? {
                    if is_under(&about(view, &note)?, &name) {
                        under.push(note);
                    }
                }
                under
            }
        };
        let mine = notes.into_iter().filter(|note| note.env == actor.env);
        let shown = Slice::cut(mine, page);
        let items: Result<Vec<NoteView>> =
            shown.items.into_iter().map(|note| seen(view, note)).collect();
        Ok(Slice { items: items?, total: shown.total })
    })
}

/// The notes on one thing, for the page about it, the oldest first.
pub fn on(read: &impl Reads, farm: FarmId, on: On) -> Result<Vec<NoteView>> {
    among(read, &lookup::notes_of_farm(read, farm)?, on)
}

/// Those of a farm's notes that are on one thing.
pub fn among(read: &impl Reads, notes: &[Note], on: On) -> Result<Vec<NoteView>> {
    let found = notes.iter().filter(|note| On::of(note) == on);
    found.map(|note| seen(read, note.clone())).collect()
}

/// Removes the notes on a farm role and its servers, or on all of a farm that is gone.
pub(in crate::service) fn forget(
    tx: &mut Tx,
    farm: FarmId,
    role: Option<FarmRoleId>,
) -> Result<()> {
    for note in lookup::notes_of_farm(tx, farm)? {
        if role.is_none() || note.farm_role == role {
            tx.delete::<Note>(note.id)?;
        }
    }
    Ok(())
}

/// Removes the notes on a server whose record goes.
pub(in crate::service) fn forget_server(tx: &mut Tx, server: &Server) -> Result<()> {
    for note in lookup::notes_of_farm(tx, server.farm)? {
        if note.server == Some(server.id) {
            tx.delete::<Note>(note.id)?;
        }
    }
    Ok(())
}

fn seen(read: &impl Reads, note: Note) -> Result<NoteView> {
    let by = lookup::user(read, note.by)?.map(|user| user.name.to_string());
    Ok(NoteView {
        id: note.id.0,
        about: about(read, &note)?,
        by: by.unwrap_or_else(|| format!("user {}", note.by)),
        at: note.at.0,
        text: note.text,
    })
}

/// `shop`, `shop/web` or `shop/web-3`.
fn about(read: &impl Reads, note: &Note) -> Result<String> {
    let server = note.server.map(|id| lookup::server(read, id)).transpose()?.flatten();
    if let Some(server) = server {
        return lookup::server_name(read, &server);
    }
    let farm = lookup::farm(read, note.farm)?.map(|farm| farm.name.to_string());
    let farm = farm.unwrap_or_default();
    let role = note.farm_role.map(|id| lookup::farm_role(read, id)).transpose()?.flatten();
    Ok(role.map_or(farm.clone(), |role| format!("{farm}/{}", role.alias)))
}

/// A thing that there is, with what it is a part of.
struct NoteTarget {
    farm: Farm,
    role: Option<FarmRole>,
    server: Option<Server>,
}

impl NoteTarget {
    fn name(&self) -> String {
        let farm = &self.farm.name;
        match (&self.server, &self.role) {
            (Some(server), _) => format!("{farm}/{}", server.hostname),
            (None, Some(role)) => format!("{farm}/{}", role.alias),
            (None, None) => farm.to_string(),
        }
    }

    fn on(&self) -> On {
        match (&self.server, &self.role) {
            (Some(server), _) => On::Server(server.id),
            (None, Some(role)) => On::FarmRole(role.id),
            (None, None) => On::Farm,
        }
    }
}

/// What people call a thing. A server that is gone has no name any more, and its UUID is enough.
fn named(read: &impl Reads, env: EnvironmentId, what: &str) -> Result<NoteTarget> {
    if let Ok(id) = what.parse::<ServerId>() {
        let server = lookup::server(read, id)?.filter(|server| server.env == env);
        return of_server(read, server.ok_or_else(|| Problem::not_found("server", what))?);
    }
    let (farm_name, rest) = parts(what).map_err(|bad| Problem::invalid("what", bad.to_string()))?;
    let farm = lookup::farm_by_name(read, env, &farm_name)?;
    let farm = farm.ok_or_else(|| Problem::not_found("farm", farm_name))?;
    let Some(rest) = rest else { return Ok(NoteTarget { farm, role: None, server: None }) };
    let roles = lookup::farm_roles_of(read, farm.id)?;
    if let Some(role) = roles.into_iter().find(|role| role.alias == rest) {
        return Ok(NoteTarget { farm, role: Some(role), server: None });
    }
    let servers = lookup::live_servers_of_farm(read, farm.id)?;
    let server = servers.into_iter().find(|server| server.hostname == rest.as_str());
    of_server(read, server.ok_or_else(|| Problem::not_found("farm role or server", what))?)
}

/// The servers that a name means for a command: of a farm or farm role those that run, by farm role
/// and index.
pub(in crate::service) fn servers_named(
    read: &impl Reads,
    env: EnvironmentId,
    what: &str,
) -> Result<Vec<Server>> {
    let NoteTarget { farm, role, server } = named(read, env, what)?;
    if let Some(server) = server {
        return Ok(vec![server]);
    }
    let mut servers = lookup::live_servers_of_farm(read, farm.id)?;
    servers.retain(|server| {
        runs::runs(server) && role.as_ref().is_none_or(|role| role.id == server.farm_role)
    });
    servers.sort_by_key(|server| (server.farm_role, server.index));
    Ok(servers)
}

fn of_server(read: &impl Reads, server: Server) -> Result<NoteTarget> {
    let farm = lookup::farm(read, server.farm)?;
    let farm = farm.ok_or_else(|| Problem::not_found("farm", server.farm))?;
    let role = lookup::farm_role(read, server.farm_role)?;
    Ok(NoteTarget { farm, role, server: Some(server) })
}

fn refuse_more(place: &NoteTarget, others: &[Note]) -> Result<()> {
    let on = place.on();
    if others.iter().filter(|note| On::of(note) == on).count() >= NOTES_MAX {
        let text = format!("{} has {NOTES_MAX} notes: remove one first", place.name());
        return Err(Problem::new(Code::LimitExceeded, text));
    }
    if others.len() >= NOTES_OF_FARM_MAX {
        let farm = &place.farm.name;
        let text = format!("{farm} has {NOTES_OF_FARM_MAX} notes in all: remove one first");
        return Err(Problem::new(Code::LimitExceeded, text));
    }
    Ok(())
}

/// On what, and which text; every fault at once.
fn checked(input: &NoteInput) -> Result<(String, String)> {
    let mut faults = Vec::new();
    let (what, text) = (input.what.trim(), input.text.trim());
    if what.is_empty() {
        faults.push(Problem::invalid("what", "say on what: a farm, or as shop/web, shop/web-3"));
    }
    if text.is_empty() {
        faults.push(Problem::invalid("text", "say something, for whoever comes next"));
    }
    faults.extend(text::check("text", text, Kind::Line, NOTE_BYTES_MAX).err());
    match Problem::all(faults) {
        Some(problem) => Err(problem),
        None => Ok((what.to_owned(), text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_one_line_on_something() {
        let check = |what: &str, text: &str, expected: &[&str]| {
            let told = match checked(&NoteInput { what: what.into(), text: text.into() }) {
                Ok(_) => Vec::new(),
                Err(problem) => problem.each().map(|fault| fault.to_string()).collect(),
            };
            assert_eq!(told.len(), expected.len(), "{told:?}");
            for (is, part) in told.iter().zip(expected) {
                assert!(is.contains(part), "{is:?} lacks {part:?}");
            }
        };
        check("shop", "ask Ann before you touch it", &[]);
        check("shop", &"x".repeat(NOTE_BYTES_MAX), &[]);
        check("shop", &"x".repeat(NOTE_BYTES_MAX + 1), &["at most 400"]);
        check("shop", "one\ntwo", &["one line"]);
        check("shop", "\u{1b}[2J", &["can be seen"]);
        check(" ", "  ", &["on what", "say something"]);
    }
}
