//! A plain copy on the same device and threads, the bound of all that moves rows.

use burn::tensor::{Device, Tensor};
use rayon::prelude::*;

/// A source and a destination, as large as each other: what measurements hold `pack` and `combine` against.
#[derive(Debug)]
pub struct Memcpy(Place);

#[derive(Debug)]
enum Place {
    /// Host memory, copied by as many threads as all else has.
    Host { from: Vec<u8>, to: Vec<u8> },
    /// Device memory, copied by the device's own kernel.
    Device { from: Tensor<1> },
}

impl Memcpy {
    /// A copy of this many bytes; on a device other than the host, of whole f32.
    #[must_use]
    pub fn new(device: &Device, bytes: usize) -> Self {
        Self(if crate::is_host(device) {
            Place::Host {
                from: vec![1; bytes],
                to: vec![2; bytes],
            }
        } else {
            Place::Device {
                from: Tensor::ones([bytes / size_of::<f32>()], device),
            }
        })
    }

    /// Bytes read and written.
    #[must_use]
    pub fn bytes_moved(&self) -> usize {
        match &self.0 {
            Place::Host { from, .. } => 2 * from.len(),
            Place::Device { from } => 2 * from.dims()[0] * size_of::<f32>(),
        }
    }

    /// Copies once. What it gives is to be kept until the device has been waited for.
    pub fn run(&mut self) -> Option<Tensor<1>> {
        match &mut self.0 {
            Place::Host { from, to } => {
                let chunk = from.len().div_ceil(rayon::current_num_threads()).max(1);
                to.par_chunks_mut(chunk)
                    .zip(from.par_chunks(chunk))
                    .for_each(|(to, from)| to.copy_from_slice(from));
                None
            }
            // An addition of nothing reads and writes every number once.
            Place::Device { from } => Some(from.clone() + 0.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_copies_all_and_counts_both_ways() {
        let mut copy = Memcpy::new(&Device::flex(), 1001);
        assert_eq!(copy.bytes_moved(), 2002);
        assert!(copy.run().is_none());
        let Place::Host { from, to } = copy.0 else {
            panic!("not in the memory of the host");
        };
        assert_eq!(from, to);
    }
}
