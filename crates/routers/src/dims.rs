//! The sizes that a router is built for.

/// The sizes that a router is built for, checked once when it is built.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RouterDims {
    /// D: width of a hidden state.
    pub width: usize,
    /// E: number of experts.
    pub experts: usize,
    /// k: experts per token, as the sweep asks; a strategy may use another (top-1 uses 1).
    pub top_k: usize,
    /// Room per expert over the balanced share, for strategies whose experts choose.
    pub capacity_factor: f64,
    /// Number of token ids, for strategies that route by token id.
    pub vocab: usize,
}
