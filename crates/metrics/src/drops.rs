//! What was lost past capacity.
//!
//! Two rates, because they answer different questions. The *assignment drop rate* says how much routed work was not
//! done; the *token drop rate* says how many tokens passed the layer with no expert at all and kept only their
//! residual. With k = 1 they are equal; with k > 1 a token that loses one of its choices counts in the first alone.

/// Counts of assignments and tokens, before and after drops; sums over batches, layers or an interval.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DropCounts {
    /// Assignments that the router asked for, `T * k` for token choice.
    pub assignments: u64,
    /// Assignments that found no room.
    pub dropped_assignments: u64,
    /// Tokens seen.
    pub tokens: u64,
    /// Tokens that no expert processed.
    pub dropped_tokens: u64,
}

impl DropCounts {
    /// Counts a kept mask of shape [T, k], row by row.
    ///
    /// # Panics
    ///
    /// When the mask is not a whole number of rows of `k`.
    pub fn from_kept(kept_tk: &[bool], k: usize) -> Self {
        assert!(
            k > 0 && kept_tk.len().is_multiple_of(k),
            "kept mask of {} entries is no whole number of rows of k = {k}",
            kept_tk.len()
        );
        let count = |number: usize| number as u64;
        Self {
            assignments: count(kept_tk.len()),
            dropped_assignments: count(kept_tk.iter().filter(|&&kept| !kept).count()),
            tokens: count(kept_tk.len() / k),
            dropped_tokens: count(
                kept_tk
                    .chunks_exact(k)
                    .filter(|row| !row.contains(&true))
                    .count(),
            ),
        }
    }

    /// Both counts together, as over two batches or two layers.
    #[must_use]
    pub fn merged(self, other: Self) -> Self {
        Self {
            assignments: self.assignments + other.assignments,
            dropped_assignments: self.dropped_assignments + other.dropped_assignments,
            tokens: self.tokens + other.tokens,
            dropped_tokens: self.dropped_tokens + other.dropped_tokens,
        }
    }

    /// Assignment drop rate: dropped assignments / (T * k), without unit. `None` when nothing was assigned.
    ///
    /// Source: MoE Routing Bench, moe_layer.py:265-267.
    pub fn assignment_drop_rate(self) -> Option<f64> {
        rate(self.dropped_assignments, self.assignments)
    }

    /// Token drop rate: tokens with no kept assignment / T, without unit. `None` without tokens.
    ///
    /// Source: MoE Routing Bench, moe_layer.py:268. For expert choice it counts the tokens that no expert chose.
    pub fn token_drop_rate(self) -> Option<f64> {
        rate(self.dropped_tokens, self.tokens)
    }
}

fn rate(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_token_that_keeps_one_choice_is_not_dropped() {
        // Token 0 keeps both, token 1 one of two, token 2 none, token 3 both: 3 of 8 assignments, 1 of 4 tokens.
        let kept = [true, true, false, true, false, false, true, true];
        let counts = DropCounts::from_kept(&kept, 2);
        assert_eq!(counts.assignment_drop_rate(), Some(0.375));
        assert_eq!(counts.token_drop_rate(), Some(0.25));
    }

    #[test]
    fn nothing_routed_has_no_rate() {
        let counts = DropCounts::from_kept(&[], 2);
        assert_eq!(counts.assignment_drop_rate(), None);
        assert_eq!(counts.token_drop_rate(), None);
    }

    #[test]
    #[should_panic(expected = "no whole number of rows of k = 2")]
    fn a_ragged_mask_is_refused() {
        DropCounts::from_kept(&[true; 3], 2);
    }

    proptest! {
        #[test]
        fn merging_equals_counting_at_once(
            rows in prop::collection::vec(prop::array::uniform3(any::<bool>()), 1..60),
            cut in 0_usize..60,
        ) {
            let mask = rows.concat();
            let cut = cut.min(rows.len()) * 3;
            let parts = DropCounts::from_kept(&mask[..cut], 3).merged(DropCounts::from_kept(&mask[cut..], 3));
            prop_assert_eq!(parts, DropCounts::from_kept(&mask, 3));
        }

        #[test]
        fn fewer_tokens_than_assignments_are_lost(mask in prop::collection::vec(any::<bool>(), 1..50)) {
            let doubled: Vec<bool> = mask.iter().flat_map(|&kept| [kept, true]).collect();
            let counts = DropCounts::from_kept(&doubled, 2);
            prop_assert_eq!(counts.token_drop_rate(), Some(0.0));
            let single = DropCounts::from_kept(&mask, 1);
            prop_assert_eq!(single.token_drop_rate(), single.assignment_drop_rate());
        }
    }
}
