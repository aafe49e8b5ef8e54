#!/usr/bin/env python3
"""Follows docs/first-router.md and "Adding a scorer" of crates/README.md, each in a copy of the tree.

Files and lines are the code blocks below a path in bold, commands those of the blocks of shell; `xp`,
which the copy neither builds nor installs, is left out. Fails where a command does, where the file is not
formatted as it stands on the page, or where more than five files changed. `strategy` or `scorer`, if given,
is all that is followed.

The copies share the target folder, so that of what the workspace has built only `routers` and its tests
are compiled again. That they are another profile's gives them other names in it than the tree's own.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

# What is added, the page that tells how, and its section where that is not the whole page.
RECIPES = {
    "strategy": ("docs/first-router.md", None),
    "scorer": ("crates/README.md", "Adding a scorer"),
}
MOST_FILES = 5
LEFT_OUT = ("xp ", "cargo install ")
PROFILE = "[profile.release.package.routers]\nopt-level = 2\n"

root = Path(__file__).resolve().parent.parent
target = Path(os.environ.get("CARGO_TARGET_DIR", root / "target")).resolve()


def blocks(page, section):
    """The code blocks of a page or its section: the path in bold above each, its language, its text."""
    text = (root / page).read_text()
    if section:
        text = text.split(f"\n## {section}\n")[1].split("\n## ")[0]
    path, found, lines = None, [], iter(text.splitlines())
    for line in lines:
        if bold := re.match(r"\*\*`(.+?)`\*\*", line):
            path = bold[1]
        if fence := re.match(r"(`{3,})(\w+)$", line):
            text = []
            while (line := next(lines)) != fence[1]:
                text.append(line)
            found.append((path, fence[2], text))
    return found


def sources(tree):
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.check_output(command, cwd=tree, text=True).split("\0")
    return [name for name in names if (tree / name).is_file()]


def copy(to):
    """Copies what belongs to the tree; with its times, so that what has not changed is not built."""
    shutil.rmtree(to, ignore_errors=True)
    for name in sources(root):
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(root / name, to / name)
    (to / ".cargo").mkdir(exist_ok=True)
    with (to / ".cargo/config.toml").open("a") as config:
        config.write(PROFILE)


def digests(tree):
    files = (path for path in tree.rglob("*") if path.is_file())
    return {str(path.relative_to(tree)): hashlib.sha256(path.read_bytes()).digest() for path in files}


def after_last(text, pattern, line):
    """The text with a line after the last one that fits the pattern, or what that one began."""
    end = list(re.finditer(pattern, text, re.M))[-1].end()
    return text[:end] + "\n" + line + text[end:]


def write(tree, path, lines):
    """A new file; in a file of Rust that is there, each line beside its like; else at the end."""
    file, new = tree / path, "\n".join(lines) + "\n"
    if not file.exists():
        file.write_text(new)
        return
    text = file.read_text()
    if file.suffix != ".rs":
        file.write_text(f"{text}\n{new}")
        return
    uses = [line for line in lines if line.startswith("pub use ")]
    modules = [line for line in lines if line.startswith("mod ")]
    for line in modules:
        text = after_last(text, r"^mod \w+;$", line)
    for line in uses:
        text = after_last(text, r"^pub use [^;]+;$", line)
    if member := [line for line in lines if line not in modules + uses]:
        text = after_last(text, r'^ +\w+\(\w+ => \w+\) = ".*,$', "\n".join(member))
    file.write_text(text)


def run(tree, command):
    start = time.monotonic()
    env = {**os.environ, "CARGO_TARGET_DIR": str(target), "PWD": str(tree)}
    done = subprocess.run(command, shell=True, cwd=tree, env=env, text=True, capture_output=True)
    if done.returncode:
        sys.exit(f"{done.stdout}{done.stderr}\nin {tree}: {command}: exit status {done.returncode}")
    print(f"   {command}: {time.monotonic() - start:.0f} s", flush=True)


def follow(added):
    tree = target / "recipe" / added
    copy(tree)
    before = digests(tree)
    found = blocks(*RECIPES[added])
    for path, language, lines in found:
        if language != "sh":
            write(tree, path, lines)
    for _, language, lines in found:
        for command in lines if language == "sh" else []:
            if not command.startswith(LEFT_OUT):
                run(tree, command)
    after = digests(tree)
    changed = sorted(name for name in after if before.get(name) != after[name])
    print(f"{added}: {len(changed)} files: {', '.join(changed)}")
    if not changed or len(changed) > MOST_FILES or before.keys() - after.keys():
        sys.exit(f"{added}: at most {MOST_FILES} files are promised")
    written = next(path for path, language, lines in found if language == "rust")
    text = next(lines for path, language, lines in found if path == written)
    if (tree / written).read_text().splitlines() != text:
        sys.exit(f"{added}: {written} is not formatted on the page")
    shutil.rmtree(tree)


for added in sys.argv[1:] or RECIPES:
    follow(added)
