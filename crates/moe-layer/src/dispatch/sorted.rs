//! Rows sorted by expert without gaps.

use burn::tensor::Tensor;
use kernels::{combine, pack};
use nn::Manner;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Dispatch, PackedRows};
use crate::{DispatchPlan, Networks};

/// Rows sorted by expert without gaps and a grouped product: arithmetic on kept assignments only.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct SortedConfig {}

/// The backend of [`SortedConfig`].
#[derive(Debug, Clone, Copy)]
pub struct Sorted;

impl Dispatch for Sorted {
    fn dispatch(
        &self,
        x_td: Tensor<2>,
        plan: &DispatchPlan,
        networks: &dyn Networks,
        manner: Manner,
    ) -> Tensor<2> {
        let [tokens, _] = x_td.dims();
        let (packed, offsets) = PackedRows::compact(plan);
        let x_md = pack(x_td, packed.rows_m.clone());
        let y_md = networks.forward_sorted(x_md, offsets, manner);
        combine(y_md, packed.rows_m, packed.gates_m, tokens)
    }
}
