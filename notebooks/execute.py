"""Executes three_questions.ipynb and compares what it says with what is committed; `scripts/notebook.sh` runs it.

    python notebooks/execute.py            # fails on any error, any other text, any number that is not the report's
    python notebooks/execute.py --write    # writes the notebook with its new outputs

Figures are not compared: the same picture is other bytes with another matplotlib.
"""

import copy
import difflib
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from report_numbers import differences

HERE = Path(__file__).resolve().parent
NOTEBOOK = HERE / "three_questions.ipynb"
REPORT = HERE.parent / "results/unified/cpu-cpu/report.html"
TEXT = ("text/markdown", "text/plain")


def execute(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The notebook with fresh outputs, and nothing that says when or on which machine."""
    fresh = copy.deepcopy(notebook)
    options = {"timeout": 300, "record_timing": False, "extra_arguments": ["--log-level=ERROR"]}
    NotebookClient(fresh, resources={"metadata": {"path": str(HERE)}}, **options).execute()
    fresh.metadata["language_info"] = {"name": "python"}
    return fresh


def said(notebook: nbformat.NotebookNode) -> list[str]:
    """The text of all outputs, line by line, below the cell that they are of."""
    lines = []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {"text/plain": output.get("text", "")})
            lines += [f"[{cell.id}]", *next((data[kind] for kind in TEXT if kind in data), "").splitlines()]
    return lines


def main() -> None:
    committed = nbformat.read(NOTEBOOK, as_version=4)
    fresh = execute(committed)
    if "--write" in sys.argv[1:]:
        nbformat.write(fresh, NOTEBOOK)
        print(f"wrote {NOTEBOOK.name}")
    elif changed := list(difflib.unified_diff(said(committed), said(fresh), "committed", "executed", lineterm="")):
        sys.exit("\n".join([*changed, "UPDATE=1 scripts/notebook.sh writes the outputs anew"]))
    if wrong := differences("\n".join(said(fresh)), REPORT.read_text(encoding="utf-8")):
        sys.exit("\n".join([*wrong, f"the notebook and {REPORT.relative_to(HERE.parent)} differ"]))
    print(f"{NOTEBOOK.name}: {len(said(fresh))} lines as committed, numbers as in the report")


if __name__ == "__main__":
    main()
