//! A mixture whose experts are all the network that it replaces is that network.

mod common;

use std::{num::NonZeroUsize, path::Path};

use burn::{
    module::Module,
    tensor::{Device, Int, Tensor},
};
use common::{ALL_HEADS, Folder, random_tensors, small_config};
use models_bert::{Bert, BertError, BertInput};
use moe_layer::{
    DenseConfig, DispatcherConfig, LayerDims, MoeConfig, MoeLayer, NoneConfig, PaddedConfig,
    SortedConfig,
};
use routers::{HardTopKConfig, RouterConfig, SoftTopKConfig, StrategyConfig};
use rstest::rstest;
use testkit::{F32_SUM, Tolerance, assert_close, assets, integers};

const EXPERTS: usize = 4;

/// Sums of 1,536 terms in another order, through six layers that each normalise anew: observed at
/// most 4e-6 on values up to 10.
const THROUGH_LAYERS: Tolerance = Tolerance::new(2e-5, 2e-5);

fn mixture(
    bert: &Bert,
    layer: usize,
    strategy: StrategyConfig,
    dispatch: DispatcherConfig,
) -> MoeLayer {
    let size = |n| NonZeroUsize::new(n).expect("a size that is not zero");
    let config = MoeConfig {
        experts: size(EXPERTS),
        k: size(2),
        drop: NoneConfig::default().into(),
        dispatch,
        ..MoeConfig::default()
    };
    let router = RouterConfig {
        strategy,
        ..RouterConfig::default()
    };
    let (sizes, device) = (bert.config(), Device::flex());
    MoeLayer::new(
        &config,
        &router,
        &LayerDims::new(sizes.hidden_size, sizes.vocab_size),
        &device,
    )
    .expect("a layer")
    .with_experts(bert.expert_bank(layer, EXPERTS).expect("a bank"))
}

/// Runs the model with and without mixtures in `layers`, on ids with padding, and compares all taps.
fn compare(
    bert: &Bert,
    layers: &[usize],
    sequence: usize,
    strategy: &StrategyConfig,
    dispatch: &DispatcherConfig,
) {
    let device = Device::flex();
    let vocab = bert.config().vocab_size;
    let ids_bs = integers([3, sequence], vocab, 5, &device);
    let places = Tensor::<1, Int>::arange(0..sequence as i64, &device).reshape([1, sequence]);
    let mask_bs = places.lower_elem(sequence as i64 - 1).expand([3, sequence]);
    let input = BertInput::new(ids_bs, mask_bs);
    let before = bert.forward(&input).expect("a pass");
    assert!(before.mixtures.is_empty());

    let mut mixed = bert.clone();
    for &layer in layers {
        let moe = mixture(bert, layer, strategy.clone(), dispatch.clone());
        mixed = mixed.with_moe(layer, moe).expect("a layer");
    }
    let after = mixed.forward(&input).expect("a pass");
    for (before, after) in before.hidden.iter().zip(&after.hidden) {
        // The last of each sequence is padding, which mixtures leave out.
        let real = |x_bsd: &Tensor<3>| x_bsd.clone().narrow(1, 0, sequence - 1);
        assert_close(real(after), real(before), THROUGH_LAYERS);
    }
    let did: Vec<_> = after.mixtures.iter().map(|(layer, _)| *layer).collect();
    assert_eq!(did, layers);
    for (_, mixture) in &after.mixtures {
        // Nothing was dropped: two assignments for each real token.
        let load = mixture.rounds[0].plan.load().sum().into_scalar::<f32>();
        assert_eq!(load, (3 * (sequence - 1) * 2) as f32);
    }
}

fn load(folder: &Path) -> Bert {
    Bert::load(folder, &Device::flex()).expect("a model")
}

#[rstest]
fn of_a_random_model(
    #[values(SortedConfig::default().into(), PaddedConfig::default().into(), DenseConfig::default().into())]
    dispatch: DispatcherConfig,
    #[values(SoftTopKConfig::default().into(), HardTopKConfig::default().into())]
    strategy: StrategyConfig,
) {
    let config = small_config();
    let folder = Folder::with(&config, &random_tensors(&config, ALL_HEADS, 3));
    let bert = load(folder.path());
    compare(&bert, &[0], 6, &strategy, &dispatch);
    compare(&bert, &[0, 1], 6, &strategy, &dispatch);
}

#[test]
fn of_the_tiny_model() {
    let Some(assets) = assets("of_the_tiny_model") else {
        return;
    };
    let bert = load(&assets.join("golden/tiny_bert"));
    let strategy = SoftTopKConfig::default().into();
    compare(&bert, &[0, 1], 9, &strategy, &DispatcherConfig::default());
}

#[test]
fn of_the_real_model() {
    let Some(assets) = assets("of_the_real_model") else {
        return;
    };
    let bert = load(&assets.join("models/all-MiniLM-L6-v2"));
    let strategy = SoftTopKConfig::default().into();
    for layers in [&[3][..], &[0, 1, 2, 3, 4, 5]] {
        compare(&bert, layers, 32, &strategy, &DispatcherConfig::default());
    }
}

#[test]
fn experts_are_the_stored_matrices_turned() {
    let config = small_config();
    let tensors = random_tensors(&config, ALL_HEADS, 4);
    let bert = load(Folder::with(&config, &tensors).path());
    let bank = bert.expert_bank(1, EXPERTS).expect("a bank");
    let ((w1, b1), (w2, b2)) = (bank.up().tensors(), bank.down().tensors());
    let (b1, b2) = (b1.expect("a bias"), b2.expect("a bias"));
    let device = Device::flex();
    let stored = |name: &str| {
        let (_, shape, _) = &tensors[name];
        let values = common::values(&tensors[name]);
        let rows = Tensor::<1>::from_floats(values.as_slice(), &device);
        rows.reshape([shape[0], shape.get(1).copied().unwrap_or(1)])
    };
    let name = |part: &str| format!("encoder.layer.1.{part}");
    for expert in 0..EXPERTS {
        let of = |stack: &Tensor<3>| stack.clone().narrow(0, expert, 1).squeeze_dim::<2>(0);
        let first = stored(&name("intermediate.dense.weight")).transpose();
        assert_close(of(&w1), first, F32_SUM);
        let second = stored(&name("output.dense.weight")).transpose();
        assert_close(of(&w2), second, F32_SUM);
        let of = |stack: &Tensor<2>| stack.clone().narrow(0, expert, 1).transpose();
        assert_close(of(&b1), stored(&name("intermediate.dense.bias")), F32_SUM);
        assert_close(of(&b2), stored(&name("output.dense.bias")), F32_SUM);
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let config = small_config();
    let folder = Folder::with(&config, &random_tensors(&config, ALL_HEADS, 3));
    let bert = load(folder.path());
    let refused = |result: Result<(), BertError>| result.expect_err("a refusal").to_string();
    let message = refused(bert.expert_bank(2, 4).map(|_| ()));
    assert!(message.contains("from 0 to 1"), "{message}");
    let message = refused(bert.expert_bank(0, 0).map(|_| ()));
    assert!(message.contains("at least 1 expert"), "{message}");

    let soft: StrategyConfig = SoftTopKConfig::default().into();
    let moe = |layer| mixture(&bert, layer, soft.clone(), DispatcherConfig::default());
    let message = refused(bert.clone().with_moe(7, moe(0)).map(|_| ()));
    assert!(message.contains("feed-forward network 7"), "{message}");
    let narrow = MoeLayer::new(
        &MoeConfig::default(),
        &RouterConfig::default(),
        &LayerDims::new(4, 11),
        &Device::flex(),
    );
    let message = refused(
        bert.clone()
            .with_moe(0, narrow.expect("a layer"))
            .map(|_| ()),
    );
    assert!(
        message.contains("8 wide") && message.contains("got 4"),
        "{message}"
    );

    let mixed = bert.clone().with_moe(1, moe(1)).expect("a layer");
    let message = refused(mixed.expert_bank(1, 4).map(|_| ()));
    assert!(message.contains("layer 1 has a mixture"), "{message}");
    // Four experts in place of one network, and a router of 8 x 4.
    let network = 2 * 8 * 32 + 32 + 8;
    assert_eq!(mixed.num_params(), bert.num_params() + 3 * network + 8 * 4);
}
