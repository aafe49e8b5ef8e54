#!/usr/bin/env python3
"""Print the README's table of strategies from results/unified/cpu-cpu (needs polars)."""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "notebooks"))

import switchyard
from switchyard.tables import label

MEANS = ["perplexity", "perplexity_train_capacity", "eval_drop_rate", "expert_rows_per_token"]
HEADINGS = [
    "strategy",
    "CF",
    "perplexity",
    "less the baseline's",
    "under training's capacity",
    "dropped then",
    "expert rows a token",
]


def interval(row: dict, name: str, sign: str = "") -> str:
    return f"{row[name]:{sign}.3f} ± {row[f'{name}_ci95']:.3f}"


def line(row: dict) -> str:
    factor = row["capacity_factor"]
    less = "baseline" if row["less_baseline"] is None else interval(row, "less_baseline", "+")
    fields = [
        label({**row, "cell": row["strategy"]}),
        "" if factor is None else f"{factor:.2f}",
        interval(row, "perplexity"),
        less,
        f"{row['perplexity_train_capacity']:.3f}",
        f"{100 * row['eval_drop_rate']:.1f} %",
        f"{row['expert_rows_per_token']:.2f}",
    ]
    return f"| {' | '.join(fields)} |"


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("folder", nargs="?", default="results/unified/cpu-cpu", help="a results folder of the same sweep")
try:
    run = switchyard.load(parser.parse_args().folder)
except switchyard.ResultsError as error:
    parser.exit(error.exit_code, f"error: {error}\n")
means = switchyard.cells(run, MEANS).drop("cell", "causal", "seeds", "perplexity", "perplexity_ci95")
rows = switchyard.paired(run).join(means, on="cell_id", maintain_order="left")
print(f"| {' | '.join(HEADINGS)} |")
print("|" + len(HEADINGS) * "---|")
for row in rows.iter_rows(named=True):
    print(line(row))
references = run.done.drop_nulls("ngram_perplexity").row(0, named=True)
print(f"| *best n-gram, order {references['ngram_order']}* | | {references['ngram_perplexity']:.3f} | | | | |")
print(f"| *bigram* | | {references['bigram_perplexity']:.3f} | | | | |")
