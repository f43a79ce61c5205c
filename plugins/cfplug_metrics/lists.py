"""Scores of lists of k items, one for each user, against the items that the user rated `relevant` or better.

They share these rules, so that every number is defined:

- The truth of a user are the relevant items among the ratings that are scored. A user without any is left out, and
  the mean is over the others; DataError if nobody is left.
- With `candidates: rated` a user's list ranks the items of those same ratings by prediction. Equal predictions count
  as if they were shuffled: the score is its expectation over all orders of the equals (McSherry and Najork, ECIR
  2008), so neither the order of rows nor luck changes it.
- With `candidates: all` the list is the model's own, of all items that training saw and the user did not rate there.
  Among equals the model has chosen. A relevant item that training never saw is truth that no list can hold.
- Where a user has fewer than k candidates, the empty places hold nothing relevant: precision is still over k.
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
    """Mean over users of (relevant items among the k) / k."""
    lists = _lists(params, truth, prediction, truth >= params.relevant)
    return float((lists.gain.sum(axis=1) / params.k).mean())


def recall(params: TopK, truth: np.ndarray, prediction: Predictions) -> float:
    """Mean over users of (relevant items among the k) / (relevant items of the user)."""
    lists = _lists(params, truth, prediction, truth >= params.relevant)
    return float((lists.gain.sum(axis=1) / lists.n_relevant).mean())


def hit_rate(params: TopK, truth: np.ndarray, prediction: Predictions) -> float:
    """Mean over users of [a relevant item is among the k]."""
    return float(
        _lists(params, truth, prediction, truth >= params.relevant).first().sum(axis=1).mean()
    )


def mrr(params: TopK, truth: np.ndarray, prediction: Predictions) -> float:
    """Mean over users of 1 / (rank of the first relevant item), and 0 where none is among the k (Voorhees, 1999)."""
    first = _lists(params, truth, prediction, truth >= params.relevant).first()
    return float((first / np.arange(1, params.k + 1)).sum(axis=1).mean())


def ndcg(params: GradedTopK, truth: np.ndarray, prediction: Predictions) -> float:
    """Mean over users of DCG / (DCG of the best list of k), with DCG = sum_{r<=k} gain_r / log2(r + 1).

    Järvelin and Kekäläinen (ACM TOIS 2002), their gains as they are, not 2^gain - 1. The best list
    holds the user's k greatest gains. DataError if a relevant rating is not above 0 and is to be a
    gain."""
    lists = _lists(params, truth, prediction, _gains(params, truth))
    discount = 1 / np.log2(np.arange(2, params.k + 2))
    return float(((lists.gain @ discount) / (lists.best @ discount)).mean())


def _gains(params: GradedTopK, truth: np.ndarray) -> np.ndarray:
    relevant: np.ndarray = truth >= params.relevant
    if params.gains == "binary":
        return relevant
    if (truth[relevant] <= 0).any():
        raise DataError(
            f"gains: rating needs ratings above 0; one of {truth[relevant].min():g} is relevant; "
            "raise `relevant` above 0 or say `gains: binary`"
        )
    return np.where(relevant, truth, 0.0)


@frozen(eq=False)
class Lists:
    """The lists of m users who have something relevant.

    `gain`: what each place is expected to gain, shape (m, k); `hazard`: the probability that a
    place holds something relevant if none before it does, shape (m, k); `best`: what each place of
    the best list gains, shape (m, k); `n_relevant`: the relevant items of each user, shape (m,).
    """

    gain: np.ndarray
    hazard: np.ndarray
    best: np.ndarray
    n_relevant: np.ndarray

    def first(self) -> np.ndarray:
        """The probability that a place holds the list's first relevant item, shape (m, k)."""
        none_yet = np.cumprod(1 - self.hazard, axis=1)
        before = np.column_stack([np.ones(len(none_yet)), none_yet[:, :-1]])
        first: np.ndarray = self.hazard * before
        return first


def _lists(
    params: TopK | GradedTopK, truth: np.ndarray, prediction: Predictions, gain: np.ndarray
) -> Lists:
    """The lists that `params` ask for, where the items of `truth` gain `gain`, shape (n,), which is 0 if irrelevant."""
    gain = gain.astype(np.float64)
    if prediction.user is None or prediction.item is None:
        raise DataError(
            "lists need to know the user and the item of each prediction; these tell none"
        )
    _, user = np.unique(prediction.user, return_inverse=True)
    n_relevant = np.bincount(user, gain > 0)
    if not n_relevant.any():
        raise DataError(
            f"none of the {len(n_relevant):,} users has a relevant item: the greatest of the {len(truth):,} ratings is "
            f"{truth.max():g}, and relevant is {params.relevant:g}; give a lower one"
        )
    shape = (len(n_relevant), params.k)
    found, hazard = (
        _ranked(user, prediction.rating, gain, shape)
        if params.candidates == "rated"
        else _own(user, prediction, gain, shape)
    )
    best, _ = _ranked(user, gain, gain, shape)
    some = n_relevant > 0
    return Lists(found[some], hazard[some], best[some], n_relevant[some])


def _ranked(
    user: np.ndarray, score: np.ndarray, gain: np.ndarray, shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Gain and hazard of each place, shape (m, k), where every user's rows are ranked by `score`, equals at random.

    A place among t equals, r of them relevant, gains their mean. Its hazard, if the j - 1 equals
    before it are not relevant, is r / (t - j + 1)."""
    order = np.lexsort((-score, user))
    user, score, gain = user[order], score[order], gain[order]
    row = np.arange(len(order))
    tied = (
        np.cumsum(
            np.diff(user, prepend=-1).astype(bool) | np.diff(score, prepend=np.nan).astype(bool)
        )
        - 1
    )
    size, relevant, gained = (
        np.bincount(tied, weights)[tied] for weights in (None, gain > 0, gain)
    )
    left = size - (row - np.searchsorted(tied, tied))  # the equals from this row on: t - j + 1
    place = row - np.searchsorted(user, user)
    return _grid(user, place, gained / size, shape), _grid(
        user, place, np.minimum(relevant / left, 1), shape
    )


def _own(
    user: np.ndarray, prediction: Predictions, gain: np.ndarray, shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Gain and hazard of each place, shape (m, k), of the lists that the model itself makes."""
    if prediction.top is None:
        raise DataError(
            "candidates: all needs lists that the model makes of all items; there are none: say rated"
        )
    assert prediction.item is not None
    items = prediction.top(shape[1])
    width = max(items.max(), prediction.item.max()) + 2  # one more than the items are, for -1
    keys = user * width + prediction.item
    order = np.argsort(keys)
    wanted = np.arange(len(items))[:, None] * width + items
    nearest = order[np.searchsorted(keys, wanted, sorter=order).clip(max=len(keys) - 1)]
    found = np.where((items >= 0) & (keys[nearest] == wanted), gain[nearest], 0.0)
    return found, (found > 0).astype(np.float64)


def _grid(
    row: np.ndarray, place: np.ndarray, value: np.ndarray, shape: tuple[int, int]
) -> np.ndarray:
    """An array of `shape` with `value` at (row, place); 0 elsewhere, and what lies beyond it left out."""
    grid = np.zeros(shape)
    inside = place < shape[1]
    grid[row[inside], place[inside]] = value[inside]
    return grid
