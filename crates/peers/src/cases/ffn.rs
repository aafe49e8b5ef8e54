//! A dense feed-forward network of the layer's active arithmetic, forward and backward.

use std::any::Any;

use burn::tensor::Tensor;
use kernels::Precision;
use moe_layer::{ExpertDims, Ffn as Network};
use serde_json::json;

use super::{Handout, Ours, SEED, Setting, host, normal};
use crate::{scale::ModelSizes, tensors::Tensors};

/// One expert of hidden width k * F that every token visits.
pub(crate) struct Ffn {
    dims: ExpertDims,
    network: Network,
    x_td: Tensor<2>,
    dy_td: Tensor<2>,
    precision: Precision,
}

impl Ffn {
    pub(crate) fn new(sizes: &ModelSizes, setting: &Setting) -> Self {
        let autodiff = setting.device.clone().autodiff();
        let dims = ExpertDims::mlp(1, sizes.dim, sizes.k * sizes.hidden());
        let network = trainer::initialise(SEED, &autodiff, |device| {
            Ok::<_, std::convert::Infallible>(Network::new(&dims, device))
        })
        .expect("cannot fail");
        Self {
            dims,
            network,
            x_td: normal(sizes.tokens(), sizes.dim, &autodiff).require_grad(),
            dy_td: normal(sizes.tokens(), sizes.dim, &autodiff),
            precision: setting.precision,
        }
    }

    fn forward(&self) -> Tensor<2> {
        self.network.forward(self.x_td.clone(), self.precision)
    }

    fn objective(&self, y_td: Tensor<2>) -> Tensor<1> {
        (y_td * self.dy_td.clone()).sum()
    }

    /// Weights and biases, or what is made of them, under the names of a pair of linear maps.
    fn named(
        &self,
        prefix: &str,
        weight: impl Fn(Tensor<2>) -> Tensor<2>,
        bias: impl Fn(Tensor<1>) -> Tensor<1>,
    ) -> Tensors {
        let maps = [("up", self.network.up()), ("down", self.network.down())];
        let mut tensors = Tensors::new();
        for (name, map) in maps {
            let own = map.bias.as_ref().expect("the network has biases").val();
            tensors.insert(
                format!("{prefix}{name}.weight"),
                host(weight(map.weight.val())),
            );
            tensors.insert(format!("{prefix}{name}.bias"), host(bias(own)));
        }
        tensors
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
