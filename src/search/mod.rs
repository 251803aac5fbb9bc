//! Floor 3: full text over the journal. A cache: it holds nothing that the journal does not.
//!
//! [`Search`] is a directory with an inverted index of what entries say (what they are about, who
//! did it, the verb, the sentence) and of nothing else but their numbers. Whoever asks is answered
//! with numbers, newest first, and reads the entries themselves from the journal. So the index may
//! lag, be removed or be of an older make: then it is built again from the first entry, and the
//! only harm is that until then it finds less.
//!
//! **Where it is.** The number of the last entry looked at is the payload of the commit that holds
//! it ([`Search::cursor`]): documents and cursor are on disk together or not at all, so that
//! nothing is there twice after a crash.
//!
//! **Small when idle.** A writer has a heap and threads of its own, so there is one only while
//! [`Search::index`] runs. It waits for the merging of small segments, because a writer that is
//! dropped gives merges up and the segments would only become more.
//!
//! **Words.** People's input is split into words as the entries are; it has no syntax, so no
//! character in it can be wrong. A word matches from its beginning (`term` finds `terminated`);
//! what punctuation holds together (`shop/web-3`) must be there in that order, whole.
//!
//! Not here: who calls `index` and when (`jobs::index`), permissions, entries.

mod tails;
#[cfg(test)]
mod tests;

use crate::wire::api::EventView;
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tantivy::collector::TopDocs;
use tantivy::merge_policy::LogMergePolicy;
use tantivy::query::{BooleanQuery, FuzzyTermQuery, PhraseQuery, Query, RangeQuery};
use tantivy::schema::{FAST, Field, IndexRecordOption, Schema, TextFieldIndexing, TextOptions};
use tantivy::{
    Index, IndexReader, IndexSettings, IndexWriter, Order, ReloadPolicy, TantivyDocument,
    TantivyError, Term,
};

/// The heap of a writer while there is one: the least the library takes.
const WRITER_BYTES: usize = 15_000_000;
/// A segment is merged when this share of it was forgotten, so that its space comes back.
const FORGOTTEN_SHARE: f32 = 0.3;

/// What went wrong with the index.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// Its directory could not be made or removed.
    #[error("the search index's directory {path}")]
    Directory {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The library said no.
    #[error("{doing} the search index")]
    Index {
        /// What was being done.
        doing: &'static str,
        /// Why.
        source: Box<TantivyError>,
    },
}

fn failed(doing: &'static str) -> impl Fn(TantivyError) -> SearchError {
    move |source| SearchError::Index { doing, source: Box::new(source) }
}

/// The index of one journal.
pub struct Search {
    dir: PathBuf,
    schema: Schema,
    seq: Field,
    words: Field,
    open: Mutex<Open>,
}

/// What is opened anew when the index is.
struct Open {
    index: Index,
    reader: IndexReader,
    cursor: u64,
}

impl Search {
    /// Opens the index of a directory, made if it is not there. One that is damaged or of another
    /// make is removed, and a new one begins at 0.
    ///
    /// # Errors
    /// [`SearchError`] when a new one cannot be made either.
    pub fn open(dir: &Path) -> Result<Search, SearchError> {
        let mut schema = Schema::builder();
        let seq = schema.add_u64_field("seq", FAST);
        let places = TextFieldIndexing::default()
            .set_tokenizer("default")
            .set_fieldnorms(false)
            .set_index_option(IndexRecordOption::WithFreqsAndPositions);
        let words =
            schema.add_text_field("words", TextOptions::default().set_indexing_options(places));
        let schema = schema.build();
        let open = match existing(dir, &schema) {
            Some(open) => open,
            None => create(dir, &schema)?,
        };
        Ok(Search { dir: dir.to_owned(), schema, seq, words, open: Mutex::new(open) })
    }

    /// The last entry that was looked at; 0 for none.
    pub fn cursor(&self) -> u64 {
        self.state().cursor
    }

    /// Adds entries, oldest first, and remembers having looked at all up to `through`. Those
    /// before `first` are forgotten, because the journal has.
    ///
    /// # Errors
    /// [`SearchError`]; a damaged index is empty and at 0 afterwards.
    pub fn index(&self, events: &[EventView], through: u64, first: u64) -> Result<(), SearchError> {
        let index = self.state().index.clone();
        guarded(|| self.add(&index, events, through, first))
            .map_err(|error| self.heal("adding to", error))?;
        if let Err(error) =
            files_of(&index, &self.dir).and_then(|files| tails::write(&self.dir, &files))
        {
            // It is made anew by the next start then.
            tracing::warn!("the ends of the search index's files are not written down: {error}");
        }
        let mut state = self.state();
        state.reader.reload().map_err(failed("reading"))?;
        state.cursor = through;
        Ok(())
    }

    fn add(
        &self,
        index: &Index,
        events: &[EventView],
        through: u64,
        first: u64,
    ) -> tantivy::Result<()> {
        let mut writer: IndexWriter = index.writer_with_num_threads(1, WRITER_BYTES)?;
        let mut policy = LogMergePolicy::default();
        policy.set_del_docs_ratio_before_merge(FORGOTTEN_SHARE);
        writer.set_merge_policy(Box::new(policy));
        if first > 1 {
            let first = Bound::Excluded(Term::from_field_u64(self.seq, first));
            writer.delete_query(Box::new(RangeQuery::new(Bound::Unbounded, first)))?;
        }
        for event in events {
            let mut document = TantivyDocument::new();
            document.add_u64(self.seq, event.seq);
            for part in [&event.about, &event.actor, &event.verb, &event.text] {
                document.add_text(self.words, part);
            }
            writer.add_document(document)?;
        }
        let mut commit = writer.prepare_commit()?;
        commit.set_payload(&through.to_string());
        commit.commit()?;
        writer.wait_merging_threads()
    }

    /// The numbers of the entries that have all the words, newest first.
    ///
    /// # Errors
    /// [`SearchError`]; a damaged index is empty and at 0 afterwards.
    pub fn query(&self, words: &str, at_most: usize) -> Result<Vec<u64>, SearchError> {
        let (index, searcher) = {
            let state = self.state();
            (state.index.clone(), state.reader.searcher())
        };
        let found = self.matching(&index, words).and_then(|query| match query {
            None => Ok(Vec::new()),
            Some(query) => {
                let newest = TopDocs::with_limit(at_most.max(1))
                    .order_by_fast_field::<u64>("seq", Order::Desc);
                guarded(|| searcher.search(&query, &newest))
            }
        });
        let found = found.map_err(|error| self.heal("asking", error))?;
        Ok(found.into_iter().filter_map(|(seq, _)| seq).take(at_most).collect())
    }

    /// `None` when there is no word in it.
    fn matching(&self, index: &Index, input: &str) -> tantivy::Result<Option<BooleanQuery>> {
        let mut tokenizer = index.tokenizer_for_field(self.words)?;
        let mut all: Vec<Box<dyn Query>> = Vec::new();
        for word in input.split_whitespace() {
            let mut terms = Vec::new();
            tokenizer.token_stream(word).process(&mut |token| {
                terms.push(Term::from_field_text(self.words, &token.text));
            });
            match terms.len() {
                0 => {}
                1 => all.extend(terms.into_iter().map(|term| -> Box<dyn Query> {
                    Box::new(FuzzyTermQuery::new_prefix(term, 0, true))
                })),
                _ => all.push(Box::new(PhraseQuery::new(terms))),
            }
        }
        Ok((!all.is_empty()).then(|| BooleanQuery::intersection(all)))
    }

    /// Compares every byte with its checksum, which neither opening nor asking does; whether all is
    /// whole. One that is not is empty and at 0 afterwards. It reads all of it: once a start, not
    /// before it.
    ///
    /// # Errors
    /// [`SearchError`] when a new one cannot be made.
    pub fn examine(&self) -> Result<bool, SearchError> {
        let index = self.state().index.clone();
        let whole = guarded(|| index.validate_checksum());
        let files = files_of(&index, &self.dir).unwrap_or_default();
        let in_place = files.is_empty() || tails::agree(&self.dir, &files);
        if in_place && whole.is_ok_and(|damaged| damaged.is_empty()) {
            return Ok(true);
        }
        self.clear()?;
        Ok(false)
    }

    /// Forgets everything, so that it is built again from the first entry.
    ///
    /// # Errors
    /// [`SearchError`] when the directory cannot be made anew.
    pub fn clear(&self) -> Result<(), SearchError> {
        let mut state = self.state();
        *state = create(&self.dir, &self.schema)?;
        Ok(())
    }

    /// Begins anew after an error that comes from damage and would come again; others may pass.
    fn heal(&self, doing: &'static str, error: TantivyError) -> SearchError {
        let damaged = matches!(
            error,
            TantivyError::DataCorruption(_)
                | TantivyError::OpenReadError(_)
                | TantivyError::OpenDirectoryError(_)
                | TantivyError::IncompatibleIndex(_)
                | TantivyError::SchemaError(_)
                | TantivyError::InternalError(_)
        ) || !self.dir.join("meta.json").exists();
        match damaged.then(|| self.clear()) {
            Some(Err(worse)) => worse,
            Some(Ok(())) | None => failed(doing)(error),
        }
    }

    fn state(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Calls the library, which panics at some damage, and makes an error of that.
fn guarded<T>(call: impl FnOnce() -> tantivy::Result<T>) -> tantivy::Result<T> {
    catch_unwind(AssertUnwindSafe(call))
        .unwrap_or_else(|_| Err(TantivyError::InternalError("the library panicked".to_owned())))
}

/// The index that is there, if it is whole and ours.
fn existing(dir: &Path, schema: &Schema) -> Option<Open> {
    let opened = guarded(|| Index::open_in_dir(dir)).ok();
    let opened = opened.filter(|index| index.schema() == *schema)?;
    guarded(|| open(opened)).ok()
}

/// The names of the files that its segments have now, in their order.
fn files_of(index: &Index, dir: &Path) -> std::io::Result<Vec<PathBuf>> {
    let metas = index.load_metas().map_err(std::io::Error::other)?;
    let is_used = |name: &str| {
        metas.segments.iter().any(|segment| {
            let rest = name.strip_prefix(&segment.id().uuid_string());
            let removals = segment.delete_opstamp().map(|number| format!(".{number}.del"));
            rest.is_some_and(|rest| !rest.ends_with(".del") || removals.as_deref() == Some(rest))
        })
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let name = entry?.file_name();
        files.extend(name.to_str().filter(|name| is_used(name)).map(PathBuf::from));
    }
    files.sort();
    Ok(files)
}

/// A new one in place of whatever was there.
fn create(dir: &Path, schema: &Schema) -> Result<Open, SearchError> {
    let io = |source| SearchError::Directory { path: dir.to_owned(), source };
    if dir.exists() {
        std::fs::remove_dir_all(dir).map_err(io)?;
    }
    std::fs::create_dir_all(dir).map_err(io)?;
    let settings =
        IndexSettings { docstore_compress_dedicated_thread: false, ..Default::default() };
    let index = Index::builder().schema(schema.clone()).settings(settings).create_in_dir(dir);
    index.and_then(open).map_err(failed("making"))
}

fn open(index: Index) -> tantivy::Result<Open> {
    let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
    let cursor = match index.load_metas()?.payload {
        None => 0,
        Some(text) => text
            .parse()
            .map_err(|_| TantivyError::SchemaError(format!("{text:?} is no entry's number")))?,
    };
    Ok(Open { index, reader, cursor })
}
