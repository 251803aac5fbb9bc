//! From when until when a certificate is good, for those who renew it in time.
//!
//! The agent is kept slim, so this is the few elements of X.509 (RFC 5280, 4.1) that stand before
//! the two dates, and no more. Nothing is verified here: a wrong date only means a renewal at the
//! wrong time.

use super::certificates;
use crate::base::Timestamp;

const INTEGER: u8 = 0x02;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// The first certificate's `notBefore` and `notAfter`; `None` when it cannot be read.
pub fn validity(chain_pem: &str) -> Option<(Timestamp, Timestamp)> {
    let chain = certificates(chain_pem).ok()?;
    let mut certificate = Reader(chain.first()?.as_ref());
    let mut to_be_signed = Reader(Reader(certificate.element(SEQUENCE)?).element(SEQUENCE)?);
    if to_be_signed.0.first() == Some(&VERSION) {
        to_be_signed.element(VERSION)?;
    }
    to_be_signed.element(INTEGER)?;
    // Signature algorithm, issuer.
    to_be_signed.element(SEQUENCE)?;
    to_be_signed.element(SEQUENCE)?;
    let mut dates = Reader(to_be_signed.element(SEQUENCE)?);
    Some((dates.time()?, dates.time()?))
}

/// What is left of some DER.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// The content of the next element, which must have this tag.
    fn element(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (&found, rest) = self.0.split_first()?;
        let (&first, mut rest) = rest.split_first()?;
        let mut length = usize::from(first);
        if first >= 0x80 {
            let (bytes, after) = rest.split_at_checked(usize::from(first & 0x7f))?;
            if bytes.len() > 3 {
                return None;
            }
            length = bytes.iter().fold(0, |length, &byte| length << 8 | usize::from(byte));
            rest = after;
        }
        let (content, after) = rest.split_at_checked(length)?;
        self.0 = after;
        (found == tag).then_some(content)
    }

    /// `YYMMDDHHMMSSZ` of 1950 to 2049, or the same with four digits of year.
    fn time(&mut self) -> Option<Timestamp> {
        let tag = *self.0.first()?;
        let text = std::str::from_utf8(self.element(tag)?).ok()?.strip_suffix('Z')?;
        if !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let (year, rest) = match tag {
            UTC_TIME => {
                let year: i64 = text.get(..2)?.parse().ok()?;
                (if year < 50 { 2000 + year } else { 1900 + year }, text.get(2..)?)
            }
            GENERALIZED_TIME => (text.get(..4)?.parse().ok()?, text.get(4..)?),
            _ => return None,
        };
        let part =
            |index: usize| -> Option<i64> { rest.get(2 * index..2 * index + 2)?.parse().ok() };
        let days = days_before(year, part(0)?, part(1)?);
        let seconds = ((days * 24 + part(2)?) * 60 + part(3)?) * 60 + part(4)?;
        Some(Timestamp(seconds * 1000))
    }
}

/// Days from 1970-01-01 to a civil date, after Howard Hinnant, "chrono-Compatible Low-Level Date
/// Algorithms".
fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year - era * 400;
    let shifted_month = (month + 9) % 12;
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both kinds of date, as openssl wrote them.
    const CERTIFICATE: &str = "\
-----BEGIN CERTIFICATE-----\n\
MIIBbjCCARWgAwIBAgIUYnzXEcBhTJtR5xEAHM/7Gg2j5k4wCgYIKoZIzj0EAwIw\n\
DDEKMAgGA1UEAwwBeDAgFw0yNjExMjEwMzU4MjNaGA8yMDUxMDcxMzAzNTgyM1ow\n\
DDEKMAgGA1UEAwwBeDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABJbJonv3+dp9\n\
a79PlcitPBqfZmKL68hhWnaJD4cBL/O7LSnMXGae8e1Pnsv5Hw5TC7nhldHrSBbp\n\
fBz6sJN2DB6jUzBRMB0GA1UdDgQWBBR0bOv2MQKLu5CXKkbxbtAK8o6jtzAfBgNV\n\
HSMEGDAWgBR0bOv2MQKLu5CXKkbxbtAK8o6jtzAPBgNVHRMBAf8EBTADAQH/MAoG\n\
CCqGSM49BAMCA0cAMEQCICIDax1GEw94+M/J6/tRFv5P9rzwVICngQYualltEiQB\n\
AiAbWvD+nwGWLRTzxonXmhxbUxtrjZgBxz002mGREk1qDQ==\n\
-----END CERTIFICATE-----\n\
";

    #[test]
    fn dates_are_read_from_a_certificate() {
        let (from, to) = validity(CERTIFICATE).unwrap();
        assert_eq!(from.to_string(), "2026-11-21T03:58:23.000Z");
        assert_eq!(to.to_string(), "2051-07-13T03:58:23.000Z");
    }

    #[test]
    fn what_is_cut_short_has_no_dates() {
        let whole = certificates(CERTIFICATE).unwrap();
        for length in 0..whole[0].len() {
            let mut reader = Reader(&whole[0][..length]);
            assert_eq!(reader.element(SEQUENCE), None, "{length}");
        }
        for bad in ["", "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"] {
            assert_eq!(validity(bad), None);
        }
    }
}
