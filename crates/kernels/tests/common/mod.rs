//! What tests of fast paths share.

use burn::tensor::{Device, Tensor};

/// The devices on which an operation records its backward pass: keeping, and recomputing, what it
/// depends on.
pub(crate) fn autodiff_devices() -> [Device; 2] {
    [
        Device::flex().autodiff(),
        Device::flex().autodiff().gradient_checkpointing(),
    ]
}

/// The same values on another device.
pub(crate) fn on<const D: usize>(tensor: &Tensor<D>, device: &Device) -> Tensor<D> {
    Tensor::from_data(tensor.to_data(), device)
}

/// The value of an operation on `x`, and the gradient at `x` of a sum in which every output has its
/// own weight.
pub(crate) fn outcome<const D: usize, const O: usize>(
    op: impl Fn(Tensor<D>) -> Tensor<O>,
    x: &Tensor<D>,
    weights: &Tensor<O>,
    device: &Device,
) -> (Tensor<O>, Tensor<D>) {
    let leaf = on(x, device).require_grad();
    // A power of two changes no digits, and with checkpointing this factor is recomputed.
    let value = op(leaf.clone() * 2.0);
    let gradients = (value.clone() * on(weights, device)).sum().backward();
    let dx = leaf
        .grad(&gradients)
        .expect("a tracked input gets a gradient");
    (value.without_autodiff(), dx)
}

/// What `work` gives in a pool of that many threads.
pub(crate) fn in_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .expect("a pool")
        .install(work)
}
