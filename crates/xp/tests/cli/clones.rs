//! What a clone has: results without a working folder, and most often without data.

use std::{
    fs,
    path::{Path, PathBuf},
};

use runstore::{Manifest, ResultsWriter, read_manifest, read_results, tables::CellTable};
use serde_json::Value;

use crate::fixture::{Lab, QUICK, Ran};

/// Two trainings on a text that is no built-in.
const READS: &str = "name = 'small'\nquestion = 'q'\njob = 'train'\nseeds = [1, 2]\n\
    [data]\ncorpus = 'tiny-shakespeare'\n\
    [model.tiny-moe]\nlayers = 1\ndim = 16\nheads = 2\n[moe]\nexperts = 4\n\
    [train]\nsteps = 2\nwarmup = 1\nbatch = 2\nsequence = 16\neval-windows = 2\n";

fn write_text(lab: &Lab) -> PathBuf {
    let folder = lab.path().join("datasets/tinyshakespeare");
    fs::create_dir_all(&folder).unwrap();
    fs::write(
        folder.join("input.txt"),
        "To be or not to be.\n".repeat(200),
    )
    .unwrap();
    lab.path().join("datasets")
}

/// A folder as after cloning: results, and neither a working folder nor data.
fn clone() -> (Lab, String) {
    let lab = Lab::new();
    let file = lab.file("small.toml", READS);
    let data = write_text(&lab);
    lab.xp(&format!("sweep {file}")).expect(0);
    fs::remove_dir_all(data).unwrap();
    fs::remove_dir_all(lab.path().join(".xp")).unwrap();
    (lab, file)
}

fn ids(lab: &Lab, line: &str) -> Vec<Value> {
    let plan = lab.xp(&format!("plan {line} --json")).expect(0).json();
    let trials = plan["trials"].as_array().expect("a list");
    trials.iter().map(|trial| trial["id"].clone()).collect()
}

fn modified(folder: &Path) -> Vec<(PathBuf, std::time::SystemTime)> {
    let entries = fs::read_dir(folder).unwrap().flatten();
    let mut found: Vec<_> = entries
        .map(|entry| (entry.path(), entry.metadata().unwrap().modified().unwrap()))
        .collect();
    found.sort();
    found
}

#[test]
fn a_sweep_whose_results_are_there_needs_no_data() {
    let (lab, file) = clone();
    let results = lab.results("small", "base-cpu");
    let before = modified(&results);
    let ran = lab.xp(&format!("sweep {file}")).expect(0);
    ran.says(&["nothing to run: 2 trials done", "PERPLEXITY", "report.html"]);
    lab.xp(&format!("sweep {file} --fetch"))
        .expect(0)
        .says(&["nothing to run"]);
    assert_eq!(modified(&results), before);
    assert!(!lab.path().join(".xp").exists(), "nothing is made");
    // What is not there is run, and for that the data are asked for first.
    lab.xp(&format!("sweep {file} --set seeds=[1,2,3]"))
        .expect(3)
        .says(&[
            "tinyshakespeare/input.txt",
            "xp data fetch tiny-shakespeare",
        ]);
    lab.xp(&format!("sweep {file} --rerun"))
        .expect(3)
        .says(&["tinyshakespeare/input.txt"]);
    assert_eq!(modified(&results), before);
    assert!(!lab.path().join(".xp").exists(), "nothing is made");
}

#[test]
fn a_sweep_that_never_ran_is_shown_without_its_data() {
    let lab = Lab::new();
    let file = lab.file("small.toml", READS);
    let said = ["tinyshakespeare/input.txt", "data fetch tiny-shakespeare"];
    lab.xp(&format!("plan {file}"))
        .expect(0)
        .says(&["missing 2", "without an id"])
        .says(&said);
    lab.xp(&format!("status {file}"))
        .expect(5)
        .says(&["missing 2"])
        .says(&said);
    assert_eq!(ids(&lab, &file), [Value::Null, Value::Null]);
    let plan = lab.xp(&format!("plan {file} --json")).expect(0).json();
    let why = plan["missing_data"].as_str().expect("what is missing");
    assert!(why.contains(said[0]), "{why}");
    // An id can only be that of a trial whose data are known.
    for line in ["trial small.toml 0123", "show 0123 --sweep small.toml"] {
        lab.xp(line).expect(3).says(&said);
    }
    assert!(!lab.path().join(".xp").exists());
    // With the data it has the ids that it runs under.
    write_text(&lab);
    let known = ids(&lab, &file);
    assert!(known.iter().all(Value::is_string), "{known:?}");
    assert!(plan["trials"][0]["state"] == "missing");
}

#[test]
fn a_trial_that_only_the_results_have_is_not_run_again_unless_asked() {
    let (lab, file) = clone();
    let id = ids(&lab, &file)[0].as_str().unwrap()[..12].to_owned();
    lab.xp(&format!("trial {file} {id}")).expect(0).says(&[
        "nothing to run",
        "results/small/base-cpu",
        "`--rerun` runs it here",
    ]);
    let told = lab
        .xp(&format!("trial {file} {id} --json"))
        .expect(0)
        .json();
    assert_eq!(told["event"], "in-results");
    assert!(!lab.path().join(".xp").exists(), "nothing is made");
    lab.xp(&format!("trial {file} {id} --rerun")).expect(3);
    write_text(&lab);
    lab.xp(&format!("trial {file} {id} --rerun"))
        .expect(0)
        .says(&["done, perplexity"]);
    lab.xp(&format!("plan {file}"))
        .expect(0)
        .says(&["done 1", "in results 1"]);
}

#[test]
fn a_manifest_tells_what_ran_the_trials_from_what_wrote_the_report() {
    let lab = Lab::new();
    let file = lab.file("quick.toml", QUICK);
    lab.xp(&format!("sweep {file}")).expect(0);
    // As if another program on another machine had run six of the eight.
    let folder = lab.results("quick", "base-cpu");
    let mut tables = read_results(&folder).unwrap();
    for row in &mut tables.trials[..6] {
        row.git_sha = Some("0123456789abcdef".to_owned());
        row.git_dirty = Some(false);
        row.host = "11111111".to_owned();
    }
    let mut writer = ResultsWriter::open(&folder).unwrap();
    let manifest = Manifest {
        sweep: "quick".to_owned(),
        ..Manifest::default()
    };
    let cells = CellTable {
        axes: Vec::new(),
        rows: Vec::new(),
    };
    writer.put_tables(&tables, &cells, &manifest).unwrap();
    writer.commit().unwrap();
    fs::remove_dir_all(lab.path().join(".xp")).unwrap();

    lab.xp(&format!("report {file}")).expect(0);
    let manifest = read_manifest(&folder).unwrap();
    let ran: Vec<_> = manifest
        .ran
        .iter()
        .map(|ran| (ran.host.as_str(), ran.trials))
        .collect();
    let own = manifest.provenance.host.as_str();
    assert_eq!(ran, [("11111111", 6), (own, 2)]);
    assert_eq!(manifest.ran[0].git_sha.as_deref(), Some("0123456789abcdef"));
    assert_ne!(manifest.provenance.git_sha, manifest.ran[0].git_sha);
    assert_eq!(manifest.command[1], "report");
    let page = fs::read_to_string(folder.join("report.html")).unwrap();
    for part in [
        "trials were run by",
        "6 trials: xp ",
        "commit 0123456789abcdef",
        "tables were written by",
    ] {
        assert!(page.contains(part), "{part} is not in {page}");
    }
}

/// The rows of the README's table of strategies: name, perplexity, difference.
fn readme_rows(readme: &str) -> Vec<[String; 3]> {
    let rows = readme
        .lines()
        .skip_while(|line| !line.starts_with("| strategy | CF |"));
    let rows = rows
        .skip(2)
        .take_while(|line| line.starts_with("| ") && !line.contains("n-gram"));
    let cells = |line: &str| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let name = cells[1].split(' ').next().unwrap_or_default();
        [name, cells[3], cells[4]].map(str::to_owned)
    };
    rows.map(cells).collect()
}

/// What the README says of a clone, with the results that it quotes.
#[test]
fn the_terminal_shows_the_committed_results_as_the_readme_does() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let Ok(readme) = fs::read_to_string(root.join("README.md")) else {
        // The tests stand elsewhere than where they were built, and the results with the source.
        return;
    };
    let lab = Lab::new();
    let results = root.join("results").display().to_string();
    let ran = lab
        .command(["sweep", "unified", "--results", &results])
        .output();
    let ran = Ran::of(ran.unwrap()).expect(0).says(&["nothing to run: "]);
    let rows = readme_rows(&readme);
    assert!(rows.len() > 5, "{rows:?}");
    for [name, perplexity, less] in rows {
        let less = less.replace("baseline", "–");
        let shown = |line: &str| {
            let parts = [&name, &perplexity, &less];
            line.starts_with(&name) && parts.iter().all(|part| line.contains(part.as_str()))
        };
        assert!(
            ran.stdout.lines().any(shown),
            "{name} {perplexity} {less} is not in\n{}",
            ran.stdout
        );
    }
}
