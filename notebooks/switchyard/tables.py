"""Tables to read: Markdown, which notebooks show as a table and terminals as it stands."""

import math

import polars as pl

# Columns that join tables and say nothing to a reader.
KEYS = ("cell_id", "trial_id")


class Markdown(str):
    """Text that a notebook shows formatted."""

    def _repr_markdown_(self) -> str:
        return str(self)

    def __repr__(self) -> str:
        return str(self)


def table(frame: pl.DataFrame) -> Markdown:
    """A frame as a table: `x` and `x_ci95` are one column, `20.73 ± 0.28`; what is not causal is marked.

    A measure has as many digits as its interval bears out, a difference (`less_...`, `difference`) a sign, and p two
    digits.
    """
    hidden = {*KEYS, "causal"}
    names = [name for name in frame.columns if name not in hidden and not name.endswith("_ci95")]
    numbers = {name for name in names if frame[name].dtype.is_numeric()}
    rows = [[name.replace("_", " ") for name in names]]
    rows += [[cell_text(row, name) for name in names] for row in frame.iter_rows(named=True)]
    widths = [max(3, *(len(row[place]) for row in rows)) for place in range(len(names))]
    sides = [">" if name in numbers else "<" for name in names]
    lines = [[f"{field:{side}{width}}" for field, side, width in zip(row, sides, widths)] for row in rows]
    rule = ["-" * (width - 1) + (":" if side == ">" else "-") for side, width in zip(sides, widths)]
    return Markdown("\n".join(f"| {' | '.join(line)} |" for line in [lines[0], rule, *lines[1:]]))


def cell_text(row: dict, name: str) -> str:
    """What stands in one column of a row."""
    value = row[name]
    if name == "cell":
        return label(row)
    if value is None:
        return "–"
    if isinstance(value, float):
        if name == "p" or name.startswith("p_"):
            return significant(value, 2)
        if f"{name}_ci95" in row:
            return plus_minus(value, row[f"{name}_ci95"], name.startswith(("less_", "difference")))
        return f"{value:g}"
    return str(value)


def label(row: dict) -> str:
    """A cell's name, marked where a token is routed by later ones."""
    return f"{row['cell']} (not causal)" if row.get("causal") is False else row["cell"]


def plus_minus(mean: float, half: float | None = None, signed: bool = False) -> str:
    """`20.73 ± 0.28`: two digits of the half-width and the mean to match; four digits without one."""
    sign = "+" if signed else ""
    # What only rounding tells apart has no spread.
    if half is None or half <= 1e-12 * abs(mean):
        return significant(mean, 4, sign)
    decimals = decimals_for(half, 2)
    return f"{mean:{sign}.{decimals}f} ± {half:.{decimals}f}"


def significant(value: float, digits: int, sign: str = "") -> str:
    """A number with so many digits, whole numbers in full."""
    if value == 0:
        return "0"
    if abs(value) < 1e-4:
        return f"{value:{sign}.{digits - 1}e}"
    return f"{value:{sign}.{decimals_for(value, digits)}f}"


def decimals_for(value: float, digits: int) -> int:
    """The decimals that show so many digits of a number."""
    return min(6, max(0, digits - 1 - math.floor(math.log10(abs(value))))) if value else 0
