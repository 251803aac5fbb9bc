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
//! which looks up every [`Reference`], also those of a manifest with faults, and reports what it
//! does not find with [`Reading::add`], so that it has its line and comes with the rest.
//!
//! [`write()`] goes the other way: a manifest as text that is read as the same. [`role`] has the
//! manifests of roles, which are read and written the same way.
//!
//! Not here: aliases, anchors, tags, includes, templates. A manifest is what it says.
//!
//! To add a field: ask for it in `farm_role` (asking is what makes it known), keep it in
//! [`DeclaredFarmRole`], write it in `write`, and add a row to the tables in `tests.rs`.

mod each_other;
mod farm_role;
mod fault;
#[cfg(test)]
mod framed;
mod policy;
mod publish;
pub mod role;
mod section;
#[cfg(test)]
mod tests;
mod tree;
mod value;
mod write;
#[cfg(test)]
mod written;

pub use fault::{Fault, SourcePosition, suggest};
pub use write::{length, list, size, write};

use crate::base::limit::{FARM_DESCRIPTION_BYTES_MAX, FARM_ROLES_MAX};
use crate::base::text::Kind;
use crate::base::{Millis, Name, Problem};
use crate::model::{
    Balance, LaunchOrder, Overrides, Policy, Publish, ReadyCheck, ScalingPolicy, VolumeSpec,
};
use fault::{FaultsFound, Sink};
use section::Section;

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
}

/// What a farm role refers to, as far as it can be read: a farm role with faults elsewhere still
/// has these looked up, in the file and by the appliance.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reference {
    /// Where it is: `farmRoles[0]`.
    pub path: String,
    /// Its name in the farm.
    pub alias: Option<Name>,
    /// The role's name.
    pub role: Option<Name>,
    /// Which revision of it.
    pub role_revision: Option<u64>,
    /// The platform.
    pub platform: Option<String>,
    /// The cloud account: as it is said, and once looked up the one that is meant.
    pub account: Option<String>,
    /// The size.
    pub instance_type: Option<String>,
    /// The availability zones it is spread over.
    pub zones: Vec<String>,
    /// Whether it says what it balances, rightly or not.
    pub balances: bool,
    /// The alias of the farm role it balances.
    pub balanced: Option<Name>,
    /// The aliases of the farm roles it depends on.
    pub depends_on: Vec<Name>,
    /// Ports of the machine that lead to its servers, each with where it is said:
    /// `farmRoles[0].grange.publish[0]`.
    pub publish: Vec<(String, Publish)>,
    /// What it lays over its role, as far as it can be read.
    pub overrides: role::ReadOverrides,
}

/// What was read of a text: the manifest if it is whole, and everything that is wrong with it.
#[derive(Debug, Default)]
pub struct Reading {
    manifest: Option<Manifest>,
    /// What its farm roles refer to.
    pub references: Vec<Reference>,
    faults: FaultsFound,
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
    /// Which revision of it; `None` for the one it has, and the current one where it is new.
    pub role_revision: Option<u64>,
    /// The platform, as `onboard`.
    pub platform: String,
    /// The cloud account, as `home`; `None` for the only one of the platform, until that is looked
    /// up.
    pub account: Option<String>,
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
    /// How its servers are looked after.
    pub policy: Policy,
    /// Ports of the machine that lead to them.
    pub publish: Vec<Publish>,
    /// Whether they reach what the machine reaches.
    pub outbound: bool,
    /// What they do otherwise than the role says.
    pub overrides: Overrides,
}

impl Reading {
    /// Adds a fault that only the appliance can find: [`FaultsFound::add`].
    pub fn add(&mut self, path: &str, message: impl Into<String>) {
        self.faults.add(path, message);
    }

    /// Notes the cloud account that a farm role means.
    pub fn set_account(&mut self, path: &str, account: &str) {
        for reference in self.references.iter_mut().filter(|one| one.path == path) {
            reference.account = Some(account.to_owned());
        }
        let farm_roles = self.manifest.iter_mut().flat_map(|manifest| &mut manifest.farm_roles);
        for declared in farm_roles.filter(|one| one.path == path) {
            declared.account = Some(account.to_owned());
        }
    }

    /// The farm's name, as far as it can be read.
    pub fn farm(&self) -> Option<&Name> {
        self.manifest.as_ref().map(|manifest| &manifest.farm)
    }

    /// The manifest, or every fault of it in the order of the text.
    pub fn finish(self) -> Result<Manifest, Vec<Fault>> {
        self.faults.or(self.manifest)
    }
}

/// Reads a manifest, or tells every fault in it in the order of the text.
pub fn parse(text: &str) -> Result<Manifest, Vec<Fault>> {
    read(text).finish()
}

/// Reads what can be read of a manifest.
pub fn read(text: &str) -> Reading {
    let mut sink = Sink::default();
    let (manifest, references) = match tree::read(text, "farm", &mut sink) {
        Some(tree) => farm(&tree, &mut sink),
        None => (None, Vec::new()),
    };
    Reading { manifest, references, faults: FaultsFound::of(sink) }
}

/// FaultsFound as one problem, for the doors; `None` when there are none.
pub fn problem(faults: Vec<Fault>) -> Option<Problem> {
    let each = |fault: Fault| {
        let place = format!("line {}", fault.place.line);
        let field = if fault.path.is_empty() { place } else { format!("{place}: {}", fault.path) };
        Problem::invalid(field, fault.message)
    };
    Problem::all(faults.into_iter().map(each))
}

fn farm(tree: &tree::Tree, sink: &mut Sink) -> (Option<Manifest>, Vec<Reference>) {
    let orders =
        [("simultaneous", LaunchOrder::Simultaneous), ("sequential", LaunchOrder::Sequential)];
    let Some(mut fields) = Section::open(tree, String::new(), sink) else {
        return (None, Vec::new());
    };
    let name = fields.required("farm", sink, value::farm);
    let description = fields
        .optional("description", sink, |t| value::text(t, Kind::Lines, FARM_DESCRIPTION_BYTES_MAX));
    let launch_order = fields.optional("launchOrder", sink, |t| value::one_of(t, &orders));
    let items = fields.count("farmRoles");
    let sections = fields.list("farmRoles", sink);
    if items > FARM_ROLES_MAX {
        sink.fault_at("farmRoles", format!("{items} farm roles: at most {FARM_ROLES_MAX}"));
    }
    let (read, whole): (Vec<Reference>, Vec<Option<DeclaredFarmRole>>) =
        sections.into_iter().map(|section| farm_role::read(section, sink)).unzip();
    fields.finish(sink);
    each_other::check(&read, items == read.len(), sink);
    let manifest = name.map(|farm| Manifest {
        farm,
        description: description.unwrap_or_default(),
        launch_order: launch_order.unwrap_or_default(),
        farm_roles: whole.into_iter().flatten().collect(),
    });
    (manifest, read)
}
