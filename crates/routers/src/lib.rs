//! From a token to its experts: scorers, strategies, balancers and the router that composes them.
//!
//! # What it decides, and what it does not
//!
//! A [`Router`] turns hidden states into a [`Routing`]: who goes where and with which gate. It is
//! three independent choices, each a family with its own registry:
//!
//! ```text
//! x_td --scorer--> logits_te --score function--> scores_te --strategy--> experts --gate rule--> gates
//!                                                    \----balancers---> auxiliary losses, bias
//! ```
//!
//! Score function and gate rule are switches: every strategy has its own, takes others where they
//! make sense, and refuses the rest with the reason.
//!
//! It knows nothing of capacity, drops or experts: those belong to the layer, so that any router
//! meets any drop policy and any dispatch backend.
//!
//! # Legend
//!
//! `t` tokens (batch x sequence, flattened), `d` model width, `e` experts, `k` experts per token,
//! `c` tokens per expert, `s` slots. A name's suffix is its shape: `logits_te` is `[T, E]`.
//!
//! Logits, softmax and gates are f32 whatever the type of the model.
//!
//! # Adding a member
//!
//! A scorer, strategy or balancer is one file and one line in its family's registry;
//! `docs/first-router.md` walks through it and `tests/own_strategy.rs` proves it.

mod balancer;
mod capacity;
mod config;
mod dims;
mod distil;
mod error;
mod fit;
mod gate;
mod input;
mod normal;
mod router;
mod routing;
mod score_function;
mod scorer;
mod scores;
mod sequences;
mod step;
mod strategy;

pub use balancer::{
    AuxiliaryLoss, Balance, BalanceInput, BalancerConfig, BiasConfig, CountsAsPublishedConfig,
    GshardConfig, HadamardOrthogonalityConfig, ImportanceConfig, Scope, SelectionBias,
    SquaredImportanceConfig, StepMemory, SwitchConfig, SwitchUnscaledConfig, ZLossConfig,
};
pub use capacity::capacity;
pub use config::{OverLayers, RouterConfig};
pub use dims::RouterDims;
pub use distil::{DistilConfig, distil, divergence};
pub use error::RouterError;
pub use fit::{FitConfig, Fitted};
pub use gate::GateRule;
pub use input::RouteInput;
pub use router::Router;
pub use routing::{Assignment, Defined, Routing};
pub use score_function::ScoreFunction;
pub use scorer::{
    AttentionConfig, AttentionScorer, CentroidInit, CosineConfig, CosineScorer, ExtractorTraining,
    HadamardConfig, HadamardScorer, HybridConfig, HybridScorer, Interaction, LinearConfig,
    LinearScorer, Mix, MixWeights, MlpConfig, MlpHadamardConfig, MlpHadamardScorer, MlpScorer,
    Score, ScoreConfig, Scorer, ScorerConfig, ScorerRules, SelfSupervisedConfig,
    SelfSupervisedScorer,
};
pub use scores::Scores;
pub use sequences::{Run, Sequences};
pub use step::StepLoad;
pub use strategy::{
    Assign, AssignConfig, BudgetConfig, Dense, DenseConfig, ExpertChoice, ExpertChoiceAsPublished,
    ExpertChoiceAsPublishedConfig, ExpertChoiceConfig, Group, HardTopKAsPublishedConfig,
    HardTopKConfig, Hash, HashAsPublished, HashAsPublishedConfig, HashConfig, HashTable, Lsh,
    LshConfig, NoisyTopK, NoisyTopKConfig, PositionHash, PositionHashConfig, Random, RandomConfig,
    Relu, ReluConfig, SigmoidTopK, SigmoidTopKConfig, Sinkhorn, SinkhornConfig, SoftMoe,
    SoftMoeConfig, SoftTopKAsPublished, SoftTopKAsPublishedConfig, SoftTopKConfig, Strategy,
    StrategyConfig, StrategyFacts, StrategyRules, Switches, Top1AsPublishedConfig, Top1Config,
    TopK, TopP, TopPConfig, Uniform, UniformConfig, UnitGates,
};

#[doc(hidden)]
pub mod __private {
    pub use burn;
    pub use registry;
}
