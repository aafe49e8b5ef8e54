#!/usr/bin/env python3
"""Tortures `xp`: kills, errors, shared folders, full disks, damaged inputs, a bad mirror.

    python3 scripts/torture/torture.py --xp PATH [--short | --long] [--only CAMPAIGN,...]

Prints a Markdown table of what was tried and how it ended, and every fault with the commands that
show it again. Exit 0 only when nothing failed. README.md, beside this file, says more.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path

# Small tables: threads would cost more than they bring. Polars reads this when it is loaded.
os.environ.setdefault("POLARS_MAX_THREADS", "1")

from campaigns import CAMPAIGNS
from lab.markdown import table
from lab.record import Record
from lab.settings import Settings, cores

# Seconds after which a campaign starts no further case: a bound, not a plan.
LIMIT_SHORT, LIMIT_LONG = 60, 3 * 3600


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--xp", type=Path, required=True, help="the program")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--short", action="store_true", help="under three minutes on two cores (default)")
    size.add_argument("--long", action="store_true", help="1,000 kills, 16 runners, 100,000 mutated inputs")
    parser.add_argument("--only", default=",".join(CAMPAIGNS), help="campaigns, separated by commas: %(default)s")
    parser.add_argument("--seed", type=int, default=17, help="of all that is drawn (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=cores(), help="cases at a time (default: the cores)")
    parser.add_argument("--out", type=Path, help="a Markdown file for the table (default: stdout)")
    parser.add_argument("--keep", type=Path, help="a folder for what shows each fault again")
    parser.add_argument("--limit", type=float, help="seconds after which a campaign starts no further case")
    parser.add_argument("--work", type=Path, help="where to work (default: a temporary folder)")
    return parser.parse_args()


def settings(args: argparse.Namespace, work: Path) -> Settings:
    """What the command line and the environment ask for."""
    assets = os.environ.get("SWITCHYARD_ASSETS")
    if args.keep:
        args.keep.mkdir(parents=True, exist_ok=True)
    return Settings(
        xp=args.xp.resolve(strict=True),
        long=args.long,
        seed=args.seed,
        jobs=args.jobs,
        work=work,
        keep=args.keep and args.keep.resolve(),
        assets=Path(assets).resolve() if assets else None,
    )


def main() -> int:
    """Runs the campaigns that are asked for."""
    args = arguments()
    names = args.only.split(",")
    if unknown := [name for name in names if name not in CAMPAIGNS]:
        sys.exit(f"there is no campaign {unknown[0]}; there are {', '.join(CAMPAIGNS)}")
    os.umask(0o022)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    work = Path(tempfile.mkdtemp(prefix="torture-", dir=args.work))
    try:
        record = Record(settings(args, work), lambda line: print(line, file=sys.stderr, flush=True))
        for name in names:
            record.deadline = time.monotonic() + (args.limit or (LIMIT_LONG if args.long else LIMIT_SHORT))
            CAMPAIGNS[name](record)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    report = table(record)
    if args.out:
        args.out.write_text(report)
    else:
        print(report)
    return 1 if record.faults else 0


if __name__ == "__main__":
    sys.exit(main())
