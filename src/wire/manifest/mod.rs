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
//! [`write()`] goes the other way: a manifest as text that is read as the same.
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
mod section;
#[cfg(test)]
mod tests;
mod tree;
mod value;
mod write;
#[cfg(test)]
mod written;

pub use fault::{Fault, SourcePosition};
pub use write::{length, list, size, write};

use crate::base::limit::{FARM_DESCRIPTION_BYTES_MAX, FARM_ROLES_MAX};
use crate::base::text::Kind;
use crate::base::{Millis, Name, Problem};
use crate::model::{Balance, LaunchOrder, Policy, ReadyCheck, ScalingPolicy, VolumeSpec};
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
    /// The platform.
    pub platform: Option<String>,
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
}

/// What was read of a text: the manifest if it is whole, and everything that is wrong with it.
#[derive(Debug, Default)]
pub struct Reading {
    manifest: Option<Manifest>,
    /// What its farm roles refer to.
    pub references: Vec<Reference>,
    faults: Vec<Fault>,
    /// Where each field was, by its path: `farmRoles[0].role`.
    places: BTreeMap<String, SourcePosition>,
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
    /// How its servers are looked after.
    pub policy: Policy,
}

impl Reading {
    /// Adds a fault that only the appliance can find, as a role that does not exist:
    /// `add("farmRoles[0].role", "no role web-demoo")`. One about a field that has a fault
    /// already, or that is part of one, would only repeat it and is left out.
    pub fn add(&mut self, path: &str, message: impl Into<String>) {
        let told = |fault: &Fault| is_within(&fault.path, path) || is_within(path, &fault.path);
        if !self.faults.iter().any(|fault| !fault.path.is_empty() && told(fault)) {
            let place = self.place(path);
            self.faults.push(Fault { path: path.to_owned(), place, message: message.into() });
        }
    }

    /// The farm's name, as far as it can be read.
    pub fn farm(&self) -> Option<&Name> {
        self.manifest.as_ref().map(|manifest| &manifest.farm)
    }

    /// The manifest, or every fault of it in the order of the text.
    pub fn finish(mut self) -> Result<Manifest, Vec<Fault>> {
        match self.manifest {
            Some(manifest) if self.faults.is_empty() => Ok(manifest),
            Some(_) | None => {
                self.faults.sort_by_key(|fault| (fault.place.line, fault.place.column));
                Err(self.faults)
            }
        }
    }

    /// Where a field is. One left to its default has no place: its section's is the nearest.
    fn place(&self, path: &str) -> SourcePosition {
        let mut nearest = path;
        loop {
            if let Some(place) = self.places.get(nearest) {
                return *place;
            }
            match nearest.rfind(['.', '[']) {
                Some(end) => nearest = &nearest[..end],
                None => return SourcePosition { line: 1, column: 1 },
            }
        }
    }
}

/// Whether one path is the other or leads into it.
fn is_within(inner: &str, outer: &str) -> bool {
    let rest = inner.strip_prefix(outer);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// Reads a manifest, or tells every fault in it in the order of the text.
pub fn parse(text: &str) -> Result<Manifest, Vec<Fault>> {
    read(text).finish()
}

/// Reads what can be read of a manifest.
pub fn read(text: &str) -> Reading {
    let mut sink = Sink::default();
    let (manifest, references) = match tree::read(text, &mut sink) {
        Some(tree) => farm(&tree, &mut sink),
        None => (None, Vec::new()),
    };
    let places = std::mem::take(&mut sink.places);
    Reading { manifest, references, faults: sink.into_faults(), places }
}

/// Faults as one problem, for the doors; `None` when there are none.
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
