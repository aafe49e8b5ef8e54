"""Curves: a measure over training, the whole of it beside its end."""

from collections.abc import Iterable, Sequence

import polars as pl
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from ..reading import Results, ResultsError
from ..statistics import Interval
from ..summing import axes
from ..summing import cells as summed
from ..tables import label
from .look import Look, looks, tint
from .sheet import Sheet, head, sheet
from .words import factor, measure_label, measure_name

# Height of a name at a line's end, in inches; more lines than this are not told apart.
NAME = 0.18
MOST_LINES = 32
# The end of training is its last third.
END = 2 / 3


def curves(run: Results, measure: str = "perplexity", cells: Sequence[str] | None = None) -> Sheet:
    """A column of `steps` over training: a line a cell, the mean with its 95 % interval as a band.

    Right is the last third, or the last two evaluations, on a scale of its own. `cells` are the names of those that are
    drawn, else all that have the measure. A step is drawn where all seeds of the cell have it.
    """
    table = summed(run, [])
    lines = lines_of(run, measure, table)
    chosen = {name: lines[name] for name in (lines if cells is None else cells) if name in lines}
    if missing := sorted(set(cells or []) - set(lines)):
        raise ResultsError(f"{run.title} has no steps with `{measure}` of {'; '.join(missing)}")
    if not chosen:
        raise ResultsError(f"{run.title} has no steps with `{measure}`")
    ordered = sorted(chosen, key=lambda name: chosen[name]["mean"][-1])[:MOST_LINES]
    names = {row["cell"]: label(row) for row in table.iter_rows(named=True)}
    own = looks(axes(run))
    height = max(4.0, 1.4 + NAME * len(ordered))
    with sheet(9.6, height, 2, width_ratios=[0.42, 0.58]) as (figure, (whole, end)):
        for panel, title, start in (
            (whole, "all of training", 0),
            (end, "its end", end_of(chosen[n] for n in ordered)),
        ):
            tails = {name: chosen[name].filter(pl.col("x") >= start) for name in ordered}
            draw(panel, tails, own, measure.startswith("perplexity"))
            panel.set_title(title)
        name_ends(end, {names[name]: (chosen[name], own[name]) for name in ordered}, NAME / (height - 1.3))
        whole.set_ylabel(measure_label(run, measure, "steps"))
        figure.supxlabel("optimiser step", fontsize=9)
        head(figure, f"{run.title}: {measure_name(measure)} during training", "mean over seeds, bands: 95 % interval")
    return figure


def end_of(lines: Iterable[pl.DataFrame]) -> float:
    """Where the last third begins; however few evaluations there are, the last two are in it."""
    return min(value for line in lines for value in (END * line["x"][-1], *line["x"][-2:]))


def lines_of(run: Results, measure: str, table: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Of each cell's name the columns `x`, `mean`, `low` and `high` over training."""
    if measure not in run["steps"].columns:
        raise ResultsError(f"`{measure}` is no column of steps; results/README.md lists them")
    times = factor(run, measure, "steps")
    rows = run["steps"].drop_nulls(measure).join(run.done.select("trial_id"), on="trial_id", how="semi")
    seeds = dict(table.select("cell_id", "seeds").iter_rows())
    names = dict(table.select("cell_id", "cell").iter_rows())
    points: dict[str, list[tuple]] = {}
    grouped = rows.sort("trial_id").group_by("cell_id", "step").agg(pl.col(measure)).sort("step")
    for cell_id, step, values in grouped.iter_rows():
        if len(values) == seeds[cell_id]:
            own = Interval.of([times * value for value in values])
            half = own.half or 0.0
            points.setdefault(names[cell_id], []).append((step, own.mean, own.mean - half, own.mean + half))
    return {name: pl.DataFrame(own, schema=["x", "mean", "low", "high"], orient="row") for name, own in points.items()}


def draw(panel: Axes, lines: dict[str, pl.DataFrame], own: dict[str, Look], by_ratio: bool) -> None:
    """The lines of a panel, with markers where there are few points."""
    for name, line in lines.items():
        look = own[name]
        marks = look.dots(5) if len(line) <= 12 else {"color": look.colour}
        panel.plot(line["x"], line["mean"], linestyle=look.dash, linewidth=1.2, zorder=3, **marks)
        panel.fill_between(line["x"], line["low"], line["high"], color=tint(look.colour, 0.5), alpha=0.18, linewidth=0)
    if by_ratio:
        panel.set_yscale("log")
        panel.yaxis.set_major_locator(MaxNLocator(6))
        panel.yaxis.set_minor_locator(NullLocator())
        panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    panel.grid(False, axis="x")


def name_ends(panel: Axes, lines: dict[str, tuple[pl.DataFrame, Look]], step: float) -> None:
    """The names beside the panel in the order of the lines' ends, each joined to its own."""
    low, high = panel.get_ylim()
    panel.set_ylim(low, high)
    inside = panel.transData + panel.transAxes.inverted()
    ends = {name: (line["x"][-1], line["mean"][-1]) for name, (line, _) in lines.items()}
    places = spread([inside.transform(at)[1] for at in ends.values()], step)
    for (name, at), place in zip(ends.items(), places):
        join = {
            "arrowstyle": "-",
            "color": tint(lines[name][1].colour, 0.6),
            "linewidth": 0.8,
            "shrinkB": 4,
            "relpos": (0, 0.5),
        }
        panel.annotate(name, at, (1.06, place), textcoords="axes fraction", va="center", arrowprops=join)


def spread(wanted: list[float], step: float) -> list[float]:
    """Rising places as near to the rising wanted ones as may be, `step` apart and between 0 and 1."""
    up, down = [], []
    for place in wanted:
        up.append(max(place, up[-1] + step) if up else place)
    for place in reversed(wanted):
        down.append(min(place, down[-1] - step) if down else place)
    # Pushed up alone they lean upwards, pushed down alone downwards; between the two they are as far apart.
    places = [(above + below) / 2 for above, below in zip(up, reversed(down))]
    low, high = step / 2, 1 - step / 2
    places = [max(place, low + step * index) for index, place in enumerate(places)]
    return [min(place, high - step * (len(places) - 1 - index)) for index, place in enumerate(places)]
