//! When a claim holds, fails and is undecided.

use approx::assert_relative_eq;
use claims::{Need, Verdict, Want};

use crate::lab::{Lab, cell, claim, less, with_settings};

const HASH: [f64; 5] = [10.0, 10.2, 9.9, 10.1, 10.0];

/// Hash, and top-1 by so much more.
fn with_differences(differences: &[f64]) -> Lab {
    let lab = Lab::new();
    let top1: Vec<f64> = HASH
        .iter()
        .zip(differences)
        .map(|(hash, more)| hash + more)
        .collect();
    let mut trials = cell("hash", &HASH);
    trials.extend(cell("top1", &top1));
    lab.trials(trials);
    lab
}

#[test]
fn agreeing_results_hold_and_contradicting_ones_fail() {
    let below = with_differences(&[-1.0, -1.1, -0.9, -1.0, -1.05]).verdict(&less("a"));
    assert_eq!(below.verdict, Verdict::Holds);
    let effect = below.effect.unwrap();
    assert_relative_eq!(effect.value, -1.01, epsilon = 1e-9);
    assert_eq!(effect.n, 5);
    assert!(effect.high.unwrap() < 0.0 && below.reason.is_none() && below.command.is_none());
    let above = with_differences(&[1.0, 1.1, 0.9, 1.0, 1.05]).verdict(&less("a"));
    assert_eq!(above.verdict, Verdict::Fails);
    assert_relative_eq!(above.p.unwrap(), below.p.unwrap(), max_relative = 1e-9);
}

#[test]
fn noise_is_undecided() {
    let outcome = with_differences(&[-1.0, 1.2, 0.4, -0.9, 0.2]).verdict(&less("a"));
    assert_eq!(
        (outcome.verdict, outcome.want),
        (Verdict::Undecided, Some(Want::Certainty))
    );
    assert_eq!(outcome.reason.as_deref(), Some("not told from chance"));
    assert_eq!(outcome.command, None);
    assert!(outcome.corrected_p.unwrap() > 0.05);
}

#[test]
fn two_seeds_decide_nothing_however_far_apart() {
    let outcome = with_differences(&[-5.0, -5.1]).verdict(&less("a"));
    assert_eq!(
        (outcome.verdict, outcome.want),
        (Verdict::Undecided, Some(Want::Runs))
    );
    assert_eq!(
        outcome.reason.as_deref(),
        Some("2 of the 3 seeds that are needed")
    );
    assert_eq!(
        outcome.command.as_deref(),
        Some("xp sweep unified --scale cpu")
    );
    assert_eq!((outcome.p, outcome.effect), (None, None));
}

#[test]
fn pairing_is_by_seed() {
    // The spread between seeds is a hundred times the difference, which is the same in each.
    let lab = Lab::new();
    let hash = [10.0, 20.0, 30.0];
    let mut trials = cell("hash", &hash);
    trials.extend(cell("top1", &[9.90, 19.91, 29.89]));
    lab.trials(trials);
    let outcome = lab.verdict(&less("a"));
    // Differences -0.10, -0.09, -0.11: t = -0.1 / (0.01 / sqrt 3) = -17.32 with two degrees of freedom, p = 0.00332.
    assert_relative_eq!(outcome.p.unwrap(), 0.003_317, max_relative = 1e-3);
    assert_eq!(outcome.verdict, Verdict::Holds);
}

#[test]
fn correction_counts_the_claims_of_the_ledger() {
    let lab = with_differences(&[-0.10, -0.30, -0.15, -0.25, -0.2]);
    let alone = lab.verdict(&less("a"));
    assert_eq!(alone.verdict, Verdict::Holds);
    let p = alone.p.unwrap();
    assert_eq!(alone.corrected_p, Some(p));
    // As often as it takes: the same p counts once for each claim.
    let claims = (0.05 / p).ceil() as usize;
    let text: String = (0..claims).map(|n| less(&format!("a.{n}"))).collect();
    let many = lab.ask(&text);
    assert_eq!(
        (many.family, many.count(Verdict::Undecided)),
        (claims, claims)
    );
    assert_relative_eq!(
        many.claims[0].corrected_p.unwrap(),
        (p * claims as f64).min(1.0)
    );
    // What is not looked at stays in the family.
    let seen = many.only(&["a.1".to_owned()]);
    assert_eq!(seen.claims.len(), 1);
    assert_eq!(seen.claims[0].verdict, Verdict::Undecided);
    // A claim whose values do not vary is no part of it.
    let exact = claim(
        "b",
        "test.equals = { of = { strategy = 'hash' }, value = 3 }",
    );
    assert_eq!(lab.ask(&format!("{}{exact}", less("a"))).family, 1);
}

#[test]
fn a_missing_folder_says_what_runs_it() {
    let lab = with_differences(&[-1.0, -1.1, -0.9]);
    let text = less("a").replace("'unified'", "'larger'");
    let outcome = lab.verdict(&format!("{text}{}", less("b")));
    assert_eq!(
        (outcome.verdict, outcome.want),
        (Verdict::Undecided, Some(Want::Runs))
    );
    assert_eq!(
        outcome.command.as_deref(),
        Some("xp sweep larger --scale cpu")
    );
    assert!(outcome.reason.unwrap().contains("larger/cpu-cpu"));
    let both = less("a").replace("'unified'", "['unified', 'subword']");
    let outcome = lab.verdict(&both);
    assert_eq!(
        outcome.command.as_deref(),
        Some("xp sweep subword --scale cpu")
    );
}

#[test]
fn folders_are_called_by_scale_and_device() {
    let mut place = Lab::new().place();
    place.scale = "paper".to_owned();
    place.device = "h200".to_owned();
    assert!(place.folder("larger").ends_with("larger/paper-h200"));
    assert_eq!(
        place.command("larger"),
        "xp sweep larger --scale paper --device cuda"
    );
}

#[test]
fn nothing_at_all_is_no_ledger() {
    let lab = Lab::new();
    let claims = claims::parse_claims(&less("a"), "claims.toml".as_ref()).unwrap();
    assert_eq!(claims::Ledger::ask(&claims, &lab.place()).unwrap(), None);
}

#[test]
fn a_cell_that_was_not_run_is_named() {
    let lab = Lab::new();
    lab.trials(cell("hash", &HASH));
    let outcome = lab.verdict(&less("a"));
    assert_eq!(outcome.want, Some(Want::Runs));
    assert_eq!(
        outcome.reason.as_deref(),
        Some("no finished trial has `perplexity` with top1")
    );
}

#[test]
fn what_needs_more_than_a_processor_says_so() {
    let lab = with_differences(&[-1.0, -1.1, -0.9]);
    for (need, want, says) in [
        ("full-qwen", Want::FullQwen, Need::FullQwen.words()),
        ("gpu", Want::Gpu, Need::Gpu.words()),
    ] {
        let text = less("a").replace("sweep =", &format!("needs = '{need}'\nsweep ="));
        let outcome = lab.verdict(&text);
        assert_eq!(
            (outcome.verdict, outcome.want),
            (Verdict::Undecided, Some(want))
        );
        assert_eq!(outcome.reason.as_deref(), Some(says));
        assert!(
            outcome
                .command
                .unwrap()
                .contains("--scale paper --device cuda:0")
        );
    }
}

#[test]
fn a_query_that_fits_two_cells_is_told_and_not_averaged() {
    let lab = Lab::new();
    let mut trials = cell("hash", &HASH);
    for (place, factor) in [(1.0, 1.0), (2.0, 1.25)] {
        for seed in 17..20 {
            let mut row = with_settings("top1", seed, place, serde_json::json!({ "cf": factor }));
            row.capacity_factor = Some(factor);
            trials.push(row);
        }
    }
    lab.trials(trials);
    let outcome = lab.verdict(&less("a"));
    assert_eq!(
        (outcome.verdict, outcome.want),
        (Verdict::Undecided, Some(Want::Query))
    );
    let reason = outcome.reason.unwrap();
    assert!(
        reason.contains("top1") && reason.contains("capacity_factor"),
        "{reason}"
    );
}

#[test]
fn several_parts_hold_together_and_fail_by_one() {
    let lab = Lab::new();
    let mut trials = cell("hash", &HASH);
    trials.extend(cell("top1", &HASH.map(|own| own - 1.0 + own / 100.0)));
    trials.extend(cell("sinkhorn", &HASH.map(|own| own + 2.0 + own / 100.0)));
    lab.trials(trials);
    let chain = |names: [&str; 3]| {
        let links = names
            .map(|name| format!("{{ strategy = '{name}' }}"))
            .join(", ");
        lab.verdict(&claim(
            "a",
            &format!("test.order = {{ chain = [{links}] }}"),
        ))
    };
    let right = chain(["top1", "hash", "sinkhorn"]);
    assert_eq!(right.verdict, Verdict::Holds);
    let parts: Vec<_> = right
        .parts
        .iter()
        .map(|part| (part.label.as_str(), part.verdict))
        .collect();
    assert_eq!(
        parts,
        [
            ("top1 < hash", Verdict::Holds),
            ("hash < sinkhorn", Verdict::Holds)
        ]
    );
    let wrong = chain(["top1", "sinkhorn", "hash"]);
    assert_eq!(wrong.verdict, Verdict::Fails);
    assert_eq!(wrong.parts[0].verdict, Verdict::Holds);
    assert_eq!(wrong.parts[1].verdict, Verdict::Fails);
    // The line shows the part that contradicts.
    assert!(wrong.effect.unwrap().value > 1.0);
    let absent = chain(["top1", "hash", "relu"]);
    assert_eq!(
        (absent.verdict, absent.want),
        (Verdict::Undecided, Some(Want::Runs))
    );
    let absent = chain(["sinkhorn", "hash", "relu"]);
    assert_eq!(absent.verdict, Verdict::Fails, "one part is enough");
}

#[test]
fn the_results_that_were_used_are_named() {
    let outcome = with_differences(&[-1.0, -1.1, -0.9]).verdict(&less("a"));
    let [used] = outcome.used.try_into().unwrap();
    assert_eq!(
        (used.trials, used.cells.as_slice()),
        (8, ["hash".to_owned(), "top1".to_owned()].as_slice())
    );
    assert_eq!(used.commits, ["0123456789ab"]);
    assert!(used.folder.ends_with("unified/cpu-cpu"), "{}", used.folder);
}
