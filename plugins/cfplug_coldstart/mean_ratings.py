"""Predict means of training ratings for pairs with a new user or item."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from attrs import frozen

if TYPE_CHECKING:
    from cfplug import Context, FittedModel, Newcomers
    from cfplug.params import NoParams
    from cfplug_coldstart import ItemMean


@frozen(eq=False)
class MeanRatings:
    """rating = (sum of the known side's ratings + damping x mean) / (their number + damping).

    The known side is the item where it has training ratings, else the user; where neither has any
    this is the mean of all. Infinite damping gives that mean for every pair.
    """

    fitted: FittedModel
    damping: float

    def predict(self, pairs: pd.DataFrame) -> np.ndarray:
        """Return ratings of shape (n,)."""
        support, codes = self.fitted.support, self.fitted.catalogue.encode(pairs)
        rating = np.full(len(pairs), support.mean)
        if np.isinf(self.damping):
            return rating
        for side, asked in (("user", codes.user), ("item", codes.item)):  # the item goes last
            known = support.trained(side, asked)
            count, total = support.count[side][asked[known]], support.sum[side][asked[known]]
            rating[known] = (total + self.damping * support.mean) / (count + self.damping)
        return rating

    def distribution(self, pairs: pd.DataFrame) -> np.ndarray:
        """Return probabilities of the levels, shape (n, n_levels), damped by the same rule."""
        support, codes = self.fitted.support, self.fitted.catalogue.encode(pairs)
        share = np.tile(support.frequency, (len(pairs), 1))
        if np.isinf(self.damping):
            return share
        for side, asked in (("user", codes.user), ("item", codes.item)):  # the item goes last
            known = support.trained(side, asked)
            count = support.count[side][asked[known], None]
            levels = support.levels[side][asked[known]]
            share[known] = (levels + self.damping * support.frequency) / (count + self.damping)
        return share


def global_mean(
    params: NoParams, fitted: FittedModel, newcomers: Newcomers, context: Context
) -> MeanRatings:
    """Return the mean of the training ratings for every pair."""
    return MeanRatings(fitted, np.inf)


def item_mean(
    params: ItemMean, fitted: FittedModel, newcomers: Newcomers, context: Context
) -> MeanRatings:
    """Return damped means of the side that is known."""
    return MeanRatings(fitted, params.damping)
