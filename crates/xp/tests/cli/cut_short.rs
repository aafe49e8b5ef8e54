//! Trials that did not reach their end, in every command that tells of trials.

use std::fs;

use serde_json::Value;

use crate::fixture::Lab;

/// Two trials, the second of which diverges.
const WILD: &str = "name = 'wild'\nquestion = 'q'\njob = 'layer'\nseeds = [1]\n\
    [layer]\ntokens = 64\ndim = 16\niterations = 1\nwarmup = 0\n[moe]\nexperts = 4\n\
    [axes]\n'router.logit-std' = [1.0, 1e300]\n";

#[test]
fn what_diverged_is_counted_and_named_and_not_run_again() {
    let lab = Lab::new();
    let file = lab.file("wild.toml", WILD);
    lab.xp(&format!("sweep {file}"))
        .expect(6)
        .says(&["1 done, 1 diverged"]);
    let id = lab.in_state(&file, "diverged");
    lab.xp(&format!("trial {file} {id}"))
        .expect(6)
        .says(&["nothing to run: the trial diverged"]);
    lab.xp("list").expect(0).says(&["1 diverged"]);
    let list = lab.xp("list --json").expect(0).json();
    let folder = &list["results"][0];
    let counts = ["failed", "diverged", "stopped"].map(|how| &folder[how]);
    assert_eq!(counts, [0, 1, 0].map(Value::from).each_ref());

    let folder = "results/wild/base-cpu";
    lab.xp(&format!("compare {folder} {folder}"))
        .expect(0)
        .says(&["left out, as no trial of theirs finished"]);
    let json = lab
        .xp(&format!("compare {folder} {folder} --json"))
        .expect(0)
        .json();
    assert_eq!(json["a"]["unfinished"].as_array().map(Vec::len), Some(1));

    // In a clone.
    fs::remove_dir_all(lab.path().join(".xp")).unwrap();
    lab.xp(&format!("status {file}"))
        .expect(6)
        .says(&["in results 2", "of those recorded, 1 diverged"]);
    lab.xp(&format!("trial {file} {id}"))
        .expect(6)
        .says(&["nothing to run: the trial diverged", "--rerun"]);
}
