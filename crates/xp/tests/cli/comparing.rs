//! What looks at results and runs nothing: list, diff, compare, export.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::fixture::{Lab, QUICK, Ran};

/// The results that come with the source.
fn committed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../results")
}

/// A command on them.
fn of_committed(lab: &Lab, line: &str) -> Ran {
    lab.xp(&format!("{line} --results {}", committed().display()))
}

/// All lines fit 80 columns, but those that name folders which tests cannot choose.
#[track_caller]
fn assert_fits(ran: &Ran) {
    let long = |line: &&str| line.chars().count() > 80 && !line.contains("/xp/../../results");
    assert_eq!(ran.stdout.lines().find(long), None, "{}", ran.stdout);
}

/// A folder in which a quick sweep has run as it is written and with more tokens, and the name of the second's results.
fn two_results() -> (Lab, String) {
    let lab = Lab::new();
    lab.file("experiments/quick.toml", QUICK);
    lab.xp("sweep quick").expect(0);
    lab.xp("sweep quick --set pack.tokens=128").expect(0);
    let entries = fs::read_dir(lab.path().join("results/quick"))
        .unwrap()
        .flatten();
    let mut names = entries.map(|entry| entry.file_name().into_string().unwrap());
    let other = names
        .find(|name| name.contains("-set-"))
        .expect("a folder of its own");
    (lab, other)
}

fn ids(lab: &Lab, sweep: &str) -> Vec<String> {
    let plan = lab.xp(&format!("plan {sweep} --json")).expect(0).json();
    let trials = plan["trials"].as_array().unwrap().iter();
    trials
        .map(|trial| trial["id"].as_str().unwrap()[..12].to_owned())
        .collect()
}

#[test]
fn a_list_has_sweeps_with_states_and_results_with_overrides() {
    let (lab, other) = two_results();
    let list = lab.xp("list --json").expect(0).json();
    let find = |name: &str| {
        let sweeps = list["sweeps"].as_array().unwrap();
        sweeps
            .iter()
            .find(|sweep| sweep["name"] == name)
            .unwrap()
            .clone()
    };
    let quick = find("quick");
    assert_eq!(
        (&quick["job"], &quick["trials"]),
        (&Value::from("pack"), &Value::from(8))
    );
    assert_eq!(quick["states"], serde_json::json!({ "done": 8 }));
    assert_eq!(
        find("capacity")["states"]["missing"],
        find("capacity")["trials"]
    );
    let results = list["results"].as_array().unwrap();
    assert_eq!(results.len(), 2);
    assert_eq!(
        results[1]["overrides"],
        serde_json::json!(["pack.tokens=128"])
    );
    let ran = lab.xp("list").expect(0);
    assert_fits(&ran);
    ran.says(&[
        "SWEEP",
        "quick",
        "all done",
        "all missing",
        &other,
        "--set pack.tokens=128",
    ]);
    // Tags are shown where a sweep has some.
    let tagged = QUICK.replace("'quick'", "'tagged'");
    lab.file(
        "experiments/tagged.toml",
        format!("tags = ['ours']\n{tagged}"),
    );
    let ran = lab.xp("list").expect(0);
    ran.says(&["TAGS", "ours"]);
    // A clone has results and no working folder.
    fs::remove_dir_all(lab.path().join(".xp")).unwrap();
    lab.xp("list").expect(0).says(&["all in results"]);
    assert!(!lab.path().join(".xp").exists(), "nothing is made");
    // A scale that some sweeps lack, and a file that is none, are told in their rows.
    lab.file("experiments/wrong.toml", "name = 3");
    let ran = lab.xp("list --scale smoke").expect(0);
    assert!(ran.stdout.contains("wrong"), "{}", ran.stdout);
    lab.xp("list --experiments none --results nowhere")
        .expect(4)
        .says(&["none holds no sweeps", "--experiments"]);
}

#[test]
fn two_trials_differ_in_settings_measures_and_nothing_else() {
    let (lab, _) = two_results();
    let ids = ids(&lab, "quick");
    // The first two are seeds of one cell; the third is of another.
    let seeds = lab
        .xp(&format!("diff {} {} --json", ids[0], ids[1]))
        .expect(0)
        .json();
    let paths = |found: &Value| {
        let settings = found["difference"]["settings"].as_array().unwrap().iter();
        settings
            .map(|own| own["path"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(paths(&seeds), ["seed"]);
    assert_eq!(seeds["difference"]["circumstances"], serde_json::json!([]));
    let across = lab
        .xp(&format!("diff {} {} --json", ids[0], ids[2]))
        .expect(0)
        .json();
    assert_eq!(paths(&across), ["pack.packing"], "{across}");
    let measures = across["difference"]["measures"].as_array().unwrap();
    assert!(
        measures.iter().all(|own| own["difference"].is_number()),
        "{measures:?}"
    );
    let ran = lab.xp(&format!("diff {} latest --all", ids[0])).expect(0);
    assert_fits(&ran);
    ran.says(&["a  ", "SETTING", "MEASURE", "program and machine: the same"]);
    // The same from the results folder of a clone.
    fs::remove_dir_all(lab.path().join(".xp")).unwrap();
    lab.xp(&format!("diff {} {}", ids[0], ids[2]))
        .expect(0)
        .says(&["results/quick/base-cpu", "pack.packing", "compact", "fixed"]);
}

#[test]
fn two_results_differ_by_cells_and_by_what_is_fixed() {
    let (lab, other) = two_results();
    let line = format!("quick quick/{other}");
    let found = lab.xp(&format!("diff {line} --json")).expect(0).json();
    assert_eq!(found["cells"]["common"].as_array().unwrap().len(), 4);
    assert_eq!(found["cells"]["throughout"][0]["path"], "pack.tokens");
    let ran = lab.xp(&format!("diff {line} --all")).expect(0);
    assert_fits(&ran);
    ran.says(&[
        "4 in both",
        "pack.tokens",
        "64",
        "128",
        "HIGHER",
        "xp compare",
    ]);
    let compared = lab.xp(&format!("compare {line} --json")).expect(0).json();
    let cells = compared["measures"][0]["cells"].as_array().unwrap();
    assert_eq!(cells.len(), 4);
    for cell in cells {
        // Two seeds are too few for any verdict but equality.
        let verdict = cell["verdict"].as_str().unwrap();
        assert!(["too-few-seeds", "equal"].contains(&verdict), "{cell}");
        assert_eq!(cell["paired"], true);
        assert_eq!(cell["a"]["n"], 2);
    }
    let ran = lab
        .xp(&format!("compare {line} --measure buffer_bytes,drop_rate"))
        .expect(0);
    ran.says(&["buffer_bytes (bytes)", "drop_rate (share)", "seed by seed"]);
    // Scales whose settings differ are shown beside each other and not compared.
    let scaled = format!("{QUICK}[scale.tiny]\npack.tokens = 32\n");
    lab.file("experiments/quick.toml", scaled);
    lab.xp("sweep quick --scale tiny").expect(0);
    lab.xp("compare quick/base-cpu quick/tiny-cpu")
        .expect(0)
        .says(&[
            "not compared, 4 cells: the scales differ, base and tiny",
            "not compared",
        ]);
    lab.file("experiments/quick.toml", QUICK);
    // An axis without a common value keeps all cells apart.
    lab.xp("sweep quick --set axes.capacity-factor=[2.0]")
        .expect(0);
    let apart = fs::read_dir(lab.path().join("results/quick"))
        .unwrap()
        .flatten();
    let mut apart = apart.map(|entry| entry.file_name().into_string().unwrap());
    let apart = apart
        .find(|name| name.contains("-set-") && *name != other)
        .unwrap();
    lab.xp(&format!("compare quick/base-cpu results/quick/{apart}"))
        .expect(4)
        .says(&["no cell in common", "capacity_factor", "1, 1.5", "2"]);
    lab.xp(&format!("diff quick/base-cpu quick/{apart}"))
        .expect(0)
        .says(&[
            "cells: 0 in both, 4 in a alone, 2 in b alone",
            "capacity_factor in b alone: 2",
        ]);
}

#[test]
fn committed_results_are_compared_on_what_they_share() {
    let lab = Lab::new();
    let ran = of_committed(&lab, "compare unified zoo").expect(0);
    assert_fits(&ran);
    ran.says(&["perplexity (per token)", "top1", "B IS", "seed by seed"]);
    // The same folder twice: every cell is equal, whatever the measure.
    let same = of_committed(&lab, "compare unified unified --json")
        .expect(0)
        .json();
    let cells = same["measures"][0]["cells"].as_array().unwrap();
    assert!(
        cells.iter().all(|cell| cell["verdict"] == "equal"),
        "{cells:?}"
    );
    let speeds = same["speeds"].as_array().unwrap();
    assert!(
        speeds.iter().all(|cell| cell["quotient"]["ratio"] == 1.0),
        "{speeds:?}"
    );
    // Other work is nothing to compare with.
    of_committed(&lab, "compare unified scaling").expect(4);
}

#[test]
fn names_that_mean_nothing_have_codes_and_remedies() {
    let (lab, other) = two_results();
    lab.xp("diff quick zooo")
        .expect(4)
        .says(&["zooo", "did you mean `zoo`?"]);
    lab.xp("compare quick zoo")
        .expect(4)
        .says(&["`zoo` has no results", "xp sweep zoo"]);
    lab.xp("compare quick experiments/")
        .expect(7)
        .says(&["experiments/ holds no trials.parquet"]);
    let id = &ids(&lab, "quick")[0];
    lab.xp(&format!("diff {id} quick"))
        .expect(2)
        .says(&["is a trial"]);
    lab.xp("diff latest ffffffffffffffff")
        .expect(4)
        .says(&["xp list"]);
    lab.xp("compare quick quick --measure drop_rat")
        .expect(2)
        .says(&[
            "no measure is called `drop_rat`",
            "did you mean `drop_rate`?",
        ]);
    lab.xp("compare quick quick --measure perplexity")
        .expect(4)
        .says(&["has `perplexity` in both"]);
    lab.xp("compare quick quick --scale paper")
        .expect(4)
        .says(&["base-cpu", &other]);
    let damaged = lab.results("quick", "base-cpu").join("trials.parquet");
    fs::write(damaged, "no table").unwrap();
    lab.xp("compare quick quick")
        .expect(7)
        .says(&["trials.parquet"]);
    lab.xp("export quick").expect(7).says(&["trials.parquet"]);
}

#[test]
fn an_export_writes_tables_and_curves_and_replaces_only_its_own() {
    let lab = Lab::new();
    let line = "export unified --format csv,tensorboard";
    of_committed(&lab, line).expect(0).says(&[
        "csv: ",
        "export/unified/cpu-cpu/csv",
        "tensorboard --logdir",
    ]);
    let out = lab.path().join("export/unified/cpu-cpu");
    let trials = fs::read_to_string(out.join("csv/trials.csv")).unwrap();
    let rows = runstore::read_trials(&committed().join("unified/cpu-cpu")).unwrap();
    assert!(trials.starts_with("trial_id,sweep,scale,device"));
    // The JSON of settings has quotes and no line breaks.
    assert_eq!(trials.lines().count(), rows.len() + 1);
    let written = fs::read(out.join("csv/steps.csv")).unwrap();
    // Again it writes the same; a file that is changed by hand is not replaced.
    of_committed(&lab, line).expect(0);
    assert_eq!(fs::read(out.join("csv/steps.csv")).unwrap(), written);
    fs::write(out.join("csv/steps.csv"), "mine").unwrap();
    of_committed(&lab, line).expect(7).says(&[
        "csv/steps.csv",
        "not written by xp export",
        "--out",
    ]);
    assert_eq!(fs::read(out.join("csv/steps.csv")).unwrap(), b"mine");
    let json = of_committed(&lab, "export unified --out elsewhere --json")
        .expect(0)
        .json();
    assert_eq!(json["folder"], "elsewhere");
    assert!(json["files"]["csv"].as_u64() > Some(3));
    // What logged no steps has no curves.
    of_committed(&lab, "export scaling --format tensorboard")
        .expect(4)
        .says(&["no trial logged steps", "--format csv"]);
    of_committed(&lab, "export unified --format cvs")
        .expect(2)
        .says(&["csv", "tensorboard"]);
    lab.file("inn", "a file");
    of_committed(&lab, "export unified --out inn")
        .expect(7)
        .says(&["inn", "--out"]);
}
