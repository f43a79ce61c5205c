"""How good a model is on the ratings that it did not learn from."""

from __future__ import annotations

import functools
import math
from typing import Any, cast

import attrs
import numpy as np
import pandas as pd

from cfplug.data.batch import Batch
from cfplug.errors import PluginError
from cfplug.evaluation.resampling import UNLIMITED, score_interval
from cfplug.plugin.components import Metric
from cfplug.prediction.fitted_model import FittedModel
from cfplug.prediction.predictions import Predictions
from cfplug.recipe.recipe import Use


def with_lists(model: FittedModel, answers: Predictions, seen: Batch) -> Predictions:
    """Return `answers` that make lists when a metric asks for some.

    Args:
        model: The model that makes the lists.
        answers: Its predictions for the pairs of a part, shape (n,).
        seen: The training pairs; a list leaves out what its user rated there.
    """
    users = np.unique(cast(np.ndarray, answers.user))

    @functools.cache
    def top(k: int) -> np.ndarray:
        return model.top(users, seen, k)

    return attrs.evolve(answers, top=top)


def _finite(value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise PluginError(
            f"score gave a {type(value).__name__}; a metric is a finite number"
        ) from None
    if not math.isfinite(number):
        raise PluginError(f"score gave {number}; a metric is a finite number")
    return number


def measure(
    use: Use[Metric], truth: np.ndarray, answers: Predictions
) -> tuple[float, float | None, float | None]:
    """Return a metric's value and the ends of its interval.

    Args:
        use: The metric with its parameters.
        truth: The ratings, shape (n,).
        answers: The predictions for the same pairs, shape (n,).

    Returns:
        The value, and the low and the high end, which are None if they are unknown.

    Raises:
        PluginError: The value is not a finite number.
    """
    metric = use.component
    score = metric.function("score")
    value = _finite(score(use.params, truth, answers))

    def score_of(rows: np.ndarray) -> float:
        return _finite(score(use.params, truth[rows], answers.take(rows)))

    users = cast(np.ndarray, answers.user)
    ends = score_interval(score_of, users, value, metric.range or UNLIMITED)
    return (value, *ends) if ends else (value, None, None)


def prediction_rows(
    model: FittedModel, part: str, pairs: pd.DataFrame, answers: Predictions
) -> pd.DataFrame:
    """Return what was predicted for each rating of a part, as a run keeps it."""
    return pd.DataFrame(
        {
            "model": model.name,
            "seed": model.seed,
            "fold": model.fold,
            "part": part,
            "user": pairs["user"].to_numpy(),
            "item": pairs["item"].to_numpy(),
            "rating": pairs["rating"].to_numpy(),
            "prediction": answers.rating,
            "origin": answers.origin.astype(str),
        }
    )
