//! Small rooms: files, functions and lines that fit a head and a screen.

use crate::source::{Fault, Source, check, item_end};

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;
const LINE_COLUMNS_MAX: usize = 100;

/// No file eats the room.
pub fn files(source: &Source) -> Vec<Fault> {
    let count = source.lines.len();
    if count <= FILE_LINES_MAX {
        return Vec::new();
    }
    let message = format!("{count} lines, at most {FILE_LINES_MAX}: one concern per file");
    vec![source.fault(0, message)]
}

/// No function is longer than a screen.
pub fn functions(source: &Source) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (index, line) in source.code.iter().enumerate() {
        if !begins_function(line) {
            continue;
        }
        let length = item_end(&source.code, index) + 1 - index;
        if length > FUNCTION_LINES_MAX {
            let message = format!("a function of {length} lines, at most {FUNCTION_LINES_MAX}");
            faults.push(source.fault(index, message));
        }
    }
    faults
}

fn begins_function(line: &str) -> bool {
    let mut rest = line.trim_start();
    for word in [
        "pub(crate) ",
        "pub(super) ",
        "pub(in crate::service) ",
        "pub ",
        "const ",
        "async ",
        "unsafe ",
    ] {
        rest = rest.strip_prefix(word).unwrap_or(rest);
    }
    rest.starts_with("fn ") || rest.starts_with("extern \"")
}

/// No line is wider than two windows side by side allow.
pub fn lines(source: &Source) -> Vec<Fault> {
    let wide = source.lines.iter().map(|line| line.chars().count()).enumerate();
    wide.filter(|(_, columns)| *columns > LINE_COLUMNS_MAX)
        .map(|(index, columns)| {
            source.fault(index, format!("{columns} columns, at most {LINE_COLUMNS_MAX}"))
        })
        .collect()
}

#[test]
fn what_is_too_long_is_told() {
    let many = "//! x\n".repeat(501);
    check(files, "src/a/b.rs", &many, &["1: 501 lines, at most 500: one concern per file"]);
    check(files, "src/a/b.rs", &many[6..], &[]);

    let function =
        |lines: usize| format!("/// x\n  pub async fn f() {{\n{}  }}\n", "a;\n".repeat(lines - 2));
    check(functions, "src/a.rs", &function(71), &["2: a function of 71 lines, at most 70"]);
    check(functions, "src/a.rs", &function(70), &[]);

    let line = format!("// {}\n", "é".repeat(97));
    check(lines, "tests/a.rs", &line, &[]);
    check(lines, "tests/a.rs", &format!("/{line}"), &["1: 101 columns, at most 100"]);
}
