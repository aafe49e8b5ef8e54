"""The record as a Markdown table, with every fault below it."""

from __future__ import annotations

import re

from .record import Fault, Record, outcome

# A command line is shown to here; the script that is kept has it in full.
WIDEST = 400


def table(record: Record) -> str:
    """The whole report."""
    setting = "long" if record.settings.long else "short"
    seconds = sum(row.seconds for row in record.rows)
    lines = [
        f"# Torture of `xp`, {setting} setting, seed {record.settings.seed}",
        "",
        f"{sum(row.count for row in record.rows):,} cases in {seconds:,.0f} s, {len(record.faults)} kinds of faults.",
        "",
        "| campaign | tried | count | outcome | seconds |",
        "|---|---|--:|---|--:|",
    ]
    for row in record.rows:
        cells = (row.campaign, row.tried, f"{row.count:,}", outcome(row), f"{row.seconds:.0f}")
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    if record.faults:
        lines += ["", "## Faults", ""]
        if record.settings.keep:
            lines += ["`XP=PATH sh KEEP/NAME/again.sh` does again what is shown, in the folder kept by `--keep`.", ""]
        else:
            lines += ["Shown are the steps of the first case; `--keep DIR` keeps its files too.", ""]
        for number, fault in enumerate(record.faults, 1):
            lines += describe(number, fault)
    return "\n".join(lines) + "\n"


def describe(number: int, fault: Fault) -> list[str]:
    """One fault: what, where, how often, and the steps that lead to it."""
    complaint, row = fault.complaint, fault.row
    seen = f" Seen: `{plain(complaint.seen)}`" if complaint.seen else ""
    lines = [
        f"### {number}. {row.campaign}: {complaint.kind}",
        "",
        f"{row.tried}; {row.kinds[complaint.kind]} of {row.count}, first: {plain(fault.case)}.{seen}",
        "",
    ]
    if fault.kept:
        lines += [f"Kept as `{fault.kept}`."]
    if fault.steps:
        lines += ["", "```sh", *(plain(step)[:WIDEST] for step in fault.steps), "```", ""]
    return lines


def plain(text: str) -> str:
    """Text without control characters, backquotes and places on this machine, on one line."""
    text = re.sub(r"/\S+/registry/src/[^/\s]+/", "", text)
    return re.sub(r"[\x00-\x1f\x7f-\x9f`]+", " ", text)
