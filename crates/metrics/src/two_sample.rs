//! Two samples that share nothing: means such as ours and a printed one, or values of seeds that differ.

use crate::{
    statistics::{MeanInterval, mean, sample_std},
    student,
};

/// The spread that two samples have in common.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pooled {
    /// Standard deviation of one value.
    pub std: f64,
    /// Degrees of freedom that it is known from.
    pub degrees: u32,
}

impl Pooled {
    /// Of two samples: `s^2 = ((n_a - 1) s_a^2 + (n_b - 1) s_b^2) / (n_a + n_b - 2)`. A sample of one value knows no
    /// spread and adds none. `None` where neither knows any, or a value is not finite.
    pub fn of(a: &[f64], b: &[f64]) -> Option<Self> {
        let (mut squares, mut degrees) = (0.0, 0);
        for sample in [a, b].into_iter().filter(|sample| sample.len() > 1) {
            let free = u32::try_from(sample.len() - 1).ok()?;
            squares += f64::from(free) * sample_std(sample)?.powi(2);
            degrees += free;
        }
        (degrees > 0).then(|| Self {
            std: (squares / f64::from(degrees)).sqrt(),
            degrees,
        })
    }

    /// What the difference of a value of one sample and a value of the other stays below in 95 of 100 cases, when
    /// both have the same mean: `t_{0.975} s sqrt(2)`.
    pub fn band(&self) -> f64 {
        student::quantile(0.975, self.degrees) * self.std * std::f64::consts::SQRT_2
    }
}

/// The difference of the means of two samples, `a` less `b`, with its 95 % interval by the pooled spread; `n` is that of
/// the smaller. And the two-sided p of no difference, where there is a spread.
pub fn difference(a: &[f64], b: &[f64]) -> Option<(MeanInterval, Option<f64>)> {
    let difference = mean(a)? - mean(b)?;
    let n = a.len().min(b.len());
    let error = Pooled::of(a, b).map(|pooled| {
        let parts = 1.0 / a.len() as f64 + 1.0 / b.len() as f64;
        (pooled.std * parts.sqrt(), pooled.degrees)
    });
    let half_width = error.map(|(error, degrees)| error * student::quantile(0.975, degrees));
    let interval = MeanInterval {
        mean: difference,
        half_width,
        n,
    };
    let p = error.and_then(|(error, degrees)| {
        let t = crate::finite(difference / error)?;
        Some(crate::paired::two_sided(t, degrees))
    });
    Some((interval, p))
}

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
    fn a_pooled_spread_is_as_worked_by_hand() {
        // s_a^2 = 1 with two degrees of freedom, s_b^2 = 8 with one: (2 * 1 + 1 * 8) / 3 = 10 / 3.
        let pooled = Pooled::of(&[1.0, 2.0, 3.0], &[2.0, 6.0]).unwrap();
        assert_relative_eq!(pooled.std, (10.0_f64 / 3.0).sqrt(), epsilon = 1e-12);
        assert_eq!(pooled.degrees, 3);
        // t_{0.975, 3} = 3.182446.
        assert_relative_eq!(
            pooled.band(),
            3.182_446 * (20.0_f64 / 3.0).sqrt(),
            epsilon = 1e-5
        );
        // One value knows no spread.
        let alone = Pooled::of(&[1.0, 2.0, 3.0], &[9.0]).unwrap();
        assert_eq!((alone.std, alone.degrees), (1.0, 2));
        assert_eq!(Pooled::of(&[1.0], &[2.0]), None);
    }

    #[test]
    fn a_difference_of_unequal_samples_agrees_with_scipy() {
        // scipy.stats.ttest_ind([1, 2, 3, 4], [2, 4, 9]): the interval is -7.388613 to 2.388613, p = 0.24571976.
        let (interval, p) = difference(&[1.0, 2.0, 3.0, 4.0], &[2.0, 4.0, 9.0]).unwrap();
        assert_relative_eq!(interval.mean, -2.5, epsilon = 1e-12);
        assert_relative_eq!(
            interval.half_width.unwrap(),
            4.888_613_2,
            max_relative = 1e-7
        );
        assert_relative_eq!(p.unwrap(), 0.245_719_762_702_992_78, max_relative = 1e-9);
        assert_eq!(difference(&[1.0], &[3.0]).unwrap().1, None);
        assert_eq!(difference(&[], &[3.0]), None);
    }

    #[test]
    fn unequal_or_single_samples_have_none() {
        let of = |values: &[f64]| MeanInterval::of(values).unwrap();
        let (one, two, three) = (of(&[1.0]), of(&[1.0, 2.0]), of(&[1.0, 2.0, 3.0]));
        assert_eq!(difference_half_width(&one, &one), None);
        assert_eq!(difference_half_width(&two, &three), None);
    }
}
