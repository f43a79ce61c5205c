"""Which rating was given before which, as far as a split by time needs to know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from attrs import frozen

from cfplug import DataError, Dataset
from cfplug.errors import did_you_mean

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

_ELSE = "split in another way (split: random)"


@frozen(eq=False)
class Times:
    """The m different `times` in rising order, and the place among them of each of n ratings:
    `ranks`, shape (n,).
    """

    ranks: np.ndarray
    times: pd.Index


def times_of(dataset: Dataset, column: str | None, least: int = 2) -> Times:
    """Return the times in `column` of the ratings (null: `time`, or the only column with that
    role).

    DataError unless there is such a column, every rating has a time, and at least `least` times
    differ.
    """
    import pandas as pd

    name = _column(dataset, column)
    ranks, times = pd.factorize(dataset.ratings[name], sort=True)
    if (ranks < 0).any():
        count, row = int((ranks < 0).sum()), int((ranks < 0).argmax())
        advice = f"give them one, leave them out, or {_ELSE}"
        why = f"{count:,} of {len(ranks):,} ratings have no time; {advice}"
        raise DataError(why, table="ratings", row=row, column=name)
    if len(times) < least:
        there = " and ".join(map(str, times))
        found = f"the {len(ranks):,} ratings have only {there}"
        why = f"a split by time needs {least} different times; {found}; {_ELSE}"
        raise DataError(why, table="ratings", column=name)
    return Times(ranks, pd.Index(times))


def _column(dataset: Dataset, wanted: str | None) -> str:
    roles = dataset.roles["ratings"]
    timed = [name for name, role in roles.items() if role == "time"]
    if wanted is None and ("time" in timed or len(timed) == 1):
        return "time" if "time" in timed else timed[0]
    if wanted in timed:
        return wanted
    raise DataError(_no_column(roles, timed, wanted), table="ratings")


def _no_column(roles: Mapping[str, str], timed: Sequence[str], wanted: str | None) -> str:
    """Return why no column of the ratings can be taken for their time, and what to do."""
    there = ", ".join(f"{name} ({role})" for name, role in roles.items())
    if not timed:
        return (
            f"a split by time needs a column with the role time; there is none among {there}; "
            f"if the data has times, name their column to its source (time: COLUMN), else {_ELSE}"
        )
    if wanted is None:
        advice = f"say which of them the split goes by (column: {timed[0]})"
        return f"{' and '.join(timed)} have the role time; {advice}"
    if wanted in roles:
        rule = f"a split by time needs the role time, as of {', '.join(timed)}"
        return f"{wanted} has the role {roles[wanted]}; {rule}"
    guess = did_you_mean(wanted, timed)
    return f"no column called {wanted!r}{guess} (with the role time: {', '.join(timed)})"
