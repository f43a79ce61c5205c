"""Predict ratings for raw ids: by the model where training saw both, else by the policy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cfplug.data.batch import Batch
from cfplug.data.catalogue import Support
from cfplug.data.vocabulary import SIDES
from cfplug.errors import PluginError, UnknownIdError
from cfplug.prediction.newcomers import Newcomers, newcomers_among
from cfplug.prediction.predictions import (
    WARM,
    Predictions,
    checked_numbers,
    checked_origins,
)

if TYPE_CHECKING:
    from cfplug.prediction.fitted_model import FittedModel
    from cfplug.prediction.policy import Policy

SHOWN_IDS = 3
"""Unknown ids of each side that an error names."""


def answer(
    model: FittedModel, pairs: pd.DataFrame, *, newcomers: Newcomers | None = None
) -> Predictions:
    """Return the same as arrays, with the distribution where the model has one."""
    codes = model.encoded(pairs)
    warm = model.support.trained("user", codes.user) & model.support.trained("item", codes.item)
    n = len(pairs)
    rating = np.empty(n)
    origin = np.full(n, WARM, dtype=object)
    known = codes[warm]
    predicted = model.predictor.predict(known)
    rating[warm] = checked_numbers(predicted, (len(known),), "ratings", model.component)
    distribution, deviation = None, None
    if "distribution" in model.provides:
        distribution = np.empty((n, len(model.levels)))
        distribution[warm] = model.predictor.distribution(known)
    if not warm.all():
        if model.policy is None:
            raise unknown_ids(model.support, pairs, codes)
        cold_pairs = pairs.loc[~warm, ["user", "item", *model.context_columns]]
        asked = newcomers_among(model.known_ids, cold_pairs, newcomers)
        cold = _by_policy(model, model.policy, cold_pairs, asked)
        rating[~warm] = cold.rating
        origin[~warm] = cold.origin
        if cold.deviation is not None:
            deviation = np.full(n, np.nan)
            deviation[~warm] = cold.deviation
        if cold.distribution is None:
            distribution = None
        elif distribution is not None:
            distribution[~warm] = cold.distribution
    levels = None if distribution is None else np.array(model.levels)
    return Predictions(
        rating, origin, distribution, levels, codes.user, codes.item, deviation=deviation
    )


def _by_policy(
    model: FittedModel, policy: Policy, pairs: pd.DataFrame, newcomers: Newcomers
) -> Predictions:
    """Return the policy's predictions; the distribution only where the model has one too."""
    try:
        adapted = policy.adapt(model, newcomers)
        if not callable(getattr(adapted, "predict", None)):
            raise PluginError(f"adapt gave {type(adapted).__name__}, which has no predict")
        return _checked(adapted, policy, pairs, model)
    except Exception as error:
        name = policy.title or policy.name
        error.add_note(f"while {name} answered for ids that training never saw")
        raise


def _checked(adapted: Any, policy: Policy, pairs: pd.DataFrame, model: FittedModel) -> Predictions:
    """Return what an adapted predictor gives for n pairs; PluginError for what it may not give."""
    n = len(pairs)
    rating = checked_numbers(adapted.predict(pairs), (n,), "ratings", policy.name)
    origin = _optional(adapted, "origins", pairs)
    if origin is None:
        origin = [policy.origin] * n
    origin = checked_origins(origin, n, policy.name)
    deviation = _optional(adapted, "deviation", pairs)
    if deviation is not None:
        deviation = checked_numbers(deviation, (n,), "deviations", policy.name, least=0)
    distribution = None
    if "distribution" in model.provides:
        distribution = _optional(adapted, "distribution", pairs)
    if distribution is not None:
        shape = (n, len(model.levels))
        distribution = checked_numbers(distribution, shape, "probabilities", policy.name, least=0)
    return Predictions(rating, origin, distribution, deviation=deviation)


def _optional(adapted: Any, verb: str, pairs: pd.DataFrame) -> Any:
    """Return what the method `verb` gives, None where there is no such method."""
    method = getattr(adapted, verb, None)
    return method(pairs) if callable(method) else None


def unknown_ids(support: Support, pairs: pd.DataFrame, codes: Batch) -> UnknownIdError:
    """Return the error for pairs with ids that training never saw, for `unknown: error`."""
    parts = []
    for side in SIDES:
        cold = pairs[side][~support.trained(side, getattr(codes, side))].drop_duplicates()
        if cold.empty:
            continue
        names = ", ".join(map(repr, cold.head(SHOWN_IDS).tolist()))
        if len(cold) > SHOWN_IDS:
            names += ", ..."
        plural = "s" if len(cold) > 1 else ""
        parts.append(f"{len(cold)} {side}{plural} ({names})")
    return UnknownIdError(
        f"training never saw {' and '.join(parts)}, and the recipe says `unknown: error`; "
        "name a cold-start strategy there (cfplug list cold-starts)"
    )
