//! Who may come in: tokens, users of the unix socket, and the first administrator.

use crate::base::hash::sha256;
use crate::base::limit::{
    TOKEN_DESCRIPTION_BYTES_MAX, TOKEN_LIFE, TOKEN_LIFE_MAX, TOKENS_PER_USER_MAX,
};
use crate::base::text::{self, Kind};
use crate::base::{Code, EnvironmentId, Millis, Name, Problem, Result, Timestamp, TokenId, UserId};
use crate::model::{Actor, Cause, Door, Grant, Permission, Token, User};
use crate::service::farms::roles;
use crate::service::{Service, authorise, lookup};
use crate::store::{Author, Purpose, Tx};
use crate::wire::input::{Page, Slice, TokenInfo, TokenInput, TokenView};

/// The environment that exists from the first start.
const FIRST_ENVIRONMENT: EnvironmentId = EnvironmentId(1);

/// Whose bearer token this is; `None` for an unknown or expired one.
pub fn of_token(service: &Service, token: &str) -> Option<Actor> {
    let digest = sha256(token.as_bytes());
    let now = service.now();
    let found = service.read(&Grant::job("entrance"), |view| {
        let Some(token) = lookup::token_by_digest(view, digest)? else { return Ok(None) };
        if has_ended(&token, now) {
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
    let found = service.read(&Grant::job("entrance"), |view| {
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

/// Creates a bearer token of the actor's own user. Its text is known only now. Those of the user
/// that have ended are removed: nobody can come in with one, and none is waited for.
pub fn create_token(service: &Service, actor: &Actor, input: &TokenInput) -> Result<TokenView> {
    let grant = authorise(actor, Permission::FarmsRead)?;
    let described =
        text::check("description", &input.description, Kind::Line, TOKEN_DESCRIPTION_BYTES_MAX);
    let ((), length) = Problem::both(described, life(input))?;
    let text = service.secret();
    let digest = sha256(text.reveal().as_bytes());
    let now = service.now();
    let expires_at = Some(now.after(length));
    let (user, description) = (actor.user, input.description.clone());
    let id = service.write(
        Author::new(&grant, "token.create", Cause::Request, Purpose::Growth),
        move |tx| {
            let (ended, valid): (Vec<Token>, Vec<Token>) =
                lookup::tokens_of(tx, user)?.into_iter().partition(|token| has_ended(token, now));
            if valid.len() >= TOKENS_PER_USER_MAX {
                let text = format!("{TOKENS_PER_USER_MAX} tokens are valid already: revoke some");
                return Err(Problem::new(Code::LimitExceeded, text));
            }
            for token in ended {
                tx.delete::<Token>(token.id)?;
            }
            let id: TokenId = tx.next_id()?;
            let until = now.after(length);
            let what = if description.is_empty() { "" } else { ": " };
            let told = format!("token {id} created, until {until}{what}{description}");
            tx.text(String::new(), told);
            tx.put(&Token { id, user, digest, description, created_at: now, expires_at })?;
            Ok(id)
        },
    )?;
    Ok(TokenView {
        id: id.0,
        token: text,
        description: input.description.clone(),
        expires_at: expires_at.map(|at| at.0),
    })
}

/// How long a token is to be valid.
fn life(input: &TokenInput) -> Result<Millis> {
    let length = input.expires_in_ms.unwrap_or(TOKEN_LIFE);
    match (1..=TOKEN_LIFE_MAX).contains(&length) {
        true => Ok(length),
        false => {
            let text = format!("must be from 1 to {TOKEN_LIFE_MAX} ms, which is five years");
            Err(Problem::invalid("expiresInMs", text))
        }
    }
}

fn has_ended(token: &Token, now: Timestamp) -> bool {
    token.expires_at.is_some_and(|at| at <= now)
}

/// Whether somebody may look at a token and revoke it: it is their own, or they manage users.
fn may_manage(actor: &Actor, token: &Token) -> bool {
    token.user == actor.user || actor.may(Permission::UsersManage)
}

/// The tokens of the actor's own user, and everybody's for who manages users; by number.
pub fn tokens(service: &Service, actor: &Actor, page: Page) -> Result<Slice<TokenInfo>> {
    let grant = authorise(actor, Permission::FarmsRead)?;
    let now = service.now();
    service.read(&grant, |view| {
        let mut shown = Vec::new();
        for token in lookup::all_tokens(view)? {
            if may_manage(actor, &token) {
                let user = lookup::user(view, token.user)?;
                shown.push(TokenInfo {
                    id: token.id.0,
                    user: user.map(|user| user.name.to_string()).unwrap_or_default(),
                    created_at: token.created_at.0,
                    expires_at: token.expires_at.map(|at| at.0),
                    ended: has_ended(&token, now),
                    description: token.description,
                });
            }
        }
        shown.sort_by_key(|token| token.id);
        Ok(Slice::cut(shown, page))
    })
}

/// Revokes a token: the next request with it is refused.
pub fn revoke_token(service: &Service, actor: &Actor, id: TokenId) -> Result<()> {
    let grant = authorise(actor, Permission::FarmsRead)?;
    let asker = actor.clone();
    service.write(Author::new(&grant, "token.revoke", Cause::Request, Purpose::Ending), move |tx| {
        // One that is somebody else's is as if it were not there.
        let found = lookup::token(tx, id)?.filter(|token| may_manage(&asker, token));
        let token = found.ok_or_else(|| Problem::not_found("token", id))?;
        tx.text(String::new(), format!("token {id} revoked: {}", token.description));
        tx.delete::<Token>(id)?;
        Ok(())
    })
}

/// The first administrator is there, and may also what this version has a permission for and the
/// one before had not.
fn ensure_admin(tx: &mut Tx, now: Timestamp) -> Result<()> {
    let permissions = Permission::for_admin();
    let Some(mut user) = lookup::user(tx, UserId(1))? else {
        let name = Name::new("admin").map_err(|bad| Problem::internal("naming admin", bad))?;
        let id = tx.next_id()?;
        tx.text(String::new(), format!("user {name} created at the first start"));
        tx.put(&User { id, name, permissions, unix_ids: Vec::new(), created_at: now })?;
        return Ok(());
    };
    let missing = permissions.iter().filter(|new| !user.permissions.contains(new));
    let missing: Vec<Permission> = missing.copied().collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.iter().map(|new| format!("{new:?}")).collect::<Vec<String>>().join(", ");
    tx.text(String::new(), format!("user {} has what is new: {names}", user.name));
    user.permissions.extend(missing);
    tx.put(&user)?;
    Ok(())
}

/// At every start: the first administrator and the built-in roles exist, at this version's state.
pub fn ensure_first_records(service: &Service) -> Result<()> {
    let now = service.now();
    service.write(
        Author::new(&Grant::job("start"), "start.records", Cause::Request, Purpose::Report),
        move |tx| {
            ensure_admin(tx, now)?;
            roles::ensure_built_in(tx, FIRST_ENVIRONMENT, now)?;
            Ok(())
        },
    )
}
