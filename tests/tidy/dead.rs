//! Files nobody reaches: a module that no `mod` names is compiled by nobody.

use crate::source::{Fault, Source};
use std::collections::{BTreeMap, BTreeSet};

/// Every file is a root or named by a `mod` of a file that is reached.
pub fn dead_files(house: &[Source]) -> Vec<Fault> {
    let links = links(house);
    let roots: BTreeSet<&str> = house.iter().map(|s| s.path.as_str()).filter(|p| root(p)).collect();
    let reached = reach(&links, roots.iter().map(|r| (*r).to_owned()).collect());
    house
        .iter()
        .filter(|source| !reached.contains(&source.path))
        .map(|source| source.fault(0, "no `mod` reaches this file"))
        .collect()
}

/// Files that only a `#[cfg(test)] mod` reaches, and what they reach.
pub fn test_only_files(house: &[Source]) -> BTreeSet<String> {
    let links = links(house);
    let begun = links.values().flatten().filter(|link| link.test).map(|link| link.to.clone());
    reach(&links, begun.collect())
}

struct Link {
    to: String,
    test: bool,
}

fn root(path: &str) -> bool {
    let named = matches!(path, "src/lib.rs" | "src/main.rs");
    let depth = path.matches('/').count();
    // Each room is a crate.
    let of_a_room = path.starts_with("src/") && depth == 2 && path.ends_with("/lib.rs");
    named
        || of_a_room
        || (path.starts_with("src/bin/") && depth == 2)
        || (path.starts_with("tests/") && depth == 1)
        || (path.starts_with("tests/bench/") && depth == 2)
}

fn reach(links: &BTreeMap<String, Vec<Link>>, from: BTreeSet<String>) -> BTreeSet<String> {
    let mut open: Vec<String> = from.iter().cloned().collect();
    let mut reached = from;
    while let Some(path) = open.pop() {
        for link in links.get(&path).into_iter().flatten() {
            if reached.insert(link.to.clone()) {
                open.push(link.to.clone());
            }
        }
    }
    reached
}

/// The files each file's `mod` lines name, whether or not they are there.
fn links(house: &[Source]) -> BTreeMap<String, Vec<Link>> {
    let there: BTreeSet<&str> = house.iter().map(|s| s.path.as_str()).collect();
    let mut links: BTreeMap<String, Vec<Link>> = BTreeMap::new();
    for source in house {
        for (index, line) in source.code.iter().enumerate() {
            let Some(name) = declared(line) else { continue };
            let to = match path_attribute(source, index) {
                Some(path) => format!("{}/{path}", folder(&source.path)),
                None => {
                    let inside = children(&source.path);
                    let file = format!("{inside}/{name}.rs");
                    let room = format!("{inside}/{name}/mod.rs");
                    if there.contains(file.as_str()) { file } else { room }
                }
            };
            links
                .entry(source.path.clone())
                .or_default()
                .push(Link { to, test: source.test[index] });
        }
    }
    links
}

/// The name in `mod name;`, whoever may see it.
fn declared(line: &str) -> Option<&str> {
    let line = line.trim();
    let line =
        line.strip_prefix("pub(crate) ").or(line.strip_prefix("pub(super) ")).unwrap_or(line);
    let line = line.strip_prefix("pub ").unwrap_or(line);
    line.strip_prefix("mod ")?.strip_suffix(';')
}

fn path_attribute(source: &Source, index: usize) -> Option<&str> {
    let above = source.lines.get(index.checked_sub(1)?)?.trim();
    above.strip_prefix("#[path = \"")?.strip_suffix("\"]")
}

fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Where a file's modules are: beside a root or a `mod.rs`, else in a folder of its name.
fn children(path: &str) -> &str {
    if root(path) || path.ends_with("/mod.rs") {
        folder(path)
    } else {
        path.trim_end_matches(".rs")
    }
}

#[test]
fn a_file_that_no_mod_names_is_told() {
    let house = [
        Source::new("src/lib.rs", "pub mod a;\n"),
        Source::new("src/a/mod.rs", "mod b;\n#[cfg(test)]\nmod c;\n// mod d;\n"),
        Source::new("src/a/b.rs", "pub(crate) mod e;\n"),
        Source::new("src/a/b/e.rs", ""),
        Source::new("src/a/c.rs", ""),
        Source::new("src/a/d.rs", ""),
        Source::new("tests/x.rs", "#[path = \"x/y.rs\"]\nmod z;\n"),
        Source::new("tests/x/y.rs", ""),
    ];
    let said: Vec<String> = dead_files(&house).iter().map(Fault::to_string).collect();
    assert_eq!(said, ["src/a/d.rs:1: no `mod` reaches this file"]);
    let tests: Vec<String> =
        test_only_files(&house).into_iter().filter(|p| p.starts_with("src")).collect();
    assert_eq!(tests, ["src/a/c.rs"]);
}
