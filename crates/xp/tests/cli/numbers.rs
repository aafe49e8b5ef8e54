//! Numbers that could be invented and are not: room past what a device can count, measures of what is no
//! number.

use rstest::rstest;
use serde_json::Value;

use crate::{encoder, fixture::Lab};

/// The row of the trial that was recorded last.
fn row(lab: &Lab) -> Value {
    lab.xp("show latest --json").expect(0).json()["row"].clone()
}

/// 1,024 tokens a batch, 8 experts.
const TRAIN: &str = "name = 'room'\nquestion = 'q'\njob = 'train'\nseeds = [17]\n\
    [data]\ncorpus = { tinytales = { stories = 50 } }\n\
    [model.tiny-moe]\nlayers = 1\ndim = 16\nheads = 2\n\
    [train]\nsteps = 1\nwarmup = 1\nbatch = 16\nsequence = 64\nlog-every = 1\neval-windows = 4\n\
    [moe]\nexperts = 8\n";

#[rstest]
#[case("capacity-factor=1e7")]
#[case("capacity-factor=8388608")]
#[case("capacity-factor=1e17 --set strategy=top1")]
#[case("capacity-factor=1e300 --set strategy=relu")]
#[case("capacity-factor=1e300 --set strategy=expert-choice-as-published")]
fn there_is_room_for_all_tokens_at_most_and_nothing_is_dropped(#[case] set: &str) {
    let lab = Lab::new();
    let file = lab.file("room.toml", TRAIN);
    let line = format!("{file} --set {set}");
    lab.xp(&format!("sweep {line}")).expect(0);
    let row = row(&lab);
    assert_eq!(
        (&row["drop_rate"], &row["capacity"]),
        (&0.0.into(), &1024.into())
    );
    assert_eq!(row["token_drop_rate"], 0.0);
}

#[test]
fn packing_has_room_for_all_tokens_at_most() {
    let lab = Lab::new();
    let text = "name = 'room'\nquestion = 'q'\njob = 'pack'\nseeds = [1]\n\
        [pack]\ntokens = 64\nwidth = 8\niterations = 1\nwarmup = 0\n\
        [moe]\nexperts = 4\ncapacity-factor = 4e17\n";
    let file = lab.file("room.toml", text);
    lab.xp(&format!("sweep {file}")).expect(0);
    let row = row(&lab);
    assert_eq!(
        (&row["drop_rate"], &row["capacity"]),
        (&0.0.into(), &64.into())
    );
}

/// Columns that say where tokens went.
const LOADS: [&str; 6] = [
    "load_cv_before",
    "load_entropy_before",
    "max_violation",
    "dead_experts",
    "experts_used",
    "router_entropy",
];

const ROUTER: &str = "name = 'hidden'\nquestion = 'q'\njob = 'router'\nseeds = [1]\n\
    [hidden]\nsource = { random = { width = 16 } }\ntokens = 32\n\
    shape = { sequences = 2, length = 16 }\n[measure]\nruns = 2\nwarmup = 1\n\
    [moe]\nexperts = 4\ndrop = 'none'\n[router]\nbalancers = []\n";

#[rstest]
#[case("hidden.scale=1e39", "the hidden states, scaled, are not finite")]
#[case(
    "hidden.scale=1e39 --set strategy=lsh",
    "the hidden states, scaled, are not finite"
)]
#[case(
    "hidden.scale=3e37 --set router.logit-std=1e30",
    "the router's logits are not finite"
)]
fn scores_that_are_no_numbers_are_no_measures(#[case] set: &str, #[case] why: &str) {
    let lab = Lab::new();
    let file = lab.file("hidden.toml", ROUTER);
    let line = format!("{file} --set {set}");
    lab.xp(&format!("sweep {line}"))
        .expect(6)
        .says(&["1 diverged"]);
    let row = row(&lab);
    assert_eq!(row["status"], "diverged");
    assert!(row["error"].as_str().unwrap().contains(why), "{row}");
    assert!(LOADS.iter().all(|column| row[column].is_null()), "{row}");
}

#[test]
fn outputs_that_are_no_numbers_leave_what_the_router_did() {
    let lab = Lab::new();
    // Finite weights of a network that is not run for the hidden states, and is what the experts are.
    encoder::write(&lab, &encoder::sizes(), |name, count| {
        if name == "encoder.layer.1.output.dense.weight" {
            vec![3e38; count]
        } else {
            encoder::plain(name, count)
        }
    });
    let file = encoder::sweep(&lab);
    let set = "--set seeds=[1] --set scorer=linear --set hidden.source.bert.tap=0 \
        --set hidden.source.bert.layer=1 --set hidden.scale=1e6";
    lab.xp(&format!("sweep {file} {set}"))
        .expect(6)
        .says(&["1 diverged"]);
    let row = row(&lab);
    assert!(row["error"].as_str().unwrap().contains("outputs"), "{row}");
    assert!(
        row["output_mean"].is_null() && row["load_cv_before"].is_number(),
        "{row}"
    );
}

#[test]
fn a_layer_whose_outputs_are_no_numbers_has_diverged() {
    let lab = Lab::new();
    let text = "name = 'wild'\nquestion = 'q'\njob = 'layer'\nseeds = [1]\n\
        [layer]\ntokens = 64\ndim = 16\niterations = 1\nwarmup = 0\n\
        [moe]\nexperts = 4\n[router]\nlogit-std = 1e300\n";
    let file = lab.file("wild.toml", text);
    lab.xp(&format!("sweep {file}"))
        .expect(6)
        .says(&["1 diverged"]);
    let row = row(&lab);
    assert!(
        row["error"].as_str().unwrap().contains("not finite"),
        "{row}"
    );
    assert!(
        row["load_cv_before"].is_null() && row["drop_rate"].is_null(),
        "{row}"
    );
}
