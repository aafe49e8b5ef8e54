//! A profile for people.

use runstore::tables::ProfileRow;

/// The headings of a list of operations or parts, and whether each holds numbers.
pub const COLUMNS: [(&str, bool); 6] = [
    ("where", false),
    ("calls", true),
    ("ms", true),
    ("of the step", true),
    ("GFLOP/s (of the measured rate)", true),
    ("GB/s (of the measured rate)", true),
];

/// A line of a list.
#[derive(Debug, Clone, Default, PartialEq)]
struct Line {
    name: String,
    calls: f64,
    own_ms: f64,
    share: f64,
    flops: f64,
    bytes: f64,
}

impl Line {
    fn add(&mut self, row: &ProfileRow) {
        self.calls += row.calls.unwrap_or(0.0);
        self.own_ms += row.own_ms.unwrap_or(0.0);
        self.share += row.own_share.unwrap_or(0.0);
        self.flops += row.flops.unwrap_or(0.0);
        self.bytes += row.bytes.unwrap_or(0.0);
    }

    fn cells(&self, step: &ProfileRow) -> Vec<String> {
        let rate = |amount: f64, reached: Option<f64>| {
            let (rate, reached) = (amount / self.own_ms / 1e6, reached.unwrap_or(f64::NAN));
            if amount > 0.0 {
                format!("{rate:.1} ({:.0} %)", 100.0 * rate / reached)
            } else {
                String::new()
            }
        };
        vec![
            self.name.clone(),
            format!("{:.0}", self.calls),
            format!("{:.2}", self.own_ms),
            format!("{:.1} %", 100.0 * self.share),
            rate(self.flops, step.product_gflop_per_s),
            rate(self.bytes, step.copy_gb_per_s),
        ]
    }
}

/// Operations and, as `rest of ...`, what each phase spends outside of them: largest first, under [`COLUMNS`].
#[must_use]
pub fn operations(rows: &[ProfileRow]) -> Vec<Vec<String>> {
    let Some(step) = rows.first() else {
        return Vec::new();
    };
    let mut lines: Vec<Line> = Vec::new();
    for row in rows {
        let name = if row.operation {
            row.name.clone()
        } else {
            format!("rest of {}", phase(&row.path))
        };
        let known = lines.iter().position(|line| line.name == name);
        let at = known.unwrap_or_else(|| {
            lines.push(Line {
                name,
                ..Line::default()
            });
            lines.len() - 1
        });
        lines[at].add(row);
    }
    lines.sort_by(|a, b| b.own_ms.total_cmp(&a.own_ms));
    lines.iter().map(|line| line.cells(step)).collect()
}

/// The phase that a span is in, or the step itself.
fn phase(path: &str) -> &str {
    path.split('/').nth(1).unwrap_or("step")
}

/// The phases and the parts of the model with what is inside them, in their order.
fn parts(rows: &[ProfileRow]) -> impl Iterator<Item = [String; 4]> {
    let parts = rows.iter().filter(|row| !row.operation);
    let whole = rows.first().and_then(|row| row.ms).unwrap_or(f64::NAN);
    parts.map(move |row| {
        let ms = row.ms.unwrap_or(f64::NAN);
        let indent = "&nbsp;&nbsp;".repeat(row.depth as usize);
        [
            format!("{indent}{}", row.name),
            format!("{:.0}", row.calls.unwrap_or(f64::NAN)),
            format!("{ms:.2}"),
            format!("{:.1} %", 100.0 * ms / whole),
        ]
    })
}

/// What a step came to, in a sentence or two.
#[must_use]
pub fn sentence(rows: &[ProfileRow]) -> String {
    let Some(step) = rows.first() else {
        return String::new();
    };
    let step_ms = step.step_ms.unwrap_or(f64::NAN);
    let mut text = format!(
        "A step of {} tokens in {}{} takes {step_ms:.1} ms: {:.0} tokens/s, {}, {:.0} page faults.",
        step.tokens,
        step.precision,
        if step.precision == step.ours_precision {
            ""
        } else {
            ", which this device multiplies as f32,"
        },
        step.tokens as f64 / step_ms * 1e3,
        match step.threads {
            1 => "one thread".to_owned(),
            threads => format!("{threads} threads"),
        },
        step.page_faults.unwrap_or(f64::NAN),
    );
    if let (Some(heard), Some(floor)) = (step.heard_ms, step.floor_ms) {
        let [product, copy] =
            [step.product_gflop_per_s, step.copy_gb_per_s].map(|rate| rate.unwrap_or(f64::NAN));
        text.push_str(&format!(
            " With somebody listening it takes {heard:.1} ms. Its products at {product:.0} GFLOP/s, which a large one \
             reaches here, and then its bytes at the {copy:.1} GB/s of a large copy, would take {floor:.1} ms: \
             {:.0} % of the step.",
            100.0 * floor / step_ms
        ));
    }
    text
}

/// The text of `profile.md`, of the profiles of some precisions.
#[must_use]
pub fn markdown(rows: &[ProfileRow]) -> String {
    let mut text = INTRODUCTION.trim_start().to_owned();
    for own in rows.chunk_by(|a, b| a.precision == b.precision) {
        let step = &own[0];
        text.push_str(&format!("\n## {}\n\n{}\n", step.precision, sentence(own)));
        text.push_str(&format!("\n{}\n", conditions(step)));
        text.push_str(&format!(
            "\n![The step as spans within spans](step_{}.svg)\n\n",
            step.precision
        ));
        let names: Vec<&str> = COLUMNS.iter().map(|(name, _)| *name).collect();
        let rules = COLUMNS.map(|(_, number)| if number { "--:" } else { "---" });
        text.push_str(&format!(
            "| {} |\n|{}|\n",
            names.join(" | "),
            rules.join("|")
        ));
        for cells in operations(own) {
            text.push_str(&format!("| {} |\n", cells.join(" | ")));
        }
        text.push_str(
            "\n| part | calls | ms with what is inside | of the step |\n|---|--:|--:|--:|\n",
        );
        for cells in parts(own) {
            text.push_str(&format!("| {} |\n", cells.join(" | ")));
        }
    }
    text
}

const INTRODUCTION: &str = "
<!-- Written by `xp bench step --profile`. -->

# Where a training step's time goes

Spans around the phases of TinyMoE's step, the parts of the model, and the operations of the CPU, from the
program itself; times are means over the steps that were listened to. An operation's arithmetic is that of its
products, its bytes are those of its tensors that it must read and write, each once. What has no span of its
own (sums, views, the graph of the backward pass) is the rest of a phase. `profile.parquet` has every span.
";

fn conditions(step: &ProfileRow) -> String {
    let or = |text: &Option<String>| text.clone().unwrap_or_else(|| "unknown".to_owned());
    let load = |load: Option<f64>| load.map_or_else(|| "?".to_owned(), |load| format!("{load:.1}"));
    let commit = step
        .git_sha
        .as_deref()
        .map_or("unknown", |sha| &sha[..sha.len().min(12)]);
    let changed = if step.git_dirty == Some(true) {
        ", with changes"
    } else {
        ""
    };
    format!(
        "`xp bench step --profile --scale {} --precision {} --steps {} --threads {}`, {}: {}, Burn {}, commit {commit}{changed}, {} steps of \
         either kind, load average {} to {}.",
        step.scale,
        step.precision,
        step.steps,
        step.threads,
        step.started_at,
        or(&step.cpu_model),
        or(&step.burn_version),
        step.steps,
        load(step.load_before),
        load(step.load_after),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(path: &str, operation: bool, own_ms: f64, flops: f64) -> ProfileRow {
        ProfileRow {
            precision: "f32".to_owned(),
            path: path.to_owned(),
            name: path.rsplit('/').next().unwrap_or_default().to_owned(),
            depth: path.matches('/').count() as u64,
            operation,
            calls: Some(1.0),
            ms: Some(own_ms),
            own_ms: Some(own_ms),
            own_share: Some(own_ms / 10.0),
            flops: Some(flops),
            bytes: Some(0.0),
            product_gflop_per_s: Some(40.0),
            ..ProfileRow::default()
        }
    }

    #[test]
    fn operations_are_added_over_places_and_what_is_left_is_of_its_phase() {
        let rows = [
            row("step", false, 0.0, 0.0),
            row("step/forward", false, 1.0, 0.0),
            row("step/forward/layer", false, 0.5, 0.0),
            row("step/forward/layer/product", true, 3.0, 60e6),
            row("step/backward", false, 0.5, 0.0),
            row("step/backward/product", true, 5.0, 100e6),
        ];
        let lines = operations(&rows);
        let names: Vec<&str> = lines.iter().map(|cells| cells[0].as_str()).collect();
        assert_eq!(
            names,
            [
                "product",
                "rest of forward",
                "rest of backward",
                "rest of step"
            ]
        );
        // 160 MFLOP in 8 ms are 20 GFLOP/s, half of 40.
        assert_eq!(
            lines[0],
            ["product", "2", "8.00", "80.0 %", "20.0 (50 %)", ""]
        );
        assert_eq!(lines[1][2], "1.50");
        let text = markdown(&rows);
        assert!(
            text.contains("| &nbsp;&nbsp;&nbsp;&nbsp;layer | 1 | 0.50 |"),
            "{text}"
        );
    }
}
