#!/usr/bin/env python3
"""Fails if a page has a link that leads nowhere, or if nobody is led to a page.

Of every Markdown file of the source: a relative link names a file or folder of the source, an #anchor a
heading or id of the page that it names. Every page of docs/ stands in docs/SUMMARY.md, and is reached
from README.md by links alone.
"""

import re
import subprocess
import sys
import unicodedata
from pathlib import Path
from urllib.parse import unquote

LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\(\s*<?([^)\s>]+)>?[^)]*\)")
TAG = re.compile(r'<[^>]*\b(?:href|src)="([^"]+)"')
ANYWHERE = re.compile(r"[a-z][a-z0-9+.-]*:", re.I)

root = Path(__file__).resolve().parent.parent


def sources():
    """The files of the source, and the folders that they are in."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.check_output(command, cwd=root, text=True).split("\0")
    files = {Path(name) for name in names if name and (root / name).is_file()}
    return files, {parent for file in files for parent in file.parents}


def prose(text):
    """The lines outside of code blocks, with their numbers."""
    fence = None
    for number, line in enumerate(text.splitlines(), 1):
        mark = re.match(r" {0,3}(`{3,}|~{3,})", line)
        if mark and fence is None:
            fence = mark[1]
        elif mark and line.strip().startswith(fence) and not line.strip().strip(fence[0]):
            fence = None
        elif fence is None:
            yield number, line


def slug(heading):
    """The anchor that a forge and mdBook make of a heading."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
    kept = (c for c in text if c in " -_" or unicodedata.category(c)[0] in "LN")
    return "".join(kept).replace(" ", "-")


def anchors(text):
    found = set()
    for _, line in prose(text):
        found.update(re.findall(r'\b(?:id|name)="([^"]+)"', line))
        if heading := re.match(r" {0,3}#{1,6}\s+(.*?)\s*#*$", line):
            name, again = slug(heading[1]), 0
            while (unique := f"{name}-{again}" if again else name) in found:
                again += 1
            found.add(unique)
    return found


def links(text):
    """Line and target of every link that stays in the source."""
    for number, line in prose(text):
        text = re.sub(r"(`+).+?\1", "``", line)
        for target in LINK.findall(text) + TAG.findall(text):
            if not ANYWHERE.match(target):
                yield number, unquote(target)


def resolve(page, target):
    """The file or folder that a link names, relative to the source; None where it is outside."""
    path = (root / page.parent / target).resolve() if target else root / page
    return path.relative_to(root) if path.is_relative_to(root) else None


def main():
    files, folders = sources()
    pages = {file: (root / file).read_text() for file in files if file.suffix == ".md"}
    known = {page: anchors(text) for page, text in pages.items()}
    faults, leads, count = [], {page: set() for page in pages}, 0
    for page, text in pages.items():
        for number, link in links(text):
            count += 1
            target, _, anchor = link.partition("#")
            path = resolve(page, target)
            if path not in files | folders:
                faults.append(f"{page}:{number}: {link}: no such file in the source")
            elif anchor and anchor not in known.get(path, ()):
                faults.append(f"{page}:{number}: {link}: {path} has no such heading")
            leads[page].add(path)
    reached, open_pages = set(), [Path("README.md")]
    while open_pages:
        page = open_pages.pop()
        if page in pages and page not in reached:
            reached.add(page)
            open_pages += leads[page] - {Path("docs/SUMMARY.md")}
    summary = Path("docs/SUMMARY.md")
    for page in sorted(page for page in pages if page.parent == Path("docs") and page != summary):
        if page not in leads[summary]:
            faults.append(f"{page}: is not in {summary}")
        if page not in reached:
            faults.append(f"{page}: no link from README.md leads here")
    for fault in sorted(faults):
        print(fault, file=sys.stderr)
    print(f"{count} links in {len(pages)} pages, {len(faults)} faults")
    sys.exit(bool(faults) or not pages)


main()
