//! Whether experts and what is known of tokens go together: mutual information, purity, lift, and the level of chance.
//!
//! A token has one expert and one value of a label, such as its class, its number in the vocabulary or the topic of
//! its text. Counts `n_ve` of tokens with value v and expert e are all that the measures need. On finitely many
//! tokens none of them is 0 by chance, the less so the more values a label has, so that each is to be read beside
//! [`Chance`].
//!
//! Symbols: N tokens, `p_ve = n_ve / N`, `p_v` and `p_e` its sums, H entropies in nats.

use crate::entropy::shannon;

/// Counts of tokens by the value of a label and by expert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crosstab {
    experts: usize,
    /// `[V, E]`, row after row.
    counts: Vec<u64>,
}

/// How well experts and values go together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Association {
    /// `I = sum_ve p_ve ln(p_ve / (p_v p_e))`, in nats: what one tells of the other; from 0 to the lesser of their
    /// entropies.
    pub mutual_information: f64,
    /// `2 I / (H_v + H_e)`, without unit: 1 where each value has an expert of its own, 0 where nothing goes together.
    /// `None` where neither varies. Source: Numerical Recipes, section 14.4; scikit-learn's `normalized_mutual_info_score`.
    pub normalised: Option<f64>,
    /// `sum_e max_v n_ve / N`, without unit: the share of tokens that have the commonest value of their expert.
    /// Source: Manning, Raghavan and Schütze, Introduction to Information Retrieval, section 16.3.
    pub purity: f64,
}

/// The same measures where experts are dealt to the tokens at random, as often as they are: means over shuffles.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Chance {
    /// The means.
    pub mean: Association,
    /// `(1 + s) / (1 + S)` for s of S shuffles with at least the mutual information that was found: the p-value of a
    /// permutation test.
    pub p_value: f64,
}

impl Crosstab {
    /// A table of so many values and experts, without a token.
    pub fn new(values: usize, experts: usize) -> Self {
        Self {
            experts,
            counts: vec![0; values * experts],
        }
    }

    /// The table of tokens whose value and expert stand at the same place.
    ///
    /// # Panics
    ///
    /// When the slices differ in length, or a number is beyond `values` or `experts`.
    pub fn of(labels: &[u32], chosen: &[u32], values: usize, experts: usize) -> Self {
        assert_eq!(
            labels.len(),
            chosen.len(),
            "a token has a value and an expert"
        );
        let mut table = Self::new(values, experts);
        for (&value, &expert) in labels.iter().zip(chosen) {
            table.add(value as usize, expert as usize);
        }
        table
    }

    /// Counts one more token.
    ///
    /// # Panics
    ///
    /// When the value or the expert is not in the table.
    pub fn add(&mut self, value: usize, expert: usize) {
        assert!(expert < self.experts, "expert {expert} of {}", self.experts);
        self.counts[value * self.experts + expert] += 1;
    }

    /// The counts of a value `[E]`.
    pub fn of_value(&self, value: usize) -> &[u64] {
        &self.counts[value * self.experts..(value + 1) * self.experts]
    }

    /// The counts of all values together `[E]`.
    pub fn of_experts(&self) -> Vec<u64> {
        let column = |expert| self.counts.iter().skip(expert).step_by(self.experts);
        (0..self.experts)
            .map(|expert| column(expert).sum())
            .collect()
    }

    /// The counts of all experts together `[V]`.
    pub fn of_values(&self) -> Vec<u64> {
        self.rows().map(|row| row.iter().sum()).collect()
    }

    /// `p_ve / (p_v p_e)`, without unit: how many times more often the value is with this expert than with experts on
    /// the whole; 1 is chance. `[V, E]`, `None` where value or expert have no token.
    pub fn lifts(&self) -> Vec<Option<f64>> {
        let (values, experts) = (self.of_values(), self.of_experts());
        let total: u64 = values.iter().sum();
        let lift = |count: u64, value: u64, expert: u64| {
            let even = value as f64 * expert as f64 / total as f64;
            (even > 0.0).then(|| count as f64 / even)
        };
        let of_row = |(row, &value): (&[u64], &u64)| -> Vec<_> {
            let cells = row.iter().zip(&experts);
            cells
                .map(|(&count, &expert)| lift(count, value, expert))
                .collect()
        };
        self.rows().zip(&values).flat_map(of_row).collect()
    }

    /// The measures; `None` without tokens.
    pub fn association(&self) -> Option<Association> {
        let (values, experts) = (self.of_values(), self.of_experts());
        let total: u64 = values.iter().sum();
        if total == 0 {
            return None;
        }
        let lifts = self.lifts();
        let shares = self.counts.iter().map(|&count| count as f64 / total as f64);
        let informs = shares
            .zip(lifts)
            .filter(|(share, _)| *share > 0.0)
            .filter_map(|(share, lift)| Some(share * lift?.ln()));
        // Of independent counts the sum may be a rounding error below 0.
        let mutual_information = informs.sum::<f64>().max(0.0);
        let entropies = entropy(&values) + entropy(&experts);
        let commonest = |expert| self.rows().map(move |row| row[expert]).max();
        let pure: u64 = (0..self.experts).filter_map(commonest).sum();
        Some(Association {
            mutual_information,
            normalised: (entropies > 0.0).then(|| 2.0 * mutual_information / entropies),
            purity: pure as f64 / total as f64,
        })
    }

    fn rows(&self) -> impl Iterator<Item = &[u64]> {
        self.counts.chunks_exact(self.experts.max(1))
    }
}

impl Chance {
    /// Shuffles the experts of the tokens so many times; `below(n)` draws a whole number from 0 to n - 1. `None`
    /// without tokens or shuffles.
    ///
    /// Tokens are dealt one by one, so that neighbours that are alike count as if each were drawn by itself.
    ///
    /// # Panics
    ///
    /// As [`Crosstab::of`].
    pub fn of(
        (labels, values): (&[u32], usize),
        (chosen, experts): (&[u32], usize),
        shuffles: usize,
        mut below: impl FnMut(usize) -> usize,
    ) -> Option<Self> {
        let found = Crosstab::of(labels, chosen, values, experts).association()?;
        let mut dealt = chosen.to_vec();
        let mut drawn = Vec::with_capacity(shuffles);
        for _ in 0..shuffles {
            for last in (1..dealt.len()).rev() {
                dealt.swap(last, below(last + 1));
            }
            drawn.extend(Crosstab::of(labels, &dealt, values, experts).association());
        }
        let mean = |measure: fn(&Association) -> Option<f64>| {
            crate::statistics::mean(&drawn.iter().filter_map(measure).collect::<Vec<_>>())
        };
        // Equal counts in another order sum to the same but for rounding.
        let least = found.mutual_information - ROUNDING;
        let as_much = drawn.iter().filter(|one| one.mutual_information >= least);
        Some(Self {
            mean: Association {
                mutual_information: mean(|one| Some(one.mutual_information))?,
                normalised: mean(|one| one.normalised),
                purity: mean(|one| Some(one.purity))?,
            },
            p_value: (1 + as_much.count()) as f64 / (1 + shuffles) as f64,
        })
    }
}

/// Far above the rounding of a sum of a million terms below 1, far below any difference of interest.
const ROUNDING: f64 = 1e-9;

fn entropy(counts: &[u64]) -> f64 {
    let counts: Vec<f64> = counts.iter().map(|&count| count as f64).collect();
    shannon(&counts).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;
    use proptest::prelude::*;

    /// Six tokens: value 0 with expert 0 three times and with expert 1 once, value 1 with expert 1 twice.
    fn six() -> Crosstab {
        Crosstab::of(&[0, 0, 0, 0, 1, 1], &[0, 0, 0, 1, 1, 1], 2, 2)
    }

    #[test]
    fn six_tokens_by_hand() {
        let found = six().association().unwrap();
        // p = 1/2, 1/6, 1/3; p_v = 2/3, 1/3; p_e = 1/2, 1/2. The quotients are 3/2, 1/2 and 2.
        let information = 0.5 * 1.5_f64.ln() + 0.5_f64.ln() / 6.0 + 2_f64.ln() / 3.0;
        assert_relative_eq!(found.mutual_information, information, epsilon = 1e-12);
        // H_v = ln 3 - 2/3 ln 2, H_e = ln 2.
        let entropies = 3_f64.ln() - 2.0 / 3.0 * 2_f64.ln() + 2_f64.ln();
        let normalised = found.normalised.unwrap();
        assert_relative_eq!(normalised, 2.0 * information / entropies, epsilon = 1e-12);
        // Three of expert 0's three have value 0, two of expert 1's three have value 1.
        assert_relative_eq!(found.purity, 5.0 / 6.0);
        let lifts: Vec<f64> = six().lifts().into_iter().flatten().collect();
        for (lift, expected) in lifts.iter().zip([1.5, 0.5, 0.0, 2.0]) {
            assert_relative_eq!(*lift, expected, epsilon = 1e-12);
        }
        assert_eq!(
            (six().of_value(0), six().of_experts()),
            ([3, 1].as_slice(), vec![3, 3])
        );
    }

    #[test]
    fn experts_that_follow_the_value_tell_all_of_themselves() {
        // Four values, two experts, expert = value mod 2: I = H_e = ln 2, H_v = ln 4.
        let found = Crosstab::of(&[0, 1, 2, 3], &[0, 1, 0, 1], 4, 2)
            .association()
            .unwrap();
        assert_relative_eq!(found.mutual_information, 2_f64.ln(), epsilon = 1e-12);
        assert_relative_eq!(found.normalised.unwrap(), 2.0 / 3.0, epsilon = 1e-12);
        assert_relative_eq!(found.purity, 0.5);
        // The same numbers on both sides: 1.
        let same = Crosstab::of(&[0, 1, 1], &[0, 1, 1], 2, 2)
            .association()
            .unwrap();
        assert_relative_eq!(same.normalised.unwrap(), 1.0, epsilon = 1e-12);
    }

    #[test]
    fn what_does_not_vary_tells_nothing() {
        // Every value is with every expert once.
        let even = Crosstab::of(&[0, 0, 1, 1], &[0, 1, 0, 1], 2, 2)
            .association()
            .unwrap();
        assert_eq!((even.mutual_information, even.normalised), (0.0, Some(0.0)));
        let one = Crosstab::of(&[0, 0], &[1, 1], 1, 2);
        assert_eq!(one.association().unwrap().normalised, None);
        assert_eq!(one.lifts(), [None, Some(1.0)]);
        assert_eq!(Crosstab::new(2, 2).association(), None);
    }

    #[test]
    fn chance_is_the_mean_over_deals() {
        // Two tokens of two values and two experts: both deals tell ln 2, so that chance is as good as what was found.
        let both = Chance::of((&[0, 1], 2), (&[0, 1], 2), 3, |bound| bound - 1).unwrap();
        assert_relative_eq!(both.mean.mutual_information, 2_f64.ln(), epsilon = 1e-12);
        assert_eq!((both.mean.purity, both.p_value), (1.0, 1.0));
        // Four tokens; drawing 0 every time deals 0 0 1 1 as 0 1 1 0, which tells nothing, and then as 1 1 0 0, which
        // tells all: one of two deals is as good as what was found.
        let chance = Chance::of((&[0, 0, 1, 1], 2), (&[0, 0, 1, 1], 2), 2, |_| 0).unwrap();
        assert_relative_eq!(
            chance.mean.mutual_information,
            2_f64.ln() / 2.0,
            epsilon = 1e-12
        );
        assert_relative_eq!(chance.p_value, 2.0 / 3.0);
        assert_eq!(Chance::of((&[], 2), (&[], 2), 3, |_| 0), None);
        assert_eq!(Chance::of((&[0], 2), (&[0], 2), 0, |_| 0), None);
    }

    proptest! {
        #[test]
        fn bounds(tokens in prop::collection::vec((0_u32..5, 0_u32..4), 1..60)) {
            let (labels, chosen): (Vec<u32>, Vec<u32>) = tokens.into_iter().unzip();
            let table = Crosstab::of(&labels, &chosen, 5, 4);
            let found = table.association().unwrap();
            let least = entropy(&table.of_values()).min(entropy(&table.of_experts()));
            prop_assert!(found.mutual_information <= least + 1e-12);
            prop_assert!(found.purity > 0.0 && found.purity <= 1.0);
            prop_assert!(found.normalised.is_none_or(|share| (0.0..=1.0 + 1e-12).contains(&share)));
        }
    }
}
