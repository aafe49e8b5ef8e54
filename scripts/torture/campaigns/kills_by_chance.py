"""Kills at random times: of the parent, of a trial's process, of all; and signals that ask."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random

from lab.folder import Folder
from lab.judge import Complaint, judge
from lab.process import Process
from lab.record import Record
from lab.store import whole
from lab.sweeps import NAME, finished, fresh, train

COMMAND = ("sweep", NAME, "--threads", "1", "--jobs", "2")
WHOM = ("parent", "child", "group", "interrupt", "terminate")
# A sweep that is stopped so often and then let alone has seen every state that it can be in.
MOST_KILLS = 5


@dataclass(frozen=True)
class Kill:
    """Whom a signal meets, and when, as a part of the time that the sweep takes."""

    whom: str
    when: float


def draw(random: Random) -> tuple[Kill, ...]:
    """The kills of one round."""
    return tuple(Kill(random.choice(WHOM), random.random()) for _ in range(random.randint(2, MOST_KILLS)))


def row(record: Record, campaign: str) -> None:
    """Rounds of kills; after each round the sweep is finished and compared."""
    settings = record.settings
    text = train(seeds=2, strategies=2, steps=60, checkpoint_every=5)
    start = fresh(settings, "chance-start", text)
    reference = finished(settings, "chance-reference", text)
    probe = Folder(settings, settings.work / "chance-probe", start.path).xp(*COMMAND)
    random = settings.random("kills by chance")
    rounds: list[tuple[Kill, ...]] = []
    while sum(map(len, rounds)) < settings.pick(8, 300):
        rounds.append(draw(random))

    def attempt(kills: tuple[Kill, ...], path: Path) -> tuple[Folder, list[Complaint]]:
        folder = Folder(settings, path, start.path)
        wrong: list[Complaint] = []
        for kill in kills:
            process = folder.start(*COMMAND)
            wait = kill.when * min(probe.seconds, 3.0)
            folder.note(f"sleep {wait:.2f}; {process.killed_by_shell(kill.whom)}; wait")
            time.sleep(wait)
            hit(process, kill.whom)
            run = process.finish()
            if kill.whom not in ("interrupt", "terminate"):
                wrong += judge(run, signals_are_ours=True)
            elif run.code not in (-signal.SIGINT, -signal.SIGTERM):
                # A signal may come before the program listens; then it ends as any other does.
                wrong += judge(run, {0, 130})
        wrong += judge(folder.xp(*COMMAND), {0})
        return folder, wrong + whole(folder, reference)

    record.each(
        campaign,
        "signals at random times to a sweep of two jobs, its trials or both, then again",
        rounds,
        attempt,
        name=lambda kills: ", ".join(f"{kill.whom} at {kill.when:.2f}" for kill in kills),
        weight=len,
    )


def hit(process: Process, whom: str) -> None:
    """Sends the signal, to whoever still lives."""
    if not process.running():
        return
    if whom == "parent":
        process.kill()
    elif whom == "group":
        process.kill_group()
    elif whom == "interrupt":
        process.kill(signal.SIGINT)
    elif whom == "terminate":
        process.kill(signal.SIGTERM)
    else:
        for child in process.children()[:1]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
