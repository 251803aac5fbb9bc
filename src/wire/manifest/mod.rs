//! The manifest: one farm, declared in one YAML file.
//!
//! Field names are Scalr's, references are by name, and what Scalr has no word for is under
//! `grange`. `assets/examples/shop.yaml` is a whole one. [`parse`] tells every fault at once, each
//! with its path, its line and what would be right, because a person who fixes a file wants the
//! whole list and not the first line of it.
//!
//! It goes in three passes over ever more meaning: `tree` is the YAML with its positions and
//! bounds, `section` and `value` read fields and scalars, `farm_role` knows which fields there
//! are. What only the appliance can know (whether a role or a platform exists) is for `service`,
//! which reports it with [`Manifest::fault`], so that it has its line too.
//!
//! Not here: aliases, anchors, tags, includes, templates. A manifest is what it says.
//!
//! To add a field: ask for it in `farm_role` (asking is what makes it known), keep it in
//! [`DeclaredFarmRole`], and add a row to the tables in `tests.rs`.

mod farm_role;
mod fault;
mod section;
#[cfg(test)]
mod tests;
mod tree;
mod value;

pub use fault::{Fault, Place};

use crate::base::limit::FARM_ROLES_MAX;
use crate::base::{Millis, Name, Problem};
use crate::model::{Balance, LaunchOrder, ReadyCheck, ScalingPolicy, VolumeSpec};
use fault::Sink;
use section::Section;
use std::collections::BTreeMap;

/// A farm as a file declares it.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// Its name in its environment.
    pub farm: Name,
    /// Free text; empty when there is none.
    pub description: String,
    /// Whether farm roles wait for the ones before them.
    pub launch_order: LaunchOrder,
    /// Its tiers, in the order of the file; aliases are unique.
    pub farm_roles: Vec<DeclaredFarmRole>,
    /// Where each field was, by its path: `farmRoles[0].role`.
    places: BTreeMap<String, Place>,
}

/// A farm role as a file declares it; references are by name and not looked up yet.
#[derive(Clone, Debug, PartialEq)]
pub struct DeclaredFarmRole {
    /// Where it is: `farmRoles[0]`.
    pub path: String,
    /// Its name in the farm.
    pub alias: Name,
    /// The role's name.
    pub role: Name,
    /// The platform, as `onboard`.
    pub platform: String,
    /// Where on the platform; `here` when it is not said.
    pub location: String,
    /// The size, by the platform's name for it.
    pub instance_type: String,
    /// Its place in a sequential launch.
    pub launch_index: u32,
    /// How many servers, and when more or fewer.
    pub scaling: ScalingPolicy,
    /// Data volumes of every server.
    pub storage: Vec<VolumeSpec>,
    /// What it balances: another farm role of the same file.
    pub balance: Option<Balance>,
    /// What makes a server ready.
    pub check: Option<ReadyCheck>,
    /// How long a server that is to go may finish what it does.
    pub drain_ms: Millis,
    /// How long a server may take to run.
    pub launch_timeout_ms: Millis,
}

impl Manifest {
    /// A fault of a field that only the appliance can find, as a role that does not exist:
    /// `fault("farmRoles[0].role", "no role web-demoo")`.
    pub fn fault(&self, path: &str, message: impl Into<String>) -> Fault {
        // A field left to its default has no place of its own: its section's is the nearest.
        let mut nearest = path;
        let place = loop {
            if let Some(place) = self.places.get(nearest) {
                break *place;
            }
            match nearest.rfind(['.', '[']) {
                Some(end) => nearest = &nearest[..end],
                None => break Place { line: 1, column: 1 },
            }
        };
        Fault { path: path.to_owned(), place, message: message.into() }
    }
}

/// Reads a manifest, or tells every fault in it in the order of the text.
pub fn parse(text: &str) -> Result<Manifest, Vec<Fault>> {
    match read(text) {
        (Some(manifest), faults) if faults.is_empty() => Ok(manifest),
        (_, faults) => Err(faults),
    }
}

/// What can be read of a manifest, and every fault in it. Where there are faults it is good for
/// nothing but finding more of them.
pub fn read(text: &str) -> (Option<Manifest>, Vec<Fault>) {
    let mut sink = Sink::default();
    let manifest = tree::read(text, &mut sink).and_then(|tree| farm(&tree, &mut sink));
    let places = std::mem::take(&mut sink.places);
    (manifest.map(|manifest| Manifest { places, ..manifest }), sink.into_faults())
}

/// Faults that only the appliance can find, added to those of the text. One about a field that
/// has a fault already, or that is part of one, would only repeat it.
pub fn add(faults: &mut Vec<Fault>, more: Vec<Fault>) {
    let paths = faults.iter().map(|fault| fault.path.clone());
    let told: Vec<String> = paths.filter(|path| !path.is_empty()).collect();
    let new = |fault: &Fault| {
        !told.iter().any(|path| path.starts_with(&fault.path) || fault.path.starts_with(path))
    };
    faults.extend(more.into_iter().filter(new));
}

/// Faults as one problem, for the doors, in the order of the text; `None` when there are none.
pub fn problem(mut faults: Vec<Fault>) -> Option<Problem> {
    faults.sort_by_key(|fault| (fault.place.line, fault.place.column));
    let each = |fault: Fault| {
        let place = format!("line {}", fault.place.line);
        let field = if fault.path.is_empty() { place } else { format!("{place}: {}", fault.path) };
        Problem::invalid(field, fault.message)
    };
    Problem::all(faults.into_iter().map(each).collect())
}

fn farm(tree: &tree::Tree, sink: &mut Sink) -> Option<Manifest> {
    let orders =
        [("simultaneous", LaunchOrder::Simultaneous), ("sequential", LaunchOrder::Sequential)];
    let mut fields = Section::open(tree, String::new(), sink)?;
    let name = fields.required("farm", sink, value::name);
    let description = fields.optional("description", sink, |t| value::text(t, 1000));
    let launch_order = fields.optional("launchOrder", sink, |t| value::one_of(t, &orders));
    let sections = fields.list("farmRoles", sink);
    if sections.len() > FARM_ROLES_MAX {
        let message = format!("{} farm roles: at most {FARM_ROLES_MAX}", sections.len());
        sink.fault_at("farmRoles", message);
    }
    let read: Vec<(String, Option<DeclaredFarmRole>)> =
        sections.into_iter().map(|s| (s.path.clone(), farm_role::read(s, sink))).collect();
    fields.finish(sink);
    references(&read, sink);
    Some(Manifest {
        farm: name?,
        description: description.unwrap_or_default(),
        launch_order: launch_order.unwrap_or_default(),
        farm_roles: read.into_iter().filter_map(|(_, farm_role)| farm_role).collect(),
        places: BTreeMap::new(),
    })
}

/// What farm roles say of each other: no alias twice, balancers balance what is there.
fn references(read: &[(String, Option<DeclaredFarmRole>)], sink: &mut Sink) {
    let mut aliases: BTreeMap<&Name, &str> = BTreeMap::new();
    let whole: Vec<(&str, &DeclaredFarmRole)> =
        read.iter().filter_map(|(path, role)| Some((path.as_str(), role.as_ref()?))).collect();
    for (path, farm_role) in &whole {
        if let Some(first) = aliases.get(&farm_role.alias) {
            let message = format!("{} is the alias of {first} already", farm_role.alias);
            sink.fault_at(&format!("{path}.alias"), message);
        } else {
            aliases.insert(&farm_role.alias, path);
        }
    }
    // Where a farm role has faults of its own, its alias may be the one that seems to be missing.
    let all_known = whole.len() == read.len();
    for (path, farm_role) in &whole {
        let Some(balance) = &farm_role.balance else { continue };
        let at = format!("{path}.grange.balance.farmRole");
        if balance.farm_role == farm_role.alias {
            sink.fault_at(&at, "a farm role cannot balance itself");
        } else if all_known && !aliases.contains_key(&balance.farm_role) {
            let known: Vec<&str> = aliases.keys().map(|name| name.as_str()).collect();
            let hint = fault::suggest(balance.farm_role.as_str(), &known);
            sink.fault_at(&at, format!("no farm role {} in this file: {hint}", balance.farm_role));
        }
    }
}
