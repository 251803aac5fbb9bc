//! The binary as a login shell, and as a forced command: `ssh grange@appliance` is the screen,
//! `ssh grange@appliance status` a command.
//!
//! A login shell is called with a dash before its name, and with `-c` and one text when there is
//! a command. A forced command of `authorized_keys` is called without arguments, and what the
//! person asked for is in `SSH_ORIGINAL_COMMAND`. Both texts are split into words as a shell would
//! split them, and that is all of a shell there is: no variables, patterns, pipes or programs.
//! Who comes this way gets the API's commands and the screen, not the machine.

use crate::base::{Code, Problem};
use crate::cli::Io;
use std::ffi::OsString;
use std::path::Path;

/// Where sshd leaves what a person asked for when a command is forced.
const ORIGINAL: &str = "SSH_ORIGINAL_COMMAND";

/// A command line, and whether it came in place of a shell.
pub struct Line {
    /// The words, beginning with the name the program was called by.
    pub words: Vec<OsString>,
    /// Whether they came in place of a shell.
    pub instead_of_shell: bool,
}

/// The command line that is meant. `args` begins with the name the program was called by.
pub fn line(args: Vec<OsString>, io: &Io<'_>) -> Result<Line, Problem> {
    let is_login = args.first().is_some_and(|name| name.as_encoded_bytes().starts_with(b"-"));
    let name = args.first().cloned().unwrap_or_else(|| "grange".into());
    let mut line = Line { instead_of_shell: is_login, words: args };
    if line.words.get(1).is_some_and(|word| word == "-c") {
        let [_, _, text] = line.words.as_slice() else {
            return Err(bad("-c takes one text: grange -c 'farm list'"));
        };
        let text = text.to_str().ok_or_else(|| bad("the command is not UTF-8 text"))?;
        line = meant(&name, text)?;
    }
    if line.words.len() <= 1
        && let Some(text) = (io.env)(ORIGINAL)
    {
        line = meant(&name, &text)?;
    }
    Ok(line)
}

/// A command as text; it may begin with our own name, as people type it and as it is forced.
fn meant(name: &OsString, text: &str) -> Result<Line, Problem> {
    let mut words = split(text)?;
    let own = |word: &String| Path::new(word).file_name().is_some_and(|last| last == "grange");
    if words.first().is_some_and(own) {
        words.remove(0);
    }
    let words = std::iter::once(name.clone()).chain(words.into_iter().map(OsString::from));
    Ok(Line { words: words.collect(), instead_of_shell: true })
}

/// Words as the POSIX shell splits and unquotes them (Shell Command Language, 2.2).
fn split(text: &str) -> Result<Vec<String>, Problem> {
    let mut words = Vec::new();
    // An empty word that was quoted is a word; between two blanks there is none.
    let mut word: Option<String> = None;
    let mut rest = text.chars();
    while let Some(next) = rest.next() {
        match next {
            c if c.is_ascii_whitespace() => words.extend(word.take()),
            '\'' => quoted(&mut rest, '\'', word.get_or_insert_default())?,
            '"' => quoted(&mut rest, '"', word.get_or_insert_default())?,
            '\\' => {
                let escaped = rest.next().ok_or_else(|| bad("the command ends in a backslash"))?;
                word.get_or_insert_default().push(escaped);
            }
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

/// The rest of a quotation. Between double quotes a backslash escapes what is special there.
fn quoted(rest: &mut std::str::Chars<'_>, mark: char, word: &mut String) -> Result<(), Problem> {
    let open = || bad(format!("a quotation that begins with {mark} does not end"));
    loop {
        match rest.next().ok_or_else(open)? {
            c if c == mark => return Ok(()),
            '\\' if mark == '"' => {
                let escaped = rest.next().ok_or_else(open)?;
                if !matches!(escaped, '"' | '\\' | '$' | '`') {
                    word.push('\\');
                }
                word.push(escaped);
            }
            c => word.push(c),
        }
    }
}

fn bad(message: impl Into<String>) -> Problem {
    Problem::new(Code::BadRequest, message.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, wanted: Result<&[&str], &str>) {
        let found = split(text).map_err(|problem| problem.to_string());
        let wanted = wanted.map(|words| words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>());
        match (found, wanted) {
            (Err(said), Err(part)) => assert!(said.contains(part), "{text}: {said}"),
            (found, wanted) => assert_eq!(found, wanted.map_err(str::to_owned), "{text}"),
        }
    }

    #[test]
    fn words_are_split_and_unquoted_as_a_shell_does() {
        check("", Ok(&[]));
        check("  status ", Ok(&["status"]));
        check("farm\tlist\n", Ok(&["farm", "list"]));
        check("explain 'my shop'", Ok(&["explain", "my shop"]));
        check(r#"a "b \" \\ \n $x" c"#, Ok(&["a", r#"b " \ \n $x"#, "c"]));
        check(r"a\ b 'c\d'", Ok(&["a b", r"c\d"]));
        check("a '' b\"\"c", Ok(&["a", "", "bc"]));
        check("$HOME *; ls | x", Ok(&["$HOME", "*;", "ls", "|", "x"]));
        check("'a", Err("does not end"));
        check("\"a\\", Err("does not end"));
        check("a\\", Err("backslash"));
    }
}
