"""Read the layout since 2015 (20M and later, the small sets): UTF-8 CSV with a header."""

from __future__ import annotations

import pandas as pd

from cfplug import Dataset
from cfplug_movielens import genome
from cfplug_movielens.archive import Archive
from cfplug_movielens.columns import read_table
from cfplug_movielens.films import films_table, tag_sets
from cfplug_movielens.rows import Format
from cfplug_movielens.tables import HALF_STARS, RATINGS, dataset, ratings_table

MARKER = "ratings.csv"

_RATINGS = Format(
    RATINGS,
    ",",
    header=("userId", "movieId", "rating", "timestamp"),
    whole=("user", "item", "time"),
    decimals=("rating",),
)
_MOVIES = Format(
    ("item", "title", "genres"),
    ",",
    header=("movieId", "title", "genres"),
    whole=("item",),
    quoted=True,
)
_TAGS = Format(
    ("user", "item", "tag", "time"),
    ",",
    header=("userId", "movieId", "tag", "timestamp"),
    whole=("user", "item", "time"),
    quoted=True,
)
_LINKS = Format(
    ("item", "imdb", "tmdb"), ",", header=("movieId", "imdbId", "tmdbId"), whole=("item",)
)


def read(archive: Archive, name: str) -> Dataset:
    """Return the data set `name`, without users, from an archive in this layout."""
    ratings = ratings_table(archive.read(MARKER), _RATINGS, HALF_STARS)
    return dataset(name, {"ratings": ratings, "items": _films(archive)}, HALF_STARS)


def read_with_genome(archive: Archive, name: str, relevance: float) -> Dataset:
    """Return the same with the column `genome`: tags with at least this relevance."""
    ratings = ratings_table(archive.read(MARKER), _RATINGS, HALF_STARS)
    films = _films(archive)
    films["genome"] = genome.tags(archive, relevance, films["item"])
    return dataset(name, {"ratings": ratings, "items": films}, HALF_STARS)


def ratings_bytes(archive: Archive) -> bytes:
    """Return the ratings as published, for their hash."""
    return archive.read(MARKER).data


def _films(archive: Archive) -> pd.DataFrame:
    films = films_table(read_table(archive.read("movies.csv"), _MOVIES))
    films["tags"] = tag_sets(read_table(archive.read("tags.csv"), _TAGS), films["item"])
    return films.merge(_links(archive), on="item", how="left", validate="1:1")


def _links(archive: Archive) -> pd.DataFrame:
    """Return the ids of the films at IMDb and TMDB as text; missing where a film has none."""
    links = read_table(archive.read("links.csv"), _LINKS)
    for name in ("imdb", "tmdb"):
        links[name] = links[name].mask(links[name] == "")
    return links
