"""Result tables: which rows are there, and whether two folders say the same."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import polars as pl

from .judge import Complaint

# Names of rows: the columns of a table that tell its rows apart, where it has them.
KEYS = ("trial_id", "step", "layer", "window", "position", "choice", "expert", "kind")
# Columns that a second run may change: where and when it ran, by what program, and how large it grew.
PROVENANCE = {
    "started_at", "finished_at", "host", "xp_version", "git_sha", "git_dirty", "rustc", "burn_version",
    "cpu_model", "cores", "threads", "peak_memory_bytes", "device_memory_bytes", "device_name",
}  # fmt: skip
TIME_UNITS = {"s", "ms", "us", "ns"}
TABLES = ("trials", "steps", "experts", "tokens", "alarms")


def trial_rows(results: Path) -> Counter[str]:
    """How often each trial's row is in any readable table of trials below a folder."""
    rows: Counter[str] = Counter()
    for path in sorted(results.rglob("*.parquet")):
        if path.name.startswith("trials"):
            try:
                rows.update(pl.read_parquet(path, columns=["trial_id"])["trial_id"].to_list())
            except (pl.exceptions.PolarsError, OSError):
                continue
    return rows


def rows_of(results: Path) -> int | None:
    """The number of trials in a results folder's own table; None where it cannot be read."""
    try:
        return pl.read_parquet(results / "trials.parquet").height
    except (pl.exceptions.PolarsError, OSError):
        return None


def compare(expected: Path, found: Path) -> list[Complaint]:
    """Every cell in which tables differ, but for times, provenance and peak memory."""
    wrong = []
    for table in TABLES:
        one, other = expected / f"{table}.parquet", found / f"{table}.parquet"
        if not other.is_file():
            wrong.append(Complaint(f"{table}.parquet is missing"))
            continue
        try:
            wrong += compare_table(table, one, other)
        except (pl.exceptions.PolarsError, OSError) as error:
            wrong.append(Complaint(f"{table}.parquet cannot be read", str(error)[:120]))
    return wrong


def compare_table(table: str, one: Path, other: Path) -> list[Complaint]:
    """Every cell in which two tables of one kind differ."""
    skipped = PROVENANCE | timed(one)
    a, b = (pl.read_parquet(path) for path in (one, other))
    keys = [name for name in KEYS if name in a.columns]
    a, b = (frame.drop(skipped & set(frame.columns)).sort(keys) for frame in (a, b))
    if a.columns != b.columns or a.height != b.height:
        return [Complaint(f"{table}: other rows or columns", f"{a.shape} and {b.shape}")]
    return [
        Complaint(f"{table}: cells differ", f"{name}: {a[name][row]!r} and {b[name][row]!r}")
        for name in a.columns
        for row in (~a[name].eq_missing(b[name])).arg_true().to_list()[:1]
    ][:3]


def timed(path: Path) -> set[str]:
    """The columns whose unit is a time or a rate, from the table's own description."""
    columns = json.loads(pl.read_parquet_metadata(path)["switchyard.columns"])
    units = {name: facts["unit"] for name, facts in columns.items()}
    rates = {name for name, unit in units.items() if unit.endswith("/s")}
    return rates | {name for name, unit in units.items() if unit in TIME_UNITS} | {"routing_share", "memcpy_share"}


def invented_times(results: Path) -> list[Complaint]:
    """Trials that trained for longer than they ran."""
    trials = pl.read_parquet(results / "trials.parquet", columns=["trial_id", "wall_s", "train_s"])
    worst = trials.filter(pl.col("train_s") > pl.col("wall_s"))
    return [
        Complaint("trials: trained longer than it ran", f"wall_s {row['wall_s']:.2f}, train_s {row['train_s']:.2f}")
        for row in worst.head(1).to_dicts()
    ]
