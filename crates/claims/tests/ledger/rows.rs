//! Measures from rows of other tables: steps, loads, decisions, times in turn.

use claims::Verdict::{Fails, Holds, Undecided};
use runstore::Collected;
use runstore::tables::{ExpertRow, SpeedRow, StepRow, TokenRow, TrialRow};

use crate::lab::{Lab, cell, claim, trial};

fn three() -> Vec<TrialRow> {
    cell("top1", &[1.0, 1.1, 0.9])
}

fn with(measure: &str, rest: &str) -> String {
    claim("a", rest).replace("'perplexity'", &format!("'{measure}'"))
}

#[test]
fn steps_are_an_axis_and_the_last_stands_for_the_trial() {
    let lab = Lab::new();
    let trials = three();
    let steps = trials.iter().enumerate().flat_map(|(at, row)| {
        [(0, None), (10, Some(3.0)), (20, Some(2.0)), (30, Some(1.0))].map(|(step, loss)| StepRow {
            trial_id: row.trial_id.clone(),
            step,
            loss_lm: loss.map(|loss| loss + at as f64 * 0.001 * step as f64),
            ..StepRow::default()
        })
    });
    let collected = Collected {
        steps: steps.collect(),
        trials,
        ..Collected::default()
    };
    lab.write("unified", &collected);
    let falls = lab.verdict(&with(
        "steps.loss_lm",
        "test.monotone = { along = 'step', direction = 'falling' }",
    ));
    assert_eq!((falls.verdict, falls.parts.len()), (Holds, 2));
    assert_eq!(falls.parts[0].label, "step 10 to 20");
    let last = lab.verdict(&with("steps.loss_lm", "test.level = { at-most = 1.2 }"));
    assert_eq!(last.verdict, Holds);
    assert!((last.effect.unwrap().value - 1.03).abs() < 1e-9);
    let named = lab.verdict(&with(
        "steps.loss_lm",
        "where = { step = 20 }\ntest.level = { at-most = 1.2 }",
    ));
    assert_eq!(named.verdict, Fails);
}

#[test]
fn loads_are_of_the_last_interval_and_mean_over_layers() {
    let lab = Lab::new();
    let trials = three();
    let experts = trials.iter().flat_map(|row| {
        let load = |step: u64, layer: u64, loads: [u64; 2]| {
            (0..2).map(move |expert| ExpertRow {
                trial_id: row.trial_id.clone(),
                step,
                layer,
                expert,
                assignments_before: loads[expert as usize],
                ..ExpertRow::default()
            })
        };
        load(1, 0, [9, 1])
            .chain(load(2, 0, [3, 1]))
            .chain(load(2, 1, [2, 2]))
    });
    let collected = Collected {
        experts: experts.collect(),
        trials,
        ..Collected::default()
    };
    lab.write("unified", &collected);
    // 3 / 4 and 2 / 4; 3 over 1 and 2 over 2.
    let share = lab.verdict(&with(
        "experts.busiest_share",
        "test.level = { at-least = 0.625, at-most = 0.625 }",
    ));
    assert_eq!(share.verdict, Holds, "{share:?}");
    let over = lab.verdict(&with(
        "experts.busiest_over_idlest",
        "test.equals = { value = 2.0 }",
    ));
    assert_eq!(over.verdict, Holds);
    let layer = lab.verdict(&with(
        "experts.busiest_share",
        "where = { layer = 1 }\ntest.equals = { value = 0.5 }",
    ));
    assert_eq!(layer.verdict, Holds);
}

#[test]
fn classes_are_told_by_the_first_choice() {
    let lab = Lab::new();
    let trials = three();
    let tokens = trials.iter().flat_map(|row| {
        // Spaces to expert 0, but one of four; letters evenly; second choices elsewhere.
        let firsts = [
            ("space", 0),
            ("space", 0),
            ("space", 0),
            ("space", 1),
            ("letter", 0),
            ("letter", 1),
        ];
        firsts
            .into_iter()
            .enumerate()
            .flat_map(move |(place, (class, expert))| {
                // The first token has its choices in the order of experts, as where experts choose.
                let order = if place == 0 { [1, 0] } else { [0, 1] };
                let choices = [(order[0], expert, 0.6), (order[1], 5, 0.4)];
                choices.map(|(choice, expert, gate)| TokenRow {
                    trial_id: row.trial_id.clone(),
                    step: 10,
                    position: place as u64,
                    choice,
                    token_class: class.to_owned(),
                    expert,
                    gate: Some(gate),
                    ..TokenRow::default()
                })
            })
    });
    let collected = Collected {
        tokens: tokens.collect(),
        trials,
        ..Collected::default()
    };
    lab.write("unified", &collected);
    let share = |class: &str, value: f64| {
        let rest =
            format!("where = {{ token_class = '{class}' }}\ntest.equals = {{ value = {value} }}");
        lab.verdict(&with("tokens.class_share", &rest)).verdict
    };
    assert_eq!((share("space", 0.75), share("letter", 0.5)), (Holds, Holds));
    assert_eq!(share("digit", 0.5), Undecided);
    let first = lab.verdict(&with(
        "tokens.first_choice_share",
        "test.level = { at-least = 0.66, at-most = 0.67 }",
    ));
    assert_eq!(first.verdict, Holds);
}

#[test]
fn times_in_turn_are_compared_within_rounds() {
    let lab = Lab::new();
    let (mut trials, speed) = (
        vec![trial("top1", 17, 1.0), trial("hash", 17, 1.0)],
        "s".repeat(64),
    );
    // The machine slows down to a third over the rounds; hash takes 1.3 times what top-1 does, and a little.
    let speeds = (0..8_u64).flat_map(|round| {
        let slow = 1.0 + round as f64 / 4.0;
        let little = 1.0 + round as f64 / 1000.0;
        [("top1", 1.0), ("hash", 1.3 * little)].map(|(strategy, ratio)| {
            let own = trials
                .iter()
                .find(|row| row.strategy.as_deref() == Some(strategy));
            SpeedRow {
                trial_id: speed.clone(),
                round,
                place: u64::from(strategy == "hash"),
                cell_trial_id: own.unwrap().trial_id.clone(),
                step_ms: Some(10.0 * ratio * slow),
                reference_ms: Some(10.0 * slow),
                tokens: 1,
                ..SpeedRow::default()
            }
        })
    });
    let speeds: Vec<SpeedRow> = speeds.collect();
    trials.push(TrialRow {
        trial_id: speed,
        job: "speed".to_owned(),
        perplexity: None,
        ..trial("speed", 17, 0.0)
    });
    let few = Collected {
        trials: trials.clone(),
        speeds: speeds.iter().take(8).cloned().collect(),
        ..Collected::default()
    };
    let ratio = |ends: &str| {
        with(
            "speeds.step_ms",
            &format!(
                "test.ratio = {{ of = {{ strategy = 'hash' }}, over = {{ strategy = 'top1' }}, {ends} }}"
            ),
        )
    };
    lab.write("unified", &few);
    let outcome = lab.verdict(&ratio("at-least = 1.2"));
    assert_eq!(
        outcome.reason.as_deref(),
        Some("4 of the 6 rounds that are needed")
    );
    let all = Collected {
        trials,
        speeds,
        ..Collected::default()
    };
    lab.write("unified", &all);
    // All eight rounds on one side: 2 / 256 = 0.0078.
    let inside = lab.verdict(&ratio("at-least = 1.2, at-most = 1.4"));
    assert_eq!((inside.verdict, inside.effect.unwrap().n), (Holds, 8));
    assert!((inside.p.unwrap() - 2.0 / 256.0).abs() < 1e-12);
    assert_eq!(lab.verdict(&ratio("at-most = 1.2")).verdict, Fails);
}
