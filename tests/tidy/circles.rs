//! The engine's passes use one another one way only, and what they stand on uses none of them: a
//! reader can begin at the bottom.

use crate::source::{Fault, Source, check, words};
use std::collections::{BTreeMap, BTreeSet};

const PASSES: &str = "src/engine/pass/";

/// Those that ask the passes: their order, and what the rules say of recorded minutes.
const ABOVE: &[&str] = &["src/engine/mod.rs", "src/engine/plan.rs", "src/engine/whatif.rs"];

/// The engine's floor, which the passes stand on, names none of them.
pub fn below(source: &Source) -> Vec<Fault> {
    let engine = source.path.starts_with("src/engine/") && !source.path.starts_with(PASSES);
    if !engine || ABOVE.contains(&source.path.as_str()) {
        return Vec::new();
    }
    let names = |line: &str| !words(line, "pass").is_empty() && line.contains("pass::");
    source
        .production()
        .filter(|(_, line)| names(line))
        .map(|(index, _)| source.fault(index, "passes stand on this: it names none of them"))
        .collect()
}

/// Passes that use each other, each way round told once.
pub fn circles(house: &[Source]) -> Vec<Fault> {
    let of = |source: &Source| {
        let rest = source.path.strip_prefix(PASSES)?;
        let name = rest.split(['/', '.']).next().unwrap_or(rest);
        (name != "mod").then(|| name.to_owned())
    };
    let passes: BTreeSet<String> = house.iter().filter_map(of).collect();
    let mut uses: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for source in house {
        let Some(name) = of(source).and_then(|name| passes.get(&name)) else { continue };
        let code: String = source.production().map(|(_, line)| line).collect();
        let named = passes.iter().filter(|other| *other != name && imports(&code, other));
        uses.entry(name).or_default().extend(named.map(String::as_str));
    }
    let mut faults = Vec::new();
    for source in house {
        let Some(name) = of(source) else { continue };
        if reaches(&uses, &name, &name) {
            faults.push(source.fault(0, format!("{name} uses a pass that uses it again")));
        }
    }
    faults
}

/// Whether code imports a pass: by its path, or in a list of them.
fn imports(code: &str, pass: &str) -> bool {
    code.match_indices("pass::").any(|(at, found)| {
        let rest = &code[at + found.len()..];
        let list = match rest.strip_prefix('{') {
            Some(list) => &list[..list.find(';').unwrap_or(list.len())],
            None => rest.split([':', ';', '(', ' ']).next().unwrap_or_default(),
        };
        !words(list, pass).is_empty()
    })
}

fn reaches(uses: &BTreeMap<&str, BTreeSet<&str>>, from: &str, to: &str) -> bool {
    let mut seen = BTreeSet::new();
    let mut next: Vec<&str> = uses.get(from).into_iter().flatten().copied().collect();
    while let Some(name) = next.pop() {
        if name == to {
            return true;
        }
        if seen.insert(name) {
            next.extend(uses.get(name).into_iter().flatten());
        }
    }
    false
}

#[test]
fn a_floor_that_names_what_stands_on_it_is_told() {
    let bad = "use crate::engine::pass::drain;\n";
    let told = "1: passes stand on this: it names none of them";
    check(below, "src/engine/draft.rs", bad, &[told]);
    check(below, "src/engine/plan.rs", bad, &[]);
}

#[test]
fn passes_that_use_each_other_are_told() {
    let source = |name: &str, code: &str| Source::new(&format!("{PASSES}{name}"), code);
    let house = [
        source("a.rs", "use crate::engine::pass::{b, d};\n"),
        source("b/mod.rs", "use crate::engine::pass::c::f;\n"),
        source("c.rs", "use crate::engine::pass::a;\n"),
        source("d.rs", "fn a() {}\n"),
    ];
    let told: Vec<String> = circles(&house).iter().map(|fault| fault.path.clone()).collect();
    assert_eq!(told, ["a.rs", "b/mod.rs", "c.rs"].map(|name| format!("{PASSES}{name}")));
}
