"""Errors of the file system: at a system call, in a clone, and of the standard output."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lab.calls import Point, points, spread
from lab.folder import Folder
from lab.judge import FAILURES, Complaint, judge
from lab.process import Limits, Run, run
from lab.record import Record
from lab.settings import missing_tool
from lab.store import left_over, unsaid, whole
from lab.sweeps import NAME, STORE, finished, finished_by_trial, fresh, ids, train

from . import clones

CAMPAIGN = "errors"
# A disk that is full stays full; one that is broken may be so once.
ERRORS = (("EIO", False), ("ENOSPC", True))
FAILING = ("fsync", "fdatasync", "rename", "renameat", "renameat2", "mkdir", "mkdirat", "ftruncate", "write", "openat")


@dataclass(frozen=True)
class Error:
    """An error that a system call gives, there alone or from there on."""

    point: Point
    name: str
    after: bool

    def __str__(self) -> str:
        return f"{self.name} at {self.point.call} {self.point.nth}{' and after' if self.after else ''}"


def campaign(record: Record) -> None:
    """All errors."""
    if why := missing_tool("strace"):
        record.skip(CAMPAIGN, "errors at system calls", why)
    else:
        at_calls(record)
        in_clones(record)
    unwritable_output(record)


def errors(found: list[Point]) -> Iterator[Error]:
    """Every error at every point at which a program notices it."""
    for point in found:
        # Nobody need hear of a terminal that is gone.
        if point.call == "write" and point.what.startswith(("1<", "2<")):
            continue
        for name, after in ERRORS:
            if not (point.call == "openat" and after and "O_CREAT" not in point.what):
                yield Error(point, name, after)


def at_calls(record: Record) -> None:
    """EIO and ENOSPC at the n-th of each system call of `trial`, `sweep` and `report`."""
    settings = record.settings
    text = train(steps=6, checkpoint_every=4)
    start = fresh(settings, "errors-start", text)
    reference = finished(settings, "errors-reference", text)
    by_trial = finished_by_trial(settings, "errors-by-trial", text)
    # Of a report without a results folder everything is to be written, so that nothing stale can pass.
    bare = Folder(settings, settings.work / "errors-bare", reference.path)
    bare.remove("results")
    alone = ("--threads", "1")
    command_row(record, ("sweep", NAME, *alone), start.path, reference, settings.pick(12, 500))
    command_row(record, ("report", NAME), bare.path, reference, settings.pick(14, 400))
    command_row(record, ("trial", NAME, ids(start)[0], *alone), start.path, by_trial, settings.pick(8, 500))


def command_row(record: Record, args: tuple[str, ...], template: Path, reference: Folder, most: int) -> None:
    """One row: errors at calls of one command, which is then run again."""
    settings = record.settings
    probe = Folder(settings, settings.work / f"errors-{args[0]}", template)
    found = spread(settings, points(probe, *args, calls=FAILING), most, "errors", args[0])

    def attempt(error: Error, path: Path) -> tuple[Folder, list[Complaint]]:
        folder = Folder(settings, path, template)
        first = folder.xp(*args, prefix=error.point.inject(f"error={error.name}", error.after))
        wrong = judge(first)
        if first.code == 0:
            wrong += unsaid(folder, reference, STORE + "/trials" if args[0] == "trial" else "")
        wrong += judge(folder.xp(*args), {0})
        if args[0] != "report":
            wrong += judge(folder.xp("sweep", NAME, "--threads", "1"), {0})
        return folder, wrong + whole(folder, reference)

    record.each(CAMPAIGN, f"EIO, ENOSPC at a system call of `xp {args[0]}`, then again", list(errors(found)), attempt)


def in_clones(record: Record) -> None:
    """The disk is full while a clone's tables are written: no row is lost."""
    settings = record.settings
    template, known = clones.one_more(settings, "errors-clone")
    probe = Folder(settings, settings.work / "errors-clone-probe", template.path)
    found = points(probe, "report", NAME, calls=("fsync", "rename", "write"))
    inside = [point for point in found if not point.what.startswith(("1<", "2<"))]
    chosen = spread(settings, inside, settings.pick(10, 60), "errors", "clone")
    tried = "ENOSPC from a call of `xp report` in a clone on, then again"
    clones.disturbed(record, CAMPAIGN, tried, chosen, "error=ENOSPC", template, known, after=True)


def unwritable_output(record: Record) -> None:
    """Results that cannot be printed are not a success."""
    settings = record.settings
    template = finished(settings, "errors-output", train(steps=2))
    commands = [
        ("plan", NAME, "--json"), ("plan", NAME), ("status", NAME), ("show", "latest"), ("report", NAME),
        ("schema",), ("schema", "--defaults"), ("doctor",), ("data", "list"), ("completions", "bash"),
    ]  # fmt: skip

    def attempt(args: tuple[str, ...], path: Path) -> tuple[Folder, list[Complaint]]:
        folder = Folder(settings, path, template.path)
        script = '"$0" "$@" > /dev/full'
        folder.note(f'"$XP" {" ".join(args)} > /dev/full')
        ended: Run = run(["sh", "-c", script, str(settings.xp), *args], folder.path, limits=Limits(seconds=60))
        return folder, judge(ended, FAILURES) + left_over(folder)

    record.each(CAMPAIGN, "a standard output that is full", commands, attempt, name=" ".join)
