//! Rooms of many nouns are divided the same way, so that whoever knows one floor knows all.

use crate::source::{Fault, Source, check};

/// The areas, as `DESIGN.md` lists them.
const AREAS: &[&str] = &[
    "farms",
    "servers",
    "plans",
    "clouds",
    "agents",
    "access",
    "readings",
    "orchestration",
    "governance",
    "journal",
    "appliance",
];

/// What is divided by now, and what lies beside the areas there since all of them use it. To come:
/// `model/`, `wire/api/`, `api/routes/`, `store/records/`, `client/`, `cli/`, `tui/view/`.
const DIVIDED: &[(&str, &[&str])] =
    &[("src/service/", &["lib", "mod", "lookup", "observed", "views"])];

/// A divided room holds areas, and nothing else without a reason.
pub fn areas(source: &Source) -> Vec<Fault> {
    let room = DIVIDED.iter().find_map(|(room, beside)| {
        source.path.strip_prefix(room).map(|rest| (*room, *beside, rest))
    });
    let Some((room, beside, rest)) = room else { return Vec::new() };
    let name = rest.split('/').next().unwrap_or(rest).trim_end_matches(".rs");
    if AREAS.contains(&name) || beside.contains(&name) {
        return Vec::new();
    }
    let said = format!("{name} is no area: what is in {room} lies in one of {}", AREAS.join(", "));
    vec![source.fault(0, said)]
}

#[test]
fn what_lies_beside_the_areas_is_told() {
    let told = "1: holds is no area: what is in src/service/ lies in one of farms, servers, plans, \
                clouds, agents, access, readings, orchestration, governance, journal, appliance";
    check(areas, "src/service/holds.rs", "fn f() {}\n", &[told]);
    check(areas, "src/service/plans/holds.rs", "fn f() {}\n", &[]);
    check(areas, "src/service/lookup.rs", "fn f() {}\n", &[]);
    check(areas, "src/store/place.rs", "fn f() {}\n", &[]);
}
