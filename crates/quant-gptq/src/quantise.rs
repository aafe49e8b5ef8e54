//! The quantiser of Frantar et al. 2022.

use rayon::prelude::*;

use crate::{
    GptqConfig, GptqError, Hessian, Quantised,
    inverse::factor,
    lanes::{LANES, Lanes},
    plan::Plan,
};

/// Rounds every weight to the nearest whole number of its group's range: what [`quantise`] must beat, and
/// all there is for a map that saw nothing.
///
/// # Errors
///
/// Weights that are not finite.
pub fn nearest(weight: &[f32], inputs: usize, config: &GptqConfig) -> Result<Quantised, GptqError> {
    let outputs = checked(weight, inputs)?;
    let plan = Plan::new((inputs, outputs), (0..inputs).collect(), config);
    Ok(run(&plan, weight, |lanes| {
        for input in 0..inputs {
            if input % plan.group == 0 {
                lanes.find_ranges(&plan, input);
            }
            lanes.round(input);
        }
    }))
}

/// Rounds the inputs of a map one after another, each time moving the ones to come so that the outputs stay.
///
/// # Equation
///
/// With `(H + damping mean(diag H) I)^-1 = U^T U`, for input i of W `[K, N]`, all outputs alike:
///
/// ```text
/// q_i = clamp(round(w_i / s) + z, 0, 15)       e = (w_i - s (q_i - z)) / U[i, i]
/// w_j <- w_j - U[i, j] e                       for every j > i
/// ```
///
/// Inputs that the Hessian never saw count for nothing and become 0. Scales and zeros are found from the
/// weights as they stand when their group begins; inside a block those are not yet moved by the block's own
/// inputs, as in AutoGPTQ, whose numbers these are.
///
/// # Errors
///
/// Weights or a Hessian that are not finite, and a Hessian that no damping makes positive.
///
/// # Panics
///
/// If the weights are no rows of the Hessian's inputs.
pub fn quantise(
    weight: &[f32],
    hessian: &Hessian,
    config: &GptqConfig,
) -> Result<Quantised, GptqError> {
    Curvature::of(hessian, config)?.quantise(weight, config)
}

/// What of a Hessian all maps share that read the same.
pub(crate) struct Curvature {
    /// The inputs in the order in which they are rounded.
    order: Vec<usize>,
    /// Which inputs were 0 in all rows.
    unseen: Vec<bool>,
    /// U, transposed and in that order.
    factor: Vec<f32>,
}

impl Curvature {
    pub(crate) fn of(hessian: &Hessian, config: &GptqConfig) -> Result<Self, GptqError> {
        let inputs = hessian.inputs();
        let mut h = hessian.normalised();
        let unseen: Vec<bool> = (0..inputs).map(|k| h[k * inputs + k] == 0.0).collect();
        for k in (0..inputs).filter(|&k| unseen[k]) {
            h[k * inputs + k] = 1.0;
        }
        let mut order: Vec<usize> = (0..inputs).collect();
        if config.act_order {
            let diagonal = |k: usize| h[k * inputs + k];
            order.sort_by(|&a, &b| diagonal(b).total_cmp(&diagonal(a)));
        }
        let places = order.iter();
        let places = places.flat_map(|&row| order.iter().map(move |&column| (row, column)));
        let ordered: Vec<f32> = places
            .map(|(row, column)| h[row * inputs + column])
            .collect();
        let factor = factor(&ordered, inputs, config.damping.get())?;
        Ok(Self {
            order,
            unseen,
            factor,
        })
    }

    pub(crate) fn quantise(
        &self,
        weight: &[f32],
        config: &GptqConfig,
    ) -> Result<Quantised, GptqError> {
        let inputs = self.order.len();
        let outputs = checked(weight, inputs)?;
        let block = config.block.get();
        let plan = Plan::new((inputs, outputs), self.order.clone(), config);
        Ok(run(&plan, weight, |lanes| {
            for (place, &input) in plan.order.iter().enumerate() {
                if self.unseen[input] {
                    lanes.row_mut(place).fill(0.0);
                }
            }
            if config.static_groups {
                lanes.find_all_ranges(&plan);
            }
            for start in (0..inputs).step_by(block) {
                let end = (start + block).min(inputs);
                lanes.begin_block(start, end);
                for place in start..end {
                    if config.static_groups {
                        lanes.take_range(plan.order[place] / plan.group);
                    } else if place % plan.group == 0 {
                        lanes.find_ranges(&plan, place);
                    }
                    lanes.settle(place, start, end, &self.factor);
                }
                lanes.end_block(start, end, &self.factor);
            }
        }))
    }
}

/// N, of weights `[K, N]` that are all numbers.
fn checked(weight: &[f32], inputs: usize) -> Result<usize, GptqError> {
    assert!(
        weight.len().is_multiple_of(inputs),
        "rows of {inputs} inputs"
    );
    if weight.iter().any(|value| !value.is_finite()) {
        return Err(GptqError::NotFinite { part: "the map" });
    }
    Ok(weight.len() / inputs)
}

/// Runs the same for every few outputs, and puts together what comes out.
fn run(plan: &Plan, weight: &[f32], each: impl Fn(&mut Lanes) + Sync) -> Quantised {
    let firsts: Vec<usize> = (0..plan.outputs).step_by(LANES).collect();
    let parts = firsts.par_iter().map(|&first| {
        let mut lanes = Lanes::new(plan, weight, first);
        each(&mut lanes);
        lanes
    });
    let parts: Vec<Lanes> = parts.collect();
    let mut whole = Quantised {
        inputs: plan.inputs,
        outputs: plan.outputs,
        levels: vec![0; plan.inputs * plan.outputs],
        scales: vec![0.0; plan.groups() * plan.outputs],
        zeros: vec![0; plan.groups() * plan.outputs],
        groups: vec![0; plan.inputs],
    };
    for (place, &input) in plan.order.iter().enumerate() {
        let own = if plan.static_groups { input } else { place };
        whole.groups[input] = (own / plan.group) as u32;
    }
    for (part, &first) in parts.iter().zip(&firsts) {
        let count = LANES.min(plan.outputs - first);
        for (place, &input) in plan.order.iter().enumerate() {
            let target = input * plan.outputs + first;
            whole.levels[target..target + count].copy_from_slice(&part.levels[place][..count]);
        }
        for (group, ranges) in part.ranges.iter().enumerate() {
            for (lane, range) in ranges[..count].iter().enumerate() {
                whole.scales[group * plan.outputs + first + lane] = range.scale;
                whole.zeros[group * plan.outputs + first + lane] = range.zero;
            }
        }
    }
    whole
}
