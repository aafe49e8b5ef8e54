//! What a training step tells whoever listens: spans of `tracing` around its phases, the parts of a model, and the
//! operations of the CPU. Where nobody listens, a span is one look at a number.

#[doc(hidden)]
pub use tracing;

/// The target of these spans. An operation's have the fields `flops`, the multiplications and additions of its
/// products, and `bytes`, those of its tensors that it must read and write, each once.
pub const STEP: &str = "step";

/// Does some work inside a span of this name: `part!("route", router.route(&input))`.
#[macro_export]
macro_rules! part {
    ($name:literal, $work:expr) => {
        $crate::tracing::trace_span!(target: $crate::STEP, $name).in_scope(|| $work)
    };
}

/// Opens the span of an operation, which ends with the block that it stands in.
macro_rules! operation {
    ($name:literal, bytes = $bytes:expr) => {
        operation!($name, flops = 0, bytes = $bytes);
    };
    ($name:literal, flops = $flops:expr, bytes = $bytes:expr) => {
        let _operation = tracing::trace_span!(
            target: $crate::STEP,
            $name,
            flops = $flops as u64,
            bytes = $bytes as u64
        )
        .entered();
    };
}
pub(crate) use operation;
