//! Sweeps of routers: what they leave, and what they say when the encoder is not there.

use std::fs;

use serde_json::Value;

use crate::fixture::{Lab, Ran};

/// What every trial of a router measures, whatever the router.
const ALWAYS: [&str; 12] = [
    "params_router",
    "router_ms_median",
    "router_ms_p10",
    "router_ms_p90",
    "forward_ms_median",
    "forward_ms_p90",
    "load_entropy_before",
    "load_cv_before",
    "max_violation",
    "experts_used",
    "output_mean",
    "output_std",
];

/// What only scores have.
const SCORED: [&str; 5] = [
    "router_entropy",
    "mean_top_k_prob",
    "logit_std",
    "aux_loss_without_experts",
    "aux_loss_switch",
];

const FIGURES: [&str; 5] = [
    "latency_entropy",
    "layer_outputs",
    "router_heat",
    "router_probabilities",
    "utilisation",
];

/// The rows of all trials of a sweep.
fn rows(lab: &Lab, line: &str) -> Vec<Value> {
    let plan = lab.xp(&format!("plan {line} --json")).expect(0).json();
    let trials = plan["trials"].as_array().unwrap().iter();
    let shown = trials.map(|trial| {
        let id = &trial["id"].as_str().unwrap()[..12];
        let mut words = line.splitn(2, ' ');
        let (sweep, rest) = (words.next().unwrap(), words.next().unwrap_or_default());
        let shown = lab.xp(&format!("show {id} --sweep {sweep} {rest} --json"));
        shown.expect(0).json()["row"].clone()
    });
    shown.collect()
}

fn has(row: &Value, column: &str) -> bool {
    row[column].as_f64().is_some()
}

#[test]
fn a_sweep_of_routers_measures_each_and_draws_its_figures() {
    let lab = Lab::new();
    let text = "name = 'few'\nquestion = 'q'\njob = 'router'\nseeds = [1, 2]\n\
        [hidden]\nsource = { random = { width = 16 } }\ntokens = 24\n\
        [measure]\nruns = 3\nwarmup = 1\nsample = 8\nalpha = 0.5\n\
        [moe]\nexperts = 4\ndrop = 'none'\n[router]\nbalancers = []\n\
        [[axes]]\nshape = [{ sequences = 1, length = 1 }, { sequences = 2, length = 6 }]\n\
        input-scale = [1.0, 0.29]\n\
        [[axes]]\nstrategy = ['hash', 'random']\n\
        shape = [{ sequences = 2, length = 6 }]\n";
    let file = lab.file("few.toml", text);
    lab.xp(&format!("sweep {file}")).expect(0).says(&[
        "12 done",
        "report.html",
        "PARAMETERS",
        "not shown: ",
    ]);
    let results = lab.results("few", "base-cpu");
    for name in ["probabilities", "histograms", "experts"] {
        assert!(results.join(format!("{name}.parquet")).is_file(), "{name}");
    }
    for name in FIGURES {
        assert!(
            results.join(format!("figures/{name}.svg")).is_file(),
            "{name}"
        );
    }
    for row in rows(&lab, &file) {
        assert!(ALWAYS.iter().all(|column| has(&row, column)), "{row}");
        let scored = row["router"] == "linear";
        assert!(
            SCORED.iter().all(|column| has(&row, column) == scored),
            "{row}"
        );
        assert_eq!(row["tokens_measured"], 24);
        let used = row["experts_used"].as_f64().unwrap();
        let dead = row["dead_experts"].as_f64().unwrap();
        assert!((used - (1.0 - dead / 4.0)).abs() < 1e-12, "{row}");
        if scored {
            assert_eq!(row["params_router"], 16 * 4);
            let (without, with) = (&row["aux_loss_without_experts"], &row["aux_loss_switch"]);
            let ratio = with.as_f64().unwrap() / without.as_f64().unwrap();
            assert!((ratio - 4.0).abs() < 1e-9, "{row}");
            assert!(row["router_entropy"].as_f64().unwrap() <= 4_f64.ln());
        } else {
            assert!(
                row["scorer"].is_null() && row["params_router"] == 0,
                "{row}"
            );
        }
    }
    // The batch changes what is timed, not what a scorer says of a token.
    let entropies = |tokens: u64| -> Vec<f64> {
        let of = rows(&lab, &file).into_iter();
        of.filter(|row| row["tokens"] == tokens)
            .filter_map(|row| row["router_entropy"].as_f64())
            .collect()
    };
    let (one, many) = (entropies(1), entropies(12));
    assert_eq!(one.len(), 4);
    assert!(
        one.iter().zip(&many).all(|(a, b)| (a - b).abs() < 1e-5),
        "{one:?} {many:?}"
    );
}

#[test]
fn every_shipped_router_runs_on_random_hidden_states() {
    let lab = Lab::new();
    let line = "routers-random --scale smoke";
    let plan = lab.xp(&format!("plan {line} --json")).expect(0).json();
    let done = format!("{} done", plan["trials"].as_array().unwrap().len());
    lab.xp(&format!("sweep {line}"))
        .expect(0)
        .says(&[&done, "report.html"]);
    let results = lab.results("routers-random", "smoke-cpu");
    let report = fs::read_to_string(results.join("report.html")).unwrap();
    for name in FIGURES {
        assert!(report.contains(&format!("figures/{name}.svg")), "{name}");
    }
}

#[test]
fn an_encoder_that_is_not_there_is_named_with_the_remedy() {
    let lab = Lab::new();
    lab.xp("sweep routers-bert --scale smoke").expect(3).says(&[
        "all-MiniLM-L6-v2/config.json",
        "datasets",
        "xp data fetch all-MiniLM-L6-v2",
    ]);
}

#[test]
fn batches_that_do_not_fit_are_refused_at_their_place() {
    let lab = Lab::new();
    let ran = lab.xp("plan routers-random --scale smoke --set hidden.tokens=30");
    ran.expect(2).says(&[
        "30 tokens are no whole number of batches of 2 x 16",
        "a multiple of 32",
    ]);
}

#[test]
fn routers_see_what_an_encoder_makes_of_real_text() {
    let Some(assets) = testkit::assets("reads a pretrained encoder and text") else {
        return;
    };
    let lab = Lab::new();
    let line =
        "sweep routers-bert --scale smoke --set input-scale=1.0 --set axes.scorer=[\"linear\"]";
    let mut command = lab.command(line.split_whitespace());
    let output = command.env("SWITCHYARD_ASSETS", assets).output().unwrap();
    Ran::of(output).expect(0).says(&["8 done", "report.html"]);
    let results = lab.path().join("results/routers-bert");
    let folder = fs::read_dir(results).unwrap().next().unwrap().unwrap();
    let heat = folder.path().join("figures/router_heat.svg");
    assert!(
        fs::read_to_string(heat)
            .unwrap()
            .contains("The tokens: [CLS]")
    );
}
