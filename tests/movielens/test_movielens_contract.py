"""The MovieLens sources pass every check of their kind, on archives of a few lines."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

from cfplug.testing import plugin_checks

FOLDER = tempfile.TemporaryDirectory(prefix="cfplug-movielens-")
"""Removed when the tests end."""

PAIRS = [(2, 5), (1, 1), (3, 2), (1, 4), (2, 1), (3, 3), (1, 2), (2, 3)]

NAMES = [
    "Toy Story (1995)",
    "Les Mis\u00e9rables (1995) ",
    "<b>Taxi</b> Driver (1976)",
    "unknown",
    "Toy Story (1995)",
]


def archive(name: str, files: Mapping[str, str], encoding: str = "utf-8") -> str:
    """The path of an archive with `files`."""
    path = Path(FOLDER.name) / f"{name}.zip"
    with zipfile.ZipFile(path, "w") as packed:
        for file, text in files.items():
            packed.writestr(f"{name}/{file}", text.encode(encoding))
    return str(path)


def lines(*cells: tuple[object, ...], between: str) -> str:
    return "".join(between.join(map(str, row)) + "\n" for row in cells)


def of_1998() -> str:
    """The layout of MovieLens 100K, with the split u1."""
    ratings = [
        (user, item, 1 + (user * item) % 5, 880_000_000 + 100 * user + item) for user, item in PAIRS
    ]
    films = [
        (item, title, "01-Jan-1995", "", "", *[int(item == at) for at in range(19)])
        for item, title in FILMS
    ]
    users = [
        (1, 24, "M", "technician", "85711"),
        (2, 53, "F", "other", "94043"),
        (3, 23, "M", "writer", "T8H1N"),
    ]
    genres = [
        "unknown",
        "Action",
        "Adventure",
        "Animation",
        "Children's",
        *(f"genre {at}" for at in range(5, 19)),
    ]
    files = {"u.data": lines(*ratings, between="\t"), "u.item": lines(*films, between="|")}
    files |= {
        "u.user": lines(*users, between="|"),
        "u.genre": lines(*zip(genres, range(19), strict=True), between="|"),
    }
    files |= {
        "u1.base": lines(*ratings[2:], between="\t"),
        "u1.test": lines(*ratings[:2], between="\t"),
    }
    return archive("ml-100k", files, "latin-1")


def of_2003(name: str) -> str:
    """The layout of MovieLens 1M and 10M."""
    ratings = [
        (user, item, 1 + (user * item) % 5, 978_300_000 + user * item) for user, item in PAIRS
    ]
    films = [(item, title, "Drama|War" if item % 2 else "Comedy") for item, title in FILMS]
    files = {
        "ratings.dat": lines(*ratings, between="::"),
        "movies.dat": lines(*films, between="::"),
    }
    users = [(1, "F", 1, 10, "48067"), (2, "M", 56, 16, "70072-1"), (3, "M", 25, 7, "02460")]
    own = (
        {"users.dat": lines(*users, between="::")}
        if name == "ml-1m"
        else {"tags.dat": "1::1::classic::978300000\n"}
    )
    return archive(name, {**files, **own}, "latin-1" if name == "ml-1m" else "utf-8")


def since_2015(name: str) -> str:
    """The layout of all later releases."""
    ratings = [
        (user, item, 0.5 + (user * item) % 5, 1_147_880_000 + user * item) for user, item in PAIRS
    ]
    films = [
        (item, f'"{title}"', "Drama|War" if item % 2 else "(no genres listed)")
        for item, title in FILMS
    ]
    files = {
        "ratings.csv": "userId,movieId,rating,timestamp\n" + lines(*ratings, between=","),
        "movies.csv": "movieId,title,genres\n" + lines(*films, between=","),
        "tags.csv": "userId,movieId,tag,timestamp\n3,2,classic,1439472355\n",
        "links.csv": "movieId,imdbId,tmdbId\n"
        + lines(*((item, "0110912", item) for item, _ in FILMS), between=","),
    }
    return archive(name, files)


FILMS = list(enumerate(NAMES, start=1))

ARCHIVES = {
    "source/movielens-100k": {"path": of_1998(), "items": "title"},
    "source/movielens-1m": {"path": of_2003("ml-1m")},
    "source/movielens-10m": {"path": of_2003("ml-10m")},
    **{
        f"source/movielens-{size}": {"path": since_2015(f"ml-{size}")}
        for size in ("small", "20m", "25m", "32m")
    },
}

test_contract = plugin_checks("movielens", examples=3, params=ARCHIVES)
