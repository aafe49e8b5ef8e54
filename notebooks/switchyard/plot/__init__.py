"""Figures of a results folder, in the colours of the report.

`ranking` shows a measure of every cell from best to worst, `differences` each cell less another seed by seed, `curves`
a measure over training, `over` a measure over any axis of the sweep, `against` one over another measure, `classes`
which experts take which tokens. Each returns a figure that a notebook shows and `save` writes; `figure.axes` are
matplotlib's, to change what you like.
"""

from .dots import differences, ranking
from .heat import classes
from .lines import over
from .look import Look, looks
from .scatter import against
from .sheet import Sheet
from .training import curves

__all__ = ["Look", "Sheet", "against", "classes", "curves", "differences", "looks", "over", "ranking"]
