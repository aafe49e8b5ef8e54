//! One measure over the cells that two results folders have in common.

use std::collections::BTreeMap;

use metrics::{MeanInterval, Paired, paired::holm, statistics::ENOUGH_SAMPLES, two_sample};
use report::Cell;
use serde::Serialize;

use crate::common::{Cells, Common};
use crate::obstacle::Obstacle;

/// Corrected p below which two cells are told apart.
const LEVEL: f64 = 0.05;

/// A mean over seeds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Mean {
    /// The mean.
    pub mean: f64,
    /// Half of its 95 % interval; `None` for a single seed.
    pub half_width: Option<f64>,
    /// How many seeds went in.
    pub n: usize,
}

impl From<MeanInterval> for Mean {
    fn from(value: MeanInterval) -> Self {
        Self {
            mean: value.mean,
            half_width: value.half_width,
            n: value.n,
        }
    }
}

impl Mean {
    /// As `report` writes a mean with its interval.
    pub fn text(&self) -> String {
        report::interval(&MeanInterval {
            mean: self.mean,
            half_width: self.half_width,
            n: self.n,
        })
    }
}

/// What a comparison comes to, seen from the first side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The second is higher.
    Higher,
    /// The second is lower.
    Lower,
    /// To the last digit, in every seed.
    Equal,
    /// Chance alone may have made the difference.
    NotToldApart,
    /// There are fewer seeds than any p needs.
    TooFewSeeds,
    /// Something keeps the two from being compared, see [`Compared::obstacle`].
    NotCompared,
}

impl Verdict {
    /// The words for it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Higher => "higher",
            Self::Lower => "lower",
            Self::Equal => "equal",
            Self::NotToldApart => "not told apart",
            Self::TooFewSeeds => "too few seeds",
            Self::NotCompared => "not compared",
        }
    }

    /// Whether the two sides are known to differ.
    pub const fn is_apart(self) -> bool {
        matches!(self, Self::Higher | Self::Lower)
    }
}

/// One cell of both folders.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Compared {
    /// What sets it apart.
    pub cell: String,
    /// The first side.
    pub a: Mean,
    /// The second side.
    pub b: Mean,
    /// The second less the first; `None` where they are not compared.
    pub difference: Option<Mean>,
    /// Whether it was taken seed by seed.
    pub paired: bool,
    /// p of no difference, corrected over the cells; `None` for too few seeds, or where nothing varies.
    pub p: Option<f64>,
    /// What it comes to.
    pub verdict: Verdict,
    /// What keeps the two from being compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub obstacle: Option<Obstacle>,
}

/// One measure over all common cells.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// The column of `trials.parquet`.
    pub measure: String,
    /// The cells that have it in both folders.
    pub cells: Vec<Compared>,
}

impl Comparison {
    /// Compares a measure in the cells that have it in both folders.
    pub fn of(cells: &Cells<'_>, column: &str) -> Self {
        let found = cells.common.iter().filter_map(|pair| Raw::of(pair, column));
        let found: Vec<Raw> = found.collect();
        let corrected = holm(&found.iter().map(|raw| raw.p).collect::<Vec<_>>());
        let cells = found.into_iter().zip(corrected);
        Self {
            measure: column.to_owned(),
            cells: cells.map(|(raw, p)| raw.judged(p)).collect(),
        }
    }

    /// How many cells are compared.
    pub fn compared(&self) -> usize {
        let cells = self.cells.iter();
        cells.filter(|cell| cell.obstacle.is_none()).count()
    }

    /// What keeps cells from being compared, and how many each.
    pub fn obstacles(&self) -> BTreeMap<&Obstacle, usize> {
        let mut found = BTreeMap::new();
        for obstacle in self.cells.iter().filter_map(|cell| cell.obstacle.as_ref()) {
            *found.entry(obstacle).or_default() += 1;
        }
        found
    }

    /// How many cells are told apart.
    pub fn apart(&self) -> usize {
        let cells = self.cells.iter();
        cells.filter(|cell| cell.verdict.is_apart()).count()
    }

    /// The cell that is told apart by the largest difference, measured by its mean.
    pub fn largest(&self) -> Option<&Compared> {
        let size = |cell: &Compared| {
            let difference = cell.difference.map_or(0.0, |difference| difference.mean);
            (difference / cell.a.mean).abs()
        };
        let apart = self.cells.iter().filter(|cell| cell.verdict.is_apart());
        apart.max_by(|one, other| size(one).total_cmp(&size(other)))
    }
}

/// A comparison before its p is corrected.
struct Raw {
    cell: String,
    a: MeanInterval,
    b: MeanInterval,
    difference: MeanInterval,
    paired: bool,
    p: Option<f64>,
    is_equal: bool,
    /// The difference is the same in all seeds, as that of a count is.
    is_fixed: bool,
    obstacle: Option<Obstacle>,
}

impl Raw {
    fn of(pair: &Common<'_>, column: &str) -> Option<Self> {
        let Common { a, b } = pair;
        let pairs: Vec<(f64, f64)> = b.pairs(a, column);
        let (difference, p) = match Paired::of(&pairs) {
            Some(paired) => (paired.difference, paired.p),
            None => two_sample::difference(&b.seeds(column), &a.seeds(column))?,
        };
        let values = |cell: &Cell| cell.seeds(column);
        let is_equal = if pairs.is_empty() {
            let all: Vec<f64> = [values(a), values(b)].concat();
            all.iter().all(|value| *value == all[0])
        } else {
            pairs.iter().all(|(own, other)| own == other)
        };
        let enough = difference.n >= ENOUGH_SAMPLES;
        let obstacle = Obstacle::between(&a.example, &b.example);
        let obstacle = obstacle.filter(|own| !own.allows(column));
        Some(Self {
            cell: pair.label(),
            a: *a.measure(column)?,
            b: *b.measure(column)?,
            paired: !pairs.is_empty(),
            p: p.filter(|_| enough && !is_equal && obstacle.is_none()),
            is_fixed: enough && difference.half_width == Some(0.0),
            difference,
            is_equal,
            obstacle,
        })
    }

    fn judged(self, p: Option<f64>) -> Compared {
        let direction = if self.difference.mean > 0.0 {
            Verdict::Higher
        } else {
            Verdict::Lower
        };
        let verdict = match p {
            _ if self.obstacle.is_some() => Verdict::NotCompared,
            _ if self.is_equal => Verdict::Equal,
            _ if self.is_fixed => direction,
            _ if self.difference.n < ENOUGH_SAMPLES => Verdict::TooFewSeeds,
            Some(p) if p < LEVEL => direction,
            _ => Verdict::NotToldApart,
        };
        Compared {
            cell: self.cell,
            a: self.a.into(),
            b: self.b.into(),
            difference: self.obstacle.is_none().then(|| self.difference.into()),
            paired: self.paired,
            p,
            verdict,
            obstacle: self.obstacle,
        }
    }
}
