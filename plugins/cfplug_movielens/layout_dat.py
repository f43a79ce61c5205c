"""Read the layouts of 2003 and 2009 (1M and 10M): .dat files with `::` and no header."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import pandas as pd

from cfplug import Dataset
from cfplug_movielens.archive import Archive, Member
from cfplug_movielens.films import films_table, tag_sets
from cfplug_movielens.rows import Format, Row, row_by_row, rows
from cfplug_movielens.tables import HALF_STARS, RATINGS, USERS, WHOLE_STARS, dataset, ratings_table

MARKER = "movies.dat"

AGES = {
    1: "under 18",
    18: "18-24",
    25: "25-34",
    35: "35-44",
    45: "45-49",
    50: "50-55",
    56: "56 or more",
}
"""The age bands of MovieLens 1M by the code in the file, the lowest age of the band."""

OCCUPATIONS = (
    "other",
    "academic/educator",
    "artist",
    "clerical/admin",
    "college/grad student",
    "customer service",
    "doctor/health care",
    "executive/managerial",
    "farmer",
    "homemaker",
    "K-12 student",
    "lawyer",
    "programmer",
    "retired",
    "sales/marketing",
    "scientist",
    "self-employed",
    "technician/engineer",
    "tradesman/craftsman",
    "unemployed",
    "writer",
)
"""In the order of their codes, from 0; `other` is `other or not specified`."""

_RATINGS = Format(RATINGS, "::", whole=RATINGS)
_NO_TIME = Format(RATINGS[:-1], ",", header=("userId", "movieId", "rating"), whole=RATINGS[:-1])
_HALVES = Format(RATINGS, "::", whole=("user", "item", "time"), decimals=("rating",))
_USERS = Format(("user", "gender", "age", "occupation", "zip_code"), "::")
_MOVIES = Format(("item", "title", "genres"), "::", whole=("item",))
_TAGS = Format(("user", "item", "tag", "time"), "::", whole=("user", "item", "time"))


def read_1m(archive: Archive, name: str) -> Dataset:
    """Return the data set `name` from an archive in the layout of MovieLens 1M.

    Its ratings may be in `ratings_no_time.csv` in place of `ratings.dat`.
    """
    file, form = "ratings.dat", _RATINGS
    if not archive.has(file) and archive.has("ratings_no_time.csv"):
        file, form = "ratings_no_time.csv", _NO_TIME
    ratings = ratings_table(archive.read(file), form, WHOLE_STARS)
    tables = {
        "ratings": ratings,
        "users": _users(archive.read("users.dat")),
        "items": _films(archive, "latin-1"),
    }
    return dataset(name, tables, WHOLE_STARS, roles={"age": "category"})


def read_10m(archive: Archive, name: str) -> Dataset:
    """Return the data set `name`, without users, from an archive in the layout of 10M."""
    ratings = ratings_table(archive.read("ratings.dat"), _HALVES, HALF_STARS)
    films = _films(archive, "utf-8")
    films["tags"] = tag_sets(row_by_row(archive.read("tags.dat"), _TAGS), films["item"])
    return dataset(name, {"ratings": ratings, "items": films}, HALF_STARS)


def _films(archive: Archive, encoding: str) -> pd.DataFrame:
    return films_table(row_by_row(archive.read(MARKER), attrs.evolve(_MOVIES, encoding=encoding)))


def _users(member: Member) -> pd.DataFrame:
    """Return one row for each user: age band and occupation as text, zip code as text."""
    ages = {str(code): label for code, label in AGES.items()}
    occupations = {str(code): label for code, label in enumerate(OCCUPATIONS)}
    found = [
        (
            row.whole("user"),
            _label(row, "age", ages),
            row["gender"],
            _label(row, "occupation", occupations),
            row["zip_code"],
        )
        for row in rows(member, _USERS)
    ]
    return pd.DataFrame(found, columns=list(USERS))


def _label(row: Row, column: str, labels: Mapping[str, str]) -> str:
    if row[column] not in labels:
        raise row.wrong(column, f"expected one of {', '.join(labels)}")
    return labels[row[column]]
