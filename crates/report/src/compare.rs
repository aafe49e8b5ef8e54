//! Each cell beside the baseline and beside the best: differences paired by seed.
//!
//! A seed fixes the first weights and the training windows of a trial, so cells are compared seed by seed, over the
//! seeds that both finished. Comparisons with the baseline are one family and those with the best cell another; each
//! is corrected for how many it has.

use std::collections::BTreeMap;

use metrics::{Paired, paired::holm, statistics::ENOUGH_SAMPLES};
use runstore::{Collected, Manifest};

use super::cells::{Cell, summary};
use super::format::significant;
use super::headline::Headline;
use super::names::Naming;

/// Corrected p below which two cells are told apart.
const LEVEL: f64 = 0.05;

/// What a comparison comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// More of a measure of which less is better, or less of the other kind.
    Worse,
    /// The other way.
    Better,
    /// Chance alone may have made the difference.
    NotToldApart,
    /// There are fewer common seeds than any p needs.
    TooFewSeeds,
    /// It is the cell that others are compared with.
    Itself,
}

impl Verdict {
    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Worse => "worse",
            Self::Better => "better",
            Self::NotToldApart => "not told apart",
            Self::TooFewSeeds => "too few common seeds",
            Self::Itself => "–",
        }
    }
}

/// A cell's difference to another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison {
    /// This cell less the other, seed by seed; `None` without common seeds.
    pub paired: Option<Paired>,
    /// p of no difference, corrected over the family; `None` for fewer than three common seeds.
    pub p: Option<f64>,
    /// What it comes to.
    pub verdict: Verdict,
}

/// A cell among the others.
#[derive(Debug, Clone)]
pub struct Ranked<'a> {
    /// The cell.
    pub cell: &'a Cell,
    /// Beside the baseline, where the sweep names one that is among the cells.
    pub baseline: Option<Comparison>,
    /// Beside the cell of the least mean.
    pub best: Comparison,
}

/// The cells that have what their sweep ranks by, best first. Fewer than two cells are no ranking.
pub fn ranking<'a>(cells: &'a [Cell], manifest: &Manifest) -> Vec<Ranked<'a>> {
    let Some(headline) = Headline::of(cells, manifest.measure.as_deref()) else {
        return Vec::new();
    };
    let mut ranked: Vec<(f64, &Cell)> = cells
        .iter()
        .filter_map(|cell| Some((cell.mean(headline.column)?, cell)))
        .collect();
    if ranked.len() < 2 {
        return Vec::new();
    }
    ranked.sort_by(|a, b| headline.order(a.0, b.0));
    let ranked: Vec<&Cell> = ranked.into_iter().map(|(_, cell)| cell).collect();
    let to_baseline =
        baseline_of(&ranked, &manifest.baseline).map(|other| family(&ranked, other, headline));
    let to_best = family(&ranked, ranked[0], headline);
    let row = |(place, cell): (usize, &&'a Cell)| Ranked {
        cell,
        baseline: to_baseline.as_ref().map(|family| family[place]),
        best: to_best[place],
    };
    ranked.iter().enumerate().map(row).collect()
}

/// The cell that a manifest's baseline describes.
pub fn baseline_of<'a>(
    cells: &[&'a Cell],
    baseline: &BTreeMap<String, String>,
) -> Option<&'a Cell> {
    let fits = |cell: &&&Cell| {
        baseline
            .iter()
            .all(|(column, text)| cell.setting(column).text == *text)
    };
    cells
        .iter()
        .find(fits)
        .copied()
        .filter(|_| !baseline.is_empty())
}

/// What describes the cell of these trials: its columns, and their values as text.
pub fn describe(
    collected: &Collected,
    trials: &[String],
    naming: Naming,
) -> BTreeMap<String, String> {
    let cells = summary(collected, naming);
    let own = cells
        .iter()
        .find(|cell| cell.trials.iter().any(|id| trials.contains(id)));
    let axes = own.into_iter().flat_map(|cell| &cell.axes);
    axes.map(|value| (value.axis.clone(), value.setting.text.clone()))
        .collect()
}

/// Every cell beside one other, in the headline's unit.
fn family(cells: &[&Cell], other: &Cell, headline: &Headline) -> Vec<Comparison> {
    let is_other = |cell: &Cell| std::ptr::eq(cell, other);
    let paired: Vec<Option<Paired>> = cells
        .iter()
        .map(|cell| Paired::of(&headline.pairs(cell, other)))
        .collect();
    let enough = |paired: &Paired| paired.difference.n >= ENOUGH_SAMPLES;
    let raw: Vec<Option<f64>> = cells
        .iter()
        .zip(&paired)
        .map(|(cell, paired)| paired.filter(|own| enough(own) && !is_other(cell))?.p)
        .collect();
    let of = |((cell, paired), p): ((&&Cell, Option<Paired>), Option<f64>)| Comparison {
        paired,
        p,
        verdict: if is_other(cell) {
            Verdict::Itself
        } else if !paired.is_some_and(|own| enough(&own)) {
            Verdict::TooFewSeeds
        } else {
            let is_worse =
                paired.is_some_and(|own| (own.difference.mean > 0.0) != headline.more_is_better);
            match p {
                Some(p) if p < LEVEL && is_worse => Verdict::Worse,
                Some(p) if p < LEVEL => Verdict::Better,
                _ => Verdict::NotToldApart,
            }
        },
    };
    cells.iter().zip(paired).zip(holm(&raw)).map(of).collect()
}

impl Comparison {
    /// The difference with its interval: `+0.123 ± 0.045`.
    pub fn difference(&self) -> String {
        let Some(paired) = self.paired.filter(|_| self.verdict != Verdict::Itself) else {
            return "–".to_owned();
        };
        let mean = paired.difference.mean;
        let half_width = paired.difference.half_width;
        half_width.map_or_else(
            || format!("{mean:+.3}"),
            |half_width| format!("{mean:+.3} ± {half_width:.3}"),
        )
    }

    /// The corrected p in two digits.
    pub fn p_text(&self) -> String {
        match self.p {
            None => "–".to_owned(),
            Some(p) if p < 1e-4 => "< 0.0001".to_owned(),
            Some(p) => significant(p, 2),
        }
    }
}

#[cfg(test)]
mod tests {
    use runstore::tables::{TrialRow, TrialStatus};

    use super::*;
    use crate::unnamed;

    /// A cell of each strategy with these perplexities by seed, from 17 up.
    fn collected(cells: &[(&str, &[f64])]) -> Collected {
        let rows = cells.iter().flat_map(|(strategy, values)| {
            (17..).zip(*values).map(move |(seed, perplexity)| TrialRow {
                trial_id: format!("{strategy}-{seed}"),
                status: TrialStatus::Done,
                strategy: Some((*strategy).to_owned()),
                perplexity: Some(*perplexity),
                seed,
                ..TrialRow::default()
            })
        });
        Collected {
            trials: rows.collect(),
            ..Collected::default()
        }
    }

    /// A manifest with that baseline.
    fn beside(strategy: &str) -> Manifest {
        Manifest {
            baseline: baseline(strategy),
            ..Manifest::default()
        }
    }

    fn baseline(strategy: &str) -> BTreeMap<String, String> {
        [("strategy".to_owned(), strategy.to_owned())].into()
    }

    #[test]
    fn cells_are_ranked_and_compared_seed_by_seed() {
        // a - b: 0.123, 0.107, 0.127, p = 0.002626 (SciPy, t test of pairs); c - b: 0.02, -0.02, 0.03, t = 0.6547
        // with two degrees of freedom, p = 0.5799. Of two, Holm doubles the smaller p.
        let collected = collected(&[
            ("a", &[4.238, 4.170, 4.282]),
            ("b", &[4.115, 4.063, 4.155]),
            ("c", &[4.135, 4.043, 4.185]),
        ]);
        let cells = summary(&collected, unnamed);
        let ranking = ranking(&cells, &beside("a"));
        let names: Vec<String> = ranking.iter().map(|row| row.cell.label()).collect();
        assert_eq!(names, ["b", "c", "a"]);
        let best: Vec<Verdict> = ranking.iter().map(|row| row.best.verdict).collect();
        let expected = [Verdict::Itself, Verdict::NotToldApart, Verdict::Worse];
        assert_eq!(best, expected);
        let close = |p: Option<f64>, expected: f64| assert!((p.unwrap() - expected).abs() < 1e-4);
        close(ranking[2].best.p, 0.005_252);
        close(ranking[1].best.p, 0.579_9);
        assert_eq!(ranking[2].best.difference(), "+0.119 ± 0.026");
        assert_eq!(ranking[0].best.difference(), "–");
        // Beside a, the baseline, both are less; each family is corrected by itself.
        let to_a = ranking[0].baseline.unwrap();
        assert_eq!(to_a.verdict, Verdict::Better);
        assert_eq!(to_a.difference(), "-0.119 ± 0.026");
        assert_eq!(ranking[2].baseline.unwrap().verdict, Verdict::Itself);
    }

    #[test]
    fn fewer_than_three_common_seeds_are_not_judged() {
        // Three seeds each, of which two are common.
        let mut collected = collected(&[("a", &[4.2, 4.1, 4.3]), ("b", &[5.2, 5.1, 5.3])]);
        collected.trials[5].seed = 23;
        let cells = summary(&collected, unnamed);
        let ranking = ranking(&cells, &Manifest::default());
        let other = &ranking[1];
        assert_eq!(other.best.verdict, Verdict::TooFewSeeds);
        assert_eq!((other.best.p, other.baseline), (None, None));
        assert_eq!(other.best.paired.unwrap().difference.n, 2);
    }

    #[test]
    fn a_baseline_is_found_again_by_what_describes_it() {
        let collected = collected(&[("a", &[4.2]), ("b", &[5.2])]);
        let described = describe(&collected, &["b-17".to_owned()], unnamed);
        assert_eq!(described, baseline("b"));
        let cells = summary(&collected, unnamed);
        let cells: Vec<&Cell> = cells.iter().collect();
        let found = baseline_of(&cells, &described).unwrap();
        assert_eq!(found.label(), "b");
        assert!(baseline_of(&cells, &baseline("c")).is_none());
        assert!(baseline_of(&cells, &BTreeMap::new()).is_none());
    }
}
