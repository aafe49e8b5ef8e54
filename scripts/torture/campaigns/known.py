"""An input that was once mistaken: taken for something else, run without a bound, refused too late."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from lab.folder import Folder
from lab.judge import Complaint
from lab.process import Limits, Run
from lab.sweeps import NAME, RESULTS

PLAN = ("plan", NAME)
SWEEP = ("sweep", NAME, "--threads", "1")
LIMITS = Limits(seconds=120, cpu_s=10, memory=4 << 30)
BASE = """\
name     = "killer"
question = "Is it found before it runs?"
job      = "train"
seeds    = [17]

[data]
corpus    = { tinytales = { stories = 200 } }
tokenizer = "char"

[model.tiny-moe]
layers  = 1
dim     = 32
heads   = 2
dropout = 0.0

[moe]
experts = 4
k       = 2

[router]
strategy  = "soft-top-k"
balancers = [{ switch = { alpha = 0.01 } }]

[train]
steps         = 4
warmup        = 1
batch         = 4
sequence      = 32
learning-rate = 1e-3
log-every     = 1
eval-every    = 0
eval-windows  = 8
"""
Check = Callable[[Folder, Run], list[Complaint]]


@dataclass(frozen=True)
class Known:
    """One input: settings and files, what is run, and how that may end."""

    name: str
    sets: tuple[str, ...] = ()
    text: str = BASE
    command: tuple[str, ...] = PLAN
    expected: frozenset[int] = frozenset({2})
    check: Check | None = None
    files: tuple[tuple[str, bytes], ...] = ()
    limits: Limits = LIMITS


def has_room(folder: Folder, run: Run) -> list[Complaint]:
    """Where there is room for all, nothing is dropped, and no expert has more room than there are choices."""
    if run.code != 0:
        return []
    trials = pl.read_parquet(results_of(folder) / "trials.parquet")
    wrong = []
    if dropped := trials["drop_rate"].max():
        wrong.append(Complaint("tokens are dropped where there is room for all", f"drop_rate {dropped!r}"))
    beyond = trials.filter(pl.col("capacity") > pl.col("batch") * pl.col("sequence") * pl.col("top_k"))
    if beyond.height:
        wrong.append(Complaint("a capacity beyond all choices", f"{beyond['capacity'][0]} slots of an expert"))
    return wrong


def says_memory(_: Folder, run: Run) -> list[Complaint]:
    """Out of memory is told as that."""
    return [] if b"memory" in run.err.lower() else [Complaint("does not say that memory ran out", run.last_line())]


def done_is_finite(folder: Folder, run: Run) -> list[Complaint]:
    """A trial that is done has its measures."""
    return invented(results_of(folder)) if run.code == 0 else []


def results_of(folder: Folder) -> Path:
    """The one results folder that a run left; what `--set` asks has a name of its own."""
    found = sorted((folder / "results").glob("*/*/trials.parquet"))
    return found[0].parent if found else folder / RESULTS


def invented(results: Path) -> list[Complaint]:
    """Router trials that are done although what they measured is not finite."""
    try:
        trials = pl.read_parquet(results / "trials.parquet").filter(pl.col("status") == "done")
    except (pl.exceptions.PolarsError, OSError):
        return [Complaint("exit 0 without a table of trials")]
    nulls = [name for name in ("logit_std", "output_std", "router_entropy") if trials[name].null_count()]
    return [Complaint("done, though its measures are not finite", ", ".join(nulls))] if nulls else []
