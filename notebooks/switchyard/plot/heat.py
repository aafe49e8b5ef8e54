"""Which experts take which tokens: the share of each class of token that each expert takes first."""

from collections.abc import Sequence

import polars as pl
from matplotlib.colors import LinearSegmentedColormap

from ..comparing import cell_named
from ..reading import Results
from .look import PALETTE
from .sheet import INK, Sheet, head, sheet

PAPER_TO_BLUE = LinearSegmentedColormap.from_list("shares", ["#ffffff", PALETTE[0]])
# From this share on, numbers are white.
DARK = 0.45


def classes(run: Results, names: Sequence[str], layer: int = 0) -> Sheet:
    """Of each named cell's first seed, how the sampled tokens of a class spread over experts by their first choice.

    The top row is all tokens: where experts do not specialise, every row looks like it.
    """
    known = run.done["cell"].unique(maintain_order=True).to_list()
    panels = {cell_named(run, known, name): shares(run, name, layer) for name in names}
    rows = max(len(own) for own, _ in panels.values())
    with sheet(2.1 + 3.1 * len(panels), 1.3 + 0.3 * rows, len(panels), sharey=True) as (figure, grid):
        for panel, (name, (own, seed)) in zip(grid, panels.items()):
            panel.imshow(list(own.values()), cmap=PAPER_TO_BLUE, vmin=0, vmax=0.8, aspect="auto")
            for place, row in enumerate(own.values()):
                for expert, share in enumerate(row):
                    ink = "white" if share > DARK else INK
                    panel.text(expert, place, f"{100 * share:.0f}", ha="center", va="center", color=ink, fontsize=8)
            panel.set_yticks(range(len(own)), list(own))
            panel.set_xticks(range(len(next(iter(own.values())))))
            panel.tick_params(length=0)
            panel.spines[:].set_visible(False)
            panel.grid(False)
            panel.set_title(f"{name} (seed {seed})")
            panel.set_xlabel("expert")
        note = f"first choices in layer {layer}, in percent of the tokens of a class; beside it how many there are"
        head(figure, f"{run.title}: which experts take which tokens", note)
    return figure


def shares(run: Results, name: str, layer: int) -> tuple[dict[str, list[float]], int]:
    """Of all tokens and of each class, commonest first, the shares of the experts; and the seed they are of."""
    trial = run.done.filter(pl.col("cell") == name).sort("seed").row(0, named=True)
    mine = (pl.col("trial_id") == trial["trial_id"]) & (pl.col("layer") == layer) & (pl.col("choice") == 0)
    tokens = run["tokens"].filter(mine)
    kinds = tokens.group_by("token_class").len("tokens").sort("tokens", "token_class", descending=True)["token_class"]
    rows = {"all tokens": tokens, **{kind: tokens.filter(pl.col("token_class") == kind) for kind in kinds}}
    found = {}
    for kind, own in rows.items():
        counts = dict(own["expert"].value_counts().iter_rows())
        name = f"{kind.replace('_', ' ')} ({len(own)})"
        found[name] = [counts.get(expert, 0) / len(own) for expert in range(trial["experts"])]
    return found, trial["seed"]
