"""How much is tried, and with what."""

from __future__ import annotations

import os
import random
import shutil
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """What the command line says. Everything that is tried follows from it, by its seed."""

    xp: Path
    long: bool
    seed: int
    jobs: int
    work: Path
    keep: Path | None
    assets: Path | None

    def pick(self, short: int, long: int) -> int:
        """A count at the short and at the long setting."""
        return long if self.long else short

    def random(self, *name: object) -> random.Random:
        """A stream of chance of its own for each name: one more draw elsewhere shifts nothing here."""
        return random.Random(f"{self.seed}/{'/'.join(map(str, name))}")

    def asset(self, *path: str) -> Path | None:
        """A file or folder of the assets, if they are there."""
        found = self.assets.joinpath(*path) if self.assets else None
        return found if found is not None and found.exists() else None


def missing_tool(*names: str) -> str | None:
    """Why a campaign cannot run: the first program that is not installed."""
    absent = [name for name in names if shutil.which(name) is None]
    return f"{absent[0]} is not installed" if absent else None


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0))
