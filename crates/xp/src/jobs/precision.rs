//! In what the products of a trial multiply.

use kernels::Precision;

/// The wish in a sweep file, before the device is asked.
pub(super) const fn wanted(wish: trainer::Precision) -> Precision {
    match wish {
        trainer::Precision::F32 => Precision::F32,
        trainer::Precision::Bf16 => Precision::BF16,
    }
}
