//! Speeds in turn: every cell in every round, after everything else, and only once.

use std::collections::BTreeSet;

use runstore::{Collected, read_results, tables::TrialRow};

use crate::fixture::Lab;

/// Speeds of three rounds for the sweep before it.
const SPEED: &str = "[speed]\nrounds = 3\nreference = { k = 2, capacity-factor = 1.0 }\n";

const PACK: &str = "name = 'tiny'\nquestion = 'q'\njob = 'pack'\nseeds = [1, 2]\n\
    [pack]\ntokens = 64\nwidth = 8\niterations = 2\nwarmup = 1\n[moe]\nexperts = 4\n\
    [axes]\ncapacity-factor = [1.0, 1.5]\nk = [1, 2]\n";

const LAYER: &str = "name = 'tiny'\nquestion = 'q'\njob = 'layer'\nseeds = [1, 2]\n\
    [layer]\ntokens = 64\ndim = 16\niterations = 2\nwarmup = 1\n[moe]\nexperts = 4\n\
    [axes]\ncapacity-factor = [1.0, 1.5]\nk = [1, 2]\n";

const TRAIN: &str = "name = 'tiny'\nquestion = 'q'\njob = 'train'\nseeds = [1, 2]\n\
    [data]\ncorpus = { tinytales = { stories = 50 } }\n\
    [model.tiny-moe]\nlayers = 1\ndim = 16\nheads = 2\n[moe]\nexperts = 4\n\
    [router]\nstrategy = 'soft-top-k'\n\
    [train]\nsteps = 2\nbatch = 2\nsequence = 32\nwarmup = 1\neval-windows = 4\n\
    [axes]\ncapacity-factor = [1.0, 1.5]\nk = [1, 2]\n";

fn collected(lab: &Lab) -> Collected {
    read_results(&lab.results("tiny", "base-cpu")).expect("results")
}

/// The one speed trial of a sweep whose trials are four cells of two seeds.
fn speed_trial(tables: &Collected) -> &TrialRow {
    assert_eq!(tables.trials.len(), 9);
    let mut found = tables.trials.iter().filter(|row| row.job == "speed");
    let trial = found.next().expect("a speed trial");
    assert!(found.next().is_none());
    trial
}

fn times_every_cell_once_a_round(text: &str, tokens: u64) {
    let lab = Lab::new();
    let file = lab.file("tiny.toml", format!("{text}{SPEED}"));
    lab.xp(&format!("plan {file}"))
        .expect(0)
        .says(&["9 trials", "speeds in turn: has not run"]);
    lab.xp(&format!("sweep {file} --jobs 2")).expect(0);
    let tables = collected(&lab);
    let trial = speed_trial(&tables);
    assert_eq!(trial.seed, 1);
    assert!(trial.wall_s.is_some() && trial.threads.is_some() && trial.strategy.is_none());
    let others = tables.trials.iter().filter(|row| row.job != "speed");
    assert!(
        others
            .clone()
            .all(|row| row.finished_at <= trial.started_at)
    );
    let cells: BTreeSet<&str> = others
        .filter(|row| row.seed == 1)
        .map(|row| row.trial_id.as_str())
        .collect();
    assert_eq!((cells.len(), tables.speeds.len()), (4, 12));
    for round in 0..3 {
        let rows: Vec<_> = tables
            .speeds
            .iter()
            .filter(|row| row.round == round)
            .collect();
        let timed: BTreeSet<&str> = rows.iter().map(|row| row.cell_trial_id.as_str()).collect();
        assert_eq!((rows.len(), &timed), (4, &cells));
        let places: BTreeSet<u64> = rows.iter().map(|row| row.place).collect();
        assert_eq!(places, BTreeSet::from([0, 1, 2, 3]));
        for row in rows {
            assert_eq!((&row.trial_id, row.tokens), (&trial.trial_id, tokens));
            let positive = |ms: Option<f64>| ms.is_some_and(|ms| ms > 0.0);
            assert!(positive(row.step_ms) && positive(row.reference_ms));
        }
    }
    lab.xp(&format!("sweep {file}"))
        .expect(0)
        .says(&["nothing to run: 9 trials done"]);
    lab.xp(&format!("status {file}"))
        .expect(0)
        .says(&["done 9"]);
    // The last trial of a cell, and not the one that times them all.
    let latest = lab.xp("show latest --json").expect(0).json();
    assert_ne!(latest["id"], trial.trial_id.as_str());
    let within = lab.xp(&format!("show latest --sweep {file} --json"));
    assert_eq!(within.expect(0).json()["id"], latest["id"]);
    let report = std::fs::read_to_string(lab.results("tiny", "base-cpu").join("report.html"));
    assert!(report.unwrap().contains("Speeds, measured in turn"));
    let shown = lab
        .xp(&format!("show {} --json", &trial.trial_id[..12]))
        .expect(0)
        .json();
    let settings = &shown["question"]["settings"];
    assert_eq!(settings["cells"].as_array().map(Vec::len), Some(4));
    // Asked for as k = 2 and a capacity factor of 1.
    let reference = settings["reference"].as_str();
    let reference = tables
        .trials
        .iter()
        .find(|row| Some(row.trial_id.as_str()) == reference);
    let reference = reference.map(|row| (row.top_k, row.capacity_factor));
    assert_eq!(reference, Some((Some(2), Some(1.0))));
}

#[test]
fn packing_is_timed_in_turn() {
    times_every_cell_once_a_round(PACK, 64);
}

#[test]
fn layers_are_timed_in_turn() {
    times_every_cell_once_a_round(LAYER, 64);
}

#[test]
fn training_is_timed_in_turn() {
    // Two windows of 32 tokens.
    times_every_cell_once_a_round(TRAIN, 64);
}

#[test]
fn speeds_can_be_left_out_and_run_alone() {
    let lab = Lab::new();
    let file = lab.file("tiny.toml", format!("{PACK}{SPEED}"));
    let plan = lab
        .xp(&format!("plan {file} --set speed.rounds=0 --json"))
        .expect(0)
        .json();
    assert_eq!(plan["trials"].as_array().map(Vec::len), Some(8));
    let plan = lab.xp(&format!("plan {file} --json")).expect(0).json();
    let id = plan["trials"][8]["id"].as_str().expect("an id").to_owned();
    lab.xp(&format!("sweep {file} --only {}", &id[..12]))
        .expect(0);
    let tables = collected(&lab);
    assert_eq!(tables.trials.len(), 1);
    assert_eq!(
        (tables.trials[0].trial_id.as_str(), tables.speeds.len()),
        (id.as_str(), 12)
    );
}
