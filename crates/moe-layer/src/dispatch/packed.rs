//! The shared half of the packing backends: which token stands in which packed row.

use burn::tensor::{IndexingUpdateOp, Int, Tensor};
use kernels::expert_load;

use crate::{DispatchPlan, PlanKind};

/// Packed rows: the token and gate of each.
#[derive(Debug, Clone)]
pub struct PackedRows {
    /// Token `[M]`, T for an empty row.
    pub rows_m: Tensor<1, Int>,
    /// Gate `[M]`, zero for an empty row.
    pub gates_m: Tensor<1>,
}

impl PackedRows {
    /// Rows of fixed buffers, expert by expert, and how many each expert has: `M = E * C`. C is the
    /// capacity, but never more than the tokens there are.
    ///
    /// A plan without capacity must know the busiest expert's load, which is read from the device.
    ///
    /// # Panics
    ///
    /// For a soft plan, which moves nothing.
    #[must_use]
    pub fn fixed(plan: &DispatchPlan) -> (Self, usize) {
        match &plan.kind {
            PlanKind::ByToken {
                experts_tk,
                places_tk,
                gates_tk,
            } => {
                let room = plan.capacity.map_or_else(
                    || plan.load().max().into_scalar::<f32>().max(1.0) as usize,
                    |capacity| capacity.min(plan.tokens),
                );
                let nowhere = experts_tk.clone().equal_elem(plan.experts as i64);
                let packed = plan.experts * room;
                let dest_tk = (experts_tk.clone() * room as i64 + places_tk.clone())
                    .mask_fill(nowhere, packed as i64);
                (Self::place(gates_tk, dest_tk, packed), room)
            }
            PlanKind::ByExpert {
                tokens_ec,
                gates_ec,
            } => (Self::by_expert(tokens_ec, gates_ec), tokens_ec.dims()[1]),
            PlanKind::Soft { .. } => panic!("a soft plan has no packed rows"),
        }
    }

    /// Rows without gaps, expert by expert, and where each expert's start: offsets `[E + 1]`.
    /// `M` is the number of assignments before drops, so that shapes do not depend on the text; the
    /// rows behind the last expert's are empty.
    ///
    /// # Panics
    ///
    /// For a soft plan, which moves nothing.
    #[must_use]
    pub fn compact(plan: &DispatchPlan) -> (Self, Tensor<1, Int>) {
        match &plan.kind {
            PlanKind::ByToken {
                experts_tk,
                places_tk,
                gates_tk,
            } => {
                let [tokens, k] = experts_tk.dims();
                let assignments = tokens * k;
                let experts_a = experts_tk.clone().reshape([assignments]);
                let offsets = offsets(experts_a.clone(), plan.experts);
                let start_tk = offsets.clone().gather(0, experts_a).reshape([tokens, k]);
                let nowhere = experts_tk.clone().equal_elem(plan.experts as i64);
                let dest_tk = (start_tk + places_tk.clone()).mask_fill(nowhere, assignments as i64);
                let rows = Self::place(gates_tk, dest_tk, assignments);
                (rows, offsets)
            }
            PlanKind::ByExpert {
                tokens_ec,
                gates_ec,
            } => {
                let [experts, room] = tokens_ec.dims();
                let numbers = 0..experts as i64 + 1;
                let offsets = Tensor::<1, Int>::arange(numbers, &tokens_ec.device()) * room as i64;
                (Self::by_expert(tokens_ec, gates_ec), offsets)
            }
            PlanKind::Soft { .. } => panic!("a soft plan has no packed rows"),
        }
    }

    /// Puts assignments, listed by token, into `packed` rows; `dest_tk` is the row of each, or
    /// `packed` for one that goes nowhere.
    fn place(gates_tk: &Tensor<2>, dest_tk: Tensor<2, Int>, packed: usize) -> Self {
        let [tokens, k] = gates_tk.dims();
        let assignments = tokens * k;
        let device = gates_tk.device();
        let numbers_a = Tensor::<1, Int>::arange(0..assignments as i64, &device);
        let owner_m = Tensor::<1, Int>::full([packed + 1], assignments as i64, &device)
            .scatter(
                0,
                dest_tk.reshape([assignments]),
                numbers_a,
                IndexingUpdateOp::Assign,
            )
            .narrow(0, 0, packed);
        let nothing = Tensor::zeros([1], &device);
        let gates_a = Tensor::cat(vec![gates_tk.clone().reshape([assignments]), nothing], 0);
        Self {
            gates_m: gates_a.gather(0, owner_m.clone()),
            // An empty row's owner is T * k, which divides to T: no token.
            rows_m: owner_m / k as i64,
        }
    }

    fn by_expert(tokens_ec: &Tensor<2, Int>, gates_ec: &Tensor<2>) -> Self {
        let [experts, room] = tokens_ec.dims();
        let packed = experts * room;
        Self {
            rows_m: tokens_ec.clone().reshape([packed]),
            gates_m: gates_ec.clone().reshape([packed]),
        }
    }
}

/// Where each expert's group starts, and where the last ends: `[E + 1]`. The group of "nowhere",
/// index E, starts at the end.
fn offsets(experts_a: Tensor<1, Int>, experts: usize) -> Tensor<1, Int> {
    let ends = expert_load(experts_a, experts).cumsum(0).int();
    Tensor::cat(vec![Tensor::<1, Int>::zeros([1], &ends.device()), ends], 0)
}
