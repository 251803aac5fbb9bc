//! Text for cells: widths, fitting, wrapping, coarse ages.

use crate::base::{Millis, Timestamp};
use ratatui::text::Span;

/// Columns a text takes.
pub fn width(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { Span::raw(text).width() }
}

/// The text in at most `columns`; what does not fit ends in `~`, which every terminal has.
pub fn fit(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut used = 0;
    for c in text.chars() {
        let wide = width(c.encode_utf8(&mut [0; 4]));
        if used + wide + 1 > columns {
            break;
        }
        kept.push(c);
        used += wide;
    }
    if columns > 0 {
        kept.push('~');
    }
    kept
}

/// The text in lines of at most `columns`, broken at spaces where there are any.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(1);
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let mut word = word.to_owned();
        if !line.is_empty() && width(&line) + 1 + width(&word) > columns {
            lines.push(std::mem::take(&mut line));
        }
        while width(&word) > columns {
            let cut = word
                .char_indices()
                .map(|(at, c)| at + c.len_utf8())
                .take_while(|end| width(&word[..*end]) <= columns)
                .last()
                .unwrap_or(word.len());
            let rest = word.split_off(cut);
            lines.push(std::mem::replace(&mut word, rest));
            if word.is_empty() {
                break;
            }
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&word);
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

/// An age that rarely changes: steps of ten seconds in the first minute, then whole minutes,
/// hours, days. A screen that counts seconds repaints each second.
pub fn age(length: Millis) -> String {
    let s = length / 1000;
    match s {
        0..10 => "<10s".into(),
        10..60 => format!("{}s", s / 10 * 10),
        60..3600 => format!("{}m", s / 60),
        3600..86_400 => format!("{}h", s / 3600),
        _ => format!("{}d", s / 86_400),
    }
}

/// The age of a moment, both in ms UTC.
pub fn age_of(now: i64, then: i64) -> String {
    age(Timestamp(now).since(Timestamp(then)))
}

/// `14:03` UTC.
pub fn hour(at: i64) -> String {
    Timestamp(at).to_string().get(11..16).unwrap_or_default().to_owned()
}

/// `14:03:27` UTC when it was within the last 20 hours, else `11-21 14:03`.
pub fn moment(now: i64, at: i64) -> String {
    let whole = Timestamp(at).to_string();
    let recent = Timestamp(now).since(Timestamp(at)) < 20 * 3_600_000;
    let part = if recent { whole.get(11..19) } else { whole.get(5..16) };
    part.unwrap_or_default().replace('T', " ")
}

/// An RFC 3339 moment as ms UTC.
pub fn parse_moment(text: &str) -> Option<i64> {
    text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond)
}

/// Whether a farm's status says that it is stopped and its servers are kept.
pub fn is_stopped(status: &str) -> bool {
    matches!(status, "suspended" | "pending_suspend")
}

/// `1 server`, `3 servers`.
pub fn count(n: u64, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_fit() {
        let check = |text: &str, columns, fitted: &str| assert_eq!(fit(text, columns), fitted);
        check("web-1", 5, "web-1");
        check("web-12", 5, "web-~");
        check("日本語", 5, "日本~");
        check("日本語", 4, "日~");
        check("web", 1, "~");
        check("web", 0, "");
    }

    #[test]
    fn texts_wrap() {
        let check = |text: &str, columns, lines: &[&str]| assert_eq!(wrap(text, columns), lines);
        check("cpu is above 60", 8, &["cpu is", "above 60"]);
        check("abcdefghij k", 4, &["abcd", "efgh", "ij k"]);
        check("", 4, &[""]);
        check("日本語", 1, &["日本語"]);
    }

    #[test]
    fn ages_are_coarse() {
        let check = |ms, text: &str| assert_eq!(age(ms), text);
        check(3_000, "<10s");
        check(19_999, "10s");
        check(60_000, "1m");
        check(3_599_000, "59m");
        check(7_200_000, "2h");
        check(200_000_000, "2d");
    }
}
