//! Built-in roles in the store: at every start they say what this version ships.

use super::{about, put};
use crate::automation::builtin_roles;
use crate::base::{EnvironmentId, Result, Timestamp};
use crate::model::{Recipe, Role};
use crate::service::lookup;
use crate::store::Tx;

/// Brings the built-in roles to this version's state. One that says something else now gets a
/// revision more; farm roles go on with the one they have.
pub(in crate::service) fn ensure_built_in(
    tx: &mut Tx,
    env: EnvironmentId,
    now: Timestamp,
) -> Result<()> {
    for shipped in builtin_roles() {
        let shipped = Role { env, created_at: now, ..shipped };
        match lookup::role_by_name(tx, env, &shipped.name)? {
            None => {
                let role = Role { id: tx.next_id()?, ..shipped };
                tx.text(String::new(), format!("built-in role {} is ready", role.name));
                put(tx, &role, Recipe::default(), now, role.created_by)?;
            }
            Some(known) if known.built_in => bring_up(tx, known, shipped, now)?,
            Some(persons) => {
                let name = &persons.name;
                tracing::warn!(%name, "a person's role has the name of a built-in one, left out");
            }
        }
    }
    Ok(())
}

fn bring_up(tx: &mut Tx, known: Role, shipped: Role, now: Timestamp) -> Result<()> {
    // One from before roles had revisions is in its first.
    if lookup::role_revision(tx, known.id, known.revision)?.is_none() {
        put(tx, &known, Recipe::default(), known.created_at, known.created_by)?;
    }
    let said = |role: &Role| (role.automation.clone(), role.images.clone());
    let is_other = said(&known) != said(&shipped);
    let role = Role {
        id: known.id,
        revision: known.revision + u64::from(is_other),
        created_at: known.created_at,
        ..shipped
    };
    if is_other {
        tx.text(
            about(&role),
            format!("is built in, with revision {} in this version", role.revision),
        );
        put(tx, &role, Recipe::default(), now, role.created_by)?;
    } else if role != known {
        tx.text(about(&role), "is described anew in this version");
        tx.put(&role)?;
    }
    Ok(())
}
