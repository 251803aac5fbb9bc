//! Which farm roles the templates of a recipe ask for by name: `farm.role('db')`, and the port of
//! it that they ask for.
//!
//! Only what is written out can be known before there is a server: an alias that is put together
//! (`farm.role(vars.DB)`) is found out when the template is rendered. So is one in a template that
//! looks into `farm.roles` first, because that may do without.

use crate::model::Recipe;
use minijinja::{Environment, ErrorKind};
use std::iter::Peekable;
use std::str::Chars;

/// What a farm role is known by in a template, beside its ports.
pub const TIER_FIELDS: [&str; 4] = ["addresses", "count", "ports", "servers"];

/// A farm role that a template asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedFarmRole {
    /// Which part of the recipe, as `files: /etc/my-api.conf`.
    pub part: String,
    /// The line of the template, from 1.
    pub line: usize,
    /// Its alias in the farm, as the template has it.
    pub alias: String,
    /// The field of it that is asked for, where there is one.
    pub field: Option<String>,
    /// The port that is asked for, and that the template cannot do without.
    pub port: Option<String>,
}

/// Every farm role that a recipe asks for, in the order of its parts.
pub fn farm_roles_asked(recipe: &Recipe) -> Vec<AskedFarmRole> {
    let files = recipe.files.iter().filter(|file| file.template);
    let files = files.map(|file| (format!("files: {}", file.path), &file.content));
    let services = recipe.services.iter().flat_map(|service| {
        let texts = service.command.iter().chain(service.environment.values());
        texts.map(|text| (format!("services: {}", service.name), text))
    });
    files.chain(services).flat_map(|(part, text)| farm_roles_in(&part, text)).collect()
}

/// Every farm role that one template asks for.
pub fn farm_roles_in(part: &str, text: &str) -> Vec<AskedFarmRole> {
    let words = words_of(text);
    let is = |at: usize, wanted: &str| match words.get(at) {
        Some((_, Word::Plain(word))) => word == wanted,
        _ => false,
    };
    let quoted = |at: usize| match words.get(at) {
        Some((_, Word::Quoted(text))) => Some(text.clone()),
        _ => None,
    };
    let plain = |at: usize| match words.get(at) {
        Some((_, Word::Plain(text))) => Some(text.clone()),
        _ => None,
    };
    let path = |at: usize, of: &[&str]| of.iter().zip(at..).all(|(word, at)| is(at, word));
    if (0..words.len()).any(|at| path(at, &["farm", ".", "roles"])) {
        return Vec::new();
    }
    // A default, or a question whether it is there, does without a port and never without the role.
    let may_lack = ["default", "d", "defined"];
    let does_without = (0..words.len()).any(|at| may_lack.iter().any(|word| is(at, word)));
    let mut asked = Vec::new();
    for (at, (line, _)) in words.iter().enumerate() {
        // `x.farm.role` is no farm.
        if !path(at, &["farm", ".", "role", "("]) || (at > 0 && is(at - 1, ".")) {
            continue;
        }
        let Some(alias) = quoted(at + 4).filter(|_| is(at + 5, ")")) else { continue };
        let field = if is(at + 6, ".") { plain(at + 7) } else { None };
        let port = match field.as_deref() {
            Some("ports") if is(at + 8, ".") => plain(at + 9),
            Some("ports") if is(at + 8, "[") => quoted(at + 9),
            _ => None,
        };
        let port = port.filter(|_| !does_without);
        asked.push(AskedFarmRole { part: part.to_owned(), line: *line, alias, field, port });
    }
    asked
}

/// What a template does to a value by name.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Helper {
    /// A filter, as in `value | name`.
    Filter(String),
    /// A test, as in `value is name`.
    Test(String),
}

/// Filters and tests that a template names and there are none of, each with its line.
pub fn unknown_helpers(environment: &Environment<'_>, text: &str) -> Vec<(usize, String)> {
    let told = |(line, helper)| {
        let (probe, what, name) = match helper {
            Helper::Filter(name) => (format!("{{{{ '' | {name} }}}}"), "filter", name),
            Helper::Test(name) => (format!("{{{{ '' is {name} }}}}"), "test", name),
        };
        // Whether it takes the values that it is given is another question.
        let error = environment.render_str(&probe, ()).err()?;
        let is_unknown = matches!(error.kind(), ErrorKind::UnknownFilter | ErrorKind::UnknownTest);
        is_unknown.then(|| (line, format!("there is no {what} `{name}`")))
    };
    helpers_in(text).into_iter().filter_map(told).collect()
}

/// Every filter and test that a template names, each with its line.
fn helpers_in(text: &str) -> Vec<(usize, Helper)> {
    let words = words_of(text);
    let plain = |at: usize| match words.get(at) {
        Some((_, Word::Plain(word))) => word.as_str(),
        _ => "",
    };
    let begins = |word: &str| word.starts_with(|c: char| c.is_alphabetic() || c == '_');
    let named = |at: usize| Some(plain(at).to_owned()).filter(|word| begins(word));
    let mut found = Vec::new();
    for (at, (line, _)) in words.iter().enumerate() {
        let helper = match plain(at) {
            "|" => named(at + 1).map(Helper::Filter),
            // `x.is` is a field.
            "is" if at > 0 && plain(at - 1) != "." => {
                named(at + 1 + usize::from(plain(at + 1) == "not")).map(Helper::Test)
            }
            _ => None,
        };
        found.extend(helper.map(|helper| (*line, helper)));
    }
    found
}

/// A piece of what stands in a template's `{{ }}` and `{% %}`.
#[derive(Debug, PartialEq)]
enum Word {
    /// A name, a number, or a single character of punctuation.
    Plain(String),
    /// A text in quotes.
    Quoted(String),
}

/// Walks a template by its characters and counts its lines.
struct Walk<'t> {
    rest: Peekable<Chars<'t>>,
    line: usize,
}

impl Walk<'_> {
    fn next(&mut self) -> Option<char> {
        let next = self.rest.next()?;
        self.line += usize::from(next == '\n');
        Some(next)
    }

    /// Takes a character when it is the next one.
    fn take(&mut self, wanted: char) -> bool {
        let found = self.rest.peek() == Some(&wanted);
        if found {
            self.next();
        }
        found
    }

    /// Goes past `end` and a brace.
    fn skip_past(&mut self, end: char) {
        while let Some(next) = self.next() {
            if next == end && self.take('}') {
                return;
            }
        }
    }

    /// What is left of a text in quotes.
    fn quoted(&mut self, quote: char) -> String {
        let mut text = String::new();
        while let Some(next) = self.next() {
            match next {
                '\\' => text.extend(self.next()),
                next if next == quote => break,
                next => text.push(next),
            }
        }
        text
    }

    fn name(&mut self, first: char) -> String {
        let mut text = String::from(first);
        while let Some(next) =
            self.rest.peek().copied().filter(|c| c.is_alphanumeric() || *c == '_')
        {
            text.push(next);
            self.next();
        }
        text
    }

    /// The words up to the end of a `{{` or `{%` that was begun.
    fn code(&mut self, words: &mut Vec<(usize, Word)>, end: char) {
        while let Some(next) = self.next() {
            let line = self.line;
            match next {
                next if next == end && self.take('}') => return,
                '\'' | '"' => words.push((line, Word::Quoted(self.quoted(next)))),
                next if next.is_whitespace() => {}
                next if next.is_alphanumeric() || next == '_' => {
                    words.push((line, Word::Plain(self.name(next))));
                }
                next => words.push((line, Word::Plain(next.into()))),
            }
        }
    }
}

/// The words of a template's code, each with its line. Between two pieces of code is an empty one,
/// and what is between `raw` and `endraw` is text.
fn words_of(text: &str) -> Vec<(usize, Word)> {
    let mut walk = Walk { rest: text.chars().peekable(), line: 1 };
    let (mut words, mut is_raw) = (Vec::new(), false);
    while let Some(next) = walk.next() {
        if next != '{' {
            continue;
        }
        let before = words.len();
        if walk.take('#') {
            walk.skip_past('#');
        } else if walk.take('%') {
            walk.code(&mut words, '%');
        } else if walk.take('{') {
            walk.code(&mut words, '}');
        }
        let found: Vec<&str> = words[before..]
            .iter()
            .filter_map(|(_, word)| match word {
                Word::Plain(word) if word != "-" && word != "+" => Some(word.as_str()),
                Word::Plain(_) | Word::Quoted(_) => None,
            })
            .collect();
        match found[..] {
            ["raw"] => is_raw = true,
            ["endraw"] => is_raw = false,
            _ if is_raw => words.truncate(before),
            _ => words.push((walk.line, Word::Plain(String::new()))),
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_and_tests_are_found_with_their_lines() {
        let text = "{{ a|first }} | no\n{% if b is not defined and c.is == 'x | y' %}\n\
                    {{ d | default('|') | join(',') }}{# | not #}{% raw %}{{ e | f }}{% endraw %}";
        let (filter, test) = (|n: &str| Helper::Filter(n.into()), |n: &str| Helper::Test(n.into()));
        let last = [(3, filter("default")), (3, filter("join"))];
        let expected = [vec![(1, filter("first")), (2, test("defined"))], last.to_vec()].concat();
        assert_eq!(helpers_in(text), expected);
    }

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let asked = farm_roles_in("x", text).into_iter().map(|asked| {
            let AskedFarmRole { line, alias, field, port, .. } = asked;
            let field = field.map(|field| format!(".{field}")).unwrap_or_default();
            let port = port.map(|port| format!(".{port}")).unwrap_or_default();
            format!("{line} {alias}{field}{port}")
        });
        assert_eq!(asked.collect::<Vec<_>>(), expected, "{text}");
    }

    #[test]
    fn farm_roles_are_found_where_templates_ask_for_them() {
        check("{{ farm.role('db').addresses | join(',') }}", &["1 db.addresses"]);
        check("a\n{{farm . role(\n\"db\" ).ports.sql}}", &["2 db.ports.sql"]);
        check("{{ farm.role('db').ports['sql'] }}", &["1 db.ports.sql"]);
        check(
            "{% for s in farm.role('db').servers %}{{ s.address }}{% endfor %}\n\
             {% if server.index == 1 %}{{ farm.role('cache').count }}{%- endif -%}",
            &["1 db.servers", "2 cache.count"],
        );
        check("{% set db = farm.role('db') %}{{ db.ports.sql }}", &["1 db"]);
        check("{{ farm.role('db').ports.sql | default(5432) }}", &["1 db.ports"]);
        check("{%- raw -%}{{ farm.role('a') }}{% endraw %}{{ farm.role('b') }}", &["1 b"]);
        check("{{ [farm.role('a').count, farm.role('b').count] }}", &["1 a.count", "1 b.count"]);
    }

    #[test]
    fn what_is_no_question_for_a_farm_role_is_none() {
        for text in [
            "farm.role('db')",
            "{# farm.role('db') #}",
            "{{ \"farm.role('db')\" }}",
            "{{ 'it\\'s farm.role(\"db\")' }}",
            "{{ farm.role(vars.DB) }}",
            "{{ farm.role('d' ~ 'b') }}",
            "{% if 'db' in farm.roles %}{{ farm.role('db').count }}{% endif %}",
            "{{ x.farm.role('db') }}",
            "{{ farm }}{{ .role('db') }}",
            "{{ farm.role('db'",
            "{{ farm.role('db",
            "{%",
            "{",
        ] {
            check(text, &[]);
        }
    }
}
