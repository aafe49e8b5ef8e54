//! The outputs and gradients of the reference implementation: a random tiny Qwen2-MoE with grouped
//! queries, and a trained one.

use std::collections::BTreeMap;

use burn::{
    module::{Module, ModuleVisitor, Param},
    tensor::{Bool, Device, Gradients, Int, Tensor},
};
use kernels::Precision;
use lm::{DecoderInput, LmInput, pooled_balance};
use models_qwen::Qwen2Moe;
use moe_layer::{BatchRows, Capacity};
use rstest::rstest;
use testkit::{Goldens, Tolerance, assert_close, assets, read_safetensors};
use weights::Kept;

/// What the project promises against the reference implementation.
const PROMISED: Tolerance = Tolerance::new(2e-5, 1e-4);

/// A pass that hides padding from attention, and routes it as the reference does.
fn input(ids_bs: Tensor<2, Int>, real_bk: Option<Tensor<2, Bool>>) -> DecoderInput {
    let texts = LmInput {
        ids_bs,
        texts: None,
        noise_seed: 0,
        capacity: Capacity::Evaluation,
        precision: Precision::F32,
    };
    DecoderInput {
        real_bk,
        ..DecoderInput::from(&texts)
    }
}

/// The same with padding left out of the mixtures.
fn not_routed(input: DecoderInput, real_bs: &Tensor<2, Bool>) -> DecoderInput {
    DecoderInput {
        rows: BatchRows::real(real_bs),
        ..input
    }
}

fn real(golden: &Goldens, device: &Device) -> Tensor<2, Bool> {
    golden.int::<2>("attention_mask", device).equal_elem(1)
}

#[test]
fn a_random_model_is_the_references() {
    let Some(assets) = assets("a_random_model_is_the_references") else {
        return;
    };
    let device = Device::flex();
    let folder = assets.join("golden/tiny_qwen2moe");
    let golden = read_safetensors(folder.join("io.safetensors"));
    let model = Qwen2Moe::load(&folder, Kept::Stored, &device).expect("the tiny model");
    let ids_bs = golden.int::<2>("input_ids", &device);
    let [batch, sequence] = ids_bs.dims();
    let real_bk = real(&golden, &device);

    let out = model.run(&input(ids_bs.clone(), Some(real_bk.clone())));
    for (number, hidden) in out.hidden.iter().enumerate() {
        let expected = golden.float(&format!("hidden_{number}"), &device);
        assert_close(hidden.clone(), expected, PROMISED);
    }
    for (number, layer) in out.layers.iter().enumerate() {
        let scores = layer.rounds[0].routing.scores.as_ref().expect("scores");
        let expected = golden.float(&format!("router_logits_{number}"), &device);
        assert_close(scores.logits_te.clone(), expected, PROMISED);
    }
    let shaped = |logits: Tensor<2>| logits.reshape([batch as i32, sequence as i32, -1]);
    let logits = out.logits.clone();
    assert_close(
        shaped(out.logits),
        golden.float::<3>("logits", &device),
        PROMISED,
    );
    let plain = model.run(&input(ids_bs.clone(), None));
    let expected = golden.float::<3>("logits_nomask", &device);
    assert_close(shaped(plain.logits), expected, PROMISED);

    // Padding that is not routed enters no loss, and real tokens are the same.
    let unpadded = model.run(&not_routed(input(ids_bs, Some(real_bk.clone())), &real_bk));
    let real_r: Tensor<1, Int> = real_bk
        .reshape([batch * sequence])
        .argwhere()
        .squeeze_dim(1);
    assert_close(
        unpadded.logits.select(0, real_r.clone()),
        logits.select(0, real_r),
        PROMISED,
    );
    for (name, layers) in [
        ("aux_loss", &unpadded.layers),
        ("aux_loss_nomask", &plain.layers),
    ] {
        let found = pooled_balance(layers).expect("a loss");
        assert_close(found, golden.flat(name, &device), PROMISED);
    }
}

/// Gradients by the path of their parameter.
struct Found<'a> {
    gradients: &'a Gradients,
    path: Vec<String>,
    of: BTreeMap<String, Tensor<1>>,
}

impl ModuleVisitor for Found<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let gradient = param
            .val()
            .grad(self.gradients)
            .expect("every parameter has one");
        let gradient: Tensor<D> = match D {
            // Matrices are kept turned.
            2 if !self.path.iter().any(|part| part == "tokens_vd") => gradient.transpose(),
            3 => gradient.swap_dims(1, 2),
            _ => gradient,
        };
        let numbers = gradient.shape().num_elements();
        self.of
            .insert(self.path.join("."), gradient.reshape([numbers]));
    }
}

/// What the reference calls a parameter of ours.
fn reference_name(path: &str) -> String {
    let renamed = [
        ("blocks.", "model.layers."),
        ("tokens_vd", "model.embed_tokens.weight"),
        ("head.", "lm_head."),
        ("attention_norm.gamma", "input_layernorm.weight"),
        ("ffn_norm.gamma", "post_attention_layernorm.weight"),
        ("norm.gamma", "model.norm.weight"),
        ("attention.query", "self_attn.q_proj"),
        ("attention.key", "self_attn.k_proj"),
        ("attention.value", "self_attn.v_proj"),
        ("attention.output", "self_attn.o_proj"),
        ("ffn.Mixture.router.scorer.Linear.map", "mlp.gate"),
        ("ffn.Mixture.shared.gate", "mlp.shared_expert_gate"),
        ("ffn.Mixture.shared.ffn.gate", "mlp.shared_expert.gate_proj"),
        ("ffn.Mixture.shared.ffn.up", "mlp.shared_expert.up_proj"),
        ("ffn.Mixture.shared.ffn.down", "mlp.shared_expert.down_proj"),
        ("ffn.Mixture.experts.down.weight", "mlp.experts.down_proj"),
        ("ffn.Mixture.experts", "mlp.experts"),
    ];
    let mut name = path.to_owned();
    for (ours, theirs) in renamed {
        name = name.replace(ours, theirs);
    }
    format!("grad.{name}")
}

/// The loss of the reference: the logits of each place predict the label of the next, -100 counts for
/// nothing, and the balancing loss is added with its weight.
struct Loss {
    cross_entropy: Tensor<1>,
    total: Tensor<1>,
}

impl Loss {
    fn of(model: &Qwen2Moe, golden: &Goldens, labels_bs: Tensor<2, Int>, device: &Device) -> Self {
        let ids_bs = golden.int::<2>("input_ids", device);
        let [batch, sequence] = ids_bs.dims();
        let real_bk = real(golden, device);
        let padded = input(ids_bs, Some(real_bk.clone()));
        let out = model.run(&padded);
        let unpadded = model.run(&not_routed(padded, &real_bk));
        let labels = labels_bs.narrow(1, 1, sequence - 1);
        let counted = labels.clone().equal_elem(-100).bool_not();
        let targets_t = labels.clamp_min(0).reshape([batch * (sequence - 1)]);
        let [_, vocab] = out.logits.dims();
        let logits = out.logits.reshape([batch, sequence, vocab]);
        let logits = logits.narrow(1, 0, sequence - 1);
        let forward = lm::LmForward {
            logits: logits.reshape([batch * (sequence - 1), vocab]),
            layers: out.layers,
        };
        let weights_t = counted.float().reshape([batch * (sequence - 1)]);
        let cross_entropy = forward.nll(targets_t, Some(weights_t));
        let balance = pooled_balance(&unpadded.layers).expect("a loss");
        Self {
            total: cross_entropy.clone() + balance * 0.001,
            cross_entropy,
        }
    }

    /// The gradients of all parameters.
    fn gradients(&self, model: &Qwen2Moe) -> BTreeMap<String, Tensor<1>> {
        let gradients = self.total.backward();
        let mut found = Found {
            gradients: &gradients,
            path: Vec::new(),
            of: BTreeMap::new(),
        };
        model.visit(&mut found);
        found.of
    }
}

#[test]
fn gradients_are_the_references() {
    let Some(assets) = assets("gradients_are_the_references") else {
        return;
    };
    let device = Device::flex().autodiff();
    let folder = assets.join("golden/tiny_qwen2moe");
    let golden = read_safetensors(folder.join("io.safetensors"));
    let model = Qwen2Moe::load(&folder, Kept::Stored, &device).expect("the tiny model");
    let labels = golden.int::<2>("labels", &device);
    let loss = Loss::of(&model, &golden, labels.clone(), &device);
    for (found, name) in [
        (&loss.cross_entropy, "ce_loss"),
        (&loss.total, "loss_with_aux"),
    ] {
        assert_close(found.clone(), golden.flat(name, &device), PROMISED);
    }
    let plain = Device::flex();
    let found = loss.gradients(&model);
    for (path, gradient) in &found {
        let name = reference_name(path);
        let expert_half = |half: usize| {
            // Gate rows, then up rows, of each expert in one tensor [E, 2 F, D].
            let fused = name
                .rsplit_once(".experts.")
                .expect("an expert")
                .0
                .to_owned();
            let fused = golden.float::<3>(&format!("{fused}.experts.gate_up_proj"), &plain);
            let rows = fused.dims()[1] / 2;
            let own = fused.narrow(1, half * rows, rows);
            let size = own.shape().num_elements();
            own.reshape([size])
        };
        let expected = if name.ends_with("experts.gate.weight") {
            expert_half(0)
        } else if name.ends_with("experts.up.weight") {
            expert_half(1)
        } else {
            golden.flat(&name, &plain)
        };
        assert_close(gradient.clone(), expected, Tolerance::new(2e-6, 1e-4));
    }
    // Two layers of seven tensors of attention, two norms and eight of the mixture; embedding, norm, head.
    assert_eq!(found.len(), 2 * (7 + 2 + 8) + 3);

    // A target of the second text is predicted by padding, which sees nothing: there the reference's
    // two kinds of attention agree on the loss and not on gradients. Without it they do.
    let rows = Tensor::<1, Int>::arange(0..2, &device).reshape([2, 1]);
    let places = Tensor::<1, Int>::arange(0..10, &device).reshape([1, 10]);
    let from_padding = (rows * 10 + places).equal_elem(13);
    let labels = labels.mask_fill(from_padding, -100);
    let without = Loss::of(&model, &golden, labels, &device).gradients(&model);
    let key = &without["blocks.1.attention.key.bias"];
    let expected = Tensor::<1>::from_floats([0.017_192_66], &plain);
    assert_close(
        key.clone().narrow(0, 0, 1),
        expected,
        Tolerance::new(0.0, 1e-4),
    );
}

/// Logits of maps that the reference implementation widens and then multiplies.
const INT4_LOGITS: Tolerance = Tolerance::new(1e-3, 0.0);

#[rstest]
#[case::full("fp32", Tolerance::new(2e-4, 1e-4), PROMISED)]
#[case::four_bits("gptq_int4_g128", INT4_LOGITS, INT4_LOGITS)]
fn a_trained_model_is_the_references(
    #[case] form: &str,
    #[case] of_logits: Tolerance,
    #[case] of_routers: Tolerance,
) {
    let Some(assets) = assets("a_trained_model_is_the_references") else {
        return;
    };
    let device = Device::flex();
    let folder = assets.join("models/tiny_qwen2_moe").join(form);
    let golden = read_safetensors(folder.join("golden.safetensors"));
    let model = Qwen2Moe::load(&folder, Kept::Stored, &device).expect("the trained model");
    let ids_bs = golden.int::<2>("input_ids", &device);
    let out = model.run(&input(ids_bs, None));
    let expected = golden.float::<3>("logits", &device).squeeze_dim::<2>(0);
    assert_close(out.logits, expected, of_logits);
    for (number, layer) in out.layers.iter().enumerate() {
        let scores = layer.rounds[0].routing.scores.as_ref().expect("scores");
        let expected = golden.float(&format!("router_logits.{number}"), &device);
        assert_close(scores.logits_te.clone(), expected, of_routers);
    }
    if golden.contains("aux_loss") {
        let aux = pooled_balance(&out.layers).expect("a loss");
        assert_close(aux, golden.flat("aux_loss", &device), PROMISED);
    }
}
