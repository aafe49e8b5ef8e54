//! Small BERT folders with random weights, written as real ones are.

#![allow(dead_code, reason = "each test program uses some of the helpers")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use models_bert::{BertConfig, BertHeads};
use safetensors::{Dtype, tensor::TensorView};
use testkit::Generator;
use weights::Entry;

/// All heads.
pub(crate) const ALL_HEADS: BertHeads = BertHeads {
    pooler: true,
    masked_lm: true,
    next_sentence: true,
};

/// Two layers, width 8, two heads, 11 ids, sequences of up to 6.
pub(crate) fn small_config() -> BertConfig {
    BertConfig {
        vocab_size: 11,
        hidden_size: 8,
        num_hidden_layers: 2,
        num_attention_heads: 2,
        intermediate_size: 32,
        max_position_embeddings: 6,
        ..BertConfig::default()
    }
}

/// A stored tensor: type, shape, bytes.
pub(crate) type Raw = (Dtype, Vec<usize>, Vec<u8>);

/// The tensors of a file by name.
pub(crate) type Tensors = BTreeMap<String, Raw>;

pub(crate) fn f32s(shape: &[usize], values: &[f32]) -> Raw {
    let bytes = values.iter().flat_map(|value| value.to_le_bytes());
    (Dtype::F32, shape.to_vec(), bytes.collect())
}

/// The numbers of an f32 tensor.
pub(crate) fn values(raw: &Raw) -> Vec<f32> {
    assert_eq!(raw.0, Dtype::F32);
    let (numbers, _) = raw.2.as_chunks::<4>();
    numbers
        .iter()
        .map(|bytes| f32::from_le_bytes(*bytes))
        .collect()
}

/// Random weights for every tensor of a configuration: multiples of 1/64 below 2, which bf16 and
/// f16 hold exactly.
pub(crate) fn random_tensors(config: &BertConfig, heads: BertHeads, seed: u64) -> Tensors {
    let mut generator = Generator::new(seed);
    let mut number = || ((generator.unit() - 0.5) * 64.0).round() as f32 / 64.0;
    let tensor = |Entry { name, shape, .. }: &Entry| {
        let size = shape.iter().product();
        let shift = if name.ends_with("LayerNorm.weight") {
            1.0
        } else {
            0.0
        };
        let numbers: Vec<f32> = (0..size).map(|_| number() + shift).collect();
        (name.clone(), f32s(shape, &numbers))
    };
    config.layout(heads).iter().map(tensor).collect()
}

/// A folder that goes with the value.
pub(crate) struct Folder {
    folder: tempfile::TempDir,
}

impl Folder {
    /// A folder with the configuration alone.
    pub(crate) fn new(config: &BertConfig) -> Self {
        let folder = Self {
            folder: tempfile::tempdir().expect("a folder"),
        };
        folder.write("config.json", config_json(config).as_bytes());
        folder
    }

    /// A folder with `model.safetensors`.
    pub(crate) fn with(config: &BertConfig, tensors: &Tensors) -> Self {
        let folder = Self::new(config);
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

/// A safetensors file.
pub(crate) fn serialised(tensors: &Tensors) -> Vec<u8> {
    let views = tensors.iter().map(|(name, (dtype, shape, bytes))| {
        let view = TensorView::new(*dtype, shape.clone(), bytes).expect("sizes agree");
        (name, view)
    });
    safetensors::serialize(views, None).expect("serialises")
}

fn config_json(config: &BertConfig) -> String {
    format!(
        r#"{{"architectures": ["BertModel"], "model_type": "bert", "hidden_act": "gelu",
        "vocab_size": {}, "hidden_size": {}, "num_hidden_layers": {}, "num_attention_heads": {},
        "intermediate_size": {}, "max_position_embeddings": {}, "type_vocab_size": {},
        "layer_norm_eps": {:e}, "hidden_dropout_prob": 0.1}}"#,
        config.vocab_size,
        config.hidden_size,
        config.num_hidden_layers,
        config.num_attention_heads,
        config.intermediate_size,
        config.max_position_embeddings,
        config.type_vocab_size,
        config.layer_norm_eps,
    )
}
