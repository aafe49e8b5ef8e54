"""Inputs that were once taken for something else, ran without a bound, or were refused too late."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from lab.folder import Folder
from lab.judge import Complaint, judge
from lab.process import Limits, Run
from lab.record import Record
from lab.settings import Settings
from lab.sweeps import NAME, RESULTS, fresh

from . import encoder

PLAN = ("plan", NAME)
SWEEP = ("sweep", NAME, "--threads", "1")
LIMITS = Limits(seconds=120, cpu_s=10, memory=4 << 30)
BASE = """\
name     = "killer"
question = "Is it found before it runs?"
job      = "train"
seeds    = [17]

[data]
corpus    = { tinytales = { stories = 200 } }
tokenizer = "char"

[model.tiny-moe]
layers  = 1
dim     = 32
heads   = 2
dropout = 0.0

[moe]
experts = 4
k       = 2

[router]
strategy  = "soft-top-k"
balancers = [{ switch = { alpha = 0.01 } }]

[train]
steps         = 4
warmup        = 1
batch         = 4
sequence      = 32
learning-rate = 1e-3
log-every     = 1
eval-every    = 0
eval-windows  = 8
"""
QUESTION = 'question = "Is it found before it runs?"'
Files = dict[str, bytes]
Check = Callable[[Folder, Run], list[Complaint]]


@dataclass(frozen=True)
class Known:
    """One input: settings and files, what is run, and how that may end."""

    name: str
    sets: tuple[str, ...] = ()
    text: str = BASE
    command: tuple[str, ...] = PLAN
    expected: frozenset[int] = frozenset({2})
    check: Check | None = None
    encoder: Files | None = None
    files: tuple[tuple[str, bytes], ...] = ()
    limits: Limits = LIMITS

    def __str__(self) -> str:
        return self.name


def row(record: Record, campaign: str) -> None:
    """All known inputs; those about encoders where the small encoder is there."""
    settings = record.settings
    source = settings.asset("golden", "tiny_bert")
    base = fresh(settings, "known", BASE)
    cases = [*sizes(), *escapes(), *names(), *misfits(), *capacities(), *elsewhere()]
    if source:
        cases += encoders(source)
    else:
        record.skip(campaign, "known encoders", "SWITCHYARD_ASSETS has no golden/tiny_bert")

    def attempt(case: Known, path: Path) -> tuple[Folder, list[Complaint]]:
        folder = Folder(settings, path, base.path)
        if case.text != BASE:
            folder.edit(f"experiments/{NAME}.toml", case.text.encode())
        if case.encoder is not None:
            put_encoder(folder, source, case.encoder)
        for name, data in case.files:
            folder.edit(name, data)
        given = [part for one in case.sets for part in ("--set", one)]
        run = folder.xp(*case.command, *given, limits=case.limits)
        wrong = judge(run, set(case.expected), signals_are_ours=case.check is says_memory)
        wrong += case.check(folder, run) if case.check else []
        return folder, [Complaint(f"{case.name}: {one.kind}", one.seen) for one in wrong]

    record.each(campaign, "known inputs", cases, attempt)


def put_encoder(folder: Folder, source: Path, changed: Files) -> None:
    """The small encoder, with some files changed; an empty one is left out."""
    files = {name: (source / name).read_bytes() for name in ("config.json", "model.safetensors")}
    for name, data in {**files, "tokenizer.json": encoder.tokenizer_file(), **changed}.items():
        if data:
            folder.edit(f"bert/{name}", data)


def sizes() -> Iterator[Known]:
    """Sizes that ask for more than a machine has."""
    either = frozenset({0, 2})
    for stories in (10**6, 2**63 - 1):
        yield Known(f"{stories} stories", (f"data.corpus={{tinytales={{stories={stories}}}}}",), expected=either)
    yield Known("a setting of 60,000 levels", (".".join("a" * 60_000) + "=1",))
    bad = ", ".join(f'"b{n}"' for n in range(3_000))
    yield Known("an axis of 3,000 bad values", text=f"{BASE}\n[axes]\nstrategy = [{bad}]\n")
    wide = BASE + "\n[axes]\ndim = [16, 4096]\n"
    small = Limits(seconds=120, cpu_s=20, memory=1 << 30)
    yield Known("a model without memory for it", text=wide, command=SWEEP, expected=frozenset({2, 6, 8}), check=says_memory, limits=small)


def escapes() -> Iterator[Known]:
    """Control characters that a terminal would obey."""
    hostile = '"\\u001b[2J\\u001b]0;x\\u0007"'
    yield Known("a question that clears the screen", text=BASE.replace(QUESTION, f"question = {hostile}"), expected=frozenset({0, 2}))
    yield Known("a strategy that clears the screen", (f"strategy={hostile}",))
    yield Known("a key that clears the screen", text=f"{BASE}\n[axes]\n{hostile} = [1]\n")
    yield Known("a name that clears the screen", text=BASE.replace('"killer"', hostile))


def names() -> Iterator[Known]:
    """Names that no folder should have."""
    for name in ("--help", "-x", "logs", "peers", "nul", "con", "..", "a/b"):
        yield Known(f"the name `{name}`", text=BASE.replace('"killer"', f'"{name}"'))
    yield Known("a scale that is a path", text=f'{BASE}\n[scale."../../evil"]\nseeds = [1]\n', command=(*PLAN, "--scale", "../../evil"))


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
    for sets in (("capacity-factor=1e7", *wide), ("strategy=top1", "capacity-factor=1e8"), ("strategy=top1", "capacity-factor=1e300")):
        yield Known(" ".join(sets), sets, command=SWEEP, expected=good, check=drops_nothing)


def elsewhere() -> Iterator[Known]:
    """Numbers that stop being finite."""
    text = encoder.ENCODER.replace(BERT_SOURCE, 'source = "random"')
    yield Known("hidden.scale=1e39", ("hidden.scale=1e39",), text=text, command=SWEEP, expected=frozenset({0, 2, 6}), check=done_is_finite)


BERT_SOURCE = 'source = { bert = { model = "./bert", tap = 2, sequence = 16, corpus = "tinytales" } }'


def encoders(source: Path) -> Iterator[Known]:
    """Encoders that are not what their files say, and what is asked of them that they have not."""
    config, weights = (source / "config.json").read_bytes(), (source / "model.safetensors").read_bytes()
    refused, ended = frozenset({2, 3}), frozenset({2, 3, 6})
    for layers in (10**6, 10**9):
        deep = {"config.json": config.replace(b'"num_hidden_layers": 2', f'"num_hidden_layers": {layers}'.encode())}
        yield Known(f"an encoder of {layers} layers", text=encoder.ENCODER, command=SWEEP, expected=refused, encoder=deep)
    more = {"tokenizer.json": encoder.tokenizer_file(more=30_000).replace(b'"vocab": {', b'"vocab": {', 1)}
    yield Known("more tokens than word vectors", text=encoder.ENCODER, expected=refused, encoder=more)
    yield Known("more tokens than word vectors, run", text=encoder.ENCODER, command=SWEEP, expected=refused, encoder=more)
    high = {"tokenizer.json": encoder.tokenizer_file().replace(b'"a": 5,', b'"a": 4294967295,')}
    yield Known("a token id of 4294967295", text=encoder.ENCODER, command=SWEEP, expected=refused, encoder=high)
    words = BASE.replace('"char"', '{ pretrained = { file = "bert/tokenizer.json" } }')
    yield Known("a token id of 4294967295, trained", text=words, command=SWEEP, expected=refused, encoder=high)
    for name, number in (("nan", float("nan")), ("inf", float("inf")), ("3e38", 3e38)):
        tensor = "bert.encoder.layer.0.intermediate.dense.weight"
        broken = {"model.safetensors": encoder.with_number(weights, tensor, 101, struct.pack("<f", number))}
        expected = ended if name != "3e38" else ended | {0}
        yield Known(f"a weight that is {name}", text=encoder.ENCODER, command=SWEEP, expected=expected, encoder=broken, check=done_is_finite)
    yield Known("an encoder without a tokenizer", text=encoder.ENCODER, expected=refused, encoder={"tokenizer.json": b""})
    yield Known("an encoder without weights", text=encoder.ENCODER, command=SWEEP, expected=refused, encoder={"model.safetensors": b""})
    for old, new in (("tap = 2", "tap = 3"), ("sequence = 16", "sequence = 64"), ("tap = 2", 'tap = 2, experts = "copied", layer = 2')):
        text = encoder.ENCODER.replace(old, new).replace("tokens = 32", "tokens = 64")
        yield Known(f"an encoder of 2 layers and 40 places, {new}", text=text, encoder={})


def drops_nothing(folder: Folder, run: Run) -> list[Complaint]:
    """Where there is room for all, nothing is dropped."""
    if run.code != 0:
        return []
    dropped = pl.read_parquet(results_of(folder) / "trials.parquet")["drop_rate"].max()
    return [Complaint("tokens are dropped where there is room for all", f"drop_rate {dropped}")] if dropped else []


def says_memory(_: Folder, run: Run) -> list[Complaint]:
    """Out of memory is told as that."""
    return [] if b"memory" in run.err.lower() else [Complaint("does not say that memory ran out", run.last_line())]


def done_is_finite(folder: Folder, run: Run) -> list[Complaint]:
    """A trial that is done has its measures."""
    return invented(results_of(folder)) if run.code == 0 else []


def results_of(folder: Folder) -> Path:
    """The one results folder that a run left; what `--set` asks has a name of its own."""
    found = sorted((folder / "results").glob("*/*/trials.parquet"))
    return found[0].parent if found else folder / RESULTS


def invented(results: Path) -> list[Complaint]:
    """Router trials that are done although what they measured is not finite."""
    try:
        trials = pl.read_parquet(results / "trials.parquet").filter(pl.col("status") == "done")
    except (pl.exceptions.PolarsError, OSError):
        return [Complaint("exit 0 without a table of trials")]
    nulls = [name for name in ("logit_std", "output_std", "router_entropy") if trials[name].null_count()]
    return [Complaint("done, though its measures are not finite", ", ".join(nulls))] if nulls else []
