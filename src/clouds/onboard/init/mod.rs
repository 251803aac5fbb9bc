//! The processes between the appliance and a server: the same binary, started again as
//! `grange onboard-init <stage>`.
//!
//! ```text
//! serve ── outer ── inside ── supervise          as root: each arrow a new process,
//!            │        (exec: supervise is pid 1)  except from inside to supervise
//!            └───── plain, then supervise         as an ordinary user
//! ```
//!
//! A program with threads cannot change its name spaces, so `serve` starts [`outer`], which has
//! one thread. It leaves the name spaces, makes the links and spawns [`inside`], pid 1 of the new
//! process name space, which builds the root, gives up its capabilities and becomes
//! [`supervise`]. Each service is started through [`exec`], which undoes
//! what is pid 1's own (blocked signals). When `outer` has heard that pid 1 supervises, it says
//! so and exits, and pid 1 belongs to nobody: it survives whatever becomes of `serve`.
//!
//! Nothing here needs `fork`: a process that has called `unshare(CLONE_NEWPID)` becomes the
//! parent of pid 1 by spawning an ordinary child.
//!
//! What goes over the boundary: `boot.json` ([`Boot`]) inwards, the held lock as standard input,
//! and one line on standard output, `ok` or what went wrong. A privileged helper can take over
//! at the same place.

mod capability;
mod exec;
mod inside;
mod log;
mod loopback;
mod names;
mod outer;
mod probe;
mod supervise;
mod veil;

use super::cgroup::{Group, Version};
use super::record::{Isolation, ServerRecord};
use crate::base::output;
use crate::base::signals::ignore_none;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::io::Write;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::ExitCode;

pub use loopback::{attach, attached_files, look_for_devices};
pub use outer::{OK, mac};

/// Everything a boot needs, so that nothing has to be asked for later.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Boot {
    /// Who.
    pub record: ServerRecord,
    /// The tag of its appliance on this machine.
    pub owner: String,
    /// The server's directory.
    pub directory: PathBuf,
    /// The binary to start again.
    pub executable: PathBuf,
    /// The binary whose `agent` command is the agent.
    pub agent: PathBuf,
    /// The root file system of its image; `None` for the machine's own.
    #[serde(default)]
    pub tree: Option<PathBuf>,
    /// The file system its layer lies on; `None` where it lies in its directory.
    #[serde(default)]
    pub disk: Option<PathBuf>,
    /// Where each data volume lies and where the server sees it.
    pub volumes: Vec<(PathBuf, String)>,
    /// Directories and files of the machine that the server does not see.
    pub masks: Vec<PathBuf>,
    /// Its network, with name spaces.
    pub network: Option<Network>,
    /// The lines of its `/etc/hosts` that name the servers of its farm.
    #[serde(default)]
    pub names: String,
    /// Its control groups.
    pub groups: Vec<Group>,
    /// Their interface.
    pub cgroup: Version,
    /// Its CPUs in thousandths.
    pub cpu_millis: u32,
    /// Its memory.
    pub memory_bytes: u64,
}

/// How a server is connected.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Network {
    /// The bridge.
    pub bridge: String,
    /// The machine's end of the pair of links.
    pub link: String,
    /// The subnet's prefix length.
    pub prefix: u8,
    /// The appliance's address on it.
    pub gateway: Ipv4Addr,
}

/// What `outer` says to pid 1, twice: that it is recorded and may build its root, and that it is
/// in its control groups and may start its services.
const GO: &[u8; 3] = b"go\n";

/// The agent's name among the services. It is started again whatever ended it, like the others: a
/// server whose agent is gone is a server nobody hears of.
const AGENT: &str = "agent";

/// Where a process says how readily it is taken when memory lacks.
const OOM_SCORE: &str = "/proc/self/oom_score_adj";

/// What pid 1 supervises, as `inside` leaves it for `supervise`.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Services {
    isolation: Isolation,
    server: crate::base::ServerId,
    owner: String,
    executable: PathBuf,
    commands: Vec<(String, Vec<String>)>,
    environment: Vec<(String, String)>,
    home: PathBuf,
    log: PathBuf,
}

/// Says one line to whoever started us, who may be dead by now; then nobody is left to tell.
fn say(line: &str) {
    let mut out = std::io::stdout();
    drop(writeln!(out, "{line}").and_then(|()| out.flush()));
}

/// Runs a stage: `arguments` are those behind `onboard-init`. For `main`, before anything else
/// and before any thread.
pub fn init_main(arguments: Vec<OsString>) -> ExitCode {
    ignore_none();
    let path = arguments.get(1).map(PathBuf::from).unwrap_or_default();
    match arguments.first().and_then(|stage| stage.to_str()) {
        Some("outer") => outer::run(&path),
        Some("inside") => inside::run(&path),
        Some("plain") => inside::run_plain(&path),
        Some("supervise") => supervise::run(&path),
        Some("connect") => {
            let pid = arguments.get(2).and_then(|pid| pid.to_str()).unwrap_or_default();
            probe::reconnect(&path, pid)
        }
        Some("probe") => {
            let word = |at: usize| arguments.get(at).and_then(|word| word.to_str());
            probe::run([1, 2, 3].map(|at| word(at).unwrap_or_default()))
        }
        Some("names") => names::run(&path),
        Some("publish") => super::publish::run(&path),
        Some("exec") => exec::run(&arguments[1..]),
        _ => {
            output::line("onboard-init is started by grange itself");
            ExitCode::from(2)
        }
    }
}
