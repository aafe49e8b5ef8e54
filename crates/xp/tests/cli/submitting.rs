//! Trials as jobs of a scheduler, through an engine of one's own.

use std::fs;

use serde_json::Value;

use crate::fixture::{Lab, QUICK};

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
        .says(&["--no-report --threads=1", "task) "]);
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
        .says(&["full took nothing: the queue is full", "engine.sh submit"]);
    lab.file("odd.sh", "{{ queue }}\n");
    lab.xp(&format!("submit {file} --to odd.sh"))
        .expect(2)
        .says(&["odd, line 1", "mend the template"]);
    lab.xp(&format!("submit {file} --to pbs"))
        .expect(2)
        .says(&["--to pbs", "slurm and hyperqueue are known"]);
    lab.xp(&format!("submit {file} --to full.sh --set run.memory=16"))
        .expect(2)
        .says(&["`16` is no amount of memory"]);
    lab.xp(&format!("submit {file}")).expect(2).says(&["--to"]);
    // A note that a dead process left half written is passed over.
    let note = lab
        .path()
        .join(".xp/quick/base-cpu/submitted/1/submission.json");
    fs::write(note, "{\"engine\": \"fu").unwrap();
    lab.xp(&format!("status {file}"))
        .expect(5)
        .says(&["missing 8"]);
}
