"""List the published releases of MovieLens, with their addresses and hashes."""

from __future__ import annotations

from attrs import frozen


@frozen
class Wheel:
    """A Python package whose wheel has the same ratings, for use without the archive.

    `requirement` names one version, `sha256` is that of the wheel `file`, and `options` go to pip,
    for example to name another index.
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

    `ask` is its recipe entry, `ratings` the number of ratings. `file` is the archive's name in the
    cache, `hash` is written `algorithm:hex`, `size` and `unpacked` are the bytes of the archive and
    the most that it may unpack to. `url`, `hash` and `size` are empty for an edition that is no
    longer offered. `ratings_sha256` is that of the ratings file and identifies repacked copies; it
    is None where it was not measured.
    """

    name: str
    ask: str
    ratings: int
    file: str
    unpacked: int
    url: str = ""
    hash: str = ""
    size: int = 0
    ratings_sha256: str | None = None
    wheel: Wheel | None = None


_ADDRESS = "https://files.grouplens.org/datasets/movielens/"

ML_100K = Release(
    name="movielens-100k",
    ask="use: movielens-100k",
    ratings=100_000,
    file="ml-100k.zip",
    unpacked=64 * 2**20,
    url=f"{_ADDRESS}ml-100k.zip",
    hash="sha256:50d2a982c66986937beb9ffb3aa76efe955bf3d5c6b761f4e3a7cd717c6a3229",
    size=4_924_029,
    ratings_sha256="06416e597f82b7342361e41163890c81036900f418ad91315590814211dca490",
    wheel=Wheel(
        requirement="recbole==1.2.1",
        file="recbole-1.2.1-py3-none-any.whl",
        sha256="9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407",
    ),
)
"""Its makers publish the md5 0e33842e24a9c977be4e0107933c0723 of the same archive."""

ML_SMALL_2016 = Release(
    name="movielens-small-2016",
    ask="use: movielens-small, edition: 2016",
    ratings=100_004,
    file="ml-latest-small-2016.zip",
    unpacked=64 * 2**20,
    ratings_sha256="821795331fd974bbe7a8416f2a7eec2b548a485dedb47a073580b0a9a8a0a8d2",
)

ML_SMALL_2018 = Release(
    name="movielens-small-2018",
    ask="use: movielens-small, edition: 2018",
    ratings=100_836,
    file="ml-latest-small.zip",
    unpacked=64 * 2**20,
    url=f"{_ADDRESS}ml-latest-small.zip",
    hash="sha256:696d65a3dfceac7c45750ad32df2c259311949efec81f0f144fdfb91ebc9e436",
    size=978_202,
    ratings_sha256="aa289ca83157595d0df6aea1be6a4ded676ddc4385472e8313a8ed9805352646",
)

ML_1M = Release(
    name="movielens-1m",
    ask="use: movielens-1m",
    ratings=1_000_209,
    file="ml-1m.zip",
    unpacked=128 * 2**20,
    url=f"{_ADDRESS}ml-1m.zip",
    hash="sha256:a6898adb50b9ca05aa231689da44c217cb524e7ebd39d264c56e2832f2c54e20",
    size=5_917_549,
)
"""The published md5 is c4d9eecfca2ab87c1945afe126590906."""

ML_10M = Release(
    name="movielens-10m",
    ask="use: movielens-10m",
    ratings=10_000_054,
    file="ml-10m.zip",
    unpacked=2**30,
    url=f"{_ADDRESS}ml-10m.zip",
    hash="md5:ce571fd55effeba0271552578f2648bd",
    size=65_566_137,
)

ML_20M = Release(
    name="movielens-20m",
    ask="use: movielens-20m",
    ratings=20_000_263,
    file="ml-20m.zip",
    unpacked=2 * 2**30,
    url=f"{_ADDRESS}ml-20m.zip",
    hash="sha256:96f243c338a8665f6bcc89c53edf6ee39162a846940de6b7c8c48aeada765ff3",
    size=198_702_078,
)
"""The published md5 is cd245b17a1ae2cc31bb14903e1204af3."""

ML_25M = Release(
    name="movielens-25m",
    ask="use: movielens-25m",
    ratings=25_000_095,
    file="ml-25m.zip",
    unpacked=2 * 2**30,
    url=f"{_ADDRESS}ml-25m.zip",
    hash="sha256:8b21cfb7eb1706b4ec0aac894368d90acf26ebdfb6aced3ebd4ad5bd1eb9c6aa",
    size=261_978_986,
)
"""The published md5 is 6b51fb2759a8657d3bfcbfc42b592ada."""

ML_32M = Release(
    name="movielens-32m",
    ask="use: movielens-32m",
    ratings=32_000_204,
    file="ml-32m.zip",
    unpacked=2 * 2**30,
    url=f"{_ADDRESS}ml-32m.zip",
    hash="md5:d472be332d4daa821edc399621853b57",
    size=238_950_008,
)

RELEASES = (ML_100K, ML_SMALL_2016, ML_SMALL_2018, ML_1M, ML_10M, ML_20M, ML_25M, ML_32M)
