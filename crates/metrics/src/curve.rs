//! Reading a measured curve between its points.

use crate::finite;

/// The curve through `points`, (x, y) in rising order of x, at `x`: a straight line in log x and log y between the two
/// points beside it, as power laws are. `None` outside the points, and where a number is not above 0.
pub fn at(points: &[(f64, f64)], x: f64) -> Option<f64> {
    let right = points.iter().position(|point| point.0 >= x)?;
    let (x1, y1) = points[right];
    if x1 <= x {
        return positive(x1).and(positive(y1));
    }
    let (x0, y0) = points[right.checked_sub(1)?];
    let [x0, y0, x1, y1, x] = [x0, y0, x1, y1, x].map(|value| positive(value).map(f64::ln));
    let share = (x? - x0?) / (x1? - x0?);
    finite((y0? + share * (y1? - y0?)).exp())
}

fn positive(value: f64) -> Option<f64> {
    finite(value).filter(|value| *value > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;

    #[test]
    fn between_points_a_power_law_is_exact() {
        // y = 100 / sqrt x: 10 at 100 and 5 at 400; at 200, halfway in log x, sqrt(10 * 5).
        let points = [(100.0, 10.0), (400.0, 5.0), (1600.0, 2.5)];
        assert_relative_eq!(at(&points, 200.0).unwrap(), 50_f64.sqrt(), epsilon = 1e-12);
        assert_relative_eq!(at(&points, 900.0).unwrap(), 100.0 / 30.0, epsilon = 1e-12);
        assert_eq!(at(&points, 100.0), Some(10.0));
        assert_eq!(at(&points, 1600.0), Some(2.5));
    }

    #[test]
    fn nothing_is_read_outside() {
        let points = [(100.0, 10.0), (400.0, 5.0)];
        assert_eq!(at(&points, 99.0), None);
        assert_eq!(at(&points, 401.0), None);
        assert_eq!(at(&points, f64::NAN), None);
        assert_eq!(at(&[], 1.0), None);
        assert_eq!(at(&[(0.0, 3.0), (2.0, 4.0)], 1.0), None);
    }
}
