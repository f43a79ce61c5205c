"""What was published where, and by which hash it is known again."""

from __future__ import annotations

from attrs import frozen


@frozen
class Wheel:
    """A Python package whose wheel carries the same ratings, for when the archive cannot be had.

    `requirement` names one version, `sha256` is that of the wheel called `file`. `options` are handed
    to pip, as to name an index of one's own.
    """

    requirement: str
    file: str
    sha256: str
    options: tuple[str, ...] = ()

    @property
    def hash(self) -> str:
        return f"sha256:{self.sha256}"


@frozen
class Release:
    """One edition of MovieLens as its makers publish it.

    `file` is the archive's name in the cache, `hash` is written `algorithm:hex`, `size` and `unpacked`
    are in bytes: that of the archive, and the most that an archive of this edition can need when it is
    unpacked. `ratings_sha256` is that of the ratings alone, by which a repacked copy is known.
    """

    name: str
    file: str
    url: str
    hash: str
    size: int
    unpacked: int
    ratings_sha256: str
    wheel: Wheel | None = None


ML_100K = Release(
    name="movielens-100k",
    file="ml-100k.zip",
    url="https://files.grouplens.org/datasets/movielens/ml-100k.zip",
    hash="sha256:50d2a982c66986937beb9ffb3aa76efe955bf3d5c6b761f4e3a7cd717c6a3229",
    size=4_924_029,
    unpacked=64 * 2**20,
    ratings_sha256="06416e597f82b7342361e41163890c81036900f418ad91315590814211dca490",
    wheel=Wheel(
        requirement="recbole==1.2.1",
        file="recbole-1.2.1-py3-none-any.whl",
        sha256="9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407",
    ),
)
"""Its makers publish the md5 0e33842e24a9c977be4e0107933c0723 of the same archive."""
