//! The platform of servers on this machine, as the config file places it.

use crate::base::Timestamp;
use crate::base::hash::{hex, sha256};
use crate::base::random::secret_text;
use crate::base::text::tidy;
use crate::boot::config::Config;
use crate::boot::failure::StartError;
use crate::boot::ports::Bound;
use crate::clouds::Cloud;
use crate::clouds::lease::LeaseHolder;
use crate::clouds::onboard::{Onboard, OnboardConfig, lowest_port};
use crate::clouds::platform::OpeningAppliance;
use crate::model::Install;
use crate::service::PublishLimits;
use std::collections::BTreeMap;
use std::net::TcpListener as StdListener;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes of a host's name or a directory in a mark.
const HOLDER_BYTES_MAX: usize = 200;

/// Opens the platform of servers on this machine, as the config places it.
pub fn open_onboard(config: &Config) -> Result<Onboard, StartError> {
    let failed = |cause: Box<dyn std::error::Error + Send + Sync>| StartError::Onboard(cause);
    let executable = std::env::current_exe().map_err(|error| failed(error.into()))?;
    let agent_executable = agent_executable().map_err(|error| failed(error.into()))?;
    let masks = ["/root", "/home", "/etc/grange"].map(PathBuf::from);
    Onboard::open(OnboardConfig {
        state_dir: config.data_dir.join("onboard"),
        executable,
        agent_executable,
        masks: masks.into_iter().chain([config.data_dir.clone()]).collect(),
        isolation: None,
        disk_bytes: config.disk_bytes,
        take_over: config.take_over,
    })
    .map_err(|error| match error.is_taken() {
        true => StartError::Taken(error.source.to_string()),
        false => failed(error.line().into()),
    })
}

/// The program that runs on every server: the slim agent where it lies beside us, as a package puts
/// it; ourselves otherwise.
fn agent_executable() -> std::io::Result<PathBuf> {
    let executable = std::env::current_exe()?;
    let slim = executable.with_file_name("grange-agent");
    Ok(if slim.is_file() { slim } else { executable })
}

/// What of the machine's ports farm roles may have, beside what we listen on ourselves.
pub fn publishing(
    onboard: Option<&Onboard>,
    bound: &Bound,
    agents: &[StdListener],
) -> BTreeMap<String, PublishLimits> {
    let Some(onboard) = onboard else { return BTreeMap::new() };
    let api = [(Some(&bound.https), "the API"), (bound.http.as_ref(), "it redirects to the API")];
    let agents = agents.iter().map(|listener| (Some(listener), "agents come in there"));
    let own = api.into_iter().chain(agents);
    let own = own.filter_map(|(listener, what)| Some((listener?.local_addr().ok()?, what)));
    let limits = PublishLimits { lowest_port: lowest_port(), names: true, own: own.collect() };
    BTreeMap::from([(onboard.platform().to_owned(), limits)])
}

/// Availability zones of the platforms there are.
pub fn zones(onboard: Option<&Onboard>) -> BTreeMap<String, Vec<String>> {
    onboard.map(|cloud| (cloud.platform().to_owned(), cloud.zones())).into_iter().collect()
}

/// What accounts that people add and their servers have to know of the appliance.
pub fn opening(
    config: &Config,
    install: &Install,
    agents_port: u16,
    now: Timestamp,
) -> Result<OpeningAppliance, StartError> {
    let agent_executable = agent_executable();
    let agent_executable = agent_executable.map_err(|e| StartError::System("the agent", e))?;
    let holder = lease_holder(&config.data_dir, now);
    let holder = holder.map_err(|e| StartError::System("the state directory", e))?;
    let (tag, programs) = (install.id.clone(), config.programs.clone());
    let state = config.data_dir.join("clouds");
    Ok(OpeningAppliance { tag, agent_executable, agents_port, programs, state, holder })
}

/// Who holds leases here. A state directory is told from its copies by where it is: on this machine
/// since it booted, and there by its number. A machine's copy boots by itself.
fn lease_holder(state: &Path, now: Timestamp) -> std::io::Result<LeaseHolder> {
    let directory = state.canonicalize()?;
    let found = directory.metadata()?;
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname")?;
    let place = format!("{} {} {}", boot.trim(), found.dev(), found.ino());
    let shown = |text: &str| tidy(text, HOLDER_BYTES_MAX);
    Ok(LeaseHolder {
        process: secret_text(),
        place: hex(&sha256(place.as_bytes())),
        host: shown(host.trim()),
        directory: shown(&directory.display().to_string()),
        since: now,
    })
}

/// The clouds that are there with the machine, by the names of their accounts.
pub fn clouds(onboard: Option<&Arc<Onboard>>) -> BTreeMap<String, Arc<dyn Cloud>> {
    let mut clouds: BTreeMap<String, Arc<dyn Cloud>> = BTreeMap::new();
    if let Some(onboard) = onboard {
        clouds.insert(onboard.platform().to_owned(), onboard.clone());
    }
    clouds
}

/// The platforms that are there with the machine, and the sizes of each.
pub fn platforms(onboard: Option<&Onboard>) -> BTreeMap<String, Vec<String>> {
    let sizes = |cloud: &dyn Cloud| cloud.instance_types().into_iter().map(|t| t.name).collect();
    onboard.map(|cloud| (cloud.platform().to_owned(), sizes(cloud))).into_iter().collect()
}
