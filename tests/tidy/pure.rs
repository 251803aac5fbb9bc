//! Rooms that run under the simulator: nothing of their own that a seed would not replay.

use crate::source::{Fault, Source, check, words};

/// On one thread, with the clock and the seed they are given.
const REPLAYED: &[&str] = &["engine", "automation", "wire", "service", "jobs"];

/// Functions of values besides: no waiting and no outside at all.
const PURE: &[&str] = &["engine", "automation", "wire"];

/// What would run differently the second time, and what to use instead.
const UNREPEATABLE: &[(&str, &str)] = &[
    ("Instant", "take a Clock"),
    ("SystemTime", "take a Clock"),
    ("tokio::time", "say when to be called again"),
    ("thread::spawn", "be called, do not run"),
    ("thread::sleep", "say when to be called again"),
    ("tokio::spawn", "be called, do not run"),
    ("spawn_blocking", "be called, do not run"),
    ("HashMap", "use BTreeMap: its order is the same every time"),
    ("HashSet", "use BTreeSet: its order is the same every time"),
    ("fill_secret", "be handed a stream"),
    ("fresh_seed", "be handed a stream"),
];

/// What a function of values has no use for.
const OUTSIDE: &[&str] =
    &["async fn", "tokio", "std::fs", "std::process", "std::env", "TcpStream", "UnixStream"];

/// Replayed rooms do nothing a seed would not replay; pure ones touch nothing outside.
pub fn pure(source: &Source) -> Vec<Fault> {
    let room = source.room().unwrap_or_default();
    let mut faults = Vec::new();
    for (index, line) in source.production() {
        if REPLAYED.contains(&room) {
            for (word, instead) in UNREPEATABLE {
                // Verbs of `service` draw secrets for people (tokens); nothing is decided on them.
                let secret = room == "service" && *word == "fill_secret";
                if !secret && !words(line, word).is_empty() {
                    faults.push(source.fault(index, format!("{word} in {room}: {instead}")));
                }
            }
        }
        if PURE.contains(&room) {
            for word in OUTSIDE.iter().filter(|word| !words(line, word).is_empty()) {
                let message = format!("{word} in {room}, which is pure: values in, values out");
                faults.push(source.fault(index, message));
            }
        }
    }
    faults
}

#[test]
fn what_a_seed_would_not_replay_is_told() {
    check(
        pure,
        "src/jobs/plan.rs",
        "use std::collections::HashMap; // HashSet\nstd::thread::spawn(|| 1);\n",
        &[
            "1: HashMap in jobs: use BTreeMap: its order is the same every time",
            "2: thread::spawn in jobs: be called, do not run",
        ],
    );
    check(
        pure,
        "src/engine/scale.rs",
        "pub async fn f() {}\nfn g() { std::fs::read(\"x\") }\n",
        &[
            "1: async fn in engine, which is pure: values in, values out",
            "2: std::fs in engine, which is pure: values in, values out",
        ],
    );
    check(pure, "src/store/mod.rs", "use std::collections::HashMap;\n", &[]);
}
