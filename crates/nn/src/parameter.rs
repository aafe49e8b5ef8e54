//! Parameters of given numbers.

use burn::{
    module::Param,
    tensor::{DType, Tensor},
};

/// A parameter of given numbers, which learns if they are f32. Numbers of half precision are frozen: steps
/// of training are smaller than what they can tell apart.
#[must_use]
pub fn parameter<const D: usize>(tensor: Tensor<D>) -> Param<Tensor<D>> {
    let halves = matches!(tensor.dtype(), DType::F16 | DType::BF16);
    let param = Param::from_tensor(tensor);
    if halves {
        param.set_require_grad(false)
    } else {
        param
    }
}
