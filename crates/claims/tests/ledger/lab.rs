//! Results made by hand, written as `xp` writes them.

use std::path::Path;

use claims::{Ledger, Outcome, Place, parse_claims};
use runstore::tables::{CellTable, TrialRow, TrialStatus};
use runstore::{Collected, Manifest, ResultsWriter, TrialId};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A folder of results.
pub(crate) struct Lab(TempDir);

impl Lab {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    pub(crate) fn place(&self) -> Place {
        Place {
            root: self.0.path().to_owned(),
            scale: "cpu".to_owned(),
            device: "cpu".to_owned(),
        }
    }

    /// Writes the results of a sweep.
    pub(crate) fn write(&self, sweep: &str, collected: &Collected) {
        let folder = self.place().folder(sweep);
        let mut writer = ResultsWriter::create(&folder).expect("a folder");
        writer
            .put_tables(collected, &CellTable::default(), &Manifest::default())
            .expect("tables");
        writer.commit().expect("written");
    }

    /// Trials of the sweep `unified` alone.
    pub(crate) fn trials(&self, trials: Vec<TrialRow>) {
        let collected = Collected {
            trials,
            ..Collected::default()
        };
        self.write("unified", &collected);
    }

    /// What becomes of the claims of a text.
    pub(crate) fn ask(&self, text: &str) -> Ledger {
        let claims = parse_claims(text, Path::new("claims.toml")).expect("claims");
        Ledger::ask(&claims, &self.place())
            .expect("results")
            .expect("some results")
    }

    /// What becomes of the only claim of a text.
    pub(crate) fn verdict(&self, text: &str) -> Outcome {
        self.ask(text).claims.remove(0)
    }
}

/// A finished trial of `unified`.
pub(crate) fn trial(strategy: &str, seed: u64, perplexity: f64) -> TrialRow {
    with_settings(strategy, seed, perplexity, json!({}))
}

/// A finished trial with settings.
pub(crate) fn with_settings(
    strategy: &str,
    seed: u64,
    perplexity: f64,
    settings: Value,
) -> TrialRow {
    let settings = json!({ "strategy": strategy, "seed": seed, "settings": settings });
    TrialRow {
        trial_id: TrialId::of(&settings, &[].into()).full(),
        sweep: "unified".to_owned(),
        job: "train".to_owned(),
        status: TrialStatus::Done,
        strategy: Some(strategy.to_owned()),
        seed,
        settings: settings.to_string(),
        perplexity: Some(perplexity),
        cell: Some(strategy.to_owned()),
        git_sha: Some("0123456789abcdef".to_owned()),
        ..TrialRow::default()
    }
}

/// Trials of one strategy, with seeds from 17 on.
pub(crate) fn cell(strategy: &str, perplexities: &[f64]) -> Vec<TrialRow> {
    let seeds = 17..;
    seeds
        .zip(perplexities)
        .map(|(seed, own)| trial(strategy, seed, *own))
        .collect()
}

/// A claim of the sweep `unified` with a test.
pub(crate) fn claim(id: &str, rest: &str) -> String {
    format!(
        "[[claim]]\nid = '{id}'\ntitle = 'a title'\nsays = 'A sentence.'\nsource = 'A source, page 1'\n\
         sweep = 'unified'\nmeasure = 'perplexity'\n{rest}\n"
    )
}

/// Top-1 is below hash.
pub(crate) fn less(id: &str) -> String {
    claim(
        id,
        "test.less = { of = { strategy = 'top1' }, than = { strategy = 'hash' } }",
    )
}
