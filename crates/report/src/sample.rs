//! Made-up results in the shape of real ones, for the tests of the report.

use runstore::tables::{
    ExpertRow, HistogramRow, ProbabilityRow, StepRow, TokenRow, TrialRow, TrialStatus,
};
use runstore::{Collected, Manifest};

mod adapters;
mod analysis;

pub(crate) use adapters::{adapters, names};
pub(crate) use analysis::analysed;

const STRATEGIES: [(&str, f64, f64, f64); 5] = [
    // Name, perplexity, tokens a second, load CV before drops.
    ("top1", 6.87, 5200.0, 0.62),
    ("hard-top-k", 6.30, 4650.0, 0.47),
    ("soft-top-k", 5.60, 4380.0, 0.29),
    ("hash", 6.49, 4420.0, 0.04),
    ("expert-choice", 5.62, 4250.0, 0.31),
];

const CLASSES: [(&str, &str); 4] = [
    ("letter", "a"),
    ("punctuation", "."),
    ("space", " "),
    ("digit", "7"),
];

/// A number in -1..1 that depends on nothing but its arguments.
fn wobble(parts: &[u64]) -> f64 {
    let mix = |hash: u64, part: &u64| (hash ^ part).wrapping_mul(0x0100_0000_01b3).rotate_left(23);
    let hash = parts.iter().fold(0xcbf2_9ce4_8422_2325, mix);
    (hash >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
}

fn trial(job: &str, sweep: &str, seed: u64) -> TrialRow {
    TrialRow {
        job: job.to_owned(),
        sweep: sweep.to_owned(),
        scale: "cpu".to_owned(),
        device: "cpu".to_owned(),
        status: TrialStatus::Done,
        seed,
        ..TrialRow::default()
    }
}

/// Five strategies at two capacity factors with three seeds each, and one more that diverged.
pub(crate) fn unified() -> Collected {
    let mut collected = Collected::default();
    for (index, &(strategy, perplexity, speed, cv)) in STRATEGIES.iter().enumerate() {
        for (column, &factor) in [1.0, 1.25].iter().enumerate() {
            for seed in 17..20 {
                let noise = |what: u64| wobble(&[index as u64, column as u64, seed, what]);
                let k = if strategy == "top1" { 1 } else { 2 };
                let row = TrialRow {
                    trial_id: format!("{strategy}-{factor}-{seed}"),
                    strategy: Some(strategy.to_owned()),
                    corpus: Some("tinystories".to_owned()),
                    experts: Some(8),
                    top_k: Some(k),
                    capacity_factor: Some(factor),
                    perplexity: Some(perplexity - 0.2 * column as f64 + 0.05 * noise(1)),
                    bigram_perplexity: Some(9.8),
                    ngram_perplexity: Some(8.1),
                    ngram_order: Some(5),
                    causal: Some(strategy != "expert-choice"),
                    causal_in_training: Some(k == 1),
                    perplexity_train_capacity: Some(
                        perplexity - 0.2 * column as f64 + 0.05 * noise(1) + 0.4 * cv,
                    ),
                    eval_drop_rate: Some(0.1 * cv),
                    expert_rows_per_token: Some(k as f64 * (1.0 - 0.1 * cv)),
                    tokens_per_s: Some(
                        speed * (1.0 - 0.02 * column as f64) * (1.0 + 0.01 * noise(2)),
                    ),
                    drop_rate: Some((cv * 0.5 - 0.08 * column as f64 + 0.01 * noise(3)).max(0.0)),
                    gate_entropy: strategy.ends_with("top-k").then_some(0.4 + 0.1 * noise(8)),
                    load_cv_before: Some((cv + 0.02 * noise(4)).abs()),
                    load_cv_after: Some((cv * 0.6 + 0.02 * noise(5)).abs()),
                    peak_memory_bytes: Some(
                        (1.1e9 * (1.0 + 0.05 * column as f64 + 0.02 * noise(6))) as u64,
                    ),
                    ..trial("train", "unified", seed)
                };
                add_steps(&mut collected, &row, perplexity.ln(), noise(7));
                add_evaluations(&mut collected, &row, k as f64);
                add_routing(&mut collected, &row, cv);
                collected.trials.push(row);
            }
        }
    }
    let mut lost = collected.trials[0].clone();
    lost.trial_id = "lost".to_owned();
    lost.seed = 20;
    lost.status = TrialStatus::Diverged;
    lost.error = Some("loss is NaN at step 40".to_owned());
    collected.trials.push(lost);
    collected
}

fn add_steps(collected: &mut Collected, row: &TrialRow, floor: f64, noise: f64) {
    for step in (50..=1200).step_by(50) {
        let decay = (-(step as f64) / 260.0).exp();
        let loss = floor + 2.2 * decay + 0.03 * noise + 0.02 * wobble(&[step, row.seed]);
        collected.steps.push(StepRow {
            trial_id: row.trial_id.clone(),
            step,
            loss_lm: Some(loss),
            ..StepRow::default()
        });
    }
}

/// Perplexity at two evaluations, and the arithmetic until then.
fn add_evaluations(collected: &mut Collected, row: &TrialRow, rows_per_token: f64) {
    let own = |step: &&mut StepRow| step.trial_id == row.trial_id && step.step.is_multiple_of(600);
    for step in collected.steps.iter_mut().filter(own) {
        let share = step.step as f64 / 1200.0;
        step.train_flops = Some(4e14 * share * (1.0 + rows_per_token));
        step.perplexity = row.perplexity.map(|last| last / share.sqrt());
    }
}

fn add_routing(collected: &mut Collected, row: &TrialRow, cv: f64) {
    for layer in 0..4 {
        for expert in 0..8 {
            let load = (1.0 + 1.7 * cv * wobble(&[layer, expert, row.seed])) / 8.0;
            collected.experts.push(ExpertRow {
                trial_id: row.trial_id.clone(),
                step: 1200,
                layer,
                expert,
                load_before: Some(load.max(0.0)),
                ..ExpertRow::default()
            });
        }
    }
    for position in 0..200 {
        let class = (position * 7 % 11).min(3);
        let chosen = if wobble(&[position, row.seed]) < 1.0 - 2.0 * cv {
            class * 2
        } else {
            position % 8
        };
        collected.tokens.push(TokenRow {
            trial_id: row.trial_id.clone(),
            step: 1200,
            position,
            token_class: CLASSES[class as usize].0.to_owned(),
            token_text: CLASSES[class as usize].1.to_owned(),
            expert: chosen,
            gate: Some(0.6),
            kept: position % 9 > 0,
            ..TokenRow::default()
        });
    }
}

/// The grid of the capacity sweep: E, k, capacity factor, packing and load shape, one seed.
pub(crate) fn capacity() -> Collected {
    let mut collected = Collected::default();
    for (shape, skew) in [("balanced", 0.0), ("gaussian", 0.05), ("zipf", 0.35)] {
        for packing in ["compact", "fixed"] {
            for experts in [64_u64, 128, 256] {
                for k in [1_u64, 2, 4] {
                    for factor in [0.9, 1.0, 1.05, 1.1, 1.15, 1.25, 1.5] {
                        let drop = (1.0 - factor + skew + 0.0002 * experts as f64).max(0.0)
                            / (1.0 + 0.3 * k as f64);
                        let slots = if packing == "fixed" {
                            factor
                        } else {
                            1.0 - drop
                        };
                        collected.trials.push(TrialRow {
                            trial_id: format!("{shape}-{packing}-{experts}-{k}-{factor}"),
                            experts: Some(experts),
                            top_k: Some(k),
                            capacity_factor: Some(factor),
                            packing: Some(packing.to_owned()),
                            load_shape: Some(shape.to_owned()),
                            drop_rate: Some(drop),
                            tokens_per_s: Some(2.4e6 / (k as f64 * slots + 0.3)),
                            gb_per_s: Some(7.5 + k as f64 * 0.2),
                            memcpy_share: Some(0.71),
                            buffer_bytes: Some((4096.0 * 512.0 * 4.0 * k as f64 * slots) as u64),
                            ..trial("pack", "capacity", 17)
                        });
                    }
                }
            }
        }
    }
    collected
}

/// The training grid over E, k and capacity factor, two seeds.
pub(crate) fn experts() -> Collected {
    let mut collected = Collected::default();
    for experts in [4_u64, 8, 16, 32] {
        for k in [1_u64, 2, 4] {
            for factor in [1.0_f64, 1.25, 2.0] {
                for seed in 17..19 {
                    let noise = wobble(&[experts, k, factor.to_bits(), seed]);
                    let row = TrialRow {
                        trial_id: format!("{experts}-{k}-{factor}-{seed}"),
                        strategy: Some("soft-top-k".to_owned()),
                        experts: Some(experts),
                        top_k: Some(k),
                        capacity_factor: Some(factor),
                        perplexity: Some(
                            7.0 - 0.3 * (experts as f64).log2() - 0.1 * k as f64 + 0.05 * noise,
                        ),
                        bigram_perplexity: Some(6.4),
                        ngram_perplexity: Some(3.1),
                        ngram_order: Some(6),
                        tokens_per_s: Some(
                            140_000.0 / (k as f64 + 2.0) / factor.sqrt() * (1.0 + 0.01 * noise),
                        ),
                        drop_rate: Some(0.2 / factor / k as f64),
                        load_cv_before: Some(0.3 + 0.02 * experts as f64 + 0.05 * noise),
                        load_cv_after: Some(0.2 + 0.01 * experts as f64 + 0.05 * noise),
                        peak_memory_bytes: Some(700_000_000 + experts * 40_000_000),
                        ..trial("train", "experts", seed)
                    };
                    add_steps(&mut collected, &row, 1.9 - 0.05 * k as f64, noise);
                    collected.trials.push(row);
                }
            }
        }
    }
    collected
}

/// One layer over experts, tokens and k: three lines through one point, two seeds.
pub(crate) fn scaling() -> Collected {
    let mut collected = Collected::default();
    let points = [
        (8, 4096, 2),
        (64, 4096, 2),
        (256, 4096, 2),
        (64, 1024, 2),
        (64, 2048, 2),
        (64, 4096, 1),
        (64, 4096, 4),
    ];
    for (experts, tokens, k) in points {
        for seed in 17..19 {
            let noise = wobble(&[experts, tokens, k, seed]);
            let step = 0.02 * (tokens * k) as f64 * (1.0 + 0.0005 * experts as f64 + 0.01 * noise);
            collected.trials.push(TrialRow {
                trial_id: format!("{experts}-{tokens}-{k}-{seed}"),
                strategy: Some("soft-top-k".to_owned()),
                experts: Some(experts),
                top_k: Some(k),
                tokens: Some(tokens),
                dispatch: Some("sorted".to_owned()),
                drop_rate: Some(0.0),
                step_ms_median: Some(step),
                step_ms_p10: Some(step * 0.97),
                step_ms_p90: Some(step * 1.06),
                update_ms_median: Some(0.1 * experts as f64),
                tokens_per_s: Some(tokens as f64 / step * 1e3),
                ..trial("layer", "scaling", seed)
            });
        }
    }
    collected
}

/// Ten routers, one of which scores nothing, at two batch sizes and two input scales, three seeds.
pub(crate) fn routers() -> Collected {
    const NAMES: [&str; 10] = [
        "linear",
        "attention",
        "mlp",
        "hybrid",
        "cosine",
        "hadamard",
        "mlp-hadamard",
        "self-supervised",
        "another",
        "hash",
    ];
    let mut collected = Collected::default();
    for (index, name) in NAMES.into_iter().enumerate() {
        for (tokens, scale) in [(1, 1.0), (1, 0.29), (2048, 1.0), (2048, 0.29)] {
            for seed in 17..20 {
                let noise = wobble(&[index as u64, tokens, seed]);
                let scored = name != "hash";
                let entropy = 1.95 + 0.01 * index as f64 * (1.0 - scale) + 0.002 * noise;
                let settings = serde_json::json!({ "settings": {
                    "hidden": { "scale": scale, "shape": { "sequences": 1, "length": tokens } },
                    "router": { "scorer": { name: { "bias": false, "init-std": 0.02 } } },
                } });
                let row = TrialRow {
                    trial_id: format!("{name}-{tokens}-{scale}-{seed}"),
                    settings: settings.to_string(),
                    router: Some(name.to_owned()),
                    scorer: scored.then(|| name.to_owned()),
                    strategy: Some(if scored { "soft-top-k" } else { "hash" }.to_owned()),
                    experts: Some(8),
                    top_k: Some(2),
                    dim: Some(768),
                    tokens: Some(tokens),
                    hidden_source: Some("random".to_owned()),
                    input_scale: Some(scale),
                    params_router: Some(if scored { 6144 } else { 0 }),
                    router_entropy: scored.then_some(entropy),
                    mean_top_k_prob: scored.then_some(0.21 + 0.001 * noise),
                    router_ms_median: Some(1e-4 * (tokens + 30) as f64 * (1.0 + index as f64)),
                    router_ms_p10: Some(0.9e-4 * (tokens + 30) as f64 * (1.0 + index as f64)),
                    router_ms_p90: Some(1.3e-4 * (tokens + 30) as f64 * (1.0 + index as f64)),
                    ..trial("router", "routers-random", seed)
                };
                add_samples(&mut collected, &row, scored);
                collected.trials.push(row);
            }
        }
    }
    collected
}

fn add_samples(collected: &mut Collected, row: &TrialRow, scored: bool) {
    let id = || row.trial_id.clone();
    for expert in 0..8 {
        collected.experts.push(ExpertRow {
            trial_id: id(),
            expert,
            assignments_before: (100.0 + 90.0 * wobble(&[expert, row.seed])) as u64,
            ..ExpertRow::default()
        });
        for token in 0..32 {
            let probability = 0.125 + 0.1 * wobble(&[expert, token, row.seed]);
            collected.probabilities.push(ProbabilityRow {
                trial_id: id(),
                token,
                expert,
                probability: scored.then_some(probability),
                gate: (token % 8 == expert).then_some(1.0),
                ..ProbabilityRow::default()
            });
        }
    }
    let quantities = [
        ("router-probability", 0.0, scored),
        ("layer-output", -1.0, true),
    ];
    for (quantity, low, _) in quantities.into_iter().filter(|(_, _, there)| *there) {
        for bin in 0..20_u64 {
            let from = low + (1.0 - low) * bin as f64 / 20.0;
            collected.histograms.push(HistogramRow {
                trial_id: id(),
                quantity: quantity.to_owned(),
                bin,
                low: Some(from),
                high: Some(from + (1.0 - low) / 20.0),
                count: 100 - bin.abs_diff(10).pow(2),
                cell_id: None,
            });
        }
    }
}

/// A manifest with something in every field that the page shows.
pub(crate) fn manifest(sweep: &str) -> Manifest {
    Manifest {
        sweep: sweep.to_owned(),
        question: Some("Which strategy gives the best quality at a given speed?".to_owned()),
        scale: "cpu".to_owned(),
        device: "cpu".to_owned(),
        command: vec!["xp".to_owned(), "sweep".to_owned(), sweep.to_owned()],
        started_at: "2025-01-01T00:00:00Z".to_owned(),
        finished_at: "2025-01-01T01:00:00Z".to_owned(),
        seeds: vec![17, 18, 19],
        ..Manifest::default()
    }
}
