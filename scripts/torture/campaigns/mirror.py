"""A bad hub: nothing may be written outside the data folder, hang, or be taken for what it is not."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

from lab.folder import Folder
from lab.judge import Complaint, judge
from lab.process import Limits, Process
from lab.record import Record
from lab.settings import Settings

from .hub import MODES, VICTIM, Hub

CAMPAIGN = "mirror"
MODEL = "all-MiniLM-L6-v2"
# The data folder lies so deep that a path that climbs out of it stays where it is watched.
DATA = "a/b/c/d/e/f/g/h/data"
# What `xp data fetch` needs to accept a plain http endpoint.
PLAIN_HTTP: tuple[str, ...] = ()
# A hub that says nothing is given up after this at the latest; one that redirects, sooner.
LIMIT_S, LOOP_S = 45, 15
REDIRECTS = 64
LOOPS = ("loop", "pingpong")
# Slow ones first: they wait, while the others work.
STALLS = ("stall-head", "stall-body")
SHORT = (
    *STALLS, *LOOPS, "404", "500", "escapes", "file-redirect", "garbage", "wrong-byte", "short", "empty", "html",
    "good", "redirect", "long", "more", "huge", "etag-up-2", "etag-up-8", "commit-up-2", "commit-up-6",
)  # fmt: skip
# The port that a person who repeats a case gives to the hub.
PORT = 18080


def campaign(record: Record) -> None:
    """All that a hub can do wrong."""
    files = record.settings.asset("models", MODEL)
    if files is None:
        record.skip(CAMPAIGN, "bad hubs", f"SWITCHYARD_ASSETS has no models/{MODEL}")
        return
    modes = [*SHORT, *(mode for mode in MODES if mode not in SHORT)] if record.settings.long else SHORT
    template = guarded(record.settings)
    record.each(
        CAMPAIGN,
        "`xp data fetch` from a hub that misbehaves, then from a good one",
        modes,
        lambda mode, path: fetch(Folder(record.settings, path, template), files, mode),
        jobs=max(record.settings.jobs, len(STALLS) + 1),
    )
    record.each(
        CAMPAIGN,
        "SIGKILL in the middle of a body, then a good hub",
        list(range(record.settings.pick(1, 10))),
        lambda number, path: killed(Folder(record.settings, path, template), files, number),
    )


def fetch(folder: Folder, files: Path, mode: str) -> tuple[Folder, list[Complaint]]:
    """One fetch from a bad hub, and one from a good one."""
    before = outside(folder)
    with Hub(mode, files) as hub:
        seconds = LOOP_S if mode in LOOPS else LIMIT_S
        run = asked(folder, hub, Limits(seconds=seconds)).finish()
        hung_up(folder)
        requests = hub.requests
    # A client may take what a hub sends, if it is what was asked for, or say that it is not.
    wrong = judge(run, {0, 3})
    if requests > REDIRECTS and mode in LOOPS:
        wrong.append(Complaint("redirects without a limit", f"{requests} requests"))
    if run.code == 0 and (bad := differing(folder, files)):
        wrong.append(Complaint("wrong content with exit 0", f"{bad} from a hub that is {mode}"))
    return folder, wrong + escaped(folder, before) + completed(folder, files)


def killed(folder: Folder, files: Path, number: int) -> tuple[Folder, list[Complaint]]:
    """A fetch that is killed while its hub is in the middle of a body."""
    with Hub("stall-body", files) as hub:
        process = asked(folder, hub, Limits())
        wait = 0.3 + 0.2 * number
        time.sleep(wait)
        process.kill_group()
        process.finish()
        folder.note(f"sleep {wait:.1f}; {process.killed_by_shell()}")
        hung_up(folder)
    return folder, completed(folder, files)


def asked(folder: Folder, hub: Hub, limits: Limits) -> Process:
    """Starts a fetch from a hub, and writes down how to have the same hub."""
    folder.aliases[hub.url] = f"http://127.0.0.1:{PORT}"
    served = f'{hub.mode} {PORT} "$SWITCHYARD_ASSETS/models/{MODEL}"'
    folder.note(f'python3 "$TORTURE/campaigns/hub.py" {served} & HUB=$!; sleep 1')
    watched = {"HF_ENDPOINT": hub.url, "HOME": str(folder / "home")}
    return folder.start("data", "fetch", MODEL, "--data-dir", DATA, *PLAIN_HTTP, env=watched, limits=limits)


def hung_up(folder: Folder) -> None:
    """Writes down that the fetch has ended, and that its hub may go."""
    folder.note('wait $!; echo "exit $?"; kill $HUB')


def guarded(settings: Settings) -> Path:
    """A folder with a victim at each level down to the data folder, and some below it."""
    root = settings.work / "mirror"
    levels = [Path(DATA), *Path(DATA).parents]
    for place in [*levels, Path("home"), Path(DATA, "models"), Path(DATA, "models", "other")]:
        (root / place).mkdir(parents=True, exist_ok=True)
        (root / place / VICTIM).write_text("somebody's own\n")
    return root


def outside(folder: Folder) -> dict[str, str]:
    """All that a fetch must leave alone: what is outside the data folder, and every victim."""
    found = {}
    for path in sorted(folder.path.rglob("*")):
        name = path.relative_to(folder.path).as_posix()
        if not name.startswith(f"{DATA}/") or path.name == VICTIM:
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
    return found


def escaped(folder: Folder, before: dict[str, str]) -> list[Complaint]:
    """What a fetch wrote or destroyed where it must not."""
    after = outside(folder)
    changed = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
    return [Complaint("written or destroyed outside the data folder", ", ".join(changed[:3]))] if changed else []


def completed(folder: Folder, files: Path) -> list[Complaint]:
    """Whether a good hub makes good what a bad one left."""
    with Hub("good", files) as hub:
        run = asked(folder, hub, Limits()).finish()
        hung_up(folder)
    wrong = judge(run, {0})
    if run.code == 0 and (bad := differing(folder, files)):
        wrong.append(Complaint("a good hub does not replace what a bad one sent", bad))
    leftover = [p for p in (folder / DATA).rglob("*") if p.suffix in (".part", ".partial", ".tmp", ".incomplete")]
    if leftover:
        wrong.append(Complaint("temporary files are left in the data folder", leftover[0].name))
    return wrong


def differing(folder: Folder, files: Path) -> str | None:
    """The first file of the model that is not what the source has."""
    for path in sorted((folder / DATA).rglob("*")):
        source = files / path.name
        if path.is_file() and source.is_file() and path.read_bytes() != source.read_bytes():
            return path.name
    missing = [n for n in ("config.json", "model.safetensors", "tokenizer.json") if not list((folder / DATA).rglob(n))]
    return f"no {missing[0]}" if missing else None
