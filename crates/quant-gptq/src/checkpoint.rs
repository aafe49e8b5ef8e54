//! Packed maps from the files of a checkpoint, ready to be multiplied.

use std::{collections::BTreeSet, num::NonZeroUsize};

use burn::tensor::{Device, Tensor, TensorData};
use kernels::Int4;
use nn::{GroupedLinear, Linear, Weight};
use rayon::prelude::*;
use weights::{Checked, Checkpoint, Entry, Layout, WeightsError};

use crate::{
    GptqError, PackedDims, PackedSettings, ZeroFormat,
    pack::{PER_WORD, at},
    quantised::MIDDLE,
    stack::{Packing, Stack},
};

impl PackedSettings {
    /// A model's layout with the tensors of packed maps in place of matrices: those that `may_be` packed, and
    /// of which the files have `<name>.qweight`. Whether there is a `g_idx`, or a bias that need not be, the
    /// files say as well.
    ///
    /// # Errors
    ///
    /// When a packed map has sizes of which eight do not share a word.
    pub fn layout(
        self,
        full: &Layout,
        files: &Checkpoint,
        may_be: impl Fn(&str) -> bool,
    ) -> Result<Layout, WeightsError> {
        let has = |name: &str, part: &str| files.shape(&format!("{name}.{part}")).is_some();
        // Without its words a packed map is told as such by its other parts.
        let parts = |name: &str| has(name, "scales") || has(name, "qzeros");
        let is_packed = |name: &str| {
            may_be(name) && (has(name, "qweight") || parts(name) && !has(name, "weight"))
        };
        if let Some((name, inputs, size)) = self.uneven(full, is_packed) {
            tracing::warn!(
                "`group_size` is {size}, of which the {inputs} inputs of `{name}` are no multiple: its last \
                 group is read as a shorter one"
            );
        }
        let layout = self.with_packed(full, is_packed, |part| files.shape(part));
        layout.map_err(|(name, error)| {
            let problem = format!("is of a map that has no words: {error}; keep it in full");
            files.senseless(&format!("{name}.qweight"), problem)
        })
    }

    /// A model's layout with those of its matrices packed that are to be, each with all the tensors that
    /// AutoGPTQ writes: a `g_idx`, and a bias even where it is none.
    ///
    /// # Errors
    ///
    /// When one has sizes of which eight do not share a word.
    pub fn full_layout(
        self,
        full: &Layout,
        packs: impl Fn(&str) -> bool,
    ) -> Result<Layout, GptqError> {
        let layout = self.with_packed(full, packs, |_| Some(&[1]));
        layout.map_err(|(_, error)| error)
    }

    /// A layout with some matrices packed. `shape` is that of a part that need not be there.
    fn with_packed<'a>(
        self,
        full: &Layout,
        packs: impl Fn(&str) -> bool,
        shape: impl Fn(&str) -> Option<&'a [usize]>,
    ) -> Result<Layout, (String, GptqError)> {
        let own: BTreeSet<&str> = full.iter().map(|entry| entry.name.as_str()).collect();
        let mut layout = Layout::new();
        for entry in full.iter() {
            let name = entry.name.strip_suffix(".weight");
            match (name.filter(|name| packs(name)), &entry.shape[..]) {
                (Some(name), &[outputs, inputs]) => {
                    let groups = self.groups(inputs);
                    let dims = PackedDims {
                        inputs,
                        outputs,
                        groups,
                    };
                    dims.check().map_err(|error| (name.to_owned(), error))?;
                    let part = |part: &str| format!("{name}.{part}");
                    layout.words(part("qweight"), &[inputs / PER_WORD, outputs]);
                    layout.words(part("qzeros"), &[groups, outputs / PER_WORD]);
                    layout.add(part("scales"), &[groups, outputs]);
                    match shape(&part("g_idx")) {
                        None => {}
                        Some([0]) => layout.words(part("g_idx"), &[0]),
                        Some(_) => layout.words(part("g_idx"), &[inputs]),
                    }
                    let bias = part("bias");
                    if !own.contains(bias.as_str()) && shape(&bias).is_some() {
                        layout.add(bias, &[outputs]);
                    }
                }
                _ => layout.extend([Entry::clone(entry)]),
            }
        }
        Ok(layout)
    }

    /// The first packed map whose inputs are no whole number of groups: its name, its inputs, and theirs.
    fn uneven(
        self,
        full: &Layout,
        packs: impl Fn(&str) -> bool,
    ) -> Option<(&str, usize, NonZeroUsize)> {
        let size = self.group_size?;
        full.iter().find_map(|entry| {
            let name = entry
                .name
                .strip_suffix(".weight")
                .filter(|name| packs(name))?;
            let &[_, inputs] = &entry.shape[..] else {
                return None;
            };
            (inputs % size != 0).then_some((name, inputs, size))
        })
    }

    fn groups(self, inputs: usize) -> usize {
        self.group_size
            .map_or(1, |size| inputs.div_ceil(size.get()))
    }

    /// Refuses biases other than zeros that a model has not, of which `full` is the layout with all maps in
    /// full. Those of zeros are placeholders that some programs write.
    ///
    /// # Errors
    ///
    /// When there is one, and when a file cannot be read.
    pub fn check_biases(tensors: &Checked, full: &Layout) -> Result<(), WeightsError> {
        let own: BTreeSet<&str> = full.iter().map(|entry| entry.name.as_str()).collect();
        for entry in full.iter() {
            let Some(name) = entry.name.strip_suffix(".weight") else {
                continue;
            };
            let bias = format!("{name}.bias");
            if !Self::packs(tensors, name)
                || own.contains(bias.as_str())
                || !tensors.contains(&bias)
            {
                continue;
            }
            let numbers = tensors.floats(&bias)?;
            if let Some(number) = numbers.iter().find(|number| **number != 0.0) {
                let problem = format!(
                    "has numbers such as {number}, and a map of this architecture has no bias: only one of \
                     zeros is passed over"
                );
                return Err(tensors.senseless(&bias, problem));
            }
        }
        Ok(())
    }

    /// Whether a map of a checked layout is packed.
    #[must_use]
    pub fn packs(tensors: &Checked, name: &str) -> bool {
        tensors.contains(&format!("{name}.qweight"))
    }

    /// The packed map `<name>`, with `<name>.bias` unless that is all zero.
    ///
    /// # Errors
    ///
    /// When a file cannot be read, a number is not finite, and where zeros or groups make no sense.
    ///
    /// # Panics
    ///
    /// When the layout has no such packed map.
    pub fn linear(
        self,
        tensors: &Checked,
        name: &str,
        device: &Device,
    ) -> Result<Linear, WeightsError> {
        let names = [name.to_owned()];
        let (weight, bias) = self.stacked(tensors, &names, device)?;
        let bias = bias.map(|bias| bias.squeeze_dim(0));
        Ok(Linear::from_tensors(Weight::Int4(weight), bias))
    }

    /// The packed maps of experts.
    ///
    /// # Errors
    ///
    /// As [`linear`](Self::linear), and when only some of them are packed.
    ///
    /// # Panics
    ///
    /// Without names.
    pub fn grouped(
        self,
        tensors: &Checked,
        names: &[String],
        device: &Device,
    ) -> Result<GroupedLinear, WeightsError> {
        let (packed, full): (Vec<_>, Vec<_>) =
            names.iter().partition(|name| Self::packs(tensors, name));
        if let (Some(one), Some(other)) = (packed.first(), full.first()) {
            return Err(tensors.senseless(
                &format!("{one}.qweight"),
                format!("is packed and `{other}` is not; experts are multiplied together, so all are or none"),
            ));
        }
        let (weight, bias) = self.stacked(tensors, names, device)?;
        Ok(GroupedLinear::from_tensors(Weight::Int4(weight), bias))
    }

    fn stacked(
        self,
        tensors: &Checked,
        names: &[String],
        device: &Device,
    ) -> Result<(Int4, Option<Tensor<2>>), WeightsError> {
        let first = names.first().expect("there is a map");
        let [rows, outputs] = *tensors.shape(&format!("{first}.qweight")) else {
            unreachable!("the layout says two dimensions")
        };
        let (experts, inputs) = (names.len(), rows * PER_WORD);
        let maps = names.par_iter().map(|name| {
            let map = Packing {
                words: tensors.words(&format!("{name}.qweight"))?,
                scales: tensors.floats(&format!("{name}.scales"))?,
                zeros: self.zeros(tensors, name)?,
                groups: self.groups_of(tensors, name, inputs)?,
            };
            let bias = format!("{name}.bias");
            let bias = tensors.contains(&bias).then(|| tensors.floats(&bias));
            Ok((map, bias.transpose()?.unwrap_or_else(|| vec![0.0; outputs])))
        });
        // The first fault in the order of the maps, whichever was found first.
        let maps: Vec<Result<_, WeightsError>> = maps.collect();
        let maps = maps.into_iter().collect::<Result<Vec<_>, _>>()?;
        let (stack, biases): (Stack, Vec<Vec<f32>>) = maps.into_iter().unzip();
        let biases = biases.concat();
        let weight = stack.into_int4(outputs, device);
        // Some programs write a bias of zeros for every map.
        let real = biases.iter().any(|bias| *bias != 0.0);
        let bias =
            real.then(|| Tensor::from_data(TensorData::new(biases, [experts, outputs]), device));
        Ok((weight, bias))
    }

    /// The zeros of a map as numbers, `[G, N]`.
    fn zeros(self, tensors: &Checked, name: &str) -> Result<Vec<u8>, WeightsError> {
        let name = format!("{name}.qzeros");
        let words = tensors.words(&name)?;
        let above = self.zeros.below();
        let each = words.iter().flat_map(|word| {
            (0..PER_WORD).map(move |place| at(word.cast_unsigned(), place) + above)
        });
        let zeros: Vec<u8> = each.collect();
        self.check_constant(tensors, &name, &zeros)?;
        match zeros.iter().find(|zero| **zero != MIDDLE) {
            Some(zero) if self.symmetric => Err(tensors.senseless(
                &name,
                format!(
                    "has a zero of {zero}, and the settings say `sym`, for which it is 8; \
                     `checkpoint_format` may be missing (stored numbers are one less than the zero in \
                     `gptq`, and the zero itself in `gptq_v2`), or `sym` must be false"
                ),
            )),
            _ => Ok(zeros),
        }
    }

    /// Zeros that are not `sym` and yet are all of one number, which is one off from 8: they are those of the
    /// other version of the format.
    fn check_constant(
        self,
        tensors: &Checked,
        name: &str,
        zeros: &[u8],
    ) -> Result<(), WeightsError> {
        let one = zeros
            .first()
            .filter(|one| zeros.iter().all(|zero| zero == *one));
        let (format, other) = match self.zeros {
            ZeroFormat::V1 => ("gptq", "gptq_v2"),
            ZeroFormat::V2 => ("gptq_v2", "gptq"),
        };
        // What words of 8, held as the other version holds them, are read as.
        let mistaken = MIDDLE + self.zeros.below() - self.zeros.other().below();
        match one {
            Some(zero) if !self.symmetric && *zero == mistaken => Err(tensors.senseless(
                name,
                format!(
                    "has zeros of {zero} alone, read as `checkpoint_format` {format}; as {other} they are all \
                     8, as of a symmetric model: the settings (`checkpoint_format`, `sym`) and these words are \
                     of two models, or `checkpoint_format` should be {other}"
                ),
            )),
            _ => Ok(()),
        }
    }

    /// The group of each input of a map.
    fn groups_of(
        self,
        tensors: &Checked,
        map: &str,
        inputs: usize,
    ) -> Result<Vec<i32>, WeightsError> {
        let name = format!("{map}.g_idx");
        if !tensors.contains(&name) || tensors.shape(&name) == [0] {
            if self.by_activation {
                let problem = "comes without `g_idx`, and the settings say `desc_act`, for which \
                               nothing else knows the groups; fetch or convert the model again";
                return Err(tensors.senseless(&format!("{map}.qweight"), problem.to_owned()));
            }
            let size = self.group_size.map_or(inputs, NonZeroUsize::get);
            return Ok((0..inputs).map(|input| (input / size) as i32).collect());
        }
        let (groups, count) = (tensors.words(&name)?, self.groups(inputs));
        let stray = |group: &&i32| usize::try_from(**group).map_or(true, |group| group >= count);
        if let Some(stray) = groups.iter().find(stray) {
            let problem = format!("puts an input into group {stray}, and there are {count}");
            return Err(tensors.senseless(&name, problem));
        }
        if self.by_activation {
            return Ok(groups);
        }
        let size = self.group_size.map_or(inputs, NonZeroUsize::get);
        let mut places = groups.iter().enumerate();
        match places.find(|(input, group)| **group != (input / size) as i32) {
            None => Ok(groups),
            Some((input, group)) => Err(tensors.senseless(
                &name,
                format!(
                    "puts input {input} into group {group}, and by the settings it is in group {}: \
                     `group_size` is {size}, and without `desc_act` groups are of neighbours; correct those \
                     settings, or take this tensor from the model that they are of",
                    input / size
                ),
            )),
        }
    }
}
