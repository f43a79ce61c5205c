"""The layout since 2015, for MovieLens 20M and later and the small sets: CSV with a header, in UTF-8."""

from __future__ import annotations

import pandas as pd

from cfplug import Dataset
from cfplug_movielens import genome
from cfplug_movielens.archive import Archive
from cfplug_movielens.columns import table
from cfplug_movielens.films import films_table, tag_sets
from cfplug_movielens.lines import Format
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
    """The data set `name` out of an archive in this layout; nothing is known of its users."""
    ratings = ratings_table(archive.read(MARKER), _RATINGS, HALF_STARS)
    return dataset(name, {"ratings": ratings, "items": _films(archive)}, HALF_STARS)


def read_with_genome(archive: Archive, name: str, relevance: float) -> Dataset:
    """The same with the column `genome`: the tags of the tag genome whose relevance is at least `relevance`."""
    ratings = ratings_table(archive.read(MARKER), _RATINGS, HALF_STARS)
    films = _films(archive)
    films["genome"] = genome.tags(archive, relevance, films["item"])
    return dataset(name, {"ratings": ratings, "items": films}, HALF_STARS)


def ratings_bytes(archive: Archive) -> bytes:
    """The ratings as published, for their hash."""
    return archive.read(MARKER).data


def _films(archive: Archive) -> pd.DataFrame:
    films = films_table(table(archive.read("movies.csv"), _MOVIES))
    films["tags"] = tag_sets(table(archive.read("tags.csv"), _TAGS), films["item"])
    return films.merge(_links(archive), on="item", how="left", validate="1:1")


def _links(archive: Archive) -> pd.DataFrame:
    """The numbers of the films in two other catalogues, as text; missing where a film has none there."""
    links = table(archive.read("links.csv"), _LINKS)
    return links.assign(**{name: links[name].mask(links[name] == "") for name in ("imdb", "tmdb")})
