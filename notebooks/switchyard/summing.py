"""Cells: what a sweep measured, summed up over seeds."""

from collections.abc import Sequence

import polars as pl

from .reading import Results, ResultsError
from .statistics import t95

# What each job is about, most telling first. Of these a folder has what was measured.
MEASURES = {
    "train": ["perplexity", "tokens_per_s", "drop_rate", "load_cv_before"],
    "pack": ["drop_rate", "tokens_per_s", "gb_per_s", "memcpy_share", "peak_memory_bytes"],
    "layer": ["step_ms_median", "forward_ms_median", "backward_ms_median", "gflop_per_s"],
    "router": ["router_ms_median", "router_entropy", "load_cv_before", "experts_used"],
    "quantise": ["kl_divergence", "perplexity", "routing_agreement", "model_bytes"],
    "finetune": ["perplexity", "accuracy", "tokens_per_s", "peak_memory_bytes"],
}


def measured(run: Results, measures: Sequence[str] | None = None) -> list[str]:
    """The measures that are asked for, or else those that the sweep's job is about and its trials have."""
    done = run.done
    if measures is None:
        usual = MEASURES.get(run["trials"]["job"][0], MEASURES["train"])
        return [name for name in usual if done[name].count() > 0]
    for name in measures:
        if name not in done.columns or not done[name].dtype.is_numeric():
            raise ResultsError(f"`{name}` is no numeric column of trials; results/README.md lists them")
        if done[name].count() == 0:
            raise ResultsError(f"no finished trial of {run.title} has measured `{name}`")
    return list(measures)


def cells(run: Results, measures: Sequence[str] | None = None) -> pl.DataFrame:
    """Each cell with its axes, its number of seeds, and of each measure the mean and half its 95 % interval.

    The half-width of `perplexity` is the column `perplexity_ci95`; it is null for fewer than two seeds. `causal` is
    false where a token is routed by later ones, so that its perplexity is not that of a language model. Without
    `measures` it is those that the sweep's job is about.
    """
    done = run.done
    most = done["cell_id"].unique_counts().max() or 0
    factors = {n: t95(n) for n in range(2, most + 1)}
    statistics = [e for name in measured(run, measures) for e in (pl.col(name).mean(), half_width(name, factors))]
    seeds, causal = pl.len().alias("seeds"), pl.col("causal").all()
    summed = done.group_by("cell_id").agg(causal, seeds, *statistics)
    return axes(run).join(summed, on="cell_id", how="inner", maintain_order="left")


def half_width(name: str, factors: dict[int, float]) -> pl.Expr:
    """Half the 95 % interval of a column's mean; the factors are Student's t by how many values there are."""
    n = pl.col(name).count()
    factor = n.replace_strict(factors, default=None, return_dtype=pl.Float64)
    return (factor * pl.col(name).std() / n.sqrt()).alias(f"{name}_ci95")


def axes(run: Results) -> pl.DataFrame:
    """The cells in the sweep's order: `cell_id`, what sets them apart in words, and a column for each axis."""
    table = run["cells"]
    names = [name for name in table.columns if name.startswith("axis_")]
    return table.select("cell_id", "cell", *(pl.col(name).alias(name.removeprefix("axis_")) for name in names))
