"""Declare the MovieLens sources and their parameters; `source` reads them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from attrs import frozen

import cfplug

_PATH = "your own archive (.zip) or folder with {}; nothing is downloaded then"
_RELEVANCE = "minimum relevance of a tag in the column genome"


@frozen
class MovieLens100K:
    """MovieLens 100K: 100,000 ratings of 1,682 films by 943 users, 1997 to 1998, from 1 to 5.

    With the age, gender, occupation and zip code of every user, and the title, release date, year
    and genres of every film. Without `path` it comes from the cache, from its makers, or from a
    wheel with the same ratings. It may be used for research but not redistributed: see the README
    in the archive.

    18 titles have two ids each. With `items: title` they become one item each, 1,664 in all, under
    the first id; where a user rated both, the later rating in the file counts.
    """

    path: Path | None = cfplug.param(None, help=_PATH.format("u.data"))
    items: str = cfplug.param(
        "id", choices=("id", "title"), help="what identifies an item: its id, or its title"
    )


@frozen
class MovieLensSmall:
    """MovieLens small: some 100,000 ratings of 9,000 films, of 2016 or 2018, from 0.5 to 5.

    The edition of 2016 has 671 users and is no longer offered by its makers, so it needs a `path`;
    that of 2018 has 610. With the title, year, genres and tags of every film, and its ids at IMDb
    and TMDB. It may be redistributed under the terms in its README.
    """

    path: Path | None = cfplug.param(None, help=_PATH.format("ratings.csv"))
    edition: int = cfplug.param(
        2018, choices=(2016, 2018), help="the year in which it was published"
    )


@frozen
class MovieLens1M:
    """MovieLens 1M: 1,000,209 ratings of 3,706 films by 6,040 users, 2000 to 2003, from 1 to 5.

    With the gender, age (a band such as 25-34), occupation and zip code of every user, and the
    title, year and genres of 3,883 films. It may be used for research but not redistributed: see
    the README in the archive.
    """

    path: Path | None = cfplug.param(None, help=_PATH.format("movies.dat"))


@frozen
class MovieLens10M:
    """MovieLens 10M: 10,000,054 ratings by 69,878 users, 1995 to 2009, on a scale of 0.5 to 5.

    With the title, year and genres of 10,681 films and the tags of users.
    """

    path: Path | None = cfplug.param(None, help=_PATH.format("movies.dat"))


@frozen
class MovieLens20M:
    """MovieLens 20M: 20,000,263 ratings by 138,493 users, 1995 to 2015, on a scale of 0.5 to 5.

    With the title, year and genres of 27,278 films, the tags of users, and the ids at IMDb and
    TMDB. With `genome`, also the tags that the tag genome finds relevant.
    """

    path: Path | None = cfplug.param(None, help=_PATH.format("ratings.csv"))
    genome: bool = cfplug.param(
        False, help="add the column genome, the relevant tags of the tag genome"
    )
    relevance: float = cfplug.param(0.5, at_least=0, at_most=1, help=_RELEVANCE)


@frozen
class MovieLens25M:
    """MovieLens 25M: 25,000,095 ratings by 162,541 users, 1995 to 2019, on a scale of 0.5 to 5.

    With the title, year and genres of 62,423 films, the tags of users, and the ids at IMDb and
    TMDB. With `genome`, also the tags that the tag genome finds relevant.
    """

    path: Path | None = cfplug.param(None, help=_PATH.format("ratings.csv"))
    genome: bool = cfplug.param(
        False, help="add the column genome, the relevant tags of the tag genome"
    )
    relevance: float = cfplug.param(0.5, at_least=0, at_most=1, help=_RELEVANCE)


@frozen
class MovieLens32M:
    """MovieLens 32M: 32,000,204 ratings by 200,948 users, 1995 to 2023, on a scale of 0.5 to 5.

    With the title, year and genres of 87,585 films, the tags of users, and the ids at IMDb and
    TMDB. It was published without a tag genome.
    """

    path: Path | None = cfplug.param(None, help=_PATH.format("ratings.csv"))


@cfplug.hookimpl
def cfplug_sources() -> Sequence[cfplug.Source]:
    module = "cfplug_movielens.source"
    return [
        cfplug.Source("movielens-100k", MovieLens100K, read=f"{module}:read_100k"),
        cfplug.Source("movielens-small", MovieLensSmall, read=f"{module}:read_small"),
        cfplug.Source("movielens-1m", MovieLens1M, read=f"{module}:read_1m"),
        cfplug.Source("movielens-10m", MovieLens10M, read=f"{module}:read_10m"),
        cfplug.Source("movielens-20m", MovieLens20M, read=f"{module}:read_20m"),
        cfplug.Source("movielens-25m", MovieLens25M, read=f"{module}:read_25m"),
        cfplug.Source("movielens-32m", MovieLens32M, read=f"{module}:read_32m"),
    ]
