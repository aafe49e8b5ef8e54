"""Clones: results folders that hold rows of which no store knows. No such row may ever be lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from lab.calls import Point, points, spread
from lab.folder import Folder
from lab.judge import Complaint, judge
from lab.record import Record
from lab.settings import Settings
from lab.store import left_over
from lab.sweeps import NAME, RESULTS, clone, ids, train
from lab.tables import trial_rows

RENAMES = ("rename", "renameat", "renameat2")
TEXT = train(strategies=2, capacities=2, steps=4, checkpoint_every=0)


def one_more(settings: Settings, name: str) -> tuple[Folder, set[str]]:
    """A clone of four trials in which one of them was run again, and the ids of all rows in it."""
    folder = clone(settings, name, TEXT)
    known = set(trial_rows(folder / RESULTS))
    folder.xp("trial", NAME, ids(folder)[0], "--rerun", "--threads", "1")
    return folder, known


def lost(folder: Folder, known: set[str]) -> list[Complaint]:
    """Rows that are in no table of the results any more."""
    gone = known - trial_rows(folder / "results").keys()
    return [Complaint("rows of a clone are lost", f"{len(gone)} of {len(known)}")] if gone else []


def killed(record: Record, campaign: str) -> None:
    """`xp report` of a clone is killed at each rename and other calls, and is then run again."""
    settings = record.settings
    template, known = one_more(settings, "clone")
    found = points(Folder(settings, settings.work / "clone-probe", template.path), "report", NAME)
    renames = [point for point in found if point.call in RENAMES]
    others = [point for point in found if point.call not in (*RENAMES, "openat")]
    disturbed(
        record, campaign, "SIGKILL at each rename of `xp report` in a clone", renames, "signal=KILL", template, known
    )
    chosen = spread(settings, others, settings.pick(4, 60), "clone")
    disturbed(record, campaign, "SIGKILL at other calls of it", chosen, "signal=KILL", template, known)
    undisturbed(record, campaign)


def disturbed(
    record: Record, campaign: str, tried: str, chosen: list[Point], what: str, template: Folder, known: set[str],
    after: bool = False, expected: Callable[[int], set[int]] | None = None,
) -> None:  # fmt: skip
    """One row: `xp report` is disturbed at each of the points, and is then run again."""

    def attempt(point: Point, path: Path) -> tuple[Folder, list[Complaint]]:
        folder = Folder(record.settings, path, template.path)
        first = folder.xp("report", NAME, prefix=point.inject(what, after))
        folder.missed = "signal" in what and first.code >= 0
        wrong = judge(first, signals_are_ours=True)
        wrong += judge(folder.xp("report", NAME), {0, 5})
        return folder, wrong + lost(folder, known) + left_over(folder)

    record.each(campaign, tried, chosen, attempt, name=lambda point: f"{point.call} {point.nth}")


def undisturbed(record: Record, campaign: str) -> None:
    """What a person does with a clone: runs one trial of it again, or the first of an edited sweep."""
    settings = record.settings
    plain = clone(settings, "clone-plain", TEXT)
    known = set(trial_rows(plain / RESULTS))
    edited = TEXT.replace("warmup           = 2", "warmup           = 1").encode()

    def attempt(case: str, path: Path) -> tuple[Folder, list[Complaint]]:
        folder = Folder(settings, path, plain.path)
        if case == "an edited sweep":
            folder.edit(f"experiments/{NAME}.toml", edited)
        folder.xp("trial", NAME, ids(folder)[0], "--rerun", "--threads", "1")
        run = folder.xp("report", NAME)
        wrong = judge(run, {0, 5}) + lost(folder, known)
        if case == "the same sweep" and "not in the report" in run.text:
            wrong.append(Complaint("trials that are in the tables are called missing", run.last_line()))
        return folder, wrong

    record.each(campaign, "a trial and a report in a clone", ["the same sweep", "an edited sweep"], attempt)
