//! What a step of fine-tuning holds in memory, known before anything is built.
//!
//! A frozen base needs no gradients: beside its weights there are the adapters with theirs, what the backward pass
//! reads of the forward pass, and the logits. With `T = B S` tokens, `a` bytes a value of an activation:
//!
//! ```text
//! residual, norms, q, k, v, attention       8 T D a          experts: rows, gate, up, act, out   T k (2 D + 3 F) a
//! probabilities of attention                3 B H S S a      shared: gate, up, act, out           T (3 Fs + 2 D) a
//! router                                    3 T E 4          logits, softmax, gradient            3 T V 4
//! ```
//!
//! Layers whose activations are computed again in the backward pass keep the hidden state that they read, `T D a`, and
//! one of them at a time has the rest.

use std::path::Path;

use weights::{Checkpoint, Kept, WeightsError};

use crate::{Qwen2MoeConfig, opened::Opened};

/// Bytes of a number in f32.
const F32: u64 = 4;

/// Bytes of each number that is learned: itself, its gradient, and the two moments of Adam, in f32.
const LEARNED: u64 = 4 * F32;

/// A step of fine-tuning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepShape {
    /// B: rows of a batch, of which a step may accumulate several.
    pub rows: usize,
    /// S: tokens of a row.
    pub length: usize,
    /// Bytes of a value of an activation: 4 in f32, 2 in half precision.
    pub activation_bytes: usize,
    /// Whether layers are computed again in the backward pass.
    pub checkpointed: bool,
    /// Numbers that are learned.
    pub trained: usize,
}

/// Bytes of a step of fine-tuning, by what they are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepMemory {
    /// The base.
    pub weights: u64,
    /// What is learned, with gradients and moments.
    pub adapters: u64,
    /// What the backward pass reads of the layers.
    pub activations: u64,
    /// Logits, their softmax and its gradient.
    pub logits: u64,
}

impl StepMemory {
    /// All of it.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.weights + self.step()
    }

    /// What a step adds to the weights.
    #[must_use]
    pub const fn step(&self) -> u64 {
        self.adapters + self.activations + self.logits
    }
}

impl Qwen2MoeConfig {
    /// What a step holds beside `weights` bytes of the base.
    #[must_use]
    pub fn step_memory(&self, weights: u64, shape: &StepShape) -> StepMemory {
        let bytes = |numbers: usize, size: usize| (numbers * size) as u64;
        let tokens = shape.rows * shape.length;
        let hidden = bytes(tokens * self.hidden_size, shape.activation_bytes);
        let layers = (0..self.num_hidden_layers).map(|layer| self.layer_memory(layer, shape));
        let activations = if shape.checkpointed {
            self.num_hidden_layers as u64 * hidden + layers.max().unwrap_or(0)
        } else {
            layers.sum()
        };
        StepMemory {
            weights,
            adapters: shape.trained as u64 * LEARNED,
            activations,
            logits: 3 * F32 * (tokens * self.vocab_size) as u64,
        }
    }

    /// What the backward pass reads of a layer.
    fn layer_memory(&self, layer: usize, shape: &StepShape) -> u64 {
        let StepShape { rows, length, .. } = *shape;
        let (tokens, width) = (rows * length, self.hidden_size);
        let attention = self.attention();
        // The hidden state before each half and behind each norm, beside the maps of attention.
        let states = 4 * width + 2 * attention.heads * attention.head_width;
        let states = states + 2 * attention.key_heads * attention.head_width;
        let probabilities = 3 * rows * attention.heads * length * length;
        let (network, router) = if self.has_experts(layer) {
            let expert = 2 * width + 3 * self.moe_intermediate_size;
            let shared = 3 * self.shared_expert_intermediate_size + 2 * width;
            let routed = self.num_experts_per_tok * expert;
            (routed + shared, 3 * tokens * self.num_experts)
        } else {
            (3 * self.intermediate_size + width, 0)
        };
        let values = tokens * (states + network) + probabilities;
        (values * shape.activation_bytes) as u64 + F32 * router as u64
    }

    /// The bytes that the weights of a folder have once they are loaded and [`kept`](Kept) so, of its headers alone:
    /// maps of four bits by their words and the scales of their groups, which are f32 here; norms, biases and
    /// what decides in f32; other matrices as they are kept.
    ///
    /// # Errors
    ///
    /// When the folder is none of a model of this kind.
    pub fn loaded_bytes(folder: &Path, kept: Kept) -> Result<u64, WeightsError> {
        // What does not fit together is told as loading tells it.
        Opened::of(folder)?;
        let files = Checkpoint::open(folder, |name| Some(name.to_owned()))?;
        let all = files.sizes().map(|(name, stored)| {
            let shape = files.shape(name).unwrap_or_default();
            loaded(name, shape, stored as u64, kept)
        });
        Ok(all.sum())
    }
}

/// The bytes of a tensor once it is loaded, which has `stored` of them in its file.
fn loaded(name: &str, shape: &[usize], stored: u64, kept: Kept) -> u64 {
    let numbers = shape.iter().product::<usize>() as u64;
    let part = name.rsplit('.').next().unwrap_or(name);
    let decides = [".mlp.gate.weight", ".mlp.shared_expert_gate.weight"];
    match part {
        "qweight" => stored,
        "scales" => numbers * F32,
        // One value for a symmetric map, and one list of groups for all maps of a layer.
        "qzeros" | "g_idx" => 0,
        _ if shape.len() == 1 || decides.iter().any(|end| name.ends_with(end)) => numbers * F32,
        _ => match kept {
            Kept::Stored => stored,
            Kept::F32 => numbers * F32,
            Kept::F16 | Kept::BF16 => numbers * 2,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Forge, Preset, layout::EMBEDDING};

    /// Qwen1.5-MoE-A2.7B.
    fn large() -> Qwen2MoeConfig {
        let forge = Forge {
            preset: Preset::A27b,
            layers: None,
            int4: true,
            seed: 0,
        };
        serde_json::from_value(forge.config()).expect("a configuration")
    }

    /// LoRA of rank 8 on q, k, v, o with two windows of 256 tokens.
    fn step(activation_bytes: usize, checkpointed: bool) -> StepMemory {
        let shape = StepShape {
            rows: 2,
            length: 256,
            activation_bytes,
            checkpointed,
            trained: 24 * 4 * 8 * (2048 + 2048),
        };
        large().step_memory(8_310_165_504, &shape)
    }

    #[track_caller]
    fn about(bytes: u64, expected: f64) {
        let ratio = bytes as f64 / expected;
        assert!((ratio - 1.0).abs() < 0.005, "{bytes}, expected {expected}");
    }

    /// The sums are those of 512 tokens in each of 24 layers, worked part by part by hand.
    #[test]
    fn a_step_of_qwen_holds_what_its_parts_add_up_to() {
        let half = step(2, false);
        assert_eq!(half.adapters, 50_331_648);
        // 8 x 512 x 2048 x 2, 3 x 2 x 16 x 256 x 256 x 2, 512 x 4 x (2 x 2048 + 3 x 1408) x 2,
        // 512 x (3 x 5632 + 2 x 2048) x 2 and 3 x 512 x 60 x 4 bytes.
        let layer = 16_777_216 + 12_582_912 + 34_078_720 + 21_495_808 + 368_640;
        assert_eq!(half.activations, 24 * layer);
        about(half.activations, 2.05e9);
        about(step(4, false).activations, 4.09e9);
        // 24 hidden states of 512 x 2048 x 2 bytes, and one layer.
        let checkpointed = step(2, true).activations;
        assert_eq!(checkpointed, 24 * 2_097_152 + layer);
        about(half.logits, 933e6);
        about(half.step(), 0.0503e9 + 2.047e9 + 0.9335e9);
        assert_eq!(half.total(), 8_310_165_504 + half.step());
    }

    #[test]
    fn layers_without_experts_and_with_fewer_key_heads_hold_less() {
        let small = |more: &serde_json::Value| -> Qwen2MoeConfig {
            let mut config = serde_json::json!({
                "model_type": "qwen2_moe", "vocab_size": 16, "hidden_size": 8,
                "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 6,
                "moe_intermediate_size": 4, "shared_expert_intermediate_size": 10,
                "num_experts": 4, "num_experts_per_tok": 2, "rms_norm_eps": 1e-6,
                "rope_theta": 1e4, "max_position_embeddings": 32
            });
            let more = more.as_object().expect("settings").clone();
            config.as_object_mut().expect("settings").extend(more);
            serde_json::from_value(config).expect("a configuration")
        };
        let shape = StepShape {
            rows: 1,
            length: 2,
            activation_bytes: 4,
            checkpointed: false,
            trained: 0,
        };
        let activations = |more| small(&more).step_memory(0, &shape).activations;
        // Two tokens: 8 x 8 values of states, 2 (16 + 12) of experts, 3 x 10 + 16 of the shared one; 3 x 2 x 4
        // probabilities; 3 x 2 x 4 of the router.
        let whole = 4 * (2 * (64 + 56 + 46) + 24) + 4 * 24;
        assert_eq!(activations(serde_json::json!({})), whole);
        // k and v of one head: 8 values a token fewer.
        let grouped = activations(serde_json::json!({"num_key_value_heads": 1}));
        assert_eq!(grouped, whole - 4 * 2 * 8);
        // 3 x 6 + 8 in place of experts, shared one and router.
        let dense = activations(serde_json::json!({"mlp_only_layers": [0]}));
        assert_eq!(dense, 4 * (2 * (64 + 26) + 24));
    }

    #[test]
    fn weights_have_the_bytes_that_they_are_kept_in() {
        let bytes = |name: &str, shape: &[usize], stored, kept| loaded(name, shape, stored, kept);
        // A map of 128 x 16: 2,048 numbers in 256 words, one group of 16 scales.
        let map = "model.layers.0.mlp.up_proj";
        let parts = [
            ("qweight", vec![16, 16], 1024, 1024),
            ("scales", vec![1, 16], 32, 64),
            ("qzeros", vec![1, 2], 8, 0),
            ("g_idx", vec![128], 512, 0),
        ];
        for (part, shape, stored, expected) in parts {
            let name = format!("{map}.{part}");
            assert_eq!(
                bytes(&name, &shape, stored, Kept::Stored),
                expected,
                "{part}"
            );
        }
        for (kept, of_matrix) in [
            (Kept::Stored, 64),
            (Kept::F32, 128),
            (Kept::F16, 64),
            (Kept::BF16, 64),
        ] {
            assert_eq!(bytes(EMBEDDING, &[4, 8], 64, kept), of_matrix);
            for exact in ["model.layers.0.mlp.gate.weight", "model.norm.weight"] {
                let shape: &[usize] = if exact.contains("norm") {
                    &[32]
                } else {
                    &[4, 8]
                };
                assert_eq!(bytes(exact, shape, 64, kept), 128, "{exact}");
            }
        }
    }
}
