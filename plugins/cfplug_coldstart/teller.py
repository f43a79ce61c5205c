"""Networks that tell the vectors of one side from metadata and answers, and how far they are to be followed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import frozen

from cfplug_coldstart.questions import Questions
from cfplug_coldstart.traits import Traits
from cfplug_coldstart.warm import Warm, in_ratings, trust

if TYPE_CHECKING:
    from cfplug import FittedModel, Newcomers
    from cfplug_coldstart import MetadataModel

FEWEST = 20
"""Warm ids below which no network is trained."""


@frozen(eq=False)
class Teller:
    """What networks say of the vectors of one side: vector = mean + share x mean over networks of point x `back`.

    `share` is (for whom nothing was asked, for whom something was). `table` has a row for each code
    of the catalogue: what was said of each warm id by the network that did not see it, and the mean
    for all others."""

    fitted: FittedModel
    side: str
    traits: Traits
    questions: Questions
    networks: tuple[Any, ...]
    mean: np.ndarray
    back: np.ndarray
    share: tuple[float, float]
    table: np.ndarray

    def tell(self, newcomers: Newcomers) -> tuple[np.ndarray, np.ndarray]:
        """The newcomers' vectors, shape (n_newcomers, width), and of whom anything was known that tells theirs."""
        from cfplug_coldstart.network import Inputs, points_of

        table = newcomers.table(self.side)
        answers, answered = self._answers(newcomers)
        traits = self.traits.read(table)
        share = np.where(answered, self.share[1], self.share[0])
        known = (traits.known | answered) & (share > 0)
        vectors = np.tile(self.mean, (len(table), 1))
        if known.any():
            inputs = Inputs.of(traits.take(known), answers[known])
            points = np.mean([points_of(net, inputs) for net in self.networks], axis=0)
            vectors[known] += share[known, None] * points @ self.back
        return vectors, known

    def _answers(self, newcomers: Newcomers) -> tuple[np.ndarray, np.ndarray]:
        if self.side == "user":
            return self.questions.of_newcomers(self.fitted, newcomers)
        n = len(newcomers.table(self.side))
        return np.zeros((n, 0, 2)), np.zeros(n, dtype=bool)


def taught(
    params: MetadataModel, fitted: FittedModel, side: str, names: Sequence[str], seed: int
) -> Teller:
    """Networks for one side, trained on its warm ids, whose `names` are the columns to look at."""
    warm, traits = Warm.of(fitted, side).sorted(), Traits.of(fitted, side, names)
    questions = Questions.of(fitted, params.questions if side == "user" else 0)
    weight, mean = warm.weight(params.damping), warm.weighted_mean(params.damping)
    table = np.tile(mean, (len(fitted.catalogue.side(side)), 1))
    root = in_ratings(fitted, side)
    points = (warm.vectors - mean) @ root
    scale = float(np.sqrt(np.average((points**2).sum(axis=1), weights=weight)))
    if len(warm.codes) < FEWEST or scale == 0 or not (traits or len(questions.codes)):
        return Teller(
            fitted, side, traits, questions, (), mean, np.zeros(root.shape), (0.0, 0.0), table
        )

    from cfplug_coldstart.network import Inputs, cross_fitted

    answers = (
        questions.of_known(fitted)[warm.codes]
        if len(questions.codes)
        else np.zeros((len(warm.codes), 0, 2))
    )
    inputs = Inputs.of(traits.take(warm.codes), answers)
    networks, (unasked, asked) = cross_fitted(params, inputs, points / scale, weight, seed)
    shares = (trust(points / scale, unasked, weight), trust(points / scale, asked, weight))
    back = scale * np.linalg.pinv(root, rcond=1e-6)
    table[warm.codes] += shares[0] * unasked @ back
    return Teller(fitted, side, traits, questions, networks, mean, back, shares, table)
