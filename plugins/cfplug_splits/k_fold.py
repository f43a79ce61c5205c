"""Several splits of the same ratings, carried out one by one; KFoldParams has the rule."""

from __future__ import annotations

from collections.abc import Mapping

from cfplug import Context, DataError, Dataset, Split
from cfplug_splits import KFoldParams
from cfplug_splits.predefined import fold


def split(dataset: Dataset, params: KFoldParams, context: Context) -> dict[str, Split]:
    """Return the folds by name, in the order in which they are drawn or named.

    DataError if there are more folds than ratings, or the dataset lacks one that is named.
    """
    if isinstance(params.folds, int):
        return _drawn(len(dataset.ratings), params.folds, context.seed)
    if not dataset.folds:
        raise DataError(
            f"{dataset.name} has no folds of its own; have them drawn at random (folds: 5)"
        )
    folds = {name: fold(dataset, name) for name in params.folds}
    _tell(folds, len(dataset.ratings), context)
    return folds


def _drawn(n: int, folds: int, seed: int) -> dict[str, Split]:
    import numpy as np

    if folds > n:
        raise DataError(
            f"{folds:,} folds need at least as many ratings; there are {n:,}; ask for fewer "
            f"(folds: {n})"
        )
    drawn = np.array_split(np.random.RandomState(seed).permutation(n), folds)
    rows = np.arange(n)
    return {
        str(number): Split(np.delete(rows, valid), np.sort(valid))
        for number, valid in enumerate(drawn, 1)
    }


def _tell(folds: Mapping[str, Split], n: int, context: Context) -> None:
    """Report ratings that validate more than once, as with u1 and ua, which overlap."""
    import numpy as np

    times = np.bincount(np.concatenate([each.valid for each in folds.values()]), minlength=n)
    if (times > 1).any():
        context.say(
            f"k-fold: {int((times > 1).sum()):,} ratings validate in more than one of "
            f"{', '.join(folds)}"
        )
