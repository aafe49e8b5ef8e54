//! What does not go together is found by `plan`, at its place, and nothing runs; what is found late stops
//! one trial.

use std::fs;

use rstest::rstest;

use crate::{
    encoder,
    fixture::{Lab, Ran},
};

/// Lines 1 to 8 of a sweep of one small trial.
const HEADER: &str = "name = 'wrong'\nquestion = 'q'\njob = 'train'\nseeds = [17, 18]\n\
    [data]\ncorpus = { tinytales = { stories = 20 } }\n\
    [model.tiny-moe]\nlayers = 1\ndim = 16\nheads = 2\ndropout = 0.0\n\
    [train]\nsteps = 2\nwarmup = 1\nbatch = 2\nsequence = 16\nlog-every = 1\neval-windows = 4\n\
    [moe]\nexperts = 4\n";

/// Runs `plan` and `sweep`, which must both refuse; gives what `plan` said.
fn refused(lab: &Lab, line: &str) -> Ran {
    let planned = lab.xp(&format!("plan {line}")).expect(2);
    let ran = lab.xp(&format!("sweep {line}")).expect(2);
    assert_eq!(planned.stderr, ran.stderr);
    assert!(ran.stdout.is_empty(), "{}", ran.stdout);
    assert!(!lab.path().join("results").exists(), "nothing runs");
    planned
}

#[rstest]
#[case::one_gate("k = 1\n[router]\ngate = 'renormalised'", "23:8", "`raw`")]
#[case::no_scores(
    "[router]\nstrategy = 'hash'\nscore-function = 'sigmoid'",
    "23:18",
    "leave it out"
)]
#[case::no_positive_sigmoid(
    "[router]\nstrategy = 'relu'\nscore-function = 'sigmoid'",
    "23:18",
    "leave it out"
)]
#[case::nothing_chosen(
    "[router]\nstrategy = 'expert-choice'\nbalancers = ['bias']",
    "23:13",
    "choose another strategy"
)]
#[case::uneven_groups(
    "[router]\nstrategy = { sigmoid-top-k = { groups = 3 } }",
    "22:12",
    "groups = 3 must divide the 4 experts"
)]
#[case::no_probability(
    "[router]\nstrategy = { top-p = { p = 1.5 } }",
    "22:12",
    "p is a probability"
)]
#[case::mixer_of_experts_that_choose(
    "[router]\nstrategy = 'expert-choice'\ngate = 'dense-mixer'",
    "23:8",
    "`full-softmax`"
)]
#[case::no_sum_of_k(
    "[router]\nstrategy = 'top-p'\ngate = 'renormalised'",
    "23:8",
    "`full-softmax`"
)]
fn what_a_router_cannot_be_is_told_with_place_and_remedy(
    #[case] text: &str,
    #[case] place: &str,
    #[case] remedy: &str,
) {
    let lab = Lab::new();
    let file = lab.file("wrong.toml", format!("{HEADER}{text}\n"));
    refused(&lab, &file).says(&[&format!("wrong.toml:{place}"), remedy, "help:"]);
}

#[test]
fn a_model_that_drops_everything_is_refused_by_its_schema() {
    let lab = Lab::new();
    let file = lab.file(
        "wrong.toml",
        HEADER.replace("dropout = 0.0", "dropout = 1.0"),
    );
    refused(&lab, &file).says(&["wrong.toml:11:11", "from 0 to below 1, got 1"]);
}

#[test]
fn a_problem_of_many_trials_is_shown_once() {
    let lab = Lab::new();
    let axes = "[router]\ngate = 'renormalised'\n[axes]\nstrategy = ['top-p', 'soft-top-k']\n\
        capacity-factor = [1.0, 1.25, 1.5]\n";
    let file = lab.file("wrong.toml", format!("{HEADER}k = 2\n{axes}"));
    let said = refused(&lab, &file).stderr;
    assert_eq!(said.matches("does not fit").count(), 1, "{said}");
}

#[test]
fn a_window_longer_than_the_text_is_found_by_plan() {
    let lab = Lab::new();
    let axes = "[axes]\nsequence = [16, 100000]\n";
    let file = lab.file("wrong.toml", format!("{HEADER}{axes}"));
    let ran = refused(&lab, &file);
    assert_eq!(
        ran.stderr.matches("validation text").count(),
        1,
        "{}",
        ran.stderr
    );
    ran.says(&[
        "wrong.toml:22:17",
        "one window of 100000",
        "a shorter `sequence`",
    ]);
}

/// A training text and a validation text of so many words, each of a thousand letters.
fn long_words(lab: &Lab, train: usize, valid: usize) {
    let folder = lab.path().join("datasets/tinystories");
    fs::create_dir_all(&folder).unwrap();
    let word = format!("{} ", "x".repeat(1000));
    fs::write(folder.join("train.txt"), word.repeat(train)).unwrap();
    fs::write(folder.join("valid.txt"), word.repeat(valid)).unwrap();
}

#[test]
fn a_window_that_is_found_too_long_at_run_time_fails_its_trials_alone() {
    let lab = Lab::new();
    // A text of 40,000 bytes passes for one of 65 tokens, and each of its words is one.
    long_words(&lab, 100, 40);
    lab.file("words.json", encoder::TOKENIZER);
    let text = HEADER.replace(
        "corpus = { tinytales = { stories = 20 } }",
        "corpus = 'tinystories'\ntokenizer = { pretrained = { file = 'words.json' } }",
    );
    let file = lab.file("wrong.toml", format!("{text}[axes]\nsequence = [64, 16]\n"));
    lab.xp(&format!("plan {file}")).expect(0);
    lab.xp(&format!("sweep {file}")).expect(6).says(&[
        "2 done, 0 diverged, 2 failed",
        "the validation text has 40 tokens, but one window of 64 needs 65",
    ]);
    let [failed, done] = ["failed", "done"].map(|state| lab.in_state(&file, state));
    lab.xp(&format!("show {failed}"))
        .expect(0)
        .says(&["state = \"failed\"", "one window of 64 needs 65"]);
    lab.xp(&format!("diff {failed} {done}"))
        .expect(0)
        .says(&["train.sequence"]);
    lab.xp(&format!("sweep {file} --retries 1"))
        .expect(6)
        .says(&[
            "failed and is tried again (retry 1)",
            "2 trials were started more than once",
        ]);
}

#[rstest]
#[case::tap("tap=3", "no hidden state 3: the model has 2 layers")]
#[case::network("layer=2", "no feed-forward network 2")]
#[case::places("sequence=64", "from 1 to 40 tokens")]
#[case::no_room("sequence=2", "no room for text")]
fn what_an_encoder_has_not_is_found_by_plan(#[case] set: &str, #[case] said: &str) {
    let lab = Lab::new();
    encoder::write(&lab, &encoder::sizes(), encoder::plain);
    let file = encoder::sweep(&lab);
    lab.xp(&format!("plan {file}")).expect(0);
    let tokens = "--set hidden.tokens=64 --set hidden.shape={sequences=4,length=16}";
    let line = format!("{file} {tokens} --set hidden.source.bert.{set}");
    let ran = refused(&lab, &line);
    assert_eq!(ran.stderr.matches(said).count(), 1, "{}", ran.stderr);
    ran.says(&["--set", set]);
}

#[test]
fn a_passage_longer_than_the_text_is_found_by_plan() {
    let lab = Lab::new();
    encoder::write(&lab, &encoder::sizes(), encoder::plain);
    let file = encoder::sweep(&lab);
    let folder = lab.path().join("datasets/tinyshakespeare");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("input.txt"), "Speak, speak.\n".repeat(25)).unwrap();
    let line = format!("{file} --set hidden.source.bert.corpus=tiny-shakespeare");
    refused(&lab, &line).says(&["fewer than the 16 words of a passage"]);
}

#[test]
fn a_tokenizer_that_loses_nearly_every_word_is_found_by_plan() {
    let lab = Lab::new();
    encoder::write(&lab, &encoder::sizes(), encoder::plain);
    let file = encoder::sweep(&lab);
    let usual = r#""type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
    "strip_accents": null, "lowercase": true"#;
    let loses = r#""type": "Replace", "pattern": {"Regex": "[^ ]"}, "content": """#;
    let damaged = encoder::TOKENIZER.replacen(usual, loses, 1);
    assert_ne!(damaged, encoder::TOKENIZER);
    fs::write(model(&lab, "tokenizer.json"), damaged).unwrap();
    refused(&lab, &file).says(&["16 words of a passage", "see to the tokenizer"]);
}

#[test]
fn a_tokenizer_that_takes_a_passage_for_one_word_is_found_by_plan() {
    let lab = Lab::new();
    encoder::write(&lab, &encoder::sizes(), encoder::plain);
    let file = encoder::sweep(&lab);
    let usual = r#"{"type": "BertPreTokenizer"}"#;
    let whole = encoder::TOKENIZER.replacen(usual, "null", 1);
    assert_ne!(whole, encoder::TOKENIZER);
    fs::write(model(&lab, "tokenizer.json"), whole).unwrap();
    refused(&lab, &file).says(&["fewer than 16 tokens of a passage", "pre-tokenizer"]);
}

/// How a folder is damaged.
struct Damage(fn(&Lab));

fn model(lab: &Lab, file: &str) -> std::path::PathBuf {
    lab.path().join("datasets/models/tiny").join(file)
}

#[rstest]
#[case::no_tokenizer(3, "tokenizer.json", Damage(|lab| fs::remove_file(model(lab, "tokenizer.json")).unwrap()))]
#[case::no_weights(3, "model.safetensors", Damage(|lab| fs::remove_file(model(lab, "model.safetensors")).unwrap()))]
#[case::broken_config(2, "config.json", Damage(|lab| fs::write(model(lab, "config.json"), "{").unwrap()))]
#[case::broken_tokenizer(2, "tokenizer.json", Damage(|lab| fs::write(model(lab, "tokenizer.json"), "{").unwrap()))]
#[case::cut_weights(2, "is damaged", Damage(|lab| {
    let whole = fs::read(model(lab, "model.safetensors")).unwrap();
    fs::write(model(lab, "model.safetensors"), &whole[..whole.len() - 9]).unwrap();
}))]
#[case::far_id(2, "has the id 4294967295", Damage(|lab| {
    let text = encoder::TOKENIZER.replace("\"they\": 10", "\"they\": 4294967295");
    fs::write(model(lab, "tokenizer.json"), text).unwrap();
}))]
#[case::many_layers(2, "`num_hidden_layers` = 1000000", Damage(|lab| {
    let text = fs::read_to_string(model(lab, "config.json")).unwrap();
    let text = text.replace("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 1000000");
    fs::write(model(lab, "config.json"), text).unwrap();
}))]
#[case::another_tokenizer(2, "11 token ids", Damage(|lab| {
    let sizes = models_bert::BertConfig { vocab_size: 10, ..encoder::sizes() };
    encoder::write(lab, &sizes, encoder::plain);
}))]
#[case::not_a_number(2, "the first NaN at [3, 5]", Damage(|lab| {
    let numbers = |name: &str, count| {
        let mut numbers = encoder::plain(name, count);
        if name == "encoder.layer.0.intermediate.dense.weight" {
            numbers[3 * 8 + 5] = f32::NAN;
        }
        numbers
    };
    encoder::write(lab, &encoder::sizes(), numbers);
}))]
fn a_damaged_encoder_is_found_once_and_before_the_first_trial(
    #[case] code: i32,
    #[case] said: &str,
    #[case] damage: Damage,
) {
    let lab = Lab::new();
    encoder::write(&lab, &encoder::sizes(), encoder::plain);
    let file = encoder::sweep(&lab);
    (damage.0)(&lab);
    for command in ["plan", "sweep"] {
        let ran = lab.xp(&format!("{command} {file}")).expect(code);
        assert_eq!(ran.stderr.matches("error: ").count(), 1, "{}", ran.stderr);
        ran.says(&[said, "models/tiny"]);
    }
    assert!(!lab.path().join("results").exists(), "nothing runs");
}

#[test]
fn an_encoder_that_is_whole_runs() {
    let lab = Lab::new();
    encoder::write(&lab, &encoder::sizes(), encoder::plain);
    let file = encoder::sweep(&lab);
    lab.xp(&format!("sweep {file}")).expect(0).says(&["4 done"]);
}
