//! Wrong files, missing things: each has its code, its place and its remedy.

use std::{fs, path::Path};

use rstest::rstest;

use crate::fixture::{Lab, QUICK};

const HEADER: &str = "name = 'broken'\nquestion = 'q'\njob = 'train'\nseeds = [17]\n\
    [data]\ncorpus = 'tinytales'\n";

#[rstest]
#[case::unknown_key(
    "[moe]\ncapasity-factor = 1.0",
    "8:1",
    "did you mean `capacity-factor`?"
)]
#[case::wrong_type("[moe]\nexperts = 'many'", "8:11", "xp schema --defaults")]
#[case::no_experts("[moe]\nexperts = 0", "8:11", "xp schema --defaults")]
#[case::k_above_experts("[moe]\nexperts = 4\nk = 5", "9:5", "lower `k` or raise `experts`")]
#[case::no_capacity("[moe]\ncapacity-factor = 0.0", "8:19", "greater than 0")]
#[case::unknown_strategy("[router]\nstrategy = 'tpo1'", "8:12", "did you mean `top1`?")]
#[case::duplicate_axis("[axes]\nk = [1]\nmoe.k = [2]", "9:5", "keep one of them")]
#[case::same_key_twice("[axes]\nk = [1]\nk = [2]", "9:1", "keep one of the two")]
#[case::unknown_limit("[health]\ncolapse = 0.5", "8:1", "did you mean `collapse`?")]
#[case::limit_out_of_range("[health]\ncollapse = 2.0", "8:12", "from 0 to 1")]
#[case::overload_below_the_mean("[health]\noverload = 0.5", "8:12", "above 1")]
#[case::no_table("[moe]\nshared = 3", "8:10", "xp schema --defaults")]
#[case::no_width("[moe]\nshared = {}", "8:10", "write `hidden = ...` in this table")]
#[case::two_widths(
    "[moe]\nffn-multiple = 2\nexpert-hidden = 64",
    "9:17",
    "keep one of the two"
)]
#[case::two_widths_of_an_axis(
    "[moe]\nexpert-hidden = 64\n[axes]\nffn-multiple = [2, 4]",
    "8:17",
    "keep one of the two"
)]
#[case::empty_axis("[axes]\nk = []", "8:5", "at least one value")]
fn a_broken_file_is_told_with_place_and_remedy(
    #[case] text: &str,
    #[case] place: &str,
    #[case] remedy: &str,
) {
    let lab = Lab::new();
    let file = lab.file("broken.toml", format!("{HEADER}{text}"));
    let ran = lab.xp(&format!("sweep {file}")).expect(2);
    let ran = ran.says(&[&format!("broken.toml:{place}"), remedy, "help:"]);
    assert!(ran.stdout.is_empty(), "{}", ran.stdout);
    assert!(!lab.path().join(".xp").exists(), "nothing runs");
}

#[test]
fn a_bad_seed_list_is_told_with_its_place() {
    let lab = Lab::new();
    let header = HEADER.replace("[17]", "[17, 17]");
    let file = lab.file("broken.toml", header);
    lab.xp(&format!("sweep {file}"))
        .expect(2)
        .says(&["broken.toml:4:14", "twice", "help:"]);
}

#[test]
fn a_file_that_is_not_utf8_is_told_with_its_place() {
    let lab = Lab::new();
    let file = lab.file("broken.toml", b"name = 'a'\nquestion = '\xff'\n");
    lab.xp(&format!("plan {file}")).expect(2).says(&[
        "broken.toml:2:13",
        "byte 0xff",
        "save the file as UTF-8",
    ]);
}

#[test]
fn all_mistakes_are_told_together() {
    let lab = Lab::new();
    let text = "[moe]\nexperts = 2\nk = 4\n[train]\nsteps = 1\nwarmup = 9";
    let file = lab.file("broken.toml", format!("{HEADER}{text}"));
    lab.xp(&format!("plan {file}"))
        .expect(2)
        .says(&["k = 4 exceeds 2 experts", "warmup"]);
}

#[test]
fn a_wrong_override_is_shown_as_it_was_typed() {
    let ran = Lab::new().xp("plan capacity --set pack.token=5").expect(2);
    ran.says(&["--set", "pack.token=5", "did you mean `tokens`?"]);
}

#[test]
fn a_slip_in_a_short_name_has_a_hint() {
    let lab = Lab::new();
    for (set, meant) in [
        ("lr=3", "train.learning-rate"),
        ("straategy=top1", "router.strategy"),
        ("eval-windows=3", "train.eval-windows"),
        ("shared=3", "moe.shared"),
        ("seed=[1]", "seeds"),
    ] {
        lab.xp(&format!("plan unified --scale smoke --set {set}"))
            .expect(2)
            .says(&[&format!("did you mean `{meant}`?")]);
    }
}

#[test]
fn an_unknown_sweep_lists_the_known() {
    let lab = Lab::new();
    lab.xp("sweep capacty")
        .expect(2)
        .says(&["no sweep `capacty`", "did you mean `capacity`?"]);
    lab.xp("sweep zebra")
        .expect(2)
        .says(&["capacity", "unified"]);
    lab.xp("sweep nowhere/zebra.toml")
        .expect(2)
        .says(&["nowhere/zebra.toml"]);
}

#[test]
fn a_copy_that_kept_its_name_would_go_over_the_results_of_the_other() {
    let lab = Lab::new();
    let file = lab.file("quick.toml", QUICK);
    let copy = lab.file("copy.toml", QUICK.replace("64", "96"));
    lab.xp(&format!("sweep {copy}"))
        .expect(2)
        .says(&["copy.toml:1:8", "quick.toml is called `quick` as well"]);
    assert!(!lab.path().join("results").exists());
    lab.xp(&format!("plan {file}")).expect(0);
    // Where nothing else is called so, a file may be called otherwise than its sweep.
    lab.file("quick.toml", QUICK.replace("'quick'", "'other'"));
    lab.xp(&format!("plan {copy}")).expect(0);
}

#[test]
fn a_tokenizer_of_the_source_is_found_wherever_the_text_is() {
    let lab = Lab::new();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets/tokenizers");
    let own = "datasets/tokenizers/tinystories-4096";
    fs::create_dir_all(lab.path().join(own)).unwrap();
    fs::create_dir(lab.path().join("elsewhere")).unwrap();
    fs::copy(
        source.join("tinystories-4096/tokenizer.json"),
        lab.path().join(own).join("tokenizer.json"),
    )
    .unwrap();
    let tokenizer = HEADER.replace(
        "'tinytales'\n",
        "'tinytales'\ntokenizer = { pretrained = { file = 'tinystories-4096' } }\n",
    );
    let file = lab.file("read.toml", tokenizer);
    let plan = lab.xp(&format!("plan {file} --data-dir elsewhere --json"));
    assert!(plan.expect(0).json()["trials"][0]["id"].is_string());
}

#[test]
fn an_unknown_scale_lists_the_known() {
    Lab::new()
        .xp("plan capacity --scale huge")
        .expect(2)
        .says(&["huge", "smoke", "paper"]);
}

#[test]
fn missing_data_is_told_with_file_folder_and_remedies() {
    let lab = Lab::new();
    for (command, code) in [("plan", 0), ("sweep", 3)] {
        let ran = lab
            .xp(&format!(
                "{command} unified --scale cpu --data-dir elsewhere"
            ))
            .expect(code);
        ran.says(&[
            "train.txt",
            "elsewhere",
            "xp data fetch tinystories",
            "--data-dir",
        ]);
    }
    assert!(!lab.path().join("results").exists());
}

#[cfg(not(feature = "cuda"))]
#[test]
fn a_backend_that_is_not_compiled_in_is_told_with_the_build() {
    let lab = Lab::new();
    lab.xp("sweep capacity --scale smoke --device cuda:0")
        .expect(3)
        .says(&[
            "cuda:0",
            "not compiled in",
            "cargo build --release -p xp --features cuda",
        ]);
    let text = "name = 'd'\nquestion = 'q'\njob = 'pack'\nseeds = [1]\ndevice = 'cuda:1'";
    let file = lab.file("device.toml", text);
    lab.xp(&format!("sweep {file}"))
        .expect(3)
        .says(&["cuda:1", "--features cuda"]);
}

#[test]
fn an_unknown_device_lists_the_known() {
    Lab::new()
        .xp("sweep capacity --device gpu")
        .expect(2)
        .says(&["`gpu`", "cuda:N"]);
}

#[test]
fn ids_that_fit_nothing_select_nothing() {
    let lab = Lab::new();
    lab.xp("sweep capacity --scale smoke --only 0123456789ab")
        .expect(4)
        .says(&["xp plan"]);
    lab.xp("trial capacity xyz --scale smoke")
        .expect(2)
        .says(&["xyz"]);
    lab.xp("show latest").expect(4).says(&["latest"]);
    lab.xp("report capacity --scale smoke")
        .expect(4)
        .says(&["xp sweep capacity"]);
}

#[test]
fn a_wrong_flag_is_a_usage_error() {
    Lab::new()
        .xp("sweep capacity --scael smoke")
        .expect(2)
        .says(&["--scale"]);
}
