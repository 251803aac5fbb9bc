//! Rights as a type: what somebody was found to be allowed, and where.
//!
//! Whoever reads records or writes any hands the store a [`Grant`], and only what looked at the
//! actor's permissions makes one: [`authorise`] for people, [`Grant::job`] and [`Grant::agent`] for
//! the appliance's own work. So nothing can be written, or read from another environment, without
//! having asked; forgetting to ask does not compile.

use crate::base::{Code, EnvironmentId, Problem, Result, ServerId};
use crate::model::{Actor, Door, Permission};
use std::borrow::Cow;

/// Where a grant holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// In one environment. What belongs to another is as if it were not there; what belongs to
    /// none, as people and cloud accounts, can be read from each.
    Environment(EnvironmentId),
    /// In all of them: the appliance's own work.
    Installation,
}

impl Scope {
    /// Whether something of an environment is to be seen here; `None` belongs to none.
    pub fn shows(self, env: Option<EnvironmentId>) -> bool {
        match (self, env) {
            (Scope::Environment(own), Some(env)) => own == env,
            (Scope::Environment(_), None) | (Scope::Installation, _) => true,
        }
    }
}

/// The proof that somebody may do something in a scope. Its fields are private: who has one was
/// looked at.
#[derive(Clone, Debug)]
pub struct Grant<'a> {
    actor: Cow<'a, Actor>,
    permission: Permission,
    scope: Scope,
}

/// What an actor gets who has a permission: in their environment, or in the whole house where it
/// is one for the appliance's own work. The first line of every verb.
///
/// # Errors
/// `PermissionViolation`, which names what is missing.
pub fn authorise(actor: &Actor, permission: Permission) -> Result<Grant<'_>> {
    if !actor.may(permission) {
        let (name, missing) = (&actor.name, format!("{permission:?}"));
        let message = format!("{name} may not do this: the permission {missing} is missing");
        return Err(Problem::new(Code::PermissionViolation, message));
    }
    let scope = match permission {
        Permission::Operate => Scope::Installation,
        Permission::FarmsRead
        | Permission::FarmsManage
        | Permission::FarmsLaunch
        | Permission::ServersManage
        | Permission::EventsRead
        | Permission::UsersManage
        | Permission::CommandsRun
        | Permission::LogsRead
        | Permission::RolesManage
        | Permission::ImagesManage
        | Permission::CloudsManage => Scope::Environment(actor.env),
    };
    Ok(Grant { actor: Cow::Borrowed(actor), permission, scope })
}

impl Grant<'_> {
    /// What one of the appliance's own jobs may, which is everything there is in the house. For
    /// what nobody asked for; a verb that takes an actor asks [`authorise`].
    pub fn job(name: &str) -> Grant<'static> {
        Grant {
            actor: Cow::Owned(Actor::job(name)),
            permission: Permission::Operate,
            scope: Scope::Installation,
        }
    }

    /// What an agent may that the gate let in: what it says is about its own server, which the
    /// gate took from its certificate.
    pub fn agent(server: ServerId, name: &str) -> Grant<'static> {
        let actor = Actor {
            name: format!("agent:{name}"),
            door: Door::Agent,
            address: server.to_string(),
            permissions: vec![Permission::Operate],
            ..Actor::job("agent")
        };
        Grant {
            actor: Cow::Owned(actor),
            permission: Permission::Operate,
            scope: Scope::Installation,
        }
    }

    /// Who has it.
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// For what.
    pub fn permission(&self) -> Permission {
        self.permission
    }

    /// Where.
    pub fn scope(&self) -> Scope {
        self.scope
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_permission_is_granted_to_who_has_it_and_where_it_holds() {
        for permission in Permission::ALL {
            let env = EnvironmentId(7);
            let others = Permission::ALL.into_iter().filter(|p| *p != permission).collect();
            let without = Actor { env, permissions: others, ..Actor::job("x") };
            let refused = authorise(&without, permission).unwrap_err();
            assert_eq!(refused.code, Code::PermissionViolation, "{permission:?}");
            let with = Actor { permissions: vec![permission], ..without };
            let scope = match permission {
                Permission::Operate => Scope::Installation,
                _ => Scope::Environment(env),
            };
            let grant = authorise(&with, permission).unwrap();
            assert_eq!((grant.permission(), grant.scope()), (permission, scope));
        }
    }

    #[test]
    fn a_scope_shows_its_own_and_what_is_of_none() {
        let (own, other) = (EnvironmentId(1), EnvironmentId(2));
        let shown = |scope: Scope| [Some(own), Some(other), None].map(|env| scope.shows(env));
        assert_eq!(shown(Scope::Environment(own)), [true, false, true]);
        assert_eq!(shown(Scope::Installation), [true, true, true]);
    }
}
