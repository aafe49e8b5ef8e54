//! MoE Routing Bench's expert choice.

use burn::{
    module::Module,
    tensor::{Device, IndexingUpdateOp, Tensor},
};
use kernels::{softmax, top_k};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::strategy::{Assign, AssignConfig, StrategyFacts, StrategyRules, check_top_k};
use crate::{Assignment, RouteInput, RouterDims, RouterError, Scores};

/// The most tokens that MoE Routing Bench's experts choose, whatever their room.
const MOST: usize = 64;

/// MoE Routing Bench's expert choice: experts choose at most 64 tokens of the batch; who is not chosen is routed by
/// soft top-k.
///
/// # Equation
///
/// Expert `e` marks the `min(ceil(CF T k / E), T, 64)` tokens of largest logit `z_te` in the whole
/// batch. A token with marks goes to its k best experts among those that marked it, one without to
/// its k best of all; gates are the softmax of the k logits. With fewer than k marks the rest of
/// the k are experts that did not mark it, with gate 0: they still take room and count as load.
///
/// # Gradients
///
/// Through the gates into the chosen logits.
///
/// # Failure modes
///
/// At T = 8,192, E = 8 and CF = 1.25 the experts should take 2,560 tokens each. With 64 about 94 %
/// of the tokens are not chosen and fall back, so that what is measured is soft top-k. Not causal.
/// [`expert-choice`](crate::ExpertChoiceConfig) has no clamp and no fallback, and chooses within
/// sequences.
///
/// # Reference
///
/// MoE Routing Bench, its own code.
///
/// # Config
///
/// ```
/// # let config: routers::StrategyConfig = toml::from_str::<toml::Table>(r#"
/// strategy = "expert-choice-as-published"
/// # "#).unwrap()["strategy"].clone().try_into().unwrap();
/// # assert_eq!(config.name(), "expert-choice-as-published");
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct ExpertChoiceAsPublishedConfig {}

/// The rule of [`ExpertChoiceAsPublishedConfig`].
#[derive(Module, Debug)]
pub struct ExpertChoiceAsPublished {
    k: usize,
    capacity_factor: f64,
}

impl StrategyRules for ExpertChoiceAsPublishedConfig {
    fn facts(&self) -> StrategyFacts {
        StrategyFacts {
            causal: false,
            ..StrategyFacts::LEARNED
        }
    }

    fn check(&self, dims: &RouterDims) -> Result<(), RouterError> {
        check_top_k("expert-choice-as-published", dims.top_k, dims.experts)
    }
}

impl AssignConfig for ExpertChoiceAsPublishedConfig {
    type Strategy = ExpertChoiceAsPublished;

    fn init(&self, dims: &RouterDims, _: &Device) -> ExpertChoiceAsPublished {
        ExpertChoiceAsPublished {
            k: dims.top_k,
            capacity_factor: dims.capacity_factor,
        }
    }
}

/// Far below every logit, and finite: infinities have no gradient.
const NEVER: f64 = -1e30;

impl Assign for ExpertChoiceAsPublished {
    fn assign(&self, scores: Option<&Scores>, _: &RouteInput) -> Assignment {
        let scores = scores.expect("expert-choice-as-published needs scores");
        let logits_te = scores.logits_te.clone();
        let [tokens, experts] = logits_te.dims();
        let room = crate::capacity(self.capacity_factor, tokens, self.k, experts);
        let room = room.min(MOST);

        let taken_ec = top_k(logits_te.clone().detach().swap_dims(0, 1), room);
        let device = logits_te.device();
        let marks_te = Tensor::<2>::zeros([experts, tokens], &device)
            .scatter(
                1,
                taken_ec,
                Tensor::ones([experts, room], &device),
                IndexingUpdateOp::Add,
            )
            .swap_dims(0, 1);
        let marked_t1 = marks_te.clone().sum_dim(1).greater_elem(0.0);
        let passed_over = marks_te
            .equal_elem(0.0)
            .bool_and(marked_t1.expand([tokens, experts]));
        let open_te = logits_te.mask_fill(passed_over, NEVER);
        let experts_tk = top_k(open_te.clone(), self.k);
        let gates_tk = softmax(open_te.gather(1, experts_tk.clone()));
        Assignment::TokenChoice {
            experts_tk,
            gates_tk,
        }
    }
}
