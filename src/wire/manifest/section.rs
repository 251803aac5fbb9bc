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

    /// Whether a field says something, rightly or not.
    pub fn has(&self, name: &str) -> bool {
        self.entries.iter().any(|entry| entry.key == name && !entry.value.is_null())
    }

    /// A fault about a field that is perhaps not there; then it is its section that is told.
    pub fn missing(&self, name: &str, sink: &mut Sink, message: impl Into<String>) {
        let entry = self.entries.iter().find(|entry| entry.key == name);
        let place = entry.map_or(self.place, |entry| entry.value.place);
        sink.fault(&self.at(name), place, message);
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
        let mut values = Vec::new();
        for (path, item) in self.items(name, most, sink) {
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

    /// The words of a command, each with its path; one may be there twice.
    pub fn words(
        &mut self,
        name: &'static str,
        most: usize,
        sink: &mut Sink,
        read: impl Fn(&Tree) -> Meaning<String>,
    ) -> Vec<(String, String)> {
        let mut words = Vec::new();
        for (path, item) in self.items(name, most, sink) {
            match read(item) {
                Ok(word) => words.push((path, word)),
                Err(message) => sink.fault(&path, item.place, message),
            }
        }
        words
    }

    /// The fields of a section whose names are the writer's own, as `{http: 8080}`, each with its
    /// path.
    pub fn named<T>(
        &mut self,
        name: &'static str,
        most: usize,
        sink: &mut Sink,
        is_name: impl Fn(&str) -> Meaning<()>,
        read: impl Fn(&Tree) -> Meaning<T>,
    ) -> Vec<(String, String, T)> {
        match self.section(name, sink) {
            Some(section) => section.own_named(most, sink, is_name, read),
            None => Vec::new(),
        }
    }

    /// The sections of a section whose names are the writer's own, each with its name.
    pub fn named_sections(
        &mut self,
        name: &'static str,
        most: usize,
        sink: &mut Sink,
        is_name: impl Fn(&str) -> Meaning<()>,
    ) -> Vec<(String, Section<'t>)> {
        let Some(section) = self.section(name, sink) else { return Vec::new() };
        if section.entries.len() > most {
            let text = format!("{} fields: at most {most}", section.entries.len());
            sink.fault(&section.path, section.place, text);
        }
        let mut sections = Vec::new();
        for entry in section.entries.iter().take(most) {
            let path = section.at(&entry.key);
            sink.places.insert(path.clone(), entry.place);
            if let Err(message) = is_name(&entry.key) {
                sink.fault(&path, entry.place, message);
            }
            let inner = Section::open(&entry.value, path, sink);
            sections.extend(inner.map(|inner| (entry.key.clone(), inner)));
        }
        sections
    }

    /// The fields of this section, whose names are the writer's own, each with its path.
    pub fn own_named<T>(
        &self,
        most: usize,
        sink: &mut Sink,
        is_name: impl Fn(&str) -> Meaning<()>,
        read: impl Fn(&Tree) -> Meaning<T>,
    ) -> Vec<(String, String, T)> {
        if self.entries.len() > most {
            let text = format!("{} fields: at most {most}", self.entries.len());
            sink.fault(&self.path, self.place, text);
        }
        let mut fields = Vec::new();
        for entry in self.entries.iter().take(most) {
            let path = self.at(&entry.key);
            sink.places.insert(path.clone(), entry.value.place);
            match is_name(&entry.key).and_then(|()| read(&entry.value)) {
                Ok(value) => fields.push((path, entry.key.clone(), value)),
                Err(message) => sink.fault(&path, entry.place, message),
            }
        }
        fields
    }

    /// The items of a list of scalars with their paths, at most so many.
    fn items(
        &mut self,
        name: &'static str,
        most: usize,
        sink: &mut Sink,
    ) -> Vec<(String, &'t Tree)> {
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
        let item = |(i, item): (usize, &'t Tree)| {
            let path = format!("{path}[{i}]");
            sink.places.insert(path.clone(), item.place);
            (path, item)
        };
        items.iter().enumerate().take(most).map(item).collect()
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
