//! Normal numbers out of uniform ones.

/// A standard normal number of two that are uniform in [0, 1), by Box and Muller's transform. Whoever draws
/// them decides the stream; these are the bits of all normal numbers that results depend on.
#[must_use]
pub fn box_muller(u: f64, v: f64) -> f64 {
    // 1 - u is never zero, whose logarithm is infinite.
    (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn radius_and_angle_by_hand() {
        // ln(1 - u) = -2, so the radius is 2; the cosine is 1, 0 and -1 at no, a quarter and half a turn.
        let u = 1.0 - (-2_f64).exp();
        for (v, expected) in [(0.0, 2.0), (0.25, 0.0), (0.5, -2.0)] {
            assert!((box_muller(u, v) - expected).abs() < 1e-12, "{v}");
        }
        assert_eq!(box_muller(0.0, 0.3), 0.0);
    }
}
