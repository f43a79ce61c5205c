"""Predict ratings by vectors of new users and items, with an origin for each rating."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from attrs import frozen

from cfplug.prediction.vectors import ByVectors


@frozen(eq=False)
class VectorPredictor:
    """Ratings that a model predicts with vectors in the place of those it did not learn.

    `by_both`, if it is not None, is for pairs of a new user and a new item, `by` for all others.
    `known` has for each side which of its new ids got a vector from their metadata, bool of shape
    (n_newcomers,), in the order of `newcomers.table(side)`.
    """

    by: ByVectors
    known: Mapping[str, np.ndarray]
    by_both: ByVectors | None = None

    def predict(self, pairs: pd.DataFrame) -> np.ndarray:
        """Return ratings of shape (n,)."""
        rating = self.by.predict(pairs)
        both = self._both_new(pairs)
        if self.by_both is not None and both.any():
            rating[both] = self.by_both.predict(pairs[both])
        return rating

    def distribution(self, pairs: pd.DataFrame) -> np.ndarray | None:
        """Return probabilities of the levels, shape (n, n_levels); None if the model has none."""
        share = self.by.distribution(pairs)
        both = self._both_new(pairs)
        if share is not None and self.by_both is not None and both.any():
            share[both] = self.by_both.distribution(pairs[both])
        return share

    def origins(self, pairs: pd.DataFrame) -> np.ndarray:
        """Return `metadata` where that gave the vector of a new id, else `mean`; shape (n,)."""
        from_metadata = np.zeros(len(pairs), dtype=bool)
        for side, known in self.known.items():
            places = self.by.newcomers.places(side, pairs[side])
            from_metadata |= (places >= 0) & np.append(known, False)[places]
        return np.where(from_metadata, "metadata", "mean").astype(object)

    def _both_new(self, pairs: pd.DataFrame) -> np.ndarray:
        new_user = self.by.newcomers.places("user", pairs["user"]) >= 0
        new_item = self.by.newcomers.places("item", pairs["item"]) >= 0
        return np.asarray(new_user & new_item)
