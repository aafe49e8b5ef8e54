//! The factor of an inverse that GPTQ walks along.

use rayon::prelude::*;

use crate::GptqError;

/// At how much damping a Hessian that is still not positive is given up.
const MOST_DAMPING: f64 = 1.0;

/// The upper factor U of `(H + damping mean(diag H) I)^-1 = U^T U`, transposed: row k holds `U[.., k]`.
///
/// With the order of inputs turned round, `H = R R^T` for an upper R, and `U = R^-1`: one factorisation and
/// one inverse of a triangle in place of two factorisations. Where rounding makes H indefinite, the damping
/// is doubled until it is not.
pub(crate) fn factor(h: &[f32], inputs: usize, damping: f64) -> Result<Vec<f32>, GptqError> {
    if h.iter().any(|value| !value.is_finite()) {
        return Err(GptqError::NotFinite {
            part: "what the map reads",
        });
    }
    let diagonal = (0..inputs).map(|k| f64::from(h[k * inputs + k]));
    let mean = diagonal.sum::<f64>() / inputs as f64;
    let turned = |k: usize| inputs - 1 - k;
    let mut damping = damping;
    loop {
        let row = |row: usize| {
            let columns = (0..=row).map(|column| h[turned(row) * inputs + turned(column)]);
            let mut values: Vec<f64> = columns.map(f64::from).collect();
            values[row] += damping * mean;
            values
        };
        match cholesky((0..inputs).map(row).collect()) {
            Some(lower) => {
                let columns = (0..inputs).into_par_iter().flat_map_iter(|k| {
                    let column = inverse_column(&lower, turned(k));
                    (0..inputs).map(move |i| column[inputs - 1 - i] as f32)
                });
                return Ok(columns.collect());
            }
            None if damping < MOST_DAMPING => damping = (2.0 * damping).max(1e-4),
            None => return Err(GptqError::Singular { damping }),
        }
    }
}

/// The lower factor L of `A = L L^T`, from the lower half of A, row by row; nothing if A is not positive.
fn cholesky(mut rows: Vec<Vec<f64>>) -> Option<Vec<Vec<f64>>> {
    for column in 0..rows.len() {
        let (above, below) = rows.split_at_mut(column + 1);
        let own = &mut above[column];
        let square = own[column] - dot(&own[..column], &own[..column]);
        if square.is_nan() || square <= 0.0 {
            return None;
        }
        own[column] = square.sqrt();
        below.par_iter_mut().with_min_len(64).for_each(|row| {
            row[column] = (row[column] - dot(&row[..column], &own[..column])) / own[column];
        });
    }
    Some(rows)
}

/// A column of the inverse of a lower triangle.
fn inverse_column(lower: &[Vec<f64>], first: usize) -> Vec<f64> {
    let mut column = vec![0.0; lower.len()];
    column[first] = 1.0 / lower[first][first];
    for row in first + 1..lower.len() {
        let sum = dot(&lower[row][first..row], &column[first..row]);
        column[row] = -sum / lower[row][row];
    }
    column
}

/// In several sums, which processors add at once.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (a, rest_a) = a.as_chunks::<8>();
    let (b, rest_b) = b.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..8 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest = rest_a.iter().zip(rest_b).map(|(a, b)| a * b);
    sums.iter().sum::<f64>() + rest.sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_factor_by_hand() {
        // H = [[2, 1], [1, 2]]: its inverse is [[2, -1], [-1, 2]] / 3 = U^T U with
        // U = [[sqrt(2/3), -1/sqrt(6)], [0, 1/sqrt(2)]].
        let rows = factor(&[2.0, 1.0, 1.0, 2.0], 2, 0.0).unwrap();
        let expected = [
            (2.0f32 / 3.0).sqrt(),
            0.0,
            -(1.0f32 / 6.0).sqrt(),
            0.5f32.sqrt(),
        ];
        for (found, expected) in rows.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{rows:?}");
        }
    }

    #[test]
    fn the_factors_square_is_the_inverse() {
        // H = X^T X + I of some numbers, of more inputs than sums have lanes.
        let inputs = 37;
        let x = |row: usize, k: usize| ((row * 31 + k * k * 7) % 13) as f64 / 13.0 - 0.4;
        let h = |a: usize, b: usize| {
            let products = (0..50).map(|row| x(row, a) * x(row, b));
            products.sum::<f64>() + f64::from(a == b)
        };
        let places = (0..inputs).flat_map(|a| (0..inputs).map(move |b| (a, b)));
        let numbers: Vec<f32> = places.map(|(a, b)| h(a, b) as f32).collect();
        let rows = factor(&numbers, inputs, 0.0).unwrap();
        let u = |i: usize, k: usize| f64::from(rows[k * inputs + i]);
        for a in 0..inputs {
            for b in 0..inputs {
                // (U^T U H)[a, b].
                let inverse = |k: usize| (0..inputs).map(|i| u(i, a) * u(i, k)).sum::<f64>();
                let found: f64 = (0..inputs).map(|k| inverse(k) * h(k, b)).sum();
                assert!((found - f64::from(a == b)).abs() < 1e-4, "{a} {b}: {found}");
            }
        }
    }

    #[test]
    fn an_indefinite_matrix_is_damped_until_it_is_not_and_no_numbers_are_refused() {
        assert!(factor(&[1.0, 1.2, 1.2, 1.0], 2, 0.01).is_ok());
        let error = factor(&[1.0, 9.0, 9.0, 1.0], 2, 0.01).unwrap_err();
        assert!(matches!(error, GptqError::Singular { .. }), "{error}");
        let error = factor(&[f32::NAN], 1, 0.01).unwrap_err();
        assert!(matches!(error, GptqError::NotFinite { .. }), "{error}");
    }
}
