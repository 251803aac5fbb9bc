//! Lines for people on the process's own output, whose other end may be full or gone.
//!
//! The macros of the standard library panic where a line cannot be written, so none of them is
//! used anywhere (`tests/tidy` looks): a log on a full disk or a reader that left must end nothing.
//! What is said on the way ([`line`], [`Stderr`], [`Stdout`]) is lost and counted. What was asked
//! for ([`tell`]) is the command's result: it gives the error back, and [`ended`] makes it an exit
//! code.
//!
//! The count is the process's, as its standard error is; it is the one static of this room.

use std::fmt::{Arguments, Display};
use std::io::{self, ErrorKind, Write};
use std::sync::atomic::{AtomicU64, Ordering};

/// The exit code of a command whose reader has read enough: 128 and the number of `SIGPIPE`, as a
/// shell shows a program that the signal ended.
pub const PIPE_CLOSED: u8 = 141;

static LOST: AtomicU64 = AtomicU64::new(0);

/// How many lines of this process could not be written since it started.
pub fn lost() -> u64 {
    LOST.load(Ordering::Relaxed)
}

/// Counts a line that is not written, for logs that are written elsewhere.
pub fn count_lost() {
    LOST.fetch_add(1, Ordering::Relaxed);
}

/// A line on standard error; lost and counted where it cannot be written.
pub fn line(text: impl Display) {
    writeln_lossy(&mut Stderr, format_args!("{text}"));
}

/// A line on standard output that is only news of something under way; lost and counted where it
/// cannot be written.
pub fn news(text: impl Display) {
    writeln_lossy(&mut Stdout, format_args!("{text}"));
}

/// A line on standard output that is what the command was asked for.
pub fn tell(text: impl Display) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(format!("{text}\n").as_bytes())?;
    out.flush()
}

/// The exit code of a command whose result was written like that; says what went wrong unless it
/// is only that the reader has read enough.
pub fn ended(written: io::Result<()>) -> u8 {
    match written {
        Ok(()) => 0,
        Err(error) if error.kind() == ErrorKind::BrokenPipe => PIPE_CLOSED,
        Err(error) => {
            line(format_args!("grange: writing the output: {error}"));
            1
        }
    }
}

/// Standard error, whose writes never fail: what cannot be written is lost and counted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stderr;

/// Standard output, likewise.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stdout;

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(write_lossy(&mut io::stderr().lock(), bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(write_lossy(&mut io::stdout().lock(), bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes all or counts it as lost; either way it is dealt with.
fn write_lossy(out: &mut impl Write, bytes: &[u8]) -> usize {
    if out.write_all(bytes).and_then(|()| out.flush()).is_err() {
        count_lost();
    }
    bytes.len()
}

/// One write for the whole line, so that lines of several threads do not mix.
fn writeln_lossy(out: &mut impl Write, text: Arguments<'_>) {
    let whole = format!("{text}\n");
    // It never fails: these writers count instead.
    drop(out.write_all(whole.as_bytes()));
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Full;

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_that_cannot_be_written_is_counted_and_dealt_with() {
        let before = lost();
        assert_eq!(write_lossy(&mut Full, b"a line\n"), 7);
        assert!(lost() > before);
    }

    #[test]
    fn a_reader_that_left_ends_a_command_quietly() {
        assert_eq!(ended(Ok(())), 0);
        assert_eq!(ended(Err(ErrorKind::BrokenPipe.into())), PIPE_CLOSED);
        assert_eq!(ended(Err(ErrorKind::StorageFull.into())), 1);
    }
}
