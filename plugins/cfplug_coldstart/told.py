"""Answers by vectors that metadata told, and a word for where each comes from."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from attrs import frozen

from cfplug.prediction.vectors import ByVectors


@frozen(eq=False)
class Told:
    """What a model says of newcomers `by` their vectors; of pairs of two newcomers, `by_both` if that is not None.

    `known` has for each side of which newcomers metadata told anything, bool of shape
    (n_newcomers,), in the order of `newcomers.table(side)`."""

    by: ByVectors
    known: Mapping[str, np.ndarray]
    by_both: ByVectors | None = None

    def predict(self, pairs: pd.DataFrame) -> np.ndarray:
        """Ratings of shape (n,)."""
        rating = self._said("predict", pairs)
        assert rating is not None
        return rating

    def distribution(self, pairs: pd.DataFrame) -> np.ndarray | None:
        """Probabilities of the levels, shape (n, n_levels); None where the model gives none."""
        return self._said("distribution", pairs)

    def _said(self, verb: str, pairs: pd.DataFrame) -> np.ndarray | None:
        said: np.ndarray | None = getattr(self.by, verb)(pairs)
        new = [self.by.newcomers.places(side, pairs[side]) >= 0 for side in ("user", "item")]
        both = np.logical_and(*new)
        if said is not None and self.by_both is not None and both.any():
            said[both] = getattr(self.by_both, verb)(pairs[both])
        return said

    def origins(self, pairs: pd.DataFrame) -> np.ndarray:
        """`metadata` where a newcomer of the pair is known by its metadata, else `mean`; shape (n,)."""
        told = np.zeros(len(pairs), dtype=bool)
        for side, known in self.known.items():
            places = self.by.newcomers.places(side, pairs[side])
            told |= (places >= 0) & np.append(known, False)[places]
        return np.where(told, "metadata", "mean").astype(object)
