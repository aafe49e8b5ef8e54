//! Whether two computations of one thing agree.

use burn::tensor::TensorData;

use crate::tensors::Tensors;

/// The largest difference in any tensor.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Agreement {
    /// The largest difference of two numbers over the largest magnitude of our tensor.
    pub(crate) worst: f64,
    /// Where it was.
    pub(crate) tensor: String,
}

/// Compares everything that we found with what a peer found under the same name.
///
/// # Errors
///
/// In words, when a tensor is missing on either side, has another shape, or is not finite.
pub(crate) fn compare(ours: &Tensors, theirs: &Tensors) -> Result<Agreement, String> {
    if let Some(name) = theirs.keys().find(|name| !ours.contains_key(*name)) {
        return Err(format!("PyTorch gave {name}, which we have not"));
    }
    let mut agreement = Agreement {
        worst: 0.0,
        tensor: String::new(),
    };
    for (name, a) in ours {
        let b = theirs
            .get(name)
            .ok_or_else(|| format!("PyTorch did not give {name}"))?;
        if a.shape() != b.shape() {
            let (a, b) = (a.shape(), b.shape());
            return Err(format!("{name} is {a:?} here and {b:?} in PyTorch"));
        }
        let worst = difference(a, b).ok_or_else(|| format!("{name} is not finite"))?;
        if worst >= agreement.worst {
            agreement = Agreement {
                worst,
                tensor: name.clone(),
            };
        }
    }
    Ok(agreement)
}

/// `max |a - b| / max |a|`; `None` when a number is not finite. Zeros must meet zeros.
fn difference(a: &TensorData, b: &TensorData) -> Option<f64> {
    let (mut largest, mut apart) = (0.0f64, 0.0f64);
    for (a, b) in a.iter::<f64>().zip(b.iter::<f64>()) {
        if !(a.is_finite() && b.is_finite()) {
            return None;
        }
        largest = largest.max(a.abs());
        apart = apart.max((a - b).abs());
    }
    Some(if apart == 0.0 { 0.0 } else { apart / largest })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(name: &str, values: &[f32]) -> (String, TensorData) {
        (
            name.to_owned(),
            TensorData::new(values.to_vec(), [values.len()]),
        )
    }

    #[test]
    fn the_worst_tensor_is_named_relative_to_its_largest_number() {
        // x: 0.25 of 4; y: 1 of 8.
        let ours = Tensors::from([one("x", &[4.0, 1.0]), one("y", &[-8.0, 0.0])]);
        let theirs = Tensors::from([one("x", &[4.0, 1.25]), one("y", &[-8.0, 1.0])]);
        let found = compare(&ours, &theirs).expect("both are finite");
        assert_eq!((found.worst, found.tensor.as_str()), (0.125, "y"));
    }

    #[test]
    fn what_cannot_be_compared_is_said() {
        let ours = Tensors::from([one("x", &[1.0, 2.0])]);
        for (theirs, says) in [
            (Tensors::new(), "did not give x"),
            (Tensors::from([one("x", &[1.0])]), "[1] in PyTorch"),
            (Tensors::from([one("x", &[1.0, f32::NAN])]), "not finite"),
            (
                Tensors::from([one("x", &[1.0, 2.0]), one("z", &[1.0])]),
                "which we have not",
            ),
        ] {
            let error = compare(&ours, &theirs).expect_err(says);
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn a_number_where_we_have_zeros_is_infinitely_wrong() {
        let ours = Tensors::from([one("x", &[0.0])]);
        let theirs = Tensors::from([one("x", &[1e-9])]);
        assert_eq!(compare(&ours, &theirs).unwrap().worst, f64::INFINITY);
    }
}
