//! A map as files hold it.

use burn::tensor::{DType, f16};
use rayon::prelude::*;
use weights::Writer;

use crate::{
    GptqError, Quantised, ZeroFormat,
    pack::{LARGEST, PER_WORD, at, word},
};

/// Sizes of a packed map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackedDims {
    /// K.
    pub inputs: usize,
    /// N.
    pub outputs: usize,
    /// G.
    pub groups: usize,
}

impl PackedDims {
    /// Refuses sizes of which eight do not share a word.
    ///
    /// # Errors
    ///
    /// Inputs or outputs that are no multiple of 8.
    pub fn check(self) -> Result<(), GptqError> {
        let Self {
            inputs, outputs, ..
        } = self;
        if inputs.is_multiple_of(PER_WORD) && outputs.is_multiple_of(PER_WORD) {
            Ok(())
        } else {
            Err(GptqError::Odd { inputs, outputs })
        }
    }
}

/// A map in the words of a file: the tensors `qweight`, `qzeros`, `scales` and `g_idx`.
#[derive(Debug, Clone, PartialEq)]
pub struct Packed {
    /// Its sizes.
    pub dims: PackedDims,
    /// How zeros are held.
    pub format: ZeroFormat,
    /// `qweight` `[K / 8, N]`: bits `4 j` to `4 j + 3` of word `[i, n]` are `q[8 i + j, n]`.
    pub words: Vec<u32>,
    /// `qzeros` `[G, N / 8]`: bits `4 j` to `4 j + 3` of word `[g, c]` are the zero of output `8 c + j`.
    pub zeros: Vec<u32>,
    /// `scales` `[G, N]`.
    pub scales: Vec<f16>,
    /// `g_idx` `[K]`: the group of each input.
    pub groups: Vec<i32>,
}

impl Packed {
    /// The words of a map. Scales become f16.
    ///
    /// # Errors
    ///
    /// Sizes that fill no whole words, numbers or zeros that have no place in four bits, and scales that have none
    /// in f16.
    ///
    /// # Panics
    ///
    /// When the map's parts are not of its sizes.
    pub fn of(map: &Quantised, format: ZeroFormat) -> Result<Self, GptqError> {
        let (inputs, outputs) = (map.inputs, map.outputs);
        let groups = map.zeros.len() / outputs.max(1);
        let dims = PackedDims {
            inputs,
            outputs,
            groups,
        };
        dims.check()?;
        let below = format.below();
        assert_eq!(
            map.levels.len(),
            inputs * outputs,
            "a number for each weight"
        );
        let fits = |zero: &&u8| !(below..=below + LARGEST).contains(*zero);
        if let Some(&zero) = map.zeros.iter().find(fits) {
            return Err(GptqError::Zero { zero });
        }
        if let Some(&level) = map.levels.iter().find(|level| **level > LARGEST) {
            return Err(GptqError::Level { level });
        }
        let scales: Vec<f16> = map
            .scales
            .iter()
            .map(|&scale| f16::from_f32(scale))
            .collect();
        if scales.iter().any(|scale| !scale.is_finite()) {
            return Err(GptqError::NotFinite {
                part: "the scale of a group, in f16,",
            });
        }
        let row = |i: usize| {
            let at = move |n: usize, j: usize| map.levels[(PER_WORD * i + j) * outputs + n];
            (0..outputs).map(move |n| word((0..PER_WORD).map(move |j| at(n, j))))
        };
        let words = (0..inputs / PER_WORD).into_par_iter().flat_map_iter(row);
        let zeros = map.zeros.chunks(PER_WORD);
        let zeros = zeros.map(|eight| word(eight.iter().map(|zero| zero - below)));
        Ok(Self {
            dims,
            format,
            words: words.collect(),
            zeros: zeros.collect(),
            scales,
            groups: map.groups.iter().map(|&group| group as i32).collect(),
        })
    }

    /// Refuses parts that do not fit each other.
    ///
    /// # Errors
    ///
    /// The first part of a wrong size, or an input of no group.
    pub fn check(&self) -> Result<(), GptqError> {
        let PackedDims {
            inputs,
            outputs,
            groups,
        } = self.dims;
        self.dims.check()?;
        let parts = [
            ("qweight", self.words.len(), inputs / PER_WORD * outputs),
            ("qzeros", self.zeros.len(), groups * outputs / PER_WORD),
            ("scales", self.scales.len(), groups * outputs),
            ("g_idx", self.groups.len(), inputs),
        ];
        for (part, found, wanted) in parts {
            if found != wanted {
                return Err(GptqError::Size {
                    part,
                    found,
                    wanted,
                    inputs,
                    outputs,
                    groups,
                });
            }
        }
        let stray =
            |&(_, &group): &(usize, &i32)| usize::try_from(group).map_or(true, |g| g >= groups);
        match self.groups.iter().enumerate().find(stray) {
            None => Ok(()),
            Some((input, &group)) => Err(GptqError::Group {
                input,
                group: group.into(),
                groups,
            }),
        }
    }

    /// Adds the four tensors `<name>.*` to a file.
    pub fn write(self, writer: &mut Writer, name: &str) {
        let PackedDims {
            inputs,
            outputs,
            groups,
        } = self.dims;
        let mut part = |part: &str, shape: &[usize], dtype: DType, bytes: Vec<u8>| {
            let name = format!("{name}.{part}");
            writer.made(name, shape.to_vec(), dtype, move || bytes.clone());
        };
        let words = |words: Vec<u32>| words.into_iter().flat_map(u32::to_le_bytes).collect();
        let rows = inputs / PER_WORD;
        part("qweight", &[rows, outputs], DType::I32, words(self.words));
        let columns = outputs / PER_WORD;
        part("qzeros", &[groups, columns], DType::I32, words(self.zeros));
        let scales = self.scales.into_iter().flat_map(f16::to_le_bytes).collect();
        part("scales", &[groups, outputs], DType::F16, scales);
        let own = self.groups.into_iter().flat_map(i32::to_le_bytes).collect();
        part("g_idx", &[inputs], DType::I32, own);
    }

    /// The zeros that the words hold, `[G, N]`.
    pub(crate) fn zero_numbers(&self) -> Vec<u8> {
        let above = self.format.below();
        let zeros = self.zeros.iter();
        let zeros = zeros.flat_map(|&word| (0..PER_WORD).map(move |j| at(word, j) + above));
        zeros.collect()
    }

    /// The whole numbers that the words hold.
    ///
    /// A stored zero of 15 in the first version is 16, as the decoders of ExLlama and AutoGPTQ's CUDA
    /// kernels read it.
    ///
    /// # Errors
    ///
    /// What [`check`](Self::check) refuses.
    pub fn unpacked(&self) -> Result<Quantised, GptqError> {
        self.check()?;
        let PackedDims {
            inputs, outputs, ..
        } = self.dims;
        let row = |k: usize| {
            let words = &self.words[k / PER_WORD * outputs..][..outputs];
            words.iter().map(move |&word| at(word, k % PER_WORD))
        };
        let levels = (0..inputs).into_par_iter().flat_map_iter(row);
        Ok(Quantised {
            inputs,
            outputs,
            levels: levels.collect(),
            scales: self.scales.iter().map(|scale| scale.to_f32()).collect(),
            zeros: self.zero_numbers(),
            groups: self.groups.iter().map(|&group| group as u32).collect(),
        })
    }
}
