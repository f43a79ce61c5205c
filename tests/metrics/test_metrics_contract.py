"""The built-in metrics pass every check of their kind, and equal naive versions by row."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from cfplug import DataError, Predictions
from cfplug.testing import plugin_checks

Row = tuple[float, float]


def rows(truth: np.ndarray, prediction: Predictions) -> list[Row]:
    return list(zip(truth.tolist(), prediction.rating.tolist(), strict=True))


def mse(params: Any, truth: np.ndarray, prediction: Predictions) -> float:
    return sum((r - p) ** 2 for r, p in rows(truth, prediction)) / len(truth)


def rmse(params: Any, truth: np.ndarray, prediction: Predictions) -> float:
    return math.sqrt(mse(params, truth, prediction))


def mae(params: Any, truth: np.ndarray, prediction: Predictions) -> float:
    return sum(abs(r - p) for r, p in rows(truth, prediction)) / len(truth)


def shares(truth: np.ndarray, prediction: Predictions) -> Iterator[tuple[int, list[float]]]:
    """The place of each rating among the levels, and the probability of each level."""
    assert prediction.distribution is not None
    assert prediction.levels is not None
    levels = prediction.levels.tolist()
    for rating, share in zip(truth.tolist(), prediction.distribution.tolist(), strict=True):
        yield levels.index(rating), share


def nll(params: Any, truth: np.ndarray, prediction: Predictions) -> float:
    least = 2.0**-126  # the smallest normal number of single precision
    return sum(-math.log(max(share[at], least)) for at, share in shares(truth, prediction)) / len(
        truth
    )


def accuracy(params: Any, truth: np.ndarray, prediction: Predictions) -> float:
    return sum(share.index(max(share)) == at for at, share in shares(truth, prediction)) / len(
        truth
    )


def rps(params: Any, truth: np.ndarray, prediction: Predictions) -> float:
    total = 0.0
    for at, share in shares(truth, prediction):
        gaps = [sum(share[: k + 1]) - (at <= k) for k in range(len(share) - 1)]
        total += sum(gap**2 for gap in gaps) / len(gaps)
    return total / len(truth)


def ece(params: Any, truth: np.ndarray, prediction: Predictions) -> float:
    bins: dict[int, list[float]] = {}
    for at, share in shares(truth, prediction):
        place = next(
            b
            for b in range(params.bins)
            if b == params.bins - 1 or max(share) <= (b + 1) / params.bins
        )
        bins.setdefault(place, []).append((share.index(max(share)) == at) - max(share))
    return sum(abs(sum(gaps)) for gaps in bins.values()) / len(truth)


# Lists: of every user, what each place of the model's own list gains


Gains = list[float]


def over_users(score: Callable[[Any, Gains, Gains], float]) -> Callable[..., float]:
    """Return the mean over users with a relevant item of `score(params, gains, all gains)`."""

    def metric(params: Any, truth: np.ndarray, prediction: Predictions) -> float:
        assert prediction.user is not None
        assert prediction.item is not None
        assert prediction.top is not None
        found = []
        for user, items in zip(
            np.unique(prediction.user), prediction.top(params.k).tolist(), strict=True
        ):
            mine = prediction.user == user
            gain = {
                item: float(rating >= params.relevant)
                for item, rating in zip(
                    prediction.item[mine].tolist(), truth[mine].tolist(), strict=True
                )
            }
            if any(gain.values()):
                found.append(
                    score(params, [gain.get(item, 0.0) for item in items], list(gain.values()))
                )
        if not found:
            raise DataError("nothing is relevant")
        return sum(found) / len(found)

    return metric


def dcg(gains: Sequence[float]) -> float:
    return sum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains, start=1))


def first(gains: Gains) -> float:
    return next((1 / rank for rank, gain in enumerate(gains, start=1) if gain), 0.0)


LISTS = {
    "precision": over_users(lambda params, gains, mine: sum(gains) / params.k),
    "recall": over_users(lambda params, gains, mine: sum(gains) / sum(mine)),
    "ndcg": over_users(
        lambda params, gains, mine: dcg(gains) / dcg(sorted(mine, reverse=True)[: params.k])
    ),
    "mrr": over_users(lambda params, gains, mine: first(gains)),
    "hit-rate": over_users(lambda params, gains, mine: float(any(gains))),
}

NAIVE = {each.__name__: each for each in (mse, rmse, mae, nll, accuracy, rps, ece)} | LISTS

test_contract = plugin_checks(
    "metrics", examples=3, oracles={f"metric/{name}": naive for name, naive in NAIVE.items()}
)
