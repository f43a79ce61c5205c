"""Run analyzers on a model; one that fails costs its section, not the run."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import pandas as pd

from cfplug.data.dataset import Dataset, Split
from cfplug.plugin.components import Analyzer, Context
from cfplug.prediction.evidence import Evidence
from cfplug.prediction.fitted_model import FittedModel
from cfplug.prediction.predictions import Predictions
from cfplug.recipe.recipe import ModelUse, Use
from cfplug.report.elements import Section
from cfplug.report.serialize import check_section
from cfplug.training.checkpoint import Epoch
from cfplug.training.fit import Fitted
from cfplug.training.schedules import by_step


def with_evidence(
    fitted: Fitted,
    use: ModelUse,
    dataset: Dataset,
    split: Split,
    answers: Mapping[str, Predictions],
) -> FittedModel:
    """Return the model with what it was trained and measured on.

    `answers` are its predictions by the name of the part.
    """
    part, given = list(answers.items())[-1]
    held_out = dataset.ratings.iloc[split.parts()[part]].reset_index(drop=True)
    evidence = Evidence(
        dataset,
        split,
        part,
        held_out.assign(prediction=given.rating, origin=given.origin.astype(str)),
        given.distribution,
        pd.DataFrame(map(attrs.astuple, fitted.history), columns=list(attrs.fields_dict(Epoch))),
        by_step(use.train, len(fitted.history), len(split.train)),
    )
    return attrs.evolve(fitted.model, evidence=evidence)


def analyze(use: Use[Analyzer], model: FittedModel, context: Context) -> Section:
    """Return the section of an analyzer on `model`; PluginError if it is not a Section."""
    section = check_section(use.component.function("analyze")(use.params, model, context))
    return attrs.evolve(section, analyzer=use.name, model=model.name)


def empty_section(use: Use[Analyzer], model: FittedModel, why: str) -> Section:
    """Return a section that says why an analyzer has none."""
    title = f"{use.name} of {model.name}"
    return Section(title, why, analyzer=use.name, model=model.name)
