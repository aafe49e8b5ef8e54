"""A measure over any axis of a sweep: lines with intervals and seeds, in panels where there are more axes."""

import math

import polars as pl
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator
from matplotlib.transforms import ScaledTranslation

from ..comparing import by_seed
from ..reading import Results, ResultsError
from ..summing import cells
from .look import Encoding, Look, order, tint, values, varying
from .sheet import MUTED, Sheet, head, sheet
from .words import axis_label, factor, measure_label, measure_name, seeds_note, value_label

# Lines at the same place are set this far apart, in points, where a panel of about that width has room; so many panels
# stand side by side at most; dots of a line for what lacks the axis.
APART = 5.0
WIDTH = 160.0
MOST_COLUMNS = 3
LEVEL = (0, (1, 2))


def over(run: Results, axis: str, measure: str = "perplexity") -> Sheet:
    """A measure over an axis, a line for each setting of the others: means, 95 % intervals, seeds as small dots.

    Of an axis of numbers, cells that no other equals in all but this axis are left out where there are some that do, as
    in sweeps that vary one thing at a time. Cells that lack the axis, as dense networks lack a capacity factor, are
    level lines.
    """
    table = cells(run, [measure]).drop_nulls(measure)
    axes = varying(table)
    if axis not in axes:
        raise ResultsError(f"`{axis}` does not vary in {run.title}; what does: {', '.join(axes)}")
    shown = on_lines(table, axis)
    own = Encoding(shown)
    # Categories are not joined, and keep the colours that they have elsewhere.
    encoding = own if own.hued[:1] == [axis] and not table[axis].dtype.is_numeric() else Encoding(shown, axis)
    fixed = [name for name in axes if name not in (axis, *varying(shown))]
    held = [value_label(name, shown[name][0]) for name in fixed if shown[name][0] is not None]
    panels = shown.drop_nulls(axis).select(encoding.panels).unique(maintain_order=True) if encoding.panels else [()]
    places = sorted((tuple(row) for row in panels.iter_rows()), key=key) if encoding.panels else [()]
    columns = columns_of(shown, encoding)
    rows = -(-len(places) // columns)
    size = (max(7.0, 2.9 * columns) + 1.6, 1.1 + (3.2 if rows == 1 else 2.2 * rows))
    drawing = Drawing(run, shown, axis, measure, encoding)
    with sheet(*size, columns, rows, sharex=True, sharey=True) as (figure, grid):
        for panel, place in zip(grid, places):
            drawing.draw(panel, place)
        for panel in grid[len(places) :]:
            panel.set_visible(False)
        figure.supxlabel(axis_label(axis), fontsize=9)
        figure.supylabel(measure_label(run, measure), fontsize=9)
        if len(drawing.legend()[0]) > 1:
            figure.legend(*drawing.legend(), loc="outside right center")
        note = "; ".join([seeds_note(shown), *(["at " + ", ".join(held)] if held else [])])
        head(figure, f"{run.title}: {measure_name(measure)} over {axis_label(axis)}", note)
    return figure


def on_lines(table: pl.DataFrame, axis: str) -> pl.DataFrame:
    """The cells that share a line with another one, or all where none does; and those that lack the axis."""
    others = [name for name in varying(table) if name != axis]
    if not others or not table[axis].dtype.is_numeric():
        return table
    points = pl.col(axis).drop_nulls().n_unique().over(others)
    lines = table.filter((points > 1) | pl.col(axis).is_null())
    return lines if lines[axis].n_unique() > 1 else table


def key(values: tuple) -> list:
    """How panels sort."""
    return [order(value) for value in values]


def columns_of(table: pl.DataFrame, encoding: Encoding) -> int:
    """How many panels stand side by side: as many as the last axis of panels has values, if they fit."""
    return min(MOST_COLUMNS, len(values(table, encoding.panels[-1]))) if encoding.panels else 1


class Drawing:
    """What all panels of a figure over an axis share."""

    def __init__(self, run: Results, table: pl.DataFrame, axis: str, measure: str, encoding: Encoding) -> None:
        self.table, self.axis, self.measure, self.encoding = table, axis, measure, encoding
        self.seeds, self.times = by_seed(run, measure), factor(run, measure)
        self.values = values(table, axis)
        self.is_number = table[axis].dtype.is_numeric()
        self.by_ratio = self.is_number and self.values[0] > 0 and self.values[-1] >= 8 * self.values[0]
        places = [math.log(value) for value in self.values] if self.by_ratio else self.values
        places = places if self.is_number else range(len(places))
        steps = [after - before for before, after in zip(places, places[1:])]
        # The nearest two values of the axis, as a share of its length.
        self.nearest = min(steps) / sum(steps) if steps else 1.0
        self.handles: dict[str, object] = {}

    def draw(self, panel: Axes, place: tuple) -> None:
        """The cells of one panel."""
        own = self.table
        for name, value in zip(self.encoding.panels, place):
            own = own.filter((pl.col(name) == value) | pl.col(self.axis).is_null())
        panel.set_title(", ".join(value_label(n, v) for n, v in zip(self.encoding.panels, place)))
        self.draw_axis(panel)
        for row in own.filter(pl.col(self.axis).is_null()).iter_rows(named=True):
            self.draw_level(panel, self.encoding.look(row), row)
        lines: dict[str, list[dict]] = {}
        rows = own.drop_nulls(self.axis).iter_rows(named=True)
        for row in sorted(rows, key=lambda row: order(row[self.axis])):
            lines.setdefault(self.name(row), []).append(row)
        apart = min(APART, self.nearest * WIDTH / max(1, len(lines)))
        for place, line in enumerate(lines.values()):
            shift = apart * (place - (len(lines) - 1) / 2)
            self.draw_line(panel, line, shift)

    def draw_level(self, panel: Axes, look: Look, row: dict) -> None:
        """A cell that lacks the axis."""
        level = self.times * row[self.measure]
        panel.axhline(level, color=look.colour, linewidth=1, linestyle=LEVEL)
        panel.plot(1, level, clip_on=False, transform=panel.get_yaxis_transform(), **look.dots(6))
        self.handle(row, look, LEVEL)

    def draw_line(self, panel: Axes, line: list[dict], shift: float) -> None:
        """One line: intervals and seeds at its points, set aside by so many points of the page."""
        look = self.encoding.look(line[0])
        move = panel.transData + ScaledTranslation(shift / 72, 0, panel.figure.dpi_scale_trans)
        beside = panel.transData + ScaledTranslation((shift + 3.5) / 72, 0, panel.figure.dpi_scale_trans)
        points = [(self.place(row), self.times * row[self.measure]) for row in line]
        if self.is_number:
            panel.plot(*zip(*points), linestyle=look.dash, linewidth=1, color=look.colour, transform=move)
        for (x, y), row in zip(points, line):
            half = self.times * (row[f"{self.measure}_ci95"] or 0)
            seeds = [self.times * value for value in self.seeds[row["cell"]].values()]
            seeds = seeds if len(seeds) > 1 else []
            own = self.encoding.look(row)
            panel.errorbar(x, y, half, fmt="none", ecolor=own.colour, elinewidth=1, capsize=2.5, transform=move)
            panel.plot([x] * len(seeds), seeds, ".", markersize=3, color=tint(own.colour, 0.6), transform=beside)
            panel.plot(x, y, linestyle="", transform=move, zorder=3, **own.dots(6))
            # What is set aside is not seen by the panel's own scaling.
            panel.update_datalim([(x, value) for value in (y - half, y + half, *seeds)])
        panel.autoscale_view()
        if self.axis not in self.encoding.hued:
            self.handle(line[0], look, look.dash if self.is_number else "")
        elif self.encoding.variant:
            self.handle(line[0], look._replace(colour=MUTED, marker="o"), "")

    def place(self, row: dict) -> float:
        """Where a cell stands on the axis."""
        return row[self.axis] if self.is_number else self.values.index(row[self.axis])

    def handle(self, row: dict, look: Look, dash: object) -> None:
        """The legend's entry for the line of a row."""
        self.handles[self.name(row)] = Line2D([], [], linestyle=dash, linewidth=1, **look.dots(6))

    def draw_axis(self, panel: Axes) -> None:
        """Ticks at the axis' values where they have room; from eightfold on numbers are drawn by their ratio."""
        panel.grid(False, axis="x")
        if not self.is_number:
            panel.set_xticks(range(len(self.values)), [str(value) for value in self.values])
            panel.set_xlim(-0.5, len(self.values) - 0.5)
            panel.tick_params(axis="x", labelrotation=30 if len("".join(map(str, self.values))) > 70 else 0)
            return
        if self.by_ratio:
            panel.set_xscale("log", base=2)
        panel.xaxis.set_major_locator(FixedLocator(self.values) if self.nearest > 0.12 else MaxNLocator(5))
        panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        panel.xaxis.set_minor_locator(NullLocator())
        panel.margins(x=0.12)

    def name(self, row: dict) -> str:
        """A line's name: the values that its colour, marker, fill and dashes tell."""
        told = [*self.encoding.hued, *([self.encoding.variant] if self.encoding.variant else [])]
        return ", ".join(value_label(name, row[name]) for name in told if name != self.axis and row[name] is not None)

    def legend(self) -> tuple[list, list[str]]:
        """Handles and names of all lines."""
        named = {name: handle for name, handle in self.handles.items() if name}
        return list(named.values()), list(named)
