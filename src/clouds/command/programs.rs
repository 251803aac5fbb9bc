//! The file of programs: where it may lie, whose it has to be, and what it says.
//!
//! Whoever writes it runs programs as the user the appliance runs as. So it lies in one directory
//! of the machine's, beside the config file of the appliance, and file and directory are its
//! owner's alone: root's, or that user's.

use super::path::{JsonPath, ListedServer};
use super::record::KnownServer;
use crate::base::ServerId;
use crate::base::limit::{COMMAND_FILE_BYTES_MAX, COMMAND_SECONDS, COMMAND_SERVERS_MAX};
use crate::model::CloudState;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

/// Words of other people's that mean a state, where a file says none.
const WORDS: &[(CloudState, &[&str])] = &[
    (CloudState::Pending, &["pending", "starting", "booting", "creating", "build"]),
    (CloudState::Running, &["running", "active", "up", "on", "started"]),
    (CloudState::Suspended, &["suspended", "paused"]),
    (CloudState::Stopped, &["stopped", "stopping", "exited", "off", "shutoff", "down"]),
    (CloudState::Terminating, &["terminating", "deleting", "shutting-down"]),
    (CloudState::Gone, &["gone", "terminated", "deleted"]),
];

/// The programs of an account.
#[derive(Clone, Debug)]
pub struct ProgramFile {
    /// The program that makes a server.
    pub launch: LaunchProgram,
    /// The program that shows all of them.
    pub list: Option<ListProgram>,
    /// The program that ends one.
    pub terminate: Option<ServerProgram>,
    /// The program that puts one to sleep.
    pub suspend: Option<ServerProgram>,
    /// The program that wakes one.
    pub resume: Option<ServerProgram>,
    /// The program that restarts one.
    pub reboot: Option<ServerProgram>,
    /// The program that starts one that is stopped.
    pub start: Option<ServerProgram>,
    /// The program that shuts one down.
    pub stop: Option<ServerProgram>,
    /// What each of them gets in its environment beside what it is about.
    pub environment: BTreeMap<String, String>,
}

/// A program and how it is run.
#[derive(Clone, Debug)]
pub struct ServerProgram {
    argv: Vec<String>,
    timeout_s: u64,
}

/// The program that makes a server, and where its answer says what.
#[derive(Clone, Debug)]
pub struct LaunchProgram {
    /// What is run, and for how long.
    pub program: ServerProgram,
    id: JsonPath,
    address: Option<JsonPath>,
    public_address: Option<JsonPath>,
}

/// The program that shows all servers, and where its answer says what.
#[derive(Clone, Debug)]
pub struct ListProgram {
    /// What is run, and for how long.
    pub program: ServerProgram,
    items: JsonPath,
    id: JsonPath,
    server: Option<JsonPath>,
    appliance: Option<JsonPath>,
    state: Option<JsonPath>,
    address: Option<JsonPath>,
    public_address: Option<JsonPath>,
    words: BTreeMap<String, CloudState>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Written {
    launch: WrittenProgram,
    list: Option<WrittenProgram>,
    terminate: Option<WrittenProgram>,
    suspend: Option<WrittenProgram>,
    resume: Option<WrittenProgram>,
    reboot: Option<WrittenProgram>,
    start: Option<WrittenProgram>,
    stop: Option<WrittenProgram>,
    #[serde(default)]
    environment: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct WrittenProgram {
    run: CommandLine,
    #[serde(default)]
    shell: bool,
    timeout_s: Option<u64>,
    items: Option<String>,
    id: Option<String>,
    server: Option<String>,
    appliance: Option<String>,
    state: Option<String>,
    address: Option<String>,
    public_address: Option<String>,
    #[serde(default)]
    states: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum CommandLine {
    Line(String),
    Words(Vec<String>),
}

impl ProgramFile {
    /// Reads a file of the directory, by its path.
    ///
    /// # Errors
    /// What is wrong with it, and what would be right.
    pub fn read(directory: &Path, path: &str) -> Result<ProgramFile, String> {
        let shown = directory.display();
        let file = Path::new(path);
        let name = file.file_name().and_then(|name| name.to_str());
        let inside = file.parent() == Some(directory) && name.is_some_and(|n| n.ends_with(".toml"));
        if !inside {
            return Err(format!("write a file of {shown}, as {shown}/vms.toml"));
        }
        check_owner(directory, &fs::metadata(directory).map_err(|e| format!("{shown}: {e}"))?)?;
        let text = read_own(file)?;
        ProgramFile::parse(&text).map_err(|why| format!("{path}: {why}"))
    }

    /// Reads what a file says.
    ///
    /// # Errors
    /// What is wrong with it, by its name.
    pub fn parse(text: &str) -> Result<ProgramFile, String> {
        let written: Written = toml::from_str(text).map_err(|error| {
            let message = error.message().trim().to_owned();
            let before = error.span().and_then(|span| text.get(..span.start));
            let line = before.map_or(1, |before| before.matches('\n').count() + 1);
            format!("line {line}: {message}")
        })?;
        let other = |name: &str, program: Option<WrittenProgram>| {
            program.map(|program| program.bare(name)).transpose()
        };
        let environment = written.environment;
        if let Some(name) = environment.keys().find(|name| !is_variable(name)) {
            return Err(format!("environment: {name:?} is no name of a variable of yours"));
        }
        Ok(ProgramFile {
            launch: written.launch.launch()?,
            list: written.list.map(WrittenProgram::list).transpose()?,
            terminate: other("terminate", written.terminate)?,
            suspend: other("suspend", written.suspend)?,
            resume: other("resume", written.resume)?,
            reboot: other("reboot", written.reboot)?,
            start: other("start", written.start)?,
            stop: other("stop", written.stop)?,
            environment,
        })
    }

    /// Whether a listing shows also what was launched and never answered.
    pub fn finds_unanswered(&self) -> bool {
        self.list.as_ref().is_some_and(|list| list.server.is_some())
    }
}

/// A name for the environment that is not one of ours.
fn is_variable(name: &str) -> bool {
    let right = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !name.is_empty() && name.chars().all(right) && !name.starts_with("GRANGE_")
}

fn check_owner(path: &Path, found: &fs::Metadata) -> Result<(), String> {
    let own = nix::unistd::geteuid().as_raw();
    let shown = path.display();
    if ![0, own].contains(&found.uid()) {
        return Err(format!("{shown} belongs to another user: chown root {shown}"));
    }
    if found.mode() & 0o022 != 0 {
        return Err(format!("others may write {shown}: chmod go-w {shown}"));
    }
    Ok(())
}

fn read_own(path: &Path) -> Result<String, String> {
    let shown = path.display();
    let mut options = File::options();
    let opened = options.read(true).custom_flags(nix::fcntl::OFlag::O_NOFOLLOW.bits()).open(path);
    let file = opened.map_err(|error| format!("{shown}: {error}"))?;
    let found = file.metadata().map_err(|error| format!("{shown}: {error}"))?;
    if !found.is_file() {
        return Err(format!("{shown} is no file"));
    }
    check_owner(path, &found)?;
    let mut text = String::new();
    let at_most = COMMAND_FILE_BYTES_MAX as u64;
    let read = file.take(at_most + 1).read_to_string(&mut text);
    read.map_err(|error| format!("{shown}: {error}"))?;
    if text.len() > COMMAND_FILE_BYTES_MAX {
        return Err(format!("{shown} is longer than {COMMAND_FILE_BYTES_MAX} bytes"));
    }
    Ok(text)
}

impl ServerProgram {
    /// The program and its arguments.
    pub fn argv(&self) -> &[String] {
        &self.argv
    }

    /// How long it may take.
    pub fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_s)
    }
}

impl LaunchProgram {
    /// What it printed of the server it made.
    ///
    /// # Errors
    /// When that is no id.
    pub fn read(&self, answer: &Value) -> Result<KnownServer, String> {
        let id = self.id.text(answer)?;
        let optional = |path: &Option<JsonPath>| match path {
            Some(path) => path.text(answer),
            None => Ok(None),
        };
        Ok(KnownServer {
            cloud_id: id.ok_or_else(|| format!("{} leads nowhere in it", self.id))?,
            address: optional(&self.address)?,
            public_address: optional(&self.public_address)?,
        })
    }
}

impl ListProgram {
    /// The servers of this appliance in what it printed.
    ///
    /// # Errors
    /// When one of them cannot be understood: a part is no listing.
    pub fn read(&self, answer: &Value, tag: &str) -> Result<Vec<ListedServer>, String> {
        let found = self.items.all(answer);
        if found.len() > COMMAND_SERVERS_MAX {
            return Err(format!("more than {COMMAND_SERVERS_MAX} servers"));
        }
        // Where the path to the items ends before them, nothing is not the same as none.
        if found.is_empty() && !self.leads_to_items(answer) {
            return Err(format!("{} leads nowhere in it", self.items));
        }
        let mut all = Vec::new();
        for item in found {
            all.extend(self.item(item, tag)?);
        }
        Ok(all)
    }

    fn leads_to_items(&self, answer: &Value) -> bool {
        let text = self.items.to_string();
        let Some(list) = text.strip_suffix("[]") else { return false };
        let list = JsonPath::parse(list);
        let leads = |path: &JsonPath| path.all(answer).iter().any(|value| value.is_array());
        // An outer list without elements has no inner ones.
        let outer = text.find("[]").map(|at| JsonPath::parse(&text[..at]));
        list.is_ok_and(|path| leads(&path))
            || outer.is_some_and(|path| path.is_ok_and(|path| leads(&path)))
    }

    /// One item; `None` where it is another appliance's.
    fn item(&self, item: &Value, tag: &str) -> Result<Option<ListedServer>, String> {
        let optional = |path: &Option<JsonPath>| match path {
            Some(path) => path.text(item),
            None => Ok(None),
        };
        if self.appliance.is_some() && optional(&self.appliance)?.as_deref() != Some(tag) {
            return Ok(None);
        }
        let id = self.id.text(item)?.ok_or_else(|| format!("a server without {}", self.id))?;
        let server = optional(&self.server)?.and_then(|text| text.parse::<ServerId>().ok());
        let state = match optional(&self.state)? {
            None if self.state.is_some() => return Err(format!("server {id} has no state")),
            None => CloudState::Running,
            Some(word) => {
                let known = self.words.get(&word.to_lowercase());
                *known
                    .ok_or_else(|| format!("server {id} is {word:?}: say what that is in states"))?
            }
        };
        let (address, public_address) = (optional(&self.address)?, optional(&self.public_address)?);
        Ok(Some(ListedServer { id, server, state, address, public_address }))
    }
}

impl WrittenProgram {
    fn program(&self, name: &str) -> Result<ServerProgram, String> {
        let argv: Vec<String> = match (&self.run, self.shell) {
            (CommandLine::Line(line), true) => ["/bin/sh", "-c", line].map(str::to_owned).to_vec(),
            (CommandLine::Words(_), true) => {
                return Err(format!("{name}: with shell, run is one text"));
            }
            (CommandLine::Line(line), false) => {
                if line.contains(['\'', '"', '$', '|', '&', ';', '<', '>', '*', '`', '\\']) {
                    return Err(format!(
                        "{name}: run is split at spaces and no shell reads it: write a list of \
                         words, or say shell = true"
                    ));
                }
                line.split_whitespace().map(str::to_owned).collect()
            }
            (CommandLine::Words(words), false) => words.clone(),
        };
        if argv.first().is_none_or(String::is_empty) {
            return Err(format!("{name}: run says which program"));
        }
        let (least, most) = COMMAND_SECONDS;
        let timeout_s = self.timeout_s.unwrap_or(most);
        if !(least..=most).contains(&timeout_s) {
            return Err(format!("{name}: timeout-s is from {least} to {most}"));
        }
        Ok(ServerProgram { argv, timeout_s })
    }

    /// A program of which only the end counts.
    fn bare(self, name: &str) -> Result<ServerProgram, String> {
        let paths = [
            &self.items,
            &self.id,
            &self.server,
            &self.appliance,
            &self.state,
            &self.address,
            &self.public_address,
        ];
        if paths.iter().any(|path| path.is_some()) || !self.states.is_empty() {
            return Err(format!(
                "{name}: what it prints is not read: it has run, shell, timeout-s"
            ));
        }
        self.program(name)
    }

    fn launch(self) -> Result<LaunchProgram, String> {
        let others = [&self.items, &self.server, &self.appliance, &self.state];
        if others.iter().any(|path| path.is_some()) || !self.states.is_empty() {
            return Err("launch: it has id, address and public-address".to_owned());
        }
        let id = self.id.as_deref().ok_or("launch: id says where its answer has the id")?;
        Ok(LaunchProgram {
            program: self.program("launch")?,
            id: JsonPath::parse(id)?,
            address: self.address.as_deref().map(JsonPath::parse).transpose()?,
            public_address: self.public_address.as_deref().map(JsonPath::parse).transpose()?,
        })
    }

    fn list(self) -> Result<ListProgram, String> {
        let id = self.id.as_deref().ok_or("list: id says where a server has its id")?;
        let read = |path: &Option<String>| path.as_deref().map(JsonPath::parse).transpose();
        let mut words = BTreeMap::new();
        for (state, usual) in WORDS {
            words.extend(usual.iter().map(|word| ((*word).to_owned(), *state)));
        }
        for (name, said) in &self.states {
            // Each state's own name is the first of the words for it.
            let state = WORDS.iter().find(|(_, usual)| usual[0] == name).map(|(state, _)| *state);
            let state = state.ok_or_else(|| {
                let known: Vec<&str> = WORDS.iter().map(|(_, usual)| usual[0]).collect();
                format!("list.states: no state {name}: use {}", known.join(", "))
            })?;
            words.extend(said.iter().map(|word| (word.to_lowercase(), state)));
        }
        Ok(ListProgram {
            program: self.program("list")?,
            items: JsonPath::parse(self.items.as_deref().unwrap_or("[]"))?,
            id: JsonPath::parse(id)?,
            server: read(&self.server)?,
            appliance: read(&self.appliance)?,
            state: read(&self.state)?,
            address: read(&self.address)?,
            public_address: read(&self.public_address)?,
            words,
        })
    }
}
