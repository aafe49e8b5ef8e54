"""Whether a folder is whole after what was done to it: each trial once, and nothing left over."""

from __future__ import annotations

import json
import re
import stat
from collections import Counter
from pathlib import Path

from .folder import Folder
from .judge import Complaint, judge
from .sweeps import NAME, RESULTS
from .tables import compare, invented_times, trial_rows

# What `xp plan` calls a trial that is in the store, or in the results alone.
FINISHED = {"done", "in results"}
LEFT_OVER = re.compile(r"\.partial$|\.tmp|/tmp/.|/checkpoints/.|/failed/.")


def whole(folder: Folder, reference: Folder) -> list[Complaint]:
    """All in which a finished folder differs from one that nobody disturbed."""
    wrong = states(folder)
    rows = trial_rows(folder / RESULTS)
    expected = trial_rows(reference / RESULTS)
    if lost := expected.keys() - rows.keys():
        wrong.append(Complaint("a trial is lost", f"{len(lost)} of {len(expected)}"))
    if twice := [name for name, count in rows.items() if count > expected[name]]:
        wrong.append(Complaint("a trial is there twice or unknown", twice[0][:12]))
    if not lost:
        wrong += compare(reference / RESULTS, folder / RESULTS) + invented_times(folder / RESULTS)
    return wrong + tidy(folder, reference)


def states(folder: Folder) -> list[Complaint]:
    """Trials that `xp plan` does not call done."""
    run = folder.ask("plan", NAME, "--json")
    if run.code != 0:
        return judge(run, {0})
    states = Counter(trial["state"] for trial in json.loads(run.out)["trials"])
    others = {state: count for state, count in states.items() if state not in FINISHED}
    return [Complaint("a finished trial is not done", str(others))] if others else []


def tidy(folder: Folder, reference: Folder, below: str = "") -> list[Complaint]:
    """Files that an undisturbed folder does not have, that it has, or that others cannot read."""
    here, there = listing(folder.path / below), listing(reference.path / below)
    wrong = []
    if more := sorted((here - there).elements()):
        wrong.append(Complaint(f"left over: {generic(more[0])}", more[0]))
    if less := sorted((there - here).elements()):
        wrong.append(Complaint(f"missing: {generic(less[0])}", less[0]))
    return wrong + closed(folder)


def unsaid(folder: Folder, reference: Folder, below: str = "") -> list[Complaint]:
    """What is missing or left over where a run ended with exit 0."""
    wrong = [one for one in tidy(folder, reference, below) if not one.kind.startswith("mode")]
    return [Complaint("exit 0, though not all was written", one.kind) for one in wrong]


def left_over(folder: Folder) -> list[Complaint]:
    """Temporary files, for folders that have no like."""
    names = [name for name in sorted(listing(folder.path)) if LEFT_OVER.search("/" + name)]
    return [Complaint(f"left over: {generic(names[0])}", names[0])] if names else []


def closed(folder: Folder) -> list[Complaint]:
    """Files that only their owner may read, though the umask lets others."""
    wanted = stat.S_IMODE((folder / "experiments" / f"{NAME}.toml").stat().st_mode) & 0o044
    for path in sorted(p for p in folder.path.rglob("*") if p.is_file()):
        if (path.stat().st_mode & wanted) != wanted:
            name = str(path.relative_to(folder.path))
            return [Complaint(f"mode against the umask: {generic(name)}", f"{path.stat().st_mode & 0o777:o} {name}")]
    return []


def listing(root: Path) -> Counter[str]:
    """The files below a folder without logs, digests in names left out of account."""
    names = (p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file())
    return Counter(re.sub(r"[0-9a-f]{8,}", "#", name) for name in names if "/logs/" not in name)


def generic(name: str) -> str:
    """A file's name without what changes from run to run."""
    name = re.sub(r"[0-9a-f]{8,}|(?<=\.tmp)\w+", "#", name)
    return re.sub(r"-\d+-\d+|(?<=[.#-])\d{2,}", "-#", name)
