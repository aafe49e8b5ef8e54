//! The table for people, and what it comes to.

use runstore::tables::PeerRow;

/// One column: its heading and whether it holds numbers.
pub const COLUMNS: [(&str, bool); 8] = [
    ("case", false),
    ("precision", false),
    ("PyTorch program", false),
    ("ours, ms (p10 to p90)", true),
    ("PyTorch, ms (p10 to p90)", true),
    ("ratio", true),
    ("of memcpy, ours / PyTorch", true),
    ("largest difference", true),
];

/// The cells of a row, under [`COLUMNS`].
#[must_use]
pub fn cells(row: &PeerRow) -> Vec<String> {
    let precision = if row.precision == row.ours_precision {
        row.precision.clone()
    } else {
        format!("ours {}, theirs {}", row.ours_precision, row.precision)
    };
    let theirs = match &row.reason {
        Some(reason) => format!("{}: {reason}", row.status),
        None => spread(row.theirs_ms, row.theirs_ms_p10, row.theirs_ms_p90),
    };
    let percent = |share: Option<f64>| share.map(|share| format!("{:.0} %", share * 100.0));
    vec![
        row.case.clone(),
        precision,
        row.variant.clone(),
        spread(row.ours_ms, row.ours_ms_p10, row.ours_ms_p90),
        theirs,
        row.ratio
            .map_or_else(String::new, |ratio| format!("{ratio:.2}")),
        percent(row.ours_memcpy_share).map_or_else(String::new, |ours| {
            let theirs = percent(row.theirs_memcpy_share).unwrap_or_else(|| "-".to_owned());
            format!("{ours} / {theirs}")
        }),
        row.worst_difference
            .map_or_else(String::new, |worst| format!("{worst:.1e}")),
    ]
}

fn spread(median: Option<f64>, p10: Option<f64>, p90: Option<f64>) -> String {
    let (Some(median), Some(p10), Some(p90)) = (median, p10, p90) else {
        return "-".to_owned();
    };
    // Three digits that mean something, whatever the size.
    let digits = match median {
        m if m >= 100.0 => 0,
        m if m >= 10.0 => 1,
        m if m >= 1.0 => 2,
        _ => 3,
    };
    format!("{median:.digits$} ({p10:.digits$} to {p90:.digits$})")
}

/// For every case and precision, us against the fastest PyTorch program that agreed; and what the
/// mixture costs over the dense network of the same active arithmetic.
#[must_use]
pub fn findings(rows: &[PeerRow]) -> Vec<String> {
    let mut found = Vec::new();
    let mut seen: Vec<(&str, &str)> = Vec::new();
    for row in rows {
        let key = (row.case.as_str(), row.precision.as_str());
        if seen.contains(&key) {
            continue;
        }
        seen.push(key);
        let Some(best) = fastest(rows, key.0, key.1) else {
            continue;
        };
        let (Some(ours), Some(theirs), Some(ratio)) = (best.ours_ms, best.theirs_ms, best.ratio)
        else {
            continue;
        };
        found.push(format!(
            "{} {}: {ratio:.2} times the speed of PyTorch's fastest, {} ({ours:.2} ms against {theirs:.2} ms)",
            key.0, key.1, best.variant
        ));
    }
    for precision in ["f32", "bf16"] {
        found.extend(over_dense(rows, precision));
    }
    found
}

/// Our layer's time over that of the dense network, ours and PyTorch's.
fn over_dense(rows: &[PeerRow], precision: &str) -> Option<String> {
    let layer = fastest(rows, "layer", precision)?.ours_ms?;
    let dense = fastest(rows, "ffn", precision)?;
    let (ours, theirs) = (dense.ours_ms?, dense.theirs_ms?);
    Some(format!(
        "layer {precision}: {:.2} times the time of our dense network of equal active arithmetic \
         ({layer:.2} ms against {ours:.2} ms), {:.2} times that of PyTorch's ({theirs:.2} ms)",
        layer / ours,
        layer / theirs
    ))
}

fn fastest<'a>(rows: &'a [PeerRow], case: &str, precision: &str) -> Option<&'a PeerRow> {
    rows.iter()
        .filter(|row| row.case == case && row.precision == precision && row.theirs_ms.is_some())
        .min_by(|a, b| {
            a.theirs_ms
                .unwrap_or(f64::MAX)
                .total_cmp(&b.theirs_ms.unwrap_or(f64::MAX))
        })
}

/// The text of `peers.md`.
#[must_use]
pub fn markdown(rows: &[PeerRow]) -> String {
    let mut text = INTRODUCTION.trim_start().to_owned();
    if let Some(row) = rows.iter().max_by(|a, b| a.started_at.cmp(&b.started_at)) {
        text.push_str(&format!("\n{}\n", conditions(row)));
    }
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let names = COLUMNS.map(|(name, _)| name.to_owned());
    let rules = COLUMNS.map(|(_, number)| if number { "--:" } else { "---" }.to_owned());
    text.push('\n');
    text.push_str(&line(&names));
    text.push_str(&format!("|{}|\n", rules.join("|")));
    for row in rows {
        let cells: Vec<String> = cells(row)
            .iter()
            .map(|cell| cell.replace('|', "/"))
            .collect();
        text.push_str(&line(&cells));
    }
    text.push('\n');
    for finding in findings(rows) {
        text.push_str(&format!("- {finding}\n"));
    }
    text
}

const INTRODUCTION: &str = "
<!-- Written by `xp bench peers`. -->

# Ours and PyTorch, side by side

Both sides did the same work on the same weights and inputs in one run, with as many threads each,
taking turns; outputs and gradients were compared before anything was timed. Times are medians over
the samples, with the 10th and 90th percentile; the ratio is PyTorch's median over ours, so above 1
we are faster. `peers.parquet` has every row in full.
";

fn conditions(row: &PeerRow) -> String {
    let or = |text: &Option<String>| text.clone().unwrap_or_else(|| "unknown".to_owned());
    let load = |load: Option<f64>| load.map_or_else(|| "?".to_owned(), |load| format!("{load:.1}"));
    let commit = match (&row.git_sha, row.git_dirty) {
        (Some(sha), Some(true)) => format!("{}, with changes", &sha[..sha.len().min(12)]),
        (Some(sha), _) => sha[..sha.len().min(12)].to_owned(),
        (None, _) => "unknown".to_owned(),
    };
    format!(
        "Last run {}: {} on {}, {} threads, PyTorch {}, Python {}, Burn {}, {}, commit {commit}, {} samples after {}, load average {} to {}.",
        row.started_at,
        or(&row.device_name),
        or(&row.cpu_model),
        row.threads,
        or(&row.torch),
        or(&row.python),
        or(&row.burn_version),
        or(&row.rustc),
        row.samples,
        row.warmup,
        load(row.load_before),
        load(row.load_after),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(case: &str, variant: &str, ours: f64, theirs: Option<f64>) -> PeerRow {
        PeerRow {
            case: case.to_owned(),
            precision: "f32".to_owned(),
            ours_precision: "f32".to_owned(),
            variant: variant.to_owned(),
            status: if theirs.is_some() {
                "timed"
            } else {
                "unavailable"
            }
            .to_owned(),
            reason: theirs.is_none().then(|| "not | here".to_owned()),
            ours_ms: Some(ours),
            ours_ms_p10: Some(ours),
            ours_ms_p90: Some(ours),
            theirs_ms: theirs,
            theirs_ms_p10: theirs,
            theirs_ms_p90: theirs,
            ratio: theirs.map(|theirs| theirs / ours),
            ..PeerRow::default()
        }
    }

    #[test]
    fn findings_compare_with_the_fastest_and_with_the_dense_network() {
        let rows = [
            row("layer", "loop", 10.0, Some(30.0)),
            row("layer", "bmm", 10.0, Some(15.0)),
            row("layer", "grouped", 10.0, None),
            row("ffn", "dense", 8.0, Some(5.0)),
        ];
        let found = findings(&rows);
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found[0].starts_with("layer f32: 1.50 times the speed of PyTorch's fastest, bmm"));
        assert!(found[1].starts_with("ffn f32: 0.62 times"), "{found:?}");
        // 10 / 8 and 10 / 5.
        assert!(
            found[2].contains("1.25 times the time of our dense"),
            "{found:?}"
        );
        assert!(
            found[2].contains("2.00 times that of PyTorch's"),
            "{found:?}"
        );
    }

    #[test]
    fn a_program_that_was_not_timed_says_why_without_breaking_the_table() {
        let text = markdown(&[row("layer", "grouped", 10.0, None)]);
        let line = text
            .lines()
            .find(|line| line.starts_with("| layer"))
            .expect("a row");
        assert!(line.contains("unavailable: not / here"), "{line}");
        assert_eq!(line.matches('|').count(), COLUMNS.len() + 1, "{line}");
    }
}
