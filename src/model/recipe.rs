//! What a role does on a server: what is set up, which files it has, what keeps running.
//!
//! A [`Recipe`] is what a person wrote, templates and all; a [`Workload`] is the same for one
//! server, with every template rendered, as its agent is ordered to bring it about. Both are made
//! of the same parts, so that what was declared and what arrives can be compared by eye.

use crate::base::Millis;
use crate::model::{ImageDefaults, ReadyCheck};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// What is done on every server of a role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Recipe {
    /// Done in this order before a server counts as ready.
    pub setup: Vec<SetupPart>,
    /// Put in place after setup, before services start; kept up to the farm's topology.
    pub files: Vec<RoleFile>,
    /// Kept running, started in this order and stopped in the opposite one.
    pub services: Vec<RoleService>,
    /// Ports of its services by name, for its check, its templates and other roles.
    pub ports: BTreeMap<String, u16>,
    /// What makes a server ready where the farm role does not say.
    pub check: Option<ReadyCheck>,
}

/// One server's work: a recipe with its templates rendered. It prints only how much it is, because
/// values that nobody is shown are all over it.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Workload {
    /// Done in this order, each once in the server's life.
    pub setup: Vec<SetupPart>,
    /// Put in place after setup; [`RoleFile::template`] is false in all of them.
    pub files: Vec<RoleFile>,
    /// Kept running.
    pub services: Vec<RoleService>,
    /// Variables of the server: in the environment of each part of setup and of each service,
    /// beneath what the service says itself.
    pub environment: BTreeMap<String, String>,
    /// Variables that setup alone names: a change of theirs restarts no service.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub setup_environment: BTreeMap<String, String>,
    /// Values of hidden variables, which the agent takes out of all that is printed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hidden: Vec<String>,
}

impl fmt::Debug for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = [self.setup.len(), self.files.len(), self.services.len()];
        let [setup, files, services] = counts;
        write!(f, "Workload({setup} parts of setup, {files} files, {services} services)")
    }
}

/// One command or script of a role's setup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SetupPart {
    /// What people call it: the first line of the command, or the script's file name.
    pub name: String,
    /// A script. One that does not begin with `#!` is run by `/bin/sh -e`.
    pub script: String,
    /// The user it runs as; `None` for the agent's own.
    pub run_as: Option<String>,
    /// Ended, with all that it started, after this long; that is a failure.
    pub timeout_ms: Millis,
    /// Run again on a server that is there already, when its script has changed.
    pub rerun: bool,
}

/// A file of a role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleFile {
    /// Where, an absolute path on the server.
    pub path: String,
    /// The whole content, or its template.
    pub content: String,
    /// Whether the content is a template over the farm's topology and variables.
    pub template: bool,
    /// Permission bits, at most `0o7777`.
    pub mode: u32,
    /// The user it belongs to, with that user's group; `None` for the agent's own.
    pub owner: Option<String>,
    /// A command that has to succeed before the file is used, with `{}` for the new file's path;
    /// empty for none.
    pub check: Vec<String>,
    /// What is done when it has changed.
    pub on_change: Option<OnChange>,
}

/// What a changed file does to a service of its role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OnChange {
    /// The service gets `SIGHUP`.
    Reload(String),
    /// The service is stopped and started.
    Restart(String),
}

/// Something that is kept running on a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleService {
    /// Its name, unique in its role.
    pub name: String,
    /// Program and arguments, each of which may be a template in a recipe; none for those of the
    /// image, with what else that says of them.
    pub command: Vec<String>,
    /// The user it runs as; `None` for the agent's own.
    pub run_as: Option<String>,
    /// Where it starts; `None` for the server's home.
    pub directory: Option<String>,
    /// What its environment has beyond the server's; values may be templates in a recipe.
    pub environment: BTreeMap<String, String>,
    /// When it is started again.
    pub restart: Restart,
    /// How it is stopped.
    pub stop: StopBy,
    /// How many files it may have open at once; `None` for what the server allows.
    pub open_files: Option<u64>,
}

/// When a service that ended is started again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Restart {
    /// However it ended.
    #[default]
    Always,
    /// When it ended with another exit code than 0, or by a signal.
    OnFailure,
    /// Not at all: it is done then.
    Never,
}

/// How a service is stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StopBy {
    /// The signal it gets first, one of [`STOP_SIGNALS`].
    pub signal: String,
    /// It is killed, with its process group, when it still runs after this long.
    pub within_ms: Millis,
}

/// Signals a service can be told to stop by.
pub const STOP_SIGNALS: [&str; 6] = ["TERM", "INT", "QUIT", "HUP", "USR1", "USR2"];

impl Default for StopBy {
    /// `TERM`, and 10 s.
    fn default() -> StopBy {
        StopBy { signal: "TERM".to_owned(), within_ms: 10_000 }
    }
}

impl RoleService {
    /// Takes over what an image says of the program in it, where the service names none itself.
    pub fn take_over(&mut self, image: &ImageDefaults) {
        if !self.command.is_empty() {
            return;
        }
        self.command.clone_from(&image.command);
        self.run_as = self.run_as.take().or_else(|| image.user.clone());
        self.directory = self.directory.take().or_else(|| image.directory.clone());
        for (name, value) in &image.environment {
            self.environment.entry(name.clone()).or_insert_with(|| value.clone());
        }
    }
}

impl Recipe {
    /// Whether it asks nothing of an agent: servers of it are ready when their agent is.
    pub fn is_idle(&self) -> bool {
        self.setup.is_empty() && self.files.is_empty() && self.services.is_empty()
    }

    /// How long all of its setup may take.
    pub fn setup_ms(&self) -> Millis {
        self.setup.iter().map(|part| part.timeout_ms).fold(0, Millis::saturating_add)
    }

    /// Bytes of all its texts.
    pub fn text_bytes(&self) -> usize {
        let setup = self.setup.iter().map(|part| part.script.len());
        let words = |words: &[String]| words.iter().map(String::len).sum::<usize>();
        let files = self.files.iter().map(|file| file.content.len() + words(&file.check));
        let services = self.services.iter().map(|service| {
            let environment = service.environment.iter();
            words(&service.command)
                + environment.map(|(name, value)| name.len() + value.len()).sum::<usize>()
        });
        setup.chain(files).chain(services).sum()
    }
}
