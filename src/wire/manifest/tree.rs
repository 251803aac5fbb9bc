//! YAML as a small tree that keeps positions: mappings in order, lists, scalars as text.
//!
//! What a manifest has no use for is a fault rather than a surprise: anchors and aliases (a few
//! lines of them unfold to gigabytes), tags, keys that are not text, a key twice, a second
//! document that says something. Marks of documents around the one there is (`---`, `...`), line
//! ends of Windows and its mark before the first line are as good as not there. Size, depth and
//! number of values are bounded. The events are read in a loop, not by recursion, so that depth
//! costs no stack before it is refused.

use super::fault::{Sink, SourcePosition, quote};
use crate::base::limit::{MANIFEST_BYTES_MAX, MANIFEST_DEPTH_MAX, MANIFEST_VALUES_MAX};
use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span};

/// What some editors put before the first line.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// One value and where it begins.
#[derive(Debug)]
pub(super) struct Tree {
    pub place: SourcePosition,
    pub kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    /// Text; plain when it was not quoted, so that it may be a number or a word with a meaning.
    Scalar {
        text: String,
        plain: bool,
    },
    Map(Vec<Entry>),
    List(Vec<Tree>),
    /// A fault has been noted already; nothing more is said of it.
    Faulty,
}

/// One field of a mapping.
#[derive(Debug)]
pub(super) struct Entry {
    pub key: String,
    pub place: SourcePosition,
    pub value: Tree,
}

impl Tree {
    /// What it is, for people.
    pub fn what(&self) -> String {
        match &self.kind {
            Kind::Scalar { text, .. } => quote(text),
            Kind::Map(_) => "a section with fields".into(),
            Kind::List(_) => "a list".into(),
            Kind::Faulty => "something else".into(),
        }
    }

    /// Whether the field was left empty, which is as good as not there.
    pub fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar { text, plain: true }
            if matches!(text.as_str(), "" | "~" | "null"))
    }
}

/// What is being built: each open list or mapping, the innermost last.
struct Open {
    path: String,
    place: SourcePosition,
    kind: OpenKind,
}

enum OpenKind {
    Map { entries: Vec<Entry>, key: Option<(String, SourcePosition)> },
    List(Vec<Tree>),
}

/// Reads a text that declares a `noun`; faults go to the sink. `None` when there is nothing to go
/// on with.
pub(super) fn read(text: &str, noun: &'static str, sink: &mut Sink) -> Option<Tree> {
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    if text.len() > MANIFEST_BYTES_MAX {
        let message = format!("{} bytes are too many: at most {MANIFEST_BYTES_MAX}", text.len());
        sink.fault("", SourcePosition { line: 1, column: 1 }, message);
        return None;
    }
    let mut builder = Builder { noun, open: Vec::new(), root: None, values: 0 };
    for event in Parser::new_from_str(text) {
        let going = match event {
            Ok((event, span)) => builder.take(event, place(&span), sink),
            Err(error) => Err(not_yaml(&error)),
        };
        if let Err((place, message)) = going {
            sink.fault("", place, message);
            return None;
        }
    }
    if builder.root.is_none() && sink.is_clean() {
        let message = format!("the manifest is empty: it needs at least `{noun}: <name>`");
        sink.fault("", SourcePosition { line: 1, column: 1 }, message);
    }
    builder.root
}

fn place(span: &Span) -> SourcePosition {
    SourcePosition { line: span.start.line(), column: span.start.col() + 1 }
}

fn not_yaml(error: &ScanError) -> (SourcePosition, String) {
    let at = error.marker();
    let place = SourcePosition { line: at.line(), column: at.col() + 1 };
    // The scanner looks further ahead than we nest, and has a bound of its own.
    if error.info().contains("recursion limit") {
        return (place, format!("nested deeper than {MANIFEST_DEPTH_MAX}"));
    }
    (place, format!("this is not YAML: {} (column {})", error.info(), place.column))
}

struct Builder {
    /// What a file declares one of.
    noun: &'static str,
    open: Vec<Open>,
    root: Option<Tree>,
    values: usize,
}

/// What ends the reading at once.
type Stop = (SourcePosition, String);

impl Builder {
    fn take(
        &mut self,
        event: Event<'_>,
        place: SourcePosition,
        sink: &mut Sink,
    ) -> Result<(), Stop> {
        match event {
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
            Event::Alias(_) => {
                let path = self.next_path();
                sink.fault(&path, place, "no aliases (`*name`) here: write the value out");
                self.put(Tree { place, kind: Kind::Faulty }, sink)
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_extras(anchor, tag.is_some(), place, sink);
                let plain = style == ScalarStyle::Plain;
                self.put(Tree { place, kind: Kind::Scalar { text: text.into(), plain } }, sink)
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_extras(anchor, tag.is_some(), place, sink);
                self.begin(place, OpenKind::List(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_extras(anchor, tag.is_some(), place, sink);
                self.begin(place, OpenKind::Map { entries: Vec::new(), key: None })
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open { place, kind: OpenKind::List(items), .. }) => {
                    self.put(Tree { place, kind: Kind::List(items) }, sink)
                }
                Some(Open { place, kind: OpenKind::Map { entries, .. }, .. }) => {
                    self.put(Tree { place, kind: Kind::Map(entries) }, sink)
                }
                None => Err((place, "this is not YAML: an end without a beginning".into())),
            },
        }
    }

    fn begin(&mut self, place: SourcePosition, kind: OpenKind) -> Result<(), Stop> {
        self.refuse_second(place)?;
        if self.open.len() == MANIFEST_DEPTH_MAX {
            let message = format!("nested deeper than {MANIFEST_DEPTH_MAX}");
            return Err((place, message));
        }
        self.open.push(Open { path: self.next_path(), place, kind });
        Ok(())
    }

    /// One file declares one thing: a document that says something after one that did.
    fn refuse_second(&self, place: SourcePosition) -> Result<(), Stop> {
        match (&self.root, self.open.is_empty()) {
            (Some(_), true) => {
                let noun = self.noun;
                let message = format!(
                    "a second document begins here: one file is one {noun}, so give it a file of \
                     its own"
                );
                Err((place, message))
            }
            _ => Ok(()),
        }
    }

    fn refuse_extras(&mut self, anchor: usize, tag: bool, place: SourcePosition, sink: &mut Sink) {
        let path = self.next_path();
        if anchor > 0 {
            sink.fault(&path, place, "no anchors (`&name`) here: write the value out");
        }
        if tag {
            sink.fault(&path, place, "no tags (`!name`) here: fields have their types already");
        }
    }

    /// The path of the value that comes next.
    fn next_path(&self) -> String {
        let Some(open) = self.open.last() else { return String::new() };
        match &open.kind {
            OpenKind::List(items) => format!("{}[{}]", open.path, items.len()),
            OpenKind::Map { key: Some((key, _)), .. } => join(&open.path, key),
            OpenKind::Map { key: None, .. } => open.path.clone(),
        }
    }

    /// Puts a finished value where it belongs: a key, a field, an item or the root.
    fn put(&mut self, tree: Tree, sink: &mut Sink) -> Result<(), Stop> {
        self.values += 1;
        if self.values > MANIFEST_VALUES_MAX {
            return Err((tree.place, format!("more than {MANIFEST_VALUES_MAX} values")));
        }
        let Some(open) = self.open.last_mut() else {
            // A document of nothing is what a mark at the end or the beginning of a file makes.
            if !tree.is_null() {
                self.refuse_second(tree.place)?;
                self.root = Some(tree);
            }
            return Ok(());
        };
        match &mut open.kind {
            OpenKind::List(items) => items.push(tree),
            OpenKind::Map { entries, key } => match key.take() {
                Some((key, place)) => {
                    add(entries, Entry { key, place, value: tree }, sink, &open.path)
                }
                None => *key = Some(as_key(tree, sink, &open.path)),
            },
        }
        Ok(())
    }
}

fn as_key(tree: Tree, sink: &mut Sink, path: &str) -> (String, SourcePosition) {
    let place = tree.place;
    match tree.kind {
        Kind::Scalar { text, .. } => (text, place),
        Kind::Map(_) | Kind::List(_) | Kind::Faulty => {
            sink.fault(path, place, "the name of a field is one word, not a list or a section");
            (String::new(), place)
        }
    }
}

/// Adds a field, or says that it is there already.
fn add(entries: &mut Vec<Entry>, entry: Entry, sink: &mut Sink, path: &str) {
    // A section of ours has a dozen fields; one of thousands would make this the slow part.
    const FIELDS_MAX: usize = 256;
    if entries.len() >= FIELDS_MAX {
        if entries.len() == FIELDS_MAX {
            sink.fault(path, entry.place, format!("more than {FIELDS_MAX} fields in one section"));
            entries.push(entry);
        }
        return;
    }
    match entries.iter().find(|other| other.key == entry.key) {
        Some(first) => {
            let message = format!("given twice: it is on line {} already", first.place.line);
            sink.fault(&join(path, &entry.key), entry.place, message);
        }
        None => entries.push(entry),
    }
}

/// `path.key`, the key shortened when it is somebody's novel.
pub(super) fn join(path: &str, key: &str) -> String {
    let key: String = key.chars().take(40).collect();
    if path.is_empty() { key } else { format!("{path}.{key}") }
}
