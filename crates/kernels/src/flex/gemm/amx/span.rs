//! A part of what is multiplied.

/// A span of lines or depths.
#[derive(Clone, Copy)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) length: usize,
}
