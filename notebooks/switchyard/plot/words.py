"""What axes and measures are called in a figure, and in which unit they are drawn."""

import polars as pl

from ..reading import Results, columns

AXES = {"experts": "experts E", "top_k": "k", "tokens": "tokens T"}
SYMBOLS = {"experts": "E = ", "top_k": "k = ", "tokens": "T = ", "capacity_factor": "CF "}
MEASURES = {
    "kl_divergence": "KL divergence",
    "load_cv_before": "load CV before drops",
    "load_cv_after": "load CV after drops",
    "loss_lm": "loss of the language model",
    "step_ms_median": "time of a step, median",
}
# Units that are drawn as others, with what the values are times.
DRAWN = {"share": ("%", 100.0), "bytes": ("MiB", 2.0**-20)}


def axis_label(axis: str) -> str:
    """An axis with its symbol, where the field has one."""
    return AXES.get(axis, axis.replace("_", " "))


def value_label(axis: str, value: object) -> str:
    """A value with as much of its axis as it needs: `E = 64`, `soft-top-k`, `CF 1.25`."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return f"{SYMBOLS.get(axis, f'{axis_label(axis)} ')}{value:g}"
    switch = {"true": axis_label(axis), "false": f"no {axis_label(axis)}"}
    return switch.get(str(value).lower(), str(value))


def measure_name(measure: str) -> str:
    """A measure in words."""
    return MEASURES.get(measure, measure.replace("_", " "))


def measure_label(run: Results, measure: str, table: str = "trials") -> str:
    """A measure with the unit that it is drawn in: `perplexity (per token)`."""
    unit = unit_of(run, measure, table)
    drawn = DRAWN.get(unit, (unit, 1.0))[0]
    return measure_name(measure) + (f" ({drawn})" if drawn else "")


def factor(run: Results, measure: str, table: str = "trials") -> float:
    """What values are drawn times: 100 for shares, so that they are percent."""
    return DRAWN.get(unit_of(run, measure, table), ("", 1.0))[1]


def unit_of(run: Results, measure: str, table: str) -> str:
    """The unit that the file states; none for columns of one's own."""
    return columns(run, table).get(measure, {}).get("unit", "")


def seeds_note(table: pl.DataFrame) -> str:
    """What dots and bars are."""
    least, most = table["seeds"].min(), table["seeds"].max()
    if most == 1:
        return "one seed"
    count = f"{least} to {most}" if least < most else f"{most}"
    return f"mean of {count} seeds, bars: 95 % interval, small dots: seeds"
