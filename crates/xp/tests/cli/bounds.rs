//! Inputs of any size cost what their size deserves, and a few words.

use std::fmt::Write;

use rstest::rstest;

use crate::fixture::Lab;

const HEADER: &str = "name = 'large'\nquestion = 'q'\njob = 'train'\nseeds = [17]\n\
    [data]\ncorpus = { tinytales = { stories = 20 } }\n";

/// A path of 60,000 parts.
fn deep() -> String {
    vec!["a"; 60_000].join(".")
}

#[test]
fn a_path_of_any_depth_is_a_mistake_and_no_overflow() {
    let lab = Lab::new();
    let file = lab.file("large.toml", HEADER);
    let set = format!("--set={}=1", deep());
    let ran = lab.command(["plan", &file, &set]).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert_eq!(ran.status.code(), Some(2), "{said}");
    assert!(said.contains("60000 parts") && said.len() < 2000, "{said}");
}

#[rstest]
#[case::an_axis("[axes]\n\"router.DEEP\" = [1]\n")]
#[case::a_baseline("[compare.baseline]\n\"router.DEEP\" = 1\n")]
#[case::a_reference("[speed.reference]\n\"router.DEEP\" = 1\n")]
#[case::keys("[axes]\nDEEP = [1]\n")]
#[case::a_table("[DEEP]\na = 1\n")]
fn a_file_of_any_depth_is_a_mistake_and_no_overflow(#[case] text: &str) {
    let lab = Lab::new();
    let text = text.replace("DEEP", &deep());
    let file = lab.file("large.toml", format!("{HEADER}{text}"));
    let ran = lab.xp(&format!("plan {file}")).expect(2);
    assert!(ran.stderr.len() < 2000, "{}", ran.stderr);
}

#[test]
fn of_many_mistakes_the_first_are_shown_each_with_what_is_around_it() {
    let lab = Lab::new();
    let mut axis = String::from("[axes]\nstrategy = [");
    for number in 0..3000 {
        write!(axis, "'tpo{number}', ").unwrap();
    }
    let file = lab.file("large.toml", format!("{HEADER}{axis}]\n"));
    let ran = lab.xp(&format!("plan {file}")).expect(2);
    assert!(ran.stderr.len() < 60_000, "{} bytes", ran.stderr.len());
    assert_eq!(ran.stderr.matches("unknown strategy").count(), 20);
    // The twentieth value is `tpo19`, whose place is told as that in the whole line.
    let column = axis.lines().nth(1).unwrap().find("'tpo19'").unwrap() + 1;
    ran.says(&[
        &format!("large.toml:8:{column}"),
        "'tpo19'",
        "and 2980 more problems",
    ]);
}

#[test]
fn stories_beyond_all_reason_are_refused_before_they_are_told() {
    let lab = Lab::new();
    let file = lab.file("large.toml", HEADER.replace("= 20", "= 1000000"));
    lab.xp(&format!("plan {file}"))
        .expect(2)
        .says(&["large.toml:6:36", "from 1 to 100000, got 1000000"]);
}

#[rstest]
#[case("model.tiny-moe.dim=8589934592", "at most 1048576")]
#[case("train.batch=4294967296", "tokens in a batch")]
#[case(
    "router.scorer={mlp={hidden=4611686018427387904}}",
    "`router.scorer.mlp.hidden`"
)]
fn sizes_that_wrap_round_are_refused_at_their_place(#[case] set: &str, #[case] said: &str) {
    let lab = Lab::new();
    let file = lab.file("large.toml", HEADER);
    lab.xp(&format!("plan {file} --set {set}"))
        .expect(2)
        .says(&["--set:1:", said]);
}

#[test]
fn a_shape_that_wraps_round_to_nothing_is_no_bug() {
    let line = "plan routers-random --scale smoke --set \
        axes=[{shape=[{sequences=4294967296,length=4294967296}]}]";
    Lab::new()
        .xp(line)
        .expect(2)
        .says(&["4294967296 x 4294967296 tokens in a batch"]);
}
