"""Settings that were once mistaken: sizes, names, control characters, what does not fit together."""

from __future__ import annotations

from collections.abc import Iterator

from lab.process import Limits

from . import encoder
from .known import BASE, PLAN, SWEEP, Known, done_is_finite, has_room, says_memory

QUESTION = 'question = "Is it found before it runs?"'


def known() -> Iterator[Known]:
    """All of them."""
    yield from sizes()
    yield from escapes()
    yield from names()
    yield from misfits()
    yield from capacities()
    yield from not_finite()


def sizes() -> Iterator[Known]:
    """Sizes that ask for more than a machine has."""
    either = frozenset({0, 2})
    for stories in (10**6, 2**63 - 1):
        yield Known(f"{stories} stories", (f"data.corpus={{tinytales={{stories={stories}}}}}",), expected=either)
    yield Known("a setting of 60,000 levels", (".".join("a" * 60_000) + "=1",))
    bad = ", ".join(f'"b{n}"' for n in range(3_000))
    yield Known("an axis of 3,000 bad values", text=f"{BASE}\n[axes]\nstrategy = [{bad}]\n")
    wide = BASE + "\n[axes]\ndim = [16, 4096]\n"
    small = Limits(seconds=120, cpu_s=20, memory=3 << 29)
    yield Known(
        "a model without memory for it",
        text=wide,
        command=SWEEP,
        expected=frozenset({2, 6, 8}),
        check=says_memory,
        limits=small,
    )


def escapes() -> Iterator[Known]:
    """Control characters that a terminal would obey."""
    hostile = '"\\u001b[2J\\u001b]0;x\\u0007"'
    yield Known(
        "a question that clears the screen",
        text=BASE.replace(QUESTION, f"question = {hostile}"),
        expected=frozenset({0, 2}),
    )
    yield Known("a strategy that clears the screen", (f"strategy={hostile}",))
    yield Known("a key that clears the screen", text=f"{BASE}\n[axes]\n{hostile} = [1]\n")
    yield Known("a name that clears the screen", text=BASE.replace('"killer"', hostile))


def names() -> Iterator[Known]:
    """Names that no folder should have."""
    for name in ("--help", "-x", "logs", "peers", "nul", "con", "..", "a/b"):
        yield Known(f"the name `{name}`", text=BASE.replace('"killer"', f'"{name}"'))
    yield Known(
        "a scale that is a path",
        text=f'{BASE}\n[scale."../../evil"]\nseeds = [1]\n',
        command=(*PLAN, "--scale", "../../evil"),
    )


def misfits() -> Iterator[Known]:
    """Settings that do not fit together: found by `xp plan`."""
    for sets in (
        ("router.gate=renormalised", "k=1"),
        ("router.score-function=sigmoid", "strategy=hash"),
        ("router.score-function=sigmoid", "strategy=relu"),
        ("router.score-function=sigmoid", "strategy=soft-moe"),
        ('balancers=["bias"]', "strategy=hash"),
        ('balancers=["bias"]', "strategy=expert-choice"),
        ("strategy={sigmoid-top-k={groups=3}}",),
        ("strategy={top-p={p=1.5}}",),
        ("router.gate=dense-mixer", "strategy=expert-choice"),
        ("router.gate=renormalised", "strategy=top-p"),
        ("dropout=1.0",),
    ):
        yield Known(" ".join(sets), sets)
    yield Known("dropout=1.0, trained", ("dropout=1.0",), command=SWEEP)
    text = BASE.replace("{ tinytales = { stories = 200 } }", '"tinystories"')
    story = b"One day a cat sat in the sun.\n<|endoftext|>\n"
    files = (("datasets/tinystories/train.txt", story * 40), ("datasets/tinystories/valid.txt", story[:40]))
    yield Known("a window longer than the validation text", ("sequence=64",), text=text, files=files)


def capacities() -> Iterator[Known]:
    """Capacity factors so large that a number of another width wraps."""
    wide = ("train.batch=16", "sequence=64", "experts=8")
    good = frozenset({0, 2})
    for sets in (
        ("capacity-factor=1e7", *wide),
        ("strategy=top1", "capacity-factor=1e8"),
        ("strategy=top1", "capacity-factor=1e300"),
    ):
        yield Known(" ".join(sets), sets, command=SWEEP, expected=good, check=has_room)


def not_finite() -> Iterator[Known]:
    """Numbers that stop being finite."""
    text = encoder.ENCODER.replace(encoder.SOURCE, 'source = "random"')
    yield Known(
        "hidden.scale=1e39",
        ("hidden.scale=1e39",),
        text=text,
        command=SWEEP,
        expected=frozenset({0, 2, 6}),
        check=done_is_finite,
    )
