"""Predict vectors from metadata by ridge regression, with a penalty chosen by cross-validation."""

from __future__ import annotations

import numpy as np
from attrs import frozen

from cfplug_coldstart.feature_table import FeatureColumn, FeatureTable
from cfplug_coldstart.trained_ids import TrainedIds

PENALTIES = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 1e3, 1e9)
"""Penalties to choose from, in ids of mean weight; the last one keeps the mean alone."""

FOLDS = 5
KNOTS = (0.25, 0.5, 0.75)
"""Where the slope of a number may change, as quantiles of the trained ids."""

FAR = 4.0
"""Standard deviations from the mean at which a number is clipped: the square of more would dominate
the fit."""


@frozen(eq=False)
class Basis:
    """A column as numbers: category indicators, set members and their count, or a spline."""

    column: FeatureColumn
    knots: np.ndarray

    @classmethod
    def of(cls, column: FeatureColumn, trained: np.ndarray) -> Basis:
        """Return the basis of a column; `trained` are the codes of the trained ids."""
        known = column.values[trained][column.known[trained]]
        is_number = column.feature.kind == "number" and len(known) > 0
        return cls(column, np.unique(np.quantile(known, KNOTS)) if is_number else np.zeros(0))

    def table(self, column: FeatureColumn) -> np.ndarray:
        """Return the same column of n ids, shape (n, columns); NaN where it is missing."""
        return np.where(column.known[:, None], self._known(column), np.nan)

    def _known(self, column: FeatureColumn) -> np.ndarray:
        if column.feature.kind == "category":
            codes = np.arange(1, column.feature.size)
            return np.asarray(column.values == codes, dtype=np.float64)
        if column.feature.kind == "set":
            return np.column_stack([column.values, column.values.sum(axis=1)])
        x = column.values.clip(-FAR, FAR)
        return np.column_stack([x, x**2, (x - self.knots).clip(min=0)])


@frozen(eq=False)
class Regression:
    """vector = intercept + (columns - centre) weights, for new and for trained ids alike.

    Where nothing is known of an id its vector is the intercept, the mean of the trained ids'
    vectors. `weights` (columns, width) are zero where metadata says nothing that holds for ids that
    were left out.
    """

    bases: tuple[Basis, ...]
    centre: np.ndarray
    intercept: np.ndarray
    weights: np.ndarray

    @property
    def is_useful(self) -> bool:
        """Whether metadata says anything."""
        return bool(np.any(self.weights))

    def vectors(self, features: FeatureTable) -> np.ndarray:
        """Return the predicted vectors of n ids, shape (n, width)."""
        design = _centred(_design(self.bases, features), self.centre)
        return np.asarray(self.intercept + design @ self.weights)


def _centred(design: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Return the design around `centre`; what is missing is at the mean."""
    return np.asarray(np.nan_to_num(design - centre))


def _design(bases: tuple[Basis, ...], features: FeatureTable) -> np.ndarray:
    pairs = zip(bases, features.each, strict=True)
    return np.column_stack([basis.table(column) for basis, column in pairs])


def regression(
    features: FeatureTable, trained: TrainedIds, metric: np.ndarray, damping: float
) -> Regression:
    """Return the regression of the trained ids' vectors on their features.

    Args:
        features: The columns of all ids of the side.
        trained: The trained ids with their vectors.
        metric: Makes a squared distance of two vectors that of their ratings, (width, width); the
            penalty is chosen by it.
        damping: An id with n ratings weighs n / (n + damping).
    """
    bases = tuple(Basis.of(column, trained.codes) for column in features.each)
    design = _design(bases, features.take(trained.codes))
    weight = trained.count / (trained.count + damping)
    total = np.average(np.nan_to_num(design), axis=0, weights=weight)
    centre = total / np.average(~np.isnan(design), axis=0, weights=weight)
    intercept = np.average(trained.vectors, axis=0, weights=weight)
    vectors = trained.vectors - intercept
    ridge = _Ridge(_centred(design, centre), vectors, weight / weight.mean())
    return Regression(bases, centre, intercept, ridge.weights(ridge.penalty(metric)))


@frozen(eq=False)
class _Ridge:
    """Centred columns (n, d), centred vectors (n, width) and row weights (n,) of mean one."""

    design: np.ndarray
    vectors: np.ndarray
    weight: np.ndarray

    def weights(self, penalty: float) -> np.ndarray:
        """Return (X' W X + penalty I)^-1 X' W V, shape (d, width); zero for the last penalty."""
        if penalty == PENALTIES[-1]:
            return np.zeros((self.design.shape[1], self.vectors.shape[1]))
        weighted = self.design.T * self.weight
        system = weighted @ self.design + penalty * np.eye(len(weighted))
        return np.asarray(np.linalg.solve(system, weighted @ self.vectors))

    def penalty(self, metric: np.ndarray) -> float:
        """Return the penalty that is best for ids that were left out, a fifth of them at a time."""
        fold = np.empty(len(self.design), dtype=np.int64)
        by_rank = np.lexsort(self.vectors.T)  # so that the order of ids does not matter
        fold[by_rank] = np.arange(len(fold)) % FOLDS
        errors = np.zeros(len(PENALTIES))
        for part in range(min(FOLDS, len(self.design))):
            rest, test = self.take(fold != part), self.take(fold == part)
            for number, penalty in enumerate(PENALTIES):
                gap = test.vectors - test.design @ rest.weights(penalty)
                errors[number] += test.weight @ ((gap @ metric) * gap).sum(axis=1)
        return PENALTIES[len(errors) - 1 - int(np.argmin(errors[::-1]))]

    def take(self, rows: np.ndarray) -> _Ridge:
        return _Ridge(self.design[rows], self.vectors[rows], self.weight[rows])
