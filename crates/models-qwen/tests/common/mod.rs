//! Small Qwen2-MoE folders with random weights, written as real ones are.

#![allow(dead_code, reason = "each test program uses some of the helpers")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use models_qwen::Qwen2MoeConfig;
use quant_gptq::{PackedSettings, ZeroFormat};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde_json::{Value, json};
use testkit::Generator;
use weights::{Entry, Holds};

/// A stored tensor: type, shape, bytes.
pub(crate) type Raw = (Dtype, Vec<usize>, Vec<u8>);

/// The tensors of a file by name.
pub(crate) type Tensors = BTreeMap<String, Raw>;

/// Sizes of a model, as `config.json` has them: one layer, two heads, k 2.
pub(crate) fn config(vocab: usize, width: usize, experts: usize, hidden: usize) -> Value {
    json!({
        "architectures": ["Qwen2MoeForCausalLM"],
        "model_type": "qwen2_moe",
        "vocab_size": vocab,
        "hidden_size": width,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "intermediate_size": hidden,
        "moe_intermediate_size": hidden,
        "shared_expert_intermediate_size": hidden,
        "num_experts": experts,
        "num_experts_per_tok": 2,
        "norm_topk_prob": false,
        "decoder_sparse_step": 1,
        "mlp_only_layers": [],
        "hidden_act": "silu",
        "rms_norm_eps": 1e-6,
        "rope_theta": 10000.0,
        "max_position_embeddings": 128,
        "tie_word_embeddings": false,
        "use_sliding_window": false,
        "eos_token_id": 0,
        "router_aux_loss_coef": 0.01
    })
}

/// The same as the loader has it.
pub(crate) fn parsed(config: &Value) -> Qwen2MoeConfig {
    serde_json::from_value(config.clone()).expect("a configuration")
}

/// Random bf16 weights between -0.25 and 0.25 for every tensor of a configuration.
pub(crate) fn random_tensors(config: &Qwen2MoeConfig, seed: u64) -> Tensors {
    let mut generator = Generator::new(seed);
    let tensor = |entry: &Entry| {
        let numbers = 0..entry.shape.iter().product();
        // Half of 1/128 to half of 1/4, either sign: exponents from 0x3B80 to 0x3E7F.
        let bytes = numbers.flat_map(|_: usize| {
            let bits = generator.next_u64();
            let half = (0x3B80 + (bits % 0x300) as u16) | ((bits >> 32) as u16 & 0x8000);
            half.to_le_bytes()
        });
        let raw = (Dtype::BF16, entry.shape.clone(), bytes.collect());
        (entry.name.clone(), raw)
    };
    config.layout().iter().map(tensor).collect()
}

/// The same with every map of the layers packed in four bits, symmetric, in groups of so many inputs.
pub(crate) fn packed_tensors(config: &Qwen2MoeConfig, group: usize, seed: u64) -> Tensors {
    let settings = PackedSettings {
        group_size: group.try_into().ok(),
        symmetric: true,
        zeros: ZeroFormat::V1,
        by_activation: false,
    };
    let packs = |name: &str| name.contains("_proj");
    let full = config.layout();
    // A bias that the architecture has not is a placeholder of zeros.
    let is_placeholder = |name: &str| {
        name.rsplit('.').next() == Some("bias") && !full.iter().any(|entry| entry.name == name)
    };
    let mut generator = Generator::new(seed);
    let tensor = |entry: &Entry| {
        let count: usize = entry.shape.iter().product();
        let mut word = |place: usize| match entry.name.rsplit('.').next() {
            Some("qzeros") => 0x7777_7777,
            Some("g_idx") => (place / group) as u32,
            _ => generator.next_u64() as u32,
        };
        let (dtype, bytes) = match entry.holds {
            Holds::Words => {
                let bytes = (0..count).flat_map(|place| word(place).to_le_bytes());
                (Dtype::I32, bytes.collect())
            }
            // Between 1/16 and 1/8 in f16.
            Holds::Floats => {
                let placeholder = is_placeholder(&entry.name);
                let mut half = |place: usize| {
                    if placeholder {
                        0_u16
                    } else {
                        0x2C00 + (word(place) % 0x400) as u16
                    }
                };
                let bytes = (0..count).flat_map(|place| half(place).to_le_bytes());
                (Dtype::F16, bytes.collect())
            }
        };
        (entry.name.clone(), (dtype, entry.shape.clone(), bytes))
    };
    let layout = settings.full_layout(&full, packs).expect("multiples of 8");
    layout.iter().map(tensor).collect()
}

/// A safetensors file.
pub(crate) fn serialised(tensors: &Tensors) -> Vec<u8> {
    let views = tensors.iter().map(|(name, (dtype, shape, bytes))| {
        let view = TensorView::new(*dtype, shape.clone(), bytes).expect("sizes agree");
        (name, view)
    });
    safetensors::serialize(views, None).expect("serialises")
}

/// The tensors of a file.
pub(crate) fn tensors_of(path: &Path) -> Tensors {
    let bytes = fs::read(path).expect("a file");
    let file = SafeTensors::deserialize(&bytes).expect("safetensors");
    let tensor = |(name, view): (&str, TensorView<'_>)| {
        let raw = (view.dtype(), view.shape().to_vec(), view.data().to_vec());
        (name.to_owned(), raw)
    };
    file.iter().map(tensor).collect()
}

/// A folder that goes with the value.
pub(crate) struct Folder {
    folder: tempfile::TempDir,
}

impl Folder {
    /// A folder with a configuration and weights.
    pub(crate) fn with(config: &Value, tensors: &Tensors) -> Self {
        let folder = Self {
            folder: tempfile::tempdir().expect("a folder"),
        };
        folder.write("config.json", config.to_string().as_bytes());
        folder.write("model.safetensors", &serialised(tensors));
        folder
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.file(name), bytes).expect("written");
    }
}
