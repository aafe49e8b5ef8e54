"""A page of one file in a real headless browser: what a reader sees, does and is told.

Needs Playwright for Python (`pip install playwright`) and a Chromium of the system (on Debian: `apt-get install
chromium`; elsewhere CHROMIUM names it). Nothing is downloaded.

    with Browser() as browser:
        page = browser.open("report.html", width=390, dark=True)
        page.click("#help")
        page.press("Escape")
        page.screenshot("narrow.png")
        page.quiet()            # no request but for the file, no console message, nothing wider than the screen
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]


def missing() -> str | None:
    """What is not installed here, in words; none where all is."""
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        return "Python has no playwright (pip install playwright)"
    if not chromium():
        return "there is no Chromium (Debian: apt-get install chromium; elsewhere CHROMIUM names it)"
    return None


def chromium() -> str | None:
    """The system's Chromium."""
    named = os.environ.get("CHROMIUM")
    return named or next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """A headless Chromium, for a `with` block."""

    def __enter__(self) -> Browser:
        from playwright.sync_api import sync_playwright

        self._playwright = sync_playwright().start()
        # A container has no user namespaces for Chromium's sandbox; the pages are our own.
        self._browser = self._playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        return self

    def __exit__(self, *_: object) -> None:
        self._browser.close()
        self._playwright.stop()

    def open(self, file: str | Path, width: int = 1280, dark: bool = False, fragment: str = "") -> Page:
        """Opens a file in a window of its own, as wide as this."""
        scheme = "dark" if dark else "light"
        context = self._browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce"
        )
        return Page(context.new_page(), Path(file).resolve(), fragment)


class Page:
    """An open page, with everything that it asked for and said."""

    def __init__(self, page, file: Path, fragment: str) -> None:
        self.page = page
        self.url = file.as_uri()
        self.requests: list[str] = []
        self.console: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("console", lambda message: self.console.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.console.append(f"error: {error}"))
        page.goto(self.url + fragment, wait_until="load")

    def click(self, selector: str) -> None:
        """Clicks the first element that fits."""
        self.page.locator(selector).first.click()

    def choose(self, selector: str, label: str) -> None:
        """Chooses an entry of a list by its text."""
        self.page.locator(selector).first.select_option(label=label)

    def press(self, *keys: str) -> None:
        """Presses keys, one after the other, wherever the focus is."""
        for key in keys:
            self.page.keyboard.press(key)

    def tab_to(self, selector: str, most: int = 200) -> None:
        """Moves the focus with Tab alone until an element that fits has it."""
        for _ in range(most):
            if self.evaluate("selector => document.activeElement.matches(selector)", selector):
                return
            self.press("Tab")
        raise AssertionError(f"Tab does not reach {selector}")

    def text(self, selector: str) -> str:
        """The text of the first element that fits."""
        return self.page.locator(selector).first.inner_text()

    def texts(self, selector: str) -> list[str]:
        """The texts of all elements that fit."""
        return self.page.locator(selector).all_inner_texts()

    def attribute(self, selector: str, name: str) -> str | None:
        """An attribute of the first element that fits."""
        return self.page.locator(selector).first.get_attribute(name)

    def evaluate(self, script: str, argument: object = None):
        """The value of a piece of JavaScript."""
        return self.page.evaluate(script, argument)

    def until(self, script: str, argument: object = None) -> None:
        """Waits until a piece of JavaScript is true."""
        self.page.wait_for_function(script, arg=argument, timeout=20_000)

    def screenshot(self, file: str | Path, whole: bool = True) -> None:
        """Writes what is seen, or the whole page, as PNG."""
        self.page.screenshot(path=str(file), full_page=whole)

    def quiet(self) -> None:
        """Fails where the page asked for anything else than itself, said anything, or scrolls sideways."""
        outside = [url for url in self.requests if url.split("#")[0] != self.url and not url.startswith("data:")]
        assert not outside, f"requests: {outside}"
        assert not self.console, f"console: {self.console}"
        wide, screen = self.evaluate("() => [document.documentElement.scrollWidth, innerWidth]")
        assert wide <= screen, f"the page is {wide} px wide, the window {screen}"

    def close(self) -> None:
        """Closes the window."""
        self.page.context.close()
