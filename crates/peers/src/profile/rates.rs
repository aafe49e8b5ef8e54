//! What this device reaches: the rates that a step is held against.

use burn::tensor::{Device, Distribution, Tensor};
use kernels::{Memcpy, Precision};

use crate::{PeersError, compare::timed, rounds::Spread};

/// The side of the squares that are multiplied.
const SIDE: usize = 1024;
/// Bytes that are copied: more than a cache holds.
const COPIED: usize = 1 << 28;
/// How often each, after once to warm up; the middle counts.
const TIMES: usize = 9;

/// Measured rates of large products and copies, with the threads of the step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rates {
    /// Multiplications and additions a second.
    pub(crate) flop_per_s: f64,
    /// Bytes read and written a second.
    pub(crate) byte_per_s: f64,
}

impl Rates {
    /// Measures them.
    pub(crate) fn measure(device: &Device, precision: Precision) -> Result<Self, PeersError> {
        let square = || Tensor::<2>::random([SIDE, SIDE], Distribution::Default, device);
        let (a, b) = (square(), square());
        let product = || kernels::matmul(a.clone(), b.clone(), precision);
        let mut memcpy = Memcpy::new(device, COPIED / 2);
        let copied = memcpy.bytes_moved() as f64;
        Ok(Self {
            flop_per_s: 2.0 * (SIDE as f64).powi(3) / middle(device, product)?,
            byte_per_s: copied / middle(device, || memcpy.run())?,
        })
    }
}

fn middle<T>(device: &Device, mut work: impl FnMut() -> T) -> Result<f64, PeersError> {
    let mut samples = Vec::with_capacity(TIMES);
    for time in 0..=TIMES {
        let seconds = timed(device, &mut work).map_err(PeersError::Device)?;
        if time > 0 {
            samples.push(seconds);
        }
    }
    Ok(Spread::of(&samples).map_or(f64::NAN, |spread| spread.median))
}
