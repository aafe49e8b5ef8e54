//! The rule that several strategies share, the k best experts, and what others share with it.

use burn::{
    module::Module,
    tensor::{Int, Tensor},
};
use kernels::top_k;

use super::Assign;
use crate::{Assignment, RouteInput, RouterError, Scores};

/// Each token's k best experts by [`Scores::preference`], with the gates that the gate rule gives them.
#[derive(Module, Debug)]
pub struct TopK {
    k: usize,
}

impl TopK {
    pub(super) const fn new(k: usize) -> Self {
        Self { k }
    }
}

impl Assign for TopK {
    fn assign(&self, scores: Option<&Scores>, _: &RouteInput) -> Assignment {
        let scores = scores.expect("the k best are chosen by scores");
        picked(scores, top_k(scores.preference(), self.k))
    }
}

/// Refuses more experts per token than there are, or none.
pub(super) fn check_top_k(what: &'static str, k: usize, experts: usize) -> Result<(), RouterError> {
    if k == 0 || k > experts {
        return Err(RouterError::TopK { what, k, experts });
    }
    Ok(())
}

/// The assignment of picked experts `[T, k]`, with the gates that the rule gives them.
pub(super) fn picked(scores: &Scores, experts_tk: Tensor<2, Int>) -> Assignment {
    Assignment::TokenChoice {
        gates_tk: scores.gates(&experts_tk),
        experts_tk,
    }
}
