"""Several processes at once: runners that share a sweep, and writers of the same results."""

from __future__ import annotations

import re
import signal
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from lab.calls import points
from lab.folder import Folder
from lab.judge import Complaint, judge
from lab.process import Limits, Process
from lab.record import Record
from lab.settings import missing_tool
from lab.store import whole
from lab.sweeps import NAME, RESULTS, finished, fresh, ids, train
from lab.tables import rows_of

CAMPAIGN = "runners"
COMMAND = ("sweep", NAME, "--threads", "1")
DONE = re.compile(rb"\] ([0-9a-f]{12}) .*: done in ")
# How long a writer that is held up stands still, and when another one comes past it.
DELAY_S, PASSES_S = 3.0, 0.5
HOLDING = ("flock", "rename", "renameat2")


@dataclass(frozen=True)
class Round:
    """So many runners; those that are killed, after so many seconds, start again at once."""

    runners: int
    kills: tuple[tuple[int, float], ...]

    def __str__(self) -> str:
        return f"{self.runners} runners, {len(self.kills)} kills"


def campaign(record: Record) -> None:
    """All that needs more than one process."""
    shared(record)
    if why := missing_tool("strace"):
        record.skip(CAMPAIGN, "slow writers", why)
    else:
        slow_tables(record)
        slow_figures(record)


def shared(record: Record) -> None:
    """Runners share a sweep and are killed: each trial is done, and by one of them."""
    settings = record.settings
    runners = settings.pick(4, 16)
    text = train(seeds=2, strategies=settings.pick(2, 6), capacities=settings.pick(1, 2), steps=12)
    start = fresh(settings, "shared-start", text)
    reference = finished(settings, "shared-reference", text)
    random = settings.random("runners")
    rounds = [
        Round(runners, tuple(sorted(((random.randrange(runners), random.uniform(0.05, 1.5)) for _ in range(kills)), key=lambda k: k[1])))
        for kills in [settings.pick(3, 48)] * settings.pick(1, 12)
    ]  # fmt: skip

    def attempt(plan: Round, path: Path) -> tuple[Folder, list[Complaint]]:
        folder = Folder(settings, path, start.path)
        return folder, together(folder, plan) + judge(folder.xp(*COMMAND), {0}) + whole(folder, reference)

    record.each(
        CAMPAIGN,
        f"{runners} runners of one sweep, some killed and started again",
        rounds,
        attempt,
        jobs=1,
        weight=lambda plan: plan.runners + len(plan.kills),
    )


def together(folder: Folder, plan: Round) -> list[Complaint]:
    """One round, until all runners have ended."""
    limits = Limits(seconds=300)
    running = [folder.start(*COMMAND, limits=limits) for _ in range(plan.runners)]
    ended: list[Process] = []
    began, last = time.monotonic(), 0.0
    for who, when in plan.kills:
        time.sleep(max(0.0, began + when - time.monotonic()))
        running[who].kill_group(signal.SIGKILL)
        folder.note(f"sleep {when - last:.2f}; {running[who].killed_by_shell()}")
        last = when
        ended.append(running[who])
        running[who] = folder.start(*COMMAND, limits=limits)
    killed = [process.finish() for process in ended]
    runs = [process.finish() for process in running]
    folder.note("wait")
    wrong = [complaint for run in killed for complaint in judge(run, signals_are_ours=True)]
    wrong += [complaint for run in runs for complaint in judge(run, {0, 5})]
    finishers = Counter(name for run in [*killed, *runs] for name in DONE.findall(run.err))
    if not finishers:
        wrong.append(Complaint("the tool itself failed", "no line says that a trial is done"))
    if twice := [name.decode() for name, count in finishers.items() if count > 1]:
        wrong.append(Complaint("a trial is finished by two runners", twice[0]))
    return wrong


def slow_tables(record: Record) -> None:
    """A report that stands still before a call, while a sweep finishes: newer tables stay."""
    settings = record.settings
    template = fresh(settings, "slow-start", train(seeds=4, steps=2))
    first = ids(template)[:3]
    template.xp(*COMMAND, "--only", *first)
    probe = Folder(settings, settings.work / "slow-probe", template.path)
    found = [p for p in points(probe, "report", NAME, calls=HOLDING) if p.call == "flock" or p.nth == 1]

    def attempt(point, path: Path) -> tuple[Folder, list[Complaint]]:
        folder = Folder(settings, path, template.path)
        held = point.inject(f"delay_enter={int(DELAY_S * 1e6)}")
        slow = folder.start("report", NAME, prefix=held)
        folder.note(f"sleep {PASSES_S}")
        time.sleep(PASSES_S)
        wrong = judge(folder.xp(*COMMAND), {0})
        wrong += judge(slow.finish(), {0, 5})
        folder.note("wait")
        rows = rows_of(folder / RESULTS)
        if rows != 4:
            wrong.append(Complaint("older tables replace newer ones", f"{rows} rows of 4"))
        return folder, wrong

    record.each(
        CAMPAIGN, "a slow `xp report` beside a sweep that ends", found, attempt, name=lambda p: f"{p.call} {p.nth}"
    )


def slow_figures(record: Record) -> None:
    """A report that stands still while it writes, and another that comes past it."""
    settings = record.settings
    template = finished(settings, "figures", train(steps=2))
    probe = Folder(settings, settings.work / "figures-probe", template.path)
    found = points(probe, "report", NAME, calls=("rename", "renameat2"))
    named = [point for point in found if "figures/" in point.what or "report.html" in point.what]
    chosen = named if settings.long else named[:1] + named[-1:]

    def attempt(case, path: Path) -> tuple[Folder, list[Complaint]]:
        point, other = case
        folder = Folder(settings, path, template.path)
        slow = folder.start("report", NAME, prefix=point.inject(f"delay_enter={int(DELAY_S * 1e6)}"))
        folder.note(f"sleep {PASSES_S}")
        time.sleep(PASSES_S)
        quick = folder.xp(*other)
        ended = slow.finish()
        folder.note("wait")
        wrong = judge(quick, {0}) + judge(ended, {0})
        for run in (quick, ended):
            if b"could not be written" in run.err:
                wrong.append(Complaint("writers of the same figures are in each other's way", run.last_line()))
        return folder, wrong + [c for c in whole(folder, template) if "umask" not in c.kind]

    others = (("report", NAME), ("figures", RESULTS))
    record.each(
        CAMPAIGN,
        "two writers of the same figures and report",
        [(point, other) for point in chosen for other in others],
        attempt,
        name=lambda case: f"{case[0].call} {case[0].nth}, beside `xp {case[1][0]}`",
    )
