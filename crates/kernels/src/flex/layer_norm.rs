//! Layer normalisation, a row after another.

use burn::{
    backend::{Flex, TensorMetadata},
    tensor::TensorData,
};
use burn_flex::FlexTensor;
use rayon::prelude::*;

use super::{
    floats, matrix,
    wide::{sum_of, sum_with, wide},
    work::bytes,
};
use crate::{
    extension::{LayerNormGradients, LayerNormOps},
    operation::operation,
};

/// Rows of one task. The sums over rows are added by tasks in order, so this decides their rounding
/// and threads do not.
const ROWS: usize = 64;

/// The rows, and the mean and inverse deviation of each.
fn forward(x: &[f32], gamma: &[f32], beta: &[f32], epsilon: f32) -> (Vec<f32>, Vec<f32>) {
    // Rows without values are never walked, but chunks must have a length.
    let width = gamma.len().max(1);
    let mut y = vec![0.0; x.len()];
    let mut moments = vec![0.0; x.len() / width * 2];
    y.par_chunks_mut(ROWS * width)
        .zip(x.par_chunks(ROWS * width))
        .zip(moments.par_chunks_mut(ROWS * 2))
        .for_each(|((y, x), moments)| forward_part(y, x, moments, gamma, beta, epsilon));
    (y, moments)
}

/// The gradients for rows, scale and shift.
fn backward(
    x: &[f32],
    gamma: &[f32],
    moments: &[f32],
    dy: &[f32],
) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
    let width = gamma.len().max(1);
    let mut dx = vec![0.0; x.len()];
    let sums: Vec<(Vec<f32>, Vec<f32>)> = dx
        .par_chunks_mut(ROWS * width)
        .zip(x.par_chunks(ROWS * width))
        .zip(dy.par_chunks(ROWS * width))
        .zip(moments.par_chunks(ROWS * 2))
        .map(|(((dx, x), dy), moments)| {
            let (mut dgamma, mut dbeta) = (vec![0.0; gamma.len()], vec![0.0; gamma.len()]);
            backward_part(dx, &mut dgamma, &mut dbeta, x, gamma, moments, dy);
            (dgamma, dbeta)
        })
        .collect();
    let (mut dgamma, mut dbeta) = (vec![0.0; gamma.len()], vec![0.0; gamma.len()]);
    for (dgamma_part, dbeta_part) in &sums {
        add(&mut dgamma, dgamma_part);
        add(&mut dbeta, dbeta_part);
    }
    (dx, dgamma, dbeta)
}

fn add(sum: &mut [f32], part: &[f32]) {
    for (sum, part) in sum.iter_mut().zip(part) {
        *sum += part;
    }
}

wide! {
    fn forward_part(
        y: &mut [f32],
        x: &[f32],
        moments: &mut [f32],
        gamma: &[f32],
        beta: &[f32],
        epsilon: f32,
    ) {
        let width = gamma.len();
        let share = 1.0 / width as f32;
        let rows = y.chunks_exact_mut(width).zip(x.chunks_exact(width));
        for ((y, x), moments) in rows.zip(moments.chunks_exact_mut(2)) {
            let mean = sum_of(x, |x| x) * share;
            let variance = sum_of(x, |x| (x - mean) * (x - mean)) * share;
            let inverse = 1.0 / (variance + epsilon).sqrt();
            for (((y, &x), &gamma), &beta) in y.iter_mut().zip(x).zip(gamma).zip(beta) {
                *y = ((x - mean) * inverse).mul_add(gamma, beta);
            }
            moments.copy_from_slice(&[mean, inverse]);
        }
    }

    /// With `n = (x - mean) inverse` and `g = dy gamma`: `dx = inverse (g - mean(g) - n mean(g n))`;
    /// adds `dy n` to `dgamma` and `dy` to `dbeta`.
    fn backward_part(
        dx: &mut [f32],
        dgamma: &mut [f32],
        dbeta: &mut [f32],
        x: &[f32],
        gamma: &[f32],
        moments: &[f32],
        dy: &[f32],
    ) {
        let width = gamma.len();
        let share = 1.0 / width as f32;
        let rows = dx
            .chunks_exact_mut(width)
            .zip(x.chunks_exact(width))
            .zip(dy.chunks_exact(width))
            .zip(moments.chunks_exact(2));
        for (((dx, x), dy), moments) in rows {
            let (mean, inverse) = (moments[0], moments[1]);
            let normal = |x: f32| (x - mean) * inverse;
            let along_one = share * sum_with(dx, [dy, gamma], |_, dx, [dy, gamma]| {
                *dx = dy * gamma;
                *dx
            });
            let along_normal = share * sum_with(dx, [x], |_, dx, [x]| *dx * normal(x));
            for (dx, &x) in dx.iter_mut().zip(x) {
                *dx = inverse * (*dx - along_one - normal(x) * along_normal);
            }
            for ((dgamma, &dy), &x) in dgamma.iter_mut().zip(dy).zip(x) {
                *dgamma += dy * normal(x);
            }
            for (dbeta, &dy) in dbeta.iter_mut().zip(dy) {
                *dbeta += dy;
            }
        }
    }
}

impl LayerNormOps for Flex {
    fn layer_norm_op(
        x: FlexTensor,
        gamma: FlexTensor,
        beta: FlexTensor,
        epsilon: f64,
    ) -> (FlexTensor, FlexTensor) {
        operation!("layer norm", bytes = 2 * bytes(&[&x]));
        let (x, gamma, beta) = (floats(&x), floats(&gamma), floats(&beta));
        let (y, moments) = forward(x.storage(), gamma.storage(), beta.storage(), epsilon as f32);
        let rows = moments.len() / 2;
        (
            FlexTensor::from_data(TensorData::new(y, x.shape())),
            matrix(moments, rows, 2),
        )
    }
}

impl LayerNormGradients for Flex {
    fn layer_norm_backward_op(
        x: FlexTensor,
        gamma: FlexTensor,
        moments: FlexTensor,
        dy: FlexTensor,
    ) -> (FlexTensor, FlexTensor, FlexTensor) {
        operation!("layer norm, backward", bytes = 3 * bytes(&[&x]));
        let (x, gamma) = (floats(&x), floats(&gamma));
        let (moments, dy) = (floats(&moments), floats(&dy));
        let (dx, dgamma, dbeta) = backward(
            x.storage(),
            gamma.storage(),
            moments.storage(),
            dy.storage(),
        );
        let width = dgamma.len();
        (
            FlexTensor::from_data(TensorData::new(dx, x.shape())),
            FlexTensor::from_data(TensorData::new(dgamma, [width])),
            FlexTensor::from_data(TensorData::new(dbeta, [width])),
        )
    }
}
