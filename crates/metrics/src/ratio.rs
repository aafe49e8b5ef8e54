//! The typical ratio of two times that were measured side by side again and again.
//!
//! Times of steps on a shared machine have long tails, so that a mean and its Student interval say little
//! of them, and a median throws much away. A round's time over that of its neighbour is as often too
//! large as too small by the same factor, since both are disturbed alike: its logarithm lies evenly about
//! the true one. For such values the Hodges-Lehmann estimate is the median of all means of two (a value
//! with itself too), and the means that enclose it are counted off by Wilcoxon's signed ranks.
//!
//! Hodges and Lehmann 1963; Hollander, Wolfe and Chicken, "Nonparametric Statistical Methods", 3.2 and 3.3.

/// Share of intervals that miss the ratio.
const MISSED: f64 = 0.05;

/// Up to here the ranks are counted; beyond, their sum is normal to three digits.
const COUNTED: usize = 50;

/// The 97.5 % point of the normal distribution.
const NORMAL: f64 = 1.959_964;

/// A typical ratio with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RatioInterval {
    /// The ratio.
    pub ratio: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// How many ratios went in.
    pub n: usize,
}

impl RatioInterval {
    /// The larger distance from the ratio to an end, as a share of the ratio.
    pub fn relative_half_width(&self) -> f64 {
        (self.high - self.ratio).max(self.ratio - self.low) / self.ratio
    }
}

/// The typical ratio. `None` without values, and where one is not finite and above 0.
pub fn typical_ratio(ratios: &[f64]) -> Option<f64> {
    let mut means = means_of_two(ratios)?;
    Some(middle(&mut means)?.exp())
}

/// The typical ratio and its interval. `None` below six values, of which not even the extremes enclose it
/// with 95 % confidence, and where one is not finite and above 0.
pub fn ratio_interval(ratios: &[f64]) -> Option<RatioInterval> {
    let cut = cut_off(ratios.len())?;
    let mut means = means_of_two(ratios)?;
    let ratio = middle(&mut means)?.exp();
    let last = means.len() - 1;
    let mut at = |place| means.select_nth_unstable_by(place, f64::total_cmp).1.exp();
    Some(RatioInterval {
        ratio,
        low: at(cut),
        high: at(last - cut),
        n: ratios.len(),
    })
}

/// The means of two logarithms, each with itself too: `n (n + 1) / 2`.
fn means_of_two(ratios: &[f64]) -> Option<Vec<f64>> {
    let fits = |ratio: &f64| ratio.is_finite() && *ratio > 0.0;
    if ratios.is_empty() || !ratios.iter().all(fits) {
        return None;
    }
    let logs: Vec<f64> = ratios.iter().map(|ratio| ratio.ln()).collect();
    let pairs = (0..logs.len()).flat_map(|i| (i..logs.len()).map(move |j| (i, j)));
    Some(
        pairs
            .map(|(i, j)| f64::midpoint(logs[i], logs[j]))
            .collect(),
    )
}

fn middle(values: &mut [f64]) -> Option<f64> {
    let (half, odd) = (values.len() / 2, values.len() % 2 == 1);
    let (below, upper, _) = values.select_nth_unstable_by(half, f64::total_cmp);
    let upper = *upper;
    if odd {
        return Some(upper);
    }
    let lower = below.iter().copied().max_by(f64::total_cmp)?;
    Some(f64::midpoint(lower, upper))
}

/// How many means may be cut off on each side: the largest c with `P(W <= c) <= 2.5 %`, where W is the sum
/// of those of the ranks 1 to n whose fair coin falls on one side.
fn cut_off(n: usize) -> Option<usize> {
    if n > COUNTED {
        let n = n as f64;
        let (mean, variance) = (n * (n + 1.0) / 4.0, n * (n + 1.0) * (2.0 * n + 1.0) / 24.0);
        // Half a rank on the safe side.
        return Some((mean - 0.5 - NORMAL * variance.sqrt()).floor() as usize);
    }
    // How many of the 2^n sets of ranks have each sum; f64 holds all of them exactly.
    let mut sets = vec![0.0; n * (n + 1) / 2 + 1];
    sets[0] = 1.0;
    for rank in 1..=n {
        for sum in (rank..sets.len()).rev() {
            sets[sum] += sets[sum - rank];
        }
    }
    let most = MISSED / 2.0 * 2f64.powi(n as i32);
    let mut below = 0.0;
    let within = sets.iter().take_while(|&&count| {
        below += count;
        below <= most
    });
    within.count().checked_sub(1)
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;

    use super::*;

    #[test]
    fn ranks_are_cut_off_as_tables_have_it() {
        // Wilcoxon's signed ranks, two-sided 5 %: the largest sums that are significant.
        let table = [
            (5, None),
            (6, Some(0)),
            (7, Some(2)),
            (8, Some(3)),
            (9, Some(5)),
        ];
        for (n, expected) in table {
            assert_eq!(cut_off(n), expected, "{n}");
        }
        for (n, expected) in [(10, 8), (12, 13), (15, 25), (20, 52), (25, 89), (50, 434)] {
            assert_eq!(cut_off(n), Some(expected), "{n}");
        }
        // Counting and the normal curve meet: of 51 the exact number is 453.
        assert_eq!(cut_off(51), Some(453));
    }

    #[test]
    fn six_ratios_by_hand() {
        // Logarithms in units of ln 2: 0, 0, 1, 1, 1, 3. Of the 21 means of two the eleventh is 1.
        let found = ratio_interval(&[1.0, 2.0, 8.0, 1.0, 2.0, 2.0]).unwrap();
        assert_relative_eq!(found.ratio, 2.0, max_relative = 1e-12);
        // Nothing is cut off: the extremes.
        assert_relative_eq!(found.low, 1.0, max_relative = 1e-12);
        assert_relative_eq!(found.high, 8.0, max_relative = 1e-12);
        assert_relative_eq!(found.relative_half_width(), 3.0, max_relative = 1e-12);
        assert_eq!(found.n, 6);
    }

    #[test]
    fn few_ratios_have_no_interval() {
        assert_eq!(ratio_interval(&[1.0; 5]), None);
        // Means of two of ln 1, ln 4: 0, ln 2, ln 4.
        assert_relative_eq!(
            typical_ratio(&[1.0, 4.0]).unwrap(),
            2.0,
            max_relative = 1e-12
        );
    }

    #[test]
    fn what_is_no_ratio_gives_nothing() {
        assert_eq!(typical_ratio(&[]), None);
        for wrong in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let ratios = [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, wrong];
            assert_eq!(
                (typical_ratio(&ratios), ratio_interval(&ratios)),
                (None, None)
            );
        }
    }

    /// Of 400 samples of 24 ratios about 2 with long tails, near 5 % of the intervals miss it.
    #[test]
    fn intervals_enclose_the_ratio_as_often_as_they_say() {
        let mut state = 1u64;
        let mut uniform = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1u64 << 53) as f64
        };
        // Two exponential delays over a floor: the time of a step beside its neighbour's.
        let mut time = || 1.0 - 0.3 * (1.0 - uniform()).ln();
        let missed = (0..400).filter(|_| {
            let ratios: Vec<f64> = (0..24).map(|_| 2.0 * time() / time()).collect();
            let found = ratio_interval(&ratios).unwrap();
            found.low > 2.0 || found.high < 2.0
        });
        let missed = missed.count();
        assert!((8..=32).contains(&missed), "{missed} of 400");
    }
}
