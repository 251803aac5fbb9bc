//! What moved between a proposal and now, by name.

use crate::base::time::say;
use crate::base::{Code, FarmId, FarmRoleId, Problem, Result};
use crate::model::Grant;
use crate::service::Service;
use crate::service::farms::manifests::{Change, Outlook};
use crate::store::{Subject, Table};
use crate::wire::proposal::{Base, Document, ProposalRecord};

/// Entries of a thing looked at for who changed it last.
const LOOKED_AT_MAX: usize = 100;

/// The records must be the ones the proposal was made on.
pub fn records(
    service: &Service,
    grant: &Grant,
    change: &Change,
    record: &ProposalRecord,
) -> Result<()> {
    let (then, now, farm) = (&record.base, &change.base, &record.farm);
    let mut moved = Vec::new();
    match (&then.farm, &now.farm) {
        (None, Some(_)) => moved.push(format!("there is a farm {farm} by now")),
        (Some(_), None) => moved.push(format!("farm {farm} is gone")),
        (Some(then), Some(now)) if then.id != now.id => {
            moved.push(format!("farm {farm} was removed and declared anew"));
        }
        (Some(then), Some(now)) if then.revision != now.revision => {
            let who = who(service, grant, Subject::Farm(FarmId(now.id)), Table::Farms)?;
            moved.push(format!("farm {farm} itself changed{who}"));
        }
        (Some(_), Some(_)) | (None, None) => {}
    }
    // Of a farm that is another, every farm role is.
    if then.farm.as_ref().map(|farm| farm.id) == now.farm.as_ref().map(|farm| farm.id) {
        moved.extend(farm_roles(service, grant, farm, then, now)?);
    }
    say_moved(moved)
}

fn farm_roles(
    service: &Service,
    grant: &Grant,
    farm: &str,
    then: &Base,
    now: &Base,
) -> Result<Vec<String>> {
    let mut moved = Vec::new();
    for was in &then.farm_roles {
        let name = format!("{farm}/{}", was.alias);
        match now.farm_roles.iter().find(|is| is.alias == was.alias) {
            None => moved.push(format!("farm role {name} is gone")),
            Some(is) if is.id != was.id => {
                moved.push(format!("farm role {name} was removed and declared anew"));
            }
            Some(is) if is.revision != was.revision => {
                let subject = Subject::FarmRole(FarmRoleId(is.id));
                let who = who(service, grant, subject, Table::FarmRoles)?;
                moved.push(format!("farm role {name} changed{who}"));
            }
            Some(_) => {}
        }
    }
    let new = |alias: &str| !then.farm_roles.iter().any(|was| was.alias == alias);
    let new = now.farm_roles.iter().filter(|is| new(&is.alias));
    moved.extend(new.map(|is| format!("farm role {farm}/{} is new", is.alias)));
    Ok(moved)
}

/// Who changed a record last, if the journal still knows.
fn who(service: &Service, grant: &Grant, subject: Subject, table: Table) -> Result<String> {
    let entries = service.store.entries_about(grant, subject, None, LOOKED_AT_MAX)?;
    let last = entries.iter().find(|entry| entry.changes.iter().any(|c| c.table == table));
    let text = last.map(|entry| {
        let age = say(service.now().since(entry.at));
        format!(", last by {} {age} ago", entry.who.name)
    });
    Ok(text.unwrap_or_default())
}

/// The same records must come to the same differences: they may not when what a role is called,
/// or how this appliance says things, is not what it was.
pub fn differences(change: &Change, document: &Document) -> Result<()> {
    let now: Vec<String> = change.differences.iter().map(ToString::to_string).collect();
    let gone = document.differences.iter().filter(|line| !now.contains(line));
    let gone = gone.map(|line| format!("it would no longer change {line}"));
    let new = now.iter().filter(|line| !document.differences.contains(line));
    let new = new.map(|line| format!("it would also change {line}"));
    say_moved(gone.chain(new).collect())
}

/// No server may stop that the proposal does not name.
pub fn stops(outlook: &Outlook, document: &Document) -> Result<()> {
    let named = |name: &str| {
        document.stopped.iter().any(|line| line.split_once(": ").is_some_and(|(n, _)| n == name))
    };
    let stray = outlook.stopped.iter().filter(|(name, _)| !named(name));
    let stray = stray
        .map(|(name, why)| format!("{name} would be stopped now ({why}), which it does not name"));
    say_moved(stray.collect())
}

fn say_moved(moved: Vec<String>) -> Result<()> {
    let one = |what: String| {
        Problem::new(Code::RevisionConflict, format!("the world moved since it was made: {what}"))
    };
    Problem::all(moved.into_iter().map(one)).map_or(Ok(()), Err)
}
