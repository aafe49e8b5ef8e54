//! What routers do with text: the tables of an analysis, against the decisions that they sum up.

use std::collections::BTreeMap;

use runstore::{
    Collected, read_results,
    tables::{AgreementRow, TokenRow, TrialRow, UsageRow},
};

use crate::fixture::Lab;

/// Nothing is dropped, and the evaluation is one batch of four windows, so that every token of it is among the samples.
const SMALL: &str = "name = 'small'\nquestion = 'q'\njob = 'train'\nseeds = [3]\n\
    [data]\ncorpus = { tinytales = { stories = 60 } }\n\
    [model.tiny-moe]\nlayers = 2\ndim = 16\nheads = 2\n\
    [moe]\nexperts = 4\ndrop = 'none'\n\
    [train]\nsteps = 5\nbatch = 4\nsequence = 32\nwarmup = 1\nlog-every = 1\neval-every = 5\n\
    eval-windows = 4\nlearning-rate = 0.003\n\
    [analysis]\nshuffles = 19\ntokens = 3\n";

fn analysed(axes: &str) -> Collected {
    let lab = Lab::new();
    let file = lab.file("small.toml", format!("{SMALL}[axes]\n{axes}"));
    lab.xp(&format!("sweep {file}")).expect(0);
    read_results(&lab.results("small", "base-cpu")).expect("results")
}

/// What is known of a token, by its row.
type Label = fn(&TokenRow) -> String;

/// The place of a token in the evaluation, with its row of the largest gate.
type Firsts<'a> = BTreeMap<(u64, u64), &'a TokenRow>;

/// The first choices of a layer.
fn firsts<'a>(tables: &'a Collected, trial: &TrialRow, layer: u64) -> Firsts<'a> {
    let mut firsts = Firsts::new();
    let own = |row: &&TokenRow| row.trial_id == trial.trial_id && row.layer == layer;
    for row in tables.tokens.iter().filter(own) {
        let first = firsts.entry((row.window, row.position)).or_insert(row);
        if row.gate > first.gate {
            *first = row;
        }
    }
    firsts
}

/// I = H(value) + H(expert) - H(both), and the sum of the first two: another way than the program's.
fn information(pairs: &[(String, u64)]) -> (f64, f64) {
    let entropy = |keys: Vec<String>| {
        let mut counts: BTreeMap<String, f64> = BTreeMap::new();
        for key in keys {
            *counts.entry(key).or_default() += 1.0;
        }
        let shares = counts.values().map(|count| count / pairs.len() as f64);
        -shares.map(|share| share * share.ln()).sum::<f64>()
    };
    let apart = entropy(pairs.iter().map(|pair| pair.0.clone()).collect())
        + entropy(pairs.iter().map(|pair| pair.1.to_string()).collect());
    (
        apart - entropy(pairs.iter().map(|pair| format!("{pair:?}")).collect()),
        apart,
    )
}

#[track_caller]
fn close(what: &str, found: Option<f64>, expected: f64) {
    let found = found.unwrap_or_else(|| panic!("{what} is null"));
    assert!(
        (found - expected).abs() < 1e-9,
        "{what}: {found}, recomputed {expected}"
    );
}

fn agreement<'a>(
    tables: &'a Collected,
    trial: &TrialRow,
    layer: u64,
    kind: &str,
) -> &'a AgreementRow {
    let mut rows = tables.agreement.iter();
    rows.find(|row| row.trial_id == trial.trial_id && row.layer == layer && row.kind == kind)
        .unwrap_or_else(|| panic!("no agreement of {kind}"))
}

fn usage<'a>(tables: &'a Collected, trial: &TrialRow, layer: u64, kind: &str) -> Vec<&'a UsageRow> {
    let own =
        |row: &&UsageRow| row.trial_id == trial.trial_id && row.layer == layer && row.kind == kind;
    tables.usage.iter().filter(own).collect()
}

#[test]
fn tables_are_what_the_decisions_say() {
    let tables = analysed("strategy = ['top1', 'soft-top-k', 'hash', 'expert-choice']\n");
    assert_eq!(tables.trials.len(), 4);
    for trial in &tables.trials {
        let mut spaces = 0.0;
        for layer in 0..2 {
            let firsts = firsts(&tables, trial, layer);
            let labelled = |label: Label| -> Vec<(String, u64)> {
                firsts
                    .values()
                    .map(|row| (label(row), row.expert))
                    .collect()
            };
            let labels: [(&str, Label); 3] = [
                ("class", |row| row.token_class.clone()),
                ("token", |row| row.token_id.to_string()),
                ("place", |row| row.position.to_string()),
            ];
            for (kind, label) in labels {
                let row = agreement(&tables, trial, layer, kind);
                let (information, entropies) = information(&labelled(label));
                close(kind, row.mutual_information, information);
                close(kind, row.normalised, 2.0 * information / entropies);
                assert_eq!(row.tokens as usize, firsts.len());
            }
            let mut most = 0.0_f64;
            for row in usage(&tables, trial, layer, "class") {
                let of_class = firsts
                    .values()
                    .filter(|first| first.token_class == row.value);
                let all = of_class.clone().count();
                let own = of_class.filter(|first| first.expert == row.expert).count();
                assert_eq!(row.first_choices as usize, own, "{row:?}");
                if row.value == "space" {
                    most = most.max(own as f64 / all as f64);
                }
            }
            spaces += most / 2.0;
            let loads = usage(&tables, trial, layer, "all");
            let assigned: u64 = loads.iter().map(|row| row.assignments).sum();
            let own = tables.tokens.iter();
            let own = own.filter(|row| row.trial_id == trial.trial_id && row.layer == layer);
            assert_eq!(assigned as usize, own.count());
        }
        close("space_share", trial.space_share, spaces);
        let both = [trial.agreement_role, trial.agreement_topic];
        assert!(both.iter().all(Option::is_some), "the text is generated");
    }
}

#[test]
fn experts_by_token_and_by_place_tell_all_of_themselves() {
    let tables = analysed("strategy = ['hash', 'position-hash']\nk = [1]\n");
    for trial in &tables.trials {
        let by_token = trial.strategy.as_deref() == Some("hash");
        let kind = if by_token { "token" } else { "place" };
        for layer in 0..2 {
            // Who knows the token knows the expert: I is the entropy of the load.
            let loads = usage(&tables, trial, layer, "all");
            let shares = loads
                .iter()
                .filter_map(|row| row.share)
                .filter(|&share| share > 0.0);
            let entropy = -shares.map(|share| share * share.ln()).sum::<f64>();
            let row = agreement(&tables, trial, layer, kind);
            close(kind, row.mutual_information, entropy);
            close("p-value", row.p_value, 1.0 / 20.0);
            assert!(
                row.mutual_information_chance < row.mutual_information,
                "{row:?}"
            );
        }
        if by_token {
            for row in usage(&tables, trial, 0, "token") {
                let loads = usage(&tables, trial, 0, "all");
                let share = loads[row.expert as usize].share.expect("a load");
                close("share", row.share, 1.0);
                close("lift", row.lift, 1.0 / share);
            }
        }
    }
}

#[test]
fn sampling_on_the_way_changes_nothing_of_the_training() {
    let (plain, _) = SMALL.split_once("[analysis]").expect("the table");
    let run = |every: u64| {
        let lab = Lab::new();
        let text = format!("{plain}[analysis]\nsample-every = {every}\n");
        let text = text.replace("drop = 'none'", "drop = 'position'");
        let file = lab.file("small.toml", text);
        lab.xp(&format!("sweep {file}")).expect(0);
        read_results(&lab.results("small", "base-cpu")).expect("results")
    };
    let (alone, sampled) = (run(0), run(2));
    assert_ne!(alone.trials[0].trial_id, sampled.trials[0].trial_id);
    let losses = |tables: &Collected| -> Vec<_> {
        let rows = tables.steps.iter();
        rows.map(|row| (row.step, row.loss_lm, row.valid_loss, row.drop_rate))
            .collect()
    };
    assert_eq!(losses(&alone), losses(&sampled));
    let decisions = |tables: &Collected, step: u64| -> Vec<_> {
        let own = tables.tokens.iter().filter(|row| row.step == step);
        own.map(|row| {
            (
                row.layer,
                row.window,
                row.position,
                row.expert,
                row.gate,
                row.kept,
            )
        })
        .collect()
    };
    for step in [0, 2, 4] {
        assert_eq!(decisions(&alone, step), []);
        // Four windows of 32 tokens in two layers, two experts each.
        assert_eq!(decisions(&sampled, step).len(), 4 * 32 * 2 * 2);
    }
    assert_eq!(decisions(&alone, 5), decisions(&sampled, 5));
    assert_ne!(decisions(&sampled, 0), decisions(&sampled, 5));
}

#[test]
fn without_the_table_nothing_is_analysed_and_ids_stay() {
    let lab = Lab::new();
    let (plain, _) = SMALL.split_once("[analysis]").expect("the table");
    let id = |text: &str| {
        let file = lab.file("small.toml", text);
        let plan = lab.xp(&format!("plan {file} --json")).expect(0).json();
        plan["trials"][0]["id"].as_str().unwrap().to_owned()
    };
    assert_eq!(id(plain), id(&format!("{plain}[analysis]\nshuffles = 0\n")));
    assert_ne!(id(plain), id(SMALL));
    let file = lab.file("small.toml", plain);
    lab.xp(&format!("sweep {file}")).expect(0);
    let folder = lab.results("small", "base-cpu");
    assert!(!folder.join("usage.parquet").exists());
    let tables = read_results(&folder).expect("results");
    assert_eq!(tables.trials[0].agreement_class, None);
}
