"""Scores of predicted probabilities p of the levels v_1 < ... < v_K, shape (n, K), against the ratings, shape (n,).

Each raises DataError where a prediction has no distribution or a rating is no level.
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
"""The least probability that `nll` believes, the smallest normal number of the single precision of models: 1.2e-38."""


def nll(params: NoParams, truth: np.ndarray, prediction: Predictions) -> float:
    """mean(-log p_y) in nats, with y the level of the rating.

    A probability below 1.2e-38 counts as that, so one rating that a model held impossible costs
    87.3 nats, not infinitely many."""
    probability, codes = _checked(truth, prediction)
    own = probability[np.arange(len(codes)), codes]
    return float(-np.log(np.maximum(own, LEAST)).mean())


def accuracy(params: NoParams, truth: np.ndarray, prediction: Predictions) -> float:
    """mean(y = argmax_k p_k); of equally probable levels the lowest is meant."""
    probability, codes = _checked(truth, prediction)
    return float((probability.argmax(axis=1) == codes).mean())


def ece(params: Calibration, truth: np.ndarray, prediction: Predictions) -> float:
    """sum_b n_b / n |accuracy of bin b - mean confidence of bin b|, with the confidence max_k p_k.

    Naeini, Cooper and Hauskrecht (AAAI 2015); Guo et al. (ICML 2017) with 15 bins. A bin (low,
    high] holds what lies above low and not above high. Bins of equal mass end at the quantiles b /
    bins of the confidence."""
    probability, codes = _checked(truth, prediction)
    confidence, right = probability.max(axis=1), probability.argmax(axis=1) == codes
    inner = np.arange(1, params.bins) / params.bins
    ends = inner if params.binning == "equal-width" else np.quantile(confidence, inner)
    bins = np.searchsorted(ends, confidence)
    return float(np.abs(np.bincount(bins, right - confidence)).sum() / len(codes))


def rps(params: NoParams, truth: np.ndarray, prediction: Predictions) -> float:
    """mean(1 / (K - 1) sum_{k<K} (P(rating <= v_k) - [y <= k])^2), in units of levels, not of rating points.

    Epstein (J. Appl. Meteor. 1969), in the form of Murphy (1971), over K - 1 so that it goes from 0
    to 1 on any scale. With a single level it is 0."""
    probability, codes = _checked(truth, prediction)
    reached = codes[:, None] <= np.arange(probability.shape[1] - 1)
    squares = (probability.cumsum(axis=1)[:, :-1] - reached) ** 2
    return float(squares.sum(axis=1).mean() / max(squares.shape[1], 1))


def _checked(truth: np.ndarray, prediction: Predictions) -> tuple[np.ndarray, np.ndarray]:
    """The probabilities, shape (n, K), and the position of each rating among the levels, shape (n,)."""
    if prediction.distribution is None or prediction.levels is None:
        cold = int((prediction.origin != "warm").sum())
        why = (
            f": {cold:,} of {len(truth):,} were answered for ids that training never saw"
            if cold
            else ""
        )
        raise DataError(f"this metric needs a distribution for every rating{why}")
    return prediction.distribution, _codes(truth, prediction.levels)


def _codes(truth: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """The nearest level of each rating; it may be off by a thousandth of the distance of two levels."""
    codes = np.searchsorted((levels[1:] + levels[:-1]) / 2, truth)
    off = np.abs(truth - levels[codes]) > (1e-3 * np.diff(levels).min() if len(levels) > 1 else 0.0)
    if off.any():
        row = int(off.argmax())
        listed = ", ".join(f"{level:g}" for level in levels)
        raise DataError(
            f"a rating of {truth[row]:g} is none of the predicted levels: {listed}", row=row
        )
    return codes
