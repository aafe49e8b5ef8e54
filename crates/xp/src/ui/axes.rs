//! The columns of a sweep's axes, in as few as tell its cells apart.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::jobs::ShortName;

/// An axis as a column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AxisColumn {
    /// The name it was given in the file.
    pub(super) heading: String,
    /// The dotted path of the setting.
    pub(super) path: String,
    /// The value in each row.
    pub(super) values: Vec<String>,
}

/// Puts one column of names in the place of all axes in a table that the job calls by one name, where the names tell
/// apart what the axes do. Names that follow from the other columns are left out, as in the report. `settings` are
/// those of each row.
pub(super) fn in_short(
    mut axes: Vec<AxisColumn>,
    called: &[ShortName],
    settings: &[Value],
) -> Vec<AxisColumn> {
    for name in called {
        let is_told = |axis: &AxisColumn| name.tells(&axis.path);
        let Some(first) = axes.iter().position(is_told) else {
            continue;
        };
        let names: Option<Vec<String>> = settings.iter().map(|own| name.of_settings(own)).collect();
        let Some(names) = names else {
            continue;
        };
        let told = axes.iter().filter(|axis| is_told(axis));
        if distinct(told, names.len()) > names.iter().collect::<BTreeSet<_>>().len() {
            continue;
        }
        axes.retain(|axis| !is_told(axis));
        axes.insert(
            first,
            AxisColumn {
                heading: name.table.to_owned(),
                path: name.table.to_owned(),
                values: names,
            },
        );
    }
    for name in called.iter().rev() {
        let others = axes.iter().filter(|axis| axis.path != name.table);
        let follows = distinct(others, settings.len()) == distinct(axes.iter(), settings.len());
        if follows && axes.len() > 1 {
            axes.retain(|axis| axis.path != name.table);
        }
    }
    axes
}

/// How many of so many rows these columns tell apart.
fn distinct<'a>(axes: impl Iterator<Item = &'a AxisColumn> + Clone, rows: usize) -> usize {
    let row = |row: usize| -> Vec<&String> { axes.clone().map(|axis| &axis.values[row]).collect() };
    (0..rows).map(row).collect::<BTreeSet<_>>().len()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::jobs::JobKind;

    fn axis(heading: &str, path: &str, values: [&str; 3]) -> AxisColumn {
        AxisColumn {
            heading: heading.to_owned(),
            path: path.to_owned(),
            values: values.map(str::to_owned).to_vec(),
        }
    }

    fn short(axes: &[AxisColumn], adapters: [Value; 3]) -> Vec<AxisColumn> {
        let settings = adapters.map(|adapter| json!({ "adapter": adapter }));
        in_short(axes.to_vec(), JobKind::Finetune.facts().called, &settings)
    }

    #[test]
    fn axes_of_one_table_share_a_column() {
        let axes = [
            axis("steps", "train.steps", ["4", "4", "4"]),
            axis("adapter", "adapter", ["none", "-", "-"]),
            axis(
                "variant",
                "adapter.perft.variant",
                ["-", "single", "single"],
            ),
            axis("rank", "adapter.perft.r", ["-", "8", "16"]),
        ];
        let single = |r: u32| json!({ "perft": { "r": r, "variant": { "single": {} } } });
        let columns = short(&axes, [json!({ "none": {} }), single(8), single(16)]);
        let names = ["none", "PERFT-S r 8", "PERFT-S r 16"];
        assert_eq!(
            columns,
            [axes[0].clone(), axis("adapter", "adapter", names)]
        );
    }

    #[test]
    fn a_name_that_follows_from_other_columns_is_left_out() {
        let axes = [
            axis("steps", "train.steps", ["1", "2", "3"]),
            axis("rank", "adapter.lora.r", ["8", "8", "16"]),
        ];
        let lora = |r: u32| json!({ "lora": { "r": r } });
        let columns = short(&axes, [lora(8), lora(8), lora(16)]);
        assert_eq!(columns, axes[..1]);
    }

    #[test]
    fn what_a_name_does_not_tell_keeps_its_column() {
        let axes = [axis("alpha", "adapter.lora.alpha", ["8", "16", "32"])];
        let lora = |alpha: u32| json!({ "lora": { "alpha": alpha } });
        assert_eq!(short(&axes, [lora(8), lora(16), lora(32)]), axes);
        let others = [axis("steps", "train.steps", ["1", "2", "3"])];
        assert_eq!(short(&others, [lora(8), lora(8), lora(8)]), others);
    }
}
