//! How fast memory is read, the bound of all that reads weights once.

use burn::tensor::{Device, Tensor};
use rayon::prelude::*;

/// Memory that is read from one end to the other on the same device and threads.
#[derive(Debug)]
pub struct Reading(Place);

#[derive(Debug)]
enum Place {
    /// Host memory, read by as many threads as all else has.
    Host(Vec<u64>),
    /// Device memory, read by the device's own sum.
    Device(Tensor<1>),
}

impl Reading {
    /// This many bytes; on a device other than the host, of whole f32.
    #[must_use]
    pub fn new(device: &Device, bytes: usize) -> Self {
        Self(if crate::is_host(device) {
            Place::Host(vec![1; bytes / size_of::<u64>()])
        } else {
            Place::Device(Tensor::ones([bytes / size_of::<f32>()], device))
        })
    }

    /// Bytes that are read.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match &self.0 {
            Place::Host(words) => size_of_val(words.as_slice()),
            Place::Device(tensor) => tensor.dims()[0] * size_of::<f32>(),
        }
    }

    /// Reads all of it once, and waits: the sum of what is there.
    #[must_use]
    pub fn run(&self) -> f64 {
        match &self.0 {
            Place::Host(words) => {
                let chunk = words.len().div_ceil(rayon::current_num_threads()).max(1);
                let sums = words.par_chunks(chunk).map(|some| some.iter().sum::<u64>());
                sums.sum::<u64>() as f64
            }
            Place::Device(tensor) => f64::from(tensor.clone().sum().into_scalar::<f32>()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_all() {
        let reading = Reading::new(&Device::flex(), 8 * 1001);
        assert_eq!((reading.bytes(), reading.run()), (8008, 1001.0));
    }
}
