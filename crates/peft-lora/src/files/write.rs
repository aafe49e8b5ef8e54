//! An adapter to its files.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use burn::tensor::Tensor;
use nn::{LowRank, MapMut, NamedMaps, Weight};
use weights::Writer;

use super::{
    ExpertLayout, SETTINGS, TENSORS,
    fused::Stacked,
    keys::{pair, stored},
    names::{behind_number, entries, last, most_common, patterns},
    settings::{Settings, init_name, number},
};
use crate::{
    LoraConfig, LoraError,
    modules::{Modules, fused_part},
    pattern::takes,
};

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// Modules, or parameters, with a pair of matrices.
    pub pairs: usize,
    /// Modules that were written whole.
    pub whole: Vec<String>,
}

/// Writes the deltas of a model, and the modules that `config` has in `modules-to-save`, as PEFT has them:
/// `adapter_model.safetensors` and `adapter_config.json`. `base` is what they are to say of the model that they are
/// of, a folder or a name of the hub. Which modules have a delta, and of which rank and scale, is taken from the
/// model.
///
/// With [`ExpertLayout::Fused`] gate and up of experts are one pair: of their own rank where they read by one A, else
/// of both ranks together. Dropout is then written as 0, which PEFT asks for.
///
/// # Errors
///
/// When a file cannot be written, when there is nothing to write, and for a module in four bits that is to be
/// written whole.
pub fn save_adapter(
    model: &mut impl NamedMaps,
    config: &LoraConfig,
    base: Option<&str>,
    layout: ExpertLayout,
    folder: &Path,
) -> Result<Saved, LoraError> {
    let modules = Modules::of(model);
    let mut out = Out::default();
    let mut gates: BTreeMap<String, LowRank<3>> = BTreeMap::new();
    let mut stacks: BTreeMap<String, Vec<(String, Stacked, f64)>> = BTreeMap::new();
    for (named, module) in model.named_maps().into_iter().zip(&modules.0) {
        let taken = |entry: &String| takes(entry, &module.names[0]);
        if !module.experts && config.modules_to_save.iter().any(taken) {
            out.whole(&module.names[0], &named.map)?;
            continue;
        }
        match (named.map, module.stack(), layout) {
            (MapMut::One(map), ..) => {
                if let Some(delta) = &map.delta {
                    out.one(&module.names[0], delta, layout);
                }
            }
            (MapMut::Experts(maps), Some((stack, part)), ExpertLayout::Fused) => {
                // An up without a gate's delta is a pair too.
                let parameter = fused_part(part).to_owned();
                match (part, &maps.delta) {
                    ("gate_proj", Some(delta)) => {
                        gates.insert(stack.to_owned(), delta.clone());
                    }
                    ("up_proj", delta) => {
                        let joined =
                            gate_and_up(gates.remove(stack), delta.clone(), module.outputs);
                        let pairs = stacks.entry(stack.to_owned()).or_default();
                        pairs.extend(joined.map(|(joined, scale)| (parameter, joined, scale)));
                    }
                    (_, Some(delta)) => {
                        let own = Stacked {
                            a: delta.a(),
                            b: delta.b(),
                        };
                        let pairs = stacks.entry(stack.to_owned()).or_default();
                        pairs.push((parameter, own, delta.scale()));
                    }
                    (_, None) => {}
                }
            }
            (MapMut::Experts(maps), ..) => {
                if let Some(delta) = &maps.delta {
                    out.experts(&module.names, delta);
                }
            }
        }
    }
    for (stack, pairs) in stacks {
        out.stack(&stack, pairs);
    }
    if out.modules.is_empty() && out.parameters.is_empty() && out.whole.is_empty() {
        return Err(LoraError::Nothing);
    }
    let saved = Saved {
        pairs: out.modules.len() + out.parameters.len(),
        whole: out.whole.clone(),
    };
    out.write(config, base, layout, &modules, folder)?;
    Ok(saved)
}

/// Gate and up in one, and their scale; the part without a delta has one of zeros.
fn gate_and_up(
    gate: Option<LowRank<3>>,
    up: Option<LowRank<3>>,
    outputs: usize,
) -> Option<(Stacked, f64)> {
    let scale = gate.as_ref().or(up.as_ref())?.scale();
    // The scale is one for both: what differs goes into B.
    let stacked = |delta: &LowRank<3>| Stacked {
        a: delta.a(),
        b: delta.b() * (delta.scale() / scale),
    };
    let nothing = |other: &Stacked| {
        let [experts, rank, _] = other.b.dims();
        Stacked {
            a: other.a.clone(),
            b: Tensor::zeros([experts, rank, outputs], &other.b.device()),
        }
    };
    let (gate, up) = match (gate.as_ref().map(stacked), up.as_ref().map(stacked)) {
        (Some(gate), Some(up)) => (gate, up),
        (Some(gate), None) => (gate.clone(), nothing(&gate)),
        (None, Some(up)) => (nothing(&up), up.clone()),
        (None, None) => return None,
    };
    Some((Stacked::joined(&gate, &up), scale))
}

/// What is written.
#[derive(Default)]
struct Out {
    writer: Writer,
    /// Rank and scale by module.
    modules: BTreeMap<String, (usize, f64)>,
    /// The same by parameter.
    parameters: BTreeMap<String, (usize, f64)>,
    whole: Vec<String>,
}

impl Out {
    fn pair(&mut self, module: &str, [a, b]: [Tensor<2>; 2]) {
        let [name_a, name_b] = pair(module);
        self.writer.tensor(stored(&name_a), a.without_autodiff());
        self.writer.tensor(stored(&name_b), b.without_autodiff());
    }

    fn one(&mut self, name: &str, delta: &LowRank<2>, layout: ExpertLayout) {
        self.pair(name, [delta.a().transpose(), delta.b().transpose()]);
        let size = (delta.rank(), delta.scale());
        // Where experts are fused, a router is no linear module.
        let router = name.rsplit('.').next() == Some("gate");
        if layout == ExpertLayout::Fused && router {
            self.parameters.insert(format!("{name}.weight"), size);
        } else {
            self.modules.insert(name.to_owned(), size);
        }
    }

    fn experts(&mut self, names: &[String], delta: &LowRank<3>) {
        for (expert, name) in names.iter().enumerate() {
            let own = |matrices: Tensor<3>| {
                let one: Tensor<2> = matrices.narrow(0, expert, 1).squeeze_dim(0);
                one.transpose()
            };
            self.pair(name, [own(delta.a()), own(delta.b())]);
            self.modules
                .insert(name.clone(), (delta.rank(), delta.scale()));
        }
    }

    /// The pairs of a stack, the first of them innermost.
    fn stack(&mut self, stack: &str, pairs: Vec<(String, Stacked, f64)>) {
        let wrapped = pairs.len();
        for (number, (parameter, stacked, scale)) in pairs.into_iter().enumerate() {
            let inside = ".base_layer".repeat(wrapped - 1 - number);
            self.pair(&format!("{stack}{inside}"), stacked.to_file());
            let [.., rank] = stacked.a.dims();
            self.parameters
                .insert(format!("{stack}.{parameter}"), (rank, scale));
        }
    }

    fn whole(&mut self, name: &str, map: &MapMut<'_>) -> Result<(), LoraError> {
        let MapMut::One(map) = map else {
            unreachable!("stacks of experts are not taken whole")
        };
        let Weight::Dense(weight) = &map.weight else {
            return Err(LoraError::FourBits {
                module: name.to_owned(),
                what: "is not written whole",
                remedy: "train it",
            });
        };
        let weight = weight.val().without_autodiff().transpose();
        self.writer
            .tensor(stored(&format!("{name}.weight")), weight);
        if let Some(bias) = &map.bias {
            let bias = bias.val().without_autodiff();
            self.writer.tensor(stored(&format!("{name}.bias")), bias);
        }
        self.whole.push(name.to_owned());
        Ok(())
    }

    fn write(
        self,
        config: &LoraConfig,
        base: Option<&str>,
        layout: ExpertLayout,
        modules: &Modules,
        folder: &Path,
    ) -> Result<(), LoraError> {
        let settings = self.settings(config, base, layout, modules);
        let unwritten = |path: &Path, error: &std::io::Error| LoraError::Write {
            path: path.to_owned(),
            problem: error.to_string(),
        };
        fs::create_dir_all(folder).map_err(|error| unwritten(folder, &error))?;
        // Each file as a whole or not at all, the settings last: without them the folder is no adapter.
        let (tensors, partial) = (folder.join(TENSORS), folder.join("adapter_model.partial"));
        self.writer.write(&partial)?;
        fs::rename(&partial, &tensors).map_err(|error| unwritten(&tensors, &error))?;
        let (path, partial) = (folder.join(SETTINGS), folder.join("adapter_config.partial"));
        let text = serde_json::to_string_pretty(&settings).expect("plain data");
        let written = fs::write(&partial, text + "\n").and_then(|()| fs::rename(&partial, &path));
        written.map_err(|error| unwritten(&path, &error))
    }

    fn settings(
        &self,
        config: &LoraConfig,
        base: Option<&str>,
        layout: ExpertLayout,
        modules: &Modules,
    ) -> Settings {
        let alpha = |(rank, scale): (usize, f64)| {
            let rank = rank as f64;
            scale * if config.rslora { rank.sqrt() } else { rank }
        };
        let pairs = || self.modules.iter().chain(&self.parameters);
        let base_size = most_common(pairs().map(|(_, size)| *size))
            .unwrap_or((config.r.get(), config.alpha.get() / config.r.get() as f64));
        let (mut rank_pattern, mut alpha_pattern) = (BTreeMap::new(), BTreeMap::new());
        for (pattern, size) in patterns(&self.modules, &self.parameters, base_size) {
            rank_pattern.insert(pattern.clone(), size.0);
            alpha_pattern.insert(pattern, number(alpha(size)));
        }
        // Experts and routers are no modules where experts are fused.
        let known = modules.0.iter().filter(|module| {
            layout == ExpertLayout::PerExpert
                || !(module.experts || module.names[0].rsplit('.').next() == Some("gate"))
        });
        let known: Vec<&str> = known
            .flat_map(|module| &module.names)
            .map(String::as_str)
            .collect();
        let named: BTreeSet<&str> = self.modules.keys().map(String::as_str).collect();
        let parameters: Vec<String> = modules.parameters().collect();
        let parameters: Vec<&str> = parameters.iter().map(String::as_str).collect();
        let owned: BTreeSet<&str> = self.parameters.keys().map(String::as_str).collect();
        let whole: BTreeSet<&str> = self.whole.iter().map(String::as_str).collect();
        let all: Vec<&str> = modules.names().collect();
        let some = |list: Vec<String>| (!list.is_empty()).then_some(list);
        Settings {
            peft_type: "LORA",
            task_type: "CAUSAL_LM",
            base_model_name_or_path: base.map(str::to_owned),
            r: base_size.0,
            lora_alpha: number(alpha(base_size)),
            lora_dropout: if self.parameters.is_empty() {
                config.dropout.get()
            } else {
                0.0
            },
            use_rslora: config.rslora,
            init_lora_weights: init_name(config.init),
            target_modules: entries(&named, &known, last, takes),
            target_parameters: some(entries(&owned, &parameters, behind_number, takes)),
            rank_pattern,
            alpha_pattern,
            // PEFT takes what ends in an entry, behind a dot or not.
            modules_to_save: some(entries(&whole, &all, behind_number, |entry, name| {
                name.ends_with(entry)
            })),
            bias: "none",
            fan_in_fan_out: false,
            inference_mode: true,
        }
    }
}
