//! `xp merge`: what two machines have run of one sweep, brought together in any order and any number of times.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use runstore::read_results;

use crate::fixture::{Lab, QUICK};

/// One cell with these seeds.
fn sweep(seeds: &str) -> String {
    QUICK
        .replace("[1, 2]", seeds)
        .replace("capacity-factor = [1.0, 1.5]\n", "")
        .replace("['compact', 'fixed']", "['compact']")
}

/// Two machines that each ran two of three seeds, so that they share one trial, which each ran by itself.
struct Machines {
    lab: Lab,
    file: String,
}

impl Machines {
    fn new() -> Self {
        let lab = Lab::new();
        let file = lab.file("quick.toml", sweep(""));
        let machines = Self { lab, file };
        machines.run("a", "[1,2]");
        machines.run("b", "[2,3]");
        machines
    }

    fn run(&self, name: &str, seeds: &str) {
        let file = &self.file;
        // Trials of other seeds have the same ids whatever seeds the sweep has, but results of `--set` stand apart.
        self.lab.file(file, sweep(seeds));
        self.lab
            .xp(&format!(
                "sweep {file} --work {name}/xp --results {name}/results"
            ))
            .expect(0);
    }

    fn merged(&self, into: &str, from: &[&str]) {
        for from in from {
            let line = format!("merge {from} --results {into}/results --work {into}/xp");
            self.lab.xp(&line).expect(0);
        }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.lab.path().join(path)
    }
}

/// The only folder of results in a root.
fn folder(root: &Path) -> PathBuf {
    let sweep = fs::read_dir(root).unwrap().flatten().map(|own| own.path());
    let sweep = sweep.filter(|path| path.is_dir()).collect::<Vec<_>>();
    let variants = fs::read_dir(&sweep[0])
        .unwrap()
        .flatten()
        .map(|own| own.path());
    let own = variants.filter(|path| path.is_dir() && !path.ends_with("before"));
    own.collect::<Vec<_>>().remove(0)
}

/// The names and contents of all Parquet and note files below a folder.
fn content(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name().into_string().unwrap());
        if path.is_dir() {
            let inner = content(&path).into_iter();
            all.extend(inner.map(|(file, bytes)| (format!("{name}/{file}"), bytes)));
        } else if name.ends_with(".parquet") {
            all.insert(name, fs::read(path).unwrap());
        }
    }
    all
}

#[test]
fn results_of_two_machines_are_one_in_whatever_order_they_come() {
    let machines = Machines::new();
    machines.merged("ab", &["a/results", "b/results", "a/results"]);
    machines.merged("ba", &["b/results", "a/results", "b/results"]);
    let [ab, ba] = ["ab", "ba"].map(|name| folder(&machines.path(&format!("{name}/results"))));
    let rows = read_results(&ab).unwrap();
    assert_eq!(rows.trials.len(), 3);
    assert_eq!(rows, read_results(&ba).unwrap());
    assert!(ab.join("report.html").exists());
    // The shared trial was run twice, with times of its own: both runs are kept, and the same one stands.
    let [before_ab, before_ba] = [&ab, &ba].map(|own| content(&own.with_file_name("before")));
    assert_eq!(before_ab, before_ba);
    let kept = before_ab
        .keys()
        .filter(|name| name.ends_with("/trials.parquet"));
    assert_eq!(kept.count(), 1);
    // A folder of one sweep is enough to name.
    let own = folder(&machines.path("b/results"));
    let line = format!(
        "merge {} --results ab/results --work ab/xp --json",
        own.display()
    );
    let told = machines.lab.xp(&line).expect(0).json();
    assert_eq!(
        (&told[0]["added"], &told[0]["replaced"]),
        (&0.into(), &0.into())
    );
}

#[test]
fn working_folders_of_two_machines_are_one_and_nothing_runs_again() {
    let machines = Machines::new();
    machines.merged("ab", &["a/xp", "b/xp", "a/xp"]);
    machines.merged("ba", &["b/xp", "a/xp", "b/xp"]);
    let [ab, ba] = ["ab/xp", "ba/xp"].map(|name| content(&machines.path(name)));
    assert_eq!(ab, ba);
    let standing = ab
        .keys()
        .filter(|name| name.contains("/trials/") && name.ends_with("trials.parquet"));
    assert_eq!(standing.count(), 3);
    let differing = ab
        .keys()
        .filter(|name| name.contains("/differing/") && name.ends_with("trials.parquet"));
    assert_eq!(differing.count(), 1);
    let file = machines.lab.file("quick.toml", sweep("[1,2,3]"));
    machines
        .lab
        .xp(&format!("sweep {file} --work ab/xp --results ab/results"))
        .expect(0)
        .says(&["nothing to run: 3 trials done"]);
}

#[test]
fn what_is_nothing_or_damaged_is_told_and_changes_nothing() {
    let machines = Machines::new();
    let lab = &machines.lab;
    lab.xp("merge nowhere")
        .expect(2)
        .says(&["nowhere", "neither results nor a working folder"]);
    lab.xp("merge").expect(2);
    let own = folder(&machines.path("a/results"));
    let before = content(&own);
    let theirs = folder(&machines.path("b/results")).join("steps.parquet");
    fs::write(&theirs, "cut").unwrap();
    lab.xp("merge b/results --results a/results --work a/xp")
        .expect(7)
        .says(&["steps.parquet"]);
    assert_eq!(content(&own), before);
    let trial = fs::read_dir(machines.path("b/xp"))
        .unwrap()
        .flatten()
        .find(|own| own.path().is_dir());
    let variant = fs::read_dir(trial.unwrap().path())
        .unwrap()
        .flatten()
        .next()
        .unwrap()
        .path();
    for trial in fs::read_dir(variant.join("trials")).unwrap().flatten() {
        fs::write(trial.path().join("steps.parquet"), "cut").unwrap();
    }
    lab.xp("merge b/xp --results a/results --work a/xp")
        .expect(7)
        .says(&["steps.parquet"]);
    assert_eq!(content(&own), before);
}
