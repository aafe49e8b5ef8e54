"""Kills: at a system call, at a random time, in a clone. The same command again must finish."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lab.calls import Point, points, spread
from lab.folder import Folder
from lab.judge import Complaint, judge
from lab.record import Record
from lab.settings import missing_tool
from lab.store import whole
from lab.sweeps import NAME, finished, finished_by_trial, fresh, ids, train

from . import clones, kills_by_chance

CAMPAIGN = "kills"


@dataclass(frozen=True)
class Target:
    """A command that is killed, where it starts, and what its folder is compared with."""

    name: str
    args: tuple[str, ...]
    template: Path
    reference: Folder


def campaign(record: Record) -> None:
    """All kills."""
    if why := missing_tool("strace"):
        record.skip(CAMPAIGN, "kills at system calls", why)
    else:
        at_calls(record)
        clones.killed(record, CAMPAIGN)
    kills_by_chance.row(record, CAMPAIGN)


def at_calls(record: Record) -> None:
    """SIGKILL at the n-th of each system call of `trial`, `sweep` and `report`."""
    settings = record.settings
    text = train(steps=12, checkpoint_every=5)
    start = fresh(settings, "kills-start", text)
    reference = finished(settings, "kills-reference", text)
    by_trial = finished_by_trial(settings, "kills-by-trial", text)
    trial = Target("trial", ("trial", NAME, ids(start)[0], "--threads", "1"), start.path, by_trial)
    sweep = Target("sweep", ("sweep", NAME, "--threads", "1"), start.path, reference)
    report = Target("report", ("report", NAME), reference.path, reference)
    counts = {"trial": settings.pick(20, 450), "sweep": settings.pick(16, 400), "report": settings.pick(14, 180)}
    for target in (trial, sweep, report):
        probe = Folder(settings, settings.work / f"kills-{target.name}", target.template)
        chosen = spread(settings, points(probe, *target.args), counts[target.name], target.name)
        row(record, f"SIGKILL at a system call of `xp {target.name}`, then again", chosen, target)
    resumed(record)


def row(record: Record, tried: str, chosen: list[Point], target: Target) -> None:
    """One row: a command is killed at each of the points."""

    def attempt(point: Point, path: Path) -> tuple[Folder, list[Complaint]]:
        return kill_at(record, target, point, path)

    record.each(CAMPAIGN, tried, chosen, attempt, name=lambda point: f"{point.call} {point.nth}")


def kill_at(record: Record, target: Target, point: Point, path: Path) -> tuple[Folder, list[Complaint]]:
    """One kill, the same command again, the rest of the sweep, and what is wrong then."""
    folder = Folder(record.settings, path, target.template)
    killed = folder.xp(*target.args, prefix=point.inject("signal=KILL"))
    # In a sweep it may be a trial's process that is killed, of which the sweep then tells.
    folder.missed = killed.code == 0
    wrong = judge(killed, signals_are_ours=True)
    wrong += judge(folder.xp(*target.args), {0})
    if target.name == "trial":
        wrong += judge(folder.xp("sweep", NAME, "--threads", "1"), {0})
    return folder, wrong + whole(folder, target.reference)


def resumed(record: Record) -> None:
    """A kill at the last checkpoint of a longer trial: times are those of the whole trial."""
    text = train(steps=300, layers=2, log_every=20, checkpoint_every=100)
    start = fresh(record.settings, "resumed-start", text)
    reference = finished(record.settings, "resumed-reference", text)
    target = Target("sweep", ("sweep", NAME, "--threads", "1"), start.path, reference)
    probe = Folder(record.settings, record.settings.work / "resumed-probe", start.path)
    renames = points(probe, *target.args, calls=("rename", "renameat", "renameat2"))
    checkpoints = [point for point in renames if "/checkpoints/" in point.what]
    row(record, "SIGKILL of a trial at its last checkpoint, resumed", checkpoints[-1:], target)
