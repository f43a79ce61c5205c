"""Helpers for an author's own tests: what `fit` gets, a context, a model trained in one line."""

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
from cfplug.testing.fixtures.train import Trainer, check_context


def interactions(dataset: Dataset, rows: np.ndarray | None = None) -> Interactions:
    """Return the ratings of `dataset` as `fit` of a model gets them, with codes for ids.

    Args:
        dataset: The ratings.
        rows: Row numbers of shape (n,); all rows by default.
    """
    rows = np.arange(len(dataset.ratings)) if rows is None else rows
    return Catalogue.of(dataset).interactions(dataset.ratings, rows)


def context(seed: int = 0) -> Context:
    """Return a context that reports nothing; the same `seed` gives the same random numbers."""
    return check_context(seed)


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
    """Train a model.

    Args:
        model: The name of the model.
        dataset: The ratings.
        split: Whose train part the model learns from; all ratings by default.
        params: Parameters of the model.
        train: Settings of a model that learns by gradient; by default two epochs with 16 ratings
            in a step.
        unknown: The cold-start strategy that answers for ids that training never saw; with None
            such ids raise an error.
        registry: Where the model is; by default the installed plugins.

    Raises:
        PluginError: There is no such model or strategy.
        RecipeError: The model does not take such a parameter.
    """
    registry = registry or load()
    values = [f"{name}={json.dumps(value, default=str)}" for name, value in (params or {}).items()]
    use = read_use("model", model, set=values, registry=registry)
    trainer = Trainer(registry, train=train or {}, unknown=unknown)
    model_use = trainer.model_use(registry.find("model", use.full_name), use.params)
    rows = np.arange(len(dataset.ratings))
    return trainer.fit(model_use, dataset, split or Split(train=rows, valid=rows[:1])).model
