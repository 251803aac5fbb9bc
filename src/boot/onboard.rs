//! The platform of servers on this machine, as the config file places it.

use crate::boot::config::Config;
use crate::boot::failure::StartError;
use crate::clouds::onboard::{Onboard, OnboardConfig};
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
