//! Weights of half precision: what they cost in accuracy, and that they are not learned.

mod common;

use burn::{
    module::{Module, ModuleVisitor, Param},
    tensor::{DType, Device, Gradients, Int, Tensor},
};
use common::{Folder, config, parsed, random_tensors};
use kernels::Precision;
use lm::{CausalLm, GenerationConfig, LmForward, LmInput, generate};
use models_qwen::Qwen2Moe;
use moe_layer::Capacity;
use routers::Assignment;
use testkit::{Tolerance, assert_close, assets, integers, read_safetensors};
use weights::Kept;

/// Of logits from -16 to 16. bf16 keeps 8 bits of a weight: it is off by 2^-9 of its size at most, which two
/// layers and the head add up to 0.027 for the worst of 262,144 logits; f16 keeps 11 bits, and 0.0027 is
/// seen. Twice that is allowed.
const BF16_LOGITS: Tolerance = Tolerance::new(0.054, 0.0);
const F16_LOGITS: Tolerance = Tolerance::new(0.0054, 0.0);

fn run(model: &Qwen2Moe, ids_bs: &Tensor<2, Int>, precision: Precision) -> LmForward {
    model.forward(&LmInput {
        ids_bs: ids_bs.clone(),
        texts: None,
        noise_seed: 0,
        capacity: Capacity::Evaluation,
        precision,
    })
}

/// The experts of each token in all layers, in the order of their numbers.
fn experts(forward: &LmForward) -> Vec<Vec<i64>> {
    let chosen = forward.layers.iter().map(|layer| {
        let Assignment::TokenChoice { experts_tk, .. } = &layer.rounds[0].routing.assignment else {
            panic!("tokens choose")
        };
        experts_tk.clone().sort(1)
    });
    let chosen = Tensor::cat(chosen.collect(), 1);
    let [_, width] = chosen.dims();
    let chosen: Vec<i64> = chosen.into_data().iter::<i64>().collect();
    chosen.chunks(width).map(<[i64]>::to_vec).collect()
}

#[test]
fn logits_are_those_of_the_whole_weights_within_a_tolerance() {
    let Some(assets) = assets("logits_are_those_of_the_whole_weights_within_a_tolerance") else {
        return;
    };
    let device = Device::flex();
    let folder = assets.join("models/tiny_qwen2_moe/fp32");
    let golden = read_safetensors(folder.join("golden.safetensors"));
    let ids_bs = golden.int::<2>("input_ids", &device);
    let expected = golden.float::<3>("logits", &device).squeeze_dim::<2>(0);
    let load = |kept| Qwen2Moe::load(&folder, kept, &device).expect("the trained model");
    let whole = run(&load(Kept::F32), &ids_bs, Precision::F32);
    for (kept, tolerance) in [(Kept::F16, F16_LOGITS), (Kept::BF16, BF16_LOGITS)] {
        let model = load(kept);
        let found = run(&model, &ids_bs, Precision::F32);
        assert_eq!(found.logits.dtype(), DType::F32);
        assert_eq!(
            experts(&found),
            experts(&whole),
            "{kept:?}: no token goes elsewhere"
        );
        assert_close(found.logits, expected.clone(), tolerance);

        let config = GenerationConfig::greedy(8);
        let prompt = [vec![326, 342, 154, 291]];
        let written = generate(&model, &prompt, &config).expect("a prompt");
        let written = written.finish().expect("numbers").remove(0).ids;
        assert_eq!(written, [12, 294, 177, 154, 292, 341, 395, 259]);
    }
}

/// Types of parameters, and whether each learns.
struct Types(Vec<(usize, DType, bool)>);

impl ModuleVisitor for Types {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let tensor = param.val();
        self.0.push((D, tensor.dtype(), tensor.is_require_grad()));
    }
}

/// The sizes of the gradients of those that learn.
struct Sizes<'a> {
    gradients: &'a Gradients,
    of: Vec<f32>,
}

impl ModuleVisitor for Sizes<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let gradient = param.val().grad(self.gradients);
        self.of
            .extend(gradient.map(|gradient| gradient.abs().sum().into_scalar::<f32>()));
    }
}

#[test]
fn matrices_keep_their_type_and_what_is_half_is_frozen() {
    let device = Device::flex().autodiff();
    let config = config(40, 16, 4, 24);
    let folder = Folder::with(&config, &random_tensors(&parsed(&config), 2));
    for (kept, dtype) in [
        (Kept::Stored, DType::BF16),
        (Kept::F16, DType::F16),
        (Kept::F32, DType::F32),
    ] {
        let model = Qwen2Moe::load(folder.path(), kept, &device).expect("a model");
        let mut types = Types(Vec::new());
        model.visit(&mut types);
        let of = |dtype: DType| types.0.iter().filter(move |(_, found, _)| *found == dtype);
        if dtype != DType::F32 {
            // Embedding, head, four maps of attention, three stacks and three of the shared expert.
            assert_eq!(of(dtype).count(), 12);
            assert!(of(dtype).all(|(rank, _, learns)| *rank >= 2 && !learns));
            // Three norms, three biases, router and shared gate.
            assert_eq!(of(DType::F32).count(), 8);
        }
        assert!(of(DType::F32).all(|(.., learns)| *learns));

        // Gradients go through what is frozen, down to the norm of the first layer.
        let ids_bs = integers([2, 7], 40, 3, &device);
        let forward = run(&model, &ids_bs, Precision::F32);
        let gradients = forward.nll(ids_bs.reshape([14]), None).backward();
        let mut sizes = Sizes {
            gradients: &gradients,
            of: Vec::new(),
        };
        model.visit(&mut sizes);
        let learns = types.0.iter().filter(|(.., learns)| *learns).count();
        assert_eq!(sizes.of.len(), learns);
        assert!(sizes.of.iter().all(|size| *size > 0.0 && size.is_finite()));
    }
}

#[test]
fn numbers_that_are_too_large_for_their_type_are_refused() {
    let config = config(40, 16, 4, 24);
    let mut tensors = random_tensors(&parsed(&config), 2);
    let name = "model.layers.0.mlp.experts.3.down_proj.weight";
    let (.., bytes) = tensors.get_mut(name).expect("a tensor");
    // 2^17 is 0x4800 in bf16; the sixth number of a row of 24.
    bytes[2 * (24 + 5)..][..2].copy_from_slice(&0x4800u16.to_le_bytes());
    let folder = Folder::with(&config, &tensors);
    let load = |kept| Qwen2Moe::load(folder.path(), kept, &Device::flex()).map(|_| ());
    load(Kept::BF16).expect("bf16 holds it");
    let refused = load(Kept::F16).expect_err("f16 does not").to_string();
    for word in [name, "model.safetensors", "inf in f16", "[1, 5]"] {
        assert!(refused.contains(word), "no {word} in: {refused}");
    }
}
