//! An effect with its interval, and how sure it is that it lies below or above a number.

use metrics::statistics::MeanInterval;
use metrics::{correlation, ratio_interval, signed_rank, statistics, student};

/// Seeds below which nothing is decided.
pub(crate) const LEAST_SEEDS: usize = 3;

/// Rounds below which nothing is decided: of fewer not even the extremes enclose the ratio with 95 % confidence.
pub(crate) const LEAST_ROUNDS: usize = 6;

/// Cells below which no correlation is told.
pub(crate) const LEAST_CELLS: usize = 5;

/// Numbers that differ by less than this share of the largest do not vary.
const NO_SPREAD: f64 = 1e-12;

/// Degrees of freedom at which Student's distribution is normal to six digits.
const NORMAL: u32 = 1_000_000;

/// Nearer to 1 no rank correlation is taken to be, of which no interval could be told.
const NEAR_ONE: f64 = 0.999;

/// Numbers that estimate one effect.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Estimate {
    /// One number a seed: mean and Student's t with n - 1 degrees of freedom.
    Seeds(Vec<f64>),
    /// One logarithm of a ratio a round: Hodges and Lehmann's estimate and Wilcoxon's signed ranks.
    Rounds(Vec<f64>),
    /// A rank correlation over n cells: Fisher's z = atanh(rho) with the variance (1 + rho^2 / 2) / (n - 3) of Bonett and
    /// Wright (2000), "Sample size requirements for estimating Pearson, Kendall and Spearman correlations".
    Correlation {
        /// Spearman's rho.
        rho: f64,
        /// Cells.
        n: usize,
    },
}

impl Estimate {
    /// The correlation of two measures over cells; none where one does not vary.
    pub(crate) fn correlation(xs: &[f64], ys: &[f64]) -> Option<Self> {
        let rho = correlation::spearman(xs, ys)?;
        Some(Self::Correlation { rho, n: xs.len() })
    }

    /// How many numbers it is made of.
    pub(crate) fn n(&self) -> usize {
        match self {
            Self::Seeds(values) | Self::Rounds(values) => values.len(),
            Self::Correlation { n, .. } => *n,
        }
    }

    /// How many it would need, and what they are.
    pub(crate) fn needed(&self) -> (usize, &'static str) {
        match self {
            Self::Seeds(_) => (LEAST_SEEDS, "seeds"),
            Self::Rounds(_) => (LEAST_ROUNDS, "rounds"),
            Self::Correlation { .. } => (LEAST_CELLS, "cells"),
        }
    }

    /// Whether the numbers are all the same: then the value decides.
    pub(crate) fn is_exact(&self) -> bool {
        match self {
            Self::Seeds(values) | Self::Rounds(values) => {
                let largest = values
                    .iter()
                    .fold(0.0_f64, |most, value| most.max(value.abs()));
                let spread = |own: &f64| (own - values[0]).abs() <= NO_SPREAD * largest.max(1.0);
                values.iter().all(spread)
            }
            Self::Correlation { .. } => false,
        }
    }

    /// The effect.
    pub(crate) fn point(&self) -> f64 {
        match self {
            Self::Seeds(values) => statistics::mean(values).unwrap_or(0.0),
            Self::Rounds(values) => metrics::typical_ratio(&exps(values)).map_or(0.0, f64::ln),
            Self::Correlation { rho, .. } => *rho,
        }
    }

    /// Its 95 % interval; none of too few numbers.
    pub(crate) fn interval(&self) -> Option<(f64, f64)> {
        match self {
            Self::Seeds(values) => {
                let found = MeanInterval::of(values).filter(|found| found.half_width.is_some())?;
                Some((found.low(), found.high()))
            }
            Self::Rounds(values) => {
                let found = ratio_interval(&exps(values))?;
                Some((found.low.ln(), found.high.ln()))
            }
            Self::Correlation { rho, n } => {
                let (z, error) = fisher(*rho, *n)?;
                let half = student::quantile(0.975, NORMAL) * error;
                Some(((z - half).tanh(), (z + half).tanh()))
            }
        }
    }

    /// How likely an effect so far below `x` is by chance where the true one is `x`: small where it is below.
    pub(crate) fn p_below(&self, x: f64) -> f64 {
        let against = match self {
            Self::Seeds(values) => t_of(values, x).map(|(t, degrees)| student::cdf(t, degrees)),
            Self::Rounds(values) => {
                let turned: Vec<f64> = values.iter().map(|value| x - value).collect();
                signed_rank::p_above(&turned)
            }
            Self::Correlation { rho, n } => fisher(*rho, *n).map(|(z, error)| {
                student::cdf((z - x.clamp(-NEAR_ONE, NEAR_ONE).atanh()) / error, NORMAL)
            }),
        };
        against.unwrap_or(1.0)
    }

    /// The same for an effect above `x`.
    pub(crate) fn p_above(&self, x: f64) -> f64 {
        self.turned().p_below(-x)
    }

    fn turned(&self) -> Self {
        let turn = |values: &[f64]| values.iter().map(|value| -value).collect();
        match self {
            Self::Seeds(values) => Self::Seeds(turn(values)),
            Self::Rounds(values) => Self::Rounds(turn(values)),
            Self::Correlation { rho, n } => Self::Correlation { rho: -rho, n: *n },
        }
    }
}

fn exps(logs: &[f64]) -> Vec<f64> {
    logs.iter().map(|log| log.exp()).collect()
}

fn t_of(values: &[f64], x: f64) -> Option<(f64, u32)> {
    let (mean, std) = (statistics::mean(values)?, statistics::sample_std(values)?);
    let t = (mean - x) / (std / (values.len() as f64).sqrt());
    t.is_finite().then(|| (t, (values.len() - 1) as u32))
}

fn fisher(rho: f64, n: usize) -> Option<(f64, f64)> {
    if n < LEAST_CELLS {
        return None;
    }
    let error = ((1.0 + rho * rho / 2.0) / (n as f64 - 3.0)).sqrt();
    Some((rho.clamp(-NEAR_ONE, NEAR_ONE).atanh(), error))
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;

    use super::*;

    #[test]
    fn seeds_are_students() {
        // Mean 2, s = 1, t = 2 / (1 / sqrt 3) = 3.4641 with two degrees of freedom: two-sided p 0.0741799.
        let own = Estimate::Seeds(vec![1.0, 2.0, 3.0]);
        assert_relative_eq!(own.p_above(0.0), 0.074_179_9 / 2.0, epsilon = 1e-7);
        assert_relative_eq!(own.p_below(0.0), 1.0 - 0.074_179_9 / 2.0, epsilon = 1e-7);
        assert_relative_eq!(own.p_below(2.0), 0.5, epsilon = 1e-12);
        let (low, high) = own.interval().unwrap();
        assert_relative_eq!(high - low, 2.0 * 2.484_14, epsilon = 1e-4);
        assert!(!own.is_exact());
        assert!(Estimate::Seeds(vec![0.1 + 0.2, 0.3, 0.3]).is_exact());
        assert_eq!(Estimate::Seeds(vec![1.0]).p_above(0.0), 1.0);
    }

    #[test]
    fn rounds_are_ranked() {
        // All six above 0: one of 64 signs.
        let own = Estimate::Rounds(vec![0.01, 0.02, 0.03, 0.04, 0.05, 0.06]);
        assert_relative_eq!(own.p_above(0.0), 1.0 / 64.0);
        assert_relative_eq!(own.p_below(0.1), 1.0 / 64.0);
        assert_relative_eq!(own.point(), 0.035, epsilon = 1e-12);
        assert!(own.interval().is_some());
    }

    #[test]
    fn a_correlation_is_sure_as_far_as_it_has_cells() {
        let rising: Vec<f64> = (0..8).map(f64::from).collect();
        let own = Estimate::correlation(&rising, &rising).unwrap();
        assert!(own.p_above(0.0) < 1e-4 && own.p_below(0.0) > 0.9);
        // rho = 0.5 of 10 cells: z = 0.5493, error sqrt(1.125 / 7) = 0.4009, z / error = 1.370, p = 0.0853.
        let weak = Estimate::Correlation { rho: 0.5, n: 10 };
        assert_relative_eq!(weak.p_above(0.0), 0.0853, epsilon = 1e-3);
        assert_eq!(Estimate::Correlation { rho: 0.9, n: 4 }.p_above(0.0), 1.0);
    }
}
