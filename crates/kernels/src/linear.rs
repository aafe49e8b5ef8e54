//! Affine maps: one, or one per expert over its rows.

use burn::tensor::{Int, Tensor};

use crate::{Int4, Precision, extension, gelu, gelu_reference, matmul, pack_reference};

/// What is done to rows before an affine map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Activation {
    /// Nothing.
    #[default]
    Identity,
    /// [`gelu`](crate::gelu()).
    Gelu,
}

impl Activation {
    /// Applies it.
    #[must_use]
    pub fn apply<const D: usize>(self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Identity => x,
            Self::Gelu => gelu(x),
        }
    }
}

/// `y[m] = activation(x_md[m]) * w_edf[e] + b_ef[e]` for the rows `offsets[e]..offsets[e + 1]` of
/// every expert e. Rows from `offsets[E]` on belong to no expert and give zero.
///
/// Two of these are an expert: the hidden layer is kept as it was before its activation, which is
/// computed on the way into the second product, and again in the backward pass, but never stored.
///
/// # Shapes
///
/// `x_md` `[M, D]` sorted by expert, `w_edf` `[E, D, F]`, `b_ef` `[E, F]` if any, `offsets` `[E + 1]`
/// rising from 0, to `[M, F]`.
///
/// # Gradients
///
/// Into all tensors of numbers. Rows of no expert get none and give none, whatever they hold.
#[must_use]
pub fn grouped_linear(
    x_md: Tensor<2>,
    w_edf: Tensor<3>,
    b_ef: Option<Tensor<2>>,
    offsets: Tensor<1, Int>,
    activation: Activation,
    precision: Precision,
) -> Tensor<2> {
    let b_ef = match b_ef {
        Some(b_ef) if crate::is_host(&x_md.device()) => {
            let manner = extension::LinearManner {
                activation,
                precision,
            };
            return extension::grouped_linear(x_md, w_edf, b_ef, offsets, manner);
        }
        other => other,
    };
    around_product(x_md, b_ef, offsets, activation, |x_md, offsets| {
        crate::grouped_matmul(x_md, w_edf, offsets, precision)
    })
}

/// [`grouped_linear`] with frozen matrices of four bits.
#[must_use]
pub fn int4_grouped_linear(
    x_md: Tensor<2>,
    w: &Int4,
    b_ef: Option<Tensor<2>>,
    offsets: Tensor<1, Int>,
    activation: Activation,
    precision: Precision,
) -> Tensor<2> {
    around_product(x_md, b_ef, offsets, activation, |x_md, offsets| {
        crate::int4_grouped_matmul(x_md, w, offsets, precision)
    })
}

/// An activation, a grouped product and a bias, one after another.
fn around_product(
    x_md: Tensor<2>,
    b_ef: Option<Tensor<2>>,
    offsets: Tensor<1, Int>,
    activation: Activation,
    product: impl FnOnce(Tensor<2>, Tensor<1, Int>) -> Tensor<2>,
) -> Tensor<2> {
    let [bounds] = offsets.dims();
    let x_md = match activation {
        Activation::Identity => x_md,
        Activation::Gelu => {
            let expert_m = expert_of_rows(&x_md, &offsets);
            gelu(without_nobodys(x_md, &expert_m, bounds - 1))
        }
    };
    let expert_m = b_ef.is_some().then(|| expert_of_rows(&x_md, &offsets));
    let y_mf = product(x_md, offsets);
    match b_ef.zip(expert_m) {
        Some((b_ef, expert_m)) => y_mf + crate::pack(b_ef, expert_m),
        None => y_mf,
    }
}

/// [`grouped_linear`] in plain tensor operations: every row by every matrix, masked.
#[must_use]
pub fn grouped_linear_reference(
    x_md: Tensor<2>,
    w_edf: Tensor<3>,
    b_ef: Option<Tensor<2>>,
    offsets: Tensor<1, Int>,
    activation: Activation,
) -> Tensor<2> {
    let [experts, ..] = w_edf.dims();
    let expert_m = expert_of_rows(&x_md, &offsets);
    let x_md = match activation {
        Activation::Identity => x_md,
        Activation::Gelu => gelu_reference(without_nobodys(x_md, &expert_m, experts)),
    };
    let y_mf = crate::grouped_matmul_reference(x_md, w_edf, offsets);
    match b_ef {
        Some(b_ef) => y_mf + pack_reference(b_ef, expert_m),
        None => y_mf,
    }
}

/// `activation(x_ecd) * w_edf + b_ef`, expert by expert on its own batch of rows.
///
/// # Shapes
///
/// `x_ecd` `[E, C, D]`, or `[1, C, D]` for the same rows everywhere, `w_edf` `[E, D, F]`, `b_ef`
/// `[E, F]` if any, to `[E, C, F]`.
///
/// # Gradients
///
/// Into all of them.
#[must_use]
pub fn batched_linear(
    x_ecd: Tensor<3>,
    w_edf: Tensor<3>,
    b_ef: Option<Tensor<2>>,
    activation: Activation,
    precision: Precision,
) -> Tensor<3> {
    let device = x_ecd.device();
    if !crate::is_host(&device) {
        let y_ecf = matmul(activation.apply(x_ecd), w_edf, precision);
        return match b_ef {
            Some(b_ef) => y_ecf + b_ef.unsqueeze_dim::<3>(1),
            None => y_ecf,
        };
    }
    let [experts, ..] = w_edf.dims();
    as_rows(x_ecd, experts, |x_md, offsets| {
        grouped_linear(x_md, w_edf, b_ef, offsets, activation, precision)
    })
}

/// [`batched_linear`] with frozen matrices of four bits.
#[must_use]
pub fn int4_batched_linear(
    x_ecd: Tensor<3>,
    w: &Int4,
    b_ef: Option<Tensor<2>>,
    activation: Activation,
    precision: Precision,
) -> Tensor<3> {
    let [experts, ..] = w.dims();
    as_rows(x_ecd, experts, |x_md, offsets| {
        int4_grouped_linear(x_md, w, b_ef, offsets, activation, precision)
    })
}

/// What is computed on the rows of every expert, as many for each.
fn as_rows(
    x_ecd: Tensor<3>,
    experts: usize,
    compute: impl FnOnce(Tensor<2>, Tensor<1, Int>) -> Tensor<2>,
) -> Tensor<3> {
    let device = x_ecd.device();
    let [_, room, inner] = x_ecd.dims();
    let x_md = x_ecd
        .expand([experts, room, inner])
        .reshape([experts * room, inner]);
    let offsets = Tensor::<1, Int>::arange(0..experts as i64 + 1, &device) * room as i64;
    let y_mf = compute(x_md, offsets);
    let [_, outer] = y_mf.dims();
    y_mf.reshape([experts, room, outer])
}

/// The expert of each row, E for none: how many experts end at or before it.
fn expert_of_rows(x_md: &Tensor<2>, offsets: &Tensor<1, Int>) -> Tensor<1, Int> {
    let [rows, _] = x_md.dims();
    let experts = offsets.dims()[0] - 1;
    let row_m = Tensor::<1, Int>::arange(0..rows as i64, &offsets.device());
    let ends_e = offsets.clone().narrow(0, 1, experts);
    row_m
        .reshape([rows, 1])
        .expand([rows, experts])
        .greater_equal(ends_e.reshape([1, experts]).expand([rows, experts]))
        .int()
        .sum_dim(1)
        .squeeze_dim(1)
}

/// Sets the rows of no expert to zero: the slope of an activation at what they hold may be no
/// number, which times a gradient of zero is none either.
fn without_nobodys(x_md: Tensor<2>, expert_m: &Tensor<1, Int>, experts: usize) -> Tensor<2> {
    let [rows, width] = x_md.dims();
    let nobodys = expert_m.clone().equal_elem(experts as i64);
    x_md.mask_fill(nobodys.reshape([rows, 1]).expand([rows, width]), 0.0)
}

/// `activation(x) * w + b`: the affine map of a layer.
///
/// # Shapes
///
/// `x` `[.., D]`, `w_df` `[D, F]`, `b_f` `[F]` if any, to `[.., F]`.
///
/// # Gradients
///
/// Into all three.
#[must_use]
pub fn linear<const R: usize>(
    x: Tensor<R>,
    w_df: Tensor<2>,
    b_f: Option<Tensor<1>>,
    activation: Activation,
    precision: Precision,
) -> Tensor<R> {
    let [inner, _] = w_df.dims();
    on_rows(x, inner, |x_md| match b_f {
        Some(b_f) if crate::is_host(&x_md.device()) => {
            let (w_edf, b_ef) = (w_df.unsqueeze(), b_f.unsqueeze());
            let offsets = one_group(&x_md);
            grouped_linear(x_md, w_edf, Some(b_ef), offsets, activation, precision)
        }
        Some(b_f) => matmul(activation.apply(x_md), w_df, precision) + b_f.unsqueeze(),
        None => matmul(activation.apply(x_md), w_df, precision),
    })
}

/// [`linear`] with a frozen matrix of four bits, the only one of `w`.
#[must_use]
pub fn int4_linear<const R: usize>(
    x: Tensor<R>,
    w: &Int4,
    b_f: Option<Tensor<1>>,
    activation: Activation,
    precision: Precision,
) -> Tensor<R> {
    let [_, inner, _] = w.dims();
    on_rows(x, inner, |x_md| {
        let offsets = one_group(&x_md);
        let y_mf = crate::int4_grouped_matmul(activation.apply(x_md), w, offsets, precision);
        match b_f {
            Some(b_f) => y_mf + b_f.unsqueeze(),
            None => y_mf,
        }
    })
}

/// All rows as those of one expert.
fn one_group(x_md: &Tensor<2>) -> Tensor<1, Int> {
    let [rows, _] = x_md.dims();
    Tensor::from_ints([0, rows as i32], &x_md.device())
}

/// What is computed on rows of so many numbers, on all that lie along the last dimension.
fn on_rows<const R: usize>(
    x: Tensor<R>,
    inner: usize,
    compute: impl FnOnce(Tensor<2>) -> Tensor<2>,
) -> Tensor<R> {
    let mut shape = x.dims();
    let rows = shape[..R - 1].iter().product::<usize>();
    let y_mf = compute(x.reshape([rows, inner]));
    let [_, outer] = y_mf.dims();
    shape[R - 1] = outer;
    y_mf.reshape(shape)
}
