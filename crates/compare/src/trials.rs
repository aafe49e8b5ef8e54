//! Two trials: their settings, their measures, and what the seeds of their cells say of noise.

use metrics::two_sample::Pooled;
use report::{Cell, Naming, summary};
use runstore::Collected;
use runstore::tables::{Row, TrialRow};
use serde::Serialize;

use crate::circumstances::{Circumstance, circumstances};
use crate::obstacle::Obstacle;
use crate::settings::{Change, changes, question};

/// Degrees of freedom below which a spread says too little to be a band.
const FEWEST_DEGREES: u32 = 2;

/// A trial in its cell.
#[derive(Debug, Clone)]
pub struct Trial {
    /// The trial.
    pub row: TrialRow,
    /// The trials that differ from it in nothing but the seed, itself among them.
    pub cell: Cell,
}

impl Trial {
    /// The trial of an id among rows of one sweep; `None` where it is none of them, or of no cell.
    pub fn find(id: &str, rows: &[TrialRow], naming: Naming) -> Option<Self> {
        let row = rows.iter().find(|row| row.trial_id == id)?;
        let collected = Collected {
            trials: rows.to_vec(),
            ..Collected::default()
        };
        let mut cells = summary(&collected, naming).into_iter();
        let own = |cell: &Cell| cell.trials.iter().any(|trial| trial == id);
        Some(Self {
            row: row.clone(),
            cell: cells.find(own)?,
        })
    }

    fn number(&self, column: &str) -> Option<f64> {
        self.row.value(column)?.number()
    }
}

/// How a difference stands to the noise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Noise {
    /// There is no difference.
    Equal,
    /// Seeds alone make as much.
    Within,
    /// Seeds alone seldom make as much.
    Beyond,
    /// There are too few seeds to tell.
    Unknown,
}

impl Noise {
    /// The words for it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Equal => "equal",
            Self::Within => "within",
            Self::Beyond => "beyond",
            Self::Unknown => "too few seeds",
        }
    }
}

/// One measure of two trials.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MeasureDifference {
    /// The column of `trials.parquet`.
    pub measure: &'static str,
    /// Its unit.
    pub unit: &'static str,
    /// In the first trial.
    pub a: f64,
    /// In the second.
    pub b: f64,
    /// The second less the first.
    pub difference: f64,
    /// What two single trials differ by at most in 95 of 100 cases when nothing but the seed differs.
    pub band: Option<f64>,
    /// How the difference stands to it.
    pub noise: Noise,
}

/// All that differs between two trials.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrialDifference {
    /// Settings.
    pub settings: Vec<Change>,
    /// What keeps the measures from being compared.
    pub obstacle: Option<Obstacle>,
    /// Measures that both have, equal ones too; where something keeps them apart, those that are comparable all
    /// the same.
    pub measures: Vec<MeasureDifference>,
    /// Programs and machines.
    pub circumstances: Vec<Circumstance>,
}

impl TrialDifference {
    /// Lays two trials beside each other.
    pub fn of(a: &Trial, b: &Trial) -> Self {
        let mut settings = changes(&question(&a.row), &question(&b.row));
        let seeds = [&a.row, &b.row].map(|row| Some(row.seed.into()));
        if a.row.seed != b.row.seed {
            let [a, b] = seeds;
            let path = "seed".to_owned();
            settings.insert(0, Change { path, a, b });
        }
        let obstacle = Obstacle::between(&a.row, &b.row);
        let columns = TrialRow::SCHEMA.columns.iter();
        let allowed = |column: &str| obstacle.as_ref().is_none_or(|own| own.allows(column));
        let measures = columns.filter(|column| allowed(column.name));
        let measures = measures.filter_map(|column| measure(a, b, column.name, column.unit));
        Self {
            settings,
            measures: measures.collect(),
            circumstances: circumstances(
                std::slice::from_ref(&a.row),
                std::slice::from_ref(&b.row),
            ),
            obstacle,
        }
    }
}

fn measure(
    one: &Trial,
    other: &Trial,
    column: &'static str,
    unit: &'static str,
) -> Option<MeasureDifference> {
    // What a cell has a mean of is a measure, and no setting.
    one.cell.measure(column).or(other.cell.measure(column))?;
    let (a, b) = (one.number(column)?, other.number(column)?);
    let (difference, band) = (b - a, band(one, other, column));
    let noise = match band {
        _ if a == b => Noise::Equal,
        None => Noise::Unknown,
        Some(band) if difference.abs() <= band => Noise::Within,
        Some(_) => Noise::Beyond,
    };
    Some(MeasureDifference {
        measure: column,
        unit,
        a,
        b,
        difference,
        band,
        noise,
    })
}

/// The band of a measure, of the spread over seeds that both cells have; of one cell, of its own.
fn band(one: &Trial, other: &Trial, column: &str) -> Option<f64> {
    let theirs = if one.cell.trials == other.cell.trials {
        Vec::new()
    } else {
        other.cell.seeds(column)
    };
    let pooled = Pooled::of(&one.cell.seeds(column), &theirs)?;
    (pooled.degrees >= FEWEST_DEGREES).then(|| pooled.band())
}
