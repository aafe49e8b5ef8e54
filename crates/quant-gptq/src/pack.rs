//! Eight whole numbers to a word, the first in the lowest four bits.

/// Numbers of a word.
pub(crate) const PER_WORD: usize = 8;

/// The largest of them.
pub(crate) const LARGEST: u8 = 15;

const BITS: usize = 4;
const MASK: u32 = 15;

/// The number at a place of a word.
pub(crate) const fn at(word: u32, place: usize) -> u8 {
    ((word >> (BITS * place)) & MASK) as u8
}

/// The word of eight numbers below 16.
pub(crate) fn word(numbers: impl Iterator<Item = u8>) -> u32 {
    let place = |word, (place, number): (usize, u8)| word | (u32::from(number) << (BITS * place));
    numbers.take(PER_WORD).enumerate().fold(0, place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_number_stands_lowest() {
        let numbers = [4u8, 6, 8, 11, 1, 6, 12, 9];
        let word = word(numbers.into_iter());
        assert_eq!(word, 0x9c61_b864);
        assert_eq!(std::array::from_fn(|place| at(word, place)), numbers);
    }
}
