//! What a layer costs, known before it is built.

use routers::RouterConfig;

use crate::{LayerDims, MoeConfig, MoeLayer};

/// Parameters of a layer, known before it is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MoeSizes {
    /// All of them.
    pub total: usize,
    /// Those that one token meets: the routers, and of the experts as many as it has rows
    /// ([`MoeLayer::rows_per_token`]), k for most strategies, `k / n` in each of n rounds.
    pub active: usize,
    /// Those of the routers, one a round.
    pub router: usize,
}

impl MoeLayer {
    /// Its parameters, known before it is built, in sequences of `sequence` tokens.
    #[must_use]
    pub fn sizes(
        config: &MoeConfig,
        router: &RouterConfig,
        width: usize,
        sequence: usize,
    ) -> MoeSizes {
        let (config, router) = config.as_built(router);
        let dims = Self::router_dims(&config, &LayerDims::new(width, 0));
        let router_params = config.chain.get() * router.num_params(&dims);
        let experts = config.expert_dims(width);
        let per_expert = experts.params_per_expert();
        let rows = Self::rows_per_token(&config, &router, sequence);
        let shared = config.shared.as_ref();
        let shared = shared.map_or(0, |shared| shared.num_params(width, experts.kind));
        let always = router_params + shared;
        MoeSizes {
            total: always + experts.experts * per_expert,
            active: always + (rows * per_expert as f64).round() as usize,
            router: router_params,
        }
    }

    /// Expert rows that a token has on average before drops, in sequences of `sequence` tokens, over
    /// all rounds. A dense reference of k or E experts' width counts as k or E rows.
    #[must_use]
    pub fn rows_per_token(config: &MoeConfig, router: &RouterConfig, sequence: usize) -> f64 {
        if let Some(experts) = config.dense_experts() {
            return experts.get() as f64;
        }
        let dims = Self::router_dims(config, &LayerDims::new(0, 0));
        config.chain.get() as f64 * router.strategy.rules().rows_per_token(&dims, sequence)
    }

    /// Multiplications and additions of one token's forward pass, 2 for each pair of them in a product
    /// of matrices: `n` times the scorer's ([`ScorerRules::flops`](routers::ScorerRules::flops)) and the strategy's own
    /// ([`StrategyRules::flops`](routers::StrategyRules::flops)), [`ExpertDims::flops_per_row`] for each of `rows` expert rows, and the
    /// shared expert's ([`SharedConfig::flops`]). Biases, activations, gates and the choice of experts are left out. A dense reference has k or E `rows`, as
    /// [`rows_per_token`](Self::rows_per_token) says.
    #[must_use]
    pub fn flops_per_token(
        config: &MoeConfig,
        router: &RouterConfig,
        width: usize,
        rows: f64,
    ) -> f64 {
        // Rows of a dense reference are those of an expert's width.
        let experts = config.expert_dims(width);
        let (config, router) = config.as_built(router);
        let dims = Self::router_dims(&config, &LayerDims::new(width, 0));
        let scorer = if router.strategy.rules().facts().needs_scores {
            router.scorer.rules().flops(&dims)
        } else {
            0
        };
        let routing = config.chain.get() * (scorer + router.strategy.rules().flops(&dims));
        let shared = config.shared.as_ref();
        let shared = shared.map_or(0, |shared| shared.flops(width, experts.kind));
        (routing + shared) as f64 + rows * experts.flops_per_row() as f64
    }
}
