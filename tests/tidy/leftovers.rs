//! What people leave behind: unfinished code, notes to themselves, paths of their own machine.

use crate::source::{Fault, Source, check, words};

const MACROS: &[&str] = &["todo!", "unimplemented!", "dbg!"];
/// Macros that panic where they cannot write.
const PRINTING: &[&str] = &["print", "println", "eprint", "eprintln"];
/// Who writes to the process's own output: the file that knows what becomes of lost lines, the
/// log's thread, the command line's buffer, the line between a server's first processes, and the
/// screen.
const OUTPUT_HOMES: &[&str] = &[
    "src/base/output.rs",
    "src/boot/logs.rs",
    "src/cli/io.rs",
    "src/clouds/onboard/init/mod.rs",
    "src/tui/runner.rs",
    "src/tui/runner/plain.rs",
    "src/tui/runner/terminal.rs",
];
const NOTES: &[&str] = &["FIXME", "XXX", "HACK", "TODO"];
const PATHS: &[&str] = &["/work/", "/tmp/", "/home/"];

/// Tidy's own bad snippets are the one place where these belong.
fn exempt(source: &Source) -> bool {
    source.path.starts_with("tests/tidy")
}

/// No unfinished code.
pub fn macros(source: &Source) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (index, line) in source.code.iter().enumerate() {
        for name in MACROS.iter().filter(|name| line.contains(**name)) {
            faults.push(source.fault(index, format!("{name} is left over")));
        }
    }
    faults
}

/// Printing never panics: a full disk or a reader that left must end nothing. One file writes to
/// the process's own output, and says what becomes of a line that cannot be written.
pub fn printing(source: &Source) -> Vec<Fault> {
    if !source.path.starts_with("src/") {
        return Vec::new();
    }
    let mut faults = Vec::new();
    for (index, line) in source.production() {
        for name in PRINTING.iter().filter(|name| !words(line, name).is_empty()) {
            if line.contains(&format!("{name}!")) {
                let message = format!("{name}! panics where it cannot write: say base::output");
                faults.push(source.fault(index, message));
            }
        }
        let writes = line.contains("write!(") || line.contains("writeln!(");
        if writes && line.contains(").expect(") {
            faults.push(source.fault(index, "writing can fail: handle it"));
        }
        let exempt = OUTPUT_HOMES.contains(&source.path.as_str());
        for name in ["io::stderr()", "io::stdout()"].iter().filter(|_| !exempt) {
            if line.contains(name) && !line.contains(&format!("{name}.is_terminal()")) {
                let message = format!("{name}: base::output writes there");
                faults.push(source.fault(index, message));
            }
        }
    }
    faults
}

/// No notes to oneself: what is missing is an issue, what is odd is explained.
pub fn comments(source: &Source) -> Vec<Fault> {
    if exempt(source) {
        return Vec::new();
    }
    let mut faults = Vec::new();
    for (index, line) in source.comments.iter().enumerate() {
        for note in NOTES.iter().filter(|note| !words(line, note).is_empty()) {
            faults.push(source.fault(index, format!("{note} is left over")));
        }
    }
    faults
}

/// Outside tests a failure is handled, or an `expect` says why it cannot happen.
pub fn unwraps(source: &Source) -> Vec<Fault> {
    let message = "unwrap() outside tests: handle it, or expect(\"why it cannot fail\")";
    source
        .production()
        .filter(|(_, line)| line.contains(".unwrap()"))
        .map(|(index, _)| source.fault(index, message))
        .collect()
}

/// No path of the machine it was written on, in code, strings or comments.
pub fn machine_paths(source: &Source) -> Vec<Fault> {
    if exempt(source) {
        return Vec::new();
    }
    let mut faults = Vec::new();
    for (index, line) in source.lines.iter().enumerate() {
        for path in PATHS.iter().filter(|path| line.contains(**path)) {
            faults.push(source.fault(index, format!("{path} is a path of one machine")));
        }
    }
    faults
}

/// A test runs, and says something.
pub fn empty_tests(source: &Source) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (index, line) in source.code.iter().enumerate() {
        if line.contains("#[ignore") {
            faults.push(source.fault(index, "an ignored test: run it or remove it"));
        }
        if line.contains("assert!(true") {
            faults.push(source.fault(index, "assert!(true) asserts nothing"));
        }
    }
    faults
}

#[test]
fn leftovers_are_told() {
    check(
        macros,
        "src/a/b.rs",
        "fn f() { todo!() } // dbg!\nlet x = dbg!(1);\n",
        &["1: todo! is left over", "2: dbg! is left over"],
    );
    check(
        printing,
        "src/a.rs",
        "println!(\"x\"); // eprintln!\nwriteln!(out, \"x\").expect(\"it can\");\nio::stderr();\n",
        &[
            "1: println! panics where it cannot write: say base::output",
            "2: writing can fail: handle it",
            "3: io::stderr(): base::output writes there",
        ],
    );
    check(printing, "src/a.rs", "io::stdout().is_terminal();\n", &[]);
    check(printing, "src/base/output.rs", "io::stderr();\n", &[]);
    check(comments, "src/a.rs", "// FIXME later\nlet s = \"XXX\";\n", &["1: FIXME is left over"]);
    check(
        unwraps,
        "src/a.rs",
        "x.unwrap(); // .unwrap()\n#[cfg(test)]\nmod t {\n fn f() { y.unwrap() }\n}\n",
        &["1: unwrap() outside tests: handle it, or expect(\"why it cannot fail\")"],
    );
    check(unwraps, "tests/a.rs", "x.unwrap();\n", &[]);
    check(
        machine_paths,
        "src/a.rs",
        "let p = \"/tmp/x\";\nlet q = \"/var/tmp\";\n",
        &["1: /tmp/ is a path of one machine"],
    );
    check(
        empty_tests,
        "tests/a.rs",
        "#[ignore]\nfn f() { assert!(true) }\n",
        &["1: an ignored test: run it or remove it", "2: assert!(true) asserts nothing"],
    );
}
