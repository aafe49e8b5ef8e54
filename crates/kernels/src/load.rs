//! Assignments per expert.

use burn::tensor::{Int, Tensor};

use crate::slots::one_hot;

/// How many times each expert occurs: `experts_a` `[A]` to counts `[E]`, without gradient. An
/// index of E or more counts for none.
#[must_use]
pub fn expert_load(experts_a: Tensor<1, Int>, experts: usize) -> Tensor<1> {
    if crate::has_fast_path(&experts_a.device()) {
        return crate::extension::expert_load(experts_a, experts);
    }
    expert_load_reference(experts_a, experts)
}

/// [`expert_load`] in plain tensor operations, with an `[A, E]` buffer.
#[must_use]
pub fn expert_load_reference(experts_a: Tensor<1, Int>, experts: usize) -> Tensor<1> {
    one_hot(experts_a, experts).sum_dim(0).squeeze_dim(0)
}
