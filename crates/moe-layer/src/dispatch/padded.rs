//! Fixed buffers of C rows per expert.

use burn::tensor::Tensor;
use kernels::{combine, pack};
use nn::Manner;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Dispatch, PackedRows};
use crate::{DispatchPlan, Networks};

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
        networks: &dyn Networks,
        manner: Manner,
    ) -> Tensor<2> {
        let [tokens, width] = x_td.dims();
        let (packed, room) = PackedRows::fixed(plan);
        let x_ecd = pack(x_td, packed.rows_m.clone()).reshape([plan.experts, room, width]);
        let y_ecd = networks.forward_batched(x_ecd, manner);
        let y_md = y_ecd.reshape([plan.experts * room, width]);
        combine(y_md, packed.rows_m, packed.gates_m, tokens)
    }
}
