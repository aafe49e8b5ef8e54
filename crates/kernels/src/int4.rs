//! Matrices of four-bit numbers, multiplied as they are.

use burn::tensor::{DType, Device, Int, Tensor};

use crate::{Precision, extension};

/// Numbers of a word.
pub(crate) const PER_WORD: usize = 8;

/// The tensors of an [`Int4`].
#[derive(Debug, Clone)]
pub struct Int4Parts {
    /// `[E, K / 8, N]`, 32 bits each: bits `4 j` to `4 j + 3` of word `[e, i, n]` are `q[e, 8 i + j, n]`.
    pub words_ein: Tensor<3, Int>,
    /// s, `[E, G, N]`.
    pub scales_egn: Tensor<3>,
    /// z, `[E, G, N]`; or `[1, 1, 1]` where it is the same everywhere.
    pub zeros_egn: Tensor<3>,
    /// The group of each input, `[E, K]`; or `[1, K]` where it is the same for every expert.
    pub groups_ek: Tensor<2, Int>,
}

/// A frozen matrix for each of E experts, of whole numbers q from 0 to 15 that groups of inputs scale:
///
/// ```text
/// W[e, k, n] = s[e, g, n] (q[e, k, n] - z[e, g, n]),   g = groups[e, k]
/// ```
///
/// This is how GPTQ checkpoints hold theirs (Frantar et al. 2022). The fast paths never make the matrix: a
/// product writes out what it needs next, and keeps nothing of it for the backward pass.
#[derive(Debug, Clone)]
pub struct Int4 {
    parts: Box<Int4Parts>,
}

impl Int4 {
    /// The matrices of these parts.
    ///
    /// # Panics
    ///
    /// When sizes do not fit each other, and unless scales and zeros are f32.
    #[must_use]
    pub fn new(parts: Int4Parts) -> Self {
        let [experts, rows, outputs] = parts.words_ein.dims();
        let [_, groups, _] = parts.scales_egn.dims();
        assert_eq!(
            parts.scales_egn.dims(),
            [experts, groups, outputs],
            "scales are [E, G, N]"
        );
        let floats = [parts.scales_egn.dtype(), parts.zeros_egn.dtype()];
        assert_eq!(floats, [DType::F32; 2], "scales and zeros are f32");
        let zeros = parts.zeros_egn.dims();
        assert!(
            zeros == [1, 1, 1] || zeros == [experts, groups, outputs],
            "zeros are [E, G, N] or one, got {zeros:?}"
        );
        let of_inputs = parts.groups_ek.dims();
        let inputs = rows * PER_WORD;
        assert!(
            of_inputs == [1, inputs] || of_inputs == [experts, inputs],
            "groups are [E, K] or [1, K], got {of_inputs:?}"
        );
        Self {
            parts: Box::new(parts),
        }
    }

    /// E, K and N.
    #[must_use]
    pub fn dims(&self) -> [usize; 3] {
        let [experts, rows, outputs] = self.parts.words_ein.dims();
        [experts, rows * PER_WORD, outputs]
    }

    /// Where it is.
    #[must_use]
    pub fn device(&self) -> Device {
        self.parts.words_ein.device()
    }

    /// Each tensor put through what moves tensors.
    #[must_use]
    pub fn map(
        self,
        floats: impl Fn(Tensor<3>) -> Tensor<3>,
        words: impl Fn(Tensor<3, Int>) -> Tensor<3, Int>,
        groups: impl Fn(Tensor<2, Int>) -> Tensor<2, Int>,
    ) -> Self {
        let parts = *self.parts;
        Self::new(Int4Parts {
            words_ein: words(parts.words_ein),
            scales_egn: floats(parts.scales_egn),
            zeros_egn: floats(parts.zeros_egn),
            groups_ek: groups(parts.groups_ek),
        })
    }

    /// The parts.
    #[must_use]
    pub fn parts(&self) -> &Int4Parts {
        &self.parts
    }

    /// W `[E, K, N]`, in tensor operations: what fast paths must agree with.
    #[must_use]
    pub fn dequantised(&self) -> Tensor<3> {
        let [experts, inputs, outputs] = self.dims();
        let parts = &self.parts;
        let words = parts.words_ein.clone().unsqueeze_dim::<4>(2);
        let levels = (0..PER_WORD)
            .map(|place| {
                let shifted = words.clone().bitwise_right_shift_scalar(4 * place as i64);
                shifted.bitwise_and_scalar(15)
            })
            .collect();
        let levels_ekn = Tensor::cat(levels, 2).reshape([experts, inputs, outputs]);
        let groups = parts.groups_ek.clone().expand([experts, inputs]);
        let groups = groups
            .unsqueeze_dim::<3>(2)
            .expand([experts, inputs, outputs]);
        let [_, number_of_groups, _] = parts.scales_egn.dims();
        let of_inputs = |tensor_egn: &Tensor<3>| {
            let all = tensor_egn
                .clone()
                .expand([experts, number_of_groups, outputs]);
            all.gather(1, groups.clone())
        };
        (levels_ekn.float() - of_inputs(&parts.zeros_egn)) * of_inputs(&parts.scales_egn)
    }
}

/// [`grouped_matmul`](crate::grouped_matmul()) with matrices of four bits: rows `offsets[e]..offsets[e + 1]` of
/// `x_mk` by `W[e]`. Rows from `offsets[E]` on belong to no expert and give zero.
///
/// # Shapes
///
/// `x_mk` `[M, K]` sorted by expert, `offsets` `[E + 1]` rising from 0, to `[M, N]`.
///
/// # Gradients
///
/// Into `x_mk`. The matrices are frozen.
///
/// # Panics
///
/// When rows and matrices do not fit together.
#[must_use]
pub fn int4_grouped_matmul(
    x_mk: Tensor<2>,
    w: &Int4,
    offsets: Tensor<1, Int>,
    precision: Precision,
) -> Tensor<2> {
    let [experts, inputs, _] = w.dims();
    let ([_, width], [bounds]) = (x_mk.dims(), offsets.dims());
    assert_eq!(width, inputs, "rows are as wide as matrices are high");
    assert_eq!(bounds, experts + 1, "each matrix has its rows");
    if crate::has_fast_path(&x_mk.device()) {
        return extension::int4_matmul(x_mk, w, offsets, precision);
    }
    crate::grouped_matmul_reference(x_mk, w.dequantised(), offsets)
}
