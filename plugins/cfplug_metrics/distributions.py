"""Scores of the predicted probabilities p of rating levels against the ratings.

The levels are v_1 < ... < v_K; p has the shape (n, K), the ratings have the shape (n,). Each score
raises DataError if a prediction has no distribution or a rating is not a level.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cfplug import DataError

if TYPE_CHECKING:
    from cfplug import Predictions
    from cfplug.params import NoParams
    from cfplug_metrics import Calibration

LEAST = float(np.finfo(np.float32).tiny)
"""The least probability for `nll`: 1.2e-38, the smallest normal number in single precision."""


def nll(params: NoParams, truth: np.ndarray, prediction: Predictions) -> float:
    """Return mean(-log p_y) in nats, with y the level of the rating.

    A probability below 1.2e-38 counts as 1.2e-38, so one rating of probability 0 costs 87.3 nats
    and not infinity.
    """
    probability, codes = _checked(truth, prediction)
    own = probability[np.arange(len(codes)), codes]
    return float(-np.log(np.maximum(own, LEAST)).mean())


def accuracy(params: NoParams, truth: np.ndarray, prediction: Predictions) -> float:
    """Return mean(y = argmax_k p_k), with the lowest of equally probable levels."""
    probability, codes = _checked(truth, prediction)
    return float((probability.argmax(axis=1) == codes).mean())


def ece(params: Calibration, truth: np.ndarray, prediction: Predictions) -> float:
    """Return sum_b n_b / n |accuracy of bin b - mean confidence of bin b|.

    The confidence is max_k p_k. Naeini, Cooper and Hauskrecht (AAAI 2015); Guo et al. (ICML 2017)
    with 15 bins. A bin is an interval (low, high]. Bins of equal mass end at the quantiles b / bins
    of the confidence.
    """
    probability, codes = _checked(truth, prediction)
    confidence = probability.max(axis=1)
    right = probability.argmax(axis=1) == codes
    inner = np.arange(1, params.bins) / params.bins
    ends = inner if params.binning == "equal-width" else np.quantile(confidence, inner)
    bins = np.searchsorted(ends, confidence)
    return float(np.abs(np.bincount(bins, right - confidence)).sum() / len(codes))


def rps(params: NoParams, truth: np.ndarray, prediction: Predictions) -> float:
    """Return mean(1 / (K - 1) sum_{k<K} (P(rating <= v_k) - [y <= k])^2).

    Distances count in levels, not in rating points. Epstein (J. Appl. Meteor. 1969), in the form of
    Murphy (1971), over K - 1 so that it goes from 0 to 1 on any scale. With one level it is 0.
    """
    probability, codes = _checked(truth, prediction)
    reached = codes[:, None] <= np.arange(probability.shape[1] - 1)
    squares = (probability.cumsum(axis=1)[:, :-1] - reached) ** 2
    return float(squares.sum(axis=1).mean() / max(squares.shape[1], 1))


def _checked(truth: np.ndarray, prediction: Predictions) -> tuple[np.ndarray, np.ndarray]:
    """Return the probabilities, shape (n, K), and the levels of the ratings, shape (n,)."""
    if prediction.distribution is None or prediction.levels is None:
        cold = int((prediction.origin != "warm").sum())
        why = f": {cold:,} of {len(truth):,} are for ids that are not in training" if cold else ""
        raise DataError(f"this metric needs a distribution for every rating{why}")
    return prediction.distribution, _codes(truth, prediction.levels)


def _codes(truth: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Return the nearest level of each rating, which may differ by 0.001 of the least distance."""
    codes = np.searchsorted((levels[1:] + levels[:-1]) / 2, truth)
    tolerance = 1e-3 * np.diff(levels).min() if len(levels) > 1 else 0.0
    off = np.abs(truth - levels[codes]) > tolerance
    if off.any():
        row = int(off.argmax())
        listed = ", ".join(f"{level:g}" for level in levels)
        raise DataError(
            f"rating: expected one of the predicted levels {listed}, got {truth[row]:g}", row=row
        )
    return codes
