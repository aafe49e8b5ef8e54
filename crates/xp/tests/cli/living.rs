//! Living with sweeps: a shared base, samples, tags, trials that are stopped, limited or tried again, watching.

use std::{fs, path::Path};

use runstore::{read_manifest, read_results, tables::TrialStatus};

use crate::{
    fixture::{Lab, QUICK, Ran},
    runs::{signal, wait_for},
};

/// Two learning rates that teach, and one that does not.
const HOPELESS: &str = "name = 'hopeless'\nquestion = 'q'\njob = 'train'\nseeds = [1]\n\
    [data]\ncorpus = { tinytales = { stories = 50 } }\n\
    [model.tiny-moe]\nlayers = 1\ndim = 16\nheads = 2\n[moe]\nexperts = 4\n\
    [train]\nsteps = 40\nbatch = 4\nsequence = 32\nwarmup = 2\nlog-every = 10\neval-every = 10\n\
    eval-windows = 4\n\
    [stop]\nafter = 10\nleast = 2\n\
    [axes]\nlearning-rate = [1e-2, 2e-2, 1e-9]\n";

/// A training that takes longer than any test waits.
const LONG: &str = "name = 'long'\nquestion = 'q'\njob = 'train'\nseeds = [1]\n\
    [data]\ncorpus = { tinytales = { stories = 50 } }\n\
    [model.tiny-moe]\nlayers = 2\ndim = 16\nheads = 2\n[moe]\nexperts = 4\n\
    [train]\nsteps = 1000000\nbatch = 2\nsequence = 32\nwarmup = 2\nlog-every = 5\neval-every = 20\n\
    eval-windows = 2\n";

#[test]
fn a_sweep_laid_over_a_base_runs_and_keeps_what_it_was_made_of() {
    let lab = Lab::new();
    let (own, base): (Vec<&str>, Vec<&str>) = QUICK
        .lines()
        .partition(|line| line.starts_with(['n', 'q', 's']));
    let header = "include = 'base.toml'\ntags = ['pilot', 'two-cores']\nnotes = 'to try it out'\n";
    lab.file("base.toml", base.join("\n"));
    let file = lab.file("mine.toml", format!("{header}{}", own.join("\n")));
    lab.xp(&format!("sweep {file}")).expect(0);
    let manifest = read_manifest(&lab.results("quick", "base-cpu")).unwrap();
    assert_eq!(manifest.tags, ["pilot", "two-cores"]);
    assert_eq!(manifest.notes.as_deref(), Some("to try it out"));
    let digest = blake3::hash(base.join("\n").as_bytes())
        .to_hex()
        .to_string();
    assert_eq!(manifest.included.get("base.toml"), Some(&digest));
    // The same question asked by one file.
    let whole = lab.file("whole.toml", QUICK);
    lab.xp(&format!("status {whole}"))
        .expect(0)
        .says(&["done 8"]);
    // The trials of a running sweep read a copy: an edit of the base meanwhile is another question.
    lab.file(
        "base.toml",
        base.join("\n").replace("tokens = 64", "tokens = 96"),
    );
    lab.xp(&format!("status {file}"))
        .expect(5)
        .says(&["missing 8"]);
    let wrong = base.join("\n").replace("tokens = 64", "tokens = 'many'");
    lab.file("base.toml", wrong);
    lab.xp(&format!("plan {file}"))
        .expect(2)
        .says(&["base.toml:3:10"]);
}

#[test]
fn a_sample_of_ranges_is_planned_as_what_it_is() {
    let lab = Lab::new();
    let text = QUICK.replace("[1.0, 1.5]", "{ from = 1.0, to = 2.0 }");
    let file = lab.file("quick.toml", format!("sample = 3\n{text}"));
    lab.xp(&format!("plan {file}"))
        .expect(0)
        .says(&["6 trials (3 points by halton x 2 seeds)"]);
    lab.xp(&format!("sweep {file} --set sample=1"))
        .expect(0)
        .says(&["2 done"]);
}

#[test]
fn a_hopeless_trial_is_stopped_and_said_to_be_and_rerun_runs_it_whole() {
    let lab = Lab::new();
    let file = lab.file("hopeless.toml", HOPELESS);
    let reason = "the median of the averages that 2 finished trials had up to there";
    lab.xp(&format!("sweep {file}"))
        .expect(0)
        .says(&["2 done, 0 diverged, 1 stopped early, 0 failed", reason]);
    let folder = lab.results("hopeless", "base-cpu");
    let stopped = || {
        let trials = read_results(&folder).unwrap().trials.into_iter();
        trials
            .filter(|row| row.status == TrialStatus::Stopped)
            .collect::<Vec<_>>()
    };
    let rows = stopped();
    assert_eq!(rows.len(), 1);
    assert_eq!(
        (rows[0].steps_done, rows[0].learning_rate),
        (Some(20), Some(1e-9))
    );
    assert!(
        rows[0]
            .error
            .as_ref()
            .unwrap()
            .starts_with("at step 20 its lowest"),
        "{:?}",
        rows[0].error
    );
    let report = fs::read_to_string(folder.join("report.html")).unwrap();
    assert!(report.contains("1 stopped"), "the report counts it");
    lab.xp(&format!("status {file}"))
        .expect(0)
        .says(&["stopped 1", reason]);
    lab.xp(&format!("sweep {file}"))
        .expect(0)
        .says(&["1 of them stopped early: `--rerun` runs them whole"]);
    lab.xp(&format!("sweep {file} --rerun"))
        .expect(0)
        .says(&["3 done"]);
    assert!(stopped().is_empty());
}

#[test]
fn jobs_without_losses_have_nothing_to_stop_trials_by() {
    let lab = Lab::new();
    let file = lab.file("quick.toml", format!("{QUICK}[stop]\nleast = 2\n"));
    lab.xp(&format!("plan {file}")).expect(2).says(&[
        "a `pack` sweep has no `[stop]`",
        "`train` and `finetune` sweeps have it",
    ]);
}

#[test]
fn a_trial_over_its_time_is_saved_fails_and_goes_on_with_the_next_command() {
    let lab = Lab::new();
    let file = lab.file(
        "long.toml",
        format!("{LONG}[run]\nretries = 3\ntime-limit = '2s'\n"),
    );
    let over = "took longer than its time limit of 2s; it is saved at step ";
    let ran = lab.xp(&format!("sweep {file}")).expect(6).says(&[over]);
    assert!(!ran.stderr.contains("tried again"), "{}", ran.stderr);
    lab.xp(&format!("status {file}"))
        .expect(6)
        .says(&["failed 1", over]);
    let json = lab
        .xp(&format!("sweep {file} --time-limit 1s --json"))
        .expect(6)
        .json();
    let error = json["failed"][0]["error"].as_str().unwrap();
    assert!(
        error.starts_with("took longer than its time limit of 1s"),
        "{error}"
    );
    assert_eq!(json["retried"], 0);
    lab.xp(&format!("sweep {file} --time-limit soon"))
        .expect(2)
        .says(&["`soon` is no time", "1h 30m"]);
}

#[test]
fn watching_shows_what_runs_and_disturbs_nothing() {
    let lab = Lab::new();
    let file = lab.file("long.toml", LONG);
    lab.xp(&format!("watch {file}"))
        .expect(0)
        .says(&["0 of 1 recorded", "no trial runs here now"]);
    let runner = lab.start(&format!("sweep {file} --threads 1"));
    let shown = || lab.xp(&format!("watch {file} --once")).expect(0).stdout;
    wait_for(|| shown().contains("load of experts"));
    let page = shown();
    for part in [
        "1 running",
        "/1000000",
        "losses of",
        "load of experts",
        "  0 ",
        "  1 ",
    ] {
        assert!(page.contains(part), "`{part}` is not in:\n{page}");
    }
    let live = lab.path().join(".xp/long/base-cpu/live");
    let files = |folder: &Path| fs::read_dir(folder).unwrap().count();
    assert_eq!(files(&live), 1);
    signal(&runner, "-INT");
    Ran::of(runner.wait_with_output().unwrap()).expect(130);
    assert_eq!(files(&live), 0, "what a trial tells goes with it");
    lab.xp(&format!("watch {file}"))
        .expect(0)
        .says(&["no trial runs here now"]);
}
