//! Global variables: declaring them, giving them values, and which of them a server has.
//!
//! A variable is declared in one scope, which alone says what it is (hidden, locked, required, its
//! pattern and format); scopes further in may give it another value. So every question about one
//! has one answer: what is declared twice would have two. Whether it is hidden is said with its
//! declaration and stays: what once was open is in the journal, and what was hidden is not to be
//! opened by a word.
//!
//! The value of a hidden variable is sealed in the transaction that writes it, is shown to nobody,
//! and is in no message, also not in the one that says why it is refused. It is opened by
//! [`of_server`] alone, for the server that it is for.

mod checks;
mod resolve;
mod users;

pub use resolve::{FarmVariables, ResolvedVariable};
pub(in crate::service) use resolve::{require, scopes_of};

use crate::base::limit::VARIABLES_MAX;
use crate::base::{
    Code, EnvironmentId, FarmId, FarmRoleId, Problem, Result, Secret, ServerId, VariableId,
};
use crate::model::{
    Actor, Cause, GlobalVariable, Grant, Permission, VariableDeclaration, VariableScope,
    VariableValue,
};
use crate::service::{Service, authorise, lookup};
use crate::store::{Author, Keyring, Purpose, Reads, SealedPlace, Tx};
use crate::wire::input::{Page, Slice};
use crate::wire::variable::{VariableInput, VariableView};
use resolve::Inherited;

/// The variables that a scope has, by name, with those it inherits.
pub fn list(
    service: &Service,
    actor: &Actor,
    scope: VariableScope,
    page: Page,
) -> Result<Slice<VariableView>> {
    let grant = authorise(actor, Permission::FarmsRead)?;
    service.read(&grant, |view| {
        let all = Inherited::all(view, &scopes_of(view, actor.env, &scope)?)?;
        let shown = Slice::cut(all, page);
        let items = shown.items.iter().map(|known| known.view(&scope)).collect();
        Ok(Slice { items, total: shown.total })
    })
}

/// A variable as a scope has it.
pub fn get(
    service: &Service,
    actor: &Actor,
    scope: VariableScope,
    name: &str,
) -> Result<VariableView> {
    let grant = authorise(actor, Permission::FarmsRead)?;
    let view = shown(service, &grant, scope, name)?;
    let used_by =
        service.read(&grant, |read| users::names_of_users(read, actor.env, &scope, &view.name))?;
    Ok(VariableView { used_by, ..view })
}

/// Declares a variable, perhaps with a value.
pub fn declare(
    service: &Service,
    actor: &Actor,
    scope: VariableScope,
    input: &VariableInput,
) -> Result<VariableView> {
    let grant = authorise(actor, permission(&scope))?;
    let said = input.name.as_deref().ok_or_else(|| Problem::invalid("name", "it needs a name"));
    let (name, declared) = Problem::both(
        said.and_then(checks::name),
        checks::declaration(&VariableDeclaration::default(), input, scope.kind()),
    )?;
    if let Some(value) = &input.value {
        checks::value(&declared, value.reveal())?;
    }
    let (ring, env, value) = (service.keyring.clone(), actor.env, input.value.clone());
    let (named, now) = (name.clone(), service.now());
    let author = Author::new(&grant, "variable.declare", Cause::Request, Purpose::Growth);
    service.write(author, move |tx| {
        let scopes = scopes_of(tx, env, &scope)?;
        refuse_second(tx, env, &scopes, &scope, &name)?;
        refuse_more(tx, &scope)?;
        let id: VariableId = tx.next_id()?;
        let value = value.map(|value| kept(&ring, id, &declared, &value)).transpose()?;
        tx.text(about(tx, &scope)?, format!("variable {name} is declared"));
        let (required, named) = (declared.required_in, name.clone());
        let has_value = value.is_some();
        let declared = Some(declared);
        tx.put(&GlobalVariable { id, env: env_of(&scope, env), scope, name, value, declared })?;
        if let Some(kind) = required {
            users::refuse_unmet(tx, env, &scope, &named, kind)?;
        }
        if has_value { users::mend(tx, env, &scope, &named, now) } else { Ok(()) }
    })?;
    shown(service, &grant, scope, &named)
}

/// Changes a variable where it is declared, or gives one that is inherited a value here.
pub fn change(
    service: &Service,
    actor: &Actor,
    scope: VariableScope,
    name: &str,
    input: &VariableInput,
) -> Result<VariableView> {
    let grant = authorise(actor, permission(&scope))?;
    if input.name.as_deref().is_some_and(|other| !other.eq_ignore_ascii_case(name)) {
        return Err(Problem::invalid("name", "a variable keeps its name: declare another"));
    }
    checks::kind(input)?;
    let (ring, env) = (service.keyring.clone(), actor.env);
    let (input, named, now) = (input.clone(), name.to_owned(), service.now());
    let author = Author::new(&grant, "variable.change", Cause::Request, Purpose::Growth);
    service.write(author, move |tx| {
        let scopes = scopes_of(tx, env, &scope)?;
        let known = Inherited::named(tx, &scopes, &named)?;
        let known = known.ok_or_else(|| Problem::not_found("global variable", &named))?;
        match known.declared_in() == scope {
            true => change_declared(tx, &ring, &known, env, &input),
            false => give_value(tx, &ring, &known, scope, env, &input),
        }?;
        match input.value.is_some() {
            true => users::mend(tx, env, &scope, &known.first().name, now),
            false => Ok(()),
        }
    })?;
    shown(service, &grant, scope, name)
}

/// Removes a variable from a scope: its declaration, or the value it has there.
pub fn remove(service: &Service, actor: &Actor, scope: VariableScope, name: &str) -> Result<()> {
    let grant = authorise(actor, permission(&scope))?;
    let (env, name) = (actor.env, name.to_owned());
    let author = Author::new(&grant, "variable.remove", Cause::Request, Purpose::Ending);
    service.write(author, move |tx| {
        let scopes = scopes_of(tx, env, &scope)?;
        let known = Inherited::named(tx, &scopes, &name)?;
        let here = known.as_ref().and_then(|known| known.given_in(&scope));
        let here = here.ok_or_else(|| Problem::not_found("global variable", &name))?.clone();
        if here.declared.is_some() {
            let inner = further_in(tx, env, &scope, &name)?;
            refuse_inner(tx, &inner, "it still has values in", "remove those first")?;
        }
        tx.text(about(tx, &scope)?, format!("variable {} is removed", here.name));
        tx.delete::<GlobalVariable>(here.id)?;
        Ok(())
    })
}

/// Removes what a scope that goes was given.
pub(in crate::service) fn forget(tx: &mut Tx, scope: &VariableScope) -> Result<()> {
    for variable in lookup::variables_in(tx, scope)? {
        tx.delete::<GlobalVariable>(variable.id)?;
    }
    Ok(())
}

/// What a person needs to set variables of a scope. Those of the whole installation are every
/// environment's, so farms are not enough.
fn permission(scope: &VariableScope) -> Permission {
    match scope {
        VariableScope::Installation => Permission::UsersManage,
        VariableScope::Environment(_)
        | VariableScope::Farm(_)
        | VariableScope::FarmRole(_)
        | VariableScope::Server(_) => Permission::FarmsManage,
    }
}

fn env_of(scope: &VariableScope, env: EnvironmentId) -> Option<EnvironmentId> {
    match scope {
        VariableScope::Installation => None,
        _ => Some(env),
    }
}

fn shown(
    service: &Service,
    grant: &Grant,
    scope: VariableScope,
    name: &str,
) -> Result<VariableView> {
    service.read(grant, |view| {
        let scopes = scopes_of(view, grant.actor().env, &scope)?;
        let known = Inherited::named(view, &scopes, name)?;
        let known = known.ok_or_else(|| Problem::not_found("global variable", name))?;
        Ok(known.view(&scope))
    })
}

fn change_declared(
    tx: &mut Tx,
    ring: &Keyring,
    known: &Inherited,
    env: EnvironmentId,
    input: &VariableInput,
) -> Result<()> {
    let (first, old) = (known.first(), known.declaration());
    let declared = checks::declaration(old, input, first.scope.kind())?;
    if declared.hidden != old.hidden {
        let text = "this is said when it is declared: remove it, and declare it anew";
        return Err(Problem::invalid("hidden", text));
    }
    let inner = further_in(tx, env, &first.scope, &first.name)?;
    if declared.locked && !old.locked {
        refuse_inner(tx, &inner, "it has other values in", "remove those first")?;
    }
    let value = match &input.value {
        Some(value) => {
            checks::value(&declared, value.reveal())?;
            Some(kept(ring, first.id, &declared, value)?)
        }
        None => first.value.clone(),
    };
    let ruled = |declared: &VariableDeclaration| {
        (declared.validation_pattern.clone(), declared.output_format.clone())
    };
    if ruled(&declared) != ruled(old) && declared.hidden {
        refuse_questions(tx, &inner, first.value.is_some() && input.value.is_none())?;
    } else if ruled(&declared) != ruled(old) {
        let own = GlobalVariable { value: value.clone(), ..first.clone() };
        for one in inner.iter().chain([&own]) {
            let Some(text) = opened(ring, one)? else { continue };
            if let Err(mut problem) = checks::value(&declared, text.reveal()) {
                let place = about(tx, &one.scope)?;
                problem.message = format!("the value in {place}: {}", problem.message);
                return Err(problem);
            }
        }
    }
    let required = declared.required_in.filter(|kind| old.required_in != Some(*kind));
    let new = GlobalVariable { value, declared: Some(declared), ..first.clone() };
    tx.text(about(tx, &first.scope)?, format!("variable {} is changed", first.name));
    tx.put(&new)?;
    match required {
        Some(kind) => users::refuse_unmet(tx, env, &first.scope, &first.name, kind),
        None => Ok(()),
    }
}

/// Whether a sealed value matches a pattern is never answered: with enough patterns, that is the
/// value. So what is asked of hidden values changes only where all of them are new.
fn refuse_questions(tx: &Tx, inner: &[GlobalVariable], keeps_value: bool) -> Result<()> {
    let unseen = "whether values that nobody is shown match it would show them";
    refuse_inner(tx, inner, unseen, "remove those first, in")?;
    if keeps_value {
        let text = format!("{unseen}: say its value, too");
        return Err(Problem::new(Code::UnacceptableState, text));
    }
    Ok(())
}

fn give_value(
    tx: &mut Tx,
    ring: &Keyring,
    known: &Inherited,
    scope: VariableScope,
    env: EnvironmentId,
    input: &VariableInput,
) -> Result<()> {
    let (declared, name) = (known.declaration(), known.first().name.clone());
    let place = about(tx, &known.declared_in())?;
    // What says the same as the declaration changes nothing, and clients send all they have read.
    if checks::declaration(declared, input, known.declared_in().kind())? != *declared {
        let text = format!("only its value can be given here: {place} declares it");
        return Err(Problem::new(Code::UnacceptableState, text));
    }
    if declared.locked {
        let text = format!("variable {name} is locked: {place} declares it");
        return Err(Problem::new(Code::UnacceptableState, text));
    }
    let Some(value) = &input.value else {
        return Err(Problem::invalid("value", "say which value it has here"));
    };
    checks::value(declared, value.reveal())?;
    let id = match known.given_in(&scope) {
        Some(here) => here.id,
        None => {
            refuse_more(tx, &scope)?;
            tx.next_id()?
        }
    };
    let value = Some(kept(ring, id, declared, value)?);
    tx.text(about(tx, &scope)?, format!("variable {name} is given a value"));
    let env = env_of(&scope, env);
    tx.put(&GlobalVariable { id, env, scope, name, value, declared: None })?;
    Ok(())
}

/// A value as it is stored.
fn kept(
    ring: &Keyring,
    id: VariableId,
    declared: &VariableDeclaration,
    value: &Secret,
) -> Result<VariableValue> {
    match declared.hidden {
        true => {
            let place = SealedPlace::of::<GlobalVariable>(&id, "value");
            Ok(VariableValue::Hidden(ring.seal(&place, value)?))
        }
        false => Ok(VariableValue::Plain(value.reveal().to_owned())),
    }
}

/// A stored value as it was given.
fn opened(ring: &Keyring, variable: &GlobalVariable) -> Result<Option<Secret>> {
    match &variable.value {
        None => Ok(None),
        Some(VariableValue::Plain(text)) => Ok(Some(Secret::new(text.clone()))),
        Some(VariableValue::Hidden(sealed)) => {
            let place = SealedPlace::of::<GlobalVariable>(&variable.id, "value");
            let opened = ring.unseal(&place, sealed);
            opened.map(Some).map_err(|problem| {
                let text = format!("variable {}: {}", variable.name, problem.message);
                Problem::new(problem.code, text)
            })
        }
    }
}

/// Refuses to declare what is declared further out, here or further in.
fn refuse_second(
    tx: &Tx,
    env: EnvironmentId,
    scopes: &[VariableScope],
    scope: &VariableScope,
    name: &str,
) -> Result<()> {
    if let Some(known) = Inherited::named(tx, scopes, name)? {
        let place = about(tx, &known.declared_in())?;
        let text = format!("variable {name} is declared in {place}: change it, or its value here");
        return Err(Problem::new(Code::UnicityViolation, text));
    }
    let inner = further_in(tx, env, scope, name)?;
    let Some(first) = inner.first() else { return Ok(()) };
    let how = format!(
        "grange variable unset {} {name}, declare it here, then give it a value there again",
        about(tx, &first.scope)?
    );
    let what = format!("variable {name} is declared further in, and is declared once: in");
    refuse_inner(tx, &inner, &what, &how)
}

/// What a variable is in scopes inside of one.
fn further_in(
    read: &impl Reads,
    env: EnvironmentId,
    scope: &VariableScope,
    name: &str,
) -> Result<Vec<GlobalVariable>> {
    let mut found = Vec::new();
    for variable in lookup::variables_named(read, name)? {
        if variable.scope.kind() <= scope.kind() {
            continue;
        }
        match scopes_of(read, env, &variable.scope) {
            Ok(scopes) if scopes.contains(scope) => found.push(variable),
            Ok(_) => {}
            // What it was given to is on its way out.
            Err(problem) if problem.code == Code::ObjectNotFound => {}
            Err(problem) => return Err(problem),
        }
    }
    Ok(found)
}

fn refuse_inner(read: &impl Reads, inner: &[GlobalVariable], what: &str, how: &str) -> Result<()> {
    /// Scopes named in one message.
    const NAMED: usize = 5;
    if inner.is_empty() {
        return Ok(());
    }
    let places: Result<Vec<String>> =
        inner.iter().take(NAMED).map(|variable| about(read, &variable.scope)).collect();
    let more = if inner.len() > NAMED { " and more" } else { "" };
    let text = format!("{what} {}{more}: {how}", places?.join(", "));
    Err(Problem::new(Code::ObjectInUse, text))
}

fn refuse_more(read: &impl Reads, scope: &VariableScope) -> Result<()> {
    if lookup::variables_in(read, scope)?.len() < VARIABLES_MAX {
        return Ok(());
    }
    let place = about(read, scope)?;
    let text = format!("{place} has {VARIABLES_MAX} variables: remove one first");
    Err(Problem::new(Code::LimitExceeded, text))
}

/// What people call a scope: `installation`, `environment`, `shop`, `shop/web`, `shop/web-3`.
fn about(read: &impl Reads, scope: &VariableScope) -> Result<String> {
    let farm_name = |id: FarmId| -> Result<String> {
        Ok(lookup::farm(read, id)?.map(|farm| farm.name.to_string()).unwrap_or_default())
    };
    let role_name = |id: FarmRoleId| -> Result<String> {
        let Some(role) = lookup::farm_role(read, id)? else { return Ok(String::new()) };
        Ok(format!("{}/{}", farm_name(role.farm)?, role.alias))
    };
    let server_name = |id: ServerId| -> Result<String> {
        let server = lookup::server(read, id)?;
        server.map_or(Ok(String::new()), |server| lookup::server_name(read, &server))
    };
    match scope {
        VariableScope::Installation => Ok("installation".to_owned()),
        VariableScope::Environment(_) => Ok("environment".to_owned()),
        VariableScope::Farm(id) => farm_name(*id),
        VariableScope::FarmRole(id) => role_name(*id),
        VariableScope::Server(id) => server_name(*id),
    }
}
