"""Vectors in the place of what training would have learned of newcomers, and what a model says with them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from attrs import field, frozen

from cfplug.data.batch import Batch
from cfplug.data.features import Feature
from cfplug.data.vocabulary import SIDES, UNKNOWN, Side
from cfplug.errors import UnknownIdError
from cfplug.prediction.fitted_model import FittedModel
from cfplug.prediction.newcomers import Newcomers


@frozen(eq=False)
class ByVectors:
    """What a model that gives vectors says of pairs with newcomers, if these had `vectors`.

    `vectors` has for each side an array of shape (n_newcomers, width), in the order of
    `newcomers.table(side)`. `learned` may have an array of shape (n_ids, width) for a side, in the
    place of what training learned of its ids."""

    fitted: FittedModel
    newcomers: Newcomers
    vectors: Mapping[Side, np.ndarray]
    learned: Mapping[Side, np.ndarray] = field(factory=dict)

    def predict(self, pairs: pd.DataFrame) -> np.ndarray:
        """Ratings of shape (n,)."""
        rating: np.ndarray = self.fitted.predictor.predict(self.batch(pairs))
        return rating

    def distribution(self, pairs: pd.DataFrame) -> np.ndarray | None:
        """Probabilities of the levels, shape (n, n_levels); None where the model gives none."""
        if "distribution" not in self.fitted.provides:
            return None
        share: np.ndarray = self.fitted.predictor.distribution(self.batch(pairs))
        return share

    def batch(self, pairs: pd.DataFrame) -> Batch:
        """The pairs as the model sees them: codes, and for newcomers their vectors and metadata."""
        batch = self.fitted.encoded(pairs)
        for side in SIDES:
            batch = self._with_newcomers(side, pairs, batch)
        return Batch(
            batch.user.clip(min=0), batch.item.clip(min=0), batch.context
        )  # a vector goes before any code

    def _with_newcomers(self, side: Side, pairs: pd.DataFrame, batch: Batch) -> Batch:
        codes = getattr(batch, side)
        warm = self.fitted.support.trained(side, codes)
        if warm.all():
            return (
                batch
                if side not in self.learned
                else batch.with_vectors(side, self.learned[side][codes])
            )
        places = self.newcomers.places(side, pairs[side])
        lost = ~warm & (places == UNKNOWN)
        if lost.any():
            raise UnknownIdError(
                f"nothing is known of {side} {pairs[side].iloc[int(lost.argmax())]!r}"
            )
        learned = self.learned[side] if side in self.learned else self.fitted.vectors(side)
        rows = learned[codes.clip(min=0)]
        rows[~warm] = self.vectors[side][places[~warm]]
        features = [
            each
            for each in self.fitted.features or ()
            if each.side == side and each.table is not None
        ]
        given = {each.name: self._told(each, codes, places, warm) for each in features}
        return Batch(batch.user, batch.item, {**batch.context, **given}).with_vectors(side, rows)

    def _told(
        self, feature: Feature, codes: np.ndarray, places: np.ndarray, warm: np.ndarray
    ) -> np.ndarray:
        """The array of a feature for every pair, where that of newcomers is encoded from their own metadata."""
        assert feature.table is not None
        own = feature.encode(self.newcomers.table(feature.side)[feature.name.partition(".")[2]])
        table = feature.table
        if feature.kind == "set":
            table, own = (_padded(each, max(table.shape[1], own.shape[1])) for each in (table, own))
        told: np.ndarray = table[codes.clip(min=0)]
        told[~warm] = own[places[~warm]]
        return told


def _padded(codes: np.ndarray, width: int) -> np.ndarray:
    return np.pad(codes, ((0, 0), (0, width - codes.shape[1])))
