//! `grange.overrides` of a farm role: what it does otherwise than its role says.
//!
//! Its parts are read as those of a role. Which services there are only the role knows, so that
//! names of them are for `service` to look up.

use super::super::fault::Sink;
use super::super::section::Section;
use super::word::{variable, variable_name};
use super::{Reader, file, setup};
use crate::base::Name;
use crate::base::limit::{OVERRIDES_TEXT_BYTES_MAX, ROLE_ENVIRONMENT_MAX, ROLE_SERVICES_MAX};
use crate::model::{OnChange, Overrides};
use std::collections::BTreeMap;

/// What was read of it, with what only the role can say is right.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadOverrides {
    /// What is laid over the role.
    pub overrides: Overrides,
    /// Every template of it with its path.
    pub templates: Vec<(String, String)>,
    /// Services of the role that it names, each with the path of the name.
    pub services: Vec<(String, String)>,
}

/// What is said to whoever looks for the check here.
const CHECK: &str = "what makes a server ready is said under grange.check";

/// Reads what is said of it.
pub(in crate::wire::manifest) fn read(mut fields: Section<'_>, sink: &mut Sink) -> ReadOverrides {
    let mut reader = Reader::without_sources(sink);
    let mut services = Vec::new();
    let mut all = BTreeMap::new();
    for (name, of_one) in
        fields.named_sections("environment", ROLE_SERVICES_MAX, reader.sink, service_name)
    {
        services.push((of_one.path.clone(), name.clone()));
        let variables =
            of_one.own_named(ROLE_ENVIRONMENT_MAX, reader.sink, variable_name, variable);
        for (path, _, value) in &variables {
            reader.template(path.clone(), value);
        }
        all.insert(name, variables.into_iter().map(|(_, name, value)| (name, value)).collect());
    }
    let setup = setup::read(&mut fields, &mut reader);
    let at_files = fields.at("files");
    let files = file::read(&mut fields, &None, &mut reader);
    for (i, file) in files.iter().enumerate() {
        let (field, service) = match &file.on_change {
            Some(OnChange::Reload(service)) => ("reload", service),
            Some(OnChange::Restart(service)) => ("restart", service),
            None => continue,
        };
        services.push((format!("{at_files}[{i}].{field}"), service.clone()));
    }
    fields.optional("check", reader.sink, |_| Err::<(), _>(CHECK.to_owned()));
    for (i, part) in setup.iter().enumerate() {
        if setup[..i].iter().any(|other| other.name == part.name) {
            let text = format!("two parts are called {:?}: give one of them a name", part.name);
            reader.sink.fault_at(&fields.at("setup"), text);
        }
    }
    let overrides = Overrides { environment: all, files, setup };
    let bytes = overrides.text_bytes();
    if bytes > OVERRIDES_TEXT_BYTES_MAX {
        let text = format!("{bytes} bytes of texts: at most {OVERRIDES_TEXT_BYTES_MAX}");
        reader.sink.fault_at(&fields.path, text);
    }
    fields.finish(reader.sink);
    let Reader { templates, .. } = reader;
    ReadOverrides { overrides, templates, services }
}

fn service_name(text: &str) -> Result<(), String> {
    Name::new(text).map(|_| ()).map_err(|bad| bad.to_string())
}
