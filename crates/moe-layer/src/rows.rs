//! Which rows of a batch are tokens, and how they are sequences.

use burn::tensor::{Bool, Device, Int, Tensor};
use routers::Sequences;

/// How the rows of a batch are sequences, and which of them are real tokens. A layer leaves padding out
/// before anything else: it is not routed, takes no capacity, counts in no load and enters no loss.
#[derive(Debug, Clone)]
pub struct BatchRows {
    /// Those of the real tokens.
    sequences: Sequences,
    padding: Option<Padding>,
}

impl BatchRows {
    /// `count` sequences of one length, without padding.
    #[must_use]
    pub fn equal(count: usize, length: usize) -> Self {
        Self::all(Sequences::equal(count, length))
    }

    /// Sequences without padding.
    #[must_use]
    pub const fn all(sequences: Sequences) -> Self {
        Self {
            sequences,
            padding: None,
        }
    }

    /// The rows of `[B, S]` that are real, wherever the padding stands. Reads them from the device.
    #[must_use]
    pub fn real(real_bs: &Tensor<2, Bool>) -> Self {
        let [_, length] = real_bs.dims();
        let real: Vec<bool> = real_bs.clone().into_data().iter::<bool>().collect();
        Self::of_rows(real.chunks(length), &real_bs.device())
    }

    /// The same of sequences that are known here, all padded to one length.
    #[must_use]
    pub fn of_rows<'a>(sequences: impl Iterator<Item = &'a [bool]>, device: &Device) -> Self {
        let (mut lengths, mut real) = (Vec::new(), Vec::new());
        for sequence in sequences {
            lengths.push(sequence.iter().filter(|real| **real).count());
            real.extend_from_slice(sequence);
        }
        let rows: Vec<i32> = (0..)
            .zip(&real)
            .filter(|(_, real)| **real)
            .map(|(row, _)| row)
            .collect();
        if rows.len() == real.len() {
            return Self::all(Sequences::of_lengths(lengths));
        }
        Self {
            sequences: Sequences::of_lengths(lengths),
            padding: Some(Padding {
                real_r: Tensor::from_data(rows.as_slice(), device),
                tokens: real.len(),
            }),
        }
    }

    /// The sequences of the real tokens.
    #[must_use]
    pub const fn sequences(&self) -> &Sequences {
        &self.sequences
    }

    /// The rows that are left out, where there are any.
    pub(crate) const fn padding(&self) -> Option<&Padding> {
        self.padding.as_ref()
    }
}

/// The rows of a batch that are left out.
#[derive(Debug, Clone)]
pub struct Padding {
    /// The rows that are real `[R]`.
    real_r: Tensor<1, Int>,
    /// T, real or not.
    tokens: usize,
}

impl Padding {
    /// The ids `[R]` of the real tokens among those of all `[T]`.
    pub(crate) fn leave_out_ids(&self, ids_t: Tensor<1, Int>) -> Tensor<1, Int> {
        ids_t.select(0, self.real_r.clone())
    }

    /// The rows `[R, D]` of the real tokens.
    pub(crate) fn leave_out(&self, x_td: Tensor<2>) -> Tensor<2> {
        kernels::pack(x_td, self.real_r.clone())
    }

    /// Those rows where they stood `[T, D]`, and zero for padding.
    pub(crate) fn put_back(&self, y_rd: Tensor<2>) -> Tensor<2> {
        let ones_r = Tensor::ones(self.real_r.dims(), &y_rd.device());
        kernels::combine(y_rd, self.real_r.clone(), ones_r, self.tokens)
    }

    /// The row of each real token.
    pub(crate) fn rows(&self) -> Vec<usize> {
        let rows = self.real_r.clone().into_data();
        rows.iter::<i64>().map(|row| row as usize).collect()
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use testkit::{F32_EXACT_ORDER, assert_close, normal};

    use super::*;

    #[test]
    fn real_rows_are_taken_out_and_put_back() {
        let device = Device::flex();
        let mask = Tensor::from_data([[false, true, true], [true, true, false]], &device);
        let rows = BatchRows::real(&mask);
        assert_eq!(*rows.sequences(), Sequences::equal(2, 2));
        let padding = rows.padding().expect("padding");
        assert_eq!(padding.rows(), [1, 2, 3, 4]);
        let x_td = normal([6, 2], 1, &device);
        let y_td = padding.put_back(padding.leave_out(x_td.clone()));
        let real_t1 = mask.reshape([6, 1]).expand([6, 2]);
        assert_close(
            y_td,
            x_td.mask_fill(real_t1.bool_not(), 0.0),
            F32_EXACT_ORDER,
        );
    }

    #[test]
    fn nothing_is_left_out_where_all_are_real() {
        let all = Tensor::<2, Bool>::from_data([[true, true], [true, true]], &Device::flex());
        let rows = BatchRows::real(&all);
        assert!(rows.padding().is_none());
        assert_eq!(*rows.sequences(), Sequences::equal(2, 2));
    }
}
