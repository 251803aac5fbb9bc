//! Structured logs on standard error, for people or as JSON.

use crate::boot::config::LogFormat;
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// Starts logging into a file, for when the terminal is a screen.
pub fn start_in(path: &std::path::Path) -> std::io::Result<()> {
    let file = std::fs::OpenOptions::new().create(true).append(true).open(path)?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new("info,rumqttd=warn"))
        .with_writer(std::sync::Mutex::new(file))
        .with_ansi(false);
    // A second start in one process keeps the first one's settings.
    drop(builder.try_init());
    Ok(())
}

/// Starts logging. `GRANGE_LOG` wins over the config file's level. Harmless when called twice.
pub fn start(format: LogFormat, level: &str) {
    let filter = std::env::var("GRANGE_LOG").unwrap_or_else(|_| level.to_owned());
    let (filter, bad) = match EnvFilter::try_new(&filter) {
        Ok(good) => (good, None),
        Err(error) => (EnvFilter::new("info"), Some(format!("{filter}: {error}"))),
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let started = match format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    // A second start in one process keeps the first one's settings.
    if let (Ok(()), Some(bad)) = (started, bad) {
        tracing::warn!("the log level is not right, so it is info: {bad}");
    }
}
