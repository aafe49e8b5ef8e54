//! Rows sorted by expert without gaps.

use burn::tensor::{Int, Tensor};
use kernels::{Precision, combine, expert_load, pack};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Dispatch, packed::place};
use crate::{DispatchPlan, ExpertBank, PlanKind};

/// Rows sorted by expert without gaps and a grouped product: arithmetic on kept assignments only.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct SortedConfig {}

/// The backend of [`SortedConfig`].
#[derive(Debug, Clone, Copy)]
pub struct Sorted;

/// Packed rows with the bounds of each expert's group.
struct Groups {
    rows_m: Tensor<1, Int>,
    expert_m: Tensor<1, Int>,
    gates_m: Tensor<1>,
    offsets: Tensor<1, Int>,
}

impl Dispatch for Sorted {
    fn dispatch(
        &self,
        x_td: Tensor<2>,
        plan: &DispatchPlan,
        bank: &ExpertBank,
        precision: Precision,
    ) -> Tensor<2> {
        let [tokens, _] = x_td.dims();
        let groups = groups(plan);
        let x_md = pack(x_td, groups.rows_m.clone());
        let y_md = bank.forward_sorted(x_md, groups.expert_m, groups.offsets, precision);
        combine(y_md, groups.rows_m, groups.gates_m, tokens)
    }
}

fn groups(plan: &DispatchPlan) -> Groups {
    match &plan.kind {
        PlanKind::ByToken { experts_tk, places_tk, gates_tk } => {
            let [tokens, k] = experts_tk.dims();
            let assignments = tokens * k;
            let offsets = offsets(experts_tk.clone().reshape([assignments]), plan.experts);
            // The group of "nowhere" starts after the last: its rows are sent past the end.
            let start_tk = offsets.clone().gather(0, experts_tk.clone().reshape([assignments]));
            let nowhere = experts_tk.clone().equal_elem(plan.experts as i64);
            let dest_tk = (start_tk.reshape([tokens, k]) + places_tk.clone())
                .mask_fill(nowhere, assignments as i64);
            let packed = place(experts_tk, gates_tk, dest_tk, plan.experts, assignments);
            Groups {
                rows_m: packed.rows_m,
                expert_m: packed.expert_m,
                gates_m: packed.gates_m,
                offsets,
            }
        }
        PlanKind::ByExpert { tokens_ec, gates_ec } => {
            let [experts, room] = tokens_ec.dims();
            let device = tokens_ec.device();
            let numbers_e = Tensor::<1, Int>::arange(0..experts as i64, &device);
            Groups {
                rows_m: tokens_ec.clone().reshape([experts * room]),
                expert_m: numbers_e
                    .reshape([experts, 1])
                    .expand([experts, room])
                    .reshape([experts * room]),
                gates_m: gates_ec.clone().reshape([experts * room]),
                offsets: Tensor::<1, Int>::arange(0..experts as i64 + 1, &device) * room as i64,
            }
        }
        PlanKind::Soft { .. } => unreachable!("soft plans are mixed before dispatch"),
    }
}

/// Where each expert's group starts, and where the last ends: `[E + 1]`.
fn offsets(experts_a: Tensor<1, Int>, experts: usize) -> Tensor<1, Int> {
    let ends = expert_load(experts_a, experts).cumsum(0).int();
    Tensor::cat(vec![Tensor::<1, Int>::zeros([1], &ends.device()), ends], 0)
}
