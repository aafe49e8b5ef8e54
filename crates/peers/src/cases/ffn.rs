//! A dense feed-forward network of the layer's active arithmetic, forward and backward.

use std::any::Any;

use burn::tensor::Tensor;
use kernels::Precision;
use moe_layer::{ExpertBank, ExpertDims};
use serde_json::json;

use super::{Handout, Ours, SEED, Setting, host, normal};
use crate::{scale::ModelSizes, tensors::Tensors};

/// One expert of hidden width k * F that every token visits.
pub(crate) struct Ffn {
    dims: ExpertDims,
    bank: ExpertBank,
    x_td: Tensor<2>,
    dy_td: Tensor<2>,
    precision: Precision,
}

impl Ffn {
    pub(crate) fn new(sizes: &ModelSizes, setting: &Setting) -> Self {
        let autodiff = setting.device.clone().autodiff();
        let dims = ExpertDims {
            experts: 1,
            width: sizes.dim,
            hidden: sizes.k * sizes.hidden(),
        };
        let bank = trainer::initialise(SEED, &autodiff, |device| {
            Ok::<_, std::convert::Infallible>(ExpertBank::new(&dims, device))
        })
        .expect("cannot fail");
        Self {
            dims,
            bank,
            x_td: normal(sizes.tokens(), sizes.dim, &autodiff).require_grad(),
            dy_td: normal(sizes.tokens(), sizes.dim, &autodiff),
            precision: setting.precision,
        }
    }

    fn forward(&self) -> Tensor<2> {
        let x = self.x_td.clone().unsqueeze_dim::<3>(0);
        self.bank.forward_batched(x, self.precision).squeeze_dim(0)
    }

    fn objective(&self, y_td: Tensor<2>) -> Tensor<1> {
        (y_td * self.dy_td.clone()).sum()
    }

    /// Weights and biases, or what is made of them, under the names of a pair of linear maps.
    fn named(
        &self,
        prefix: &str,
        weight: impl Fn(Tensor<3>) -> Tensor<3>,
        bias: impl Fn(Tensor<2>) -> Tensor<2>,
    ) -> Tensors {
        let (w1, b1, w2, b2) = self.bank.tensors();
        let matrix = |of: Tensor<3>| host(weight(of).squeeze_dim::<2>(0));
        let vector = |of: Tensor<2>| host(bias(of).squeeze_dim::<1>(0));
        [
            ("up.weight", matrix(w1)),
            ("up.bias", vector(b1)),
            ("down.weight", matrix(w2)),
            ("down.bias", vector(b2)),
        ]
        .into_iter()
        .map(|(name, data)| (format!("{prefix}{name}"), data))
        .collect()
    }
}

impl Ours for Ffn {
    fn handout(&self) -> Handout {
        let ExpertDims { width, hidden, .. } = self.dims;
        Handout {
            case: json!({"case": "ffn", "shape": {"dim": width, "hidden": hidden}}),
            weights: self.named("", |weight| weight, |bias| bias),
            inputs: Tensors::from([
                ("x".to_owned(), host(self.x_td.clone())),
                ("dy".to_owned(), host(self.dy_td.clone())),
            ]),
        }
    }

    fn expected(&mut self) -> Tensors {
        let y_td = self.forward();
        let gradients = self.objective(y_td.clone()).backward();
        let dx = self.x_td.grad(&gradients).expect("x is a leaf");
        let mut expected = self.named(
            "gradient/",
            |weight| weight.grad(&gradients).expect("it is a parameter"),
            |bias| bias.grad(&gradients).expect("it is a parameter"),
        );
        expected.insert("y".to_owned(), host(y_td));
        expected.insert("gradient/x".to_owned(), host(dx));
        expected
    }

    fn work(&mut self) -> Box<dyn Any> {
        Box::new(self.objective(self.forward()).backward())
    }
}
