//! `results/README.md`, written from the schemas.

use std::fmt::Write;

use crate::parquet::{COLUMNS_KEY, SCHEMA_KEY};
use crate::tables::{ALL_TABLES, Presence, SCHEMA_MAJOR, TABLES, TableSchema};

/// The text of `results/README.md`: every file and every column of a results folder.
pub fn readme() -> String {
    let lines: Vec<String> = TABLES.iter().map(line).collect();
    let introduction = INTRODUCTION.trim().replace("TABLES", &lines.join("\n"));
    let mut text = format!("{introduction}\n");
    for table in ALL_TABLES {
        describe(&mut text, table).expect("writing to a String cannot fail");
    }
    let versions = VERSIONS
        .replace("SCHEMA_KEY", SCHEMA_KEY)
        .replace("COLUMNS_KEY", COLUMNS_KEY)
        .replace("SCHEMA_MAJOR", &SCHEMA_MAJOR.to_string());
    text.push_str(&versions);
    text
}

/// A table's line among the files of a folder: the first sentence about it.
fn line(table: &TableSchema) -> String {
    let about = table
        .doc
        .split_once(". ")
        .map_or(table.doc, |(first, _)| first);
    let about = about.trim_end_matches('.').replacen("One", "one", 1);
    let there = match table.presence {
        Presence::Always | Presence::Later => "",
        Presence::Filled => "; where there are any",
    };
    format!("| `{}` | {about}{there} |", table.file_name())
}

fn describe(text: &mut String, table: &TableSchema) -> std::fmt::Result {
    writeln!(
        text,
        "\n## `{}` (schema `{}`)\n",
        table.file_name(),
        table.id()
    )?;
    writeln!(
        text,
        "{} A row is named by {}.",
        table.doc,
        names(table.key)
    )?;
    let mut group = "";
    for column in table.columns {
        if column.group != group {
            group = column.group;
            writeln!(text, "\n### {group}\n")?;
            writeln!(text, "| column | type | null | unit | what it is |")?;
            writeln!(text, "|---|---|---|---|---|")?;
        }
        writeln!(
            text,
            "| `{}` | {} | {} | {} | {} |",
            column.name,
            column.kind,
            if column.nullable { "yes" } else { "" },
            column.unit,
            column.doc,
        )?;
    }
    Ok(())
}

fn names(columns: &[&str]) -> String {
    columns
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

const INTRODUCTION: &str = r#"
<!-- Written from the schemas in crates/runstore by its test `readme`; UPDATE=1 writes it anew. -->

# Results

Each sweep has a folder `<sweep>/<scale>-<device>/`, such as `unified/cpu-cpu/`, with these files:

| file | what it is |
|---|---|
TABLES
| `cells.parquet` | one row a cell: `cell_id`, what sets it apart in words (`cell`), how many trials are `done`, and a column `axis_...` for every setting that varies in the sweep |
| `manifest.json` | what ran the trials (`ran`), what wrote the files (`provenance`, `command`), seeds, data digests, how each trial ended |
| `figures/*.svg` | figures, made from the tables |
| `report.html` | the answer, tables and figures in one file; `index.html` above all folders leads to each |

`xp bench peers` has folders `peers/<scale>-<device>/` with `peers.parquet`, one row a comparison with
a PyTorch program, and `peers.md`, the same for reading; `xp bench step` has `profile/<scale>-<device>/` with
`profile.parquet`, one row a span of a training step, `profile.md`, and a drawing for each precision.

To load, compare and plot a sweep: the module and the notebook of [docs/notebooks.md](../docs/notebooks.md), or
`python3 scripts/load_results.py results/unified/cpu-cpu --out unified.png` (`pip install -r
notebooks/requirements.txt` first). With polars alone:

```python
import polars as pl
trials = pl.read_parquet("results/unified/cpu-cpu/trials.parquet")
steps = pl.read_parquet("results/unified/cpu-cpu/steps.parquet")
cells = pl.read_parquet("results/unified/cpu-cpu/cells.parquet")
done = trials.filter((pl.col("status") == "done") & (pl.col("job") == "train"))
done.group_by("cell_id").agg(pl.col("perplexity").mean(), pl.len()).join(cells, on="cell_id")
curves = steps.group_by("cell_id", "step").agg(pl.col("loss_lm").mean()).join(cells, on="cell_id")
```

Group by `cell_id`: the trials of one cell differ in the seed alone, whatever the sweep varies. All sweeps at
once are `pl.read_parquet("results/*/*/trials.parquet")`. Results of a sweep file that has changed since are kept
in `<sweep>/before/`, where that pattern does not reach: commit them with the rest, or delete them.

A null means "not measured" or "does not apply"; a number is never NaN or infinite. A measure that
stopped being finite is null too, and the trial's `status` and `error` say so. Shares are from 0 to
1. Tables are sorted by the columns that name a row, so that equal results are equal files.
"#;

const VERSIONS: &str = r"
## Versions

Each file says its schema in the Parquet metadata under `SCHEMA_KEY`, as table/major.minor, and
the type, unit and description of each column under `COLUMNS_KEY`, as JSON. A minor version adds
nullable columns at the end. A major version changes anything else, and with it every trial's id;
`xp` reads its own major version (SCHEMA_MAJOR) and refuses others with exit code 7.

`host` in tables and manifest is a short digest of the machine's name, not the name.
";
