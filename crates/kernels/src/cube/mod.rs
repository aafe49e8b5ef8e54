//! The GPU paths, as CubeCL kernels on Burn's `CubeBackend` (CUDA, wgpu).
//!
//! No kernel uses atomics on floats, planes or f64, and none waits for the host: where the work
//! depends on data (how many rows an expert has), the worst case is launched and what is not
//! needed returns at once. Sums are in f32 whatever the type of the tensors, and in an order that
//! does not depend on scheduling, so that the same input gives the same bits.

#![expect(
    clippy::manual_div_ceil,
    clippy::manual_midpoint,
    clippy::range_plus_one,
    clippy::trivially_copy_pass_by_ref,
    clippy::used_underscore_binding,
    reason = "kernels are written in the subset of Rust that CubeCL translates"
)]

mod counting;
mod counts;
mod gelu;
mod grouped;
mod int4;
mod rows;
mod sorting;
mod tile;

use burn::{
    backend::{
        cubecl::dtype_to_storage_type,
        ops::{FloatTensorOps, IntTensorOps},
    },
    tensor::{DType, Shape},
};
use burn_cubecl::{
    CubeBackend,
    kernel::into_contiguous,
    ops::numeric::{empty_device_contiguous_dtype, zeros_client},
    tensor::CubeTensor,
};
use cubecl::{calculate_cube_count_elemwise, ir::ElemType, prelude::*};

/// Units of a cube: what every runtime offers.
const UNITS: usize = 256;

/// Row-major floats of the given type.
fn floats(tensor: CubeTensor, dtype: DType) -> CubeTensor {
    let tensor = into_contiguous(tensor);
    if tensor.dtype == dtype {
        tensor
    } else {
        CubeBackend::float_cast(tensor, dtype.into())
    }
}

/// Contiguous 32-bit indices.
fn indices(tensor: CubeTensor) -> CubeTensor {
    let tensor = into_contiguous(tensor);
    if tensor.dtype == DType::I32 {
        tensor
    } else {
        CubeBackend::int_cast(tensor, DType::I32.into())
    }
}

/// The type of a tensor's elements as a kernel is told it.
fn element(dtype: DType) -> ElemType {
    dtype_to_storage_type(dtype)
}

/// A row-major tensor beside another, with whatever the memory holds.
fn empty<const D: usize>(like: &CubeTensor, shape: [usize; D], dtype: DType) -> CubeTensor {
    let elements: usize = shape.iter().product();
    assert!(
        u32::try_from(elements).is_ok(),
        "a tensor of {shape:?} has more elements than 32-bit places can name"
    );
    empty_device_contiguous_dtype(
        like.client.clone(),
        like.device.clone(),
        Shape::new(shape),
        dtype,
    )
}

/// The same elements under another row-major shape.
fn reshaped(tensor: CubeTensor, shape: Shape) -> CubeTensor {
    CubeTensor::new_contiguous(
        tensor.client,
        tensor.device,
        shape,
        tensor.handle,
        tensor.dtype,
    )
}

fn zeros<const D: usize>(like: &CubeTensor, shape: [usize; D], dtype: DType) -> CubeTensor {
    zeros_client(
        like.client.clone(),
        like.device.clone(),
        Shape::new(shape),
        dtype,
    )
}

/// Cubes enough for one unit per element. Kernels look at their place: the count is rounded up.
fn cubes_for_elements(client: &Client, elements: usize) -> (CubeCount, CubeDim) {
    let dim = CubeDim::new_1d(UNITS as u32);
    (calculate_cube_count_elemwise(client, elements, dim), dim)
}

/// At least `cubes` cubes, over three axes where one is too short.
fn cubes(client: &Client, cubes: usize) -> CubeCount {
    calculate_cube_count_elemwise(client, cubes, CubeDim::new_single())
}
