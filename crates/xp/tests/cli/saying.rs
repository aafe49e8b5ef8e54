//! What is said: which trials are meant, how many there are, and what a terminal is spared.

use std::{
    fs::{self, File},
    path::Path,
};

use crate::fixture::{Lab, QUICK, Ran};

#[test]
fn trials_are_chosen_by_the_values_of_their_axes_and_in_parts() {
    let lab = Lab::new();
    let file = lab.file("quick.toml", QUICK);
    let count = |flags: &str| {
        let plan = lab
            .xp(&format!("plan {file} --json {flags}"))
            .expect(0)
            .json();
        plan["trials"].as_array().unwrap().len()
    };
    assert_eq!(count("--only packing=fixed"), 4);
    assert_eq!(count("--only packing=fixed capacity-factor=1"), 2);
    assert_eq!(count("--only packing=fixed packing=compact seed=2"), 4);
    assert_eq!(count("--skip packing=fixed --only seed=1"), 2);
    let parts = (1..=3).map(|part| count(&format!("--partition {part}/3")));
    assert_eq!(parts.collect::<Vec<_>>(), [3, 3, 2]);
    let wrong = [
        ("--only packng=fixed", 2, "did you mean `packing`?"),
        ("--only packing=fixd", 4, "did you mean `packing=fixed`?"),
        ("--skip seed=1 seed=2", 4, "leave no trial"),
        ("--partition 4/3", 2, "such as 1/4"),
    ];
    for (flags, code, says) in wrong {
        lab.xp(&format!("plan {file} {flags}"))
            .expect(code)
            .says(&[says]);
    }
    lab.xp(&format!("sweep {file} --partition 1/3"))
        .expect(0)
        .says(&["3 done, 0 diverged, 0 failed, 0 outstanding"]);
    lab.xp(&format!("sweep {file} --only packing=fixed"))
        .expect(0)
        .says(&["4 done"]);
}

#[test]
fn counts_agree_after_a_restart() {
    let lab = Lab::new();
    let file = lab.file("quick.toml", QUICK);
    lab.xp(&format!("sweep {file} --partition 1/4")).expect(0);
    let page = fs::read_to_string(lab.results("quick", "base-cpu").join("report.html")).unwrap();
    assert!(
        page.contains("2 finished trials in 2 cells.")
            && page.contains("6 of 8 trials are outstanding"),
        "{page}"
    );
    lab.xp(&format!("sweep {file}"))
        .expect(0)
        .says(&["8 done (2 before), 0 diverged, 0 failed, 0 outstanding"]);
    let page = fs::read_to_string(lab.results("quick", "base-cpu").join("report.html")).unwrap();
    assert!(page.contains("8 finished trials in 4 cells.") && !page.contains("outstanding"));
}

#[test]
fn a_printed_command_can_be_pasted_into_a_shell() {
    let lab = Lab::new();
    let set = "axes={capacity-factor=[1.0, 2.0], packing=[\"compact\"]}";
    let file = lab.file("quick sweep.toml", QUICK);
    let plan = lab.command(["plan", &file, "--set", set]).output().unwrap();
    let plan = Ran::of(plan).expect(0);
    let line = plan.stdout.lines().last().unwrap();
    let (_, command) = line.split_once("are not done: ").expect("a command");
    let words = shlex::split(command).expect("a shell reads it");
    assert_eq!(words[1..], ["sweep", &file, "--set", set]);
    // The program is named as it was called, so that the line works where it is not on the path.
    assert!(Path::new(&words[0]).exists(), "{command}");
}

#[cfg(target_os = "linux")]
#[test]
fn output_that_cannot_be_written_is_an_error() {
    let lab = Lab::new();
    let file = lab.file("quick.toml", QUICK);
    let full = File::options().write(true).open("/dev/full").unwrap();
    let ran = lab
        .command(["plan", &file, "--json"])
        .stdout(full)
        .output()
        .unwrap();
    Ran::of(ran).expect(7).says(&["standard output"]);
}

#[test]
fn terminal_escapes_are_shown_and_not_sent() {
    let lab = Lab::new();
    let text = QUICK.replace("question = 'q'", "question = \"\\u001b[2Jgone\"");
    let file = lab.file("quick.toml", text);
    let ran = lab.xp(&format!("plan {file}")).expect(0);
    assert!(!ran.stdout.contains('\u{1b}') && ran.stdout.contains("\\u{1b}[2Jgone"));
}

#[test]
fn names_that_mean_something_else_are_refused() {
    let lab = Lab::new();
    for name in ["--help", "-x", "logs", "nul", "before"] {
        let file = lab.file("odd.toml", QUICK.replace("'quick'", &format!("'{name}'")));
        lab.xp(&format!("plan {file}"))
            .expect(2)
            .says(&["reserved name"]);
    }
    let text = format!("{QUICK}[scale.'../../evil']\npack.tokens = 32\n");
    let file = lab.file("quick.toml", text);
    lab.xp(&format!("plan {file} --scale ../../evil"))
        .expect(2)
        .says(&["cannot be `../../evil`"]);
}

#[test]
fn a_problem_of_two_settings_from_the_command_line_is_shown() {
    let lab = Lab::new();
    lab.xp("plan unified --scale smoke --set balancers=[\"bias\"] --set strategy=expert-choice")
        .expect(2)
        .says(&["bias", "expert-choice"]);
}
