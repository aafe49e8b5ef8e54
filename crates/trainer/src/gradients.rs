//! Norms of gradients, and by what they are clipped together, all on the device.

use burn::module::{ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::prelude::*;

/// Keeps the denominator of the clipping factor from 0, as PyTorch's `clip_grad_norm_` does.
const NORM_EPSILON: f64 = 1e-6;

/// The L2 norm over all gradients of parameters whose path `selects`, or 0 when there are none.
///
/// # Shapes
///
/// One f32 number on the device of the parameters, not read back.
pub fn gradient_norm<M: Module>(
    module: &M,
    gradients: &GradientsParams,
    selects: impl Fn(&str) -> bool,
) -> Tensor<1> {
    let all = |path: &str| selects(path).then(String::new);
    let norm = gradient_norms(module, gradients, all).into_iter().next();
    norm.unwrap_or_else(|| Tensor::zeros([1], &plain_device(module)))
}

/// The L2 norm over the gradients of each group of parameters, groups in the order of the module;
/// `group_of` names the group of the parameter at a path. A group that no gradient reached has 0.
///
/// # Shapes
///
/// One f32 number a group on the device of the parameters, not read back.
pub(crate) fn gradient_norms<M: Module>(
    module: &M,
    gradients: &GradientsParams,
    group_of: impl Fn(&str) -> Option<String>,
) -> Vec<Tensor<1>> {
    let mut visitor = Squares {
        gradients,
        group_of,
        path: Vec::new(),
        groups: Vec::new(),
    };
    module.visit(&mut visitor);
    let norm = |sum: Option<Tensor<1>>| {
        sum.map_or_else(|| Tensor::zeros([1], &plain_device(module)), Tensor::sqrt)
    };
    visitor
        .groups
        .into_iter()
        .map(|(_, sum)| norm(sum))
        .collect()
}

/// The factor `[1]` by which all gradients are scaled down together so that their global norm is at most `largest`, and
/// the norm from before. With `largest` 0 nothing is scaled.
///
/// The factor is `min(1, largest / (norm + 1e-6))`, as in PyTorch. Burn's own clipping by norm acts
/// on each parameter alone.
pub fn clipping_factor<M: Module>(
    module: &M,
    gradients: &GradientsParams,
    largest: f64,
) -> (Tensor<1>, Tensor<1>) {
    let norm = gradient_norm(module, gradients, |_| true);
    if largest == 0.0 {
        return (norm.ones_like(), norm);
    }
    let factor = norm
        .clone()
        .add_scalar(NORM_EPSILON)
        .recip()
        .mul_scalar(largest)
        .clamp_max(1.0);
    (factor, norm)
}

/// The device of the parameters, without autodiff.
pub(crate) fn plain_device<M: Module>(module: &M) -> Device {
    module
        .devices()
        .into_iter()
        .next()
        .expect("a model has parameters")
        .without_autodiff()
}

struct Squares<'a, F> {
    gradients: &'a GradientsParams,
    group_of: F,
    path: Vec<String>,
    /// Names and sums of squares; no sum where no gradient reached the group.
    groups: Vec<(String, Option<Tensor<1>>)>,
}

impl<F: Fn(&str) -> Option<String>> ModuleVisitor for Squares<'_, F> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let Some(name) = (self.group_of)(&self.path.join(".")) else {
            return;
        };
        let known = self.groups.iter().position(|(group, _)| *group == name);
        let place = known.unwrap_or_else(|| {
            self.groups.push((name, None));
            self.groups.len() - 1
        });
        if let Some(gradient) = self.gradients.get::<D>(param.id) {
            let squares = kernels::sum_of_squares(gradient);
            let sum = &mut self.groups[place].1;
            *sum = Some(match sum.take() {
                Some(sum) => sum + squares,
                None => squares,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::module::Param;
    use testkit::{F32_EXACT_ORDER, assert_close};

    use super::*;

    #[derive(Module, Debug)]
    struct Two {
        router: Param<Tensor<1>>,
        body: Param<Tensor<2>>,
    }

    /// Gradients [3] for the router and [[0, 4], [0, 12]] for the body.
    fn two() -> (Two, GradientsParams, Device) {
        let device = Device::flex();
        let autodiff = device.clone().autodiff();
        let model = Two {
            router: Param::from_data([1.0f32], &autodiff),
            body: Param::from_data([[1.0f32, 1.0], [1.0, 1.0]], &autodiff),
        };
        let mut gradients = GradientsParams::new();
        gradients.register(model.router.id, Tensor::<1>::from_data([3.0f32], &device));
        gradients.register(
            model.body.id,
            Tensor::<2>::from_data([[0.0f32, 4.0], [0.0, 12.0]], &device),
        );
        (model, gradients, device)
    }

    fn one(value: f32, device: &Device) -> Tensor<1> {
        Tensor::from_data([value], device)
    }

    #[test]
    fn the_norm_is_over_all_parameters_together() {
        // sqrt(9 + 16 + 144) = 13; the router's alone is 3.
        let (model, gradients, device) = two();
        assert_close(
            gradient_norm(&model, &gradients, |_| true),
            one(13.0, &device),
            F32_EXACT_ORDER,
        );
        let router = gradient_norm(&model, &gradients, |path| path.contains("router"));
        assert_close(router, one(3.0, &device), F32_EXACT_ORDER);
    }

    #[test]
    fn no_gradient_has_norm_zero() {
        let (model, gradients, device) = two();
        let none = gradient_norm(&model, &gradients, |path| path.contains("absent"));
        assert_close(none, one(0.0, &device), F32_EXACT_ORDER);
    }

    #[test]
    fn groups_have_norms_of_their_own_and_zero_where_no_gradient_came() {
        // 3 and sqrt(16 + 144) = 12.649.
        let (model, mut gradients, device) = two();
        let by_name = |path: &str| Some(path.to_owned());
        let norms = gradient_norms(&model, &gradients, by_name);
        assert_eq!(norms.len(), 2);
        let expected = Tensor::from_data([3.0f32, 160.0f32.sqrt()], &device);
        assert_close(Tensor::cat(norms, 0), expected, F32_EXACT_ORDER);
        gradients.remove::<1>(model.router.id);
        let norms = gradient_norms(&model, &gradients, by_name);
        assert_close(norms[0].clone(), one(0.0, &device), F32_EXACT_ORDER);
    }

    #[test]
    fn a_large_norm_scales_everything_by_one_factor() {
        // 6.5 / 13 (1e-6 in the denominator is below the tolerance).
        let (model, gradients, device) = two();
        let (factor, norm) = clipping_factor(&model, &gradients, 6.5);
        assert_close(norm, one(13.0, &device), F32_EXACT_ORDER);
        assert_close(factor, one(0.5, &device), F32_EXACT_ORDER);
    }

    #[test]
    fn a_small_norm_and_no_limit_change_nothing() {
        for largest in [20.0, 0.0] {
            let (model, gradients, device) = two();
            let (factor, norm) = clipping_factor(&model, &gradients, largest);
            assert_close(norm, one(13.0, &device), F32_EXACT_ORDER);
            testkit::assert_same(factor, one(1.0, &device));
        }
    }
}
