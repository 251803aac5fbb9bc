//! A fault in a manifest, where it is, and what the writer may have meant.

use crate::base::limit::MANIFEST_FAULTS_MAX;
use std::collections::BTreeMap;
use std::fmt;

/// Where something is in the text, both counted from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SourcePosition {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

/// What is wrong, where, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// As `farmRoles[0].scaling.minInstances`; empty for the manifest as a whole.
    pub path: String,
    /// Where the value is, or its section when it is missing.
    pub place: SourcePosition,
    /// One sentence.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: ", self.place.line)?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

/// Collects faults and remembers where each field was.
#[derive(Default)]
pub(super) struct Sink {
    faults: Vec<Fault>,
    unsaid: usize,
    pub(super) places: BTreeMap<String, SourcePosition>,
}

impl Sink {
    /// Notes a fault; past the bound they are only counted.
    pub(super) fn fault(&mut self, path: &str, place: SourcePosition, message: impl Into<String>) {
        if self.faults.len() == MANIFEST_FAULTS_MAX {
            self.unsaid += 1;
            return;
        }
        self.faults.push(Fault { path: path.to_owned(), place, message: message.into() });
    }

    /// Notes a fault of a field that was read.
    pub(super) fn fault_at(&mut self, path: &str, message: impl Into<String>) {
        let place = self.places.get(path).copied().unwrap_or_default();
        self.fault(path, place, message);
    }

    /// Notes a fault of a field that was read, unless there is one of it already.
    pub(super) fn fault_once(&mut self, path: &str, message: impl Into<String>) {
        if !self.faults.iter().any(|fault| fault.path == path) {
            self.fault_at(path, message);
        }
    }

    /// Whether all is well so far.
    pub(super) fn is_clean(&self) -> bool {
        self.faults.is_empty()
    }

    /// Every fault in the order of the text.
    pub(super) fn into_faults(mut self) -> Vec<Fault> {
        self.faults.sort_by_key(|fault| (fault.place.line, fault.place.column));
        if self.unsaid > 0 {
            let place = self.faults.last().map(|fault| fault.place).unwrap_or_default();
            let message = format!("and {} more faults that are not listed", self.unsaid);
            self.faults.push(Fault { path: String::new(), place, message });
        }
        self.faults
    }
}

/// What is wrong with a text that was read, to which more can be added where it is.
#[derive(Debug, Default)]
pub struct FaultsFound {
    faults: Vec<Fault>,
    /// Where each field was, by its path: `farmRoles[0].role`.
    places: BTreeMap<String, SourcePosition>,
}

impl FaultsFound {
    /// What reading found.
    pub(super) fn of(mut sink: Sink) -> FaultsFound {
        let places = std::mem::take(&mut sink.places);
        FaultsFound { faults: sink.into_faults(), places }
    }

    /// Adds a fault that only the appliance can find, as a role that does not exist:
    /// `add("farmRoles[0].role", "no role web-demoo")`. One about a field that has a fault
    /// already, or that is part of one, would only repeat it and is left out.
    pub fn add(&mut self, path: &str, message: impl Into<String>) {
        let told = |fault: &Fault| is_within(&fault.path, path) || is_within(path, &fault.path);
        if !self.faults.iter().any(|fault| !fault.path.is_empty() && told(fault)) {
            let place = self.place(path);
            self.faults.push(Fault { path: path.to_owned(), place, message: message.into() });
        }
    }

    /// What was read if there is no fault, else every fault in the order of the text.
    pub(super) fn or<T>(mut self, read: Option<T>) -> Result<T, Vec<Fault>> {
        match read {
            Some(read) if self.faults.is_empty() => Ok(read),
            Some(_) | None => {
                self.faults.sort_by_key(|fault| (fault.place.line, fault.place.column));
                Err(self.faults)
            }
        }
    }

    /// Where a field is. One left to its default has no place: its section's is the nearest.
    fn place(&self, path: &str) -> SourcePosition {
        let mut nearest = path;
        loop {
            if let Some(place) = self.places.get(nearest) {
                return *place;
            }
            match nearest.rfind(['.', '[']) {
                Some(end) => nearest = &nearest[..end],
                None => return SourcePosition { line: 1, column: 1 },
            }
        }
    }
}

/// Whether one path is the other or leads into it.
fn is_within(inner: &str, outer: &str) -> bool {
    let rest = inner.strip_prefix(outer);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// Text of an unknown name for a message: what may have been meant, or what there is.
pub fn suggest(given: &str, known: &[&str]) -> String {
    let nearest = known
        .iter()
        .map(|name| (distance(&given.to_lowercase(), &name.to_lowercase()), *name))
        .min_by_key(|(distance, _)| *distance);
    match nearest {
        // A third of the letters wrong is still more likely a slip than another word.
        Some((distance, name)) if distance <= (name.len() / 3).max(1) => {
            format!("did you mean {name}?")
        }
        _ => format!("there are {}", known.join(", ")),
    }
}

/// Edit distance (Levenshtein 1966), of the first 64 characters, as slips are short.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().take(64).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let change = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// A piece of the writer's text for a message: short, on one line.
pub(super) fn quote(text: &str) -> String {
    let mut short: String = text.chars().take(40).collect();
    if short.len() < text.len() {
        short.push_str("...");
    }
    format!("{short:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_guessed_and_strangers_are_not() {
        let check = |given, expected| {
            assert_eq!(suggest(given, &["alias", "minInstances", "maxInstances"]), expected);
        };
        check("minInstance", "did you mean minInstances?");
        check("MININSTANCES", "did you mean minInstances?");
        check("allias", "did you mean alias?");
        check("colour", "there are alias, minInstances, maxInstances");
        check("", "there are alias, minInstances, maxInstances");
    }

    #[test]
    fn faults_past_the_bound_are_counted() {
        let mut sink = Sink::default();
        for line in 0..MANIFEST_FAULTS_MAX + 3 {
            sink.fault("", SourcePosition { line, column: 1 }, "x");
        }
        let faults = sink.into_faults();
        assert_eq!(faults.len(), MANIFEST_FAULTS_MAX + 1);
        assert_eq!(faults.last().unwrap().message, "and 3 more faults that are not listed");
    }
}
