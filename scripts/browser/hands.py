"""Two ways to do the same on the page of `xp explore`: with a mouse, and with keys alone."""

from __future__ import annotations

from page import Page

# The panes of the two trials, and in them the lists of cells and of seeds.
A, B = "[data-pane=A]", "[data-pane=B]"
CELL, SEED = ".who > select", ".who label select"

# Whether a token has the focus: this one, or any but the first.
FOCUSED = """([pane, position]) => {
  const own = document.activeElement;
  return own.matches(`${pane} .token`) && own.dataset.position === String(position);
}"""
FOCUSED_BEHIND = """pane => {
  const own = document.activeElement;
  return own.matches(`${pane} .token[aria-pressed=true]`) && Number(own.dataset.position) > 1;
}"""


class Mouse:
    """Clicks; lists are opened by the system, so that their entries are chosen by text."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def cell(self, pane: str, label: str) -> None:
        self.page.choose(f"{pane} {CELL}", label)

    def seed(self, pane: str, seed: int) -> None:
        self.page.choose(f"{pane} {SEED}", str(seed))

    def token(self, pane: str, position: int) -> None:
        self.page.click(f"{pane} .token[data-position='{position}']")

    def layer(self, layer: int) -> None:
        self.page.click(f"#layers label:nth-child({layer + 1})")

    def text(self) -> None:
        self.page.click("#window-on")

    def compare(self) -> None:
        self.page.click("#compare")

    def step_back(self) -> None:
        self.page.click("#step-back")

    def first_step(self) -> None:
        box = self.page.page.locator("#step").bounding_box()
        self.page.page.mouse.click(box["x"] + 3, box["y"] + box["height"] / 2)

    def keys(self) -> None:
        self.page.click("#help")
        self.page.until("() => document.getElementById('keys').open")
        self.page.click("#keys button")


class Keyboard:
    """Presses keys alone."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def pick(self, selector: str, label: str) -> None:
        """An entry of a list, by arrows."""
        self.page.tab_to(selector)
        shown = "selector => document.querySelector(selector).selectedOptions[0].label"
        self.page.press("Home")
        for _ in range(200):
            if self.page.evaluate(shown, selector) == label:
                return
            self.page.press("ArrowDown")
        raise AssertionError(f"arrows do not reach {label} in {selector}")

    def cell(self, pane: str, label: str) -> None:
        self.pick(f"{pane} {CELL}", label)

    def seed(self, pane: str, seed: int) -> None:
        self.pick(f"{pane} {SEED}", str(seed))

    def token(self, pane: str, position: int) -> None:
        self.page.tab_to(f"{pane} .token[tabindex='0']")
        self.page.press("Home")
        self.page.until(FOCUSED, [pane, 0])
        # A line down and up again.
        self.page.press("ArrowDown")
        self.page.until(FOCUSED_BEHIND, pane)
        self.page.press("ArrowUp", "Home")
        for place in range(position):
            self.page.until(FOCUSED, [pane, place])
            self.page.press("ArrowRight")
        self.page.until(FOCUSED, [pane, position])

    def layer(self, layer: int) -> None:
        for _ in range(layer):
            self.page.press("l")

    def text(self) -> None:
        self.page.press("t")

    def compare(self) -> None:
        self.page.press("c")

    def step_back(self) -> None:
        self.page.press("[")

    def first_step(self) -> None:
        self.page.tab_to("#step")
        self.page.press("Home")

    def keys(self) -> None:
        self.page.press("?")
        self.page.until("() => document.getElementById('keys').open")
        self.page.press("Escape")
