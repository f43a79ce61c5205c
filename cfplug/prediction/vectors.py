"""Predict with vectors of new ids in the place of those that training would have learned."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from attrs import field, frozen

from cfplug.data.batch import Batch
from cfplug.data.features import Feature
from cfplug.data.vocabulary import SIDES, UNKNOWN, Side
from cfplug.errors import UnknownIdError
from cfplug.prediction.attribution import as_wide
from cfplug.prediction.fitted_model import FittedModel
from cfplug.prediction.newcomers import Newcomers


@frozen(eq=False)
class ByVectors:
    """Predictions of a model that provides vectors, if new ids had `vectors`.

    `vectors` has for each side an array of shape (n_newcomers, width), in the order of
    `newcomers.table(side)`. `learned` may have an array of shape (n_ids, width) for a side; it
    replaces what training learned of its ids.
    """

    fitted: FittedModel
    newcomers: Newcomers
    vectors: Mapping[Side, np.ndarray]
    learned: Mapping[Side, np.ndarray] = field(factory=dict)

    def predict(self, pairs: pd.DataFrame) -> np.ndarray:
        """Return ratings of shape (n,) for n pairs.

        Raises:
            UnknownIdError: An id is neither trained nor in `newcomers`.
        """
        rating: np.ndarray = self.fitted.predictor.predict(self.batch(pairs))
        return rating

    def distribution(self, pairs: pd.DataFrame) -> np.ndarray | None:
        """Return probabilities of the levels, shape (n, n_levels); None if the model has none."""
        if "distribution" not in self.fitted.provides:
            return None
        share: np.ndarray = self.fitted.predictor.distribution(self.batch(pairs))
        return share

    def batch(self, pairs: pd.DataFrame) -> Batch:
        """Return the pairs as the model sees them: codes, and vectors and metadata of new ids."""
        batch = self.fitted.encoded(pairs)
        for side in SIDES:
            batch = self._with_newcomers(side, pairs, batch)
        # a vector has precedence over its code, so the code of a new id may be any
        return Batch(batch.user.clip(min=0), batch.item.clip(min=0), batch.context)

    def _with_newcomers(self, side: Side, pairs: pd.DataFrame, batch: Batch) -> Batch:
        """Return `batch` with the vectors and the metadata of the new ids of one side."""
        codes = getattr(batch, side)
        warm = self.fitted.support.trained(side, codes)
        if warm.all():
            if side not in self.learned:
                return batch
            return batch.with_vectors(side, self.learned[side][codes])
        places = self.newcomers.places(side, pairs[side])
        missing = ~warm & (places == UNKNOWN)
        if missing.any():
            id_ = pairs[side].iloc[int(missing.argmax())]
            raise UnknownIdError(f"nothing is known of {side} {id_!r}")
        learned = self.learned[side] if side in self.learned else self.fitted.vectors(side)
        rows = learned[codes.clip(min=0)]
        rows[~warm] = self.vectors[side][places[~warm]]
        context = dict(batch.context)
        for feature in self.fitted.features or ():
            if feature.side == side and feature.table is not None:
                context[feature.name] = self._encoded(feature, codes, places, warm)
        return Batch(batch.user, batch.item, context).with_vectors(side, rows)

    def _encoded(
        self, feature: Feature, codes: np.ndarray, places: np.ndarray, warm: np.ndarray
    ) -> np.ndarray:
        """Return the array of a feature for all pairs; of new ids from their own metadata."""
        assert feature.table is not None
        table = feature.table
        own = feature.encode(self.newcomers.table(feature.side)[feature.name.partition(".")[2]])
        if feature.kind == "set":
            table, own = as_wide(table, own)
        encoded: np.ndarray = table[codes.clip(min=0)]
        encoded[~warm] = own[places[~warm]]
        return encoded
