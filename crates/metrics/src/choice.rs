//! Questions with several answers: which one is chosen, by how much, and how often it is right.

use crate::finite;

/// The place of the largest score, of equals the first; `None` where there are none, or one is NaN.
#[must_use]
pub fn chosen(scores: &[f64]) -> Option<usize> {
    if scores.iter().any(|score| score.is_nan()) {
        return None;
    }
    let mut best = 0;
    for (place, score) in scores.iter().enumerate() {
        if *score > scores[best] {
            best = place;
        }
    }
    (!scores.is_empty()).then_some(best)
}

/// The largest score less the second largest, in the scores' unit: 0 where two are largest. `None` where there are
/// fewer than two, or one is not finite.
#[must_use]
pub fn margin(scores: &[f64]) -> Option<f64> {
    let best = chosen(scores)?;
    let others = scores
        .iter()
        .enumerate()
        .filter(|(place, _)| *place != best);
    let second = others.map(|(_, score)| *score).reduce(f64::max)?;
    finite(scores[best] - second)
}

/// The share of answers that are right; `None` where there are none.
#[must_use]
pub fn accuracy(right: impl IntoIterator<Item = bool>) -> Option<f64> {
    let (mut all, mut right_ones) = (0_u32, 0_u32);
    for right in right {
        all += 1;
        right_ones += u32::from(right);
    }
    finite(f64::from(right_ones) / f64::from(all))
}

/// The share of the commonest of the right answers, each named by a number: the accuracy of who always gives that
/// one, and has read no question. `None` where there are none.
#[must_use]
pub fn majority_share(answers: &[usize]) -> Option<f64> {
    let most = answers.iter().max()?;
    let mut counts = vec![0_u32; most + 1];
    for answer in answers {
        counts[*answer] += 1;
    }
    let commonest = counts.into_iter().max()?;
    finite(f64::from(commonest) / answers.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_is_chosen_by_its_lead_over_the_second() {
        assert_eq!(chosen(&[-3.0, -1.0, -1.5]), Some(1));
        assert_eq!(margin(&[-3.0, -1.0, -1.5]), Some(0.5));
        // Of equals the first, by nothing.
        assert_eq!(chosen(&[-2.0, -1.0, -1.0]), Some(1));
        assert_eq!(margin(&[-2.0, -1.0, -1.0]), Some(0.0));
    }

    #[test]
    fn what_is_not_defined_is_none() {
        assert_eq!((chosen(&[]), margin(&[])), (None, None));
        assert_eq!((chosen(&[-1.0]), margin(&[-1.0])), (Some(0), None));
        let not_a_number = [f64::NAN, -1.0];
        assert_eq!((chosen(&not_a_number), margin(&not_a_number)), (None, None));
        let impossible = [f64::NEG_INFINITY, -1.0];
        assert_eq!((chosen(&impossible), margin(&impossible)), (Some(1), None));
        assert_eq!((accuracy([]), majority_share(&[])), (None, None));
    }

    #[test]
    fn shares_by_hand() {
        assert_eq!(accuracy([true, false, true, true]), Some(0.75));
        // Answer 2 three times of five.
        assert_eq!(majority_share(&[2, 0, 2, 1, 2]), Some(0.6));
    }
}
