//! Two folders and two trials by hand.

use report::unnamed;
use runstore::tables::{TrialRow, TrialStatus};
use runstore::{Collected, Manifest};

use crate::{
    Cells, Comparison, Noise, Obstacle, Results, Trial, TrialDifference, Verdict, spelled,
};

/// A trial of a strategy and a capacity factor, of so many steps.
fn row(strategy: &str, factor: f64, steps: u64, seed: u64, perplexity: f64) -> TrialRow {
    TrialRow {
        trial_id: format!("{strategy}-{factor}-{steps}-{seed}"),
        status: TrialStatus::Done,
        job: "train".to_owned(),
        scale: "cpu".to_owned(),
        strategy: Some(strategy.to_owned()),
        capacity_factor: Some(factor),
        steps: Some(steps),
        seed,
        perplexity: Some(perplexity),
        params_total: Some(steps),
        settings: serde_json::json!({ "job": "train", "seed": seed, "settings": {
            "moe": { "capacity-factor": factor },
            "router": { "strategy": { strategy: {} } },
            "train": { "steps": steps },
        } })
        .to_string(),
        ..TrialRow::default()
    }
}

fn results(name: &str, rows: Vec<TrialRow>) -> Results {
    let collected = Collected {
        trials: rows,
        ..Collected::default()
    };
    Results::of(name.to_owned(), Manifest::default(), collected, unnamed)
}

/// Seeds from 17 up.
fn seeds(strategy: &str, factor: f64, steps: u64, values: &[f64]) -> Vec<TrialRow> {
    let rows = (17..).zip(values);
    rows.map(|(seed, value)| row(strategy, factor, steps, seed, *value))
        .collect()
}

#[test]
fn cells_are_common_where_all_that_varies_is_equal() {
    // The first varies strategy and factor, the second the strategy alone, at factor 1.25 and more steps.
    let a = results(
        "a",
        [
            seeds("top1", 1.0, 300, &[5.0]),
            seeds("top1", 1.25, 300, &[4.0]),
            seeds("hash", 1.25, 300, &[3.0]),
        ]
        .concat(),
    );
    let b = results(
        "b",
        [
            seeds("top1", 1.25, 1500, &[2.0]),
            seeds("sinkhorn", 1.25, 1500, &[2.5]),
        ]
        .concat(),
    );
    let cells = Cells::of(&a, &b);
    let labels: Vec<String> = cells.common.iter().map(crate::Common::label).collect();
    assert_eq!(labels, ["top1, CF 1.25"]);
    let names = |cells: &[&report::Cell]| cells.iter().map(|cell| cell.label()).collect::<Vec<_>>();
    assert_eq!(names(&cells.only_a), ["top1, CF 1", "hash, CF 1.25"]);
    assert_eq!(names(&cells.only_b), ["sinkhorn"]);
    let throughout: Vec<_> = cells
        .throughout
        .iter()
        .map(|own| own.path.as_str())
        .collect();
    assert_eq!(throughout, ["train.steps"]);
    assert_eq!(spelled(cells.throughout[0].b.as_ref().unwrap()), "1500");
    let strategy = &cells.axes[0];
    assert_eq!(
        (
            strategy.both.join(" "),
            strategy.only_a.join(" "),
            strategy.only_b.join(" ")
        ),
        ("top1".to_owned(), "hash".to_owned(), "sinkhorn".to_owned())
    );
}

#[test]
fn common_cells_are_compared_seed_by_seed() {
    // b - a of top1: 0.123, 0.107, 0.127, p = 0.002626; of hash: 0.02, -0.02, 0.03, p = 0.5799 (SciPy, t test of
    // pairs). Of two, Holm doubles the smaller p.
    let a = results(
        "a",
        [
            seeds("top1", 1.0, 300, &[4.115, 4.063, 4.155]),
            seeds("hash", 1.0, 300, &[4.115, 4.063, 4.155]),
        ]
        .concat(),
    );
    let b = results(
        "b",
        [
            seeds("top1", 1.0, 300, &[4.238, 4.170, 4.282]),
            seeds("hash", 1.0, 300, &[4.135, 4.043, 4.185]),
        ]
        .concat(),
    );
    let cells = Cells::of(&a, &b);
    let found = Comparison::of(&cells, "perplexity");
    let verdicts: Vec<Verdict> = found.cells.iter().map(|cell| cell.verdict).collect();
    assert_eq!(verdicts, [Verdict::Higher, Verdict::NotToldApart]);
    assert!((found.cells[0].p.unwrap() - 0.005_252).abs() < 1e-5);
    assert!((found.cells[1].p.unwrap() - 0.579_9).abs() < 1e-4);
    assert!(
        (found.cells[0].difference.unwrap().mean - 0.119).abs() < 1e-9 && found.cells[0].paired
    );
    assert_eq!(
        (found.apart(), found.largest().unwrap().cell.as_str()),
        (1, "top1")
    );
    // A count that is equal in all seeds is equal, whatever the number of seeds.
    let params = Comparison::of(&cells, "params_total");
    assert!(
        params
            .cells
            .iter()
            .all(|cell| cell.verdict == Verdict::Equal)
    );
}

#[test]
fn other_seeds_are_compared_by_the_pooled_spread() {
    // Means 2 and 5, s = 1 both: t = 3 / sqrt(2 / 3) = 3.6742 with four degrees of freedom, p = 0.02131 (SciPy).
    let a = results("a", seeds("top1", 1.0, 300, &[1.0, 2.0, 3.0]));
    let mut rows = seeds("top1", 1.0, 300, &[4.0, 5.0, 6.0]);
    for row in &mut rows {
        row.seed += 100;
    }
    let b = results("b", rows);
    let found = Comparison::of(&Cells::of(&a, &b), "perplexity");
    let cell = &found.cells[0];
    assert!(!cell.paired && cell.verdict == Verdict::Higher);
    assert!((cell.p.unwrap() - 0.021_31).abs() < 1e-5, "{:?}", cell.p);
    // t_{0.975, 4} = 2.776445.
    let half = 2.776_445 * (2.0_f64 / 3.0).sqrt();
    assert!((cell.difference.unwrap().half_width.unwrap() - half).abs() < 1e-5);
    // A difference that is the same in every seed needs no p.
    let more = results("c", seeds("top1", 1.0, 900, &[1.0, 2.0, 3.0]));
    let params = Comparison::of(&Cells::of(&a, &more), "params_total");
    assert_eq!(params.cells[0].verdict, Verdict::Higher);
    assert_eq!(params.cells[0].p, None);
}

#[test]
fn what_is_not_comparable_is_told_and_not_compared() {
    let a = results("a", seeds("top1", 1.0, 300, &[1.0, 2.0, 3.0]));
    let mut rows = seeds("top1", 1.0, 300, &[4.0, 5.0, 6.0]);
    for row in &mut rows {
        row.data_digest = Some("ab".repeat(32));
    }
    let b = results("b", rows);
    let found = Comparison::of(&Cells::of(&a, &b), "perplexity");
    let cell = &found.cells[0];
    assert_eq!(
        (cell.verdict, cell.difference, cell.p),
        (Verdict::NotCompared, None, None)
    );
    assert_eq!((cell.a.mean, cell.b.mean, found.compared()), (2.0, 5.0, 0));
    let obstacles: Vec<_> = found.obstacles().into_iter().collect();
    assert!(
        matches!(obstacles[..], [(Obstacle::Data(..), 1)]),
        "{obstacles:?}"
    );
}

#[test]
fn trials_differ_beyond_what_seeds_make() {
    // Both cells have s = 0.1 with two degrees of freedom each: t_{0.975, 4} = 2.776445 times 0.1 sqrt(2) = 0.39265.
    let rows = [
        seeds("top1", 1.0, 300, &[4.0, 4.1, 4.2]),
        seeds("hash", 1.0, 300, &[4.3, 4.4, 4.5]),
    ]
    .concat();
    let find = |id: &str| Trial::find(id, &rows, unnamed).unwrap();
    let (first, last) = (find("top1-1-300-17"), find("hash-1-300-18"));
    let found = TrialDifference::of(&first, &last);
    let paths: Vec<_> = found.settings.iter().map(|own| own.path.as_str()).collect();
    assert_eq!(paths, ["seed", "router.strategy"]);
    let perplexity = |found: &TrialDifference| {
        let own = found
            .measures
            .iter()
            .find(|own| own.measure == "perplexity");
        own.expect("both have it").clone()
    };
    let own = perplexity(&found);
    assert!((own.band.unwrap() - 0.392_65).abs() < 1e-5, "{own:?}");
    assert_eq!(own.noise, Noise::Beyond); // 4.4 - 4.0
    let near = perplexity(&TrialDifference::of(&first, &find("hash-1-300-17")));
    assert_eq!(near.noise, Noise::Within); // 4.3 - 4.0
    // Within one cell the band is of its own two degrees of freedom: 4.302653 * 0.1 * sqrt(2).
    let same = perplexity(&TrialDifference::of(&first, &find("top1-1-300-19")));
    assert!((same.band.unwrap() - 0.608_487).abs() < 1e-5, "{same:?}");
    let params = found
        .measures
        .iter()
        .find(|own| own.measure == "params_total");
    assert_eq!(params.unwrap().noise, Noise::Equal);
    assert!(Trial::find("none", &rows, unnamed).is_none());
}
