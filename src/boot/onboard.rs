//! The platform of servers on this machine, as the config file places it.

use crate::boot::config::Config;
use crate::boot::failure::StartError;
use crate::boot::ports::Bound;
use crate::clouds::Cloud;
use crate::clouds::onboard::{Onboard, OnboardConfig, lowest_port};
use crate::service::PublishLimits;
use std::collections::BTreeMap;
use std::net::TcpListener as StdListener;
use std::path::PathBuf;

/// Opens the platform of servers on this machine, as the config places it.
pub fn open_onboard(config: &Config) -> Result<Onboard, StartError> {
    let failed = |cause: Box<dyn std::error::Error + Send + Sync>| StartError::Onboard(cause);
    let executable = std::env::current_exe().map_err(|error| failed(error.into()))?;
    // The slim agent where it lies beside us, as a package puts it; ourselves otherwise.
    let slim = executable.with_file_name("grange-agent");
    let agent_executable = if slim.is_file() { slim } else { executable.clone() };
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
