"""Join items with the same title, as chapter 8 of the fast.ai book does for MovieLens 100K."""

from __future__ import annotations

from collections.abc import Iterator, Set

import numpy as np
import pandas as pd

from cfplug import Dataset, Split


def by_title(dataset: Dataset) -> Dataset:
    """Return `dataset` with one item for each title, under the first id with that title.

    Ids without a title stay. Where a user rated one title under two ids, the later rating in the
    file stays. The folds lose the same rows; a fold with a part that becomes empty is left out.
    The data set's messages report it.
    """
    items = dataset.items
    first = (
        items.groupby("title", sort=False)["item"]
        .transform("first")
        .fillna(items["item"])
        .astype("int64")
    )
    kept_id = pd.Series(first.to_numpy(), index=items["item"])
    ratings = dataset.ratings.assign(item=dataset.ratings["item"].map(kept_id).to_numpy())
    kept = ~ratings.duplicated(["user", "item"], keep="last").to_numpy()
    folds = {}
    for name, fold in dataset.folds.items():
        smaller = _subset(fold, kept)
        if all(len(rows) for rows in smaller.parts().values()):
            folds[name] = smaller
    return Dataset.build(
        dataset.name,
        ratings[kept],
        dataset.users,
        items[items["item"] == first],
        roles=dataset.roles,
        scale=dataset.scale,
        folds=folds,
        words=(
            *dataset.words,
            *_messages(
                len(items) - first.nunique(), int((~kept).sum()), dataset.folds.keys() - folds
            ),
        ),
    )


def _subset(fold: Split, kept: np.ndarray) -> Split:
    """Return `fold` without the rows that are not `kept`, shape (n,), renumbered."""
    position = np.cumsum(kept) - 1
    parts = {part: position[rows[kept[rows]]] for part, rows in fold.parts().items()}
    return Split(**parts)


def _messages(joined: int, dropped: int, lost: Set[str]) -> Iterator[str]:
    if joined:
        yield (
            f"{joined} items went to another item with the same title, and {dropped} ratings of "
            "users who had rated a title twice: the last one counts"
        )
    if lost:
        yield (
            f"without the published splits {', '.join(sorted(lost))}, "
            "which have a part with no rating left"
        )
