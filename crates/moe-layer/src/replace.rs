//! Another router in the place of a layer's own.
//!
//! A mixture's experts stay what they are; who is sent to them is decided anew. This is how a pretrained
//! model gets a router that it was not trained with (Harvey et al. 2025, section IV).

use burn::{
    module::Module,
    tensor::{FloatDType, IndexingUpdateOp, Tensor},
};
use nn::Linear;
use routers::{DistilConfig, Router, RouterConfig, RouterError, Score, Scorer, distil};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{LayerDims, Mixtures, MoeLayer, Replaced, SharedExpert};

/// A scorer that starts as it is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct FreshConfig {}

/// A scorer with the numbers of the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct CopyConfig {}

registry::family! {
    /// How the scorer of a router that takes another's place starts.
    pub enum RouterInit: "router init" {
        /// As it is built: it has everything to learn.
        Fresh(FreshConfig) = "fresh",
        /// With the numbers of the one before it, which must be of its own kind.
        Copy(CopyConfig) = "copy",
        /// Fitted to the logits of the one before it, on hidden states of the model.
        Distil(DistilConfig) = "distil",
    }
}

impl Default for RouterInit {
    fn default() -> Self {
        FreshConfig::default().into()
    }
}

/// What becomes of the gate of a shared expert when routers are replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SharedGate {
    /// It stays: it weights one expert and chooses none.
    #[default]
    Keep,
    /// It starts afresh. The replacement of Harvey et al. 2025 took every module whose name ends in
    /// `gate`, and so this one too, with a map to E values that nothing can weight one expert by; what
    /// is left of that here is that its numbers are lost.
    Fresh,
}

/// What takes the place of a model's routers.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Replacement {
    /// The routers.
    pub router: RouterConfig,
    /// How they start.
    pub init: RouterInit,
    /// What becomes of the gates of shared experts.
    pub shared_gate: SharedGate,
}

impl Replacement {
    /// Other routers, and nothing else.
    #[must_use]
    pub fn new(router: RouterConfig, init: impl Into<RouterInit>) -> Self {
        Self {
            router,
            init: init.into(),
            shared_gate: SharedGate::Keep,
        }
    }
}

/// Why a router cannot take another's place.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplaceError {
    /// It cannot be built for the layer.
    #[error(transparent)]
    Router(#[from] RouterError),
    /// There is no scorer before it to learn from.
    #[error(
        "`init = \"{init}\"` starts from the scores of the router before, which scores nothing; start \
         `fresh`"
    )]
    Unscored {
        /// What was asked for.
        init: &'static str,
    },
    /// The scorer before it is of another kind or size.
    #[error(
        "`init = \"copy\"` wants scorers of one kind and size: {wanted} parameters where the router \
         before has {found}; `distil` learns from any"
    )]
    Kind {
        /// Kind and parameters of the new scorer.
        wanted: String,
        /// Those of the one before.
        found: String,
    },
    /// Distilling needs hidden states.
    #[error(
        "`init = \"distil\"` needs hidden states of each of the {mixtures} mixtures, got {got}"
    )]
    Hidden {
        /// Mixtures of the model.
        mixtures: usize,
        /// Sets of hidden states that were given.
        got: usize,
    },
    /// The rounds of a chain read hidden states of their own.
    #[error(
        "`init = \"{init}\"` is for layers of one round, and this one has {rounds}; start `fresh`"
    )]
    Chain {
        /// What was asked for.
        init: &'static str,
        /// Rounds of the layer.
        rounds: usize,
    },
}

/// The routers of a layer, one a round, apart from its experts; with them the gate of a shared expert.
#[derive(Debug, Clone)]
pub struct LayerRouters {
    pub(crate) first: Router,
    pub(crate) later: Vec<Router>,
    pub(crate) top_k: usize,
    /// Where there is none, the layer keeps its own.
    pub(crate) shared_gate: Option<Linear>,
}

impl LayerRouters {
    /// That of the first round.
    #[must_use]
    pub const fn first(&self) -> &Router {
        &self.first
    }

    /// Those of all rounds.
    pub fn all(&self) -> impl Iterator<Item = &Router> {
        [&self.first].into_iter().chain(&self.later)
    }

    /// What is made of those of all rounds.
    #[must_use]
    pub fn map(self, mut change: impl FnMut(Router) -> Router) -> Self {
        Self {
            first: change(self.first),
            later: self.later.into_iter().map(change).collect(),
            ..self
        }
    }

    /// The same without the gate of a shared expert: a layer that gets them keeps its own.
    #[must_use]
    pub fn alone(self) -> Self {
        Self {
            shared_gate: None,
            ..self
        }
    }
}

impl MoeLayer {
    /// Routers of this configuration for its experts, their parameters drawn from the device's
    /// generator; `dims` are those of the layer.
    ///
    /// # Errors
    ///
    /// What the router refuses.
    pub fn fresh_routers(
        &self,
        config: &RouterConfig,
        dims: &LayerDims,
    ) -> Result<LayerRouters, RouterError> {
        let dims = Self::router_dims(self.config(), dims);
        let device = self.experts().devices().swap_remove(0);
        let build = || config.init(&dims, &device);
        let first = build()?;
        let later = (1..self.config().chain.get()).map(|_| build());
        Ok(LayerRouters {
            first,
            later: later.collect::<Result<_, _>>()?,
            top_k: config.strategy.rules().top_k(dims.top_k),
            shared_gate: None,
        })
    }

    /// Routers of this configuration that start as `init` says. `hidden_td` `[T, D]` are what the layer
    /// reads, where they are distilled; also gives the first and the last loss of that.
    ///
    /// # Errors
    ///
    /// What the router refuses, and what cannot start so.
    pub fn routers_from(
        &self,
        config: &RouterConfig,
        dims: &LayerDims,
        init: &RouterInit,
        hidden_td: Option<&Tensor<2>>,
    ) -> Result<(LayerRouters, Option<(f64, f64)>), ReplaceError> {
        let mut routers = self.fresh_routers(config, dims)?;
        let init_name = init.name();
        let Some(fresh) = routers.first.scorer().cloned() else {
            // Nothing is scored, so nothing starts.
            return Ok((routers, None));
        };
        if matches!(init, RouterInit::Fresh(_)) {
            return Ok((routers, None));
        }
        if !routers.later.is_empty() {
            return Err(ReplaceError::Chain {
                init: init_name,
                rounds: 1 + routers.later.len(),
            });
        }
        let unscored = ReplaceError::Unscored { init: init_name };
        let before = self.router().scorer().cloned().ok_or(unscored)?;
        let (scorer, losses) = match init {
            RouterInit::Distil(settings) => {
                let hidden_td = hidden_td.ok_or(ReplaceError::Hidden {
                    mixtures: 1,
                    got: 0,
                })?;
                let hidden_td = hidden_td.clone().cast(FloatDType::F32);
                let fitted = distil(fresh, before.score(hidden_td.clone()), hidden_td, settings);
                let ends = fitted.losses.first().zip(fitted.losses.last());
                (fitted.scorer, ends.map(|(first, last)| (*first, *last)))
            }
            RouterInit::Copy(_) | RouterInit::Fresh(_) => (copied(&fresh, before)?, None),
        };
        routers.first = routers.first.with_scorer(scorer);
        Ok((routers, losses))
    }
}

/// The scorer before, where it is of the kind and size of the new one.
fn copied(fresh: &Scorer, before: Scorer) -> Result<Scorer, ReplaceError> {
    let kind = |scorer: &Scorer| format!("{} with {}", scorer.name(), scorer.num_params());
    let alike = fresh.name() == before.name() && fresh.num_params() == before.num_params();
    if alike {
        Ok(before)
    } else {
        Err(ReplaceError::Kind {
            wanted: kind(fresh),
            found: kind(&before),
        })
    }
}

/// Replaces the routers of every mixture of a model, and gives those that it had and what was done.
///
/// `hidden` are the hidden states `[T, D]` that each mixture reads ([`MoeOutput::x_td`]), for `distil`.
///
/// [`MoeOutput::x_td`]: crate::MoeOutput::x_td
///
/// # Errors
///
/// What cannot take the place; the model is then lost, so clone it before.
pub fn replace_routers<M: Mixtures>(
    model: M,
    with: &Replacement,
    dims: &LayerDims,
    hidden: &[Tensor<2>],
) -> Result<(M, Vec<LayerRouters>, Vec<Replaced>), ReplaceError> {
    let Replacement { router, init, .. } = with;
    let mixtures = model.mixtures().len();
    if matches!(init, RouterInit::Distil(_)) && hidden.len() != mixtures {
        let got = hidden.len();
        return Err(ReplaceError::Hidden { mixtures, got });
    }
    let (mut before, mut told) = (Vec::new(), Vec::new());
    let model = model.map_mixtures(|number, layer| {
        let hidden_td = hidden.get(before.len());
        let width = layer.width();
        let dims = LayerDims {
            width,
            ..dims.clone()
        };
        let (mut routers, distilled) = layer.routers_from(router, &dims, init, hidden_td)?;
        if with.shared_gate == SharedGate::Fresh {
            routers.shared_gate = layer.shared().and_then(SharedExpert::fresh_gate);
        }
        told.push(Replaced {
            distilled,
            ..Replaced::of(number, &layer, &routers, with)
        });
        before.push(layer.routers());
        Ok::<_, ReplaceError>(layer.with_routers(routers))
    })?;
    Ok((model, before, told))
}

/// Puts routers back that [`replace_routers`] gave, layer by layer.
///
/// # Panics
///
/// If there is not one set of them a mixture.
#[must_use]
pub fn put_back<M: Mixtures>(model: M, routers: Vec<LayerRouters>) -> M {
    let mut routers = routers.into_iter();
    let put = model.map_mixtures(|_, layer| {
        let own = routers.next().expect("routers for every mixture");
        Ok::<_, std::convert::Infallible>(layer.with_routers(own))
    });
    match put {
        Ok(model) => model,
        Err(never) => match never {},
    }
}

/// The share of the experts of two routers' choices that are the same, over the tokens of `x_td` `[T, D]`:
/// `mean_t |A_t ∩ B_t| / k`, the k best of each by its logits. `None` where one scores nothing.
#[must_use]
pub fn agreement(one: &Router, other: &Router, x_td: &Tensor<2>, k: usize) -> Option<f64> {
    let chosen = |router: &Router| -> Option<Tensor<2>> {
        let logits_te = router.scorer()?.score(x_td.clone().cast(FloatDType::F32));
        let experts_tk = kernels::top_k(logits_te.clone().without_autodiff(), k);
        let ones_tk = experts_tk.clone().float().ones_like();
        let nothing_te = logits_te.without_autodiff().zeros_like();
        Some(nothing_te.scatter(1, experts_tk, ones_tk, IndexingUpdateOp::Add))
    };
    let both = chosen(one)? * chosen(other)?;
    let [tokens, _] = both.dims();
    Some(f64::from(both.sum().into_scalar::<f32>()) / (tokens * k) as f64)
}
