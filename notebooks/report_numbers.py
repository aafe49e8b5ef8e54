"""Compares the ranking that the notebook prints with the one in a sweep's report.html, cell by cell."""

import re
from html.parser import HTMLParser

# Columns of the notebook's ranking, and how the report's are headed. A p and its verdict stand behind their difference.
HEADED = {"perplexity": "validation perplexity (per token)", "less baseline": "less the baseline's", "less best": "less the best's"}
BEHIND = {"baseline": "less the baseline's", "best": "less the best's"}
NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?")


class Tables(HTMLParser):
    """The tables of a page, as lists of rows of text."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: list[list[list[str]]] = []
        self.inside = False

    def handle_starttag(self, tag: str, attributes: list) -> None:
        if tag == "table":
            self.tables.append([])
        elif tag == "tr" and self.tables:
            self.tables[-1].append([])
        elif tag in ("td", "th") and self.tables and self.tables[-1]:
            self.tables[-1][-1].append("")
            self.inside = True
        elif tag == "br":
            self.handle_data(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self.inside = False

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.tables[-1][-1][-1] += data


def rankings(page: str) -> dict[str, dict[str, str]]:
    """Of each cell in the report's tables of differences the texts by the notebook's names of their columns."""
    parser = Tables()
    parser.feed(page)
    found: dict[str, dict[str, str]] = {}
    for head, *rows in parser.tables:
        names = [" ".join(name.split()) for name in head]
        if "cell" not in names or HEADED["less baseline"] not in names:
            continue
        places = {own: names.index(theirs) for own, theirs in HEADED.items() if theirs in names}
        for to, theirs in BEHIND.items():
            if theirs in names and names[names.index(theirs) + 1] == "p":
                places |= {f"p {to}": names.index(theirs) + 1, f"beside {to}": names.index(theirs) + 2}
        for row in rows:
            own = {name: " ".join(row[place].split()) for name, place in places.items()}
            found[" ".join(row[names.index("cell")].split())] = own
    return found


def printed(text: str) -> dict[str, dict[str, str]]:
    """The same of the notebook's first table of differences, in Markdown."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    start = next((place for place, line in enumerate(lines) if "less baseline" in line), None)
    if start is None:
        return {}
    split = [[field.strip() for field in line.strip("|").split("|")] for line in lines[start:]]
    head, rows = split[0], split[2:]
    found = {}
    for row in rows:
        if len(row) != len(head) or not row[0].isdigit():
            break
        found[row[head.index("cell")]] = dict(zip(head, row))
    return found


def differences(text: str, page: str) -> list[str]:
    """What is not the same, in sentences; a page or a notebook without a ranking is one of them."""
    own, theirs = printed(text), rankings(page)
    if not own or not theirs:
        return [f"no ranking was found in the {'report' if own else 'notebook'}"]
    if own.keys() != theirs.keys():
        return [f"{name} is in one ranking only" for name in sorted(own.keys() ^ theirs.keys())]
    return [
        f"{cell}, {name}: {own[cell][name]} in the notebook, {value} in the report"
        for cell, values in theirs.items()
        for name, value in values.items()
        if not same(own[cell][name], value)
    ]


def same(own: str, theirs: str) -> bool:
    """Whether two texts agree: words as they are, numbers as far as the one with fewer decimals goes."""
    numbers = [NUMBER.findall(text.replace("\N{MINUS SIGN}", "-")) for text in (own, theirs)]
    if not numbers[0] or not numbers[1]:
        return own == theirs
    return len(numbers[0]) == len(numbers[1]) and all(
        abs(float(a) - float(b)) <= 0.5001 * (ulp(a) + ulp(b)) for a, b in zip(*numbers)
    )


def ulp(number: str) -> float:
    """What the last digit of a number is worth."""
    digits, _, exponent = number.partition("e")
    return 10.0 ** (int(exponent or 0) - len(digits.partition(".")[2]))
