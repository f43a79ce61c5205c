"""What both layouts of MovieLens 100K share: the ratings, the users, and the roles of all columns."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import pandas as pd

from cfplug import DataError, Dataset, Place, Scale, Split
from cfplug_movielens.archive import Member
from cfplug_movielens.lines import Format, integers, rows

RATINGS = ("user", "item", "rating", "time")
USERS = ("user", "age", "gender", "occupation", "zip_code")

SCALE = Scale(1, 5, (1, 2, 3, 4, 5))

ROLES = {
    "ratings": {"user": "id", "item": "id", "rating": "target", "time": "time"},
    "users": {
        "user": "id",
        "age": "number",
        "gender": "category",
        "occupation": "category",
        "zip_code": "text",  # 795 of them for 943 users: as a category it would stand for the user
    },
    "items": {"item": "id", "title": "label", "release_date": "time", "year": "number", "genres": "set"},
}

_YEAR = re.compile(r"\((\d{4})\)")
_BOUNDS = {"rating": (1, 5), "time": (0, 2**32)}


def ratings_table(member: Member, form: Format) -> pd.DataFrame:
    """User, item, rating and time (UTC, from seconds since 1970), in the order of the file.

    DataError names the line of a rating off the scale or of a pair that stands there twice.
    """
    frame = integers(member, form)
    for column, (low, high) in _BOUNDS.items():
        outside = ~frame[column].between(low, high).to_numpy()
        if outside.any():
            row = int(outside.argmax())
            raise DataError(
                f"{_place(member, form, row)}: {column}: must be from {low} to {high}; is {frame[column].iloc[row]}"
            )
    _check_pairs(frame, member, form)
    return frame.assign(rating=frame["rating"].astype("float64"), time=frame["time"].to_numpy().astype("datetime64[s]"))


def _check_pairs(frame: pd.DataFrame, member: Member, form: Format) -> None:
    repeated = frame.duplicated(["user", "item"]).to_numpy()
    if repeated.any():
        row = int(repeated.argmax())
        user, item = frame["user"].iloc[row], frame["item"].iloc[row]
        first = int(((frame["user"] == user) & (frame["item"] == item)).to_numpy().argmax())
        raise DataError(
            f"{_place(member, form, row)}: user {user} rated item {item} before, "
            f"on line {first + form.first_line}; keep one of the two lines"
        )


def _place(member: Member, form: Format, row: int) -> Place:
    return Place(member.place, row + form.first_line)


def users_table(member: Member, form: Format) -> pd.DataFrame:
    """One row for every user: age in years, gender, occupation, zip code as text."""
    found = [
        (row.whole("user"), row.whole("age"), row["gender"], row["occupation"], row["zip_code"])
        for row in rows(member, form)
    ]
    return pd.DataFrame(found, columns=list(USERS))


def year_of(title: str) -> float:
    """The year of a film, which stands last in its title in parentheses; NaN if there is none.

    It is not the year of the release date: that is when a film came, or came again, to the cinemas.
    """
    years: list[str] = _YEAR.findall(title)
    return float(years[-1]) if years else float("nan")


def dataset(
    name: str,
    tables: Mapping[str, pd.DataFrame],
    folds: Mapping[str, Split] | None = None,
    words: Sequence[str] = (),
) -> Dataset:
    """The checked data set of the three tables, whichever of the known columns they have."""
    roles = {table: {column: ROLES[table][column] for column in frame.columns} for table, frame in tables.items()}
    return Dataset.build(name, **tables, roles=roles, scale=SCALE, folds=folds, words=words)
