//! Signatures of the authority over texts that leave the appliance and come back.
//!
//! ECDSA P-256 with SHA-256 (FIPS 186-5), by the authority's own key: it is in every backup, and an
//! installation that lost it has lost more than its proposals. What is signed begins with the
//! purpose and a zero byte; a certificate begins with the byte 0x30, which no purpose does, so that
//! neither is ever taken for the other.

use super::{Authority, PkiError};
use rcgen::{PublicKeyData, SigningKey};
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};

/// Whose signature it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// This authority's.
    Ours,
    /// Another key's, and that key did sign this text.
    Foreign,
    /// Nobody's: the text, the key or the signature is not what it was.
    Broken,
}

impl Authority {
    /// The public key that [`Authority::sign`] signs for: an uncompressed point, 65 bytes.
    pub fn public_key(&self) -> &[u8] {
        self.issuer.key().der_bytes()
    }

    /// Signs a text for a purpose.
    pub fn sign(&self, purpose: &'static str, text: &[u8]) -> Result<Vec<u8>, PkiError> {
        self.issuer.key().sign(&message(purpose, text)).map_err(PkiError::Sign)
    }

    /// Judges a signature of a text for a purpose, said to be of a key.
    pub fn judge(&self, purpose: &'static str, text: &[u8], by: &[u8], value: &[u8]) -> Verdict {
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, by);
        match key.verify(&message(purpose, text), value) {
            Err(_) => Verdict::Broken,
            Ok(()) if by == self.public_key() => Verdict::Ours,
            Ok(()) => Verdict::Foreign,
        }
    }
}

fn message(purpose: &str, text: &[u8]) -> Vec<u8> {
    [purpose.as_bytes(), &[0], text].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Timestamp;

    #[test]
    fn ours_theirs_and_nobodys_are_told_apart() {
        let directory = std::env::temp_dir().join(format!("grange-sign-{}", std::process::id()));
        let open = |name: &str| Authority::open(&directory.join(name), Timestamp(0)).unwrap();
        let (ours, theirs) = (open("a"), open("b"));
        let value = ours.sign("a purpose", b"text").unwrap();
        let by = ours.public_key();
        let check = |who: &Authority, purpose, text: &[u8], by: &[u8], value: &[u8], verdict| {
            assert_eq!(who.judge(purpose, text, by, value), verdict);
        };
        check(&ours, "a purpose", b"text", by, &value, Verdict::Ours);
        check(&open("a"), "a purpose", b"text", by, &value, Verdict::Ours);
        check(&theirs, "a purpose", b"text", by, &value, Verdict::Foreign);
        check(&ours, "a purpose", b"text.", by, &value, Verdict::Broken);
        check(&ours, "another", b"text", by, &value, Verdict::Broken);
        check(&ours, "a purpose", b"text", theirs.public_key(), &value, Verdict::Broken);
        check(&ours, "a purpose", b"text", &[], &value, Verdict::Broken);
        check(&ours, "a purpose", b"text", by, &[], Verdict::Broken);
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
