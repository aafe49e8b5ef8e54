#!/usr/bin/env python3
"""Print the README's table of strategies from results/unified/cpu-cpu/trials.parquet (needs polars)."""

import argparse

import polars as pl

BASELINE = ("soft-top-k", 1.25)
# Student's t by degrees of freedom, with as many digits as leave the last one printed alone.
T = {1: 12.7062047, 2: 4.3026527, 3: 3.1824463, 4: 2.7764451, 5: 2.5705818, 6: 2.4469119, 7: 2.3646243, 8: 2.3060041, 9: 2.2621572}

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("trials", nargs="?", default="results/unified/cpu-cpu/trials.parquet", help="a trials.parquet of the same sweep")
rows = pl.read_parquet(parser.parse_args().trials).filter((pl.col("status") == "done") & (pl.col("job") == "train"))
cell = (pl.col("strategy") == BASELINE[0]) & (pl.col("capacity_factor") == BASELINE[1])
reference = rows.filter(cell).select("seed", base="perplexity")
rows = rows.join(reference, on="seed", how="left").with_columns(less=pl.col("perplexity") - pl.col("base"))

def interval(values: pl.Series, sign: str = "") -> str:
    half = T.get(len(values) - 1, float("nan")) * (values.std() or 0) / len(values) ** 0.5
    return f"{values.mean():{sign}.3f} ± {half:.3f}"

groups = rows.sort("seed").group_by("strategy", "capacity_factor", maintain_order=True)
print("| strategy | CF | perplexity | less the baseline's | under training's capacity | dropped then | expert rows a token |")
print("|---|---|---|---|---|---|---|")
for (name, cf), own in sorted(groups, key=lambda group: group[1]["perplexity"].mean()):
    less = "baseline" if (name, cf) == BASELINE else interval(own["less"], "+")
    name, cf = name + " (not causal)" * (not own["causal"].all()), "" if cf is None else f"{cf:.2f}"
    mean = {c: own[c].mean() for c in ("perplexity_train_capacity", "eval_drop_rate", "expert_rows_per_token")}
    drops = f"{mean['perplexity_train_capacity']:.3f} | {100 * mean['eval_drop_rate']:.1f} % | {mean['expert_rows_per_token']:.2f}"
    print(f"| {name} | {cf} | {interval(own['perplexity'])} | {less} | {drops} |")
print(f"| *best n-gram, order {rows['ngram_order'][0]}* | | {rows['ngram_perplexity'][0]:.3f} | | | | |")
print(f"| *bigram* | | {rows['bigram_perplexity'][0]:.3f} | | | | |")
