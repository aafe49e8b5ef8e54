//! An adapter read, run and written again, for `scripts/peft_roundtrip.py`.
//!
//! ```sh
//! cargo build --release --workspace --example peft_roundtrip
//! target/release/examples/peft_roundtrip MODEL ADAPTER OUT per-expert|fused
//! ```
//!
//! OUT gets the adapter as this program writes it, and `logits.safetensors` with the `logits` `[2, 12, V]` of the
//! tokens 1, 6, 11 and so on.

use std::path::PathBuf;

use burn::tensor::{Device, Int, Tensor};
use kernels::Precision;
use lm::{CausalLm, LmInput};
use models_qwen::Qwen2Moe;
use moe_layer::Capacity;
use peft_lora::{ExpertLayout, load_adapter, save_adapter};
use weights::{Kept, Writer};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [base, adapter, out, layout] = &arguments[..] else {
        return Err("wants a model, an adapter, a folder to write, and per-expert or fused".into());
    };
    let layout = match layout.as_str() {
        "per-expert" => ExpertLayout::PerExpert,
        "fused" => ExpertLayout::Fused,
        other => return Err(format!("{other:?} is neither per-expert nor fused").into()),
    };
    let device = Device::flex();
    let model = Qwen2Moe::load(&PathBuf::from(base), Kept::F32, &device)?;
    let (mut model, loaded) = load_adapter(model, &PathBuf::from(adapter))?;
    let out = PathBuf::from(out);
    save_adapter(&mut model, &loaded.config, Some(base), layout, &out)?;
    let ids = Tensor::<1, Int>::arange(0..24, &device) * 5 + 1;
    let forward = model.forward(&LmInput {
        ids_bs: ids.reshape([2, 12]),
        texts: None,
        noise_seed: 0,
        capacity: Capacity::Evaluation,
        precision: Precision::F32,
    });
    let [rows, vocab] = forward.logits.dims();
    let mut writer = Writer::new();
    writer.tensor("logits", forward.logits.reshape([2, rows / 2, vocab]));
    Ok(writer.write(&out.join("logits.safetensors"))?)
}
