"""Which part of a model's input moves its prediction, and by how much: two ways to take a prediction apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from cfplug.data.batch import Batch
from cfplug.data.catalogue import Catalogue
from cfplug.data.features import Feature, Features
from cfplug.data.vocabulary import SIDES
from cfplug.prediction.explanation import Part, Reasons

MEAN = "mean"
"""The term that is the same for every pair, if a model has one: no reason, but where the sum starts."""

DRAWS = 1000
"""Rated pairs, and orders of the inputs, that are drawn where parts are estimated."""

NARROW, STEP = 1e-6, 1e-3
"""Below which sum of terms the rate of change is taken from a step to either side instead."""

SUM = "The prediction is the sum of these parts."
RANGE = (
    "A term is what the model adds up; the loss then turns the sum into a rating. Of the way from the start to the "
    "prediction each term has the share that it has of the sum (integrated gradients)."
)
SWAPS = (
    "A part is the mean change of the prediction when this alone is changed, at a random point of a change of "
    "everything from what another rated pair has to what is here (Shapley values); in brackets the 95 % interval. "
    "The parts called user and item are what the model knows by the id alone."
)
"""How parts came about, in words."""

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def by_terms(
    predictor: Any, asked: Batch, catalogue: Catalogue, features: Features | None
) -> Reasons:
    """The model's own terms of the one pair `asked`, as parts of its rating.

    The rating is f(m + s), where m is the term called `mean`, or 0, and s the sum of the other
    terms x_i; f is the head's decode, or nothing for a model that fits itself. The base is f(m), a
    contribution x_i (f(m + s) - f(m)) / s. These are the integrated gradients of f from m
    (Sundararajan, Taly and Yan, ICML 2017): they sum up for any f."""
    terms = {name: float(column[0]) for name, column in predictor.terms(asked).items()}
    start, told = terms.pop(MEAN, None), values(asked, catalogue, features)
    decoded = getattr(predictor, "decoded", None)
    rating = partial(decoded, user=int(asked.user[0])) if decoded else lambda raw: raw
    base, rate = shared(rating, start or 0.0, sum(terms.values()))
    parts = [Part(name, told.get(name, ""), rate * term, term) for name, term in terms.items()]
    words = (
        "the rating if all terms were zero" if start is None else "the mean of the training ratings"
    )
    return Reasons(base, parts, words, RANGE if decoded else SUM)


def shared(
    rating: Callable[[np.ndarray], np.ndarray], start: float, total: float
) -> tuple[float, float]:
    """f(start), and the mean of f' between `start` and `start + total`, for the `rating` f of outputs, shape (n,)."""
    wide = abs(total) > NARROW
    low, high = (start, start + total) if wide else (start - STEP, start + STEP)
    base, low_rating, high_rating = rating(np.array([start, low, high])).tolist()
    return base, (high_rating - low_rating) / (high - low)


def inputs(batch: Batch, features: Features | None) -> dict[str, np.ndarray]:
    """All that can be changed of n pairs apart from the rest, by name: the codes of user and item, and each feature."""
    found = {"user": batch.user, "item": batch.item}
    for feature in features or ():
        codes = (
            None if feature.table is None else batch.user if feature.side == "user" else batch.item
        )
        found[feature.name] = (
            batch.context[feature.name] if feature.table is None else feature.table[codes]
        )
    return found


def by_swaps(
    predictor: Any,
    asked: Batch,
    background: Batch,
    catalogue: Catalogue,
    features: Features | None,
    rng: np.random.Generator,
) -> Reasons:
    """The inputs of the one pair `asked`, as parts of its rating, seen beside the pairs of `background`."""
    one, many = inputs(asked, features), inputs(background, features)
    base, found = swapped(predictor.predict, one, many, rng)
    told = values(asked, catalogue, features)
    parts = [Part(name, told[name], mean, error=error) for name, (mean, error) in found.items()]
    same = [name for name in one if name not in found]
    left = (
        f" The same in all these pairs, and so without a part: {', '.join(same)}." if same else ""
    )
    return Reasons(
        base, parts, f"the mean prediction for {len(background):,} rated pairs", SWAPS + left
    )


def swapped(
    predict: Callable[[Batch], np.ndarray],
    asked: Mapping[str, np.ndarray],
    background: Mapping[str, np.ndarray],
    rng: np.random.Generator,
) -> tuple[float, dict[str, tuple[float, float]]]:
    """The mean rating of n background pairs, and each input's contribution with its standard error.

    From every background pair a way leads to the one pair `asked`, one input after the other in an
    order drawn by chance; an input's contribution is the mean change of the rating when it is its
    turn. These are Shapley values, sampled as by Strumbelj and Kononenko (Knowledge and Information
    Systems, 2014): along each way the changes sum to the whole. An input that is the same in all
    the pairs moves nothing and is left out."""
    pairs = {name: _as_wide(asked[name], background[name]) for name in asked}
    names = [name for name, (one, many) in pairs.items() if (one != many).any()]
    n = len(background["user"])
    turn = rng.permuted(np.tile(np.arange(len(names))[:, None], n), axis=0)  # (n_inputs, n)
    rating = predict(_on_the_way(pairs, dict(zip(names, turn, strict=True)), n)).reshape(
        len(names) + 1, n
    )
    moved = np.take_along_axis(np.diff(rating, axis=0), turn, axis=0)
    error = moved.std(axis=1, ddof=1) / np.sqrt(n) if n > 1 else np.zeros(len(names))
    each = zip(names, moved.mean(axis=1).tolist(), error.tolist(), strict=True)
    return float(rating[0].mean()), {name: (mean, deviation) for name, mean, deviation in each}


def _on_the_way(
    pairs: Mapping[str, tuple[np.ndarray, np.ndarray]], turn: Mapping[str, np.ndarray], n: int
) -> Batch:
    """Every stop of every way, (n_inputs + 1) n pairs: at stop k all inputs whose turn came before k are swapped."""
    stops = np.arange(len(turn) + 1)[:, None]
    columns = {}
    for name, (one, many) in pairs.items():
        done = np.broadcast_to(turn[name] < stops if name in turn else True, (len(stops), n))
        done = done.reshape(done.shape + (1,) * (many.ndim - 1))
        columns[name] = np.where(done, one, many).reshape(-1, *many.shape[1:])
    return Batch(columns.pop("user"), columns.pop("item"), columns)


def _as_wide(one: np.ndarray, many: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both as wide as the wider of them: sets that were encoded apart are filled up with 0 to their own widths."""
    if one.ndim == 1:
        return one, many
    width = max(one.shape[1], many.shape[1])
    wide_one, wide_many = (
        np.pad(each, ((0, 0), (0, width - each.shape[1]))) for each in (one, many)
    )
    return wide_one, wide_many


def values(asked: Batch, catalogue: Catalogue, features: Features | None) -> dict[str, str]:
    """What each part holds for the pair `asked`, in words: labels for ids and their biases, values for features."""
    ids = {side: catalogue.side(side).label(int(getattr(asked, side)[0])) for side in SIDES}
    found = inputs(asked, features)
    told = {feature.name: in_words(feature, found[feature.name][0]) for feature in features or ()}
    return {**ids, **{f"{side} bias": label for side, label in ids.items()}, **told}


def in_words(feature: Feature, cell: np.ndarray) -> str:
    """One value of a feature, from its row of numbers; a date that is read as a number stays days since 1970."""
    if feature.kind == "number":
        missing = feature.flagged and cell[1] > 0
        return (
            "not known"
            if missing
            else f"{cell[0] * feature.deviation + feature.mean:.2f}".removesuffix(".00")
        )
    words = [feature.values[code - 1] for code in np.atleast_1d(cell).tolist() if code > 0]
    if feature.name == "time.day-of-week" and words:
        return DAYS[int(words[0])]
    return ", ".join(words) or ("none" if feature.kind == "set" else "not known")
