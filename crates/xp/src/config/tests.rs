//! The grammar by example: what is read, and how each kind of mistake is told.

use std::{collections::BTreeMap, convert::Infallible, path::Path};

use rstest::rstest;

use super::{Sweep, SweepFile, SweepOptions, Trial, trials::Trials};
use crate::jobs::JobSettings;

pub(super) const HEADER: &str = "name = 'n'\nquestion = 'q'\njob = 'train'\nseeds = [17]\n";

pub(super) fn resolve(text: &str, options: &SweepOptions) -> Result<Trials, String> {
    let flat = |errors: super::ConfigErrors| {
        let told = errors.errors.iter().map(|error| {
            let help = miette::Diagnostic::help(error).map(|help| help.to_string());
            format!("{error} | {}", help.unwrap_or_default())
        });
        told.collect::<Vec<_>>().join("\n")
    };
    let file = SweepFile::parse(Path::new("t.toml"), text.as_bytes()).map_err(flat)?;
    let sweep = Sweep::resolve(file, options).map_err(flat)?;
    let points = sweep.points().map_err(flat)?;
    let trials = sweep.trials::<Infallible>(points, &mut |_| Ok(Some(BTreeMap::new())));
    Ok(trials.unwrap_or_else(|never| match never {}))
}

pub(super) fn trials(text: &str) -> Vec<Trial> {
    resolve(text, &SweepOptions::default()).unwrap().list
}

pub(super) fn error(text: &str) -> String {
    resolve(text, &SweepOptions::default()).unwrap_err()
}

pub(super) fn options(scale: Option<&str>, set: &[&str]) -> SweepOptions {
    SweepOptions {
        scale: scale.map(str::to_owned),
        set: set.iter().map(|&text| text.to_owned()).collect(),
    }
}

fn train(trial: &Trial) -> &crate::jobs::TrainSettings {
    let JobSettings::Train(settings) = &trial.settings else {
        panic!("a train sweep")
    };
    settings
}

#[test]
fn axes_and_seeds_multiply_in_the_order_of_the_file() {
    let text = "name = 'n'\nquestion = 'q'\njob = 'train'\nseeds = [2, 1]\n\
                [axes]\nstrategy = ['hash', 'soft-top-k']\ncapacity-factor = [1.0, 1.25]";
    let shown: Vec<String> = trials(text)
        .iter()
        .map(|trial| format!("{} {}", trial.cell(), trial.seed))
        .collect();
    assert_eq!(shown.len(), 8);
    assert_eq!(shown[0], "strategy=hash capacity-factor=1.0 2");
    assert_eq!(shown[1], "strategy=hash capacity-factor=1.0 1");
    assert_eq!(shown[2], "strategy=hash capacity-factor=1.25 2");
    assert_eq!(shown[4], "strategy=soft-top-k capacity-factor=1.0 2");
}

#[test]
fn an_axis_given_anew_by_a_scale_keeps_its_place() {
    let text =
        format!("{HEADER}[axes]\nexperts = [4, 8]\nk = [1]\n[scale.cpu]\naxes.experts = [2]");
    assert_eq!(trials(&text)[0].cell(), "experts=2 k=1");
}

/// Three lines through one point: k = 2, E = 8, CF = 1.25.
const STAR: &str = "[moe]\nexperts = 8\nk = 2\n[[axes]]\nexperts = [4, 8, 16]\n\
                    [[axes]]\n\"moe.k\" = [1, 2]\n[[axes]]\ncapacity-factor = [1.25, 1.5]\n";

fn star(over: &str, set: &[&str]) -> (Vec<String>, usize) {
    let text = format!("{HEADER}{STAR}{over}");
    let found = resolve(&text, &options(None, set)).unwrap();
    let short = |trial: &Trial| {
        let values: Vec<_> = trial.axes.iter().map(|axis| axis.value.as_str()).collect();
        values.join(" ")
    };
    (found.list.iter().map(short).collect(), found.duplicates)
}

#[test]
fn a_list_of_grids_runs_one_after_another_and_common_points_once() {
    // Every trial names all axes: those of other grids as the rest of the file has them.
    let expected = ["4 2 1.25", "8 2 1.25", "16 2 1.25", "8 1 1.25", "8 2 1.5"];
    assert_eq!(star("", &[]), (expected.map(str::to_owned).into(), 2));
    let cell = trials(&format!("{HEADER}{STAR}"))[0].cell();
    assert_eq!(cell, "experts=4 moe.k=2 capacity-factor=1.25");
}

#[test]
fn a_scale_moves_the_point_that_the_grids_share() {
    let (cells, duplicates) = star("[scale.cpu]\nmoe.experts = 4", &[]);
    let expected = ["4 2 1.25", "8 2 1.25", "16 2 1.25", "4 1 1.25", "4 2 1.5"];
    assert_eq!((cells, duplicates), (expected.map(str::to_owned).into(), 2));
}

#[test]
fn an_axis_given_anew_replaces_it_in_the_grids_that_have_it() {
    let expected = ["2 2 1.25", "8 1 1.25", "8 2 1.25", "8 2 1.5"].map(str::to_owned);
    let scaled = star("[scale.cpu]\naxes.experts = [2]", &[]);
    assert_eq!(scaled, (expected.to_vec(), 1));
    // By either of its names, and the command line wins.
    let set = star(
        "[scale.cpu]\naxes.experts = [64]",
        &["axes.moe.experts=[2]"],
    );
    assert_eq!(set, (expected.to_vec(), 1));
}

#[test]
fn a_list_of_grids_takes_the_place_of_all_before_it() {
    let (cells, _) = star("[scale.cpu]\naxes.experts = [2]", &["axes=[{ k = [1] }]"]);
    assert_eq!(cells, ["1"]);
}

#[test]
fn setting_an_axis_fixes_it_in_every_grid() {
    // The grid of k is left with one point, which the others have.
    let (cells, duplicates) = star("", &["k=1"]);
    let expected = ["4 1.25", "8 1.25", "16 1.25", "8 1.5"];
    assert_eq!((cells, duplicates), (expected.map(str::to_owned).into(), 2));
}

#[test]
fn members_of_families_show_their_parameters_in_the_grids_of_other_axes_too() {
    let text = format!(
        "{HEADER}[router]\nstrategy = {{ hash = {{ table-seed = 3 }} }}\n\
         [[axes]]\nk = [1]\n[[axes]]\nstrategy = ['soft-top-k']\nrouter.balancers = [[]]"
    );
    let cells: Vec<String> = trials(&text).iter().map(Trial::cell).collect();
    let expected = [
        "k=1 strategy=hash(table-seed=3) router.balancers=switch",
        "k=2 strategy=soft-top-k router.balancers=none",
    ];
    assert_eq!(cells, expected);
}

#[test]
fn an_axis_may_be_any_setting_by_its_path() {
    let text =
        format!("{HEADER}[axes]\ntrain.learning-rate = [1e-3, 3e-4]\n\"train.warmup\" = [1]");
    let rates: Vec<f64> = trials(&text)
        .iter()
        .map(|trial| train(trial).train.learning_rate.get())
        .collect();
    assert_eq!(rates, [1e-3, 3e-4]);
}

#[test]
fn a_scale_overlays_settings_seeds_and_axes_and_set_overlays_it() {
    let text = format!(
        "{HEADER}[train]\nsteps = 1000\nbatch = 8\n[axes]\nk = [1, 2]\n\
         [scale.smoke]\nseeds = [1, 2, 3]\ntrain.steps = 5\ntrain.warmup = 0\naxes.k = [1]"
    );
    let smoke = resolve(&text, &options(Some("smoke"), &["train.batch=4"]))
        .unwrap()
        .list;
    assert_eq!(smoke.len(), 3);
    let settings = &train(&smoke[0]).train;
    assert_eq!((settings.steps.get(), settings.batch.get()), (5, 4));
    // Without a `cpu` scale the file stands as it is.
    let bare = trials(&text);
    assert_eq!((bare.len(), train(&bare[0]).train.steps.get()), (2, 1000));
    assert_eq!(bare[0].scale, "base");
}

#[test]
fn the_usual_scale_is_cpu_where_there_is_one() {
    let text = format!("{HEADER}[scale.cpu]\ntrain.steps = 77");
    assert_eq!(train(&trials(&text)[0]).train.steps.get(), 77);
    let bare = resolve(&text, &options(Some("base"), &[])).unwrap().list;
    assert_eq!(train(&bare[0]).train.steps.get(), 1200);
}

#[test]
fn setting_an_axis_fixes_it() {
    let text = format!("{HEADER}[axes]\nk = [1, 2]\ncapacity-factor = [1.0, 1.5]");
    for set in ["k=2", "moe.k=2", "moe.k = 2"] {
        let fixed = resolve(&text, &options(None, &[set])).unwrap().list;
        assert_eq!(fixed.len(), 2, "{set}");
        assert_eq!(train(&fixed[0]).moe.k.get(), 2);
    }
    let named = resolve(&text, &options(None, &["strategy=hash"]))
        .unwrap()
        .list;
    assert_eq!(train(&named[0]).router.strategy.name(), "hash");
    let shorter = resolve(&text, &options(None, &["axes.k=[1]"]))
        .unwrap()
        .list;
    assert_eq!(shorter.len(), 2);
}

#[test]
fn points_that_ask_the_same_question_are_one_trial() {
    let text = format!("{HEADER}[axes]\nstrategy = ['top1', 'soft-top-k']\nk = [1, 2]");
    let found = resolve(&text, &SweepOptions::default()).unwrap();
    // top1 sends a token to one expert whatever k is.
    assert_eq!((found.list.len(), found.duplicates), (3, 1));
    assert!(
        found
            .list
            .iter()
            .any(|trial| trial.cell() == "strategy=top1 k=1")
    );
}

#[test]
fn aliases_and_parameters_are_shown_by_the_settled_name() {
    let text = format!("{HEADER}[axes]\nstrategy = ['softk', {{ hash = {{ table-seed = 3 }} }}]");
    let cells: Vec<String> = trials(&text).iter().map(Trial::cell).collect();
    assert_eq!(
        cells,
        ["strategy=soft-top-k", "strategy=hash(table-seed=3)"]
    );
}

#[test]
fn ids_depend_on_the_question_alone() {
    let one = trials(&format!("{HEADER}[train]\nsteps = 60"));
    let other = trials(
        "name = 'other'\nquestion = 'else'\njob = 'train'\nseeds = [17]\nsave = 'last'\n\
         [scale.cpu]\ntrain.steps = 60",
    );
    assert_eq!(one[0].id, other[0].id);
    let longer = trials(&format!("{HEADER}[train]\nsteps = 61"));
    assert_ne!(one[0].id, longer[0].id);
}

#[rstest]
#[case("[moe]\ncapasity-factor = 1.0", &["unknown setting `capasity-factor`", "did you mean `capacity-factor`?"])]
#[case("[mo]\nk = 1", &["unknown key `mo`", "did you mean `moe`?"])]
#[case("[moe]\nexperts = 'many'", &["`moe.experts`", "invalid type: string"])]
#[case("[moe]\nexperts = 0", &["`moe.experts`", "a whole number from 1"])]
#[case("[moe]\nexperts = 4\nk = 5", &["k = 5 exceeds 4 experts", "lower `k` or raise `experts`"])]
#[case("[moe]\ncapacity-factor = -1.0", &["`moe.capacity-factor`", "greater than 0, got -1"])]
#[case("[router]\nstrategy = 'soft-topk'", &["unknown strategy `soft-topk`", "did you mean `soft-top-k`?"])]
#[case("[axes]\nk = [1]\n\"moe.k\" = [2]", &["duplicate axis: `k` and `moe.k`"])]
#[case("[axes]\nk = [1]\nk = [2]", &["duplicate key"])]
#[case("[axes]\nk = []", &["axis `k` is empty"])]
#[case("[axes]\nk = 2", &["axis `k` must be a list", "found integer"])]
#[case("axes = []", &["no grids"])]
#[case("axes = [[1]]", &["must be a table of lists", "[[axes]]"])]
#[case("axes = 1", &["must be a table of lists", "[[axes]]"])]
#[case("[[axes]]\nk = [1]\n[scale.cpu]\naxes.experts = [2]", &["none of the grids", "`experts`"])]
#[case("[[axes]]\nk = [1, 2]\n[[axes]]\nk = [1]\n[scale.cpu]\nmoe.k = 1", &["no effect"])]
#[case("[axes]\nk = [1, 1]", &["axis `k` has the value 1 twice"])]
#[case("[axes]\ncapacity-factor = [1, 1.0]", &["has the value 1.0 twice"])]
#[case("[axes]\nexparts = [1]", &["unknown axis `exparts`", "did you mean `experts`?"])]
#[case("[axes]\nseed = [1]", &["seeds are not an axis"])]
#[case("[axes]\nk = [1, 9]", &["k = 9 exceeds 8 experts"])]
#[case("[axes]\nk = [0, -1]", &["integer `0`", "integer `-1`"])]
#[case("[train]\nsteps = 10\nwarmup = 11", &["warmup must be at most steps = 10"])]
#[case("[model.tiny-moe]\ndim = 30\nheads = 4", &["dim = 30 is not a multiple of heads = 4"])]
#[case("[moe]\nexperts = 2\nk = 4\n[train]\nsteps = 1", &["k = 4 exceeds 2", "warmup must be"])]
#[case("[scale.cpu]\nmoe.kk = 1", &["unknown setting `kk`"])]
#[case("[scale.cpu]\nmo.k = 1", &["unknown key `scale.cpu.mo`"])]
#[case("[axes]\nk = [1, 2]\n[scale.cpu]\nmoe.k = 1", &["no effect", "[scale.cpu.axes]"])]
#[case("capacity-factor = 1.0", &["unknown key `capacity-factor`", "the setting `moe.capacity-factor`"])]
#[case("device = 'gpu'", &["unknown device `gpu`"])]
#[case("save = 'all'", &["unknown value `all`"])]
fn mistakes_are_named_with_a_remedy(#[case] text: &str, #[case] parts: &[&str]) {
    let told = error(&format!("{HEADER}{text}"));
    for part in parts {
        assert!(told.contains(part), "`{part}` is not in: {told}");
    }
    assert!(
        told.lines().all(|line| !line.ends_with("| ")),
        "no remedy: {told}"
    );
}

#[test]
fn tokens_of_a_layer_are_whole_sequences() {
    let told = error(
        "name = 'n'\nquestion = 'q'\njob = 'layer'\nseeds = [1]\n[layer]\ntokens = 10\nsequences = 4\n\
         [moe]\nexperts = 2\nk = 3",
    );
    for part in [
        "10 tokens are not 4 sequences",
        "a multiple of",
        "k = 3 exceeds 2 experts",
    ] {
        assert!(told.contains(part), "{told}");
    }
}

#[rstest]
#[case("[]", "`seeds` is empty")]
#[case("[1, 1]", "seed 1 is in the list twice")]
#[case("[-1]", "seed -1 is negative")]
#[case("17", "invalid type")]
#[case("[1.5]", "invalid type")]
fn bad_seed_lists_are_named(#[case] seeds: &str, #[case] part: &str) {
    let told = error(&format!(
        "name = 'n'\nquestion = 'q'\njob = 'train'\nseeds = {seeds}"
    ));
    assert!(told.contains(part), "{told}");
}

#[rstest]
#[case(Some("huge"), &[], "unknown scale `huge`")]
#[case(None, &["train.steps"], "has no `=`")]
#[case(None, &["train.step=5"], "unknown setting `step`")]
#[case(None, &["tran.steps=5"], "unknown key `tran`")]
#[case(None, &["scale=cpu"], "cannot be changed by `--set`")]
#[case(None, &["train.steps=[1,"], "array")]
#[case(None, &[".=1"], "not the path of a setting")]
fn wrong_options_are_named(#[case] scale: Option<&str>, #[case] set: &[&str], #[case] part: &str) {
    let told = resolve(HEADER, &options(scale, set)).unwrap_err();
    assert!(told.contains(part), "{told}");
}

#[test]
fn a_scale_that_is_no_folder_is_told_whichever_is_chosen() {
    let text = format!("{HEADER}\n[scale.cpu]\n[scale.\"../../evil\"]\n");
    let told = resolve(&text, &options(Some("cpu"), &[])).unwrap_err();
    assert!(told.contains("cannot be `../../evil`"), "{told}");
}

#[test]
fn bytes_that_are_not_text_are_placed() {
    let file = SweepFile::parse(Path::new("t.toml"), b"name = \"a\xffb\"").unwrap_err();
    assert!(file.to_string().contains("byte 0xff at offset 9"), "{file}");
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    const GOOD: &str = "name = 'n'\nquestion = 'q'\njob = 'train'\nseeds = [1, 2]\nsave = 'last'\n\
        [data]\ncorpus = { tinytales = { stories = 9 } }\n[moe]\nexperts = 4\nk = 2\n\
        [router]\nstrategy = 'hash'\nbalancers = [{ switch = { alpha = 0.1 } }]\n\
        [axes]\nk = [1, 2]\ntrain.learning-rate = [1e-3, 2e-3]\n\
        [scale.cpu]\ntrain.steps = 60\naxes.k = [2]\n";

    const PIECES: &[&str] = &[
        "",
        "[",
        "]",
        "{",
        "}",
        "=",
        ".",
        "'",
        "\"",
        "0",
        "-1",
        "1e999",
        "99999999999999999999",
        "nan",
        "inf",
        "k",
        "moe",
        "axes",
        "[axes]",
        "[scale]",
        "[[moe]]",
        "true",
        "1979-05-27",
        "\n",
        "é",
        "\u{0}",
        "[[]]",
        "{a={}}",
        "scale = 1\n",
        "axes = 1\n",
        "[1, [2]]",
        "model = 'tiny-moe'\n",
    ];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1024))]

        /// Whatever a person writes, the answer is trials or an error, never a panic.
        #[test]
        fn mutated_sweeps_never_panic(
            cuts in prop::collection::vec((0usize..600, 0usize..40, 0usize..PIECES.len()), 1..4),
            scale in prop::option::of("[a-z]{1,5}"),
            set in prop::collection::vec("[a-z.=\\[\\]{}0-9'-]{0,12}", 0..2),
        ) {
            let mut bytes = GOOD.as_bytes().to_vec();
            for (at, length, piece) in cuts {
                let at = at.min(bytes.len());
                let end = (at + length).min(bytes.len());
                bytes.splice(at..end, PIECES[piece].bytes());
            }
            let options = SweepOptions { scale, set };
            let text = String::from_utf8_lossy(&bytes).into_owned();
            if let Err(told) = resolve(&text, &options) {
                prop_assert!(!told.is_empty());
            }
        }
    }
}
