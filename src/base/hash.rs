//! SHA-256 and hexadecimal text: the journal's chain, token digests, content names.

/// The SHA-256 digest of some bytes (FIPS 180-4).
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    let mut out = [0u8; 32];
    out.copy_from_slice(digest.as_ref());
    out
}

/// A SHA-256 digest of bytes that come one after the other.
#[derive(Clone)]
pub struct Sha256(ring::digest::Context);

impl Default for Sha256 {
    fn default() -> Sha256 {
        Sha256(ring::digest::Context::new(&ring::digest::SHA256))
    }
}

impl Sha256 {
    /// Adds the bytes that come next.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all of them, as lower-case hexadecimal text.
    pub fn finish(self) -> String {
        hex(self.0.finish().as_ref())
    }
}

/// The CRC-32 of some bytes (ISO-HDLC, as in IEEE 802.3): finds torn and rotten records, and is
/// no protection against anybody.
pub fn crc32(bytes: &[u8]) -> u32 {
    crc32_of(&[bytes])
}

/// The same of several parts, as if they were one. Eight bytes at a time through eight tables
/// ("slicing-by-8", Kounavis and Berry 2005), which is several times as fast as one at a time.
pub fn crc32_of(parts: &[&[u8]]) -> u32 {
    !parts.iter().fold(!0, |crc, part| {
        let (eights, rest) = part.as_chunks::<8>();
        let crc = eights.iter().fold(crc, |crc, eight| {
            let [a, b, c, d] = crc.to_le_bytes();
            let first = [eight[0] ^ a, eight[1] ^ b, eight[2] ^ c, eight[3] ^ d];
            let last = [eight[4], eight[5], eight[6], eight[7]];
            let all = first.iter().chain(&last).zip(CRC32.iter().rev());
            all.fold(0, |sum, (byte, table)| sum ^ table[usize::from(*byte)])
        });
        rest.iter()
            .fold(crc, |crc, byte| (crc >> 8) ^ CRC32[0][usize::from(crc.to_le_bytes()[0] ^ byte)])
    })
}

/// A checksum of 64 bits under a number, for pages: finds what a disk did to bytes and is no
/// protection against anybody. Each step can be undone, so whatever changes within eight bytes
/// and nowhere else is noticed for certain, and anything else but for one in 2^64.
pub fn sum64(number: u64, bytes: &[u8]) -> u64 {
    // An odd number, so that multiplying loses nothing: 2^64 over the golden ratio.
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |sum: u64, word: u64| (sum ^ word).wrapping_mul(FACTOR).rotate_left(29);
    let (words, rest) = bytes.as_chunks::<8>();
    let mut sum = mix(FACTOR, number);
    for word in words {
        sum = mix(sum, u64::from_le_bytes(*word));
    }
    for byte in rest {
        sum = mix(sum, u64::from(*byte));
    }
    mix(sum, bytes.len() as u64)
}

/// What a byte becomes with none to seven bytes of zero after it.
static CRC32: [[u32; 256]; 8] = crc32_tables();

const fn crc32_tables() -> [[u32; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut index = 0;
    while index < 256 {
        let mut crc = index as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
            bit += 1;
        }
        tables[0][index] = crc;
        index += 1;
    }
    let mut table = 1;
    while table < 8 {
        let mut index = 0;
        while index < 256 {
            let before = tables[table - 1][index];
            tables[table][index] = (before >> 8) ^ tables[0][(before & 0xff) as usize];
            index += 1;
        }
        table += 1;
    }
    tables
}

/// Lower-case hexadecimal text.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Whether two digests are equal, in time that does not depend on where they differ.
pub fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |seen, (x, y)| seen | (x ^ y)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sha256_matches_the_published_vector() {
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hex(&sha256(b"abc")), expected);
    }

    #[test]
    fn crc32_matches_its_check_value() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32(b""), 0);
        assert_eq!(crc32_of(&[b"1234", b"", b"56789"]), 0xcbf4_3926);
        // What zlib says of the bytes from 0 to 255.
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(crc32(&all), 0x2905_8c73);
        for cut in 0..all.len() {
            assert_eq!(crc32_of(&[&all[..cut], &all[cut..]]), 0x2905_8c73);
        }
    }

    #[test]
    fn same_compares_whole() {
        assert!(same(b"ab", b"ab"));
        assert!(!same(b"ab", b"ac"));
        assert!(!same(b"ab", b"abc"));
    }
}
