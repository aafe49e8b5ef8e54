"""A folder in which `xp` is run, and the script that would do the same again."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

from .process import Limits, Process, Run
from .settings import Settings


class Folder:
    """A working folder. What is done in it is written down, so that a fault can be seen again."""

    def __init__(self, settings: Settings, path: Path, template: Path | None = None, again: bool = False) -> None:
        self.settings = settings
        self.path = path
        self.template = template
        self.steps: list[str] = []
        # What stands in the steps for a text that is of this machine or of this run.
        self.aliases = {str(path): "$PWD"}
        # Set where a disturbance was not met, so that nothing was tried.
        self.missed = False
        self._edits: list[bytes] = []
        # For commands that change nothing, a folder that is there serves again.
        if again and path.is_dir():
            return
        shutil.rmtree(path, ignore_errors=True)
        if template:
            shutil.copytree(template, path, symlinks=True)
        else:
            path.mkdir(parents=True)

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    def start(
        self,
        *args: str,
        prefix: tuple[str, ...] = (),
        env: dict[str, str] | None = None,
        limits: Limits = Limits(),
        waits: bool = False,
    ) -> Process:
        """Starts `xp` with these arguments, under another program if one is named."""
        shown = [f'{k}="{self._general(v)}"' for k, v in (env or {}).items()]
        shown += [*map(shlex.quote, prefix), '"$XP"', *map(shlex.quote, args)]
        process = Process([*prefix, str(self.settings.xp), *args], self.path, env or {}, limits)
        process.name = f"$P{len(self.steps)}"
        self.steps.append(" ".join(shown) + ("" if waits else f" & {process.name[1:]}=$!"))
        return process

    def xp(self, *args: str, **how) -> Run:
        """Runs `xp` with these arguments to its end."""
        return self.start(*args, **how, waits=True).finish()

    def ask(self, *args: str) -> Run:
        """Runs `xp` for the tool's own sake: it is no part of what is tried."""
        run = self.xp(*args)
        self.steps.pop()
        return run

    def _general(self, text: str) -> str:
        """A text as it would be on another machine."""
        for ours, general in self.aliases.items():
            text = text.replace(ours, general)
        return text

    def note(self, step: str) -> None:
        """Writes down a step that was done by other means, as the shell would do it."""
        self.steps.append(step)

    def edit(self, name: str, data: bytes) -> None:
        """Gives a file this content."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        parent = shlex.quote(str(Path(name).parent))
        self.steps.append(f"mkdir -p {parent}; cp ../edits/{len(self._edits)} {shlex.quote(name)}")
        self._edits.append(data)

    def remove(self, name: str) -> None:
        """Removes a file or a folder."""
        path = self.path / name
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        self.steps.append(f"rm -rf {shlex.quote(name)}")

    def keep(self, into: Path) -> None:
        """Saves what the folder began with, what was put into it, and the steps as `again.sh`."""
        shutil.rmtree(into, ignore_errors=True)
        into.mkdir(parents=True)
        if self.template:
            shutil.copytree(self.template, into / "start", symlinks=True)
        else:
            (into / "start").mkdir()
        (into / "edits").mkdir()
        for number, data in enumerate(self._edits):
            (into / "edits" / str(number)).write_bytes(data)
        (into / "again.sh").write_text(self.script())

    def script(self) -> str:
        """The steps as a shell script, to be run beside the saved start."""
        head = [
            "#!/bin/sh",
            "# XP=PATH sh again.sh: does in the folder `again` what was done, and shows exit codes.",
            "# A hub that misbehaves is that of TORTURE=PATH, the folder of these campaigns.",
            ': "${XP:?is the path of the program}"',
            'cd "$(dirname "$0")" && rm -rf again && cp -r start again && cd again || exit',
        ]
        steps = [
            line
            for step in self.steps
            for line in ([f'{step}; echo "exit $?"'] if '"$XP"' in step and " & P" not in step else [step])
        ]
        return "\n".join([*head, *steps, ""])
