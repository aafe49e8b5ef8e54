//! The k best experts by logits with learned noise.

use burn::{
    module::{Initializer, Module, Param},
    tensor::{Device, FloatDType, Tensor, activation::softplus},
};
use kernels::top_k;
use registry::NonNegativeF64;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Assign, AssignConfig, StrategyFacts, StrategyRules, Switches, check_top_k, picked};
use crate::{
    Assignment, AuxiliaryLoss, GateRule, RouteInput, RouterDims, RouterError, Scores,
    normal::normal,
};

/// Smaller noise counts as this in the load, so that its gradient stays finite.
const LEAST_NOISE: f64 = 1e-2;

/// The k best experts by logits with learned noise.
///
/// # Equation
///
/// `h_te = z_te + n_te * softplus(x_t W_noise)_e`, `n ~ N(0, 1)` drawn anew for every pass from the
/// pass's seed; the k largest `h` are chosen, and gates are those of `h`. Outside training `h = z`.
/// `W_noise` starts at zero: every expert's noise has the deviation `ln 2`.
///
/// Its loss `load` is `load-weight * CV(l)^2`, the squared coefficient of variation of a smooth
/// count: `l_e = sum_t Phi((z_te - c_te) / softplus(x_t W_noise)_e)`, the expected tokens of `e` if
/// its noise alone were drawn again, with `c_te` the k-th largest `h` of the other experts. Shazeer's
/// other loss, over the sums of gates, is a balancer of its own: `importance`.
///
/// # Gradients
///
/// Through the gates into the k chosen `h`, so into scorer and `W_noise`; `load` reaches every logit.
///
/// # Failure modes
///
/// What is trained with noise is used without: as far as the choice hung on the noise, evaluation
/// routes otherwise. The loss is zero and left out for `k = E`, where nothing is chosen.
///
/// # Reference
///
/// Shazeer et al. 2017, equations 3 to 5 and 8 to 11.
///
/// # Config
///
/// ```
/// # let config: routers::NoisyTopKConfig = toml::from_str(r#"
/// load-weight = 0.1
/// # "#).unwrap();
/// # assert_eq!(config, routers::NoisyTopKConfig::default());
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct NoisyTopKConfig {
    /// Weight of the load loss.
    pub load_weight: NonNegativeF64,
}

impl Default for NoisyTopKConfig {
    fn default() -> Self {
        Self {
            load_weight: NonNegativeF64::new(0.1),
        }
    }
}

/// The rule and the noise's weights of [`NoisyTopKConfig`].
#[derive(Module, Debug)]
pub struct NoisyTopK {
    noise_de: Param<Tensor<2>>,
    k: usize,
    load_weight: f64,
}

impl StrategyRules for NoisyTopKConfig {
    fn facts(&self) -> StrategyFacts {
        StrategyFacts::LEARNED
    }

    fn num_params(&self, dims: &RouterDims) -> usize {
        dims.width * dims.experts
    }

    fn flops(&self, dims: &RouterDims) -> usize {
        2 * dims.width * dims.experts
    }

    fn switches(&self, k: usize) -> Switches {
        Switches::softmax(if k == 1 {
            GateRule::Raw
        } else {
            GateRule::Renormalised
        })
    }

    fn fits(&self, switches: &Switches, k: usize) -> Result<(), &'static str> {
        if switches.gate == GateRule::DenseMixer {
            return Err(
                "its gates are those of noisy scores, and the experts that were not \
                        chosen would give their gradient to the scores without noise",
            );
        }
        switches.fit_top_k(k)
    }

    fn check(&self, dims: &RouterDims) -> Result<(), RouterError> {
        check_top_k("noisy-top-k", dims.top_k, dims.experts)
    }
}

impl AssignConfig for NoisyTopKConfig {
    type Strategy = NoisyTopK;

    fn init(&self, dims: &RouterDims, device: &Device) -> NoisyTopK {
        NoisyTopK {
            noise_de: Initializer::Zeros.init([dims.width, dims.experts], device),
            k: dims.top_k,
            load_weight: self.load_weight.get(),
        }
    }
}

impl NoisyTopK {
    /// The noise's deviation `[T, E]`.
    fn deviation(&self, input: &RouteInput) -> Tensor<2> {
        let x_td = input.x_td.clone().cast(FloatDType::F32);
        softplus(x_td.matmul(self.noise_de.val()), 1.0)
    }

    /// `h` `[T, E]` of a pass of training.
    fn noisy(logits_te: Tensor<2>, deviation_te: Tensor<2>, input: &RouteInput) -> Tensor<2> {
        let noise_te = normal(
            deviation_te.dims(),
            input.noise_seed,
            &deviation_te.device(),
        );
        logits_te + noise_te * deviation_te
    }

    /// `CV(l)^2` `[1]`.
    fn load_imbalance(&self, logits_te: Tensor<2>, input: &RouteInput) -> Tensor<1> {
        let deviation_te = self.deviation(input);
        let h_te = Self::noisy(logits_te.clone(), deviation_te.clone(), input);
        let best = h_te.clone().gather(1, top_k(h_te.clone(), self.k + 1));
        let [tokens, experts] = h_te.dims();
        let rank = |rank: usize| {
            let rank_t1 = best.clone().narrow(1, rank, 1);
            rank_t1.expand([tokens, experts])
        };
        // Without an expert that is among the k best, the k-th best is the one after them.
        let among = h_te.detach().greater(rank(self.k).detach());
        let threshold_te = rank(self.k - 1).mask_where(among, rank(self.k));
        let above_te = (logits_te - threshold_te) / deviation_te.clamp_min(LEAST_NOISE);
        let chance_te = ((above_te * std::f64::consts::FRAC_1_SQRT_2).erf() + 1.0) * 0.5;
        let load_e = chance_te.sum_dim(0).reshape([experts]);
        let mean = load_e.clone().mean();
        let variance = (load_e - mean.clone()).square().mean();
        variance / mean.square().clamp_min(f32::MIN_POSITIVE)
    }
}

impl Assign for NoisyTopK {
    fn assign(&self, scores: Option<&Scores>, input: &RouteInput) -> Assignment {
        let scores = scores.expect("noisy-top-k needs scores");
        if !input.training {
            return picked(scores, top_k(scores.preference(), self.k));
        }
        let h_te = Self::noisy(scores.logits_te.clone(), self.deviation(input), input);
        let noisy = Scores::new(h_te, scores.function, scores.gate);
        picked(&noisy, top_k(noisy.preference(), self.k))
    }

    fn losses(
        &self,
        scores: Option<&Scores>,
        _: &Assignment,
        input: &RouteInput,
    ) -> Vec<AuxiliaryLoss> {
        let logits_te = &scores.expect("noisy-top-k needs scores").logits_te;
        let [_, experts] = logits_te.dims();
        if self.k == experts || self.load_weight == 0.0 {
            return Vec::new();
        }
        vec![AuxiliaryLoss {
            name: "load",
            value: self.load_imbalance(logits_te.clone(), input) * self.load_weight,
        }]
    }
}
