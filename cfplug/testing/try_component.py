"""A component tried by hand, for an author's own tests: what `fit` gets, a context, a model trained in one line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from cfplug.data.batch import Interactions
from cfplug.data.catalogue import Catalogue
from cfplug.data.dataset import Dataset, Split
from cfplug.plugin.components import Context
from cfplug.plugin.registry import Registry, load
from cfplug.prediction.fitted_model import FittedModel
from cfplug.recipe.parser import read_use
from cfplug.testing.fixtures.train import Workbench, quiet


def interactions(dataset: Dataset, rows: np.ndarray | None = None) -> Interactions:
    """The ratings of `dataset` in codes, as `fit` of a model gets them; of `rows` alone, positions of shape (n,)."""
    return Catalogue.of(dataset).interactions(
        dataset.ratings, _rows(dataset) if rows is None else rows
    )


def context(seed: int = 0) -> Context:
    """The context of a step that nobody watches; the same `seed` gives the same random numbers."""
    return quiet(seed)


def fitted(
    model: str,
    dataset: Dataset,
    split: Split | None = None,
    *,
    params: Mapping[str, Any] | None = None,
    train: Mapping[str, Any] | None = None,
    unknown: str | None = "coldstart/item-mean",
    registry: Registry | None = None,
) -> FittedModel:
    """The model called `model` after training on `dataset`, or on the train part of `split`.

    `params` are its parameters, `train` the settings of one that learns by gradient: two epochs, 16
    ratings a step, where nothing is said. `unknown` names the strategy that answers for ids that
    training never saw; None stands for `error`. PluginError for a name that nobody has, RecipeError
    for a parameter that it does not take."""
    registry = registry or load()
    assignments = [
        f"{name}={json.dumps(value, default=str)}" for name, value in (params or {}).items()
    ]
    use = read_use("model", model, set=assignments, registry=registry)
    rows, entry = _rows(dataset), registry.find("model", use.full_name)
    bench = Workbench(registry, train=train or {}, unknown=unknown)
    return bench.fitted(
        bench.model_use(entry, use.params), dataset, split or Split(train=rows, valid=rows[:1])
    )


def _rows(dataset: Dataset) -> np.ndarray:
    return np.arange(len(dataset.ratings))
