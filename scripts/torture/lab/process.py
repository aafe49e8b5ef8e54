"""One process under limits of time, memory and processor time, with bounded output."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

# What is kept of a stream; its whole size is known beside it.
KEPT = 256 * 1024
# The names of what a shell or a person's own settings could change.
CLEARED = ("SWITCHYARD_", "HF_", "RUST_", "XP_", "CLICOLOR", "HTTP", "http")


@dataclass(frozen=True)
class Limits:
    """What a run may use. Wall-clock time is generous: a machine may be busy with other work."""

    seconds: float = 120.0
    cpu_s: int = 20
    memory: int = 4 << 30


@dataclass(frozen=True)
class Run:
    """How a process ended; a negative code is the signal that ended it."""

    code: int
    out: bytes
    err: bytes
    out_size: int
    err_size: int
    seconds: float
    timed_out: bool

    @property
    def text(self) -> str:
        """What it said, on both streams."""
        return (self.out + self.err).decode("utf-8", "replace")

    def last_line(self) -> str:
        """The last line of stderr that says something, shortened."""
        lines = [line.strip() for line in self.err.decode("utf-8", "replace").splitlines()]
        return next((line for line in reversed(lines) if line and not line.startswith("note: ")), "")[:200]


class Process:
    """A process that was started, in a group of its own; `name` is its id in a shell's words."""

    def __init__(self, argv: list[str], cwd: Path, env: dict[str, str], limits: Limits) -> None:
        self.limits = limits
        self.name = ""
        self.began = time.monotonic()
        self._out, self._err = tempfile.TemporaryFile(), tempfile.TemporaryFile()
        self._popen = subprocess.Popen(
            argv,
            cwd=cwd,
            env=environment(env),
            stdin=subprocess.DEVNULL,
            stdout=self._out,
            stderr=self._err,
            start_new_session=True,
        )
        self.pid = self._popen.pid
        # Set from here and not between fork and exec, which is slow and unsafe beside threads.
        for kind, most in ((resource.RLIMIT_CPU, limits.cpu_s), (resource.RLIMIT_AS, limits.memory)):
            try:
                resource.prlimit(self.pid, kind, (most, most))
            except ProcessLookupError:
                break

    def children(self) -> list[int]:
        """The processes that it started and that still run."""
        try:
            tasks = list(Path(f"/proc/{self.pid}/task").iterdir())
            return [int(pid) for task in tasks for pid in (task / "children").read_text().split()]
        except OSError:
            return []

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Sends a signal to this process alone."""
        self._popen.send_signal(number)

    def kill_group(self, number: int = signal.SIGKILL) -> None:
        """Sends a signal to this process and all that it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def killed_by_shell(self, whom: str = "group") -> str:
        """How a shell would kill it."""
        return {
            "parent": f"kill -KILL {self.name}",
            "child": f"pkill -KILL -P {self.name} -o",
            "group": f"kill -STOP {self.name}; pkill -KILL -P {self.name}; kill -KILL {self.name}",
            "interrupt": f"kill -INT {self.name}",
            "terminate": f"kill -TERM {self.name}",
        }[whom]

    def running(self) -> bool:
        """Whether it has not ended."""
        return self._popen.poll() is None

    def finish(self) -> Run:
        """Waits for the end, or ends it when its time is over; nothing of the group is left."""
        left = self.limits.seconds - (time.monotonic() - self.began)
        timed_out = False
        try:
            self._popen.wait(max(left, 0.1))
        except subprocess.TimeoutExpired:
            timed_out = True
            self.kill_group()
            self._popen.wait()
        seconds = time.monotonic() - self.began
        self._settle()
        out, out_size = drain(self._out)
        err, err_size = drain(self._err)
        return Run(self._popen.returncode, out, err, out_size, err_size, seconds, timed_out)

    def _settle(self) -> None:
        """Children of a killed parent hear of it a moment later; those that do not are ended."""
        for _ in range(200):
            try:
                os.killpg(self.pid, 0)
            except ProcessLookupError:
                return
            time.sleep(0.02)
        self.kill_group()


def drain(stream) -> tuple[bytes, int]:
    """The beginning and the end of what a process wrote, and how much it was in all."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    kept = stream.read(KEPT)
    if size > KEPT:
        stream.seek(max(KEPT, size - KEPT))
        kept += stream.read(KEPT)
    stream.close()
    return kept, size


def environment(extra: dict[str, str]) -> dict[str, str]:
    """This process's environment without what steers `xp`, and without colour."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(CLEARED)}
    return {**kept, "NO_COLOR": "1", **extra}


def run(argv: list[str], cwd: Path, env: dict[str, str] | None = None, limits: Limits = Limits()) -> Run:
    """Runs a program to its end, or to that of its limits."""
    return Process(argv, cwd, env or {}, limits).finish()
