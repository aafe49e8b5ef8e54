"""Damaged inputs: sweep files, settings, text, tokenizers, encoders, checkpoints, stores, results."""

from __future__ import annotations

import re
from pathlib import Path

from lab.folder import Folder
from lab.judge import Complaint, judge
from lab.process import Limits
from lab.record import Record
from lab.settings import Settings
from lab.sweeps import NAME, RESULTS, fresh, train

from . import damage, encoder, known, known_encoders, known_settings, mutate

CAMPAIGN = "inputs"
# One plan takes hundredths of a second; what takes longer than this has no bound.
PLAN = Limits(seconds=120, cpu_s=10, memory=4 << 30)
STORY = "One day a cat sat in the sun. It saw a dog, and the dog ran to it.\n<|endoftext|>\n"
EXPERIMENTS = Path(__file__).resolve().parents[3] / "experiments"
TEXTS = ("datasets/tinystories/train.txt", "datasets/tinystories/valid.txt")
TOKENIZER = "tokenizers/small/tokenizer.json"
SWEEP = ("sweep", NAME, "--threads", "1")


def campaign(record: Record) -> None:
    """All damaged inputs."""
    mistaken(record)
    plans(record)
    settings_of(record)
    data(record)
    encoders(record)
    damage.rows(record, CAMPAIGN)


def mistaken(record: Record) -> None:
    """Inputs that were once mistaken; those about encoders where the small encoder is there."""
    settings = record.settings
    base = fresh(settings, "known", known.BASE)
    cases = list(known_settings.known())
    if source := settings.asset("golden", "tiny_bert"):
        cases += known_encoders.known(source)
    else:
        record.skip(CAMPAIGN, "known encoders", "SWITCHYARD_ASSETS has no golden/tiny_bert")

    def attempt(case: known.Known, path: Path) -> tuple[Folder, list[Complaint]]:
        folder = Folder(settings, path, base.path)
        folder.edit(f"experiments/{NAME}.toml", case.text.encode())
        for name, content in case.files:
            folder.edit(name, content)
        given = [part for one in case.sets for part in ("--set", one)]
        run = folder.xp(*case.command, *given, limits=case.limits)
        wrong = judge(run, set(case.expected), signals_are_ours=case.check is known.says_memory)
        wrong += case.check(folder, run) if case.check else []
        return folder, [Complaint(f"{case.name}: {one.kind}", one.seen) for one in wrong]

    record.each(CAMPAIGN, "inputs that were once mistaken", cases, attempt, name=lambda case: case.name)


def seeds() -> list[str]:
    """The sweep files that mutations start from."""
    shipped = [path.read_text() for path in sorted(EXPERIMENTS.glob("*.toml"))]
    return [train(seeds=2, strategies=6, capacities=2), encoder.ENCODER, *shipped]


def stocked(settings: Settings, name: str, text: str) -> Folder:
    """A folder with a sweep and a little text, so that shipped sweeps can be planned."""
    folder = fresh(settings, name, text)
    for path, count in zip(TEXTS, (40, 8), strict=True):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(STORY * count)
    (folder / TOKENIZER).parent.mkdir(parents=True)
    (folder / TOKENIZER).write_bytes(encoder.tokenizer_file())
    return folder


def plans(record: Record) -> None:
    """`xp plan` of mutated sweep files."""
    settings, files = record.settings, seeds()
    template = stocked(settings, "plans", train())

    def attempt(number: int, path: Path) -> tuple[Folder, list[Complaint]]:
        folder = Folder(settings, path, template.path, again=True)
        folder.edit(f"experiments/{NAME}.toml", mutate.toml(settings.random("toml", number), files))
        return folder, judge(folder.xp("plan", NAME, limits=PLAN), {0, 2, 3})

    record.each(CAMPAIGN, "mutated sweep files, `xp plan`", range(settings.pick(400, 62_000)), attempt)


def settings_of(record: Record) -> None:
    """`xp plan` with mutated `--set`."""
    settings = record.settings
    template = stocked(settings, "settings", train(seeds=2, strategies=2))
    keys = settable(template)

    def attempt(number: int, path: Path) -> tuple[Folder, list[Complaint]]:
        random = settings.random("set", number)
        folder = Folder(settings, path, template.path, again=True)
        given = [part for _ in range(random.choice([1, 1, 2])) for part in ("--set", mutate.setting(random, keys))]
        return folder, judge(folder.xp("plan", NAME, *given, limits=PLAN), {0, 2, 3})

    record.each(CAMPAIGN, "mutated `--set`, `xp plan`", range(settings.pick(250, 35_000)), attempt)


def settable(folder: Folder) -> list[str]:
    """The keys that `xp schema --defaults` lists, by path and by short name."""
    keys, section = [], ""
    for line in folder.xp("schema", "--defaults").out.decode().splitlines():
        if match := re.fullmatch(r"\[(.+)\]", line):
            section = match.group(1) + "."
        elif match := re.match(r"(?:# )?([\w-]+) = ", line):
            keys.append((section if section != "axes." else "") + match.group(1))
    return sorted(set(keys))


def data(record: Record) -> None:
    """A training run on mutated text, or with a mutated tokenizer."""
    settings = record.settings
    text = train(steps=1, checkpoint_every=0).replace("{ tinytales = { stories = 60 } }", '"tinystories"')
    by_letter = stocked(settings, "text", text)
    by_word = stocked(settings, "words", text.replace('"char"', '{ pretrained = { file = "small" } }'))

    def attempt(number: int, path: Path) -> tuple[Folder, list[Complaint]]:
        random = settings.random("data", number)
        folder = Folder(settings, path, random.choice([by_letter, by_word]).path)
        if folder.template == by_word.path and random.random() < 0.7:
            whole = encoder.tokenizer_file()
            folder.edit(TOKENIZER, random.choice([mutate.structure, mutate.structure, mutate.scramble])(random, whole))
        else:
            name = random.choice(TEXTS)
            folder.edit(name, mutate.scramble(random, (folder / name).read_bytes()))
        return folder, judge(folder.xp(*SWEEP), {0, 2, 3})

    record.each(CAMPAIGN, "mutated text and tokenizers, one step", range(settings.pick(40, 1_500)), attempt)


def encoders(record: Record) -> None:
    """A router on the hidden states of a mutated BERT folder."""
    settings = record.settings
    source = settings.asset("golden", "tiny_bert")
    if source is None:
        record.skip(CAMPAIGN, "mutated encoders", "SWITCHYARD_ASSETS has no golden/tiny_bert")
        return
    template = encoder_folder(settings, "encoders", source)
    files = {
        "config.json": mutate.structure,
        "tokenizer.json": mutate.structure,
        "model.safetensors": mutate.safetensors,
    }

    def attempt(number: int, path: Path) -> tuple[Folder, list[Complaint]]:
        random = settings.random("encoder", number)
        folder = Folder(settings, path, template.path)
        name = random.choice(["config.json", "tokenizer.json", "model.safetensors", "model.safetensors"])
        how = files[name] if random.random() < 0.8 else mutate.scramble
        folder.edit(f"bert/{name}", how(random, (folder / "bert" / name).read_bytes()))
        run = folder.xp(*SWEEP, limits=PLAN)
        # Weights may be so large that numbers stop being finite; the trial then says so.
        diverged = b"1 diverged" in run.err
        wrong = judge(run, {0, 2, 3, 6} if diverged else {0, 2, 3})
        return folder, wrong + (known.invented(folder / RESULTS) if run.code == 0 else [])

    record.each(CAMPAIGN, "mutated BERT folders, one router", range(settings.pick(40, 2_000)), attempt)


def encoder_folder(settings: Settings, name: str, source: Path) -> Folder:
    """A folder with the small encoder and its sweep."""
    folder = fresh(settings, name, encoder.ENCODER)
    (folder / "bert").mkdir()
    for file in ("config.json", "model.safetensors"):
        (folder / "bert" / file).write_bytes((source / file).read_bytes())
    (folder / "bert" / "tokenizer.json").write_bytes(encoder.tokenizer_file())
    return folder
