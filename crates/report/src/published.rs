//! The routers of arXiv 2506.16419 beside ours: what its tables print, and the settings that give it.
//!
//! The paper names few of its settings. Those here were found by trying what its parameter counts and statistics allow;
//! where nothing was found that gives both, the row says so.

use metrics::{MeanInterval, two_sample::difference_half_width};

use super::axes::leaves;
use super::cells::Cell;
use super::format::{grouped, interval, significant};
use crate::jobs;

/// A row of the paper's tables.
struct Published {
    /// What the paper calls it, and which form of it this is.
    name: &'static str,
    /// The scorer or strategy here.
    router: &'static str,
    /// Settings that it must have, beside the sizes.
    settings: &'static [(&'static str, &'static str)],
    /// What its input was multiplied by.
    scale: f64,
    parameters: Option<u64>,
    entropy: f64,
    top_2: f64,
    /// What is known.
    remark: &'static str,
}

const NORMAL: f64 = 1.0;
const SUPPLEMENT: f64 = 0.29;

const MLP_SETTINGS: [(&str, &str); 3] = [
    ("router.scorer.mlp.hidden", "128"),
    ("router.scorer.mlp.activation", "gelu"),
    ("router.scorer.mlp.init-std", "0.02"),
];
const HYBRID: &[(&str, &str)] = &[
    ("router.scorer.hybrid.mix", "probability"),
    ("router.scorer.hybrid.attention.qk-dim", "64"),
    ("router.scorer.hybrid.linear.init-std", "0.02"),
];
const LINEAR: &[(&str, &str)] = &[
    ("router.scorer.linear.bias", "false"),
    ("router.scorer.linear.init-std", "0.02"),
];
const MLP: &[(&str, &str)] = &[
    MLP_SETTINGS[0],
    MLP_SETTINGS[1],
    MLP_SETTINGS[2],
    ("router.scorer.mlp.input-norm", "true"),
];
const MLP_PLAIN: &[(&str, &str)] = &[
    MLP_SETTINGS[0],
    MLP_SETTINGS[1],
    MLP_SETTINGS[2],
    ("router.scorer.mlp.input-norm", "false"),
];

const PAPER: [Published; 10] = [
    Published {
        name: "Linear",
        router: "linear",
        settings: LINEAR,
        scale: NORMAL,
        parameters: Some(6144),
        entropy: 1.9513,
        top_2: 0.2129,
        remark: "Weights N(0, 0.02²), no bias. The default start of PyTorch's linear layer gives another entropy.",
    },
    Published {
        name: "Attention",
        router: "attention",
        settings: &[
            ("router.scorer.attention.qk-dim", "64"),
            ("router.scorer.attention.normalise", "true"),
        ],
        scale: NORMAL,
        parameters: Some(49_664),
        entropy: 2.0793,
        top_2: 0.1273,
        remark: "Queries and centroids of length 1, then divided by √64, T = 1: no logit exceeds 1/8, whatever is learned.",
    },
    Published {
        name: "MLP",
        router: "mlp",
        settings: MLP,
        scale: NORMAL,
        parameters: Some(101_000),
        entropy: 2.0769,
        top_2: 0.1361,
        remark: "128 wide, GELU, weights N(0, 0.02²). The count holds a layer norm that the paper's equations 4 and 5 lack.",
    },
    Published {
        name: "MLP without layer norm",
        router: "mlp",
        settings: MLP_PLAIN,
        scale: NORMAL,
        parameters: Some(101_000),
        entropy: 2.0769,
        top_2: 0.1361,
        remark: "Equations 4 and 5 as they stand. The statistics do not tell the two apart, the count does.",
    },
    Published {
        name: "Hybrid",
        router: "hybrid",
        settings: HYBRID,
        scale: NORMAL,
        parameters: Some(55_810),
        entropy: 2.0476,
        top_2: 0.1686,
        remark: "Half the probabilities of each; two learned weights. A mixture of logits is further off.",
    },
    Published {
        name: "MLP-Hadamard by equations 6 to 8",
        router: "mlp-hadamard",
        settings: &[
            ("router.scorer.mlp-hadamard.variant", "projection"),
            ("router.scorer.mlp-hadamard.hidden", "128"),
        ],
        scale: NORMAL,
        parameters: Some(101_000),
        entropy: 1.1003,
        top_2: 0.4152,
        remark: "Not identified: the equations have more parameters than printed and stay near uniform.",
    },
    Published {
        name: "MLP-Hadamard, Walsh-Hadamard form",
        router: "mlp-hadamard",
        settings: &[
            ("router.scorer.mlp-hadamard.variant", "walsh-hadamard"),
            ("router.scorer.mlp-hadamard.hidden", "128"),
            ("router.scorer.mlp-hadamard.normalised", "false"),
        ],
        scale: NORMAL,
        parameters: Some(101_000),
        entropy: 1.1003,
        top_2: 0.4152,
        remark: "Not identified: a fixed transform, not normalised, has the printed count and comes near both numbers.",
    },
    Published {
        name: "Linear",
        router: "linear",
        settings: LINEAR,
        scale: SUPPLEMENT,
        parameters: None,
        entropy: 2.0680,
        top_2: 0.1486,
        remark: "The supplement does not name its input; a scale of 0.29 fits its rows.",
    },
    Published {
        name: "MLP without layer norm",
        router: "mlp",
        settings: MLP_PLAIN,
        scale: SUPPLEMENT,
        parameters: None,
        entropy: 2.0793,
        top_2: 0.1277,
        remark: "With a layer norm the scale of the input would not matter: the supplement's MLP had none at work, against \
                 the printed count.",
    },
    Published {
        name: "Hybrid",
        router: "hybrid",
        settings: HYBRID,
        scale: SUPPLEMENT,
        parameters: None,
        entropy: 2.0767,
        top_2: 0.1368,
        remark: "As above.",
    },
];

const HASH: &str = "Printed by construction: one expert has all of the probability, and the second largest is 0. Ours \
                    scores nothing, so that it has neither entropy nor probability.";

/// A row for each row of the paper that the cells can be held against; none where the sweep asks something else.
pub(super) fn rows(cells: &[Cell]) -> Vec<[String; 10]> {
    let mut rows: Vec<[String; 10]> = PAPER
        .iter()
        .filter_map(|paper| Some(row(paper, find(cells, paper)?)))
        .collect();
    let hash = |cell: &&Cell| fits(cell, NORMAL) && cell.example.scorer.is_none();
    if let (false, Some(cell)) = (rows.is_empty(), largest(cells.iter().filter(hash))) {
        let texts = [
            "Hash",
            "1.0",
            "0",
            &count(cell),
            "0.0000",
            "–",
            "0.5000",
            "–",
            "–",
            HASH,
        ];
        rows.push(texts.map(str::to_owned));
    }
    rows
}

/// Whether a cell has the paper's sizes and input.
fn fits(cell: &Cell, scale: f64) -> bool {
    let row = &cell.example;
    (row.job.as_str(), row.hidden_source.as_deref()) == (jobs::ROUTER, Some("random"))
        && (row.dim, row.experts, row.top_k) == (Some(768), Some(8), Some(2))
        && row.input_scale == Some(scale)
        && !cell.done.is_empty()
}

fn find<'a>(cells: &'a [Cell], paper: &Published) -> Option<&'a Cell> {
    let same = |cell: &&Cell| {
        if !fits(cell, paper.scale) || cell.example.router.as_deref() != Some(paper.router) {
            return false;
        }
        let document: serde_json::Value =
            serde_json::from_str(&cell.example.settings).unwrap_or_default();
        let settings = leaves(&document["settings"]);
        let has =
            |(path, value): &(&str, &str)| settings.get(*path).is_some_and(|own| own == value);
        paper.settings.iter().all(has)
    };
    largest(cells.iter().filter(same))
}

/// The cell of the largest batch.
fn largest<'a>(cells: impl Iterator<Item = &'a Cell>) -> Option<&'a Cell> {
    cells.max_by_key(|cell| cell.example.tokens)
}

fn row(paper: &Published, cell: &Cell) -> [String; 10] {
    let (entropy, top_2) = (
        cell.measure("router_entropy"),
        cell.measure("mean_top_k_prob"),
    );
    let shown = |own: Option<&MeanInterval>| own.map_or_else(|| "–".to_owned(), interval);
    let agree = [(entropy, paper.entropy), (top_2, paper.top_2)].map(|(own, printed)| {
        own.and_then(|own| agrees(own, printed))
            .map_or("unknown", |agrees| if agrees { "yes" } else { "no" })
    });
    let agree = if agree[0] == agree[1] {
        agree[0].to_owned()
    } else {
        format!("entropy {}, probability {}", agree[0], agree[1])
    };
    [
        paper.name.to_owned(),
        significant(paper.scale, 2),
        paper
            .parameters
            .map_or_else(|| "–".to_owned(), |count| grouped(&count.to_string())),
        count(cell),
        format!("{:.4}", paper.entropy),
        shown(entropy),
        format!("{:.4}", paper.top_2),
        shown(top_2),
        agree,
        paper.remark.to_owned(),
    ]
}

fn count(cell: &Cell) -> String {
    cell.mean("params_router")
        .map_or_else(|| "–".to_owned(), |count| grouped(&format!("{count:.0}")))
}

/// Whether two means over as many repetitions, one of them printed with four decimals, may be of one distribution;
/// `None` where ours has no interval.
fn agrees(own: &MeanInterval, printed: f64) -> Option<bool> {
    // Print gives no spread: the paper's is taken to be ours.
    let half_width = difference_half_width(own, own)?;
    Some((own.mean - printed).abs() <= half_width + 0.000_05)
}

#[cfg(test)]
mod tests {
    use super::super::{cells::summary, sample, unnamed};
    use super::*;

    #[test]
    fn a_printed_number_agrees_within_the_spread_of_two_means() {
        let own = |half_width| MeanInterval {
            mean: 1.0,
            half_width,
            n: 5,
        };
        // sqrt(2) * 2.30600 / 2.77645 * 0.01 + 0.00005 = 0.01180: the spread has 8 degrees of freedom and not 4.
        assert_eq!(agrees(&own(Some(0.01)), 1.0117), Some(true));
        assert_eq!(agrees(&own(Some(0.01)), 1.0119), Some(false));
        assert_eq!(agrees(&own(None), 1.0), None);
    }

    #[test]
    fn rows_are_found_by_their_settings_at_the_largest_batch() {
        let cells = summary(&sample::routers(), unnamed);
        let rows = rows(&cells);
        let names: Vec<_> = rows
            .iter()
            .map(|row| (row[0].as_str(), row[1].as_str()))
            .collect();
        assert_eq!(
            names,
            [("Linear", "1.0"), ("Linear", "0.29"), ("Hash", "1.0")]
        );
        assert_eq!((rows[0][2].as_str(), rows[0][3].as_str()), ("6144", "6144"));
        assert_eq!(rows[0][4], "1.9513");
        assert!(rows[0][5].starts_with("1.9"), "{:?}", rows[0]);
        assert_eq!(rows[2][3], "0");
    }

    #[test]
    fn other_sweeps_are_not_held_against_the_paper() {
        assert!(rows(&summary(&sample::unified(), unnamed)).is_empty());
    }
}
