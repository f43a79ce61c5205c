"""A newcomer's few ratings as a posterior over its vector, with all else that the model learned held fixed."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import attrs
import numpy as np
import pandas as pd
from attrs import frozen

import cfplug
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
"""Pairs whose slopes are worked out at once."""


@frozen(eq=False)
class SidePrior:
    """What is learned of one side from training alone: its population, what metadata says, the tilts of who rates.

    `tilts` (n_others, width) are None where the strategy leaves out who rates.
    """

    population: Population
    features: FeatureTable | None
    regression: Regression | None
    tilts: np.ndarray | None

    def prior(self, table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Of newcomers their prior means, shape (n, width), and whether metadata says anything, bool of shape (n,)."""
        if self.regression is None or self.features is None:
            return np.tile(self.population.mean, (len(table), 1)), np.zeros(len(table), dtype=bool)
        features = self.features.read(table)
        return self.regression.vectors(features) + self.population.shift, features.known


@frozen(eq=False)
class Side:
    """The newcomers of one side: what is expected of them, what their ratings say, and who has told or rated what.

    `told` and `rated`, bool of shape (n,): whether metadata, and whether ratings, say anything of
    each."""

    learned: SidePrior
    posterior: Normals
    told: np.ndarray
    rated: np.ndarray


@frozen(eq=False)
class FoldInPredictor:
    """What a model says of newcomers by the posterior means of their vectors, and how sure that is.

    `alone` gives how far to move the vectors of new users who meet new items, shape (width,), or
    None."""

    fitted: FittedModel
    newcomers: Newcomers
    sides: Mapping[str, Side]
    alone: Callable[[], np.ndarray | None] = lambda: None

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

    def deviation(self, pairs: pd.DataFrame) -> np.ndarray:
        """The root of: noise + J C J' for the vector of each newcomer of the pair, shape (n,)."""
        batch, variance = self.batch(pairs), np.zeros(len(pairs))
        for side, new in self._new(pairs).items():
            rows = np.flatnonzero(new >= 0)
            for part in np.array_split(rows, -(-len(rows) // AT_ONCE)) if len(rows) else ():
                slopes = self.fitted.slopes(side, batch[part])[1]
                variance[part] += self.sides[side].posterior.variance(new[part], slopes)
        return np.asarray(np.sqrt(variance + self._noise(pairs)))

    def origins(self, pairs: pd.DataFrame) -> np.ndarray:
        """`folded-in` where ratings of a newcomer say something, else `metadata` where that does, else `mean`."""
        rated, told = (np.zeros(len(pairs), dtype=bool) for _ in range(2))
        for side, new in self._new(pairs).items():
            rated |= (new >= 0) & np.append(self.sides[side].rated, False)[new]
            told |= (new >= 0) & np.append(self.sides[side].told, False)[new]
        return np.where(rated, "folded-in", np.where(told, "metadata", "mean")).astype(object)

    def batch(self, pairs: pd.DataFrame) -> Batch:
        """The pairs as the model sees them, newcomers with their vectors."""
        vectors = {side: found.posterior.mean for side, found in self.sides.items()}
        batch, new = (
            cfplug.ByVectors(self.fitted, self.newcomers, vectors).batch(pairs),
            self._new(pairs),
        )
        for side, found in self.sides.items():
            batch = self._tilted(side, found, batch, new)
        both = np.all([new.get(side, np.full(len(pairs), -1)) >= 0 for side in SIDES], axis=0)
        alone = self.alone() if both.any() else None
        return (
            batch
            if alone is None
            else batch.with_vectors("user", batch.vector("user") + both[:, None] * alone)
        )

    def _tilted(self, side: str, found: Side, batch: Batch, new: Mapping[str, np.ndarray]) -> Batch:
        """Vectors of newcomers as those are expected who meet the other id of the pair, one that training saw."""
        if found.learned.tilts is None:
            return batch
        known = np.full(len(batch), True) if other(side) not in new else new[other(side)] < 0
        rows = np.flatnonzero(known & (new[side] >= 0))
        if not len(rows):
            return batch
        tilt = found.learned.tilts[getattr(batch, other(side))[rows]]
        vectors = np.array(batch.vector(side))
        vectors[rows] += found.posterior.times(new[side][rows], tilt)
        return batch.with_vectors(side, vectors)

    def _new(self, pairs: pd.DataFrame) -> dict[str, np.ndarray]:
        """For each side with newcomers, which of them each pair has, shape (n,); -1 for one that training saw."""
        return {side: self.newcomers.places(side, pairs[side]) for side in self.sides}

    def _noise(self, pairs: pd.DataFrame) -> np.ndarray:
        """The noise of the pair's id that training saw; where it saw neither, the mean noise of a rating."""
        codes = self.fitted.catalogue.encode(pairs)
        noise = np.zeros(len(pairs))
        for side, found in self.sides.items():
            new, partner = self.newcomers.places(side, pairs[side]) >= 0, other(side)
            count = self.fitted.support.count[partner]
            mean = float(np.average(found.learned.population.noise, weights=count))
            met = getattr(codes, partner)
            own = np.where(
                self.fitted.support.trained(partner, met), found.learned.population.noise[met], mean
            )
            noise = np.where(new, own, noise)
        return noise


def fold_in(params: FoldIn, fitted: FittedModel, newcomers: Newcomers, context: Context) -> FoldInPredictor:
    """The posterior of every newcomer's vector given its ratings of, or by, ids that training saw."""
    there = [side for side in SIDES if len(newcomers.table(side))]
    sides = {side: _folded(learned_of(params, fitted, side), fitted, newcomers) for side in there}
    return FoldInPredictor(fitted, newcomers, sides, functools.partial(_alone, params, fitted))


def _folded(learned: SidePrior, fitted: FittedModel, newcomers: Newcomers) -> Side:
    side = learned.population.side
    prior, told = learned.prior(newcomers.table(side))
    ratings, places = newcomers.ratings, newcomers.places(side, newcomers.ratings[side])
    met = fitted.catalogue.side(other(side)).encode(ratings[other(side)])
    said = (
        (places >= 0)
        & fitted.support.trained(other(side), met)
        & ratings["rating"].notna().to_numpy()
    )
    given, residual = ratings[said], np.zeros(0)
    if len(given):
        batch = cfplug.ByVectors(fitted, newcomers, {side: prior}).batch(given)
        residual = given["rating"].to_numpy(dtype=np.float64) - fitted.predictor.predict(batch)
    rated = np.bincount(places[said], minlength=len(prior)) > 0
    return Side(
        learned,
        posterior(learned.population, prior, places[said], met[said], residual),
        told,
        rated,
    )


def learned_of(params: FoldIn, fitted: FittedModel, side: str) -> SidePrior:
    found: SidePrior = fitted.once(
        ("cfplug-coldstart fold-in", params, side), lambda: _learn(params, fitted, side)
    )
    return found


def _learn(params: FoldIn, fitted: FittedModel, side: str) -> SidePrior:
    plain: Population = fitted.once(
        ("cfplug-coldstart population", side), lambda: population(fitted, side)
    )
    names = (
        columns_of(fitted, params.columns, "columns")[side] if params.prior == "metadata" else ()
    )
    features = FeatureTable.of(fitted, side, names) if names else None
    told = (
        _regression(params, fitted, plain, features) if features is not None and features.each else None
    )
    known = (
        plain
        if told is None or features is None
        else population(fitted, side, prior=told.vectors(features))
    )
    return SidePrior(known, features, told, tilts(fitted, known) if params.raters else None)


def _regression(
    params: FoldIn, fitted: FittedModel, plain: Population, features: FeatureTable
) -> Regression | None:
    """Of what is known of vectors on metadata; None where metadata says nothing."""
    trained = TrainedIds.of(fitted, plain.side)
    count = fitted.support.count[other(plain.side)]
    metric = (plain.slopes.T * count) @ plain.slopes / count.sum()
    found = regression(
        features, attrs.evolve(trained, vectors=plain.vectors[trained.codes]), metric, params.damping
    )
    return found if found.says else None


def _alone(params: FoldIn, fitted: FittedModel) -> np.ndarray | None:
    """How far the mean user moves beside what metadata says of items, shape (width,); None where it says nothing.

    Beside the trained vectors of items it leaves out that users pick items which they like more
    than metadata tells."""
    items = learned_of(params, fitted, "item")
    if items.regression is None:
        return None
    work = functools.partial(population, fitted, "user", others=items.population.prior)
    beside: Population = fitted.once(("cfplug-coldstart fold-in alone", params), work)
    plain: Population = fitted.once(
        ("cfplug-coldstart population", "user"), lambda: population(fitted, "user")
    )
    return np.asarray(beside.mean - plain.mean)
