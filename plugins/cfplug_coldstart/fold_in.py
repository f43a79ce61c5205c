"""Fold new users and items in: the posterior of a vector, with the rest of the model held fixed."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import attrs
import numpy as np
import pandas as pd
from attrs import frozen

from cfplug.prediction.vectors import ByVectors
from cfplug_coldstart.feature_table import FeatureTable, columns_of
from cfplug_coldstart.population import Population, population
from cfplug_coldstart.posterior import Normals, posterior
from cfplug_coldstart.raters import tilts
from cfplug_coldstart.regression import Regression, regression
from cfplug_coldstart.trained_ids import SIDES, TrainedIds, other

if TYPE_CHECKING:
    from cfplug import Batch, Context, FittedModel, Newcomers
    from cfplug_coldstart import FoldIn

AT_ONCE = 20_000
"""Pairs whose slopes are computed at once."""


@frozen(eq=False)
class SidePrior:
    """What is learned of one side from training alone: its population, and vectors from metadata.

    `tilts` (n_others, width) are None where the strategy does not correct for who rates.
    """

    population: Population
    features: FeatureTable | None
    regression: Regression | None
    tilts: np.ndarray | None

    def prior(self, table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Return prior means of n new ids, shape (n, width), and which have metadata, bool (n,)."""
        if self.regression is None or self.features is None:
            means = np.tile(self.population.mean, (len(table), 1))
            return means, np.zeros(len(table), dtype=bool)
        features = self.features.read(table)
        return self.regression.vectors(features) + self.population.shift, features.known


@frozen(eq=False)
class SidePosterior:
    """The posterior of the vectors of n new ids of one side.

    `described` and `rated`, bool of shape (n,), are which ids have metadata, and which ratings.
    """

    learned: SidePrior
    posterior: Normals
    described: np.ndarray
    rated: np.ndarray


@frozen(eq=False)
class FoldInPredictor:
    """Predictions by the posterior means of the vectors of new ids, and their deviations.

    `shift_of_both` gives how far to move the vectors of new users in pairs with new items, shape
    (width,), or None.
    """

    fitted: FittedModel
    newcomers: Newcomers
    sides: Mapping[str, SidePosterior]
    shift_of_both: Callable[[], np.ndarray | None] = lambda: None

    def predict(self, pairs: pd.DataFrame) -> np.ndarray:
        """Return ratings of shape (n,)."""
        rating: np.ndarray = self.fitted.predictor.predict(self.batch(pairs))
        return rating

    def distribution(self, pairs: pd.DataFrame) -> np.ndarray | None:
        """Return probabilities of the levels, shape (n, n_levels); None if the model has none."""
        if "distribution" not in self.fitted.provides:
            return None
        share: np.ndarray = self.fitted.predictor.distribution(self.batch(pairs))
        return share

    def deviation(self, pairs: pd.DataFrame) -> np.ndarray:
        """Return the root of noise + J C J' for the vector of each new id of the pair, (n,)."""
        batch, variance = self.batch(pairs), np.zeros(len(pairs))
        for side, new in self._places(pairs).items():
            rows = np.flatnonzero(new >= 0)
            if len(rows) == 0:
                continue
            for part in np.array_split(rows, -(-len(rows) // AT_ONCE)):
                slopes = self.fitted.slopes(side, batch[part])[1]
                variance[part] += self.sides[side].posterior.variance(new[part], slopes)
        return np.asarray(np.sqrt(variance + self._noise(pairs)))

    def origins(self, pairs: pd.DataFrame) -> np.ndarray:
        """Return the origin of each prediction, shape (n,).

        It is `folded-in` where a new id has ratings, else `metadata` where it has that, or `mean`.
        """
        rated, described = np.zeros(len(pairs), dtype=bool), np.zeros(len(pairs), dtype=bool)
        for side, new in self._places(pairs).items():
            found = self.sides[side]
            rated |= (new >= 0) & np.append(found.rated, False)[new]
            described |= (new >= 0) & np.append(found.described, False)[new]
        cold = np.where(described, "metadata", "mean")
        return np.where(rated, "folded-in", cold).astype(object)

    def batch(self, pairs: pd.DataFrame) -> Batch:
        """Return the pairs as the model sees them, new ids with their vectors."""
        vectors = {side: found.posterior.mean for side, found in self.sides.items()}
        batch = ByVectors(self.fitted, self.newcomers, vectors).batch(pairs)
        places = self._places(pairs)
        for side, found in self.sides.items():
            batch = self._tilted(side, found, batch, places)
        both = np.full(len(pairs), True)
        for side in SIDES:
            both &= places[side] >= 0 if side in places else False
        shift = self.shift_of_both() if both.any() else None
        if shift is None:
            return batch
        return batch.with_vectors("user", batch.vector("user") + both[:, None] * shift)

    def _tilted(
        self, side: str, found: SidePosterior, batch: Batch, places: Mapping[str, np.ndarray]
    ) -> Batch:
        """Return `batch` with new ids' vectors as expected of those that meet the trained id."""
        if found.learned.tilts is None:
            return batch
        partner = other(side)
        met_trained = np.full(len(batch), True) if partner not in places else places[partner] < 0
        rows = np.flatnonzero(met_trained & (places[side] >= 0))
        if not len(rows):
            return batch
        tilt = found.learned.tilts[getattr(batch, partner)[rows]]
        vectors = np.array(batch.vector(side))
        vectors[rows] += found.posterior.times(places[side][rows], tilt)
        return batch.with_vectors(side, vectors)

    def _places(self, pairs: pd.DataFrame) -> dict[str, np.ndarray]:
        """Return by side which of the new ids each pair has, shape (n,); -1 for none."""
        return {side: self.newcomers.places(side, pairs[side]) for side in self.sides}

    def _noise(self, pairs: pd.DataFrame) -> np.ndarray:
        """Return the noise of the pair's trained id; the mean noise of a rating if it has none."""
        codes = self.fitted.catalogue.encode(pairs)
        noise = np.zeros(len(pairs))
        for side, found in self.sides.items():
            new, partner = self.newcomers.places(side, pairs[side]) >= 0, other(side)
            own = found.learned.population.noise
            mean = float(np.average(own, weights=self.fitted.support.count[partner]))
            met = getattr(codes, partner)
            trained = self.fitted.support.trained(partner, met)
            noise = np.where(new, np.where(trained, own[met], mean), noise)
        return noise


def fold_in(
    params: FoldIn, fitted: FittedModel, newcomers: Newcomers, context: Context
) -> FoldInPredictor:
    """Return the posterior of every new id's vector given its ratings with trained ids."""
    sides = {}
    for side in SIDES:
        if len(newcomers.table(side)):
            learned = side_prior(params, fitted, side)
            sides[side] = _side_posterior(learned, fitted, newcomers)
    shift = functools.partial(_shift_of_both, params, fitted)
    return FoldInPredictor(fitted, newcomers, sides, shift)


def _side_posterior(learned: SidePrior, fitted: FittedModel, newcomers: Newcomers) -> SidePosterior:
    side = learned.population.side
    partner = other(side)
    prior, described = learned.prior(newcomers.table(side))
    ratings = newcomers.ratings
    places = newcomers.places(side, ratings[side])
    met = fitted.catalogue.side(partner).encode(ratings[partner])
    seen = ratings["rating"].notna().to_numpy()
    used = (places >= 0) & fitted.support.trained(partner, met) & seen
    given, residual = ratings[used], np.zeros(0)
    if len(given):
        batch = ByVectors(fitted, newcomers, {side: prior}).batch(given)
        residual = given["rating"].to_numpy(dtype=np.float64) - fitted.predictor.predict(batch)
    rated = np.bincount(places[used], minlength=len(prior)) > 0
    found = posterior(learned.population, prior, places[used], met[used], residual)
    return SidePosterior(learned, found, described, rated)


def side_prior(params: FoldIn, fitted: FittedModel, side: str) -> SidePrior:
    """Return what is learned of `side`, once for each model."""
    key = ("cfplug-coldstart fold-in", params, side)
    found: SidePrior = fitted.once(key, lambda: _learn(params, fitted, side))
    return found


def _population(fitted: FittedModel, side: str) -> Population:
    """Return the population of `side` around the mean vector, once for each model."""
    key = ("cfplug-coldstart population", side)
    found: Population = fitted.once(key, lambda: population(fitted, side))
    return found


def _learn(params: FoldIn, fitted: FittedModel, side: str) -> SidePrior:
    known = _population(fitted, side)
    features, found = None, None
    if params.prior == "metadata":
        names = columns_of(fitted, params.columns, "columns")[side]
        features = FeatureTable.of(fitted, side, names) if names else None
    if features:
        found = _regression(params, fitted, known, features)
        if found is not None:
            known = population(fitted, side, prior=found.vectors(features))
    return SidePrior(known, features, found, tilts(fitted, known) if params.raters else None)


def _regression(
    params: FoldIn, fitted: FittedModel, known: Population, features: FeatureTable
) -> Regression | None:
    """Return the regression of vectors on metadata; None where metadata says nothing."""
    trained = TrainedIds.of(fitted, known.side)
    count = fitted.support.count[other(known.side)]
    metric = (known.slopes.T * count) @ known.slopes / count.sum()
    estimated = attrs.evolve(trained, vectors=known.vectors[trained.codes])
    found = regression(features, estimated, metric, params.damping)
    return found if found.is_useful else None


def _shift_of_both(params: FoldIn, fitted: FittedModel) -> np.ndarray | None:
    """Return how far the mean user moves where items have the vectors that metadata predicts.

    The mean user that was learned with the trained vectors of items leaves out that users pick
    items which they like more than metadata predicts. Shape (width,); None where metadata says
    nothing of items.
    """
    items = side_prior(params, fitted, "item")
    if items.regression is None:
        return None
    fit = functools.partial(population, fitted, "user", others=items.population.prior)
    with_predicted: Population = fitted.once(("cfplug-coldstart fold-in both", params), fit)
    return np.asarray(with_predicted.mean - _population(fitted, "user").mean)
