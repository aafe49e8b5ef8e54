"""Seeded mutations of text and bytes: what a typing error, a bad disk or a bad person makes of a file."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from random import Random

NUMBERS = (
    "0", "-1", "1", "2", "3", "-0.0", "0.5", "1.0", "255", "65536", "1e6", "1e-320", "1e308", "1e400", "nan", "inf",
    "2147483648", "4294967295", "9223372036854775807", "9223372036854775808", "0x7fff", "1_0", "010", "+1", "1.",
)  # fmt: skip
STRINGS = (
    '""', '"../../x"', '"--help"', '"/"', '"."', '"nul"', '"a b"', '"%s{}"', "'\"'", '"\\u001b[2J"', '"\\u0000"',
    '"\\u202e"', '"\\u0085"', '"\U0001f600"', '"top1"', '"none"', '"soft-top-k"', '"e\u0301"', '"' + "x" * 3000 + '"',
)  # fmt: skip
SHAPES = (
    "[]", "{}", "true", "[[]]", "[1, 2, 3]", "{ a = { b = 1 } }", '["top1", "hash"]', "[" * 300 + "]" * 300,
    "[1, 'a', {}]", "1979-05-27T07:32:00Z", "{ switch = { alpha = -1 } }", "{ top1 = {}, hash = {} }", "",
    "[" + ", ".join(map(str, range(400))) + "]", "[" + "'x', " * 300 + "]", '"""\n\n"""', "{ mlp = { hidden = 0 } }",
)  # fmt: skip
VALUES = (*NUMBERS, *STRINGS, *SHAPES)
ASSIGNED = re.compile(r"^(\s*[\w\".-]+\s*=\s*)(.+)$")

Lines = list[str]


def toml(random: Random, seeds: list[str]) -> bytes:
    """A sweep file with one to three things wrong with it."""
    lines = random.choice(seeds).splitlines()
    for _ in range(random.randint(1, 3)):
        if lines:
            random.choice(LINES)(random, lines, seeds)
    data = "\n".join(lines).encode("utf-8", "surrogatepass") + b"\n"
    if random.random() < 0.15:
        data = scramble(random, data)
    return data


def replace_value(random: Random, lines: Lines, _: list[str]) -> None:
    """Another value for a key."""
    places = [i for i, line in enumerate(lines) if ASSIGNED.match(line)]
    if places:
        i = random.choice(places)
        lines[i] = ASSIGNED.sub(lambda m: m.group(1) + random.choice(VALUES), lines[i])


def replace_inner(random: Random, lines: Lines, _: list[str]) -> None:
    """Another number or string somewhere in a line."""
    i = random.randrange(len(lines))
    found = list(re.finditer(r'-?\d[\d.e_-]*|"[^"]*"', lines[i]))
    if found:
        m = random.choice(found)
        lines[i] = lines[i][: m.start()] + random.choice(VALUES) + lines[i][m.end() :]


def delete_line(random: Random, lines: Lines, _: list[str]) -> None:
    """A line less."""
    del lines[random.randrange(len(lines))]


def repeat_line(random: Random, lines: Lines, _: list[str]) -> None:
    """A line again, elsewhere."""
    lines.insert(random.randint(0, len(lines)), random.choice(lines))


def swap_lines(random: Random, lines: Lines, _: list[str]) -> None:
    """Two lines in each other's place."""
    i, j = random.randrange(len(lines)), random.randrange(len(lines))
    lines[i], lines[j] = lines[j], lines[i]


def borrow_line(random: Random, lines: Lines, seeds: list[str]) -> None:
    """A line of another file."""
    lines.insert(random.randint(0, len(lines)), random.choice(random.choice(seeds).splitlines() or [""]))


def mistype(random: Random, lines: Lines, _: list[str]) -> None:
    """A letter wrong."""
    i = random.randrange(len(lines))
    if lines[i]:
        j = random.randrange(len(lines[i]))
        lines[i] = lines[i][:j] + random.choice(["", "x", lines[i][j] * 2, "\x1b", "="]) + lines[i][j + 1 :]


def cut(random: Random, lines: Lines, _: list[str]) -> None:
    """The end is missing."""
    del lines[random.randrange(len(lines)) :]


LINES: tuple[Callable[[Random, Lines, list[str]], None], ...] = (
    replace_value, replace_value, replace_value, replace_inner, replace_inner, delete_line, repeat_line, swap_lines,
    borrow_line, mistype, cut,
)  # fmt: skip


def setting(random: Random, keys: list[str]) -> str:
    """A `--set` argument with something odd about it."""
    key = random.choice(keys)
    if random.random() < 0.2:
        key = random.choice([f"axes.{key}", f"{key}.{random.choice(keys)}", key[:-1], key + "x", "", ".", key.upper()])
    value = random.choice(VALUES)
    # The system refuses a NUL in an argument before the program can.
    return f"{key}{random.choice(['=', '=', '=', '=', ' = ', '=='])}{value}".replace("\x00", "")


def scramble(random: Random, data: bytes) -> bytes:
    """Bytes that are flipped, lost, doubled or put in between."""
    if not data:
        return b"\xff"
    out = bytearray(data)
    for _ in range(random.choice([1, 1, 1, 2, 8, 64])):
        i = random.randrange(len(out)) if out else 0
        kind = random.randrange(7)
        if kind <= 1 and out:
            out[i] ^= 1 << random.randrange(8)
        elif kind == 2 and out:
            out[i] = random.choice([0, 0xFF, 0x80, 0x1B, 0x22, 0x0A])
        elif kind == 3:
            del out[i : i + random.choice([1, 2, 16, 512])]
        elif kind == 4:
            out[i:i] = random.choice([b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\r\n", b"\x1b[31m", b"\xf0\x9f"])
        elif kind == 5:
            out[i:i] = out[i : i + 64]
        else:
            out[i : i + 64] = bytes(len(out[i : i + 64]))
    return bytes(out[: random.randrange(len(out))]) if out and random.random() < 0.1 else bytes(out)


JSON_VALUES: tuple = (
    None, True, 0, -1, 1, 2, 3, 0.5, -0.0, 1e308, 2**31, 2**32 - 1, 2**63, -(2**63), 10**30, "", "x", "\x1b[2J", "../x",
    "/etc/passwd", [], {}, [[]], {"a": {}}, "\u0000", "F16", "gelu", [0, 0], [1 << 40, 1 << 40], [8, 4],
)  # fmt: skip


def structure(random: Random, text: bytes) -> bytes:
    """JSON in which a value is another, missing, or there under another name."""
    root = json.loads(text)
    for _ in range(random.choice([1, 1, 2])):
        owner, key = random_place(random, root)
        if owner is None:
            return json.dumps(random.choice(JSON_VALUES)).encode()
        kind = random.randrange(5)
        if kind <= 2:
            owner[key] = random.choice(JSON_VALUES)
        elif kind == 3:
            del owner[key]
        elif isinstance(owner, dict):
            owner[str(key) + "x"] = owner.pop(key)
        else:
            owner.insert(key, owner[key])
    return json.dumps(root).encode()


def random_place(random: Random, root):
    """A container in a JSON value, and a key of it; large ones are as likely as small ones."""
    owner, key, value = None, None, root
    while isinstance(value, (dict, list)) and value and (owner is None or random.random() < 0.75):
        owner = value
        key = random.choice(list(value)) if isinstance(value, dict) else random.randrange(len(value))
        value = owner[key]
    return owner, key


def safetensors(random: Random, data: bytes) -> bytes:
    """A file of weights whose header, its length or whose numbers are damaged."""
    length = int.from_bytes(data[:8], "little")
    header, body = data[8 : 8 + length], data[8 + length :]
    kind = random.randrange(4)
    if kind == 0:
        header = structure(random, header)
    elif kind == 1:
        header = scramble(random, header)
    elif kind == 2:
        body = scramble(random, body)
    else:
        wrong = random.choice([0, 1, length - 1, length + 1, len(data), 2**31, 2**63, 2**64 - 1])
        return wrong.to_bytes(8, "little") + data[8:]
    return len(header).to_bytes(8, "little") + header + body
