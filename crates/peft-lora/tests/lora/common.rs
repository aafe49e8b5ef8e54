//! The tiny models of the reference, and adapters that are changed.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use burn::tensor::{Device, Int, Tensor};
use kernels::Precision;
use lm::{CausalLm, LmInput};
use models_qwen::Qwen2Moe;
use moe_layer::Capacity;
use peft_lora::{Loaded, LoraError, load_adapter};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde_json::Value;
use weights::Kept;

/// A random model of 2 layers, 6 experts, width 64; of the adapter in `tiny_lora`.
pub(crate) const FULL: &str = "golden/tiny_qwen2moe";

/// The same in four bits.
pub(crate) const PACKED: &str = "golden/tiny_qwen2moe_gptq";

/// An adapter of PEFT's: r 4, alpha 8, on the maps of attention.
pub(crate) const ADAPTER: &str = "golden/tiny_lora";

pub(crate) fn model(assets: &Path, folder: &str, device: &Device) -> Qwen2Moe {
    Qwen2Moe::load(&assets.join(folder), Kept::Stored, device).expect("the tiny model")
}

/// Logits `[T, V]` of two short texts.
pub(crate) fn logits(model: &Qwen2Moe) -> Tensor<2> {
    let device = model.device();
    let ids = Tensor::<1, Int>::arange(0..24, &device) * 5 + 1;
    let out = model.forward(&LmInput {
        ids_bs: ids.reshape([2, 12]),
        texts: None,
        noise_seed: 0,
        capacity: Capacity::Evaluation,
        precision: Precision::F32,
    });
    out.logits.without_autodiff()
}

/// A stored tensor: type, shape, bytes.
pub(crate) type Raw = (Dtype, Vec<usize>, Vec<u8>);

/// The files of an adapter, to be changed.
#[derive(Debug, Clone)]
pub(crate) struct Adapter {
    pub(crate) settings: Value,
    pub(crate) tensors: BTreeMap<String, Raw>,
}

impl Adapter {
    pub(crate) fn read(folder: &Path) -> Self {
        let text = fs::read_to_string(folder.join("adapter_config.json")).expect("settings");
        let bytes = fs::read(folder.join("adapter_model.safetensors")).expect("tensors");
        let file = SafeTensors::deserialize(&bytes).expect("safetensors");
        let tensor = |(name, view): (&str, TensorView<'_>)| {
            let raw = (view.dtype(), view.shape().to_vec(), view.data().to_vec());
            (name.to_owned(), raw)
        };
        Self {
            settings: serde_json::from_str(&text).expect("JSON"),
            tensors: file.iter().map(tensor).collect(),
        }
    }

    pub(crate) fn of_reference(assets: &Path) -> Self {
        Self::read(&assets.join(ADAPTER))
    }

    /// The same with other names.
    pub(crate) fn renamed(mut self, name: impl Fn(&str) -> String) -> Self {
        let tensors = self.tensors.into_iter();
        self.tensors = tensors.map(|(old, raw)| (name(&old), raw)).collect();
        self
    }

    /// The same with another setting.
    pub(crate) fn set(mut self, setting: &str, value: impl Into<Value>) -> Self {
        self.settings[setting] = value.into();
        self
    }

    /// Adds a tensor of f32.
    pub(crate) fn with(mut self, name: &str, shape: &[usize], number: f32) -> Self {
        let count = shape.iter().product::<usize>();
        let bytes = number.to_le_bytes().repeat(count);
        self.tensors
            .insert(name.to_owned(), (Dtype::F32, shape.to_vec(), bytes));
        self
    }

    pub(crate) fn write(&self) -> Folder {
        let folder = Folder {
            folder: tempfile::tempdir().expect("a folder"),
        };
        let views = self.tensors.iter().map(|(name, (dtype, shape, bytes))| {
            (
                name,
                TensorView::new(*dtype, shape.clone(), bytes).expect("sizes agree"),
            )
        });
        let bytes = safetensors::serialize(views, None).expect("serialises");
        fs::write(folder.file("adapter_model.safetensors"), bytes).expect("written");
        fs::write(
            folder.file("adapter_config.json"),
            self.settings.to_string(),
        )
        .expect("written");
        folder
    }

    /// Puts it on the random model.
    pub(crate) fn load(&self, assets: &Path) -> Result<(Qwen2Moe, Loaded), LoraError> {
        let folder = self.write();
        load_adapter(model(assets, FULL, &Device::flex()), folder.path())
    }

    /// What it is refused with.
    pub(crate) fn refused(&self, assets: &Path) -> String {
        match self.load(assets) {
            Ok((_, loaded)) => panic!("it was taken: {loaded:?}"),
            Err(error) => error.to_string(),
        }
    }
}

/// A folder that goes with the value.
pub(crate) struct Folder {
    folder: tempfile::TempDir,
}

impl Folder {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder"),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }
}

/// Fails unless a message has every word.
#[track_caller]
pub(crate) fn names(message: &str, words: &[&str]) {
    for word in words {
        assert!(message.contains(word), "{word:?} is not in: {message}");
    }
}
