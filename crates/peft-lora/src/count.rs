//! How many numbers a model has, and how many of them are learned.

use std::fmt;

use burn::{
    module::{Module, ModuleVisitor, Param},
    tensor::Tensor,
};
use nn::NamedMaps;

/// Numbers of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Params {
    /// Those that a gradient moves.
    pub trainable: usize,
    /// All, those of maps in four bits among them.
    pub total: usize,
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { trainable, total } = self;
        let percent = 100.0 * *trainable as f64 / (*total).max(1) as f64;
        write!(
            f,
            "{trainable} of {total} parameters are trained ({percent:.4} %)"
        )
    }
}

/// Counts the numbers of a model; on a device without gradients nothing is trained.
pub fn count_params<M: Module + NamedMaps>(model: &mut M) -> Params {
    struct Count(Params);

    impl ModuleVisitor for Count {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let numbers = param.val().shape().num_elements();
            self.0.total += numbers;
            if param.is_require_grad() {
                self.0.trainable += numbers;
            }
        }
    }

    let mut count = Count(Params::default());
    model.visit(&mut count);
    // Words are no parameters and are not visited.
    let packed = model
        .named_maps()
        .into_iter()
        .filter(|named| named.map.is_int4());
    count.0.total += packed
        .map(|named| named.map.dims().iter().product::<usize>())
        .sum::<usize>();
    count.0
}
