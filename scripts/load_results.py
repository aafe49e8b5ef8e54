#!/usr/bin/env python3
"""Load the results of a sweep, print a summary and, with --out, draw one plot.

    pip install 'polars>=1.31' matplotlib
    python3 scripts/load_results.py results/unified/cpu-cpu
    python3 scripts/load_results.py results/capacity/cpu-cpu --out capacity.png

A results folder holds trials.parquet, cells.parquet, steps.parquet, experts.parquet, tokens.parquet
and more; results/README.md says what each column is, and so does each file: `columns(path)` below
reads the descriptions out of the Parquet metadata. `trial_id` joins the tables, `cell_id` is one for
all trials that differ in the seed alone, and cells.parquet says what sets each cell apart. A null
means "not measured".

For a training sweep the cells are also ranked by perplexity and compared, seed by seed, with the
baseline that manifest.json names and with the best; p values are of the paired t test, corrected by
Holm's method over each family of comparisons.

For a training sweep the plot shows validation perplexity over tokens seen, a line a cell: the
mean over seeds, with the range of the seeds as a band. For a packing sweep it
shows the drop rate over the capacity factor, a line a load shape, one panel an expert count; for a
sweep of layers the time of a step over experts, tokens and k, with the ideal.
"""

import argparse
import json
import math
import sys
from pathlib import Path

try:
    import matplotlib
    import polars as pl
except ModuleNotFoundError as missing:
    sys.exit(f"needs {missing.name}: pip install 'polars>=1.31' matplotlib")
if tuple(int(part) for part in pl.__version__.split(".")[:2]) < (1, 31):
    sys.exit(f"needs polars 1.31 or newer, this is {pl.__version__}: pip install -U polars")

matplotlib.use("Agg")
import matplotlib.pyplot as plt


# Student's t for 2 to 10 seeds, 95 %; with one seed there is no interval.
T = {
    2: 12.7062047, 3: 4.3026527, 4: 3.1824463, 5: 2.7764451, 6: 2.5705818,
    7: 2.4469119, 8: 2.3646243, 9: 2.3060041, 10: 2.2621572,
}

def leaves(value: object, path: str = "") -> dict:
    """The leaves of a settings document by dotted path."""
    if not isinstance(value, dict) or not value:
        return {path: json.dumps(value)}
    parts = [leaves(own, f"{path}.{name}" if path else name) for name, own in value.items()]
    return {name: leaf for part in parts for name, leaf in part.items()}


def load(folder: Path, table: str) -> pl.DataFrame:
    """One table of a results folder."""
    return pl.read_parquet(folder / f"{table}.parquet")


def columns(path: Path) -> dict:
    """Column name to its type, unit and description, as the file itself says them."""
    return json.loads(pl.read_parquet_metadata(path)["switchyard.columns"])


def summarise(trials: pl.DataFrame, cells: pl.DataFrame, measures: list[str]) -> pl.DataFrame:
    """Mean and half-width of the 95% interval over seeds, of trials that ran to their end."""
    def interval(name: str) -> pl.Expr:
        n = pl.col(name).count()
        factor = n.replace_strict(T, default=None, return_dtype=pl.Float64)
        return (factor * pl.col(name).std() / n.sqrt()).alias(f"{name} ±95%")

    measured = [m for m in measures if trials[m].count() > 0]
    done = trials.filter(pl.col("status") == "done")
    statistics = [e for m in measured for e in (pl.col(m).mean(), interval(m))]
    groups = done.group_by("cell_id").agg(pl.len().alias("seeds"), *statistics)
    return shown(cells).join(groups, on="cell_id", maintain_order="left").drop("cell_id")


def shown(cells: pl.DataFrame) -> pl.DataFrame:
    """The cells by what sets them apart: a column for each axis of the sweep."""
    axes = [name for name in cells.columns if name.startswith("axis_")]
    names = [pl.col(name).alias(name.removeprefix("axis_")) for name in axes]
    return cells.select("cell_id", *(names or [pl.col("cell")]))


def two_sided(t: float, degrees: int) -> float:
    """Probability that Student's t is at least this far from 0 (Abramowitz and Stegun 26.7.3, 26.7.4)."""
    angle = math.atan(abs(t) / math.sqrt(degrees))
    odd = degrees % 2
    term, total = (math.cos(angle) if odd else 1.0), 0.0
    for exponent in range(odd, degrees - 1, 2):
        total += term
        term *= (exponent + 1) / (exponent + 2) * math.cos(angle) ** 2
    inside = math.sin(angle) * total
    return 1 - (2 / math.pi * (angle + inside) if odd else inside)


def holm(values: list) -> list:
    """Holm's step-down correction; None stays None and is no part of the family."""
    order = sorted((p, i) for i, p in enumerate(values) if p is not None)
    corrected, largest = [None] * len(values), 0.0
    for rank, (p, index) in enumerate(order):
        largest = min(1.0, max(largest, p * (len(order) - rank)))
        corrected[index] = largest
    return corrected


def family(cells: list[dict], other: dict, name: str) -> None:
    """Adds each cell's paired difference to another cell, its corrected p and a word for it."""
    p_values = []
    for cell in cells:
        seeds = sorted(set(cell["by_seed"]) & set(other["by_seed"]))
        differences = pl.Series([cell["by_seed"][s] - other["by_seed"][s] for s in seeds])
        n, spread = len(seeds), differences.std()
        half = T[n] * spread / n**0.5 if n in T else None
        judged = cell is not other and n >= 3 and spread
        p_values.append(two_sided(differences.mean() / (spread / n**0.5), n - 1) if judged else None)
        same = cell is other or n == 0
        cell[name] = None if same else differences.mean()
        cell[f"{name} ±95%"] = None if same else half
        cell[f"{name} common seeds"] = n
    for cell, p in zip(cells, holm(p_values)):
        few = cell.pop(f"{name} common seeds") < 3
        word = "worse" if (cell[name] or 0) > 0 else "better"
        cell[f"{name} p"] = p
        told = word if p is not None and p < 0.05 else "not told apart"
        cell[f"{name} verdict"] = None if cell is other else "too few common seeds" if few else told


def compare(trials: pl.DataFrame, baseline: dict[str, str]) -> pl.DataFrame:
    """Cells by perplexity, each beside the baseline (where there is one) and the best."""
    done = trials.filter((pl.col("status") == "done") & pl.col("perplexity").is_not_null())
    cells = []
    for _, own in done.sort("seed").group_by("cell_id", maintain_order=True):
        if own["seed"].n_unique() < len(own):
            raise ValueError(f"two trials of one cell and seed: {own['trial_id'].to_list()}")
        cells.append({
            "cell": own["cell"][0],
            "perplexity": own["perplexity"].mean(),
            "by_seed": dict(zip(own["seed"], own["perplexity"])),
            "all": own.row(0, named=True) | leaves(json.loads(own["settings"][0])),
        })
    cells.sort(key=lambda cell: cell["perplexity"])

    def is_baseline(cell: dict) -> bool:
        def text(value: object) -> str:
            if value is None:
                return "none"
            if isinstance(value, bool):
                return str(value).lower()
            number = isinstance(value, (int, float))
            return f"{value:.15f}".rstrip("0").rstrip(".") if number else str(value).strip('"')
        return all(text(cell["all"].get(c)) == v for c, v in baseline.items())

    reference = [cell for cell in cells if baseline and is_baseline(cell)]
    if baseline and not reference:
        raise ValueError(f"no cell is the manifest's baseline {baseline}")
    if reference:
        family(cells, reference[0], "less baseline")
    if len(cells) > 1:
        family(cells, cells[0], "less best")
    for cell in cells:
        del cell["by_seed"], cell["all"]
    return pl.DataFrame(cells, infer_schema_length=None)


def plot_training(trials: pl.DataFrame, steps: pl.DataFrame, axis: plt.Axes) -> None:
    """Validation perplexity over tokens seen."""
    curves = (
        steps.filter(pl.col("perplexity").is_not_null())
        .join(trials.select("trial_id", "cell"), on="trial_id")
        .group_by("cell", "tokens_seen")
        .agg(
            pl.col("perplexity").mean(),
            pl.col("perplexity").min().alias("low"),
            pl.col("perplexity").max().alias("high"),
        )
        .sort("cell", "tokens_seen")
    )
    # Colour and mark together tell more lines apart than matplotlib has colours.
    for at, ((cell,), curve) in enumerate(curves.group_by("cell", maintain_order=True)):
        x = curve["tokens_seen"] / 1e6
        look = {"color": f"C{at % 10}", "marker": "osDv^<>"[at // 10 % 7], "markersize": 3}
        (line,) = axis.plot(x, curve["perplexity"], label=cell, **look)
        axis.fill_between(x, curve["low"], curve["high"], color=line.get_color(), alpha=0.15)
    if "ngram_perplexity" in trials.columns and trials["ngram_perplexity"].count() > 0:
        line = trials.drop_nulls("ngram_perplexity").row(0, named=True)
        label = f"best n-gram (order {line['ngram_order']})"
        axis.axhline(line["ngram_perplexity"], color="grey", linestyle="--", label=label)
    axis.set_yscale("log")
    axis.set_xlabel("training tokens (millions)")
    axis.set_ylabel("validation perplexity per token")


def plot_packing(trials: pl.DataFrame, axes: list[plt.Axes], experts: list[int]) -> None:
    """Drop rate over capacity factor, one panel an expert count."""
    rates = (
        trials.group_by("experts", "load_shape", "top_k", "capacity_factor")
        .agg(pl.col("drop_rate").mean())
        .sort("experts", "load_shape", "top_k", "capacity_factor")
    )
    colours = {shape: f"C{i}" for i, shape in enumerate(rates["load_shape"].unique().sort())}
    styles = ["-", "--", ":", "-."]
    widths = rates["top_k"].unique().sort().to_list()
    for axis, count in zip(axes, experts):
        panel = rates.filter(pl.col("experts") == count)
        for (shape, k), line in panel.group_by("load_shape", "top_k", maintain_order=True):
            axis.plot(
                line["capacity_factor"],
                100 * line["drop_rate"],
                color=colours[shape],
                linestyle=styles[widths.index(k) % len(styles)],
                marker="o",
                markersize=3,
                label=f"{shape}, k = {k}",
            )
        axis.set_title(f"E = {count} experts")
        axis.set_xlabel("capacity factor")
    axes[0].set_ylabel("dropped assignments (%)")


def plot_scaling(trials: pl.DataFrame, axes: list[plt.Axes]) -> None:
    """Time of a step over E, T and k, with the ideal through the first point."""
    scaled = {"experts": "experts E", "tokens": "tokens T", "top_k": "experts per token k"}
    for axis, (column, label) in zip(axes, scaled.items()):
        others = [other for other in scaled if other != column]
        # The other two are held where this one has the most values.
        groups = [line for _, line in trials.group_by(others, maintain_order=True)]
        line = max(groups, key=lambda line: line[column].n_unique())
        line = line.group_by(column).agg(pl.col("step_ms_median").mean()).sort(column)
        sizes, steps = line[column], line["step_ms_median"]
        axis.loglog(sizes, steps, marker="o", label="step")
        ideal = [steps[0] * (1 if column == "experts" else size / sizes[0]) for size in sizes]
        axis.loglog(sizes, ideal, "k--", label="ideal")
        axis.set_xticks(sizes.to_list(), [str(size) for size in sizes])
        axis.minorticks_off()
        axis.set_xlabel(label)
    axes[0].set_ylabel("time of a step (ms)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="such as results/unified/cpu-cpu")
    parser.add_argument("--out", type=Path, metavar="FILE.png", help="draws the plot into this file; without it nothing is written")
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    for table in ("trials", "cells"):
        if not (folder / f"{table}.parquet").exists():
            parser.exit(3, f"{folder} holds no {table}.parquet; name a folder such as results/unified/cpu-cpu\n")
    trials, cells = load(folder, "trials"), load(folder, "cells")
    if trials.is_empty():
        parser.exit(4, f"{folder} holds no trials\n")
    # One trial a seed may have timed all cells in turn: it is no cell itself.
    trials = trials.filter(pl.col("job") != "speed")
    sweep = trials["sweep"][0]

    done = trials.filter(pl.col("status") == "done")
    job = trials["job"][0]
    packing, scaling = job == "pack", job == "layer"
    if scaling:
        measures = ["step_ms_median", "forward_ms_median", "backward_ms_median", "gflop_per_s"]
    elif packing:
        measures = ["drop_rate", "tokens_per_s", "gb_per_s", "memcpy_share", "peak_memory_bytes"]
    else:
        measures = ["perplexity", "tokens_per_s", "drop_rate", "load_cv_before"]
    layout = {"tbl_rows": -1, "tbl_cols": -1, "tbl_width_chars": 200, "float_precision": 3}
    with pl.Config(**layout, tbl_hide_dataframe_shape=True, tbl_hide_column_data_types=True):
        print(trials.group_by("status").len().sort("status"))
        print(summarise(trials, cells, measures))
        if trials["perplexity"].count() > 0:
            manifest = json.loads((folder / "manifest.json").read_text())
            print(compare(trials, manifest.get("baseline", {})))
    about = columns(folder / "trials.parquet")
    for name in measures:
        unit = about[name]["unit"]
        print(f"{name}{f' [{unit}]' if unit else ''}: {about[name]['doc']}")

    if arguments.out is None:
        print("--out FILE.png draws the plot")
        return
    experts = done["experts"].unique().sort().to_list() if packing else []
    panels = 3 if scaling else max(len(experts), 1)
    figure, axes = plt.subplots(
        1, panels, figsize=(5 * panels + 3, 5), squeeze=False, sharey=True
    )
    if scaling:
        plot_scaling(done, list(axes[0]))
    elif packing:
        plot_packing(done, list(axes[0]), experts)
    else:
        plot_training(done, load(folder, "steps"), axes[0][0])
    axes[0][-1].legend(fontsize="small", loc="center left", bbox_to_anchor=(1.02, 0.5))
    figure.suptitle(f"{sweep} ({folder.name})")
    figure.savefig(arguments.out, dpi=150, bbox_inches="tight")
    print(f"wrote {arguments.out}")


if __name__ == "__main__":
    main()
