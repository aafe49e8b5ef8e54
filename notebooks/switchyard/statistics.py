"""Student's t and Holm's correction, in plain Python: no other package is needed for them.

Everything here is checked against hand-worked values in test_switchyard.py.
"""

import math
import statistics
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

# Corrected p below which two cells are told apart, and the fewest seeds that have a p.
LEVEL = 0.05
ENOUGH_SEEDS = 3


class Interval(NamedTuple):
    """A mean, half the width of its 95 % interval (None for one value), and how many values it is of."""

    mean: float
    half: float | None
    n: int

    @classmethod
    def of(cls, values: Sequence[float]) -> "Interval":
        """Of at least one value, by Student's t with n - 1 degrees of freedom."""
        n = len(values)
        half = t95(n) * statistics.stdev(values) / math.sqrt(n) if n > 1 else None
        return cls(statistics.fmean(values), half, n)


def two_sided(t: float, degrees: int) -> float:
    """Probability that Student's t is at least this far from 0 (Abramowitz and Stegun 26.7.3 and 26.7.4)."""
    angle = math.atan(abs(t) / math.sqrt(degrees))
    odd = degrees % 2
    term, total = (math.cos(angle) if odd else 1.0), 0.0
    for exponent in range(odd, degrees - 1, 2):
        total += term
        term *= (exponent + 1) / (exponent + 2) * math.cos(angle) ** 2
    inside = math.sin(angle) * total
    return max(0.0, 1 - (2 / math.pi * (angle + inside) if odd else inside))


@lru_cache
def t95(n: int) -> float:
    """What Student's t of n values (two or more) stays below, on both sides, with probability 95 %."""
    low, high = 1.0, 13.0
    while high - low > 1e-12:
        middle = (low + high) / 2
        low, high = (middle, high) if two_sided(middle, n - 1) > 0.05 else (low, middle)
    return low


def paired_p(differences: Sequence[float]) -> float | None:
    """p of no difference, by the paired t test; None for fewer than three pairs or differences that do not vary."""
    n = len(differences)
    if n < ENOUGH_SEEDS or not (spread := statistics.stdev(differences)):
        return None
    return two_sided(statistics.fmean(differences) / (spread / math.sqrt(n)), n - 1)


def holm(values: Sequence[float | None]) -> list[float | None]:
    """Holm's step-down correction of a family of p values; None stays None and is no part of the family."""
    order = sorted((p, place) for place, p in enumerate(values) if p is not None)
    corrected: list[float | None] = [None] * len(values)
    largest = 0.0
    for rank, (p, place) in enumerate(order):
        largest = min(1.0, max(largest, p * (len(order) - rank)))
        corrected[place] = largest
    return corrected
