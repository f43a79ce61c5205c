"""Fit networks from metadata and answers to the vectors of one side, and weigh their output."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import frozen

from cfplug_coldstart.answer_encoder import AnswerEncoder
from cfplug_coldstart.feature_table import FeatureTable
from cfplug_coldstart.trained_ids import TrainedIds, in_ratings, trust

if TYPE_CHECKING:
    from cfplug import FittedModel, Newcomers
    from cfplug_coldstart import MetadataModel

FEWEST = 20
"""Trained ids below which no network is trained."""


@frozen(eq=False)
class VectorModel:
    """Networks for the vectors of one side: vector = mean + share x mean of points x `back`.

    `share` is a pair: for ids that answered nothing, and for ids that answered something. `table`
    has a row for each code of the catalogue: for each trained id the output of the network that
    was not trained on it, and the mean for all others.
    """

    fitted: FittedModel
    side: str
    features: FeatureTable
    encoder: AnswerEncoder
    networks: tuple[Any, ...]
    mean: np.ndarray
    back: np.ndarray
    share: tuple[float, float]
    table: np.ndarray

    def predict(self, newcomers: Newcomers) -> tuple[np.ndarray, np.ndarray]:
        """Return the vectors of n new ids, shape (n, width), and which of them a network gave."""
        from cfplug_coldstart.network import Inputs, points_of

        table = newcomers.table(self.side)
        answers, answered = self._answers(newcomers)
        features = self.features.read(table)
        share = np.where(answered, self.share[1], self.share[0])
        known = (features.known | answered) & (share > 0)
        vectors = np.tile(self.mean, (len(table), 1))
        if known.any():
            inputs = Inputs.of(features.take(known), answers[known])
            points = np.mean([points_of(net, inputs) for net in self.networks], axis=0)
            vectors[known] += share[known, None] * points @ self.back
        return vectors, known

    def _answers(self, newcomers: Newcomers) -> tuple[np.ndarray, np.ndarray]:
        if self.side == "user":
            return self.encoder.of_newcomers(self.fitted, newcomers)
        n = len(newcomers.table(self.side))
        return np.zeros((n, 0, 2)), np.zeros(n, dtype=bool)


def fit_vector_model(
    params: MetadataModel, fitted: FittedModel, side: str, names: Sequence[str], seed: int
) -> VectorModel:
    """Return networks for one side, trained on its trained ids.

    Args:
        params: The parameters of the strategy.
        fitted: A model that provides vectors.
        side: "user" or "item".
        names: The metadata columns to use.
        seed: Draws the folds and the weights.
    """
    trained = TrainedIds.of(fitted, side).sorted()
    features = FeatureTable.of(fitted, side, names)
    encoder = AnswerEncoder.of(fitted, params.questions if side == "user" else 0)
    weight, mean = trained.weight(params.damping), trained.weighted_mean(params.damping)
    table = np.tile(mean, (len(fitted.catalogue.side(side)), 1))
    root = in_ratings(fitted, side)
    points = (trained.vectors - mean) @ root
    scale = float(np.sqrt(np.average((points**2).sum(axis=1), weights=weight)))
    no_inputs = not features and len(encoder.codes) == 0
    if len(trained.codes) < FEWEST or scale == 0 or no_inputs:
        back = np.zeros(root.shape)
        return VectorModel(fitted, side, features, encoder, (), mean, back, (0.0, 0.0), table)

    from cfplug_coldstart.network import Inputs, cross_fitted

    answers = np.zeros((len(trained.codes), 0, 2))
    if len(encoder.codes):
        answers = encoder.of_known(fitted)[trained.codes]
    inputs = Inputs.of(features.take(trained.codes), answers)
    target = points / scale
    networks, unasked, asked = cross_fitted(params, inputs, target, weight, seed)
    shares = (trust(target, unasked, weight), trust(target, asked, weight))
    back = scale * np.linalg.pinv(root, rcond=1e-6)
    table[trained.codes] += shares[0] * unasked @ back
    return VectorModel(fitted, side, features, encoder, networks, mean, back, shares, table)
