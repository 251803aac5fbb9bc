//! Randomness: seeded streams for decisions, the operating system's source for secrets.
//!
//! A stream has a seed and a purpose, so that drawing more of one kind of id never shifts the
//! ids of another kind, and a recorded seed replays a whole run.

use crate::base::hash::sha256;
use ring::rand::{SecureRandom, SystemRandom};

/// A deterministic stream of numbers: SplitMix64 (Steele, Lea and Flood, OOPSLA 2014). Not for
/// secrets.
#[derive(Clone, Debug)]
pub struct Stream {
    state: u64,
}

impl Stream {
    /// The stream of one purpose under one seed.
    pub fn new(seed: u64, purpose: &str) -> Stream {
        let mut material = seed.to_be_bytes().to_vec();
        material.extend_from_slice(purpose.as_bytes());
        let mixed = sha256(&material);
        let mut state = [0u8; 8];
        state.copy_from_slice(&mixed[..8]);
        Stream { state: u64::from_be_bytes(state) }
    }

    /// The next number.
    #[allow(clippy::should_implement_trait, reason = "an endless stream is no iterator")]
    pub fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which must not be zero; the bias is below `bound` / 2^64.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    /// True `percent` times in a hundred.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// Fills `bytes` from the operating system. For tokens, keys and seeds.
///
/// # Panics
/// When the operating system has no randomness to give: nothing secret can be made then, and
/// going on without would be worse than stopping.
pub fn fill_secret(bytes: &mut [u8]) {
    SystemRandom::new().fill(bytes).expect("the operating system's random source answers");
}

/// A fresh seed from the operating system.
pub fn fresh_seed() -> u64 {
    let mut bytes = [0u8; 8];
    fill_secret(&mut bytes);
    u64::from_be_bytes(bytes)
}

/// A secret of 32 random bytes as 64 hexadecimal digits.
pub fn secret_text() -> String {
    let mut bytes = [0u8; 32];
    fill_secret(&mut bytes);
    crate::base::hash::hex(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_replay_and_do_not_disturb_each_other() {
        let (mut a, mut b) = (Stream::new(1, "server"), Stream::new(1, "server"));
        let other = Stream::new(1, "step").next();
        assert!((0..100).all(|_| a.next() == b.next()));
        assert_ne!(a.next(), other);
    }
}
