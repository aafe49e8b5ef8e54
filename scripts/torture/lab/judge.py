"""What is wrong with how a run of `xp` ended."""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass

from .process import Run

# The table of exit codes in docs/commands.md; 1 is a bug by definition.
DOCUMENTED = {0, 2, 3, 4, 5, 6, 7, 8, 130}
FAILURES = DOCUMENTED - {0}
MOST_STDERR = 64 * 1024
# Control characters that a terminal obeys, but for line ends and tabs; C1 ones in UTF-8 too.
ESCAPES = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)|\xc2[\x80-\x9f]")


@dataclass(frozen=True)
class Complaint:
    """One thing that is wrong: its kind, by which faults are counted, and what was seen."""

    kind: str
    seen: str = ""


def judge(run: Run, expected: set[int] = DOCUMENTED, signals_are_ours: bool = False) -> list[Complaint]:
    """All that is wrong with a run, however it was disturbed.

    A run that we ended ourselves may end by SIGKILL, and may say that a trial of it did.
    """
    wrong = []
    last = run.last_line()
    if run.timed_out:
        wrong.append(Complaint("does not end", f"ended by us after {run.seconds:.0f} s"))
    elif run.code in (-signal.SIGXCPU, 128 + signal.SIGXCPU):
        wrong.append(Complaint("processor time without a limit", last))
    elif run.code < 0 and not (signals_are_ours and run.code == -signal.SIGKILL):
        kind = "out of memory" if b"memory allocation of" in run.err else "ended by a signal"
        wrong.append(Complaint(f"{kind} ({signal.Signals(-run.code).name})", last))
    elif run.code == 1:
        wrong.append(Complaint("exit 1, a bug", last))
    elif run.code >= 0 and run.code not in DOCUMENTED:
        wrong.append(Complaint(f"exit {run.code}, which is not documented", last))
    elif run.code >= 0 and run.code not in expected:
        codes = "an error" if expected == FAILURES else " or ".join(map(str, sorted(expected)))
        wrong.append(Complaint(f"exit {run.code} where {codes} is right", last))
    if "panicked" in run.text:
        line = next(line for line in run.text.splitlines() if "panicked" in line)
        wrong.append(Complaint("panic", line.strip()[:200]))
    if not signals_are_ours and re.search(rb"ended by signal \d+", run.err):
        wrong.append(Complaint("a trial is ended by a signal", last))
    if run.err_size > MOST_STDERR:
        wrong.append(Complaint("more than 64 KiB on stderr", f"{run.err_size} bytes"))
    if escape := ESCAPES.search(run.out + run.err):
        wrong.append(Complaint("raw control characters in the output", repr(escape.group())))
    return wrong
