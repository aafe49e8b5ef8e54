//! A layer, map by map in the order in which they are run.

use burn::tensor::{FloatDType, Tensor, TensorData};
use nn::{NamedMap, RowsRead, Watch};
use serde::{Deserialize, Serialize};

use crate::{
    GptqConfig, GptqError, Hessian, Packed, Readers, Rounding, nearest, quantise::Curvature,
    readers::replace,
};

/// What became of a map.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MapReport {
    /// The layer that it is of, from 0.
    pub layer: usize,
    /// The expert, from 0; nothing for a map that all tokens pass.
    pub expert: Option<usize>,
    /// Its name in files.
    pub map: String,
    /// Calibration tokens that it read.
    pub tokens: usize,
    /// How it was rounded.
    pub rounding: Rounding,
    /// `tr(d^T H d)` of what rounding changed: twice the square error of its outputs, a token.
    pub error: f64,
    /// That of rounding to the nearest numbers.
    pub nearest_error: f64,
}

/// A map in four bits.
#[derive(Debug, Clone)]
pub struct QuantisedMap {
    /// Its words.
    pub packed: Packed,
    /// What became of it.
    pub report: MapReport,
}

/// Why a map could not be quantised.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("`{map}`: {problem}")]
pub struct MapError {
    /// Its name in files.
    pub map: String,
    /// What is wrong with it.
    pub problem: GptqError,
}

/// Quantises the maps of a layer, stage by stage: those of a stage read what the stages before give in four
/// bits (AutoGPTQ's `true_sequential`). The layer has words in their place in the end.
///
/// `number` is the layer's. `stages` are its maps, in the order in which they are run; `run` runs it on one of
/// so many batches of calibration text. Maps of experts that read fewer than [`GptqConfig::least_tokens`] are
/// rounded to the nearest numbers. `told` hears of every map.
///
/// # Errors
///
/// The first map whose numbers, or whose rows, are not finite, and one whose sizes fill no words.
pub fn quantise_layer<L>(
    (number, layer): (usize, &mut L),
    stages: impl Fn(&mut L) -> Vec<Vec<Readers<'_>>>,
    batches: usize,
    run: impl Fn(&L, usize),
    config: &GptqConfig,
    mut told: impl FnMut(&MapReport),
) -> Result<Vec<QuantisedMap>, MapError> {
    let mut all = Vec::new();
    for stage in 0..stages(layer).len() {
        let (mut watches, mut hessians) = (Vec::new(), Vec::new());
        for readers in &mut stages(layer)[stage] {
            let watch = Watch::default();
            readers.watched(Some(watch.clone()));
            watches.push(watch);
            hessians.push(readers.hessians());
        }
        for batch in 0..batches {
            run(layer, batch);
            for (watch, hessians) in watches.iter().zip(&mut hessians) {
                for read in watch.take() {
                    add(hessians, &read);
                }
            }
        }
        for (readers, hessians) in stages(layer)[stage].iter_mut().zip(hessians) {
            readers.watched(None);
            all.extend(readers.quantise(number, &hessians, config, &mut told)?);
        }
    }
    Ok(all)
}

/// Gives rows to those who read them.
fn add(hessians: &mut [Hessian], read: &RowsRead) {
    let [rows, _] = read.x_mi.dims();
    let begins = match &read.offsets {
        None => vec![0, rows],
        Some(offsets) => {
            let offsets = offsets.clone().into_data().convert::<i64>();
            let offsets: Vec<i64> = offsets.try_to_vec().expect("whole numbers");
            offsets.into_iter().map(|offset| offset as usize).collect()
        }
    };
    for (hessian, ends) in hessians.iter_mut().zip(begins.windows(2)) {
        let (begin, end) = (ends[0], ends[1]);
        if begin < end {
            hessian.add(read.x_mi.clone().narrow(0, begin, end - begin));
        }
    }
}

impl Readers<'_> {
    /// Of each expert, one that has read nothing.
    fn hessians(&self) -> Vec<Hessian> {
        let Some(NamedMap { map, .. }) = self.0.first() else {
            return Vec::new();
        };
        let [experts, inputs, _] = map.dims();
        let device = map.device();
        (0..experts)
            .map(|_| Hessian::new(inputs, &device))
            .collect()
    }

    fn quantise(
        &mut self,
        layer: usize,
        hessians: &[Hessian],
        config: &GptqConfig,
        told: &mut impl FnMut(&MapReport),
    ) -> Result<Vec<QuantisedMap>, MapError> {
        let mut done = Vec::new();
        for (expert, hessian) in hessians.iter().enumerate() {
            let enough = hessians.len() == 1 || hessian.rows() >= config.least_tokens;
            let rounding = if enough && hessian.rows() > 0 {
                config.rounding
            } else {
                Rounding::Nearest
            };
            let curvature = match rounding {
                Rounding::Gptq => Some(Curvature::of(hessian, config)),
                Rounding::Nearest => None,
            };
            for NamedMap { names, map } in &self.0 {
                let name = &names[expert];
                let curvature = curvature.as_ref().map(Result::as_ref);
                let quantised = curvature
                    .transpose()
                    .map_err(Clone::clone)
                    .and_then(|own| one(map.weight(expert), hessian, own, config));
                let (packed, error, nearest_error) = quantised.map_err(|problem| MapError {
                    map: name.clone(),
                    problem,
                })?;
                let report = MapReport {
                    layer,
                    expert: (hessians.len() > 1).then_some(expert),
                    map: name.clone(),
                    tokens: hessian.rows(),
                    rounding,
                    error,
                    nearest_error,
                };
                told(&report);
                done.push(QuantisedMap { packed, report });
            }
        }
        // Those of an expert are side by side.
        let each = self.0.len();
        for (place, named) in self.0.iter_mut().enumerate() {
            let own = done.iter().skip(place).step_by(each);
            let packed: Vec<&Packed> = own.map(|map: &QuantisedMap| &map.packed).collect();
            replace(&mut named.map, &packed);
        }
        Ok(done)
    }
}

/// The words of a weight `[K, N]`, their error, and that of rounding to the nearest numbers.
fn one(
    weight_kn: Tensor<2>,
    hessian: &Hessian,
    curvature: Option<&Curvature>,
    config: &GptqConfig,
) -> Result<(Packed, f64, f64), GptqError> {
    let weight_kn = weight_kn.cast(FloatDType::F32);
    let numbers: Vec<f32> = weight_kn.to_data().try_to_vec().expect("numbers in f32");
    let error = |packed: &Packed| -> Result<f64, GptqError> {
        let own = TensorData::new(packed.unpacked()?.dequantised(), weight_kn.shape());
        let own = Tensor::from_data(own, &weight_kn.device());
        Ok(hessian.energy(own - weight_kn.clone()))
    };
    let format = config.packed().zeros;
    let nearest = Packed::of(&nearest(&numbers, hessian.inputs(), config)?, format)?;
    let nearest_error = error(&nearest)?;
    match curvature {
        None => Ok((nearest, nearest_error, nearest_error)),
        Some(curvature) => {
            let packed = Packed::of(&curvature.quantise(&numbers, config)?, format)?;
            let error = error(&packed)?;
            Ok((packed, error, nearest_error))
        }
    }
}
