//! The ring: what opens where, what tells nothing, and a rotation that is cut off.

use super::*;
use crate::base::{UserId, VariableId};
use crate::model::{GlobalVariable, User};
use std::os::unix::fs::MetadataExt;

fn place(id: u64) -> SealedPlace {
    SealedPlace::of::<GlobalVariable>(&VariableId(id), "value")
}

fn directory(name: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("grange-ring-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&dir);
    dir
}

#[test]
fn a_secret_opens_where_it_was_sealed_for_and_nowhere_else() {
    let ring = Keyring::in_memory();
    let sealed = ring.seal(&place(7), &Secret::new("hunter2")).unwrap();
    assert_eq!(ring.unseal(&place(7), &sealed).unwrap().reveal(), "hunter2");
    let elsewhere = [
        place(8),
        SealedPlace::of::<GlobalVariable>(&VariableId(7), "other"),
        SealedPlace::of::<User>(&UserId(7), "value"),
    ];
    for other in &elsewhere {
        let refused = ring.unseal(other, &sealed).unwrap_err().to_string();
        assert!(refused.contains("moved here"), "{refused}");
    }
    for at in [0, NONCE_LEN, NONCE_LEN + 3, sealed.bytes.len() - 1] {
        let mut changed = sealed.clone();
        changed.bytes[at] ^= 1;
        assert!(ring.unseal(&place(7), &changed).is_err(), "byte {at}");
    }
    let cut = Sealed { bytes: sealed.bytes[..5].to_vec(), ..sealed.clone() };
    assert!(ring.unseal(&place(7), &cut).is_err());
    let refused = Keyring::in_memory().unseal(&place(7), &sealed).unwrap_err().to_string();
    assert!(refused.contains(&sealed.key.to_string()), "{refused}");
}

#[test]
fn sealed_values_tell_neither_their_text_nor_their_length() {
    let ring = Keyring::in_memory();
    let longest = "x".repeat(SECRET_BYTES_MAX);
    let sealed = ["", "a", "hunter2", &longest].map(|text| {
        let sealed = ring.seal(&place(1), &Secret::new(text)).unwrap();
        assert_eq!(ring.unseal(&place(1), &sealed).unwrap().reveal(), text);
        sealed.bytes
    });
    assert!(sealed.iter().all(|bytes| bytes.len() == sealed[0].len()));
    let again = ring.seal(&place(1), &Secret::new("a")).unwrap().bytes;
    assert_ne!(again, sealed[1], "one secret twice is not two equal values");
    let refused = ring.seal(&place(1), &Secret::new(format!("{longest}x"))).unwrap_err();
    assert_eq!(refused.code, Code::LimitExceeded);
}

#[test]
fn a_key_is_made_once_for_its_owner_alone_and_never_silently_anew() {
    let dir = directory("made");
    let sealed = Keyring::open(&dir, false).seal(&place(1), &Secret::new("s")).unwrap();
    let mode = fs::metadata(dir.join(FILE)).unwrap().mode();
    assert_eq!(mode & 0o777, 0o600);
    let again = Keyring::open(&dir, true);
    assert_eq!(again.unseal(&place(1), &sealed).unwrap().reveal(), "s");
    fs::remove_file(dir.join(FILE)).unwrap();
    let without = Keyring::open(&dir, true);
    assert!(without.outage().unwrap().contains("sealing.keys is missing"));
    assert!(!dir.join(FILE).exists());
    for text in ["", "zz\n", "00\n", "é"] {
        fs::write(dir.join(FILE), text).unwrap();
        let why = Keyring::open(&dir, false).outage().unwrap();
        assert!(why.contains("damaged"), "{text:?}: {why}");
    }
    let _ = fs::remove_dir_all(&dir);
}

#[test]
fn a_rotation_opens_with_both_keys_until_it_ends_and_goes_on_after_a_crash() {
    let dir = directory("rotated");
    let ring = Keyring::open(&dir, false);
    let old = ring.seal(&place(1), &Secret::new("s")).unwrap();
    ring.begin_rotation(false).unwrap();
    let ring = Keyring::open(&dir, true);
    assert!(ring.is_rotating());
    let newest = ring.current().unwrap();
    assert_ne!(newest, old.key);
    ring.begin_rotation(false).unwrap();
    assert_eq!(ring.current(), Some(newest), "one that was begun goes on");
    assert_eq!(ring.unseal(&place(1), &old).unwrap().reveal(), "s");
    let new = ring.seal(&place(1), &Secret::new("s")).unwrap();
    ring.end_rotation().unwrap();
    let ring = Keyring::open(&dir, true);
    assert!(!ring.is_rotating());
    assert!(ring.unseal(&place(1), &old).is_err());
    assert_eq!(ring.unseal(&place(1), &new).unwrap().reveal(), "s");
    let _ = fs::remove_dir_all(&dir);
}

#[test]
fn a_ring_without_its_key_begins_anew_only_when_told_that_it_is_lost() {
    let dir = directory("lost");
    let ring = Keyring::open(&dir, true);
    assert!(ring.begin_rotation(false).is_err());
    assert!(ring.seal(&place(1), &Secret::new("s")).is_err());
    ring.begin_rotation(true).unwrap();
    ring.end_rotation().unwrap();
    assert!(ring.seal(&place(1), &Secret::new("s")).is_ok());
    let _ = fs::remove_dir_all(&dir);
}
