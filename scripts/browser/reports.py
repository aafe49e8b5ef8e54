"""Opens every committed report and their index as a reader does, wide and narrow, light and dark, and in print.

Needs what page.py needs:

    python3 scripts/browser/reports.py --xp target/release/xp [--results FOLDER] [--shots FOLDER]

The program writes the index, of a copy. Without a browser it says so and is done.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from page import Browser, Page, missing

ROOT = Path(__file__).resolve().parents[2]

# Headings of open tables whose words are wider than their cell, so that they would stand over their neighbour.
SPILLED = """() => Array.from(document.querySelectorAll("th"))
  .filter((cell) => cell.offsetParent && cell.scrollWidth > cell.clientWidth + 1)
  .map((cell) => cell.innerText)"""
# The lower edge of the first answer.
ANSWERED = """() => {
  const own = document.querySelector(".answer p, main table, main figure");
  return own ? own.getBoundingClientRect().top : Infinity;
}"""
HIDDEN = """() => Array.from(document.querySelectorAll("details"))
  .filter((own) => own.getBoundingClientRect().height <= own.querySelector("summary").getBoundingClientRect().height + 1)
  .map((own) => own.id)"""


def answers(page: Page, height: int) -> None:
    """The question and the first sentence, table or figure stand on the first screen."""
    assert page.text("h1"), "no heading"
    assert page.evaluate(ANSWERED) < height, "the answer is below the first screen"


def unfolds(page: Page) -> None:
    """What is folded opens by keyboard, and headings of tables stand apart."""
    for own in page.evaluate("() => Array.from(document.querySelectorAll('details[id]'), (own) => own.id)"):
        page.tab_to(f"#{own} > summary", most=400)
        page.press("Enter")
        page.until("id => document.getElementById(id).open", own)
    spilled = page.evaluate(SPILLED)
    assert not spilled, f"headings wider than their cell: {spilled}"


def prints(page: Page) -> None:
    """In print nothing is folded that is on the screen."""
    assert page.evaluate(HIDDEN), "nothing is folded on the screen"
    page.page.emulate_media(media="print")
    hidden = page.evaluate(HIDDEN)
    assert not hidden, f"folded in print: {hidden}"


def look(browser: Browser, file: Path, shots: Path | None) -> None:
    """One report, every way."""
    for width in (1280, 390):
        for dark in (False, True):
            page = browser.open(file, width, dark)
            answers(page, 900)
            if shots:
                name = f"{file.parent.parent.name}-{width}-{'dark' if dark else 'light'}.png"
                page.screenshot(shots / name, whole=False)
            page.quiet()
            page.close()
    page = browser.open(file)
    prints(page)
    page.close()
    page = browser.open(file, 390)
    unfolds(page)
    page.quiet()
    page.close()


def index(browser: Browser, results: Path, reports: list[Path], shots: Path | None) -> None:
    """The index leads to every report by mouse, and none of its links leads nowhere."""
    for width in (1280, 390):
        for dark in (False, True):
            page = browser.open(results / "index.html", width, dark)
            links = page.evaluate("() => Array.from(document.querySelectorAll('main a'), (own) => own.getAttribute('href'))")
            assert sorted(results / link for link in links) == reports, links
            if shots:
                page.screenshot(shots / f"index-{width}-{'dark' if dark else 'light'}.png")
            page.quiet()
            heading = page.text("main a")
            page.click("main a")
            page.until("() => document.querySelector('h1 ~ p.question')")
            assert page.text("h1") == heading
            page.close()


def claims(browser: Browser, results: Path, shots: Path | None) -> None:
    """The page of claims says its sum first, unfolds what is behind a verdict, and is reached from the index."""
    for width in (1280, 390):
        for dark in (False, True):
            page = browser.open(results / "claims.html", width, dark)
            answers(page, 900)
            assert "hold" in page.text(".answer p")
            page.click("td summary")
            page.until("() => document.querySelector('td details').open")
            assert "source" in page.text("td dl")
            spilled = page.evaluate(SPILLED)
            assert not spilled, f"headings wider than their cell: {spilled}"
            if shots:
                page.screenshot(shots / f"claims-{width}-{'dark' if dark else 'light'}.png", whole=False)
            page.quiet()
            page.close()
    page = browser.open(results / "index.html")
    page.click("header a")
    page.until("() => document.querySelector('h2#fails')")
    page.close()


def copied(xp: Path, results: Path, folder: Path) -> Path:
    """A copy of results with pages and index as the program draws them."""
    copy = folder / "results"
    shutil.copytree(results, copy, ignore=shutil.ignore_patterns("before"))
    folders = [table.parent for table in copy.glob("*/*/trials.parquet")]
    subprocess.run([xp, "figures", *folders], check=True, capture_output=True, cwd=folder)
    experiments = ["--experiments", ROOT / "experiments"]
    subprocess.run([xp, "claims", "--page", *experiments], check=True, capture_output=True, cwd=folder)
    return copy


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--xp", type=Path, required=True, help="the program")
    parser.add_argument("--results", type=Path, default=ROOT / "results", help="the folder of all results")
    parser.add_argument("--shots", type=Path, help="folder for screenshots")
    asked = parser.parse_args()
    absent = missing()
    if absent:
        print(f"skipped: {absent}")
        return 0
    if asked.shots:
        asked.shots.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name, Browser() as browser:
        results = copied(asked.xp.resolve(), asked.results, Path(name).resolve())
        reports = sorted(results.glob("*/*/report.html"))
        index(browser, results, reports, asked.shots)
        claims(browser, results, asked.shots)
        for report in reports:
            look(browser, report, asked.shots)
            print(f"{report.parent.relative_to(results)}: answers first, folds, prints")
    return 0


if __name__ == "__main__":
    sys.exit(main())
