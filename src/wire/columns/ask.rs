//! What a person asks of a list: which rows (`status=running,cpu>50`), in which order (`-for`), and
//! which columns (`server,address`).
//!
//! ```text
//! filter  = condition { "," condition }            all of them have to hold
//! order   = [ "-" ] column                         with "-" the largest first
//! condition = column compare value
//! compare = "=" | "!=" | "~" | "!~" | "<" | "<=" | ">" | ">="
//! ```
//! `=` compares words exactly, `~` looks for a part of what is shown, in upper or lower case.
//! `<` and its kin compare what can be more or less: counts, percents, bytes (`64MiB`), lengths
//! (`90s`), days and moments (`2026-11-14`, or `2h` ago). `-` is what a row has that says nothing.
//! A comma ends a condition where another one follows it, so that values may have commas.

use super::{Column, Get, List, Value};
use crate::base::{Code, Problem, Timestamp, time};
use crate::wire::moment;
use std::cmp::Ordering;

/// How values are compared; the longer ones first, so that `>=` is not taken for `>`.
const COMPARES: [(&str, Compare); 8] = [
    ("!=", Compare::IsNot),
    ("!~", Compare::HasNot),
    (">=", Compare::AtLeast),
    ("<=", Compare::AtMost),
    ("=", Compare::Is),
    ("~", Compare::Has),
    (">", Compare::More),
    ("<", Compare::Less),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Compare {
    Is,
    IsNot,
    Has,
    HasNot,
    More,
    Less,
    AtLeast,
    AtMost,
}

/// A condition on one column.
struct Condition<T: 'static> {
    column: &'static Column<T>,
    compare: Compare,
    value: Value,
    /// In lower case, as it was written.
    words: String,
}

/// What is asked of a list, understood.
pub struct Asked<T: 'static> {
    conditions: Vec<Condition<T>>,
    order: Option<(&'static Column<T>, bool)>,
    /// What is shown.
    pub columns: Vec<&'static Column<T>>,
}

/// What is asked of a list, as it was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// Conditions, all of which have to hold.
    pub filters: Vec<String>,
    /// The order.
    pub sort: Option<String>,
    /// Columns, separated by commas; without them the usual ones.
    pub columns: Option<String>,
    /// Every column where none are named.
    pub wide: bool,
}

impl<T> List<T> {
    /// Understands what is asked of it; `now` is what `2h` ago is counted from.
    ///
    /// # Errors
    /// The first thing that is wrong: the option, what was written, and what would be right.
    pub fn ask(&self, request: &Request, now: Timestamp) -> Result<Asked<T>, Problem> {
        let mut conditions = Vec::new();
        for filter in &request.filters {
            for text in self.parts(filter) {
                if text.trim_end().ends_with(',') {
                    let text = format!(
                        "{text:?} ends with a comma: say what else is to hold, or leave it out"
                    );
                    return Err(wrong("--filter", text));
                }
                conditions.push(self.condition(text, now)?);
            }
        }
        let order = request.sort.as_ref().map(|sort| self.order(sort)).transpose()?;
        let columns = match &request.columns {
            Some(names) => self.named(names)?,
            None if request.wide => self.columns.iter().collect(),
            None => self.usual(),
        };
        Ok(Asked { conditions, order, columns })
    }

    /// What its columns are and mean, a line each.
    pub fn help(&self) -> Vec<(String, &'static str)> {
        let line = |column: &Column<T>| {
            let wide = if column.wide { " (wide)" } else { "" };
            (format!("{}{wide}", column.name), column.about)
        };
        self.columns.iter().map(line).collect()
    }

    /// A filter where its commas end conditions.
    fn parts<'f>(&self, filter: &'f str) -> Vec<&'f str> {
        let mut parts = Vec::new();
        let mut begun = 0;
        for (at, _) in filter.match_indices(',') {
            if at >= begun && self.begins(&filter[at + 1..]) {
                parts.push(&filter[begun..at]);
                begun = at + 1;
            }
        }
        parts.push(&filter[begun..]);
        parts
    }

    /// Whether a text reads as a condition of some column, of this list or none.
    fn begins(&self, text: &str) -> bool {
        let words = |c: char| c.is_ascii_alphabetic() || matches!(c, ' ' | '_' | '-');
        let rest = text.trim_start_matches(words);
        rest.len() < text.len() && COMPARES.iter().any(|(sign, _)| rest.starts_with(sign))
    }

    fn condition(&self, text: &str, now: Timestamp) -> Result<Condition<T>, Problem> {
        let at = text.find(['=', '!', '~', '<', '>']);
        let found = at.and_then(|at| {
            let known = COMPARES.iter().find(|(sign, _)| text[at..].starts_with(sign));
            known.map(|(sign, compare)| (&text[..at], *compare, &text[at + sign.len()..], *sign))
        });
        let Some((name, compare, value, sign)) = found else {
            return Err(wrong(
                "--filter",
                format!(
                    "{text:?} compares nothing: write a column, one of = != ~ !~ < <= > >=, \
                     and a value, as status=running"
                ),
            ));
        };
        let column = self.column("--filter", name)?;
        let value = value.trim();
        if value.is_empty() {
            let text = format!("say what {} is to be after {sign}: - is nothing", column.name);
            return Err(wrong("--filter", text));
        }
        let words = value.to_lowercase();
        let more_or_less =
            matches!(compare, Compare::More | Compare::Less | Compare::AtLeast | Compare::AtMost);
        let value = match compare {
            Compare::Has | Compare::HasNot => Value::Text(words.clone()),
            _ if value == "-" && !more_or_less => Value::Nothing,
            _ => column.read(value, sign, more_or_less, now)?,
        };
        Ok(Condition { column, compare, value, words })
    }

    fn order(&self, sort: &str) -> Result<(&'static Column<T>, bool), Problem> {
        let (name, falls) = match sort.strip_prefix('-') {
            Some(name) => (name, true),
            None => (sort, false),
        };
        Ok((self.column("--sort", name)?, falls))
    }

    fn named(&self, names: &str) -> Result<Vec<&'static Column<T>>, Problem> {
        names.split(',').map(|name| self.column("--columns", name)).collect()
    }

    /// The column of a name, written in upper or lower case, its blanks also as `_` or `-`.
    fn column(&self, option: &str, name: &str) -> Result<&'static Column<T>, Problem> {
        let wanted = name.trim().to_lowercase().replace(['_', '-'], " ");
        self.columns.iter().find(|column| column.name == wanted).ok_or_else(|| {
            let all: Vec<&str> = self.columns.iter().map(|column| column.name).collect();
            let said = match wanted.is_empty() {
                true => "say which column".to_owned(),
                false => format!("{} have no column {:?}", self.of, name.trim()),
            };
            wrong(option, format!("{said}: there are {}", all.join(", ")))
        })
    }
}

impl<T> Column<T> {
    /// A value of this column as people write it.
    fn read(
        &self,
        text: &str,
        sign: &str,
        more_or_less: bool,
        now: Timestamp,
    ) -> Result<Value, Problem> {
        let number = |found: Option<f64>, right: &str| {
            let text = format!("{} {text:?} cannot be compared: write {right}", self.name);
            found
                .filter(|n| n.is_finite())
                .map(Value::Number)
                .ok_or_else(|| wrong("--filter", text))
        };
        match &self.get {
            Get::Text(_) if more_or_less => {
                let text = format!("{} is words: {sign} is for numbers, use = != ~ !~", self.name);
                Err(wrong("--filter", text))
            }
            Get::Text(_) => {
                let words = (self.words)();
                if words.is_empty() || words.contains(&text) {
                    return Ok(Value::Text(text.to_owned()));
                }
                let one = words.join(", ");
                let text = format!("{} is never {text:?}: it is one of {one}", self.name);
                Err(wrong("--filter", text))
            }
            Get::Number(..) => {
                let bare = text.trim_end_matches('%').trim_end();
                number(bare.parse().ok(), "a number, as 12.5")
            }
            Get::Count(_) => number(text.parse::<u64>().ok().map(|n| n as f64), "a count, as 12"),
            Get::Bytes(_) => number(read_bytes(text), "bytes, as 512MiB or 10GiB"),
            Get::Length(_) => {
                let length = time::read(&text.replace(' ', ""));
                number(length.map(|n| n as f64), "a length of time, as 90s, 5m or 2h30m")
            }
            Get::Day(_) | Get::Moment(_) => {
                let at = moment::parse(text, now).ok().map(|at| at.0 as f64);
                number(at, "a day or a moment, as 2026-11-14, 2026-11-14T10:30Z, or 2h for 2 h ago")
            }
        }
    }
}

/// Bytes with their unit, or bare.
fn read_bytes(text: &str) -> Option<f64> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let shift = match unit.trim().to_lowercase().as_str() {
        "" | "b" => 0,
        "kib" | "k" => 10,
        "mib" | "m" => 20,
        "gib" | "g" => 30,
        "tib" | "t" => 40,
        _ => return None,
    };
    Some(number.parse::<f64>().ok()? * (1u64 << shift) as f64)
}

impl<T> Asked<T> {
    /// Whether a row is asked for.
    pub fn takes(&self, row: &T) -> bool {
        self.conditions.iter().all(|condition| condition.holds(row))
    }

    /// The words that a column has to have exactly, where that is asked: the appliance can be asked
    /// for just those, and shows some rows only then.
    pub fn exactly(&self, name: &str) -> Option<&str> {
        let of = |condition: &&Condition<T>| {
            condition.compare == Compare::Is && condition.column.name == name
        };
        match &self.conditions.iter().find(of)?.value {
            Value::Text(text) => Some(text),
            Value::Number(_) | Value::Nothing => None,
        }
    }

    /// The rows that are asked for, in the order asked for.
    pub fn of(&self, rows: Vec<T>) -> Vec<T> {
        let mut rows: Vec<T> = rows.into_iter().filter(|row| self.takes(row)).collect();
        if let Some((column, falls)) = self.order {
            rows.sort_by(|a, b| {
                let (a, b) = (column.value(a), column.value(b));
                // What says nothing comes last either way.
                let nothing = a == Value::Nothing || b == Value::Nothing;
                if falls && !nothing { b.order(&a) } else { a.order(&b) }
            });
        }
        rows
    }
}

impl<T> Condition<T> {
    fn holds(&self, row: &T) -> bool {
        let found = self.column.value(row);
        let order = || match (&found, &self.value) {
            (Value::Number(found), Value::Number(wanted)) => found.partial_cmp(wanted),
            _ => None,
        };
        match self.compare {
            Compare::Is => found == self.value,
            Compare::IsNot => found != self.value,
            Compare::Has => self.is_in(row),
            Compare::HasNot => !self.is_in(row),
            Compare::More => order() == Some(Ordering::Greater),
            Compare::Less => order() == Some(Ordering::Less),
            Compare::AtLeast => order().is_some_and(Ordering::is_ge),
            Compare::AtMost => order().is_some_and(Ordering::is_le),
        }
    }

    fn is_in(&self, row: &T) -> bool {
        self.column.cell(row).0.to_lowercase().contains(&self.words)
    }
}

fn wrong(option: &str, what: String) -> Problem {
    Problem::new(Code::InvalidValue, format!("{option}: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Thing(&'static str, Option<u64>, u64, i64);

    const THINGS: List<Thing> = List {
        of: "things",
        name: |thing| thing.0.to_owned(),
        columns: &[
            Column::<Thing>::new("name", "What it is called", Get::Text(|t| Some(t.0.to_owned()))),
            Column::<Thing>::new("size", "How large it is", Get::Bytes(|thing| thing.1)),
            Column::<Thing>::new("old for", "How old it is", Get::Length(|thing| Some(thing.2))),
            Column::<Thing>::new("made", "When it was made", Get::Moment(|thing| Some(thing.3)))
                .wide(),
        ],
    };

    const NOW: Timestamp = Timestamp(1_000_000_000_000);

    fn things() -> Vec<Thing> {
        vec![
            Thing("web-10", Some(1 << 30), 90_000, NOW.0 - 7_200_000),
            Thing("web-2", None, 300_000, NOW.0 - 60_000),
            Thing("Db, old", Some(64 << 20), 1_000, NOW.0),
        ]
    }

    fn found(filter: &str, sort: Option<&str>) -> Vec<&'static str> {
        let filters = if filter.is_empty() { Vec::new() } else { vec![filter.to_owned()] };
        let request = Request { filters, sort: sort.map(str::to_owned), ..Request::default() };
        let asked = THINGS.ask(&request, NOW).unwrap_or_else(|e| panic!("{filter}: {e}"));
        asked.of(things()).into_iter().map(|thing| thing.0).collect()
    }

    #[test]
    fn rows_are_those_that_are_asked_for() {
        for (filter, names) in [
            ("name=web-2", &["web-2"][..]),
            ("name=web", &[]),
            ("name!=web-2", &["web-10", "Db, old"]),
            ("name~WEB", &["web-10", "web-2"]),
            ("name!~web", &["Db, old"]),
            ("name=Db, old", &["Db, old"]),
            ("name~b,size>=64MiB", &["web-10", "Db, old"]),
            ("size>1GiB", &[]),
            ("size>=1gib", &["web-10"]),
            ("size<1 GiB", &["Db, old"]),
            ("size=-", &["web-2"]),
            ("size!=-", &["web-10", "Db, old"]),
            ("size~-", &["web-2"]),
            ("old for>89s", &["web-10", "web-2"]),
            ("old_for<1m30s", &["Db, old"]),
            ("OLD-FOR<=1m30s", &["web-10", "Db, old"]),
            ("made>1h", &["web-2", "Db, old"]),
            ("made<2001-09-09", &["web-10"]),
        ] {
            assert_eq!(found(filter, None), names, "{filter}");
        }
    }

    #[test]
    fn rows_come_in_the_order_that_is_asked_for() {
        assert_eq!(found("", None), ["web-10", "web-2", "Db, old"]);
        assert_eq!(found("", Some("name")), ["Db, old", "web-2", "web-10"]);
        assert_eq!(found("", Some("size")), ["Db, old", "web-10", "web-2"]);
        assert_eq!(found("", Some("-size")), ["web-10", "Db, old", "web-2"]);
        assert_eq!(found("", Some("-old for")), ["web-2", "web-10", "Db, old"]);
    }

    fn refused(request: Request) -> String {
        THINGS.ask(&request, NOW).err().map(|problem| problem.to_string()).unwrap_or_default()
    }

    #[test]
    fn what_cannot_be_understood_says_what_could() {
        let filter =
            |text: &str| refused(Request { filters: vec![text.to_owned()], ..Request::default() });
        let columns = "there are name, size, old for, made";
        for (text, said) in [
            ("", "--filter: \"\" compares nothing"),
            ("name=web,", "--filter: \"name=web,\" ends with a comma"),
            ("name=web,,name=db", "--filter: \"name=web,\" ends with a comma"),
            ("name=web, ,name=db", "--filter: \"name=web, \" ends with a comma"),
            ("running", "--filter: \"running\" compares nothing"),
            ("name!web", "--filter: \"name!web\" compares nothing"),
            ("=web", "--filter: say which column: there are name"),
            ("status=web", "--filter: things have no column \"status\": there are name"),
            ("name=", "--filter: say what name is to be after =: - is nothing"),
            ("name=a,size=", "--filter: say what size is to be after =: - is nothing"),
            ("name=a,colour=red", "--filter: things have no column \"colour\""),
            ("name>a", "--filter: name is words: > is for numbers, use = != ~ !~"),
            ("size>large", "--filter: size \"large\" cannot be compared: write bytes, as 512MiB"),
            ("size>-1", "--filter: size \"-1\" cannot be compared"),
            ("size>-", "--filter: size \"-\" cannot be compared"),
            ("old for>90", "--filter: old for \"90\" cannot be compared: write a length of time"),
            ("made>yesterday", "--filter: made \"yesterday\" cannot be compared: write a day"),
        ] {
            assert!(filter(text).starts_with(said), "{text}: {}", filter(text));
        }
        let sort = refused(Request { sort: Some("-colour".into()), ..Request::default() });
        assert_eq!(sort, format!("--sort: things have no column \"colour\": {columns}"));
        for (names, said) in [
            ("", format!("--columns: say which column: {columns}")),
            ("name,", format!("--columns: say which column: {columns}")),
            ("name,colour", format!("--columns: things have no column \"colour\": {columns}")),
        ] {
            let request = Request { columns: Some(names.into()), ..Request::default() };
            assert_eq!(refused(request), said);
        }
    }

    #[test]
    fn columns_are_those_that_are_asked_for() {
        let names = |columns: Option<&str>, wide: bool| {
            let columns = columns.map(str::to_owned);
            let asked = THINGS.ask(&Request { columns, wide, ..Request::default() }, NOW);
            let names: Vec<_> = asked.unwrap().columns.iter().map(|column| column.name).collect();
            names
        };
        assert_eq!(names(None, false), ["name", "size", "old for"]);
        assert_eq!(names(None, true), ["name", "size", "old for", "made"]);
        assert_eq!(names(Some("made,NAME"), true), ["made", "name"]);
    }
}
