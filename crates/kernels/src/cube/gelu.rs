//! GELU and its derivative in one pass each.

use burn::backend::TensorMetadata;
use burn_cubecl::{CubeBackend, kernel::into_contiguous, tensor::CubeTensor};
use cubecl::prelude::*;

use super::{cubes_for_elements, element, empty, floats, reshaped};
use crate::extension::{GeluGradients, GeluOps};

impl GeluOps for CubeBackend {
    fn gelu_op(x: CubeTensor) -> CubeTensor {
        let x = into_contiguous(x);
        let (client, dtype, elements) = (x.client.clone(), x.dtype, x.shape().num_elements());
        let out = reshaped(empty(&x, [elements], dtype), x.shape());
        if elements == 0 {
            return out;
        }
        let (count, dim) = cubes_for_elements(&client, elements);
        forward::launch(
            &client,
            count,
            dim,
            x.into_tensor_arg(),
            out.clone().into_tensor_arg(),
            elements as u32,
            element(dtype),
        );
        out
    }
}

impl GeluGradients for CubeBackend {
    fn gelu_dx_op(x: CubeTensor, dy: CubeTensor) -> CubeTensor {
        let dtype = dy.dtype;
        let (x, dy) = (floats(x, dtype), floats(dy, dtype));
        let (client, elements) = (x.client.clone(), x.shape().num_elements());
        let out = reshaped(empty(&x, [elements], dtype), x.shape());
        if elements == 0 {
            return out;
        }
        let (count, dim) = cubes_for_elements(&client, elements);
        backward::launch(
            &client,
            count,
            dim,
            x.into_tensor_arg(),
            dy.into_tensor_arg(),
            out.clone().into_tensor_arg(),
            elements as u32,
            element(dtype),
        );
        out
    }
}

#[cube(launch)]
fn forward<F: Float>(
    x: &Tensor<F>,
    out: &mut Tensor<F>,
    elements: u32,
    #[define(F)] _dtype: ElemType,
) {
    if ABSOLUTE_POS >= elements as usize {
        terminate!();
    }
    let x = f32::cast_from(x[ABSOLUTE_POS]);
    out[ABSOLUTE_POS] = F::cast_from(x * cumulative(x, exponential(x)));
}

#[cube(launch)]
fn backward<F: Float>(
    x: &Tensor<F>,
    dy: &Tensor<F>,
    out: &mut Tensor<F>,
    elements: u32,
    #[define(F)] _dtype: ElemType,
) {
    if ABSOLUTE_POS >= elements as usize {
        terminate!();
    }
    let x = f32::cast_from(x[ABSOLUTE_POS]);
    let exponential = exponential(x);
    let slope = cumulative(x, exponential) + x * 0.398_942_3f32 * exponential;
    out[ABSOLUTE_POS] = F::cast_from(f32::cast_from(dy[ABSOLUTE_POS]) * slope);
}

/// `exp(-x^2 / 2)`. Beyond 13 it is below 1e-37; clamping keeps the square finite.
#[cube]
fn exponential(x: f32) -> f32 {
    let mut far = x.abs();
    if far > 13.0f32 {
        far = 13.0f32;
    }
    (far * far * -0.5f32).exp()
}

/// `Phi(x)` within 1e-7, given `exp(-x^2 / 2)`: Abramowitz and Stegun 7.1.26 for the tail of erf.
#[cube]
fn cumulative(x: f32, exponential: f32) -> f32 {
    let t = 1.0f32 / (1.0f32 + 0.231_641_9f32 * x.abs());
    let polynomial = t
        * (0.254_829_6f32
            + t * (-0.284_496_74f32
                + t * (1.421_413_7f32 + t * (-1.453_152f32 + t * 1.061_405_4f32))));
    let tail = 0.5f32 * polynomial * exponential;
    select(x < 0.0f32, tail, 1.0f32 - tail)
}
