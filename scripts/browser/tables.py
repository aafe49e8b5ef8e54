"""What the tables of a results folder say of what a page shows. Needs polars."""

from __future__ import annotations

from pathlib import Path

import polars as pl


class Tables:
    """The Parquet files of a results folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        names = ["trials", "tokens", "experts", "steps"]
        self.trials, self.tokens, self.experts, self.steps = (
            pl.read_parquet(folder / f"{name}.parquet") for name in names
        )

    def trial(self, seed: int, **settings: object) -> str:
        """The id of the finished trial with these settings."""
        found = self.trials.filter(
            pl.col("seed") == seed, pl.col("status") == "done", *(pl.col(name) == value for name, value in settings.items())
        )
        assert found.height == 1, f"{found.height} trials of seed {seed} with {settings}"
        return found["trial_id"][0]

    def samples(self, trial: str) -> list[int]:
        """The steps at which decisions of a trial were sampled."""
        return sorted(self.tokens.filter(pl.col("trial_id") == trial)["step"].unique())

    def decisions(self, trial: str, window: int, position: int, step: int | None = None) -> list[dict]:
        """A token's choices, layer by layer, the largest gate first; of the last sampled step where none is named."""
        own = self.tokens.filter(
            pl.col("trial_id") == trial, pl.col("window") == window, pl.col("position") == position
        )
        at = self.samples(trial)[-1] if step is None else step
        own = own.filter(pl.col("step") == at).sort("layer", "gate", "choice", descending=[False, True, False])
        return own.to_dicts()

    def measure(self, trial: str, step: int, column: str) -> float:
        """A column of the logged step."""
        return self.steps.filter(pl.col("trial_id") == trial, pl.col("step") == step)[column][0]

    def busiest(self, trial: str, step: int, layer: int) -> tuple[int, float]:
        """The expert that was sent most, and its share."""
        own = self.experts.filter(
            pl.col("trial_id") == trial, pl.col("step") == step, pl.col("layer") == layer
        ).sort("expert")
        counts = own["assignments_before"].to_list()
        most = max(range(len(counts)), key=counts.__getitem__)
        return most, counts[most] / sum(counts)
