//! Which variables a scope has, and which values count.

use super::{about, checks, opened};
use crate::base::{EnvironmentId, Problem, Result, Secret};
use crate::model::{
    Farm, FarmRole, GlobalVariable, ScopeKind, Server, VariableDeclaration, VariableScope,
    VariableValue,
};
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
        let mut found: BTreeMap<String, Vec<GlobalVariable>> = BTreeMap::new();
        for scope in scopes {
            for variable in lookup::variables_in(read, scope)? {
                found.entry(variable.name.to_ascii_lowercase()).or_default().push(variable);
            }
        }
        Ok(found.into_values().filter_map(Inherited::of).collect())
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
        }
    }

    /// Whether it needs a value here and has none.
    fn is_missing(&self, kind: ScopeKind) -> bool {
        let given = self.counting().is_some_and(|variable| variable.scope.kind() <= kind);
        self.declared.required_in == Some(kind) && !given
    }
}

/// What a server has: the system's own variables, and those with a value, by name. This is the one
/// place where hidden values are opened.
///
/// # Errors
/// A hidden one does not open, which is said with its name.
pub fn of_server(
    service: &Service,
    view: &View,
    server: &Server,
) -> Result<BTreeMap<String, ResolvedVariable>> {
    let mut found = system(view, server)?;
    let scopes = scopes_of(view, server.env, &VariableScope::Server(server.id))?;
    for known in Inherited::all(view, &scopes)? {
        let Some(counting) = known.counting() else { continue };
        let Some(text) = opened(&service.keyring, counting)? else { continue };
        let Some(text) = checks::formatted(&known.declared, text.reveal()) else { continue };
        let value = ResolvedVariable { value: Secret::new(text), hidden: known.declared.hidden };
        found.insert(known.first().name.clone(), value);
    }
    Ok(found)
}

/// What every server has without anybody declaring it: by our name, and by the one that scripts
/// written for Scalr know.
fn system(view: &View, server: &Server) -> Result<BTreeMap<String, ResolvedVariable>> {
    let farm = lookup::farm(view, server.farm)?;
    let farm_role = lookup::farm_role(view, server.farm_role)?;
    let role = farm_role.as_ref().map(|role| lookup::role(view, role.role)).transpose()?.flatten();
    let text = |text: Option<String>| text.unwrap_or_default();
    let known = [
        ("ENV_ID", server.env.to_string()),
        ("FARM_ID", server.farm.to_string()),
        ("FARM_NAME", text(farm.map(|farm| farm.name.to_string()))),
        ("FARM_ROLE_ID", server.farm_role.to_string()),
        ("FARM_ROLE_ALIAS", text(farm_role.map(|role| role.alias.to_string()))),
        ("ROLE_NAME", text(role.map(|role| role.name.to_string()))),
        ("SERVER_ID", server.id.to_string()),
        ("SERVER_HOSTNAME", server.hostname.clone()),
        ("SERVER_TYPE", server.instance_type.clone()),
        ("INSTANCE_INDEX", server.index.to_string()),
        ("CLOUD_PLATFORM", server.platform.clone()),
        ("CLOUD_LOCATION", server.location.clone()),
        ("CLOUD_LOCATION_ZONE", text(server.zone.clone())),
        ("CLOUD_SERVER_ID", text(server.cloud_server_id.clone())),
        ("INTERNAL_IP", text(server.private_ips.first().cloned())),
        ("EXTERNAL_IP", text(server.public_ips.first().cloned())),
    ];
    let mut found = BTreeMap::new();
    for (name, value) in known {
        for prefix in ["GRANGE_", "SCALR_"] {
            let value = ResolvedVariable { value: Secret::new(value.clone()), hidden: false };
            found.insert(format!("{prefix}{name}"), value);
        }
    }
    Ok(found)
}

/// Refuses to launch a farm while variables that are required have no value; all of them at once.
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
        for known in Inherited::all(read, &scopes)? {
            if known.is_missing(ScopeKind::FarmRole) {
                let place = match role.id.0 {
                    0 => format!("{}/{}", farm.name, role.alias),
                    _ => about(read, &VariableScope::FarmRole(role.id))?,
                };
                faults.push(missing(&known, &place, ScopeKind::FarmRole));
            }
        }
    }
    Problem::all(faults).map_or(Ok(()), Err)
}

fn missing(known: &Inherited, place: &str, kind: ScopeKind) -> Problem {
    let name = &known.first().name;
    let text = format!("{place} needs a value of {name}, which is required in scope {kind}");
    Problem::invalid(format!("variable {name}"), text)
}
