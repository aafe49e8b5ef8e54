//! What cells are called, and by which settings they can be named.

use rstest::rstest;

use crate::fixture::Lab;

const HEADER: &str = "name = 'small'\nquestion = 'q'\njob = 'train'\nseeds = [1]\n\
    [data]\ncorpus = { tinytales = { stories = 50 } }\n\
    [model.tiny-moe]\nlayers = 1\ndim = 16\nheads = 2\n[moe]\nexperts = 4\n\
    [train]\nsteps = 2\nwarmup = 1\nbatch = 2\nsequence = 16\neval-windows = 2\n";

#[rstest]
#[case::an_axis("chain=1", "chain = [1, 2]")]
#[case::a_member("expert='mlp'", "expert = ['mlp', 'gated']")]
#[case::by_path(
    "moe.expert-init='per-expert'",
    "\"moe.expert-init\" = ['per-expert', 'stacked-as-published']"
)]
#[case::by_another_name("router.strategy='top1'", "strategy = ['soft-top-k', 'top1']")]
#[case::no_axis("chain=1", "strategy = ['soft-top-k', 'top1']")]
#[case::a_member_that_all_have("corpus='tinytales'", "strategy = ['soft-top-k', 'top1']")]
fn a_cell_may_be_named_by_what_is_as_usual(#[case] named: &str, #[case] axis: &str) {
    let lab = Lab::new();
    let cell = format!("{{ {} }}", named.replacen('=', " = ", 1));
    let text = format!(
        "{HEADER}[axes]\n{axis}\n[compare]\nbaseline = {cell}\n[speed]\nrounds = 3\nreference = {cell}\n"
    );
    let file = lab.file("small.toml", text);
    lab.xp(&format!("plan {file}"))
        .expect(0)
        .says(&["3 trials"]);
}

#[test]
fn trials_are_chosen_by_what_is_as_usual() {
    let lab = Lab::new();
    let axes =
        "[[axes]]\nchain = [1, 2]\nexpert = ['mlp', 'gated']\n[[axes]]\nstrategy = ['top1']\n";
    let file = lab.file("small.toml", format!("{HEADER}{axes}"));
    for (only, count) in [
        ("chain=1", 3),
        ("chain=2", 2),
        ("expert=mlp", 3),
        ("expert=mlp chain=1", 2),
    ] {
        let line = format!("plan {file} --json --only {only}");
        let plan = lab.xp(&line).expect(0).json();
        assert_eq!(plan["trials"].as_array().unwrap().len(), count, "{only}");
    }
}

#[test]
fn a_cell_that_there_is_not_is_told_with_what_there_is() {
    let lab = Lab::new();
    let file = lab.file("small.toml", format!("{HEADER}[axes]\nk = [1, 2]\n"));
    let told = [
        (
            "{ chain = 2 }",
            "no cell of the sweep has `chain` 2",
            "it is 1",
        ),
        (
            "{ corpus = { tinytales = { stories = 3 } } }",
            "`corpus` tinytales(stories=3)",
            "it is tinytales(stories=50)",
        ),
        (
            "{ moe = {} }",
            "`compare.baseline` names no setting",
            "such as `k = 2`",
        ),
    ];
    for (cell, message, help) in told {
        let set = format!("compare.baseline={cell}");
        let ran = lab
            .command(["plan", &file, "--set", &set])
            .output()
            .unwrap();
        crate::fixture::Ran::of(ran)
            .expect(2)
            .says(&[message, help]);
    }
    let reference = ["plan", &file, "--set", "speed.reference={ moe = {} }"];
    let ran = lab.command(reference).output().unwrap();
    crate::fixture::Ran::of(ran)
        .expect(2)
        .says(&["`speed.reference` names no setting"]);
}

#[test]
fn a_dense_reference_has_one_name_everywhere() {
    let lab = Lab::new();
    let axes =
        "[[axes]]\nstrategy = ['top1']\ncapacity-factor = [1.0]\n[[axes]]\ndense = ['active']\n";
    let file = lab.file("small.toml", format!("{HEADER}{axes}"));
    let plan = lab.xp(&format!("plan {file} --only strategy=dense-active-2"));
    let plan = plan.expect(0).says(&["dense-active-2", "missing 1"]);
    assert!(!plan.stdout.contains("uniform"), "{}", plan.stdout);
    let ran = lab.xp(&format!("sweep {file}")).expect(0);
    for text in [&ran.stdout, &ran.stderr] {
        assert!(
            text.contains("dense-active-2") && !text.contains("uniform"),
            "{text}"
        );
    }
    // It has no capacity, and does not pass for one of that capacity.
    let of_capacity = lab.xp(&format!("plan {file} --only capacity-factor=1.0"));
    assert!(!of_capacity.expect(0).stdout.contains("dense-active"));
    let rows = runstore::read_trials(&lab.results("small", "base-cpu")).unwrap();
    assert!(
        rows.iter()
            .any(|row| row.strategy.as_deref() == Some("dense-active-2"))
    );
}

#[test]
fn every_line_of_a_finished_trial_has_its_perplexity() {
    let lab = Lab::new();
    let axes = "[axes]\nstrategy = [{ hash = { table-seed = 3 } }, { sigmoid-top-k = { groups = 2, groups-kept = 1 } }]\n\
        \"train.learning-rate\" = [0.001]\n\"train.weight-decay\" = [0.125]\n\"train.batch\" = [2]\n";
    let file = lab.file("small.toml", format!("{HEADER}{axes}"));
    let ran = lab.xp(&format!("sweep {file}")).expect(0);
    let done: Vec<&str> = ran
        .stderr
        .lines()
        .filter(|line| line.contains(": done in "))
        .collect();
    assert_eq!(done.len(), 2, "{}", ran.stderr);
    assert!(
        done.iter().all(|line| line.contains(", perplexity ")),
        "{done:?}"
    );
    // A long name is folded and not cut.
    for part in ["sigmoid-top-k(", "groups=2", "groups-kept=1"] {
        assert!(ran.stdout.contains(part), "{part} is not in {}", ran.stdout);
    }
}
