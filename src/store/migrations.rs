//! Bringing a store of an earlier version up to this one, at open, one step at a time; and
//! refusing one of a later version before anything is written.
//!
//! A format is the shape of the tables themselves; a record's own shape has its schema number
//! and is read by its `decode`. `META` says the format, the schema of each table's newest
//! records and who wrote it last, so that a version that does not know one of them can say so at
//! once, instead of at the first such record it meets. A new index is filled from the records
//! that are there.
//!
//! To add a format: raise [`FORMAT`], add a row to [`STEPS`] that rewrites the format before it,
//! and keep a store of that format as a test.

use super::error::{OpenError, StoreError};
use super::journal::number;
use super::reads::versioned;
use super::rows::{Rows, Space, Span, put_rows};
use super::stories;
use super::tables::{Index, Record, Table, Visit};
use super::tx::index_row;
use super::wal::Position;
use redb::{Database, ReadableDatabase, TableHandle, WriteTransaction};
use std::collections::BTreeSet;

/// The format this version writes.
pub(super) const FORMAT: u64 = 4;

/// Under which name `META` has it.
const FORMAT_KEY: &[u8] = b"format";
/// Under which name `META` has the version that wrote the format and the schemas.
const WRITER_KEY: &[u8] = b"written_by";
/// `META` has a table's schema under this and the table's name.
const SCHEMA_PREFIX: &[u8] = b"schema:";
/// What this version says of itself.
const THIS: &str = concat!("grange ", env!("CARGO_PKG_VERSION"));
/// Records read at a time.
const PAGE: usize = 256;

/// Rewrites a store of one format as the next.
struct Step {
    /// The format it starts from.
    from: u64,
    /// The rewriting.
    rewrite: fn(&WriteTransaction) -> Result<(), StoreError>,
}

/// Every rewriting there is, oldest first.
const STEPS: &[Step] = &[
    // Format 2 has what schemas there are in `META`, which is written below. Its number keeps
    // out version 0.1, which would meet records of schema 2 unprepared.
    Step { from: 1, rewrite: |_| Ok(()) },
    // Format 3 has a log, which every store begins without. Its number keeps out versions
    // before it, which would open the database and never see what only the log has.
    Step { from: 2, rewrite: |_| Ok(()) },
    // Format 4 finds each entry of the journal by its environments. The entries keep their bytes.
    Step { from: 3, rewrite: index_environments },
];

/// Writes the rows that lead from environments to the journal's entries.
fn index_environments(txn: &WriteTransaction) -> Result<(), StoreError> {
    stories::fill_stories(txn, |row| {
        put_rows(txn, Space::SUBJECTS, std::iter::once((row, Some(&[][..]))))
    })
}

/// Makes what a new store needs, or brings an old one up to date; one transaction, all or none.
/// Writes nothing when there is nothing to do: opening must not need space on a full disk.
pub(super) fn bring_up_to_date(database: &Database) -> Result<(), OpenError> {
    let found = look(database)?;
    found.refuse_later()?;
    if found.is_current() {
        return Ok(());
    }
    let missing = found.missing();
    let mut txn =
        database.begin_write().map_err(|e| StoreError::database("beginning a migration", e))?;
    txn.set_quick_repair(true);
    for space in &missing {
        // Opening makes it, so that no reader meets a table that is not there.
        txn.open_table(space.definition())
            .map_err(|e| StoreError::database("making a table", e))?;
    }
    for step in STEPS.iter().filter(|step| found.format.is_some_and(|f| step.from >= f)) {
        (step.rewrite)(&txn)?;
    }
    if found.format.is_some() {
        let new: BTreeSet<&str> = missing.iter().map(|space| space.0).collect();
        for table in Table::ALL {
            table.visit(&mut Fill { txn: &txn, new: &new })?;
        }
    }
    sign(&txn)?;
    txn.commit().map_err(|e| StoreError::database("committing a migration", e))?;
    Ok(())
}

/// Where a store stands to its log; `None` for one just made or of an earlier format. A later
/// version's is refused.
pub(super) fn position(database: &impl ReadableDatabase) -> Result<Option<Position>, OpenError> {
    let found = look(database)?;
    found.refuse_later()?;
    Ok(found.position)
}

/// Whether a store is an earlier version's; a later version's is refused.
pub(super) fn is_earlier(database: &impl ReadableDatabase) -> Result<bool, OpenError> {
    let found = look(database)?;
    found.refuse_later()?;
    Ok(!found.is_current())
}

/// Whether nothing was ever written into it, not even what a new store begins with.
pub(super) fn is_empty(database: &impl ReadableDatabase) -> Result<bool, StoreError> {
    Ok(look(database)?.format.is_none())
}

/// What a store says of itself.
#[derive(Default)]
struct Found {
    /// `None` in one just made.
    format: Option<u64>,
    /// By table; none before format 2.
    schemas: Vec<(String, u64)>,
    writer: Option<String>,
    position: Option<Position>,
    names: BTreeSet<String>,
}

fn look(database: &impl ReadableDatabase) -> Result<Found, StoreError> {
    let failed = |e| StoreError::database("looking at the store's format", e);
    let txn = database.begin_read().map_err(failed)?;
    let tables = txn.list_tables().map_err(|e| StoreError::database("listing tables", e))?;
    let names: BTreeSet<String> = tables.map(|table| table.name().to_owned()).collect();
    if !names.contains(Space::META.0) {
        return Ok(Found { names, ..Found::default() });
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let schemas = txn.rows(Space::META, &Span::prefix(SCHEMA_PREFIX))?;
    let schema =
        |(key, value): &(Vec<u8>, Vec<u8>)| (text(&key[SCHEMA_PREFIX.len()..]), number(value));
    Ok(Found {
        format: txn.row(Space::META, FORMAT_KEY)?.map(|value| number(&value)),
        schemas: schemas.iter().map(schema).collect(),
        writer: txn.row(Space::META, WRITER_KEY)?.map(|value| text(&value)),
        position: Position::read(&txn)?,
        names,
    })
}

impl Found {
    /// Spaces that were not made yet.
    fn missing(&self) -> Vec<Space> {
        spaces().filter(|space| !self.names.contains(space.0)).collect()
    }

    /// Whether there is nothing to bring up to date.
    fn is_current(&self) -> bool {
        self.missing().is_empty() && self.format == Some(FORMAT) && self.schemas == known_schemas()
    }

    /// Refuses what a later version wrote.
    fn refuse_later(&self) -> Result<(), OpenError> {
        let later = |what: String, known: String| {
            let writer = self.writer.clone().unwrap_or_else(|| "a later version".to_owned());
            Err(OpenError::Newer { what, known, writer, this: THIS })
        };
        if let Some(format) = self.format
            && format > FORMAT
        {
            return later(format!("has format {format}"), format!("format {FORMAT}"));
        }
        let known = known_schemas();
        for (table, schema) in &self.schemas {
            match known.iter().find(|(name, _)| name == table) {
                Some((_, known)) if schema > known => {
                    let what = format!("has {table} of schema {schema}");
                    return later(what, format!("schema {known}"));
                }
                Some(_) => {}
                None => return later(format!("has a table {table}"), "none of it".to_owned()),
            }
        }
        Ok(())
    }
}

/// Writes down what this version writes.
fn sign(txn: &WriteTransaction) -> Result<(), StoreError> {
    write_format(txn, FORMAT)?;
    if Position::read(txn)?.is_none() {
        Position::fresh().put(txn)?;
    }
    let schemas = known_schemas();
    let row = |(table, schema): &(String, u64)| {
        ([SCHEMA_PREFIX, table.as_bytes()].concat(), schema.to_be_bytes())
    };
    let rows: Vec<_> = schemas.iter().map(row).collect();
    let rows = rows.iter().map(|(key, value)| (key.as_slice(), Some(&value[..])));
    put_rows(txn, Space::META, rows)?;
    put_rows(txn, Space::META, std::iter::once((WRITER_KEY, Some(THIS.as_bytes()))))
}

fn write_format(txn: &WriteTransaction, format: u64) -> Result<(), StoreError> {
    let value = format.to_be_bytes();
    put_rows(txn, Space::META, std::iter::once((FORMAT_KEY, Some(&value[..]))))
}

/// Each table's schema as this version writes it, in the order of names, as `META` has them.
fn known_schemas() -> Vec<(String, u64)> {
    struct Schema;
    impl Visit for Schema {
        type Out = u64;
        fn visit<R: Record>(&mut self) -> u64 {
            u64::from(R::SCHEMA)
        }
    }
    let schema = |table: &Table| (table.name().to_owned(), table.visit(&mut Schema));
    let mut all: Vec<(String, u64)> = Table::ALL.iter().map(schema).collect();
    all.sort();
    all
}

/// Fills indexes that were just made with what the records of a table ask for.
struct Fill<'a> {
    txn: &'a WriteTransaction,
    new: &'a BTreeSet<&'a str>,
}

impl Visit for Fill<'_> {
    type Out = Result<(), StoreError>;

    fn visit<R: Record>(&mut self) -> Result<(), StoreError> {
        let mut after: Option<Vec<u8>> = None;
        loop {
            let span = Span { after: after.as_deref(), at_most: PAGE, ..Span::prefix(&[]) };
            let page = self.txn.rows(Space(R::TABLE.name()), &span)?;
            for (key, bytes) in &page {
                let found = versioned::<R>(key, bytes)?;
                for (index, index_key) in found.record.indexes() {
                    if self.new.contains(index.name()) {
                        let row = index_row(index_key, key);
                        let row = std::iter::once((row.as_slice(), Some(key.as_slice())));
                        put_rows(self.txn, Space(index.name()), row)?;
                    }
                }
            }
            match page.into_iter().next_back() {
                Some((key, _)) => after = Some(key),
                None => return Ok(()),
            }
        }
    }
}

/// Every space of the file.
pub(super) fn spaces() -> impl Iterator<Item = Space> {
    let own = [Space::JOURNAL, Space::SUBJECTS, Space::COUNTERS, Space::META];
    let tables = Table::ALL.iter().map(|table| Space(table.name()));
    let indexes = Index::ALL.iter().map(|index| Space(index.name()));
    own.into_iter().chain(tables).chain(indexes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::problem::chain;
    use crate::store::disk::Disk;
    use redb::Builder;

    fn pages(disk: &Disk) -> crate::store::pages::Pages {
        crate::store::pages::Pages::open(Box::new(disk.database())).unwrap()
    }

    /// A store whose `META` has this row is refused with this said, and nothing is written.
    fn check(key: &[u8], value: &[u8], said: &str) {
        let disk = Disk::new();
        let open = || Builder::new().create_with_backend(pages(&disk)).unwrap();
        let database = open();
        bring_up_to_date(&database).unwrap();
        let txn = database.begin_write().unwrap();
        put_rows(&txn, Space::META, std::iter::once((key, Some(value)))).unwrap();
        put_rows(&txn, Space::META, std::iter::once((WRITER_KEY, Some(&b"grange 9.1"[..]))))
            .unwrap();
        txn.commit().unwrap();
        let written = disk.operations();
        let refused = bring_up_to_date(&database).unwrap_err();
        assert!(matches!(refused, OpenError::Newer { .. }));
        let expected =
            format!("the store {said} and was written by grange 9.1: this is {THIS}, which reads");
        assert!(chain(&refused).starts_with(&expected), "{}", chain(&refused));
        assert_eq!(disk.operations(), written);
    }

    #[test]
    fn a_store_of_a_later_version_is_refused_and_left_alone() {
        check(FORMAT_KEY, &(FORMAT + 1).to_be_bytes(), &format!("has format {}", FORMAT + 1));
        check(b"schema:alerts", &9u64.to_be_bytes(), "has alerts of schema 9");
        check(b"schema:clusters", &1u64.to_be_bytes(), "has a table clusters");
    }

    #[test]
    fn a_store_that_is_up_to_date_is_not_written_to() {
        let disk = Disk::new();
        let database = Builder::new().create_with_backend(pages(&disk)).unwrap();
        bring_up_to_date(&database).unwrap();
        let written = disk.operations();
        bring_up_to_date(&database).unwrap();
        assert_eq!(disk.operations(), written);
    }

    #[test]
    fn there_is_a_step_from_every_earlier_format() {
        let from: Vec<u64> = STEPS.iter().map(|step| step.from).collect();
        assert_eq!(from, (1..FORMAT).collect::<Vec<u64>>());
    }
}
