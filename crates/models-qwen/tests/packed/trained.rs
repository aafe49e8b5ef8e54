//! A model in four bits, and copies of it with changes.

use std::{collections::BTreeMap, path::Path};

use burn::{
    module::{Module, ModuleVisitor, Param},
    tensor::{Device, Gradients, Tensor, f16},
};
use kernels::Precision;
use lm::{DecoderInput, LmInput};
use models_qwen::Qwen2Moe;
use moe_layer::Capacity;
use quant_gptq::{Packed, PackedDims, ZeroFormat};
use safetensors::Dtype;
use serde_json::Value;
use testkit::{Goldens, Tolerance, assert_close, normal, read_safetensors};
use weights::Kept;

use crate::common::{Folder, Raw, Tensors, tensors_of};

/// Of logits, whose maps the reference widens before it multiplies.
pub(crate) const LOGITS: Tolerance = Tolerance::new(1e-3, 0.0);

/// The one map of two groups.
pub(crate) const TWO_GROUPS: &str = "model.layers.0.mlp.shared_expert.down_proj";

/// The tensors of a packed map.
const PARTS: [&str; 4] = ["qweight", "qzeros", "scales", "g_idx"];

/// The trained model in four bits, its reference, and a copy with changes.
pub(crate) struct Trained {
    pub(crate) golden: Goldens,
    config: Value,
    pub(crate) tensors: Tensors,
}

impl Trained {
    pub(crate) fn read(assets: &Path) -> Self {
        let folder = assets.join("models/tiny_qwen2_moe/gptq_int4_g128");
        Self::of(&folder, "golden.safetensors")
    }

    pub(crate) fn of(folder: &Path, golden: &str) -> Self {
        let config = std::fs::read_to_string(folder.join("config.json")).expect("a file");
        Self {
            golden: read_safetensors(folder.join(golden)),
            config: serde_json::from_str(&config).expect("JSON"),
            tensors: tensors_of(&folder.join("model.safetensors")),
        }
    }

    pub(crate) fn load(&self) -> Result<Qwen2Moe, weights::WeightsError> {
        let folder = Folder::with(&self.config, &self.tensors);
        Qwen2Moe::load(folder.path(), Kept::Stored, &Device::flex())
    }

    pub(crate) fn refused(&self, words: &[&str]) {
        let message = self.load().map(|_| ()).expect_err("refused").to_string();
        for word in words {
            assert!(message.contains(word), "no {word} in: {message}");
        }
    }

    pub(crate) fn logits(&self) -> Tensor<2> {
        let texts = LmInput {
            ids_bs: self.golden.int::<2>("input_ids", &Device::flex()),
            texts: None,
            noise_seed: 0,
            capacity: Capacity::Evaluation,
            precision: Precision::F32,
        };
        let model = self.load().expect("a model");
        model.run(&DecoderInput::from(&texts)).logits
    }

    /// The gradients of all that learns, by its path, of a sum in which every logit has its own weight.
    pub(crate) fn gradients(&self) -> BTreeMap<String, Tensor<1>> {
        let device = Device::flex().autodiff();
        let folder = Folder::with(&self.config, &self.tensors);
        let model = Qwen2Moe::load(folder.path(), Kept::F32, &device).expect("a model");
        let texts = LmInput {
            ids_bs: self.golden.int::<2>("input_ids", &device),
            texts: None,
            noise_seed: 0,
            capacity: Capacity::Evaluation,
            precision: Precision::F32,
        };
        let logits = model.run(&DecoderInput::from(&texts)).logits;
        let weights = normal(logits.dims(), 1, &device);
        let gradients = (logits * weights).mean().backward();
        let mut found = Gathered {
            gradients: &gradients,
            path: Vec::new(),
            found: BTreeMap::new(),
        };
        model.visit(&mut found);
        found.found
    }

    pub(crate) fn is_the_references(&self) {
        let expected = self.golden.float::<3>("logits", &Device::flex());
        assert_close(self.logits(), expected.squeeze_dim(0), LOGITS);
    }

    /// By how much the largest logit differs.
    pub(crate) fn moved(&self, before: Tensor<2>) -> f32 {
        (self.logits() - before).abs().max().into_scalar()
    }

    pub(crate) fn set(&mut self, name: impl Into<String>, raw: Raw) {
        self.tensors.insert(name.into(), raw);
    }

    /// Takes the tensors of a packed map away.
    pub(crate) fn unpack(&mut self, name: &str) {
        for part in PARTS {
            self.tensors.remove(&format!("{name}.{part}")).expect(name);
        }
    }

    /// Changes the words of every tensor with such an end of its name.
    pub(crate) fn words(&mut self, end: &str, change: impl Fn(u32) -> u32) {
        let tensors = self.tensors.iter_mut();
        for (_, (_, _, bytes)) in tensors.filter(|(name, _)| name.ends_with(end)) {
            for word in bytes.chunks_exact_mut(4) {
                let before = u32::from_le_bytes(word.try_into().expect("four bytes"));
                word.copy_from_slice(&change(before).to_le_bytes());
            }
        }
    }

    pub(crate) fn settings(&mut self) -> &mut Value {
        &mut self.config["quantization_config"]
    }

    /// The names of packed maps.
    pub(crate) fn maps(&self) -> Vec<String> {
        let names = self.tensors.keys();
        let maps = names.filter_map(|name| name.strip_suffix(".qweight"));
        maps.map(str::to_owned).collect()
    }

    /// A map as the format's own unpacker reads it.
    pub(crate) fn packed(&self, name: &str) -> Packed {
        let part = |part: &str| &self.tensors[&format!("{name}.{part}")];
        let words = |(_, _, bytes): &Raw| -> Vec<u32> {
            let words = bytes.chunks_exact(4);
            let word = |word: &[u8]| u32::from_le_bytes(word.try_into().expect("four bytes"));
            words.map(word).collect()
        };
        let (_, shape, scales) = part("scales");
        let halves = scales.chunks_exact(2);
        let groups = words(part("g_idx"));
        Packed {
            dims: PackedDims {
                inputs: groups.len(),
                outputs: shape[1],
                groups: shape[0],
            },
            format: ZeroFormat::V1,
            words: words(part("qweight")),
            zeros: words(part("qzeros")),
            scales: halves
                .map(|half| f16::from_le_bytes([half[0], half[1]]))
                .collect(),
            groups: groups.iter().map(|&group| group as i32).collect(),
        }
    }

    /// The same model with every map in full.
    pub(crate) fn widened(&self) -> Self {
        self.widened_by(|number| number)
    }

    /// The same with something done to the numbers.
    pub(crate) fn widened_by(&self, change: impl Fn(f32) -> f32 + Copy) -> Self {
        let mut full = Self {
            golden: self.golden.clone(),
            config: self.config.clone(),
            tensors: self.tensors.clone(),
        };
        for name in self.maps() {
            let map = self.packed(&name).unpacked().expect("parts that fit");
            let dense = map.dequantised();
            // Files have a row for each output.
            let turned = (0..map.outputs).flat_map(|output| {
                let column = dense.iter().skip(output).step_by(map.outputs);
                column.flat_map(move |number| change(*number).to_le_bytes())
            });
            let raw = (Dtype::F32, vec![map.outputs, map.inputs], turned.collect());
            full.unpack(&name);
            // A placeholder, which a map in full has not.
            if !["q_proj", "k_proj", "v_proj"]
                .iter()
                .any(|part| name.ends_with(part))
            {
                full.tensors.remove(&format!("{name}.bias"));
            }
            full.set(format!("{name}.weight"), raw);
        }
        full.settings().take();
        full
    }
}

/// Whole numbers as a stored tensor.
pub(crate) fn whole(numbers: &[i32], shape: &[usize]) -> Raw {
    let bytes = numbers.iter().flat_map(|number| number.to_le_bytes());
    (Dtype::I32, shape.to_vec(), bytes.collect())
}

/// So many of the same number in f16.
pub(crate) fn halves(number: f32, count: usize) -> Raw {
    let bytes = f16::from_f32(number).to_le_bytes().repeat(count);
    (Dtype::F16, vec![count], bytes)
}

/// The gradients of a module's parameters, by their paths.
struct Gathered<'a> {
    gradients: &'a Gradients,
    path: Vec<String>,
    found: BTreeMap<String, Tensor<1>>,
}

impl ModuleVisitor for Gathered<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = param.grad(self.gradients) {
            let size = gradient.shape().num_elements();
            let path = self.path.join(".");
            self.found.insert(path, gradient.reshape([size as i32]));
        }
    }
}
