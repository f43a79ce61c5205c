"""What metadata says of vectors: ridge regression, shrunk as far as ids that it did not see tell it to be."""

from __future__ import annotations

import numpy as np
from attrs import frozen

from cfplug_coldstart.traits import Trait, Traits
from cfplug_coldstart.warm import Warm

PENALTIES = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 1e3, 1e9)
"""Penalties to choose from, in ids of mean weight; the last one leaves the mean alone."""

FOLDS = 5
KNOTS = (0.25, 0.5, 0.75)
"""Where the slope of a number may bend, as quantiles of the warm ids."""

FAR = 4.0
"""Numbers farther from the mean, in standard deviations, are taken as this far: a square of more would rule the fit."""


@frozen(eq=False)
class Column:
    """A trait as columns of numbers: indicators of a category, members of a set and their number, or a bent line."""

    trait: Trait
    knots: np.ndarray

    @classmethod
    def of(cls, trait: Trait, warm: np.ndarray) -> Column:
        known = trait.values[warm][trait.known[warm]]
        number = trait.feature.kind == "number" and len(known)
        return cls(trait, np.unique(np.quantile(known, KNOTS)) if number else np.zeros(0))

    def table(self, trait: Trait) -> np.ndarray:
        """The columns of the same trait of n ids, shape (n, columns); NaN where it is missing."""
        return np.where(trait.known[:, None], self._known(trait), np.nan)

    def _known(self, trait: Trait) -> np.ndarray:
        if trait.feature.kind == "category":
            return np.asarray(trait.values == np.arange(1, trait.feature.size), dtype=np.float64)
        if trait.feature.kind == "set":
            return np.column_stack([trait.values, trait.values.sum(axis=1)])
        x = trait.values.clip(-FAR, FAR)
        return np.column_stack([x, x**2, (x - self.knots).clip(min=0)])


@frozen(eq=False)
class Regression:
    """vector = intercept + (columns - centre) weights, for newcomers and for all ids of one side alike.

    A newcomer of whom nothing is known gets the intercept, the mean of the warm ids' vectors.

    `weights` (columns, width) are zero where metadata says nothing that holds for ids that were
    left out."""

    columns: tuple[Column, ...]
    centre: np.ndarray
    intercept: np.ndarray
    weights: np.ndarray

    @property
    def says(self) -> bool:
        """Whether metadata says anything."""
        return bool(np.any(self.weights))

    def vectors(self, traits: Traits) -> np.ndarray:
        """What is expected of ids with these traits, shape (n, width)."""
        return np.asarray(
            self.intercept + _centred(_design(self.columns, traits), self.centre) @ self.weights
        )


def _centred(design: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """What is missing is as the mean: it says nothing."""
    return np.asarray(np.nan_to_num(design - centre))


def _design(columns: tuple[Column, ...], traits: Traits) -> np.ndarray:
    return np.column_stack(
        [column.table(trait) for column, trait in zip(columns, traits.each, strict=True)]
    )


def regression(traits: Traits, warm: Warm, metric: np.ndarray, damping: float) -> Regression:
    """Of the vectors of warm ids on their traits, an id with n ratings weighing n / (n + damping).

    `metric` (width, width) makes a squared distance of two vectors that of their ratings; by it the
    penalty is chosen."""
    columns = tuple(Column.of(trait, warm.codes) for trait in traits.each)
    design = _design(columns, traits.take(warm.codes))
    weight = warm.count / (warm.count + damping)
    centre = np.average(np.nan_to_num(design), axis=0, weights=weight) / np.average(
        ~np.isnan(design), axis=0, weights=weight
    )
    intercept = np.average(warm.vectors, axis=0, weights=weight)
    ridge = _Ridge(_centred(design, centre), warm.vectors - intercept, weight / weight.mean())
    return Regression(columns, centre, intercept, ridge.weights(ridge.penalty(metric)))


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
