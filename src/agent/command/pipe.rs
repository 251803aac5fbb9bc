//! What a command writes to one of its outputs: masked, shown to whoever reads along, and kept in
//! part.

use crate::agent::live::{LiveOutput, WrittenTo};
use crate::base::Bytes;
use crate::base::limit::COMMAND_OUTPUT_BYTES_MAX;
use crate::base::mask::{Mask, MaskedOutput};
use crate::model::Printed;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use std::io::{self, PipeReader, Read};

/// One output of a command, and what is kept of it.
pub(super) struct Pipe<'l> {
    reader: PipeReader,
    masked: MaskedOutput,
    kept: KeptOutput,
    /// Who reads along, and which output this is to them.
    live: Option<(&'l LiveOutput, WrittenTo)>,
}

impl<'l> Pipe<'l> {
    /// Of a pipe that is read without waiting.
    pub fn of(
        reader: PipeReader,
        mask: &Mask,
        live: Option<(&'l LiveOutput, WrittenTo)>,
    ) -> io::Result<Pipe<'l>> {
        fcntl(&reader, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).map_err(io::Error::from)?;
        Ok(Pipe {
            reader,
            masked: MaskedOutput::new(mask.clone()),
            kept: KeptOutput::default(),
            live,
        })
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.kept.add(bytes);
        if let Some((live, output)) = self.live {
            live.add(output, bytes);
        }
    }

    /// Reads what is there without waiting, at most one pipe's worth; whether there was anything.
    pub fn take(&mut self) -> bool {
        let mut buffer = [0u8; 4096];
        for round in 0..16 {
            match self.reader.read(&mut buffer) {
                Ok(0) => return round > 0,
                Ok(length) => {
                    let shown = self.masked.push(&buffer[..length]);
                    self.keep(&shown);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return round > 0,
            }
        }
        true
    }

    /// What is kept of all of it.
    pub fn end(mut self) -> KeptOutput {
        let rest = self.masked.end();
        self.keep(&rest);
        self.kept
    }
}

/// The first and the last of what was written, half of the limit each: what it was about to do
/// and how it ended.
#[derive(Default)]
pub(super) struct KeptOutput {
    first: Vec<u8>,
    last: Vec<u8>,
    left_out: usize,
}

pub(super) const HALF: usize = COMMAND_OUTPUT_BYTES_MAX / 2;

impl KeptOutput {
    fn add(&mut self, bytes: &[u8]) {
        let room = HALF.saturating_sub(self.first.len()).min(bytes.len());
        self.first.extend_from_slice(&bytes[..room]);
        self.last.extend_from_slice(&bytes[room..]);
        // Cut in large steps, so that a flood of output costs one copy a byte at most.
        if self.last.len() > 2 * HALF {
            self.cut();
        }
    }

    fn cut(&mut self) {
        let over = self.last.len().saturating_sub(HALF);
        self.last.drain(..over);
        self.left_out += over;
    }

    /// What was written, byte for byte.
    pub fn printed(mut self) -> Printed {
        self.cut();
        if self.left_out == 0 {
            self.first.append(&mut self.last);
        }
        let (head, tail) = (Bytes(self.first), Bytes(self.last));
        Printed { head, left_out: self.left_out as u64, tail }
    }

    /// As text. Control characters are replaced: they would grow sixfold in JSON, past what the
    /// appliance takes in one packet, and a terminal might obey them.
    pub fn text(mut self) -> String {
        self.cut();
        let mut text = String::from_utf8_lossy(&self.first).into_owned();
        if self.left_out > 0 {
            text.push_str(&format!("\n[{} bytes left out]\n", self.left_out));
        }
        text.push_str(&String::from_utf8_lossy(&self.last));
        text.replace(|c: char| c.is_control() && !matches!(c, '\n' | '\t'), "\u{fffd}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn what_waits_in_the_pipe_is_taken_and_said() {
        let (output, mut writer) = io::pipe().unwrap();
        let mut pipe = Pipe::of(output, &Mask::default(), None).unwrap();
        assert!(!pipe.take(), "nothing is there");
        writer.write_all(&[b'x'; 5000]).unwrap();
        assert!(pipe.take());
        assert!(!pipe.take());
        // At most sixteen reads at a time.
        writer.write_all(&[b'x'; 16 * 4096]).unwrap();
        assert!(pipe.take());
        writer.write_all(b"end").unwrap();
        drop(writer);
        assert!(pipe.take() && !pipe.take(), "it is closed");
        assert!(pipe.end().text().ends_with("xend"));
    }

    #[test]
    fn output_is_cut_only_when_there_is_too_much_of_it() {
        let cut = |lengths: &[usize]| {
            let mut kept = KeptOutput::default();
            for length in lengths {
                kept.add(&vec![b'x'; *length]);
            }
            (kept.first.len(), kept.last.len(), kept.left_out)
        };
        assert_eq!(cut(&[HALF]), (HALF, 0, 0));
        assert_eq!(cut(&[HALF - 1, 2]), (HALF, 1, 0));
        assert_eq!(cut(&[3 * HALF]), (HALF, 2 * HALF, 0));
        assert_eq!(cut(&[3 * HALF, 1]), (HALF, HALF, HALF + 1));
        let text = |bytes: usize| {
            let mut kept = KeptOutput::default();
            kept.add(&vec![b'x'; bytes]);
            kept.text()
        };
        assert_eq!(text(2 * HALF), "x".repeat(2 * HALF));
        let expected = format!("{}\n[1 bytes left out]\n{}", "x".repeat(HALF), "x".repeat(HALF));
        assert_eq!(text(2 * HALF + 1), expected);
    }
}
