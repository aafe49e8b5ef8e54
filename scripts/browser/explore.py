"""Drives the page of `xp explore` as a reader does: with a mouse, and again with keys alone.

Needs what page.py needs, polars, and the program:

    python3 scripts/browser/explore.py --xp target/release/xp [--shots FOLDER]

Everything that the page shows is held against the Parquet tables. Without a browser, or polars, it says so and is done.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
import tempfile
from pathlib import Path

from hands import A, B, Keyboard, Mouse
from page import Browser, Page, missing

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "results"
UNIFIED = RESULTS / "unified" / "cpu-cpu"

MOST_BYTES = 5_000_000
# Gates and losses are shown with three decimals.
DECIMALS = 0.5e-3 + 1e-9


def shows(page: Page, pane: str, decisions: list[dict]) -> None:
    """The path's table, the loss and the token's own numbers are those of the decisions."""
    count = "([pane, count]) => document.querySelectorAll(`${pane} tbody tr`).length === count"
    page.until(count, [pane, max(len(decisions), 1)])
    rows = page.evaluate(
        "pane => Array.from(document.querySelectorAll(`${pane} tbody tr`), row => Array.from(row.children, cell => cell.innerText))",
        pane,
    )
    layer = ""
    for row, decision in zip(rows, decisions, strict=True):
        layer = row[0] or layer
        assert (layer, row[1]) == (str(decision["layer"]), str(decision["expert"])), (row, decision)
        assert abs(float(row[2]) - decision["gate"]) <= DECIMALS, (row, decision)
        assert row[4] == ("kept" if decision["kept"] else "dropped"), (row, decision)
    loss = page.text(f"{pane} .loss")
    shown = float(loss.split(" nats")[0].split()[-1])
    assert abs(shown - decisions[0]["nll"]) <= DECIMALS, (loss, decisions[0])


def colours(page: Page, pane: str, position: int, decisions: list[dict], layer: int) -> None:
    """The token stands on as many colours as experts took it, with their numbers below."""
    own = [one for one in decisions if one["layer"] == layer]
    token = f"{pane} .token[data-position='{position}']"
    numbers = page.text(f"{token} .numbers").split()
    assert numbers[:2] == [str(one["expert"]) for one in own[:2]], (numbers, own)
    image = page.evaluate("token => document.querySelector(`${token} .word`).style.backgroundImage", token)
    assert image.count("var(--ground-") + image.count("transparent") == len(own), image


def look(browser: Browser, file: Path, hand: type, width: int, dark: bool, shots: Path | None) -> None:
    """Picks a trial, clicks a token, goes on by layer and text, compares two, steps through training."""
    from tables import Tables

    tables = Tables(UNIFIED)
    page = browser.open(file, width, dark, "#sweep=unified/cpu-cpu")
    page.until("() => document.querySelector('.token')")
    hands = hand(page)
    name = f"{hand.__name__.lower()}-{width}-{'dark' if dark else 'light'}"

    hands.cell(A, "soft-top-k, CF 1")
    hands.seed(A, 18)
    first = tables.trial(18, strategy="soft-top-k", capacity_factor=1.0)
    page.until("id => location.hash.includes(`a=${id}`)", first[:12])
    hands.token(A, 17)
    shows(page, A, tables.decisions(first, 0, 17))
    hands.layer(1)
    page.until("() => location.hash.includes('layer=1')")
    colours(page, A, 17, tables.decisions(first, 0, 17), 1)
    hands.text()
    page.until("() => location.hash.includes('text=1')")
    shows(page, A, tables.decisions(first, 1, 17))
    shot(page, shots, f"{name}-one")

    hands.compare()
    page.until("pane => document.querySelector(`${pane} .token`)?.checkVisibility()", B)
    hands.cell(B, "expert-choice, CF 1.25 (not causal)")
    second = tables.trial(18, strategy="expert-choice", capacity_factor=1.25)
    page.until("id => location.hash.includes(`b=${id}`)", second[:12])
    hands.token(B, 3)
    for pane, trial in [(A, first), (B, second)]:
        shows(page, pane, tables.decisions(trial, 1, 3))
        assert page.attribute(f"{pane} .token[data-position='3']", "aria-pressed") == "true"

    hands.step_back()
    page.until("() => location.hash.includes('step=1450')")
    trained(page, tables, [first, second], 1450)
    hands.first_step()
    page.until("() => location.hash.includes('step=50')")
    trained(page, tables, [first, second], 50)
    hands.keys()
    page.until("() => !document.getElementById('keys').open")
    shot(page, shots, f"{name}-two")

    # The address alone brings the same view.
    again = browser.open(file, width, dark, page.evaluate("() => location.hash"))
    again.until("() => document.querySelector('[data-pane=B] tbody tr')")
    assert again.texts("main") == page.texts("main")
    for shown in (page, again):
        shown.quiet()
        shown.close()


def trained(page: Page, tables, trials: list[str], step: int) -> None:
    """Loads and curves are those of the step, for each trial."""
    page.until("step => document.querySelector('#step-now').textContent.startsWith(`step ${step} of`)", step)
    captions = page.texts("#loads figcaption")
    values = page.texts("[data-curve=loss_lm] .value")
    for trial, caption, value in zip(trials, captions, values, strict=True):
        expert, share = tables.busiest(trial, step, 1)
        assert f"step {step}." in caption, caption
        assert f"expert {expert} with {100 * share:.1f} %" in caption, (caption, expert, share)
        loss = tables.measure(trial, step, "loss_lm")
        assert abs(float(value.split()[-1]) - loss) <= 0.006, (value, loss)


def shot(page: Page, shots: Path | None, name: str) -> None:
    if shots:
        page.screenshot(shots / f"{name}.png")


def stepping(browser: Browser, xp: Path, folder: Path, shots: Path | None) -> None:
    """Decisions that were sampled on the way: the tokens change with the step."""
    from tables import Tables

    sweep = [xp, "sweep", ROOT / "experiments" / "settling.toml", "--scale", "smoke", "--results", folder / "results"]
    subprocess.run([*sweep, "--work", folder / "work"], check=True, capture_output=True, cwd=folder)
    results = folder / "results" / "settling" / "smoke-cpu"
    tables = Tables(results)
    trial = tables.trial(17, strategy="soft-top-k")
    samples = tables.samples(trial)
    assert samples == [0, 2, 4, 6], samples
    page = browser.open(explore(xp, folder / "settling.html", results), fragment=f"#a={trial[:12]}&token=5")
    page.until("() => document.querySelector('.token')")
    now = "() => document.querySelector('#step-now').textContent"
    for step in reversed(samples):
        # Evaluations are steps of the slider too.
        while not (shown := page.evaluate(now)).startswith(f"step {step} of"):
            page.press("[")
            page.until("shown => document.querySelector('#step-now').textContent !== shown", shown)
        assert f"decisions of step {step}" in page.text(".facts")
        shows(page, A, tables.decisions(trial, 0, 5, step))
    assert page.evaluate("() => document.querySelectorAll('#marks span').length") == len(samples)
    shot(page, shots, "stepping")
    page.quiet()
    page.close()


# Contrast as WCAG 2 defines it, of the text with each colour of experts; the relative luminance of sRGB.
CONTRASTS = """() => {
  const probe = document.body.appendChild(document.createElement("i"));
  const luminance = (color) => {
    probe.style.backgroundColor = color;
    const text = getComputedStyle(probe).backgroundColor;
    const parts = text.match(/[0-9.]+/g).slice(0, 3).map(Number);
    const whole = text.startsWith("rgb") ? 255 : 1;
    const [r, g, b] = parts.map((part) => part / whole).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ink = luminance("var(--ink)");
  const grounds = Array.from({ length: 16 }, (_, expert) => luminance(`var(--ground-${expert})`));
  probe.remove();
  return grounds.map((ground) => (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05));
}"""


def legible(browser: Browser, file: Path) -> None:
    """Text on each colour of experts has the contrast that WCAG asks of small text."""
    for dark in (False, True):
        page = browser.open(file, dark=dark)
        contrasts = page.evaluate(CONTRASTS)
        assert min(contrasts) >= 4.5, (dark, contrasts)
        page.close()


def odd_addresses(browser: Browser, file: Path) -> None:
    """An address of something else brings the nearest that there is."""
    for fragment in ("#", "#sweep=none&a=zz&b=&layer=99&text=-1&token=1e9&step=x", "#%", "#step=0&layer=1.5&token=NaN"):
        page = browser.open(file, fragment=fragment)
        page.until("() => document.querySelector('.token[aria-pressed=true]')")
        page.quiet()
        page.close()


def whole(browser: Browser, file: Path) -> None:
    """A page of every sweep: each can be chosen, at either width."""
    for width in (1280, 390):
        page = browser.open(file, width)
        page.until("() => document.querySelector('.token')")
        for sweep in page.texts("#sweep option"):
            page.choose("#sweep", sweep)
            page.until("sweep => document.querySelector('#sweep').selectedOptions[0].label === sweep", sweep)
            page.until("() => document.querySelector('[data-pane=A] tbody tr')")
        page.quiet()
        page.close()


def explore(xp: Path, file: Path, *folders: Path) -> Path:
    subprocess.run([xp, "explore", *folders, "--out", file], check=True, capture_output=True)
    return file


def refuses(xp: Path, folder: Path) -> None:
    """A sweep without decisions is no page."""
    command = [xp, "explore", RESULTS / "capacity" / "cpu-cpu", "--out", folder / "none.html"]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert ran.returncode == 4 and "no routing decisions were sampled" in ran.stderr, ran
    assert not (folder / "none.html").exists()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--xp", type=Path, required=True, help="the program")
    parser.add_argument("--shots", type=Path, help="folder for screenshots")
    asked = parser.parse_args()
    xp = asked.xp.resolve()
    absent = missing() or (None if importlib.util.find_spec("polars") else "Python has no polars (pip install polars)")
    if absent:
        print(f"skipped: {absent}")
        return 0
    if asked.shots:
        asked.shots.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name, Browser() as browser:
        folder = Path(name)
        refuses(xp, folder)
        one = explore(xp, folder / "one.html", UNIFIED)
        everything = explore(xp, folder / "all.html", RESULTS)
        again = explore(xp, folder / "again.html", RESULTS)
        assert everything.read_bytes() == again.read_bytes(), "equal tables give other bytes"
        assert everything.stat().st_size < MOST_BYTES, f"{everything.stat().st_size} bytes"
        for hand in (Mouse, Keyboard):
            for width in (1280, 390):
                for dark in (False, True):
                    look(browser, one, hand, width, dark, asked.shots)
                    print(f"{hand.__name__.lower()}, {width} px, {'dark' if dark else 'light'}: as the tables have it")
        legible(browser, one)
        odd_addresses(browser, one)
        whole(browser, everything)
        stepping(browser, xp, folder, asked.shots)
        print(f"all sweeps: {everything.stat().st_size:,} bytes; stepping through sampled decisions: as the tables have it")
    return 0


if __name__ == "__main__":
    sys.exit(main())
