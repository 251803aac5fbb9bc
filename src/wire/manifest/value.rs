//! What scalars mean: names, counts, lengths of time, sizes, paths.
//!
//! Strict where leniency would guess: a number is plain digits, a length of time and a size carry
//! their unit, a yes is `true`. Every message says what would be right.

use super::fault::{quote, suggest};
use super::section::Meaning;
use super::tree::{Kind, Tree};
use crate::base::{Millis, Name, text};
use std::ops::RangeInclusive;

/// Free text that is not empty, of at most `max` bytes.
pub(super) fn text(tree: &Tree, kind: text::Kind, max: usize) -> Meaning<String> {
    let (text, _) = scalar(tree, "a text")?;
    match text::fault(text, kind, max) {
        _ if text.is_empty() => Err("a text that is empty".into()),
        Some(fault) => Err(fault),
        None => Ok(text.to_owned()),
    }
}

/// A name of ours.
pub(super) fn name(tree: &Tree) -> Meaning<Name> {
    let (text, _) = scalar(tree, "a name")?;
    Name::new(text).map_err(|error| error.to_string())
}

/// The name of a farm: one that is not like a server's id.
pub(super) fn farm(tree: &Tree) -> Meaning<Name> {
    let name = name(tree)?;
    match name.is_like_an_id() {
        true => Err("this is like the id of a server: take another name".to_owned()),
        false => Ok(name),
    }
}

/// A word as platforms use them for themselves, their locations and sizes: `t3.micro`.
pub(super) fn word(tree: &Tree) -> Meaning<String> {
    let (text, _) = scalar(tree, "a word")?;
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    if text.is_empty() || text.len() > 120 || !text.chars().all(good) {
        let what = quote(text);
        return Err(format!("{what} is not 1 to 120 letters, digits, '-', '_', '.' and '/'"));
    }
    Ok(text.to_owned())
}

/// `true` or `false`.
pub(super) fn yes_or_no(tree: &Tree) -> Meaning<bool> {
    match scalar(tree, "true or false")? {
        ("true", true) => Ok(true),
        ("false", true) => Ok(false),
        (text, _) => Err(format!("expected true or false, found {}", quote(text))),
    }
}

/// A whole number within bounds.
pub(super) fn number(tree: &Tree, range: RangeInclusive<u32>) -> Meaning<u32> {
    let (low, high) = (*range.start(), *range.end());
    let (text, plain) = scalar(tree, "a whole number")?;
    let digits = text.strip_prefix('-').unwrap_or(text);
    if !plain || digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(format!("expected a whole number from {low} to {high}, found {}", quote(text)));
    }
    match text.parse::<u32>() {
        Ok(number) if range.contains(&number) => Ok(number),
        _ => Err(format!("{} is not within {low} to {high}", shorten(text))),
    }
}

/// A TCP port.
pub(super) fn port(tree: &Tree) -> Meaning<u16> {
    let number = number(tree, 1..=u32::from(u16::MAX))?;
    Ok(u16::try_from(number).unwrap_or(u16::MAX))
}

/// A bound of a scaling rule: a number, perhaps with decimals, not negative.
pub(super) fn bound(tree: &Tree) -> Meaning<f64> {
    let (text, plain) = scalar(tree, "a number")?;
    let shaped = plain
        && text.len() <= 20
        && text.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        && text.bytes().any(|b| b.is_ascii_digit());
    match text.parse::<f64>() {
        Ok(number) if shaped => Ok(number),
        _ => Err(format!("expected a number such as 60 or 1.5, found {}", quote(text))),
    }
}

/// A length of time within bounds, as `500ms`, `60s`, `5m`, `2h`.
pub(super) fn duration(tree: &Tree, range: RangeInclusive<Millis>) -> Meaning<Millis> {
    let (text, _) = scalar(tree, "a length of time")?;
    let units = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)];
    let length = with_unit(text, &units, "a length of time such as 500ms, 60s, 5m or 2h")?;
    if range.contains(&length) {
        return Ok(length);
    }
    let (low, high) = (short(*range.start()), short(*range.end()));
    Err(format!("{} is not within {low} to {high}", shorten(text)))
}

/// A size in bytes within bounds, as `512MiB`, `1GiB`.
pub(super) fn size(tree: &Tree, range: RangeInclusive<u64>) -> Meaning<u64> {
    let (text, _) = scalar(tree, "a size")?;
    let units = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40)];
    let bytes = with_unit(text, &units, "a size such as 512MiB, 1GiB or 2TiB")?;
    if range.contains(&bytes) {
        return Ok(bytes);
    }
    let mib = |bytes: u64| format!("{} MiB", bytes >> 20);
    let (low, high) = (mib(*range.start()), mib(*range.end()));
    Err(format!("{} is not within {low} to {high}", shorten(text)))
}

/// One of some words, each with its meaning.
pub(super) fn one_of<T: Copy>(tree: &Tree, choices: &[(&'static str, T)]) -> Meaning<T> {
    let (text, _) = scalar(tree, "a word")?;
    if let Some((_, meaning)) = choices.iter().find(|(word, _)| *word == text) {
        return Ok(*meaning);
    }
    let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
    Err(format!("{} is not known: {}", quote(text), suggest(text, &words)))
}

/// A directory for a data volume: absolute, plain, and not one the system lives in.
pub(super) fn mount_point(tree: &Tree) -> Meaning<String> {
    const SYSTEM: [&str; 10] =
        ["proc", "sys", "dev", "etc", "usr", "bin", "sbin", "lib", "lib64", "run"];
    let (text, _) = scalar(tree, "a directory")?;
    let mut parts = text.split('/');
    let absolute = parts.next() == Some("") && text.len() > 1 && text.len() <= 200;
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let plain = |p: &str| !matches!(p, "" | "." | "..") && p.chars().all(good);
    if !absolute || !parts.clone().all(plain) {
        let what = quote(text);
        return Err(format!("{what} is not an absolute directory such as /data"));
    }
    if parts.next().is_some_and(|first| SYSTEM.contains(&first)) {
        return Err(format!("{} belongs to the server's system: use /data or /srv", quote(text)));
    }
    Ok(text.to_owned())
}

/// The path of a URL.
pub(super) fn url_path(tree: &Tree) -> Meaning<String> {
    let (text, _) = scalar(tree, "a path")?;
    // What is neither printable nor ASCII could end the line of a balancer's configuration.
    let good = |b: u8| b.is_ascii_graphic() && !matches!(b, b'"' | b'\'' | b'\\' | b'#' | b'`');
    if text.starts_with('/') && text.len() <= 200 && text.bytes().all(good) {
        return Ok(text.to_owned());
    }
    Err(format!("{} is not a URL path such as /healthz", quote(text)))
}

/// A scalar's text, and whether it was written without quotes.
pub(super) fn scalar<'t>(tree: &'t Tree, expected: &str) -> Meaning<(&'t str, bool)> {
    match &tree.kind {
        Kind::Scalar { text, plain } => Ok((text, *plain)),
        Kind::Map(_) | Kind::List(_) | Kind::Faulty => {
            Err(format!("expected {expected}, found {}", tree.what()))
        }
    }
}

fn with_unit(text: &str, units: &[(&str, u64)], expected: &str) -> Meaning<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    if number.is_empty() {
        return Err(format!("expected {expected}, found {}", quote(text)));
    }
    let Some((_, factor)) = units.iter().find(|(name, _)| *name == unit.trim_start()) else {
        return Err(format!("{} has no unit that is known: write {expected}", quote(text)));
    };
    // What does not fit is beyond every range there is.
    Ok(number.parse::<u64>().ok().and_then(|n| n.checked_mul(*factor)).unwrap_or(u64::MAX))
}

fn shorten(text: &str) -> String {
    quote(text).trim_matches('"').to_owned()
}

pub(super) fn short(length: Millis) -> String {
    match length {
        0 => "0s".into(),
        ms if ms % 3_600_000 == 0 => format!("{}h", ms / 3_600_000),
        ms if ms % 60_000 == 0 => format!("{}m", ms / 60_000),
        ms => format!("{}s", ms / 1000),
    }
}
