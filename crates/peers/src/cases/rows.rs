//! Packing and combining without experts in between, from given rows.

use std::any::Any;

use burn::tensor::{Int, Tensor, TensorData, activation::softmax};
use kernels::{combine, pack, top_k};
use moe_layer::{Capacity, DispatchPlan, MoeConfig, PackedRows, PlanDims, PlanKind};
use routers::{Assignment, Sequences};
use serde_json::json;

use super::{Handout, Ours, SEED, Setting, host, normal};
use crate::tensors::Tensors;

/// How rows lie in the packed buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    /// Without gaps.
    Compact,
    /// In buffers of C rows per expert.
    Fixed,
}

/// Sizes of a case that moves rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RowsSizes {
    pub(crate) tokens: usize,
    pub(crate) dim: usize,
    pub(crate) experts: usize,
    pub(crate) k: usize,
    pub(crate) packing: Packing,
    pub(crate) backward: bool,
}

/// Inputs of a round trip: each token goes to the k best of E normal scores, at capacity factor
/// 1.25 with drops by position.
pub(crate) struct Rows {
    sizes: RowsSizes,
    plan: DispatchPlan,
    index_m: Tensor<1, Int>,
    expert_m: Vec<i64>,
    x_td: Tensor<2>,
    gates_m: Tensor<1>,
    dy_td: Tensor<2>,
    kept: usize,
}

impl Rows {
    pub(crate) fn new(sizes: &RowsSizes, setting: &Setting) -> Self {
        let plain = &setting.device;
        plain.seed(SEED);
        let scores_te = normal(sizes.tokens, sizes.experts, plain);
        let experts_tk = top_k(scores_te.clone(), sizes.k);
        let assignment = Assignment::TokenChoice {
            gates_tk: softmax(scores_te.gather(1, experts_tk.clone()), 1),
            experts_tk,
        };
        let config = MoeConfig {
            experts: sizes.experts.try_into().expect("above 0"),
            k: sizes.k.try_into().expect("above 0"),
            ..MoeConfig::default()
        };
        let dims = PlanDims {
            sequences: Sequences::equal(1, sizes.tokens),
            top_k: sizes.k,
            capacity: Capacity::Training,
        };
        let plan = DispatchPlan::new(&assignment, &config, &dims);
        let (packed, starts): (_, Vec<i64>) = match sizes.packing {
            Packing::Compact => {
                let (packed, offsets) = PackedRows::compact(&plan);
                (packed, offsets.into_data().iter::<i64>().collect())
            }
            Packing::Fixed => {
                let (packed, room) = PackedRows::fixed(&plan);
                (
                    packed,
                    (0..=sizes.experts).map(|e| (e * room) as i64).collect(),
                )
            }
        };
        let [rows] = packed.rows_m.dims();
        let expert_of =
            |row: usize| starts.partition_point(|&start| start <= row as i64) as i64 - 1;
        let grad = sizes.backward;
        let device = if grad {
            plain.clone().autodiff()
        } else {
            plain.clone()
        };
        let [x_td, dy_td]: [Tensor<2>; 2] = std::array::from_fn(|_| {
            Tensor::from_data(normal(sizes.tokens, sizes.dim, plain).into_data(), &device)
        });
        let gates_m = Tensor::from_data(packed.gates_m.into_data(), &device);
        Self {
            sizes: *sizes,
            kept: plan.load().sum().into_scalar::<f32>() as usize,
            plan,
            index_m: Tensor::from_data(packed.rows_m.into_data(), &device),
            expert_m: (0..rows).map(expert_of).collect(),
            x_td: if grad { x_td.require_grad() } else { x_td },
            gates_m: if grad {
                gates_m.require_grad()
            } else {
                gates_m
            },
            dy_td,
        }
    }

    fn forward(&self) -> Tensor<2> {
        let x_md = pack(self.x_td.clone(), self.index_m.clone());
        combine(
            x_md,
            self.index_m.clone(),
            self.gates_m.clone(),
            self.sizes.tokens,
        )
    }

    /// The packed row of every assignment, and whether it has one: `[T, k]` each, 0 where not.
    fn slots(&self) -> (Vec<i32>, Vec<i32>) {
        let PlanKind::ByToken { experts_tk, .. } = &self.plan.kind else {
            unreachable!("a token's choice is listed by token")
        };
        let experts: Vec<i64> = experts_tk.clone().into_data().iter::<i64>().collect();
        let (mut slots, mut kept) = (vec![0; experts.len()], vec![0; experts.len()]);
        let k = self.sizes.k;
        let rows = self.index_m.clone().into_data();
        for (row, (token, expert)) in rows.iter::<i64>().zip(&self.expert_m).enumerate() {
            let token = token as usize;
            if token == self.sizes.tokens {
                continue;
            }
            let choice = experts[token * k..][..k]
                .iter()
                .position(|chosen| chosen == expert)
                .expect("a row belongs to a choice of its token");
            slots[token * k + choice] = row as i32;
            kept[token * k + choice] = 1;
        }
        (slots, kept)
    }

    /// `[M]` on the host to `[T, k]`, zero where an assignment has no row.
    fn by_token(&self, values_m: &TensorData) -> TensorData {
        let values: Vec<f32> = values_m.iter::<f32>().collect();
        let (slots, kept) = self.slots();
        let picked: Vec<f32> = slots
            .iter()
            .zip(&kept)
            .map(|(&slot, &kept)| values[slot as usize] * kept as f32)
            .collect();
        TensorData::new(picked, [self.sizes.tokens, self.sizes.k])
    }

    /// Rows that a peer packs: in compact packing those that hold tokens, which come first.
    fn packed(&self) -> usize {
        match self.sizes.packing {
            Packing::Compact => self.kept,
            Packing::Fixed => self.index_m.dims()[0],
        }
    }
}

impl Ours for Rows {
    fn handout(&self) -> Handout {
        let packed = self.packed();
        let (tokens, k) = (self.sizes.tokens, self.sizes.k);
        let rows: Vec<i32> = self
            .index_m
            .clone()
            .into_data()
            .iter::<i64>()
            .take(packed)
            .map(|token| {
                if token as usize == tokens {
                    0
                } else {
                    token as i32
                }
            })
            .collect();
        let gates_m = host(self.gates_m.clone());
        let first: Vec<f32> = gates_m.iter::<f32>().take(packed).collect();
        let (slots, kept) = self.slots();
        Handout {
            case: json!({
                "case": "rows",
                "shape": {"tokens": tokens},
                "settings": {"backward": self.sizes.backward},
            }),
            weights: Tensors::new(),
            inputs: Tensors::from([
                ("x".to_owned(), host(self.x_td.clone())),
                ("dy".to_owned(), host(self.dy_td.clone())),
                ("rows_m".to_owned(), TensorData::new(rows, [packed])),
                ("gates_m".to_owned(), TensorData::new(first, [packed])),
                ("slots_tk".to_owned(), TensorData::new(slots, [tokens, k])),
                ("kept_tk".to_owned(), TensorData::new(kept, [tokens, k])),
                ("gates_tk".to_owned(), self.by_token(&gates_m)),
            ]),
        }
    }

    fn expected(&mut self) -> Tensors {
        let y_td = self.forward();
        let mut expected = Tensors::from([("y".to_owned(), host(y_td.clone()))]);
        if self.sizes.backward {
            let gradients = (y_td * self.dy_td.clone()).sum().backward();
            let dx = self.x_td.grad(&gradients).expect("x is a leaf");
            let dgates = self.gates_m.grad(&gradients).expect("gates are a leaf");
            expected.insert("gradient/x".to_owned(), host(dx));
            expected.insert("gradient/gates".to_owned(), self.by_token(&host(dgates)));
        }
        expected
    }

    /// The backward pass starts from ones: a product with a given gradient would be a third of the
    /// whole.
    fn work(&mut self) -> Box<dyn Any> {
        let y_td = self.forward();
        if self.sizes.backward {
            Box::new(y_td.backward())
        } else {
            Box::new(y_td)
        }
    }

    /// Forward, pack reads kept rows and writes M, combine reads kept rows and writes T. Backward,
    /// the adjoint of combine reads kept rows of the gradient and of what was packed and writes M,
    /// that of pack reads kept rows and writes T. Index and gate take four bytes a row each time
    /// they are read or written.
    fn bytes_moved(&self) -> Option<u64> {
        let row = self.sizes.dim * size_of::<f32>();
        let (kept, packed, tokens) = (self.kept, self.packed(), self.sizes.tokens);
        let forward = (2 * kept + packed + tokens) * row + 3 * packed * 4;
        let backward = (3 * kept + packed + tokens) * row + 4 * packed * 4;
        let bytes = if self.sizes.backward {
            forward + backward
        } else {
            forward
        };
        Some(bytes as u64)
    }
}
