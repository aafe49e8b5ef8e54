#!/usr/bin/env python3
"""Fails if a source file is longer than 400 lines: a file holds one concept."""

import subprocess
import sys
from pathlib import Path

MOST = 400
# Prose is as long as it has to be, and the ledger of claims is a list of sentences; Cargo.lock and results are nobody's
# to shorten.
KINDS = {".rs", ".py", ".sh", ".toml", ".html", ".wgsl", ""}
OTHERS = ("LICENSE", "results/", "experiments/claims.toml")

root = Path(__file__).resolve().parent.parent
command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
names = subprocess.check_output(command, cwd=root, text=True).split("\0")
files = [root / name for name in names if name and not name.startswith(OTHERS)]
files = [path for path in files if path.suffix in KINDS and path.is_file()]
lengths = [(len(path.read_text(errors="replace").splitlines()), path) for path in files]
long = sorted((lines, path) for lines, path in lengths if lines > MOST)
for lines, path in long:
    print(f"{path.relative_to(root)}: {lines} lines, at most {MOST} are allowed", file=sys.stderr)
if not files:
    sys.exit("no files were found: run this in a git checkout")
print(f"{len(files)} files, the longest has {max(lengths)[0]} lines")
sys.exit(bool(long))
