//! Going on after an interruption: the same numbers, the right times, and nothing taken from a damaged file.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use runstore::{Collected, read_results, tables::Row};

use crate::{
    fixture::{Lab, Ran},
    runs::signal,
};

const TEXT: &str = "name = 'training'\nquestion = 'q'\njob = 'train'\nseeds = [1]\n\
    [data]\ncorpus = { tinytales = { stories = 50 } }\n\
    [model.tiny-moe]\nlayers = 1\ndim = 16\nheads = 2\n[moe]\nexperts = 4\n\
    [train]\nsteps = 300\nbatch = 2\nsequence = 32\nwarmup = 2\nlog-every = 20\neval-every = 100\n\
    eval-windows = 4\ncheckpoint-every = 10\n[analysis]\nsample-every = 60\n";

/// What is done to a file of a checkpoint.
type Damage = fn(&Path);

fn tables(lab: &Lab) -> Collected {
    read_results(&lab.results("training", "base-cpu")).expect("results")
}

/// Interrupts a training in its middle and gives the folder of its checkpoint.
fn interrupted(lab: &Lab, file: &str) -> PathBuf {
    let runner = lab.start(&format!("sweep {file} --threads 1"));
    let folder = lab.path().join(".xp/training/base-cpu/checkpoints");
    let checkpoint = || {
        let trial = fs::read_dir(&folder).ok()?.flatten().next()?.path();
        let mut generations: Vec<_> = fs::read_dir(trial).ok()?.flatten().collect();
        generations.sort_by_key(fs::DirEntry::file_name);
        Some(generations.pop()?.path())
    };
    let deadline = Instant::now() + Duration::from_mins(1);
    // Late enough for some rows to be in it.
    let is_late = |path: PathBuf| path >= path.with_file_name("000004");
    while !checkpoint().is_some_and(is_late) {
        assert!(Instant::now() < deadline, "no checkpoint within a minute");
        thread::sleep(Duration::from_millis(1));
    }
    signal(&runner, "-INT");
    Ran::of(runner.wait_with_output().unwrap()).expect(130);
    checkpoint().expect("an interruption leaves a checkpoint")
}

/// The rows without the columns that measure time or name a process.
fn measured<R: Row>(rows: &[R]) -> Vec<Vec<String>> {
    let is_time = |unit: &str| matches!(unit, "ms" | "s" | "tokens/s");
    let kept = R::SCHEMA
        .columns
        .iter()
        .filter(|column| !is_time(column.unit));
    let kept: Vec<&str> = kept.map(|column| column.name).collect();
    let row = |row: &R| {
        kept.iter()
            .map(|name| format!("{:?}", row.value(name)))
            .collect()
    };
    rows.iter().map(row).collect()
}

#[test]
fn an_interrupted_training_ends_in_the_same_tables_and_counts_all_its_time() {
    let whole = Lab::new();
    let file = whole.file("training.toml", TEXT);
    whole.xp(&format!("sweep {file} --threads 1")).expect(0);

    let lab = Lab::new();
    let file = lab.file("training.toml", TEXT);
    interrupted(&lab, &file);
    lab.xp(&format!("sweep {file} --threads 1")).expect(0);
    let (one, other) = (tables(&whole), tables(&lab));
    assert_eq!(measured(&one.steps), measured(&other.steps));
    assert_eq!(measured(&one.experts), measured(&other.experts));
    assert_eq!(measured(&one.tokens), measured(&other.tokens));
    // Before training, on the way and after it.
    let sampled: BTreeSet<u64> = other.tokens.iter().map(|row| row.step).collect();
    assert_eq!(sampled, BTreeSet::from([0, 60, 120, 180, 240, 300]));
    let trial = &other.trials[0];
    let parts = [trial.train_s, trial.eval_s, trial.data_s, trial.observe_s];
    let parts: f64 = parts.into_iter().flatten().sum();
    let wall = trial.wall_s.unwrap();
    assert!(wall >= parts, "{wall} s in all and {parts} s in its parts");
    assert!(trial.started_at < trial.finished_at || wall < 2.0);
}

#[test]
fn a_damaged_checkpoint_is_not_gone_on_from() {
    let whole = Lab::new();
    let file = whole.file("training.toml", TEXT);
    whole.xp(&format!("sweep {file} --threads 1")).expect(0);
    let right = tables(&whole).trials[0].perplexity;

    let damages: [Damage; 3] = [
        |model| {
            let mut bytes = fs::read(model).unwrap();
            let at = bytes.len() * 3 / 4;
            bytes[at] ^= 0x40;
            fs::write(model, bytes).unwrap();
        },
        |model| {
            let bytes = fs::read(model).unwrap();
            fs::write(model, &bytes[..bytes.len() / 2]).unwrap();
        },
        |model| fs::remove_file(model).unwrap(),
    ];
    for damage in damages {
        let lab = Lab::new();
        let file = lab.file("training.toml", TEXT);
        damage(&interrupted(&lab, &file).join("model.bpk"));
        lab.xp(&format!("sweep {file} --threads 1"))
            .expect(0)
            .says(&["checkpoint is damaged", "model.bpk", "starts afresh"]);
        assert_eq!(tables(&lab).trials[0].perplexity, right);
    }
}

#[test]
fn odd_texts_are_told_of_in_terminal_and_report() {
    let lab = Lab::new();
    let folder = lab.path().join("datasets/tinystories");
    fs::create_dir_all(&folder).unwrap();
    let lines = (0..400).map(|n| format!("Once upon a time there were {n} cats.\n"));
    let text = lines.collect::<Vec<_>>().concat();
    fs::write(folder.join("train.txt"), &text).unwrap();
    fs::write(folder.join("valid.txt"), &text).unwrap();
    let sweep = TEXT.replace("{ tinytales = { stories = 50 } }", "'tinystories'");
    let sweep = sweep
        .replace("steps = 300", "steps = 2")
        .replace("seeds = [1]", "seeds = [1, 2]");
    let file = lab.file("training.toml", sweep);
    let ran = lab.xp(&format!("sweep {file}")).expect(0);
    let said = "100 % of the validation text stands in the training text too";
    assert_eq!(ran.stderr.matches(said).count(), 1, "{}", ran.stderr);
    let page = fs::read_to_string(lab.results("training", "base-cpu").join("report.html")).unwrap();
    assert_eq!(page.matches(said).count(), 1);
}

#[test]
fn the_terminal_gets_lines_of_eighty_columns() {
    let lab = Lab::new();
    let sweep = TEXT
        .replace("steps = 300", "steps = 2")
        .replace("seeds = [1]", "seeds = [1, 2]");
    let file = lab.file(
        "training.toml",
        sweep
            + "[axes]\nstrategy = ['soft-top-k', 'expert-choice']\ncapacity-factor = [1.0, 1.25]\n\
                 drop = ['position', 'causal-position']\n",
    );
    let ran = lab
        .xp(&format!("sweep {file} --results r --work w"))
        .expect(0);
    for line in ran
        .stdout
        .lines()
        .chain(ran.stderr.lines().filter(|line| line.contains("done in")))
    {
        assert!(
            line.chars().count() <= 80,
            "{} columns: {line}",
            line.chars().count()
        );
    }
    let ran = ran.says(&[
        "95 %",
        "bigram",
        "n-gram, order",
        "2†",
        "fewer than 3 seeds",
    ]);
    assert!(ran.stdout.contains("CAPACITY-"), "{}", ran.stdout);
}
