"""Scores of lists of k items, one for each user, against the user's relevant items.

They share these rules, so that every number is defined:

- The truth of a user is the relevant items among the ratings that are scored. A user without any
  is left out of the mean; DataError if no user is left.
- With `candidates: rated` a user's list ranks the items of those ratings by prediction. The score
  is its expectation over all orders of equal predictions (McSherry and Najork, ECIR 2008), so it
  does not depend on the order of rows or on chance.
- With `candidates: all` the list is made by the model from all items of training that the user
  did not rate there, ties included. A relevant item that is not in training is part of the truth,
  though no list can contain it.
- If a user has fewer than k candidates, the empty places are not relevant: precision divides by k.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen

from cfplug import DataError

if TYPE_CHECKING:
    from cfplug import Predictions
    from cfplug_metrics import GradedTopK, TopK


def precision(params: TopK, truth: np.ndarray, prediction: Predictions) -> float:
    """Return the mean over users of (relevant items among the k) / k."""
    lists = _lists(params, truth, prediction, truth >= params.relevant)
    return float((lists.gain.sum(axis=1) / params.k).mean())


def recall(params: TopK, truth: np.ndarray, prediction: Predictions) -> float:
    """Return the mean over users of (relevant items among the k) / (relevant items of the user)."""
    lists = _lists(params, truth, prediction, truth >= params.relevant)
    return float((lists.gain.sum(axis=1) / lists.n_relevant).mean())


def hit_rate(params: TopK, truth: np.ndarray, prediction: Predictions) -> float:
    """Return the mean over users of [a relevant item is among the k]."""
    first = _lists(params, truth, prediction, truth >= params.relevant).first()
    return float(first.sum(axis=1).mean())


def mrr(params: TopK, truth: np.ndarray, prediction: Predictions) -> float:
    """Return the mean over users of 1 / (rank of the first relevant item).

    It is 0 if none is among the k (Voorhees, 1999).
    """
    first = _lists(params, truth, prediction, truth >= params.relevant).first()
    return float((first / np.arange(1, params.k + 1)).sum(axis=1).mean())


def ndcg(params: GradedTopK, truth: np.ndarray, prediction: Predictions) -> float:
    """Return the mean over users of DCG / (DCG of the best list of k).

    DCG = sum_{r<=k} gain_r / log2(r + 1): Järvelin and Kekäläinen (ACM TOIS 2002), with their gains
    and not 2^gain - 1. The best list has the user's k greatest gains.

    Raises:
        DataError: with `gains: rating`, if a relevant rating is not above 0.
    """
    lists = _lists(params, truth, prediction, _gains(params, truth))
    discount = 1 / np.log2(np.arange(2, params.k + 2))
    return float(((lists.gain @ discount) / (lists.best @ discount)).mean())


def _gains(params: GradedTopK, truth: np.ndarray) -> np.ndarray:
    relevant: np.ndarray = truth >= params.relevant
    if params.gains == "binary":
        return relevant
    if (truth[relevant] <= 0).any():
        raise DataError(
            f"gains: rating needs relevant ratings above 0, got {truth[relevant].min():g}; "
            "raise `relevant` above 0 or set `gains: binary`"
        )
    return np.where(relevant, truth, 0.0)


@frozen(eq=False)
class Lists:
    """The lists of the m users who have a relevant item.

    Attributes:
        gain: the expected gain of each place, shape (m, k).
        hazard: the probability that the item of a place is relevant if none before it is,
            shape (m, k).
        best: the gain of each place of the best list, shape (m, k).
        n_relevant: the number of relevant items of each user, shape (m,).
    """

    gain: np.ndarray
    hazard: np.ndarray
    best: np.ndarray
    n_relevant: np.ndarray

    def first(self) -> np.ndarray:
        """Return the probability that a place has the first relevant item, shape (m, k)."""
        none_yet = np.cumprod(1 - self.hazard, axis=1)
        before = np.column_stack([np.ones(len(none_yet)), none_yet[:, :-1]])
        first: np.ndarray = self.hazard * before
        return first


def _lists(
    params: TopK | GradedTopK, truth: np.ndarray, prediction: Predictions, gain: np.ndarray
) -> Lists:
    """Return the lists; `gain`, shape (n,), is the gain of each row, 0 if it is not relevant."""
    gain = gain.astype(np.float64)
    if prediction.user is None or prediction.item is None:
        raise DataError(
            "lists need the user and the item of each prediction, got predictions without them"
        )
    _, user = np.unique(prediction.user, return_inverse=True)
    n_relevant = np.bincount(user, gain > 0)
    if not n_relevant.any():
        raise DataError(
            f"relevant: expected a number that some rating reaches, got {params.relevant:g}: the "
            f"greatest of the {len(truth):,} ratings of {len(n_relevant):,} users is "
            f"{truth.max():g}. Lower it."
        )
    shape = (len(n_relevant), params.k)
    if params.candidates == "rated":
        found, hazard = _ranked(user, prediction.rating, gain, shape)
    else:
        found, hazard = _made_by_model(user, prediction, gain, shape)
    best, _ = _ranked(user, gain, gain, shape)
    some = n_relevant > 0
    return Lists(found[some], hazard[some], best[some], n_relevant[some])


def _ranked(
    user: np.ndarray, score: np.ndarray, gain: np.ndarray, shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Return gain and hazard of each place, shape (m, k), of each user's rows ranked by `score`.

    Ties are in random order: a place among t equals, r of them relevant, gains their mean. Its
    hazard, if the j - 1 equals before it are not relevant, is r / (t - j + 1).
    """
    order = np.lexsort((-score, user))
    user, score, gain = user[order], score[order], gain[order]
    row = np.arange(len(order))
    new_user = np.diff(user, prepend=-1).astype(bool)
    new_score = np.diff(score, prepend=np.nan).astype(bool)
    tied = np.cumsum(new_user | new_score) - 1
    size = np.bincount(tied)[tied]
    relevant = np.bincount(tied, gain > 0)[tied]
    gained = np.bincount(tied, gain)[tied]
    left = size - (row - np.searchsorted(tied, tied))  # the equals from this row on: t - j + 1
    place = row - np.searchsorted(user, user)
    gains = _grid(user, place, gained / size, shape)
    return gains, _grid(user, place, np.minimum(relevant / left, 1), shape)


def _made_by_model(
    user: np.ndarray, prediction: Predictions, gain: np.ndarray, shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Return gain and hazard of each place, shape (m, k), of the lists made by the model."""
    if prediction.top is None:
        raise DataError(
            "candidates: all needs a model that ranks all items, got none; use candidates: rated"
        )
    assert prediction.item is not None
    items = prediction.top(shape[1])
    width = max(items.max(), prediction.item.max()) + 2  # one more than the items, for -1
    keys = user * width + prediction.item
    order = np.argsort(keys)
    wanted = np.arange(len(items))[:, None] * width + items
    nearest = order[np.searchsorted(keys, wanted, sorter=order).clip(max=len(keys) - 1)]
    found = np.where((items >= 0) & (keys[nearest] == wanted), gain[nearest], 0.0)
    return found, (found > 0).astype(np.float64)


def _grid(
    row: np.ndarray, place: np.ndarray, value: np.ndarray, shape: tuple[int, int]
) -> np.ndarray:
    """Return an array of `shape` with `value` at (row, place) where that is inside, else 0."""
    grid = np.zeros(shape)
    inside = place < shape[1]
    grid[row[inside], place[inside]] = value[inside]
    return grid
