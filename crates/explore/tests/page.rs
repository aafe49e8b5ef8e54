//! The page of made-up results, as a reader of its bytes finds it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use report::unnamed;
use runstore::tables::{ExpertRow, StepRow, TokenRow, TrialRow, TrialStatus};
use runstore::{Collected, Manifest};
use serde_json::Value;

use explore::{Error, Sweep, page};

/// Text that would end the element which holds the data.
const NASTY: &str = "</script><b>";

fn decision(trial: &str, step: u64, position: u64, choices: &[(u64, f64, bool)]) -> Vec<TokenRow> {
    let row = |(choice, &(expert, gate, kept)): (usize, &(u64, f64, bool))| TokenRow {
        trial_id: trial.to_owned(),
        step,
        position,
        choice: choice as u64,
        token_id: position,
        token_text: if position == 0 { NASTY } else { " the" }.to_owned(),
        token_class: "letter".to_owned(),
        expert,
        gate: Some(gate),
        kept,
        nll: Some(1.5),
        ..TokenRow::default()
    };
    choices.iter().enumerate().map(row).collect()
}

/// One trial of two sampled steps: the second token is taken by two experts at the first and by none at the last.
fn tables() -> Collected {
    let trial = |id: &str, strategy: &str| TrialRow {
        trial_id: id.to_owned(),
        job: "train".to_owned(),
        sweep: "small".to_owned(),
        status: TrialStatus::Done,
        strategy: Some(strategy.to_owned()),
        sequence: Some(2),
        seed: 17,
        ..TrialRow::default()
    };
    let load = |expert, sent, held| ExpertRow {
        trial_id: "a".to_owned(),
        step: 4,
        expert,
        assignments_before: sent,
        assignments_after: held,
        ..ExpertRow::default()
    };
    Collected {
        trials: vec![trial("a", "top1"), trial("b", "soft-moe")],
        tokens: [
            decision("a", 0, 0, &[(1, 1.0, true)]),
            decision("a", 0, 1, &[(2, 0.75, false), (0, 0.25, true)]),
            decision("a", 4, 0, &[(0, 0.5, true)]),
        ]
        .concat(),
        experts: vec![load(0, 2, 2), load(1, 2, 1), load(2, 4, 0)],
        steps: vec![StepRow {
            trial_id: "a".to_owned(),
            step: 4,
            loss_lm: Some(2.5),
            drop_rate: Some(0.125),
            ..StepRow::default()
        }],
        ..Collected::default()
    }
}

fn manifest() -> Manifest {
    Manifest {
        sweep: "small".to_owned(),
        scale: "smoke".to_owned(),
        device: "cpu".to_owned(),
        ..Manifest::default()
    }
}

fn page_of(collected: &Collected) -> String {
    let manifest = manifest();
    let sweep = Sweep {
        collected,
        manifest: &manifest,
        naming: unnamed,
    };
    page(&[sweep]).unwrap()
}

/// The JSON document of a page.
fn data(page: &str) -> Value {
    let (_, rest) = page
        .split_once(r#"<script type="application/json" id="data">"#)
        .unwrap();
    let (json, _) = rest.split_once("</script>").unwrap();
    serde_json::from_str(json).unwrap()
}

/// An array of a trial, unpacked as the page does it.
fn array(trial: &Value, wanted: &str) -> Vec<u64> {
    let packed = &trial["packed"];
    let bytes = STANDARD.decode(packed["data"].as_str().unwrap()).unwrap();
    let planes = miniz_oxide::inflate::decompress_to_vec(&bytes).unwrap();
    let mut at = 0;
    for part in packed["parts"].as_array().unwrap() {
        let (length, bytes) = (
            part[1].as_u64().unwrap() as usize,
            part[2].as_u64().unwrap() as usize,
        );
        if part[0] == wanted {
            let byte = |place: usize, index: usize| u64::from(planes[at + place * length + index]);
            let number = |index| {
                (0..bytes)
                    .map(|place| byte(place, index) << (8 * place))
                    .sum()
            };
            return (0..length).map(number).collect();
        }
        at += length * bytes;
    }
    panic!("no array {wanted}");
}

#[test]
fn the_arrays_are_those_of_the_tables() {
    let data = data(&page_of(&tables()));
    let sweep = &data["sweeps"][0];
    assert_eq!(sweep["cells"], serde_json::json!(["top1"]));
    assert_eq!(sweep["without"], serde_json::json!(["soft-moe"]));
    let trial = &sweep["trials"][0];
    assert_eq!(array(trial, "samples"), [0, 4]);
    assert_eq!(array(trial, "loads"), [4]);
    assert_eq!(
        (&trial["experts"], &trial["layers"]),
        (&3.into(), &1.into())
    );
    // Two steps of two tokens.
    assert_eq!(array(trial, "choices"), [1, 2, 1, 0]);
    assert_eq!(array(trial, "expert"), [1, 2, 0, 0]);
    assert_eq!(array(trial, "kept"), [1, 0, 1, 1]);
    // Twice the thousandths, plus 1.
    assert_eq!(array(trial, "gate"), [2_001, 1_501, 501, 1_001]);
    assert_eq!(array(trial, "loss"), [3_001, 3_001, 3_001, 0]);
    // Of 8 assignments.
    assert_eq!(array(trial, "sent"), [501, 501, 1_001]);
    assert_eq!(array(trial, "held"), [501, 251, 1]);
    assert_eq!(array(trial, "loss_lm"), [5_001]);
    // In per cent; 0 where it was not measured.
    assert_eq!(array(trial, "drop_rate"), [25_001]);
    assert_eq!(array(trial, "valid_loss"), [0]);
    // Words count from 1.
    assert_eq!(data["texts"][0]["words"], serde_json::json!([1, 2]));
}

#[test]
fn text_of_the_data_ends_no_element() {
    let page = page_of(&tables());
    assert!(!page.contains(NASTY));
    assert_eq!(data(&page)["words"][0][1], NASTY);
    // The data and the program.
    assert_eq!(page.matches("</script>").count(), 2);
}

#[test]
fn rows_in_another_order_give_the_same_bytes() {
    let mut turned = tables();
    turned.experts.reverse();
    turned.trials.reverse();
    assert_eq!(page_of(&turned), page_of(&tables()));
}

#[test]
fn the_page_asks_for_nothing_outside() {
    let page = page_of(&tables());
    assert!(page.contains("default-src 'none'"));
    for outside in ["http://", "https://", "src=", "@import", "url("] {
        let own = page.replace("http://www.w3.org/2000/svg", "");
        assert!(!own.contains(outside), "{outside}");
    }
}

#[test]
fn a_sweep_without_decisions_is_refused_alone_and_named_beside_others() {
    let (manifest, empty, full) = (manifest(), Collected::default(), tables());
    let sweep = |collected| Sweep {
        collected,
        manifest: &manifest,
        naming: unnamed,
    };
    let error = page(&[sweep(&empty)]).unwrap_err();
    assert!(matches!(&error, Error::NoDecisions { sweeps } if sweeps == "small (smoke, cpu)"));
    let both = data(&page(&[sweep(&empty), sweep(&full)]).unwrap());
    assert_eq!(both["without"], serde_json::json!(["small (smoke, cpu)"]));
}
