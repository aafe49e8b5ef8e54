"""What was tried and how it ended: rows of a table, and the faults below it."""

from __future__ import annotations

import shutil
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from .folder import Folder
from .judge import Complaint
from .settings import Settings

Case = TypeVar("Case")
# Kinds of faults that a row of the table names; all are below it.
MOST_KINDS = 4


@dataclass
class Row:
    """One line of the table: one kind of thing that a campaign tried."""

    campaign: str
    tried: str
    planned: int = 0
    count: int = 0
    seconds: float = 0.0
    failed: int = 0
    missed: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    note: str = ""


@dataclass(frozen=True)
class Fault:
    """The first case of its kind: what was wrong, and how to see it again."""

    row: Row
    complaint: Complaint
    case: str
    steps: tuple[str, ...]
    kept: str | None


class Record:
    """Collects rows and faults of all campaigns; safe to use from several threads."""

    def __init__(self, settings: Settings, say: Callable[[str], None]) -> None:
        self.settings = settings
        self.rows: list[Row] = []
        self.faults: list[Fault] = []
        self._say = say
        self._lock = threading.Lock()
        self.deadline = float("inf")

    def skip(self, campaign: str, tried: str, why: str) -> None:
        """A row of what was not tried, with the reason."""
        self.rows.append(Row(campaign, tried, note=f"skipped: {why}"))
        self._say(f"{campaign}: {tried}: skipped: {why}")

    def each(
        self,
        campaign: str,
        tried: str,
        cases: Iterable[Case],
        attempt: Callable[[Case, Path], tuple[Folder | None, list[Complaint]]],
        jobs: int | None = None,
        name: Callable[[Case], str] = str,
        weight: Callable[[Case], int] = lambda _: 1,
    ) -> Row:
        """Tries every case, each in a folder of its worker, and writes down what is wrong."""
        cases = list(cases)
        row = Row(campaign, tried, planned=sum(map(weight, cases)))
        self.rows.append(row)
        began = time.monotonic()
        workers = self.settings.work / f"row-{len(self.rows)}"

        def one(case: Case) -> None:
            if time.monotonic() > self.deadline:
                return
            path = workers / str(threading.get_ident())
            folder: Folder | None = None
            wrong: list[Complaint] = []
            try:
                folder, wrong = attempt(case, path)
            except Exception as error:  # The tool's own mistakes must not pass for a program's success.
                where = traceback.extract_tb(error.__traceback__)[-1]
                wrong = [
                    Complaint("the tool itself failed", f"{error!r} at {Path(where.filename).name}:{where.lineno}")
                ]
            self._add(row, name(case), weight(case), folder, wrong)

        with ThreadPoolExecutor(jobs or self.settings.jobs) as pool:
            list(pool.map(one, cases))
        shutil.rmtree(workers, ignore_errors=True)
        row.seconds = time.monotonic() - began
        if row.count < row.planned:
            row.note = f"stopped at its time limit, {row.count} of {row.planned}"
        elif row.missed:
            row.note = f"{row.missed} not met"
        if 0 < row.count == row.missed:
            self._add(row, "all", 0, None, [Complaint("the tool itself failed", "no disturbance was met")])
        self._say(f"{campaign}: {tried}: {row.count} in {row.seconds:.0f} s, {outcome(row)}")
        return row

    def _add(self, row: Row, case: str, weight: int, folder: Folder | None, wrong: list[Complaint]) -> None:
        with self._lock:
            row.count += weight
            row.failed += bool(wrong)
            row.missed += bool(folder and folder.missed)
            for complaint in wrong:
                row.kinds[complaint.kind] += 1
                if row.kinds[complaint.kind] == 1:
                    self.faults.append(self._fault(row, complaint, case, folder))

    def _fault(self, row: Row, complaint: Complaint, case: str, folder: Folder | None) -> Fault:
        kept = None
        if folder and self.settings.keep:
            kept = f"{row.campaign}-{len(self.faults) + 1}"
            folder.keep(self.settings.keep / kept)
        return Fault(row, complaint, case, tuple(folder.steps) if folder else (), kept)


def outcome(row: Row) -> str:
    """How a row ended, in a few words."""
    if not row.kinds:
        return row.note or "held"
    shown = [f"{kind} ({count})" for kind, count in row.kinds.most_common(MOST_KINDS)]
    rest = len(row.kinds) - len(shown)
    kinds = "; ".join([*shown, f"and {rest} more kinds"] if rest else shown)
    return f"**{row.failed} failed**: {kinds}" + (f"; {row.note}" if row.note else "")
