"""Full disks: small file systems in memory for results or store, and results that cannot be."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.folder import Folder
from lab.judge import FAILURES, Complaint, judge
from lab.record import Record
from lab.store import left_over, unsaid, whole
from lab.sweeps import NAME, RESULTS, finished, fresh, train
from lab.tables import trial_rows

from . import clones

CAMPAIGN = "disks"
COMMAND = ("sweep", NAME, "--threads", "1")
ROOM_KB = 64 * 1024


@dataclass(frozen=True)
class Disk:
    """A file system of so many kilobytes in the place of a folder."""

    place: str
    kilobytes: int

    def __str__(self) -> str:
        return f"{self.kilobytes} KB for {self.place}"


def campaign(record: Record) -> None:
    """All full disks."""
    unusable(record)
    if why := unmountable(record.settings.work):
        record.skip(CAMPAIGN, "full disks", why)
        return
    full(record)
    full_clones(record)


@contextmanager
def mounted(folder: Folder, disk: Disk) -> Iterator[Path]:
    """The folder's place is a small disk, which has what the place had, if that fits."""
    place = folder.path / disk.place
    place.mkdir(parents=True, exist_ok=True)
    aside = place.with_name(f"{place.name}-before")
    place.rename(aside)
    place.mkdir()
    mount(place, disk.kilobytes + size_kb(aside))
    folder.note(f"mv {disk.place} before; mkdir {disk.place}")
    folder.note(
        f"mount -t tmpfs -o size={disk.kilobytes + size_kb(aside)}k none {disk.place}; cp -r before/. {disk.place}; rm -r before"
    )
    try:
        subprocess.run(["cp", "-r", f"{aside}/.", str(place)], check=False, capture_output=True)
        subprocess.run(["rm", "-r", str(aside)], check=True)
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)
        folder.note(f"umount -l {disk.place}")


def mount(place: Path, kilobytes: int) -> None:
    """Mounts a file system of that size."""
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "none", str(place)], check=True, capture_output=True
    )


def enlarge(folder: Folder, place: Path) -> None:
    """Somebody makes room on the disk."""
    subprocess.run(["mount", "-o", f"remount,size={ROOM_KB}k", str(place)], check=True)
    folder.note(f"mount -o remount,size={ROOM_KB}k {place.relative_to(folder.path)}")


def size_kb(folder: Path) -> int:
    """What the files below a folder take, in whole pages, with a page for each folder."""
    pages = sum(-(-p.stat().st_size // 4096) if p.is_file() else 1 for p in folder.rglob("*"))
    return 4 * pages


def unmountable(work: Path) -> str | None:
    """Why nothing can be mounted here."""
    if os.geteuid() != 0:
        return "mounting needs root"
    place = work / "mount-probe"
    place.mkdir()
    try:
        mount(place, 64)
        subprocess.run(["umount", str(place)], check=True)
    except (OSError, subprocess.CalledProcessError):
        return "nothing can be mounted here"
    return None


def full(record: Record) -> None:
    """A sweep on a small disk, and again when there is room."""
    settings = record.settings
    text = train(seeds=2, steps=12)
    start = fresh(settings, "disks-start", text)
    reference = finished(settings, "disks-reference", text)
    whole_kb = {place: size_kb(reference / place) for place in ("results", ".xp")}
    parts = [0.15, 0.4, 0.7, 0.9] if not settings.long else [n / 20 for n in range(1, 21)]
    disks = [Disk(place, max(4, int(whole_kb[place] * part))) for place in whole_kb for part in parts]

    def attempt(disk: Disk, path: Path) -> tuple[Folder, list[Complaint]]:
        folder = Folder(settings, path, start.path)
        with mounted(folder, disk) as place:
            run = folder.xp(*COMMAND)
            wrong = judge(run)
            if run.code == 0:
                wrong += unsaid(folder, reference)
            enlarge(folder, place)
            wrong += judge(folder.xp(*COMMAND), {0})
            wrong += whole(folder, reference)
        return folder, wrong

    record.each(CAMPAIGN, "a sweep on a disk that becomes full, and again with room", disks, attempt)


def full_clones(record: Record) -> None:
    """The report of a clone on a disk that is nearly full: no row is lost."""
    settings = record.settings
    template, known = clones.one_more(settings, "disks-clone")
    rooms = [4, 12, 24, 48] if not settings.long else list(range(0, 160, 4))

    def attempt(disk: Disk, path: Path) -> tuple[Folder, list[Complaint]]:
        folder = Folder(settings, path, template.path)
        with mounted(folder, disk) as place:
            wrong = judge(folder.xp("report", NAME))
            enlarge(folder, place)
            wrong += judge(folder.xp("report", NAME), {0, 5})
            wrong += clones.lost(folder, known) + left_over(folder)
        return folder, wrong

    record.each(
        CAMPAIGN, "the report of a clone on a disk that is nearly full", [Disk("results", kb) for kb in rooms], attempt
    )


def unusable(record: Record) -> None:
    """Results that cannot be written, found before a trial is run; a report that is a folder."""
    settings = record.settings
    text = train(steps=4)
    start, done = fresh(settings, "unusable", text), finished(settings, "unusable-done", text)

    def attempt(case: str, path: Path) -> tuple[Folder, list[Complaint]]:
        if case.startswith("the results folder"):
            folder = Folder(settings, path, start.path)
            folder.edit("results", b"a file\n")
            wrong = judge(folder.xp(*COMMAND), FAILURES)
            if list((folder / ".xp").rglob("trial.json")):
                wrong.append(Complaint("trials run although results cannot be written"))
            folder.remove("results")
            return folder, wrong + judge(folder.xp(*COMMAND), {0})
        folder = Folder(settings, path, done.path)
        name = f"{RESULTS}/{case.split()[0]}"
        folder.remove(name)
        folder.edit(f"{name}/in-the-way", b"")
        known = set(trial_rows(folder / "results"))
        wrong = judge(folder.xp("report", NAME), FAILURES)
        return folder, wrong + clones.lost(folder, known)

    cases = ["the results folder is a file", "report.html is a folder", "trials.parquet is a folder"]
    record.each(CAMPAIGN, "results that cannot be written", cases, attempt)
