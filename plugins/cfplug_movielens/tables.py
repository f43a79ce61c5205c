"""Build the tables that the layouts of MovieLens share, and the data set with their roles."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from cfplug import DataError, Dataset, Scale, Split
from cfplug.errors import Place
from cfplug_movielens.archive import Member
from cfplug_movielens.columns import read_table
from cfplug_movielens.rows import Format, without_time

RATINGS = ("user", "item", "rating", "time")
USERS = ("user", "age", "gender", "occupation", "zip_code")

WHOLE_STARS = Scale(1, 5, (1, 2, 3, 4, 5))
HALF_STARS = Scale(0.5, 5, tuple(half / 2 for half in range(1, 11)))

ROLES = {
    "ratings": {"user": "id", "item": "id", "rating": "target", "time": "time"},
    "users": {
        "user": "id",
        "age": "number",
        "gender": "category",
        "occupation": "category",
        "zip_code": "text",  # 795 of them for 943 users: as a category it would identify the user
    },
    "items": {
        "item": "id",
        "title": "label",
        "release_date": "time",
        "year": "number",
        "genres": "set",
        "tags": "set",
        "genome": "set",
        "imdb": "text",  # one for every film: as a category or a number it would identify the film
        "tmdb": "text",
    },
}

_YEAR = re.compile(r"\((\d{4})(?:[-\u2013]\s*(?:\d{4})?)?\)")
_LAST_SECOND = 2**32


def ratings_table(member: Member, form: Format, scale: Scale) -> pd.DataFrame:
    """Return user, item, rating and time (UTC), in the order of the file.

    There is no time where the first line has one cell less.

    Raises:
        DataError: A rating is off the scale or a pair occurs twice; the message names the line.
    """
    form = without_time(member, form)
    frame = read_table(member, form)
    steps = " in steps of 0.5" if scale == HALF_STARS else ""
    rule = f"expected a number from {scale.low:g} to {scale.high:g}{steps}"
    check_column(frame["rating"], np.isin(frame["rating"], scale.levels), rule, member, form)
    _check_pairs(frame, member, form)
    frame["rating"] = frame["rating"].astype("float64")
    if "time" in frame:
        within = frame["time"].between(0, _LAST_SECOND).to_numpy()
        check_column(
            frame["time"], within, f"expected a number from 0 to {_LAST_SECOND}", member, form
        )
        frame["time"] = frame["time"].to_numpy().view("datetime64[s]")
    return frame


def check_column(
    column: pd.Series[int], right: np.ndarray, rule: str, member: Member, form: Format
) -> None:
    """Check that `right`, shape (n,), is true for all n values of `column`.

    Raises:
        DataError: The message names the line of the first wrong value, and `rule`.
    """
    if not right.all():
        row = int(right.argmin())
        raise DataError(
            f"{place_of(member, form, row)}: {column.name}: {rule}, got {column.iloc[row]:g}"
        )


def place_of(member: Member, form: Format, row: int) -> Place:
    """Return the place in its file of row `row`, counted from 0, of a table."""
    return Place(member.place, row + form.first_line)


def _check_pairs(frame: pd.DataFrame, member: Member, form: Format) -> None:
    user, item = frame["user"].to_numpy(), frame["item"].to_numpy()
    if _rising(user, item):  # as in all the larger files; looking for repeats takes far longer
        return
    repeated = frame.duplicated(["user", "item"]).to_numpy()
    if repeated.any():
        row = int(repeated.argmax())
        first = int(((user == user[row]) & (item == item[row])).argmax())
        raise DataError(
            f"{place_of(member, form, row)}: user {user[row]} already rated item {item[row]} "
            f"on line {first + form.first_line}. Keep one of them."
        )


def _rising(user: np.ndarray, item: np.ndarray) -> bool:
    """Return whether the n pairs of `user` and `item` are in strictly rising order."""
    later, same = user[1:] > user[:-1], user[1:] == user[:-1]
    return bool((later | (same & (item[1:] > item[:-1]))).all())


def year_of(title: str) -> float:
    """Return the year in parentheses at the end of a title; NaN if there is none.

    Of a series, (1975-1979), it is the first year. It can differ from the release date, which may
    be that of a later release in cinemas.
    """
    years: list[str] = _YEAR.findall(title)
    return float(years[-1]) if years else float("nan")


def dataset(
    name: str,
    tables: Mapping[str, pd.DataFrame],
    scale: Scale,
    *,
    roles: Mapping[str, str] | None = None,
    folds: Mapping[str, Split] | None = None,
    words: Sequence[str] = (),
) -> Dataset:
    """Return the checked data set of `tables`, with any of the columns in `ROLES`.

    `roles` has the columns of `users` whose role differs here.
    """
    known = {**ROLES, "users": {**ROLES["users"], **(roles or {})}}
    found = {
        key: {column: known[key][column] for column in frame.columns}
        for key, frame in tables.items()
    }
    if "time" not in tables["ratings"]:
        words = (*words, "the ratings have no time: nothing here can be ordered or split by time")
    return Dataset.build(name, **tables, roles=found, scale=scale, folds=folds, words=words)
