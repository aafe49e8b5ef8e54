//! Maps in four bits, under every strategy.

use std::num::NonZeroUsize;

use burn::{module::Module, tensor::Device};
use kernels::Precision;
use lm::{DataDims, LmConfig, TokenBatch, kl_divergence, read_windows};
use models_tiny::TinyMoeConfig;
use moe_layer::{MoeConfig, NoneConfig, SharedConfig};
use quant_gptq::{GptqConfig, Rounding};
use registry::{Fraction, Variant};
use routers::{RouterConfig, StrategyConfig};

const fn size(n: usize) -> NonZeroUsize {
    NonZeroUsize::new(n).expect("a size that is not zero")
}

fn text(from: u32) -> TokenBatch {
    let ids = |from: u32| (0..64).map(|place| (place * 5 + from) % 11).collect();
    TokenBatch {
        inputs: ids(from),
        targets: ids(from + 1),
        counted: None,
        texts: None,
        rows: 4,
        length: 16,
    }
}

#[test]
fn four_bits_predict_what_the_full_model_does() {
    let device = Device::flex();
    let config = TinyMoeConfig {
        layers: size(2),
        dim: size(16),
        heads: size(2),
        dropout: Fraction::new(0.0),
        ..TinyMoeConfig::default()
    };
    let moe = MoeConfig {
        experts: size(4),
        k: size(2),
        drop: NoneConfig::default().into(),
        shared: Some(SharedConfig {
            hidden: size(8),
            gate: true,
        }),
        ..MoeConfig::default()
    };
    let settings = GptqConfig {
        group_size: size(8),
        least_tokens: 8,
        ..GptqConfig::default()
    };
    for member in StrategyConfig::MEMBERS {
        let strategy = StrategyConfig::by_default(member.name).expect("a member");
        let router = RouterConfig {
            strategy,
            ..RouterConfig::default()
        };
        device.seed(5);
        let full = config
            .build(&moe, &router, &DataDims::new(11, 16), &device)
            .expect(member.name);
        // Drawn before it is copied, or the copy would draw other numbers.
        let _ = full.clone().into_record();
        let (own, maps) = full
            .clone()
            .quantised(&settings, &[text(0), text(3)], |_| {})
            .expect(member.name);
        // Two of attention, two of each expert and of the shared one.
        assert_eq!(maps.len(), 2 * (2 + 2 * 4 + 2), "{}", member.name);
        let everywhere = maps.iter().filter(|map| map.expert.is_none());
        assert!(
            everywhere.clone().all(|map| map.tokens == 128),
            "{}",
            member.name
        );
        for map in maps
            .iter()
            .filter(|map| map.tokens < 8 && map.expert.is_some())
        {
            assert_eq!(map.rounding, Rounding::Nearest, "{}", member.name);
        }
        let read = |model| {
            read_windows(model, &text(7), Precision::F32)
                .expect("read")
                .0
        };
        let (full, own) = (read(&full), read(&own));
        let apart = kl_divergence(full.logits, own.logits);
        let mean = f64::from(apart.mean().into_scalar::<f32>());
        // Where a token goes may change with a rounding; what is predicted hardly does.
        assert!(mean > 0.0 && mean < 0.05, "{}: {mean} nats", member.name);
    }
}

#[test]
fn sizes_that_fill_no_words_are_refused_by_the_map() {
    let device = Device::flex();
    let config = TinyMoeConfig {
        layers: size(1),
        dim: size(12),
        heads: size(2),
        dropout: Fraction::new(0.0),
        ..TinyMoeConfig::default()
    };
    let model = config
        .build(
            &MoeConfig::default(),
            &RouterConfig::default(),
            &DataDims::new(11, 16),
            &device,
        )
        .expect("a model");
    let refused = model.quantised(&GptqConfig::default(), &[text(0)], |_| {});
    let message = refused.expect_err("refused").to_string();
    assert!(
        message.contains("blocks.0.attention.query_key_value")
            && message.contains("multiples of 8"),
        "{message}"
    );
}
