"""Read the official layout of 1998: u.data, u.user, u.item, u.genre, u1 to u5, ua and ub."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

import numpy as np
import pandas as pd

from cfplug import DataError, Dataset, Split
from cfplug.errors import Place
from cfplug_movielens.archive import Archive
from cfplug_movielens.columns import read_table
from cfplug_movielens.rows import Format, Row, row_by_row, rows
from cfplug_movielens.tables import RATINGS, USERS, WHOLE_STARS, dataset, ratings_table, year_of

MARKER = "u.data"
FOLDS = ("u1", "u2", "u3", "u4", "u5", "ua", "ub")

_RATINGS = Format(RATINGS, "\t", whole=RATINGS)
_USERS = Format(USERS, "|", whole=("user", "age"))
_GENRES = Format(("genre", "number"), "|")
_BEFORE_GENRES = ("item", "title", "release_date", "video_release_date", "address")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def read(archive: Archive, name: str) -> Dataset:
    """Return the data set `name` from an archive in this layout."""
    ratings = ratings_table(archive.read(MARKER), _RATINGS, WHOLE_STARS)
    users = row_by_row(archive.read("u.user"), _USERS)
    tables = {"ratings": ratings, "users": users, "items": _items(archive)}
    whole = [fold for fold in FOLDS if archive.has(f"{fold}.base") and archive.has(f"{fold}.test")]
    folds = {fold: _fold(archive, fold, ratings) for fold in whole}
    lost = [fold for fold in FOLDS if fold not in whole]
    words = []
    if lost:
        words.append(f"without the published splits {', '.join(lost)}, whose files are not there")
    return dataset(name, tables, WHOLE_STARS, folds=folds, words=words)


def ratings_bytes(archive: Archive) -> bytes:
    """Return the ratings as published, for their hash."""
    return archive.read(MARKER).data


def _items(archive: Archive) -> pd.DataFrame:
    genres = tuple(row["genre"] for row in rows(archive.read("u.genre"), _GENRES))
    form = Format((*_BEFORE_GENRES, *genres), "|", encoding="latin-1")
    found = list(rows(archive.read("u.item"), form))
    titles = [row["title"].strip() for row in found]
    return pd.DataFrame(
        {
            "item": [row.whole("item") for row in found],
            "title": titles,
            "release_date": np.array([_date(row) for row in found], dtype="datetime64[s]"),
            "year": [year_of(title) for title in titles],
            "genres": [_genres(row, genres) for row in found],
        }
    )


def _date(row: Row) -> np.datetime64:
    """Return a date such as 01-Jan-1995, with English months in any locale, or NaT."""
    if not row["release_date"]:
        return np.datetime64("NaT")
    try:
        day, month, year = row["release_date"].split("-")
        return np.datetime64(datetime.date(int(year), _MONTHS.index(month) + 1, int(day)))
    except ValueError as error:
        raise row.wrong("release_date", "expected a date such as 01-Jan-1995") from error


def _genres(row: Row, genres: Sequence[str]) -> tuple[str, ...]:
    for genre in genres:
        if row[genre] not in ("0", "1"):
            raise row.wrong(genre, "expected 0 or 1")
    return tuple(genre for genre in genres if row[genre] == "1")


def _fold(archive: Archive, fold: str, ratings: pd.DataFrame) -> Split:
    """Return a published split: the rows of u.data in its .base and its .test file."""
    pairs = pd.MultiIndex.from_frame(ratings[["user", "item"]])
    split = Split(
        train=_positions(archive, f"{fold}.base", pairs),
        valid=_positions(archive, f"{fold}.test", pairs),
    )
    try:
        split.check(len(ratings))
    except DataError as error:
        raise DataError(
            f"{archive.path}: {archive.root}{fold}.base and {fold}.test: {error.message}"
        ) from error
    return split


def _positions(archive: Archive, file: str, pairs: pd.MultiIndex) -> np.ndarray:
    member = archive.read(file)
    wanted = pd.MultiIndex.from_frame(read_table(member, _RATINGS)[["user", "item"]])
    positions = pairs.get_indexer(wanted)
    if (positions < 0).any():
        row = int((positions < 0).argmax())
        user, item = wanted[row]
        raise DataError(
            f"{Place(member.place, row + 1)}: user {user} and item {item} have no rating in "
            f"{MARKER}. Take both files from one archive, or leave this one out."
        )
    return np.sort(positions).astype(np.int64)
