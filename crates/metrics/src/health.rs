//! When routing is unwell: what an interval of training must look like to raise an alarm.
//!
//! One [`Reading`] is what a layer did over one interval. [`examine`] holds it against the limits and tells every
//! condition that it finds. Nothing is remembered here: who was warned already is the caller's to know.
//!
//! Symbols beside those of the crate: a the mean number of experts a token was assigned to (k of top-k), N the
//! assignments of the interval.
//!
//! | condition | measure | unwell when |
//! |---|---|---|
//! | dead | `#{i : c_i = 0} / E` | above the limit |
//! | cold | the least `c_i / c̄` above 0 | below the limit |
//! | collapse | `(H(c) - ln a) / (ln E - ln a)` | below the limit |
//! | overload | `max_i c_i / c̄` | above the limit |
//! | no-gradient | norm of the task's gradient at the router | at most the limit |
//! | saturation | mean over tokens of the largest router probability | above the limit |
//!
//! A measure of load says something only where a fair expert could hardly have been missed. With c̄ below
//! [`ENOUGH_ASSIGNMENTS`] the load is not judged: an expert that is chosen at its fair rate stays at or below a tenth
//! of c̄ = 20 in fewer than one of a million intervals (Poisson).

use crate::{Number, load};

/// The mean load c̄ from which on loads are judged.
pub const ENOUGH_ASSIGNMENTS: f64 = 20.0;

/// What can be wrong with a layer's routing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Condition {
    /// Experts got no token.
    Dead,
    /// An expert got hardly any token.
    Cold,
    /// The load lies on a few experts.
    Collapse,
    /// One expert got far more than its share.
    Overload,
    /// Nothing teaches the router.
    NoGradient,
    /// The router is certain of every token, so that it hardly learns and explores nothing.
    Saturation,
}

impl Condition {
    /// The name in result tables and, as the limit's name, in TOML.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dead => "dead",
            Self::Cold => "cold",
            Self::Collapse => "collapse",
            Self::Overload => "overload",
            Self::NoGradient => "no-gradient",
            Self::Saturation => "saturation",
        }
    }
}

/// Where well ends, one limit for each condition; see the table of this module.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Largest share of a layer's experts that may be dead.
    pub dead: f64,
    /// Least load over the mean load.
    pub cold: f64,
    /// Least load entropy, 0 where it is least and 1 at ln E.
    pub collapse: f64,
    /// Largest load over the mean load.
    pub overload: f64,
    /// Largest gradient norm that counts as none.
    pub no_gradient: f64,
    /// Largest mean of the largest probability.
    pub saturation: f64,
}

/// What one layer did over an interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading<'a, N> {
    /// Assignments of each expert before drops.
    pub loads: &'a [N],
    /// Tokens that passed the layer.
    pub tokens: f64,
    /// Mean over tokens of the largest router probability; `None` where nothing is scored.
    pub largest_probability: Option<f64>,
    /// Norm of the task's gradient at this router; `None` where none should reach it.
    pub gradient: Option<f64>,
}

/// A condition that a reading shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Finding {
    /// What is wrong.
    pub condition: Condition,
    /// The measure that says so.
    pub value: f64,
    /// The limit that it is beyond.
    pub limit: f64,
    /// The first dead expert, the coldest or the busiest one; `None` where the condition is the layer's.
    pub expert: Option<usize>,
}

/// Every condition that the reading shows, in the order of the module's table. A layer of one expert has nothing to
/// decide, and nothing can be wrong with it.
pub fn examine<N: Number>(reading: &Reading<'_, N>, limits: &Limits) -> Vec<Finding> {
    if reading.loads.len() < 2 {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut tell = |condition, value, limit, expert| {
        found.push(Finding {
            condition,
            value,
            limit,
            expert,
        });
    };
    if enough(reading.loads) {
        let loads: Vec<f64> = reading.loads.iter().map(|&load| load.into()).collect();
        let dead = load::dead_fraction(&loads).filter(|&share| share > limits.dead);
        if let Some(share) = dead {
            let first = loads.iter().position(|&load| load <= 0.0);
            tell(Condition::Dead, share, limits.dead, first);
        }
        let relative = load::utilisation(&loads).unwrap_or_default();
        let coldest = extreme(&relative, |value, best| value > 0.0 && value < best);
        if let Some((expert, value)) = coldest.filter(|(_, value)| *value < limits.cold) {
            tell(Condition::Cold, value, limits.cold, Some(expert));
        }
        let spread = relative_load_entropy(&loads, reading.tokens);
        if let Some(value) = spread.filter(|&value| value < limits.collapse) {
            tell(Condition::Collapse, value, limits.collapse, None);
        }
        let busiest = extreme(&relative, |value, best| value > best);
        if let Some((expert, value)) = busiest.filter(|(_, value)| *value > limits.overload) {
            tell(Condition::Overload, value, limits.overload, Some(expert));
        }
    }
    if let Some(norm) = reading.gradient.filter(|&norm| norm <= limits.no_gradient) {
        tell(Condition::NoGradient, norm, limits.no_gradient, None);
    }
    let certain = reading
        .largest_probability
        .filter(|&mean| mean > limits.saturation);
    if let Some(mean) = certain {
        tell(Condition::Saturation, mean, limits.saturation, None);
    }
    found
}

/// Load entropy on the scale of what is possible: `(H(c) - ln a) / (ln E - ln a)`, without unit, with a = N / T
/// assignments a token (at least 1); 0 is collapse onto as few experts as can be, 1 perfect balance.
///
/// A token is assigned to an expert at most once, so no expert holds more than 1/a of all assignments and H is at
/// least ln a: without it, the entropy of top-2 among four experts could never fall below half of ln E. `None` when
/// nothing was assigned or every token goes to every expert.
pub fn relative_load_entropy<N: Number>(loads: &[N], tokens: f64) -> Option<f64> {
    let entropy = load::load_entropy(loads)?;
    let assigned: f64 = loads.iter().map(|&load| load.into()).sum();
    let (most, least) = ((loads.len() as f64).ln(), (assigned / tokens).max(1.0).ln());
    // Rounding must not make a range of nothing.
    (most - least > 1e-9).then(|| ((entropy - least) / (most - least)).clamp(0.0, 1.0))
}

fn enough<N: Number>(loads: &[N]) -> bool {
    let assigned: f64 = loads.iter().map(|&load| load.into()).sum();
    assigned / loads.len() as f64 >= ENOUGH_ASSIGNMENTS
}

/// The first value that no other beats, with its place.
fn extreme(values: &[f64], beats: impl Fn(f64, f64) -> bool) -> Option<(usize, f64)> {
    let alive = values.iter().copied().enumerate();
    alive
        .filter(|(_, value)| *value > 0.0)
        .reduce(|best, next| if beats(next.1, best.1) { next } else { best })
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;

    const LIMITS: Limits = Limits {
        dead: 0.0,
        cold: 0.05,
        collapse: 0.5,
        overload: 3.0,
        no_gradient: 0.0,
        saturation: 0.99,
    };

    /// Top-1: as many tokens as assignments.
    fn of(loads: &[u32]) -> Reading<'_, u32> {
        Reading {
            loads,
            tokens: f64::from(loads.iter().sum::<u32>()),
            largest_probability: Some(0.5),
            gradient: Some(0.1),
        }
    }

    fn found(reading: &Reading<'_, u32>) -> Vec<(Condition, f64, Option<usize>)> {
        let findings = examine(reading, &LIMITS);
        findings
            .iter()
            .map(|finding| (finding.condition, finding.value, finding.expert))
            .collect()
    }

    #[test]
    fn an_even_load_of_a_learning_router_is_well() {
        assert_eq!(examine(&of(&[100, 120, 90, 90]), &LIMITS), []);
    }

    #[test]
    fn dead_experts_are_counted_and_the_first_is_named() {
        // Two of eight: a quarter. H = ln 6, 0.86 of ln 8.
        let reading = [80, 80, 0, 80, 80, 0, 80, 80];
        assert_eq!(found(&of(&reading)), [(Condition::Dead, 0.25, Some(2))]);
        let tolerant = Limits {
            dead: 0.25,
            ..LIMITS
        };
        assert_eq!(examine(&of(&reading), &tolerant), []);
    }

    #[test]
    fn an_expert_below_its_part_of_the_mean_is_cold() {
        // The mean is 100: 4 is 0.04 of it, 6 is 0.06.
        let reading = [192, 4, 198, 6];
        assert_eq!(found(&of(&reading)), [(Condition::Cold, 0.04, Some(1))]);
        assert_eq!(examine(&of(&[192, 5, 197, 6]), &LIMITS), []);
    }

    #[test]
    fn a_load_on_one_expert_of_eight_is_collapse() {
        // Everything on expert 5: H = 0, seven eighths dead, eight times the mean.
        let reading = [0, 0, 0, 0, 0, 400, 0, 0];
        assert_eq!(
            found(&of(&reading)),
            [
                (Condition::Dead, 0.875, Some(0)),
                (Condition::Collapse, 0.0, None),
                (Condition::Overload, 8.0, Some(5)),
            ]
        );
    }

    #[test]
    fn the_least_entropy_of_two_experts_a_token_is_collapse_too() {
        // 200 tokens, each on experts 0 and 1 of four: H = ln 2, the least that top-2 can have.
        let loads = [200, 200, 0, 0];
        assert_eq!(relative_load_entropy(&loads, 200.0), Some(0.0));
        // The same loads of 400 tokens with one expert each are half of ln 4.
        assert_relative_eq!(
            relative_load_entropy(&loads, 400.0).unwrap(),
            0.5,
            epsilon = 1e-12
        );
        // Even among four: 1. Everywhere at once: there is no range.
        assert_relative_eq!(
            relative_load_entropy(&[100; 4], 200.0).unwrap(),
            1.0,
            epsilon = 1e-12
        );
        assert_eq!(relative_load_entropy(&[100; 4], 100.0), None);
        assert_eq!(relative_load_entropy(&[0; 4], 100.0), None);
    }

    #[test]
    fn a_router_that_is_not_taught_is_told_where_it_should_be() {
        let silent = |gradient| Reading {
            gradient,
            ..of(&[100; 4])
        };
        assert_eq!(
            found(&silent(Some(0.0))),
            [(Condition::NoGradient, 0.0, None)]
        );
        assert_eq!(examine(&silent(Some(1e-30)), &LIMITS), []);
        assert_eq!(examine(&silent(None), &LIMITS), [], "none is expected");
    }

    #[test]
    fn a_router_that_is_always_certain_is_saturated() {
        let certain = |largest_probability| Reading {
            largest_probability,
            ..of(&[100; 4])
        };
        assert_eq!(
            found(&certain(Some(0.995))),
            [(Condition::Saturation, 0.995, None)]
        );
        assert_eq!(examine(&certain(Some(0.99)), &LIMITS), []);
        assert_eq!(examine(&certain(None), &LIMITS), [], "nothing is scored");
    }

    #[test]
    fn a_handful_of_assignments_says_nothing_of_load() {
        // 76 of four experts is a mean of 19, 80 one of 20.
        assert_eq!(examine(&of(&[76, 0, 0, 0]), &LIMITS), []);
        assert_eq!(examine(&of(&[80, 0, 0, 0]), &LIMITS).len(), 3);
    }

    #[test]
    fn one_expert_alone_cannot_be_unwell() {
        let reading = Reading {
            largest_probability: Some(1.0),
            gradient: Some(0.0),
            ..of(&[400])
        };
        assert_eq!(examine(&reading, &LIMITS), []);
    }
}
