//! Two means that share nothing, such as ours and a printed one.

use crate::{statistics::MeanInterval, student};

/// Half-width of the 95 % interval of the difference of two means of n values each, by the pooled variance:
/// `t_{0.975, 2n-2} sqrt((s_a^2 + s_b^2) / n)`. `None` where the two differ in n or one has no spread.
///
/// With equal spreads it is the half-width of one mean times `sqrt(2) t_{2n-2} / t_{n-1}`: for n = 3 a factor of 0.913,
/// since the spread is known from four degrees of freedom and not from two (2.78 instead of 4.30).
pub fn difference_half_width(a: &MeanInterval, b: &MeanInterval) -> Option<f64> {
    let degrees = u32::try_from(a.n).ok()?.checked_sub(1)?;
    if a.n != b.n || degrees == 0 {
        return None;
    }
    let one = student::quantile(0.975, degrees);
    let both = student::quantile(0.975, 2 * degrees);
    Some(both / one * a.half_width?.hypot(b.half_width?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;

    #[test]
    fn the_interval_of_a_difference_agrees_with_scipy() {
        // SciPy's t test of the samples [1, 2, 3] and [2, 4, 9] has the interval -8.99781 to 2.99781.
        let of = |values: &[f64]| MeanInterval::of(values).unwrap();
        let width = difference_half_width(&of(&[1.0, 2.0, 3.0]), &of(&[2.0, 4.0, 9.0])).unwrap();
        assert_relative_eq!(width, 5.997_806_930_05, max_relative = 1e-9);
        // Equal spreads: s = 1, 2.77645 * sqrt(2 / 3).
        let own = of(&[9.0, 10.0, 11.0]);
        let width = difference_half_width(&own, &own).unwrap();
        assert_relative_eq!(width, 2.266_958, max_relative = 1e-6);
        assert_relative_eq!(
            width / own.half_width.unwrap(),
            0.912_57,
            max_relative = 1e-4
        );
    }

    #[test]
    fn unequal_or_single_samples_have_none() {
        let of = |values: &[f64]| MeanInterval::of(values).unwrap();
        let (one, two, three) = (of(&[1.0]), of(&[1.0, 2.0]), of(&[1.0, 2.0, 3.0]));
        assert_eq!(difference_half_width(&one, &one), None);
        assert_eq!(difference_half_width(&two, &three), None);
    }
}
