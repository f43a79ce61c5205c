"""Hold the ids of both sides and every rating, in codes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from attrs import field, frozen

from cfplug.data.batch import Batch, Interactions
from cfplug.data.dataset import Dataset
from cfplug.data.metadata import Metadata
from cfplug.data.vocabulary import SIDES, UNKNOWN, Side, Vocabulary, vocabulary
from cfplug.errors import DataError, did_you_mean


@frozen(eq=False)
class Support:
    """The training ratings of each id: their count and their sum, each of shape (n_ids,).

    `levels`, where ratings have levels, counts the ratings of each level, shape (n_ids, n_levels).
    `rated` says which of the catalogue's ratings training saw, bool of shape (n_ratings,); None
    where that was not kept.
    """

    count: Mapping[Side, np.ndarray]
    sum: Mapping[Side, np.ndarray]
    levels: Mapping[Side, np.ndarray] = field(factory=dict)
    rated: np.ndarray | None = None

    @classmethod
    def of(cls, train: Interactions, levels: tuple[float, ...] = ()) -> Support:
        """Count the training ratings, and those of each level if there are levels."""
        sizes = {"user": train.n_users, "item": train.n_items}
        codes = {"user": train.batch.user, "item": train.batch.item}
        counts, sums, by_level = {}, {}, {}
        for side in SIDES:
            counts[side] = np.bincount(codes[side], minlength=sizes[side])
            sums[side] = np.bincount(codes[side], train.rating, sizes[side])
        if levels:
            level = np.searchsorted(levels, train.rating).clip(max=len(levels) - 1)
            for side in SIDES:
                shape = sizes[side], len(levels)
                cells = np.ravel_multi_index((codes[side], level), shape)
                counted = np.bincount(cells, minlength=np.prod(shape))
                by_level[side] = counted.reshape(shape)
        return cls(counts, sums, by_level)

    def trained(self, side: Side, codes: np.ndarray) -> np.ndarray:
        """Return which of `codes` had a rating in training, bool of shape (n,)."""
        return np.where(codes == UNKNOWN, False, self.count[side][codes] > 0)

    @property
    def mean(self) -> float:
        """Return the mean of the training ratings."""
        return float(self.sum["user"].sum() / self.count["user"].sum())

    @property
    def frequency(self) -> np.ndarray:
        """Return the share of each level among the training ratings, shape (n_levels,)."""
        share: np.ndarray = self.levels["user"].sum(axis=0) / self.count["user"].sum()
        return share


@frozen(eq=False)
class Catalogue:
    """The vocabularies of both sides and every rating, whatever its part.

    `rated_user`, `rated_item` (int32 codes, sorted by user, then item) and `rated_rating` have the
    shape (n_ratings,). `metadata` has what is known about the ids of each side.
    """

    user: Vocabulary
    item: Vocabulary
    rated_user: np.ndarray
    rated_item: np.ndarray
    rated_rating: np.ndarray
    metadata: Mapping[Side, Metadata] = field(
        factory=lambda: {side: Metadata(side) for side in SIDES}
    )

    @classmethod
    def of(cls, dataset: Dataset) -> Catalogue:
        """Return the catalogue of a dataset."""
        users, items = vocabulary(dataset, "user"), vocabulary(dataset, "item")
        user = users.encode(dataset.ratings["user"])
        item = items.encode(dataset.ratings["item"])
        order = np.lexsort((item, user))
        rating = dataset.ratings["rating"].to_numpy()
        return cls(
            users,
            items,
            user[order].astype(np.int32),
            item[order].astype(np.int32),
            rating[order].astype(np.float32),
            {side: Metadata.of(dataset, side) for side in SIDES},
        )

    def side(self, side: Side) -> Vocabulary:
        """Return the vocabulary of `user` or `item`."""
        return self.user if side == "user" else self.item

    def encode(self, pairs: pd.DataFrame) -> Batch:
        """Return the codes of pairs, UNKNOWN where the catalogue lacks an id.

        Args:
            pairs: a table with the columns user and item, raw ids.

        Raises:
            DataError: a column is missing, or holds what cannot be an id.
        """
        for name in SIDES:
            if name not in pairs.columns:
                found = ", ".join(map(str, pairs.columns)) or "none"
                guess = did_you_mean(name, map(str, pairs.columns))
                raise DataError(f"pairs need a column called {name}; found {found}{guess}")
        return Batch(self.user.encode(pairs["user"]), self.item.encode(pairs["item"]))

    def interactions(self, ratings: pd.DataFrame, rows: np.ndarray) -> Interactions:
        """Return these rows of a dataset's ratings, in codes."""
        part = ratings.iloc[rows]
        return Interactions(
            self.encode(part), part["rating"].to_numpy(copy=True), len(self.user), len(self.item)
        )

    def which(self, batch: Batch) -> np.ndarray:
        """Return which of the catalogue's ratings are in `batch`, bool of shape (n_ratings,)."""
        n_items = len(self.item)
        rows = np.zeros(len(self.rated_user), dtype=bool)
        known = self.rated_user.astype(np.int64) * n_items + self.rated_item  # in rising order
        rows[np.searchsorted(known, batch.user * n_items + batch.item)] = True
        return rows

    def rated_by(self, user: int) -> np.ndarray:
        """Return the codes of the items that the user with this code has rated."""
        return self.rated_item[self._rows_of(user)]

    def ratings_by(self, user: int) -> np.ndarray:
        """Return the ratings that this user gave to the items of `rated_by`, in their order."""
        return self.rated_rating[self._rows_of(user)]

    def _rows_of(self, user: int) -> slice:
        start, stop = np.searchsorted(self.rated_user, [user, user + 1])
        return slice(start, stop)
