"""The last ratings of each user; LeaveLastParams has the rule."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cfplug import Context, DataError, Dataset, Split
from cfplug_splits import LeaveLastParams
from cfplug_splits.times import times_of

if TYPE_CHECKING:
    import numpy as np


def split(dataset: Dataset, params: LeaveLastParams, context: Context) -> Split:
    """Return each part in rising order of rows; says how many users train wholly.

    DataError without times, or if no user has ratings enough to be split.
    """
    import numpy as np
    import pandas as pd

    ranks = times_of(dataset, params.column).ranks
    users, _ = pd.factorize(dataset.ratings["user"])
    counts = np.bincount(users)
    enough = counts >= params.needed()
    _tell(counts, enough, params, context)
    later = np.where(enough[users], _later(users, ranks, counts), len(users))
    held_out = params.valid + params.test
    test = np.flatnonzero(later < params.test) if params.test else None
    return Split(
        np.flatnonzero(later >= held_out),
        np.flatnonzero((params.test <= later) & (later < held_out)),
        test,
    )


def _later(users: np.ndarray, ranks: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return how many ratings of the same user come after each one, shape (n,): 0 for a user's
    last.
    """
    import numpy as np

    order = np.lexsort(
        (ranks, users)
    )  # it is stable: of one user's ratings at one time the table's last is last
    later = np.empty_like(order)
    later[order] = counts.cumsum()[users[order]] - 1 - np.arange(len(order))
    return later


def _tell(
    counts: np.ndarray, enough: np.ndarray, params: LeaveLastParams, context: Context
) -> None:
    needed = params.needed()
    if not enough.any():
        raise DataError(
            f"leave-last: no user has the {needed:,} ratings that it takes to be split (valid "
            f"{params.valid} + "
            f"test {params.test} + keep {params.keep}); the most that a user has is "
            f"{counts.max():,}; ask for fewer"
        )
    if not enough.all():
        few = int((~enough).sum())
        context.say(
            f"leave-last: {few:,} of {len(counts):,} users have fewer than {needed:,} ratings "
            "and stay wholly in training"
        )
