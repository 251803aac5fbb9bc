//! A role as a manifest again, so that applied once more it makes no other revision.

use super::found;
use crate::base::{Problem, Result, RoleId};
use crate::model::{Actor, Permission, Role, RoleRevision};
use crate::service::{Service, authorise, lookup};
use crate::wire::manifest::role::{RoleManifest, write};
use crate::wire::role::{RoleManifestAsked, RoleManifestView};

/// Writes a revision of a role as a manifest; the current one where none is asked for.
pub fn export(
    service: &Service,
    actor: &Actor,
    id: RoleId,
    asked: &RoleManifestAsked,
) -> Result<RoleManifestView> {
    let grant = authorise(actor, Permission::FarmsRead)?;
    service.read(&grant, |view| {
        let role = found(view, id)?;
        let number = asked.role_revision.unwrap_or(role.revision);
        let revision = lookup::role_revision(view, id, number)?.ok_or_else(|| {
            Problem::not_found("revision", format!("{number} of role {}", role.name))
        })?;
        let comments = comments(&role, &revision);
        let manifest = RoleManifest {
            role: role.name.clone(),
            description: role.description,
            automation: revision.automation,
            images: revision.images,
            recipe: revision.recipe,
        };
        Ok(RoleManifestView {
            role: role.name.to_string(),
            role_revision: number,
            manifest: write(&manifest, &comments),
        })
    })
}

/// What a reader of the file has to know that is not in it.
fn comments(role: &Role, revision: &RoleRevision) -> Vec<String> {
    let (name, number) = (&role.name, revision.number);
    let mut all =
        vec![format!("Role {name}, revision {number}. An edited copy: grange role apply -f FILE")];
    if number != role.revision {
        all.push(format!("The current revision is {}.", role.revision));
    }
    if role.built_in {
        all.push("It is built in: an edited copy needs another name.".to_owned());
    }
    all
}
