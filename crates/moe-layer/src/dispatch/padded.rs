//! Fixed buffers of C rows per expert.

use burn::tensor::Tensor;
use kernels::{Precision, combine, pack};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Dispatch, packed::place};
use crate::{DispatchPlan, ExpertBank, PlanKind};

/// Fixed `[E, C, D]` buffers and one batched product: shapes that do not depend on the text, paid
/// for with arithmetic on empty rows.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct PaddedConfig {}

/// The backend of [`PaddedConfig`].
#[derive(Debug, Clone, Copy)]
pub struct Padded;

impl Dispatch for Padded {
    fn dispatch(
        &self,
        x_td: Tensor<2>,
        plan: &DispatchPlan,
        bank: &ExpertBank,
        precision: Precision,
    ) -> Tensor<2> {
        let [tokens, width] = x_td.dims();
        let (rows_m, gates_m, room) = match &plan.kind {
            PlanKind::ByExpert { tokens_ec, gates_ec } => {
                let [experts, room] = tokens_ec.dims();
                let flat = [experts * room];
                (tokens_ec.clone().reshape(flat), gates_ec.clone().reshape(flat), room)
            }
            PlanKind::ByToken { experts_tk, places_tk, gates_tk } => {
                let room = room(plan);
                let nowhere = experts_tk.clone().equal_elem(plan.experts as i64);
                let dest_tk = (experts_tk.clone() * room as i64 + places_tk.clone())
                    .mask_fill(nowhere, (plan.experts * room) as i64);
                let packed =
                    place(experts_tk, gates_tk, dest_tk, plan.experts, plan.experts * room);
                (packed.rows_m, packed.gates_m, room)
            }
            PlanKind::Soft { .. } => unreachable!("soft plans are mixed before dispatch"),
        };
        let x_ecd = pack(x_td, rows_m.clone()).reshape([plan.experts, room, width]);
        let y_ecd = bank.forward_batched(x_ecd, precision);
        combine(y_ecd.reshape([plan.experts * room, width]), rows_m, gates_m, tokens)
    }
}

/// Rows per expert: the capacity where there is one, but never more than the tokens there are;
/// without capacity the busiest expert's load, which must be read from the device.
fn room(plan: &DispatchPlan) -> usize {
    plan.capacity.map_or_else(
        || plan.load().max().into_scalar::<f32>().max(1.0) as usize,
        |capacity| capacity.min(plan.tokens),
    )
}
