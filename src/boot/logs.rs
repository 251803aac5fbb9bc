//! Structured logs on standard error, for people or as JSON.
//!
//! A field may be what an agent, a cloud or a stranger said: as text each is escaped, so that a
//! line of the log is always one of ours.

use crate::base::text::escape;
use crate::boot::config::LogFormat;
use std::fmt::Debug;
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::{Writer, debug_fn};

/// Starts logging into a file, for when the terminal is a screen.
pub fn start_in(path: &std::path::Path) -> std::io::Result<()> {
    let file = std::fs::OpenOptions::new().create(true).append(true).open(path)?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new("info,rumqttd=warn"))
        .with_writer(std::sync::Mutex::new(file))
        .fmt_fields(escaped_fields())
        .with_ansi(false);
    // A second start in one process keeps the first one's settings.
    drop(builder.try_init());
    Ok(())
}

/// Fields as text, `name=value`, the message without its name; each on one line.
fn escaped_fields() -> impl for<'writer> FormatFields<'writer> + Send + Sync + 'static {
    let field = |writer: &mut Writer<'_>, field: &tracing::field::Field, value: &dyn Debug| {
        let value = format!("{value:?}");
        match field.name() {
            "message" => write!(writer, "{}", escape(&value)),
            name => write!(writer, "{name}={}", escape(&value)),
        }
    };
    debug_fn(field).delimited(" ")
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
        LogFormat::Text => builder.fmt_fields(escaped_fields()).try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    // A second start in one process keeps the first one's settings.
    if let (Ok(()), Some(bad)) = (started, bad) {
        tracing::warn!("the log level is not right, so it is info: {bad}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex, PoisonError};

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn nobody_can_forge_a_line_of_the_log() {
        let page = Page::default();
        let to = page.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(move || to.clone())
            .fmt_fields(escaped_fields())
            .with_ansi(false)
            .finish();
        let said = "no\u{1b}]0;gone\u{7}\nINFO all is well\u{9b}2J";
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(agent = said, problem = %said, "said {said}");
        });
        let text = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(!text.trim_end().contains(crate::base::text::is_hidden), "{text:?}");
        let shown = "no\\u{1b}]0;gone\\u{7}\\nINFO all is well\\u{9b}2J";
        assert!(text.contains(&format!("said {shown} ")), "{text}");
        assert!(text.contains(&format!("problem={shown}")), "{text}");
    }
}
