//! A working folder, claims on its trials, and records to publish.

use std::{fs, path::Path};

use runstore::tables::{
    AlarmRow, AnswerRow, ExpertRow, HistogramRow, ProbabilityRow, SpeedRow, StepRow, TokenRow,
    TrialRow, TrialStatus,
};
use runstore::{Claim, Store, TrialId, TrialRecord};
use serde_json::json;

pub(crate) fn open(work: &Path) -> Store {
    Store::open(work, "unified", "smoke-cpu").unwrap()
}

/// The same, its claims held as `kind` says: the first who opens a folder decides.
pub(crate) fn open_with(work: &Path, kind: &str) -> Store {
    let claims = work.join("unified/smoke-cpu/claims");
    fs::create_dir_all(&claims).unwrap();
    fs::write(claims.join("kind"), format!("{kind}\n")).unwrap();
    open(work)
}

/// The claim on the n-th trial.
pub(crate) fn claim(store: &Store, n: u64) -> Claim {
    store
        .claim(&id(n))
        .unwrap()
        .claimed()
        .expect("the trial is free")
}

/// What is in a folder, sorted.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// The id of the n-th trial.
pub(crate) fn id(n: u64) -> TrialId {
    TrialId::of(&json!({ "seed": n }), &[].into())
}

/// A small record with rows in tables of every kind; trial ids are left to be filled in.
pub(crate) fn record(seed: u64) -> TrialRecord {
    TrialRecord {
        trial: TrialRow {
            status: TrialStatus::Done,
            seed,
            perplexity: Some(5.5),
            alarms: Some(1),
            alarm_kinds: Some("collapse".into()),
            wall_s: Some(0.1 + 0.2),
            started_at: format!("2025-01-01T00:00:0{}Z", seed % 10),
            finished_at: format!("2025-01-01T00:01:0{}Z", seed % 10),
            ..TrialRow::default()
        },
        steps: (1..=3)
            .map(|step| StepRow {
                step,
                loss_lm: Some(1.0 / step as f64),
                ..StepRow::default()
            })
            .collect(),
        experts: (0..4)
            .map(|expert| ExpertRow {
                step: 3,
                expert,
                load_before: Some(0.25),
                ..ExpertRow::default()
            })
            .collect(),
        tokens: vec![TokenRow {
            step: 3,
            token_text: "a".into(),
            token_class: "letter".into(),
            kept: true,
            ..TokenRow::default()
        }],
        alarms: vec![AlarmRow {
            layer: 1,
            kind: "collapse".into(),
            step: 2,
            last_step: 3,
            intervals: 2,
            value: Some(0.25),
            threshold: Some(0.5),
            expert: None,
            ..AlarmRow::default()
        }],
        probabilities: vec![ProbabilityRow {
            probability: Some(0.25),
            ..ProbabilityRow::default()
        }],
        histograms: vec![HistogramRow {
            quantity: "layer-output".into(),
            low: Some(-1.0),
            high: Some(1.0),
            count: 3,
            ..HistogramRow::default()
        }],
        speeds: vec![SpeedRow {
            round: 1,
            place: 2,
            step_ms: Some(12.5),
            reference_ms: Some(10.0),
            ..SpeedRow::default()
        }],
        answers: vec![AnswerRow {
            task: "boolq".into(),
            item: 7,
            right: "true".into(),
            chosen: Some("false".into()),
            margin: Some(0.25),
            generated_right: Some(false),
            ..AnswerRow::default()
        }],
        ..TrialRecord::default()
    }
}
