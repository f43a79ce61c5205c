"""Describe new users and items: those that training never saw, and what is known of them."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pandas as pd
from attrs import frozen

from cfplug.data.catalogue import Catalogue, Support
from cfplug.data.dataset import Scale
from cfplug.data.vocabulary import SIDES, UNKNOWN, WHOLE, Side
from cfplug.errors import DataError, did_you_mean

RATINGS = ("user", "item", "rating")
"""The columns of ratings by new users or of new items."""


@frozen(eq=False)
class Newcomers:
    """New users and items, for which a cold-start strategy answers.

    `users` and `items` have an id column, no id twice, and the columns of the catalogue's metadata,
    with missing values where nothing is known. `ratings` has user, item and rating; a missing
    rating means that the user has not seen the item. Each may be empty.
    """

    users: pd.DataFrame
    items: pd.DataFrame
    ratings: pd.DataFrame

    def table(self, side: Side) -> pd.DataFrame:
        """Return the new users or items, a row for each."""
        return self.users if side == "user" else self.items

    @functools.cached_property
    def _rows(self) -> dict[Side, dict[object, int]]:
        rows: dict[Side, dict[object, int]] = {}
        for side in SIDES:
            ids = self.table(side)[side]
            rows[side] = {_id_value(id_): row for row, id_ in enumerate(ids)}
        return rows

    def places(self, side: Side, ids: pd.Series[Any]) -> np.ndarray:
        """Return the row of each of n ids in `table(side)`, int64 of shape (n,); -1 for others."""
        rows = self._rows[side]
        codes, names = pd.factorize(ids)  # the code of a missing id is -1, the last place
        places = [rows.get(_id_value(name), UNKNOWN) for name in names]
        return np.array([*places, UNKNOWN], dtype=np.int64)[codes]

    def rated_by(self, user: object) -> pd.Series[Any]:
        """Return the items that `user` rated, without those that were not seen."""
        own = _id_values(self.ratings["user"]) == _id_value(user)
        items: pd.Series[Any] = self.ratings["item"][own & self.ratings["rating"].notna()]
        return items


@frozen(eq=False)
class KnownIds:
    """The ids of the catalogue, which of them training saw, and the scale of the ratings."""

    catalogue: Catalogue
    support: Support
    scale: Scale | None

    def trained(self, side: Side, ids: pd.Series[Any]) -> np.ndarray:
        """Return which of n ids training saw, bool of shape (n,)."""
        return self.support.trained(side, self.catalogue.side(side).encode(ids))

    def cold(self, side: Side, ids: pd.Series[Any]) -> pd.Series[Any]:
        """Return the ids that training never saw, each once."""
        distinct = ids.drop_duplicates()
        cold = distinct[~self.trained(side, distinct)]
        return cold[~_id_values(cold).duplicated()]

    def described(self, side: Side, ids: pd.Series[Any]) -> pd.DataFrame:
        """Return a table of `ids` with the catalogue's metadata of them."""
        rows = self.catalogue.metadata[side].rows(self.catalogue.side(side).encode(ids))
        column = pd.DataFrame({side: pd.Series(ids.tolist(), dtype=object)})
        return pd.concat([column, rows], axis=1)


def introduce(
    known: KnownIds,
    users: pd.DataFrame | None,
    items: pd.DataFrame | None,
    ratings: pd.DataFrame | None,
) -> Newcomers:
    """Return new users and items as `FittedModel.newcomers`.

    An id that is only in `ratings` is new too; of it the catalogue's metadata is known.

    Raises:
        DataError: With column and row.
    """
    user_table = _new_ids(known, "user", users)
    item_table = _new_ids(known, "item", items)
    checked = _checked_ratings(known, _no_ratings() if ratings is None else ratings)
    return Newcomers(
        _with_others(known, "user", user_table, checked),
        _with_others(known, "item", item_table, checked),
        checked,
    )


def newcomers_among(
    known: KnownIds, pairs: pd.DataFrame, introduced: Newcomers | None = None
) -> Newcomers:
    """Return all ids in `pairs` that training never saw, next to those already introduced.

    Args:
        known: The ids of the catalogue.
        pairs: The columns user and item.
        introduced: New users and items with what is known of them; of others the catalogue's
            metadata is known.
    """
    if introduced is None:
        users = known.described("user", known.cold("user", pairs["user"]))
        items = known.described("item", known.cold("item", pairs["item"]))
        return Newcomers(users, items, _no_ratings())
    return Newcomers(
        _with_others(known, "user", introduced.users, pairs),
        _with_others(known, "item", introduced.items, pairs),
        introduced.ratings,
    )


def _with_others(
    known: KnownIds, side: Side, table: pd.DataFrame, pairs: pd.DataFrame
) -> pd.DataFrame:
    """Return the new ids of the table, then those that are only in the pairs."""
    cold = known.cold(side, pairs[side])
    others = cold[~_id_values(cold).isin(set(_id_values(table[side])))]
    if others.empty:
        return table
    return pd.concat([table, known.described(side, others)], ignore_index=True)


def _no_ratings() -> pd.DataFrame:
    return pd.DataFrame({"user": [], "item": [], "rating": np.zeros(0)})


def _id_value(id_: object) -> object:
    """Return an id by value: 17, 17.0 and "17" are one."""
    if isinstance(id_, float):
        return int(id_) if id_.is_integer() else id_
    text = str(id_).strip()
    return int(text) if WHOLE.fullmatch(text) else id_


def _id_values(ids: pd.Series[Any]) -> pd.Series[Any]:
    """Return ids by value, each comparable with all others."""
    if pd.api.types.is_integer_dtype(ids.dtype):
        return ids
    return ids.astype(object).map(_id_value)


def _new_ids(known: KnownIds, side: Side, table: pd.DataFrame | None) -> pd.DataFrame:
    """Return the table with all metadata; DataError unless each id is new and there once."""
    table = pd.DataFrame({side: []}) if table is None else table.reset_index(drop=True)
    _require_column(side, table, f"new {side}s")
    ids = table[side]
    trained = known.trained(side, ids)
    if trained.any():
        row = int(trained.argmax())
        code = known.catalogue.side(side).encode(ids.iloc[[row]])[0]
        count = int(known.support.count[side][code])
        raise DataError(
            f"{side} {ids.iloc[row]!r} is not new: it has {count:,} training ratings",
            column=side,
            row=row,
        )
    twice = _id_values(ids).duplicated().to_numpy()
    if twice.any():
        row = int(twice.argmax())
        raise DataError(f"{ids.iloc[row]!r} is in the table twice", column=side, row=row)
    metadata = known.catalogue.metadata[side].read(table.drop(columns=side))
    return pd.concat([table[[side]].astype(object), metadata], axis=1)


def _require_column(name: str, table: pd.DataFrame, owner: str) -> None:
    """Raise DataError if `table` has no column called `name`."""
    if name in table.columns:
        return
    there = [str(column) for column in table.columns]
    found = ", ".join(there) or "none"
    raise DataError(
        f"{owner} need a column called {name}; found {found}{did_you_mean(name, there)}"
    )


def _checked_ratings(known: KnownIds, ratings: pd.DataFrame) -> pd.DataFrame:
    """Return the ratings as numbers on the scale, each between a trained id and a new one."""
    for name in RATINGS:
        _require_column(name, ratings, "ratings")
    ratings = ratings.reset_index(drop=True)
    ratings = ratings.assign(rating=_checked_numbers(ratings["rating"], known.scale))
    trained_user = known.trained("user", ratings["user"])
    trained_item = known.trained("item", ratings["item"])
    neither = ~(trained_user | trained_item)
    if neither.any():
        row = int(neither.argmax())
        user, item = ratings["user"].iloc[row], ratings["item"].iloc[row]
        raise DataError(
            f"training saw neither user {user!r} nor item {item!r}; "
            "a rating says something only if one of them has training ratings",
            row=row,
        )
    both = trained_user & trained_item
    if both.any():
        row = int(both.argmax())
        user, item = ratings["user"].iloc[row], ratings["item"].iloc[row]
        raise DataError(
            f"training saw both user {user!r} and item {item!r}; one of them must be new", row=row
        )
    ids = pd.DataFrame({side: _id_values(ratings[side]) for side in SIDES})
    twice = ids.duplicated().to_numpy()
    if twice.any():
        raise DataError("this pair of user and item was rated before", row=int(twice.argmax()))
    return ratings


def _checked_numbers(column: pd.Series[Any], scale: Scale | None) -> np.ndarray:
    """Return ratings as float64, missing ones as NaN; DataError for others off the scale."""
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64)
    low, high = (scale.low, scale.high) if scale else (-np.inf, np.inf)
    not_a_number = np.isnan(numbers) & column.notna().to_numpy()
    wrong = not_a_number | (numbers < low) | (numbers > high)
    if wrong.any():
        row = int(wrong.argmax())
        value = column.tolist()[row]
        raise DataError(
            f"must be a number from {low:g} to {high:g}, or missing for what was not seen; "
            f"is {value!r}",
            column="rating",
            row=row,
        )
    return numbers
