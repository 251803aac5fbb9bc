//! Free text: the one check of what comes in, and the one escaping of what goes out.
//!
//! Names that Grange gives a meaning to are [`crate::base::Name`]s and have no room for mischief.
//! Everything else people, agents, manifests and clouds may write goes three ways:
//! - [`check`] refuses, where somebody can be told: bodies and queries of the API, manifests.
//! - [`tidy`] makes it harmless, where nobody can be: what an agent or a cloud said.
//! - [`escape`] shows it, wherever text goes out to a terminal, a log or the journal, whatever
//!   is in the store. A text from before there was a check is shown as harmlessly as one from
//!   after it.
//!
//! What is refused and shown as an escape is what no reader sees and what a terminal obeys:
//! control characters (C0, DEL, C1), which move the cursor, rewrite lines and set the clipboard;
//! line and paragraph separators, which forge a line of the audit trail; marks that turn the
//! direction of writing round (CVE-2021-42574, "Trojan Source"); and characters without any
//! width, by which two names that look alike are not the same. The joiners that Persian and
//! Indic scripts and emoji need stay, but not in names.
//!
//! Not here: which field allows what. Each door and verb says so where it reads the field.

use crate::base::Problem;
use std::borrow::Cow;

/// What a text is for, and so what may be in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Names something or is compared: also no joiner, and no space at its ends.
    Word,
    /// One line that people read: a reason, a description.
    Line,
    /// Several lines, parted by `\n` alone.
    Lines,
    /// What programs read: scripts and files, in which lines may be set off by tabs.
    Content,
}

/// Refuses a text that is too long, or has characters that nobody sees or a terminal obeys.
pub fn check(field: &str, text: &str, kind: Kind, bytes_max: usize) -> Result<(), Problem> {
    fault(text, kind, bytes_max).map_or(Ok(()), |fault| Err(Problem::invalid(field, fault)))
}

/// What is wrong with a text and what would be right, for doors that add a place to it.
pub fn fault(text: &str, kind: Kind, bytes_max: usize) -> Option<String> {
    if text.len() > bytes_max {
        return Some(format!("at most {bytes_max} bytes, not {}", text.len()));
    }
    if kind == Kind::Word && text.trim() != text {
        return Some("no space at the beginning or end".to_owned());
    }
    let bad = text.chars().find(|c| match kind {
        Kind::Word => is_hidden(*c) || is_joiner(*c),
        Kind::Line => is_hidden(*c),
        Kind::Lines => is_hidden(*c) && *c != '\n',
        Kind::Content => is_hidden(*c) && !matches!(*c, '\n' | '\t'),
    })?;
    let shown = escape_char(bad);
    Some(match (bad, kind) {
        ('\n', Kind::Word | Kind::Line) => "one line, without a line break".to_owned(),
        _ => format!("only characters that can be seen: {shown} is none"),
    })
}

/// A text that cannot be refused, made harmless: one line of at most `bytes_max` bytes, what
/// nobody would see written as an escape; a cut text ends in `...`.
pub fn tidy(text: &str, bytes_max: usize) -> String {
    // No more is looked at than can be kept.
    let head = cut(text, bytes_max);
    let shown = escape(head.trim());
    if head.len() == text.len() && shown.len() <= bytes_max {
        return shown.into_owned();
    }
    let kept = cut(&shown, bytes_max.saturating_sub(3));
    format!("{kept}...")
}

/// At most so many bytes of a text, never half a character.
pub fn cut(text: &str, bytes_max: usize) -> &str {
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// A text as one line that can be shown: what cannot be seen is written as `\n`, `\u{1b}`.
pub fn escape(text: &str) -> Cow<'_, str> {
    escape_where(text, is_hidden)
}

/// The same, leaving line breaks and tabs as they are: for texts that have lines.
pub fn escape_lines(text: &str) -> Cow<'_, str> {
    escape_where(text, |c| is_hidden(c) && !matches!(c, '\n' | '\t'))
}

/// Bytes that a program printed, as text with lines that can be shown; one that is no UTF-8 is
/// written `\xff`.
pub fn escape_bytes(bytes: &[u8]) -> String {
    let mut shown = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        shown.push_str(&escape_lines(chunk.valid()));
        for byte in chunk.invalid() {
            shown.push_str(&format!("\\x{byte:02x}"));
        }
    }
    shown
}

/// JSON that can be shown: what JSON leaves as it is although nobody sees it is written `\u009b`.
/// It is the same JSON, since outside of its strings there is none of these.
pub fn escape_json(json: &str) -> Cow<'_, str> {
    let hidden = |c: char| !c.is_ascii_control() && is_hidden(c) || c == '\u{7f}';
    if !json.contains(hidden) {
        return Cow::Borrowed(json);
    }
    let mut shown = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if !hidden(c) {
            shown.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            shown.push_str(&format!("\\u{unit:04x}"));
        }
    }
    Cow::Owned(shown)
}

fn escape_where(text: &str, hidden: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match hidden(c) {
            true => shown.push_str(&escape_char(c)),
            false => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

fn escape_char(c: char) -> String {
    match c {
        '\n' => "\\n".to_owned(),
        '\r' => "\\r".to_owned(),
        '\t' => "\\t".to_owned(),
        other => format!("\\u{{{:x}}}", u32::from(other)),
    }
}

/// Whether a character is obeyed by a terminal or seen by nobody (Unicode 16: the general
/// category `Cc`, the bidirectional controls, and `Default_Ignorable_Code_Point` without the
/// joiners and the variation selectors).
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180e}' | '\u{200b}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e00ff}' | '\u{e01f0}'..='\u{e0fff}')
}

/// Whether a character only changes how its neighbours look: of use in a sentence, and a way to
/// make two names that look alike.
fn is_joiner(c: char) -> bool {
    matches!(c, '\u{180b}'..='\u{180d}' | '\u{180f}' | '\u{200c}'..='\u{200d}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_sees_is_refused_with_what_it_is() {
        let good = |kind, text: &str| assert_eq!(fault(text, kind, 40), None, "{text:?}");
        let bad = |kind, text: &str, why: &str| {
            assert_eq!(fault(text, kind, 40).as_deref(), Some(why), "{text:?}");
        };
        good(Kind::Line, "disk swap, 14:00 (größer) \u{2764}\u{fe0f}");
        good(Kind::Line, "نمی\u{200c}خواهم");
        good(Kind::Lines, "one\ntwo");
        good(Kind::Content, "all:\n\tcc x.c\n");
        bad(Kind::Content, "a\u{1b}b", "only characters that can be seen: \\u{1b} is none");
        good(Kind::Word, "eu-west 1");
        bad(Kind::Line, "a\nb", "one line, without a line break");
        bad(Kind::Lines, "a\r\nb", "only characters that can be seen: \\r is none");
        bad(Kind::Word, "a\u{200d}b", "only characters that can be seen: \\u{200d} is none");
        bad(Kind::Word, " a", "no space at the beginning or end");
        bad(Kind::Line, &"x".repeat(41), "at most 40 bytes, not 41");
        for hidden in [
            '\0',
            '\t',
            '\u{7}',
            '\u{8}',
            '\u{1b}',
            '\u{7f}',
            '\u{80}',
            '\u{85}',
            '\u{9b}',
            '\u{9d}',
            '\u{200b}',
            '\u{200e}',
            '\u{2028}',
            '\u{2029}',
            '\u{202e}',
            '\u{2060}',
            '\u{2066}',
            '\u{feff}',
            '\u{ad}',
            '\u{e0041}',
        ] {
            for kind in [Kind::Word, Kind::Line, Kind::Lines] {
                let text = format!("a{hidden}b");
                assert!(fault(&text, kind, 40).is_some(), "{text:?} {kind:?}");
                assert!(!escape(&text).contains(hidden));
                assert!(!tidy(&text, 40).contains(hidden));
            }
        }
    }

    #[test]
    fn what_goes_out_is_one_line_that_can_be_read() {
        let check = |text: &str, shown: &str| assert_eq!(escape(text), shown);
        check("as it is: größer", "as it is: größer");
        check("a\u{1b}[2Jb\nc\td\re", "a\\u{1b}[2Jb\\nc\\td\\re");
        check("\u{9b}31m\u{202e}", "\\u{9b}31m\\u{202e}");
        assert_eq!(escape_lines("a\n\tb\r\u{1b}"), "a\n\tb\\r\\u{1b}");
        assert!(matches!(escape("plain"), Cow::Borrowed(_)));
    }

    #[test]
    fn json_stays_the_same_json() {
        let value = serde_json::json!({"a": "x\u{1b}\u{7f}\u{9b}\u{202e}\u{e0041}\n", "b": "ü"});
        let text = serde_json::to_string_pretty(&value).unwrap();
        let shown = escape_json(&text);
        assert!(!shown.contains(|c| is_hidden(c) && c != '\n'), "{shown}");
        assert!(shown.contains("\\udb40\\udc41") && shown.contains("ü"), "{shown}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
    }

    #[test]
    fn bytes_of_a_program_are_shown_harmlessly() {
        let check = |bytes: &[u8], shown: &str| assert_eq!(escape_bytes(bytes), shown);
        check(b"", "");
        check("a\u{e9}\n\tb".as_bytes(), "a\u{e9}\n\tb");
        check(b"a\0b\x1b[2J\r\n", "a\\u{0}b\\u{1b}[2J\\r\n");
        check(b"\xff\xfea\xc3", "\\xff\\xfea\\xc3");
        check("\u{202e}".as_bytes(), "\\u{202e}");
    }

    #[test]
    fn what_cannot_be_refused_is_made_harmless() {
        let check = |text: &str, max, tidied: &str| assert_eq!(tidy(text, max), tidied);
        check("connection refused", 40, "connection refused");
        check(" no\nsuch\u{1b} port \n", 40, "no\\nsuch\\u{1b} port");
        check("0123456789", 8, "01234...");
        check("ääääääää", 8, "ää...");
        check("\u{1b}\u{1b}\u{1b}", 8, "\\u{1b...");
        assert!(tidy(&"\u{1b}".repeat(1_000_000), 100).len() <= 100);
    }
}
