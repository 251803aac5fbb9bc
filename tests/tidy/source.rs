//! What a rule sees of a file: its lines as written, its code with comments and strings blanked,
//! its comments alone, and which of its lines are tests.
//!
//! The blanking keeps every line and column in place, so that a rule can look for a word in code
//! without meeting it in a sentence, and still say where it is.

use std::fmt;
use std::path::{Path, PathBuf};

/// One file of ours.
pub struct Source {
    /// From the root of the repository, as `src/base/id.rs`.
    pub path: String,
    /// Its lines.
    pub lines: Vec<String>,
    /// The same lines with comments and the insides of strings blanked.
    pub code: Vec<String>,
    /// The same lines with everything but comments blanked.
    pub comments: Vec<String>,
    /// Whether each line is test code.
    pub test: Vec<bool>,
}

/// A broken rule and where.
#[derive(Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file.
    pub path: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong and what would be right.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.message)
    }
}

impl Source {
    /// Takes a file apart.
    pub fn new(path: &str, text: &str) -> Source {
        let (code, comments) = split(text);
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let padded = |text: &str| {
            let mut out: Vec<String> = text.lines().map(str::to_owned).collect();
            out.resize(lines.len(), String::new());
            out
        };
        let (code, comments) = (padded(&code), padded(&comments));
        let all_test = path.starts_with("tests/") || path.ends_with("/tests.rs");
        let test = if all_test { vec![true; lines.len()] } else { test_lines(&code) };
        Source { path: path.to_owned(), lines, code, comments, test }
    }

    /// A fault on a line counted from 0.
    pub fn fault(&self, index: usize, message: impl Into<String>) -> Fault {
        Fault { path: self.path.clone(), line: index + 1, message: message.into() }
    }

    /// The room of a file in `src`: its first folder or file name; `None` outside `src`.
    pub fn room(&self) -> Option<&str> {
        let inside = self.path.strip_prefix("src/")?;
        let first = inside.split('/').next().unwrap_or(inside);
        Some(first.trim_end_matches(".rs"))
    }

    /// Lines of code that are not tests, with their index.
    pub fn production(&self) -> impl Iterator<Item = (usize, &str)> {
        let code = self.code.iter().enumerate();
        code.filter(|(i, _)| !self.test[*i]).map(|(i, line)| (i, line.as_str()))
    }
}

/// Columns at which `word` stands alone: not as a part of a longer identifier.
pub fn words(line: &str, word: &str) -> Vec<usize> {
    let part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    line.match_indices(word)
        .map(|(at, _)| at)
        .filter(|at| {
            !part(line[..*at].chars().next_back()) && !part(line[at + word.len()..].chars().next())
        })
        .collect()
}

/// Every Rust file of ours.
pub fn house() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    for folder in ["src", "tests"] {
        collect(&root.join(folder), &mut paths);
    }
    paths.sort();
    let mut house: Vec<Source> = paths
        .iter()
        .map(|path| {
            let text = std::fs::read_to_string(path).unwrap();
            let inside = path.strip_prefix(root).unwrap().to_str().unwrap();
            Source::new(inside, &text)
        })
        .collect();
    let test_only = crate::dead::test_only_files(&house);
    for source in house.iter_mut().filter(|s| test_only.contains(&s.path)) {
        source.test.fill(true);
    }
    house
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|e| e == "rs") {
            paths.push(path);
        }
    }
}

/// Marks items under `#[cfg(test)]`, up to their closing brace or semicolon.
fn test_lines(code: &[String]) -> Vec<bool> {
    let mut marks = vec![false; code.len()];
    let mut line = 0;
    while line < code.len() {
        if code[line].trim_start().starts_with("#[cfg(test)]") {
            let end = item_end(code, line);
            marks[line..=end].fill(true);
            line = end;
        }
        line += 1;
    }
    marks
}

/// The last line of the item that starts at `line`, attributes included.
pub fn item_end(code: &[String], line: usize) -> usize {
    let (mut braces, mut others) = (0usize, 0usize);
    for (i, text) in code.iter().enumerate().skip(line) {
        for c in text.chars() {
            match c {
                '(' | '[' => others += 1,
                ')' | ']' => others = others.saturating_sub(1),
                '{' => braces += 1,
                '}' => {
                    braces = braces.saturating_sub(1);
                    if braces == 0 {
                        return i;
                    }
                }
                ';' if braces == 0 && others == 0 => return i,
                _ => {}
            }
        }
    }
    code.len() - 1
}

/// Splits a file into its code and its comments, each with the other blanked.
fn split(text: &str) -> (String, String) {
    let chars: Vec<char> = text.chars().collect();
    let (mut code, mut comments) = (String::new(), String::new());
    let mut at = 0;
    while at < chars.len() {
        let (length, kind) = token(&chars, at);
        for (offset, c) in chars[at..at + length].iter().enumerate() {
            let blank = if *c == '\n' { '\n' } else { ' ' };
            // The quotes themselves stay, so that code keeps its shape.
            let edge = offset == 0 || offset + 1 == length;
            code.push(match kind {
                Kind::Code => *c,
                Kind::Text if edge && *c == '"' => '"',
                Kind::Text | Kind::Comment => blank,
            });
            comments.push(if kind == Kind::Comment { *c } else { blank });
        }
        at += length;
    }
    (code, comments)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Code,
    Text,
    Comment,
}

/// How long the piece at `at` is, and what it is.
fn token(chars: &[char], at: usize) -> (usize, Kind) {
    let next = chars.get(at + 1).copied();
    match chars[at] {
        '/' if next == Some('/') => {
            let end = chars[at..].iter().position(|c| *c == '\n');
            (end.unwrap_or(chars.len() - at), Kind::Comment)
        }
        '/' if next == Some('*') => (block_comment(&chars[at..]), Kind::Comment),
        '"' => (quoted(&chars[at..], '"'), Kind::Text),
        '\'' if next == Some('\\') || chars.get(at + 2) == Some(&'\'') => {
            (quoted(&chars[at..], '\''), Kind::Text)
        }
        'r' if !at.checked_sub(1).is_some_and(|p| is_name(chars[p]) && chars[p] != 'b') => {
            match raw_string(&chars[at..]) {
                Some(length) => (length, Kind::Text),
                None => (1, Kind::Code),
            }
        }
        _ => (1, Kind::Code),
    }
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn quoted(chars: &[char], quote: char) -> usize {
    let mut at = 1;
    while at < chars.len() && chars[at] != quote {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(chars.len())
}

fn block_comment(chars: &[char]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at + 1 < chars.len() {
        match (chars[at], chars[at + 1]) {
            ('/', '*') => depth += 1,
            ('*', '/') => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            return at;
        }
    }
    chars.len()
}

fn raw_string(chars: &[char]) -> Option<usize> {
    let hashes = chars[1..].iter().take_while(|c| **c == '#').count();
    if chars.get(1 + hashes) != Some(&'"') {
        return None;
    }
    let mut at = 2 + hashes;
    while at < chars.len() {
        let closes = chars[at] == '"'
            && chars[at + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes;
        if closes {
            return Some(at + 1 + hashes);
        }
        at += 1;
    }
    Some(chars.len())
}

/// Runs a rule on a snippet and compares what it says: `line: message`.
#[track_caller]
pub fn check(rule: fn(&Source) -> Vec<Fault>, path: &str, text: &str, expected: &[&str]) {
    let faults = rule(&Source::new(path, text));
    let said: Vec<String> = faults.iter().map(|f| format!("{}: {}", f.line, f.message)).collect();
    assert_eq!(said, expected, "{path}:\n{text}");
}

#[test]
fn comments_strings_and_tests_are_told_from_code() {
    let text = "let a = \"// no\"; // yes \"b\"\nlet c = '\"'; /* in /* two */ */ let d: &'a str;\n\
                let e = r#\"x \" y\"#; br\"z\";\n#[cfg(test)]\nmod t {\n  fn f() {}\n}\nfn g() {}";
    let source = Source::new("src/x/y.rs", text);
    assert_eq!(source.code[0], "let a = \"     \";           ");
    assert_eq!(source.comments[0].trim(), "// yes \"b\"");
    assert_eq!(source.code[1].replace("  ", ""), "let c =;let d: &'a str;");
    assert_eq!(source.code[1].len(), source.lines[1].len());
    assert_eq!(source.code[2].split_whitespace().collect::<String>(), "lete=;b\";");
    assert_eq!(source.test, [false, false, false, true, true, true, true, false]);
    assert_eq!(source.room(), Some("x"));
}

#[test]
fn words_stand_alone() {
    assert_eq!(words("vm_id vm (vm) evm", "vm"), [6, 10]);
}
