//! The hash of token ids, and what is known of a token's rows before it is routed.

use burn::tensor::{Device, Int, Tensor};
use registry::Variant as _;
use routers::{
    Assign as _, AssignConfig as _, HashConfig, HashTable, RouteInput, RouterDims, StrategyConfig,
    StrategyRules as _,
};

use crate::{batch, dims, picks};

/// The experts of each of 16 ids.
fn hashed(config: &HashConfig, dims: &RouterDims) -> Vec<Vec<i64>> {
    let device = Device::flex();
    config.check(dims).expect("sizes that fit");
    let input = RouteInput {
        token_ids_t: Tensor::<1, Int>::arange(0..16, &device),
        ..batch(16, 1, &device)
    };
    picks(config.init(dims, &device).assign(None, &input)).0
}

#[test]
fn a_hash_gives_experts_equal_shares_of_the_text() {
    // 16 ids, of which the first fills half of the text: 15 of 30. Of two experts one has it alone.
    let mut counts = [1; 16];
    counts[0] = 15;
    let dims = RouterDims {
        token_counts: Some(counts.into()),
        ..dims(2, 1)
    };
    let table = hashed(&HashConfig::default(), &dims);
    let beside = table.iter().filter(|row| row[0] == table[0][0]).count();
    assert_eq!(beside, 1);
}

#[test]
fn a_table_follows_the_trial_unless_it_is_fixed() {
    for table in [HashTable::Balanced, HashTable::Random] {
        let of = |seed, table_seed| {
            let dims = RouterDims { seed, ..dims(4, 2) };
            hashed(&HashConfig { table, table_seed }, &dims)
        };
        assert_eq!(of(1, None), of(1, None));
        assert_ne!(of(1, None), of(2, None), "{table:?}");
        assert_eq!(of(1, Some(3)), of(2, Some(3)));
        assert_ne!(of(1, Some(3)), of(1, Some(4)), "{table:?}");
    }
}

#[test]
fn counts_of_other_ids_are_refused() {
    let dims = RouterDims {
        token_counts: Some([1; 15].into()),
        ..dims(4, 2)
    };
    let error = HashConfig::default().check(&dims).expect_err("15 counts");
    assert_eq!(
        error.to_string(),
        "hash: needs a count for each of 16 token ids, got 15"
    );
}

/// CF 1.25 and k = 2 of 8 experts are 2.5 rows a token, CF 5 would be 10 of 8; one slot of each of 8
/// experts for 64 tokens is an eighth of a row.
#[test]
fn rows_of_a_token_before_it_is_routed() {
    let rows = |name, capacity_factor| {
        let strategy = StrategyConfig::by_default(name).expect("a strategy");
        let dims = RouterDims {
            capacity_factor,
            ..dims(8, 2)
        };
        strategy.rules().rows_per_token(&dims, 64)
    };
    let close = |rows: f64, expected: f64| assert!((rows - expected).abs() < 1e-12, "{rows}");
    close(rows("expert-choice", 1.25), 2.5);
    close(rows("expert-choice", 5.0), 8.0);
    close(rows("soft-moe", 1.25), 0.125);
    close(rows("dense", 1.25), 8.0);
    close(rows("uniform", 1.25), 8.0);
    close(rows("soft-top-k", 1.25), 2.0);
    close(rows("top1", 1.25), 1.0);
}
