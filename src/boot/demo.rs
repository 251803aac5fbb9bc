//! `grange demo`: a temporary appliance with a farm in it, straight into the terminal UI.
//!
//! Everything lies in one directory, which is removed at the end together with its servers. A demo
//! that was killed leaves that directory; the next one finds it and cleans it up first. From a
//! second terminal, `demo load` and `demo crash` find the running demo by the same directory.

use crate::appliance::own_uid;
use crate::base::output;
use crate::base::problem::chain;
use crate::base::text::escape;
use crate::boot::config::{self, Config, LogFormat};
use crate::boot::demo_load::{self, Load};
use crate::boot::failure::StartError;
use crate::boot::logs;
use crate::boot::onboard::open_onboard;
use crate::boot::serve::{self, Appliance};
use crate::client::{self, Client};
use crate::clouds::onboard::Onboard;
use crate::tui;
use crate::wire::api::{ManifestRequest, ServerView};
use crate::wire::input::ServerFilter;
use std::fmt::Display;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const BALANCED: &str = include_str!("../../assets/demo/balanced.yaml");
const DIRECT: &str = include_str!("../../assets/demo/direct.yaml");
/// Where clients connect to, as both manifests say.
const BALANCER_PORT: u16 = 8000;
const WEB_PORT: u16 = 8080;
/// How long a load lasts: long enough to see it scale out to the maximum and stay there.
const LOAD_LENGTH: Duration = Duration::from_secs(90);
/// A burst is printed this often.
const LOAD_SLICE: Duration = Duration::from_secs(5);

/// The demo's directory: its own for each user, so that two users can each run one.
pub fn directory(named: Option<PathBuf>) -> PathBuf {
    named.unwrap_or_else(|| std::env::temp_dir().join(format!("grange-demo-{}", own_uid())))
}

/// The socket of this user's running demo, where every command finds it that is told no other.
///
/// A directory there that is somebody else's is not asked.
pub fn socket() -> Option<PathBuf> {
    let dir = directory(None);
    let meta = std::fs::symlink_metadata(&dir).ok()?;
    let socket = dir.join("run/api.sock");
    (meta.is_dir() && meta.uid() == own_uid() && socket.exists()).then_some(socket)
}

/// Runs a demo until it is quit. With `screen` in the terminal UI, else in lines.
pub fn run(dir: &Path, screen: bool) -> Result<(), StartError> {
    let config = prepare(dir)?;
    let log = if screen {
        logs::start_in(&dir.join("demo.log"))
    } else {
        logs::start(LogFormat::Text, "warn")
    };
    let _log = log.map_err(|error| StartError::System("the log", error))?;
    let appliance = serve::start(&config)?;
    let shown = show(&appliance, dir, screen);
    let cleaned = clean(appliance, dir);
    shown.and(cleaned)
}

/// A config in a fresh directory, on ports nobody uses.
fn prepare(dir: &Path) -> Result<Config, StartError> {
    take_over(dir)?;
    own(dir).map_err(|error| StartError::System("the demo's directory", error))?;
    let root = own_uid() == 0;
    let mut config = config::complete(config::ConfigFile::default(), Some(dir), root)?;
    // Whoever binds them chooses: one that was free a moment ago may be somebody's now.
    config.https = SocketAddr::from(([127, 0, 0, 1], 0));
    config.agents.set_port(0);
    // A demo is watched: readings every two seconds instead of ten.
    config.agent_interval_ms = 2_000;
    Ok(config)
}

/// Makes the directory for its owner alone. It lies where anybody may make one, so one that is
/// somebody else's is refused.
fn own(dir: &Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let meta = std::fs::symlink_metadata(dir)?;
    if meta.is_dir() && meta.uid() == own_uid() {
        return Ok(());
    }
    Err(std::io::Error::other(format!("{} belongs to somebody else", dir.display())))
}

/// Cleans up after a demo that was killed; refuses where one runs, or where it is not a demo's.
fn take_over(dir: &Path) -> Result<(), StartError> {
    if !dir.exists() {
        return Ok(());
    }
    let empty = std::fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_none());
    if !dir.join("run/lock").exists() && !empty {
        let text = format!("{} is there and is no demo's: name another --dir", dir.display());
        return Err(StartError::Demo(text));
    }
    if client_of(dir).status().is_ok() {
        let text = format!(
            "a demo runs in {} already: try `grange demo load 200`, or end it with \
             `grange demo stop`",
            dir.display()
        );
        return Err(StartError::Demo(text));
    }
    remove(dir)
}

/// Takes down the servers of a demo nobody runs any more, and its directory.
fn remove(dir: &Path) -> Result<(), StartError> {
    if dir.join("onboard").is_dir() {
        let config = config::complete(config::ConfigFile::default(), Some(dir), own_uid() == 0)?;
        let onboard = open_onboard(&config)?;
        take_down(&onboard)?;
    }
    std::fs::remove_dir_all(dir).map_err(|e| StartError::System("removing the demo", e))
}

fn take_down(onboard: &Onboard) -> Result<(), StartError> {
    onboard.remove_all(true).map_err(|failure| StartError::Onboard(failure.line().into()))
}

fn show(appliance: &Appliance, dir: &Path, screen: bool) -> Result<(), StartError> {
    let balanced = haproxy().is_some();
    let client = client_of(dir);
    let request = ManifestRequest {
        manifest: if balanced { BALANCED } else { DIRECT }.to_owned(),
        launch: true,
        ..ManifestRequest::default()
    };
    client.apply(&request).map_err(|error| StartError::Demo(error.to_string()))?;
    if screen {
        let options = tui::Options {
            start: Some("farm shop".into()),
            farewell: Some("The demo is over; its servers and files are removed.".into()),
            ..tui::Options::default()
        };
        return tui::run(Arc::new(client), options)
            .map_err(|error| StartError::System("the terminal", error));
    }
    output::news(way(balanced));
    output::news("From a second terminal:  grange demo load 200    grange demo crash web-1");
    output::news(
        "and what works on any appliance:  grange farm show shop    grange explain shop/web-1",
    );
    output::news("Ctrl-C ends it and leaves nothing behind.");
    in_lines(appliance, &client)
}

/// Which way requests go, and how to get the other.
fn way(balanced: bool) -> &'static str {
    if balanced {
        return "The farm's web servers are behind HAProxy.";
    }
    "HAProxy is not installed, so the farm's web servers are reached directly. \
     With it (apt-get install haproxy), the demo balances them."
}

/// Prints what happens until a signal says stop.
fn in_lines(appliance: &Appliance, client: &Client) -> Result<(), StartError> {
    let stop = Arc::new(AtomicBool::new(false));
    let seen = stop.clone();
    let printer = std::thread::scope(|scope| {
        let lines = scope.spawn(move || {
            let mut after = 0;
            while !seen.load(Ordering::SeqCst) {
                let Ok(listing) = client.events(Some(after), 100, 1_000, None) else { break };
                for event in &listing.events {
                    let (about, text) = (escape(&event.about), escape(&event.text));
                    output::news(format_args!("{about:20} {text}"));
                }
                after = listing.seq;
            }
        });
        let signal = appliance.wait_for_signal();
        stop.store(true, Ordering::SeqCst);
        let printed = lines.join();
        signal.map(|_| printed.is_ok())
    });
    match printer {
        Ok(true) => Ok(()),
        Ok(false) => Err(StartError::Demo("printing the demo's events panicked".into())),
        Err(error) => Err(StartError::System("waiting for signals", error)),
    }
}

/// Stops the appliance, takes its servers down and removes the directory.
fn clean(appliance: Appliance, dir: &Path) -> Result<(), StartError> {
    let onboard = appliance.onboard.clone();
    appliance.stop();
    if let Some(onboard) = onboard {
        take_down(&onboard)?;
    }
    std::fs::remove_dir_all(dir).map_err(|e| StartError::System("removing the demo", e))
}

/// HAProxy's program, where servers would find it.
fn haproxy() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/local/sbin", "/sbin"].map(PathBuf::from))
        .map(|dir| dir.join("haproxy"))
        .find(|program| program.is_file())
}

fn client_of(dir: &Path) -> Client {
    Client::new(Arc::new(client::socket(dir.join("run/api.sock"))))
}

fn running(dir: &Path) -> Result<(Client, Vec<ServerView>), StartError> {
    let client = client_of(dir);
    let servers = client.servers(&ServerFilter::default()).map_err(|_| {
        StartError::Demo(format!("no demo runs in {}: start one with `grange demo`", dir.display()))
    })?;
    Ok((client, servers))
}

/// `grange demo load RATE`: requests that burn CPU, at a rate, for a minute and a half.
pub fn load(dir: &Path, rate: u32) -> Result<(), StartError> {
    let (_, servers) = running(dir)?;
    let targets = entrances(&servers)?;
    let length = LOAD_LENGTH.as_secs();
    let where_to: Vec<String> = targets.iter().map(ToString::to_string).collect();
    let where_to = where_to.join(", ");
    tell(format_args!("{rate} requests a second to {where_to}: /burn?ms=5 for {length} s"))?;
    let end = Instant::now() + LOAD_LENGTH;
    while Instant::now() < end {
        // Without a balancer the load follows the farm: new servers take their part at once.
        let (client, servers) = running(dir)?;
        let report = demo_load::run(&Load {
            targets: entrances(&servers)?,
            path: "/burn?ms=5".into(),
            requests_per_second: rate,
            length: LOAD_SLICE,
            connections: 32,
            timeout: Duration::from_secs(5),
        });
        let servers = client.servers(&ServerFilter::default()).unwrap_or_default();
        let up = servers.iter().filter(|s| s.grange.alias == "web" && s.status == "running");
        let mut lines = vec![format!(
            "{} ok, {} failed, half within {} ms, 99 % within {} ms; {} web servers running",
            report.ok,
            report.failed(),
            report.p50.as_millis(),
            report.p99.as_millis(),
            up.count()
        )];
        lines.extend(
            report.failures.iter().map(|(failure, count)| format!("  {count} x {failure}")),
        );
        tell(lines.join("\n"))?;
    }
    Ok(())
}

fn tell(text: impl Display) -> Result<(), StartError> {
    output::tell(text).map_err(StartError::Output)
}

/// Where requests come in: the balancer, or every web server that runs.
fn entrances(servers: &[ServerView]) -> Result<Vec<SocketAddr>, StartError> {
    let up = |alias: &str, port: u16| -> Vec<SocketAddr> {
        let up = servers.iter().filter(|s| s.grange.alias == alias && s.status == "running");
        let address = |s: &ServerView| s.private_ip.first()?.parse::<IpAddr>().ok();
        up.filter_map(address).map(|ip| SocketAddr::new(ip, port)).collect()
    };
    let balancers = up("lb", BALANCER_PORT);
    let web = if balancers.is_empty() { up("web", WEB_PORT) } else { balancers };
    if web.is_empty() {
        return Err(StartError::Demo("no server of the demo is running yet".into()));
    }
    Ok(web)
}

/// `grange demo crash NAME`: ends a server's first process, as if its power had failed.
pub fn crash(dir: &Path, name: &str) -> Result<(), StartError> {
    let (_, servers) = running(dir)?;
    let known = |s: &&ServerView| s.hostname == name || s.grange.name == name;
    let server = servers.iter().find(known).ok_or_else(|| {
        let names: Vec<&str> = servers.iter().map(|s| s.hostname.as_str()).collect();
        StartError::Demo(format!("no server {name} in the demo: there are {}", names.join(", ")))
    })?;
    let id = server.id.parse().map_err(|_| StartError::Demo(format!("{} is no id", server.id)))?;
    let config = config::complete(config::ConfigFile::default(), Some(dir), own_uid() == 0)?;
    let onboard = open_onboard(&config)?;
    onboard.crash(id).map_err(|failure| StartError::Onboard(failure.line().into()))?;
    tell(format_args!("{} is dead; watch it being replaced", server.grange.name))
}

/// `grange demo stop`: asks the running demo to end, or cleans up after one that was killed.
pub fn stop(dir: &Path) -> Result<(), StartError> {
    if !dir.exists() {
        return tell(format_args!("no demo runs in {}", dir.display()));
    }
    if client_of(dir).status().is_err() {
        return remove(dir);
    }
    let holder = crate::store::holder(dir)
        .ok_or_else(|| StartError::Demo("the running demo does not say who it is".into()))?;
    crate::appliance::start::terminate(holder).map_err(|f| StartError::Demo(chain(&f)))?;
    tell("the demo is over")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(alias: &str, status: &str, ip: &str) -> ServerView {
        let mut server = ServerView { status: status.into(), ..ServerView::default() };
        server.grange.alias = alias.into();
        server.private_ip = vec![ip.into()];
        server
    }

    #[test]
    fn a_load_goes_to_the_balancer_or_to_every_web_server_that_runs() {
        let check = |servers: &[ServerView], expected: &[&str]| {
            let found = entrances(servers).unwrap_or_default();
            let found: Vec<String> = found.iter().map(ToString::to_string).collect();
            assert_eq!(found, expected);
        };
        let (one, two) =
            (server("web", "running", "10.0.0.2"), server("web", "running", "10.0.0.3"));
        let late = server("web", "pending", "10.0.0.4");
        check(&[], &[]);
        check(std::slice::from_ref(&late), &[]);
        check(&[one.clone(), two.clone(), late.clone()], &["10.0.0.2:8080", "10.0.0.3:8080"]);
        check(&[one, two, late, server("lb", "running", "10.0.0.9")], &["10.0.0.9:8000"]);
    }
}
