//! A role's services: each under its keeper, started in order, stopped in the opposite one.

use super::WorkFault;
use crate::agent::keeper::{CommandEnd, KeeperReport, Keepers, KeptFor, Phase, Spec, last_lines};
use crate::base::{Millis, Timestamp};
use crate::model::{OnChange, RoleService};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Begins the name of a service among what is kept.
pub const PREFIX: &str = "service-";
/// A service that has run for so long counts as running.
const RUNS_AFTER: Millis = 2_000;
/// One that ended so often, each time soon after it began, keeps ending.
const ENDS_MIN: u32 = 3;

/// What surrounds everything that runs for a role.
pub struct Places {
    /// What the server calls `/`.
    pub home: PathBuf,
    /// Where what they print goes.
    pub logs: PathBuf,
    /// Variables of the server, beneath what a service says itself.
    pub environment: BTreeMap<String, String>,
    /// Variables that setup alone has.
    pub setup_environment: BTreeMap<String, String>,
    /// Values that are taken out of what they print.
    pub hidden: Vec<String>,
}

/// What keepers call a service.
pub fn kept_as(name: &str) -> String {
    format!("{PREFIX}{name}")
}

/// Whether a name can be a file's.
pub fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    !name.is_empty() && name.len() <= 64 && !name.starts_with('.') && name.chars().all(plain)
}

/// Brings services about: what is not wanted, has changed or has to begin anew is stopped, then
/// what is not there is started, then what has to read its files again is told.
pub fn bring_about(
    keepers: &mut Keepers,
    services: &[RoleService],
    owed: &[OnChange],
    places: &Places,
) -> Result<(), WorkFault> {
    if let Some(bad) = services.iter().find(|service| !is_name(&service.name)) {
        return Err(WorkFault::final_(format!("{:?} cannot be the name of a service", bad.name)));
    }
    let stopping = to_stop(keepers, services, owed, places);
    for name in &stopping {
        let of = |error: std::io::Error| WorkFault::from(error).of(&format!("stopping {name}"));
        keepers.stop(name).and_then(|()| keepers.wait(name)).map_err(of)?;
        match services.iter().any(|service| kept_as(&service.name) == *name) {
            true => keepers.forget_report(name).map_err(of)?,
            false => keepers.forget(name).map_err(of)?,
        }
    }
    let mut started = Vec::new();
    for service in services {
        let name = kept_as(&service.name);
        if keepers.is_kept(&name) {
            continue;
        }
        let begun = keepers.begin(&name, &spec(service, places));
        let of = |error: &dyn std::fmt::Display| format!("service {}: {error}", service.name);
        begun.map_err(|error| WorkFault::again(of(&error)))?;
        started.push(&service.name);
    }
    for change in owed {
        if let OnChange::Reload(name) = change
            && !started.contains(&name)
        {
            keepers.reload(&kept_as(name))?;
        }
    }
    Ok(())
}

/// What has to stop: first what is not wanted any more, then the others, the last first.
fn to_stop(
    keepers: &Keepers,
    services: &[RoleService],
    owed: &[OnChange],
    places: &Places,
) -> Vec<String> {
    let wanted = |name: &String| services.iter().any(|service| kept_as(&service.name) == *name);
    let kept = kept(keepers).into_iter().rev();
    let mut stopping: Vec<String> = kept.filter(|name| !wanted(name)).collect();
    for service in services.iter().rev() {
        let name = kept_as(&service.name);
        let anew = owed.contains(&OnChange::Restart(service.name.clone()));
        let differs = keepers.spec(&name).is_some_and(|kept| kept != spec(service, places));
        if anew || differs {
            stopping.push(name);
        }
    }
    stopping
}

/// Stops all of them, the last first.
pub fn stop_all(keepers: &mut Keepers, services: &[RoleService]) {
    for service in services.iter().rev() {
        let name = kept_as(&service.name);
        if let Err(error) = keepers.stop(&name).and_then(|()| keepers.wait(&name)) {
            tracing::warn!(%error, name, "a service is not stopped");
        }
    }
}

/// What is wrong with a service, if anything is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It has not run for long, or is about to be started again: a matter of seconds.
    Passing(String),
    /// It keeps ending, or has ended for good.
    Lasting(String),
}

impl Trouble {
    /// The same with what was printed last, where it lasts: the command's own words say why.
    fn with(self, printed: impl FnOnce() -> String) -> Trouble {
        match self {
            Trouble::Passing(_) => self,
            Trouble::Lasting(what) => match printed() {
                lines if lines.is_empty() => Trouble::Lasting(what),
                lines => Trouble::Lasting(format!("{what}; it printed: {lines}")),
            },
        }
    }
}

/// Sees to it that whatever is to be kept is kept: keepers can be killed, too.
pub fn revive(keepers: &mut Keepers) -> Result<(), WorkFault> {
    for name in kept(keepers) {
        if keepers.is_kept(&name) {
            continue;
        }
        if let Some(spec) = keepers.spec(&name) {
            tracing::warn!(name, "a service is without its keeper: another one takes over");
            keepers.begin(&name, &spec).map_err(|error| WorkFault::again(error.to_string()))?;
        }
    }
    Ok(())
}

/// How a service does not run as it should, by what its keeper says of it.
pub fn trouble(
    keepers: &Keepers,
    kept_as: &str,
    report: Option<&KeeperReport>,
    now: Timestamp,
) -> Option<Trouble> {
    let name = kept_as.strip_prefix(PREFIX).unwrap_or(kept_as);
    match report {
        Some(report) => {
            let trouble = trouble_of(name, report, now);
            trouble.map(|trouble| trouble.with(|| printed(keepers, kept_as)))
        }
        None => Some(Trouble::Passing(format!("service {name} has not begun yet"))),
    }
}

/// What a service printed last, as far as it fits into a reason.
pub fn printed(keepers: &Keepers, kept_as: &str) -> String {
    let log = keepers.spec(kept_as).map(|spec| spec.log);
    log.as_deref().map(last_lines).unwrap_or_default()
}

/// Services that are kept, by name.
pub fn kept(keepers: &Keepers) -> Vec<String> {
    keepers.names().into_iter().filter(|name| name.starts_with(PREFIX)).collect()
}

fn trouble_of(name: &str, report: &KeeperReport, now: Timestamp) -> Option<Trouble> {
    let last = report.last.as_ref().map(|(end, _)| end);
    let words = last.map_or_else(|| "has not begun yet".to_owned(), CommandEnd::words);
    let keeps_ending = report.early_ends >= ENDS_MIN;
    let never_began = matches!(last, Some(CommandEnd::NotBegun(_)));
    match &report.phase {
        Phase::Over if last.is_some_and(CommandEnd::is_good) => None,
        Phase::Over => {
            Some(Trouble::Lasting(format!("service {name} {words} and is not started again")))
        }
        Phase::Running { .. } | Phase::Pausing { .. } if keeps_ending && !never_began => {
            let what = format!("service {name} keeps ending and is started again: it last {words}");
            Some(Trouble::Lasting(what))
        }
        Phase::Pausing { .. } if never_began => {
            Some(Trouble::Lasting(format!("service {name} {words}")))
        }
        Phase::Running { since, .. } if now.since(*since) >= RUNS_AFTER => None,
        Phase::Running { .. } => {
            Some(Trouble::Passing(format!("service {name} has been started just now")))
        }
        Phase::Beginning | Phase::Pausing { .. } | Phase::Stopped => {
            Some(Trouble::Passing(format!("service {name} is being started: it {words}")))
        }
    }
}

/// How a service is kept.
fn spec(service: &RoleService, places: &Places) -> Spec {
    let directory = service.directory.as_deref().unwrap_or("/");
    let mut environment = places.environment.clone();
    environment.extend(service.environment.clone());
    Spec {
        command: service.command.clone(),
        environment,
        hidden: places.hidden.clone(),
        user: service.run_as.clone(),
        directory: places.home.join(directory.trim_start_matches('/')),
        open_files: service.open_files,
        stop: service.stop.clone(),
        log: log_of(&places.logs, &kept_as(&service.name)),
        kind: KeptFor::Service { restart: service.restart },
    }
}

/// The log of something kept.
pub fn log_of(logs: &Path, kept_as: &str) -> PathBuf {
    logs.join(format!("{kept_as}.log"))
}
