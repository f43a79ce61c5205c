"""One cut in time for all users; ByTimeParams has the rule."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cfplug import Context, Dataset, Split
from cfplug_splits import ByTimeParams
from cfplug_splits.times import times_of

if TYPE_CHECKING:
    import numpy as np


def split(dataset: Dataset, params: ByTimeParams, context: Context) -> Split:
    """Return each part in rising order of rows.

    Raises:
        DataError: there are no times, or fewer different times than parts.
    """
    import numpy as np

    found = times_of(dataset, params.column, least=3 if params.test else 2)
    until = _last_ranks(np.bincount(found.ranks).cumsum(), params)
    parts, newest = {}, -1
    for part, rank in until.items():
        parts[part] = np.flatnonzero((newest < found.ranks) & (found.ranks <= rank))
        newest = rank
    words = []
    for part, rows in parts.items():
        words.append(f"{part} {len(rows):,} ratings until {found.times[until[part]]}")
    context.say(f"by-time: {'; '.join(words)}")
    return Split(parts["train"], parts["valid"], parts.get("test"))


def _last_ranks(n_until: np.ndarray, params: ByTimeParams) -> dict[str, int]:
    """Return the place of every part's newest time, where `n_until[i]` ratings are as old as the
    i-th time or older.
    """
    n, last = int(n_until[-1]), len(n_until) - 1
    if not params.test:
        return {"train": _nearest(n_until[:last], n - round(params.valid * n)), "valid": last}
    valid = 1 + _nearest(
        n_until[1:last], n - round(params.test * n)
    )  # the oldest time is left to train
    train = _nearest(n_until[:valid], int(n_until[valid]) - round(params.valid * n))
    return {"train": train, "valid": valid, "test": last}


def _nearest(counts: np.ndarray, wanted: int) -> int:
    """Return the position of the count nearest to `wanted`, the first of two."""
    return int(abs(counts - wanted).argmin())
