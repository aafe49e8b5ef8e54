//! One step of training of the reference: PEFT's adapter on the random tiny model.

use crate::common::{ADAPTER, FULL, model};
use burn::{
    optim::GradientsParams,
    tensor::{Device, Tensor},
};
use kernels::Precision;
use lm::{DecoderInput, LmForward, LmInput, pooled_balance};
use models_qwen::Qwen2Moe;
use moe_layer::{BatchRows, Capacity};
use nn::{MapMut, NamedMaps};
use peft_lora::load_adapter;
use registry::PositiveF64;
use testkit::{Goldens, Tolerance, assert_close, assets, read_safetensors};
use trainer::{AdamW, TrainConfig};

/// What the project promises against the reference.
const PROMISED: Tolerance = Tolerance::new(1e-4, 1e-4);

/// Logits `[B * S, V]` and the loss of the reference: cross-entropy of the labelled tokens and 0.001 times the
/// balancing loss of the real ones.
fn loss(model: &Qwen2Moe, golden: &Goldens, device: &Device) -> (Tensor<2>, Tensor<1>) {
    let ids_bs = golden.int::<2>("input_ids", device);
    let [batch, sequence] = ids_bs.dims();
    let real_bk = golden.int::<2>("attention_mask", device).equal_elem(1);
    let texts = LmInput {
        ids_bs,
        texts: None,
        noise_seed: 0,
        capacity: Capacity::Evaluation,
        precision: Precision::F32,
    };
    let padded = DecoderInput {
        real_bk: Some(real_bk.clone()),
        ..DecoderInput::from(&texts)
    };
    let out = model.run(&padded);
    let unpadded = model.run(&DecoderInput {
        rows: BatchRows::real(&real_bk),
        ..padded
    });
    let labels = golden.int::<2>("labels", device).narrow(1, 1, sequence - 1);
    let counted = labels.clone().equal_elem(-100).bool_not();
    let targets_t = labels.clamp_min(0).reshape([batch * (sequence - 1)]);
    let [_, vocab] = out.logits.dims();
    let logits = out.logits.clone().reshape([batch, sequence, vocab]);
    let forward = LmForward {
        logits: logits
            .narrow(1, 0, sequence - 1)
            .reshape([batch * (sequence - 1), vocab]),
        layers: out.layers,
    };
    let weights_t = counted.float().reshape([batch * (sequence - 1)]);
    let balance = pooled_balance(&unpadded.layers).expect("a loss");
    let total = forward.nll(targets_t, Some(weights_t)) + balance * 0.001;
    (out.logits, total)
}

/// A and B by the names of the reference, transposed as there.
fn matrices(model: &mut Qwen2Moe) -> Vec<(String, Tensor<2>)> {
    let mut found = Vec::new();
    for named in model.named_maps() {
        if let MapMut::One(map) = named.map
            && let Some(delta) = &map.delta
        {
            for (matrix, tensor) in [("lora_A", delta.a()), ("lora_B", delta.b())] {
                let name = format!(
                    "base_model.model.{}.{matrix}.default.weight",
                    named.names[0]
                );
                found.push((name, tensor));
            }
        }
    }
    found
}

#[test]
fn a_step_is_the_references() {
    let Some(assets) = assets("a_step_is_the_references") else {
        return;
    };
    let device = Device::flex().autodiff();
    let inputs = read_safetensors(assets.join(FULL).join("io.safetensors"));
    let golden = read_safetensors(assets.join(ADAPTER).join("io.safetensors"));
    let base = model(&assets, FULL, &device);
    let (mut adapted, loaded) = load_adapter(base, &assets.join(ADAPTER)).expect("the adapter");
    // Of 4 maps in 2 layers; queries and output 64 x 64, keys and values 64 x 32: 4 (64 + 64) twice and
    // 4 (64 + 32) twice.
    assert_eq!(loaded.adapted.deltas.len(), 8);
    assert_eq!(loaded.adapted.params.trainable, 2 * (2 * 512 + 2 * 384));
    assert_eq!(loaded.base.as_deref(), Some("golden/tiny_qwen2moe"));

    let (logits, total) = loss(&adapted, &inputs, &device);
    let [rows, vocab] = logits.dims();
    let expected = golden.float::<3>("logits0", &device).reshape([rows, vocab]);
    assert_close(logits, expected, PROMISED);
    assert_close(total.clone(), golden.flat("loss0", &device), PROMISED);

    let gradients = total.backward();
    let before = matrices(&mut adapted);
    assert_eq!(before.len(), 16);
    for (name, matrix) in before {
        let gradient = matrix.grad(&gradients).expect("a gradient").transpose();
        let expected = golden.float::<2>(&format!("grad.{name}"), &gradient.device());
        assert_close(gradient, expected, PROMISED);
    }

    let settings = TrainConfig {
        weight_decay: 0.01,
        beta1: registry::Probability::new(0.9),
        beta2: registry::Probability::new(0.999),
        epsilon: PositiveF64::new(1e-8),
        ..TrainConfig::default()
    };
    let gradients = GradientsParams::from_grads(gradients, &adapted);
    let mut stepped = AdamW::new(&settings).step(1e-3, adapted, gradients);
    for (name, matrix) in matrices(&mut stepped) {
        let matrix = matrix.without_autodiff().transpose();
        let expected = golden.float::<2>(&format!("after1.{name}"), &matrix.device());
        assert_close(matrix, expected, PROMISED);
    }
    let (_, total) = loss(&stepped, &inputs, &device);
    assert_close(total, golden.flat("loss1", &device), PROMISED);
}
