//! Trials as jobs of a scheduler, through an engine of one's own.

use std::fs;

use serde_json::Value;

use crate::fixture::{Lab, QUICK, Ran};

/// A scheduler that runs everything at once, one after another, and knows nothing of it afterwards.
const AT_ONCE: &str = "cd {{ start | quoted }} || exit\n\
    here={{ folder | quoted }}\n\
    ids() {\n  case $1 in\n\
    {%- for ids in tasks %}\n  {{ loop.index0 }}) echo {{ ids | join(' ') }} ;;\n{%- endfor %}\n  esac\n}\n\
    case $1 in\n\
    submit)\n\
      for ((n = 0; n < {{ together + alone }}; n++)); do bash \"$0\" task $n >\"$here/log/$n.log\" 2>&1; done\n\
      bash \"$0\" report >\"$here/log/report.log\" 2>&1\n\
      echo {{ name | quoted }}-{{ cpus or 0 }} ;;\n\
    task) {{ run }} $(ids \"$2\") ;;\n\
    report) {{ report }} ;;\n\
    esac\n";

/// A scheduler that has everything and runs nothing, until what it has is cancelled.
const NEVER: &str = "here={{ folder | quoted }}\n\
    case $1 in\n\
    submit) echo 17; echo 18 ;;\n\
    states) [ -e \"$here/gone\" ] || for ((n = 0; n < {{ together + alone }}; n++)); do echo $n PENDING; done ;;\n\
    cancel) echo \"$@\" >\"$here/gone\" ;;\n\
    esac\n";

#[test]
fn every_task_runs_its_trials_and_the_last_job_writes_the_report() {
    let lab = Lab::new();
    let file = lab.file("quick.toml", QUICK);
    lab.file("at-once.sh", AT_ONCE);
    let command = "submit quick.toml --to at-once.sh --set run.trials-per-task=3 --set run.cpus=1";
    // What is shown is what would be run, and nothing is.
    lab.xp(&format!("{command} --dry-run"))
        .expect(0)
        .says(&["--no-report '--threads=1'", "task) "]);
    lab.xp(&format!("status {file}"))
        .expect(5)
        .says(&["missing 8"]);
    let made: Value = lab.xp(&format!("{command} --json")).expect(0).json();
    assert_eq!(made["jobs"], serde_json::json!(["xp-quick-base-1"]));
    assert_eq!((&made["trials"], &made["tasks"]), (&8.into(), &3.into()));
    // How trials are run changes neither their ids nor where their results are.
    lab.xp(&format!("status {file}"))
        .expect(0)
        .says(&["done 8"]);
    let results = lab.results("quick", "base-cpu");
    assert!(results.join("report.html").exists());
    let logs = lab.path().join(made["logs"].as_str().unwrap());
    let log = |name: &str| fs::read_to_string(logs.join(name)).unwrap();
    assert!(log("0.log").contains("[3/3]"), "{}", log("0.log"));
    assert!(log("2.log").contains("[2/2]"), "{}", log("2.log"));
    assert!(
        log("report.log").contains("report"),
        "{}",
        log("report.log")
    );
    lab.xp(command).expect(0).says(&["every trial is done"]);
}

#[test]
fn what_a_scheduler_has_is_shown_cancelled_and_not_given_to_it_twice() {
    let lab = Lab::new();
    let file = lab.file("quick.toml", QUICK);
    lab.file("never.sh", NEVER);
    let command = format!("submit {file} --to never.sh");
    lab.xp(&format!("{command} --only seed=1"))
        .expect(0)
        .says(&["17\n18", "4 trials in 4 tasks"]);
    let status = lab.xp(&format!("status {file}")).expect(5);
    assert_eq!(status.stdout.matches("PENDING in never; log: ").count(), 4);
    lab.xp(&command)
        .expect(0)
        .says(&["4 trials in 4 tasks", "4 were submitted before"]);
    lab.xp(&command)
        .expect(0)
        .says(&["nothing to submit: a scheduler has the 8"]);
    lab.xp(&format!("submit {file} --cancel"))
        .expect(0)
        .says(&["never: cancelled 17 18"]);
    let gone = lab.path().join(".xp/quick/base-cpu/submitted/2/gone");
    assert_eq!(fs::read_to_string(gone).unwrap(), "cancel 17 18\n");
    lab.xp(&format!("submit {file} --cancel"))
        .expect(0)
        .says(&["no scheduler has anything"]);
    // Also of a sweep file that was edited since.
    lab.xp(&command).expect(0).says(&["8 trials in 8 tasks"]);
    lab.file("quick.toml", QUICK.replace("64", "96"));
    lab.xp(&format!("status {file}")).expect(5).says(&[
        "missing 8",
        "8 tasks of a scheduler have trials that are not asked for now",
    ]);
    lab.xp(&format!("submit {file} --cancel"))
        .expect(0)
        .says(&["never: cancelled 17 18"]);
    lab.file("quick.toml", QUICK);
    // What runs here meanwhile is done, whatever a scheduler had of it.
    lab.xp(&format!("sweep {file} --no-report")).expect(0);
    assert!(!lab.results("quick", "base-cpu").exists());
    lab.xp(&command).expect(0).says(&["every trial is done"]);
}

#[test]
fn a_scheduler_that_refuses_and_one_that_is_not_there_are_said() {
    let lab = Lab::new();
    let file = lab.file("quick.toml", QUICK);
    lab.file("full.sh", "echo 'the queue is full' >&2; exit 1\n");
    lab.xp(&format!("submit {file} --to full.sh"))
        .expect(3)
        .says(&["full refused: the queue is full", "--dry-run"]);
    // What was taken before is given back, and what cannot be asked is not submitted again.
    lab.file(
        "half.sh",
        "case $1 in submit) echo 8; exit 4 ;; cancel) echo \"$2\" >cancelled ;; esac\n",
    );
    lab.xp(&format!("submit {file} --to half.sh"))
        .expect(3)
        .says(&["half refused", "took before that, 8, was cancelled"]);
    let word = fs::read_to_string(lab.path().join("cancelled")).unwrap();
    assert_eq!(word, "8\n");
    lab.file("mute.sh", "true\n");
    lab.xp(&format!("submit {file} --to mute.sh"))
        .expect(3)
        .says(&["it named no job"]);
    lab.file("odd.sh", "{{ queue }}\n");
    lab.xp(&format!("submit {file} --to odd.sh"))
        .expect(2)
        .says(&["odd, line 1", "mend the template"]);
    lab.xp(&format!("submit {file} --to pbs"))
        .expect(2)
        .says(&["--to pbs", "slurm and hyperqueue are known"]);
    lab.xp(&format!("submit {file} --to full.sh --set run.memory='16'"))
        .expect(2)
        .says(&["`16` is no amount of memory"]);
    lab.xp(&format!("submit {file}")).expect(2).says(&["--to"]);
    lab.xp(&format!("submit {file} --cancel --only seed=1"))
        .expect(2);
    lab.file(
        "gone.sh",
        "case $1 in submit) echo 9 ;; *) echo 'down' >&2; exit 1 ;; esac\n",
    );
    lab.xp(&format!("submit {file} --to gone.sh")).expect(0);
    for command in ["--to gone.sh", "--cancel"] {
        lab.xp(&format!("submit {file} {command}"))
            .expect(3)
            .says(&["gone: down"]);
    }
    lab.xp(&format!("status {file}"))
        .expect(5)
        .says(&["no word of what was submitted to gone: down"]);
    // A note that a dead process left half written is passed over.
    let note = lab
        .path()
        .join(".xp/quick/base-cpu/submitted/1/submission.json");
    fs::write(note, "{\"engine\": \"fu").unwrap();
    lab.xp(&format!("status {file}"))
        .expect(5)
        .says(&["missing 8"]);
}

/// Programs that stand in for a scheduler's own.
const SLURM: [(&str, &str); 3] = [
    ("sbatch", "echo \"$@\" >>calls; wc -l <calls"),
    (
        "squeue",
        "case \"$*\" in *--jobs=1*) echo '0 PENDING'; echo '1 RUNNING';; *) echo 'N/A PENDING';; esac",
    ),
    ("scancel", "echo \"$@\" >cancelled"),
];
const HYPERQUEUE: [(&str, &str); 1] = [(
    "hq",
    "case \"$*\" in\n\
     *submit-file*) cp \"$5\" job.toml; echo 1 ;;\n\
     *list*) echo '{\"1\": [{\"id\": 0, \"started_at\": null, \"state\": \"waiting\"}, \
        {\"id\": 1, \"started_at\": null, \"state\": \"running\"}, {\"id\": 2, \"state\": \"finished\"}]}' ;;\n\
     *cancel*) echo \"$3\" >cancelled ;;\n\
     esac",
)];

#[rstest::rstest]
#[case::slurm("slurm", &SLURM, ["PENDING", "RUNNING"], "1 2")]
#[case::hyperqueue("hyperqueue", &HYPERQUEUE, ["waiting", "running"], "1")]
fn the_engines_that_come_with_it_know_their_schedulers(
    #[case] engine: &str,
    #[case] programs: &[(&str, &str)],
    #[case] states: [&str; 2],
    #[case] cancelled: &str,
) {
    use std::os::unix::fs::PermissionsExt;

    let lab = Lab::new();
    let file = lab.file("quick.toml", QUICK);
    fs::create_dir(lab.path().join("bin")).unwrap();
    for (name, text) in programs {
        let path = lab.path().join("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = format!(
        "{}:{}",
        lab.path().join("bin").display(),
        std::env::var("PATH").unwrap()
    );
    let xp = |line: &str| {
        let mut command = lab.command(line.split_whitespace());
        command.env("PATH", &path);
        Ran::of(command.output().expect("xp starts"))
    };
    xp(&format!(
        "submit {file} --to {engine} --set run.trials-per-task=3 --set run.gpus=1 --set run.time=2h"
    ))
    .expect(0)
    .says(&["8 trials in 3 tasks"]);
    let told = [".xp/quick/base-cpu/submitted/1/calls", "job.toml"]
        .map(|name| fs::read_to_string(lab.path().join(name)));
    let told = told.into_iter().flatten().next().expect("it was asked");
    assert!(told.contains("gpu"), "{told}");
    // Two tasks of three trials; the third has ended.
    let status = xp(&format!("status {file}")).expect(5);
    for state in states {
        let line = format!("{state} in {engine}; log: ");
        assert_eq!(status.stdout.matches(&line).count(), 3, "{}", status.stdout);
    }
    xp(&format!("submit {file} --cancel"))
        .expect(0)
        .says(&[&format!("cancelled {cancelled}")]);
    let word = fs::read_to_string(lab.path().join("cancelled")).unwrap();
    assert_eq!(word.trim(), cancelled);
}
