//! The model on its fast operations against the same model written in plain ones.

use std::{collections::HashMap, num::NonZeroUsize};

use burn::{
    module::{Module, ModuleVisitor, Param},
    tensor::{Device, Int, Tensor, activation, module as operations},
};
use kernels::{Precision, attention_reference, cross_entropy_reference, layer_norm_reference};
use lm::{CausalLm, DataDims, LmConfig, LmInput};
use models_tiny::{TinyMoe, TinyMoeConfig};
use moe_layer::{Capacity, MoeConfig, NoneConfig};
use registry::{Fraction, Variant};
use routers::{RouterConfig, StrategyConfig};
use testkit::{F32_SUM, assert_close, integers, normal};

const DIMS: DataDims = DataDims {
    vocab: 13,
    sequence: 19,
    token_counts: None,
    seed: 0,
};
const DIM: usize = 12;
const HEADS: usize = 3;
const LAYERS: usize = 2;
const BATCH: usize = 3;

fn size(n: usize) -> NonZeroUsize {
    NonZeroUsize::new(n).expect("a size that is not zero")
}

fn model(dropout: f64, device: &Device) -> TinyMoe {
    let config = TinyMoeConfig {
        layers: size(LAYERS),
        dim: size(DIM),
        heads: size(HEADS),
        dropout: Fraction::new(dropout),
        ..TinyMoeConfig::default()
    };
    // One expert with a gate of one: the mixture is a plain feed-forward network.
    let moe = MoeConfig {
        experts: size(1),
        k: size(1),
        drop: NoneConfig::default().into(),
        ..MoeConfig::default()
    };
    let router = RouterConfig {
        strategy: StrategyConfig::by_default("hash").expect("a member"),
        ..RouterConfig::default()
    };
    device.seed(5);
    let model = config.build(&moe, &router, &DIMS, device).expect("a model");
    let _ = model.clone().into_record();
    moved(model)
}

/// Moves every parameter off its start, so that no scale is one and no shift zero.
fn moved(model: TinyMoe) -> TinyMoe {
    struct Move(u64);
    impl burn::module::ModuleMapper for Move {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            self.0 += 1;
            param.map(|x| {
                let by = normal(x.dims(), self.0, &x.device().inner()) * 0.1;
                let moved = x.clone().without_autodiff() + by;
                Tensor::from_data(moved.into_data(), &x.device()).require_grad()
            })
        }
    }
    model.map(&mut Move(0))
}

/// All parameters by path, as leaves of their own.
struct Parameters {
    path: Vec<String>,
    found: HashMap<String, (Vec<usize>, Tensor<1>)>,
}

impl ModuleVisitor for Parameters {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let value = param.val();
        let flat = Tensor::<1>::from_data(
            value
                .clone()
                .reshape([value.shape().num_elements()])
                .into_data(),
            &value.device(),
        );
        let entry = (value.dims().to_vec(), flat.require_grad());
        self.found.insert(self.path.join("."), entry);
    }
}

impl Parameters {
    fn of(model: &TinyMoe) -> Self {
        let mut parameters = Self {
            path: Vec::new(),
            found: HashMap::new(),
        };
        model.visit(&mut parameters);
        parameters
    }

    fn get<const D: usize>(&self, path: &str) -> Tensor<D> {
        let (shape, flat) = self.found.get(path).unwrap_or_else(|| {
            panic!("no parameter {path} among {:?}", self.found.keys());
        });
        let shape: [usize; D] = shape.as_slice().try_into().expect("its rank");
        flat.clone().reshape(shape)
    }

    fn linear(&self, path: &str, x: Tensor<2>) -> Tensor<2> {
        let product = x.matmul(self.get(&format!("{path}.weight")));
        product + self.get::<1>(&format!("{path}.bias")).unsqueeze()
    }

    fn norm(&self, path: &str, x: Tensor<2>) -> Tensor<2> {
        let (gamma, beta) = (format!("{path}.gamma"), format!("{path}.beta"));
        layer_norm_reference(x, self.get(&gamma), self.get(&beta), 1e-5)
    }

    /// The decoder in plain operations, without dropout.
    fn logits(&self, ids_bs: Tensor<2, Int>) -> Tensor<2> {
        let [batch, sequence] = ids_bs.dims();
        let rows = batch * sequence;
        let places = Tensor::<1, Int>::arange(0..sequence as i64, &ids_bs.device());
        let tokens = operations::embedding(self.get("tokens.weight"), ids_bs);
        let positions =
            operations::embedding(self.get("positions.weight"), places.reshape([1, sequence]));
        let mut x = (tokens + positions).reshape([rows, DIM]);
        for layer in 0..LAYERS {
            let at = |name: &str| format!("blocks.{layer}.{name}");
            let normed = self.norm(&at("attention_norm"), x.clone());
            let joint = self.linear(&at("attention.query_key_value"), normed);
            let mixed = attention_reference(
                joint.reshape([batch, sequence, 3 * DIM]),
                HEADS,
                None,
                Precision::F32,
            );
            x = x + self.linear(&at("attention.output"), mixed.reshape([rows, DIM]));
            let normed = self.norm(&at("moe_norm"), x.clone());
            let matrix = |name: &str| {
                self.get::<3>(&at(&format!("moe.experts.{name}")))
                    .squeeze_dim::<2>(0)
            };
            let bias = |name: &str| self.get::<2>(&at(&format!("moe.experts.{name}")));
            let hidden = activation::gelu(normed.matmul(matrix("up.weight")) + bias("up.bias"));
            x = x + hidden.matmul(matrix("down.weight")) + bias("down.bias");
        }
        self.norm("norm", x).matmul(self.get("head.weight"))
    }
}

fn ids(device: &Device) -> Tensor<2, Int> {
    integers([BATCH, DIMS.sequence], DIMS.vocab, 1, device)
}

fn input(seed: u64, device: &Device) -> LmInput {
    LmInput {
        ids_bs: ids(device),
        texts: None,
        noise_seed: seed,
        capacity: Capacity::Training,
        precision: Precision::F32,
    }
}

/// Compares the gradients of both models, parameter by parameter.
struct Gradients<'a> {
    path: Vec<String>,
    fast: burn::tensor::Gradients,
    plain: burn::tensor::Gradients,
    parameters: &'a Parameters,
    compared: usize,
}
impl ModuleVisitor for Gradients<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }
    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let path = self.path.join(".");
        let (_, leaf) = &self.parameters.found[&path];
        let fast = param.val().grad(&self.fast).expect("a gradient");
        let plain = leaf.grad(&self.plain).expect("a gradient");
        let size = plain.shape().num_elements();
        assert_close(fast.reshape([size]), plain, F32_SUM);
        self.compared += 1;
    }
}

#[test]
fn the_fast_model_is_the_plain_model() {
    let device = Device::flex().autodiff();
    let model = model(0.0, &device);
    let plain = Parameters::of(&model);
    let targets: Tensor<1, Int> = integers([BATCH * DIMS.sequence], DIMS.vocab, 2, &device);

    let forward = model.forward(&input(3, &device));
    let expected = plain.logits(ids(&device));
    assert_close(
        forward.logits.clone().without_autodiff(),
        expected.clone().without_autodiff(),
        F32_SUM,
    );
    let (loss, expected) = (
        forward.nll(targets.clone(), None),
        cross_entropy_reference(expected, targets),
    );
    assert_close(
        loss.clone().without_autodiff(),
        expected.clone().without_autodiff(),
        F32_SUM,
    );

    let mut gradients = Gradients {
        path: Vec::new(),
        fast: loss.backward(),
        plain: expected.backward(),
        parameters: &plain,
        compared: 0,
    };
    model.visit(&mut gradients);
    assert_eq!(gradients.compared, plain.found.len());
}

#[test]
fn dropout_follows_the_seed_in_training_and_is_none_outside() {
    let device = Device::flex().autodiff();
    let model = model(0.3, &device);
    let logits = |model: &TinyMoe, seed, device: &Device| {
        let logits = model.forward(&input(seed, device)).logits.into_data();
        logits.iter::<f32>().collect::<Vec<f32>>()
    };
    assert_eq!(logits(&model, 1, &device), logits(&model, 1, &device));
    assert_ne!(logits(&model, 1, &device), logits(&model, 2, &device));
    let evaluated = model.valid();
    let flex = Device::flex();
    assert_eq!(logits(&evaluated, 1, &flex), logits(&evaluated, 2, &flex));
    assert_ne!(logits(&evaluated, 1, &flex), logits(&model, 1, &device));
}
