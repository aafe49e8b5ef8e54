"""The paper that figures are drawn on: fonts, colours of lines and text, title and notes."""

from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

INK, MUTED, GRID = "#1f242b", "#4a525c", "#e3e6ea"
DPI = 100
COLOURS = 160

STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "grid.color": GRID,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
}


class Sheet(Figure):
    """A figure that a notebook shows by itself, whatever matplotlib's backend is."""

    def save(self, path: str | Path, dpi: int = 150) -> None:
        """Writes the figure; the ending of the name says in which format."""
        with matplotlib.rc_context(STYLE):
            self.savefig(path, dpi=dpi, bbox_inches="tight")

    def _repr_png_(self) -> bytes:
        image = BytesIO()
        with matplotlib.rc_context(STYLE):
            self.savefig(image, format="png", dpi=DPI, bbox_inches="tight")
        # Few colours are a third of the bytes, and a notebook keeps them all.
        small = BytesIO()
        few = Image.open(image).convert("RGB").quantize(COLOURS, Image.Quantize.MAXCOVERAGE)
        few.save(small, format="png", optimize=True)
        return small.getvalue()


@contextmanager
def sheet(width: float, height: float, columns: int = 1, rows: int = 1, **subplots):
    """A sheet of so many inches with its panels, a list, in the style of all figures."""
    with matplotlib.rc_context(STYLE):
        figure = Sheet(figsize=(width, height), layout="constrained")
        panels = figure.subplots(rows, columns, squeeze=False, **subplots)
        yield figure, list(panels.flat)


def head(figure: Sheet, title: str, note: str) -> None:
    """The title and what a reader must know, above the panels at the left."""
    figure.suptitle(f"{title}\n", x=0.01, ha="left", fontsize=12, fontweight="bold")
    height = figure.get_size_inches()[1]
    figure.text(0.01, 1 - 0.36 / height, note, ha="left", va="center", color=MUTED, fontsize=9)


def only(panel: Axes, grid: str) -> None:
    """Grid lines across one axis alone: `x` or `y`."""
    panel.grid(False, axis="y" if grid == "x" else "x")
