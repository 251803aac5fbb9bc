//! Structured logs on standard error or in a file, for people or as JSON.
//!
//! A log must end nothing and hold nothing up: its disk may be full, the reader of its pipe may be
//! gone, or be there and not read. So lines go through a queue of bounded length to a thread, which
//! alone waits for the other end. What finds the queue full, or cannot be written, is lost and
//! counted ([`output::lost`]; `grange status` shows it). [`Log`] gives what waits a moment to go.
//!
//! A field may be what an agent, a cloud or a stranger said: as text each is escaped, so that a
//! line of the log is always one of ours.

use crate::base::output;
use crate::base::text::escape;
use crate::boot::config::LogFormat;
use std::fmt::Debug;
use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::{Writer, debug_fn};

/// Lines that wait for a slow reader: some seconds of a busy appliance.
const LINES_MAX: usize = 1024;
/// Longest line kept; with [`LINES_MAX`] it bounds what waits to 16 MiB.
const LINE_BYTES_MAX: usize = 16 * 1024;
/// How long the last lines have to leave at the end.
const FAREWELL: Duration = Duration::from_secs(1);

/// A started log; dropping it waits, shortly, until what was logged is written.
pub struct Log(Option<SyncSender<Line>>);

enum Line {
    Text(Vec<u8>),
    /// Says when all before it is written.
    Last(SyncSender<()>),
}

impl Drop for Log {
    fn drop(&mut self) {
        let Some(queue) = &self.0 else { return };
        let (done, written) = sync_channel(1);
        // Whatever comes of it, the process goes on.
        if queue.try_send(Line::Last(done)).is_ok() {
            written.recv_timeout(FAREWELL).unwrap_or_default();
        }
    }
}

/// Starts logging into a file, for when the terminal is a screen.
pub fn start_in(path: &std::path::Path) -> io::Result<Log> {
    let file = std::fs::OpenOptions::new().create(true).append(true).open(path)?;
    let filter = EnvFilter::new("info,rumqttd=warn");
    Ok(start_with(LogFormat::Text, filter, false, file)?.0)
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
pub fn start(format: LogFormat, level: &str) -> io::Result<Log> {
    let filter = std::env::var("GRANGE_LOG").unwrap_or_else(|_| level.to_owned());
    let (filter, bad) = match EnvFilter::try_new(by_crates(&filter)) {
        Ok(good) => (good, None),
        Err(error) => (EnvFilter::new("info"), Some(format!("{filter}: {error}"))),
    };
    let (log, first) = start_with(format, filter, io::stderr().is_terminal(), io::stderr())?;
    if let (true, Some(bad)) = (first, bad) {
        tracing::warn!("the log level is not right, so it is info: {bad}");
    }
    Ok(log)
}

/// A room is `grange::broker` to people, and the crate `grange_broker` to the compiler.
fn by_crates(filter: &str) -> String {
    filter.replace("grange::", "grange_")
}

/// A line with its target as people know it, `grange::broker::pace`: to the compiler its first part
/// is `grange_broker::broker`. It ends what is ours of a line; as JSON it is a field by itself.
fn by_rooms(line: &[u8]) -> Vec<u8> {
    const JSON: &[u8] = b"\"target\":\"grange_";
    let find = |text: &[u8], what: &[u8]| text.windows(what.len()).position(|at| at == what);
    let target = match line.first() {
        Some(b'{') => find(line, JSON).map(|at| at + JSON.len()),
        _ => {
            let ends = find(line, b": ").into_iter().chain(find(line, b":\x1b")).min();
            let ours = &line[..ends.unwrap_or_default()];
            find(ours, b"grange_").map(|at| at + b"grange_".len())
        }
    };
    let room = target.and_then(|at| Some((at, find(&line[at..], b"::")?)));
    let Some((at, length)) = room else { return line.to_vec() };
    [&line[..at - 1], &line[at + length..]].concat()
}

/// A second start in one process keeps the first one's settings, and says false.
fn start_with(
    format: LogFormat,
    filter: EnvFilter,
    coloured: bool,
    to: impl Write + Send + 'static,
) -> io::Result<(Log, bool)> {
    let queue = queue(to)?;
    let writer = queue.clone();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(move || Queued(writer.clone()))
        .with_ansi(coloured)
        .log_internal_errors(false);
    let started = match format {
        LogFormat::Text => builder.fmt_fields(escaped_fields()).try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    if started.is_err() {
        return Ok((Log(None), false));
    }
    std::panic::set_hook(Box::new(|panic| {
        let at = panic.location().map(ToString::to_string).unwrap_or_default();
        let why = panic.payload_as_str().unwrap_or("a value that is no text");
        tracing::error!(at, why, "panicked");
    }));
    Ok((Log(Some(queue)), true))
}

/// Starts the thread that writes.
fn queue(to: impl Write + Send + 'static) -> io::Result<SyncSender<Line>> {
    let (queue, lines) = sync_channel(LINES_MAX);
    let write = move || write_lines(&lines, to);
    std::thread::Builder::new().name("log".into()).spawn(write)?;
    Ok(queue)
}

fn write_lines(lines: &Receiver<Line>, mut to: impl Write) {
    while let Ok(line) = lines.recv() {
        match line {
            Line::Text(text) => {
                if to.write_all(&text).and_then(|()| to.flush()).is_err() {
                    output::count_lost();
                }
            }
            // Who asked may have given up.
            Line::Last(done) => drop(done.try_send(())),
        }
    }
}

/// One line's way into the queue.
struct Queued(SyncSender<Line>);

impl Write for Queued {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut line = by_rooms(bytes);
        if line.len() > LINE_BYTES_MAX {
            line.truncate(LINE_BYTES_MAX);
            line.extend_from_slice(b"...\n");
        }
        if self.0.try_send(Line::Text(line)).is_err() {
            output::count_lost();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Barrier, Mutex, PoisonError};

    /// A reader that is there and reads nothing until it is let go, and then is gone.
    struct Stuck(Arc<Barrier>);

    impl Write for Stuck {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            self.0.wait();
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_does_not_read_holds_nobody_up() {
        let barrier = Arc::new(Barrier::new(2));
        let queue = queue(Stuck(barrier.clone())).unwrap();
        let before = output::lost();
        // One line is with the writer, which is stuck, or still in the queue before it is.
        for _ in 0..LINES_MAX + 10 {
            Queued(queue.clone()).write_all(b"a line\n").unwrap();
        }
        assert!(output::lost() >= before + 9, "{} lost", output::lost() - before);
        let full = output::lost();
        barrier.wait();
        // The first line could not be written, so the second is taken out only after counting it.
        barrier.wait();
        assert!(output::lost() > full);
    }

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
    fn a_target_is_a_room_and_what_is_said_stays() {
        let shown = |line: &str| String::from_utf8(by_rooms(line.as_bytes())).unwrap();
        assert_eq!(
            shown("now  INFO grange_boot::boot::serve: ready: grange_api::api\n"),
            "now  INFO grange::boot::serve: ready: grange_api::api\n"
        );
        assert_eq!(
            shown("\x1b[2mnow\x1b[0m \x1b[2mgrange_net::net\x1b[0m\x1b[2m:\x1b[0m a: grange_a::b"),
            "\x1b[2mnow\x1b[0m \x1b[2mgrange::net\x1b[0m\x1b[2m:\x1b[0m a: grange_a::b"
        );
        for other in ["now  WARN rumqttd::link: grange_api::api went\n", "", "grange_api::api"] {
            assert_eq!(shown(other), other);
        }
        let json =
            r#"{"fields":{"message":"\"target\":\"grange_a::b\""},"target":"grange_a::a::b"}"#;
        assert_eq!(shown(json), json.replace("grange_a::a", "grange::a"));
        assert_eq!(by_crates("info,grange::broker=debug"), "info,grange_broker=debug");
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
