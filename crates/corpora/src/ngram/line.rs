//! The best n-gram model of a dataset, measured as its models are.

use super::counts::Counts;
use crate::{
    dataset::Dataset,
    predicted::predicted_text,
    windows::{ValidWindows, valid_windows},
};

/// Orders that are tried, where they fit.
const MOST: usize = 10;
/// The order where the text is too short to choose one.
const BIGRAM: usize = 2;
/// At most this many windows of the held-back text choose the order.
const HELD_WINDOWS: usize = 2048;

/// The best n-gram model of a dataset on the windows that a model is evaluated on.
///
/// It is counted on as many training tokens as the model sees, and its contexts end at the start
/// of a window as the model's do. Its order is the one that does best on a held-back last tenth of
/// those tokens when counted on the other nine; the validation text chooses nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NgramLine {
    /// The order: 2 for a bigram.
    pub order: usize,
    /// Perplexity per token (per character for a character vocabulary).
    pub perplexity: f64,
    /// Bits per byte of the predicted text, which compares across tokenizers.
    pub bits_per_byte: f64,
    /// Perplexity of the bigram of the same counts on the same windows.
    pub bigram_perplexity: f64,
}

impl NgramLine {
    /// Counts the first `train_tokens` ids of the training split, or all if it has fewer, and
    /// scores the windows.
    pub fn best(dataset: &Dataset, train_tokens: usize, windows: &ValidWindows<'_>) -> Self {
        let ids = &dataset.train.ids;
        let ids = &ids[..train_tokens.min(ids.len())];
        let vocabulary = dataset.tokenizer.vocab_size();
        let order = order(ids, vocabulary, windows.sequence()).unwrap_or(BIGRAM);
        let mut counts = Counts::of(ids, vocabulary, order);
        let score = counts.score(windows.clone());
        let tokens = score.tokens as f64;
        let nats = |order: usize| score.nats[order.min(score.nats.len()) - 1];
        let text = predicted_text(dataset, windows);
        Self {
            order,
            perplexity: (nats(order) / tokens).exp(),
            bits_per_byte: nats(order) / std::f64::consts::LN_2 / text.bytes as f64,
            bigram_perplexity: (nats(BIGRAM) / tokens).exp(),
        }
    }
}

/// The order that does best on the last tenth of a text; `None` where a tenth is no window or less
/// would be left to count than to score.
fn order(ids: &[u32], vocabulary: usize, sequence: usize) -> Option<usize> {
    let held = (ids.len() / 10).max(sequence + 1);
    let (counted, held) = ids.split_at_checked(ids.len().checked_sub(held)?)?;
    if counted.len() < held.len() {
        return None;
    }
    let windows = valid_windows(held, sequence, 1, HELD_WINDOWS).ok()?;
    let nats = Counts::of(counted, vocabulary, MOST).score(windows).nats;
    let orders = nats.iter().enumerate().skip(BIGRAM - 1);
    let (best, _) = orders.min_by(|a, b| a.1.total_cmp(b.1))?;
    Some(best + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seeds::{below, stream};

    #[test]
    fn the_order_follows_the_text() {
        // Independent draws: whatever goes before, the counts of single tokens say it all.
        let mut rng = stream(17, "test", 0);
        let ids: Vec<u32> = (0..4000).map(|_| below(&mut rng, 7) as u32).collect();
        assert_eq!(order(&ids, 7, 16), Some(2));
        // Here only three tokens say what comes next.
        let cycle = [0, 0, 0, 1, 0, 1, 1, 1].repeat(100);
        assert!(order(&cycle, 2, 16) >= Some(4));
        // Two windows of 16 need 34 tokens to choose by.
        assert_eq!(order(&ids[..33], 7, 16), None);
        assert_eq!(order(&ids[..10], 7, 16), None);
    }
}
