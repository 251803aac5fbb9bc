//! Who may use whom: a room uses lower floors and itself; some rooms are on a diet besides.

use crate::source::{Fault, Source, check};

/// The floors, from the ground up. `main` is the binaries, above everybody.
const FLOORS: &[&[&str]] = &[
    &["base"],
    &["model", "net"],
    &["engine", "automation", "wire"],
    &["store", "series", "search", "broker", "clouds", "pki", "client"],
    &["service"],
    &["jobs", "replica"],
    &["api", "ssh", "cli", "tui", "agent", "appliance"],
    &["boot"],
    &["main", "bin"],
];

/// Rooms that may use less than their floor would allow, and why it is so: what runs on a server
/// or at a desk must not drag the appliance in.
const DIETS: &[(&str, &[&str])] = &[
    ("agent", &["base", "model", "wire", "net"]),
    ("tui", &["base", "model", "wire", "client"]),
    ("cli", &["base", "model", "wire", "client"]),
    ("api", &["base", "model", "wire", "net", "service"]),
];

/// Doors are strangers to one another, but an SSH session opens the others.
const EXCEPTIONS: &[(&str, &str)] = &[("ssh", "tui"), ("ssh", "cli")];

fn floor(room: &str) -> Option<usize> {
    FLOORS.iter().position(|rooms| rooms.contains(&room))
}

/// A room uses only lower floors, and itself.
pub fn floors(source: &Source) -> Vec<Fault> {
    let Some(room) = source.room().filter(|room| *room != "lib") else { return Vec::new() };
    let Some(own) = floor(room) else {
        let said = format!("room {room} has no floor: give it one in tests/tidy/floors.rs");
        return vec![source.fault(0, said)];
    };
    let mut faults = Vec::new();
    for (line, used) in uses(source) {
        if used == room || EXCEPTIONS.contains(&(room, used.as_str())) {
            continue;
        }
        match floor(&used) {
            Some(theirs) if theirs < own => {}
            Some(theirs) => faults.push(source.fault(
                line,
                format!("{room} (floor {own}) uses {used} (floor {theirs}): only lower floors"),
            )),
            None => faults.push(source.fault(line, format!("there is no room {used}"))),
        }
    }
    faults
}

/// Some rooms use less than their floor allows.
pub fn diets(source: &Source) -> Vec<Fault> {
    let room = source.room().unwrap_or_default();
    let Some((_, allowed)) = DIETS.iter().find(|(name, _)| *name == room) else {
        return Vec::new();
    };
    let allowed_text = allowed.join(", ");
    uses(source)
        .into_iter()
        .filter(|(_, used)| used != room && !allowed.contains(&used.as_str()))
        .map(|(line, used)| {
            source.fault(line, format!("{room} uses {used}: it may use only {allowed_text}"))
        })
        .collect()
}

/// Rooms named after `crate::` (in a binary, `grange::`), with the line of each.
fn uses(source: &Source) -> Vec<(usize, String)> {
    let whole = source.code.join("\n");
    let binary = matches!(source.room(), Some("main" | "bin"));
    let roots: &[&str] = if binary { &["crate::", "grange::"] } else { &["crate::"] };
    let mut found = Vec::new();
    for root in roots {
        for (at, _) in whole.match_indices(root) {
            let line = whole[..at].matches('\n').count();
            let rest = &whole[at + root.len()..];
            match rest.strip_prefix('{') {
                Some(group) => found.extend(heads(group).into_iter().map(|(i, n)| (line + i, n))),
                None => found.push((line, head(rest))),
            }
        }
    }
    found.retain(|(_, name)| !name.is_empty());
    found
}

/// The first name of each path in `{a::b, c::{d, e}}`, after its opening brace.
fn heads(group: &str) -> Vec<(usize, String)> {
    let (mut found, mut depth, mut line, mut fresh) = (Vec::new(), 0, 0, true);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => fresh = true,
            '\n' => line += 1,
            c if fresh && !c.is_whitespace() => {
                found.push((line, head(&group[at..])));
                fresh = false;
            }
            _ => {}
        }
    }
    found
}

fn head(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

#[test]
fn a_room_that_reaches_up_or_sideways_is_told() {
    check(
        floors,
        "src/model/farm.rs",
        "use crate::base::Name;\nuse crate::{\n    base::{Seq, Code},\n    store::Store,\n};\n",
        &["4: model (floor 1) uses store (floor 3): only lower floors"],
    );
    check(
        floors,
        "src/series/mod.rs",
        "fn f() { crate::broker::g() } // crate::api is only said\n",
        &["1: series (floor 3) uses broker (floor 3): only lower floors"],
    );
    check(floors, "src/engine/x.rs", "use crate::attic::Y;\n", &["1: there is no room attic"]);
    check(floors, "src/ssh/mod.rs", "use crate::tui::run;\nuse crate::cli;\n", &[]);
    check(floors, "src/main.rs", "fn main() { grange::boot::main() }\n", &[]);
    check(
        floors,
        "src/attic/mod.rs",
        "//! Dusty.\n",
        &["1: room attic has no floor: give it one in tests/tidy/floors.rs"],
    );
}

#[test]
fn a_room_that_eats_off_its_diet_is_told() {
    check(
        diets,
        "src/agent/mod.rs",
        "use crate::net::Tls;\nuse crate::agent::x;\nuse crate::store::Store;\n",
        &["3: agent uses store: it may use only base, model, wire, net"],
    );
    check(diets, "src/boot/mod.rs", "use crate::store::Store;\n", &[]);
}
