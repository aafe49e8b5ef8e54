//! From logits to a token.

use std::cmp::Ordering;

use rand::{Rng, RngExt};

use super::SamplingConfig;

impl SamplingConfig {
    /// The token that is chosen; none where a logit is NaN or plus infinity, or all are minus infinity.
    pub(super) fn choose(&self, logits: &[f32], draws: &mut impl Rng) -> Option<u32> {
        let largest = largest(logits)?;
        if self.temperature == 0.0 {
            return Some(largest as u32);
        }
        let candidates = self.candidates(logits, logits[largest]);
        let total: f64 = candidates.iter().map(|(_, weight)| weight).sum();
        let mut left = draws.random::<f64>() * total;
        for &(token, weight) in &candidates {
            left -= weight;
            if left < 0.0 {
                return Some(token);
            }
        }
        // What rounding left over belongs to the last that can be drawn.
        let last = candidates.iter().rfind(|(_, weight)| *weight > 0.0);
        last.map(|(token, _)| *token)
    }

    /// The tokens that are drawn from, likeliest first, and the weight of each: that of the likeliest
    /// is 1.
    fn candidates(&self, logits: &[f32], largest: f32) -> Vec<(u32, f64)> {
        let weight = |logit: f32| (f64::from(logit - largest) / self.temperature).exp();
        let tokens = logits.iter().enumerate();
        let mut tokens: Vec<(u32, f32)> = tokens.map(|(id, logit)| (id as u32, *logit)).collect();
        if self.top_k.is_none() && self.top_p.is_none() {
            let weighed = tokens.into_iter();
            return weighed
                .map(|(token, logit)| (token, weight(logit)))
                .collect();
        }
        if let Some(k) = self.top_k.filter(|k| *k < tokens.len()) {
            tokens.select_nth_unstable_by(k - 1, |a, b| likelier_first(*a, *b));
            tokens.truncate(k);
        }
        tokens.sort_unstable_by(|a, b| likelier_first(*a, *b));
        let weighed = tokens.into_iter();
        let mut weighed: Vec<(u32, f64)> = weighed
            .map(|(token, logit)| (token, weight(logit)))
            .collect();
        if let Some(p) = self.top_p {
            let enough = p * weighed.iter().map(|(_, weight)| weight).sum::<f64>();
            let mut sum = 0.0;
            let reached = weighed.iter().position(|(_, weight)| {
                sum += weight;
                sum >= enough
            });
            weighed.truncate(reached.map_or(weighed.len(), |last| last + 1));
        }
        weighed
    }
}

/// Larger logits first, of equals the smaller id.
fn likelier_first(a: (u32, f32), b: (u32, f32)) -> Ordering {
    b.1.total_cmp(&a.1).then(a.0.cmp(&b.0))
}

/// Where the largest number stands, of equals the first; none where it is not finite or some are NaN.
pub(super) fn largest(numbers: &[f32]) -> Option<usize> {
    let mut best = None;
    let mut most = f32::NEG_INFINITY;
    for (place, &number) in numbers.iter().enumerate() {
        if number.is_nan() {
            return None;
        }
        if number > most {
            (best, most) = (Some(place), number);
        }
    }
    best.filter(|_| most.is_finite())
}

#[cfg(test)]
mod tests {
    use std::f32::consts::LN_2;

    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn config(temperature: f64, top_k: Option<usize>, top_p: Option<f64>) -> SamplingConfig {
        SamplingConfig {
            temperature,
            top_k,
            top_p,
            seed: 0,
        }
    }

    /// Odds 4 : 2 : 1 : 1, of which the second is the likeliest.
    const LOGITS: [f32; 4] = [0.0, 2.0 * LN_2, LN_2, 0.0];

    /// How often each of four tokens is drawn in 4000 draws.
    fn shares(config: &SamplingConfig, logits: [f32; 4]) -> [f64; 4] {
        let mut draws = ChaCha8Rng::seed_from_u64(5);
        let mut counts = [0.0; 4];
        for _ in 0..4000 {
            let token = config.choose(&logits, &mut draws).expect("a token");
            counts[token as usize] += 1.0 / 4000.0;
        }
        counts
    }

    fn assert_shares(found: [f64; 4], expected: [f64; 4]) {
        for (found, expected) in found.into_iter().zip(expected) {
            // Four deviations of 4000 draws at one half are 0.032; what cannot be drawn never is.
            let most = if expected == 0.0 { 0.0 } else { 0.032 };
            assert!((found - expected).abs() <= most, "{found} for {expected}");
        }
    }

    #[test]
    fn tokens_are_drawn_as_often_as_their_probability() {
        assert_shares(
            shares(&config(1.0, None, None), LOGITS),
            [0.125, 0.5, 0.25, 0.125],
        );
        // Half the temperature squares the odds: 16 : 4 : 1 : 1 of 22.
        let odds = [1.0 / 22.0, 16.0 / 22.0, 4.0 / 22.0, 1.0 / 22.0];
        assert_shares(shares(&config(0.5, None, None), LOGITS), odds);
    }

    #[test]
    fn only_the_likeliest_are_drawn_from() {
        // The two largest: 2 : 1.
        let two = [0.0, 2.0 / 3.0, 1.0 / 3.0, 0.0];
        assert_shares(shares(&config(1.0, Some(2), None), LOGITS), two);
        // One half is not 0.6, one half and a quarter are.
        assert_shares(shares(&config(1.0, None, Some(0.6)), LOGITS), two);
        // Of the two largest, two thirds are enough for 0.6.
        let one = [0.0, 1.0, 0.0, 0.0];
        assert_shares(shares(&config(1.0, Some(2), Some(0.6)), LOGITS), one);
        // Of equals the first: the third best is token 0 and not token 3.
        let three = [1.0 / 7.0, 4.0 / 7.0, 2.0 / 7.0, 0.0];
        assert_shares(shares(&config(1.0, Some(3), None), LOGITS), three);
        assert_shares(
            shares(&config(1.0, Some(9), Some(1.0)), LOGITS),
            [0.125, 0.5, 0.25, 0.125],
        );
    }

    #[test]
    fn without_temperature_the_first_of_the_largest_is_chosen() {
        let mut draws = ChaCha8Rng::seed_from_u64(5);
        let mut choose = |logits: &[f32]| SamplingConfig::greedy().choose(logits, &mut draws);
        assert_eq!(choose(&[0.0, 2.0, 2.0]), Some(1));
        assert_eq!(choose(&[f32::NEG_INFINITY, -3.0]), Some(1));
        for no_numbers in [
            &[0.0, f32::NAN][..],
            &[f32::INFINITY, 0.0],
            &[f32::NEG_INFINITY; 2],
            &[],
        ] {
            assert_eq!(choose(no_numbers), None);
        }
    }

    #[test]
    fn settings_out_of_bounds_are_refused_by_name() {
        for (config, name) in [
            (config(-0.1, None, None), "temperature"),
            (config(f64::NAN, None, None), "temperature"),
            (config(1.0, Some(0), None), "top_k"),
            (config(1.0, None, Some(0.0)), "top_p"),
            (config(1.0, None, Some(1.5)), "top_p"),
        ] {
            let message = config.check().expect_err(name).to_string();
            assert!(message.contains(name), "{message}");
        }
        config(0.7, Some(40), Some(1.0)).check().expect("in bounds");
    }
}
