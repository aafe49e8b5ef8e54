//! Fine-tuning on texts that are learned each by itself, and what a model answers.

use std::fs;

use runstore::{read_results, tables::TrialRow};

use crate::finetuning::{LINES, SWEEP, WINDOWS, lab, perplexity, set_folder, tables, write_lines};

/// Questions of one kind, enough to train on and to ask.
fn questions(count: usize) -> String {
    let record = |number: usize| {
        let answer = number.is_multiple_of(3);
        format!(
            r#"{{"instruction": "true or false, question: is {number} a third?\n\nAnswer format: true/false", "input": "",
                "output": "the correct answer is {answer}", "answer": "{answer}"}}"#
        )
    };
    let records: Vec<String> = (0..count).map(record).collect();
    format!("[{}]", records.join(",\n"))
}

#[test]
fn adapters_of_perft_learn_instructions_and_answer_questions() {
    let lab = lab("int4");
    let data = lab.path().join("datasets/commonsense");
    fs::create_dir_all(data.join("boolq")).unwrap();
    fs::write(data.join("commonsense_170k.json"), questions(60)).unwrap();
    fs::write(data.join("boolq/test.json"), questions(9)).unwrap();
    lab.file(
        "tune.toml",
        r#"
            name = "tune"
            question = "?"
            job = "finetune"
            seeds = [1]
            save = "best"
            base = { model = "./base" }
            data = { text = { instructions = { valid-records = 8, train-on-inputs = false } } }
            answers = { tasks = ["boolq"], generate = true, max-tokens = 4, questions = { template = "perft" } }
            [train]
            steps = 6
            batch = 2
            sequence = 400
            warmup = 0
            learning-rate = 5e-3
            log-every = 3
            eval-every = 3
            [[axes]]
            adapter = ["none", { perft = { variant = { routed = { adapters = 4, k = 2 } }, r = 4 } }, { perft = { variant = "embedded", r = 2, dropout = 0.1 } }]
        "#,
    );
    lab.xp("sweep tune.toml --threads 1")
        .expect(0)
        .says(&["3 done", "ACCURACY"]);
    let results = tables(&lab);
    let row = |adapter: &str| {
        let mut rows = results.trials.iter();
        let found = rows.find(|row| row.adapter.as_deref() == Some(adapter));
        found.expect("a trial")
    };
    let (none, routed, embedded) = (row("none"), row("perft-routed"), row("perft-embedded"));
    assert_eq!((none.adapter_rank, none.trainable_params), (None, Some(0)));
    // In two layers four adapters of 2 x 4 x 128 and a router of 128 x 4, of which a token meets two.
    assert_eq!(routed.trainable_params, Some(2 * (4 * 1024 + 512)));
    assert_eq!(
        routed.activated_trainable_params,
        Some(2 * (2 * 1024 + 512))
    );
    // One of 2 x 2 x 128 in each of eight experts.
    assert_eq!(embedded.trainable_params, Some(2 * 8 * 512));
    assert_eq!(
        (embedded.adapter_rank, embedded.efficiency_proxy),
        (Some(2), Some(0.125))
    );
    assert!(routed.router_grad_norm_lm.unwrap() > 0.0);
    assert_eq!(embedded.router_grad_norm_lm, Some(0.0));
    assert!(routed.best_valid_loss.unwrap() < none.valid_loss.unwrap());
    for row in [none, routed, embedded] {
        assert_eq!(row.majority_accuracy, Some(6.0 / 9.0));
        assert!(row.accuracy.is_some() && row.accuracy_generated.is_some());
        assert!(row.estimated_memory_bytes.unwrap() > 1_000_000);
    }
    assert_eq!(results.answers.len(), 3 * 9);
    // What it learned to answer is one of two words.
    let answer = |text: &Option<String>| {
        text.as_deref()
            .is_none_or(|text| ["true", "false"].contains(&text))
    };
    assert!(
        results
            .answers
            .iter()
            .all(|row| answer(&row.chosen) && answer(&row.generated))
    );

    // What was kept is the adapters, and they are there again.
    lab.file("text.txt", "Once upon a time there was a fox. ".repeat(60));
    let eval = "--text text.txt --sequence 32 --windows 4 --json";
    let of = |row: &TrialRow| {
        perplexity(
            &lab.xp(&format!("eval {} {eval}", &row.trial_id[..12]))
                .expect(0),
        )
    };
    let plain = perplexity(&lab.xp(&format!("eval base {eval}")).expect(0));
    assert_eq!(of(none), plain);
    assert!(of(routed) != plain && of(embedded) != plain);
}

#[test]
fn lines_are_learned_each_by_itself_or_packed() {
    let lab = lab("none");
    write_lines(&lab);
    let text = SWEEP
        .replace(WINDOWS, LINES)
        .replace("steps = 60", "steps = 4");
    lab.file("tune.toml", text + "[axes]\npacked = [false, true]\n");
    lab.xp("sweep tune.toml --threads 1 --set train.log-every=2")
        .expect(0)
        .says(&["2 done"]);
    let rows = read_results(&set_folder(&lab)).unwrap().trials;
    let tokens: Vec<u64> = rows.iter().map(|row| row.tokens_seen.unwrap()).collect();
    // Four steps of two batches of two lines of about 14 bytes, or of two rows of 32.
    assert!(
        tokens.iter().any(|&tokens| tokens < 4 * 2 * 2 * 18),
        "{tokens:?}"
    );
    assert!(
        tokens.iter().any(|&tokens| tokens > 4 * 2 * 2 * 20),
        "{tokens:?}"
    );
    assert!(
        rows.iter().all(
            |row| row.valid_loss.is_some() && row.corpus.as_deref() == Some("tiny-shakespeare")
        )
    );
}
