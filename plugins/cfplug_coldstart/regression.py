"""What metadata says of vectors: ridge regression, shrunk as far as ids that it did not see tell it to be."""

from __future__ import annotations

import numpy as np
from attrs import frozen

from cfplug_coldstart.feature_table import FeatureColumn, FeatureTable
from cfplug_coldstart.trained_ids import TrainedIds

PENALTIES = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 1e3, 1e9)
"""Penalties to choose from, in ids of mean weight; the last one leaves the mean alone."""

FOLDS = 5
KNOTS = (0.25, 0.5, 0.75)
"""Where the slope of a number may bend, as quantiles of the trained ids."""

FAR = 4.0
"""Numbers farther from the mean, in standard deviations, are taken as this far: a square of more would rule the fit."""


@frozen(eq=False)
class Basis:
    """A column as columns of numbers: indicators of a category, members of a set and their number, or a bent line."""

    column: FeatureColumn
    knots: np.ndarray

    @classmethod
    def of(cls, column: FeatureColumn, trained: np.ndarray) -> Basis:
        known = column.values[trained][column.known[trained]]
        number = column.feature.kind == "number" and len(known)
        return cls(column, np.unique(np.quantile(known, KNOTS)) if number else np.zeros(0))

    def table(self, column: FeatureColumn) -> np.ndarray:
        """The columns of the same column of n ids, shape (n, columns); NaN where it is missing."""
        return np.where(column.known[:, None], self._known(column), np.nan)

    def _known(self, column: FeatureColumn) -> np.ndarray:
        if column.feature.kind == "category":
            return np.asarray(column.values == np.arange(1, column.feature.size), dtype=np.float64)
        if column.feature.kind == "set":
            return np.column_stack([column.values, column.values.sum(axis=1)])
        x = column.values.clip(-FAR, FAR)
        return np.column_stack([x, x**2, (x - self.knots).clip(min=0)])


@frozen(eq=False)
class Regression:
    """vector = intercept + (columns - centre) weights, for newcomers and for all ids of one side alike.

    A newcomer of whom nothing is known gets the intercept, the mean of the trained ids' vectors.

    `weights` (columns, width) are zero where metadata says nothing that holds for ids that were
    left out."""

    bases: tuple[Basis, ...]
    centre: np.ndarray
    intercept: np.ndarray
    weights: np.ndarray

    @property
    def says(self) -> bool:
        """Whether metadata says anything."""
        return bool(np.any(self.weights))

    def vectors(self, features: FeatureTable) -> np.ndarray:
        """What is expected of ids with these features, shape (n, width)."""
        return np.asarray(
            self.intercept + _centred(_design(self.bases, features), self.centre) @ self.weights
        )


def _centred(design: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """What is missing is as the mean: it says nothing."""
    return np.asarray(np.nan_to_num(design - centre))


def _design(bases: tuple[Basis, ...], features: FeatureTable) -> np.ndarray:
    return np.column_stack(
        [basis.table(column) for basis, column in zip(bases, features.each, strict=True)]
    )


def regression(
    features: FeatureTable, trained: TrainedIds, metric: np.ndarray, damping: float
) -> Regression:
    """Of the vectors of trained ids on their features, an id with n ratings weighing n / (n + damping).

    `metric` (width, width) makes a squared distance of two vectors that of their ratings; by it the
    penalty is chosen."""
    bases = tuple(Basis.of(column, trained.codes) for column in features.each)
    design = _design(bases, features.take(trained.codes))
    weight = trained.count / (trained.count + damping)
    centre = np.average(np.nan_to_num(design), axis=0, weights=weight) / np.average(
        ~np.isnan(design), axis=0, weights=weight
    )
    intercept = np.average(trained.vectors, axis=0, weights=weight)
    ridge = _Ridge(_centred(design, centre), trained.vectors - intercept, weight / weight.mean())
    return Regression(bases, centre, intercept, ridge.weights(ridge.penalty(metric)))


@frozen(eq=False)
class _Ridge:
    """Centred columns (n, d), centred vectors (n, width) and the weight of each row (n,), one in the mean."""

    design: np.ndarray
    vectors: np.ndarray
    weight: np.ndarray

    def weights(self, penalty: float) -> np.ndarray:
        """(X' W X + penalty I)^-1 X' W V, shape (d, width); zero for the greatest penalty."""
        if penalty == PENALTIES[-1]:
            return np.zeros((self.design.shape[1], self.vectors.shape[1]))
        weighted = self.design.T * self.weight
        return np.asarray(
            np.linalg.solve(
                weighted @ self.design + penalty * np.eye(len(weighted)), weighted @ self.vectors
            )
        )

    def penalty(self, metric: np.ndarray) -> float:
        """The penalty that is best for ids that were left out, a fifth of them at a time."""
        fold = np.empty(
            len(self.design), dtype=np.int64
        )  # by rank, so that the order of ids does not matter
        fold[np.lexsort(self.vectors.T)] = np.arange(len(fold)) % FOLDS
        errors = np.zeros(len(PENALTIES))
        for part in range(min(FOLDS, len(self.design))):
            rest, test = self.take(fold != part), self.take(fold == part)
            for number, penalty in enumerate(PENALTIES):
                gap = test.vectors - test.design @ rest.weights(penalty)
                errors[number] += test.weight @ ((gap @ metric) * gap).sum(axis=1)
        return PENALTIES[len(errors) - 1 - int(np.argmin(errors[::-1]))]

    def take(self, rows: np.ndarray) -> _Ridge:
        return _Ridge(self.design[rows], self.vectors[rows], self.weight[rows])
