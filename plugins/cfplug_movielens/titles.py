"""Films by title: in MovieLens 100K some films stand under two ids, and chapter 8 of the fast.ai book joins them."""

from __future__ import annotations

from collections.abc import Iterator, Set

import numpy as np
import pandas as pd

from cfplug import Dataset, Split


def by_title(dataset: Dataset) -> Dataset:
    """`dataset` with one item for every title: the ids of one title become the first of them in `items`.

    The row of that first id stays in `items`; an id without a title stays as it is. Where a user
    rated one title under two ids, the rating that stands later in the file stays. The folds lose
    the rows that the ratings lose, and no others; one of which a part would be empty is left out.
    `words` tells it all."""
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
    renumbered = {name: _without(fold, kept) for name, fold in dataset.folds.items()}
    folds = {
        name: fold
        for name, fold in renumbered.items()
        if all(len(rows) for rows in fold.parts().values())
    }
    return Dataset.build(
        dataset.name,
        ratings[kept],
        dataset.users,
        items[items["item"] == first],
        roles=dataset.roles,
        scale=dataset.scale,
        folds=folds,
        notes=(
            *dataset.notes,
            *_words(len(items) - first.nunique(), int((~kept).sum()), renumbered.keys() - folds),
        ),
    )


def _without(fold: Split, kept: np.ndarray) -> Split:
    """`fold` of the rows that are `kept`, of shape (n,), numbered anew."""
    row = np.cumsum(kept) - 1
    return Split(**{part: row[rows[kept[rows]]] for part, rows in fold.parts().items()})


def _words(joined: int, gone: int, lost: Set[str]) -> Iterator[str]:
    if joined:
        yield (
            f"{joined} items went to another item with the same title, and {gone} ratings of users who had rated "
            "a title twice: the last one counts"
        )
    if lost:
        yield f"without the published splits {', '.join(sorted(lost))}, which have a part with no rating left"
