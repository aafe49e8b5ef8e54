//! The exponential, in arithmetic that a compiler turns into vector instructions.

/// Below this the result is less than the smallest normal number, and taken for zero.
const SMALLEST: f32 = -87.3;

/// `exp(x)` for `x <= 88`, within two units in the last place: `2^n` times a polynomial of the rest.
///
/// NaN stays NaN. Every product that is added to something is rounded once (fused), so the bits are
/// the same on every chip.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    // Adding 1.5 * 2^23 rounds to a whole number, which then stands in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    // ln 2 in two parts, so that the rest has all its digits.
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    let rounded = x.mul_add(std::f32::consts::LOG2_E, ROUND);
    let whole = rounded - ROUND;
    let rest = whole.mul_add(-LN_2_HIGH, x);
    let rest = whole.mul_add(-LN_2_LOW, rest);
    // exp(r) = 1 + r + r^2 q(r) for |r| <= ln(2) / 2, q fitted for the least relative error, 4e-9.
    let q = 0.001_381_459_9f32
        .mul_add(rest, 0.008_368_717)
        .mul_add(rest, 0.041_668_39)
        .mul_add(rest, 0.166_665_21)
        .mul_add(rest, 0.499_999_94);
    let polynomial = q.mul_add(rest * rest, rest) + 1.0;
    let exponent = rounded
        .to_bits()
        .wrapping_sub(ROUND.to_bits())
        .wrapping_add(127);
    let power = f32::from_bits(exponent << 23);
    if x < SMALLEST {
        0.0
    } else {
        polynomial * power
    }
}

#[cfg(test)]
mod tests {
    use super::exp;

    #[test]
    fn it_is_the_exponential_of_the_library() {
        for step in -8800..8800 {
            let x = step as f32 / 100.003;
            let (got, expected) = (f64::from(exp(x)), f64::from(x).exp());
            if x < super::SMALLEST {
                assert_eq!(got, 0.0, "exp({x})");
                continue;
            }
            // Two units in the last place of a number are at most 2.4e-7 of it.
            assert!(
                (got - expected).abs() <= 2.4e-7 * expected,
                "exp({x}): {got} {expected}"
            );
        }
    }

    #[test]
    fn the_ends() {
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(f32::NEG_INFINITY), 0.0);
        assert_eq!(exp(-1e30), 0.0);
        assert!(exp(f32::NAN).is_nan());
    }
}
