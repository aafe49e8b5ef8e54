//! Sweeps that really run: what they leave, what they skip, and what survives a kill.

use std::{collections::BTreeSet, fs, path::Path, process::Child, thread, time::Duration};

use serde_json::Value;

use crate::fixture::{Lab, QUICK, Ran};

/// Trainings that take long enough to be killed in.
const TRAINING: &str = "name = 'training'\nquestion = 'q'\njob = 'train'\nseeds = [1, 2]\n\
    [data]\ncorpus = { tinytales = { stories = 50 } }\n\
    [model.tiny-moe]\nlayers = 1\ndim = 16\nheads = 2\n[moe]\nexperts = 4\n\
    [train]\nsteps = 60\nbatch = 2\nsequence = 32\nwarmup = 2\nlog-every = 20\neval-every = 30\n\
    eval-windows = 4\ncheckpoint-every = 10\n[axes]\nstrategy = ['top1', 'soft-top-k', 'hash']\n";

fn published(lab: &Lab, sweep: &str) -> BTreeSet<String> {
    let folder = lab.path().join(".xp").join(sweep).join("base-cpu/trials");
    let Ok(entries) = fs::read_dir(folder) else {
        return BTreeSet::new();
    };
    entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

fn ids(lab: &Lab, file: &str) -> BTreeSet<String> {
    let plan = lab.xp(&format!("plan {file} --json")).expect(0).json();
    let trials = plan["trials"].as_array().expect("a list");
    trials
        .iter()
        .filter_map(|trial| trial["id"].as_str())
        .map(str::to_owned)
        .collect()
}

#[test]
fn a_sweep_leaves_tables_figures_and_a_report_and_then_has_nothing_to_do() {
    let lab = Lab::new();
    let file = lab.file("quick.toml", QUICK);
    let first = lab.xp(&format!("sweep {file}")).expect(0);
    let first = first.says(
        &["8 done", "[8/8]", "trials.parquet", "report.html"].map(|part| {
            if part == "trials.parquet" {
                "*.parquet"
            } else {
                part
            }
        }),
    );
    assert!(first.stdout.contains("CAPACITY-"), "{}", first.stdout);
    let results = lab.results("quick", "base-cpu");
    for name in ["trials", "steps", "experts", "tokens"] {
        assert!(results.join(format!("{name}.parquet")).is_file(), "{name}");
    }
    assert!(results.join("report.html").is_file());
    let manifest = fs::read_to_string(results.join("manifest.json")).unwrap();
    let manifest: Value = serde_json::from_str(&manifest).unwrap();
    assert_eq!(manifest["trials"].as_array().unwrap().len(), 8);

    let again = lab.xp(&format!("sweep {file}")).expect(0);
    again.says(&["nothing to run: 8 trials done", "*.parquet"]);
    // What a process leaves that dies just after its trial is recorded is removed at the next run.
    let trial = ids(&lab, &file).pop_first().expect("a trial");
    let left = lab
        .path()
        .join(".xp/quick/base-cpu/checkpoints")
        .join(trial);
    fs::create_dir_all(left.join("000001")).unwrap();
    lab.xp(&format!("sweep {file}")).expect(0);
    assert!(!left.exists(), "{left:?}");
    lab.xp(&format!("status {file}"))
        .expect(0)
        .says(&["done 8"]);
    lab.xp("show latest")
        .expect(0)
        .says(&["state = \"done\"", "[row]"]);
}

#[test]
fn a_sweep_of_layers_times_its_phases_and_states_what_growth_costs() {
    let lab = Lab::new();
    let ran = lab.xp("sweep scaling --scale smoke").expect(0);
    let ran = ran.says(&["8 done", "report.html"]);
    assert!(ran.stdout.contains("GFLOP/S"), "{}", ran.stdout);
    let results = lab.results("scaling", "smoke-cpu");
    let figure = fs::read_to_string(results.join("figures/scaling.svg")).unwrap();
    assert!(
        figure.contains("time of a step, measured in turn (ms)"),
        "{figure}"
    );
    let report = fs::read_to_string(results.join("report.html")).unwrap();
    assert!(report.contains("Scaling</h2>") && report.contains("experts E"));

    let plan = lab.xp("plan scaling --scale smoke --json").expect(0).json();
    let id = plan["trials"][6]["id"].as_str().expect("an id");
    let row = lab
        .xp(&format!("show {} --json", &id[..12]))
        .expect(0)
        .json()["row"]
        .clone();
    let number = |column: &str| {
        row[column]
            .as_f64()
            .unwrap_or_else(|| panic!("{column}: {row}"))
    };
    for column in [
        "forward_ms_median",
        "backward_ms_median",
        "update_ms_median",
    ] {
        assert!(number(column) > 0.0, "{column}");
    }
    // The last trial has T = 256, k = 4, D = 16, F = 64, E = 16, and nothing was dropped.
    assert_eq!(number("step_flops"), 6.0 * 256.0 * 4.0 * 16.0 * 64.0 * 2.0);
    // 16 experts of 2 x 16 x 64 weights and 64 + 16 biases, and 16 x 16 of the scorer; 4 bytes each.
    assert_eq!(number("param_bytes"), 4.0 * (16.0 * 2128.0 + 256.0));
    let rate = number("step_flops") / number("step_ms_median") / 1e6;
    assert!((number("gflop_per_s") / rate - 1.0).abs() < 1e-9);
    assert_eq!(number("drop_rate"), 0.0);
}

#[test]
fn every_strategy_and_dispatch_can_be_timed() {
    let lab = Lab::new();
    let file = lab.file(
        "layers.toml",
        "name = 'layers'\nquestion = 'q'\njob = 'layer'\nseeds = [1]\n\
         [layer]\ntokens = 24\nsequences = 3\ndim = 8\niterations = 1\nwarmup = 0\nupdate = false\n\
         [moe]\nexperts = 4\n[[axes]]\n\
         strategy = ['top1', 'hard-top-k', 'soft-top-k', 'hash', 'expert-choice', 'random']\n\
         [[axes]]\ndispatch = ['dense', 'padded', 'sorted']\n[[axes]]\nprecision = ['bf16']\n",
    );
    lab.xp(&format!("sweep {file}")).expect(0).says(&["done"]);
    let row = lab.xp("show latest --json").expect(0).json()["row"].clone();
    assert_eq!(row["update_ms_median"], Value::Null);
}

#[test]
fn changing_one_value_runs_only_the_new_trials() {
    let lab = Lab::new();
    let file = lab.file("quick.toml", QUICK);
    lab.xp(&format!("sweep {file}")).expect(0);
    lab.file("quick.toml", QUICK.replace("[1.0, 1.5]", "[1.0, 2.0]"));
    lab.xp(&format!("plan {file}"))
        .expect(0)
        .says(&["done 4", "missing 4"]);
    // The one that finished last answered the old question.
    lab.xp(&format!("sweep {file} --only latest"))
        .expect(4)
        .says(&["`latest`", "xp plan"]);
    let ran = lab.xp(&format!("sweep {file} --json")).expect(0).json();
    assert_eq!(
        (&ran["before"], &ran["done"], &ran["trials"]),
        (&4.into(), &4.into(), &8.into())
    );
    // What is no longer asked for stays in the work folder and leaves the results.
    assert_eq!(published(&lab, "quick").len(), 12);
}

#[test]
fn only_runs_what_is_named_and_the_rest_stays_outstanding() {
    let lab = Lab::new();
    let file = lab.file("quick.toml", QUICK);
    let first = ids(&lab, &file).into_iter().next().unwrap();
    lab.xp(&format!("sweep {file} --only {}", &first[..12]))
        .expect(0)
        .says(&["1 done"]);
    assert_eq!(published(&lab, "quick"), BTreeSet::from([first]));
    lab.xp(&format!("report {file}"))
        .expect(5)
        .says(&["7 trials are outstanding"]);
}

#[test]
fn one_trial_can_be_run_by_itself() {
    let lab = Lab::new();
    let file = lab.file("quick.toml", QUICK);
    let first = ids(&lab, &file).into_iter().next().unwrap();
    let ran = lab
        .xp(&format!("trial {file} {} --json", &first[..8]))
        .expect(0);
    let last: Value = serde_json::from_str(ran.stdout.lines().last().unwrap()).unwrap();
    assert_eq!(last["event"], "finished");
    let again = lab
        .xp(&format!("trial {file} {} --json", &first[..8]))
        .expect(0);
    assert!(again.stdout.contains("already-done"), "{}", again.stdout);
}

#[test]
fn two_jobs_at_once_give_the_same_trials() {
    let lab = Lab::new();
    let file = lab.file("quick.toml", QUICK);
    lab.xp(&format!("sweep {file} --jobs 2"))
        .expect(0)
        .says(&["8 done"]);
    assert_eq!(published(&lab, "quick"), ids(&lab, &file));
}

/// Trials that a runner says it has finished itself.
fn finished_here(ran: &Ran) -> BTreeSet<String> {
    let done = ran
        .stderr
        .lines()
        .filter(|line| line.contains(": done in "));
    done.filter_map(|line| line.split_whitespace().find(|word| word.len() == 12))
        .map(str::to_owned)
        .collect()
}

#[cfg(unix)]
#[test]
fn two_runners_share_a_sweep_and_run_nothing_twice() {
    let lab = Lab::new();
    let file = lab.file("training.toml", TRAINING);
    let runners: Vec<Child> = (0..2)
        .map(|_| lab.start(&format!("sweep {file}")))
        .collect();
    let ran: Vec<Ran> = runners
        .into_iter()
        .map(|runner| Ran::of(runner.wait_with_output().unwrap()).expect(0))
        .collect();
    let (one, other) = (finished_here(&ran[0]), finished_here(&ran[1]));
    assert!(one.is_disjoint(&other), "{one:?} {other:?}");
    assert_eq!(one.len() + other.len(), 6);
    assert_eq!(published(&lab, "training"), ids(&lab, &file));
}

#[cfg(unix)]
pub(crate) fn signal(group: &Child, name: &str) {
    let target = format!("-{}", group.id());
    let status = std::process::Command::new("kill")
        .args([name, "--", &target])
        .status()
        .unwrap();
    assert!(status.success(), "kill {name} {target}");
}

#[cfg(unix)]
#[test]
fn a_sweep_killed_at_any_moment_is_finished_by_the_next_run() {
    let lab = Lab::new();
    let file = lab.file("training.toml", TRAINING);
    let all = ids(&lab, &file);
    let mut before = BTreeSet::new();
    // Moments spread over starting, training and publishing.
    for delay in [40, 90, 170, 260, 350, 480, 640] {
        let mut runner = lab.start(&format!("sweep {file}"));
        thread::sleep(Duration::from_millis(delay));
        if runner.try_wait().unwrap().is_none() {
            signal(&runner, "-KILL");
        }
        runner.wait().unwrap();
        let now = published(&lab, "training");
        assert!(now.is_superset(&before), "a finished trial was lost");
        before = now;
    }
    lab.xp(&format!("sweep {file}")).expect(0);
    assert_eq!(published(&lab, "training"), all);
    let manifest = lab.results("training", "base-cpu").join("manifest.json");
    assert_eq!(trials_in(&manifest), all.len());
    lab.xp(&format!("sweep {file}"))
        .expect(0)
        .says(&["nothing to run: 6 trials done"]);
}

fn trials_in(manifest: &Path) -> usize {
    let manifest: Value = serde_json::from_slice(&fs::read(manifest).unwrap()).unwrap();
    manifest["trials"].as_array().unwrap().len()
}

#[cfg(unix)]
#[test]
fn an_interrupt_saves_and_exits_130_and_the_next_run_goes_on() {
    let lab = Lab::new();
    let file = lab.file(
        "training.toml",
        TRAINING.replace("steps = 60", "steps = 4000"),
    );
    let runner = lab.start(&format!("sweep {file}"));
    wait_for(|| {
        lab.path()
            .join(".xp/training/base-cpu/checkpoints")
            .read_dir()
            .is_ok_and(|mut dir| dir.next().is_some())
    });
    signal(&runner, "-INT");
    let ran = Ran::of(runner.wait_with_output().unwrap()).expect(130);
    ran.says(&["interrupted", "outstanding"]);
    lab.xp(&format!("plan {file}"))
        .expect(0)
        .says(&["interrupted 1", "goes on after step"]);
}

/// Waits for something that another process does, for a minute at most.
#[cfg(unix)]
pub(crate) fn wait_for(mut done: impl FnMut() -> bool) {
    for _ in 0..6000 {
        if done() {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("it did not happen within a minute");
}
