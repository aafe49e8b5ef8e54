//! What a shell is told when a person presses the tab key.

use crate::fixture::{Lab, QUICK, Ran};

impl Lab {
    /// What fish is told of the last of the words: a candidate a line, a tab, a line about it.
    fn completes(&self, words: &[&str]) -> Vec<String> {
        let words = ["--", "xp"].iter().chain(words);
        let output = self.command(words).env("COMPLETE", "fish").output();
        let ran = Ran::of(output.expect("xp starts")).expect(0);
        assert_eq!(ran.stderr, "");
        ran.stdout.lines().map(str::to_owned).collect()
    }

    /// The candidates alone.
    fn candidates(&self, words: &[&str]) -> Vec<String> {
        let alone = |line: String| line.split('\t').next().unwrap_or_default().to_owned();
        self.completes(words).into_iter().map(alone).collect()
    }
}

#[test]
fn sweeps_come_with_their_question_and_files_with_their_path() {
    let lab = Lab::new();
    lab.file("quick.toml", QUICK);
    let found = lab.completes(&["plan", "cap"]);
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("capacity\t"), "{found:?}");
    lab.file("other.toml", "[package]\nname = 'no sweep'\n");
    let all = lab.candidates(&["sweep", ""]);
    for name in ["unified", "zoo", "quick.toml"] {
        assert!(all.iter().any(|own| own == name), "no {name} in {all:?}");
    }
    for name in ["other.toml", "experiments/", "."] {
        assert!(all.iter().all(|own| own != name), "{name} in {all:?}");
    }
    assert_eq!(
        lab.candidates(&["sweep", "experiments/cap"]),
        ["experiments/capacity.toml"]
    );
    assert_eq!(lab.candidates(&["sweep", "./exp"]), ["./experiments/"]);
    assert_eq!(
        lab.candidates(&["show", "latest", "--sweep", "zo"]),
        ["zoo"]
    );
}

#[test]
fn scales_are_those_of_the_sweep() {
    let lab = Lab::new();
    let two = format!("{QUICK}[scale.tiny]\npack.tokens = 32\n[scale.wide]\npack.width = 64\n");
    let file = lab.file("two.toml", two);
    assert_eq!(
        lab.candidates(&["plan", &file, "--scale", ""]),
        ["tiny", "wide"]
    );
    assert_eq!(
        lab.candidates(&["plan", "unified", "--scale", "sm"]),
        ["smoke"]
    );
    assert!(
        lab.candidates(&["sweep", "--scale", ""])
            .contains(&"paper".to_owned())
    );
    assert_eq!(
        lab.candidates(&["bench", "peers", "--scale", "ti"]),
        [""; 0]
    );
}

#[test]
fn models_are_folders_names_and_trials_that_kept_their_weights() {
    let lab = Lab::new();
    lab.xp("forge qwen2-moe --out mine").expect(0);
    lab.xp("forge qwen2-moe --out models/named").expect(0);
    lab.xp("forge qwen2-moe --out models/forms/bf16").expect(0);
    let file = lab.file(
        "kept.toml",
        "name = 'kept'\nquestion = 'which?'\njob = 'train'\nseeds = [3]\nsave = 'last'\n\
         [data]\ncorpus = { tinytales = { stories = 60 } }\n\
         [model.tiny-moe]\nlayers = 1\ndim = 16\nheads = 2\n[moe]\nexperts = 4\n\
         [train]\nsteps = 1\nbatch = 2\nsequence = 16\nwarmup = 1\neval-windows = 2\n",
    );
    lab.xp(&format!("sweep {file}")).expect(0);
    let id = lab.xp("show latest --json").expect(0).json();
    let id = id["id"].as_str().expect("an id")[..12].to_owned();
    // The data folder need not be there for models beside it.
    std::fs::create_dir_all(lab.path().join("datasets")).expect("a folder");
    for command in ["generate", "eval"] {
        let found = lab.candidates(&[command, ""]);
        for name in ["mine/", "named", "forms/bf16", "latest", &id] {
            assert!(
                found.iter().any(|own| own == name),
                "no {name} in {found:?}"
            );
        }
        assert_eq!(lab.candidates(&[command, &id[..6]]), [&*id]);
    }
    assert_eq!(
        lab.candidates(&["eval", "mine", "--init", ""]),
        ["fresh", "copy", "distil"]
    );
    assert_eq!(
        lab.candidates(&["eval", "mine", "--shared-gate", "f"]),
        ["fresh"]
    );
}

#[test]
fn settings_are_those_of_the_job_with_what_they_mean() {
    let lab = Lab::new();
    let one = |words: &[&str]| {
        let found = lab.completes(words);
        assert_eq!(found.len(), 1, "{found:?}");
        found[0].clone()
    };
    let found = one(&["sweep", "unified", "--set", "train.learning"]);
    assert!(found.starts_with("train.learning-rate=\t"), "{found}");
    assert!(found.contains("rate"), "{found}");
    assert_eq!(
        lab.candidates(&["plan", "unified", "--set", "capac"]),
        ["capacity-factor="]
    );
    assert_eq!(
        lab.candidates(&["plan", "capacity", "--set", "pack.packing=c"]),
        ["pack.packing=compact"]
    );
    assert_eq!(
        lab.candidates(&["plan", "capacity", "--set", "train.learning"]),
        [""; 0]
    );
    assert_eq!(
        lab.candidates(&["plan", "unified", "--set", "strategy=sof"]),
        [
            "strategy=soft-top-k",
            "strategy=soft-moe",
            "strategy=softk-as-published"
        ]
    );
    assert_eq!(
        lab.candidates(&["plan", "unified", "--set", "router.strategy.hash.ta"]),
        [
            "router.strategy.hash.table=",
            "router.strategy.hash.table-seed="
        ]
    );
    assert_eq!(
        lab.candidates(&["plan", "unified", "--set", "router.strategy.hash.table="]),
        [
            "router.strategy.hash.table=balanced",
            "router.strategy.hash.table=random"
        ]
    );
    // What is typed before does not get in the way, not even a setting that is wrong.
    assert_eq!(
        lab.candidates(&["plan", "unified", "--set", "kk=", "--set", "train.eval-w"]),
        ["train.eval-windows="]
    );
}

#[test]
fn trials_are_found_by_id_and_by_the_values_of_axes() {
    let lab = Lab::new();
    let file = lab.file("quick.toml", QUICK);
    let trials = lab.xp(&format!("plan {file} --json")).expect(0).json();
    let id = &trials["trials"][0]["id"].as_str().unwrap()[..12];
    assert_eq!(
        lab.candidates(&["plan", &file, "--only", ""]),
        ["capacity-factor=", "packing=", "seed="]
    );
    assert_eq!(
        lab.candidates(&["plan", &file, "--skip", "seed=1", "--only", "packing="]),
        ["packing=compact", "packing=fixed"]
    );
    assert!(
        lab.candidates(&["plan", &file, "--only", &id[..6]])
            .contains(&id.to_owned())
    );
    let found = lab.completes(&["trial", &file, &id[..6]]);
    assert_eq!(
        found,
        [format!("{id}\tcapacity-factor=1.0 packing=compact seed=1")]
    );
    assert_eq!(lab.candidates(&["show", "lat"]), ["latest"]);
    assert_eq!(
        lab.candidates(&["show", &id[..6]]),
        [""; 0],
        "it has not run"
    );
    lab.xp(&format!("trial {file} {id}")).expect(0);
    assert_eq!(lab.candidates(&["show", &id[..6]]), [id]);
}

#[test]
fn of_many_trials_the_newest_are_shown_and_the_others_by_their_first_digit() {
    let lab = Lab::new();
    let many = QUICK.replace("[1, 2]\n", "[1, 2, 3, 4, 5, 6, 7]\n");
    let file = lab.file("quick.toml", many);
    lab.xp(&format!("sweep {file} --jobs 2 --skip seed=7"))
        .expect(0);
    let shown = lab.completes(&["show", ""]);
    let shown: Vec<_> = shown.iter().filter(|line| !line.starts_with('-')).collect();
    assert_eq!(shown.len(), 21, "`latest` and twenty: {shown:?}");
    std::thread::sleep(std::time::Duration::from_secs(1));
    lab.xp(&format!("sweep {file}")).expect(0);
    let newest = lab.completes(&["show", ""]);
    let newest: Vec<_> = newest
        .iter()
        .filter(|line| !line.starts_with('-'))
        .collect();
    assert!(newest[0].starts_with("latest\t"));
    for line in &newest[1..5] {
        assert!(
            line.ends_with("seed 7") && line.contains("quick "),
            "{newest:?}"
        );
    }
    let plan = lab.xp(&format!("plan {file} --json")).expect(0).json();
    for trial in plan["trials"].as_array().unwrap() {
        let id = &trial["id"].as_str().unwrap()[..12];
        assert_eq!(lab.candidates(&["show", &id[..8]]), [id]);
    }
}

#[test]
fn figures_are_drawn_of_results_folders() {
    let lab = Lab::new();
    let file = lab.file("quick.toml", QUICK);
    lab.xp(&format!("sweep {file}")).expect(0);
    let candidates = |word| {
        let found = lab.candidates(&["figures", word]).into_iter();
        found
            .filter(|word| !word.starts_with('-'))
            .collect::<Vec<_>>()
    };
    assert_eq!(candidates(""), ["results/quick/base-cpu"]);
    assert_eq!(candidates("exp"), ["experiments/"]);
}

#[test]
fn no_word_to_complete_is_no_mistake() {
    let lab = Lab::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        for words in [&["--", "xp"][..], &["--"]] {
            let output = lab.command(words).env("COMPLETE", shell).output();
            let ran = Ran::of(output.expect("xp starts")).expect(0);
            assert_eq!(ran.stderr, "", "{shell} {words:?}");
        }
    }
    let output = lab.command(["--", "xp"]).env("COMPLETE", "fush").output();
    Ran::of(output.unwrap())
        .expect(2)
        .says(&["unknown shell `fush`"]);
}

#[test]
fn data_and_devices_have_names() {
    let lab = Lab::new();
    assert_eq!(lab.candidates(&["data", "fetch", "tinys"]), ["tinystories"]);
    assert_eq!(lab.candidates(&["plan", "zoo", "--device", "cp"]), ["cpu"]);
}

#[test]
fn nothing_that_is_typed_is_an_error() {
    let lab = Lab::new();
    lab.file("broken.toml", "name = [");
    lab.file("odd.toml", "name = 3\njob = 'nothing'\nscale = 4\n");
    let lines: [&[&str]; 7] = [
        &["plan", "broken.toml", "--set", ""],
        &["plan", "odd.toml", "--only", "x="],
        &["plan", "odd.toml", "--scale", ""],
        &["sweep", "--only", ""],
        &["trial", "nowhere", ""],
        &["show", "--sweep"],
        &["--set", "\u{1b}[31m=\u{7f}"],
    ];
    for line in lines {
        lab.completes(line);
    }
}

/// A pipe may never end, and what a name holds is not for the terminal.
#[cfg(unix)]
#[test]
fn pipes_are_left_alone_and_control_characters_are_not_shown() {
    let lab = Lab::new();
    let pipe = lab.path().join("experiments/pipe.toml");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.expect("mkfifo starts").success());
    let all = lab.candidates(&["sweep", ""]);
    assert!(all.contains(&"zoo".to_owned()) && !all.contains(&"pipe".to_owned()));
    assert_eq!(
        lab.candidates(&["plan", "experiments/pipe.toml", "--scale", ""]),
        [""; 0]
    );
    assert_eq!(
        lab.candidates(&["plan", "experiments/pipe.toml", "--only", ""]),
        [""; 0]
    );
    let odd = format!("{QUICK}[scale.\"a\\nb\"]\n[scale.\"c\\u001b[31m\"]\n[scale.plain]\n");
    let file = lab.file("odd.toml", odd);
    assert_eq!(lab.candidates(&["plan", &file, "--scale", ""]), ["plain"]);
}

/// Bash splits words at `=` and `:`; what it is given goes on behind the last of them.
#[cfg(unix)]
#[test]
fn bash_reads_the_script_and_completes_behind_an_equals_sign() {
    let lab = Lab::new();
    let script = lab.xp("completions bash").expect(0).stdout;
    lab.file("xp.bash", script);
    let completes = |words: &[&str], current: &str| {
        let typed = words
            .iter()
            .map(|word| format!("'{word}'"))
            .collect::<Vec<_>>()
            .join(" ");
        let asked = format!(
            "source xp.bash; COMP_WORDS=({typed}); COMP_CWORD={}; _xp xp '{current}' ''; \
             printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            words.len() - 1
        );
        let mut bash = std::process::Command::new("bash");
        bash.args(["--norc", "-c", &asked]).current_dir(lab.path());
        let ran = Ran::of(bash.output().expect("bash starts")).expect(0);
        ran.stdout.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(completes(&["xp", "plan", "unif"], "unif"), ["unified"]);
    assert_eq!(
        completes(
            &["xp", "plan", "unified", "--set", "strategy", "=", "sof"],
            "sof"
        ),
        ["soft-top-k", "soft-moe", "softk-as-published"]
    );
    let all = completes(
        &["xp", "plan", "unified", "--set", "train.precision", "="],
        "",
    );
    assert_eq!(all, ["f32", "bf16"]);
    let quoted = completes(
        &["xp", "plan", "zoo", "--only", "strategy", "=", "hash"],
        "hash",
    );
    assert!(
        quoted.iter().any(|value| value.contains("\\(")),
        "{quoted:?}"
    );
}

#[test]
fn results_are_offered_by_sweep_by_folder_and_by_trial() {
    let lab = Lab::new();
    lab.file("experiments/quick.toml", QUICK);
    lab.xp("sweep quick").expect(0);
    assert_eq!(lab.candidates(&["compare", "q"]), ["quick"]);
    assert_eq!(
        lab.candidates(&["compare", "quick", "results/"]),
        ["results/quick/base-cpu"]
    );
    let sides = lab.candidates(&["diff", ""]);
    assert_eq!(sides[..2], ["quick", "latest"]);
    assert!(sides.len() >= 2 + 8, "{sides:?}");
    let sweep = lab.candidates(&["diff", &sides[2], "q"]);
    assert_eq!(sweep, ["quick"]);
    assert_eq!(lab.candidates(&["export", "qui"]), ["quick"]);
    assert_eq!(
        lab.candidates(&["export", "quick", "--format", "t"]),
        ["tensorboard"]
    );
    let measures = lab.candidates(&["compare", "quick", "quick", "--measure", "drop"]);
    assert_eq!(measures, ["drop_rate"]);
    assert_eq!(lab.candidates(&["list", "--scale", "sm"]), ["smoke"]);
}
