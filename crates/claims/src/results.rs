//! The results that claims are asked of, each folder read once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use runstore::Collected;
use runstore::tables::{Row, TrialRow, TrialStatus};
use serde_json::Value as Json;

use crate::error::Error;
use crate::file::{Field, Scalar};

/// Where results stand: `<root>/<sweep>/<scale>-<device>/`.
#[derive(Debug, Clone)]
pub struct Place {
    /// The folder of all sweeps.
    pub root: PathBuf,
    /// The scale, such as `cpu`.
    pub scale: String,
    /// The device as folders of results are called by it: `cpu`, `wgpu`, or a card's name such as `h200`.
    pub device: String,
}

impl Place {
    /// The folder of a sweep's results.
    pub fn folder(&self, sweep: &str) -> PathBuf {
        self.root
            .join(sweep)
            .join(format!("{}-{}", self.scale, self.device))
    }

    /// The command that runs what is missing of a sweep.
    pub fn command(&self, sweep: &str) -> String {
        let device = match self.device.as_str() {
            "cpu" => "",
            device if device.starts_with("wgpu") => " --device wgpu",
            _ => " --device cuda",
        };
        format!("xp sweep {sweep} --scale {}{device}", self.scale)
    }
}

/// A finished trial with its settings read.
#[derive(Debug)]
pub(crate) struct Trial {
    pub(crate) row: TrialRow,
    settings: Json,
}

impl Trial {
    fn new(row: TrialRow) -> Self {
        let settings = serde_json::from_str(&row.settings).unwrap_or(Json::Null);
        Self { row, settings }
    }

    /// The value of a column or a setting; none of a column that single rows have.
    pub(crate) fn value(&self, field: &Field) -> Scalar {
        match field {
            Field::Column(name) => self.row.value(name).map_or(Scalar::Absent, Scalar::of_cell),
            Field::OfRows(_) => Scalar::Absent,
            Field::Setting(path) => {
                let start = self.settings.get("settings").unwrap_or(&self.settings);
                let found = path.split('.').try_fold(start, |node, key| match node {
                    Json::Array(items) => items.get(key.parse::<usize>().ok()?),
                    node => node.get(key),
                });
                found.map_or(Scalar::Absent, Scalar::of_setting)
            }
        }
    }

    /// What its cell is called.
    pub(crate) fn cell(&self) -> &str {
        self.row.cell.as_deref().unwrap_or(&self.row.trial_id)
    }
}

/// The results of one sweep.
#[derive(Debug)]
pub(crate) struct Results {
    /// Those that are done.
    pub(crate) trials: Vec<Trial>,
    pub(crate) tables: Collected,
}

impl Results {
    fn read(folder: &Path) -> Result<Option<Self>, Error> {
        if !folder.join("trials.parquet").exists() && !folder.join("manifest.json").exists() {
            return Ok(None);
        }
        Ok(Some(Self::of(runstore::read_results(folder)?)))
    }

    fn of(mut tables: Collected) -> Self {
        let trials = std::mem::take(&mut tables.trials).into_iter();
        let done = trials.filter(|row| row.status == TrialStatus::Done);
        Self {
            trials: done.map(Trial::new).collect(),
            tables,
        }
    }
}

/// The results of all sweeps that the claims name, those that are there.
#[derive(Debug)]
pub(crate) struct Library(BTreeMap<String, Results>);

impl Library {
    /// Reads the results of some sweeps; those of `fresh` are given and not read.
    pub(crate) fn read<'a>(
        sweeps: impl IntoIterator<Item = &'a str>,
        place: &Place,
        fresh: Option<(&str, &Collected)>,
    ) -> Result<Self, Error> {
        let fresh = fresh.map(|(sweep, tables)| (sweep.to_owned(), Results::of(tables.clone())));
        let mut found: BTreeMap<String, Results> = fresh.into_iter().collect();
        for sweep in sweeps {
            if found.contains_key(sweep) {
                continue;
            }
            if let Some(results) = Results::read(&place.folder(sweep))? {
                found.insert(sweep.to_owned(), results);
            }
        }
        Ok(Self(found))
    }

    /// The results of a sweep.
    pub(crate) fn get(&self, sweep: &str) -> Option<&Results> {
        self.0.get(sweep)
    }

    /// Whether there are none at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
