//! The manifest of a role: what is set up on its servers, which files they have, what keeps
//! running.
//!
//! ```yaml
//! role: my-api
//! images: [{cloudPlatform: onboard, image: host}]
//! setup:
//!   - {run: "apt-get install -y python3", timeout: 10m}
//! services:
//!   - {name: my-api, command: [/usr/bin/python3, -m, http.server, "{{ ports.http }}"]}
//! ports: {http: 8080}
//! check: {port: http, path: /}
//! ```
//! Texts may be in files beside it: `script`, `source` and `templateSource` name them relative to
//! its directory. Who has the directory reads them ([`sources`]) and sends them along; nothing here
//! reads a file.
//!
//! Templates are told apart and not read: only `automation` knows the engine, and `service` shows
//! it every one of them ([`RoleReading::templates`]).

mod file;
mod overrides;
mod service;
mod setup;
#[cfg(test)]
mod tests;
mod word;
mod write;

pub use overrides::ReadOverrides;
pub(super) use overrides::read as read_overrides;
pub use write::write;
pub(super) use write::write_overrides;

use super::fault::{Fault, FaultsFound, Sink};
use super::section::Section;
use super::tree;
use super::value::{name, one_of, port, text, url_path, word as platform};
use crate::base::Name;
use crate::base::limit::{
    COMMAND_ARGUMENTS_MAX, ROLE_DESCRIPTION_BYTES_MAX, ROLE_PORTS_MAX, ROLE_TEXT_BYTES_MAX,
};
use crate::base::text::Kind;
use crate::model::{Automation, ReadyCheck, Recipe, RoleImage};
use std::collections::{BTreeMap, BTreeSet};
pub(super) use word::port_name;
use word::{argument, image_name};

/// A role as a file declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleManifest {
    /// Its name in its environment.
    pub role: Name,
    /// What it is for, in a few words; empty when it is not said.
    pub description: String,
    /// What Grange configures on its servers.
    pub automation: Vec<Automation>,
    /// One image per platform.
    pub images: Vec<RoleImage>,
    /// What is done on its servers.
    pub recipe: Recipe,
}

/// What was read of a role's manifest: the role if it is whole, and what is wrong with it.
#[derive(Debug, Default)]
pub struct RoleReading {
    manifest: Option<RoleManifest>,
    /// Every template of it with its path, also of a manifest with faults.
    pub templates: Vec<(String, String)>,
    /// Its images with their paths, as far as they can be read.
    pub images: Vec<(String, RoleImage)>,
    /// Where services name no command, which only the image can make good.
    pub commandless: Vec<String>,
    /// Its ports by name, as far as they can be read.
    pub ports: BTreeMap<String, u16>,
    faults: FaultsFound,
}

impl RoleReading {
    /// Adds a fault that only the appliance can find: [`FaultsFound::add`].
    pub fn add(&mut self, path: &str, message: impl Into<String>) {
        self.faults.add(path, message);
    }

    /// Its name, as far as it can be read.
    pub fn role(&self) -> Option<&Name> {
        self.manifest.as_ref().map(|manifest| &manifest.role)
    }

    /// The role, or every fault in the order of the text.
    pub fn finish(self) -> Result<RoleManifest, Vec<Fault>> {
        self.faults.or(self.manifest)
    }
}

/// What reading a role's parts needs and gathers.
struct Reader<'a> {
    sink: &'a mut Sink,
    /// The texts that came along, by their path beside the manifest; `None` for the manifest of a
    /// farm, beside which there is nothing.
    sources: Option<&'a BTreeMap<String, String>>,
    /// Which the manifest names.
    wanted: BTreeSet<String>,
    templates: Vec<(String, String)>,
    images: Vec<(String, RoleImage)>,
    /// Paths of commands that are not there.
    commandless: Vec<String>,
    ports: BTreeMap<String, u16>,
}

impl<'a> Reader<'a> {
    fn new(sink: &'a mut Sink, sources: &'a BTreeMap<String, String>) -> Reader<'a> {
        Reader { sources: Some(sources), ..Reader::without_sources(sink) }
    }

    fn without_sources(sink: &'a mut Sink) -> Reader<'a> {
        let (wanted, templates, images) = (BTreeSet::new(), Vec::new(), Vec::new());
        let (commandless, ports) = (Vec::new(), BTreeMap::new());
        Reader { sink, sources: None, wanted, templates, images, commandless, ports }
    }

    /// The text of a file beside the manifest. One that did not come along is a fault.
    fn source(&mut self, at: &str, path: Option<String>) -> Option<String> {
        let path = path?;
        let Some(sources) = self.sources else {
            let text = "a farm's manifest has no files beside it: say it here, or in the role";
            self.sink.fault_at(at, text);
            return None;
        };
        let found = sources.get(&path).cloned();
        if found.is_none() {
            self.sink.fault_at(at, format!("{path} was not sent along with the manifest"));
        }
        self.wanted.insert(path);
        found
    }

    fn template(&mut self, at: String, text: &str) {
        self.templates.push((at, text.to_owned()));
    }
}

/// The files beside a manifest that it names, by their paths relative to its directory. Every one
/// of them stays below that.
pub fn sources(text: &str) -> Vec<String> {
    let mut sink = Sink::default();
    let Some(tree) = tree::read(text, NOUN, &mut sink) else { return Vec::new() };
    let none = BTreeMap::new();
    let mut reader = Reader::new(&mut sink, &none);
    whole(&tree, &mut reader);
    reader.wanted.into_iter().collect()
}

/// Reads what can be read of a role's manifest, with the texts that came along.
pub fn read(text: &str, sources: &BTreeMap<String, String>) -> RoleReading {
    let mut sink = Sink::default();
    let Some(tree) = tree::read(text, NOUN, &mut sink) else {
        return RoleReading { faults: FaultsFound::of(sink), ..RoleReading::default() };
    };
    let mut reader = Reader::new(&mut sink, sources);
    let manifest = whole(&tree, &mut reader);
    let Reader { templates, images, commandless, ports, .. } = reader;
    let faults = FaultsFound::of(sink);
    RoleReading { manifest, templates, images, commandless, ports, faults }
}

/// What a file declares one of.
const NOUN: &str = "role";

fn whole(tree: &tree::Tree, reader: &mut Reader<'_>) -> Option<RoleManifest> {
    let mut fields = Section::open(tree, String::new(), reader.sink)?;
    let role = fields.required(NOUN, reader.sink, name);
    let described = |t: &tree::Tree| text(t, Kind::Line, ROLE_DESCRIPTION_BYTES_MAX);
    let description = fields.optional("description", reader.sink, described);
    let automation =
        fields.values("builtinAutomation", 8, reader.sink, |t| one_of(t, &Automation::WORDS));
    let images = images(&mut fields, reader);
    let setup = setup::read(&mut fields, reader);
    let services = service::sections(&mut fields, reader);
    let files = file::read(&mut fields, &service::names(&services), reader);
    let services = service::read(services, reader);
    let ports = ports(&mut fields, reader);
    let check = fields.section("check", reader.sink).and_then(|f| check(f, &ports, reader));
    fields.finish(reader.sink);
    reader.ports.clone_from(&ports);
    let recipe = Recipe { setup, files, services, ports, check };
    let bytes = recipe.text_bytes();
    if bytes > ROLE_TEXT_BYTES_MAX {
        let text =
            format!("{bytes} bytes of scripts, files and commands: at most {ROLE_TEXT_BYTES_MAX}");
        reader.sink.fault_at(NOUN, text);
    }
    let whole = role.map(|role| RoleManifest {
        role,
        description: description.unwrap_or_default(),
        automation,
        images: images.iter().map(|(_, image)| image.clone()).collect(),
        recipe,
    });
    reader.images = images;
    whole
}

fn images(fields: &mut Section<'_>, reader: &mut Reader<'_>) -> Vec<(String, RoleImage)> {
    let items = fields.count("images");
    let mut images: Vec<(String, RoleImage)> = Vec::new();
    for mut one in fields.list("images", reader.sink) {
        let platform = one.required("cloudPlatform", reader.sink, platform);
        let image = one.required("image", reader.sink, image_name);
        let words = one.words("command", COMMAND_ARGUMENTS_MAX, reader.sink, argument);
        if let Some(twice) =
            platform.as_ref().filter(|p| images.iter().any(|(_, other)| other.platform == **p))
        {
            let text = format!("a second image for {twice}: one for each platform");
            reader.sink.fault_at(&one.at("cloudPlatform"), text);
        }
        if let (Some(platform), Some(cloud_image_id)) = (platform, image) {
            let command = words.into_iter().map(|(_, word)| word).collect();
            images.push((one.path.clone(), RoleImage { platform, cloud_image_id, command }));
        }
        one.finish(reader.sink);
    }
    if items == 0 {
        let text =
            "a role needs an image for each platform, as {cloudPlatform: onboard, image: host}";
        fields.missing("images", reader.sink, text);
    }
    if items > ROLE_PORTS_MAX {
        reader.sink.fault_at("images", format!("{items} images: at most {ROLE_PORTS_MAX}"));
    }
    images
}

fn ports(fields: &mut Section<'_>, reader: &mut Reader<'_>) -> BTreeMap<String, u16> {
    let mut ports: BTreeMap<String, u16> = BTreeMap::new();
    for (path, name, number) in fields.named("ports", ROLE_PORTS_MAX, reader.sink, port_name, port)
    {
        if let Some((other, _)) = ports.iter().find(|(_, port)| **port == number) {
            reader.sink.fault_at(&path, format!("{number} is the port {other} already"));
        }
        ports.insert(name, number);
    }
    ports
}

/// A port by its name or its number.
fn check(
    mut fields: Section<'_>,
    ports: &BTreeMap<String, u16>,
    reader: &mut Reader<'_>,
) -> Option<ReadyCheck> {
    let number = fields.required("port", reader.sink, |t| word::port_of(t, ports));
    let path = fields.optional("path", reader.sink, url_path);
    fields.finish(reader.sink);
    Some(ReadyCheck { port: number?, path })
}
