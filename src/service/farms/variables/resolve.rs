//! Which variables a scope has, and which values count.

use super::{checks, opened};
use crate::automation::recipe;
use crate::base::{EnvironmentId, FarmId, FarmRoleId, Problem, Result, Secret};
use crate::model::{
    Farm, FarmRole, GlobalVariable, ScopeKind, Server, VariableDeclaration, VariableScope,
    VariableValue,
};
use crate::service::clouds::known::AccountPlatforms;
use crate::service::{Service, lookup};
use crate::store::{Reads, View};
use crate::wire::variable::VariableView;
use std::collections::BTreeMap;

/// A variable as one scope has it: what it was given in each scope from the outermost in.
#[derive(Clone, Debug)]
pub(super) struct Inherited {
    declared: VariableDeclaration,
    /// Never empty; the first declares it.
    given: Vec<GlobalVariable>,
}

/// A variable with the value that a server has of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedVariable {
    /// Its value, as it is written where it is used.
    pub value: Secret,
    /// Nobody is shown its value: it may go to its server, and nowhere else.
    pub hidden: bool,
}

/// The scopes that one inherits from, itself last.
///
/// # Errors
/// It is not there, or is another environment's.
pub(in crate::service) fn scopes_of(
    read: &impl Reads,
    env: EnvironmentId,
    scope: &VariableScope,
) -> Result<Vec<VariableScope>> {
    let mut scopes = vec![VariableScope::Installation, VariableScope::Environment(env)];
    match *scope {
        VariableScope::Installation => scopes.truncate(1),
        VariableScope::Environment(asked) if asked == env => {}
        VariableScope::Environment(asked) => {
            return Err(Problem::not_found("environment", asked));
        }
        VariableScope::Farm(id) => {
            let farm = lookup::farm(read, id)?.filter(|farm| farm.env == env);
            farm.ok_or_else(|| Problem::not_found("farm", id))?;
            scopes.push(*scope);
        }
        VariableScope::FarmRole(id) => {
            let role = lookup::farm_role(read, id)?.filter(|role| role.env == env);
            let role = role.ok_or_else(|| Problem::not_found("farm role", id))?;
            scopes.extend([VariableScope::Farm(role.farm), *scope]);
        }
        VariableScope::Server(id) => {
            let server = lookup::server(read, id)?.filter(|server| server.env == env);
            let server = server.ok_or_else(|| Problem::not_found("server", id))?;
            let (farm, farm_role) = (server.farm, server.farm_role);
            scopes.extend([VariableScope::Farm(farm), VariableScope::FarmRole(farm_role), *scope]);
        }
    }
    Ok(scopes)
}

impl Inherited {
    /// Every variable of some scopes, by name.
    pub fn all(read: &impl Reads, scopes: &[VariableScope]) -> Result<Vec<Inherited>> {
        let mut given = Vec::new();
        for scope in scopes {
            given.extend(lookup::variables_in(read, scope)?);
        }
        Ok(Inherited::each(given))
    }

    /// Every variable of what was given, the outermost first, by name.
    fn each(given: impl IntoIterator<Item = GlobalVariable>) -> Vec<Inherited> {
        let mut found: BTreeMap<String, Vec<GlobalVariable>> = BTreeMap::new();
        for variable in given {
            found.entry(variable.name.to_ascii_lowercase()).or_default().push(variable);
        }
        found.into_values().filter_map(Inherited::of).collect()
    }

    /// One variable of some scopes.
    pub fn named(
        read: &impl Reads,
        scopes: &[VariableScope],
        name: &str,
    ) -> Result<Option<Inherited>> {
        let mut given = lookup::variables_named(read, name)?;
        given.retain(|variable| scopes.contains(&variable.scope));
        given.sort_by_key(|variable| variable.scope.kind());
        Ok(Inherited::of(given))
    }

    /// From what it was given, the outermost first; nothing where nobody declares it.
    fn of(given: Vec<GlobalVariable>) -> Option<Inherited> {
        let declared = given.first()?.declared.clone()?;
        Some(Inherited { declared, given })
    }

    /// What declares it.
    pub fn first(&self) -> &GlobalVariable {
        &self.given[0]
    }

    /// What is said of it.
    pub fn declaration(&self) -> &VariableDeclaration {
        &self.declared
    }

    /// Where it is declared.
    pub fn declared_in(&self) -> VariableScope {
        self.first().scope
    }

    /// What it was given in one scope.
    pub fn given_in(&self, scope: &VariableScope) -> Option<&GlobalVariable> {
        self.given.iter().find(|variable| variable.scope == *scope)
    }

    /// Where its value comes from: the innermost that has one, or what declares it where that is
    /// locked.
    fn counting(&self) -> Option<&GlobalVariable> {
        match self.declared.locked {
            true => Some(self.first()).filter(|variable| variable.value.is_some()),
            false => self.given.iter().rev().find(|variable| variable.value.is_some()),
        }
    }

    /// As people see it.
    pub fn view(&self, scope: &VariableScope) -> VariableView {
        let shown = |variable: Option<&GlobalVariable>| match variable?.value.as_ref()? {
            VariableValue::Plain(text) if !self.declared.hidden => Some(text.clone()),
            VariableValue::Plain(_) | VariableValue::Hidden(_) => None,
        };
        let declared = &self.declared;
        let computed = shown(self.counting()).and_then(|text| checks::formatted(declared, &text));
        VariableView {
            name: self.first().name.clone(),
            kind: "GlobalVariableString".to_owned(),
            value: shown(self.given_in(scope)),
            computed_value: computed,
            category: declared.category.clone(),
            description: declared.description.clone(),
            declared_in: self.declared_in().kind().to_string(),
            defined_in: self.counting().map(|variable| variable.scope.kind().to_string()),
            hidden: declared.hidden,
            locked: declared.locked,
            required_in: declared.required_in.map(|kind| kind.to_string()),
            validation_pattern: declared.validation_pattern.clone(),
            output_format: declared.output_format.clone(),
            used_by: Vec::new(),
        }
    }

    /// Whether it needs a value here and has none.
    pub fn is_missing(&self, kind: ScopeKind) -> bool {
        let given = self.counting().is_some_and(|variable| variable.scope.kind() <= kind);
        self.declared.required_in == Some(kind) && !given
    }
}

/// What the servers of a farm have in common, read once for all of them.
pub struct FarmVariables {
    env: EnvironmentId,
    farm: FarmId,
    farm_name: String,
    /// Alias and role of each farm role.
    farm_roles: BTreeMap<FarmRoleId, (String, String)>,
    platforms: AccountPlatforms,
    /// What all of them have, then what each farm role has; the outermost first.
    outer: Vec<GlobalVariable>,
    of_farm_roles: BTreeMap<FarmRoleId, Vec<GlobalVariable>>,
}

impl FarmVariables {
    /// Of a farm and these farm roles of it.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn read<'a>(
        view: &View,
        farm: &Farm,
        farm_roles: impl IntoIterator<Item = &'a FarmRole>,
    ) -> Result<FarmVariables> {
        let mut outer = Vec::new();
        for scope in scopes_of(view, farm.env, &VariableScope::Farm(farm.id))? {
            outer.extend(lookup::variables_in(view, &scope)?);
        }
        let (mut names, mut of_farm_roles) = (BTreeMap::new(), BTreeMap::new());
        for farm_role in farm_roles {
            let role = lookup::role(view, farm_role.role)?;
            let role = role.map(|role| role.name.to_string()).unwrap_or_default();
            names.insert(farm_role.id, (farm_role.alias.to_string(), role));
            let given = lookup::variables_in(view, &VariableScope::FarmRole(farm_role.id))?;
            of_farm_roles.insert(farm_role.id, given);
        }
        let (env, id, farm_name) = (farm.env, farm.id, farm.name.to_string());
        let (farm, farm_roles, platforms) = (id, names, AccountPlatforms::read(view)?);
        Ok(FarmVariables { env, farm, farm_name, farm_roles, platforms, outer, of_farm_roles })
    }

    /// What a server has: the system's own variables, and those with a value that are asked for, by
    /// name. This is the one place where hidden values are opened.
    ///
    /// # Errors
    /// A hidden one does not open, which is said with its name.
    pub fn of_server(
        &self,
        service: &Service,
        view: &View,
        server: &Server,
        is_asked: &dyn Fn(&str) -> bool,
    ) -> Result<BTreeMap<String, ResolvedVariable>> {
        let mut found = self.system(server);
        let of_role = self.of_farm_roles.get(&server.farm_role).into_iter().flatten();
        let own = lookup::variables_in(view, &VariableScope::Server(server.id))?;
        let given = self.outer.iter().chain(of_role).cloned().chain(own);
        for known in Inherited::each(given) {
            if !is_asked(&known.first().name) {
                continue;
            }
            let Some(counting) = known.counting() else { continue };
            let Some(text) = opened(&service.keyring, counting)? else { continue };
            let Some(text) = checks::formatted(&known.declared, text.reveal()) else { continue };
            let hidden = known.declared.hidden;
            let value = ResolvedVariable { value: Secret::new(text), hidden };
            found.insert(known.first().name.clone(), value);
        }
        Ok(found)
    }

    /// What every server has without anybody declaring it: by our names, and by those that scripts
    /// written for Scalr know.
    fn system(&self, server: &Server) -> BTreeMap<String, ResolvedVariable> {
        let (alias, role) = self.farm_roles.get(&server.farm_role).cloned().unwrap_or_default();
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let first = |texts: &[String]| texts.first().cloned().unwrap_or_default();
        let address = server.address().cloned().unwrap_or_default();
        let known = [
            ("GRANGE_FARM", self.farm_name.clone()),
            ("GRANGE_FARM_ROLE", alias.clone()),
            ("GRANGE_SERVER", lookup::name_in(&self.farm_name, &server.hostname)),
            ("GRANGE_SERVER_ADDRESS", address),
            ("GRANGE_SERVER_ID", server.id.to_string()),
            ("GRANGE_SERVER_INDEX", server.index.to_string()),
            ("SCALR_ENV_ID", self.env.to_string()),
            ("SCALR_FARM_ID", self.farm.to_string()),
            ("SCALR_FARM_NAME", self.farm_name.clone()),
            ("SCALR_FARM_ROLE_ID", server.farm_role.to_string()),
            ("SCALR_FARM_ROLE_ALIAS", alias),
            ("SCALR_ROLE_NAME", role),
            ("SCALR_SERVER_ID", server.id.to_string()),
            ("SCALR_SERVER_HOSTNAME", server.hostname.clone()),
            ("SCALR_SERVER_TYPE", server.instance_type.clone()),
            ("SCALR_INSTANCE_INDEX", server.index.to_string()),
            ("SCALR_CLOUD_PLATFORM", self.platforms.of(&server.account).to_owned()),
            ("SCALR_CLOUD_LOCATION", server.location.clone()),
            ("SCALR_CLOUD_LOCATION_ZONE", text(&server.zone)),
            ("SCALR_CLOUD_SERVER_ID", text(&server.cloud_server_id)),
            ("SCALR_INTERNAL_IP", first(&server.private_ips)),
            ("SCALR_EXTERNAL_IP", first(&server.public_ips)),
        ];
        let shown = |value| ResolvedVariable { value: Secret::new(value), hidden: false };
        known.into_iter().map(|(name, value)| (name.to_owned(), shown(value))).collect()
    }
}

/// Refuses to launch a farm while variables that are required, or that templates of its roles ask
/// for, have no value; all of them at once.
pub(in crate::service) fn require(
    read: &impl Reads,
    farm: &Farm,
    roles: &[FarmRole],
) -> Result<()> {
    let mut faults = Vec::new();
    let mut outer = vec![VariableScope::Installation, VariableScope::Environment(farm.env)];
    outer.push(VariableScope::Farm(farm.id));
    let kinds = [ScopeKind::Installation, ScopeKind::Environment, ScopeKind::Farm];
    for known in Inherited::all(read, &outer)? {
        if let Some(kind) = kinds.into_iter().find(|kind| known.is_missing(*kind)) {
            faults.push(missing(&known, &farm.name.to_string(), kind));
        }
    }
    for role in roles.iter().filter(|role| !role.removed) {
        let scopes = [outer.clone(), vec![VariableScope::FarmRole(role.id)]].concat();
        let place = format!("{}/{}", farm.name, role.alias);
        let known = Inherited::all(read, &scopes)?;
        for known in known.iter().filter(|known| known.is_missing(ScopeKind::FarmRole)) {
            faults.push(missing(known, &place, ScopeKind::FarmRole));
        }
        faults.extend(unmet(read, role, &place, &known)?);
    }
    Problem::all(faults).map_or(Ok(()), Err)
}

fn missing(known: &Inherited, place: &str, kind: ScopeKind) -> Problem {
    let name = &known.first().name;
    let text = format!("{place} needs a value of {name}, which is required in scope {kind}");
    Problem::invalid(format!("variable {name}"), text)
}

/// Variables that templates of a farm role's role ask for and that nothing gives a value.
fn unmet(
    read: &impl Reads,
    farm_role: &FarmRole,
    place: &str,
    known: &[Inherited],
) -> Result<Vec<Problem>> {
    let recipe = lookup::recipe_of_make(read, &farm_role.make())?;
    let has = |name: &str| {
        let given =
            known.iter().any(|known| known.first().name == name && known.counting().is_some());
        given || checks::is_ours(name)
    };
    let needed = recipe::variables_needed(&recipe).into_iter();
    let unmet = needed.filter(|(_, name)| !has(name)).map(|(part, name)| {
        let text =
            format!("{place}: {part} asks for {name}, which has no value: grange variable set");
        Problem::invalid(format!("variable {name}"), text)
    });
    Ok(unmet.collect())
}
