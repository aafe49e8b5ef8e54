//! Alarms about routing: raised where it goes wrong, silent where it does not, told once.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
};

use runstore::{Collected, read_results, tables::AlarmRow};

use crate::fixture::{Lab, Ran};

/// Two settings of one model: a balancer and a usual learning rate, and neither.
const TWO_WAYS: &str = "name = 'two-ways'\nquestion = 'q'\njob = 'train'\nseeds = [1, 2]\n\
    [data]\ncorpus = { tinytales = { stories = 100 } }\n\
    [model.tiny-moe]\nlayers = 2\ndim = 32\nheads = 2\n[moe]\nexperts = 8\n\
    [router]\nstrategy = 'top1'\n\
    [train]\nsteps = 120\nbatch = 4\nsequence = 32\nwarmup = 2\nlog-every = 10\neval-every = 120\n\
    eval-windows = 4\n[health]\nafter = 60\n\
    [[axes]]\nlearning-rate = [0.01]\nbalancers = [[{ switch = { alpha = 0.1 } }]]\n\
    [[axes]]\nlearning-rate = [0.3]\nbalancers = [[]]\n";

/// The second of the two, for long enough to be interrupted.
const COLLAPSING: &str = "name = 'collapsing'\nquestion = 'q'\njob = 'train'\nseeds = [1]\n\
    [data]\ncorpus = { tinytales = { stories = 100 } }\n\
    [model.tiny-moe]\nlayers = 2\ndim = 32\nheads = 2\n[moe]\nexperts = 8\n\
    [router]\nstrategy = 'top1'\nbalancers = []\n\
    [train]\nsteps = 300\nbatch = 4\nsequence = 32\nwarmup = 2\nlog-every = 10\neval-every = 300\n\
    eval-windows = 4\nlearning-rate = 0.3\n[health]\nafter = 20\n";

fn collected(lab: &Lab, sweep: &str) -> Collected {
    read_results(&lab.results(sweep, "base-cpu")).expect("results")
}

/// The lines that warn of this kind.
fn warnings<'a>(ran: &'a Ran, kind: &str) -> Vec<&'a str> {
    let words = format!("warning: {kind} in layer ");
    let lines = ran.stderr.lines();
    lines.filter(|line| line.contains(&words)).collect()
}

#[test]
fn a_run_set_up_to_collapse_raises_the_alarm_and_a_healthy_one_none() {
    let lab = Lab::new();
    let file = lab.file("two-ways.toml", TWO_WAYS);
    let ran = lab.xp(&format!("sweep {file}")).expect(0);
    let tables = collected(&lab, "two-ways");
    assert_eq!(tables.trials.len(), 4);
    for trial in &tables.trials {
        let own = |alarm: &&AlarmRow| alarm.trial_id == trial.trial_id;
        let alarms: Vec<&AlarmRow> = tables.alarms.iter().filter(own).collect();
        assert_eq!(trial.alarms, Some(alarms.len() as u64));
        let kinds = trial.alarm_kinds.as_deref().expect("it was judged");
        if trial.balancer.as_deref() == Some("switch") {
            assert_eq!((kinds, alarms.len()), ("none", 0), "{alarms:?}");
            continue;
        }
        assert!(
            kinds.contains("collapse") && kinds.contains("dead"),
            "{kinds}"
        );
        let collapse = alarms.iter().find(|alarm| alarm.kind == "collapse");
        let collapse = collapse.expect("it is among the kinds");
        // 60 steps of grace: the first interval that is judged ends at step 70.
        assert!(collapse.step >= 70 && collapse.last_step <= 120);
        assert!(collapse.value < collapse.threshold, "{collapse:?}");
        // Told once for each layer, and mentioned when the trial ends.
        let short = &trial.trial_id[..12];
        let told = warnings(&ran, "collapse");
        let told = told.iter().filter(|line| line.starts_with(short)).count();
        let layers = alarms.iter().filter(|alarm| alarm.kind == "collapse");
        assert_eq!(told, layers.count(), "{}", ran.stderr);
        let done = ran
            .stderr
            .lines()
            .find(|line| line.contains(": done in") && line.contains(short));
        assert!(
            done.is_some_and(|line| line.contains(" alarms")),
            "{}",
            ran.stderr
        );
    }
    let status = lab.xp(&format!("status {file}")).expect(0);
    let mentioned = status
        .stdout
        .lines()
        .filter(|line| line.contains("alarms: "));
    assert_eq!(mentioned.count(), 2, "{}", status.stdout);
    let report = fs::read_to_string(lab.results("two-ways", "base-cpu").join("report.html"));
    let report = report.expect("a report");
    assert!(report.contains("2 of 4 trials whose routing was watched raised an alarm"));
    assert!(report.contains("<td>collapse</td>"));
    let logs = fs::read_dir(lab.path().join(".xp/logs")).unwrap().flatten();
    let logs: String = logs
        .map(|log| fs::read_to_string(log.path()).unwrap())
        .collect();
    assert!(
        logs.contains("WARN") && logs.contains("collapse in layer"),
        "{logs}"
    );
}

#[test]
fn the_watch_can_be_switched_off_and_its_usual_limits_are_no_part_of_a_trials_id() {
    let lab = Lab::new();
    let plain = COLLAPSING.split("[health]").next().unwrap();
    let id = |text: &str| {
        let file = lab.file("collapsing.toml", text);
        let plan = lab.xp(&format!("plan {file} --json")).expect(0).json();
        plan["trials"][0]["id"].as_str().unwrap().to_owned()
    };
    let usual = id(plain);
    assert_eq!(id(&format!("{plain}[health]\nafter = 200\n")), usual);
    assert_ne!(id(COLLAPSING), usual);
    let off = format!("{plain}[health]\nenabled = false\n").replace("steps = 300", "steps = 40");
    let file = lab.file("collapsing.toml", off);
    let ran = lab.xp(&format!("sweep {file}")).expect(0);
    assert!(!ran.stderr.contains("warning:"), "{}", ran.stderr);
    let tables = collected(&lab, "collapsing");
    assert_eq!((tables.trials[0].alarms, tables.alarms.len()), (None, 0));
}

#[cfg(unix)]
#[test]
fn alarms_outlive_an_interruption_and_are_not_told_again() {
    let lab = Lab::new();
    let file = lab.file("collapsing.toml", COLLAPSING);
    let mut runner = lab.start(&format!("sweep {file}"));
    let mut said = BufReader::new(runner.stderr.take().expect("it is piped"));
    let mut first = String::new();
    while !first.contains("warning: collapse in layer") {
        let read = said.read_line(&mut first).unwrap();
        assert!(read > 0, "it ended without an alarm:\n{first}");
    }
    crate::runs::signal(&runner, "-INT");
    said.read_to_string(&mut first).unwrap();
    assert_eq!(runner.wait().unwrap().code(), Some(130), "{first}");

    let again = lab.xp(&format!("sweep {file}")).expect(0);
    let tables = collected(&lab, "collapsing");
    let told = |text: &str, alarm: &AlarmRow| {
        text.contains(&format!(
            "warning: {} in layer {} ",
            alarm.kind, alarm.layer
        ))
    };
    assert!(tables.alarms.iter().any(|alarm| told(&first, alarm)));
    for alarm in &tables.alarms {
        assert!(
            told(&first, alarm) != told(&again.stderr, alarm),
            "{alarm:?} is to be told once\n--- first\n{first}\n--- again\n{}",
            again.stderr
        );
    }
    let collapse = tables.alarms.iter().find(|alarm| alarm.kind == "collapse");
    assert!(
        collapse.is_some_and(|alarm| alarm.intervals > 1),
        "{collapse:?}"
    );
}
