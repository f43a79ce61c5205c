"""Folds over users, items or both, each cold once; the parameter classes have the rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from cfplug import Context, DataError, Dataset, Split
from cfplug_splits import ColdBothParams, ColdItemsParams, ColdUsersParams

if TYPE_CHECKING:
    import numpy as np


@frozen
class _Side:
    """The side of a pair that is cold: its split, its table, and its column in the ratings."""

    split: str
    table: str
    key: str


_USERS = _Side("cold-users", "users", "user")
_ITEMS = _Side("cold-items", "items", "item")


def users(dataset: Dataset, params: ColdUsersParams, context: Context) -> dict[str, Split]:
    """Return folds "1" to "k"; train and valid in rising order of rows, support in the order in
    which ratings are revealed.

    Says how many users have all their ratings in the support. DataError if there are more folds
    than users with ratings, or support leaves a fold nothing to measure.
    """
    return _one_side(_USERS, dataset, params, context)


def items(dataset: Dataset, params: ColdItemsParams, context: Context) -> dict[str, Split]:
    """Return the folds as `users` does, with the two sides swapped."""
    return _one_side(_ITEMS, dataset, params, context)


def both(dataset: Dataset, params: ColdBothParams, context: Context) -> dict[str, Split]:
    """Return folds "1" to "k", the rows in the same order as in `users`; says how many ratings
    validate.

    DataError if there are more folds than users or items with ratings, or a fold trains or
    validates on nothing.
    """
    import numpy as np

    rng = np.random.RandomState(context.seed)
    user_folds = _folds_of(_codes(dataset, _USERS), params.folds, _USERS, rng)
    item_folds = _folds_of(_codes(dataset, _ITEMS), params.folds, _ITEMS, rng)
    order = rng.permutation(len(dataset.ratings))
    folds = {
        str(fold + 1): _crossed(user_folds == fold, item_folds == fold, order, fold + 1)
        for fold in range(params.folds)
    }
    valid = sum(len(each.valid) for each in folds.values())
    context.say(
        f"cold-both: {valid:,} of {len(order):,} ratings validate, those of a user and an item "
        "cold together"
    )
    return folds


def _one_side(
    side: _Side, dataset: Dataset, params: ColdUsersParams | ColdItemsParams, context: Context
) -> dict[str, Split]:
    import numpy as np

    rng = np.random.RandomState(context.seed)
    codes = _codes(dataset, side)
    folds = _folds_of(codes, params.folds, side, rng)
    order = rng.permutation(len(codes))
    counts = np.bincount(codes)
    pools = _pools(counts, params.support)
    revealed = _ranks(codes, order) < pools[codes]
    _check_measured(side, counts[codes], folds, revealed, params.support)
    if (pools == counts).any():
        few = int((pools == counts).sum())
        context.say(
            f"{side.split}: support takes all ratings of {few:,} of {len(counts):,} {side.table}"
        )
    return {str(fold + 1): _parted(folds == fold, revealed, order) for fold in range(params.folds)}


def _codes(dataset: Dataset, side: _Side) -> np.ndarray:
    """Return each rating's id, counted from 0 over the ids with ratings in the order of their
    table, shape (n,).
    """
    import numpy as np
    import pandas as pd

    places = pd.Index(dataset.tables()[side.table][side.key]).get_indexer(dataset.ratings[side.key])
    codes: np.ndarray = np.unique(places, return_inverse=True)[1]
    return codes


def _folds_of(codes: np.ndarray, folds: int, side: _Side, rng: np.random.RandomState) -> np.ndarray:
    """Return the fold, from 0, in which each rating's id is cold, shape (n,)."""
    import numpy as np

    n = int(codes.max()) + 1
    if folds > n:
        advice = f"; ask for fewer (folds: {n})" if n > 1 else ""
        raise DataError(
            f"{folds:,} folds need at least as many {side.table} with ratings; there are "
            f"{n:,}{advice}"
        )
    fold_of = np.empty(n, dtype=np.int64)
    for fold, drawn in enumerate(np.array_split(rng.permutation(n), folds)):
        fold_of[drawn] = fold
    of_ratings: np.ndarray = fold_of[codes]
    return of_ratings


def _pools(counts: np.ndarray, support: float) -> np.ndarray:
    """Return how many of the `counts` ratings of each id are its support pool, shape (n_ids,)."""
    import numpy as np

    asked = np.rint(support * counts) if support < 1 else support
    pools: np.ndarray = np.minimum(counts, asked).astype(np.int64)
    return pools


def _ranks(codes: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Return how many ratings of the same id come earlier in `order`, shape (n,)."""
    import numpy as np

    by_id = order[np.argsort(codes[order], kind="stable")]
    counts = np.bincount(codes)
    ranks = np.empty_like(order)
    ranks[by_id] = np.arange(len(order)) - (counts.cumsum() - counts)[codes[by_id]]
    return ranks


def _check_measured(
    side: _Side, counts: np.ndarray, folds: np.ndarray, revealed: np.ndarray, support: float
) -> None:
    """Raise DataError if all ratings of a fold are support; `counts`, shape (n,), is of ratings of
    each rating's id.
    """
    import numpy as np

    for fold in range(int(folds.max()) + 1):
        cold = folds == fold
        if revealed[cold].all():
            raise DataError(
                f"{side.split}: support {support} leaves nothing to measure in fold {fold + 1}, "
                "where "
                f"a cold {side.key} has {int(np.max(counts[cold])):,} ratings at most; lower "
                "support"
            )


def _parted(cold: np.ndarray, revealed: np.ndarray, order: np.ndarray) -> Split:
    import numpy as np

    return Split(
        np.flatnonzero(~cold),
        np.flatnonzero(cold & ~revealed),
        support=_support(cold & revealed, order),
    )


def _crossed(cold_user: np.ndarray, cold_item: np.ndarray, order: np.ndarray, fold: int) -> Split:
    import numpy as np

    train, valid = np.flatnonzero(~cold_user & ~cold_item), np.flatnonzero(cold_user & cold_item)
    for rows, words, advice in ((valid, "cold", "fewer folds"), (train, "warm", "more folds")):
        if len(rows) == 0:
            raise DataError(
                f"cold-both: no rating has both its user and its item {words} in fold {fold}; "
                f"ask for {advice} or take another seed"
            )
    return Split(train, valid, support=_support(cold_user != cold_item, order))


def _support(chosen: np.ndarray, order: np.ndarray) -> np.ndarray | None:
    """Return the rows that `chosen`, truth values of shape (n,), marks, as `order` has them; None
    if it marks none.
    """
    rows: np.ndarray = order[chosen[order]]
    return rows if len(rows) else None
