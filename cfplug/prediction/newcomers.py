"""Users and items that training never saw: what is known of them, and the strategy that answers for them."""

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
"""The columns that ratings of newcomers have."""


def _no_ratings() -> pd.DataFrame:
    return pd.DataFrame({"user": [], "item": [], "rating": np.zeros(0)})


@frozen(eq=False)
class Newcomers:
    """Whom a cold-start strategy is asked about: tables of users and items, and ratings that they gave or got.

    `users` and `items` have an id column, no id twice, and the columns of the catalogue's metadata,
    with missing values where nothing is known; `ratings` has user, item and rating, where a missing
    rating says that the user has not seen the item. Each may be empty."""

    users: pd.DataFrame
    items: pd.DataFrame
    ratings: pd.DataFrame

    def table(self, side: Side) -> pd.DataFrame:
        """Those of one side, a row for each."""
        return self.users if side == "user" else self.items

    @functools.cached_property
    def _rows(self) -> dict[Side, dict[object, int]]:
        return {
            side: {_value(each): row for row, each in enumerate(self.table(side)[side])}
            for side in SIDES
        }

    def places(self, side: Side, ids: pd.Series[Any]) -> np.ndarray:
        """The row of each of `ids` in `table(side)`, int64 of shape (n,); -1 for whom is no newcomer."""
        rows = self._rows[side]
        codes, names = pd.factorize(
            ids
        )  # each name once; the code of a missing one is -1, the last
        return np.array(
            [*(rows.get(_value(each), UNKNOWN) for each in names), UNKNOWN], dtype=np.int64
        )[codes]

    def rated_by(self, user: object) -> pd.Series[Any]:
        """The items that `user` gave a rating, without those that were not seen."""
        seen, name = self.ratings[self.ratings["rating"].notna()], _value(user)
        items: pd.Series[Any] = seen["item"][
            np.array([_value(each) == name for each in seen["user"]], dtype=bool)
        ]
        return items


def _value(name: object) -> object:
    """An id by value: 17, 17.0 and "17" are one."""
    if isinstance(name, float):
        return int(name) if name.is_integer() else name
    text = str(name).strip()
    return int(text) if WHOLE.fullmatch(text) else name


def _values(ids: pd.Series[Any]) -> pd.Series[Any]:
    """Ids by value, each comparable with all others."""
    return ids if pd.api.types.is_integer_dtype(ids.dtype) else ids.astype(object).map(_value)


@frozen(eq=False)
class Acquaintance:
    """Who is known already: the catalogue, what training saw of it, and the scale of the ratings."""

    catalogue: Catalogue
    support: Support
    scale: Scale | None

    def trained(self, side: Side, ids: pd.Series[Any]) -> np.ndarray:
        """Whom of `ids` training saw, bool of shape (n,)."""
        return self.support.trained(side, self.catalogue.side(side).encode(ids))

    def cold(self, side: Side, ids: pd.Series[Any]) -> pd.Series[Any]:
        """Those of `ids` that training never saw, each once."""
        ids = ids.drop_duplicates()
        cold = ids[~self.trained(side, ids)]
        return cold[~_values(cold).duplicated()]

    def told(self, side: Side, ids: pd.Series[Any]) -> pd.DataFrame:
        """A table of `ids` with what the catalogue's metadata says of them."""
        rows = self.catalogue.metadata[side].rows(self.catalogue.side(side).encode(ids))
        return pd.concat(
            [pd.DataFrame({side: pd.Series(ids.tolist(), dtype=object)}), rows], axis=1
        )


def introduced(
    known: Acquaintance,
    users: pd.DataFrame | None,
    items: pd.DataFrame | None,
    ratings: pd.DataFrame | None,
) -> Newcomers:
    """Newcomers from what a person says of them; DataError for what cannot be, with its column and row.

    Who is only in `ratings` is a newcomer too, of whom nothing else is known.
    """
    tables = {
        side: _checked_table(known, side, table)
        for side, table in zip(SIDES, (users, items), strict=True)
    }
    given = _checked_ratings(known, _no_ratings() if ratings is None else ratings)
    new = {side: _introduced(known, side, table, given) for side, table in tables.items()}
    return Newcomers(new["user"], new["item"], given)


def _checked_table(known: Acquaintance, side: Side, table: pd.DataFrame | None) -> pd.DataFrame:
    """The table with an id column in which each is new and stands once."""
    table = pd.DataFrame({side: []}) if table is None else table.reset_index(drop=True)
    if side not in table.columns:
        found = ", ".join(map(str, table.columns)) or "none"
        guess = did_you_mean(side, map(str, table.columns))
        raise DataError(f"newcomers need a column called {side}; found {found}{guess}")
    _check_new(known, side, table[side])
    return table


def _introduced(
    known: Acquaintance, side: Side, table: pd.DataFrame, ratings: pd.DataFrame
) -> pd.DataFrame:
    """Those of the table, then those that are only in the ratings, with what is known of them."""
    metadata = known.catalogue.metadata[side].read(table.drop(columns=side))
    new = pd.concat([table[[side]].astype(object), metadata], axis=1)
    only_rated = known.cold(side, ratings[side])
    others = only_rated[~_values(only_rated).isin(set(_values(table[side])))]
    return new if others.empty else pd.concat([new, known.told(side, others)], ignore_index=True)


def _check_new(known: Acquaintance, side: Side, ids: pd.Series[Any]) -> None:
    trained = known.trained(side, ids)
    if trained.any():
        row = int(trained.argmax())
        code = known.catalogue.side(side).encode(ids.iloc[[row]])[0]
        count = int(known.support.count[side][code])
        raise DataError(
            f"{ids.iloc[row]!r} is no newcomer: training saw {count:,} ratings of this {side}",
            column=side,
            row=row,
        )
    twice = _values(ids).duplicated().to_numpy()
    if twice.any():
        row = int(twice.argmax())
        raise DataError(f"{ids.iloc[row]!r} stands there twice", column=side, row=row)


def _checked_ratings(known: Acquaintance, ratings: pd.DataFrame) -> pd.DataFrame:
    """The ratings with numbers on the scale, each of a newcomer and somebody who is known or is a newcomer too."""
    for name in RATINGS:
        if name not in ratings.columns:
            found = ", ".join(map(str, ratings.columns)) or "none"
            guess = did_you_mean(name, map(str, ratings.columns))
            raise DataError(f"ratings need a column called {name}; found {found}{guess}")
    ratings = ratings.reset_index(drop=True).assign(rating=_numbers(ratings["rating"], known.scale))
    warm = {side: known.trained(side, ratings[side]) for side in SIDES}
    neither = ~(warm["user"] | warm["item"])
    if neither.any():
        row = int(neither.argmax())
        user, item = (ratings[side].iloc[row] for side in SIDES)
        raise DataError(
            f"training saw neither user {user!r} nor item {item!r}, so this rating says nothing of either",
            row=row,
        )
    both = warm["user"] & warm["item"]
    if both.any():
        row = int(both.argmax())
        user, item = (ratings[side].iloc[row] for side in SIDES)
        raise DataError(
            f"training saw both user {user!r} and item {item!r}; of a newcomer's rating one is new",
            row=row,
        )
    twice = pd.DataFrame({side: _values(ratings[side]) for side in SIDES}).duplicated().to_numpy()
    if twice.any():
        raise DataError("this pair of user and item was rated before", row=int(twice.argmax()))
    return ratings


def _numbers(column: pd.Series[Any], scale: Scale | None) -> np.ndarray:
    """Ratings as float64, missing ones as NaN; DataError for one that is no number or off the scale."""
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64)
    wrong = np.isnan(numbers) & column.notna().to_numpy()
    low, high = (scale.low, scale.high) if scale else (-np.inf, np.inf)
    wrong |= (numbers < low) | (numbers > high)
    if wrong.any():
        row = int(wrong.argmax())
        value = column.tolist()[row]
        raise DataError(
            f"must be a number from {low:g} to {high:g}, or missing for what was not seen; is {value!r}",
            column="rating",
            row=row,
        )
    return numbers


def among(
    known: Acquaintance, pairs: pd.DataFrame, introduced: Newcomers | None = None
) -> Newcomers:
    """Everybody in `pairs` whom training never saw, with what `introduced` or else the catalogue says of them."""
    cold = {side: known.told(side, known.cold(side, pairs[side])) for side in SIDES}
    if introduced is None:
        return Newcomers(cold["user"], cold["item"], _no_ratings())
    users, items = (_with(introduced, side, cold[side]) for side in SIDES)
    return Newcomers(users, items, introduced.ratings)


def _with(introduced: Newcomers, side: Side, others: pd.DataFrame) -> pd.DataFrame:
    """The newcomers of `side` that were introduced, and those of `others` that were not."""
    left = others[introduced.places(side, others[side]) == UNKNOWN]
    return (
        pd.concat([introduced.table(side), left], ignore_index=True)
        if len(left)
        else introduced.table(side)
    )
