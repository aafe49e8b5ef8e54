//! Padding: where it stands and what it holds changes nothing for real tokens.

use burn::tensor::{Bool, Device, IndexingUpdateOp, Int, Tensor};
use kernels::Precision;
use moe_layer::{
    BatchRows, Capacity, DispatcherConfig, DropPolicyConfig, ExpertConfig, LayerDims, LayerReading,
    MoeConfig, MoeContext, MoeLayer, MoeOutput, NoneConfig, auxiliary_sums,
};
use routers::{BalancerConfig, RouterConfig, Sequences, StrategyConfig};
use testkit::{F32_EXACT_ORDER, F32_SUM, assert_close, normal};

use crate::common::{config, members};

const WIDTH: usize = 8;
const LENGTHS: [usize; 4] = [5, 2, 2, 7];
const TOKENS: usize = 16;

/// A layer of four experts with a shared one, two of them to a token.
fn layer(
    strategy: &StrategyConfig,
    expert: &ExpertConfig,
    drop: DropPolicyConfig,
    balancers: Vec<BalancerConfig>,
) -> MoeLayer {
    let moe = MoeConfig {
        expert: expert.clone(),
        shared: Some(toml::from_str("hidden = 3").expect("a shared expert")),
        ..config(4, 2, 1.0, drop, DispatcherConfig::default())
    };
    let router = RouterConfig {
        strategy: strategy.clone(),
        balancers,
        ..RouterConfig::default()
    };
    MoeLayer::new(&moe, &router, &LayerDims::new(WIDTH, 50), &Device::flex()).expect("a layer")
}

fn context(token_ids_t: Tensor<1, Int>, rows: BatchRows, training: bool) -> MoeContext {
    MoeContext {
        token_ids_t,
        rows,
        noise_seed: 4,
        training,
        capacity: Capacity::Training,
        precision: Precision::F32,
    }
}

/// Hidden states and ids of the real tokens.
fn real(device: &Device) -> (Tensor<2>, Tensor<1, Int>) {
    let ids_t = testkit::integers([TOKENS], 50, 3, device);
    (normal([TOKENS, WIDTH], 2, device), ids_t)
}

/// Sequences of [`LENGTHS`] in rows of `longest`, padded on the left or on the right.
fn mask(longest: usize, left: bool, device: &Device) -> Tensor<2, Bool> {
    let row = |length: usize| -> Vec<bool> {
        let place = |at: usize| if left { longest - 1 - at } else { at };
        (0..longest).map(|at| place(at) < length).collect()
    };
    let rows: Vec<bool> = LENGTHS.iter().flat_map(|&length| row(length)).collect();
    Tensor::<1, Bool>::from_bool(rows.as_slice(), device).reshape([LENGTHS.len(), longest])
}

/// The padded batch: huge numbers and the id 0 where nothing is real, and the rows of what is.
fn padded(
    mask_bs: &Tensor<2, Bool>,
    device: &Device,
) -> (Tensor<2>, Tensor<1, Int>, Tensor<1, Int>) {
    let [batch, longest] = mask_bs.dims();
    let real_r: Tensor<1, Int> = mask_bs
        .clone()
        .reshape([batch * longest])
        .argwhere()
        .squeeze_dim(1);
    let (x_td, ids_t) = real(device);
    let garbage = Tensor::full([batch * longest, WIDTH], 1e6, device);
    let no_ids = Tensor::<1, Int>::zeros([batch * longest], device);
    let put = IndexingUpdateOp::Assign;
    (
        garbage.select_assign(0, real_r.clone(), x_td, put),
        no_ids.select_assign(0, real_r.clone(), ids_t, put),
        real_r,
    )
}

fn assert_same(given: &MoeOutput, expected: &MoeOutput, name: &str) {
    let (given_losses, expected_losses) = (auxiliary_sums([given]).0, auxiliary_sums([expected]).0);
    assert_eq!(given_losses.len(), expected_losses.len(), "{name}");
    for ((loss, value), (other, wanted)) in given_losses.into_iter().zip(expected_losses) {
        assert_eq!(loss, other, "{name}");
        assert_close(value, wanted, F32_EXACT_ORDER);
    }
    let read = |out: &MoeOutput| -> LayerReading { out.trace().read() };
    assert_eq!(read(given), read(expected), "{name}");
}

#[test]
fn padding_changes_nothing_for_real_tokens() {
    let device = Device::flex();
    for (number, strategy) in members::<StrategyConfig>().into_iter().enumerate() {
        for drop in members::<DropPolicyConfig>() {
            let experts = members::<ExpertConfig>();
            let expert = &experts[number % experts.len()];
            let name = format!("{} with {}", strategy.name(), drop.name());
            let takes_bias = strategy.rules().facts().takes_bias;
            let fits = |balancer: &BalancerConfig| {
                takes_bias || !matches!(balancer, BalancerConfig::Bias(_))
            };
            let balancers = members::<BalancerConfig>().into_iter();
            let balancers = balancers.filter(|balancer| {
                fits(balancer) && !matches!(balancer, BalancerConfig::HadamardOrthogonality(_))
            });
            let layer = layer(&strategy, expert, drop, balancers.collect());
            for (longest, left) in [(7, false), (7, true), (11, false), (11, true)] {
                let mask_bs = mask(longest, left, &device);
                let (x_td, ids_t, real_r) = padded(&mask_bs, &device);
                let alone = context(
                    ids_t.clone().select(0, real_r.clone()),
                    BatchRows::all(Sequences::of_lengths(LENGTHS)),
                    true,
                );
                let expected = layer.forward(x_td.clone().select(0, real_r.clone()), &alone);
                let given = layer.forward(x_td, &context(ids_t, BatchRows::real(&mask_bs), true));
                let rows_rd = given.y_td.clone().select(0, real_r.clone());
                assert_close(rows_rd, expected.y_td.clone(), F32_EXACT_ORDER);
                assert_same(&given, &expected, &name);

                let rows: Vec<usize> = real_r
                    .into_data()
                    .iter::<i64>()
                    .map(|row| row as usize)
                    .collect();
                let told = expected.decisions().into_iter().map(|mut decision| {
                    decision.token = rows[decision.token];
                    decision
                });
                assert!(given.decisions().into_iter().eq(told), "{name}");
            }
        }
    }
}

/// Where sequences do not compete, each is routed in a ragged batch as it is alone.
#[test]
fn a_ragged_batch_is_its_sequences() {
    // They draw, or read the place in the batch, or let all tokens of a batch compete.
    const APART: [&str; 3] = ["random", "hash-as-published", "expert-choice-as-published"];
    let device = Device::flex();
    let (x_td, ids_t) = real(&device);
    for strategy in members::<StrategyConfig>() {
        if APART.contains(&strategy.name()) {
            continue;
        }
        let drop = NoneConfig::default().into();
        let layer = layer(&strategy, &ExpertConfig::default(), drop, Vec::new());
        let ragged = BatchRows::all(Sequences::of_lengths(LENGTHS));
        let together = layer.forward(x_td.clone(), &context(ids_t.clone(), ragged, false));
        let mut start = 0;
        for length in LENGTHS {
            let rows = start..start + length;
            let own = context(
                ids_t.clone().slice([rows.clone()]),
                BatchRows::equal(1, length),
                false,
            );
            let alone = layer.forward(x_td.clone().slice([rows.clone()]), &own).y_td;
            assert_close(together.y_td.clone().slice([rows.clone()]), alone, F32_SUM);
            start = rows.end;
        }
    }
}
