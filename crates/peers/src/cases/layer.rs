//! The MoE layer alone, forward and backward.

use std::any::Any;

use burn::{
    optim::GradientsParams,
    tensor::{Int, Tensor},
};
use moe_layer::{BatchRows, Capacity, LayerDims, MoeContext, MoeLayer, MoeOutput};
use serde_json::json;

use super::{Handout, Ours, SEED, Setting, chosen, host, normal};
use crate::{
    scale::ModelSizes,
    tensors::{self, Tensors},
};

/// A layer, its input and the gradient of its output. What is differentiated is `<y, dy>` plus the
/// balancing loss.
pub(crate) struct Layer {
    sizes: ModelSizes,
    moe: MoeLayer,
    x_td: Tensor<2>,
    dy_td: Tensor<2>,
    context: MoeContext,
}

impl Layer {
    pub(crate) fn new(sizes: &ModelSizes, setting: &Setting) -> Self {
        let autodiff = setting.device.clone().autodiff();
        let moe = trainer::initialise(SEED, &autodiff, |device| {
            MoeLayer::new(
                &sizes.moe(),
                &ModelSizes::router(),
                &LayerDims::new(sizes.dim, 1),
                device,
            )
        })
        .expect("the benchmark's own sizes fit together");
        let tokens = sizes.tokens();
        Self {
            sizes: sizes.clone(),
            moe,
            x_td: normal(tokens, sizes.dim, &autodiff).require_grad(),
            dy_td: normal(tokens, sizes.dim, &autodiff),
            context: MoeContext {
                token_ids_t: Tensor::<1, Int>::zeros([tokens], &autodiff),
                rows: BatchRows::equal(sizes.batch, sizes.sequence),
                noise_seed: 0,
                training: true,
                capacity: Capacity::Training,
                precision: setting.precision,
            },
        }
    }

    fn forward(&self) -> MoeOutput {
        self.moe.forward(self.x_td.clone(), &self.context)
    }

    fn objective(&self, output: &MoeOutput) -> Tensor<1> {
        let product = (output.y_td.clone() * self.dy_td.clone()).sum();
        let losses = output.auxiliary();
        losses.fold(product, |sum, loss| sum + loss.value.clone())
    }
}

impl Ours for Layer {
    fn handout(&self) -> Handout {
        let experts_tk = chosen(&self.forward());
        Handout {
            case: json!({"case": "layer", "shape": self.sizes.shape()}),
            weights: tensors::weights(&self.moe),
            inputs: Tensors::from([
                ("x".to_owned(), host(self.x_td.clone())),
                ("dy".to_owned(), host(self.dy_td.clone())),
                (
                    "choices/0".to_owned(),
                    experts_tk.into_data().convert::<i32>(),
                ),
            ]),
        }
    }

    fn expected(&mut self) -> Tensors {
        let output = self.forward();
        let gradients = self.objective(&output).backward();
        let dx = self.x_td.grad(&gradients).expect("x is a leaf");
        let gradients = GradientsParams::from_grads(gradients, &self.moe);
        let mut expected = tensors::gradients(&self.moe, &gradients);
        expected.insert("y".to_owned(), host(output.y_td));
        expected.insert("gradient/x".to_owned(), host(dx));
        expected
    }

    fn work(&mut self) -> Box<dyn Any> {
        let output = self.forward();
        Box::new(self.objective(&output).backward())
    }
}
