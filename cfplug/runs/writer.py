"""What a run leaves in its folder when all is measured, and in which order."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import attrs
import pandas as pd
from attrs import field, frozen

from cfplug.data.catalogue import Catalogue
from cfplug.data.dataset import Dataset
from cfplug.evaluation.cold_start import OUTCOMES, summarize, summary_sections
from cfplug.files import json_text
from cfplug.recipe.recipe import Recipe
from cfplug.report.elements import Section
from cfplug.report.serialize import csv_files, to_dicts
from cfplug.runs import storage
from cfplug.runs.folder import RunFolder
from cfplug.runs.memory import is_from_memory
from cfplug.runs.page import page
from cfplug.runs.run import METRICS, Run
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
    """What the models of a run gave, in the order in which they were trained."""

    fitted: list[Fitted] = field(factory=list)
    metrics: list[dict[str, Any]] = field(factory=list)
    predictions: list[pd.DataFrame] = field(factory=list)
    sections: list[Section] = field(factory=list)
    said: list[str] = field(factory=list)
    outcomes: list[pd.DataFrame] = field(factory=list)


def write(recipe: Recipe, steps: Steps, data: Prepared, results: Results, started: float) -> Run:
    """Write every file of the run folder, the index of them last, and give the folder its name.

    `started` is when the run began, in seconds since 1970.
    """
    folder = steps.folder
    predictions = storage.parquet(pd.concat(results.predictions, ignore_index=True))
    newcomers = _write_newcomers(folder, results)
    results.sections.extend(summary_sections(newcomers, _asking(recipe)))
    run = _run(recipe, folder, results, predictions, newcomers)
    storage.write_catalogue(folder, data.catalogue)
    folder.write("metrics.json", json_text(results.metrics))
    folder.write("claims.json", json_text([_claim_row(each) for each in run.claim_results()]))
    folder.write("predictions.parquet", predictions)
    folder.write("sections.json", json_text(to_dicts(results.sections)))
    for name, text in csv_files(results.sections):
        folder.write(name, text)
    seconds = time.time() - started
    source = ", from memory" if is_from_memory(recipe) else ""
    facts = {
        "data": f"{data.dataset}{source}",
        "device": steps.device,
        "started": started,
        "seconds": seconds,
    }
    _write_page(
        run,
        folder,
        _history(results.fitted),
        storage.environment(recipe, steps.registry, data.hash, facts),
    )
    storage.write_index(folder)
    folder.finish(storage.CHECKPOINTS)
    return run


def _run(
    recipe: Recipe, folder: RunFolder, results: Results, kept: bytes, newcomers: pd.DataFrame
) -> Run:
    """The run as its folder will tell it; `kept` are the predictions as they are written there."""
    predictions = storage.read_parquet(
        kept
    )  # as they will be read: ids of several types are one type in a file
    learners = {
        (each.model.name, each.model.seed, each.model.fold): each.learner for each in results.fitted
    }
    return Run(
        folder.final,
        recipe,
        tuple(fitted.model for fitted in results.fitted),
        pd.DataFrame(results.metrics, columns=list(METRICS)),
        tuple(results.sections),
        {key: learner for key, learner in learners.items() if learner},
        lambda: predictions,
        newcomers,
    )


def _write_newcomers(folder: RunFolder, results: Results) -> pd.DataFrame:
    """How the cold-start strategies compare; two files, if any was tried."""
    if not results.outcomes:
        return summarize(pd.DataFrame(columns=list(OUTCOMES)))
    outcomes = pd.concat(results.outcomes, ignore_index=True)
    newcomers = summarize(outcomes)
    folder.write("newcomers.parquet", storage.parquet(outcomes))
    folder.write(storage.NEWCOMERS, newcomers.to_csv(index=False))
    return newcomers


def _asking(recipe: Recipe) -> frozenset[str]:
    """The names of the strategies that interview newcomers."""
    return frozenset(use.name for use in recipe.cold_starts if use.component.ask is not None)


def _write_page(
    run: Run, folder: RunFolder, history: pd.DataFrame, environment: dict[str, Any]
) -> None:
    comparison = run.comparison() if len(run.recipe.models) > 1 else None
    if comparison is not None:
        folder.write("comparison.csv", comparison.frame().to_csv(index=False))
    folder.write("history.csv", history.to_csv(index=False))
    folder.write("environment.json", json_text(environment))
    folder.write("report.html", page(run, environment, history, comparison))


def _history(fitted: Sequence[Fitted]) -> pd.DataFrame:
    columns = ["model", "seed", "fold", *(each.name for each in attrs.fields(Epoch))]
    named = [((each.model.name, each.model.seed, each.model.fold), each.history) for each in fitted]
    return pd.DataFrame(
        [(*name, *attrs.astuple(epoch)) for name, epochs in named for epoch in epochs],
        columns=columns,
    )


def _claim_row(measured: Any) -> dict[str, Any]:
    claim = measured.claim
    return {
        "model": measured.model,
        "fold": claim.fold,
        "part": claim.part,
        "metric": claim.metric,
        **(
            {"cold_start": claim.cold_start, "revealed": claim.revealed} if claim.cold_start else {}
        ),
        "claimed": claim.bound(),
        "measured": measured.value,
        "met": bool(measured.met),
        "source": claim.source,
    }
