"""Read the films of MovieLens 1M and later: title, year, genres and tags."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from cfplug_movielens.tables import year_of

_NO_GENRES = "(no genres listed)"


def films_table(movies: pd.DataFrame) -> pd.DataFrame:
    """Return item, title, year (NaN where the title has none) and genres of each film.

    `movies` has the columns item, title and genres, such as `A|B`.
    """
    titles = [title.strip() for title in movies["title"]]
    return pd.DataFrame(
        {
            "item": movies["item"],
            "title": titles,
            "year": [year_of(title) for title in titles],
            "genres": [genres_of(text) for text in movies["genres"]],
        }
    )


def genres_of(text: str) -> tuple[str, ...]:
    """Return the genres in `A|B`; none for `(no genres listed)`."""
    return tuple(genre for genre in text.strip().split("|") if genre and genre != _NO_GENRES)


def tag_sets(tags: pd.DataFrame, items: Iterable[int]) -> list[tuple[str, ...]]:
    """Return for each of `items` its distinct tags, lower-cased and sorted; () if it has none.

    `tags` has the columns item and tag, one row for each use of a tag.
    """
    codes, texts = pd.factorize(tags["tag"])
    folded = [text.strip().casefold() for text in texts]
    names = sorted(set(folded) - {""})
    rank = {name: n for n, name in enumerate(names)}
    ranks = np.array([rank.get(text, -1) for text in folded], dtype=np.int64)[codes]
    pairs = pd.DataFrame({"item": tags["item"].to_numpy(), "rank": ranks})
    pairs = pairs[pairs["rank"] >= 0].drop_duplicates().sort_values(["item", "rank"])
    starts = np.flatnonzero(~pairs["item"].duplicated())
    groups = np.split(np.array(names, dtype=object)[pairs["rank"]], starts[1:])
    found = dict(zip(pairs["item"].iloc[starts].tolist(), map(tuple, groups), strict=False))
    return [found.get(item, ()) for item in items]
