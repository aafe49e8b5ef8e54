//! Affine maps per group of rows.

use burn::{
    backend::{Flex, TensorMetadata},
    tensor::TensorData,
};
use burn_flex::FlexTensor;

use super::{
    Indices, floats,
    gemm::Map,
    grouped::{GroupFinish, Manner, Matrices, Weights, outer_products, row_sums, rows_by_matrix},
    matrix,
    values::Values,
    work::{FLOAT, bytes, groups, product_flops, read_bytes},
};
use crate::{
    Activation,
    extension::{LinearGradients, LinearManner, LinearOps},
    operation::operation,
};

impl LinearManner {
    fn map(self) -> Map {
        match self.activation {
            Activation::Identity => Map::Identity,
            Activation::Gelu => Map::Gelu,
        }
    }
}

impl LinearOps for Flex {
    fn grouped_linear_op(
        x: FlexTensor,
        w: FlexTensor,
        b: FlexTensor,
        offsets: FlexTensor,
        manner: LinearManner,
    ) -> FlexTensor {
        let [rows, _] = x.shape().dims();
        let [_, inner, outer] = w.shape().dims();
        operation!(
            "grouped linear",
            flops = product_flops(&offsets, inner, outer),
            bytes = bytes(&[&x]) + read_bytes(&[&w, &b], &offsets) + FLOAT * rows * outer
        );
        let (x, w, b) = (floats(&x), Values::ready(&w), floats(&b));
        let offsets = Indices::of(&offsets);
        let weights = Weights {
            matrices: Matrices::Floats(Values::of(&w)),
            inner,
            outer,
            transposed: false,
        };
        let manner = Manner {
            map: manner.map(),
            finish: GroupFinish::Bias(b.storage()),
            precision: manner.precision,
        };
        let out = rows_by_matrix((x.storage(), rows), &weights, &offsets.get(), manner);
        matrix(out, rows, outer)
    }
}

impl LinearGradients for Flex {
    fn grouped_linear_dx_op(
        dy: FlexTensor,
        w: FlexTensor,
        x: FlexTensor,
        offsets: FlexTensor,
        manner: LinearManner,
    ) -> FlexTensor {
        let [rows, _] = dy.shape().dims();
        let [_, inner, outer] = w.shape().dims();
        operation!(
            "grouped linear, rows' gradient",
            flops = product_flops(&offsets, inner, outer),
            bytes = bytes(&[&dy]) + read_bytes(&[&w], &offsets) + FLOAT * rows * inner
        );
        let (dy, w, x) = (floats(&dy), Values::ready(&w), floats(&x));
        let offsets = Indices::of(&offsets);
        let weights = Weights {
            matrices: Matrices::Floats(Values::of(&w)),
            inner: outer,
            outer: inner,
            transposed: true,
        };
        let manner = Manner {
            map: Map::Identity,
            finish: match manner.activation {
                Activation::Identity => GroupFinish::Nothing,
                Activation::Gelu => GroupFinish::GeluSlope(x.storage()),
            },
            precision: manner.precision,
        };
        let out = rows_by_matrix((dy.storage(), rows), &weights, &offsets.get(), manner);
        matrix(out, rows, inner)
    }

    fn grouped_linear_dw_op(
        x: FlexTensor,
        dy: FlexTensor,
        offsets: FlexTensor,
        manner: LinearManner,
    ) -> FlexTensor {
        let [_, inner] = x.shape().dims();
        let [_, outer] = dy.shape().dims();
        operation!(
            "grouped linear, matrices' gradient",
            flops = product_flops(&offsets, inner, outer),
            bytes = bytes(&[&x, &dy]) + FLOAT * groups(&offsets) * inner * outer
        );
        let (x, dy, offsets) = (floats(&x), floats(&dy), Indices::of(&offsets));
        let offsets = offsets.get();
        let manner = Manner {
            map: manner.map(),
            ..Manner::plain(manner.precision)
        };
        let dw = outer_products(x.storage(), dy.storage(), &offsets, (inner, outer), manner);
        FlexTensor::from_data(TensorData::new(dw, [offsets.len() - 1, inner, outer]))
    }

    fn grouped_sum_op(dy: FlexTensor, offsets: FlexTensor) -> FlexTensor {
        operation!("sums of rows", bytes = bytes(&[&dy]));
        let (dy, offsets) = (floats(&dy), Indices::of(&offsets));
        let [_, width] = dy.shape().dims();
        let offsets = offsets.get();
        let sums = row_sums(dy.storage(), &offsets, width);
        matrix(sums, offsets.len() - 1, width)
    }
}
