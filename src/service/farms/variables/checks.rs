//! What a variable's name, value and declaration may be.

use crate::base::limit::{
    SECRET_BYTES_MAX, VARIABLE_PATTERN_BYTES_MAX, VARIABLE_TEXT_BYTES_MAX, VARIABLE_WORD_BYTES_MAX,
};
use crate::base::text::{self, Kind};
use crate::base::{Code, Problem, Result};
use crate::model::{ScopeKind, VariableDeclaration};
use crate::wire::variable::VariableInput;
use regex::{Regex, RegexBuilder};

/// Names that begin like this are ours: what every server has without anybody declaring it.
const RESERVED: [&str; 2] = ["SCALR_", "GRANGE_"];

/// Names by which programs find programs, libraries and their own start: as a variable of all that
/// a server runs they break it, or make it run something else.
const LOADERS: [&str; 9] =
    ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "IFS", "ENV", "BASH_ENV", "CDPATH"];
/// A hidden value of fewer bytes cannot be taken out of what servers print: it is in every word.
const HIDDEN_BYTES_MIN: usize = 4;

/// Whether a name is one of those that every server has.
pub(super) fn is_ours(name: &str) -> bool {
    RESERVED.iter().any(|reserved| name.starts_with(reserved))
}

/// A name that may be given to a variable.
pub(super) fn name(text: &str) -> Result<String> {
    let mut bytes = text.bytes();
    let shaped = bytes.next().is_some_and(|first| first.is_ascii_alphabetic())
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !shaped || text.len() > VARIABLE_WORD_BYTES_MAX {
        let text = format!(
            "a letter, then letters, digits and _, at most {VARIABLE_WORD_BYTES_MAX} in all"
        );
        return Err(Problem::invalid("name", text));
    }
    let upper = text.to_ascii_uppercase();
    if LOADERS.contains(&upper.as_str()) || upper.starts_with("LD_") {
        let text =
            format!("{text} is what programs are begun with: say it in a service's environment");
        return Err(Problem::invalid("name", text));
    }
    match RESERVED.iter().find(|reserved| upper.starts_with(**reserved)) {
        Some(reserved) => {
            let text = format!("names that begin with {reserved} are what every server has anyway");
            Err(Problem::invalid("name", text))
        }
        None => Ok(text.to_owned()),
    }
}

/// A declaration with what an input says of it; every fault at once.
pub(super) fn declaration(
    old: &VariableDeclaration,
    input: &VariableInput,
    declared_in: ScopeKind,
) -> Result<VariableDeclaration> {
    let given = |new: &Option<String>, old: &String| new.as_ref().unwrap_or(old).trim().to_owned();
    let mut faults = Vec::new();
    let required_in = match &input.required_in {
        Some(text) => required(text, declared_in).unwrap_or_else(|problem| {
            faults.push(problem);
            None
        }),
        None => old.required_in,
    };
    let new = VariableDeclaration {
        category: given(&input.category, &old.category),
        description: given(&input.description, &old.description),
        locked: input.locked.unwrap_or(old.locked),
        hidden: input.hidden.unwrap_or(old.hidden),
        required_in,
        validation_pattern: given(&input.validation_pattern, &old.validation_pattern),
        output_format: given(&input.output_format, &old.output_format),
    };
    let (word, line) = (VARIABLE_WORD_BYTES_MAX, VARIABLE_TEXT_BYTES_MAX);
    let texts = [
        text::check("category", &new.category, Kind::Word, word),
        text::check("description", &new.description, Kind::Lines, line),
        text::check("validationPattern", &new.validation_pattern, Kind::Line, line),
        text::check("outputFormat", &new.output_format, Kind::Line, word),
        pattern(&new).map(|_| ()),
        OutputFormat::read(&new.output_format).map(|_| ()),
        kind(input),
    ];
    faults.extend(texts.into_iter().filter_map(Result::err));
    Problem::all(faults).map_or(Ok(new), Err)
}

/// Refuses another kind of variable than a text.
pub(super) fn kind(input: &VariableInput) -> Result<()> {
    match input.kind.as_deref() {
        None | Some("GlobalVariableString") => Ok(()),
        Some(_) => Err(Problem::invalid("type", "GlobalVariableString is the one kind there is")),
    }
}

fn required(text: &str, declared_in: ScopeKind) -> Result<Option<ScopeKind>> {
    let known = || ScopeKind::ALL.into_iter().filter(|kind| *kind != ScopeKind::Server);
    if text.is_empty() {
        return Ok(None);
    }
    let Some(kind) = known().find(|kind| kind.as_str() == text) else {
        let all: Vec<&str> = known().map(ScopeKind::as_str).collect();
        let text = format!("{text:?} is none of {}", all.join(", "));
        return Err(Problem::invalid("requiredIn", text));
    };
    if kind < declared_in {
        let text = format!("{kind} is further out than {declared_in}, where it is declared");
        return Err(Problem::invalid("requiredIn", text));
    }
    Ok(Some(kind))
}

/// The pattern of a declaration; `None` where each value is as good as another.
fn pattern(declared: &VariableDeclaration) -> Result<Option<Regex>> {
    let text = &declared.validation_pattern;
    if text.is_empty() {
        return Ok(None);
    }
    let build = |text: &str| RegexBuilder::new(text).size_limit(VARIABLE_PATTERN_BYTES_MAX).build();
    // By itself first: what is only right with our anchors around it is wrong.
    match build(text).and_then(|_| build(&format!(r"\A(?:{text})\z"))) {
        Ok(found) => Ok(Some(found)),
        Err(regex::Error::CompiledTooBig(_)) => {
            Err(Problem::invalid("validationPattern", "it is too large: repeat less in it"))
        }
        Err(_) => {
            let text = "not a regular expression, as [a-z]+ or \\d{4}";
            Err(Problem::invalid("validationPattern", text))
        }
    }
}

/// Refuses a value that its declaration does not allow. What is wrong never quotes the value,
/// which may be hidden.
pub(super) fn value(declared: &VariableDeclaration, value: &str) -> Result<()> {
    if value.len() > SECRET_BYTES_MAX {
        let text = format!("at most {SECRET_BYTES_MAX} bytes");
        return Err(Problem::invalid("value", text));
    }
    if declared.hidden && value.len() < HIDDEN_BYTES_MIN {
        let text = format!(
            "a hidden value has at least {HIDDEN_BYTES_MIN} bytes: a shorter one cannot be kept \
             out of what servers print"
        );
        return Err(Problem::invalid("value", text));
    }
    if value.contains('\0') {
        return Err(Problem::invalid("value", "it has a zero byte, which no environment can have"));
    }
    if pattern(declared)?.is_some_and(|pattern| !pattern.is_match(value)) {
        let text = format!("it does not match {}", declared.validation_pattern);
        return Err(Problem::invalid("value", text));
    }
    match formatted(declared, value) {
        Some(_) => Ok(()),
        None => {
            let text = format!("{} takes a whole number", declared.output_format);
            Err(Problem::invalid("value", text))
        }
    }
}

/// A value as it is written where it is used; `None` when its format cannot take it.
pub(super) fn formatted(declared: &VariableDeclaration, value: &str) -> Option<String> {
    match OutputFormat::read(&declared.output_format) {
        Ok(Some(format)) => format.write(value),
        Ok(None) | Err(_) => Some(value.to_owned()),
    }
}

/// An output format: one conversion of `printf` with what stands around it.
struct OutputFormat {
    before: String,
    zeros: bool,
    width: usize,
    number: bool,
    after: String,
}

/// The widest a format makes a value.
const WIDTH_MAX: usize = 64;

impl OutputFormat {
    /// Reads one; `None` for the empty one.
    fn read(text: &str) -> Result<Option<OutputFormat>> {
        if text.is_empty() {
            return Ok(None);
        }
        let wrong = || {
            let text = "one of %s and %d, perhaps with a width up to 64, as in id-%05d";
            Problem::new(Code::InvalidValue, text)
        };
        let invalid = |problem: Problem| Problem::invalid("outputFormat", problem.message);
        let (before, rest) = text.split_once('%').ok_or_else(|| invalid(wrong()))?;
        let at = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(|| invalid(wrong()))?;
        let (digits, rest) = rest.split_at(at);
        let width: usize = if digits.is_empty() { 0 } else { digits.parse().unwrap_or(usize::MAX) };
        let number = rest.starts_with('d');
        if !(number || rest.starts_with('s')) || width > WIDTH_MAX || rest.contains('%') {
            return Err(invalid(wrong()));
        }
        Ok(Some(OutputFormat {
            before: before.to_owned(),
            zeros: number && digits.starts_with('0'),
            width,
            number,
            after: rest[1..].to_owned(),
        }))
    }

    fn write(&self, value: &str) -> Option<String> {
        let width = self.width;
        let shown = match self.number {
            true => {
                let number: i64 = value.trim().parse().ok()?;
                if self.zeros { format!("{number:0width$}") } else { format!("{number:width$}") }
            }
            false => format!("{value:>width$}"),
        };
        Some(format!("{}{shown}{}", self.before, self.after))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(pattern: &str, format: &str) -> VariableDeclaration {
        VariableDeclaration {
            validation_pattern: pattern.to_owned(),
            output_format: format.to_owned(),
            ..VariableDeclaration::default()
        }
    }

    #[test]
    fn names_are_words_that_are_not_ours() {
        for good in ["A", "db_password2", "x".repeat(VARIABLE_WORD_BYTES_MAX).as_str(), "SCALRX"] {
            assert!(name(good).is_ok(), "{good}");
        }
        let long = "x".repeat(VARIABLE_WORD_BYTES_MAX + 1);
        for bad in ["", "1A", "_A", "A-B", "A=B", "Ä", long.as_str(), "SCALR_X", "grange_farm"] {
            assert!(name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_whole_of_a_value_matches_its_pattern() {
        let good = [("", "x\ny"), ("[a-z]+", "abc"), ("a|ab", "ab"), (r"\d{4}", "2026")];
        for (pattern, text) in good {
            assert!(value(&declared(pattern, ""), text).is_ok(), "{pattern} {text}");
        }
        let bad = [("[a-z]+", "abc1"), ("[a-z]+", ""), ("a", "a\n"), ("a|b", "xb")];
        for (pattern, text) in bad {
            let refused = value(&declared(pattern, ""), text).unwrap_err();
            assert_eq!(refused.field.as_deref(), Some("value"), "{pattern}");
        }
        assert!(value(&declared("", ""), "a\0b").is_err());
        assert!(value(&declared("", ""), &"x".repeat(SECRET_BYTES_MAX + 1)).is_err());
        let hostile = ["(", "a)|(b", r"(\w{500}){500}", "(?x)a #"];
        for pattern in hostile {
            let refused = value(&declared(pattern, ""), "a").unwrap_err();
            assert_eq!(refused.field.as_deref(), Some("validationPattern"), "{pattern}");
        }
    }

    #[test]
    fn formats_write_values_and_refuse_what_they_cannot() {
        let written = [
            ("", "x", Some("x")),
            ("%s", "x", Some("x")),
            ("id-%05d!", "42", Some("id-00042!")),
            ("%3d", "7", Some("  7")),
            ("%d", "seven", None),
            ("%4s", "ab", Some("  ab")),
        ];
        for (format, text, expected) in written {
            let found = formatted(&declared("", format), text);
            assert_eq!(found.as_deref(), expected, "{format} {text}");
        }
        for bad in ["x", "%", "%5", "%f", "%s%s", "%999d", "%99999999999999999999d", "%-5d"] {
            assert!(OutputFormat::read(bad).is_err(), "{bad}");
        }
    }
}
