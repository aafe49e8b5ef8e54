//! Cells by example.

use super::*;
use crate::unnamed;

fn row(strategy: &str, seed: u64, perplexity: f64) -> TrialRow {
    TrialRow {
        trial_id: format!("{strategy}-{seed}"),
        job: "train".to_owned(),
        status: TrialStatus::Done,
        strategy: Some(strategy.to_owned()),
        seed,
        settings: format!(r#"{{"router":{{"strategy":"{strategy}"}},"seed":{seed}}}"#),
        perplexity: Some(perplexity),
        ngram_perplexity: Some(9.8),
        ..TrialRow::default()
    }
}

fn of(trials: Vec<TrialRow>) -> Vec<Cell> {
    summary(
        &Collected {
            trials,
            ..Collected::default()
        },
        unnamed,
    )
}

#[test]
fn seeds_of_one_question_form_a_cell() {
    let cells = of(vec![
        row("hash", 18, 6.0),
        row("top1", 17, 7.0),
        row("hash", 17, 5.0),
        row("hash", 19, 7.0),
    ]);
    let labels: Vec<String> = cells.iter().map(Cell::label).collect();
    assert_eq!(labels, ["top1", "hash"]);
    let hash = &cells[1];
    assert_eq!(
        hash.done.iter().map(|(seed, _)| *seed).collect::<Vec<_>>(),
        [17, 18, 19]
    );
    // Mean 6, s = 1, t = 4.30265: 4.30265 / sqrt(3).
    let perplexity = hash.measure("perplexity").unwrap();
    assert!((perplexity.mean - 6.0).abs() < 1e-12);
    assert!((perplexity.half_width.unwrap() - 2.484_14).abs() < 1e-4);
    assert!(!hash.is_marked());
    assert!(cells[0].is_marked());
}

#[test]
fn what_did_not_finish_is_counted_and_not_averaged() {
    let mut diverged = row("hash", 18, 1.0);
    diverged.status = TrialStatus::Diverged;
    let mut failed = row("hash", 19, 1.0);
    failed.status = TrialStatus::Failed;
    let cells = of(vec![row("hash", 17, 5.0), diverged, failed]);
    assert_eq!(
        (cells[0].diverged, cells[0].failed, cells[0].done.len()),
        (1, 1, 1)
    );
    assert_eq!(cells[0].mean("perplexity"), Some(5.0));
    assert_eq!(cells[0].label(), "the only cell");
}

#[test]
fn one_seed_above_the_line_to_beat_spoils_the_cell() {
    assert_eq!(
        of(vec![row("hash", 17, 5.0), row("hash", 18, 9.7)])[0].beats_ngram,
        Some(true)
    );
    assert_eq!(
        of(vec![row("hash", 17, 5.0), row("hash", 18, 9.9)])[0].beats_ngram,
        Some(false)
    );
    let mut unknown = row("hash", 18, 5.0);
    unknown.ngram_perplexity = None;
    assert_eq!(of(vec![row("hash", 17, 5.0), unknown])[0].beats_ngram, None);
}

#[test]
fn settings_without_a_column_still_tell_cells_apart() {
    let with_alpha = |alpha: f64, seed| TrialRow {
        settings: format!(r#"{{"router":{{"alpha":{alpha}}},"seed":{seed}}}"#),
        ..row("hash", seed, 5.0)
    };
    let cells = of(vec![
        with_alpha(0.1, 17),
        with_alpha(0.01, 17),
        with_alpha(0.01, 18),
    ]);
    let labels: Vec<String> = cells.iter().map(Cell::label).collect();
    assert_eq!(labels, ["alpha 0.01", "alpha 0.1"]);
    assert_eq!(cells[0].done.len(), 2);
}

#[test]
fn a_trial_that_times_others_is_no_cell() {
    let mut timing = row("hash", 17, 5.0);
    timing.job = "speed".to_owned();
    timing.strategy = None;
    let cells = of(vec![row("hash", 17, 5.0), timing]);
    assert_eq!((cells.len(), cells[0].done.len()), (1, 1));
}

#[test]
fn what_looks_ahead_is_marked() {
    let mut ahead = row("hash", 17, 5.0);
    ahead.causal = Some(false);
    let mut unsaid = row("top1", 17, 5.0);
    unsaid.causal = None;
    let labels: Vec<String> = of(vec![ahead, unsaid]).iter().map(Cell::label).collect();
    assert_eq!(labels, ["top1", "hash (not causal)"]);
}

#[test]
fn counts_are_no_measures_of_settings() {
    let mut one = row("hash", 17, 5.0);
    one.experts = Some(8);
    one.steps_done = Some(100);
    let cell = &of(vec![one])[0];
    assert_eq!(cell.mean("steps_done"), Some(100.0));
    assert_eq!(cell.measure("experts"), None);
    assert_eq!(cell.setting("experts").number, Some(8.0));
}

#[test]
fn what_only_some_cells_have_is_not_told_of_the_others() {
    let with = |name: &str, k: Option<u64>, budgets: Option<&str>| TrialRow {
        trial_id: name.to_owned(),
        settings: format!(r#"{{"budget":"{name}","seed":17}}"#),
        top_k: k,
        k_by_layer: budgets.map(str::to_owned),
        ..row("soft-top-k", 17, 5.0)
    };
    let cells = of(vec![
        with("d", None, Some("3+1")),
        with("b", Some(3), None),
        with("a", Some(2), None),
        with("c", None, Some("1+3")),
    ]);
    let labels: Vec<String> = cells.iter().map(Cell::label).collect();
    assert_eq!(
        labels,
        ["k = 2", "k = 3", "k = 1+3 by layer", "k = 3+1 by layer"]
    );
}

#[test]
fn logits_as_they_start_are_a_setting_beside_those_that_were_scaled() {
    let with = |name: &str, std: Option<f64>| TrialRow {
        trial_id: name.to_owned(),
        settings: format!(r#"{{"start":"{name}","seed":17}}"#),
        scorer: Some("mlp".to_owned()),
        initial_logit_std: std,
        ..row("top1", 17, 5.0)
    };
    let cells = of(vec![with("a", None), with("b", Some(1.0))]);
    let labels: Vec<String> = cells.iter().map(Cell::label).collect();
    assert_eq!(labels, ["logit std 1 at the start", "logits as they start"]);
    assert_eq!(cells[0].measure("initial_logit_std"), None);
}
