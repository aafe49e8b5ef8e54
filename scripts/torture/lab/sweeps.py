"""The sweep files that campaigns start from: small, on built-in text, with checkpoints."""

from __future__ import annotations

import json

from .folder import Folder
from .settings import Settings

NAME = "killer"
RESULTS = f"results/{NAME}/base-cpu"
STORE = f".xp/{NAME}/base-cpu"

TRAIN = """\
name     = "killer"
question = "Is anything lost?"
job      = "train"
seeds    = {seeds}

[data]
corpus    = {{ tinytales = {{ stories = 60 }} }}
tokenizer = "char"

[model.tiny-moe]
layers  = {layers}
dim     = 16
heads   = 2
dropout = 0.1

[moe]
experts = 4

[train]
steps            = {steps}
batch            = 4
sequence         = 32
warmup           = 2
log-every        = {log_every}
eval-every       = 20
eval-windows     = 4
learning-rate    = 1e-3
checkpoint-every = {checkpoint_every}

[axes]
strategy        = {strategies}
capacity-factor = {capacities}
"""


def train(
    seeds: int = 1,
    strategies: int = 1,
    capacities: int = 1,
    steps: int = 12,
    layers: int = 1,
    log_every: int = 2,
    checkpoint_every: int = 5,
) -> str:
    """A sweep of `seeds` x `strategies` x `capacities` trials that train a tiny model."""
    names = ["soft-top-k", "top1", "hard-top-k", "hash", "expert-choice", "noisy-top-k"]
    return TRAIN.format(
        seeds=list(range(17, 17 + seeds)),
        strategies=str(names[:strategies]).replace("'", '"'),
        capacities=[1.0, 1.25][:capacities],
        steps=steps,
        layers=layers,
        log_every=log_every,
        checkpoint_every=checkpoint_every,
    )


def fresh(settings: Settings, name: str, text: str) -> Folder:
    """A new folder with this sweep, in which nothing was run; made once, it is a template."""
    folder = Folder(settings, settings.work / name)
    (folder / "experiments").mkdir()
    (folder / f"experiments/{NAME}.toml").write_text(text)
    return folder


def finished(settings: Settings, name: str, text: str) -> Folder:
    """A new folder in which the sweep was run undisturbed: what others are compared with."""
    folder = fresh(settings, name, text)
    run = folder.xp("sweep", NAME, "--threads", "1")
    if run.code != 0:
        raise RuntimeError(f"an undisturbed sweep ends with exit {run.code}: {run.last_line()}")
    return folder


def finished_by_trial(settings: Settings, name: str, text: str) -> Folder:
    """A new folder in which the one trial was run by itself, and the sweep found nothing to do."""
    folder = fresh(settings, name, text)
    for args in (("trial", NAME, ids(folder)[0]), ("sweep", NAME)):
        run = folder.xp(*args, "--threads", "1")
        if run.code != 0:
            raise RuntimeError(f"an undisturbed {args[0]} ends with exit {run.code}: {run.last_line()}")
    return folder


def clone(settings: Settings, name: str, text: str) -> Folder:
    """A new folder that holds results of which no store knows, as a fresh clone does."""
    folder = finished(settings, name, text)
    folder.remove(".xp")
    return folder


def ids(folder: Folder) -> list[str]:
    """The ids of all trials of the sweep, as `xp plan` says them."""
    run = folder.ask("plan", NAME, "--json")
    return [trial["id"] for trial in json.loads(run.out)["trials"]]
