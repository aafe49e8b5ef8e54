//! AdamW as PyTorch computes it.
//!
//! Burn has one too. This one is kept because Burn restores saved moments on the process's default
//! device, which in a build with CUDA is a card that may not be there; because its corrections are
//! in f32, `1 - 0.999f32` being off by 5e-5; and because moments here are matched by the path of
//! their parameter.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use burn::module::{ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;
use burn::prelude::*;
use kernels::{AdamWState, AdamWStep};

use crate::changing::Changing;
use crate::gradients::plain_device;
use crate::{TrainConfig, TrainError};

/// The optimiser: decoupled weight decay and bias-corrected moments (Loshchilov and Hutter, 2019).
///
/// # Equation
///
/// For update t of a parameter p with gradient g:
///
/// ```text
/// p <- p (1 - rate * decay)
/// m <- beta1 m + (1 - beta1) g          v <- beta2 v + (1 - beta2) g^2
/// p <- p - rate * m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + epsilon)
/// ```
///
/// A parameter without a gradient is left alone: neither decayed nor counted.
#[derive(Debug)]
pub struct AdamW {
    beta1: f64,
    beta2: f64,
    epsilon: f64,
    weight_decay: f64,
    first: GradientsParams,
    second: GradientsParams,
    updates: HashMap<ParamId, i32>,
}

impl AdamW {
    /// An optimiser that has seen nothing.
    pub fn new(config: &TrainConfig) -> Self {
        Self {
            beta1: config.beta1.get(),
            beta2: config.beta2.get(),
            epsilon: config.epsilon.get(),
            weight_decay: config.weight_decay,
            first: GradientsParams::new(),
            second: GradientsParams::new(),
            updates: HashMap::new(),
        }
    }

    /// The module after one update.
    #[must_use]
    pub fn step<M: Module>(&mut self, rate: f64, module: M, gradients: GradientsParams) -> M {
        let whole = Tensor::ones([1], &plain_device(&module));
        self.step_by(rate, module, gradients, &whole)
    }

    /// The same by all gradients times one factor `[1]`, which has no graph.
    #[must_use]
    pub fn step_by<M: Module>(
        &mut self,
        rate: f64,
        module: M,
        gradients: GradientsParams,
        factor: &Tensor<1>,
    ) -> M {
        module.map(&mut Update {
            optimiser: self,
            gradients,
            factor,
            rate,
        })
    }

    /// The new value of a parameter, given without autodiff.
    fn update<const D: usize>(
        &mut self,
        id: ParamId,
        value: Tensor<D>,
        (gradient, factor): (Tensor<D>, Tensor<1>),
        rate: f64,
    ) -> Tensor<D> {
        let updates = self.updates.entry(id).or_insert(0);
        *updates += 1;
        let correction1 = 1.0 - self.beta1.powi(*updates);
        let correction2 = (1.0 - self.beta2.powi(*updates)).sqrt();
        let step = AdamWStep {
            beta1: self.beta1,
            beta2: self.beta2,
            rate: rate * correction2 / correction1,
            epsilon: self.epsilon * correction2,
            decay: rate * self.weight_decay,
        };
        let moments = [&mut self.first, &mut self.second].map(|moments| {
            let before = moments.remove::<D>(id);
            before.unwrap_or_else(|| value.zeros_like())
        });
        let [first, second] = moments;
        let state = AdamWState {
            value,
            first,
            second,
        };
        let state = kernels::adamw(state, gradient, factor, step);
        self.first.register::<D>(id, state.first);
        self.second.register::<D>(id, state.second);
        state.value
    }

    /// Writes the moments; returns how often each parameter was updated, by path.
    pub(crate) fn save<M: Module>(
        &self,
        module: &M,
        changing: &Changing,
        folder: &Path,
    ) -> Result<BTreeMap<String, i32>, TrainError> {
        for (file, moments) in [(FIRST, &self.first), (SECOND, &self.second)] {
            let filled = module.valid().map(&mut Fill { moments });
            changing.save(filled, &folder.join(file))?;
        }
        let mut collected = Collect::default();
        module.visit(&mut collected);
        let counted =
            |(path, id): (String, ParamId)| self.updates.get(&id).map(|&count| (path, count));
        Ok(collected.found.into_iter().filter_map(counted).collect())
    }

    /// Reads what [`Self::save`] wrote, for a module that was restored from the same checkpoint.
    pub(crate) fn load<M: Module>(
        &mut self,
        module: &M,
        changing: &Changing,
        folder: &Path,
        updates: &BTreeMap<String, i32>,
    ) -> Result<(), TrainError> {
        let mut collected = Collect::default();
        module.visit(&mut collected);
        let counted = |(path, id): (String, ParamId)| updates.get(&path).map(|&count| (id, count));
        self.updates = collected.found.into_iter().filter_map(counted).collect();
        for (file, moments) in [(FIRST, &mut self.first), (SECOND, &mut self.second)] {
            let filled = changing.load(module.valid(), &folder.join(file))?;
            filled.visit(&mut Take {
                moments,
                updates: &self.updates,
            });
        }
        Ok(())
    }
}

const FIRST: &str = "first-moments.bpk";
const SECOND: &str = "second-moments.bpk";

struct Update<'a> {
    optimiser: &'a mut AdamW,
    gradients: GradientsParams,
    factor: &'a Tensor<1>,
    rate: f64,
}

impl ModuleMapper for Update<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(gradient) = self.gradients.remove::<D>(param.id) else {
            return param;
        };
        let (id, value, mapper) = param.consume();
        let (tracked, strategy) = (
            value.is_require_grad(),
            value.gradient_checkpointing_strategy(),
        );
        let gradient = (gradient, self.factor.clone());
        let value = value.without_autodiff();
        let updated = self.optimiser.update(id, value, gradient, self.rate);
        // Back onto the tape as a fresh leaf with the strategy it had: two strategies do not mix.
        let updated = match strategy {
            Some(strategy) => updated
                .autodiff()
                .with_gradient_checkpointing_strategy(strategy),
            None => updated,
        };
        Param::from_mapped_value(id, updated.set_require_grad(tracked), mapper)
    }
}

/// Turns a module into one that holds the moments of the parameters that have any, so that Burn's
/// record can save them.
struct Fill<'a> {
    moments: &'a GradientsParams,
}

impl ModuleMapper for Fill<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(moment) = self.moments.get::<D>(param.id) else {
            return param;
        };
        let (id, _, mapper) = param.consume();
        Param::from_mapped_value(id, moment, mapper)
    }
}

/// The inverse of [`Fill`], for parameters that were ever updated.
struct Take<'a> {
    moments: &'a mut GradientsParams,
    updates: &'a HashMap<ParamId, i32>,
}

impl ModuleVisitor for Take<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if self.updates.contains_key(&param.id) {
            self.moments.register::<D>(param.id, param.val());
        }
    }
}

/// The path and id of every float parameter.
#[derive(Default)]
struct Collect {
    path: Vec<String>,
    found: Vec<(String, ParamId)>,
}

impl ModuleVisitor for Collect {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.found.push((self.path.join("."), param.id));
    }
}

#[cfg(test)]
#[path = "adamw_tests.rs"]
mod tests;
