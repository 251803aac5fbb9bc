//! `services`: what is kept running on a server.

use super::super::section::Section;
use super::super::value::{duration, name, number, one_of};
use super::Reader;
use super::word::{absolute, argument, user, variable, variable_name};
use crate::base::limit::{
    COMMAND_ARGUMENTS_MAX, ROLE_ENVIRONMENT_MAX, ROLE_SERVICES_MAX, SERVICE_STOP_MAX,
};
use crate::base::{Millis, Name};
use crate::model::{Restart, RoleService, STOP_SIGNALS, StopBy};

/// The words of when a service is started again.
pub const RESTART: [(&str, Restart); 3] =
    [("always", Restart::Always), ("on-failure", Restart::OnFailure), ("never", Restart::Never)];

const SECOND: Millis = 1000;

/// A service whose name was read.
pub struct NamedService<'t> {
    fields: Section<'t>,
    name: Option<Name>,
}

/// Opens the services and reads their names, which files refer to.
pub fn sections<'t>(fields: &mut Section<'t>, reader: &mut Reader<'_>) -> Vec<NamedService<'t>> {
    let items = fields.count("services");
    if items > ROLE_SERVICES_MAX {
        let text = format!("{items} services: at most {ROLE_SERVICES_MAX}");
        fields.missing("services", reader.sink, text);
    }
    let mut all: Vec<NamedService<'t>> = Vec::new();
    for mut fields in fields.list("services", reader.sink) {
        let name = fields.required("name", reader.sink, name);
        if name.is_some() && all.iter().any(|other| other.name == name) {
            reader.sink.fault_at(&fields.at("name"), "another service has this name");
        }
        all.push(NamedService { fields, name });
    }
    all
}

/// Their names; `None` when not all of them can be read, so that a missing one may be one of those.
pub fn names(services: &[NamedService<'_>]) -> Option<Vec<String>> {
    services.iter().map(|one| one.name.as_ref().map(Name::to_string)).collect()
}

/// Reads every service that is whole.
pub fn read(services: Vec<NamedService<'_>>, reader: &mut Reader<'_>) -> Vec<RoleService> {
    services.into_iter().filter_map(|one| service(one, reader)).collect()
}

fn service(one: NamedService<'_>, reader: &mut Reader<'_>) -> Option<RoleService> {
    let NamedService { mut fields, name } = one;
    let command = command(&mut fields, reader);
    let run_as = fields.optional("runAs", reader.sink, user);
    let directory = fields.optional("directory", reader.sink, absolute);
    let environment =
        fields.named("environment", ROLE_ENVIRONMENT_MAX, reader.sink, variable_name, variable);
    for (path, _, value) in &environment {
        reader.template(path.clone(), value);
    }
    let restart = fields.optional("restart", reader.sink, |t| one_of(t, &RESTART));
    let stop = fields.section("stop", reader.sink).map(|fields| stop(fields, reader));
    let limits = fields.section("limits", reader.sink);
    let open_files = limits.and_then(|mut limits| {
        let open = limits.optional("openFiles", reader.sink, |t| number(t, 16..=1_048_576));
        limits.finish(reader.sink);
        open
    });
    fields.finish(reader.sink);
    Some(RoleService {
        name: name?.to_string(),
        command: command?,
        run_as,
        directory,
        environment: environment.into_iter().map(|(_, name, value)| (name, value)).collect(),
        restart: restart.unwrap_or_default(),
        stop: stop.unwrap_or_default(),
        open_files: open_files.map(u64::from),
    })
}

fn command(fields: &mut Section<'_>, reader: &mut Reader<'_>) -> Option<Vec<String>> {
    if !fields.has("command") {
        // Whether the image says one is not known here.
        reader.commandless.push(fields.at("command"));
        return Some(Vec::new());
    }
    let words = fields.words("command", COMMAND_ARGUMENTS_MAX, reader.sink, argument);
    if words.first().is_none_or(|(_, word)| word.trim().is_empty()) {
        let at = fields.at("command");
        // A list that is none is told already.
        reader.sink.fault_once(&at, "the first word is the program: it is empty");
        return None;
    }
    for (path, word) in &words {
        reader.template(path.clone(), word);
    }
    Some(words.into_iter().map(|(_, word)| word).collect())
}

fn stop(mut fields: Section<'_>, reader: &mut Reader<'_>) -> StopBy {
    let signals = STOP_SIGNALS.map(|signal| (signal, signal));
    let signal = fields.optional("signal", reader.sink, |t| one_of(t, &signals));
    let within = fields.optional("within", reader.sink, |t| duration(t, SECOND..=SERVICE_STOP_MAX));
    fields.finish(reader.sink);
    let usual = StopBy::default();
    StopBy {
        signal: signal.map_or(usual.signal, str::to_owned),
        within_ms: within.unwrap_or(usual.within_ms),
    }
}
