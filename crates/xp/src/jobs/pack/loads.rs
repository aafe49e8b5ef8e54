//! Who chooses whom: the shapes of load.

use rand::Rng;

use super::settings::LoadConfig;
use crate::jobs::random::{normal, open_unit};

/// Draws k distinct experts per token, best first: `[T, k]` row by row.
pub(super) fn draw(
    load: &LoadConfig,
    tokens: usize,
    experts: usize,
    k: usize,
    seed: u64,
) -> Vec<i32> {
    let mut rng = corpora::stream(seed, "load", 0);
    match load {
        LoadConfig::Balanced(_) => {
            // Dealt out in turn: consecutive experts, so those of a token are distinct.
            (0..tokens * k)
                .map(|assignment| (assignment % experts) as i32)
                .collect()
        }
        LoadConfig::Gaussian(_) => best_of(tokens, experts, k, || normal(&mut rng), |_| 0.0),
        LoadConfig::Zipf(zipf) => {
            // The k largest of log-weight plus Gumbel noise are k draws without replacement.
            let exponent = zipf.exponent.get();
            let weight = |expert: usize| -exponent * ((expert + 1) as f64).ln();
            best_of(tokens, experts, k, || gumbel(&mut rng), weight)
        }
    }
}

fn best_of(
    tokens: usize,
    experts: usize,
    k: usize,
    mut noise: impl FnMut() -> f64,
    bias: impl Fn(usize) -> f64,
) -> Vec<i32> {
    let mut chosen = Vec::with_capacity(tokens * k);
    let mut scores = Vec::with_capacity(experts);
    for _ in 0..tokens {
        scores.clear();
        scores.extend((0..experts).map(|expert| (bias(expert) + noise(), expert as i32)));
        if k < experts {
            scores.select_nth_unstable_by(k - 1, |a, b| b.0.total_cmp(&a.0));
        }
        scores[..k].sort_by(|a, b| b.0.total_cmp(&a.0));
        chosen.extend(scores[..k].iter().map(|(_, expert)| expert));
    }
    chosen
}

fn gumbel(rng: &mut impl Rng) -> f64 {
    // A uniform of exactly 1 would give minus infinity's logarithm; the smallest step below is used.
    -(-open_unit(rng).min(1.0 - f64::EPSILON).ln()).ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::pack::settings::{BalancedConfig, GaussianConfig, ZipfConfig};

    fn counts(load: &LoadConfig, tokens: usize, experts: usize, k: usize) -> Vec<usize> {
        let chosen = draw(load, tokens, experts, k, 17);
        assert_eq!(chosen.len(), tokens * k);
        for row in chosen.chunks(k) {
            let mut row = row.to_vec();
            row.sort_unstable();
            row.dedup();
            assert_eq!(row.len(), k, "a token's experts are distinct");
        }
        let mut counts = vec![0; experts];
        for expert in chosen {
            counts[expert as usize] += 1;
        }
        counts
    }

    #[test]
    fn balanced_loads_differ_by_one_at_most() {
        let counts = counts(&LoadConfig::Balanced(BalancedConfig {}), 101, 8, 2);
        // 202 assignments over 8 experts: 25 or 26 each.
        assert!(counts.iter().all(|&n| n == 25 || n == 26), "{counts:?}");
    }

    #[test]
    fn gaussian_loads_are_even_on_average() {
        let counts = counts(&LoadConfig::Gaussian(GaussianConfig {}), 8000, 8, 2);
        // 2000 each, with a standard deviation of about 39.
        assert!(counts.iter().all(|&n| n.abs_diff(2000) < 200), "{counts:?}");
    }

    #[test]
    fn zipf_loads_fall_as_the_law_says() {
        let counts = counts(&LoadConfig::Zipf(ZipfConfig::default()), 50_000, 4, 1);
        // 1, 1/2, 1/3, 1/4 over their sum 25/12: 0.48, 0.24, 0.16, 0.12.
        for (count, share) in counts.iter().zip([0.48, 0.24, 0.16, 0.12]) {
            assert!(
                (*count as f64 / 50_000.0 - share).abs() < 0.01,
                "{counts:?}"
            );
        }
    }

    #[test]
    fn every_expert_is_chosen_when_k_is_all() {
        let counts = counts(&LoadConfig::Gaussian(GaussianConfig {}), 10, 4, 4);
        assert_eq!(counts, [10; 4]);
    }
}
