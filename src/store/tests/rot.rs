//! Bytes that are not those that were written: never served, whatever they are of.

use super::{clock, declare, inline, named, try_declare};
use crate::base::random::Stream;
use crate::base::{Code, Seq};
use crate::model::{Farm, Grant};
use crate::store::disk::Part;
use crate::store::{Disk, Entry, Mode, OpenError, Reads, Scrub, Store, StoreError, Versioned};

/// Everything there is to be told.
type Truth = (Vec<Versioned<Farm>>, Vec<Entry>);

fn read(store: &Store) -> Result<Truth, StoreError> {
    Ok((
        store.read(&Grant::job("test"), |view| view.all::<Farm>())?,
        store.entries(&Grant::job("test"), Seq(0), usize::MAX)?,
    ))
}

/// A store with history in it: some of it closed over, the rest in its log alone.
fn used() -> Disk {
    let disk = Disk::new();
    let store = inline(&disk);
    for n in 0..60 {
        declare(&store, &format!("closed-{n}"));
    }
    assert!(store.close());
    let store = inline(&disk);
    for n in 0..10 {
        declare(&store, &format!("logged-{n}"));
    }
    // Its process is killed: what was written stays, synced or not.
    disk.crash_keeping(|| true)
}

/// Opens and reads a damaged copy; whether the damage was met. What it answers is the truth.
fn is_met(disk: &Disk, truth: &Truth, what: &str) -> bool {
    let store = match Store::open_on(disk, clock(), Mode::Inline(None)) {
        Ok(store) => store,
        Err(OpenError::Damaged { .. } | OpenError::Log { .. } | OpenError::Lost { .. }) => {
            return true;
        }
        Err(error) => panic!("{what}: {error}"),
    };
    match read(&store) {
        Ok(found) => assert!(found == *truth, "{what}: it served something else"),
        Err(StoreError::Damaged { .. }) => {
            let again = read(&store).unwrap_err();
            assert!(matches!(again, StoreError::Damaged { .. }), "{what}: {again}");
            let refused = try_declare(&store, "another").unwrap_err();
            assert_eq!(refused.code, Code::ServiceUnavailable, "{what}");
            assert!(refused.message.contains("the store is damaged"), "{what}: {refused:?}");
            assert!(store.outage().is_some_and(|why| why.contains("damaged")), "{what}");
            return true;
        }
        Err(error) => panic!("{what}: {error}"),
    }
    false
}

fn copy(disk: &Disk) -> Disk {
    disk.crash()
}

/// Flips bits of a file, one in each of many copies; how many were met.
fn flip(part: Part, flips: u64) -> u64 {
    let disk = used();
    let truth = read(&inline(&copy(&disk))).unwrap();
    assert_eq!(truth.0.len(), 70);
    let mut random = Stream::new(11, "rot");
    let mut met = 0;
    for _ in 0..flips {
        let rotten = copy(&disk);
        let mut bytes = rotten.bytes_of(part);
        let at = random.below(bytes.len() as u64) as usize;
        let bit = random.below(8) as u32;
        bytes[at] ^= 1 << bit;
        rotten.set_bytes_of(part, bytes);
        met += u64::from(is_met(&rotten, &truth, &format!("{part:?} byte {at} bit {bit}")));
    }
    met
}

#[test]
fn a_flipped_bit_of_the_database_is_never_served() {
    // Most of a small file are pages that were never written.
    assert!(flip(Part::Database, 400) > 3);
}

#[test]
fn a_flipped_bit_of_the_log_is_never_served() {
    // Most of it is empty, or of an earlier pass.
    assert!(flip(Part::Log, 400) > 3);
}

#[test]
fn a_flipped_bit_beside_the_log_loses_nothing() {
    assert_eq!(flip(Part::Mark, 50), 0);
}

#[test]
fn pages_that_changed_places_are_noticed() {
    let disk = used();
    let truth = read(&inline(&copy(&disk))).unwrap();
    let bytes = disk.bytes_of(Part::Database);
    let written: Vec<usize> = (4..bytes.len() / 4096)
        .filter(|page| bytes[page * 4096..(page + 1) * 4096].iter().any(|byte| *byte != 0))
        .collect();
    let mut met = 0;
    for pair in written.windows(2) {
        let rotten = copy(&disk);
        let mut other = bytes.clone();
        other.copy_within(pair[0] * 4096..(pair[0] + 1) * 4096, pair[1] * 4096);
        rotten.set_bytes_of(Part::Database, other);
        met += usize::from(is_met(&rotten, &truth, &format!("pages {pair:?}")));
    }
    assert!(met > 3, "{met} of {}", written.len());
}

#[test]
fn a_log_that_lost_its_end_is_refused_and_says_how_much_is_missing() {
    let disk = used();
    let mut lost = 0;
    for at in (512..16 * 512).step_by(512) {
        let cut = copy(&disk);
        let mut bytes = cut.log_bytes();
        bytes[at..].fill(0);
        cut.set_log_bytes(bytes);
        match Store::open_on(&cut, clock(), Mode::Inline(None)) {
            Err(OpenError::Lost { answered, found }) => {
                assert!(answered == Seq(70) && found < answered, "cut at {at}: {found}");
                lost += 1;
            }
            // Behind the last record are only those of an earlier pass.
            Ok(store) => assert_eq!(store.last_seq(), Seq(70), "cut at {at}"),
            Err(error) => panic!("cut at {at}: {error}"),
        }
    }
    assert!(lost >= 9, "{lost}");
}

#[test]
fn a_store_without_its_mark_is_opened_and_has_one_again() {
    let disk = used();
    disk.set_bytes_of(Part::Mark, Vec::new());
    let store = inline(&disk);
    assert_eq!(named(&store, "logged-9").len(), 1);
    declare(&store, "more");
    assert!(!disk.bytes_of(Part::Mark).is_empty());
}

#[test]
fn a_panic_of_the_database_is_damage_and_ends_all_serving() {
    let disk = used();
    let store = inline(&disk);
    disk.panic_at_the_database();
    // The log takes it; the database is to have it for good once nothing else is to be done.
    declare(&store, "one-more");
    store.writer().run(Vec::new(), &mut || ());
    let refused = read(&store).unwrap_err();
    assert!(matches!(refused, StoreError::Damaged { .. }), "{refused}");
    let refused = try_declare(&store, "another").unwrap_err();
    assert_eq!(refused.code, Code::ServiceUnavailable);
    assert!(refused.message.contains("a panic that was asked for"), "{refused:?}");
    assert!(store.outage().is_some_and(|why| why.contains("damaged")));
    assert!(store.close());
}

#[test]
fn a_panic_while_opening_is_an_error() {
    let disk = used();
    disk.panic_at_the_database();
    let refused = Store::open_on(&disk, clock(), Mode::Inline(None)).err().unwrap();
    assert!(matches!(refused, OpenError::Damaged { .. }), "{refused}");
}

#[test]
fn reading_everything_meets_what_rotted_under_a_running_store() {
    let disk = Disk::new();
    let store = inline(&disk);
    for n in 0..60 {
        declare(&store, &format!("shop-{n}"));
    }
    store.writer().run(Vec::new(), &mut || ());
    let mut pass = Scrub::default();
    while !store.scrub(&mut pass).unwrap() {}
    // A page that is in memory, and so is not read from the disk by anybody.
    let mut bytes = disk.bytes_of(Part::Database);
    let at = bytes.windows(7).position(|part| part == b"shop-33").unwrap();
    bytes[at] ^= 1;
    disk.set_bytes_of(Part::Database, bytes);
    assert_eq!(read(&store).unwrap().0.len(), 60);
    let met = loop {
        match store.scrub(&mut pass) {
            Ok(true) => panic!("a whole pass met nothing"),
            Ok(false) => {}
            Err(error) => break error,
        }
    };
    assert!(matches!(met, StoreError::Damaged { .. }), "{met}");
    assert!(matches!(read(&store), Err(StoreError::Damaged { .. })));
}
