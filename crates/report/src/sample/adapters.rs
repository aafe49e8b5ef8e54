//! A sweep of adapters.

use runstore::{
    Collected,
    tables::{StepRow, TrialRow},
};
use serde_json::{Value, json};

use super::{trial, wobble};
use crate::Names;

/// The variants of PERFT as settings, with their names in the column `adapter` and the parameters a rank.
fn variants() -> [(&'static str, Value, u64); 5] {
    let routed = json!({ "adapters": 4, "k": 2 });
    [
        ("perft-routed", json!({ "routed": routed }), 800),
        ("perft-embedded", json!({ "embedded": {} }), 2400),
        ("perft-dense", json!({ "dense": { "adapters": 4 } }), 1200),
        ("perft-single", json!({ "single": {} }), 300),
        (
            "perft-routed-as-published",
            json!({ "routed-as-published": routed }),
            800,
        ),
    ]
}

/// What the rows' adapters are called, as the program says that ran them.
pub(crate) fn names(row: &TrialRow) -> Names {
    let Some(adapter) = row.adapter.as_deref() else {
        return Names::new();
    };
    let what = match adapter {
        "lora" => "LoRA q,v",
        "perft-routed" => "PERFT-R 2 of 4,",
        "perft-routed-as-published" => "PERFT-R 2 of 4 as published,",
        "perft-embedded" => "PERFT-E",
        "perft-dense" => "PERFT-D 4,",
        "perft-single" => "PERFT-S",
        other => other,
    };
    let name = row
        .adapter_rank
        .map_or_else(|| what.to_owned(), |rank| format!("{what} r {rank}"));
    [("adapter", name)].into()
}

/// No adapter, LoRA and each variant of PERFT at two ranks, three seeds each.
pub(crate) fn adapters() -> Collected {
    let mut adapters = vec![("none", json!({ "none": {} }), None, 0)];
    for r in [8, 32] {
        let lora = json!({ "r": r, "target-modules": ["q_proj", "v_proj"], "dropout": 0.05 });
        adapters.push(("lora", json!({ "lora": lora }), Some(r), 500 * r));
        for (name, variant, params) in variants() {
            let perft = json!({ "perft": { "r": r, "variant": variant } });
            adapters.push((name, perft, Some(r), params * r));
        }
    }
    let mut collected = Collected::default();
    for (place, (name, adapter, rank, params)) in adapters.into_iter().enumerate() {
        for seed in 17..20 {
            let gain = (1.0 + params as f64 / 1e4).ln();
            let loss = 3.1 - 0.2 * gain + 0.02 * wobble(&[place as u64, seed]);
            let row = TrialRow {
                trial_id: format!("{name}-{rank:?}-{seed}"),
                settings: json!({ "seed": seed, "settings": { "adapter": adapter } }).to_string(),
                adapter: Some(name.to_owned()),
                adapter_rank: rank,
                valid_loss: Some(loss),
                perplexity: Some(loss.exp()),
                accuracy: Some(0.5 - 0.1 * (loss - 3.0)),
                majority_accuracy: Some(0.51),
                trainable_params: Some(params),
                activated_trainable_params: Some(params),
                activated_params_share: Some(params as f64 / 2e6),
                efficiency_proxy: rank
                    .filter(|_| name.starts_with("perft"))
                    .map(|r| r as f64 / 16.0),
                load_cv_before: Some(1.1),
                peak_memory_bytes: Some(300_000_000 + 8 * params),
                tokens_per_s: Some(900.0 - params as f64 / 1e3),
                ..trial("finetune", "perft", seed)
            };
            collected
                .steps
                .extend((10..=60).step_by(10).map(|step| StepRow {
                    trial_id: row.trial_id.clone(),
                    step,
                    loss_lm: Some(loss + 2.0 / step as f64),
                    ..StepRow::default()
                }));
            collected.trials.push(row);
        }
    }
    collected
}
