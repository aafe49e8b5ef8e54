//! In what matrices multiply.

use burn::tensor::{DType, Device, FloatDType, Tensor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// In what matrices of f32 multiply; those of half precision multiply in their own type. Sums and routers
/// are f32 in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32 bits.
    #[default]
    F32,
    /// bfloat16 factors where the device multiplies in it, f32 result.
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

    /// Multiplies on devices whose tensors have the precision of the product. A right factor of half
    /// precision stays as it is, and the left one takes its type; the product is f32.
    pub(crate) fn multiply<const A: usize, const B: usize>(
        self,
        a: Tensor<A>,
        b: Tensor<B>,
        product: impl FnOnce(Tensor<A>, Tensor<B>) -> Tensor<A>,
    ) -> Tensor<A> {
        let (a, b) = match (b.dtype(), self) {
            (DType::F16, _) => (a.cast(FloatDType::F16), b),
            (DType::BF16, _) => (a.cast(FloatDType::BF16), b),
            (_, Self::BF16) => (a.cast(FloatDType::BF16), b.cast(FloatDType::BF16)),
            (_, Self::F32) => return product(a, b),
        };
        product(a, b).cast(FloatDType::F32)
    }
}
