//! In what matrices multiply.

use burn::tensor::{DType, Device, FloatDType, Tensor};

/// In what matrices multiply. Parameters, sums and routers are f32 in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    /// 32 bits.
    #[default]
    F32,
    /// bfloat16 factors, f32 result.
    BF16,
}

impl Precision {
    /// What a device makes of the wish: bf16 where it multiplies in it, else f32. Of CPUs those do
    /// that have a matrix unit; others would widen both factors before every product, which is f32
    /// made slower.
    #[must_use]
    pub fn on(self, device: &Device) -> Self {
        let able = if crate::is_host(device) {
            crate::has_matrix_unit()
        } else {
            device.supports_dtype(DType::BF16)
        };
        if able { self } else { Self::F32 }
    }

    /// The name in result tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::BF16 => "bf16",
        }
    }

    /// Makes a factor of a product ready, on devices whose tensors have this precision.
    pub(crate) fn enter<const D: usize>(self, factor: Tensor<D>) -> Tensor<D> {
        match self {
            Self::F32 => factor,
            Self::BF16 => factor.cast(FloatDType::BF16),
        }
    }

    /// Takes a product back to f32.
    pub(crate) fn leave<const D: usize>(self, product: Tensor<D>) -> Tensor<D> {
        match self {
            Self::F32 => product,
            Self::BF16 => product.cast(FloatDType::F32),
        }
    }
}
