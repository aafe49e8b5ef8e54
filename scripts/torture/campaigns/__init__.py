"""The campaigns: each tries one kind of thing, and writes down how it ended."""

from __future__ import annotations

from collections.abc import Callable

from lab.record import Record

from . import disks, errors, inputs, kills, mirror, runners

CAMPAIGNS: dict[str, Callable[[Record], None]] = {
    "kills": kills.campaign,
    "errors": errors.campaign,
    "runners": runners.campaign,
    "disks": disks.campaign,
    "inputs": inputs.campaign,
    "mirror": mirror.campaign,
}
