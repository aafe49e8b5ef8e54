//! An axis of a sweep as a figure tells it apart: the values it takes, what each is called and looks like.

use std::collections::{BTreeMap, BTreeSet};

use super::theme::Look;
use crate::axes::{Setting, axis_label, is_dense, value_label};
use crate::cells::Cell;

/// The strategies' own colours: the same in every figure of every sweep.
const STRATEGY_COLOURS: [&str; 6] = [
    "top1",
    "hard-top-k",
    "soft-top-k",
    "hash",
    "expert-choice",
    "random",
];

/// An axis and the values it takes, in order.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Axis {
    name: String,
    /// Axes that its values tell too, since their values do not combine freely with its own.
    with: BTreeSet<String>,
    /// By value those of them on which cells of it differ.
    telling: BTreeMap<String, BTreeSet<String>>,
    values: Vec<Taken>,
}

/// A value that cells take, with what the axes told with it add.
#[derive(Debug, Clone, PartialEq)]
struct Taken {
    setting: Setting,
    more: String,
}

impl Axis {
    pub(super) fn of(name: &str, cells: &[&Cell]) -> Self {
        Self::with(name, BTreeSet::new(), cells)
    }

    /// The axis, and of the other ones those that it is not crossed with, which are taken out: settings
    /// that only some cells have, as one strategy's own, and those of which most pairs are missing.
    pub(super) fn of_uncrossed(name: &str, others: &mut Vec<String>, cells: &[&Cell]) -> Self {
        let own = Self::of(name, cells);
        let is_crossed = |other: &String| {
            let routed = cells.iter().filter(|cell| !cell.is_dense());
            let all_have = routed.clone().all(|cell| cell.has(other));
            let pair = |cell: &&Cell| (cell.setting(name).text, cell.setting(other).text);
            let pairs: BTreeSet<(String, String)> = routed.map(pair).collect();
            all_have && 2 * pairs.len() > own.len() * Self::of(other, cells).len()
        };
        let with = others.extract_if(.., |other| !is_crossed(other)).collect();
        Self::with(name, with, cells)
    }

    fn with(name: &str, with: BTreeSet<String>, cells: &[&Cell]) -> Self {
        let mut axis = Self {
            name: name.to_owned(),
            telling: telling(name, &with, cells),
            with,
            values: Vec::new(),
        };
        // A routed cell without the setting has its usual value.
        for cell in cells
            .iter()
            .filter(|cell| !cell.is_dense() || cell.has(name))
        {
            let taken = axis.taken(cell);
            if !axis.values.contains(&taken) {
                axis.values.push(taken);
            }
        }
        axis.values
            .sort_by(|a, b| a.setting.order(&b.setting).then(a.more.cmp(&b.more)));
        axis
    }

    fn taken(&self, cell: &Cell) -> Taken {
        let setting = cell.setting(&self.name);
        let telling = self.telling.get(&setting.text);
        let tells = |axis: &str| telling.is_some_and(|own| own.contains(axis));
        Taken {
            more: cell.label_of(tells),
            setting,
        }
    }

    /// How many values it takes.
    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    /// The place of the cell's value.
    pub(super) fn index(&self, cell: &Cell) -> usize {
        let taken = self.taken(cell);
        self.values
            .iter()
            .position(|value| *value == taken)
            .unwrap_or(0)
    }

    /// Whether the cell has one of the values, so that its look tells which.
    pub(super) fn is_told(&self, cell: &Cell) -> bool {
        self.values.contains(&self.taken(cell))
    }

    /// Whether the cell has the setting.
    pub(super) fn is_of(&self, cell: &Cell) -> bool {
        cell.has(&self.name)
    }

    /// What a value looks like by its colour and marker; dense networks have marks of their own.
    pub(super) fn look(&self, index: usize) -> Look {
        match (self.name.as_str(), self.text(index)) {
            ("strategy", "dense-total") => Look::dense(None),
            ("strategy", dense) if is_dense(dense) => {
                let smaller = (0..index).filter(|&other| is_dense(self.text(other)));
                Look::dense(Some(smaller.count()))
            }
            _ => Look::PLAIN.hue(self.hue(index)),
        }
    }

    /// The colour of a value; strategies keep theirs whichever of them are in the sweep.
    fn hue(&self, index: usize) -> usize {
        if self.name != "strategy" {
            return index;
        }
        self.known(index).unwrap_or_else(|| {
            let is_newcomer =
                |&other: &usize| self.known(other).is_none() && !is_dense(self.text(other));
            STRATEGY_COLOURS.len() + (0..index).filter(is_newcomer).count()
        })
    }

    /// The place of a strategy among those of a colour of their own; of several of one strategy the first.
    fn known(&self, index: usize) -> Option<usize> {
        let text = self.text(index);
        let is_first = (0..index).all(|other| self.text(other) != text);
        let known = STRATEGY_COLOURS.iter().position(|&name| name == text);
        known.filter(|_| is_first)
    }

    fn text(&self, index: usize) -> &str {
        &self.values[index].setting.text
    }

    /// The heading of a legend.
    pub(super) fn title(&self) -> String {
        axis_label(&self.name)
    }

    /// A value on its own: `E = 64`.
    pub(super) fn label(&self, index: usize) -> String {
        value_label(&self.name, self.text(index))
    }

    /// The values below a heading that names the axis.
    pub(super) fn entries(&self) -> Vec<String> {
        let entry = |value: &Taken| {
            let own = bare_label(&self.name, &value.setting.text);
            match value.more.as_str() {
                "" => own,
                more => format!("{own}, {more}"),
            }
        };
        self.values.iter().map(entry).collect()
    }
}

/// By value of an axis, those of others on which the cells of that value differ.
fn telling(
    name: &str,
    others: &BTreeSet<String>,
    cells: &[&Cell],
) -> BTreeMap<String, BTreeSet<String>> {
    let mut seen: BTreeMap<(String, &String), BTreeSet<String>> = BTreeMap::new();
    for cell in cells {
        for other in others {
            let key = (cell.setting(name).text, other);
            seen.entry(key)
                .or_default()
                .insert(cell.setting(other).text);
        }
    }
    let mut telling: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for ((value, other), _) in seen.into_iter().filter(|(_, values)| values.len() > 1) {
        telling.entry(value).or_default().insert(other.clone());
    }
    telling
}

/// A value in a legend whose heading names the axis.
fn bare_label(axis: &str, value: &str) -> String {
    match axis {
        "capacity_factor" | "experts" | "top_k" | "packing" | "dispatch" | "load_shape"
        | "balancer" => value.to_owned(),
        _ if axis.contains('.') && value == "none" => "as usual".to_owned(),
        _ if axis.contains('.') => value.to_owned(),
        _ => value_label(axis, value)
            .trim_start_matches(&format!("{} ", axis_label(axis)))
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cells::summary, unnamed};
    use runstore::Collected;
    use runstore::tables::{TrialRow, TrialStatus};

    fn row(strategy: &str, balancer: &str, settings: &str) -> TrialRow {
        TrialRow {
            trial_id: format!("{strategy}-{balancer}-{settings}"),
            status: TrialStatus::Done,
            strategy: Some(strategy.to_owned()),
            balancer: Some(balancer.to_owned()),
            settings: format!(r#"{{"settings":{{"router":{{"strategy":{settings}}}}}}}"#),
            ..TrialRow::default()
        }
    }

    fn axis(rows: Vec<TrialRow>) -> (Axis, Vec<String>) {
        let collected = Collected {
            trials: rows,
            ..Collected::default()
        };
        let cells = summary(&collected, unnamed);
        let cells: Vec<&Cell> = cells.iter().collect();
        let mut others: Vec<String> = cells[0]
            .axes
            .iter()
            .map(|value| value.axis.clone())
            .collect();
        others.retain(|axis| axis != "strategy");
        (Axis::of_uncrossed("strategy", &mut others, &cells), others)
    }

    #[test]
    fn a_list_is_told_by_one_axis() {
        let (axis, others) = axis(vec![
            row("top1", "switch", r#""top1""#),
            row("top1", "bias", r#""top1""#),
            row("soft-moe", "none", r#"{"soft-moe":{"slots":1}}"#),
            row("soft-moe", "none", r#"{"soft-moe":{"slots":16}}"#),
            row("hash", "none", r#"{"hash":{"table":"random"}}"#),
            row("top-p", "none", r#"{"top-p":{"p":0.5}}"#),
            row(
                "top-p",
                "none",
                r#"{"top-p":{"p":0.5,"entropy-weight":0.1}}"#,
            ),
            row("relu", "none", r#""relu""#),
        ]);
        assert!(others.is_empty(), "{others:?}");
        assert_eq!(
            axis.entries(),
            [
                "top1, bias balancer",
                "top1, switch balancer",
                "hash",
                "relu",
                "soft-moe, slots 1",
                "soft-moe, slots 16",
                "top-p",
                "top-p, entropy-weight 0.1",
            ]
        );
    }

    #[test]
    fn a_grid_keeps_its_axes() {
        let rows = ["top1", "hash"].map(|name| {
            ["switch", "none"].map(|balancer| row(name, balancer, &format!("{name:?}")))
        });
        let (axis, others) = axis(rows.into_iter().flatten().collect());
        assert_eq!(others, ["balancer"]);
        assert_eq!(axis.entries(), ["top1", "hash"]);
    }
}
