"""Errors of predicted ratings, in the unit of the ratings (mse: its square)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from cfplug import Predictions
    from cfplug.params import NoParams


def mse(params: NoParams, truth: np.ndarray, prediction: Predictions) -> float:
    """Return mean((truth - prediction)^2) over arrays of shape (n,)."""
    return float(np.mean((truth - prediction.rating) ** 2))


def rmse(params: NoParams, truth: np.ndarray, prediction: Predictions) -> float:
    """Return sqrt(mean((truth - prediction)^2)) over arrays of shape (n,)."""
    return float(np.sqrt(mse(params, truth, prediction)))


def mae(params: NoParams, truth: np.ndarray, prediction: Predictions) -> float:
    """Return mean(|truth - prediction|) over arrays of shape (n,)."""
    return float(np.mean(np.abs(truth - prediction.rating)))
