"""Features of users or items as one matrix of numbers, a row for each id, for a linear prior."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from cfplug.data.features import Feature

FARTHEST = 3.0
"""Deviations from the mean beyond which a number counts as no farther, lest its square outweigh all
else.
"""


def design(features: Iterable[Feature], count: np.ndarray, *, with_count: bool) -> np.ndarray:
    """Return a column of ones, then the features and, `with_count`, the logarithm of the count;
    shape (n_ids, columns).

    `count` is how many training ratings each id has, (n_ids,). Columns have the mean 0 over the ids
    that have any. An id without ratings has the mean count: it is not known how popular it will be.
    """
    known = count > 0
    columns = [_columns(feature, len(count)) for feature in features]
    if with_count:
        columns.append(_with_square(_standardized(np.log1p(count), known)))
    if not columns:
        return np.ones((len(count), 1))
    table = np.concatenate(columns, axis=1)
    centred = table - table[known].mean(axis=0)
    if with_count:
        centred[~known, -2:] = 0.0
    return np.concatenate([np.ones((len(count), 1)), centred], axis=1)


def _columns(feature: Feature, n: int) -> np.ndarray:
    """Return a column for each category or member, (n, values), all 0 where it is missing; or the
    number and its square.
    """
    assert feature.table is not None
    if feature.kind == "number":
        return np.concatenate([_with_square(feature.table[:, 0]), feature.table[:, 1:]], axis=1)
    codes = feature.table.reshape(n, -1)
    marked = np.zeros((n, feature.size))
    marked[np.arange(n)[:, None], codes] = 1.0
    return marked[:, 1:]  # the first column means missing


def _with_square(numbers: np.ndarray) -> np.ndarray:
    near = numbers.astype(np.float64).clip(-FARTHEST, FARTHEST)
    return np.stack([near, near**2], axis=1)


def _standardized(numbers: np.ndarray, known: np.ndarray) -> np.ndarray:
    """(x - mean) / deviation, both over the `known`; 0 where all are equal."""
    deviation = numbers[known].std()
    scaled: np.ndarray = (numbers - numbers[known].mean()) / (deviation if deviation > 0 else 1.0)
    return scaled
