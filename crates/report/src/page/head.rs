//! What a reader must know before the numbers: what is missing, and what weakens them.

use runstore::{Collected, Manifest, tables::TrialStatus};

use crate::cells::{Cell, trials};
use crate::headline::Headline;
use crate::speeds::Speeds;

/// How many trials and cells there are, and how trials ended.
pub(super) fn counts(collected: &Collected, cells: &[Cell]) -> String {
    let of = |status| trials(collected).filter(|row| row.status == status).count();
    let mut parts = vec![format!(
        "{} finished trials in {} cells",
        of(TrialStatus::Done),
        cells.len()
    )];
    let lost = [
        TrialStatus::Diverged,
        TrialStatus::Stopped,
        TrialStatus::Failed,
    ]
    .into_iter()
    .filter(|status| of(*status) > 0);
    parts.extend(lost.map(|status| format!("{} {status}", of(status))));
    parts.join(", ")
}

/// Sentences, the gravest first; none where nothing is amiss.
pub(super) fn cautions(
    collected: &Collected,
    manifest: &Manifest,
    cells: &[Cell],
    speeds: Option<&Speeds>,
) -> Vec<String> {
    let parts = [
        outstanding(collected, manifest),
        overridden(manifest),
        uncommitted(collected),
        few_seeds(cells),
        not_ranked_by(manifest, cells),
        speeds.and_then(Speeds::warning),
    ];
    let mut cautions: Vec<String> = parts.into_iter().flatten().collect();
    let rows = collected.trials.iter();
    let data: std::collections::BTreeSet<String> =
        rows.filter_map(|row| row.data_warnings.clone()).collect();
    cautions.extend(data);
    cautions
}

fn outstanding(collected: &Collected, manifest: &Manifest) -> Option<String> {
    let planned = manifest.planned.unwrap_or_default() as usize;
    let outstanding = planned.saturating_sub(collected.trials.len());
    (outstanding > 0).then(|| {
        format!(
            "{outstanding} of {planned} trials are outstanding: this is not the whole sweep yet."
        )
    })
}

fn overridden(manifest: &Manifest) -> Option<String> {
    let overrides = manifest.overrides.join(" ");
    (!overrides.is_empty())
        .then(|| format!("Asked with other settings than the sweep file has: {overrides}."))
}

fn uncommitted(collected: &Collected) -> Option<String> {
    let all = collected.trials.len();
    let rows = collected.trials.iter();
    let dirty = rows.filter(|row| row.git_dirty == Some(true)).count();
    (dirty > 0)
        .then(|| format!("{dirty} of {all} trials ran from source that differed from its commit."))
}

/// What the sweep asks to be ranked by, where no cell has it or cells cannot be ranked by it.
fn not_ranked_by(manifest: &Manifest, cells: &[Cell]) -> Option<String> {
    let asked = manifest.measure.as_deref()?;
    let own = Headline::of(cells, Some(asked));
    if cells.is_empty() || own.is_some_and(|own| own.column == asked) {
        return None;
    }
    let instead = own.map_or(
        "so that nothing is ranked",
        |_| "so that another measure ranks",
    );
    Some(format!(
        "The sweep asks to rank by {asked}, which these cells cannot be ranked by, {instead}."
    ))
}

fn few_seeds(cells: &[Cell]) -> Option<String> {
    let marked = cells.iter().filter(|cell| cell.is_marked()).count();
    (marked > 0).then(|| {
        let enough = metrics::statistics::ENOUGH_SAMPLES;
        let cells = cells.len();
        format!(
            "{marked} of {cells} cells (†) have fewer than {enough} finished seeds: their interval, where there is \
             one, says little."
        )
    })
}

#[cfg(test)]
mod tests {
    use runstore::tables::TrialRow;

    use super::*;
    use crate::{summary, unnamed};

    #[test]
    fn what_weakens_the_numbers_is_said() {
        let row = |seed, dirty| TrialRow {
            trial_id: format!("t{seed}"),
            job: "train".to_owned(),
            status: TrialStatus::Done,
            seed,
            git_dirty: Some(dirty),
            ..TrialRow::default()
        };
        let collected = Collected {
            trials: vec![row(1, true), row(2, false)],
            ..Collected::default()
        };
        let manifest = Manifest {
            planned: Some(5),
            overrides: vec!["k=1".to_owned()],
            ..Manifest::default()
        };
        let cells = summary(&collected, unnamed);
        let cautions = cautions(&collected, &manifest, &cells, None);
        let expected = [
            "3 of 5 trials are outstanding: this is not the whole sweep yet.",
            "Asked with other settings than the sweep file has: k=1.",
            "1 of 2 trials ran from source that differed from its commit.",
            "1 of 1 cells (†) have fewer than 3 finished seeds: their interval, where there is one, says little.",
        ];
        assert_eq!(cautions, expected);
        assert_eq!(counts(&collected, &cells), "2 finished trials in 1 cells");
    }
}
