//! Rows changed behind the store's back: each is noticed and named.

use super::{author, declare, inline};
use crate::base::{FarmId, Name};
use crate::model::Farm;
use crate::store::rows::{Rows, Space, Span, put_rows};
use crate::store::{Disk, VerifyError};
use redb::{Builder, WriteTransaction};

/// Three farms, of which the last was renamed once: five entries, and a database to tamper with.
fn tampered(with: impl FnOnce(&WriteTransaction)) -> Vec<String> {
    let disk = Disk::new();
    let store = inline(&disk);
    for name in ["a", "b", "c"] {
        declare(&store, name);
    }
    store
        .write(author("farm.rename"), |tx| {
            let mut farm = super::farm(3, "d");
            tx.put(&farm)?;
            farm.name = Name::new("e").unwrap();
            Ok(tx.put(&farm)?)
        })
        .unwrap();
    drop(store);
    let database = Builder::new()
        .create_with_backend(crate::store::pages::Pages::open(Box::new(disk.database())).unwrap())
        .unwrap();
    let txn = database.begin_write().unwrap();
    with(&txn);
    txn.commit().unwrap();
    drop(database);
    match inline(&disk).verify() {
        Err(VerifyError::Faults(faults)) => faults,
        other => panic!("nothing was noticed: {other:?}"),
    }
}

/// What one row's other value, or its absence, is told as.
fn check(space: &'static str, key: &[u8], value: Option<&[u8]>, said: &[&str]) {
    let faults = tampered(|txn| {
        put_rows(txn, Space(space), std::iter::once((key, value))).unwrap();
    });
    assert_eq!(faults, said, "{space}");
}

const TWO: [u8; 8] = 2u64.to_be_bytes();

fn hexadecimal(bytes: &[u8]) -> String {
    crate::base::hash::hex(bytes)
}

/// The row of farm 2 in the index by name.
fn index_row() -> Vec<u8> {
    let mut row =
        crate::store::key::env_name(crate::base::EnvironmentId(1), &Name::new("b").unwrap());
    row.extend_from_slice(&TWO);
    row
}

/// The row of entry 2 in the story of farm 2.
fn story_row(farm: u64) -> Vec<u8> {
    crate::store::Subject::Farm(FarmId(farm)).row(crate::base::Seq(2))
}

#[test]
fn records() {
    let row = hexadecimal(&index_row());
    let dangling = format!(
        "farms_by_name {row} leads to 0000000000000002: there is no such record, or it does not \
         ask for it"
    );
    let lost = "farms 0000000000000002 is missing, journal entry 2 wrote it";
    check("farms", &TWO, None, &[lost, &dangling]);
    let other = "farms 0000000000000002 is not what journal entry 2 says";
    let short = "table farms, key 0000000000000002: stored bytes end after 1";
    check("farms", &TWO, Some(&[1]), &[other, short, &dangling]);
    let later = "table farms, key 0000000000000002: stored with schema 9, this version reads ";
    let known = <Farm as crate::store::Record>::SCHEMA;
    let bytes = [9, 0, 0, 0, 0, 0, 0, 0, 1, 7];
    check("farms", &TWO, Some(&bytes), &[other, &format!("{later}{known}"), &dangling]);
    check("counters", b"farms", Some(&[1]), &["farms has numbers that were never drawn"]);
}

#[test]
fn a_record_under_another_key() {
    let faults = tampered(|txn| {
        let two = txn.row(Space("farms"), &TWO).unwrap().unwrap();
        let four = 4u64.to_be_bytes();
        put_rows(txn, Space("farms"), std::iter::once((&four[..], Some(two.as_slice())))).unwrap();
    });
    let said = [
        "farms 0000000000000004 is filed under another key",
        "farms has numbers that were never drawn",
    ];
    assert_eq!(faults, said);
}

#[test]
fn indexes() {
    let (row, key) = (index_row(), hexadecimal(&index_row()));
    let missing = format!("farms_by_name {key} is missing, for 0000000000000002");
    check("farms_by_name", &row, None, &[&missing]);
    let elsewhere =
        format!("farms_by_name {key} leads to 0000000000000003, not to 0000000000000002");
    check("farms_by_name", &row, Some(&3u64.to_be_bytes()), &[&elsewhere]);
    let surplus = "farms_by_name 09 leads to 0000000000000001: there is no such record, or it \
                   does not ask for it";
    check("farms_by_name", &[9], Some(&1u64.to_be_bytes()), &[surplus]);
}

#[test]
fn the_journals_chain() {
    let gone = tampered(|txn| {
        put_rows(txn, Space::JOURNAL, std::iter::once((&TWO[..], None))).unwrap();
    });
    let (farm, env) = ("journal_subjects 01", "journal_subjects 07");
    let expected = ["journal entry 3 stands where 2 should", "the journal has ", farm, env];
    assert_eq!(gone.len(), expected.len(), "{gone:?}");
    for (fault, expected) in gone.iter().zip(expected) {
        assert!(fault.starts_with(expected), "{gone:?}");
    }
    let changed = tampered(|txn| {
        let mut two = txn.row(Space::JOURNAL, &TWO).unwrap().unwrap();
        let at = two.windows(6).position(|w| w == b"farm b").unwrap();
        two[at + 5] = b'x';
        put_rows(txn, Space::JOURNAL, std::iter::once((&TWO[..], Some(two.as_slice())))).unwrap();
    });
    assert_eq!(changed, ["journal entry 3 does not continue the one before"]);
    check("meta", b"journal_bytes", Some(&[1]), &[&size_said()]);
    let cut = tampered(|txn| {
        put_rows(txn, Space::JOURNAL, std::iter::once((&TWO[..], Some(&[1, 0][..])))).unwrap();
    });
    assert!(cut[0].starts_with("table journal, key 0000000000000002: "), "{cut:?}");
}

/// What is said of a wrong count of the journal's bytes.
fn size_said() -> String {
    let mut size = 0;
    let faults = tampered(|txn| {
        let rows = txn.rows(Space::JOURNAL, &Span::prefix(&[])).unwrap();
        size = rows.iter().map(|(_, bytes)| bytes.len()).sum();
        put_rows(txn, Space::META, std::iter::once((&b"journal_bytes"[..], Some(&[1][..]))))
            .unwrap();
    });
    assert_eq!(faults, [format!("the journal has {size} bytes, but counts otherwise")]);
    faults[0].clone()
}

#[test]
fn the_journals_stories() {
    let lacks = "journal_subjects of Farm(FarmId(2)) lacks journal entry 2";
    check("journal_subjects", &story_row(2), None, &[lacks]);
    let row = story_row(1);
    let surplus = format!(
        "journal_subjects {} leads to entry 2, which is not of that story",
        hexadecimal(&row)
    );
    check("journal_subjects", &row, Some(&[]), &[&surplus]);
}
