//! The key ring: seals what is secret before it becomes a record, and opens it again.
//!
//! The key lies beside the store (`keys/sealing.keys`, for its owner alone), so that the store's
//! files, its journal and copies of them say nothing. What is sealed is bound to its place, a field
//! of a record, and opens nowhere else. All sealed values have one length.
//!
//! The file has a line a key, the one that seals first; the others only open. It has more than one
//! only while a rotation is under way ([`Keyring::begin_rotation`], every value sealed anew,
//! [`Keyring::end_rotation`]). A ring without a key still lets everything else run: what is sealed
//! can then be neither read nor written, and each who asks is told why.
//!
//! Seal inside a write's closure. There is one writer, so whatever was sealed with a key that is
//! replaced is in the store before the rotation looks for the last time.

use super::tables::{Key, Record};
use crate::base::hash::{hex, sha256};
use crate::base::kept::{self, KeptFate};
use crate::base::limit::SECRET_BYTES_MAX;
use crate::base::random::fill_secret;
use crate::base::{Code, Problem, Result, Secret};
use crate::model::{Sealed, SealingKeyId};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

/// Its file in `keys/`.
const FILE: &str = "sealing.keys";
/// Bytes of a key.
const KEY_BYTES: usize = 32;
/// Bytes before a secret that say how long it is.
const LENGTH_BYTES: usize = 2;

/// The keys of one appliance.
pub struct Keyring {
    /// `None` for a ring that lives in memory, for tests.
    path: Option<PathBuf>,
    ring: RwLock<Ring>,
}

/// What a ring has.
enum Ring {
    /// Keys, the one that seals first; never empty.
    Keys(Vec<SealingKey>),
    /// No key, and why.
    Missing(String),
}

struct SealingKey {
    id: SealingKeyId,
    material: [u8; KEY_BYTES],
}

impl SealingKey {
    fn new(material: [u8; KEY_BYTES]) -> SealingKey {
        let mut id = [0; 8];
        id.copy_from_slice(&sha256(&material)[..8]);
        SealingKey { id: SealingKeyId(id), material }
    }

    fn fresh() -> SealingKey {
        let mut material = [0; KEY_BYTES];
        fill_secret(&mut material);
        SealingKey::new(material)
    }

    fn cipher(&self) -> LessSafeKey {
        let key = UnboundKey::new(&AES_256_GCM, &self.material);
        LessSafeKey::new(key.expect("AES-256 takes every key of 32 bytes"))
    }
}

/// Where a sealed value belongs: it opens nowhere else.
pub struct SealedPlace(Vec<u8>);

impl SealedPlace {
    /// A field of a record.
    pub fn of<R: Record>(key: &R::Key, field: &str) -> SealedPlace {
        let mut bound = R::TABLE.name().as_bytes().to_vec();
        bound.push(0);
        bound.extend_from_slice(field.as_bytes());
        bound.push(0);
        bound.extend_from_slice(&key.bytes());
        SealedPlace(bound)
    }
}

impl Keyring {
    /// The ring of a directory of keys. Where there is none and nothing is sealed yet, it gets its
    /// first key when there is something to seal; where something is, the key is missing.
    pub fn open(keys: &Path, used: bool) -> Keyring {
        let path = keys.join(FILE);
        let ring = match read(&path) {
            Ok(Some(keys)) => Ring::Keys(keys),
            Ok(None) if !used => match write(&path, &[SealingKey::fresh()]) {
                Ok(keys) => Ring::Keys(keys),
                Err(error) => {
                    Ring::Missing(format!("{} cannot be written: {error}", path.display()))
                }
            },
            Ok(None) => Ring::Missing(format!("{} is missing", path.display())),
            Err(why) => Ring::Missing(why),
        };
        Keyring { path: Some(path), ring: RwLock::new(ring) }
    }

    /// The ring of a directory as it is, which may have no key; nothing is written.
    pub fn look(keys: &Path) -> Keyring {
        Keyring::open(keys, true)
    }

    /// A ring that is on no disk.
    pub fn in_memory() -> Keyring {
        Keyring { path: None, ring: RwLock::new(Ring::Keys(vec![SealingKey::fresh()])) }
    }

    /// A ring that opens nothing.
    pub fn without_key() -> Keyring {
        Keyring { path: None, ring: RwLock::new(Ring::Missing("there is none".to_owned())) }
    }

    /// Why nothing can be sealed or opened; `None` when all is well.
    pub fn outage(&self) -> Option<String> {
        match &*self.ring.read().unwrap_or_else(PoisonError::into_inner) {
            Ring::Keys(_) => None,
            Ring::Missing(why) => Some(why.clone()),
        }
    }

    /// The number of the key that seals; `None` without one.
    pub fn current(&self) -> Option<SealingKeyId> {
        match &*self.ring.read().unwrap_or_else(PoisonError::into_inner) {
            Ring::Keys(keys) => keys.first().map(|key| key.id),
            Ring::Missing(_) => None,
        }
    }

    /// Writes its file again where that is gone or holds something else, and says which it was. A
    /// ring without keys has nothing to write.
    ///
    /// # Errors
    /// When the file cannot be written, or what is in its place cannot be set aside.
    pub fn put_back(&self) -> Result<Option<KeptFate>> {
        let ring = self.ring.read().unwrap_or_else(PoisonError::into_inner);
        let (Some(path), Ring::Keys(keys)) = (&self.path, &*ring) else { return Ok(None) };
        let ids = |keys: &[SealingKey]| keys.iter().map(|key| key.id).collect::<Vec<_>>();
        let fate = match read(path) {
            Ok(Some(found)) if ids(&found) == ids(keys) => return Ok(None),
            Ok(None) => KeptFate::Gone,
            Ok(Some(_)) | Err(_) => KeptFate::Changed,
        };
        if fate == KeptFate::Changed {
            kept::set_aside(path).map_err(|error| {
                unavailable(format!("{} cannot be set aside: {error}", path.display()))
            })?;
        }
        let keys = keys.iter().map(|key| SealingKey::new(key.material)).collect();
        self.keep(keys).map(|_| Some(fate))
    }

    /// Whether it has a key.
    pub fn has(&self, key: SealingKeyId) -> bool {
        match &*self.ring.read().unwrap_or_else(PoisonError::into_inner) {
            Ring::Keys(keys) => keys.iter().any(|known| known.id == key),
            Ring::Missing(_) => false,
        }
    }

    /// Opens and seals nothing from now on: its keys are not those of this store.
    pub fn refuse(&self, why: &str) {
        let path = self.path.as_deref().unwrap_or(Path::new(FILE)).display();
        let mut ring = self.ring.write().unwrap_or_else(PoisonError::into_inner);
        *ring = Ring::Missing(format!("{path} {why}"));
    }

    /// Whether a rotation was begun that has not ended.
    pub fn is_rotating(&self) -> bool {
        match &*self.ring.read().unwrap_or_else(PoisonError::into_inner) {
            Ring::Keys(keys) => keys.len() > 1,
            Ring::Missing(_) => false,
        }
    }

    /// Seals a secret for its place.
    ///
    /// # Errors
    /// The key is missing, or the secret is longer than [`SECRET_BYTES_MAX`].
    pub fn seal(&self, place: &SealedPlace, secret: &Secret) -> Result<Sealed> {
        let text = secret.reveal().as_bytes();
        let length = u16::try_from(text.len()).ok().filter(|_| text.len() <= SECRET_BYTES_MAX);
        let Some(length) = length else {
            let text = format!("a secret has at most {SECRET_BYTES_MAX} bytes");
            return Err(Problem::new(Code::LimitExceeded, text));
        };
        let ring = self.ring.read().unwrap_or_else(PoisonError::into_inner);
        let keys = ring.keys()?;
        let key = &keys[0];
        let mut nonce = [0; NONCE_LEN];
        fill_secret(&mut nonce);
        let mut padded = length.to_be_bytes().to_vec();
        padded.extend_from_slice(text);
        padded.resize(LENGTH_BYTES + SECRET_BYTES_MAX, 0);
        let bound = Aad::from(place.0.as_slice());
        let nonced = Nonce::assume_unique_for_key(nonce);
        key.cipher()
            .seal_in_place_append_tag(nonced, bound, &mut padded)
            .map_err(|_| Problem::new(Code::InternalServerError, "a secret could not be sealed"))?;
        let bytes = [nonce.as_slice(), &padded].concat();
        Ok(Sealed { key: key.id, bytes })
    }

    /// Opens what was sealed for a place.
    ///
    /// # Errors
    /// The key is missing or another, or the bytes are not those that were sealed for this place.
    pub fn unseal(&self, place: &SealedPlace, sealed: &Sealed) -> Result<Secret> {
        let ring = self.ring.read().unwrap_or_else(PoisonError::into_inner);
        let Some(key) = ring.keys()?.iter().find(|key| key.id == sealed.key) else {
            return Err(unavailable(format!(
                "it was sealed with key {}, which keys/{FILE} does not have",
                sealed.key
            )));
        };
        let opened = || {
            let (nonce, rest) = sealed.bytes.split_at_checked(NONCE_LEN)?;
            let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
            let (mut rest, bound) = (rest.to_vec(), Aad::from(place.0.as_slice()));
            let plain = key.cipher().open_in_place(nonce, bound, &mut rest).ok()?;
            let (length, text) = plain.split_first_chunk::<LENGTH_BYTES>()?;
            let text = text.get(..usize::from(u16::from_be_bytes(*length)))?;
            Some(Secret::new(String::from_utf8(text.to_vec()).ok()?))
        };
        opened().ok_or_else(|| {
            unavailable("it does not open: its bytes were changed, or moved here".to_owned())
        })
    }

    /// A digest that nobody without the key can compare with that of a guess.
    ///
    /// # Errors
    /// The key is missing.
    pub fn digest(&self, bytes: &[u8]) -> Result<[u8; 32]> {
        let ring = self.ring.read().unwrap_or_else(PoisonError::into_inner);
        // A key of its own: one key is for one purpose.
        let derived = sha256(&[b"digest".as_slice(), &ring.keys()?[0].material].concat());
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &derived), bytes);
        let mut digest = [0; 32];
        digest.copy_from_slice(tag.as_ref());
        Ok(digest)
    }

    /// Puts a new key before the others, unless a rotation is under way already, which then goes
    /// on. `lost` says that a ring without a key is to begin anew: what was sealed stays closed.
    ///
    /// # Errors
    /// The key is missing and not said to be lost, or its file cannot be written.
    pub fn begin_rotation(&self, lost: bool) -> Result<()> {
        let mut ring = self.ring.write().unwrap_or_else(PoisonError::into_inner);
        let keys = match &*ring {
            Ring::Keys(keys) if keys.len() > 1 => return Ok(()),
            Ring::Keys(keys) => keys.iter().map(|key| SealingKey::new(key.material)).collect(),
            Ring::Missing(_) if lost => Vec::new(),
            Ring::Missing(why) => return Err(missing(why)),
        };
        let all: Vec<SealingKey> = std::iter::once(SealingKey::fresh()).chain(keys).collect();
        *ring = Ring::Keys(self.keep(all)?);
        Ok(())
    }

    /// Forgets every key but the one that seals.
    ///
    /// # Errors
    /// The key is missing, or its file cannot be written.
    pub fn end_rotation(&self) -> Result<()> {
        let mut ring = self.ring.write().unwrap_or_else(PoisonError::into_inner);
        let newest = SealingKey::new(ring.keys()?[0].material);
        *ring = Ring::Keys(self.keep(vec![newest])?);
        Ok(())
    }

    fn keep(&self, keys: Vec<SealingKey>) -> Result<Vec<SealingKey>> {
        let Some(path) = &self.path else { return Ok(keys) };
        write(path, &keys)
            .map_err(|error| unavailable(format!("{} cannot be written: {error}", path.display())))
    }
}

impl Ring {
    fn keys(&self) -> Result<&[SealingKey]> {
        match self {
            Ring::Keys(keys) => Ok(keys),
            Ring::Missing(why) => Err(missing(why)),
        }
    }
}

fn missing(why: &str) -> Problem {
    unavailable(format!(
        "hidden values can be neither read nor set: {why}; put it back, or, if it is lost, \
         run grange rotate-key --lost and set them anew"
    ))
}

fn unavailable(text: String) -> Problem {
    Problem::new(Code::ServiceUnavailable, text)
}

/// The keys in a file; `None` when there is none.
fn read(path: &Path) -> std::result::Result<Option<Vec<SealingKey>>, String> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("{} cannot be read: {error}", path.display())),
    };
    let keys: Option<Vec<SealingKey>> = text.lines().map(key_of).collect();
    match keys.filter(|keys| !keys.is_empty()) {
        Some(keys) => Ok(Some(keys)),
        None => Err(format!("{} is damaged", path.display())),
    }
}

fn key_of(line: &str) -> Option<SealingKey> {
    let mut material = [0; KEY_BYTES];
    if line.len() != 2 * KEY_BYTES || !line.is_ascii() {
        return None;
    }
    for (at, byte) in material.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&line[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(SealingKey::new(material))
}

/// Writes the file beside its place, syncs it, and moves it there; gives the keys back.
fn write(path: &Path, keys: &[SealingKey]) -> io::Result<Vec<SealingKey>> {
    let directory = path.parent().unwrap_or(Path::new("."));
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let beside = path.with_extension("new");
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    for key in keys {
        writeln!(file, "{}", hex(&key.material))?;
    }
    file.sync_all()?;
    fs::rename(&beside, path)?;
    File::open(directory)?.sync_all()?;
    Ok(keys.iter().map(|key| SealingKey::new(key.material)).collect())
}

#[cfg(test)]
mod tests;
