//! What lists show: each list declares its columns once, with what a column means, how it is
//! shown, compared and sorted. Tables, filters, sorting and the documentation of columns are made
//! from that.
//!
//! It lies here because it is about the views that cross the border, and whoever shows them (the
//! command line, the terminal UI) may use this room.
//!
//! - [`Column`]: one of them. [`List`]: those of one kind of thing, and by what name other commands
//!   take it.
//! - [`ask`]: what a person asks of a list: `--filter`, `--sort`, `--columns`.
//!
//! To add a column: a line in the list it belongs to, in one of the files below. To add a list: a
//! file here, a line in `tests/cli` that asks for it.

pub mod ask;
pub mod clouds;
pub mod farm_roles;
pub mod farms;
pub mod holds;
pub mod images;
pub mod jobs;
pub mod logs;
pub mod notes;
pub mod revisions;
pub mod role_revisions;
pub mod roles;
pub mod runs;
pub mod servers;
pub mod tokens;
pub mod variables;
pub mod volumes;

use crate::base::time::say;
use crate::base::{Millis, Timestamp};
use serde_json::Value as Json;
use std::cmp::Ordering;

/// A tone with a meaning; who shows it knows the colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// As the terminal has it.
    Plain,
    /// As it should be.
    Good,
    /// On its way.
    Busy,
    /// Not as it should be.
    Bad,
}

impl Tone {
    /// The tone of a farm's or server's status.
    pub fn of_status(status: &str) -> Tone {
        match status {
            "running" => Tone::Good,
            "terminated" | "suspended" => Tone::Plain,
            _ => Tone::Busy,
        }
    }
}

/// A cell of a table: a text and its tone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell(pub String, pub Tone);

impl<T: ToString> From<T> for Cell {
    fn from(text: T) -> Cell {
        Cell(text.to_string(), Tone::Plain)
    }
}

/// What a column has of one thing. `None` where there is nothing to say.
pub enum Get<T> {
    /// Words.
    Text(fn(&T) -> Option<String>),
    /// A number, and the unit that is shown behind it, with its space.
    Number(fn(&T) -> Option<f64>, &'static str),
    /// A count of something.
    Count(fn(&T) -> Option<u64>),
    /// Bytes.
    Bytes(fn(&T) -> Option<u64>),
    /// A length of time.
    Length(fn(&T) -> Option<Millis>),
    /// A moment, ms UTC, shown as its day.
    Day(fn(&T) -> Option<i64>),
    /// A moment, ms UTC, shown to the minute.
    Moment(fn(&T) -> Option<i64>),
}

/// What a column has of one thing, as it is compared.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// There is nothing to say.
    Nothing,
    /// Words.
    Text(String),
    /// Anything that is more or less than another.
    Number(f64),
}

/// A column of a list of `T`.
pub struct Column<T: 'static> {
    /// What it is called: its heading in lower case, and its word in filters.
    pub name: &'static str,
    /// What it means, a sentence without its full stop.
    pub about: &'static str,
    /// Only shown where there is room for everything.
    pub wide: bool,
    get: Get<T>,
    look: Option<fn(&T) -> Cell>,
    words: fn() -> Vec<&'static str>,
}

impl<T> Column<T> {
    /// A column that is always shown.
    pub const fn new(name: &'static str, about: &'static str, get: Get<T>) -> Column<T> {
        Column { name, about, wide: false, get, look: None, words: Vec::new }
    }

    /// Shown otherwise than as what it has.
    #[must_use]
    pub const fn shown(mut self, look: fn(&T) -> Cell) -> Column<T> {
        self.look = Some(look);
        self
    }

    /// Only ever one of these words, so that to look for another is a mistake.
    #[must_use]
    pub const fn one_of(mut self, words: fn() -> Vec<&'static str>) -> Column<T> {
        self.words = words;
        self
    }

    /// Shown in wide tables only, or when it is asked for.
    #[must_use]
    pub const fn wide(mut self) -> Column<T> {
        self.wide = true;
        self
    }

    /// What it shows of a thing; `-` where there is nothing to say of a number.
    pub fn cell(&self, of: &T) -> Cell {
        if let Some(look) = self.look {
            return look(of);
        }
        let text = match &self.get {
            Get::Text(get) => return Cell::from(get(of).unwrap_or_default()),
            Get::Number(get, unit) => get(of).map(|number| format!("{number:.1}{unit}")),
            Get::Count(get) => get(of).map(|count| count.to_string()),
            Get::Bytes(get) => get(of).map(bytes),
            Get::Length(get) => get(of).map(say),
            Get::Day(get) => get(of).map(day),
            Get::Moment(get) => get(of).map(minute),
        };
        Cell::from(text.unwrap_or_else(|| "-".to_owned()))
    }

    /// What it has of a thing, for programs: no unit, milliseconds, a moment as RFC 3339.
    pub fn raw(&self, of: &T) -> Json {
        match (self.value(of), &self.get) {
            (Value::Nothing, _) => Json::Null,
            (Value::Text(text), _) => Json::from(text),
            (Value::Number(at), Get::Day(_) | Get::Moment(_)) => {
                Json::from(Timestamp(at as i64).to_string())
            }
            (Value::Number(number), Get::Number(..)) => Json::from(number),
            (Value::Number(number), _) => Json::from(number as u64),
        }
    }

    /// What it has of a thing.
    pub fn value(&self, of: &T) -> Value {
        // Below 2^53 a number is exact.
        let number = match &self.get {
            Get::Text(get) => {
                let text = get(of).filter(|text| !text.is_empty());
                return text.map_or(Value::Nothing, Value::Text);
            }
            Get::Number(get, _) => get(of),
            Get::Count(get) | Get::Bytes(get) | Get::Length(get) => get(of).map(|n| n as f64),
            Get::Day(get) | Get::Moment(get) => get(of).map(|at| at as f64),
        };
        number.map_or(Value::Nothing, Value::Number)
    }
}

/// How a kind of thing is listed.
pub struct List<T: 'static> {
    /// What it lists, as `servers`.
    pub of: &'static str,
    /// Its columns, in the order they are shown.
    pub columns: &'static [Column<T>],
    /// How other commands are told which one is meant.
    pub name: fn(&T) -> String,
}

impl<T> List<T> {
    /// The columns of a table for people.
    pub fn usual(&self) -> Vec<&'static Column<T>> {
        self.columns.iter().filter(|column| !column.wide).collect()
    }
}

/// Bytes as people say them: `64.0 MiB`.
pub fn bytes(bytes: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let (mut value, mut unit) = (bytes as f64, 0);
    while value >= 1024.0 && unit < units.len() - 1 {
        value /= 1024.0;
        unit += 1;
    }
    let digits = usize::from(unit > 0);
    format!("{value:.digits$} {}", units[unit])
}

/// The day of a moment, UTC.
pub fn day(at: i64) -> String {
    Timestamp(at).day()
}

/// A moment to the minute.
pub fn minute(at: i64) -> String {
    format!("{} UTC", Timestamp(at).minute())
}

impl Value {
    /// Less, alike or more: numbers as numbers, words with the numbers in them as numbers, so that
    /// `web-2` comes before `web-10`; nothing comes last.
    pub fn order(&self, other: &Value) -> Ordering {
        match (self, other) {
            (Value::Nothing, Value::Nothing) => Ordering::Equal,
            (Value::Nothing, _) => Ordering::Greater,
            (_, Value::Nothing) => Ordering::Less,
            (Value::Number(a), Value::Number(b)) => a.total_cmp(b),
            (Value::Text(a), Value::Text(b)) => natural(a, b),
            (Value::Number(_), Value::Text(_)) => Ordering::Less,
            (Value::Text(_), Value::Number(_)) => Ordering::Greater,
        }
    }
}

/// The order of two texts with runs of digits in them as numbers.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a, b);
    while !left.is_empty() && !right.is_empty() {
        let (one, other) = (piece(left), piece(right));
        let numbers = one.as_bytes()[0].is_ascii_digit() && other.as_bytes()[0].is_ascii_digit();
        let order = if numbers {
            let (x, y) = (one.trim_start_matches('0'), other.trim_start_matches('0'));
            x.len().cmp(&y.len()).then_with(|| x.cmp(y))
        } else {
            one.cmp(other)
        };
        if order != Ordering::Equal {
            return order;
        }
        (left, right) = (&left[one.len()..], &right[other.len()..]);
    }
    // Alike but for zeros before a number: still always in one order.
    left.len().cmp(&right.len()).then_with(|| a.cmp(b))
}

/// The digits a text begins with, or what comes before its first digit.
fn piece(text: &str) -> &str {
    let digits = text.starts_with(|c: char| c.is_ascii_digit());
    let end = text.find(|c: char| c.is_ascii_digit() != digits).unwrap_or(text.len());
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_names_are_numbers() {
        let mut names =
            ["web-10", "web-2", "web", "db-1", "web-02", "web-2b", "", "Ω-3", "10", "9"];
        names.sort_by(|a, b| natural(a, b));
        let sorted = ["", "9", "10", "db-1", "web", "web-02", "web-2", "web-2b", "web-10", "Ω-3"];
        assert_eq!(names, sorted);
        let huge = ["x18446744073709551616", "x18446744073709551615", "x3"];
        let mut sorted = huge;
        sorted.sort_by(|a, b| natural(a, b));
        assert_eq!(sorted, [huge[2], huge[1], huge[0]]);
    }

    #[test]
    fn nothing_comes_last_and_numbers_are_no_words() {
        let mut all = [Value::Nothing, Value::Number(10.0), Value::Number(9.5), Value::Nothing];
        all.sort_by(Value::order);
        assert_eq!(all[..2], [Value::Number(9.5), Value::Number(10.0)]);
        assert_eq!(Value::Text("a".into()).order(&Value::Nothing), Ordering::Less);
    }

    /// Names are words of a command line, each once in its list, with a sentence each.
    fn sound<T>(list: &List<T>) {
        for (nth, column) in list.columns.iter().enumerate() {
            let of = format!("{} of {}", column.name, list.of);
            let plain = |c: char| c.is_ascii_lowercase() || c == ' ';
            assert!(column.name.chars().all(plain) && !column.name.is_empty(), "{of}");
            assert!(column.about.len() > 5 && !column.about.ends_with('.'), "{of}");
            let again = list.columns[..nth].iter().any(|other| other.name == column.name);
            assert!(!again, "{of} is there twice");
        }
        assert!(!list.usual().is_empty());
    }

    #[test]
    fn every_list_is_sound() {
        sound(&clouds::CLOUDS);
        sound(&farms::FARMS);
        sound(&farm_roles::FARM_ROLES);
        sound(&holds::HOLDS);
        sound(&notes::NOTES);
        sound(&variables::VARIABLES);
        sound(&jobs::JOBS);
        sound(&revisions::REVISIONS);
        sound(&roles::ROLES);
        sound(&servers::SERVERS);
        sound(&tokens::TOKENS);
        sound(&volumes::VOLUMES);
    }
}
