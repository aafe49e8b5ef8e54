"""Dots with intervals, a row a cell: the ranking and the paired differences."""

import polars as pl

from ..comparing import by_seed, paired
from ..reading import Results, ResultsError
from ..summing import axes, cells
from ..tables import label
from .look import Look, looks, tint
from .sheet import MUTED, Sheet, head, sheet
from .words import factor, measure_label, seeds_note

# More rows than this are not read; the best are shown.
MOST_ROWS = 40
ROW = 0.24


def ranking(run: Results, measure: str = "perplexity", lower_is_better: bool = True) -> Sheet:
    """A measure of every cell, best above: the mean with its 95 % interval, seeds as small dots."""
    table = cells(run, [measure]).drop_nulls(measure).sort(measure, descending=not lower_is_better, maintain_order=True)
    shown, values, times = table.head(MOST_ROWS), by_seed(run, measure), factor(run, measure)
    own = looks(axes(run))
    rows = [
        (label(row), own[row["cell"]], row[measure], row[f"{measure}_ci95"], list(values[row["cell"]].values()))
        for row in shown.iter_rows(named=True)
    ]
    note = f"{better(lower_is_better)}; {seeds_note(table)}{best_of(table)}"
    return dotted(f"{run.title}: cells from best to worst", note, measure_label(run, measure), rows, times)


def differences(
    run: Results, measure: str = "perplexity", baseline: str | None = None, lower_is_better: bool = True
) -> Sheet:
    """Each cell less the baseline, or less the best where there is none, seed by seed; filled where told apart."""
    table = paired(run, measure, baseline, lower_is_better)
    to = "baseline" if "less_baseline" in table.columns else "best"
    if f"less_{to}" not in table.columns:
        raise ResultsError(f"{run.title} has one finished cell, and a difference needs two")
    other = table.filter(pl.col(f"less_{to}").is_null())["cell"][0]
    compared = table.drop_nulls(f"less_{to}").sort(f"less_{to}", descending=not lower_is_better, maintain_order=True)
    values, times, own = by_seed(run, measure), factor(run, measure), looks(axes(run))
    rows = []
    for row in compared.head(MOST_ROWS).iter_rows(named=True):
        mine, theirs = values[row["cell"]], values[other]
        seeds = [mine[seed] - theirs[seed] for seed in mine if seed in theirs]
        fill = "solid" if row[f"beside_{to}"] in ("better", "worse") else "open"
        rows.append(
            (label(row), own[row["cell"]]._replace(fill=fill), row[f"less_{to}"], row[f"less_{to}_ci95"], seeds)
        )
    filled = "filled: told apart at p < 0.05 after Holm's correction"
    note = f"{better(lower_is_better)}; {seeds_note(compared)}; {filled}{best_of(compared)}"
    name = measure_label(run, measure)
    figure = dotted(f"{run.title}: differences by seed", note, f"{name} less that of {other}", rows, times)
    figure.axes[0].axvline(0, color=MUTED, linewidth=1, zorder=1)
    return figure


def dotted(title: str, note: str, name: str, rows: list[tuple], times: float) -> Sheet:
    """A row for each name: its mean, interval and seeds."""
    with sheet(8.2, 1.15 + ROW * len(rows)) as (figure, (panel,)):
        for place, (_, look, mean, half, seeds) in enumerate(rows):
            draw_row(panel, place, look, times * mean, times * half if half else None, [times * x for x in seeds])
        panel.set_yticks(range(len(rows)), [name for name, *_ in rows])
        panel.set_ylim(len(rows) - 0.4, -0.6)
        panel.tick_params(axis="y", length=0)
        panel.spines["left"].set_visible(False)
        panel.grid(True, axis="both")
        panel.set_xlabel(name)
        head(figure, title, note)
    return figure


def draw_row(panel, place: int, look: Look, mean: float, half: float | None, seeds: list[float]) -> None:
    """One cell: the interval below its mean's marker, the seeds beside it where there are several."""
    colour = look.colour
    if half:
        panel.errorbar(mean, place, xerr=half, color=colour, linewidth=1, capsize=3, zorder=2)
    if len(seeds) > 1:
        panel.plot(seeds, [place + 0.27] * len(seeds), ".", color=tint(colour, 0.6), markersize=4, zorder=2)
    panel.plot(mean, place, linestyle="", zorder=3, **look.dots())


def better(lower: bool) -> str:
    """Which way is better."""
    return "lower is better" if lower else "higher is better"


def best_of(table: pl.DataFrame) -> str:
    """That some rows are left out."""
    return f"; the best {MOST_ROWS} of {len(table)}" if len(table) > MOST_ROWS else ""
