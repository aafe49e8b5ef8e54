"""A measure over another: a point a cell, with the intervals of both."""

from ..reading import Results
from ..summing import axes, cells
from ..tables import label
from .look import looks
from .sheet import Sheet, head, sheet
from .words import factor, measure_label, measure_name, seeds_note


def against(run: Results, x: str, y: str) -> Sheet:
    """The measure `y` over the measure `x` of every cell that has both: means with their 95 % intervals."""
    table = cells(run, [x, y]).drop_nulls([x, y]).sort(y, descending=True, maintain_order=True)
    own = looks(axes(run))
    across, up = factor(run, x), factor(run, y)
    with sheet(9.2, max(4.0, 1.2 + 0.19 * len(table))) as (figure, (panel,)):
        for row in table.iter_rows(named=True):
            look = own[row["cell"]]
            at, halves = (
                (across * row[x], up * row[y]),
                (across * (row[f"{x}_ci95"] or 0), up * (row[f"{y}_ci95"] or 0)),
            )
            panel.errorbar(
                *at, xerr=halves[0], yerr=halves[1], fmt="none", ecolor=look.colour, elinewidth=0.8, alpha=0.6
            )
            panel.plot(*at, linestyle="", zorder=3, label=label(row), **look.dots())
        panel.set_xlabel(measure_label(run, x))
        panel.set_ylabel(measure_label(run, y))
        figure.legend(loc="outside right center")
        note = seeds_note(table).removesuffix(", small dots: seeds")
        head(
            figure,
            f"{run.title}: {measure_name(y)} over {measure_name(x)}",
            f"{note}; names from the highest to the lowest",
        )
    return figure
