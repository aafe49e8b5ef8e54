//! Every test of the family, on numbers that it must tell apart.

use claims::Verdict::{Fails, Holds, Undecided};
use claims::{Reading, Verdict};
use runstore::tables::TrialRow;
use serde_json::json;

use crate::lab::{Lab, cell, claim, with_settings};

const NOISE: [f64; 5] = [0.0, 0.01, -0.01, 0.005, -0.005];

/// Trials of some strategies, each about its perplexity with a noise of its own.
fn about(cells: &[(&str, f64)]) -> Lab {
    let lab = Lab::new();
    let trials = cells.iter().enumerate().flat_map(|(at, (name, middle))| {
        let own: Vec<f64> = (0..5)
            .map(|seed| middle + NOISE[(seed * (at + 1)) % 5])
            .collect();
        cell(name, &own)
    });
    lab.trials(trials.collect());
    lab
}

fn verdict(lab: &Lab, rest: &str) -> Verdict {
    lab.verdict(&claim("a", rest)).verdict
}

#[test]
fn about_equal_is_two_one_sided_tests() {
    let lab = about(&[("top1", 10.0), ("hash", 10.1)]);
    let equal = |within: f64, effect: &str| {
        let sides = "of = { strategy = 'top1' }, and = { strategy = 'hash' }";
        verdict(
            &lab,
            &format!("effect = '{effect}'\ntest.about-equal = {{ {sides}, within = {within} }}"),
        )
    };
    // One percent apart.
    assert_eq!(equal(0.02, "ratio"), Holds);
    assert_eq!(equal(0.005, "ratio"), Fails);
    assert_eq!(equal(0.01, "ratio"), Undecided);
    assert_eq!(equal(0.2, "difference"), Holds);
    assert_eq!(equal(0.05, "difference"), Fails);
}

#[test]
fn ratios_and_levels_lie_between_their_ends() {
    let lab = about(&[("top1", 10.0), ("hash", 12.5)]);
    let ratio = |ends: &str| {
        let sides = "of = { strategy = 'hash' }, over = { strategy = 'top1' }";
        lab.verdict(&claim("a", &format!("test.ratio = {{ {sides}, {ends} }}")))
    };
    let inside = ratio("at-least = 1.2, at-most = 1.3");
    assert_eq!(inside.verdict, Holds);
    let effect = inside.effect.unwrap();
    assert_eq!(effect.reading, Reading::Ratio);
    assert!((effect.value - 1.25).abs() < 0.01 && effect.low.unwrap() > 1.24);
    assert_eq!(ratio("at-least = 1.3").verdict, Fails);
    assert_eq!(ratio("at-most = 1.25").verdict, Undecided);
    let level = |ends: &str| {
        verdict(
            &lab,
            &format!("test.level = {{ of = {{ strategy = 'top1' }}, {ends} }}"),
        )
    };
    assert_eq!(level("at-most = 10.1"), Holds);
    assert_eq!(level("at-least = 10.1"), Fails);
    assert_eq!(level("at-least = 9.9, at-most = 10.1"), Holds);
}

#[test]
fn what_does_not_vary_is_decided_by_its_value() {
    let lab = Lab::new();
    let mut trials = cell("hash", &[0.0; 3]);
    trials.extend(cell("top1", &[6144.0; 3]));
    lab.trials(trials);
    assert_eq!(
        verdict(
            &lab,
            "test.level = { of = { strategy = 'hash' }, at-most = 0.0 }"
        ),
        Holds
    );
    assert_eq!(
        verdict(
            &lab,
            "test.less = { of = { strategy = 'top1' }, than = { strategy = 'top1' } }"
        ),
        Fails
    );
    assert_eq!(
        verdict(
            &lab,
            "test.equals = { of = { strategy = 'top1' }, value = 6144 }"
        ),
        Holds
    );
    let wrong = lab.verdict(&claim(
        "a",
        "test.equals = { of = { strategy = 'top1' }, value = 6152 }",
    ));
    assert_eq!((wrong.verdict, wrong.p), (Fails, None));
    assert_eq!(wrong.effect.unwrap().value, 6144.0);
}

/// Trials of one strategy at ranks.
fn ranks(values: &[(u64, f64)]) -> Lab {
    let lab = Lab::new();
    let trials = values.iter().enumerate().flat_map(|(at, &(rank, middle))| {
        (0..5).map(move |seed| {
            let own = middle + NOISE[(seed * (at + 1)) % 5];
            let settings = json!({ "adapter": { "lora": { "r": rank } } });
            TrialRow {
                adapter_rank: Some(rank),
                cell: Some(format!("r {rank}")),
                ..with_settings("top1", seed as u64, own, settings)
            }
        })
    });
    lab.trials(trials.collect());
    lab
}

#[test]
fn axes_are_walked_in_order() {
    let falling = "test.monotone = { along = 'adapter_rank', direction = 'falling' }";
    let rising = "test.monotone = { along = 'adapter_rank', direction = 'rising' }";
    let steady = ranks(&[(8, 3.0), (32, 1.0), (16, 2.0)]);
    assert_eq!(
        (verdict(&steady, falling), verdict(&steady, rising)),
        (Holds, Fails)
    );
    let turning = ranks(&[(8, 3.0), (16, 1.0), (32, 2.0)]);
    assert_eq!(
        (verdict(&turning, falling), verdict(&turning, rising)),
        (Fails, Fails)
    );
    let labels = steady.verdict(&claim("a", falling)).parts;
    assert_eq!(labels[0].label, "adapter_rank 8 to 16");
    // By a setting as by a column.
    let setting = "test.monotone = { along = 'settings.adapter.lora.r', direction = 'falling' }";
    assert_eq!(verdict(&steady, setting), Holds);
    let one = lab_of_one_value();
    assert_eq!(verdict(&one, falling), Undecided);
}

fn lab_of_one_value() -> Lab {
    ranks(&[(8, 3.0)])
}

#[test]
fn flat_holds_every_value_against_one() {
    let lab = ranks(&[(8, 10.0), (16, 10.1), (32, 10.3)]);
    let flat = |within: f64, from: &str| {
        verdict(
            &lab,
            &format!(
                "effect = 'ratio'\ntest.flat = {{ along = 'adapter_rank', {from} within = {within} }}"
            ),
        )
    };
    assert_eq!(flat(0.05, ""), Holds);
    assert_eq!(flat(0.02, ""), Fails);
    assert_eq!(flat(0.025, "from = 16,"), Holds);
}

#[test]
fn changes_are_compared_seed_by_seed() {
    let lab = ranks(&[(8, 3.0), (16, 1.0), (32, 0.5)]);
    let change = |of: [u64; 2], than: [u64; 2]| {
        let ends = |[from, to]: [u64; 2]| {
            format!("{{ from = {{ adapter_rank = {from} }}, to = {{ adapter_rank = {to} }} }}")
        };
        verdict(
            &lab,
            &format!(
                "test.change = {{ of = {}, than = {} }}",
                ends(of),
                ends(than)
            ),
        )
    };
    // Falls by 2, then by 0.5.
    assert_eq!(change([8, 16], [16, 32]), Holds);
    assert_eq!(change([16, 32], [8, 16]), Fails);
}

#[test]
fn each_asks_anew_and_misses_what_is_listed() {
    let lab = ranks(&[(8, 3.0), (16, 2.0)]);
    let level = |listed: &str| {
        let text = format!(
            "where = {{ adapter_rank = [{listed}] }}\neach = ['adapter_rank']\ntest.level = {{ at-most = 4.0 }}"
        );
        lab.verdict(&claim("a", &text))
    };
    let all = level("8, 16");
    assert_eq!((all.verdict, all.parts.len()), (Holds, 2));
    assert_eq!(all.parts[1].label, "adapter_rank 16");
    let one_less = level("8, 16, 64");
    assert_eq!((one_less.verdict, one_less.parts.len()), (Undecided, 3));
}

#[test]
fn pairs_share_their_columns_and_count_as_one_seed() {
    // Two ranks a seed: the mean difference of a seed is one number.
    let lab = Lab::new();
    let mut trials = Vec::new();
    for seed in 0..4_u64 {
        for rank in [8, 16] {
            for (strategy, own) in [("top1", 1.0), ("hash", 2.0 + NOISE[seed as usize])] {
                let settings = json!({ "r": rank });
                trials.push(TrialRow {
                    adapter_rank: Some(rank),
                    ..with_settings(strategy, seed, own + rank as f64, settings)
                });
            }
        }
    }
    lab.trials(trials);
    let outcome = lab.verdict(&claim("a", "pair = ['adapter_rank']\ntest.less = { of = { strategy = 'top1' }, than = { strategy = 'hash' } }"));
    assert_eq!((outcome.verdict, outcome.effect.unwrap().n), (Holds, 4));
}

#[test]
fn correlations_are_over_cells() {
    let lab = Lab::new();
    let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let trials = names.iter().enumerate().flat_map(|(at, name)| {
        let rows = cell(name, &[at as f64, at as f64 + 0.1, at as f64 - 0.1]);
        rows.into_iter().map(move |row| TrialRow {
            drop_rate: Some(1.0 - at as f64 / 10.0),
            ..row
        })
    });
    lab.trials(trials.collect());
    let correlation = |ends: &str| {
        lab.verdict(&claim(
            "a",
            &format!("test.correlation = {{ with = 'drop_rate', {ends} }}"),
        ))
    };
    let falls = correlation("at-most = 0.0");
    assert_eq!((falls.verdict, falls.effect.unwrap().n), (Holds, 8));
    assert_eq!(correlation("at-least = 0.0").verdict, Fails);
    assert_eq!(
        correlation("at-least = -0.998, at-most = 0.998").verdict,
        Undecided
    );
    let none = lab.verdict(&claim(
        "a",
        "test.correlation = { with = 'wall_s', at-most = 0.0 }",
    ));
    assert_eq!(none.verdict, Undecided);
}

#[test]
fn off_the_frontier_is_worse_in_both() {
    let lab = Lab::new();
    let mut trials = Vec::new();
    for (strategy, perplexity, ms) in [("hash", 10.0, 2.0), ("fast", 11.0, 1.0), ("best", 9.0, 1.5)]
    {
        for (seed, noise) in NOISE.into_iter().enumerate() {
            let swapped = NOISE[(seed * 2) % 5];
            trials.push(TrialRow {
                step_ms_median: Some(ms + if strategy == "hash" { noise } else { swapped }),
                ..with_settings(
                    strategy,
                    seed as u64,
                    perplexity + if strategy == "hash" { noise } else { swapped },
                    json!({}),
                )
            });
        }
    }
    lab.trials(trials);
    let dominated = |of: &str, by: &[&str]| {
        let by = by
            .iter()
            .map(|name| format!("{{ strategy = '{name}' }}"))
            .collect::<Vec<_>>()
            .join(", ");
        lab.verdict(&claim("a", &format!("test.dominated = {{ of = {{ strategy = '{of}' }}, by = [{by}], and = 'step_ms_median' }}")))
    };
    let off = dominated("hash", &["fast", "best"]);
    assert_eq!(
        (off.verdict, off.parts[0].label.as_str()),
        (Holds, "against best")
    );
    assert_eq!(dominated("best", &["hash", "fast"]).verdict, Fails);
    assert_eq!(dominated("hash", &["fast"]).verdict, Fails);
    assert_eq!(dominated("best", &["hash", "absent"]).verdict, Undecided);
}
