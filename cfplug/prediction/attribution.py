"""Attribute a prediction to the model's own terms, or to its inputs by Shapley values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from cfplug.data.batch import Batch
from cfplug.data.catalogue import Catalogue
from cfplug.data.features import Feature, Features
from cfplug.data.vocabulary import SIDES
from cfplug.prediction.explanation import Part, Reasons

if TYPE_CHECKING:
    from cfplug.prediction.fitted_model import FittedModel

MEAN = "mean"
"""The term that is the same for every pair, if a model has one: the start of the sum."""

DRAWS = 1000
"""Rated pairs, and orders of the inputs, that are drawn where parts are estimated."""

NARROW, STEP = 1e-6, 1e-3
"""A sum of terms below the first is too small for a slope, which is taken over a step
of the second."""

SUM = "The prediction is the sum of these parts."
RANGE = (
    "A term is what the model adds up; the loss then turns the sum into a rating. The change from "
    "the start to the prediction is divided among the terms by their shares of the sum "
    "(integrated gradients)."
)
SWAPS = (
    "A part is the mean change of the prediction when this input alone is changed, at a random "
    "point of a change of everything from what another rated pair has to what is here (Shapley "
    "values); in brackets the 95 % interval. The parts called user and item are what the model "
    "knows by the id alone."
)
"""How the parts were computed, in words."""

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def by_terms(
    predictor: Any, asked: Batch, catalogue: Catalogue, features: Features | None
) -> Reasons:
    """Return the model's own terms of one pair as parts of its rating.

    The rating is f(m + s), where m is the term called `mean`, or 0, and s the sum of the other
    terms x_i; f is the head's decode, or nothing for a model that fits itself. The base is f(m), a
    contribution x_i (f(m + s) - f(m)) / s. These are the integrated gradients of f from m
    (Sundararajan, Taly and Yan, ICML 2017): they sum up for any f.

    Args:
        predictor: Has `terms` and, if the loss decodes, `decoded`.
        asked: One pair.
        catalogue: Has the labels.
        features: What the model sees of the pair; None if nothing.
    """
    terms = {name: float(column[0]) for name, column in predictor.terms(asked).items()}
    start = terms.pop(MEAN, None)
    shown = values(asked, catalogue, features)
    decoded = getattr(predictor, "decoded", None)
    rating = partial(decoded, user=int(asked.user[0])) if decoded else lambda raw: raw
    base, rate = base_and_rate(rating, start or 0.0, sum(terms.values()))
    parts = [Part(name, shown.get(name, ""), rate * term, term) for name, term in terms.items()]
    words = "the mean of the training ratings"
    if start is None:
        words = "the rating if all terms were zero"
    return Reasons(base, parts, words, RANGE if decoded else SUM)


def base_and_rate(
    rating: Callable[[np.ndarray], np.ndarray], start: float, total: float
) -> tuple[float, float]:
    """Return f(start), and the mean slope of f from `start` to `start + total`.

    Args:
        rating: The function f, from outputs (n,) to ratings (n,).
        start: Where the sum starts.
        total: The sum of all other terms.
    """
    low, high = start, start + total
    if abs(total) <= NARROW:
        low, high = start - STEP, start + STEP
    base, low_rating, high_rating = rating(np.array([start, low, high])).tolist()
    return base, (high_rating - low_rating) / (high - low)


def inputs(batch: Batch, features: Features | None) -> dict[str, np.ndarray]:
    """Return what can be changed of n pairs: the codes of user and item, and each feature."""
    found = {"user": batch.user, "item": batch.item}
    for feature in features or ():
        if feature.table is None:
            found[feature.name] = batch.context[feature.name]
        else:
            codes = batch.user if feature.side == "user" else batch.item
            found[feature.name] = feature.table[codes]
    return found


def by_swaps(
    model: FittedModel, asked: Batch, background: Batch, rng: np.random.Generator
) -> Reasons:
    """Return the inputs of one pair as parts of its rating, compared with other pairs.

    Args:
        model: Predicts.
        asked: One pair.
        background: Rated pairs whose mean prediction is the base.
        rng: Draws the orders of the inputs.
    """
    one, many = inputs(asked, model.features), inputs(background, model.features)
    base, found = swapped(model.predictor.predict, one, many, rng)
    shown = values(asked, model.catalogue, model.features)
    parts = [Part(name, shown[name], mean, error=error) for name, (mean, error) in found.items()]
    note = SWAPS
    same = [name for name in one if name not in found]
    if same:
        note += f" The same in all these pairs, and so without a part: {', '.join(same)}."
    return Reasons(base, parts, f"the mean prediction for {len(background):,} rated pairs", note)


def swapped(
    predict: Callable[[Batch], np.ndarray],
    asked: Mapping[str, np.ndarray],
    background: Mapping[str, np.ndarray],
    rng: np.random.Generator,
) -> tuple[float, dict[str, tuple[float, float]]]:
    """Return the mean rating of n pairs, and each input's contribution with its standard error.

    Each background pair is turned into the pair `asked`, one input after the other in a random
    order; an input's contribution is the mean change of the rating when it is swapped. These are
    Shapley values, sampled as by Strumbelj and Kononenko (Knowledge and Information Systems, 2014):
    for each pair the changes sum to the whole. An input that is the same in all pairs is left out.

    Args:
        predict: The model.
        asked: The inputs of one pair, by name.
        background: The inputs of n pairs.
        rng: Draws the orders.
    """
    pairs = {name: as_wide(asked[name], background[name]) for name in asked}
    names = [name for name, (one, many) in pairs.items() if (one != many).any()]
    n = len(background["user"])
    turn = rng.permuted(np.tile(np.arange(len(names))[:, None], n), axis=0)  # (n_inputs, n)
    steps = _all_steps(pairs, dict(zip(names, turn, strict=True)), n)
    rating = predict(steps).reshape(len(names) + 1, n)
    changes = np.take_along_axis(np.diff(rating, axis=0), turn, axis=0)
    error = np.zeros(len(names))
    if n > 1:
        error = changes.std(axis=1, ddof=1) / np.sqrt(n)
    estimates = zip(changes.mean(axis=1).tolist(), error.tolist(), strict=True)
    return float(rating[0].mean()), dict(zip(names, estimates, strict=True))


def _all_steps(
    pairs: Mapping[str, tuple[np.ndarray, np.ndarray]], turn: Mapping[str, np.ndarray], n: int
) -> Batch:
    """Return every step of every pair: at step k the inputs whose turn is before k are swapped.

    There are (n_inputs + 1) n pairs.
    """
    steps = np.arange(len(turn) + 1)[:, None]
    columns = {}
    for name, (one, many) in pairs.items():
        is_swapped = turn[name] < steps if name in turn else np.array(True)
        done = np.broadcast_to(is_swapped, (len(steps), n))
        done = done.reshape(done.shape + (1,) * (many.ndim - 1))
        columns[name] = np.where(done, one, many).reshape(-1, *many.shape[1:])
    return Batch(columns.pop("user"), columns.pop("item"), columns)


def as_wide(one: np.ndarray, many: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return both as wide as the wider of them: sets are filled up with 0."""
    if one.ndim == 1:
        return one, many
    width = max(one.shape[1], many.shape[1])
    return _padded(one, width), _padded(many, width)


def _padded(codes: np.ndarray, width: int) -> np.ndarray:
    return np.pad(codes, ((0, 0), (0, width - codes.shape[1])))


def values(asked: Batch, catalogue: Catalogue, features: Features | None) -> dict[str, str]:
    """Return the value of each part of one pair in words: a label, or the value of a feature."""
    shown = {}
    for side in SIDES:
        label = catalogue.side(side).label(int(getattr(asked, side)[0]))
        shown[side] = label
        shown[f"{side} bias"] = label
    found = inputs(asked, features)
    for feature in features or ():
        shown[feature.name] = in_words(feature, found[feature.name][0])
    return shown


def in_words(feature: Feature, cell: np.ndarray) -> str:
    """Return one value of a feature in words, from its row of numbers.

    A date that the model reads as a number stays days since 1970.
    """
    if feature.kind == "number":
        if feature.flagged and cell[1] > 0:
            return "not known"
        return f"{cell[0] * feature.deviation + feature.mean:.2f}".removesuffix(".00")
    words = [feature.values[code - 1] for code in np.atleast_1d(cell).tolist() if code > 0]
    if not words:
        return "none" if feature.kind == "set" else "not known"
    if feature.name == "time.day-of-week":
        return DAYS[int(words[0])]
    return ", ".join(words)
