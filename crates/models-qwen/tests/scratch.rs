//! A decoder that is trained from scratch: its numbers are known before it is built.

use burn::{
    module::Module,
    tensor::{Device, Int, Tensor},
};
use kernels::Precision;
use lm::{CausalLm, DataDims, LmConfig, LmInput, LmShape};
use models_qwen::Qwen2MoeSizes;
use moe_layer::{Capacity, MoeConfig};
use routers::RouterConfig;

const DIMS: DataDims = DataDims {
    vocab: 11,
    sequence: 7,
    token_counts: None,
    seed: 0,
};

fn sizes(text: &str) -> Qwen2MoeSizes {
    let text = format!("layers = 2\ndim = 12\nheads = 3\n{text}");
    toml::from_str(&text).expect("sizes")
}

/// Four gated experts of 5, two to a token, and a shared one of 6 with its gate.
fn moe() -> MoeConfig {
    let text = "experts = 4\nk = 2\nexpert = 'gated'\nexpert-hidden = 5\nshared = { hidden = 6 }";
    toml::from_str(text).expect("a mixture")
}

#[test]
fn parameters_are_counted_before_it_is_built() {
    let (device, router) = (Device::flex(), RouterConfig::default());
    for text in ["", "key-heads = 1", "tied-head = true"] {
        let config = sizes(text);
        let model = config.build(&moe(), &router, &DIMS, &device).expect(text);
        let counted = config.sizes(&moe(), &router, &DIMS);
        assert_eq!(model.num_params(), counted.total, "{text}");
        assert_eq!(counted.router, 2 * 12 * 4, "{text}");
        // Of four experts a token meets two, and of an embedding that is not the head one row of 11.
        let rows = if config.tied_head { 0 } else { 12 * 10 };
        let unmet = 2 * 2 * 3 * 12 * 5 + rows;
        assert_eq!(counted.active, counted.total - unmet, "{text}");
    }
}

#[test]
fn the_arithmetic_of_a_token_by_hand() {
    let router = RouterConfig::default();
    let flops = |text: &str| sizes(text).flops_per_token(&moe(), &router, &DIMS, 2.0);
    // A layer: maps of 12 x 12 four times, products 2 * 12 * 8, router 2 * 12 * 4, two rows of three
    // matrices 12 x 5, the shared expert's three of 12 x 6 and its gate; the head is 12 x 11.
    let layer = 4 * 288 + 192 + 96 + 2 * 3 * 120 + 3 * 144 + 24;
    assert_eq!(flops(""), f64::from(2 * layer + 264));
    // One head of keys and values in place of three: their maps are 12 x 4.
    assert_eq!(
        flops("key-heads = 1"),
        f64::from(2 * (layer - 2 * 192) + 264)
    );
}

#[test]
fn heads_must_share_the_width() {
    let device = Device::flex();
    let refused = |text: &str| {
        let text = format!("layers = 2\n{text}");
        let config: Qwen2MoeSizes = toml::from_str(&text).expect("sizes");
        let built = config.build(&moe(), &RouterConfig::default(), &DIMS, &device);
        built.expect_err("heads that do not fit").to_string()
    };
    assert_eq!(
        refused("dim = 12\nheads = 4"),
        "qwen2-moe: dim must be a multiple of twice the heads, whose halves turn, got dim = 12 with 4 \
         heads"
    );
    assert_eq!(
        refused("dim = 12\nheads = 3\nkey-heads = 2"),
        "qwen2-moe: heads must be a multiple of key-heads, got heads = 3 with 2"
    );
}

/// Untrained logits are small, so the first loss is that of even odds; and the order of tokens matters.
#[test]
fn it_starts_undecided() {
    let device = Device::flex();
    device.seed(3);
    let router = RouterConfig::default();
    let model = sizes("")
        .build(&moe(), &router, &DIMS, &device)
        .expect("a model");
    let pass = |ids: [[i32; 4]; 1]| {
        model.forward(&LmInput {
            ids_bs: Tensor::<2, Int>::from_data(ids, &device),
            texts: None,
            noise_seed: 0,
            capacity: Capacity::Evaluation,
            precision: Precision::F32,
        })
    };
    let forward = pass([[1, 2, 3, 4]]);
    let targets = Tensor::from_data([2, 3, 4, 5], &device);
    let nll = forward.nll(targets, None).into_scalar::<f32>();
    assert!((f64::from(nll) - 11f64.ln()).abs() < 0.05, "{nll}");
    let last = |forward: lm::LmForward| -> Vec<f32> {
        forward
            .logits
            .narrow(0, 3, 1)
            .into_data()
            .iter::<f32>()
            .collect()
    };
    assert_ne!(last(forward), last(pass([[2, 1, 3, 4]])));
}
