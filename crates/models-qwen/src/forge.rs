//! Folders of random weights at real sizes, where a real model cannot be had.

use std::{fs, num::NonZeroUsize, path::Path, rc::Rc};

use burn::tensor::{DType, bf16, f16};
use quant_gptq::{PackedSettings, ZeroFormat};
use rand::{RngExt as _, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use weights::{Entry, Holds, Layout, WeightsError, Writer};

use crate::{Qwen2MoeConfig, layout::packed_by_gptq};

/// The largest file, that of `transformers`.
const SHARD: u64 = 5_000_000_000;

/// Inputs of a group in four bits.
const GROUP: usize = 128;

/// The standard deviation of whole numbers from 0 to 15, each as likely.
const LEVELS: f64 = 4.61;

/// The sizes of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// Those of Qwen1.5-MoE-A2.7B: 14.3 billion numbers.
    A27b,
    /// Two layers of eight experts.
    Tiny,
}

/// A model of random weights that is yet to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forge {
    /// Its sizes.
    pub preset: Preset,
    /// How many layers it has, where not as many as the preset.
    pub layers: Option<NonZeroUsize>,
    /// Whether its maps are in four bits of GPTQ, as in Qwen's own checkpoint; else they are in bf16.
    pub int4: bool,
    /// From which all numbers follow.
    pub seed: u64,
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forged {
    /// Tensors.
    pub tensors: usize,
    /// Their bytes.
    pub bytes: u64,
}

impl Forge {
    /// What will be written.
    ///
    /// # Panics
    ///
    /// Never: the presets are configurations.
    #[must_use]
    pub fn size(self) -> Forged {
        let layout = self.layout();
        let bytes = layout.iter().map(|entry| {
            let numbers = entry.shape.iter().product::<usize>() as u64;
            numbers * self.dtype(entry).size() as u64
        });
        Forged {
            tensors: layout.iter().count(),
            bytes: bytes.sum(),
        }
    }

    /// Writes the folder: `config.json`, a tokenizer of bytes, and weights of the scales at which such models
    /// start, in the layout of the real ones. `wrote` is told of the bytes of every tensor. One tensor at a
    /// time is in memory.
    ///
    /// # Errors
    ///
    /// When the folder or a file cannot be written.
    pub fn write(
        self,
        folder: &Path,
        wrote: impl Fn(u64) + 'static,
    ) -> Result<Forged, WeightsError> {
        let refused = |path: &Path, error: std::io::Error| WeightsError::Write {
            path: path.to_owned(),
            problem: error.to_string(),
        };
        fs::create_dir_all(folder).map_err(|error| refused(folder, error))?;
        for (name, text) in [
            ("config.json", self.config()),
            ("tokenizer.json", byte_tokenizer()),
        ] {
            let path = folder.join(name);
            fs::write(&path, format!("{text:#}\n")).map_err(|error| refused(&path, error))?;
        }
        let mut writer = Writer::new();
        let wrote = Rc::new(wrote);
        for (number, entry) in self.layout().iter().enumerate() {
            let (entry, wrote) = (entry.clone(), Rc::clone(&wrote));
            let dtype = self.dtype(&entry);
            // Numbers of a tensor follow from the seed and its place.
            let seed = self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ number as u64;
            writer.made(entry.name.clone(), entry.shape.clone(), dtype, move || {
                let bytes = filled(&entry, dtype, seed);
                wrote(bytes.len() as u64);
                bytes
            });
        }
        writer.write_folder(folder, SHARD)?;
        Ok(self.size())
    }

    fn dtype(self, entry: &Entry) -> DType {
        match entry.holds {
            Holds::Words => DType::I32,
            Holds::Floats if self.int4 => DType::F16,
            Holds::Floats => DType::BF16,
        }
    }

    fn layout(self) -> Layout {
        let config: Qwen2MoeConfig =
            serde_json::from_value(self.config()).expect("a preset is a configuration");
        let full = config.layout();
        if self.int4 {
            let settings = PackedSettings {
                group_size: GROUP.try_into().ok(),
                symmetric: true,
                zeros: ZeroFormat::V1,
                by_activation: false,
            };
            settings
                .full_layout(&full, packed_by_gptq)
                .expect("sizes of presets are multiples of 8")
        } else {
            full
        }
    }

    /// `config.json`.
    pub(crate) fn config(self) -> Value {
        let mut config = json!({
            "architectures": ["Qwen2MoeForCausalLM"],
            "model_type": "qwen2_moe",
            "hidden_act": "silu",
            "norm_topk_prob": false,
            "decoder_sparse_step": 1,
            "rms_norm_eps": 1e-6,
            "rope_theta": 1e6,
            "tie_word_embeddings": false,
            "use_sliding_window": false,
            "router_aux_loss_coef": 0.001,
            "torch_dtype": if self.int4 { "float16" } else { "bfloat16" }
        });
        let sizes = match self.preset {
            Preset::A27b => json!({
                "vocab_size": 151_936,
                "hidden_size": 2048,
                "num_hidden_layers": 24,
                "num_attention_heads": 16,
                "num_key_value_heads": 16,
                "intermediate_size": 5632,
                "moe_intermediate_size": 1408,
                "shared_expert_intermediate_size": 5632,
                "num_experts": 60,
                "num_experts_per_tok": 4,
                "max_position_embeddings": 32_768
            }),
            Preset::Tiny => json!({
                "vocab_size": 4096,
                "hidden_size": 128,
                "num_hidden_layers": 2,
                "num_attention_heads": 4,
                "num_key_value_heads": 4,
                "intermediate_size": 256,
                "moe_intermediate_size": 128,
                "shared_expert_intermediate_size": 256,
                "num_experts": 8,
                "num_experts_per_tok": 2,
                "max_position_embeddings": 512
            }),
        };
        let entries = config.as_object_mut().expect("an object");
        entries.extend(sizes.as_object().expect("an object").clone());
        if let Some(layers) = self.layers {
            entries.insert("num_hidden_layers".to_owned(), layers.get().into());
        }
        if self.int4 {
            entries.insert(
                "quantization_config".to_owned(),
                json!({
                    "quant_method": "gptq",
                    "bits": 4,
                    "group_size": GROUP,
                    "desc_act": false,
                    "sym": true,
                    "damp_percent": 0.01,
                    "true_sequential": true
                }),
            );
        }
        config
    }
}

/// The numbers of a tensor, at the scale of its part.
fn filled(entry: &Entry, dtype: DType, seed: u64) -> Vec<u8> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (name, shape) = (entry.name.as_str(), &entry.shape);
    let count: usize = shape.iter().product();
    let part = name.rsplit('.').next().unwrap_or(name);
    match part {
        "qweight" => {
            let mut bytes = vec![0; 4 * count];
            rng.fill(&mut bytes[..]);
            bytes
        }
        "qzeros" => vec![0x77; 4 * count],
        "g_idx" => (0..count)
            .flat_map(|input| ((input / GROUP) as i32).to_le_bytes())
            .collect(),
        "scales" => {
            let inputs = shape[0] * GROUP;
            let scale = 1.0 / (LEVELS * (inputs as f64).sqrt());
            numbers(count, dtype, || scale * (0.8 + 0.4 * unit(&mut rng)))
        }
        "bias" if shape.len() == 1 && name.contains("_proj") && !is_of_queries(name) => {
            vec![0; 2 * count]
        }
        "bias" => numbers(count, dtype, || 0.1 * normal(&mut rng)),
        _ if shape.len() == 1 => numbers(count, dtype, || 1.0),
        _ if name.contains("embed_tokens") => numbers(count, dtype, || 0.02 * normal(&mut rng)),
        _ => {
            let scale = 1.0 / (shape[1] as f64).sqrt();
            numbers(count, dtype, || scale * normal(&mut rng))
        }
    }
}

/// Whether a map gives queries, keys or values, which alone have a bias.
fn is_of_queries(name: &str) -> bool {
    ["q_proj", "k_proj", "v_proj"]
        .iter()
        .any(|part| name.contains(part))
}

fn numbers(count: usize, dtype: DType, mut number: impl FnMut() -> f64) -> Vec<u8> {
    let halves = (0..count).flat_map(|_| {
        let number = number() as f32;
        match dtype {
            DType::F16 => f16::from_f32(number).to_le_bytes(),
            _ => bf16::from_f32(number).to_le_bytes(),
        }
    });
    halves.collect()
}

/// From 0 to 1.
fn unit(rng: &mut ChaCha8Rng) -> f64 {
    f64::from(rng.random::<u32>()) / f64::from(u32::MAX)
}

/// Nearly a standard normal: the sum of four uniform numbers, which costs one draw.
fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let bits: u64 = rng.random();
    let sum: f64 = (0..4)
        .map(|place| f64::from((bits >> (16 * place)) as u16))
        .sum();
    // Four of them have the mean 2 and the variance 4 / 12.
    (sum / 65_535.0 - 2.0) * 3.0f64.sqrt()
}

/// A tokenizer of the 256 bytes, as those of GPT-2 spell them.
fn byte_tokenizer() -> Value {
    // Bytes that print stand for themselves, the others for the letters from 256 on.
    let printing = |byte: &u32| matches!(byte, 33..=126 | 161..=172 | 174..=255);
    let mut others = 256..;
    let vocab: serde_json::Map<String, Value> = (0..256u32)
        .map(|byte| {
            let letter = if printing(&byte) {
                byte
            } else {
                others.next().expect("it has no end")
            };
            let letter = char::from_u32(letter).expect("a letter");
            (letter.to_string(), json!(byte))
        })
        .collect();
    let by_bytes = json!({
        "type": "ByteLevel",
        "add_prefix_space": false,
        "trim_offsets": false,
        "use_regex": false
    });
    json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": [],
        "normalizer": null,
        "pre_tokenizer": by_bytes,
        "post_processor": null,
        "decoder": by_bytes,
        "model": {
            "type": "BPE",
            "dropout": null,
            "unk_token": null,
            "continuing_subword_prefix": null,
            "end_of_word_suffix": null,
            "fuse_unk": false,
            "byte_fallback": false,
            "vocab": vocab,
            "merges": []
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_large_one_has_the_tensors_and_bytes_of_qwens_own() {
        let forge = |int4| Forge {
            preset: Preset::A27b,
            layers: None,
            int4,
            seed: 0,
        };
        // 24 layers of 187 packed maps of five tensors, two gates and two norms; embedding, norm and head.
        let packed = forge(true).size();
        assert_eq!(packed.tensors, 24 * (187 * 5 + 4) + 3);
        assert_eq!(packed.bytes, 8_411_811_840);
        let full = forge(false).size();
        assert_eq!((full.tensors, full.bytes), (4_659, 28_631_568_384));
    }

    #[test]
    fn numbers_have_the_scale_of_their_part() {
        let entry = |name: &str, shape: &[usize]| {
            let mut layout = Layout::new();
            layout.add(name, shape);
            layout.iter().next().expect("one").clone()
        };
        let spread = |name: &str, shape: &[usize]| {
            let bytes = filled(&entry(name, shape), DType::BF16, 1);
            let numbers: Vec<f64> = bytes
                .chunks_exact(2)
                .map(|half| f64::from(bf16::from_le_bytes([half[0], half[1]]).to_f32()))
                .collect();
            (numbers.iter().map(|x| x * x).sum::<f64>() / numbers.len() as f64).sqrt()
        };
        assert!((spread("lm_head.weight", &[300, 400]) * 20.0 - 1.0).abs() < 0.01);
        assert!((spread("model.embed_tokens.weight", &[300, 400]) / 0.02 - 1.0).abs() < 0.01);
        assert!((spread("a.q_proj.bias", &[4000]) / 0.1 - 1.0).abs() < 0.05);
        assert!(spread("a.o_proj.bias", &[40]) == 0.0);
        assert!((spread("model.norm.weight", &[40]) - 1.0).abs() < 1e-9);
    }
}
