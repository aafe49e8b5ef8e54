"""Encoders that were once mistaken: sizes and numbers that their files only claim, parts that are missing."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from pathlib import Path

from . import encoder
from .known import BASE, SWEEP, Known, done_is_finite

# Refused before anything runs, or recorded as a trial that failed or diverged.
REFUSED = frozenset({2, 3})
ENDED = REFUSED | {6}


def files(source: Path, **changed: bytes) -> tuple[tuple[str, bytes], ...]:
    """The small encoder's files, some of them changed; one that is empty is left out."""
    found = {name: (source / name).read_bytes() for name in ("config.json", "model.safetensors")}
    found["tokenizer.json"] = encoder.tokenizer_file()
    named = {"config": "config.json", "model": "model.safetensors", "tokenizer": "tokenizer.json"}
    found |= {named[name]: data for name, data in changed.items()}
    return tuple((f"bert/{name}", data) for name, data in found.items() if data)


def known(source: Path) -> Iterator[Known]:
    """All of them."""
    yield from claims(source)
    yield from not_finite(source)
    yield from missing(source)
    yield from not_there(source)


def swept(name: str, given: tuple[tuple[str, bytes], ...], expected: frozenset[int] = REFUSED, **more) -> Known:
    """The encoder's sweep is run with these files."""
    return Known(name, text=encoder.ENCODER, command=SWEEP, expected=expected, files=given, **more)


def claims(source: Path) -> Iterator[Known]:
    """Sizes that are not those of the weights."""
    config = (source / "config.json").read_bytes()
    for layers in (10**6, 10**9):
        deep = config.replace(b'"num_hidden_layers": 2', f'"num_hidden_layers": {layers}'.encode())
        yield swept(f"an encoder of {layers} layers", files(source, config=deep))
    more = files(source, tokenizer=encoder.tokenizer_file(more=30_000))
    yield Known("more tokens than word vectors, planned", text=encoder.ENCODER, expected=REFUSED, files=more)
    yield swept("more tokens than word vectors, run", more)
    high = files(source, tokenizer=encoder.tokenizer_file().replace(b'"a": 5,', b'"a": 4294967295,'))
    yield swept("a token id of 4294967295", high)
    words = BASE.replace('"char"', '{ pretrained = { file = "bert/tokenizer.json" } }')
    yield Known("a token id of 4294967295, trained", text=words, command=SWEEP, expected=REFUSED, files=high)


def not_finite(source: Path) -> Iterator[Known]:
    """Weights that are no numbers, or so large that what is computed of them is none."""
    weights = (source / "model.safetensors").read_bytes()
    tensor = "bert.encoder.layer.0.intermediate.dense.weight"
    for number, expected in ((math.nan, ENDED), (math.inf, ENDED), (3e38, ENDED | {0})):
        broken = encoder.with_number(weights, tensor, 101, struct.pack("<f", number))
        yield swept(f"a weight that is {number}", files(source, model=broken), expected, check=done_is_finite)


def missing(source: Path) -> Iterator[Known]:
    """Folders that lack a file."""
    bare = files(source, tokenizer=b"")
    yield Known("an encoder without a tokenizer", text=encoder.ENCODER, expected=REFUSED, files=bare)
    yield swept("an encoder without weights", files(source, model=b""))


def not_there(source: Path) -> Iterator[Known]:
    """Layers and places that the encoder has not: found by `xp plan`."""
    for old, new in (
        ("tap = 2", "tap = 3"),
        ("sequence = 16", "sequence = 64"),
        ("tap = 2", 'tap = 2, experts = "copied", layer = 2'),
    ):
        text = encoder.ENCODER.replace(old, new).replace("tokens = 32", "tokens = 64")
        yield Known(f"{new} of an encoder of 2 layers and 40 places", text=text, files=files(source))
