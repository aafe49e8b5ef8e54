//! Help, plan, status, schema, data, doctor: what runs nothing.

use std::fs;

use serde_json::Value;

use crate::fixture::Lab;

#[test]
fn help_lists_commands_and_exit_codes() {
    let help = Lab::new().xp("--help").expect(0);
    insta::assert_snapshot!("help", help.stdout);
}

#[test]
fn help_of_sweep_lists_how_to_run() {
    let help = Lab::new().xp("sweep --help").expect(0);
    insta::assert_snapshot!("help_sweep", help.stdout);
}

#[test]
fn a_plan_shows_every_trial_and_runs_nothing() {
    let lab = Lab::new();
    // 2 k x 2 capacity factors x 2 packings x 3 loads.
    lab.xp("plan capacity --scale smoke").expect(0).says(&[
        "25 trials",
        "missing 25",
        "speeds in turn: has not run",
        "has not run",
        "load",
        "zipf(exponent=1.0)",
        "xp sweep capacity --scale smoke",
    ]);
    assert!(!lab.path().join(".xp").exists());
    assert!(!lab.path().join("results").exists());
}

#[test]
fn a_plan_is_readable_by_machines_and_repeatable() {
    let lab = Lab::new();
    let plan = lab
        .xp("plan capacity --scale smoke --json")
        .expect(0)
        .json();
    let again = lab
        .xp("plan capacity --scale smoke --json")
        .expect(0)
        .json();
    assert_eq!(plan, again);
    let trials = plan["trials"].as_array().unwrap();
    // And the speed trial.
    assert_eq!(trials.len(), 25);
    assert_eq!(trials[0]["id"].as_str().unwrap().len(), 64);
    assert!(
        trials
            .iter()
            .all(|trial| trial["would_run"] == true && trial["state"] == "missing")
    );
}

#[test]
fn a_plan_of_training_counts_parameters() {
    let plan = Lab::new()
        .xp("plan unified --scale smoke --json")
        .expect(0)
        .json();
    let trials = plan["trials"].as_array().unwrap();
    // Last comes the speed trial, which has no model of its own.
    assert_eq!(trials.len(), 40);
    assert_eq!(trials[39]["params_total"], Value::Null);
    for trial in &trials[..39] {
        let count = |key: &str| {
            trial[key]
                .as_u64()
                .unwrap_or_else(|| panic!("{key}: {trial}"))
        };
        assert!(count("params_active") < count("params_total"), "{trial}");
        assert!(count("params_router") < count("params_active"), "{trial}");
        // A dense reference has no router.
        let mut axes = trial["axes"].as_array().unwrap().iter();
        let dense = axes.any(|axis| axis["axis"] == "dense" && axis["value"] != "-");
        assert!(!dense || count("params_router") == 0, "{trial}");
    }
}

const SCALES: [&str; 3] = ["smoke", "cpu", "paper"];

/// What the grids and seeds of a shipped sweep come to, at a scale that leaves each axis as long as it is.
fn asked(lab: &Lab, sweep: &str, scale: &str) -> usize {
    let path = lab.path().join(format!("experiments/{sweep}.toml"));
    let file: toml::Table = fs::read_to_string(path).unwrap().parse().unwrap();
    let grids = file["axes"].as_array().unwrap().iter();
    let points: usize = grids
        .map(|grid| grid.as_table().unwrap().values())
        .map(|axes| {
            axes.map(|axis| axis.as_array().unwrap().len())
                .product::<usize>()
        })
        .sum();
    let seeds = file["scale"][scale].get("seeds").unwrap_or(&file["seeds"]);
    points * seeds.as_array().unwrap().len()
}

#[test]
fn every_scale_of_every_experiment_can_be_planned() {
    let lab = Lab::new();
    for (sweep, trials) in [
        ("capacity", [25, 1137, 379]),
        ("scaling", [8, 42, 14]),
        (
            "routers-random",
            SCALES.map(|scale| asked(&lab, "routers-random", scale)),
        ),
    ] {
        for (scale, count) in SCALES.into_iter().zip(trials) {
            let plan = lab
                .xp(&format!("plan {sweep} --scale {scale} --json"))
                .expect(0)
                .json();
            assert_eq!(
                plan["trials"].as_array().unwrap().len(),
                count,
                "{sweep} {scale}"
            );
        }
    }
    // Those that train at larger scales need text; without it their trials have no ids yet. An encoder
    // is no built-in at any scale.
    let counted = [
        ("as-published", [31, 51, 31]),
        ("unified", [40, 66, 70]),
        ("router-arch", [26, 126, 76]),
        ("larger", [12, 56, 34]),
        ("subword", [3, 30, 18]),
        ("coe", [6, 26, 16]),
        ("loss-free", [7, 35, 21]),
        ("adaptive-k", [9, 27, 27]),
        ("distil", [4, 20, 12]),
        ("settling", [4, 12, 12]),
    ];
    let reading = ["experts", "zoo", "tuning", "routers-bert"];
    let reading = counted.map(|(sweep, _)| sweep).into_iter().chain(reading);
    for (sweep, scale) in reading.flat_map(|sweep| SCALES.map(|scale| (sweep, scale))) {
        if (sweep, scale) == ("tuning", "paper") {
            continue;
        }
        let plan = lab
            .xp(&format!("plan {sweep} --scale {scale} --json"))
            .expect(0)
            .json();
        let trials = plan["trials"].as_array().unwrap();
        let known = scale == "smoke" && sweep != "routers-bert";
        assert_eq!(trials[0]["id"].is_string(), known, "{sweep} {scale}");
        assert_eq!(plan["missing_data"].is_null(), known, "{sweep} {scale}");
        if let Some((_, counts)) = counted.iter().find(|(own, _)| *own == sweep) {
            let place = SCALES.iter().position(|own| *own == scale);
            assert_eq!(
                place.map(|place| counts[place]),
                Some(trials.len()),
                "{sweep} {scale}"
            );
        }
    }
}

/// The number that `(2 k + 1 dense) x 3 seeds - 1 asked twice + 1 of speeds` comes to.
fn value_of(sum: &str) -> i64 {
    let number = |text: &str| -> i64 {
        let digits = text.trim().split(' ').next().unwrap();
        digits.parse().unwrap_or_else(|_| panic!("{text} in {sum}"))
    };
    let (sign_and_rest, product) = match sum.strip_prefix('(') {
        Some(grouped) => {
            let (group, rest) = grouped.split_once(')').unwrap();
            let grids = group.split(" + ");
            let points = grids.map(|grid| grid.split(" x ").map(number).product::<i64>());
            (rest.strip_prefix(" x ").unwrap(), points.sum())
        }
        None => (sum, 1),
    };
    let end = sign_and_rest
        .find([' '])
        .map(|_| sign_and_rest.find(" - ").or(sign_and_rest.find(" + ")));
    let end = end.flatten().unwrap_or(sign_and_rest.len());
    let (factors, mut rest) = sign_and_rest.split_at(end);
    let mut value = product * factors.split(" x ").map(number).product::<i64>();
    while let Some((sign, more)) = rest
        .split_at_checked(3)
        .filter(|(sign, _)| sign.trim().len() == 1)
    {
        let end = more.find(" - ").or(more.find(" + ")).unwrap_or(more.len());
        value += number(&more[..end]) * if sign == " - " { -1 } else { 1 };
        rest = &more[end..];
    }
    value
}

#[test]
fn the_title_of_a_plan_adds_up() {
    let lab = Lab::new();
    let twice = lab.file(
        "twice.toml",
        "name = 'twice'\nquestion = 'q'\njob = 'pack'\nseeds = [1, 2]\n[speed]\nseeds = 2\n\
         [[axes]]\n[[axes]]\nk = [1, 2]\nexperts = [8, 16]\n",
    );
    let grids = lab.file(
        "grids.toml",
        "name = 'grids'\nquestion = 'q'\njob = 'pack'\nseeds = [1]\n",
    );
    let lines = [
        "capacity --scale smoke",
        "scaling --scale cpu",
        "unified --scale smoke",
        "zoo --scale smoke",
        "routers-random --scale cpu",
        "experts --scale smoke",
        &twice,
        &grids,
    ];
    for line in lines {
        let plan = lab.xp(&format!("plan {line}")).expect(0).stdout;
        let title = plan.lines().next().unwrap();
        let (before, sum) = title.split_once(" trials (").unwrap();
        let trials: i64 = before.rsplit(' ').next().unwrap().parse().unwrap();
        assert_eq!(value_of(sum.strip_suffix(')').unwrap()), trials, "{title}");
    }
}

#[test]
fn status_of_what_has_not_run_is_outstanding() {
    let lab = Lab::new();
    lab.xp("status capacity --scale smoke")
        .expect(5)
        .says(&["missing 25"]);
    let counts = lab
        .xp("status capacity --scale smoke --json")
        .expect(5)
        .json();
    assert_eq!(counts["missing"], 25);
}

#[test]
fn a_trial_is_shown_before_it_has_run() {
    let lab = Lab::new();
    let plan = lab
        .xp("plan capacity --scale smoke --json")
        .expect(0)
        .json();
    let id = &plan["trials"][0]["id"].as_str().unwrap()[..12];
    let shown = lab
        .xp(&format!("show {id} --sweep capacity --scale smoke"))
        .expect(0);
    let table: toml::Table = shown.stdout.parse().expect("it is TOML");
    assert_eq!(table["moe"]["experts"].as_integer(), Some(8));
    assert_eq!(table["pack"]["tokens"].as_integer(), Some(256));
    let shown = lab
        .xp(&format!("show {id} --sweep capacity --scale smoke --json"))
        .expect(0);
    assert_eq!(shown.json()["question"]["seed"], 17);
}

#[test]
fn the_schema_knows_the_settings() {
    let lab = Lab::new();
    let schema = lab.xp("schema train").expect(0).json();
    assert_eq!(schema["additionalProperties"], false);
    // Of a file that includes no other.
    let required: Vec<&str> = schema["then"]["required"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert_eq!(required, ["name", "question", "job", "seeds"]);
    for key in ["data", "model", "moe", "router", "train", "axes", "scale"] {
        assert!(schema["properties"][key].is_object(), "{key}");
    }
    lab.xp("schema pack --defaults")
        .expect(0)
        .says(&["[moe]", "capacity-factor = 1.25"]);
    let schema = lab.xp("schema layer").expect(0).json();
    for key in ["layer", "moe", "router", "axes", "scale"] {
        assert!(schema["properties"][key].is_object(), "{key}");
    }
    // One grid, or several.
    let grids = &schema["properties"]["axes"]["anyOf"];
    assert_eq!(
        (&grids[0]["type"], &grids[1]["items"]),
        (&"object".into(), &grids[0])
    );
}

#[test]
fn data_is_listed_and_built_in_data_needs_no_fetching() {
    let lab = Lab::new();
    lab.xp("data list")
        .expect(0)
        .says(&["tinytales", "built in", "tinystories", "missing"]);
    lab.xp("data fetch tinytales")
        .expect(0)
        .says(&["built in, nothing to fetch"]);
    lab.xp("data check tinystories")
        .expect(3)
        .says(&["missing", "xp data fetch"]);
    // Where nothing is there, nothing was checked.
    lab.xp("data check")
        .expect(3)
        .says(&["missing", "xp data fetch"]);
    lab.xp("data fetch imagenet")
        .expect(2)
        .says(&["imagenet", "tinytales"]);
    lab.xp("data fetch tinystoris")
        .expect(2)
        .says(&["did you mean `tinystories`?"]);
}

#[test]
fn the_doctor_finds_the_processor_and_a_place_to_write() {
    let lab = Lab::new();
    lab.xp("doctor").expect(0).says(&["backends", "writable"]);
    let findings = lab.xp("doctor --json").expect(0).json();
    assert_eq!(findings["backends"][0]["name"], "cpu");
    assert_eq!(findings["backends"][0]["compiled"], true);
}

#[test]
fn completions_are_printed_for_every_shell() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        Lab::new()
            .xp(&format!("completions {shell}"))
            .expect(0)
            .says(&["COMPLETE", "xp"]);
    }
}
