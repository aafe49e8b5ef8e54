#!/usr/bin/env python3
"""Print the cells of a results folder, ranked and compared by seed, and with --out draw one plot.

    pip install 'polars>=1.31' matplotlib
    python3 scripts/load_results.py results/unified/cpu-cpu
    python3 scripts/load_results.py results/unified/cpu-cpu --out unified.png
    python3 scripts/load_results.py results/capacity/cpu-cpu --out drops.png --over capacity_factor --measure drop_rate

Tables and plots are those of the module notebooks/switchyard, which docs/notebooks.md describes. The plot is, unless
--over names an axis, of a training sweep its curves and of any other the measure from best to worst. Exit codes are
those of xp: 2 for options that are wrong, 3 for a folder or a measure that is not there, 4 for a folder without trials,
7 for a damaged one.
"""

import argparse
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "notebooks"))

try:
    import switchyard
    from switchyard.summing import measured
except ImportError as missing:
    sys.exit(f"{missing}; the versions that are needed: pip install -r notebooks/requirements.txt")

WRONG_OPTION = 2


def show(run: switchyard.Results) -> None:
    """The tables, and what their measures are."""
    statuses = run["trials"].group_by("status").len("trials").sort("status")
    print(switchyard.table(statuses))
    measures = measured(run)
    # The cell's name says what its axes are.
    shown = ["cell", "causal", "seeds", *(name for measure in measures for name in (measure, f"{measure}_ci95"))]
    print(f"\n{switchyard.table(switchyard.cells(run).select(shown))}")
    if "perplexity" in measures:
        print(f"\n{switchyard.table(switchyard.paired(run))}")
    print()
    about = switchyard.columns(run, "trials")
    for name in measures:
        unit = about[name]["unit"]
        print(f"{name}{f' [{unit}]' if unit else ''}: {about[name]['doc']}")


def draw(run: switchyard.Results, axis: str | None, measure: str, out: Path) -> None:
    """The plot that is asked for, or the one that the sweep's job is about."""
    from switchyard import plot

    if axis:
        figure = plot.over(run, axis, measure)
    elif measure == "perplexity" and run["steps"]["perplexity"].count() > 0:
        figure = plot.curves(run)
    else:
        figure = plot.ranking(run, measure)
    try:
        figure.save(out)
    except (OSError, ValueError) as error:
        raise switchyard.ResultsError(f"{out} cannot be written: {error}", WRONG_OPTION) from error
    print(f"wrote {out}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="such as results/unified/cpu-cpu")
    parser.add_argument(
        "--out", type=Path, metavar="FILE.png", help="draws the plot into this file; without it nothing is written"
    )
    parser.add_argument("--over", metavar="AXIS", help="draws the measure over this axis of the sweep")
    parser.add_argument("--measure", help="a column of trials.parquet; without it the one that the sweep is about")
    arguments = parser.parse_args()
    try:
        run = switchyard.load(arguments.folder)
        show(run)
        if arguments.out:
            draw(run, arguments.over, arguments.measure or measured(run)[0], arguments.out)
        else:
            print("--out FILE.png draws the plot")
    except switchyard.ResultsError as error:
        parser.exit(error.exit_code, f"error: {error}\n")
    except BrokenPipeError:
        # Whoever reads, such as head, has enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except ModuleNotFoundError as missing:
        sys.exit(f"--out needs {missing.name}: pip install -r notebooks/requirements.txt")


if __name__ == "__main__":
    main()
