"""Predict the vectors of new users and items from metadata and answers, by a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from cfplug.prediction.vectors import ByVectors
from cfplug_coldstart.feature_table import columns_of
from cfplug_coldstart.trained_ids import SIDES, TrainedIds, looks_at_ratings, other
from cfplug_coldstart.vector_model import VectorModel, fit_vector_model
from cfplug_coldstart.vector_predictor import VectorPredictor

if TYPE_CHECKING:
    from cfplug import Context, FittedModel, Newcomers
    from cfplug_coldstart import MetadataModel


def metadata_model(
    params: MetadataModel, fitted: FittedModel, newcomers: Newcomers, context: Context
) -> VectorPredictor:
    """Return vector = mean + share x (what a network predicts from metadata and answers).

    Where nothing is known of a new id its vector is the weighted mean. For new ids of a side in
    `refold`, the other side's vectors are learned again on their training ratings against what the
    networks predict for this side's trained ids.
    """
    columns = columns_of(fitted, params.columns, "columns")
    vectors, known, refolded = {}, {}, {}
    for side in SIDES:
        if len(newcomers.table(side)) == 0:
            continue
        model, others = _fitted(params, fitted, side, columns[side], context.seed)
        vectors[side], known[side] = model.predict(newcomers)
        if others is not None:
            refolded[other(side)] = others
    vectors_for_both = _for_pairs_of_new(fitted, vectors, refolded)
    return VectorPredictor(
        ByVectors(fitted, newcomers, vectors, refolded),
        known,
        ByVectors(fitted, newcomers, vectors_for_both),
    )


def _fitted(
    params: MetadataModel, fitted: FittedModel, side: str, names: Sequence[str], seed: int
) -> tuple[VectorModel, np.ndarray | None]:
    """Return the networks of one side, and the other side's vectors if `refold` asks for them."""

    def fit() -> tuple[VectorModel, np.ndarray | None]:
        from cfplug_coldstart.population import refold

        model = fit_vector_model(params, fitted, side, names, seed)
        again = side in params.refold and not looks_at_ratings(fitted)
        return model, refold(fitted, side, model.table) if again else None

    key = ("cfplug-coldstart metadata-model", side, params, seed)
    found: tuple[VectorModel, np.ndarray | None] = fitted.once(key, fit)
    return found


def _for_pairs_of_new(
    fitted: FittedModel, vectors: Mapping[str, np.ndarray], refolded: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Return vectors for pairs of a new user and a new item.

    New ids of a side that was learned again move as its trained ids did on average.
    """
    moved = dict(vectors)
    side = next((each for each in SIDES if each in refolded), None)
    if side is not None and side in vectors:
        trained = TrainedIds.of(fitted, side)
        change = refolded[side][trained.codes] - trained.vectors
        moved[side] = vectors[side] + change.mean(axis=0)
    return moved
