//! What is never lost: results that only the results folder holds, and what was measured so far.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use runstore::{Collected, read_results, tables::TrialRow};

use crate::fixture::{Lab, QUICK, Ran};

/// What is done to a results folder.
type Damage = fn(&Path);

fn rows(lab: &Lab) -> Vec<TrialRow> {
    tables(lab).trials
}

fn tables(lab: &Lab) -> Collected {
    read_results(&lab.results("quick", "base-cpu")).expect("results")
}

/// A folder as after cloning: results, and no working folder.
fn clone() -> (Lab, String) {
    let lab = Lab::new();
    let file = lab.file("quick.toml", QUICK);
    lab.xp(&format!("sweep {file}")).expect(0);
    fs::remove_dir_all(lab.path().join(".xp")).unwrap();
    (lab, file)
}

/// Every file below a folder with its bytes.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
    found
}

#[test]
fn a_clone_knows_its_results_and_changes_nothing_by_looking() {
    let (lab, file) = clone();
    let before = files(&lab.path().join("results"));
    lab.xp(&format!("plan {file}"))
        .expect(0)
        .says(&["in results 8", "nothing to run: every trial is done"]);
    lab.xp(&format!("status {file}"))
        .expect(0)
        .says(&["in results 8"]);
    let id = rows(&lab)[0].trial_id.clone();
    for line in [
        format!("show {id}"),
        format!("show {} --sweep {file}", &id[..12]),
    ] {
        lab.xp(&line)
            .expect(0)
            .says(&["state = \"in results\"", "[row]"]);
    }
    lab.xp(&format!("sweep {file}")).expect(0).says(&[
        "nothing to run: 8 trials done",
        "alone: `--rerun` runs them here",
        "*.parquet",
    ]);
    assert_eq!(files(&lab.path().join("results")), before);

    // Its row gives way to that of the new run, and nobody else has the old one: it is kept, and that is said.
    let old = rows(&lab);
    let again = lab.xp(&format!("sweep {file} --rerun --only {}", &id[..12]));
    again
        .expect(0)
        .says(&["1 done", "1 trial ran more than once", "base-cpu-run2"]);
    assert_eq!(rows(&lab).len(), 8);
    let shelf = lab.path().join("results/quick/before");
    let kept = fs::read_dir(&shelf).unwrap().flatten().next().unwrap();
    let kept = runstore::read_trials(&kept.path()).unwrap();
    assert_eq!(kept.len(), 1);
    let same = |row: &&TrialRow| row.trial_id == kept[0].trial_id;
    // Both runs are there. Times of end are whole seconds, so that of such quick ones either may stand.
    let now = rows(&lab);
    let both = [kept[0].wall_s, now.iter().find(same).unwrap().wall_s];
    assert_ne!(both[0], both[1]);
    assert!(both.contains(&old.iter().find(same).unwrap().wall_s));
    // Once is enough.
    lab.xp(&format!("report {file}")).expect(0);
    assert_eq!(fs::read_dir(&shelf).unwrap().count(), 1);
    lab.xp(&format!("plan {file}"))
        .expect(0)
        .says(&["done 1", "in results 7"]);
}

#[test]
fn rows_of_another_question_are_set_aside() {
    let (lab, _) = clone();
    let file = lab.file("quick.toml", QUICK.replace("[1.0, 1.5]", "[3.0]"));
    let old = files(&lab.results("quick", "base-cpu"));
    lab.xp(&format!("sweep {file}")).expect(0).says(&[
        "held 8 trials that the sweep file does not ask for now",
        "kept in",
    ]);
    assert_eq!(rows(&lab).len(), 4);
    let shelf = lab.path().join("results/quick/before");
    let kept: Vec<PathBuf> = fs::read_dir(&shelf)
        .unwrap()
        .flatten()
        .map(|e| e.path())
        .collect();
    let [kept] = kept.as_slice() else {
        panic!("one copy, not {kept:?}");
    };
    let bytes = |all: BTreeMap<PathBuf, Vec<u8>>| all.into_values().collect::<Vec<_>>();
    assert_eq!(bytes(files(kept)), bytes(old));
    // What the working folder holds can be had again and is not kept twice.
    lab.file("quick.toml", QUICK.replace("[1.0, 1.5]", "[3.5]"));
    lab.xp(&format!("sweep {file}")).expect(0);
    assert_eq!(fs::read_dir(&shelf).unwrap().count(), 1);
    // With its question it comes back.
    lab.file("quick.toml", QUICK);
    lab.xp(&format!("plan {file}"))
        .expect(0)
        .says(&["in results 8", "nothing to run"]);
    let id = runstore::read_trials(kept).unwrap()[0].trial_id.clone();
    lab.xp(&format!("show {} --sweep {file}", &id[..12]))
        .expect(0)
        .says(&["[row]"]);
    lab.xp(&format!("sweep {file}"))
        .expect(0)
        .says(&["nothing to run: 8 trials done"]);
    let ids = |rows: Vec<runstore::tables::TrialRow>| -> Vec<String> {
        rows.into_iter().map(|row| row.trial_id).collect()
    };
    assert_eq!(ids(rows(&lab)), ids(runstore::read_trials(kept).unwrap()));
    let read = lab
        .xp("figures results/quick/before/base-cpu-000000")
        .expect(7);
    read.says(&["base-cpu-000000"]);
}

#[test]
fn results_that_cannot_be_read_stop_a_sweep_before_anything_runs() {
    let damages: [(&str, Damage); 4] = [
        ("alarms.parquet", |folder| {
            append(&folder.join("alarms.parquet"));
        }),
        ("steps.parquet", |folder| {
            fs::remove_file(folder.join("steps.parquet")).unwrap();
        }),
        ("manifest.json", |folder| {
            fs::write(folder.join("manifest.json"), "{").unwrap();
        }),
        ("trials.parquet", |folder| {
            // A newer schema, as a newer program would write it.
            let path = folder.join("trials.parquet");
            let mut bytes = fs::read(&path).unwrap();
            let at: Vec<usize> = (0..bytes.len() - 8)
                .filter(|&at| bytes[at..].starts_with(b"trials/1"))
                .collect();
            for &at in &at {
                bytes[at + 7] = b'2';
            }
            assert!(!at.is_empty());
            fs::write(&path, bytes).unwrap();
            fs::remove_file(folder.join("manifest.json")).unwrap();
        }),
    ];
    for (name, damage) in damages {
        let (lab, file) = clone();
        let folder = lab.results("quick", "base-cpu");
        damage(&folder);
        let before = files(&folder);
        for command in ["sweep", "report"] {
            lab.xp(&format!("{command} {file}")).expect(7).says(&[name]);
        }
        assert_eq!(files(&folder), before, "{name}");
        let trials = lab.path().join(".xp/quick/base-cpu/trials");
        assert!(
            fs::read_dir(trials).map_or(true, |mut dir| dir.next().is_none()),
            "{name}"
        );
    }
}

fn append(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    bytes.push(b'x');
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_report_that_cannot_be_written_is_an_error_and_changes_nothing() {
    let lab = Lab::new();
    let file = lab.file("quick.toml", QUICK);
    lab.xp(&format!("sweep {file}")).expect(0);
    let folder = lab.results("quick", "base-cpu");
    fs::remove_file(folder.join("report.html")).unwrap();
    fs::create_dir(folder.join("report.html")).unwrap();
    let before = files(&folder);
    for line in [
        format!("report {file}"),
        format!("figures {}", folder.display()),
    ] {
        lab.xp(&line).expect(7).says(&["report.html", "directory"]);
    }
    assert_eq!(files(&folder), before);
}

#[test]
fn reports_at_the_same_time_do_not_disturb_each_other() {
    let lab = Lab::new();
    let file = lab.file("quick.toml", QUICK);
    lab.xp(&format!("sweep {file}")).expect(0);
    let folder = lab.results("quick", "base-cpu");
    let lines = [
        format!("report {file}"),
        format!("figures {}", folder.display()),
    ];
    for _ in 0..3 {
        let children: Vec<_> = (0..6)
            .map(|n| lab.command(lines[n % 2].split_whitespace()))
            .map(|mut command| command.stdout(std::process::Stdio::null()).spawn().unwrap())
            .collect();
        for mut child in children {
            assert!(child.wait().unwrap().success());
        }
    }
    assert_eq!(rows(&lab).len(), 8);
    let own = |entry: std::io::Result<fs::DirEntry>| {
        entry
            .unwrap()
            .file_name()
            .to_string_lossy()
            .starts_with('.')
    };
    assert!(!fs::read_dir(&folder).unwrap().any(own));
}

#[cfg(unix)]
#[test]
fn a_slow_writer_does_not_replace_newer_tables() {
    let lab = Lab::new();
    let file = lab.file("quick.toml", QUICK);
    let plan = lab.xp(&format!("plan {file} --json")).expect(0).json();
    let last = plan["trials"][7]["id"].as_str().unwrap().to_owned();
    lab.xp(&format!("sweep {file} --skip {last}")).expect(0);
    // It is another writer's turn: the report waits, and an eighth trial ends meanwhile.
    let folder = File::open(lab.path().join("results/quick")).unwrap();
    folder.lock().unwrap();
    let slow = lab.start(&format!("report {file}"));
    thread::sleep(Duration::from_millis(500));
    lab.xp(&format!("trial {file} {last}")).expect(0);
    folder.unlock().unwrap();
    Ran::of(slow.wait_with_output().unwrap());
    assert_eq!(rows(&lab).len(), 8);
}

#[test]
fn weights_that_are_asked_for_later_are_told_of() {
    let lab = Lab::new();
    let text = "name = 'small'\nquestion = 'q'\njob = 'train'\nseeds = [1]\n\
        [data]\ncorpus = { tinytales = { stories = 50 } }\n\
        [model.tiny-moe]\nlayers = 1\ndim = 16\nheads = 2\n[moe]\nexperts = 4\n\
        [train]\nsteps = 2\nwarmup = 1\nbatch = 2\nsequence = 16\neval-windows = 2\n";
    let file = lab.file("small.toml", text);
    lab.xp(&format!("sweep {file}")).expect(0);
    let ran = lab.xp(&format!("sweep {file} --set save=last")).expect(0);
    ran.says(&["1 finished trial has no weights", "`--rerun`"]);
    let trials = runstore::read_trials(&lab.results("small", "base-cpu")).expect("results");
    let id = &trials[0].trial_id;
    let weights = lab.path().join(format!(
        ".xp/small/base-cpu/trials/{id}/model/model.safetensors"
    ));
    assert!(!weights.exists());
    // As it is told, by the sweep and by whoever asks for the model.
    lab.file("text.txt", "Once upon a time. ".repeat(20));
    let eval = format!("eval {id} --text text.txt --sequence 16");
    lab.xp(&eval)
        .expect(3)
        .says(&["kept no weights", "`--set save=last --rerun`"]);
    lab.xp(&format!("sweep {file} --set save=last --rerun"))
        .expect(0)
        .says(&["1 done"]);
    assert!(weights.exists());
    lab.xp(&eval).expect(0);
    // Once is enough, and what has them is left as it is.
    lab.xp(&format!("sweep {file} --set save=last --rerun"))
        .expect(0)
        .says(&[
            "nothing to run",
            "to run another trial anew, delete its folder",
        ]);
    fs::remove_dir_all(weights.parent().expect("a folder")).unwrap();
    lab.xp(&format!("trial {file} {id} --set save=last --rerun"))
        .expect(0);
    assert!(weights.exists());
}

#[test]
fn the_data_folder_of_a_sweep_is_remembered_and_not_needed_to_look() {
    let lab = Lab::new();
    let data = lab.path().join("texts");
    fs::create_dir_all(data.join("tinyshakespeare")).unwrap();
    fs::write(
        data.join("tinyshakespeare/input.txt"),
        "To be or not to be.\n".repeat(200),
    )
    .unwrap();
    let text = "name = 'small'\nquestion = 'q'\njob = 'train'\nseeds = [1, 2]\n\
        [data]\ncorpus = 'tiny-shakespeare'\n\
        [model.tiny-moe]\nlayers = 1\ndim = 16\nheads = 2\n[moe]\nexperts = 4\n\
        [train]\nsteps = 2\nwarmup = 1\nbatch = 2\nsequence = 16\neval-windows = 2\n";
    let file = lab.file("small.toml", text);
    // A look makes nothing, and remembers no folder.
    lab.xp(&format!("plan {file} --data-dir texts")).expect(0);
    lab.xp(&format!("sweep {file}")).expect(3);
    lab.xp(&format!("sweep {file} --only seed=1 --data-dir texts"))
        .expect(0);
    // Remembered to run.
    lab.xp(&format!("sweep {file}"))
        .expect(0)
        .says(&["2 done (1 before)"]);
    // Not needed to look, here or in a clone.
    fs::remove_dir_all(&data).unwrap();
    lab.xp(&format!("status {file}"))
        .expect(0)
        .says(&["done 2"]);
    lab.xp(&format!("report {file}")).expect(0);
    fs::remove_dir_all(lab.path().join(".xp")).unwrap();
    lab.xp(&format!("status {file}"))
        .expect(0)
        .says(&["in results 2"]);
    // With the sizes of its records, which the text decided.
    lab.xp(&format!("plan {file}"))
        .expect(0)
        .says(&["PARAMS (ACTIVE)"]);
    // A folder that was named and lacks the text is not passed over in silence.
    lab.xp(&format!("status {file} --data-dir elsewhere"))
        .expect(0)
        .says(&["in results 2", "elsewhere", "stands in its place"]);
}

#[test]
fn a_results_folder_that_cannot_be_written_is_found_first() {
    let lab = Lab::new();
    let file = lab.file("quick.toml", QUICK);
    fs::write(lab.path().join("taken"), "a file").unwrap();
    lab.xp(&format!("sweep {file} --results taken"))
        .expect(7)
        .says(&["taken"]);
    assert!(!lab.path().join(".xp/logs").exists(), "nothing has run");
}
