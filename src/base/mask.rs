//! Takes hidden values out of what is printed.
//!
//! Output comes in pieces that end anywhere, so a value may be cut in two: what could be the
//! beginning of one is held back until it is known whether it is.

use std::sync::Arc;

/// What stands in the place of a hidden value, whatever its length.
pub const HIDDEN: &str = "***";
/// A line of a value of several lines is hidden by itself from this many bytes on: a shorter one
/// (`{`, `end`) says nothing, and would be taken out of everything.
const LINE_BYTES_MIN: usize = 8;

/// Values that nobody is shown.
#[derive(Clone, Default)]
pub struct Mask {
    /// The longest first; none is empty.
    values: Arc<Vec<Vec<u8>>>,
}

impl Mask {
    /// Hides these values, without the line breaks around them, and their longer lines.
    pub fn new(values: impl IntoIterator<Item = impl AsRef<str>>) -> Mask {
        let mut all: Vec<Vec<u8>> = Vec::new();
        for value in values {
            let whole = value.as_ref().trim_matches(['\r', '\n']);
            let lines = whole.lines().map(str::trim).filter(|line| line.len() >= LINE_BYTES_MIN);
            all.extend([whole].into_iter().chain(lines).map(|text| text.as_bytes().to_vec()));
        }
        all.retain(|value| !value.is_empty());
        all.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        all.dedup();
        Mask { values: Arc::new(all) }
    }

    /// A text without hidden values.
    pub fn text(&self, text: &str) -> String {
        let mut output = MaskedOutput::new(self.clone());
        let mut out = output.push(text.as_bytes());
        out.extend(output.end());
        String::from_utf8_lossy(&out).into_owned()
    }
}

/// Output on its way to whoever reads it.
#[derive(Default)]
pub struct MaskedOutput {
    mask: Mask,
    held: Vec<u8>,
}

impl MaskedOutput {
    /// Nothing has come yet.
    pub fn new(mask: Mask) -> MaskedOutput {
        MaskedOutput { mask, held: Vec::new() }
    }

    /// Takes the next piece; gives what can be shown by now.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        if self.mask.values.is_empty() {
            return bytes.to_vec();
        }
        self.held.extend_from_slice(bytes);
        self.take(false)
    }

    /// There is no more: gives the rest.
    pub fn end(&mut self) -> Vec<u8> {
        self.take(true)
    }

    fn take(&mut self, is_end: bool) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.held.len());
        let mut at = 0;
        while at < self.held.len() {
            match self.look(&self.held[at..], is_end) {
                Found::Nothing => {
                    out.push(self.held[at]);
                    at += 1;
                }
                Found::Value(length) => {
                    out.extend_from_slice(HIDDEN.as_bytes());
                    at += length;
                }
                Found::MayBe => break,
            }
        }
        self.held.drain(..at);
        out
    }

    /// What these bytes begin with.
    fn look(&self, rest: &[u8], is_end: bool) -> Found {
        for value in self.mask.values.iter() {
            if value[0] != rest[0] {
                continue;
            }
            if rest.starts_with(value) {
                return Found::Value(value.len());
            }
            if !is_end && value.starts_with(rest) {
                return Found::MayBe;
            }
        }
        Found::Nothing
    }
}

/// What output begins with.
enum Found {
    Nothing,
    /// A hidden value of this many bytes.
    Value(usize),
    /// Perhaps one, when more has come.
    MayBe,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_hidden_however_they_are_cut() {
        let values = ["hunter2", "hunter2-longer", "a\nsecond line\n}\n", "\n", ""];
        let text = "x hunter2y hunter2-longer hunter2-long second line a } hunt\n";
        let expected = "x ***y *** ***-long *** a } hunt\n";
        assert_eq!(Mask::new(values).text(text), expected);
        for cut in 1..=text.len() {
            let mut output = MaskedOutput::new(Mask::new(values));
            let mut out = Vec::new();
            for piece in text.as_bytes().chunks(cut) {
                out.extend(output.push(piece));
            }
            out.extend(output.end());
            assert_eq!(String::from_utf8(out).unwrap(), expected, "in pieces of {cut}");
        }
    }

    #[test]
    fn what_may_be_the_beginning_of_one_is_held_back() {
        let mut output = MaskedOutput::new(Mask::new(["hunter2"]));
        assert_eq!(output.push(b"so: hunt"), b"so: ");
        assert_eq!(output.push(b"ing"), b"hunting");
        assert_eq!(output.push(b"hunt"), b"");
        assert_eq!(output.end(), b"hunt");
    }

    #[test]
    fn without_values_everything_is_shown_at_once() {
        let mut output = MaskedOutput::new(Mask::new([""]));
        assert_eq!(output.push(b"anything"), b"anything");
        assert_eq!(output.end(), b"");
    }
}
