//! An adapter from its files.

use std::{collections::BTreeMap, path::Path};

use burn::{
    module::{Module, Param},
    tensor::{Device, Tensor},
};
use nn::{LowRank, LowRankConfig, MapMut, NamedMaps, Weight};
use weights::{Checked, Checkpoint, Kept, Layout, TensorProblem, WeightsError};

use super::{
    TENSORS,
    fused::Stacked,
    keys::{pair, plain},
    settings,
};
use crate::{
    Adapted, LoraConfig, LoraError, Params, count_params,
    modules::{Modules, fused_part},
    plan::Plan,
};

/// What was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// What the adapter says of itself.
    pub config: LoraConfig,
    /// The model that it says it is of.
    pub base: Option<String>,
    /// What it is of.
    pub adapted: Adapted,
    /// What a reader should know: modules that the settings target and the files leave out for a reason.
    pub notes: Vec<String>,
}

/// Freezes a model and gives it the adapter of a folder: `adapter_config.json` and `adapter_model.safetensors`, as
/// PEFT writes them, its deltas ready to be used or trained on. Names may begin with `base_model.model.` or not,
/// and have `default` in them; experts may be in either [`ExpertLayout`](super::ExpertLayout).
///
/// Gate and up of fused experts, which read by one A there, are deltas of their own here: they compute the same,
/// and are trained apart.
///
/// # Errors
///
/// When a file is missing or damaged, when the settings ask for what is not computed here, and unless the tensors
/// are exactly the pairs and whole modules that the settings target, of their ranks and sizes and finite.
pub fn load_adapter<M: Module + NamedMaps>(
    model: M,
    folder: &Path,
) -> Result<(M, Loaded), LoraError> {
    let mut model = model.no_grad();
    let modules = Modules::of(&mut model);
    let (config, base) = settings::read(folder, &modules)?;
    let path = folder.join(TENSORS);
    let told = |error: WeightsError| match error {
        WeightsError::Tensors { problems, .. } => LoraError::Tensors {
            path: path.clone(),
            base: base.clone(),
            problems: in_words(&problems),
        },
        WeightsError::Read { path, source } => LoraError::Read {
            path,
            source,
            hint: settings::hint(folder),
        },
        other => other.into(),
    };
    let files = Checkpoint::open_file(&path, |name| Some(plain(name))).map_err(told)?;
    let mut plan = Plan::of(&config, &modules)?;
    let notes = fit(&mut plan, &config, &modules, &files);
    let fused = Fused::all(&plan, &modules);
    let layout = layout(&plan, &modules, &fused);
    let source = Source {
        tensors: files.check(&layout, "").map_err(told)?,
        config: &config,
        plan: &plan,
        modules: &modules,
        fused: &fused,
    };
    let mut adapted = Adapted {
        deltas: Vec::new(),
        whole: Vec::new(),
        params: Params::default(),
    };
    for (place, named) in model.named_maps().into_iter().enumerate() {
        let names = &modules.0[place].names;
        if plan.whole.contains(&place) {
            let MapMut::One(map) = named.map else {
                unreachable!("stacks of experts are not taken whole")
            };
            let device = map.weight.device();
            let read = source.tensors.linear(&names[0], Kept::F32, &device);
            let read = read.map_err(told)?;
            map.weight = match read.weight {
                // Read on its own, and learned.
                Weight::Dense(param) => Param::from_tensor(param.val()).into(),
                packed @ Weight::Int4(_) => packed,
            };
            map.bias = read.bias;
            adapted.whole.extend(names.iter().cloned());
        } else if plan.deltas.contains_key(&place) {
            if named.map.has_delta() {
                let module = names[0].clone();
                return Err(LoraError::Twice { module });
            }
            let device = named.map.device();
            match named.map {
                MapMut::One(map) => {
                    map.delta = Some(source.one(place, &device).map_err(told)?);
                }
                MapMut::Experts(maps) => {
                    maps.delta = Some(source.experts(place, &device).map_err(told)?);
                }
            }
            adapted.deltas.extend(names.iter().cloned());
        }
    }
    adapted.params = count_params(&mut model);
    let loaded = Loaded {
        config,
        base,
        adapted,
        notes,
    };
    Ok((model, loaded))
}

/// Brings what the settings say to what files of PEFT mean by it.
fn fit(plan: &mut Plan, config: &LoraConfig, modules: &Modules, files: &Checkpoint) -> Vec<String> {
    let mut notes = Vec::new();
    // PEFT takes every name that ends in an entry of `modules_to_save`, behind a dot or not.
    for (place, module) in modules.0.iter().enumerate() {
        let name = &module.names[0];
        let ends = config
            .modules_to_save
            .iter()
            .any(|entry| name.ends_with(entry));
        let stored = files.shape(&format!("{name}.weight")).is_some();
        if ends && stored && !module.experts && !plan.whole.contains(&place) {
            plan.whole.push(place);
            plan.deltas.remove(&place);
        }
    }
    // Experts are no modules in transformers 5, and their names take the shared expert alone.
    let by_name = |place: &usize| modules.0[*place].experts && !plan.deltas[place].of_parameter;
    let stacks: Vec<usize> = plan.deltas.keys().copied().filter(by_name).collect();
    let stored = |place: &usize| {
        let stack = modules.0[*place]
            .stack()
            .map(|(stack, _)| format!("{stack}."));
        stack.is_some_and(|stack| files.names().any(|name| name.starts_with(&stack)))
    };
    let others = plan.deltas.len() > stacks.len();
    if others && !stacks.is_empty() && !stacks.iter().any(stored) {
        for place in &stacks {
            plan.deltas.remove(place);
        }
        notes.push(
            "the settings target experts by name, and the files have none: with transformers 5 PEFT takes the \
             shared expert alone, and so it is read"
                .to_owned(),
        );
    }
    notes
}

/// The pair of a stack of experts and one parameter of it.
#[derive(Debug)]
struct Fused {
    /// What the names of its tensors begin with.
    module: String,
    /// The maps that it is of: one, or gate and up.
    places: Vec<usize>,
    experts: usize,
    rank: usize,
    inputs: usize,
    outputs: usize,
}

impl Fused {
    fn all(plan: &Plan, modules: &Modules) -> Vec<Self> {
        // By stack, the parameters in the order of a model's maps: that in which PEFT wraps them.
        let mut stacks: BTreeMap<&str, Vec<(&str, Vec<usize>)>> = BTreeMap::new();
        for (place, delta) in &plan.deltas {
            let Some((stack, part)) = modules.0[*place].stack() else {
                continue;
            };
            if !delta.of_parameter {
                continue;
            }
            let parameters = stacks.entry(stack).or_default();
            let own = fused_part(part);
            match parameters.iter_mut().find(|(part, _)| *part == own) {
                Some((_, places)) => places.push(*place),
                None => parameters.push((own, vec![*place])),
            }
        }
        let mut all = Vec::new();
        for (stack, parameters) in stacks {
            let wrapped = parameters.len();
            for (number, (_, places)) in parameters.into_iter().enumerate() {
                let first = &modules.0[places[0]];
                let outputs = places.iter().map(|place| modules.0[*place].outputs);
                all.push(Self {
                    module: format!("{stack}{}", ".base_layer".repeat(wrapped - 1 - number)),
                    experts: first.names.len(),
                    rank: plan.deltas[&places[0]].rank,
                    inputs: first.inputs,
                    outputs: outputs.sum(),
                    places,
                });
            }
        }
        all
    }
}

/// The tensors that files must have.
fn layout(plan: &Plan, modules: &Modules, fused: &[Fused]) -> Layout {
    let mut list = Layout::new();
    let mut add = |module: &str, [rank_a, inputs, outputs, rank_b]: [usize; 4]| {
        let [a, b] = pair(module);
        list.add(a, &[rank_a, inputs]);
        list.add(b, &[outputs, rank_b]);
    };
    for (place, delta) in &plan.deltas {
        let module = &modules.0[*place];
        if module.experts && delta.of_parameter {
            continue;
        }
        for name in &module.names {
            add(
                name,
                [delta.rank, module.inputs, module.outputs, delta.rank],
            );
        }
    }
    for one in fused {
        let rows = one.experts * one.rank;
        add(&one.module, [rows, one.inputs, one.outputs, rows]);
    }
    for place in &plan.whole {
        let module = &modules.0[*place];
        if module.biased {
            list.affine(&module.names[0], module.inputs, module.outputs);
        } else {
            list.matrix(&module.names[0], module.inputs, module.outputs);
        }
    }
    list
}

/// The tensors of an adapter, for deltas.
struct Source<'a> {
    tensors: Checked,
    config: &'a LoraConfig,
    plan: &'a Plan,
    modules: &'a Modules,
    fused: &'a [Fused],
}

impl Source<'_> {
    fn settings(&self, place: usize) -> LowRankConfig {
        let delta = self.plan.deltas[&place];
        self.config.delta(delta.rank, delta.alpha, place)
    }

    fn one(&self, place: usize, device: &Device) -> Result<LowRank<2>, WeightsError> {
        let [a, b] = pair(&self.modules.0[place].names[0]);
        let matrix = |name: &str| self.tensors.matrix(name, Kept::F32, device);
        Ok(LowRank::from_tensors(
            matrix(&a)?,
            matrix(&b)?,
            &self.settings(place),
        ))
    }

    fn experts(&self, place: usize, device: &Device) -> Result<LowRank<3>, WeightsError> {
        let settings = self.settings(place);
        let fused = self.fused.iter().find(|one| one.places.contains(&place));
        let Some(one) = fused else {
            let (a, b): (Vec<_>, Vec<_>) = self.modules.0[place]
                .names
                .iter()
                .map(|name| pair(name).into())
                .unzip();
            let stack = |names: &[String]| self.tensors.stack(names, Kept::F32, device);
            return Ok(LowRank::from_tensors(stack(&a)?, stack(&b)?, &settings));
        };
        let [a, b] = pair(&one.module);
        let tensor = |name: &str| -> Result<Tensor<2>, WeightsError> {
            self.tensors.tensor(name, Kept::F32, device)
        };
        let whole = Stacked::of_file([tensor(&a)?, tensor(&b)?], one.experts);
        let Stacked { a, b } = if let [gate, _] = one.places[..] {
            let [of_gate, of_up] = whole.apart();
            if gate == place { of_gate } else { of_up }
        } else {
            whole
        };
        Ok(LowRank::from_tensors(a, b, &settings))
    }
}

/// What is wrong with tensors, first those that are of nothing.
pub(crate) fn in_words(problems: &[TensorProblem]) -> Vec<String> {
    let strange = |problem: &&TensorProblem| matches!(problem, TensorProblem::Unexpected { .. });
    let mut words = Vec::new();
    for problem in problems.iter().filter(strange) {
        if let TensorProblem::Unexpected { tensor, .. } = problem {
            words.push(format!(
                "`{tensor}` is of no module that the settings target"
            ));
        }
    }
    let others = problems.iter().filter(|problem| !strange(problem));
    words.extend(others.map(|problem| match problem {
        TensorProblem::Shape {
            tensor,
            expected,
            got,
            ..
        } if tensor.contains(".lora_") => format!(
            "`{tensor}` has shape {got:?}, and the rank of the settings and the model make it {expected:?}"
        ),
        other => other.to_string(),
    }));
    words
}
