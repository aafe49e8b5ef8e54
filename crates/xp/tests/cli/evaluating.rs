//! `xp eval`: what other routers change is said, and what cannot be measured is refused.

use std::fs;

use serde_json::Value;

use crate::fixture::{Lab, Ran};

/// A folder with a forged model, and a text that has a hundred windows of 16 of its tokens.
fn forged(quant: &str) -> Lab {
    let lab = Lab::new();
    lab.xp(&format!("forge qwen2-moe --quant {quant} --out model"))
        .expect(0);
    lab.file(
        "text.txt",
        "Once upon a time there was a router. ".repeat(100),
    );
    lab
}

fn eval(lab: &Lab, more: &str) -> Ran {
    lab.xp(&format!(
        "eval model --text text.txt --sequence 16 --windows 4 {more}"
    ))
}

/// Sets every number of a tensor of the model to the largest that bf16 has.
fn enlarge(lab: &Lab, tensor: &str) {
    let path = lab.path().join("model/model.safetensors");
    let mut bytes = fs::read(&path).expect("weights");
    let length = u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes")) as usize;
    let header: Value = serde_json::from_slice(&bytes[8..8 + length]).expect("a header");
    let place = &header[tensor]["data_offsets"];
    let at = |end: usize| 8 + length + place[end].as_u64().expect("a place") as usize;
    for number in bytes[at(0)..at(1)].chunks_exact_mut(2) {
        number.copy_from_slice(&0x7F7F_u16.to_le_bytes());
    }
    fs::write(path, bytes).expect("written");
}

#[test]
fn sizes_of_other_routers_are_bounded_as_in_sweeps() {
    let lab = forged("none");
    for settings in [
        "--router scorer={mlp={hidden=9000000000000000000}}",
        "--router strategy={soft-moe={slots=9000000000000000000}}",
        "--router scorer='mlp' --init {distil={fit={steps=9000000000000000000}}}",
    ] {
        eval(&lab, settings)
            .expect(2)
            .says(&["must be at most 1048576, got 9000000000000000000"]);
    }
    for (settings, words) in [
        ("--router scorer={mlp={hidden=0}}", "a whole number from 1"),
        ("--router gates='raw'", "did you mean `gate`?"),
        ("--init distl", "did you mean `distil`?"),
        (
            "--router scorer='mlp' --fit-windows 0",
            "a whole number from 1",
        ),
    ] {
        eval(&lab, settings).expect(2).says(&[words]);
    }
    fs::write(lab.path().join("bytes"), [0xFF, 0xFE]).expect("written");
    lab.xp("eval model --text bytes")
        .expect(2)
        .says(&["bytes is no text in UTF-8"]);
    lab.xp("eval model --text text.txt --windows 0")
        .expect(2)
        .says(&["a whole number from 1"]);
    lab.xp("eval model --text text.txt --sequence 18446744073709551615")
        .expect(2)
        .says(&["18446744073709551615 tokens", "512 places", "--sequence"]);
}

/// What the settings of four bits leave open is said where a person sees it.
#[test]
fn odd_settings_of_four_bits_are_said_on_stderr() {
    let lab = forged("int4");
    let path = lab.path().join("model/config.json");
    let mut config: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    config["quantization_config"]["sym"] = false.into();
    fs::write(&path, config.to_string()).unwrap();
    let ran = eval(&lab, "").expect(0);
    assert!(ran.stderr.contains("`sym` is false"), "{}", ran.stderr);
}

#[test]
fn what_is_no_number_is_not_measured() {
    let lab = forged("none");
    eval(&lab, "--json").expect(0);
    eval(&lab, "--router logit-std=1e300").expect(2).says(&[
        "with the other routers",
        "router of layer 0",
        "not all finite",
    ]);
    eval(
        &lab,
        "--router scorer='mlp' --init {distil={fit={learning-rate=1e30}}}",
    )
    .expect(2)
    .says(&["with the other routers", "not all finite"]);
    enlarge(&lab, "model.layers.1.mlp.gate.weight");
    let ran = eval(&lab, "--json").expect(2);
    assert_eq!(ran.stdout, "");
    ran.says(&["with its own routers", "router of layer 1"]);
    let lab = forged("none");
    enlarge(&lab, "lm_head.weight");
    eval(&lab, "").expect(2).says(&["logits of window 0"]);
}

#[test]
fn a_swap_says_what_it_changes_and_can_be_done_again() {
    let lab = forged("none");
    // A forged model's gates are not renormalised, and a linear router's are.
    eval(&lab, "--router scorer='linear' --init copy")
        .expect(0)
        .says(&["gates not renormalised (`raw`) -> renormalised over the chosen (`renormalised`)"]);
    eval(
        &lab,
        "--router strategy='hash' --init copy --shared-gate fresh",
    )
    .expect(0)
    .says(&[
        "`init = \"copy\"` does nothing: hash scores nothing",
        "the gate of the shared expert starts afresh: its 128 numbers are lost",
    ]);
    let distil = "--json --router scorer='mlp' --init {distil={fit={steps=3}}} --seed";
    let given = |seed: u64| eval(&lab, &format!("{distil} {seed}")).expect(0).stdout;
    assert_eq!(given(1), given(1));
    assert_ne!(given(1), given(2));
    // Without --windows all are measured, and none is left to learn from.
    lab.xp("eval model --text text.txt --sequence 16 --router scorer='mlp' --init distil")
        .expect(2)
        .says(&["learns from the windows behind", "--windows below"]);
}

/// What a trial kept is the file that it wrote, is found by its folder too, and is read by other programs.
#[test]
fn kept_weights_are_checked_and_known_by_their_folder() {
    let lab = forged("none");
    let file = lab.file(
        "kept.toml",
        "name = 'kept'\nquestion = 'which?'\njob = 'train'\nseeds = [3]\nsave = 'last'\n\
         [data]\ncorpus = { tinytales = { stories = 60 } }\n\
         [model.qwen2-moe]\nlayers = 1\ndim = 16\nheads = 2\n[moe]\nexperts = 4\n\
         [train]\nsteps = 1\nbatch = 2\nsequence = 16\nwarmup = 1\neval-windows = 2\n",
    );
    lab.xp(&format!("sweep {file}")).expect(0);
    let trials = runstore::read_trials(&lab.results("kept", "base-cpu")).expect("results");
    let id = &trials[0].trial_id;
    let folder = format!(".xp/kept/base-cpu/trials/{id}/model");
    let eval = |name: &str| lab.xp(&format!("eval {name} --text text.txt --sequence 16"));
    let by_id = eval(id).expect(0).stdout;
    assert_eq!(eval(&folder).expect(0).stdout, by_id);
    let weights = lab.path().join(&folder).join("model.safetensors");
    let mut bytes = fs::read(&weights).expect("weights");
    let length = u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes")) as usize;
    let header: Value = serde_json::from_slice(&bytes[8..8 + length]).expect("a header");
    assert_eq!(header["__metadata__"]["format"], "pt");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode =
            |path: &std::path::Path| fs::metadata(path).expect("a file").permissions().mode();
        assert_eq!(mode(&weights), mode(&weights.with_file_name("config.json")));
    }
    // A copy is no trial, and no model of other programs.
    let copy = lab.path().join("copy");
    runstore::copy_folder(&lab.path().join(&folder), &copy).expect("copied");
    eval("copy")
        .expect(2)
        .says(&["a model that a trial kept", "the trial's id"]);
    lab.xp(&format!("eval {folder} --text text.txt --work elsewhere"))
        .expect(2)
        .says(&["--work", &id[..12]]);
    *bytes.last_mut().expect("numbers") ^= 1;
    fs::write(&weights, bytes).expect("written");
    for name in [id, &folder] {
        eval(name)
            .expect(7)
            .says(&["model.safetensors", "not the file that the trial kept"]);
    }
}
