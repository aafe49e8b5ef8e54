//! What a table of pairs achieves: the line that a model of the same text has to beat.

use std::collections::HashMap;

use crate::dataset::Dataset;

/// Vocabularies up to this size are counted in a square table (4 MB); larger ones in a map.
const TABLE_LIMIT: usize = 1024;

/// The bigram model of a dataset, measured on its validation text.
///
/// The probability of token b after token a is Witten-Bell interpolation,
///
/// ```text
/// P(b | a) = (n(a b) + t(a) U(b)) / (n(a) + t(a)),     U(b) = (n(b) + 1) / (N + V)
/// ```
///
/// with n the counts in the training text, t(a) the number of different tokens seen after a, N the
/// length of the training text and V the vocabulary. It has no parameter to tune, is a
/// distribution for every a, and gives nothing probability 0. All validation tokens but the first
/// are predicted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BigramBaseline {
    /// Perplexity per token (per character for a character vocabulary).
    pub perplexity: f64,
    /// Bits per byte of the validation text, which compares across tokenizers.
    pub bits_per_byte: f64,
}

impl BigramBaseline {
    /// Counts the training split and scores the validation split.
    pub fn of(dataset: &Dataset) -> Self {
        let valid = &dataset.valid;
        let model = Bigram::of(&dataset.train.ids, dataset.tokenizer.vocab_size());
        let nats = model.nats(&valid.ids);
        let predicted = valid.ids.len().saturating_sub(1) as f64;
        let bytes = predicted * valid.bytes_per_token();
        Self {
            perplexity: (nats / predicted).exp(),
            bits_per_byte: nats / std::f64::consts::LN_2 / bytes,
        }
    }
}

/// The perplexity per token of the bigram model; see [`BigramBaseline`].
pub fn bigram_perplexity(dataset: &Dataset) -> f64 {
    BigramBaseline::of(dataset).perplexity
}

enum Pairs {
    Table(Vec<u32>),
    Map(HashMap<(u32, u32), u32>),
}

struct Bigram {
    vocabulary: usize,
    pairs: Pairs,
    /// How often each token occurs.
    single: Vec<u64>,
    /// How often each token is followed by another.
    followed: Vec<u64>,
    /// By how many different tokens.
    kinds: Vec<u64>,
    total: usize,
}

impl Bigram {
    fn of(ids: &[u32], vocabulary: usize) -> Self {
        let pairs = if vocabulary <= TABLE_LIMIT {
            Pairs::Table(vec![0; vocabulary * vocabulary])
        } else {
            Pairs::Map(HashMap::new())
        };
        let mut single = vec![0; vocabulary];
        for id in ids {
            single[*id as usize] += 1;
        }
        let mut followed = single.clone();
        if let Some(last) = ids.last() {
            followed[*last as usize] -= 1;
        }
        let kinds = vec![0; vocabulary];
        let mut model = Self {
            vocabulary,
            pairs,
            single,
            followed,
            kinds,
            total: ids.len(),
        };
        for pair in ids.windows(2) {
            let count = match &mut model.pairs {
                Pairs::Table(table) => &mut table[pair[0] as usize * vocabulary + pair[1] as usize],
                Pairs::Map(map) => map.entry((pair[0], pair[1])).or_default(),
            };
            *count += 1;
            if *count == 1 {
                model.kinds[pair[0] as usize] += 1;
            }
        }
        model
    }

    fn count(&self, a: u32, b: u32) -> u32 {
        match &self.pairs {
            Pairs::Table(table) => table[a as usize * self.vocabulary + b as usize],
            Pairs::Map(map) => map.get(&(a, b)).copied().unwrap_or(0),
        }
    }

    fn probability(&self, a: u32, b: u32) -> f64 {
        let unigram = (self.single[b as usize] + 1) as f64 / (self.total + self.vocabulary) as f64;
        let (followed, kinds) = (self.followed[a as usize], self.kinds[a as usize]);
        if followed == 0 {
            return unigram;
        }
        (f64::from(self.count(a, b)) + kinds as f64 * unigram) / (followed + kinds) as f64
    }

    fn nats(&self, ids: &[u32]) -> f64 {
        ids.windows(2)
            .map(|pair| -self.probability(pair[0], pair[1]).ln())
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_by_hand() {
        // n(0) = 3, n(1) = 2, N = 5, V = 2: U(0) = 4/7, U(1) = 3/7. 0 is followed twice, by 1 only:
        // P(1|0) = (2 + 3/7) / 3 = 17/21, P(0|0) = (0 + 4/7) / 3 = 4/21.
        // 1 is followed twice, by 0 only: P(0|1) = (2 + 4/7) / 3 = 18/21.
        let model = Bigram::of(&[0, 1, 0, 1, 0], 2);
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} {b}");
        close(model.probability(0, 1), 17.0 / 21.0);
        close(model.probability(0, 0), 4.0 / 21.0);
        close(model.probability(1, 0), 18.0 / 21.0);
        close(
            model.nats(&[0, 1, 0]),
            -(17.0_f64 / 21.0).ln() - (18.0_f64 / 21.0).ln(),
        );
    }

    #[test]
    fn a_map_counts_as_a_table_does_and_rows_sum_to_one() {
        let ids: Vec<u32> = (0..500).map(|n| n * n % 11).collect();
        let small = Bigram::of(&ids, 12);
        let mut map = Bigram::of(&ids, TABLE_LIMIT + 1);
        map.vocabulary = 12;
        for a in 0..12 {
            let row: f64 = (0..12).map(|b| small.probability(a, b)).sum();
            assert!((row - 1.0).abs() < 1e-12, "{a}: {row}");
            for b in 0..12 {
                assert!((small.probability(a, b) - map.probability(a, b)).abs() < 1e-15);
            }
        }
    }
}
