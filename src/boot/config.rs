//! The config file: what is needed to open the store and to listen. Everything else is a record.
//!
//! Every default works, for root and for an ordinary user; the two differ in their directories
//! and in the ports an ordinary user may not have.

use crate::base::limit::{
    JOURNAL_BYTES_MAX, JOURNAL_BYTES_RANGE, STEPS_PER_MINUTE, STEPS_PER_MINUTE_RANGE,
};
use crate::clouds::onboard::DISK_MIB_RANGE;
use crate::wire::agent::addresses_fault;
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Everything the config file can say; each field has a default.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConfigFile {
    /// Where state is kept.
    pub data_dir: Option<PathBuf>,
    /// Where to listen.
    pub listen: Listen,
    /// Who may come in by the unix socket.
    pub users: Users,
    /// How agents find and use the appliance.
    pub agents: Agents,
    /// The platform of servers on this machine.
    pub onboard: OnboardFile,
    /// All cloud accounts.
    pub clouds: CloudsFile,
    /// The journal.
    pub journal: Journal,
    /// Logs.
    pub log: Log,
}

/// `[listen]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Listen {
    /// The unix socket; by default `/run/grange/api.sock` for root's usual data directory,
    /// `$XDG_RUNTIME_DIR/grange/api.sock` for others, `run/api.sock` in any other data directory.
    pub socket: Option<PathBuf>,
    /// HTTPS; `0.0.0.0:443` for root, `127.0.0.1:7443` for others.
    pub https: Option<SocketAddr>,
    /// HTTP that only redirects to HTTPS; off by default.
    pub http: Option<SocketAddr>,
    /// The agents' port; `0.0.0.0:8883` for root, `127.0.0.1:8883` for others.
    pub agents: Option<SocketAddr>,
}

/// `[users]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Users {
    /// Users of this machine, by name or number, who are administrators on the unix socket besides
    /// root and the user the appliance runs as.
    pub administrators: Vec<String>,
}

/// `[agents]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Agents {
    /// Addresses agents are told, best first; by default those that this machine has.
    #[serde(deserialize_with = "addresses")]
    pub addresses: Vec<String>,
    /// Seconds between two readings.
    pub interval_s: Option<u64>,
}

fn addresses<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    let addresses = Vec::<String>::deserialize(from)?;
    match addresses_fault(&addresses).filter(|_| !addresses.is_empty()) {
        Some(why) => Err(serde::de::Error::custom(why)),
        None => Ok(addresses),
    }
}

/// `[onboard]`
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OnboardFile {
    /// Whether there is such a platform at all.
    pub enabled: bool,
    /// How many MiB a new server may write; without it eight times its memory.
    pub disk_mib: Option<u64>,
}

impl Default for OnboardFile {
    fn default() -> OnboardFile {
        OnboardFile { enabled: true, disk_mib: None }
    }
}

/// `[clouds]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CloudsFile {
    /// Steps begun in a minute for each account.
    pub steps_per_minute: Option<u32>,
    /// The directory of files that say which programs accounts of `command` run.
    pub programs: Option<PathBuf>,
}

/// `[journal]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Journal {
    /// How many MiB of entries are kept; beyond that the oldest go.
    pub size_mib: Option<u64>,
}

/// `[log]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// `text` or `json`.
    pub format: LogFormat,
    /// As `info`, or `info,grange::broker=debug`.
    pub level: Option<String>,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// The config with every default filled in.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where state is kept.
    pub data_dir: PathBuf,
    /// The unix socket.
    pub socket: PathBuf,
    /// HTTPS.
    pub https: SocketAddr,
    /// The redirecting HTTP.
    pub http: Option<SocketAddr>,
    /// The agents' port.
    pub agents: SocketAddr,
    /// Users of this machine who are administrators on the unix socket, as the file names them.
    pub administrators: Vec<String>,
    /// Addresses agents are told, if the file says.
    pub agent_addresses: Vec<String>,
    /// Milliseconds between two readings.
    pub agent_interval_ms: u64,
    /// Whether servers may be made on this machine.
    pub onboard: bool,
    /// What a new server of it may write; `None` for what its size has.
    pub disk_bytes: Option<u64>,
    /// Steps begun in a minute for each cloud account.
    pub steps_per_minute: u32,
    /// Where files of programs lie.
    pub programs: PathBuf,
    /// How many bytes of journal entries are kept.
    pub journal_bytes: u64,
    /// How log lines look.
    pub log_format: LogFormat,
    /// Which log lines there are.
    pub log_level: String,
    /// Whether the servers of a state directory that this one is a copy of become ours; said on
    /// the command line, never in the file.
    pub take_over: bool,
    /// Whether this is the superuser.
    pub root: bool,
}

/// The config file could not be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It could not be read.
    #[error("reading the config file {0}")]
    Read(PathBuf, #[source] std::io::Error),
    /// It says something that is not known or not right; the message has line and field.
    #[error("the config file {0} is not right: {1}")]
    Parse(PathBuf, String),
    /// There is no home to keep state in.
    #[error("no place for state: set --data, or HOME")]
    NoHome,
}

/// Where the config file is looked for when none is named.
pub const DEFAULT_FILE: &str = "/etc/grange/grange.toml";

/// Reads the config. Without a named file the default one is used if it is there.
pub fn load(named: Option<&Path>, data: Option<&Path>, root: bool) -> Result<Config, ConfigError> {
    let path = named.unwrap_or(Path::new(DEFAULT_FILE));
    let file = match std::fs::read_to_string(path) {
        Ok(text) => toml::from_str(&text)
            .map_err(|bad| ConfigError::Parse(path.to_owned(), bad.to_string()))?,
        Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
            ConfigFile::default()
        }
        // An ordinary user's own appliance does not need root's config file.
        Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::PermissionDenied => {
            ConfigFile::default()
        }
        Err(error) => return Err(ConfigError::Read(path.to_owned(), error)),
    };
    complete(file, data, root)
}

/// Fills in the defaults.
pub fn complete(file: ConfigFile, data: Option<&Path>, root: bool) -> Result<Config, ConfigError> {
    let data_dir = match data.map(Path::to_owned).or(file.data_dir) {
        Some(dir) => std::path::absolute(&dir).unwrap_or(dir),
        None => default_data_dir(root).ok_or(ConfigError::NoHome)?,
    };
    // An appliance in a place of its own has a socket of its own; the usual one has the usual.
    let usual = default_data_dir(root).is_some_and(|usual| usual == data_dir);
    let socket = match usual_socket(root) {
        Some(socket) if usual => socket,
        _ => data_dir.join("run/api.sock"),
    };
    let any = |port| SocketAddr::from(([0, 0, 0, 0], port));
    let own = |port| SocketAddr::from(([127, 0, 0, 1], port));
    Ok(Config {
        socket: file.listen.socket.unwrap_or(socket),
        https: file.listen.https.unwrap_or(if root { any(443) } else { own(7443) }),
        http: file.listen.http,
        agents: file.listen.agents.unwrap_or(if root { any(8883) } else { own(8883) }),
        administrators: file.users.administrators,
        agent_addresses: file.agents.addresses,
        agent_interval_ms: file.agents.interval_s.unwrap_or(10).clamp(1, 3600) * 1000,
        onboard: file.onboard.enabled,
        disk_bytes: file.onboard.disk_mib.map(disk_bytes),
        steps_per_minute: file
            .clouds
            .steps_per_minute
            .unwrap_or(STEPS_PER_MINUTE)
            .clamp(STEPS_PER_MINUTE_RANGE.0, STEPS_PER_MINUTE_RANGE.1),
        programs: file.clouds.programs.unwrap_or_else(|| default_programs(root)),
        journal_bytes: file.journal.size_mib.map_or(JOURNAL_BYTES_MAX, journal_bytes),
        log_format: file.log.format,
        log_level: file.log.level.unwrap_or_else(|| "info,rumqttd=warn".into()),
        data_dir,
        take_over: false,
        root,
    })
}

/// Where files of programs lie by default: beside the config file.
fn default_programs(root: bool) -> PathBuf {
    let home = std::env::var_os("HOME").map(PathBuf::from).filter(|_| !root);
    match home {
        Some(home) => home.join(".config/grange/clouds"),
        None => PathBuf::from("/etc/grange/clouds"),
    }
}

/// Bytes of so many MiB, within what makes sense.
fn journal_bytes(mib: u64) -> u64 {
    mib.saturating_mul(1024 * 1024).clamp(JOURNAL_BYTES_RANGE.0, JOURNAL_BYTES_RANGE.1)
}

fn disk_bytes(mib: u64) -> u64 {
    mib.clamp(DISK_MIB_RANGE.0, DISK_MIB_RANGE.1) << 20
}

/// Where commands look for the socket when nobody says where it is.
fn usual_socket(root: bool) -> Option<PathBuf> {
    if root {
        return Some(PathBuf::from("/run/grange/api.sock"));
    }
    std::env::var_os("XDG_RUNTIME_DIR").map(|dir| PathBuf::from(dir).join("grange/api.sock"))
}

/// Where state is kept by default.
pub fn default_data_dir(root: bool) -> Option<PathBuf> {
    if root {
        return Some(PathBuf::from("/var/lib/grange"));
    }
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from);
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state"));
    state.or(home).map(|dir| dir.join("grange"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_works_for_root_and_for_others() {
        let root = complete(ConfigFile::default(), None, true).unwrap();
        assert_eq!(root.data_dir, Path::new("/var/lib/grange"));
        assert_eq!(root.https.to_string(), "0.0.0.0:443");
        assert_eq!(root.socket, Path::new("/run/grange/api.sock"));
        let user = complete(ConfigFile::default(), Some(Path::new("/d")), false).unwrap();
        assert_eq!(user.socket, Path::new("/d/run/api.sock"));
        assert_eq!((user.https.to_string().as_str(), user.agents.port()), ("127.0.0.1:7443", 8883));
    }

    #[test]
    fn the_journal_is_as_large_as_asked_within_reason() {
        let bytes = |text: &str| {
            let file = toml::from_str(text).unwrap();
            complete(file, Some(Path::new("/d")), false).unwrap().journal_bytes
        };
        assert_eq!(bytes(""), JOURNAL_BYTES_MAX);
        assert_eq!(bytes("[journal]\nsize_mib = 64"), 64 * 1024 * 1024);
        assert_eq!(bytes("[journal]\nsize_mib = 0"), JOURNAL_BYTES_RANGE.0);
        assert_eq!(bytes("[journal]\nsize_mib = 9000000000"), JOURNAL_BYTES_RANGE.1);
    }

    #[test]
    fn disks_are_as_large_as_asked_within_reason() {
        let bytes = |text: &str| {
            let file = toml::from_str(text).unwrap();
            complete(file, Some(Path::new("/d")), true).unwrap().disk_bytes
        };
        assert_eq!(bytes(""), None);
        assert_eq!(bytes("[onboard]\ndisk_mib = 300"), Some(300 << 20));
        assert_eq!(bytes("[onboard]\ndisk_mib = 0"), Some(64 << 20));
        assert_eq!(bytes("[onboard]\ndisk_mib = 9000000000000"), Some(1 << 40));
    }

    #[test]
    fn the_pace_of_clouds_is_as_asked_within_reason() {
        let steps = |text: &str| {
            let file = toml::from_str(text).unwrap();
            complete(file, Some(Path::new("/d")), false).unwrap().steps_per_minute
        };
        assert_eq!(steps(""), STEPS_PER_MINUTE);
        assert_eq!(steps("[clouds]\nsteps_per_minute = 60"), 60);
        assert_eq!(steps("[clouds]\nsteps_per_minute = 0"), STEPS_PER_MINUTE_RANGE.0);
        assert_eq!(steps("[clouds]\nsteps_per_minute = 4000000000"), STEPS_PER_MINUTE_RANGE.1);
    }

    #[test]
    fn a_misspelt_field_is_named() {
        let error = toml::from_str::<ConfigFile>("[listen]\nhtpps = \"0.0.0.0:1\"").unwrap_err();
        assert!(error.to_string().contains("htpps"), "{error}");
    }
}
