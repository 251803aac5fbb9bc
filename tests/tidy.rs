//! The house rules, as tests.
//!
//! `DESIGN.md` draws the floors and says which room may know what; here that is checked on every
//! file, so that a line in the wrong room fails before a person has to notice. A rule is a
//! function from a [`Source`] to its faults (`dead` and `circles` look at the whole house), and
//! each is itself tested on a snippet that breaks it, with the message compared: a rule that never
//! fires is worse than none.
//!
//! To add a rule: a function in one of the modules below, its line in [`RULES`], and a bad
//! snippet beside it. Reading order: `source` (what a rule sees), then any of the others.

#[path = "tidy/areas.rs"]
mod areas;
#[path = "tidy/circles.rs"]
mod circles;
#[path = "tidy/dead.rs"]
mod dead;
#[path = "tidy/docs.rs"]
mod docs;
#[path = "tidy/floors.rs"]
mod floors;
#[path = "tidy/grants.rs"]
mod grants;
#[path = "tidy/leftovers.rs"]
mod leftovers;
#[path = "tidy/only_in.rs"]
mod only_in;
#[path = "tidy/pure.rs"]
mod pure;
#[path = "tidy/ratchets.rs"]
mod ratchets;
#[path = "tidy/sizes.rs"]
mod sizes;
#[path = "tidy/source.rs"]
mod source;
#[path = "tidy/words.rs"]
mod words;

use source::{Fault, Source};

type Rule = fn(&Source) -> Vec<Fault>;

/// Every rule about one file.
const RULES: &[Rule] = &[
    areas::areas,
    circles::below,
    floors::floors,
    floors::diets,
    grants::grants,
    only_in::crates,
    only_in::clocks,
    only_in::statuses,
    only_in::secrets,
    only_in::lines_of_commands,
    only_in::tables_of_commands,
    pure::pure,
    sizes::files,
    sizes::functions,
    sizes::lines,
    words::identifiers,
    words::comments,
    leftovers::macros,
    leftovers::printing,
    leftovers::comments,
    leftovers::unwraps,
    leftovers::machine_paths,
    leftovers::empty_tests,
    docs::opening,
    docs::public_items,
    docs::reasons_for_unsafe,
];

#[test]
fn the_house_is_tidy() {
    let house = source::house();
    assert!(house.len() > 20, "found only {} files", house.len());
    let mut faults: Vec<Fault> = dead::dead_files(&house);
    faults.extend(circles::circles(&house));
    faults.extend(ratchets::ratchets(&house));
    for source in &house {
        faults.extend(RULES.iter().flat_map(|rule| rule(source)));
    }
    faults.sort_by(|a, b| (&a.path, a.line).cmp(&(&b.path, b.line)));
    let lines: Vec<String> = faults.iter().map(Fault::to_string).collect();
    assert!(lines.is_empty(), "{} faults:\n{}\n", lines.len(), lines.join("\n"));
}
