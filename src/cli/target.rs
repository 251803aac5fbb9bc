//! Which appliance is meant, and who is asking.

use crate::base::{Problem, Secret};
use crate::cli::Io;
use crate::cli::args::Global;
use crate::client::{self, Client, Error};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The socket of an installed appliance.
const SOCKET: &str = "/run/grange/api.sock";

/// Which appliance, and as whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Where it is.
    pub address: Address,
    /// A bearer token.
    pub token: Option<Secret>,
    /// The authority of its certificate, PEM.
    pub ca: Option<String>,
    /// The environment.
    pub env: u64,
}

/// Where an appliance is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// On this machine.
    Socket(PathBuf),
    /// On the network.
    Url(String),
}

impl Address {
    /// Whether it is on this machine.
    pub fn is_socket(&self) -> bool {
        matches!(self, Address::Socket(_))
    }
}

/// The client of a target: what a shell on this machine connects with.
pub fn connect(target: &Target) -> Result<Client, Error> {
    let transport = match &target.address {
        Address::Socket(path) => client::socket(path.clone()),
        Address::Url(url) => client::https(url, target.ca.as_deref())?,
    };
    Ok(Client::new(Arc::new(transport)).with_token(target.token.clone()).with_env(target.env))
}

/// What the options say, then the environment variables, then what is running here.
pub fn resolve(global: &Global, io: &mut Io<'_>) -> Result<Target, Problem> {
    let [socket_set, url_set, token_set, ca_set] =
        ["GRANGE_SOCKET", "GRANGE_URL", "GRANGE_TOKEN", "GRANGE_CA"].map(|name| set(name, io));
    let socket = |path: PathBuf| Address::Socket(path);
    let address = match (&global.socket, &global.url) {
        (Some(path), _) => socket(path.clone()),
        (None, Some(url)) => Address::Url(url.clone()),
        (None, None) => match (socket_set?, url_set?) {
            (Some(path), _) => socket(path.into()),
            (None, Some(url)) => Address::Url(url),
            (None, None) => socket(usual(io)),
        },
    };
    let ca = match &global.ca {
        Some(path) => Some(path.clone()),
        None => ca_set?.map(PathBuf::from),
    };
    let token = match &global.token_file {
        Some(path) => Some(token_of(&path.display().to_string(), &io.text(path)?)?),
        None => token_set?.map(|text| token_of("GRANGE_TOKEN", &text)).transpose()?,
    };
    let ca = ca.map(|path| io.text(&path)).transpose()?;
    Ok(Target { address, token, ca, env: global.env })
}

/// An environment variable, which may be unset but not empty: whoever meant to act with a token
/// that a script failed to fetch must not act as whoever runs the script.
fn set(name: &str, io: &Io<'_>) -> Result<Option<String>, Problem> {
    match (io.env)(name) {
        Some(value) if value.trim().is_empty() => {
            Err(Problem::invalid(name, "is set and empty: unset it, or give it a value"))
        }
        value => Ok(value),
    }
}

/// A bearer token as a file or variable has it: one word.
fn token_of(place: &str, text: &str) -> Result<Secret, Problem> {
    let token = text.trim();
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Problem::invalid(
            place,
            "holds no token: one word, as grange token create says",
        ));
    }
    Ok(Secret::new(token))
}

/// The installed appliance's socket, or that of one this user runs, or that of their demo.
fn usual(io: &Io<'_>) -> PathBuf {
    let own = (io.env)("XDG_RUNTIME_DIR").map(|dir| Path::new(&dir).join("grange/api.sock"));
    let usual = PathBuf::from(SOCKET);
    if io.files.exists(&usual) {
        return usual;
    }
    own.filter(|own| io.files.exists(own)).or_else(|| io.demo.clone()).unwrap_or(usual)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Files;
    use crate::cli::interrupt::Process;
    use std::io;

    /// Files that are there, empty.
    struct There(&'static [&'static str]);

    impl Files for There {
        fn read(&self, _: &Path) -> io::Result<Vec<u8>> {
            Ok(Vec::new())
        }

        fn exists(&self, path: &Path) -> bool {
            self.0.iter().any(|there| Path::new(there) == path)
        }

        fn write(&self, _: &Path, _: &[u8]) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_installed_appliance_comes_before_ones_own_and_before_the_demo() {
        let check = |there, demo: Option<&str>, expected: &str| {
            let io = Io {
                stdin: &mut &b""[..],
                stdout: &mut Vec::new(),
                stderr: &mut Vec::new(),
                files: &There(there),
                env: &|name| (name == "XDG_RUNTIME_DIR").then(|| "/run/user/7".into()),
                patience: &Process::default(),
                interactive: false,
                terminal: false,
                error_terminal: false,
                demo: demo.map(PathBuf::from),
            };
            assert_eq!(usual(&io), Path::new(expected), "{there:?} {demo:?}");
        };
        let own = "/run/user/7/grange/api.sock";
        check(&[], None, SOCKET);
        check(&[], Some("/d/api.sock"), "/d/api.sock");
        check(&["/run/user/7/grange/api.sock"], Some("/d/api.sock"), own);
        check(&["/run/user/7/grange/api.sock", SOCKET], Some("/d/api.sock"), SOCKET);
    }
}
