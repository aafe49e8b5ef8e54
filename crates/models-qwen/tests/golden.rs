//! The outputs and gradients of the reference implementation: a random tiny Qwen2-MoE with grouped
//! queries, and a trained one.

use std::collections::BTreeMap;

use burn::{
    module::{Module, ModuleVisitor, Param},
    tensor::{Bool, Device, Gradients, Int, Tensor},
};
use kernels::Precision;
use lm::pooled_balance;
use models_qwen::{Qwen2Moe, QwenInput};
use moe_layer::{BatchRows, Capacity};
use testkit::{Goldens, Tolerance, assert_close, assets, read_safetensors};

/// What the project promises against the reference implementation.
const PROMISED: Tolerance = Tolerance::new(2e-5, 1e-4);

/// A pass that hides padding from attention, and routes it as the reference does.
fn input(ids_bs: Tensor<2, Int>, real_bk: Option<Tensor<2, Bool>>) -> QwenInput {
    let [batch, sequence] = ids_bs.dims();
    let places = Tensor::<1, Int>::arange(0..sequence as i64, &ids_bs.device());
    QwenInput {
        ids_bs,
        places_bs: places.unsqueeze::<2>().expand([batch, sequence]),
        real_bk,
        rows: BatchRows::equal(batch, sequence),
        noise_seed: 0,
        capacity: Capacity::Evaluation,
        precision: Precision::F32,
    }
}

/// The same with padding left out of the mixtures.
fn not_routed(input: QwenInput, real_bs: &Tensor<2, Bool>) -> QwenInput {
    QwenInput {
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
    let model = Qwen2Moe::load(&folder, &device).expect("the tiny model");
    let ids_bs = golden.int::<2>("input_ids", &device);
    let [batch, sequence] = ids_bs.dims();
    let real_bk = real(&golden, &device);

    let out = model.run(&input(ids_bs.clone(), Some(real_bk.clone())), None);
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
    let plain = model.run(&input(ids_bs.clone(), None), None);
    let expected = golden.float::<3>("logits_nomask", &device);
    assert_close(shaped(plain.logits), expected, PROMISED);

    // Padding that is not routed enters no loss, and real tokens are the same.
    let unpadded = model.run(
        &not_routed(input(ids_bs, Some(real_bk.clone())), &real_bk),
        None,
    );
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

/// Whether no gradient of attention's scores lies between the loss and a parameter.
///
/// The reference's gradients of queries and keys are not those of its own loss: moving the first bias of
/// the last layer's keys by 0.02 either way moves the loss by 0.01586 a unit, which is our gradient, and it
/// says 0.02105. What lies before them is as wrong. `nn` holds ours to finite differences.
fn is_behind_scores(path: &str) -> bool {
    let scores = ["attention.query", "attention.key", "attention_norm"];
    let last = path.starts_with("blocks.1.") && !scores.iter().any(|part| path.contains(part));
    last || ["norm.", "head."]
        .iter()
        .any(|start| path.starts_with(start))
}

#[test]
fn gradients_behind_the_last_scores_are_the_references() {
    let Some(assets) = assets("gradients_behind_the_last_scores_are_the_references") else {
        return;
    };
    let device = Device::flex().autodiff();
    let folder = assets.join("golden/tiny_qwen2moe");
    let golden = read_safetensors(folder.join("io.safetensors"));
    let model = Qwen2Moe::load(&folder, &device).expect("the tiny model");
    let ids_bs = golden.int::<2>("input_ids", &device);
    let [batch, sequence] = ids_bs.dims();
    let real_bk = real(&golden, &device);
    let padded = input(ids_bs, Some(real_bk.clone()));
    let out = model.run(&padded, None);
    let unpadded = model.run(&not_routed(padded, &real_bk), None);

    // The logits of each place predict the label of the next; -100 counts for nothing.
    let labels = golden
        .int::<2>("labels", &device)
        .narrow(1, 1, sequence - 1);
    let counted = labels.clone().equal_elem(-100).bool_not();
    let targets_t = labels.clamp_min(0).reshape([batch * (sequence - 1)]);
    let [_, vocab] = out.logits.dims();
    let logits = out.logits.clone().reshape([batch, sequence, vocab]);
    let logits = logits
        .narrow(1, 0, sequence - 1)
        .reshape([batch * (sequence - 1), vocab]);
    let weights_t = counted.float().reshape([batch * (sequence - 1)]);
    let forward = lm::LmForward {
        logits,
        layers: out.layers,
    };
    let ce = forward.nll(targets_t, Some(weights_t));
    assert_close(ce.clone(), golden.flat("ce_loss", &device), PROMISED);
    let aux = pooled_balance(&unpadded.layers).expect("a loss");
    let loss = ce + aux * 0.001;
    assert_close(
        loss.clone(),
        golden.flat("loss_with_aux", &device),
        PROMISED,
    );

    let gradients = loss.backward();
    let mut found = Found {
        gradients: &gradients,
        path: Vec::new(),
        of: BTreeMap::new(),
    };
    model.visit(&mut found);
    let plain = Device::flex();
    let mut seen = 0;
    for (path, gradient) in found.of.iter().filter(|(path, _)| is_behind_scores(path)) {
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
        seen += 1;
    }
    // Value and output maps, norm and mixture of the last layer; norm and head.
    assert_eq!(seen, 3 + 1 + 8 + 2);
}

#[test]
fn a_trained_model_is_the_references() {
    let Some(assets) = assets("a_trained_model_is_the_references") else {
        return;
    };
    let device = Device::flex();
    let folder = assets.join("models/tiny_qwen2_moe/fp32");
    let golden = read_safetensors(folder.join("golden.safetensors"));
    let model = Qwen2Moe::load(&folder, &device).expect("the trained model");
    let ids_bs = golden.int::<2>("input_ids", &device);
    let out = model.run(&input(ids_bs, None), None);
    let expected = golden.float::<3>("logits", &device).squeeze_dim::<2>(0);
    assert_close(out.logits, expected, Tolerance::new(2e-4, 1e-4));
    for (number, layer) in out.layers.iter().enumerate() {
        let scores = layer.rounds[0].routing.scores.as_ref().expect("scores");
        let expected = golden.float(&format!("router_logits.{number}"), &device);
        assert_close(scores.logits_te.clone(), expected, PROMISED);
    }
    let aux = pooled_balance(&out.layers).expect("a loss");
    assert_close(aux, golden.flat("aux_loss", &device), PROMISED);
}
