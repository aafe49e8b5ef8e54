"""Damage to what `xp` wrote itself: checkpoints, parts of the store, results that it reads back."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from lab.calls import points
from lab.folder import Folder
from lab.judge import Complaint, judge
from lab.record import Record
from lab.settings import Settings, missing_tool
from lab.store import states
from lab.sweeps import NAME, RESULTS, STORE, finished, fresh, ids, train
from lab.tables import compare, trial_rows

from . import clones

SWEEP = ("sweep", NAME, "--threads", "1")
# What a bad disk or a copy that was cut short makes of a file.
HOW: dict[str, Callable[[bytes], bytes]] = {
    "a flipped bit": lambda data: flip(data, 3 * len(data) // 4),
    "a flipped bit in the middle": lambda data: flip(data, len(data) // 2),
    "4 KiB of zeros": lambda data: zeroed(data, len(data) // 2),
    "half": lambda data: data[: len(data) // 2],
    "nothing": lambda data: b"",
    "other bytes": lambda data: bytes(b ^ 0x5A for b in data),
    "missing": lambda data: data,
}


def flip(data: bytes, place: int) -> bytes:
    """Data with one bit of one byte turned round."""
    return data[:place] + bytes([data[place] ^ 0x40]) + data[place + 1 :] if data else b"\x40"


def zeroed(data: bytes, place: int) -> bytes:
    """Data in which a page of zeros is."""
    end = min(place + 4096, len(data))
    return data[:place] + bytes(end - place) + data[end:]


@dataclass(frozen=True)
class Damage:
    """One file, and what becomes of it."""

    name: str
    how: str

    def __str__(self) -> str:
        return f"{self.how} of {self.name[-60:]}"

    def do(self, folder: Folder) -> bytes:
        """Damages the file; gives what it then holds."""
        if self.how == "missing":
            folder.remove(self.name)
            return b""
        data = HOW[self.how]((folder / self.name).read_bytes())
        folder.edit(self.name, data)
        return data


def rows(record: Record, campaign: str) -> None:
    """All damage."""
    if why := missing_tool("strace"):
        record.skip(campaign, "damaged checkpoints", why)
    else:
        checkpoints(record, campaign)
    store(record, campaign)
    results(record, campaign)


def damages(record: Record, folder: Folder, below: str, short: int, *name: str) -> list[Damage]:
    """Every kind of damage to every file; at the short setting some of them."""
    files = sorted(p.relative_to(folder.path).as_posix() for p in (folder / below).rglob("*") if p.is_file())
    found = [Damage(file, how) for how in HOW for file in files]
    if record.settings.long:
        return found
    record.settings.random("damage", *name).shuffle(found)
    return found[:short]


def interrupted(settings: Settings, text: str) -> Folder:
    """A folder in which a trial was killed when it had its last checkpoint but one."""
    start = fresh(settings, "checkpoint-start", text)
    probe = Folder(settings, settings.work / "checkpoint-probe", start.path)
    found = points(probe, *SWEEP, calls=("rename",))
    last = [point for point in found if "/checkpoints/" in point.what][-1]
    folder = Folder(settings, settings.work / "checkpoint", start.path)
    folder.xp(*SWEEP, prefix=last.inject("signal=KILL"))
    shutil.rmtree(folder / "results", ignore_errors=True)
    if not list((folder / STORE / "checkpoints").rglob("*.*")):
        raise RuntimeError("a trial that was killed after a checkpoint has none")
    return folder


def checkpoints(record: Record, campaign: str) -> None:
    """A trial goes on from a damaged checkpoint: the sweep finishes, with the numbers of a whole one."""
    settings = record.settings
    text = train(steps=40, checkpoint_every=10, log_every=10)
    template = interrupted(settings, text)
    reference = finished(settings, "checkpoint-reference", text)
    chosen = damages(record, template, f"{STORE}/checkpoints", 14, "checkpoints")
    model = next(p for p in (template / STORE / "checkpoints").rglob("model.*"))
    sure = [
        Damage(model.relative_to(template.path).as_posix(), how) for how in ("a flipped bit", "4 KiB of zeros", "half")
    ]

    def attempt(case: Damage, path: Path) -> tuple[Folder, list[Complaint]]:
        folder = Folder(settings, path, template.path)
        case.do(folder)
        run = folder.xp(*SWEEP)
        wrong = judge(run, {0})
        if run.code == 0:
            told = compare(reference / RESULTS, folder / RESULTS)
            wrong += [
                Complaint("a damaged checkpoint changes the result", f"{one.kind}, {one.seen}") for one in told[:1]
            ]
        return folder, wrong

    record.each(campaign, "damaged checkpoints, resumed", dict.fromkeys([*sure, *chosen]), attempt)


def store(record: Record, campaign: str) -> None:
    """A report from a damaged store: refused, or the same tables. The sweep's own copy stops nothing."""
    settings = record.settings
    text = train(seeds=2, steps=4)
    reference = finished(settings, "store", text)
    chosen = damages(record, reference, f"{STORE}/trials", 20, "store")

    def part(case: Damage, path: Path) -> tuple[Folder, list[Complaint]]:
        folder = Folder(settings, path, reference.path)
        folder.remove("results")
        case.do(folder)
        run = folder.xp("report", NAME)
        wrong = judge(run, {0, 5, 7})
        if run.code == 0:
            told = compare(reference / RESULTS, folder / RESULTS)
            wrong += [Complaint("a damaged part changes the tables", f"{one.kind}, {one.seen}") for one in told[:1]]
        return folder, wrong

    record.each(campaign, "damaged parts of the store, `xp report`", chosen, part)

    copies = [p.relative_to(reference.path).as_posix() for p in (reference / STORE / "sweeps").iterdir()]
    # One trial is to be run: only then is the copy read.
    missing = f"{STORE}/trials/{ids(reference)[0]}"
    failed = f"{STORE}/failed/{Path(missing).name}.json"
    cases = [Damage(copy, how) for copy in copies[:1] for how in HOW] + [
        Damage(failed, how) for how in ("half", "nothing")
    ]

    def bookkeeping(case: Damage, path: Path) -> tuple[Folder, list[Complaint]]:
        folder = Folder(settings, path, reference.path)
        folder.remove(missing)
        folder.remove("results")
        if case.name == failed:
            folder.edit(failed, b'{"status": "failed", "error": "no disk"}')
        case.do(folder)
        wrong = judge(folder.xp(*SWEEP), {0})
        return folder, wrong + states(folder)

    record.each(campaign, "a damaged copy of the sweep file, damaged word of a failure", cases, bookkeeping)


def results(record: Record, campaign: str) -> None:
    """A clone one of whose files is damaged: refused as it is, or nothing of it lost."""
    settings = record.settings
    template, known = clones.one_more(settings, "results")
    trials = f"{RESULTS}/trials.parquet"
    tables = [trials, *(f"{RESULTS}/{name}" for name in ("steps.parquet", "alarms.parquet", "manifest.json"))]
    ways = HOW if settings.long else ("a flipped bit in the middle", "half", "missing")
    # Rows whose table is gone cannot be kept.
    cases = [Damage(name, how) for name in tables for how in ways if (name, how) != (trials, "missing")]

    def attempt(case: Damage | str, path: Path) -> tuple[Folder, list[Complaint]]:
        folder = Folder(settings, path, template.path)
        if isinstance(case, Damage):
            case.do(folder)
        else:
            folder.edit(trials, newer(folder / trials))
        before = (folder / trials).read_bytes()
        wrong = judge(folder.xp("report", NAME), {0, 5, 7})
        gone = known - trial_rows(folder / "results").keys()
        # What does not read must be there as it was, under whatever name.
        if gone and not any(p.read_bytes() == before for p in (folder / "results").rglob("*.parquet*")):
            wrong.append(Complaint("rows of a damaged clone are thrown away", f"{len(gone)} of {len(known)}"))
        return folder, wrong

    everything: list[Damage | str] = [*cases, "a newer schema"]
    record.each(campaign, "damaged results of a clone, `xp report`", everything, attempt)


def newer(table: Path) -> bytes:
    """A table that says it is of the next major version."""
    kept = {k: v for k, v in pl.read_parquet_metadata(table).items() if k.startswith("switchyard.")}
    target = table.with_name("newer.parquet")
    pl.read_parquet(table).write_parquet(target, metadata={**kept, "switchyard.schema": "trials/2.0"})
    data = target.read_bytes()
    target.unlink()
    return data
