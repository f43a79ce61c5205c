"""Write what a run leaves in its folder when all is measured."""

from __future__ import annotations

import io
import platform
import time
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import attrs
import pandas as pd
from attrs import field, frozen

from cfplug.data.catalogue import Catalogue
from cfplug.data.dataset import Dataset
from cfplug.data.vocabulary import Side
from cfplug.evaluation.cold_start import OUTCOMES, summarize, summary_sections
from cfplug.files import json_text
from cfplug.recipe.recipe import Recipe
from cfplug.report.elements import Section
from cfplug.report.serialize import csv_files, to_dicts
from cfplug.runs import storage
from cfplug.runs.folder import RunFolder
from cfplug.runs.memory import is_from_memory
from cfplug.runs.page import render, training_table
from cfplug.runs.run import METRICS, Measured, Run
from cfplug.runs.steps import Steps
from cfplug.training.checkpoint import Epoch
from cfplug.training.fit import Fitted


@frozen(eq=False)
class Prepared:
    """The data of a run: read once, the same for every seed and model."""

    dataset: Dataset
    catalogue: Catalogue
    hash: str


@frozen(eq=False)
class Results:
    """What the models of a run gave, in the order in which they were trained.

    `new` are the sides whose ids are new in the trials of cold-start strategies.
    """

    fitted: list[Fitted] = field(factory=list)
    metrics: list[dict[str, Any]] = field(factory=list)
    predictions: list[pd.DataFrame] = field(factory=list)
    sections: list[Section] = field(factory=list)
    said: list[str] = field(factory=list)
    outcomes: list[pd.DataFrame] = field(factory=list)
    new: set[Side] = field(factory=set)


def write(recipe: Recipe, steps: Steps, data: Prepared, results: Results, started: float) -> Run:
    """Write every file of the run folder, the index of them last, and give the folder its name.

    `started` is when the run began, in seconds since 1970.
    """
    folder = steps.folder
    predictions = storage.parquet(pd.concat(results.predictions, ignore_index=True))
    newcomers = _write_newcomers(folder, results)
    asking = frozenset(use.name for use in recipe.cold_starts if use.component.ask is not None)
    results.sections.extend(summary_sections(newcomers, asking, results.new))
    run = _run(recipe, folder, results, predictions, newcomers)
    comparison = run.comparison() if len(recipe.models) > 1 else None
    environment = _environment(recipe, steps, data, started)
    history = _history(results.fitted)
    storage.write_catalogue(folder, data.catalogue)
    folder.write("metrics.json", json_text(results.metrics))
    folder.write("claims.json", json_text(list(map(_claim_row, run.claim_results()))))
    folder.write("predictions.parquet", predictions)
    folder.write("sections.json", json_text(to_dicts(results.sections)))
    for name, text in csv_files(results.sections):
        folder.write(name, text)
    if comparison is not None:
        folder.write("comparison.csv", comparison.frame().to_csv(index=False))
    folder.write("history.csv", history.to_csv(index=False))
    folder.write("environment.json", json_text(environment))
    compared = None if comparison is None else comparison.table()
    folder.write("report.html", render(run, environment, training_table(history), compared))
    storage.write_index(folder)
    folder.finish(storage.CHECKPOINTS)
    return run


def _run(
    recipe: Recipe, folder: RunFolder, results: Results, kept: bytes, newcomers: pd.DataFrame
) -> Run:
    """Return the run as its folder has it; `kept` are the predictions as written there."""
    # As they will be read: ids of several types are one type in a file.
    predictions = pd.read_parquet(io.BytesIO(kept))
    learners = {}
    for each in results.fitted:
        if each.learner is not None:
            learners[each.model.name, each.model.seed, each.model.fold] = each.learner
    return Run(
        folder.final,
        recipe,
        tuple(fitted.model for fitted in results.fitted),
        pd.DataFrame(results.metrics, columns=list(METRICS)),
        tuple(results.sections),
        learners,
        lambda: predictions,
        newcomers,
    )


def _write_newcomers(folder: RunFolder, results: Results) -> pd.DataFrame:
    """Return how the cold-start strategies compare; write two files if any was tried."""
    if not results.outcomes:
        return summarize(pd.DataFrame(columns=list(OUTCOMES)))
    outcomes = pd.concat(results.outcomes, ignore_index=True)
    newcomers = summarize(outcomes)
    folder.write("newcomers.parquet", storage.parquet(outcomes))
    folder.write(storage.NEWCOMERS, newcomers.to_csv(index=False))
    return newcomers


def _environment(recipe: Recipe, steps: Steps, data: Prepared, started: float) -> dict[str, Any]:
    """Return what the numbers depend on besides the recipe."""
    import torch

    names = ("cfplug", "torch", "fastai", "numpy", "pandas", "pluggy")
    plugins = []
    for plugin in steps.registry.plugins:
        if plugin.state == "ok":
            facts = {"name": plugin.name, "distribution": plugin.distribution}
            plugins.append({**facts, "version": plugin.version})
    source = ", from memory" if is_from_memory(recipe) else ""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "versions": {name: version(name) for name in names},
        "plugins": plugins,
        "data_sha256": data.hash,
        "seeds": list(recipe.seeds),
        "threads": torch.get_num_threads(),
        "data": f"{data.dataset}{source}",
        "device": steps.device,
        "started": started,
        "seconds": time.time() - started,
    }


def _history(fitted: Sequence[Fitted]) -> pd.DataFrame:
    """Return a row for each epoch of each model."""
    rows = []
    for each in fitted:
        place = (each.model.name, each.model.seed, each.model.fold)
        for epoch in each.history:
            rows.append((*place, *attrs.astuple(epoch)))
    columns = ["model", "seed", "fold", *attrs.fields_dict(Epoch)]
    return pd.DataFrame(rows, columns=columns)


def _claim_row(measured: Measured) -> dict[str, Any]:
    claim = measured.claim
    row: dict[str, Any] = {
        "model": measured.model,
        "fold": claim.fold,
        "part": claim.part,
        "metric": claim.metric,
    }
    if claim.cold_start:
        row |= {"cold_start": claim.cold_start, "revealed": claim.revealed}
    row |= {"claimed": claim.bound(), "measured": measured.value, "met": bool(measured.met)}
    return {**row, "source": claim.source}
