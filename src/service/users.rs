//! Who may come in: tokens, users of the unix socket, and the first administrator.

use crate::base::hash::sha256;
use crate::base::limit::TOKEN_DESCRIPTION_BYTES_MAX;
use crate::base::text::{self, Kind};
use crate::base::{EnvironmentId, Name, Problem, Result, TokenId, UserId};
use crate::model::{Actor, Cause, Door, Permission, Token, User};
use crate::service::{Service, authorise, lookup};
use crate::store::Author;
use crate::wire::input::{TokenInput, TokenView};

/// The environment that exists from the first start.
const FIRST_ENVIRONMENT: EnvironmentId = EnvironmentId(1);

/// Whose bearer token this is; `None` for an unknown or expired one.
pub fn of_token(service: &Service, token: &str) -> Option<Actor> {
    let digest = sha256(token.as_bytes());
    let now = service.now();
    let found = service.read(|view| {
        let Some(token) = lookup::token_by_digest(view, digest)? else { return Ok(None) };
        if token.expires_at.is_some_and(|at| at <= now) {
            return Ok(None);
        }
        lookup::user(view, token.user)
    });
    match found {
        Ok(user) => user.map(|user| actor(&user, Door::Https)),
        Err(problem) => {
            tracing::warn!(%problem, "a token could not be looked up");
            None
        }
    }
}

/// Who a process of this machine is. Root and the given users are its administrators; others are
/// who a user record says they are.
pub fn of_unix(service: &Service, uid: u32, administrators: &[u32]) -> Option<Actor> {
    let found = service.read(|view| {
        let users = lookup::all_users(view)?;
        let listed = users.iter().find(|user| user.unix_ids.contains(&uid)).cloned();
        let admin = users.into_iter().find(|user| user.id == UserId(1));
        Ok(listed.or(admin.filter(|_| uid == 0 || administrators.contains(&uid))))
    });
    match found {
        Ok(user) => user.map(|user| actor(&user, Door::Socket)),
        Err(problem) => {
            tracing::warn!(%problem, "a socket user could not be looked up");
            None
        }
    }
}

fn actor(user: &User, door: Door) -> Actor {
    Actor {
        user: user.id,
        name: user.name.to_string(),
        env: FIRST_ENVIRONMENT,
        door,
        address: String::new(),
        request: String::new(),
        permissions: user.permissions.clone(),
    }
}

/// Creates a bearer token of the actor's own user. Its text is known only now.
pub fn create_token(service: &Service, actor: &Actor, input: &TokenInput) -> Result<TokenView> {
    authorise(actor, Permission::FarmsRead)?;
    text::check("description", &input.description, Kind::Line, TOKEN_DESCRIPTION_BYTES_MAX)?;
    let text = service.secret();
    let digest = sha256(text.reveal().as_bytes());
    let now = service.now();
    let expires_at = input.expires_in_ms.map(|length| now.after(length));
    let (user, description) = (actor.user, input.description.clone());
    let id = service.write(Author::new(actor, "token.create", Cause::Request), move |tx| {
        let id: TokenId = tx.next_id()?;
        tx.text(String::new(), format!("token {id} created: {description}"));
        tx.put(&Token { id, user, digest, description, created_at: now, expires_at })?;
        Ok(id)
    })?;
    Ok(TokenView {
        id: id.0,
        token: text,
        description: input.description.clone(),
        expires_at: expires_at.map(|at| at.0),
    })
}

/// At every start: the first administrator and the built-in roles exist, at this version's state.
pub fn ensure_first_records(service: &Service) -> Result<()> {
    let now = service.now();
    let roles = crate::automation::builtin_roles();
    service.write(Author::new(&Actor::job("start"), "start.records", Cause::Request), move |tx| {
        if lookup::user(tx, UserId(1))?.is_none() {
            let name = Name::new("admin").map_err(|bad| Problem::internal("naming admin", bad))?;
            let id = tx.next_id()?;
            tx.text(String::new(), format!("user {name} created at the first start"));
            tx.put(&User {
                id,
                name,
                permissions: Permission::for_admin(),
                unix_ids: Vec::new(),
                created_at: now,
            })?;
        }
        for role in roles {
            let known = lookup::role_by_name(tx, FIRST_ENVIRONMENT, &role.name)?;
            let id = match &known {
                Some(known) => known.id,
                None => tx.next_id()?,
            };
            let role = crate::model::Role { id, env: FIRST_ENVIRONMENT, built_in: true, ..role };
            if known.as_ref() != Some(&role) {
                tx.text(String::new(), format!("built-in role {} is ready", role.name));
                tx.put(&role)?;
            }
        }
        Ok(())
    })
}
