"""Reading a results folder: its tables when they are asked for, its manifest, what its columns mean."""

import json
from functools import cached_property
from pathlib import Path

import polars as pl

# The schema that this module reads; the metadata of each file says its own.
SCHEMA_MAJOR = "1"


class ResultsError(Exception):
    """A results folder that cannot be used, and what to do; `exit_code` is that of `xp` for the same."""

    MISSING, NOTHING, UNREADABLE = 3, 4, 7

    def __init__(self, message: str, exit_code: int = MISSING) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class Results:
    """A results folder. `run["steps"]` is a table of it, read when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._tables: dict[str, pl.DataFrame] = {}

    @property
    def names(self) -> list[str]:
        """The tables that the folder holds."""
        return sorted(path.stem for path in self.folder.glob("*.parquet"))

    def path(self, name: str) -> Path:
        """The file of a table."""
        path = self.folder / f"{name}.parquet"
        if not path.is_file():
            raise ResultsError(f"{self.folder} holds no table `{name}`, but {', '.join(self.names)}")
        return path

    def __getitem__(self, name: str) -> pl.DataFrame:
        if name not in self._tables:
            path = self.path(name)
            try:
                self._tables[name] = pl.read_parquet(path)
            except (pl.exceptions.PolarsError, OSError) as error:
                raise unreadable(path, error) from error
        return self._tables[name]

    @cached_property
    def manifest(self) -> dict:
        """What ran the trials and wrote the files; the cell that others are compared with; seeds and data."""
        path = self.folder / "manifest.json"
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise unreadable(path, error) from error

    @cached_property
    def done(self) -> pl.DataFrame:
        """The trials that ran to their end. The one that times all cells in turn is no cell's and left out."""
        return self["trials"].filter((pl.col("status") == "done") & (pl.col("job") != "speed"))

    def with_trials(self, trials: pl.DataFrame) -> "Results":
        """The same results of these trials: some of `run["trials"]`, or all with columns of your own as measures."""
        changed = Results(self.folder)
        changed._tables = {**self._tables, "trials": trials}
        return changed

    @cached_property
    def title(self) -> str:
        """The sweep with its scale and device: `unified, cpu-cpu`."""
        return f"{self.folder.resolve().parent.name}, {self.folder.resolve().name}"

    def __repr__(self) -> str:
        return f"{self.title}: {len(self.done)} finished trials in {self.done['cell_id'].n_unique()} cells"


def load(folder: str | Path) -> Results:
    """A results folder, such as `results/unified/cpu-cpu`.

    Raises `ResultsError`, with what to do, for a folder that is none of a sweep's, is damaged, or is of another schema.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ResultsError(f"there is no folder {folder}; name one such as results/unified/cpu-cpu")
    trials = folder / "trials.parquet"
    if not trials.is_file():
        raise ResultsError(instead(folder))
    try:
        schema = pl.read_parquet_metadata(trials).get("switchyard.schema", "none")
    except (pl.exceptions.PolarsError, OSError) as error:
        raise unreadable(trials, error) from error
    if not schema.startswith(f"trials/{SCHEMA_MAJOR}."):
        message = f"{trials} has schema {schema}, and this module reads trials/{SCHEMA_MAJOR}"
        raise ResultsError(message, ResultsError.UNREADABLE)
    run = Results(folder)
    if run["trials"].is_empty():
        raise ResultsError(f"{folder} holds no trials yet; `xp status` says how far the sweep is", ResultsError.NOTHING)
    return run


def instead(folder: Path) -> str:
    """Why a folder without trials is none of a sweep's, and which one may have been meant."""
    if (folder / "peers.parquet").is_file():
        table = folder / "peers.parquet"
        return f"{folder} is of `xp bench peers`, no sweep's: polars.read_parquet('{table}') reads its one table"
    inside = sorted(path.parent for path in folder.glob("*/trials.parquet"))
    inside = inside or sorted(path.parent for path in folder.glob("*/*/trials.parquet"))
    meant = f"did you mean {inside[0]}?" if inside else "name one such as results/unified/cpu-cpu"
    return f"{folder} holds no trials.parquet; {meant}"


def unreadable(path: Path, error: Exception) -> ResultsError:
    """That a file is missing or damaged."""
    remedy = "take it from version control again, or write it anew by `xp report`"
    return ResultsError(f"{path} cannot be read ({error}); {remedy}", ResultsError.UNREADABLE)


def columns(run: Results, name: str) -> dict[str, dict]:
    """Of each column of a table its type, unit and meaning (`doc`), as the file itself says them."""
    return json.loads(pl.read_parquet_metadata(run.path(name)).get("switchyard.columns", "{}"))
