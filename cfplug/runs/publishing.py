"""What people see of a finished run: its page, and its pictures for a paper."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from cfplug.evaluation.comparison import Comparison
from cfplug.plugin.registry import load
from cfplug.report.elements import Chart, Table
from cfplug.report.serialize import names_of, place_of
from cfplug.runs.page import render
from cfplug.runs.run import Run
from cfplug.runs.storage import OpenedFolder, opened

FIGURES = "figures"


def page(
    run: Run, environment: Mapping[str, Any], history: pd.DataFrame, comparison: Comparison | None
) -> str:
    """The page of a run, from what its folder holds: `environment.json`, `history.csv`, and how its models compare."""
    compared = None if comparison is None else comparison.table()
    return render(run, environment, str(environment["data"]), _training(history), compared)


def remake(
    path: str | Path, *, figures: bool = False, plugins_dir: Iterable[str | Path] = ()
) -> list[Path]:
    """Write the page of the run folder at `path` anew, and with `figures` every chart as SVG; gives their paths.

    Nothing is trained, read from a source or analysed again. ArtifactError if the folder is no
    finished run."""
    folder = OpenedFolder.at(Path(path))
    run = opened(folder, load(map(Path, plugins_dir)))
    history = pd.read_csv(
        io.BytesIO(folder.check("history.csv").read_bytes()), keep_default_na=False
    )
    comparison = run.compared() if len(run.recipe.models) > 1 else None
    files = {"report.html": page(run, folder.json("environment.json"), history, comparison)}
    if figures:
        files |= dict(_figures(run))
    return folder.add(files)


def _figures(run: Run) -> Iterator[tuple[str, str]]:
    """The path and the SVG of every chart."""
    from cfplug.report.vega import svg

    for section in run.sections:
        for name, each in names_of(section):
            if isinstance(each, Chart):
                yield f"{FIGURES}/{place_of(section)}{name}.svg", svg(each)


def _training(history: pd.DataFrame) -> Table:
    """The history for a person to read; without the fold where there are none."""
    history = history if history["fold"].any() else history.drop(columns="fold")
    titles = history.columns.str.replace("_", " ")
    return Table(
        "Training", titles, history.round({"seconds": 2}).astype(object).to_numpy().tolist()
    )
