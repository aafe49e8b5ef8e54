"""System calls of a program: which it makes, and how to disturb one of them."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from .folder import Folder
from .settings import Settings

# Calls that change files or wait for others. Those that a program does not make have no points.
CHANGING = (
    "fsync", "fdatasync", "rename", "renameat", "renameat2", "unlink", "unlinkat", "mkdir", "mkdirat",
    "rmdir", "ftruncate", "flock", "write", "link", "linkat", "copy_file_range", "openat",
)  # fmt: skip
LINE = re.compile(r"(\d+) +(\w+)\((.*)")
# Not --seccomp-bpf: with it, strace 6.1 does not inject signals.
STRACE = ("strace", "-f", "-qq", "-o")


@dataclass(frozen=True)
class Point:
    """The n-th time that one thread makes a system call."""

    call: str
    nth: int
    what: str = ""

    def inject(self, what: str, after: bool = False) -> tuple[str, ...]:
        """The program under which `what` happens there, and with `after` at all later calls too."""
        when = f"{self.nth}+" if after else str(self.nth)
        return (*STRACE, "/dev/null", "-e", f"trace={self.call}", "-e", f"inject={self.call}:{what}:when={when}")


def points(folder: Folder, *args: str, calls: tuple[str, ...] = CHANGING) -> list[Point]:
    """Every point at which a run of `xp` can be disturbed, from one that is not.

    Files outside the folder are left out: what the loader opens is not the program's.
    """
    trace = folder.path.with_suffix(".trace")
    run = folder.xp(*args, prefix=(*STRACE, str(trace), "-y", "-e", f"trace={','.join(calls)}"))
    if run.code not in (0, 5):
        raise RuntimeError(f"xp {' '.join(args)} under strace ends with exit {run.code}: {run.last_line()}")
    return read_trace(trace, folder.path)


def read_trace(trace: Path, root: Path) -> list[Point]:
    """The points of a trace, each once, however many threads reach it."""
    counts: Counter[tuple[str, str]] = Counter()
    found: dict[tuple[str, int], Point] = {}
    for line in trace.read_text(errors="replace").splitlines():
        if not (match := LINE.match(line)):
            continue
        thread, call, arguments = match.groups()
        counts[thread, call] += 1
        nth = counts[thread, call]
        if call == "openat" and not inside(arguments, root):
            continue
        found.setdefault((call, nth), Point(call, nth, arguments[:160]))
    return list(found.values())


def inside(arguments: str, root: Path) -> bool:
    """Whether the file that is opened is one of the folder's."""
    name = re.search(r'"([^"]*)"', arguments)
    return name is not None and (not name.group(1).startswith("/") or name.group(1).startswith(str(root)))


def spread(settings: Settings, found: list[Point], most: int, *name: object) -> list[Point]:
    """At most so many points, as many of each call as there are; the first and last of each before others."""
    by_call: dict[str, list[Point]] = {}
    for point in found:
        by_call.setdefault(point.call, []).append(point)
    queues = []
    for call, own in by_call.items():
        inner = own[1:-1]
        settings.random("spread", call, *name).shuffle(inner)
        queues.append([own[0], *own[-1:][: len(own) - 1], *inner])
    rounds = [queue[i] for i in range(max(map(len, queues), default=0)) for queue in queues if i < len(queue)]
    chosen = set(rounds[:most])
    return [point for point in found if point in chosen]
