//! HAProxy 2.4 or later: which servers, in which state, behind which port.
//!
//! A server that is to go is a `backup` under another name ([`LEAVING`]): it gets nothing new
//! while another is up, and is still better than an error page when none is. What it has it
//! finishes under its own name.
//!
//! Members come and go by the runtime API (Management Guide, section 9.3), which is the agent's
//! work: it compares the file with what runs. For that, the file names its settings by a digest of
//! everything in it but its members, and the running HAProxy says which settings it has read. Only
//! where they differ is there a reload, `SIGUSR2` to the master (section 4): a new worker takes
//! the listening sockets over, so that no connection is refused, and the old one finishes what it
//! has: for an hour and a minute, which is more than any `drain`, and through 32 further reloads.
//!
//! The service itself is the built-in role's command. Both follow `GRANGE_HOME` and `GRANGE_RUN`
//! where a platform sets them, because servers of an ordinary user share a file system: the file's
//! path is absolute *within the server*, whose root is `GRANGE_HOME`.

use crate::automation::strict_environment;
use crate::base::hash::{hex, sha256};
use crate::model::{Balance, LEAVING};
use minijinja::{Environment, Value, context};
use std::net::IpAddr;

/// Where the file is, within the server.
pub const PATH: &str = "/etc/haproxy/grange.cfg";

/// Of the digest of the settings: enough that no two of a balancer's are ever the same.
const SETTINGS_BYTES: usize = 12;

const TEMPLATE: &str = include_str!("../../assets/automation/haproxy.cfg.j2");

/// Sends the master its signal and succeeds once a new worker is there. A master that is just
/// being started loses the signal, so it is sent again; one whose new worker cannot start (a port
/// that is taken) never shows one, and the caller puts the last good file back. The name is
/// checked because a process id that a crash left behind may be somebody else's by now.
const RELOAD: &str = r#"file="${GRANGE_RUN:-/run}/haproxy.pid"
workers() { cat "/proc/$pid/task/$pid/children" 2>/dev/null; }
tries=0
while [ "$tries" -lt 80 ]; do
    tries=$((tries + 1))
    pid=$(cat "$file" 2>/dev/null) || pid=
    before=" $(workers) "
    if [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = haproxy ] && [ "$before" != "  " ]; then
        kill -USR2 "$pid"
        for look in 1 2 3 4 5 6 7 8 9 10; do
            tries=$((tries + 1))
            sleep 0.1
            for worker in $(workers); do
                case "$before" in *" $worker "*) ;; *) exit 0 ;; esac
            done
        done
    fi
    sleep 0.1
done
echo "haproxy did not start a new worker" >&2
exit 1"#;

/// What is to be balanced, as it is now.
#[derive(Clone, Debug, PartialEq)]
pub struct Topology {
    /// Which topology this is, for people who read the file.
    pub generation: u64,
    /// What was declared.
    pub balance: Balance,
    /// The servers behind the balancer, in a stable order, each name once.
    pub servers: Vec<Backend>,
    /// Everybody gets the maintenance page, whatever the servers say.
    pub maintenance: bool,
}

/// One server behind a balancer.
#[derive(Clone, Debug, PartialEq)]
pub struct Backend {
    /// Its name in the file; the same server keeps it.
    pub name: String,
    /// Its IP address, as the balancer reaches it.
    pub address: String,
    /// The port it serves on.
    pub port: u16,
    /// Whether it gets new requests.
    pub state: BackendState,
}

/// Whether a server gets new requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackendState {
    /// As long as it passes its checks.
    Up,
    /// Only while no other is up: it is to go, or not ready.
    Draining,
}

/// A file for a server, as an order carries it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// Where, absolute within the server.
    pub path: String,
    /// The whole content.
    pub content: String,
    /// Succeeds when HAProxy would take the file; `{}` is its path.
    pub check: Vec<String>,
    /// Makes the running HAProxy read it without losing a connection.
    pub reload: Vec<String>,
}

/// Renders a topology. A server whose address is none is left out.
pub fn render(topology: &Topology) -> Rendered {
    let members: Vec<Value> = topology.servers.iter().filter_map(line).collect();
    let without_members = fill(topology, 0, "", &[]);
    let settings = hex(&sha256(without_members.as_bytes())[..SETTINGS_BYTES]);
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    Rendered {
        path: PATH.to_owned(),
        content: fill(topology, topology.generation, &settings, &members),
        check: words(&["haproxy", "-c", "-f", "{}"]),
        reload: words(&["sh", "-c", RELOAD]),
    }
}

/// The template with what it asks for in it.
fn fill(topology: &Topology, generation: u64, settings: &str, servers: &[Value]) -> String {
    let balance = &topology.balance;
    let rendered = environment()
        .render_str(
            TEMPLATE,
            context! {
                generation,
                settings,
                farm_role => balance.farm_role.as_str(),
                listen_port => balance.listen_port,
                check_path => balance.check_path.as_str(),
                servers,
                maintenance => topology.maintenance,
            },
        )
        .expect("the embedded template is rendered by tests, and every value has its type");
    rendered + "\n"
}

fn environment() -> Environment<'static> {
    let mut environment = strict_environment();
    environment.add_filter("quoted", |text: String| quoted(&text));
    environment
}

/// What of a server goes into the file: nothing that could end a word or a line.
fn line(server: &Backend) -> Option<Value> {
    let safe = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let address = match server.address.parse().ok()? {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    };
    let mut name: String = server.name.chars().map(safe).collect();
    let draining = server.state == BackendState::Draining;
    if draining {
        name += LEAVING;
    }
    Some(context! { name, address, port => server.port, draining })
}

/// A word in HAProxy's strong quotes, within which only the quote itself and the end of the line
/// have a meaning (Configuration Manual, section 2.2).
fn quoted(text: &str) -> String {
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests;
