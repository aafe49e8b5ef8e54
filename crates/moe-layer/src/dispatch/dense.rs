//! Every expert on every token: the oracle.

use burn::tensor::Tensor;
use nn::Manner;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Dispatch;
use crate::{DispatchPlan, Networks};

/// Every expert on every token, weighted afterwards: E / k times the arithmetic, no movement. The
/// oracle that the others are held to.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct DenseConfig {}

/// The backend of [`DenseConfig`].
#[derive(Debug, Clone, Copy)]
pub struct Dense;

impl Dispatch for Dense {
    fn dispatch(
        &self,
        x_td: Tensor<2>,
        plan: &DispatchPlan,
        networks: &dyn Networks,
        manner: Manner,
    ) -> Tensor<2> {
        let y_etd = networks.forward_batched(x_td.unsqueeze_dim::<3>(0), manner);
        let weights_et1 = plan.weights().swap_dims(0, 1).unsqueeze_dim::<3>(2);
        (y_etd * weights_et1).sum_dim(0).squeeze_dim(0)
    }
}
