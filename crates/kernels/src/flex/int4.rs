//! Products with matrices of four bits.

use burn::{
    backend::{Flex, TensorMetadata},
    tensor::DType,
};
use burn_flex::FlexTensor;

use super::{
    Indices, floats,
    grouped::{Manner, Matrices, Weights, rows_by_matrix},
    matrix,
    nibbles::Int4Matrices,
    work::{FLOAT, bytes, product_flops, read_bytes},
};
use crate::{
    extension::{Int4Manner, Int4Ops},
    int4::PER_WORD,
    operation::operation,
};

impl Int4Ops for Flex {
    fn int4_matmul_op(
        x: FlexTensor,
        words: FlexTensor,
        scales: FlexTensor,
        zeros: FlexTensor,
        groups: FlexTensor,
        offsets: FlexTensor,
        manner: Int4Manner,
    ) -> FlexTensor {
        let [rows, _] = x.shape().dims();
        let [experts, word_rows, outputs] = words.shape().dims();
        let inputs = word_rows * PER_WORD;
        let (inner, outer) = if manner.transposed {
            (outputs, inputs)
        } else {
            (inputs, outputs)
        };
        operation!(
            "product in four bits",
            flops = product_flops(&offsets, inner, outer),
            bytes = bytes(&[&x])
                + read_bytes(&[&words, &scales, &zeros], &offsets)
                + FLOAT * rows * outer
        );
        let (x, scales, zeros) = (floats(&x), floats(&scales), floats(&zeros));
        let (groups, offsets) = (Indices::of(&groups), Indices::of(&offsets));
        let (groups, words) = (groups.get(), words.to_contiguous());
        assert_eq!(words.dtype(), DType::I32, "words have 32 bits");
        let matrices = Int4Matrices {
            words: words.storage(),
            scales: scales.storage(),
            zeros: zeros.storage(),
            groups: &groups,
            inputs,
            outputs,
            experts,
        };
        let weights = Weights {
            matrices: Matrices::Int4(matrices),
            inner,
            outer,
            transposed: manner.transposed,
        };
        let manner = Manner::plain(manner.precision);
        let out = rows_by_matrix((x.storage(), rows), &weights, &offsets.get(), manner);
        matrix(out, rows, outer)
    }
}
