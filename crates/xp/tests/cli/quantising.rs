//! `xp quantise`, and sweeps of `job = "quantise"`.

use std::{fmt::Write as _, fs};

use crate::fixture::Lab;
use runstore::read_results;

/// A lab with a model in full and a text.
fn lab() -> Lab {
    let lab = Lab::new();
    lab.xp("forge qwen2-moe --out full").expect(0);
    let mut text = String::new();
    for number in 0..200 {
        writeln!(text, "{number} bottles stand on the wall, and one falls.").unwrap();
    }
    lab.file("text.txt", text);
    lab
}

const SETTINGS: &str = "--corpus text.txt --windows 8 --sequence 64";

#[test]
fn a_folder_in_four_bits_is_a_model_and_says_what_became_of_its_maps() {
    let lab = lab();
    let line = format!("quantise full --out packed {SETTINGS}");
    lab.xp(&line).expect(0).says(&[
        "packed: 62 maps in four bits",
        "calibration tokens",
        "% of those of rounding",
    ]);
    let perplexity = |folder: &str| {
        let line = format!("eval {folder} --text text.txt --windows 2 --sequence 64 --json");
        lab.xp(&line).expect(0).json()["perplexity"]
            .as_f64()
            .unwrap()
    };
    let (full, packed) = (perplexity("full"), perplexity("packed"));
    assert!((full / packed - 1.0).abs() < 0.05, "{full} and {packed}");
    assert_ne!(full, packed);

    // Once more it has nothing to do, and says the same.
    let weights = || fs::read(lab.path().join("packed/model-00002-of-00003.safetensors")).unwrap();
    let before = weights();
    let told = lab.xp(&format!("{line} --json")).expect(0).json();
    assert!(weights() == before);
    assert_eq!(told["folder"], "packed");
    let maps = told["maps"].as_array().unwrap();
    assert_eq!(maps.len(), 62);
    let gates = maps.iter().filter(|map| {
        let name = map["map"].as_str().unwrap();
        name.contains("layers.0.mlp.experts") && name.contains("gate_proj")
    });
    let tokens: u64 = gates.map(|map| map["tokens"].as_u64().unwrap()).sum();
    assert_eq!(tokens, 2 * 8 * 64, "two of eight experts a token");
}

#[test]
fn what_cannot_be_quantised_is_said_and_nothing_is_written() {
    let lab = lab();
    lab.xp("forge qwen2-moe --quant int4 --out int4").expect(0);
    for (line, code, words) in [
        (
            format!("quantise int4 --out out {SETTINGS}"),
            2,
            "in four bits already",
        ),
        (
            format!("quantise nowhere --out out {SETTINGS}"),
            3,
            "nowhere",
        ),
        (
            "quantise full --out out --corpus nothing".to_owned(),
            3,
            "name a file of text",
        ),
        (
            "quantise full --out out --corpus text.txt --sequence 600".to_owned(),
            2,
            "512 places",
        ),
        (
            format!("quantise full --out out {SETTINGS} --settings bits=3"),
            2,
            "bits",
        ),
        (
            format!("quantise full --out out {SETTINGS} --settings group-size=0"),
            2,
            "a whole number from 1",
        ),
        (
            format!("quantise full --out text.txt {SETTINGS}"),
            7,
            "text.txt",
        ),
    ] {
        lab.xp(&line).expect(code).says(&[words]);
        assert!(!lab.path().join("out").exists(), "{line}");
    }
    lab.xp(&format!("quantise full --out packed {SETTINGS}"))
        .expect(0);
    lab.xp(&format!(
        "quantise full --out packed {SETTINGS} --settings act-order=true"
    ))
    .expect(2)
    .says(&["begun with other settings", "name another folder"]);
    // What holds something else is not mixed with a model.
    lab.xp(&format!("quantise full --out full {SETTINGS}"))
        .expect(2)
        .says(&["full", "is not empty"]);
}

#[test]
fn a_sweep_says_what_four_bits_cost() {
    let lab = lab();
    lab.file(
        "four.toml",
        r#"
            name = "four"
            question = "?"
            job = "quantise"
            seeds = [1]
            base = { model = "./full" }
            calibration = { corpus = { tinytales = { stories = 300 } }, tokens = 512, sequence = 64 }
            evaluation = { windows = 4, sequence = 64 }
            [[axes]]
            rounding = ["gptq", "nearest"]
            group-size = [32, 128]
        "#,
    );
    lab.xp("sweep four.toml")
        .expect(0)
        .says(&["KL NATS", "4 done"]);
    let results = read_results(&lab.results("four", "base-cpu")).unwrap();
    assert_eq!(results.maps.len(), 4 * 62);
    let row = |rounding: &str, group: u64| {
        let mut rows = results.trials.iter();
        rows.find(|row| row.rounding.as_deref() == Some(rounding) && row.group_size == Some(group))
            .unwrap()
    };
    let (gptq, nearest) = (row("gptq", 128), row("nearest", 128));
    assert_eq!(nearest.output_error_ratio, Some(1.0));
    assert!(gptq.output_error_ratio.unwrap() < 1.0);
    assert!(gptq.kl_divergence.unwrap() > 0.0);
    assert_eq!(gptq.full_perplexity, nearest.full_perplexity);
    assert!(row("gptq", 32).model_bytes > gptq.model_bytes);
    assert!(gptq.model_bytes < gptq.full_bytes);
    assert!((0.5..=1.0).contains(&gptq.routing_agreement.unwrap()));

    for (set, words) in [
        ("calibration.tokens=100", "no whole number of windows"),
        ("evaluation.sequence=1024", "512 places"),
        ("group-size=0", "a whole number from 1"),
        ("damping=-1", "damping"),
    ] {
        lab.xp(&format!("plan four.toml --set {set}"))
            .expect(2)
            .says(&[words]);
    }
    let missing = lab.xp("sweep four.toml --set base=nowhere");
    assert_eq!(missing.code, 3, "{}", missing.stderr);
}
