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
    let below = |folder: &Path| {
        let all = fs::read_dir(folder).unwrap().flatten();
        let folders = all.map(|own| own.path()).filter(|path| path.is_dir());
        let mut shown = folders.filter(|path| !path.ends_with("before") && !path.ends_with("logs"));
        shown.next().unwrap()
    };
    below(&below(root))
}

/// The names and contents of all tables below a folder.
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
    assert_eq!(
        fs::read(ab.join("report.html")).unwrap(),
        fs::read(ba.join("report.html")).unwrap()
    );
    // The shared trial was run twice, with times of its own: both runs are kept, and the same one stands.
    let [before_ab, before_ba] = [&ab, &ba].map(|own| content(&own.with_file_name("before")));
    assert_eq!(before_ab, before_ba);
    let other = runstore::read_trials(&runstore::runs_folder(&ab, 2)).unwrap();
    assert_eq!(other.len(), 1);
    let standing = rows
        .trials
        .iter()
        .find(|row| row.trial_id == other[0].trial_id);
    assert_ne!(standing.unwrap().wall_s, other[0].wall_s);
    // A folder of one sweep is enough to name, and once more changes nothing.
    let own = folder(&machines.path("b/results"));
    let tables = content(&ab);
    let line = format!(
        "merge {} --results ab/results --work ab/xp --json",
        own.display()
    );
    let told = machines.lab.xp(&line).expect(0).json();
    assert_eq!(
        (&told[0]["before"], &told[0]["now"]),
        (&3.into(), &3.into())
    );
    assert_eq!(content(&ab), tables);
}

#[test]
fn working_folders_of_two_machines_are_one_and_nothing_runs_again() {
    let machines = Machines::new();
    machines.merged("ab", &["a/xp", "b/xp", "a/xp"]);
    machines.merged("ba", &["b/xp", "a/xp", "b/xp"]);
    let [ab, ba] = ["ab/xp", "ba/xp"].map(|name| content(&machines.path(name)));
    assert_eq!(ab, ba);
    let count = |part: &str| {
        let names = ab.keys();
        let own = names.filter(|name| name.contains(part) && name.ends_with("trials.parquet"));
        own.count()
    };
    assert_eq!((count("/trials/"), count("/other-runs/")), (3, 1));
    // What was brought together goes on as a whole.
    machines.merged("on", &["ab/xp"]);
    assert_eq!(content(&machines.path("on/xp")), ab);
    let file = machines.lab.file("quick.toml", sweep("[1,2,3]"));
    machines
        .lab
        .xp(&format!("sweep {file} --work ab/xp --results ab/results"))
        .expect(0)
        .says(&["nothing to run: 3 trials done"]);
    // Results and working folder let the same run stand.
    machines.merged("ab", &["a/results", "b/results"]);
    let line = format!("report {file} --work ab/xp --results ab/results");
    machines
        .lab
        .xp(&line)
        .expect(0)
        .says(&["1 trial ran more than once"]);
    machines.merged("results", &["b/results", "a/results"]);
    let [ab, results] =
        ["ab", "results"].map(|name| folder(&machines.path(&format!("{name}/results"))));
    assert_eq!(
        read_results(&ab).unwrap().trials,
        read_results(&results).unwrap().trials
    );
}

#[test]
fn what_is_nothing_or_damaged_is_told_and_changes_nothing() {
    let machines = Machines::new();
    let lab = &machines.lab;
    lab.xp("merge a/results nowhere --results new")
        .expect(2)
        .says(&["nowhere", "neither results nor a working folder"]);
    assert!(!machines.path("new").exists());
    lab.xp("merge").expect(2);
    let own = folder(&machines.path("a/results"));
    let before = content(&own);
    let theirs = folder(&machines.path("b/results")).join("steps.parquet");
    fs::write(&theirs, "cut").unwrap();
    lab.xp("merge b/results --results a/results --work a/xp")
        .expect(7)
        .says(&["steps.parquet"]);
    assert_eq!(content(&own), before);
    let trials = folder(&machines.path("b/xp")).join("trials");
    for trial in fs::read_dir(trials).unwrap().flatten() {
        fs::write(trial.path().join("steps.parquet"), "cut").unwrap();
    }
    lab.xp("merge b/xp --results a/results --work a/xp")
        .expect(7)
        .says(&["steps.parquet"]);
    assert_eq!(content(&own), before);
}

/// A sweep file that changes after a merge: the folder shows what is asked, and no run is lost.
#[test]
fn a_narrower_question_keeps_the_runs_of_the_others() {
    let machines = Machines::new();
    machines.merged("a", &["b/results"]);
    let own = folder(&machines.path("a/results"));
    let run =
        |row: &runstore::tables::TrialRow| (row.trial_id.clone(), row.wall_s.map(f64::to_bits));
    let of = |folder: &Path| -> Vec<_> {
        let rows = runstore::read_trials(folder).unwrap();
        rows.iter().map(run).collect()
    };
    let second = runstore::runs_folder(&own, 2);
    let before: Vec<_> = of(&own).into_iter().chain(of(&second)).collect();
    assert_eq!(before.len(), 4);
    let file = machines.lab.file("quick.toml", sweep("[1]"));
    let line = format!("sweep {file} --work a/xp --results a/results");
    machines.lab.xp(&line).expect(0);
    assert_eq!(of(&own).len(), 1);
    let beside = fs::read_dir(own.with_file_name("before"))
        .unwrap()
        .flatten();
    let mut kept: Vec<_> = beside.flat_map(|own| of(&own.path())).collect();
    kept.extend(of(&own));
    for run in before {
        assert!(kept.contains(&run), "{run:?} is lost");
    }
}

#[test]
fn a_folder_that_is_not_called_as_its_results_is_refused() {
    let machines = Machines::new();
    let own = folder(&machines.path("a/results"));
    fs::rename(&own, machines.path("downloaded")).unwrap();
    machines
        .lab
        .xp("merge downloaded --results new/results")
        .expect(2)
        .says(&["downloaded", "is not called so"]);
    assert!(!machines.path("new").exists());
}
