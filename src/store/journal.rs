//! The journal: one entry for every commit that changed something, chained by hashes.
//!
//! An entry carries what was stored before and after, byte for byte, so that whoever reads it
//! later (the passive node, an audit, `explain`) needs nothing else. Its bytes are hashed into
//! the next entry, so that one taken out or changed afterwards is noticed.
//!
//! Each entry is found by the stories it belongs to, the environments of what it is about among
//! them, so that whoever reads the journal sees their own. That is an index beside the entries:
//! those of earlier formats do not say it, keep their bytes, and are in it all the same.
//!
//! It is bounded: the oldest entries go. What people did outlives them, before the journal's
//! beginning and outside its chain, up to a share of the bound.

use super::codec::{self, CodecError};
use super::error::StoreError;
use super::reads::{Versioned, versioned};
use super::rows::{Puts, Rows, Space, Span};
use super::tables::{Key, Record, Table};
use crate::base::hash::{hex, sha256};
use crate::base::limit::{JOURNAL_ENTRY_BYTES_MAX, JOURNAL_PEOPLE_SHARE};
use crate::base::{
    EnvironmentId, FarmId, FarmRoleId, PlanId, Seq, ServerId, StepId, Timestamp, UserId, VolumeId,
};
use crate::model::{Actor, Cause, Door};
use serde::{Deserialize, Serialize};

/// One committed change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Its number; the first is 1 and there are no gaps.
    pub seq: Seq,
    /// When; never earlier than the entry before, whatever the wall clock did.
    pub at: Timestamp,
    /// Which active node wrote it.
    pub epoch: u64,
    /// Who did it.
    pub who: Who,
    /// What it came of.
    pub cause: Cause,
    /// The verb, as `server.terminate`.
    pub verb: String,
    /// What it is about, as people say it: `shop/web-3`.
    pub about: String,
    /// One sentence for people.
    pub text: String,
    /// Whose stories it belongs to.
    pub subjects: Vec<Subject>,
    /// What was stored before and after.
    pub changes: Vec<Change>,
    /// SHA-256 of the bytes of the entry before.
    pub previous: [u8; 32],
}

impl Entry {
    /// Whether a person did it, through whichever door, and not the appliance or an agent.
    pub fn is_of_people(&self) -> bool {
        self.who.user != UserId(0)
    }
}

/// Who did it: an [`Actor`] without what they were allowed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Who {
    /// The user; 0 is the appliance.
    pub user: UserId,
    /// What people read: `admin`, `job:plan`, `agent:shop/web-1`.
    pub name: String,
    /// The environment the request was about.
    pub env: EnvironmentId,
    /// How they came in.
    pub door: Door,
    /// From where.
    pub address: String,
    /// The request's id; empty for jobs.
    pub request: String,
}

impl From<&Actor> for Who {
    fn from(actor: &Actor) -> Who {
        Who {
            user: actor.user,
            name: actor.name.clone(),
            env: actor.env,
            door: actor.door,
            address: actor.address.clone(),
            request: actor.request.clone(),
        }
    }
}

/// One record before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The table.
    pub table: Table,
    /// The record's key.
    pub key: Vec<u8>,
    /// The schema of what was written last; of what was there for a deletion.
    pub schema: u8,
    /// What was stored; `None` when it is new.
    pub before: Option<Vec<u8>>,
    /// What is stored now; `None` when it was deleted.
    pub after: Option<Vec<u8>>,
}

impl Change {
    /// The record before; `None` when it is new or of another table.
    pub fn before<R: Record>(&self) -> Result<Option<Versioned<R>>, StoreError> {
        self.side(self.before.as_ref())
    }

    /// The record after; `None` when it was deleted or is of another table.
    pub fn after<R: Record>(&self) -> Result<Option<Versioned<R>>, StoreError> {
        self.side(self.after.as_ref())
    }

    fn side<R: Record>(&self, bytes: Option<&Vec<u8>>) -> Result<Option<Versioned<R>>, StoreError> {
        match bytes {
            Some(bytes) if self.table == R::TABLE => versioned(&self.key, bytes).map(Some),
            Some(_) | None => Ok(None),
        }
    }
}

/// Whose story an entry belongs to: what `explain` asks by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Subject {
    /// A farm.
    Farm(FarmId),
    /// A farm role.
    FarmRole(FarmRoleId),
    /// A server.
    Server(ServerId),
    /// A plan.
    Plan(PlanId),
    /// A step.
    Step(StepId),
    /// A data volume.
    Volume(VolumeId),
    /// An environment; [`HOUSE`](super::stories::HOUSE) is what belongs to none.
    Environment(EnvironmentId),
}

impl Subject {
    /// One byte for the kind, sixteen for the id.
    pub(super) fn bytes(self) -> Vec<u8> {
        let (kind, id) = match self {
            Subject::Farm(id) => (1, u128::from(id.0)),
            Subject::FarmRole(id) => (2, u128::from(id.0)),
            Subject::Server(id) => (3, id.0),
            Subject::Plan(id) => (4, u128::from(id.0)),
            Subject::Step(id) => (5, u128::from(id.0)),
            Subject::Volume(id) => (6, u128::from(id.0)),
            Subject::Environment(id) => (7, u128::from(id.0)),
        };
        let mut out = vec![kind];
        out.extend_from_slice(&id.to_be_bytes());
        out
    }

    /// The row of an entry in its story.
    pub(super) fn row(self, seq: Seq) -> Vec<u8> {
        let mut out = self.bytes();
        out.append(&mut seq.bytes());
        out
    }
}

impl Key for Seq {
    fn bytes(&self) -> Vec<u8> {
        self.0.to_be_bytes().to_vec()
    }
}

/// The number of an entry's shape.
const SCHEMA: u8 = 1;

/// An entry's bytes.
pub(super) fn encode(entry: &Entry) -> Result<Vec<u8>, StoreError> {
    let failed = |cause| StoreError::Codec { table: "journal", key: entry.seq.to_string(), cause };
    let mut bytes = vec![SCHEMA];
    codec::append(entry, &mut bytes).map_err(failed)?;
    if bytes.len() > JOURNAL_ENTRY_BYTES_MAX {
        let (what, limit) = ("a journal entry", JOURNAL_ENTRY_BYTES_MAX);
        return Err(StoreError::TooLarge { what, bytes: bytes.len(), limit });
    }
    Ok(bytes)
}

/// An entry from its bytes.
pub(super) fn decode(key: &[u8], bytes: &[u8]) -> Result<Entry, StoreError> {
    let entry = match bytes.split_first() {
        Some((&SCHEMA, payload)) => codec::read(payload),
        Some((&found, _)) => Err(CodecError::Schema { found, known: SCHEMA }),
        None => Err(CodecError::Short(0)),
    };
    entry.map_err(|cause| StoreError::Codec { table: "journal", key: hex(key), cause })
}

/// The end of the journal, which the next entry continues.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tail {
    /// The last entry's number; 0 before the first.
    pub seq: Seq,
    /// Its time.
    pub at: Timestamp,
    /// The hash of its bytes; zeroes before the first.
    pub hash: [u8; 32],
    /// Bytes of all entries kept.
    pub bytes: u64,
}

/// Under which name `META` has the journal's size.
const BYTES_KEY: &[u8] = b"journal_bytes";
/// Under which name `META` has the size of the entries of people before the first.
const KEPT_KEY: &[u8] = b"journal_kept_bytes";
/// Under which name `META` has the first entry kept and the hash of the one before it.
pub(super) const ANCHOR_KEY: &[u8] = b"journal_anchor";

/// Reads the end of the journal.
pub(super) fn tail(rows: &impl Rows) -> Result<Tail, StoreError> {
    let span = Span { backwards: true, at_most: 1, ..Span::prefix(&[]) };
    let last = rows.rows(Space::JOURNAL, &span)?;
    let Some((key, bytes)) = last.first() else { return Ok(Tail::default()) };
    let entry = decode(key, bytes)?;
    let size = rows.row(Space::META, BYTES_KEY)?.map_or(0, |value| number(&value));
    Ok(Tail { seq: entry.seq, at: entry.at, hash: sha256(bytes), bytes: size })
}

/// Writes an entry that continues `tail`; returns the new end. [`write_size`] follows, once for
/// any number of entries.
pub(super) fn append(
    tables: &impl Puts,
    tail: Tail,
    entry: &Entry,
    bytes: &[u8],
) -> Result<Tail, StoreError> {
    tables.put(Space::JOURNAL, &entry.seq.bytes(), Some(bytes))?;
    for story in entry.stories() {
        tables.put(Space::SUBJECTS, &story.row(entry.seq), Some(&[]))?;
    }
    let size = tail.bytes.saturating_add(bytes.len() as u64);
    Ok(Tail { seq: entry.seq, at: entry.at, hash: sha256(bytes), bytes: size })
}

/// Writes down how many bytes all entries have.
pub(super) fn write_size(tables: &impl Puts, size: u64) -> Result<(), StoreError> {
    tables.put(Space::META, BYTES_KEY, Some(&size.to_be_bytes()))
}

/// What [`trim`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Trimmed {
    /// Entries that are gone.
    pub gone: usize,
    /// Entries that the journal no longer begins with, those of people among them that stay.
    pub passed: usize,
    /// Bytes of all entries left, which the caller writes down.
    pub left: u64,
}

/// Makes the journal begin later until it is no larger than `limit`, by at most `at_most` entries
/// and never past the last. What people did stays behind the beginning, in a share of its own, so
/// that nothing a job or an agent writes pushes it out: only what people did later does.
pub(super) fn trim(
    tables: &impl Puts,
    tail: Tail,
    limit: u64,
    at_most: usize,
) -> Result<Trimmed, StoreError> {
    let mut done = Trimmed { left: tail.bytes, ..Trimmed::default() };
    if done.left <= limit {
        return Ok(done);
    }
    let share = limit / JOURNAL_PEOPLE_SHARE;
    let (first, mut anchor) = anchor(tables)?;
    let mut kept = tables.row(Space::META, KEPT_KEY)?.map_or(0, |value| number(&value));
    let mut next = first;
    'pages: loop {
        let after = Seq(next.0.saturating_sub(1)).bytes();
        let span = Span { after: Some(&after), at_most: 64, ..Span::prefix(&[]) };
        let page = tables.rows(Space::JOURNAL, &span)?;
        if page.is_empty() {
            break;
        }
        for (key, bytes) in page {
            let entry = decode(&key, &bytes)?;
            if done.left <= limit || done.passed >= at_most || entry.seq >= tail.seq {
                break 'pages;
            }
            anchor = sha256(&bytes);
            next = Seq(entry.seq.0 + 1);
            done.passed += 1;
            if entry.is_of_people() {
                kept += bytes.len() as u64;
            } else {
                remove(tables, &entry, bytes.len(), &mut done)?;
            }
            while kept > share {
                kept = kept.saturating_sub(remove_oldest(tables, &mut done)?);
            }
        }
    }
    if done.passed > 0 {
        let mut value = next.bytes();
        value.extend_from_slice(&anchor);
        tables.put(Space::META, ANCHOR_KEY, Some(&value))?;
        tables.put(Space::META, KEPT_KEY, Some(&kept.to_be_bytes()))?;
    }
    Ok(done)
}

/// Removes the oldest entry there is; its size.
fn remove_oldest(tables: &impl Puts, done: &mut Trimmed) -> Result<u64, StoreError> {
    let span = Span { at_most: 1, ..Span::prefix(&[]) };
    let oldest = tables.rows(Space::JOURNAL, &span)?;
    // Without any, what is counted as kept is wrong; then it is nothing from now on.
    let Some((key, bytes)) = oldest.first() else { return Ok(u64::MAX) };
    remove(tables, &decode(key, bytes)?, bytes.len(), done)?;
    Ok(bytes.len() as u64)
}

fn remove(
    tables: &impl Puts,
    entry: &Entry,
    bytes: usize,
    done: &mut Trimmed,
) -> Result<(), StoreError> {
    tables.put(Space::JOURNAL, &entry.seq.bytes(), None)?;
    for story in entry.stories() {
        tables.put(Space::SUBJECTS, &story.row(entry.seq), None)?;
    }
    done.gone += 1;
    done.left = done.left.saturating_sub(bytes as u64);
    Ok(())
}

/// What people did before the journal's beginning, oldest first: the last `at_most` of it.
pub(super) fn kept(rows: &impl Rows, at_most: usize) -> Result<Vec<Entry>, StoreError> {
    let end = anchor(rows)?.0.bytes();
    let span = Span { before: Some(&end), backwards: true, at_most, ..Span::prefix(&[]) };
    let found = rows.rows(Space::JOURNAL, &span)?;
    found.iter().rev().map(|(key, bytes)| decode(key, bytes)).collect()
}

/// The first entry kept, and the hash of the one before it.
pub(super) fn anchor(rows: &impl Rows) -> Result<(Seq, [u8; 32]), StoreError> {
    let mut hash = [0u8; 32];
    let Some(value) = rows.row(Space::META, ANCHOR_KEY)? else { return Ok((Seq(1), hash)) };
    let (seq, rest) = value.split_at_checked(8).unwrap_or((&[], &[]));
    if rest.len() == hash.len() {
        hash.copy_from_slice(rest);
    }
    Ok((Seq(number(seq)), hash))
}

/// Entries after a number, oldest first.
pub(super) fn entries(
    rows: &impl Rows,
    after: Seq,
    at_most: usize,
) -> Result<Vec<Entry>, StoreError> {
    let (first, _) = anchor(rows)?;
    if after.0 + 1 < first.0 {
        return Err(StoreError::Gone { first });
    }
    let key = after.bytes();
    let span = Span { after: Some(&key), at_most, ..Span::prefix(&[]) };
    let found = rows.rows(Space::JOURNAL, &span)?;
    found.iter().map(|(key, bytes)| decode(key, bytes)).collect()
}

/// One entry; `None` when there is none of that number, or no longer.
pub(super) fn entry(rows: &impl Rows, seq: Seq) -> Result<Option<Entry>, StoreError> {
    let key = seq.bytes();
    rows.row(Space::JOURNAL, &key)?.map(|bytes| decode(&key, &bytes)).transpose()
}

/// One entry as it is stored.
pub(super) fn bytes_of(rows: &impl Rows, seq: Seq) -> Result<Option<Vec<u8>>, StoreError> {
    rows.row(Space::JOURNAL, &seq.bytes())
}

/// Entries of one story, newest first.
pub(super) fn entries_about(
    rows: &impl Rows,
    subject: Subject,
    before: Option<Seq>,
    at_most: usize,
) -> Result<Vec<Entry>, StoreError> {
    let prefix = subject.bytes();
    let end = before.map(|seq| subject.row(seq));
    let span = Span { before: end.as_deref(), backwards: true, at_most, ..Span::prefix(&prefix) };
    let mut out = Vec::new();
    for (row, _) in rows.rows(Space::SUBJECTS, &span)? {
        out.extend(entry(rows, Seq(number(&row[prefix.len()..])))?);
    }
    Ok(out)
}

/// The oldest entry of one story that is kept.
pub(super) fn first_about(rows: &impl Rows, subject: Subject) -> Result<Option<Entry>, StoreError> {
    let prefix = subject.bytes();
    let span = Span { at_most: 1, ..Span::prefix(&prefix) };
    match rows.rows(Space::SUBJECTS, &span)?.first() {
        Some((row, _)) => entry(rows, Seq(number(&row[prefix.len()..]))),
        None => Ok(None),
    }
}

/// A number from big-endian bytes.
pub(super) fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |sum, byte| (sum << 8) | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_has_these_bytes() {
        let actor =
            Actor { address: "a".to_owned(), request: "r".to_owned(), ..Actor::job("plan") };
        let change = Change {
            table: Table::Alerts,
            key: vec![7],
            schema: 1,
            before: None,
            after: Some(vec![1, 2]),
        };
        let entry = Entry {
            seq: Seq(300),
            at: Timestamp(1000),
            epoch: 1,
            who: Who::from(&actor),
            cause: Cause::Plan(PlanId(8)),
            verb: "v".to_owned(),
            about: "shop".to_owned(),
            text: "t".to_owned(),
            subjects: vec![Subject::Farm(FarmId(1)), Subject::Server(ServerId(2))],
            changes: vec![change],
            previous: [5; 32],
        };
        let bytes = encode(&entry).unwrap();
        let golden = "01fb2c01fbd007010008 6a6f623a706c616e 0100 0161 0172 0108 0176 0473686f70 \
                      0174 020001 0200000000000000000000000000000002 01 0c 0107 01 00 01020102";
        let golden = golden.replace(' ', "") + &"05".repeat(32);
        assert_eq!(hex(&bytes), golden);
        assert_eq!(decode(&[], &bytes).unwrap(), entry);
        assert!(decode(&[], &[&[2], &bytes[1..]].concat()).is_err(), "a later schema was read");
    }

    #[test]
    fn numbers_of_enums_stored_by_position_stay() {
        // Stored as positions: reordering one would change what old entries say.
        let positions: Vec<usize> = Table::ALL.iter().map(|table| *table as usize).collect();
        assert_eq!(positions, (0..Table::ALL.len()).collect::<Vec<usize>>());
        assert_eq!((Table::Farms as usize, Table::Alerts as usize), (0, 12));
    }
}
