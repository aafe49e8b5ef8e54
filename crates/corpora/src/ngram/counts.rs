//! Counts of all n-grams of a text up to one order, and the Witten-Bell model of each order.

use std::{collections::HashMap, ops::Range};

use crate::windows::ValidWindows;

/// Bits of a packed n-gram.
const WIDTH: u32 = u128::BITS;

/// A text's n-grams up to an order.
///
/// The probability of token b after the tokens c of an n-gram is Witten-Bell interpolation,
///
/// ```text
/// P_n(b | c) = (n(c b) + t(c) P_{n-1}(b | c')) / (n(c) + t(c)),     U(b) = (n(b) + 1) / (N + V)
/// ```
///
/// with n the counts of a sequence (n(c) of those that something follows), t(c) the number of
/// different tokens seen after c, c' the context without its first token, U the unigram, N the
/// length of the text and V the vocabulary. It has no parameter to tune, is a distribution for
/// every c, and gives nothing probability 0. A context that was never seen says what the shorter
/// one says.
///
/// Each place of the text is one number: the next tokens, one more than their ids and the first in
/// the highest bits, 0 where the text has ended. Sorted, what starts with a given sequence is a
/// range, its length is the count, and a longer sequence is a range inside it.
pub(super) struct Counts {
    grams: Vec<u128>,
    order: usize,
    bits: u32,
    vocabulary: usize,
    /// By start and length of a context: how often something follows, and how many tokens do.
    followers: HashMap<(usize, usize), (u64, u64)>,
}

/// What windows cost under the models of all orders.
pub(super) struct Score {
    /// Nats over all predicted tokens, from order 1 up.
    pub(super) nats: Vec<f64>,
    /// Tokens that were predicted.
    pub(super) tokens: usize,
}

impl Counts {
    /// Counts a text up to order `most`, or to what a packed n-gram can hold.
    pub(super) fn of(ids: &[u32], vocabulary: usize, most: usize) -> Self {
        // Values are 0..=V.
        let bits = usize::BITS - vocabulary.leading_zeros();
        let order = most.min((WIDTH / bits) as usize);
        let mut following = 0;
        let mut grams: Vec<u128> = ids
            .iter()
            .rev()
            .map(|id| {
                let first = u128::from(*id + 1) << (bits * (order as u32 - 1));
                following = first | following >> bits;
                following
            })
            .collect();
        grams.sort_unstable();
        Self {
            grams,
            order,
            bits,
            vocabulary,
            followers: HashMap::new(),
        }
    }

    /// Token `place` of a packed n-gram, as its id and 1.
    fn token(&self, gram: u128, place: usize) -> u128 {
        let shift = self.bits * (self.order - 1 - place) as u32;
        gram >> shift & ((1 << self.bits) - 1)
    }

    /// Of the n-grams that start with a context of `length` tokens, those that go on with `id`.
    fn narrow(&self, within: &Range<usize>, length: usize, id: u32) -> Range<usize> {
        let grams = &self.grams[within.clone()];
        let wanted = u128::from(id) + 1;
        let from = grams.partition_point(|gram| self.token(*gram, length) < wanted);
        let count = grams[from..].partition_point(|gram| self.token(*gram, length) == wanted);
        within.start + from..within.start + from + count
    }

    /// How often something follows a context, and how many different tokens do.
    fn followers(&mut self, context: &Range<usize>, length: usize) -> (u64, u64) {
        // An empty range has no place of its own, so that it must not reach the table.
        if context.is_empty() {
            return (0, 0);
        }
        let key = (context.start, length);
        if let Some(known) = self.followers.get(&key) {
            return *known;
        }
        let grams = &self.grams[context.clone()];
        // The end of the text comes first and is no token.
        let ended = grams.partition_point(|gram| self.token(*gram, length) == 0);
        let (mut at, mut kinds) = (ended, 0);
        while at < grams.len() {
            let next = self.token(grams[at], length);
            at += grams[at..].partition_point(|gram| self.token(*gram, length) == next);
            kinds += 1;
        }
        let followers = ((grams.len() - ended) as u64, kinds);
        self.followers.insert(key, followers);
        followers
    }

    /// The probabilities of `id` by the models of all orders, and the contexts that it makes.
    ///
    /// `contexts[m]` holds where the last m tokens stand in the text.
    fn predict(
        &mut self,
        contexts: &[Range<usize>],
        id: u32,
        probabilities: &mut [f64],
    ) -> Contexts {
        let mut next = Vec::with_capacity(self.order + 1);
        next.push(0..self.grams.len());
        let mut probability = 0.0;
        for (length, context) in contexts.iter().enumerate().take(self.order) {
            let found = self.narrow(context, length, id);
            let count = found.len() as f64;
            if length == 0 {
                probability = (count + 1.0) / (self.grams.len() + self.vocabulary) as f64;
            } else {
                let (followed, kinds) = self.followers(context, length);
                if followed > 0 {
                    probability = (count + kinds as f64 * probability) / (followed + kinds) as f64;
                }
            }
            probabilities[length] = probability;
            next.push(found);
        }
        // Near the start of a window the longer models have no more to go by.
        probabilities[contexts.len().min(self.order)..].fill(probability);
        next
    }

    /// Scores every token that the windows predict; a context reaches back to its window's start.
    pub(super) fn score(&mut self, windows: ValidWindows<'_>) -> Score {
        let mut score = Score {
            nats: vec![0.0; self.order],
            tokens: 0,
        };
        let mut probabilities = vec![0.0; self.order];
        for batch in windows {
            let rows = batch.inputs.chunks_exact(batch.sequence);
            for (inputs, targets) in rows.zip(batch.targets.chunks_exact(batch.sequence)) {
                let nothing = 0..self.grams.len();
                let mut contexts = vec![nothing.clone(), self.narrow(&nothing, 0, inputs[0])];
                for target in targets {
                    contexts = self.predict(&contexts, *target, &mut probabilities);
                    for (sum, probability) in score.nats.iter_mut().zip(&probabilities) {
                        *sum -= probability.ln();
                    }
                }
                score.tokens += targets.len();
            }
        }
        score
    }
}

type Contexts = Vec<Range<usize>>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        seeds::{below, stream},
        windows::valid_windows,
    };

    /// The probabilities of `id` after a context, from order 1 up.
    fn probabilities(counts: &mut Counts, context: &[u32], id: u32) -> Vec<f64> {
        let mut found = vec![0.0; counts.order];
        let nothing = 0..counts.grams.len();
        let mut contexts = vec![nothing];
        for before in context {
            contexts = counts.predict(&contexts, *before, &mut found);
        }
        counts.predict(&contexts, id, &mut found);
        found
    }

    fn close(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-12, "{a} {b}");
    }

    #[test]
    fn a_bigram_by_hand() {
        // n(0) = 3, n(1) = 2, N = 5, V = 2: U(0) = 4/7, U(1) = 3/7. 0 is followed twice, by 1 only:
        // P(1|0) = (2 + 3/7) / 3 = 17/21, P(0|0) = (0 + 4/7) / 3 = 4/21.
        // 1 is followed twice, by 0 only: P(0|1) = (2 + 4/7) / 3 = 18/21.
        let ids = [0, 1, 0, 1, 0];
        let mut counts = Counts::of(&ids, 2, 2);
        close(probabilities(&mut counts, &[], 1)[1], 3.0 / 7.0);
        close(probabilities(&mut counts, &[0], 1)[1], 17.0 / 21.0);
        close(probabilities(&mut counts, &[0], 0)[1], 4.0 / 21.0);
        close(probabilities(&mut counts, &[1], 0)[1], 18.0 / 21.0);
        // One window of two predicts 1 after 0 and 0 after 1.
        let score = counts.score(valid_windows(&[0, 1, 0], 2, 1, 0).unwrap());
        assert_eq!(score.tokens, 2);
        close(
            score.nats[1],
            -(17.0_f64 / 21.0).ln() - (18.0_f64 / 21.0).ln(),
        );
    }

    #[test]
    fn a_trigram_by_hand() {
        // 0 0 1 0 0 2, N = 6, V = 3: U = 5/9, 2/9, 2/9. 0 is followed four times, by 0, 1, 0, 2:
        // P(0|0) = (2 + 3 * 5/9) / 7 = 11/21, P(1|0) = (1 + 3 * 2/9) / 7 = 5/21 = P(2|0).
        // 0 0 is followed by 1 and by 2: P(1|0 0) = (1 + 2 * 5/21) / 4 = 31/84, P(0|0 0) = 22/84.
        // 1 0 is followed by 0 alone: P(0|1 0) = (1 + 11/21) / 2 = 16/21.
        // 0 2 is never followed, and 2 0 never seen.
        let mut counts = Counts::of(&[0, 0, 1, 0, 0, 2], 3, 3);
        let mut of = |context: &[u32], id| probabilities(&mut counts, context, id)[2];
        close(of(&[0, 0], 1), 31.0 / 84.0);
        close(of(&[0, 0], 0), 22.0 / 84.0);
        close(of(&[1, 0], 0), 16.0 / 21.0);
        close(of(&[2, 0], 1), 5.0 / 21.0);
        close(of(&[0, 2], 0), 5.0 / 9.0);
        // A longer context is cut to the last two tokens, a shorter one is all there is.
        close(of(&[1, 2, 0, 0], 1), 31.0 / 84.0);
        close(of(&[0], 1), 5.0 / 21.0);
    }

    #[test]
    fn every_order_is_a_distribution() {
        let ids: Vec<u32> = (0..500).map(|n| n * n % 11).collect();
        let mut counts = Counts::of(&ids, 12, 5);
        for context in [&[][..], &[4], &[0, 1], &[9, 5, 3, 3], &[11, 11, 0, 1, 4, 9]] {
            let mut sums = vec![0.0; 5];
            for id in 0..12 {
                let found = probabilities(&mut counts, context, id);
                assert!(found.iter().all(|probability| *probability > 0.0));
                for (sum, probability) in sums.iter_mut().zip(found) {
                    *sum += probability;
                }
            }
            for sum in sums {
                close(sum, 1.0);
            }
        }
    }

    /// The same model from counts in a map, one context at a time.
    fn from_map(ids: &[u32], vocabulary: usize, context: &[u32], id: u32) -> f64 {
        let count = |wanted: &[u32]| ids.windows(wanted.len()).filter(|w| *w == wanted).count();
        let Some(shorter) = context.get(1..) else {
            return (count(&[id]) + 1) as f64 / (ids.len() + vocabulary) as f64;
        };
        let lower = from_map(ids, vocabulary, shorter, id);
        let after = |b: u32| count(&[context, &[b]].concat());
        let followers: Vec<usize> = (0..vocabulary as u32).map(after).collect();
        let (followed, kinds) = (
            followers.iter().sum::<usize>(),
            followers.iter().filter(|count| **count > 0).count(),
        );
        if followed == 0 {
            return lower;
        }
        (after(id) as f64 + kinds as f64 * lower) / (followed + kinds) as f64
    }

    #[test]
    fn windows_cost_what_counting_each_context_gives() {
        // Many contexts of these windows are not in the text, beside others that are.
        let mut rng = stream(17, "test", 0);
        let mut text =
            |length| -> Vec<u32> { (0..length).map(|_| below(&mut rng, 5) as u32).collect() };
        let (ids, valid) = (text(150), text(101));
        let score = Counts::of(&ids, 5, 4).score(valid_windows(&valid, 10, 3, 0).unwrap());
        for order in 1..=4_usize {
            let mut nats = 0.0;
            for start in (0..100_usize).step_by(10) {
                for place in start + 1..=start + 10 {
                    let context = &valid[start.max((place + 1).saturating_sub(order))..place];
                    nats -= from_map(&ids, 5, context, valid[place]).ln();
                }
            }
            assert!((score.nats[order - 1] - nats).abs() < 1e-9, "order {order}");
        }
    }

    #[test]
    fn the_order_is_what_fits_into_a_packed_gram() {
        // 7 bits for 0..=81: 10 as asked for; 16 bits for 0..=50257: 128 / 16 = 8.
        assert_eq!(Counts::of(&[0], 81, 10).order, 10);
        assert_eq!(Counts::of(&[0], 50_257, 10).order, 8);
        // The largest id fills its place; with 8 tokens of 16 bits no bit is left.
        let mut counts = Counts::of(&[65_534; 20], 65_535, 10);
        assert_eq!(counts.order, 8);
        assert!(probabilities(&mut counts, &[65_534; 9], 65_534)[7] > 0.9);
    }
}
