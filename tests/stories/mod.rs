//! Planner stories: worlds and what the engine makes of them, as text with goldens.
//!
//! A story is told in the language of `language.rs`; after `---` stands what each `plan` decided:
//! its report, its moves, and what it remembers. Every plan of every story also passes the two
//! checkers, and a second plan right after it is empty. `BLESS=1` writes what came out.
//!
//! To add one: a file here that ends in `.story`, then `BLESS=1`, then read what it says.

mod edges;
pub mod language;

#[path = "../support/names.rs"]
mod names;
mod objections;
mod words;
pub mod yard;

use grange::base::time::say;
use grange::engine::{check, plan, safety};
use grange::model::{Decision, Move, Plan, RoleTarget, Wait};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use yard::Yard;

const RULER: &str = "---\n";

#[test]
fn every_story_ends_as_told() {
    let mut wrong = Vec::new();
    for path in stories() {
        let text = std::fs::read_to_string(&path).unwrap();
        let (told, expected) = text.split_once(RULER).unwrap_or((&text, ""));
        let (found, _) = play(told);
        if found == expected {
            continue;
        }
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&path, format!("{told}{RULER}{found}")).unwrap();
        }
        wrong.push(format!("{}\n{told}{RULER}{found}", path.display()));
    }
    assert!(wrong.is_empty(), "{} stories end otherwise:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_reason_to_wait_has_a_story() {
    let mut told = BTreeMap::new();
    for path in stories() {
        let text = std::fs::read_to_string(&path).unwrap();
        let (_, waits) = play(text.split_once(RULER).unwrap_or((&text, "")).0);
        for wait in waits {
            *told.entry(names::wait(&wait)).or_insert(0) += 1;
        }
    }
    let missing: Vec<&&str> =
        names::WAITS.iter().filter(|name| !told.contains_key(*name)).collect();
    assert!(missing.is_empty(), "no story waits for {missing:?}");
}

fn stories() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stories");
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "story"));
    paths.sort();
    assert!(paths.len() >= 30, "only {} stories", paths.len());
    paths
}

/// Plays a story; returns what its plans said, and every reason to wait among it.
fn play(told: &str) -> (String, Vec<Wait>) {
    let mut yard = Yard::new("farm", 1);
    let (mut out, mut waits) = (Vec::new(), Vec::new());
    for line in told.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
        if line.trim() != "plan" {
            language::tell(&mut yard, line);
            continue;
        }
        let decided = plan(&yard.input);
        let faults = [check(&yard.input, &decided), safety(&yard.input, &decided)].concat();
        assert!(faults.is_empty(), "{told}\n{decided:#?}\n{faults:?}");
        waits.extend(decided.report.iter().filter_map(|line| match &line.decision {
            Decision::Wait(wait) => Some(wait.clone()),
            _ => None,
        }));
        out.push(show(&yard, &decided));
        yard.commit(decided);
        let again = plan(&yard.input);
        assert!(!again.changes(yard.input.parent.as_ref()), "{told}\nplanned again: {again:#?}");
    }
    (out.join("\n"), waits)
}

fn show(yard: &Yard, plan: &Plan) -> String {
    let mut out = String::new();
    for line in &plan.report {
        let about = line.about.split_once('/').map_or(line.about.as_str(), |(_, about)| about);
        out += &format!("{about:<8} {}\n", line.decision);
    }
    let name = |id| {
        let found = yard.input.servers.iter().find(|server| server.id == id);
        found.map_or("?".to_owned(), |server| server.hostname.clone())
    };
    let after = |at: grange::base::Timestamp| match at.since(yard.input.now) {
        0 => String::new(),
        left => format!(" in {}", say(left)),
    };
    for step in &plan.moves {
        out += &match step {
            Move::Launch { farm_role, index, reason, zone, .. } => {
                let zone = zone.as_ref().map(|zone| format!(" in {zone}")).unwrap_or_default();
                let alias = &yard.role(*farm_role).alias;
                format!("> launch {alias}-{index}{zone} ({})\n", reason.say())
            }
            Move::Retire { server, reason, not_before } => {
                format!("> retire {} ({}){}\n", name(*server), reason.say(), after(*not_before))
            }
            Move::Act { server, kind, not_before } => {
                format!("> {} {}{}\n", kind.as_str(), name(*server), after(*not_before))
            }
            Move::Cancel { server } => format!("> cancel {}\n", name(*server)),
            Move::Park { server, not_before } => {
                format!("> park {}{}\n", name(*server), after(*not_before))
            }
            Move::Hasten { server, not_before } => {
                format!("> hasten {}{}\n", name(*server), after(*not_before))
            }
        };
    }
    let paged = |target: &&RoleTarget| target.rollout.as_ref().is_some_and(|it| it.maintenance);
    for target in plan.targets.iter().filter(paged) {
        out += &format!("{:<8} behind its maintenance page\n", yard.role(target.farm_role).alias);
    }
    out
}
