//! What scalars of a role mean: paths on a server, users, words of a command, modes.

use super::super::fault::{quote, suggest};
use super::super::section::Meaning;
use super::super::tree::Tree;
use super::super::value::{port, scalar};
use crate::base::limit::ROLE_TEXT_BYTES_MAX;
use crate::base::text::{self, Kind};
use std::collections::BTreeMap;

/// Bytes of a path, below what any file system takes.
const PATH_BYTES_MAX: usize = 500;

/// A script, a file's content: not empty, with lines and tabs.
pub fn content(tree: &Tree) -> Meaning<String> {
    let (text, _) = scalar(tree, "a text")?;
    match text::fault(text, Kind::Content, ROLE_TEXT_BYTES_MAX) {
        Some(fault) => Err(fault),
        None => Ok(text.to_owned()),
    }
}

/// A script that does something.
pub fn script(tree: &Tree) -> Meaning<String> {
    match content(tree)? {
        text if text.trim().is_empty() => Err("a command that is empty".to_owned()),
        text => Ok(text),
    }
}

/// A word of a command. It may be empty where it is not the first.
pub fn argument(tree: &Tree) -> Meaning<String> {
    content(tree)
}

/// The value of a variable.
pub fn variable(tree: &Tree) -> Meaning<String> {
    content(tree)
}

/// The name of a variable of an environment.
pub fn variable_name(text: &str) -> Meaning<()> {
    let good = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    match begins && text.len() <= 200 && text.chars().all(good) {
        true => Ok(()),
        false => Err(format!("{} is not a variable's name, such as MODE", quote(text))),
    }
}

/// The name of a port: one that a template can say as `ports.http`.
pub fn port_name(text: &str) -> Meaning<()> {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let begins = text.starts_with(|c: char| c.is_ascii_lowercase());
    match begins && text.len() <= 40 && text.chars().all(good) {
        true => Ok(()),
        false => {
            let what = quote(text);
            Err(format!("{what} is not a port's name: small letters, digits and '_', as http"))
        }
    }
}

/// A port by its name in the role, or by its number.
pub fn port_of(tree: &Tree, ports: &BTreeMap<String, u16>) -> Meaning<u16> {
    let (text, plain) = scalar(tree, "a port's name or number")?;
    if let Some(number) = ports.get(text) {
        return Ok(*number);
    }
    if plain && text.bytes().all(|b| b.is_ascii_digit()) {
        return port(tree);
    }
    if ports.is_empty() {
        return Err(format!("no port {}: say which under ports, or write its number", quote(text)));
    }
    let known: Vec<&str> = ports.keys().map(String::as_str).collect();
    Err(format!("no port {} under ports: {}", quote(text), suggest(text, &known)))
}

/// A user of the server's system.
pub fn user(tree: &Tree) -> Meaning<String> {
    let (text, _) = scalar(tree, "a user's name")?;
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    match begins && text.len() <= 32 && text.chars().all(good) {
        true => Ok(text.to_owned()),
        false => Err(format!("{} is not a user's name, such as www-data", quote(text))),
    }
}

/// An absolute path on a server, in its one form.
pub fn absolute(tree: &Tree) -> Meaning<String> {
    let (text, _) = scalar(tree, "a path")?;
    let rest = text.strip_prefix('/');
    match rest.is_some_and(is_plain) && text::fault(text, Kind::Word, PATH_BYTES_MAX).is_none() {
        true => Ok(text.to_owned()),
        false => Err(format!(
            "{} is not an absolute path such as /etc/my-api.conf, without . and ..",
            quote(text)
        )),
    }
}

/// A path of a file in the manifest's directory or below.
pub fn beside(tree: &Tree) -> Meaning<String> {
    let (text, _) = scalar(tree, "a file")?;
    match is_plain(text) && text::fault(text, Kind::Word, PATH_BYTES_MAX).is_none() {
        true => Ok(text.to_owned()),
        false => Err(format!(
            "{} is not a file beside the manifest, such as files/app.conf, without . and ..",
            quote(text)
        )),
    }
}

fn is_plain(path: &str) -> bool {
    path.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

/// Permission bits as people write them: `0640`.
pub fn mode(tree: &Tree) -> Meaning<u32> {
    let (text, _) = scalar(tree, "a mode")?;
    let octal = matches!(text.len(), 3 | 4) && text.bytes().all(|b| matches!(b, b'0'..=b'7'));
    match u32::from_str_radix(text, 8) {
        Ok(mode) if octal => Ok(mode),
        _ => Err(format!("{} is not a mode: three or four octal digits, as 0640", quote(text))),
    }
}

/// A platform's name for an image.
pub fn image_name(tree: &Tree) -> Meaning<String> {
    let (text, _) = scalar(tree, "an image")?;
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | ':');
    match !text.is_empty() && text.len() <= 200 && text.chars().all(good) {
        true => Ok(text.to_owned()),
        false => {
            let what = quote(text);
            Err(format!("{what} is not 1 to 200 letters, digits, '-', '_', '.', ':' and '/'"))
        }
    }
}
