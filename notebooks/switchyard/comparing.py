"""Paired differences: cells compared seed by seed, with Holm's correction.

A seed fixes the first weights and the training windows of a trial, so that two trials of one seed share most of what
chance does to them. Their difference is free of that part: cells whose intervals overlap may still differ for sure.
"""

import json
from collections.abc import Mapping, Sequence

import polars as pl

from .reading import Results, ResultsError
from .statistics import ENOUGH_SEEDS, LEVEL, Interval, holm, paired_p
from .summing import cells, measured

TYPES = {
    "seeds": pl.Int64,
    "difference": pl.Float64,
    "difference_ci95": pl.Float64,
    "p": pl.Float64,
    "verdict": pl.String,
}


def family(differences: Mapping[str, Sequence[float]], lower_is_better: bool = True) -> pl.DataFrame:
    """One row for each list of paired differences: the mean, half its 95 % interval, p corrected over all lists.

    `verdict` is `better` or `worse` at a corrected p below 0.05 and else `not told apart`; fewer than three differences
    are `too few common seeds`. The corrected p makes the chance of any wrong verdict in the family at most 5 %.
    """
    rows = []
    corrected = holm([paired_p(values) for values in differences.values()])
    for (name, values), p in zip(differences.items(), corrected):
        mean, half, n = Interval.of(values) if len(values) else Interval(None, None, 0)
        told = p is not None and p < LEVEL
        word = ("better" if (mean < 0) == lower_is_better else "worse") if told else "not told apart"
        few = "too few common seeds"
        rows.append((name, n, mean, half, p, few if n < ENOUGH_SEEDS else word))
    return pl.DataFrame(rows, schema={"cell": pl.String, **TYPES}, orient="row")


def paired(
    run: Results, measure: str | None = None, baseline: str | None = None, lower_is_better: bool = True
) -> pl.DataFrame:
    """Cells ranked by a measure, best first, each beside the baseline and beside the best, seed by seed.

    The measure is that of the manifest where the sweep file names one (`[compare]`), and else perplexity.
    The baseline is a cell's name, or else the one that the sweep file names (`[compare]`, in the manifest); where there
    is none, its columns are left out. `less_baseline` is this cell less that one, `less_baseline_ci95` half the 95 %
    interval of the mean difference, `p_baseline` and `beside_baseline` as in `family`, a family of all cells; the same
    for `best`, which was chosen by the same numbers, so that it looks a little better than it is.
    """
    measure = measure or run.manifest.get("measure") or "perplexity"
    measured(run, [measure])
    ranked = cells(run, [measure]).drop_nulls(measure)
    ranked = ranked.sort(measure, descending=not lower_is_better, maintain_order=True).with_row_index("place", 1)
    values = by_seed(run, measure)
    names = ranked["cell"].to_list()
    reference = cell_named(run, names, baseline) if baseline else manifest_baseline(run, names)
    kept = ["place", "cell_id", "cell", "causal", "seeds", measure, f"{measure}_ci95"]
    ranked = ranked.select(kept)
    for name, other in {"baseline": reference, "best": names[0]}.items():
        if other is not None and len(names) > 1:
            ranked = ranked.join(
                beside(values, names, other, name, lower_is_better), on="cell", maintain_order="left", how="left"
            )
    return ranked


def beside(values: dict, names: list[str], other: str, to: str, lower_is_better: bool) -> pl.DataFrame:
    """Each cell but the other one less it, with columns that are named after it."""
    differences = {
        name: [values[name][seed] - values[other][seed] for seed in values[name] if seed in values[other]]
        for name in names
        if name != other
    }
    return family(differences, lower_is_better).select(
        "cell",
        pl.col("difference").alias(f"less_{to}"),
        pl.col("difference_ci95").alias(f"less_{to}_ci95"),
        pl.col("p").alias(f"p_{to}"),
        pl.col("verdict").alias(f"beside_{to}"),
    )


def by_seed(run: Results, measure: str) -> dict[str, dict[int, float]]:
    """Of each cell's name a measure by seed, of the trials that have it."""
    values: dict[str, dict[int, float]] = {}
    names = dict(run["cells"].select("cell_id", "cell").iter_rows())
    rows = run.done.drop_nulls(measure).sort("seed").select("cell_id", "seed", measure)
    for cell_id, seed, value in rows.iter_rows():
        own = values.setdefault(names[cell_id], {})
        if seed in own:
            raise ResultsError(f"two finished trials of {names[cell_id]} have seed {seed}", ResultsError.UNREADABLE)
        own[seed] = value
    return values


def cell_named(run: Results, names: list[str], baseline: str) -> str:
    """The cell of that name, which has to be there."""
    if baseline not in names:
        raise ResultsError(f"{run.title} has no finished cell `{baseline}`, but {'; '.join(names)}")
    return baseline


def manifest_baseline(run: Results, names: list[str]) -> str | None:
    """The cell that the manifest's baseline describes by columns and by paths of settings, if it is among these."""
    wanted = run.manifest.get("baseline") or {}
    cells = dict(run["cells"].select("cell_id", "cell").iter_rows())
    for row in run.done.unique("cell_id", maintain_order=True).iter_rows(named=True) if wanted else []:
        settings = row | leaves(json.loads(row["settings"]))
        name = cells[row["cell_id"]]
        if name in names and all(text(settings.get(key)) == value for key, value in wanted.items()):
            return name
    return None


def leaves(value: object, path: str = "") -> dict[str, object]:
    """The leaves of a settings document by dotted path; members of a list by their place."""
    if isinstance(value, list):
        value = {str(place): item for place, item in enumerate(value)}
    if not isinstance(value, dict) or not value:
        return {path: value}
    below = [leaves(item, f"{path}.{name}" if path else name) for name, item in value.items()]
    return {name: leaf for part in below for name, leaf in part.items()}


def text(value: object) -> str:
    """A setting as the manifest writes it: whole numbers without a point, what is left out as `none`."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return f"{value:.15f}".rstrip("0").rstrip(".")
    return str(value)
