//! The deltas of all experts of a layer in one pair of matrices.
//!
//! A of a file is `[E r, inputs]` with row `e r + k`, and B `[outputs, r E]` with column `k E + e`, k being a place
//! of the rank and e an expert (PEFT's `ParamWrapper`).

use burn::tensor::Tensor;

/// A and B of experts, `[E, inputs, r]` and `[E, r, outputs]`.
#[derive(Debug, Clone)]
pub(super) struct Stacked {
    pub(super) a: Tensor<3>,
    pub(super) b: Tensor<3>,
}

impl Stacked {
    /// The matrices of a file.
    pub(super) fn to_file(&self) -> [Tensor<2>; 2] {
        let [experts, inputs, rank] = self.a.dims();
        let [.., outputs] = self.b.dims();
        let a = self.a.clone().swap_dims(1, 2);
        let b = self.b.clone().permute([2, 1, 0]);
        [
            a.reshape([experts * rank, inputs]),
            b.reshape([outputs, rank * experts]),
        ]
    }

    /// Those of a file's matrices.
    pub(super) fn of_file([a, b]: [Tensor<2>; 2], experts: usize) -> Self {
        let [rows, inputs] = a.dims();
        let [outputs, _] = b.dims();
        let rank = rows / experts;
        Self {
            a: a.reshape([experts, rank, inputs]).swap_dims(1, 2),
            b: b.reshape([outputs, rank, experts]).permute([2, 1, 0]),
        }
    }

    /// Gate and up as one map that gives the values of both: where they read by one A, it stays one; else A is
    /// both side by side and B has them on its diagonal, at twice the rank.
    pub(super) fn joined(gate: &Self, up: &Self) -> Self {
        if gate.a.dims() == up.a.dims() && zero(gate.a.clone() - up.a.clone()) {
            return Self {
                a: gate.a.clone(),
                b: Tensor::cat(vec![gate.b.clone(), up.b.clone()], 2),
            };
        }
        let beside = |one: &Tensor<3>, outputs: usize| {
            let [experts, rank, _] = one.dims();
            Tensor::zeros([experts, rank, outputs], (&one.device(), one.dtype()))
        };
        let [.., gates] = gate.b.dims();
        let [.., ups] = up.b.dims();
        let above = Tensor::cat(vec![gate.b.clone(), beside(&gate.b, ups)], 2);
        let below = Tensor::cat(vec![beside(&up.b, gates), up.b.clone()], 2);
        Self {
            a: Tensor::cat(vec![gate.a.clone(), up.a.clone()], 2),
            b: Tensor::cat(vec![above, below], 1),
        }
    }

    /// One map that gives the values of gate and up as two, the way back from [`joined`](Self::joined): each
    /// has the whole A, or its half where B has blocks on its diagonal alone.
    pub(super) fn apart(&self) -> [Self; 2] {
        let [_, rank, outputs] = self.b.dims();
        let hidden = outputs / 2;
        let block = |from: usize, ranks: usize, side: usize| {
            let rows = self.b.clone().narrow(1, from, ranks);
            rows.narrow(2, side * hidden, hidden)
        };
        let half = rank / 2;
        let diagonal = rank % 2 == 0
            && zero(block(0, half, 1))
            && zero(block(half, half, 0))
            && !zero(self.b.clone());
        [0, 1].map(|side| {
            let (from, ranks) = if diagonal {
                (side * half, half)
            } else {
                (0, rank)
            };
            Self {
                a: self.a.clone().narrow(2, from, ranks),
                b: block(from, ranks, side),
            }
        })
    }
}

fn zero(numbers: Tensor<3>) -> bool {
    numbers.abs().max().into_scalar::<f32>() == 0.0
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use testkit::{assert_same, normal};

    use super::*;

    fn counted(shape: [usize; 3], first: i64) -> Tensor<3> {
        let count = shape.iter().product::<usize>() as i64;
        let numbers = Tensor::<1, burn::tensor::Int>::arange(first..first + count, &Device::flex());
        numbers.float().reshape(shape)
    }

    /// E = 2, inputs = 2, r = 2, outputs = 1.
    #[test]
    fn rows_are_by_expert_and_columns_by_rank() {
        // A_0 = [[0, 1], [2, 3]] and A_1 = [[4, 5], [6, 7]], inputs by ranks; row e r + k is column k of A_e.
        // B_0 = [10, 11] and B_1 = [12, 13], ranks by one output; column k E + e is B_e[k].
        let stacked = Stacked {
            a: counted([2, 2, 2], 0),
            b: counted([2, 2, 1], 10),
        };
        let [a, b] = stacked.to_file();
        let device = Device::flex();
        let rows = [[0.0, 2.0], [1.0, 3.0], [4.0, 6.0], [5.0, 7.0]];
        assert_same(a.clone(), Tensor::from_floats(rows, &device));
        let columns = [[10.0, 12.0, 11.0, 13.0]];
        assert_same(b.clone(), Tensor::from_floats(columns, &device));
        let back = Stacked::of_file([a, b], 2);
        assert_same(back.a, stacked.a);
        assert_same(back.b, stacked.b);
    }

    #[test]
    fn gate_and_up_are_joined_and_taken_apart() {
        let device = Device::flex();
        let stacked = |rank, seed| Stacked {
            a: normal([3, 4, rank], seed, &device),
            b: normal([3, rank, 5], seed + 1, &device),
        };
        let (gate, up) = (stacked(2, 1), stacked(2, 3));
        let joined = Stacked::joined(&gate, &up);
        assert_eq!((joined.a.dims(), joined.b.dims()), ([3, 4, 4], [3, 4, 10]));
        let deltas = Tensor::cat(
            vec![
                gate.a.clone().matmul(gate.b.clone()),
                up.a.clone().matmul(up.b.clone()),
            ],
            2,
        );
        testkit::assert_close(
            joined.a.clone().matmul(joined.b.clone()),
            deltas,
            testkit::F32_SUM,
        );
        for (back, own) in joined.apart().into_iter().zip([&gate, &up]) {
            assert_same(back.a, own.a.clone());
            assert_same(back.b, own.b.clone());
        }
        // Ranks of their own.
        let joined = Stacked::joined(&stacked(1, 5), &stacked(2, 7));
        assert_eq!(joined.a.dims(), [3, 4, 3]);
        // One that PEFT trained has full blocks: gate and up read by one A, and go back as they were.
        let trained = Stacked {
            a: normal([3, 4, 2], 9, &device),
            b: normal([3, 2, 10], 10, &device),
        };
        let [gate, up] = trained.apart();
        let back = Stacked::joined(&gate, &up);
        assert_same(back.a, trained.a);
        assert_same(back.b, trained.b);
    }
}
