"""What each cell looks like: the colours and markers of the report's figures.

The palette is Okabe and Ito's without its yellow, told apart by readers with any of the common colour deficiencies.
Colour is never the only signal: each comes with a marker of its own, and a second axis is told by how it is filled and
by dashes. A strategy keeps its colour whichever others are in the sweep.
"""

from collections.abc import Sequence
from typing import NamedTuple

import polars as pl
from matplotlib.colors import to_rgb

from .sheet import INK

PALETTE = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", INK]
MARKERS = ["o", "s", "^", "D", "v", "P", "p"]
ROUNDS = ["solid", "open", "pale"]
FILLS = ["open", "solid", "pale"]
DASHES = ["-", (0, (6, 3)), (0, (2, 2)), (0, (8, 3, 2, 3))]

# Strategies in the order in which readers expect them; the first six have a colour of their own.
STRATEGIES = [
    "top1",
    "hard-top-k",
    "soft-top-k",
    "hash",
    "expert-choice",
    "random",
    "dense-active-1",
    "dense-active-2",
]
OWN_COLOURS = 6

# Markers of networks without routing: an upright bar, a lying one, a cross; a star of four points for all parameters.
UPRIGHT = [(-0.4, -1.0), (0.4, -1.0), (0.4, 1.0), (-0.4, 1.0), (-0.4, -1.0)]
DENSE = [UPRIGHT, [(y, x) for x, y in UPRIGHT], "X"]
DENSE_TOTAL = (4, 1, 0)

# Axes that a reader compares first take the colour; those of few values take fills and dashes.
COLOUR_FIRST = ["strategy", "scorer", "adapter", "top_k", "balancer", "dispatch", "drop_policy", "experts", "packing"]
FILL_FIRST = ["capacity_factor", "packing", "dispatch", "drop_policy", "renormalise", "precision", "top_k"]
MOST_FILLS = 3


class Look(NamedTuple):
    """Colour, marker, how it is filled (`solid`, `open`, `pale`) and dashes, as matplotlib names them."""

    colour: str
    marker: object
    fill: str = "solid"
    dash: object = "-"

    def dots(self, size: float = 7) -> dict:
        """Keywords that draw the marker."""
        inside = {"solid": self.colour, "open": "white", "pale": tint(self.colour, 0.4)}[self.fill]
        size = size if isinstance(self.marker, str) else 1.5 * size
        return {"marker": self.marker, "color": self.colour, "markerfacecolor": inside, "markersize": size}


class Encoding:
    """Which axis is told by what: `hued` by colour and marker, `variant` by fill and dashes, `panels` by neither."""

    def __init__(self, table: pl.DataFrame, without: str | None = None) -> None:
        """Of cells with their axes; `without` is the axis that a figure has as its abscissa."""
        axes = [name for name in varying(table) if name != without]
        self.hued, self.variant, self.panels = [], None, []
        self._kinds, self._variants = {(): hue(0)}, []
        if not axes:
            return
        lead = next(name for name in (*COLOUR_FIRST, *axes) if name in axes)
        rest = [name for name in axes if name != lead]
        crossed = [name for name in rest if is_crossed(table, lead, name)]
        self.hued = [lead, *(name for name in rest if name not in crossed)]
        few = [name for name in (*FILL_FIRST, *crossed) if name in crossed and len(values(table, name)) <= MOST_FILLS]
        self.variant = few[0] if few else None
        self.panels = [name for name in crossed if name != self.variant]
        kinds = {tuple(row) for row in table.select(self.hued).iter_rows()}
        self._kinds = hues(lead, sorted(kinds, key=lambda kind: [order(value) for value in kind]))
        self._variants = values(table, self.variant) if self.variant else []

    def look(self, row: dict) -> Look:
        """What the cell of a row of the table looks like."""
        look = self._kinds[tuple(row[name] for name in self.hued)]
        if self.variant is None or row[self.variant] is None:
            return look
        place = self._variants.index(row[self.variant])
        return look._replace(fill=FILLS[place % len(FILLS)], dash=DASHES[place % len(DASHES)])


def looks(table: pl.DataFrame) -> dict[str, Look]:
    """Of each cell's name its look, by the axes on which the cells of the table differ.

    Of all cells of a sweep (`summing.axes`) the looks are the same in every figure, whichever cells it shows.
    """
    encoding = Encoding(table)
    return {row["cell"]: encoding.look(row) for row in table.iter_rows(named=True)}


def varying(table: pl.DataFrame) -> list[str]:
    """The axes on which the cells of the table differ."""
    axes = table.columns[table.columns.index("cell") + 1 :]
    axes = [name for name in axes if name not in ("causal", "seeds")]
    measures = {name.removesuffix("_ci95") for name in axes if name.endswith("_ci95")}
    return [n for n in axes if n not in measures and not n.endswith("_ci95") and table[n].n_unique() > 1]


def is_crossed(table: pl.DataFrame, lead: str, other: str) -> bool:
    """Whether two axes combine freely: all routed cells have both, and more than half of all pairs are there."""
    routed = table.filter(~pl.col("strategy").str.starts_with("dense-")) if lead == "strategy" else table
    pairs = routed.select(lead, other).unique()
    return routed[other].null_count() == 0 and 2 * len(pairs) > len(values(table, lead)) * len(values(table, other))


def hues(lead: str, kinds: Sequence[tuple]) -> dict[tuple, Look]:
    """A look for each kind of cell; strategies keep theirs, the first of several of one strategy, newcomers follow."""
    found: dict[tuple, Look] = {}
    seen: set = set()
    dense = newcomers = 0
    for place, kind in enumerate(kinds):
        name = kind[0]
        if lead == "strategy" and str(name).startswith("dense-"):
            total = name == "dense-total"
            found[kind] = Look(INK, DENSE_TOTAL if total else DENSE[dense % 3])
            dense += not total
            continue
        if lead != "strategy":
            found[kind] = hue(place)
        elif name in STRATEGIES and name not in seen:
            found[kind] = hue(STRATEGIES.index(name))
        else:
            found[kind] = hue(OWN_COLOURS + newcomers)
            newcomers += 1
        seen.add(name)
    return found


def hue(place: int) -> Look:
    """Colour, marker and fill by place: each round of the palette takes the markers one further and fills otherwise."""
    turn = place // len(PALETTE)
    return Look(PALETTE[place % len(PALETTE)], MARKERS[(place + turn) % len(MARKERS)], ROUNDS[turn % len(ROUNDS)])


def values(table: pl.DataFrame, axis: str) -> list:
    """The values of an axis in order, without what has none."""
    return sorted(table[axis].drop_nulls().unique(), key=order)


def order(value: object) -> tuple:
    """Where a value sorts: what is left out, numbers by size, strategies as readers expect them, the rest by name."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return (1, value, "")
    place = STRATEGIES.index(value) if value in STRATEGIES else len(STRATEGIES)
    return (0, -1, "") if value is None else (2, place, str(value))


def tint(colour: str, strength: float) -> tuple[float, ...]:
    """The colour mixed with white; 0 leaves nothing of it, 1 all."""
    return tuple(1 + (channel - 1) * strength for channel in to_rgb(colour))
