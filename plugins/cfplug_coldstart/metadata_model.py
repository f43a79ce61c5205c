"""Newcomers with the vectors that a network makes of their metadata and of their answers to questions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from cfplug.prediction.vectors import ByVectors
from cfplug_coldstart.teller import Teller, taught
from cfplug_coldstart.told import Told
from cfplug_coldstart.traits import columns_of
from cfplug_coldstart.warm import SIDES, Warm, looks_at_ratings, other

if TYPE_CHECKING:
    from cfplug import Context, FittedModel, Newcomers
    from cfplug_coldstart import MetadataModel


def metadata_model(
    params: MetadataModel, fitted: FittedModel, newcomers: Newcomers, context: Context
) -> Told:
    """vector = mean + share x what a network says of metadata and answers; the weighted mean for whom nothing is known.

    For newcomers of a side in `refold`, the other side's vectors are learned again on their
    training ratings against what the networks say of this side's warm ids."""
    columns = columns_of(fitted, params.columns, "columns")
    new = [side for side in SIDES if len(newcomers.table(side))]
    learned = {side: _learned(params, fitted, side, columns[side], context.seed) for side in new}
    told = {side: teller.tell(newcomers) for side, (teller, _) in learned.items()}
    vectors, known = ({side: each[place] for side, each in told.items()} for place in (0, 1))
    again = {other(side): others for side, (_, others) in learned.items() if others is not None}
    by = ByVectors(fitted, newcomers, vectors, again)
    return Told(by, known, ByVectors(fitted, newcomers, _for_each_other(fitted, vectors, again)))


def _learned(
    params: MetadataModel, fitted: FittedModel, side: str, names: Sequence[str], seed: int
) -> tuple[Teller, np.ndarray | None]:
    """What tells the vectors of one side, and the vectors of the other side against these, if `refold` wants them."""

    def work() -> tuple[Teller, np.ndarray | None]:
        from cfplug_coldstart.population import refold

        teller = taught(params, fitted, side, names, seed)
        again = side in params.refold and not looks_at_ratings(fitted)
        return teller, refold(fitted, side, teller.table) if again else None

    found: tuple[Teller, np.ndarray | None] = fitted.once(
        ("cfplug-coldstart metadata-model", side, params, seed), work
    )
    return found


def _for_each_other(
    fitted: FittedModel, vectors: dict[str, np.ndarray], again: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Vectors of newcomers for pairs of two: a side that was learned again moves as its warm ids did on average."""
    side = next((each for each in SIDES if each in again), None)
    if side is None or side not in vectors:
        return vectors
    warm = Warm.of(fitted, side)
    return {**vectors, side: vectors[side] + (again[side][warm.codes] - warm.vectors).mean(axis=0)}
