//! How many numbers of a module are learned.

use burn::{
    module::{Module, ModuleVisitor, Param},
    prelude::*,
};

/// Numbers of a module that a gradient moves; what adapts otherwise and is saved with them is not
/// counted.
///
/// # Panics
///
/// For a module with parameters on a device without autodiff, where nothing is learned.
pub fn learned_params<M: Module>(module: &M) -> usize {
    struct Count(usize);

    impl ModuleVisitor for Count {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let value = param.val();
            assert!(value.device().is_autodiff(), "nothing is learned here");
            if value.is_require_grad() {
                self.0 += value.shape().num_elements();
            }
        }
    }

    let mut count = Count(0);
    module.visit(&mut count);
    count.0
}
