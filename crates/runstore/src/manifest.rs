//! `manifest.json`: how a results folder came to be.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::tables::Collected;
use crate::tables::{TrialRow, TrialStatus};
use crate::{Provenance, TrialId};

/// The manifest of a results folder.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Manifest {
    /// Table name to its schema, such as `trials/1.0`; filled in when the tables are written.
    pub schemas: BTreeMap<String, String>,
    /// The sweep's name.
    pub sweep: String,
    /// The question that the sweep asks.
    pub question: Option<String>,
    /// Words to find the sweep by.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// What is to be remembered of the sweep.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
    /// The preset of the sweep file.
    pub scale: String,
    /// The device as it was asked for.
    pub device: String,
    /// The device's own name, where most trials ran.
    pub device_name: Option<String>,
    /// Burn's backend.
    pub backend: String,
    /// The programs and machines that ran the trials; empty in older results, whose rows say it too.
    pub ran: Vec<RanBy>,
    /// Program and machine that wrote these files, after a run or for a report of trials that ran before.
    pub provenance: Provenance,
    /// Threads that a trial was allowed.
    pub threads: Option<u64>,
    /// The command line that wrote the results, see [`tidy_command`].
    pub command: Vec<String>,
    /// The `--set` overrides.
    pub overrides: Vec<String>,
    /// Name and BLAKE3 digest of each file that the sweep file includes.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub included: BTreeMap<String, String>,
    /// When the first trial started, UTC, RFC 3339.
    pub started_at: String,
    /// When the last trial ended, UTC, RFC 3339.
    pub finished_at: String,
    /// The cell that others are compared with: columns of `trials.parquet` and their values; empty
    /// where the sweep names none.
    pub baseline: BTreeMap<String, String>,
    /// The column of `trials.parquet` that cells are ranked by; `None` where the sweep names none.
    pub measure: Option<String>,
    /// The seeds of the trials.
    pub seeds: Vec<u64>,
    /// Name of a data set to its BLAKE3 digest.
    pub data: BTreeMap<String, String>,
    /// How many trials the sweep has, with and without a record; `None` in older results.
    pub planned: Option<u64>,
    /// What each source of data is made of: settings as JSON text to the names and digests of files.
    /// With it the trials of a sweep are known where its data are not.
    pub sources: BTreeMap<String, BTreeMap<String, String>>,
    /// Every trial of the sweep that has a record.
    pub trials: Vec<TrialSummary>,
    /// File name to BLAKE3 digest; filled in when the tables are written.
    pub files: BTreeMap<String, String>,
}

/// A trial in the manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrialSummary {
    /// The trial.
    pub id: TrialId,
    /// How it ended.
    pub status: TrialStatus,
    /// How long it took.
    pub wall_s: Option<f64>,
}

/// A program on a machine, and how many of the trials it ran; what is not known is `None`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RanBy {
    /// Version of `xp`.
    pub xp_version: String,
    /// Commit of its source.
    pub git_sha: Option<String>,
    /// Whether its source differed from that commit.
    pub git_dirty: Option<bool>,
    /// Compiler that built it.
    pub rustc: Option<String>,
    /// Version of Burn.
    pub burn_version: Option<String>,
    /// Digest of the machine's name.
    pub host: String,
    /// The processor's name.
    pub cpu_model: Option<String>,
    /// Logical processors.
    pub cores: Option<u64>,
    /// The device's own name.
    pub device_name: Option<String>,
    /// Trials that it ran.
    pub trials: u64,
}

impl RanBy {
    /// What ran some trials, that which ran the most of them first.
    pub fn of(rows: &[TrialRow]) -> Vec<Self> {
        let mut counts: BTreeMap<Self, u64> = BTreeMap::new();
        for row in rows {
            let program = Self {
                xp_version: row.xp_version.clone(),
                git_sha: row.git_sha.clone(),
                git_dirty: row.git_dirty,
                rustc: row.rustc.clone(),
                burn_version: row.burn_version.clone(),
                host: row.host.clone(),
                cpu_model: row.cpu_model.clone(),
                cores: row.cores,
                device_name: row.device_name.clone(),
                trials: 0,
            };
            *counts.entry(program).or_default() += 1;
        }
        let counted = counts.into_iter();
        let mut ran: Vec<Self> = counted
            .map(|(program, trials)| Self { trials, ..program })
            .collect();
        ran.sort_by_key(|program| std::cmp::Reverse(program.trials));
        ran
    }
}

impl Manifest {
    /// Fills in what the rows know: the trials, what ran them, the seeds, the first start and the last end.
    pub fn describe(&mut self, collected: &Collected) {
        let rows = &collected.trials;
        self.trials = rows
            .iter()
            .filter_map(|row| {
                let id = row.trial_id.parse().ok()?;
                Some(TrialSummary {
                    id,
                    status: row.status,
                    wall_s: row.wall_s,
                })
            })
            .collect();
        self.trials.sort_by_key(|trial| trial.id);
        self.ran = RanBy::of(rows);
        self.device_name = self.ran.iter().find_map(|ran| ran.device_name.clone());
        self.seeds = rows.iter().map(|row| row.seed).collect();
        self.seeds.sort_unstable();
        self.seeds.dedup();
        // RFC 3339 in UTC with whole seconds sorts as text.
        let starts = rows
            .iter()
            .map(|row| &row.started_at)
            .filter(|time| !time.is_empty());
        self.started_at = starts.min().cloned().unwrap_or_default();
        self.finished_at = rows
            .iter()
            .map(|row| &row.finished_at)
            .max()
            .cloned()
            .unwrap_or_default();
    }
}

impl Manifest {
    /// One of two results of a sweep that are brought together, the same whichever is named first: what was asked is that
    /// of the one whose last trial ended later, and data are those of both. What the rows know is
    /// [described](Self::describe) anew.
    #[must_use]
    pub fn united(self, other: Self) -> Self {
        let key = |own: &Self| {
            let asked = (
                &own.question,
                &own.tags,
                &own.notes,
                &own.command,
                &own.overrides,
            );
            let how = (&own.measure, &own.provenance, own.threads);
            let text = serde_json::to_string(&(asked, how)).unwrap_or_default();
            (own.finished_at.clone(), text)
        };
        let (mut last, first) = if key(&self) >= key(&other) {
            (self, other)
        } else {
            (other, self)
        };
        let add = |into: &mut BTreeMap<_, _>, more: BTreeMap<_, _>| {
            for (name, digest) in more {
                into.entry(name).or_insert(digest);
            }
        };
        add(&mut last.data, first.data);
        add(&mut last.included, first.included);
        for (settings, files) in first.sources {
            last.sources.entry(settings).or_insert(files);
        }
        last.planned = last.planned.max(first.planned);
        // A part of a sweep may have been run without its baseline.
        if last.baseline.is_empty() {
            last.baseline = first.baseline;
        }
        last
    }
}

/// A command line fit to be committed: the folders above absolute paths, which say more of a
/// machine than of the run, are replaced by an ellipsis.
pub fn tidy_command(arguments: impl IntoIterator<Item = String>) -> Vec<String> {
    arguments
        .into_iter()
        .map(|argument| tidy(&argument))
        .collect()
}

fn tidy(argument: &str) -> String {
    let (flag, value) = match argument.split_once('=') {
        Some((flag, value)) => (format!("{flag}="), value),
        None => (String::new(), argument),
    };
    let path = std::path::Path::new(value);
    match path.file_name() {
        Some(name) if path.is_absolute() => format!("{flag}…/{}", name.to_string_lossy()),
        _ => argument.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_program_that_ran_trials_is_named_with_how_many_it_ran() {
        let row = |sha: &str, dirty| TrialRow {
            git_sha: Some(sha.to_owned()),
            git_dirty: Some(dirty),
            ..TrialRow::default()
        };
        let rows = [row("a", false), row("b", true), row("b", true)];
        let told: Vec<_> = RanBy::of(&rows)
            .into_iter()
            .map(|ran| (ran.git_sha.unwrap(), ran.git_dirty, ran.trials))
            .collect();
        let expected = [
            ("b".to_owned(), Some(true), 2),
            ("a".to_owned(), Some(false), 1),
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn of_two_manifests_the_later_one_speaks_and_a_baseline_is_kept() {
        let part = |finished_at: &str, question: &str, baseline: &[(&str, &str)]| Manifest {
            finished_at: finished_at.to_owned(),
            question: Some(question.to_owned()),
            planned: Some(3),
            baseline: baseline
                .iter()
                .map(|(axis, value)| ((*axis).to_owned(), (*value).to_owned()))
                .collect(),
            ..Manifest::default()
        };
        let first = part("2026-01-01T00:00:00Z", "first?", &[("strategy", "top1")]);
        let last = part("2026-01-02T00:00:00Z", "last?", &[]);
        let united = first.clone().united(last.clone());
        assert_eq!(united, last.clone().united(first.clone()));
        assert_eq!(united.question.as_deref(), Some("last?"));
        assert_eq!(united.baseline, first.baseline);
        assert_eq!(united.clone().united(first), united);
    }

    #[test]
    fn only_absolute_paths_are_shortened() {
        let command = [
            "/home/a/target/release/xp",
            "sweep",
            "unified",
            "--data-dir=/data/sets",
            "--set",
            "train.steps=2",
            "experiments/a.toml",
        ];
        let tidied = tidy_command(command.map(str::to_owned));
        assert_eq!(
            tidied,
            [
                "…/xp",
                "sweep",
                "unified",
                "--data-dir=…/sets",
                "--set",
                "train.steps=2",
                "experiments/a.toml"
            ]
        );
    }
}
