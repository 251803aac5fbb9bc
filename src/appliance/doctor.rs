//! `appliance doctor`: looks at the machine and the appliance on it, changes nothing, and says of
//! everything that is not well what to do.

mod keys;
mod store;

use crate::appliance::Layout;
use crate::appliance::command::{find, run};
use crate::appliance::start;
use crate::base::{Clock, Timestamp};
use crate::clouds::onboard::leftovers as onboard_leftovers;
use crate::clouds::onboard::overcommitted as onboard_overcommitted;
use crate::clouds::onboard::unbounded_by as onboard_unbounded;
use crate::clouds::onboard::{Probed, probe_network};
use crate::net::tls::validity;
use nix::sys::statvfs::statvfs;
use std::fmt;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::MetadataExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// Below this the store may soon refuse writes; below a tenth of it it does.
const SPACE_MIB: u64 = 1024;
/// Certificates are renewed with 30 days left, so with fewer something kept them from it.
const DAYS_LEFT: i64 = 20;
const DAY_MS: i64 = 24 * 3600 * 1000;
/// Before this was written no clock is right: 2025, ms UTC.
const BEGINNING: Timestamp = Timestamp(1_735_689_600_000);

/// How a thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grade {
    Ok,
    Warn,
    Fail,
}

/// One thing that was looked at.
#[derive(Clone, Debug)]
pub struct Finding {
    grade: Grade,
    about: &'static str,
    text: String,
    /// What to do; empty where nothing is.
    remedy: String,
}

impl Finding {
    /// Whether something does not work.
    pub fn fails(&self) -> bool {
        self.grade == Grade::Fail
    }

    /// As an object.
    pub fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "check": self.about,
            "result": self.word(),
            "text": self.text,
            "remedy": self.remedy,
        })
    }

    fn word(&self) -> &'static str {
        match self.grade {
            Grade::Ok => "ok",
            Grade::Warn => "warn",
            Grade::Fail => "fail",
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<5} {:<12} {}", self.word(), self.about, self.text)?;
        if self.remedy.is_empty() { Ok(()) } else { write!(f, ": {}", self.remedy) }
    }
}

fn ok(about: &'static str, text: impl Into<String>) -> Finding {
    Finding { grade: Grade::Ok, about, text: text.into(), remedy: String::new() }
}

fn warn(about: &'static str, text: impl Into<String>, remedy: impl Into<String>) -> Finding {
    Finding { grade: Grade::Warn, about, text: text.into(), remedy: remedy.into() }
}

fn fail(about: &'static str, text: impl Into<String>, remedy: impl Into<String>) -> Finding {
    Finding { grade: Grade::Fail, about, text: text.into(), remedy: remedy.into() }
}

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The appliance that is installed on this machine.
    Installed,
    /// A state directory, as `serve --data` has it; a copy of one, too.
    Directory,
}

/// Looks at everything. `fault` is what is wrong with the config file, if something is. A check
/// that itself fails is a finding.
pub fn doctor(
    layout: &Layout,
    scope: Scope,
    fault: Option<String>,
    time: &dyn Clock,
) -> Vec<Finding> {
    let now = time.now();
    let running = start::is_ready(layout);
    let installed = scope == Scope::Installed;
    let keys = layout.data_dir.join("keys");
    let mut found = Vec::new();
    if installed {
        found.extend(guarded("binary", || vec![binary(layout)]));
        found.extend(guarded("config", || vec![config(layout, fault)]));
        found.extend(guarded("config", || vec![directory("config", &layout.config_dir, 0o755)]));
    }
    found.extend(guarded("data", || vec![directory("data", &layout.data_dir, 0o700)]));
    found.extend(guarded("space", || vec![space(&layout.data_dir)]));
    found.extend(guarded("appliance", || vec![appliance(layout, running, scope)]));
    if installed {
        found.extend(guarded("ports", || vec![ports(layout, running)]));
    }
    let mut authority = None;
    found.extend(guarded("store", || {
        let (findings, known) = store::store(layout);
        authority = known;
        findings
    }));
    found.extend(guarded("authority", || keys::authority(&keys, authority.as_deref(), now)));
    found.extend(guarded("certificate", || vec![certificate(&keys.join("server.pem"), now)]));
    found.extend(guarded("clock", || vec![clock(now)]));
    found.extend(guarded("onboard", || vec![onboard()]));
    found.extend(guarded("disks", || vec![disks(layout)]));
    // One that runs sends the same packets, over links of the same names, and tells of them.
    if !running {
        found.extend(guarded("network", || network(layout).into_iter().collect()));
    }
    found.extend(guarded("haproxy", || vec![haproxy()]));
    found.extend(guarded("leftovers", || vec![leftovers()]));
    if installed {
        found.extend(guarded("service", || vec![unit(layout)]));
    }
    found
}

/// Looks at one thing; a fault of ours while looking is said like any other.
fn guarded(about: &'static str, look: impl FnOnce() -> Vec<Finding>) -> Vec<Finding> {
    catch_unwind(AssertUnwindSafe(look)).unwrap_or_else(|_| {
        vec![fail(about, "could not be looked at: a fault of ours", "see above, and tell us")]
    })
}

fn binary(layout: &Layout) -> Finding {
    let path = layout.binary.display().to_string();
    match std::fs::metadata(&layout.binary) {
        Ok(meta) if meta.mode() & 0o111 != 0 => ok("binary", path),
        Ok(_) => fail("binary", format!("{path} may not be run"), format!("chmod 755 {path}")),
        Err(error) => fail("binary", format!("{path}: {error}"), "run appliance install"),
    }
}

fn config(layout: &Layout, fault: Option<String>) -> Finding {
    let path = layout.config.display().to_string();
    match fault {
        Some(fault) => fail("config", fault, "correct it and restart the appliance"),
        None if layout.config.exists() => ok("config", format!("{path} is well-formed")),
        None => warn("config", format!("{path} is not there"), "run appliance install"),
    }
}

fn directory(about: &'static str, path: &Path, mode: u32) -> Finding {
    let name = path.display();
    match std::fs::metadata(path) {
        Ok(meta) if meta.mode() & 0o777 & !mode != 0 => {
            let text = format!("{name} has mode {:o}, and {mode:o} is enough", meta.mode() & 0o777);
            fail(about, text, format!("chmod {mode:o} {name}"))
        }
        Ok(meta) => ok(about, format!("{name} has mode {:o}", meta.mode() & 0o777)),
        Err(error) => fail(about, format!("{name}: {error}"), "run appliance install, as root"),
    }
}

fn space(path: &Path) -> Finding {
    let Ok(found) = statvfs(path) else {
        return warn("space", format!("{} cannot be asked", path.display()), "run it as root");
    };
    let mib = found.blocks_available() * found.fragment_size() / (1 << 20);
    let text = format!("{mib} MiB free for {}", path.display());
    match mib {
        _ if mib < SPACE_MIB / 10 => fail("space", text, "free some, or the store takes no writes"),
        _ if mib < SPACE_MIB => warn("space", text, format!("keep {SPACE_MIB} MiB free")),
        _ => ok("space", text),
    }
}

fn appliance(layout: &Layout, running: bool, scope: Scope) -> Finding {
    if !running && scope == Scope::Directory {
        return ok("appliance", format!("nobody answers at {}", layout.socket.display()));
    }
    if !running {
        let text = format!("nobody answers at {}", layout.socket.display());
        return fail("appliance", text, "systemctl start grange, or run appliance install");
    }
    match start::client(layout).status() {
        Ok(status) if status.alerts.is_empty() => {
            ok("appliance", format!("{}, {} agents connected", status.version, status.agents))
        }
        Ok(status) => warn("appliance", status.alerts.join("; "), "see grange status"),
        Err(error) => fail("appliance", error.to_string(), "see its log"),
    }
}

/// Whether the appliance could listen where it wants to. While it runs it does.
fn ports(layout: &Layout, running: bool) -> Finding {
    let names: Vec<String> = layout.ports.iter().map(ToString::to_string).collect();
    if running {
        return ok("ports", format!("{} are ours", names.join(", ")));
    }
    for address in &layout.ports {
        if let Err(error) = TcpListener::bind(address) {
            let remedy = "free it, or name another in the config file";
            return fail("ports", format!("{address}: {error}"), remedy);
        }
    }
    ok("ports", format!("{} are free", names.join(", ")))
}

fn certificate(path: &Path, now: Timestamp) -> Finding {
    let name = path.display();
    let read = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            return warn("certificate", format!("{name}: {error}"), "start the appliance");
        }
    };
    let Some((from, to)) = validity(&read) else {
        let remedy = format!("remove {name} and restart the appliance: it makes another");
        return fail("certificate", format!("{name} cannot be read"), remedy);
    };
    let days = (to.0 - now.0) / DAY_MS;
    let text = format!("good for {days} more days");
    match () {
        () if now < from => fail("certificate", "it begins in the future", "set the clock right"),
        () if now >= to => fail("certificate", "it has ended", "restart the appliance"),
        () if days < DAYS_LEFT => warn("certificate", text, "restart the appliance"),
        () => ok("certificate", text),
    }
}

fn clock(now: Timestamp) -> Finding {
    if now < BEGINNING {
        return fail("clock", format!("it shows {now}"), "set it right: certificates depend on it");
    }
    ok("clock", format!("it shows {now}"))
}

fn onboard() -> Finding {
    let kinds = ["net", "pid", "mnt", "uts", "ipc"];
    let missing = kinds.iter().find(|kind| !Path::new("/proc/self/ns").join(kind).exists());
    if let Some(kind) = missing {
        let text = format!("the kernel has no {kind} name spaces");
        return warn("onboard", text, "servers on this machine are process groups only");
    }
    let groups = std::fs::read_to_string("/proc/mounts").unwrap_or_default();
    let version = |kind: &str| groups.lines().any(|l| l.split(' ').nth(2) == Some(kind));
    match (version("cgroup2"), version("cgroup")) {
        (false, false) => warn("onboard", "no control groups are mounted", "limits are advisory"),
        (true, false) => ok("onboard", "name spaces, control groups version 2"),
        (_, true) => ok("onboard", "name spaces, control groups version 1"),
    }
}

fn disks(layout: &Layout) -> Finding {
    if let Some(why) = onboard_overcommitted(&layout.data_dir.join("onboard")) {
        let remedy = "make room, or make new servers with smaller disks: disk_mib under [onboard]";
        return warn("disks", why, remedy);
    }
    match onboard_unbounded() {
        None => ok("disks", "loop devices and mkfs.ext4: what servers here write is bounded"),
        Some(why) => {
            let remedy =
                "until then a server on this machine can fill its disk (grange docs onboard)";
            warn("disks", why, remedy)
        }
    }
}

/// What servers on this machine stand on, where no appliance looks at it.
fn network(layout: &Layout) -> Option<Finding> {
    let port = layout.ports.last().map_or(0, SocketAddr::port);
    let executable = std::env::current_exe().ok()?;
    match probe_network(&layout.data_dir.join("onboard"), &executable, port) {
        Ok(Probed::NoNetwork) => None,
        Ok(Probed::NotAllowed) => {
            Some(warn("network", "only root can send packets as servers do", "run it as root"))
        }
        Ok(Probed::Carries) => {
            Some(ok("network", "servers here reach one another and the port for agents"))
        }
        Ok(Probed::Wrong(why)) => Some(fail("network", why, "")),
        Err(failure) => Some(warn("network", failure.line(), "")),
    }
}

fn leftovers() -> Finding {
    let left = onboard_leftovers();
    // What no register names may be of an appliance in a container, which is well.
    let mut named = left.iter().filter_map(|one| Some((one, one.owner.as_ref()?)));
    let Some((first, owner)) = named.next() else {
        return ok("leftovers", "nothing of appliances whose directory is gone");
    };
    let more = named.count();
    let more = if more > 0 { format!(", and of {more} more") } else { String::new() };
    let things = first.things.len();
    let place = owner.place.display();
    let text = format!("{things} processes, links and groups of {place}, which is gone{more}");
    warn("leftovers", text, "look with: grange appliance sweep")
}

fn haproxy() -> Finding {
    match find("haproxy") {
        Some(path) => ok("haproxy", path),
        None => {
            let remedy = "apt-get install haproxy, or dnf install haproxy, where servers run it";
            warn("haproxy", "not on this machine", remedy)
        }
    }
}

fn unit(layout: &Layout) -> Finding {
    if !Path::new("/run/systemd/system").is_dir() {
        return warn("service", "there is no systemd here", start::by_hand(layout, false));
    }
    match run("systemctl", &["is-enabled", "grange"]) {
        Ok(_) => ok("service", "enabled at boot"),
        Err(_) => warn("service", "not enabled at boot", start::by_hand(layout, true)),
    }
}
