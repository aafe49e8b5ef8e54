//! How much of the validation text the training text holds too.

use std::collections::HashSet;

/// Bytes of a block: long enough that two texts do not share one by chance.
const BLOCK: usize = 256;

/// Base of the rolling hash; odd, so that no power of it is 0.
const BASE: u64 = 0x9e37_79b9_7f4a_7c15;

/// Share of the blocks of `valid` that stand somewhere in `train`, from 0 to 1. Of a text shorter than a
/// block it is all or nothing.
///
/// One pass over `train` with the hash of Karp and Rabin: at 64 bits, two blocks of texts of this size
/// have one hash by chance less often than once in a thousand texts.
pub(crate) fn share(train: &str, valid: &str) -> f64 {
    let (train, valid) = (train.as_bytes(), valid.as_bytes());
    let block = BLOCK.min(valid.len());
    if block == 0 || train.len() < block {
        return 0.0;
    }
    let blocks: Vec<u64> = valid.chunks_exact(block).map(hash).collect();
    let wanted: HashSet<u64> = blocks.iter().copied().collect();
    let filter = Filter::of(&blocks);
    let mut found = HashSet::new();
    let first = (1..block).fold(1u64, |power, _| power.wrapping_mul(BASE));
    let mut rolling = hash(&train[..block]);
    for end in block..=train.len() {
        if filter.may_hold(rolling) && wanted.contains(&rolling) {
            found.insert(rolling);
        }
        if let Some(&next) = train.get(end) {
            let gone = u64::from(train[end - block]).wrapping_mul(first);
            rolling = rolling
                .wrapping_sub(gone)
                .wrapping_mul(BASE)
                .wrapping_add(next.into());
        }
    }
    let shared = blocks.iter().filter(|hash| found.contains(hash)).count();
    shared as f64 / blocks.len() as f64
}

fn hash(block: &[u8]) -> u64 {
    block.iter().fold(0, |hash: u64, &byte| {
        hash.wrapping_mul(BASE).wrapping_add(byte.into())
    })
}

/// Says of most hashes that they are not wanted, without looking them up.
struct Filter {
    bits: Vec<u64>,
}

impl Filter {
    const BITS: u32 = 22;

    fn of(wanted: &[u64]) -> Self {
        let mut bits = vec![0; 1 << (Self::BITS - 6)];
        for &hash in wanted {
            let (word, bit) = Self::place(hash);
            bits[word] |= bit;
        }
        Self { bits }
    }

    fn may_hold(&self, hash: u64) -> bool {
        let (word, bit) = Self::place(hash);
        self.bits[word] & bit != 0
    }

    fn place(hash: u64) -> (usize, u64) {
        // The high bits depend on all bytes of a block, the low ones on the last few alone.
        let place = hash >> (64 - Self::BITS);
        ((place >> 6) as usize, 1 << (place & 63))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A text without repetitions.
    fn text(seed: u64, bytes: usize) -> String {
        let mut state = seed;
        let mut letter = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            char::from(b'a' + (state >> 33) as u8 % 26)
        };
        (0..bytes).map(|_| letter()).collect()
    }

    #[test]
    fn equal_texts_share_all_and_others_nothing() {
        let one = text(1, 10_000);
        assert_eq!(share(&one, &one), 1.0);
        assert_eq!(share(&one, &text(2, 10_000)), 0.0);
    }

    #[test]
    fn what_is_shared_is_found_wherever_it_stands() {
        // 4 of 8 blocks, at a place in the training text that is no multiple of a block.
        let valid = text(3, 8 * BLOCK);
        let train = text(4, 1_000) + &valid[2 * BLOCK..6 * BLOCK] + &text(5, 777);
        assert_eq!(share(&train, &valid), 0.5);
    }

    #[test]
    fn short_texts_are_one_block() {
        assert_eq!(share("once upon a time", "upon"), 1.0);
        assert_eq!(share("once upon a time", "down"), 0.0);
        assert_eq!(share("", "down"), 0.0);
        assert_eq!(share("once", ""), 0.0);
        assert_eq!(share("up", "upon"), 0.0);
    }
}
