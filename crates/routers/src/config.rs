//! The `[router]` table of a sweep file.

use burn::tensor::Device;
use registry::PositiveF64;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    BalancerConfig, GateRule, Router, RouterDims, RouterError, Scope, ScoreFunction, ScorerConfig,
    StrategyConfig, SwitchConfig, Switches,
};

/// The `[router]` table: which scorer, strategy and balancers.
///
/// ```
/// let router: routers::RouterConfig = toml::from_str(r#"
///     scorer    = { linear = { bias = true } }
///     strategy  = "top1"
///     balancers = [{ switch = { alpha = 0.02 } }]
/// "#).unwrap();
/// assert_eq!(router.strategy.name(), "top1");
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct RouterConfig {
    /// From hidden state to expert logits.
    pub scorer: ScorerConfig,
    /// Standard deviation of the logits at initialisation, on inputs of unit variance, so that
    /// scorers compare fairly; where not given, each scorer starts as it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logit_std: Option<PositiveF64>,
    /// From logits to scores; where not given, the strategy's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score_function: Option<ScoreFunction>,
    /// From logits to assignment.
    pub strategy: StrategyConfig,
    /// From the scores of chosen experts to gates; where not given, the strategy's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gate: Option<GateRule>,
    /// What keeps the load even; each loss is logged apart. An empty list switches balancing off.
    pub balancers: Vec<BalancerConfig>,
    /// How the losses of several layers become one.
    #[serde(skip_serializing_if = "OverLayers::is_default")]
    #[schemars(extend("default" = OverLayers::default()))]
    pub aux_layers: OverLayers,
}

/// How the auxiliary losses of several layers become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OverLayers {
    /// Their mean, so that a weight does not act more strongly in a deeper model. Of the papers only
    /// ReMoE has it.
    #[default]
    Mean,
    /// Their sum, as the Switch Transformer and its kin add a term for each layer.
    Sum,
    /// The `switch` loss of the tokens of all layers in one pool, as Hugging Face's Mixtral and Qwen
    /// have it: `alpha E sum_e f_e P_e`, `f_e` the choices of expert `e` per token and `P_e` the mean of
    /// its probability over all tokens of all layers. Balanced it is `k alpha`. Other losses: their mean.
    Pooled,
}

impl OverLayers {
    // Signature given by serde.
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde hands over a reference"
    )]
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for RouterConfig {
    fn default() -> Self {
        Self {
            scorer: ScorerConfig::default(),
            logit_std: None,
            score_function: None,
            strategy: StrategyConfig::default(),
            gate: None,
            balancers: vec![SwitchConfig::default().into()],
            aux_layers: OverLayers::default(),
        }
    }
}

impl RouterConfig {
    /// Checks that a router of these sizes can be built.
    ///
    /// # Errors
    ///
    /// The first of the [`problems`](Self::problems).
    pub fn check(&self, dims: &RouterDims) -> Result<(), RouterError> {
        self.problems(dims).into_iter().next().map_or(Ok(()), Err)
    }

    /// Everything that keeps a router of these sizes from being built.
    #[must_use]
    pub fn problems(&self, dims: &RouterDims) -> Vec<RouterError> {
        if dims.experts == 0 {
            return vec![RouterError::NoExperts { what: "router" }];
        }
        let mut found = vec![self.strategy.rules().check(dims)];
        if self.strategy.rules().facts().needs_scores {
            found.push(self.scorer.rules().check(dims));
        }
        found.extend([
            self.check_balancers(),
            self.check_bias(),
            self.check_pooled(),
        ]);
        found.extend(self.check_switches(dims));
        found.into_iter().filter_map(Result::err).collect()
    }

    /// Refuses balancers whose losses would be logged as one.
    fn check_balancers(&self) -> Result<(), RouterError> {
        let twice = |at: usize| {
            let name = self.balancers[at].loss_name();
            self.balancers[..at].iter().any(|b| b.loss_name() == name)
        };
        match (0..self.balancers.len()).find(|&at| twice(at)) {
            None => Ok(()),
            Some(at) => Err(RouterError::Switch {
                what: "router",
                setting: "balancers",
                value: self.balancers[at].name(),
                why: "it is in the list twice, and both losses would have one name in the results; \
                      keep one",
            }),
        }
    }

    /// The weight of the `switch` loss of all layers in one pool, where that is asked for.
    #[must_use]
    pub fn pooled(&self) -> Option<f64> {
        let switch = self.balancers.iter().find_map(|balancer| match balancer {
            BalancerConfig::Switch(switch) if switch.scope == Scope::Batch => Some(switch),
            _ => None,
        });
        let asked = self.aux_layers == OverLayers::Pooled;
        switch.filter(|_| asked).map(|switch| switch.alpha.get())
    }

    /// Refuses a pool without the loss that is pooled.
    fn check_pooled(&self) -> Result<(), RouterError> {
        if self.aux_layers != OverLayers::Pooled || self.pooled().is_some() {
            return Ok(());
        }
        Err(RouterError::Switch {
            what: "router",
            setting: "aux-layers",
            value: "pooled",
            why: "it is of the balancer `switch` over the batch, which is not in the list",
        })
    }

    /// Score function and gate rule, named or the strategy's own, for `k` experts asked for.
    #[must_use]
    pub fn switches(&self, k: usize) -> Switches {
        let rules = self.strategy.rules();
        let own = rules.switches(rules.top_k(k));
        Switches {
            score_function: self.score_function.unwrap_or(own.score_function),
            gate: self.gate.unwrap_or(own.gate),
        }
    }

    /// Refuses a bias on a choice that is none.
    fn check_bias(&self) -> Result<(), RouterError> {
        let biased = self
            .balancers
            .iter()
            .find(|b| b.rules().selection_bias().is_some());
        match biased {
            Some(balancer) if !self.strategy.rules().facts().takes_bias => {
                Err(RouterError::Switch {
                    what: self.strategy.name(),
                    setting: "balancers",
                    value: balancer.name(),
                    why: "the bias moves a choice that ranks experts by score, and here nothing is \
                      chosen so",
                })
            }
            _ => Ok(()),
        }
    }

    /// Holds each switch by itself against the strategy, so that the message names the one to change.
    fn check_switches(&self, dims: &RouterDims) -> [Result<(), RouterError>; 2] {
        let rules = self.strategy.rules();
        let k = rules.top_k(dims.top_k);
        let (own, asked) = (rules.switches(k), self.switches(dims.top_k));
        let function = Switches {
            score_function: asked.score_function,
            ..own
        };
        // With a score function that fits, for one that does not is no fault of the gate.
        let fits = rules.fits(&function, k);
        let gate = Switches {
            gate: asked.gate,
            ..if fits.is_ok() { function } else { own }
        };
        let refuse = |setting, value| {
            move |why| RouterError::Switch {
                what: self.strategy.name(),
                setting,
                value,
                why,
            }
        };
        [
            fits.map_err(refuse("score-function", asked.score_function.name())),
            rules
                .fits(&gate, k)
                .map_err(refuse("gate", asked.gate.name())),
        ]
    }

    /// The values of `score-function` or `gate` that go with the rest, where `k` experts are asked for.
    #[must_use]
    pub fn fitting(&self, setting: &str, k: usize) -> Vec<&'static str> {
        let rules = self.strategy.rules();
        let k = rules.top_k(k);
        let own = rules.switches(k);
        let fits = |switches: Switches| rules.fits(&switches, k).is_ok();
        match setting {
            "score-function" => ScoreFunction::ALL
                .into_iter()
                .filter(|&score_function| {
                    fits(Switches {
                        score_function,
                        ..own
                    })
                })
                .map(ScoreFunction::name)
                .collect(),
            "gate" => GateRule::ALL
                .into_iter()
                .filter(|&gate| fits(Switches { gate, ..own }))
                .map(GateRule::name)
                .collect(),
            _ => Vec::new(),
        }
    }

    /// Learned parameters of the router, known before it is built: the strategy's own, and the
    /// scorer's where the strategy looks at scores.
    #[must_use]
    pub fn num_params(&self, dims: &RouterDims) -> usize {
        let scorer = if self.strategy.rules().facts().needs_scores {
            self.scorer.rules().num_params(dims)
        } else {
            0
        };
        scorer + self.strategy.rules().num_params(dims)
    }

    /// Builds the router.
    ///
    /// # Errors
    ///
    /// What [`check`](Self::check) refuses.
    pub fn init(&self, dims: &RouterDims, device: &Device) -> Result<Router, RouterError> {
        self.check(dims)?;
        Ok(Router::new(self, dims, device))
    }
}
