//! One comparison of a claim: the effect, and how sure it is that it lies where the claim says.

use serde::Serialize;

use super::estimate::Estimate;
use super::reason::Reason;

/// How an effect is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reading {
    /// A difference, in the measure's unit.
    Difference,
    /// A ratio.
    Ratio,
    /// The measure itself.
    Level,
    /// A rank correlation.
    Correlation,
}

/// Where a claim says that an effect lies; of ratios the logarithms.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Range {
    pub(crate) low: Option<f64>,
    pub(crate) high: Option<f64>,
    /// Whether the ends are no part of it.
    pub(crate) open: bool,
}

impl Range {
    /// Below 0.
    pub(crate) const BELOW_ZERO: Self = Self {
        low: None,
        high: Some(0.0),
        open: true,
    };

    /// Above 0.
    pub(crate) const ABOVE_ZERO: Self = Self {
        low: Some(0.0),
        high: None,
        open: true,
    };

    /// Between two numbers, these included.
    pub(crate) fn closed(low: Option<f64>, high: Option<f64>) -> Self {
        Self {
            low,
            high,
            open: false,
        }
    }

    /// Whether a number lies in it. Rounding of the last digits is no reason to be outside.
    fn holds(&self, x: f64) -> bool {
        let slack = 1e-9 * x.abs().max(1.0);
        let slack = if self.open { -slack } else { slack };
        self.low.is_none_or(|low| x >= low - slack)
            && self.high.is_none_or(|high| x <= high + slack)
    }
}

/// How likely the numbers are by chance if the claim is wrong, and if it is right: small where it is sure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sureness {
    /// Small where the effect is for sure where the claim says: the larger of the tests at the two ends.
    pub(crate) holds: f64,
    /// Small where it is for sure not there: the smaller of the tests at the two ends.
    pub(crate) fails: f64,
}

impl Sureness {
    /// Decided by a value that does not vary.
    pub(crate) fn by_value(holds: bool) -> Self {
        if holds {
            Self {
                holds: 0.0,
                fails: 1.0,
            }
        } else {
            Self {
                holds: 1.0,
                fails: 0.0,
            }
        }
    }

    /// Whether an effect lies in a range.
    pub(crate) fn of(estimate: &Estimate, range: Range) -> Self {
        if estimate.is_exact() {
            return Self::by_value(range.holds(estimate.point()));
        }
        let inside = [
            range.low.map(|low| estimate.p_above(low)),
            range.high.map(|high| estimate.p_below(high)),
        ];
        let outside = [
            range.low.map(|low| estimate.p_below(low)),
            range.high.map(|high| estimate.p_above(high)),
        ];
        Self {
            holds: inside.into_iter().flatten().fold(0.0, f64::max),
            fails: outside.into_iter().flatten().fold(1.0, f64::min),
        }
    }

    /// The p of the question with two answers: twice the smaller, since either answer may turn out.
    pub(crate) fn p(self) -> f64 {
        (2.0 * self.holds.min(self.fails)).min(1.0)
    }

    /// Which answer it leans to.
    pub(crate) fn leans_to_holds(self) -> bool {
        self.holds < self.fails
    }
}

/// What was found of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Found {
    pub(crate) estimate: Estimate,
    pub(crate) reading: Reading,
    pub(crate) sureness: Sureness,
}

/// One comparison of a claim.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Part {
    /// What is compared; empty where a claim has one comparison alone.
    pub(crate) label: String,
    pub(crate) found: Result<Found, Reason>,
}

impl Part {
    /// Asks whether an effect lies in a range; of too few numbers nothing is asked.
    pub(crate) fn ask(
        label: String,
        estimate: Result<Estimate, Reason>,
        reading: Reading,
        range: Range,
    ) -> Self {
        let found = estimate.and_then(enough).map(|estimate| Found {
            sureness: Sureness::of(&estimate, range),
            estimate,
            reading,
        });
        Self { label, found }
    }

    /// How sure it is; nothing is of what is missing.
    pub(crate) fn sureness(&self) -> Sureness {
        let unknown = Sureness {
            holds: 1.0,
            fails: 1.0,
        };
        self.found.as_ref().map_or(unknown, |found| found.sureness)
    }
}

/// The estimate, where it is made of enough numbers.
pub(crate) fn enough(estimate: Estimate) -> Result<Estimate, Reason> {
    let (needed, of) = estimate.needed();
    if estimate.n() < needed {
        return Err(Reason::Few {
            n: estimate.n(),
            needed,
            of,
        });
    }
    Ok(estimate)
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;

    use super::*;

    #[test]
    fn two_one_sided_tests_are_one_range() {
        let own = Estimate::Seeds(vec![0.1, -0.1, 0.0, 0.05]);
        let wide = Sureness::of(&own, Range::closed(Some(-1.0), Some(1.0)));
        assert!(wide.holds < 1e-3 && wide.fails > 0.99 && wide.leans_to_holds());
        assert_relative_eq!(wide.holds, own.p_above(-1.0).max(own.p_below(1.0)));
        let elsewhere = Sureness::of(&own, Range::closed(Some(1.0), None));
        assert!(elsewhere.fails < 1e-3 && !elsewhere.leans_to_holds());
        assert_relative_eq!(elsewhere.p(), 2.0 * elsewhere.fails);
    }

    #[test]
    fn a_value_that_does_not_vary_decides() {
        let own = Estimate::Seeds(vec![0.0; 3]);
        assert_eq!(
            Sureness::of(&own, Range::BELOW_ZERO),
            Sureness::by_value(false)
        );
        assert_eq!(
            Sureness::of(&own, Range::closed(None, Some(0.0))),
            Sureness::by_value(true)
        );
        let own = Estimate::Seeds(vec![-2.0; 3]);
        assert_eq!(Sureness::of(&own, Range::BELOW_ZERO).p(), 0.0);
    }

    #[test]
    fn two_seeds_are_too_few() {
        let estimate = Estimate::Seeds(vec![-1.0, -1.1]);
        let part = Part::ask(
            String::new(),
            Ok(estimate),
            Reading::Difference,
            Range::BELOW_ZERO,
        );
        assert_eq!(
            part.found,
            Err(Reason::Few {
                n: 2,
                needed: 3,
                of: "seeds"
            })
        );
        assert_eq!(part.sureness().p(), 1.0);
    }
}
