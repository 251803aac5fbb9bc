//! Reading a mapping field by field, so that what nobody asked for is told as unknown.
//!
//! A reader asks for each field it knows with a function from the value to what it means; a fault
//! is noted and reading goes on with nothing, so that one pass finds every fault there is.

use super::fault::{Sink, SourcePosition, quote, suggest};
use super::tree::{Entry, Kind, Tree, join};

/// One mapping being read.
pub(super) struct Section<'t> {
    pub path: String,
    place: SourcePosition,
    entries: &'t [Entry],
    known: Vec<&'static str>,
}

/// What a value means, or what is wrong with it as a sentence.
pub(super) type Meaning<T> = Result<T, String>;

impl<'t> Section<'t> {
    /// The mapping at `path`; a fault when it is none.
    pub fn open(tree: &'t Tree, path: String, sink: &mut Sink) -> Option<Section<'t>> {
        match &tree.kind {
            Kind::Map(entries) => {
                Some(Section { path, place: tree.place, entries, known: Vec::new() })
            }
            Kind::Faulty => None,
            Kind::Scalar { .. } | Kind::List(_) => {
                let message = format!("expected a section with fields, found {}", tree.what());
                sink.fault(&path, tree.place, message);
                None
            }
        }
    }

    /// The path of a field of this section.
    pub fn at(&self, name: &str) -> String {
        join(&self.path, name)
    }

    /// A field's value, if it has one.
    fn field(&mut self, name: &'static str, sink: &mut Sink) -> Option<&'t Tree> {
        if !self.known.contains(&name) {
            self.known.push(name);
        }
        let entry = self.entries.iter().find(|entry| entry.key == name)?;
        sink.places.insert(self.at(name), entry.value.place);
        (!entry.value.is_null()).then_some(&entry.value)
    }

    /// A field that may be absent.
    pub fn optional<T>(
        &mut self,
        name: &'static str,
        sink: &mut Sink,
        read: impl Fn(&Tree) -> Meaning<T>,
    ) -> Option<T> {
        let tree = self.field(name, sink)?;
        if matches!(tree.kind, Kind::Faulty) {
            return None;
        }
        read(tree).map_err(|message| sink.fault(&self.at(name), tree.place, message)).ok()
    }

    /// A field that must be there.
    pub fn required<T>(
        &mut self,
        name: &'static str,
        sink: &mut Sink,
        read: impl Fn(&Tree) -> Meaning<T>,
    ) -> Option<T> {
        if self.field(name, sink).is_none() {
            sink.fault(&self.at(name), self.place, format!("missing: {name} has no default"));
            return None;
        }
        self.optional(name, sink, read)
    }

    /// A section within this one.
    pub fn section(&mut self, name: &'static str, sink: &mut Sink) -> Option<Section<'t>> {
        let tree = self.field(name, sink)?;
        Section::open(tree, self.at(name), sink)
    }

    /// How many items a list has, whatever they are; none when there is no such list.
    pub fn count(&self, name: &str) -> usize {
        match self.entries.iter().find(|entry| entry.key == name).map(|entry| &entry.value.kind) {
            Some(Kind::List(items)) => items.len(),
            Some(Kind::Map(_) | Kind::Scalar { .. } | Kind::Faulty) | None => 0,
        }
    }

    /// The items of a list of sections; none when it is absent.
    pub fn list(&mut self, name: &'static str, sink: &mut Sink) -> Vec<Section<'t>> {
        let Some(tree) = self.field(name, sink) else { return Vec::new() };
        let path = self.at(name);
        match &tree.kind {
            Kind::List(items) => items
                .iter()
                .enumerate()
                .filter_map(|(i, item)| {
                    let path = format!("{path}[{i}]");
                    sink.places.insert(path.clone(), item.place);
                    Section::open(item, path, sink)
                })
                .collect(),
            Kind::Faulty => Vec::new(),
            Kind::Scalar { .. } | Kind::Map(_) => {
                let found = tree.what();
                let message = format!("expected a list (lines that begin with `-`), found {found}");
                sink.fault(&path, tree.place, message);
                Vec::new()
            }
        }
    }

    /// The values of a list of scalars, as `[web, db]`; none when it is absent.
    pub fn values<T: PartialEq>(
        &mut self,
        name: &'static str,
        most: usize,
        sink: &mut Sink,
        read: impl Fn(&Tree) -> Meaning<T>,
    ) -> Vec<T> {
        let Some(tree) = self.field(name, sink) else { return Vec::new() };
        let path = self.at(name);
        let items = match &tree.kind {
            Kind::List(items) => items,
            Kind::Faulty => return Vec::new(),
            Kind::Scalar { .. } | Kind::Map(_) => {
                let message = format!("expected a list, as [a, b], found {}", tree.what());
                sink.fault(&path, tree.place, message);
                return Vec::new();
            }
        };
        if items.len() > most {
            sink.fault(&path, tree.place, format!("{} values: at most {most}", items.len()));
        }
        let mut values = Vec::new();
        for (i, item) in items.iter().enumerate().take(most) {
            let path = format!("{path}[{i}]");
            sink.places.insert(path.clone(), item.place);
            match read(item) {
                Ok(value) if values.contains(&value) => {
                    sink.fault(&path, item.place, format!("{} is there twice", item.what()));
                }
                Ok(value) => values.push(value),
                Err(message) => sink.fault(&path, item.place, message),
            }
        }
        values
    }

    /// Says which fields nobody asked for.
    pub fn finish(self, sink: &mut Sink) {
        for entry in self.entries.iter().filter(|e| !self.known.contains(&e.key.as_str())) {
            let hint = suggest(&entry.key, &self.known);
            let message = format!("unknown field {}: {hint}", quote(&entry.key));
            sink.fault(&self.at(&entry.key), entry.place, message);
        }
    }
}
