//! Cloud accounts as people declare them: added, looked at, asked who they are, changed, removed.
//!
//! What is said of an account is checked at once by asking it, and an account that does not answer
//! is not added: whoever types a wrong path is told then, and not by a farm that does not come up.
//! An account that stops answering later stays; that is what breakers and listings tell.
//!
//! A name is given once over all environments, because calls, pace and failures are counted by it.
//! It goes when nothing of the account is left that we know of: servers that are not confirmed
//! gone, and data volumes.

use super::accounts::{checked_name, seen};
use super::lease;
use crate::base::limit::{
    CLOUD_ACCOUNT_FIELD_BYTES_MAX, CLOUD_ACCOUNT_TEXT_BYTES_MAX, CLOUD_ACCOUNTS_MAX,
    SECRET_BYTES_MAX,
};
use crate::base::text::{self, Kind};
use crate::base::{CloudAccountId, Code, Name, Problem, Result, Secret, ServerId};
use crate::clouds::platform::{
    AccountOpening, Examination, FieldFault, OptionKind, PLATFORMS, Platform, endpoint_fault,
    platform, unknown_option,
};
use crate::clouds::{Cloud, CloudError};
use crate::model::{Actor, Breaker, Cause, CloudAccount, Grant, Permission};
use crate::service::{Service, authorise, lookup};
use crate::store::{Author, Purpose, Reads, SealedPlace, Tx};
use crate::wire::account::{
    AccountAdd, AccountCheckView, AccountEdit, AccountView, FactView, OptionValue,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Adds an account, when it answers.
pub fn add(service: &Service, actor: &Actor, input: &AccountAdd) -> Result<AccountView> {
    let grant = authorise(actor, Permission::CloudsManage)?;
    let on = named_platform(&input.platform)?;
    let name = new_name(&input.name, on)?;
    let mut options = given(&input.options)?;
    let secret = on.secret().and_then(|name| options.remove(name)).map(Secret::new);
    let said = SaidOfAccount { endpoint: input.endpoint.clone(), options, secret };
    said.check(on)?;
    let with_machine = service.settings.platforms.contains_key(name.as_str());
    service.read(&grant, |view| refuse_second(view, with_machine, &name))?;
    ask(service, (on, name.as_str()), &said)?;
    let ring = service.keyring.clone();
    let (now, env, by, called) = (service.now(), actor.env, actor.user, name.clone());
    let author = Author::new(&grant, "account.add", Cause::Request, Purpose::Growth);
    service.write(author, move |tx| {
        refuse_second(tx, with_machine, &name)?;
        if lookup::cloud_accounts(tx)?.len() >= CLOUD_ACCOUNTS_MAX {
            let text = format!("there are {CLOUD_ACCOUNTS_MAX} cloud accounts: remove one first");
            return Err(Problem::new(Code::LimitExceeded, text));
        }
        let id = tx.next_id()?;
        let SaidOfAccount { endpoint, options, secret } = said;
        tx.text(about(&name), format!("is added, of {}, at {endpoint}", on.name));
        let secret = secret.map(|secret| ring.seal(&secret_place(id), &secret)).transpose()?;
        tx.put(&CloudAccount {
            secret,
            id,
            environments: vec![env],
            name,
            platform: on.name.to_owned(),
            endpoint,
            options,
            added_at: now,
            added_by: by,
        })?;
        Ok(())
    })?;
    get(service, actor, called.as_str())
}

/// Shows an account, also one that is there with the machine.
pub fn get(service: &Service, actor: &Actor, name: &str) -> Result<AccountView> {
    let grant = authorise(actor, Permission::FarmsRead)?;
    let name = checked_name(service, &grant, name)?;
    service.read(&grant, |view| {
        let breaker = lookup::breaker(view, &name)?;
        seen(service, view, &name, breaker.as_ref())
    })
}

/// Asks an account who it is and what it lets us do. Blocks for some seconds at most.
pub fn check(service: &Service, actor: &Actor, name: &str) -> Result<AccountCheckView> {
    let grant = authorise(actor, Permission::CloudsManage)?;
    let account = service.read(&grant, |view| found(view, actor, name))?;
    let Some(account) = account else {
        checked_name(service, &grant, name)?;
        let text = format!("{name} is there with the machine: appliance doctor looks at it");
        return Err(Problem::invalid("cloudAccount", text));
    };
    let on = named_platform(&account.platform)?;
    let found = ask(service, (on, account.name.as_str()), &SaidOfAccount::of(service, &account)?)?;
    let fact = |fact: crate::clouds::platform::Fact| FactView {
        name: fact.name.to_owned(),
        value: text::tidy(&fact.value, CLOUD_ACCOUNT_FIELD_BYTES_MAX),
    };
    let lease = lease::told(&lease::standing(service, account.name.as_str()));
    let lease = FactView { name: "lease".to_owned(), value: lease };
    Ok(AccountCheckView {
        name: account.name.to_string(),
        platform: account.platform,
        endpoint: account.endpoint,
        facts: found.facts.into_iter().map(fact).chain([lease]).collect(),
        lacks: found.lacks,
    })
}

/// Changes what is said of an account, when it answers as it would be. Its name and platform stay.
pub fn edit(
    service: &Service,
    actor: &Actor,
    name: &str,
    input: &AccountEdit,
    revision: Option<u64>,
) -> Result<AccountView> {
    let grant = authorise(actor, Permission::CloudsManage)?;
    let old = service.read(&grant, |view| found(view, actor, name))?;
    let old = old.ok_or_else(|| not_declared(service, name))?;
    let on = named_platform(&old.platform)?;
    let mut said = match input.options.iter().any(|one| Some(one.name.as_str()) == on.secret()) {
        // What cannot be opened any more can be said anew.
        true => SaidOfAccount::open(&old),
        false => SaidOfAccount::of(service, &old)?,
    };
    said.take(on, input);
    said.check(on)?;
    ask(service, (on, old.name.as_str()), &said)?;
    let ring = service.keyring.clone();
    let anew = input.options.iter().any(|one| Some(one.name.as_str()) == on.secret());
    let author = Author::new(&grant, "account.edit", Cause::Request, Purpose::Growth);
    service.write(author, move |tx| {
        tx.require_revision::<CloudAccount>(old.id, revision)?;
        let now = lookup::cloud_account(tx, old.name.as_str())?;
        if now.as_ref() != Some(&old) {
            let text = "the cloud account changed meanwhile: look at it again";
            return Err(Problem::new(Code::RevisionConflict, text));
        }
        let words = said.words(on, anew);
        let SaidOfAccount { endpoint, options, secret } = said;
        let secret = match anew {
            true => secret.map(|text| ring.seal(&secret_place(old.id), &text)).transpose()?,
            false => old.secret.clone(),
        };
        let new = CloudAccount { endpoint, options, secret, ..old.clone() };
        if new != old {
            tx.text(about(&new.name), words);
            tx.put(&new)?;
            // What failed before failed elsewhere.
            tx.delete::<Breaker>(new.name.to_string())?;
        }
        Ok(())
    })?;
    get(service, actor, name)
}

/// Removes an account that nothing is left in.
pub fn remove(service: &Service, actor: &Actor, name: &str, revision: Option<u64>) -> Result<()> {
    let grant = authorise(actor, Permission::CloudsManage)?;
    let account = service.read(&grant, |view| found(view, actor, name))?;
    let account = account.ok_or_else(|| not_declared(service, name))?;
    let author = Author::new(&grant, "account.remove", Cause::Request, Purpose::Ending);
    service.write(author, move |tx| {
        tx.require_revision::<CloudAccount>(account.id, revision)?;
        refuse_used(tx, account.name.as_str())?;
        tx.text(about(&account.name), "is removed");
        tx.delete::<CloudAccount>(account.id)?;
        tx.delete::<Breaker>(account.name.to_string())?;
        Ok(())
    })
}

/// The account of a name that the actor's environment may use.
pub(super) fn found(read: &impl Reads, actor: &Actor, name: &str) -> Result<Option<CloudAccount>> {
    let found = lookup::cloud_account(read, name)?;
    Ok(found.filter(|account| account.environments.contains(&actor.env)))
}

fn not_declared(service: &Service, name: &str) -> Problem {
    match service.settings.platforms.contains_key(name) {
        true => {
            let text = format!("{name} is there with the machine, and nothing of it is declared");
            Problem::invalid("cloudAccount", text)
        }
        false => Problem::not_found("cloud account", name),
    }
}

fn named_platform(name: &str) -> Result<&'static Platform> {
    let unknown = || {
        let known: Vec<&str> = PLATFORMS.iter().map(|platform| platform.name).collect();
        Problem::invalid("platform", format!("no platform {name}: use {}", known.join(" or ")))
    };
    platform(name).ok_or_else(unknown)
}

/// A name for a new account. That of another platform would be taken for what it is not.
fn new_name(name: &str, on: &Platform) -> Result<Name> {
    if name.is_empty() {
        return Err(Problem::invalid("name", "an account needs a name, as home"));
    }
    let other = name != on.name && (name == "onboard" || platform(name).is_some());
    if other {
        return Err(Problem::invalid("name", format!("{name} is a platform: take another name")));
    }
    Name::new(name).map_err(|bad| Problem::invalid("name", bad.to_string()))
}

/// What is said of an account, its secret open.
#[derive(Clone)]
struct SaidOfAccount {
    endpoint: String,
    options: BTreeMap<String, String>,
    secret: Option<Secret>,
}

impl SaidOfAccount {
    /// All that is said of one.
    fn of(service: &Service, account: &CloudAccount) -> Result<SaidOfAccount> {
        let sealed = account.secret.as_ref();
        let secret = sealed.map(|it| service.keyring.unseal(&secret_place(account.id), it));
        let secret = secret.transpose().map_err(|problem| {
            let text = format!("the secret of cloud {}: {}", account.name, problem.message);
            Problem::new(problem.code, text)
        })?;
        Ok(SaidOfAccount { secret, ..SaidOfAccount::open(account) })
    }

    /// What of it is no secret.
    fn open(account: &CloudAccount) -> SaidOfAccount {
        let (endpoint, options) = (account.endpoint.clone(), account.options.clone());
        SaidOfAccount { endpoint, options, secret: None }
    }

    /// Takes in a change.
    fn take(&mut self, on: &Platform, input: &AccountEdit) {
        self.endpoint.clone_from(input.endpoint.as_ref().unwrap_or(&self.endpoint.clone()));
        for OptionValue { name, value } in &input.options {
            let is_said = !value.is_empty();
            if Some(name.as_str()) == on.secret() {
                self.secret = is_said.then(|| Secret::new(value.clone()));
            } else if is_said {
                self.options.insert(name.clone(), value.clone());
            } else {
                self.options.remove(name);
            }
        }
    }

    fn check(&self, on: &Platform) -> Result<()> {
        if self.endpoint.is_empty() {
            return Err(Problem::invalid("endpoint", format!("say where, as {}", on.endpoint)));
        }
        text::check("endpoint", &self.endpoint, Kind::Word, CLOUD_ACCOUNT_FIELD_BYTES_MAX)?;
        for (name, value) in &self.options {
            if let Some(fault) = unknown_option(on, name) {
                return Err(Problem::invalid("options", fault));
            }
            let (kind, bytes_max) = match on.option(name).map(|option| option.kind) {
                Some(OptionKind::Text) => (Kind::Content, CLOUD_ACCOUNT_TEXT_BYTES_MAX),
                _ => (Kind::Word, CLOUD_ACCOUNT_FIELD_BYTES_MAX),
            };
            text::check(&format!("options.{name}"), value, kind, bytes_max)?;
        }
        if let (Some(name), Some(secret)) = (on.secret(), &self.secret) {
            let field = format!("options.{name}");
            text::check(&field, secret.reveal(), Kind::Content, SECRET_BYTES_MAX)?;
        }
        Ok(())
    }

    /// It in the journal: texts and secrets by their names alone.
    fn words(&self, on: &Platform, secret_is_new: bool) -> String {
        let option = |(name, value): (&String, &String)| match on.option(name).map(|it| it.kind) {
            Some(OptionKind::Word) => format!(", {name} {value}"),
            _ => format!(", with {name}"),
        };
        let options: String = self.options.iter().map(option).collect();
        let secret = match (on.secret(), &self.secret) {
            (Some(name), Some(_)) if secret_is_new => format!(", with another {name}"),
            (Some(name), None) if secret_is_new => format!(", without {name}"),
            _ => String::new(),
        };
        format!("is at {} now{options}{secret}", self.endpoint)
    }
}

fn secret_place(id: CloudAccountId) -> SealedPlace {
    SealedPlace::of::<CloudAccount>(&id, "secret")
}

fn ask(
    service: &Service,
    (on, name): (&Platform, &str),
    said: &SaidOfAccount,
) -> Result<Examination> {
    (on.examine)(&opened_with(service, name, said)).map_err(|FieldFault { field, why }| {
        Problem::invalid(field, text::tidy(&why, CLOUD_ACCOUNT_FIELD_BYTES_MAX))
    })
}

/// Options by their names; one that is said twice is a fault.
fn given(options: &[OptionValue]) -> Result<BTreeMap<String, String>> {
    let mut all = BTreeMap::new();
    for OptionValue { name, value } in options.iter().filter(|option| !option.value.is_empty()) {
        if all.insert(name.clone(), value.clone()).is_some() {
            return Err(Problem::invalid("options", format!("{name} is said twice: say it once")));
        }
    }
    Ok(all)
}

fn refuse_second(read: &impl Reads, with_machine: bool, name: &Name) -> Result<()> {
    if with_machine || lookup::cloud_account(read, name.as_str())?.is_some() {
        let text = format!("there is a cloud account {name} already: take another name");
        return Err(Problem::new(Code::UnicityViolation, text));
    }
    Ok(())
}

/// Refuses to remove what something is left of: what would be forgotten would go on running.
fn refuse_used(tx: &Tx, name: &str) -> Result<()> {
    let in_use = |text: String| Err(Problem::new(Code::ObjectInUse, text));
    let servers = lookup::live_servers_on(tx, name)?;
    if let Some(first) = servers.first() {
        let (count, first) = (servers.len(), lookup::server_name(tx, first)?);
        return in_use(format!("{count} servers are in {name}, as {first}: terminate them first"));
    }
    let mut volumes = lookup::all_volumes(tx)?;
    volumes.retain(|volume| volume.account == name);
    if let Some(first) = volumes.first() {
        let (count, first) = (volumes.len(), first.name());
        return in_use(format!(
            "{count} data volumes are in {name}, as {first}: delete them first with grange volume \
             delete"
        ));
    }
    let roles = lookup::all_farm_roles(tx)?;
    if let Some(role) = roles.iter().find(|role| role.account == name && !role.removed) {
        let farm = lookup::farm(tx, role.farm)?.map(|farm| farm.name.to_string());
        let farm = farm.unwrap_or_default();
        return in_use(format!("farm role {farm}/{} is in {name}: remove it first", role.alias));
    }
    Ok(())
}

fn about(name: &Name) -> String {
    format!("cloud {name}")
}

/// What an account is opened with; `None` of a platform that this version does not know.
pub fn opening(
    service: &Service,
    account: &CloudAccount,
) -> Result<Option<(&'static Platform, AccountOpening)>> {
    let said = SaidOfAccount::of(service, account)?;
    let opening = opened_with(service, account.name.as_str(), &said);
    Ok(platform(&account.platform).map(|on| (on, opening)))
}

/// Has an account forget a server that a person says is gone, where no listing can say so.
pub(in crate::service) fn forget(
    service: &Service,
    actor: &Actor,
    name: &str,
    server: ServerId,
) -> Result<()> {
    let grant = authorise(actor, Permission::ServersManage)?;
    let account = service.read(&grant, |view| found(view, actor, name))?;
    let refused = |why: String| Problem::new(Code::UnacceptableState, format!("{name}: {why}"));
    let Some(account) = account else {
        return Err(refused("its listings say which servers are gone".to_owned()));
    };
    let told = |error: CloudError| refused(endpoint_fault(&error).why);
    opened(service, &account)?.forget(server).map_err(told)
}

/// An account, opened; asks nobody.
pub(super) fn opened(service: &Service, account: &CloudAccount) -> Result<Arc<dyn Cloud>> {
    let on = named_platform(&account.platform)?;
    let opening =
        opened_with(service, account.name.as_str(), &SaidOfAccount::of(service, account)?);
    (on.open)(&opening).map_err(|FieldFault { field, why }| Problem::invalid(field, why))
}

fn opened_with(service: &Service, name: &str, said: &SaidOfAccount) -> AccountOpening {
    let SaidOfAccount { endpoint, options, secret } = said.clone();
    let appliance = service.settings.opening.clone();
    AccountOpening { name: name.to_owned(), endpoint, options, secret, appliance }
}

/// Every account that has a record, with its revision, for who keeps them open.
pub fn declared(service: &Service) -> Result<Vec<(CloudAccount, u64)>> {
    service.read(&Grant::job("accounts"), |view| {
        let all = lookup::cloud_accounts(view)?.into_iter();
        all.map(|account| {
            let revision = lookup::revision_of::<CloudAccount>(view, account.id)?;
            Ok((account, revision))
        })
        .collect()
    })
}
