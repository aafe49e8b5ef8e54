"""Results of Switchyard's sweeps in a notebook: load them, sum them up over seeds, compare them, draw them.

    from switchyard import cells, load, paired, plot, table

    run = load("results/unified/cpu-cpu")    # a results folder; run["steps"] is one of its tables
    table(cells(run))                        # each cell: mean and 95 % interval over its seeds
    table(paired(run))                       # ranked, with differences to the baseline and to the best by seed
    plot.ranking(run)                        # the same as a figure; also plot.differences, plot.curves, plot.over

A cell is all trials that differ in nothing but their seed. results/README.md says what every column is, and so does
`columns(run, "trials")`. The page docs/notebooks.md has more, requirements.txt the versions.
"""

import polars

OLDEST_POLARS = (1, 31)

if tuple(int(part) for part in polars.__version__.split(".")[:2]) < OLDEST_POLARS:
    needed = ".".join(map(str, OLDEST_POLARS))
    raise ImportError(f"needs polars {needed} or newer, this is {polars.__version__}: pip install -U polars")

from .comparing import family, paired
from .reading import Results, ResultsError, columns, load
from .summing import cells
from .tables import Markdown, plus_minus, table

__all__ = [
    "Markdown",
    "Results",
    "ResultsError",
    "cells",
    "columns",
    "family",
    "load",
    "paired",
    "plus_minus",
    "table",
]
