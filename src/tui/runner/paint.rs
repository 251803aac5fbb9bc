//! From cells to bytes: only those that changed, one frame in one write, held together by
//! synchronized output (DEC private mode 2026), which terminals that lack it ignore.

use crate::base::bytes::base64;
use ratatui::backend::{Backend, CrosstermBackend};
use ratatui::buffer::Buffer;
use std::io;

/// Alternate screen, cleared, without a cursor; what is pasted comes marked as such (mode 2004), so
/// that it is never taken for keys. The mouse stays the terminal's.
pub const ENTER: &[u8] = b"\x1b[?1049h\x1b[?2004h\x1b[0m\x1b[2J\x1b[?25l";
/// Everything [`ENTER`] and a frame cut short may have left.
pub const LEAVE: &[u8] = b"\x1b[?2026l\x1b[?2004l\x1b[0m\x1b[?25h\x1b[?1049l";

/// Remembers what the terminal shows.
#[derive(Default)]
pub struct Painter {
    shown: Buffer,
}

impl Painter {
    /// The bytes that turn what is shown into `next`; none when nothing differs.
    pub fn paint(&mut self, next: Buffer) -> io::Result<Vec<u8>> {
        let anew = self.shown.area != next.area;
        if anew {
            self.shown = Buffer::empty(next.area);
        }
        let changes = self.shown.diff(&next);
        let mut bytes = Vec::new();
        if !changes.is_empty() || anew {
            bytes.extend_from_slice(b"\x1b[?2026h");
            if anew {
                bytes.extend_from_slice(b"\x1b[0m\x1b[2J");
            }
            CrosstermBackend::new(&mut bytes).draw(changes.into_iter())?;
            bytes.extend_from_slice(b"\x1b[?2026l");
        }
        self.shown = next;
        Ok(bytes)
    }
}

/// The sequence that puts a text on the clipboard of whoever looks (OSC 52), even over SSH.
pub fn osc_52(text: &str) -> String {
    format!("\x1b]52;c;{}\x07", base64(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::layout::Rect;
    use ratatui::style::Style;

    #[test]
    fn what_is_copied_is_one_whole_sequence() {
        assert_eq!(osc_52("web-1"), "\x1b]52;c;d2ViLTE=\x07");
        // Nothing in the text can end it early.
        assert_eq!(osc_52("\x07\x1b\\").matches(['\x07', '\x1b']).count(), 2);
    }

    #[test]
    fn an_unchanged_frame_is_no_bytes_and_a_changed_age_is_few() {
        let area = Rect::new(0, 0, 80, 24);
        let mut buffer = Buffer::empty(area);
        buffer.set_string(70, 3, "3m", Style::new());
        let mut painter = Painter::default();
        assert!(!painter.paint(buffer.clone()).expect("paints").is_empty());
        assert!(painter.paint(buffer.clone()).expect("paints").is_empty());
        buffer.set_string(70, 3, "4m", Style::new());
        let bytes = painter.paint(buffer).expect("paints");
        assert!((1..50).contains(&bytes.len()), "{} bytes", bytes.len());
    }
}
