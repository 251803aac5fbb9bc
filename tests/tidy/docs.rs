//! What every file and every public item says of itself.

use crate::source::{Fault, Source, check, words};

const ITEMS: &[&str] = &[
    "pub fn ",
    "pub async fn ",
    "pub unsafe fn ",
    "pub const ",
    "pub static ",
    "pub struct ",
    "pub enum ",
    "pub union ",
    "pub trait ",
    "pub type ",
];

/// `//!` opens every file: what it is for, and why.
pub fn opening(source: &Source) -> Vec<Fault> {
    let first = source.lines.first().map(String::as_str).unwrap_or_default();
    if first.starts_with("//! ") {
        return Vec::new();
    }
    vec![source.fault(0, "a file opens with `//!` and what it is for")]
}

/// A public item has a doc comment: its meaning, units, errors.
pub fn public_items(source: &Source) -> Vec<Fault> {
    if !source.path.starts_with("src/") {
        return Vec::new();
    }
    let mut faults = Vec::new();
    for (index, line) in source.production() {
        let Some(item) = ITEMS.iter().find(|item| line.trim_start().starts_with(**item)) else {
            continue;
        };
        if !documented(source, index) {
            let name: String = line.trim_start()[item.len()..]
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            faults.push(source.fault(index, format!("`{}{name}` has no doc comment", item)));
        }
    }
    faults
}

/// Looks above an item, past its attributes, for its comment.
fn documented(source: &Source, item: usize) -> bool {
    let mut index = item;
    while index > 0 {
        index -= 1;
        let line = source.lines[index].trim();
        if line.starts_with("///") || line.starts_with("#[doc") || line.starts_with("$(#[$") {
            return true;
        }
        // An attribute over several lines is passed from its end to its beginning.
        if line.ends_with(']') && !line.starts_with("#[") {
            while index > 0 && !source.lines[index].trim().starts_with("#[") {
                index -= 1;
            }
        } else if !line.starts_with("#[") {
            return false;
        }
    }
    false
}

/// A file that cannot do without `unsafe` says why in its first line.
pub fn reasons_for_unsafe(source: &Source) -> Vec<Fault> {
    let first = source.lines.first().map(String::as_str).unwrap_or_default();
    if first.starts_with("//!") && first.contains("unsafe") {
        return Vec::new();
    }
    source
        .code
        .iter()
        .enumerate()
        .filter(|(_, line)| !words(line, "unsafe").is_empty())
        .map(|(index, _)| source.fault(index, "unsafe, and the file's first line does not say why"))
        .collect()
}

#[test]
fn silence_is_told() {
    let message = "1: a file opens with `//!` and what it is for";
    check(opening, "src/a/b.rs", "use std::fmt;\n", &[message]);
    check(opening, "src/a/b.rs", "//!\n", &[message]);
    check(opening, "src/a/b.rs", "//! Farms.\n", &[]);

    check(
        public_items,
        "src/a/b.rs",
        "/// Said.\n#[derive(\n    Clone,\n)]\npub struct A;\n\npub fn b() {}\n\
         #[cfg(test)]\npub fn c() {}\n",
        &["7: `pub fn b` has no doc comment"],
    );

    check(
        reasons_for_unsafe,
        "src/a/b.rs",
        "//! Farms.\n#![allow(unsafe_code)]\nunsafe { f() } // unsafe\n",
        &["3: unsafe, and the file's first line does not say why"],
    );
    check(
        reasons_for_unsafe,
        "src/a/b.rs",
        "//! unsafe here: clone(2) has no safe wrapper that shares nothing.\nunsafe { f() }\n",
        &[],
    );
}
