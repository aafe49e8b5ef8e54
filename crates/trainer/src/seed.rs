//! Seeds of passes, and initialising parameters in a fixed order.

use burn::module::{ModuleVisitor, Param};
use burn::prelude::*;

/// The seed of a forward pass: batch `micro` of the update that follows `step` finished ones.
///
/// Each part is added to the mixed state before it and mixed again (SplitMix64's finaliser), so that
/// neighbouring steps and neighbouring seeds share nothing, and the order of the parts counts.
pub fn pass_seed(seed: u64, step: u64, micro: u64) -> u64 {
    [step, micro]
        .into_iter()
        .fold(mix(seed), |state, part| mix(state.wrapping_add(part)))
}

/// Seeds of evaluation passes: a stream that no training step uses.
pub fn evaluation_seed(seed: u64, batch: u64) -> u64 {
    pass_seed(seed, u64::MAX, batch)
}

const fn mix(value: u64) -> u64 {
    let mut mixed = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Builds a model on `device` whose parameters follow from `seed` alone, whatever the device is.
///
/// Parameters draw their values when they are first touched, in whatever order code touches them;
/// here they are all touched at once, in the order of the module's fields. They are drawn on the
/// processor, because each backend has a generator of its own, and moved where they are wanted.
///
/// # Errors
///
/// Whatever `build` gives.
pub fn initialise<M: Module, E>(
    seed: u64,
    device: &Device,
    build: impl FnOnce(&Device) -> Result<M, E>,
) -> Result<M, E> {
    let host = Device::flex();
    let host = if device.is_autodiff() {
        host.autodiff()
    } else {
        host
    };
    host.seed(seed);
    let model = build(&host)?;
    touch(&model);
    Ok(model.fork(device))
}

/// Has every parameter of a module draw its values now, in the order of the module's fields, and not
/// when it is first used.
pub fn touch<M: Module>(module: &M) {
    module.visit(&mut Touch);
}

struct Touch;

impl ModuleVisitor for Touch {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        drop(param.val());
    }

    fn visit_int<const D: usize>(&mut self, param: &Param<Tensor<D, Int>>) {
        drop(param.val());
    }

    fn visit_bool<const D: usize>(&mut self, param: &Param<Tensor<D, Bool>>) {
        drop(param.val());
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn passes_of_neighbouring_seeds_steps_and_batches_share_no_seed() {
        let mut seen = BTreeSet::new();
        for seed in 17..20 {
            for step in 0..50 {
                for micro in 0..4 {
                    assert!(
                        seen.insert(pass_seed(seed, step, micro)),
                        "{seed} {step} {micro}"
                    );
                }
            }
        }
        assert!(!seen.contains(&evaluation_seed(17, 0)));
    }
}
