"""Rows drawn at random; RandomParams has the rule."""

from __future__ import annotations

from cfplug import Context, Dataset, Split
from cfplug_splits import RandomParams


def split(dataset: Dataset, params: RandomParams, context: Context) -> Split:
    """Return each part in rising order.

    Raises:
        DataError: there are too few ratings for each part to have one.
    """
    import numpy as np

    n = len(dataset.ratings)
    drawn = np.random.RandomState(context.seed).permutation(n)
    n_valid, n_test = round(params.valid * n), round(params.test * n)
    valid, test, train = np.split(drawn, [n_valid, n_valid + n_test])
    parts = Split(np.sort(train), np.sort(valid), np.sort(test) if params.test else None)
    parts.check(n)
    return parts
