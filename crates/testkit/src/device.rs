//! Devices that tests run on: the processor always, a GPU where the build and the machine have one.

use burn::prelude::*;

/// The variable that says which GPU backend must be there: `cuda` or `wgpu`.
const VARIABLE: &str = "SWITCHYARD_GPU";

/// Where a test runs; made to be a parameter of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The processor.
    Cpu,
    /// The first device of CUDA or wgpu, be it a software adapter.
    Gpu,
}

impl Place {
    /// The device, or `None` after saying that `test` did not run for want of one.
    ///
    /// ```
    /// # fn a_test() {
    /// let Some(device) = testkit::Place::Gpu.device("packs rows") else { return };
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// When `SWITCHYARD_GPU` names a backend that is not compiled in or finds no device: somebody
    /// asked for the real thing.
    pub fn device(self, test: &str) -> Option<Device> {
        if self == Self::Cpu {
            return Some(Device::flex());
        }
        let wish = std::env::var(VARIABLE).ok().filter(|wish| !wish.is_empty());
        let device = find(wish.as_deref());
        if device.is_none() {
            if let Some(wish) = wish {
                panic!(
                    "{test}: {VARIABLE} asks for {wish}, which is not compiled in or has no \
                     device here; unset it to do without"
                );
            }
            report_without_gpu(test);
        }
        device
    }
}

/// The first device of the backends that are compiled in, or of the one that is wished for.
fn find(wish: Option<&str>) -> Option<Device> {
    type Find = fn() -> Option<Device>;
    let backends: [(&str, Find); 2] = [("cuda", cuda), ("wgpu", wgpu)];
    backends
        .into_iter()
        .filter(|(name, _)| wish.is_none_or(|wish| wish == *name))
        .find_map(|(_, first)| first())
}

#[cfg(feature = "cuda")]
fn cuda() -> Option<Device> {
    first(burn::tensor::DeviceType::Cuda)
}

#[cfg(not(feature = "cuda"))]
fn cuda() -> Option<Device> {
    None
}

#[cfg(feature = "wgpu")]
fn wgpu() -> Option<Device> {
    first(burn::tensor::DeviceType::Wgpu)
}

#[cfg(not(feature = "wgpu"))]
fn wgpu() -> Option<Device> {
    None
}

/// Backends report a missing driver by panicking.
#[cfg(any(feature = "cuda", feature = "wgpu"))]
fn first(kind: burn::tensor::DeviceType) -> Option<Device> {
    std::panic::catch_unwind(|| Device::enumerate(kind).into_iter().next()).ok()?
}

/// Says that `test` did not run for want of a GPU.
#[expect(clippy::print_stdout, reason = "the line says what was not tested")]
pub fn report_without_gpu(test: &str) {
    println!("without a GPU: {test}: no backend for one is compiled in, or none has a device here");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_is_always_there() {
        assert!(Place::Cpu.device("is there") == Some(Device::flex()));
    }

    #[test]
    fn a_backend_that_nobody_has_is_not_found() {
        assert!(find(Some("abacus")).is_none());
    }
}
