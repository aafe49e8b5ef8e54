//! Quantiles of Student's t distribution, computed rather than tabulated so that any number of seeds has one.

/// The value that Student's t with `degrees` degrees of freedom stays below with probability `p`.
///
/// Found by bisection on [`cdf`], so that it is exact to the last few digits and the same on every machine.
///
/// # Panics
///
/// When `p` is not inside (0, 1) or `degrees` is 0.
pub fn quantile(p: f64, degrees: u32) -> f64 {
    assert!(p > 0.0 && p < 1.0, "p = {p} is not inside (0, 1)");
    if p < 0.5 {
        return -quantile(1.0 - p, degrees);
    }
    let (mut low, mut high) = (0.0, 1.0);
    while cdf(high, degrees) < p {
        high *= 2.0;
    }
    // Each step halves the bracket: 200 steps leave no bit of an f64 undecided.
    for _ in 0..200 {
        let middle = f64::midpoint(low, high);
        if cdf(middle, degrees) < p {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}

/// Probability that Student's t with `degrees` degrees of freedom is at most `t`.
///
/// For t > 0 it is `1 - I_x(n/2, 1/2) / 2` with `x = n / (n + t^2)` and I the regularised incomplete beta function.
///
/// # Panics
///
/// When `degrees` is 0.
pub fn cdf(t: f64, degrees: u32) -> f64 {
    assert!(
        degrees > 0,
        "Student's t needs at least one degree of freedom"
    );
    let n = f64::from(degrees);
    let square = t * t;
    let tail = regularised_beta(n / (n + square), square / (n + square), n / 2.0, 0.5) / 2.0;
    if t > 0.0 { 1.0 - tail } else { tail }
}

/// Regularised incomplete beta function I_x(a, b) by its continued fraction.
///
/// `rest` is 1 - x. The caller knows it exactly; the subtraction would lose its digits where x is close to 1, which is
/// where t is close to 0.
fn regularised_beta(x: f64, rest: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if rest <= 0.0 {
        return 1.0;
    }
    // The fraction converges fast below this point only; above it the symmetry I_x(a,b) = 1 - I_{1-x}(b,a) helps.
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - regularised_beta(rest, x, b, a);
    }
    let front = (ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * rest.ln()).exp();
    front / a / beta_fraction(x, a, b)
}

/// The denominator of the continued fraction of the incomplete beta function, evaluated by Lentz's method.
fn beta_fraction(x: f64, a: f64, b: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let away_from_zero = |value: f64| if value.abs() < TINY { TINY } else { value };
    let (mut value, mut c, mut d) = (1.0, 1.0, 0.0);
    for step in 1..=500_u32 {
        let m = f64::from(step / 2);
        let numerator = if step % 2 == 0 {
            m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m))
        } else {
            -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0))
        };
        d = 1.0 / away_from_zero(1.0 + numerator * d);
        c = away_from_zero(1.0 + numerator / c);
        value *= c * d;
        if (c * d - 1.0).abs() < 1e-16 {
            break;
        }
    }
    value
}

/// ln Γ(x) for x > 0: Stirling's series, after raising x by Γ(x + 1) = x Γ(x) to where the series is accurate.
fn ln_gamma(x: f64) -> f64 {
    let (mut x, mut shift) = (x, 0.0);
    while x < 15.0 {
        shift += x.ln();
        x += 1.0;
    }
    let series = 1.0 / (12.0 * x) - 1.0 / (360.0 * x.powi(3)) + 1.0 / (1260.0 * x.powi(5))
        - 1.0 / (1680.0 * x.powi(7));
    (x - 0.5) * x.ln() - x + (2.0 * std::f64::consts::PI).ln() / 2.0 + series - shift
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;
    use proptest::prelude::*;

    #[test]
    fn quantiles_agree_with_the_printed_table() {
        // Two-sided 95 % points as every statistics table prints them.
        let table = [
            (1, 12.7062),
            (2, 4.30265),
            (3, 3.18245),
            (4, 2.77645),
            (5, 2.57058),
            (9, 2.26216),
            (10, 2.22814),
            (29, 2.04523),
            (30, 2.04227),
            (120, 1.97993),
        ];
        for (degrees, expected) in table {
            assert_relative_eq!(quantile(0.975, degrees), expected, max_relative = 3e-6);
        }
        // The normal limit.
        assert_relative_eq!(quantile(0.975, 1_000_000), 1.959_966, max_relative = 2e-6);
    }

    #[test]
    fn small_degrees_have_closed_forms() {
        // n = 1: F(t) = 1/2 + atan(t)/pi. n = 2: F(t) = 1/2 + t / (2 sqrt(2 + t^2)).
        for t in [-3.0_f64, -0.5, 0.0, 0.1, 1.0, 7.0] {
            assert_relative_eq!(
                cdf(t, 1),
                0.5 + t.atan() / std::f64::consts::PI,
                epsilon = 1e-13
            );
            assert_relative_eq!(
                cdf(t, 2),
                0.5 + t / (2.0 * (2.0 + t * t).sqrt()),
                epsilon = 1e-13
            );
        }
    }

    #[test]
    fn ln_gamma_agrees_with_factorials() {
        assert_relative_eq!(
            ln_gamma(0.5),
            std::f64::consts::PI.sqrt().ln(),
            epsilon = 1e-13
        );
        assert_relative_eq!(ln_gamma(6.0), 120_f64.ln(), epsilon = 1e-13);
    }

    /// Where the whole bracket of the bisection is small, so that lost digits would show.
    #[test]
    fn quantile_inverts_cdf_beside_the_median() {
        for exponent in 3..16 {
            let p = 0.5 + 10_f64.powi(-exponent);
            for degrees in [1, 2, 3, 10, 199] {
                let back = cdf(quantile(p, degrees), degrees);
                assert_relative_eq!(back, p, epsilon = 1e-13);
            }
        }
    }

    proptest! {
        #[test]
        fn quantile_inverts_cdf(p in 0.01_f64..0.99, degrees in 1_u32..200) {
            prop_assert!((cdf(quantile(p, degrees), degrees) - p).abs() < 1e-11);
        }
    }
}
