//! Pipes in the place of files: those that a shell fills are read, those that nobody fills do not hang.

#![cfg(unix)]

use std::{fs, path::Path, process::Command};

use crate::fixture::{Lab, QUICK, Ran};

fn make_pipe(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status();
    assert!(made.expect("mkfifo starts").success());
}

/// Has bash run the program with its arguments behind it.
fn bash(lab: &Lab, arguments: &str) -> Ran {
    let program = lab.command([""; 0]).get_program().to_owned();
    let mut bash = Command::new("bash");
    bash.args(["--norc", "-c", &format!("\"$XP\" {arguments}")])
        .env("XP", program)
        .env("NO_COLOR", "1")
        .current_dir(lab.path());
    Ran::of(bash.output().expect("bash starts"))
}

#[test]
fn a_sweep_may_come_from_a_command() {
    let lab = Lab::new();
    lab.file("quick.toml", QUICK);
    bash(&lab, "plan <(sleep 1; cat quick.toml)")
        .expect(0)
        .says(&["8 trials"]);
    // Every trial is a process of its own, and reads it too.
    bash(&lab, "sweep <(cat quick.toml)")
        .expect(0)
        .says(&["8 done"]);
}

#[test]
fn a_pipe_that_nobody_fills_is_given_up() {
    let lab = Lab::new();
    make_pipe(&lab.path().join("quick.toml"));
    lab.xp("plan quick.toml").expect(2).says(&[
        "quick.toml",
        "it is a pipe into which nothing was written",
        "xp plan <(command)",
    ]);
}

#[test]
fn a_file_without_an_end_is_refused() {
    if Path::new("/dev/zero").exists() {
        Lab::new()
            .xp("plan /dev/zero")
            .expect(2)
            .says(&["/dev/zero", "more than 16 MiB"]);
    }
}

#[test]
fn a_pipe_in_the_place_of_a_file_of_its_own_is_not_waited_for() {
    let lab = Lab::new();
    let text = "name = 'small'\nquestion = 'q'\njob = 'train'\nseeds = [1]\n\
        [data]\ncorpus = { tinytales = { stories = 50 } }\n\
        [model.tiny-moe]\nlayers = 1\ndim = 16\nheads = 2\n[moe]\nexperts = 4\n\
        [train]\nsteps = 2\nwarmup = 1\nbatch = 2\nsequence = 16\neval-windows = 2\n";
    let file = lab.file("small.toml", text);
    lab.xp(&format!("sweep {file}")).expect(0);
    let note = lab.path().join(".xp/small/base-cpu/data.json");
    fs::remove_file(&note).unwrap();
    make_pipe(&note);
    // What is remembered can be found anew, and is not needed to look.
    lab.xp(&format!("plan {file}")).expect(0).says(&["done 1"]);
    lab.xp(&format!("sweep {file} --set train.steps=3"))
        .expect(7)
        .says(&["data.json", "a pipe", "remove it"]);
    let manifest = lab.results("small", "base-cpu").join("manifest.json");
    fs::remove_file(&manifest).unwrap();
    make_pipe(&manifest);
    lab.xp(&format!("report {file}"))
        .expect(7)
        .says(&["manifest.json", "a pipe"]);
}

#[test]
fn a_dashboard_needs_a_terminal_and_a_program_that_has_it() {
    let lab = Lab::new();
    lab.file("quick.toml", QUICK);
    let said = lab.xp("sweep quick.toml --tui").expect(2).stderr;
    let why = ["--features tui", "stdout is no terminal"];
    assert!(why.iter().any(|why| said.contains(why)), "{said}");
    assert!(!lab.path().join(".xp").exists());
}
