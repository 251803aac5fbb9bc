//! HAProxy's runtime API: one command a connection over its socket, each with a deadline and a
//! bound on the answer (Management Guide, section 9.3).

use super::members::BACKEND;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long HAProxy may take to answer: it does so within a millisecond, or not at all.
const DEADLINE: Duration = Duration::from_secs(2);
/// Two lines of some 400 bytes for each of 5,000 members.
const ANSWER_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Bits of `srv_admin_state`: forced, inherited and configured maintenance; forced and inherited
/// drain.
const MAINTENANCE_BITS: u32 = 0x07;
const DRAIN_BITS: u32 = 0x18;

/// A running HAProxy.
pub struct Runtime {
    dir: PathBuf,
    socket: String,
}

/// What a running HAProxy says of itself.
#[derive(Debug, PartialEq, Eq)]
pub struct Info {
    /// The worker that answers.
    pub pid: u32,
    /// The settings it has read.
    pub settings: String,
}

/// A member as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where it serves.
    pub address: Option<SocketAddr>,
    /// What it was last told.
    pub admin: Admin,
    /// Connections it has, also idle ones, and requests that wait for it.
    pub connections: u64,
    /// Why it is not reached, while its check fails.
    pub down: Option<String>,
}

/// What a member was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admin {
    /// To be used.
    Ready,
    /// To finish what it has.
    Drain,
    /// Not to be used at all.
    Maintenance,
}

impl Runtime {
    /// The HAProxy that runs in a directory and listens on a socket there.
    pub fn new(dir: &Path, socket: &str) -> Runtime {
        Runtime { dir: dir.to_owned(), socket: socket.to_owned() }
    }

    /// Who answers, and with which settings.
    pub fn info(&self) -> io::Result<Info> {
        parse_info(&self.ask("show info")?).ok_or_else(|| unclear("show info"))
    }

    /// The members as they are.
    pub fn members(&self) -> io::Result<BTreeMap<String, Found>> {
        let states = self.ask(&format!("show servers state {BACKEND}"))?;
        let stat = self.ask(&format!("show stat {BACKEND} 4 -1"))?;
        parse_members(&states, &stat).ok_or_else(|| unclear("show servers state"))
    }

    /// Gives a command; an answer that is no agreement is the error.
    pub fn order(&self, command: &str) -> Result<(), String> {
        let answer = self.ask(command).map_err(|error| format!("{command}: {error}"))?;
        let answer = answer.trim();
        let agrees = ["New server registered", "Server deleted", "addr changed", "no need to"]
            .iter()
            .any(|word| answer.contains(word));
        match answer.is_empty() || agrees {
            true => Ok(()),
            false => Err(format!("{command}: {}", answer.lines().next().unwrap_or_default())),
        }
    }

    fn ask(&self, command: &str) -> io::Result<String> {
        let mut stream = self.connect()?;
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        stream.set_write_timeout(Some(DEADLINE))?;
        stream.write_all(format!("{command}\n").as_bytes())?;
        let mut answer = Vec::new();
        let length = stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
        if length as u64 == ANSWER_BYTES_MAX {
            return Err(unclear(command));
        }
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }

    /// Does not wait for room in a queue of connections: an HAProxy that hangs has none. The path
    /// goes by the directory's descriptor, because a whole one can be too long for a socket.
    fn connect(&self) -> io::Result<UnixStream> {
        let dir = File::open(&self.dir)?;
        let path = format!("/proc/self/fd/{}/{}", dir.as_raw_fd(), self.socket);
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let socket = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
        connect(socket.as_raw_fd(), &UnixAddr::new(path.as_str())?)?;
        Ok(UnixStream::from(socket))
    }
}

fn unclear(command: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the answer to {command} is not understood"))
}

fn parse_info(text: &str) -> Option<Info> {
    let of = |key: &str| {
        let lines = text.lines().filter_map(|line| line.split_once(':'));
        lines.filter(|(name, _)| *name == key).map(|(_, value)| value.trim()).next()
    };
    let settings = of("description").unwrap_or_default().strip_prefix("settings ").unwrap_or("");
    Some(Info { pid: of("Pid")?.parse().ok()?, settings: settings.to_owned() })
}

/// Puts both listings together: one says what each member was told, the other what it does.
fn parse_members(states: &str, stat: &str) -> Option<BTreeMap<String, Found>> {
    let mut states = states.lines().skip_while(|line| !line.starts_with("# be_id"));
    let heads: Vec<&str> = states.next()?.trim_start_matches("# ").split(' ').collect();
    let column = |name: &str| heads.iter().position(|head| *head == name);
    let (name, admin) = (column("srv_name")?, column("srv_admin_state")?);
    let mut told = BTreeMap::new();
    for line in states.filter(|line| !line.trim().is_empty()) {
        let words: Vec<&str> = line.split(' ').collect();
        let bits: u32 = words.get(admin)?.parse().ok()?;
        let admin = match bits {
            _ if bits & MAINTENANCE_BITS != 0 => Admin::Maintenance,
            _ if bits & DRAIN_BITS != 0 => Admin::Drain,
            _ => Admin::Ready,
        };
        told.insert((*words.get(name)?).to_owned(), admin);
    }
    let mut rows = stat.lines().skip_while(|line| !line.starts_with("# pxname"));
    let heads = fields(rows.next()?.trim_start_matches("# "));
    let mut found = BTreeMap::new();
    for line in rows.filter(|line| !line.trim().is_empty()) {
        let row = Row { heads: &heads, values: fields(line) };
        let name = row.of("svname");
        // A member that came between the two listings is met the next time.
        let Some(admin) = told.get(name) else { continue };
        found.insert(name.to_owned(), row.found(*admin));
    }
    Some(found)
}

/// One line of statistics, by the names of its columns.
struct Row<'a> {
    heads: &'a [String],
    values: Vec<String>,
}

impl Row<'_> {
    fn of(&self, name: &str) -> &str {
        let at = self.heads.iter().position(|head| head == name);
        at.and_then(|at| self.values.get(at)).map_or("", String::as_str)
    }

    fn found(&self, admin: Admin) -> Found {
        let number = |name: &str| self.of(name).parse::<u64>().unwrap_or(0);
        Found {
            address: self.of("addr").parse().ok(),
            admin,
            connections: number("scur") + number("qcur") + number("srv_icur"),
            down: self.of("status").starts_with("DOWN").then(|| self.why()),
        }
    }

    /// `L4 timeout`, `L7 wrong status 503`.
    fn why(&self) -> String {
        let what = self.of("check_desc").replace("Layer", "L");
        let code = self.of("check_code");
        let what = if what.is_empty() { "its check fails".to_owned() } else { what };
        if code.is_empty() || code == "0" { what } else { format!("{what} {code}") }
    }
}

/// The fields of a line of comma-separated values; quotes stand for themselves when doubled.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        let doubled = c == '"' && quoted && chars.peek() == Some(&'"');
        match c {
            '"' if doubled => chars.next(),
            '"' => {
                quoted = !quoted;
                continue;
            }
            ',' if !quoted => {
                fields.push(String::new());
                continue;
            }
            _ => None,
        };
        if let Some(field) = fields.last_mut() {
            field.push(c);
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_read_from_both_listings() {
        let states = "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state\n\
                      3 servers 1 web-1 127.0.0.1 2 0\n3 servers 2 web-2 127.0.0.1 0 0\n\
                      3 servers 3 web-3 127.0.0.1 2 8\n3 servers 4 web-4 127.0.0.1 0 1\n\n";
        let stat = "# pxname,svname,qcur,scur,status,check_code,check_desc,srv_icur,addr,\n\
                    servers,web-1,1,2,UP,200,Layer7 check passed,4,10.0.0.1:80,\n\
                    servers,web-2,0,0,DOWN 1/2,503,Layer7 wrong status,0,10.0.0.2:80,\n\
                    servers,web-3,0,1,DRAIN,,\"a, \"\"b\"\"\",0,[fd00::1]:80,\n\
                    servers,web-4,0,0,MAINT,,,0,,\nservers,web-5,0,0,UP,,,0,,\n";
        let found = parse_members(states, stat).unwrap();
        let said: Vec<String> = found
            .iter()
            .map(|(name, m)| {
                let address = m.address.map_or("-".to_owned(), |address| address.to_string());
                let down = m.down.as_deref().unwrap_or("-");
                format!("{name} {address} {:?} {} {down}", m.admin, m.connections)
            })
            .collect();
        assert_eq!(
            said,
            [
                "web-1 10.0.0.1:80 Ready 7 -",
                "web-2 10.0.0.2:80 Ready 0 L7 wrong status 503",
                "web-3 [fd00::1]:80 Drain 1 -",
                "web-4 - Maintenance 0 -",
            ]
        );
        assert_eq!(fields("a,\"b, \"\"c\"\"\",")[..2], ["a".to_owned(), "b, \"c\"".to_owned()]);
        for text in ["", "Unknown command", "1\n# be_id be_name srv_id\n"] {
            assert_eq!(parse_members(text, stat), None, "{text}");
        }
        assert_eq!(parse_members(states, "No such proxy"), None);
    }

    #[test]
    fn who_answers_says_its_settings() {
        let info = |text: &str| parse_info(text).map(|info| (info.pid, info.settings));
        let text = "Name: HAProxy\nPid: 77\nnode: vm\ndescription: settings abc\n";
        assert_eq!(info(text), Some((77, "abc".to_owned())));
        assert_eq!(info("Pid: 77\ndescription: \n"), Some((77, String::new())));
        assert_eq!(info("Unknown command"), None);
    }
}
