"""Read the layout of the RecBole wheel: three tables with a header, and the same ratings.

Its titles lack the year and one film has `unknown` misspelt; both are corrected, so that only
what the wheel lacks differs from the official archive.
"""

from __future__ import annotations

import pandas as pd

from cfplug import Dataset
from cfplug_movielens.archive import Archive
from cfplug_movielens.rows import Format, Row, row_by_row, rows
from cfplug_movielens.tables import RATINGS, USERS, WHOLE_STARS, dataset, ratings_table, year_of

MARKER = "ml-100k.inter"

_RATINGS = Format(
    RATINGS,
    "\t",
    header=("user_id:token", "item_id:token", "rating:float", "timestamp:float"),
    whole=RATINGS,
)
_USERS = Format(
    USERS,
    "\t",
    header=("user_id:token", "age:token", "gender:token", "occupation:token", "zip_code:token"),
    whole=("user", "age"),
)
_ITEMS = Format(
    ("item", "title", "year", "genres"),
    "\t",
    header=("item_id:token", "movie_title:token_seq", "release_year:token", "class:token_seq"),
)
_MISSPELT = "unkonwn"

WORDS = (
    "read from the wheel: there are no release dates and no published splits (u1 to u5, ua, ub); "
    "to have them, get the official archive and name it: path: ml-100k.zip"
)


def read(archive: Archive, name: str) -> Dataset:
    """Return the data set `name` from a wheel, or a folder, in this layout."""
    tables = {
        "ratings": ratings_table(archive.read(MARKER), _RATINGS, WHOLE_STARS),
        "users": row_by_row(archive.read("ml-100k.user"), _USERS),
        "items": _items(archive),
    }
    return dataset(name, tables, WHOLE_STARS, words=(WORDS,))


def ratings_bytes(archive: Archive) -> bytes:
    """Return the ratings without the header, the bytes of u.data, for their hash."""
    return archive.read(MARKER).data.partition(b"\n")[2]


def _items(archive: Archive) -> pd.DataFrame:
    found = list(rows(archive.read("ml-100k.item"), _ITEMS))
    titles = [_title(row) for row in found]
    return pd.DataFrame(
        {
            "item": [row.whole("item") for row in found],
            "title": titles,
            "year": [year_of(title) for title in titles],
            "genres": [tuple(row["genres"].split()) for row in found],
        }
    )


def _title(row: Row) -> str:
    """Return the title as in the official archive: `Toy Story (1995)`."""
    if row["year"] == _MISSPELT:
        return row["title"].replace(_MISSPELT, "unknown")
    return f"{row['title']} ({row['year']})"
